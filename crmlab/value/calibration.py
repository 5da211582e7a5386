"""Calibration: whether customers of whom a model expects so much do so much, group by group.

By how often they had bought (Fader, Hardie & Lee 2005, Marketing Science 24:275, figure 5), by tenths of
the expectation, and by the probability of being alive.
"""

from __future__ import annotations

from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import merged_bins
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.segments.ranking import auc
from crmlab.segments.separation import Estimate
from crmlab.value.holdout import HISTORY
from crmlab.value.ranks import share_of_top, spearman
from crmlab.value.repeats import group_name, group_of, group_starts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.value.holdout import Holdout

    Floats = NDArray[np.float64]

MOST_REPEATS = 7
"""Customers with this many repeats or more are one group, as in the literature, unless they are many."""
GROUPS = 10
ALIVE_GROUP = 20
"""Customers that a group by probability has at least: a share of fewer says little."""


class Calibration:
    """What a model expected of groups of customers, and what they did in the holdout."""

    def __init__(self, holdout: Holdout, name: str | None = None) -> None:
        self.holdout = holdout
        self._lab = holdout.lab
        self._name = name
        self._smallest = max(holdout.lab.study.privacy.smallest_group, 2)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.note()._repr_mimebundle_()

    @cached_property
    def name(self) -> str:
        """The model that is looked at."""
        return self.holdout.chosen(self._name)

    @cached_property
    def by_count(self) -> pl.DataFrame:
        """One row per number of repeats by the cutoff, the last for all who have that many or more.

        ``group`` (text), ``customers``, ``actual`` purchases per customer in the holdout with ``low`` and
        ``high`` (Student's t, 95 %), ``expected`` by the model. Neighbours of few customers are one group.
        """
        import numpy as np

        repeats = self.holdout.customers[HISTORY[0]].to_numpy()
        starts = group_starts(repeats, 0, MOST_REPEATS)
        place = group_of(repeats, starts)
        rows = []
        for first, last in merged_bins(np.bincount(place, minlength=len(starts)).tolist(), self._smallest):
            inside = (place >= first) & (place <= last)
            rows.append({"group": group_name(starts, first, last), **self._means(inside)})
        return pl.DataFrame(rows, schema=_GROUPS)

    @cached_property
    def by_decile(self) -> pl.DataFrame:
        """One row per tenth of the customers, by what was expected of them, the least first.

        Columns as in :attr:`by_count`. Customers of one expectation share a group, so there may be fewer.
        """
        import numpy as np

        told = self.holdout.expected[self.name]
        cuts = np.unique(np.quantile(told, np.arange(1, GROUPS) / GROUPS, method="inverted_cdf"))
        place = np.searchsorted(cuts, told, side="left")
        sizes = np.bincount(place, minlength=len(cuts) + 1)
        rows = []
        for at, (first, last) in enumerate(merged_bins(sizes.tolist(), self._smallest), 1):
            rows.append({"group": str(at), **self._means((place >= first) & (place <= last))})
        return pl.DataFrame(rows, schema=_GROUPS)

    @cached_property
    def by_alive(self) -> pl.DataFrame:
        """One row per tenth of the scale of the probability of being alive at the cutoff, the lowest first.

        Of repeat buyers: of who bought once some models cannot tell, and call everybody alive. ``group``,
        ``customers``, ``alive`` (mean probability), ``actual`` (share who bought in the holdout) with ``low``
        and ``high`` (Wilson, 95 %), ``expected`` (share whom the model expects to buy in it; it is below
        ``alive``, because not everybody alive buys in time).
        """
        import numpy as np

        alive, bought = self._alive[self._repeat], self.holdout.actual[self._repeat] > 0
        buys = self.buying[self._repeat]
        place = np.minimum((alive * GROUPS).astype(int), GROUPS - 1)
        sizes = np.bincount(place, minlength=GROUPS)
        rows = []
        for first, last in merged_bins(sizes.tolist(), max(self._smallest, ALIVE_GROUP)):
            inside = (place >= first) & (place <= last)
            n, did = int(inside.sum()), int(bought[inside].sum())
            low, high = wilson(did, n)
            rows.append(
                {
                    "group": f"{first * 100 // GROUPS}–{(last + 1) * 100 // GROUPS}%",
                    "customers": n,
                    "alive": float(alive[inside].mean()),
                    "actual": did / n,
                    "low": low,
                    "high": high,
                    "expected": float(buys[inside].mean()),
                }
            )
        return pl.DataFrame(rows, schema={**_GROUPS, "alive": pl.Float64}).select(
            "group", "customers", "alive", "actual", "low", "high", "expected"
        )

    @cached_property
    def buying(self) -> Floats:
        """The probability that each customer buys in the holdout."""
        import numpy as np

        model = self.holdout.model(self.name)
        return np.asarray(model.probability_of_purchase(self.holdout.customers, float(self.holdout.days)))

    @cached_property
    def ranks(self) -> Estimate:
        """Spearman's correlation of expected and actual purchases."""
        return spearman(self.holdout.expected[self.name], self.holdout.actual)

    @cached_property
    def area(self) -> Estimate:
        """How well the probability of being alive tells which repeat buyers buy in the holdout (ROC area)."""
        return auc(self._alive[self._repeat], self.holdout.actual[self._repeat] > 0)

    @cached_property
    def understated(self) -> Text | None:
        """Warn where more of the doubtful customers bought than are said to be alive: all who buy are."""
        doubtful = self._repeat & (self._alive < 0.5)
        n = int(doubtful.sum())
        if n < ALIVE_GROUP:
            return None
        bought = int((self.holdout.actual[doubtful] > 0).sum())
        alive, (low, high) = float(self._alive[doubtful].mean()), wilson(bought, n)
        if low <= alive:
            return None
        return say(
            "val_understated",
            n=count(n),
            alive=percent(alive, 0),
            share=percent(bought / n, 0),
            low=percent(low, 0),
            high=percent(high, 0),
        )

    def right(self, by: str) -> tuple[int, int]:
        """Return in how many groups of ``by_count``, ``by_decile`` or ``by_alive`` chance explains the gap.

        That is, the expectation lies within the 95 % interval of what happened; then of how many.
        """
        frame: pl.DataFrame = getattr(self, by)
        return frame.filter(pl.col("expected").is_between("low", "high")).height, frame.height

    @property
    def top_share(self) -> float:
        """The share of the purchases in the holdout by the tenth of customers of whom most was expected."""
        return share_of_top(self.holdout.expected[self.name], self.holdout.actual)

    def explain(self) -> Text:
        """Say how many groups are as expected, and how well customers are ranked."""
        if self.holdout.missing:
            return self.holdout.missing
        right, groups = self.right("by_decile")
        said = say(
            "val_calibration_unranked" if isnan(self.ranks.value) else "val_calibration",
            name=self.holdout.title(self.name),
            n=groups,
            right=right,
            ranks=decimal(self.ranks.value),
            low=decimal(self.ranks.low),
            high=decimal(self.ranks.high),
            top=percent(self.top_share, 0),
        )
        alive = say(
            "val_alive_unknown" if isnan(self.area.value) else "val_alive",
            n=count(int(self._repeat.sum())),
            auc=decimal(self.area.value),
            low=decimal(self.area.low),
            high=decimal(self.area.high),
        )
        return joined(said, alive, self.understated)

    def note(self) -> Note:
        """Show :meth:`explain`."""
        warns = not self.holdout.missing and self.understated is not None
        return Note(self.explain(), self._lab.language, "warning" if warns else "note")

    def chart(self) -> alt.LayerChart | Note:
        """Draw expected and actual purchases by the number of repeats so far."""
        return self._chart("by_count", "val_by_count_axis", "val_by_count")

    def decile_chart(self) -> alt.LayerChart | Note:
        """Draw expected and actual purchases by tenths of the expectation."""
        return self._chart("by_decile", "val_by_decile_axis", "val_by_decile")

    def alive_chart(self) -> alt.LayerChart | Note:
        """Draw who bought in the holdout by the probability of being alive."""
        return self._chart("by_alive", "val_by_alive_axis", "val_by_alive", percent_axis=True)

    def table(self) -> Table | Note:
        """Show the three calibrations, one below the other."""
        if self.holdout.missing:
            return self.note()
        words, language = texts(), self._lab.language
        rows = pl.concat(
            getattr(self, name).select(
                "group",
                "customers",
                "actual",
                "expected",
                by=pl.lit(words[f"val_{name}_axis"].to(language)),
                interval=pl.concat_list("low", "high"),
            )
            for name in ("by_count", "by_decile", "by_alive")
        )
        return Table(
            rows,
            [
                Column("by", words["val_by"]),
                Column("group", words["val_group"]),
                Column("customers", words["customers"], "integer"),
                Column("expected", words["val_expected"], "decimal"),
                Column("actual", words["val_actual"], "decimal"),
                Column("interval", words["interval_95"], "interval"),
            ],
            caption=say("val_calibration_caption", name=self.holdout.title(self.name)),
            note=joined(self.holdout.sample(), words["val_calibration_note"]),
            language=language,
        )

    def _chart(self, name: str, axis: str, key: str, *, percent_axis: bool = False) -> alt.LayerChart | Note:
        if self.holdout.missing:
            return self.note()
        from crmlab.view.value_charts import expected_and_actual

        words, language = texts(), self._lab.language
        frame: pl.DataFrame = getattr(self, name)

        def written(value: float) -> str:
            return percent(value) if percent_axis else decimal(value)

        shown = frame.with_columns(
            interval=pl.format(
                "{} – {}",
                *(pl.col(end).map_elements(written, return_dtype=pl.String) for end in ("low", "high")),
            )
        )
        right, groups = self.right(name)
        if not groups:
            return Note(say("val_no_groups", name=self.holdout.title(self.name)), language)
        title = say(f"{key}_title", name=self.holdout.title(self.name), n=groups, right=right)
        return expected_and_actual(
            shown,
            title,
            joined(self.holdout.sample(), words["val_calibration_subtitle"]),
            words[axis],
            words[f"{key}_value"],
            language,
            percent_axis=percent_axis,
        )

    @cached_property
    def _alive(self) -> Floats:
        import numpy as np

        return np.asarray(self.holdout.model(self.name).probability_alive(self.holdout.customers))

    @cached_property
    def _repeat(self) -> Any:
        """Say of each customer whether there were repeats by the cutoff."""
        return self.holdout.customers[HISTORY[0]].to_numpy() > 0

    def _means(self, inside: Any) -> dict[str, Any]:
        """Return the figures of the customers in a group."""
        from scipy.special import stdtrit

        did = self.holdout.actual[inside]
        n = len(did)
        reach = float(stdtrit(n - 1, 0.975)) * float(did.std(ddof=1)) / n**0.5 if n > 1 else 0.0
        return {
            "customers": n,
            "actual": float(did.mean()),
            "low": max(0.0, float(did.mean()) - reach),
            "high": float(did.mean()) + reach,
            "expected": float(self.holdout.expected[self.name][inside].mean()),
        }


_GROUPS = {
    "group": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("actual", "low", "high", "expected"), pl.Float64),
}
