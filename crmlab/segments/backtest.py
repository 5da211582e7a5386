"""Backtest of the thresholds of status: whom each would have called gone, and who did not come back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.segments.outcomes import outcomes
from crmlab.segments.ranking import auc
from crmlab.segments.separation import Estimate
from crmlab.segments.threshold_rules import BY_CADENCE, Counts, Rule
from crmlab.summary import day_number
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.segments.threshold import Recommendation

HORIZONS = (30, 60, 90, 180)
"""Days ahead that are looked at where the history is long enough."""
STATUS = "status"
EVERYBODY = "everybody"
"""The baseline: everybody is called gone."""
_MAIN = 90
"""The horizon that chart and sentences speak of, or the longest below it."""
_FIXED = (90, 180)


class Backtest:
    """What each way to set the limits of ``status`` would have said on the study's own history.

    On the day ``horizon`` days before the study's own, the classifier learns from what was known by
    then and calls customers dormant or lost ("flagged"). The truth is in the days that followed: no
    paid order in any of them. Looked at are customers with a paid order by that day.

    ``horizons`` are days; one counts where the history before its day is at least as long as itself.
    ``rules`` are fixed limits of 90 and 180 days, the gap of all customers, one's own, and the weighted
    mean of both, each otherwise as the study sets ``status``, and the study's own setting if it is another.

    The setting that a study chooses by looking at this table is measured on the same history: expect a
    little less of it; :meth:`recommended` therefore chooses on one replay and measures on a later one.
    """

    def __init__(self, lab: Lab, horizons: Sequence[int] = HORIZONS) -> None:
        if not horizons or min(horizons) < 1:
            raise ParamsError(f"horizons is {list(horizons)}; give days of 1 or more, for example [30, 90].")
        self.lab = lab
        self.asked = tuple(sorted(set(horizons)))
        self._language = lab.language
        self._smallest = lab.study.privacy.smallest_group

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def horizons(self) -> tuple[int, ...]:
        """The horizons that fit in the history."""
        return tuple(days for days in self.asked if self.reaches(2 * days))

    @property
    def main(self) -> int | None:
        """The horizon that chart and sentences speak of: the longest up to 90 days, else the shortest."""
        below = [days for days in self.horizons if days <= _MAIN]
        return max(below) if below else min(self.horizons, default=None)

    @cached_property
    def in_use(self) -> Rule:
        """The study's own setting of ``status``."""
        own = self._own
        return (
            Rule.fixed(own["dormant_after_days"])
            if own["method"] == "fixed_days"
            else Rule.by_gap(own["method"])
        )

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The settings that are compared, the study's own among them."""
        fixed = {*_FIXED, *([self._own["dormant_after_days"]] if self._own["method"] == "fixed_days" else [])}
        methods = dict.fromkeys(["population_gap", *BY_CADENCE])
        if self._own["method"] != "fixed_days":
            methods[self._own["method"]] = None
        return (*map(Rule.fixed, sorted(fixed)), *map(Rule.by_gap, methods))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per horizon and rule, the baseline ``everybody`` first.

        Columns: ``horizon`` (days), ``as_of`` (the day of the replay), ``rule``, ``in_use``,
        ``customers``, ``base_rate`` (share without a paid order in the horizon), ``flagged_share``,
        ``precision`` (share of the flagged without one) and ``recall`` (share of those without one who were
        flagged) with their 95 % Wilson intervals (``…_low``, ``…_high``), and ``auc``, how well the number
        that the rule looks at ranks customers, with its interval (DeLong). Figures that would tell of fewer
        customers than the study's ``privacy.smallest_group`` are null.
        """
        rows = []
        for horizon in self.horizons:
            day = self.lab.study.as_of - timedelta(days=horizon)
            for rule in (None, *self.rules):
                rows.append({"horizon": horizon, "as_of": day, **self._row(rule, day, horizon)})
        return pl.DataFrame(rows, schema=_SUMMARY)

    def recommended(
        self,
        *,
        target_precision: float | None = None,
        cost_ratio: float | None = None,
        horizon: int | None = None,
    ) -> Recommendation:
        """Return the rule that does best by a declared precision or ratio of costs.

        See :func:`crmlab.segments.threshold.recommend`.
        """
        from crmlab.segments.threshold import recommend

        return recommend(self, target_precision, cost_ratio, horizon)

    def note(self) -> Note:
        """Show what the table says, in sentences."""
        return Note(self.explain(), self.lab.language)

    def explain(self) -> Text:
        """Return what the table shows, in sentences: the rule in use, rules by cadence, long fixed limits."""
        if self.main is None:
            return texts()["backtest_none"]
        from crmlab.segments.backtest_words import sentences

        return sentences(self)

    def chart(self) -> alt.LayerChart | Note:
        """Draw precision and recall of each rule at the main horizon, or say that no horizon fits."""
        from crmlab.segments.backtest_words import of_use
        from crmlab.view import charts

        rows = self._main_rows()
        if rows is None:
            return Note(texts()["backtest_none"], self._language)
        words = texts()
        shown = pl.concat(
            rows.drop_nulls("flagged_share").select(
                "name",
                measure=pl.lit(words[f"backtest_{measure}"].to(self._language)),
                share=measure,
                low=f"{measure}_low",
                high=f"{measure}_high",
                amount=pl.col("flagged_share").map_elements(percent, return_dtype=pl.String),
            )
            for measure in ("precision", "recall")
        )
        first = rows.row(0, named=True)
        subtitle = say(
            "backtest_subtitle",
            n=count(first["customers"]),
            day=first["as_of"],
            days=self.main,
            base=percent(first["base_rate"]),
        )
        return charts.paired_bars(
            shown,
            of_use(self),
            subtitle,
            words["backtest_rule"],
            self._language,
        )

    def table(self) -> Table | Note:
        """Show the summary, or say that no horizon fits."""
        if self.main is None:
            return Note(texts()["backtest_none"], self._language)
        words = texts()
        frame = self._named(self.summary).with_columns(
            **{
                f"{name}_interval": pl.concat_list(f"{name}_low", f"{name}_high")
                for name in ("precision", "recall", "auc")
            }
        )
        between = words["interval_95"]
        few = say("privacy_rows", k=self._smallest) if frame["flagged_share"].has_nulls() else None
        return Table(
            frame,
            [
                Column("name", words["backtest_rule"]),
                Column("horizon", words["backtest_horizon"], "integer"),
                Column("flagged_share", words["backtest_flagged"], "percent"),
                Column("precision", words["backtest_precision"], "percent"),
                Column("precision_interval", between, "interval", of="percent"),
                Column("recall", words["backtest_recall"], "percent"),
                Column("recall_interval", between, "interval", of="percent"),
                Column("auc", words["backtest_auc"], "decimal"),
                Column("auc_interval", between, "interval"),
            ],
            caption=words["backtest_caption"],
            note=joined(*self._replays(), words["backtest_note"], few),
            language=self._language,
        )

    def _replays(self) -> list[Text]:
        """Say of each horizon what its rows share: the day, the customers, how many did not come back."""
        rows = self.summary.filter(rule=EVERYBODY).select("horizon", "as_of", "customers", "base_rate")
        return [
            say("backtest_replay", days=days, day=day, n=count(n), base=percent(base))
            for days, day, n, base in rows.iter_rows()
        ]

    def reaches(self, days: int) -> bool:
        """Say whether there are paid orders so many days before the study's own day, or earlier."""
        first = self._first_day
        return first is not None and day_number(self.lab.study.as_of) - days >= first

    def replay(self, day: date, horizon: int) -> pl.DataFrame:
        """Return ``customer_id``, ``silence`` (days) and ``lapsed`` of who had a paid order by a day."""
        known = self.lab.features("days_since_last_order", as_of=day).drop_nulls()
        after = outcomes(self.lab, day, horizon).select("customer_id", lapsed=pl.col("next_orders") == 0)
        return known.rename({"days_since_last_order": "silence"}).join(
            after, on="customer_id", how="left", maintain_order="left"
        )

    def flags(self, rule: Rule, day: date, horizon: int) -> pl.DataFrame:
        """Return :meth:`replay` with ``flagged``, and ``score``, the number that the rule looks at."""
        status = self.lab.classify(STATUS, as_of=day, learned_on=day, **rule.params)
        classifier: Any = status.classifier
        score = classifier.since if classifier.gap is None else classifier.since / classifier.gap
        said = status.features.select(
            "customer_id",
            flagged=status.labels["label"] != status.scheme.ids[0],
            score=score.cast(pl.Float64),
        )
        return self.replay(day, horizon).join(said, on="customer_id", how="left", maintain_order="left")

    @cached_property
    def _own(self) -> dict[str, Any]:
        from crmlab.registry import classifiers

        return classifiers[STATUS].from_params(self.lab.study.classifiers.get(STATUS, {})).get_params()

    @cached_property
    def _first_day(self) -> int | None:
        orders = self.lab.tables["orders"]
        return orders.filter(pl.col("amount_hundredths") > 0)["day"].min()  # type: ignore[return-value]

    def _row(self, rule: Rule | None, day: date, horizon: int) -> dict[str, Any]:
        """Return the figures of one rule; without one those of the baseline."""
        frame = self.replay(day, horizon) if rule is None else self.flags(rule, day, horizon)
        counts = Counts.of(frame if rule else frame.with_columns(flagged=True))
        row = {
            "rule": rule.id if rule else EVERYBODY,
            "in_use": rule is not None and rule.id == self.in_use.id,
            "customers": counts.customers,
        }
        if any(hidden([counts.lapsed, counts.customers - counts.lapsed], self._smallest)):
            return row
        row["base_rate"] = counts.lapsed / counts.customers if counts.customers else None
        if rule:
            row |= _figures("auc", auc(frame["score"], frame["lapsed"]))
        if not counts.told(self._smallest) or not counts.customers:
            return row
        row["flagged_share"] = counts.flagged / counts.customers
        return row | _figures("precision", counts.precision) | _figures("recall", counts.recall)

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add ``name``: the rule's name in the reader's language, marked where it is in use."""
        names = {rule.id: rule.name.to(self._language) for rule in self.rules}
        names[EVERYBODY] = texts()["backtest_everybody"].to(self._language)
        names[self.in_use.id] = say("backtest_in_use", rule=self.in_use.name).to(self._language)
        return frame.with_columns(name=pl.col("rule").replace_strict(names, return_dtype=pl.String))

    def _main_rows(self) -> pl.DataFrame | None:
        return None if self.main is None else self._named(self.summary.filter(horizon=self.main))


def _figures(name: str, estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as columns; what cannot be told is null."""
    ends = zip(("", "_low", "_high"), estimate, strict=True)
    return {f"{name}{end}": None if isnan(value) else value for end, value in ends}


_SUMMARY = {
    "horizon": pl.Int64,
    "as_of": pl.Date,
    "rule": pl.String,
    "in_use": pl.Boolean,
    "customers": pl.Int64,
    **dict.fromkeys(("base_rate", "flagged_share"), pl.Float64),
    **{
        f"{name}{end}": pl.Float64 for name in ("precision", "recall", "auc") for end in ("", "_low", "_high")
    },
}
