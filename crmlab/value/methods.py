"""The value to come as each method tells it: the model beside simple formulas, now and on an earlier day."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.summary import day_number
from crmlab.value import baselines
from crmlab.value.past import MODEL
from crmlab.view import worth_charts
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.value.worth import Worth

METHODS = (MODEL, "simple", "retention", "cohort")
"""What tells the value to come, the model first."""


class Methods:
    """What each method says of the horizon, and what it said on the day of the longest look back.

    The parts that show something take it that ``worth.missing`` is None.
    """

    def __init__(self, worth: Worth) -> None:
        self.worth = worth
        self.past = worth.past
        self.lab = worth.lab

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per method: ``method``, ``value``, ``low``, ``high`` over the horizon, and how it did.

        ``told``, ``told_low``, ``told_high`` are what the method said on ``cutoff`` of the ``days`` days that
        followed (undiscounted revenue), ``actual`` what those customers then spent, ``error`` told over
        actual, less 1. Null where a method cannot tell, or the history is too short for a test.
        """
        total, model, day = self.worth.total, self.worth.model, self.lab.study.as_of
        margin, look = float(model.margin), self.past.longest
        plain = _simple(self.past.orders(day), day_number(day), self.worth.days, float(model.annual_discount))
        now = {name: Estimate(*(margin * part for part in each)) for name, each in plain.items()}
        now[MODEL] = Estimate(total.value, total.low, total.high)
        then: dict[str, Estimate] = {}
        if look:
            then = _simple(
                self.past.orders(self.past.cutoff), day_number(self.past.cutoff), self.past.days, 0.0
            )
            then[MODEL] = Estimate(look["told"], look["told_low"], look["told_high"])
        rows = []
        for method in METHODS:
            row: dict[str, Any] = {"method": method, **_ends("", now[method])}
            if look:
                row |= {name: look[name] for name in ("cutoff", "days", "actual")}
                row |= _ends("told", then[method])
                row |= {"error": then[method].value / look["actual"] - 1}
            rows.append(row)
        return pl.DataFrame(rows, schema=_SUMMARY).with_columns(pl.col(pl.Float64).fill_nan(None))

    def chart(self) -> alt.LayerChart:
        """Draw what each method says of the horizon, with its interval."""
        worth, currency = self.worth, self.lab.study.currency
        return worth_charts.amounts(
            self._drawn("value", "low", "high"),
            None,
            say("worth_title", days=count(worth.days), value=self._text(worth.total.value)),
            say("worth_sample", n=count(worth.total.customers), day=self.lab.study.as_of),
            say("worth_axis", days=count(worth.days), currency=currency),
            texts()["worth_method"],
            self.lab.language,
        )

    def test_chart(self) -> alt.LayerChart:
        """Draw what each method said on the cutoff beside what then came in; ``past.longest`` is there."""
        look = self.past.longest
        assert look is not None
        return worth_charts.amounts(
            self._drawn("told", "told_low", "told_high"),
            look["actual"],
            say("worth_test_title", days=count(look["days"]), actual=self._text(look["actual"])),
            say("worth_test_subtitle", cutoff=look["cutoff"], n=count(look["customers"])),
            say("worth_test_axis", currency=self.lab.study.currency),
            texts()["worth_method"],
            self.lab.language,
        )

    def table(self) -> Table:
        """Show each method that can tell, and how far off it was on the cutoff."""
        words, look = texts(), self.past.longest
        told = pl.any_horizontal(pl.col("value", "told").is_not_null())
        frame = self.summary.filter(told).with_columns(
            name=self._names(),
            interval=pl.concat_list("low", "high"),
            told_interval=pl.concat_list("told_low", "told_high"),
        )
        columns = [
            Column("name", words["worth_method"]),
            Column("value", say("worth_in_days", days=count(self.worth.days)), "money", bar=True),
            Column("interval", words["interval_95"], "interval", of="money"),
        ]
        if look:
            columns += [
                Column("told", say("worth_told", cutoff=look["cutoff"]), "money"),
                Column("told_interval", words["interval_95"], "interval", of="money"),
                Column("actual", words["worth_actual"], "money"),
                Column("error", words["worth_error"], "percent"),
            ]
        return Table(
            frame,
            columns,
            caption=say("worth_caption", n=count(self.worth.total.customers), day=self.lab.study.as_of),
            note=joined(
                words["worth_note"],
                words["worth_note_then"] if look else None,
                self._left_out(frame),
            ),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def explain(self) -> Text | None:
        """Say how far off the model and the others were on the cutoff; None without a test."""
        look = self.past.longest
        if look is None:
            return None
        others = self.summary.filter(pl.col("method") != MODEL, pl.col("error").is_not_null())
        inside = look["told_low"] <= look["actual"] <= look["told_high"]
        said = say(
            "worth_test_in" if inside else "worth_test_out",
            cutoff=look["cutoff"],
            days=count(look["days"]),
            told=self._text(look["told"]),
            low=self._text(look["told_low"]),
            high=self._text(look["told_high"]),
            actual=self._text(look["actual"]),
            error=signed(look["error"]),
        )
        if others.is_empty():
            return said
        names = [
            say("worth_test_other", name=method_names()[row["method"]], error=signed(row["error"]))
            for row in others.iter_rows(named=True)
        ]
        listed = Text("、".join(name.zh for name in names), ", ".join(name.en for name in names))
        return joined(said, say("worth_test_others", others=listed))

    def _left_out(self, shown: pl.DataFrame) -> Text | None:
        lost = [name for name in METHODS if name not in shown["method"].to_list()]
        keys = {"retention": "worth_no_retention", "cohort": "worth_no_cohort"}
        said = [say(keys[name], days=count(self.past.history)) for name in lost if name in keys]
        return joined(*said) if said else None

    def _drawn(self, value: str, low: str, high: str) -> pl.DataFrame:
        return self.summary.filter(pl.col(value).is_not_null()).select(
            name=self._names(), main=pl.col("method") == MODEL, value=value, low=low, high=high
        )

    def _names(self) -> pl.Expr:
        names = {method: name.to(self.lab.language) for method, name in method_names().items()}
        return pl.col("method").replace_strict(names, return_dtype=pl.String)

    def _text(self, value: float) -> Text:
        return money(value, self.lab.study.currency)


def method_names() -> dict[str, Text]:
    """Return what readers call each method."""
    words = texts()
    return {
        MODEL: words["worth_clv"],
        "simple": words["worth_simple"],
        "retention": words["worth_retention"],
        "cohort": words["worth_cohort"],
    }


def signed(error: float) -> str:
    """Return a relative error with its sign."""
    return ("+" if error > 0 else "") + percent(error, 0)


def _simple(orders: pl.DataFrame, day: int, days: int, discount: float) -> dict[str, Estimate]:
    """Return what the simple methods say of the ``days`` after ``day``."""
    years = days / baselines.YEAR
    return {
        "simple": baselines.simple_formula(orders, day, years),
        "retention": baselines.retention_formula(orders, day, years, discount),
        "cohort": baselines.cohort_forecast(orders, day, days),
    }


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    prefix = f"{name}_" if name else ""
    return {name or "value": estimate.value, f"{prefix}low": estimate.low, f"{prefix}high": estimate.high}


_SUMMARY = {
    "method": pl.String,
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "cutoff": pl.Date,
    "days": pl.Int64,
    **dict.fromkeys(("told", "told_low", "told_high", "actual", "error"), pl.Float64),
}
