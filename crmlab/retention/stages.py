"""The stages of the lifecycle: how many went on, and after how long, those counted who have not yet."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.retention.curves import at_days, drawn, sentence, spoken
from crmlab.retention.kaplan_meier import KaplanMeier, kaplan_meier
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.retention_charts import share_curves
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.funnel import Funnel
    from crmlab.lab import Lab

DAYS = (30, 90, 180, 365)
_MAIN = 180


class Stages:
    """How customers go from stage to stage of a lifecycle scheme, ``lifecycle`` unless named.

    The funnel counts who reached each stage. Its days are those of customers who went on, and so too short
    wherever many are still on their way; here the time to the next stage is a Kaplan–Meier estimate over
    everybody who entered the stage before, those still waiting being censored at the as-of day. Who went on
    on the day of entry took no time.
    """

    def __init__(self, lab: Lab, name: str = "lifecycle") -> None:
        self.lab = lab
        self.name = name
        self._fewest = lab.study.privacy.smallest_group

    @cached_property
    def funnel(self) -> Funnel | None:
        """The funnel; None where the classifier lacks its data. Raises ParamsError for one without stages."""
        if self.lab.lacks(self.name) is not None:
            return None
        return self.lab.classify(self.name).funnel()

    @cached_property
    def curves(self) -> dict[str, KaplanMeier]:
        """Days to the next stage by the stage that was reached."""
        import numpy as np

        if self.funnel is None:
            return {}
        entries, found = self.funnel.entries, {}
        today = self.funnel.segmentation.as_of
        for before, stage in pairwise(self._journey):
            days = entries.select(
                waited=(pl.coalesce(f"{stage}_on", pl.lit(today)) - pl.col(f"{before}_on")).dt.total_days(),
                went=pl.col(f"{stage}_on").is_not_null(),
            ).filter(pl.col("waited") >= 0)
            waited, went = days["waited"].to_numpy(), days["went"].to_numpy()
            # Whoever is first heard of on the day of the first order was never seen before it.
            at_once = went & (waited == 0)
            if len(waited) - int(at_once.sum()) >= max(self._fewest, 1) and bool(np.any(went & ~at_once)):
                found[stage] = kaplan_meier(waited[~at_once], went[~at_once])
        return found

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per stage that is entered from another: the time it takes.

        ``stage``, ``customers`` who could have gone on, ``went`` on, the median of the ``days`` with its
        interval (null where half have not), ``share`` that went on within 180 days with ``low``, ``high``.
        """
        rows: list[dict[str, Any]] = []
        for stage, curve in self.curves.items():
            middle = curve.quantile(0.5, self._fewest)
            share = curve.reached([_MAIN], self._fewest)[0]
            figures = zip(
                ("days", "days_low", "days_high", "share", "low", "high"), (*middle, *share), strict=True
            )
            rows.append(
                {"stage": stage, "customers": curve.customers, "went": curve.ended}
                | {name: None if value != value else value for name, value in figures}
            )
        return pl.DataFrame(rows, schema=_SCHEMA)

    @cached_property
    def by_days(self) -> pl.DataFrame:
        """The share that went on within 30, 90, 180, 365 days, as :func:`at_days` has it."""
        return at_days(self.curves, DAYS, self._fewest, rising=True)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share that reached the next stage against the days since the one before."""
        points = drawn(self.curves, self._fewest, rising=True)
        if points.filter(pl.col("day") > 0).is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        return share_curves(
            points.with_columns(pl.col("name").replace_strict(self._names, return_dtype=pl.String)),
            title=self._title(),
            subtitle=words["retention_stage_subtitle"],
            x_title=words["retention_stage_days"],
            y_title=words["retention_stage_axis"],
            name_title=words["funnel_stage"],
            language=self.lab.language,
        )

    def funnel_chart(self) -> alt.LayerChart | Note:
        """Draw how many reached each stage."""
        return self.funnel.chart() if self.funnel else Note(self.explain(), self.lab.language)

    def funnel_table(self) -> Table | Note:
        """Show the funnel."""
        return self.funnel.table() if self.funnel else Note(self.explain(), self.lab.language)

    def table(self) -> Table | Note:
        """Show the time each step takes."""
        if self.summary.is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        frame = self.summary.with_columns(
            name=pl.col("stage").replace_strict(self._names, return_dtype=pl.String),
            interval=pl.when(pl.col("low").is_not_null()).then(pl.concat_list("low", "high")),
            days_interval=pl.when(pl.col("days_low").is_not_null()).then(
                pl.concat_list("days_low", "days_high")
            ),
        )
        return Table(
            frame,
            [
                Column("name", words["retention_step"]),
                Column("customers", words["retention_could"], "integer"),
                Column("went", words["retention_went"], "integer"),
                Column("days", words["retention_median"], "decimal", decimals=0),
                Column("days_interval", words["interval_95"], "interval", of="integer"),
                Column("share", say("retention_went_within", n=_MAIN), "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["retention_stage_caption"],
            note=words["retention_stage_note"],
            language=self.lab.language,
        )

    def explain(self) -> Text:
        """Return what the steps take, in sentences."""
        if self.funnel is None:
            return say("retention_stage_none", needs=self.lab.lacks(self.name) or Text("", ""))
        if self.summary.is_empty():
            return texts()["retention_too_short"]
        return joined(*(self._step(row) for row in self.summary.iter_rows(named=True)))

    def note(self) -> Note:
        """Show what the steps take, in sentences."""
        return Note(sentence(self.explain()), self.lab.language)

    def _title(self) -> Text:
        return self._step(self.summary.row(-1, named=True))

    def _step(self, row: dict[str, Any]) -> Text:
        steps = {stage: before for before, stage in pairwise(self._journey)}
        scheme = self._funnel_scheme
        places = {"before": scheme[steps[row["stage"]]].text, "stage": scheme[row["stage"]].text}
        if row["days"] is not None:
            return say("retention_step_median", days=count(row["days"]), **places)
        curve = self.curves[row["stage"]]
        day = max((day for day in DAYS if curve.watched(day) >= self._fewest), default=None)
        if day is None:
            return texts()["retention_too_short"]
        return say("retention_step_share", n=day, **places, **spoken(curve.reached([day], self._fewest)[0]))

    @property
    def _journey(self) -> tuple[str, ...]:
        journey: tuple[str, ...] = self.lab.classify(self.name).classifier.journey  # type: ignore[attr-defined]
        return journey

    @property
    def _funnel_scheme(self) -> Any:
        if self.funnel is None:
            raise ParamsError(f"{self.name!r} lacks its data, so it has no stages.")
        return self.funnel.segmentation.scheme

    @property
    def _names(self) -> dict[str, str]:
        """Return stage → the step to it, in the reader's language."""
        scheme = self._funnel_scheme
        return {
            stage: " → ".join(scheme[label].text.to(self.lab.language) for label in (before, stage))
            for before, stage in pairwise(self._journey)
        }


_SCHEMA: dict[str, Any] = {
    "stage": pl.String,
    **dict.fromkeys(("customers", "went"), pl.Int64),
    **dict.fromkeys(("days", "days_low", "days_high", "share", "low", "high"), pl.Float64),
}
