"""What the customer base is worth over the horizon, beside what simple formulas would say."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import merged_bins
from crmlab.errors import CrmlabError
from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.summary import day_number
from crmlab.value import baselines
from crmlab.view import worth_charts
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

MODEL = "clv"
METHODS = (MODEL, "simple", "retention", "cohort")
"""What tells the value to come, the model first."""
SHORTEST = 28
"""Days that the test looks ahead at least."""


class Worth:
    """What today's customers will bring in within the horizon of the study's ``clv`` model.

    Customers are those with a paid order by the study's day; customers to come are not counted. Amounts are
    revenue less refunds, times the margin of the study, discounted in the model and in the retention formula.
    ``missing`` says why nothing can be told; None where it can.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def missing(self) -> Text | None:
        """Say which data is missing, or why the model gives no values; None where all is there."""
        if "orders" not in self.lab.tables:
            return texts()["val_no_orders"]
        if lacking := self.lab.value.missing:
            return lacking
        try:
            total = self.total
        except CrmlabError as error:
            return say("worth_failed", why=str(error))
        return None if total.customers else joined(texts()["worth_none"], *self.model.verdicts())

    @cached_property
    def model(self) -> Any:
        """The fitted model of lifetime value."""
        return self.lab.model(MODEL)

    @cached_property
    def total(self) -> Any:
        """What the model expects of all customers: ``value``, ``low``, ``high``, ``customers``.

        The 95 % prediction interval holds the uncertainty of the parameters and chance.
        """
        return self.model.total(self.lab.features(*self.model.requires))

    @cached_property
    def values(self) -> pl.DataFrame:
        """``customer_id`` and the scores of the model, of customers with a value."""
        return self.lab.score(MODEL).scores.drop_nulls(MODEL)

    @property
    def days(self) -> int:
        """The horizon in days."""
        return int(self.model.horizon_days)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per method: ``method``, ``value``, ``low``, ``high`` over the horizon, and how it did.

        ``told``, ``told_low``, ``told_high`` are what the method said on ``cutoff`` of the ``days`` days that
        followed (undiscounted revenue), ``actual`` what those customers then spent, ``error`` told over
        actual, less 1. Null where a method cannot tell, or the history is too short for a test.
        """
        day = day_number(self.lab.study.as_of)
        orders, margin = self._orders(self.lab.study.as_of), float(self.model.margin)
        now = {
            MODEL: Estimate(self.total.value, self.total.low, self.total.high),
            **{
                name: Estimate(*(margin * part for part in estimate))
                for name, estimate in _simple(orders, day, self.days, self.model.annual_discount).items()
            },
        }
        rows = []
        for method in METHODS:
            row: dict[str, Any] = {"method": method, **_ends("", now[method])}
            if self.tested:
                told = self.tested[method]
                row |= {"cutoff": self.cutoff, "days": self.test_days, "actual": self.actual}
                row |= _ends("told", told) | {
                    "error": told.value / self.actual - 1 if self.actual > 0 else None
                }
            rows.append(row)
        return pl.DataFrame(rows, schema=_SUMMARY).with_columns(pl.col(pl.Float64).fill_nan(None))

    @cached_property
    def test_days(self) -> int:
        """Days that the methods are tested on: the horizon, or half of the history where that is shorter."""
        first = self._orders(self.lab.study.as_of).select(pl.col("day").min()).item()
        if first is None:
            return 0
        history = day_number(self.lab.study.as_of) - int(first)
        return min(self.days, history // 2)

    @property
    def cutoff(self) -> date:
        """The day that the test looks ahead from."""
        return self.lab.study.as_of - timedelta(days=self.test_days)

    @cached_property
    def tested(self) -> dict[str, Estimate]:
        """What each method said on ``cutoff`` of the days since; empty where the history is too short."""
        if self.test_days < SHORTEST:
            return {}
        try:
            model: Any = self.lab.model(
                MODEL, self.cutoff, horizon_days=self.test_days, annual_discount=0.0, margin=1.0
            )
            total = model.total(self.lab.features(*model.requires, as_of=self.cutoff))
        except CrmlabError:
            return {}
        if not total.customers:
            return {}
        orders = self._orders(self.cutoff)
        told = _simple(orders, day_number(self.cutoff), self.test_days, 0.0)
        return {MODEL: Estimate(total.value, total.low, total.high), **told}

    @cached_property
    def actual(self) -> float:
        """What the customers known on ``cutoff`` spent since, less refunds."""
        known = self._orders(self.cutoff).select("customer_id").unique()
        since = self._orders(self.lab.study.as_of).filter(pl.col("day") > day_number(self.cutoff))
        return baselines.historic(since.join(known, on="customer_id", how="semi"))

    @cached_property
    def cohort(self) -> pl.DataFrame:
        """What a customer had brought in by each age; see :func:`crmlab.value.baselines.cohort_curve`."""
        curve = baselines.cohort_curve(self._orders(self.lab.study.as_of), day_number(self.lab.study.as_of))
        margin = float(self.model.margin)
        return curve.with_columns(pl.col("value", "low", "high") * margin)

    def figures(self) -> KeyFigures | Note:
        """Show the total with its interval, the mean per customer, and what came in so far."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        total, words, year = self.total, texts(), say("worth_figure_total", days=count(self.days))
        orders, margin = self._orders(self.lab.study.as_of), float(self.model.margin)
        since = day_number(self.lab.study.as_of) - self.days + 1
        figures = [
            (self._money(total.value), year),
            (self._between(total.low, total.high), words["worth_figure_interval"]),
            (self._money(total.value / total.customers), words["worth_figure_mean"]),
            (count(total.customers), words["worth_figure_customers"]),
            (
                self._money(margin * baselines.historic(orders, since)),
                say("worth_figure_past", days=count(self.days)),
            ),
        ]
        return KeyFigures(figures, self.lab.language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw what each method says of the horizon, with its interval."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        return worth_charts.amounts(
            self._drawn("value", "low", "high"),
            None,
            say("worth_title", days=count(self.days), value=self._text(self.total.value)),
            self._sample(),
            self._axis(),
            texts()["worth_method"],
            self.lab.language,
        )

    def test_chart(self) -> alt.LayerChart | Note:
        """Draw what each method said on the cutoff beside what then came in."""
        if self.missing or not self.tested:
            return Note(self.missing or self._untested(), self.lab.language)
        return worth_charts.amounts(
            self._drawn("told", "told_low", "told_high"),
            self.actual,
            say("worth_test_title", days=count(self.test_days), actual=self._text(self.actual)),
            say("worth_test_subtitle", cutoff=self.cutoff, n=count(self._known_then())),
            say("worth_test_axis", currency=self.lab.study.currency),
            texts()["worth_method"],
            self.lab.language,
        )

    def cohort_chart(self) -> alt.LayerChart | Note:
        """Draw what a customer has brought in by age; ages that the future still hides are left out."""
        if self.missing or self.cohort.height < 2:
            return Note(self.missing or texts()["worth_cohort_none"], self.lab.language)
        last = self.cohort.row(-1, named=True)
        return worth_charts.ageing(
            self.cohort,
            say("worth_cohort_title", months=count(last["age"]), value=self._text(last["value"])),
            say("worth_cohort_subtitle", n=count(self.cohort["customers"][0])),
            texts()["worth_cohort_age"],
            say("worth_cohort_value", currency=self.lab.study.currency),
            self.lab.language,
        )

    def distribution(self) -> Table | Note:
        """Show how values spread over customers: groups by value, each with its part of the total."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words = texts()
        return Table(
            self._groups(),
            [
                Column("group", words["worth_group"]),
                Column("customers", words["customers"], "integer"),
                Column("mean", words["worth_mean"], "money"),
                Column("value", words["worth_value"], "money", bar=True),
                Column("share", words["worth_share"], "percent"),
                Column("alive", words["worth_alive"], "percent"),
            ],
            caption=words["worth_group_caption"],
            note=say("worth_group_note", days=count(self.days)),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def table(self) -> Table | Note:
        """Show each method, and how far off it was on the cutoff."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words = texts()
        frame = self.summary.with_columns(
            name=self._names(),
            interval=pl.concat_list("low", "high"),
            told_interval=pl.concat_list("told_low", "told_high"),
        )
        columns = [
            Column("name", words["worth_method"]),
            Column("value", say("worth_in_days", days=count(self.days)), "money", bar=True),
            Column("interval", words["interval_95"], "interval", of="money"),
        ]
        if self.tested:
            columns += [
                Column("told", say("worth_told", cutoff=self.cutoff), "money"),
                Column("told_interval", words["interval_95"], "interval", of="money"),
                Column("actual", words["worth_actual"], "money"),
                Column("error", words["worth_error"], "percent"),
            ]
        return Table(
            frame,
            columns,
            caption=say("worth_caption", n=count(self.total.customers), day=self.lab.study.as_of),
            note=joined(words["worth_note"], None if self.tested else self._untested()),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self.lab.language)

    def explain(self) -> Text:
        """Say what the base is worth, how sure that is, and how the methods did on the days before."""
        if self.missing:
            return self.missing
        total = self.total
        said = say(
            "worth_said",
            n=count(total.customers),
            days=count(self.days),
            value=self._text(total.value),
            low=self._text(total.low),
            high=self._text(total.high),
            margin=percent(self.model.margin, 0),
            discount=percent(self.model.annual_discount, 0),
        )
        return joined(said, self._test_said(), *self.model.verdicts())

    def _test_said(self) -> Text:
        if not self.tested:
            return self._untested()
        rows = {row["method"]: row for row in self.summary.iter_rows(named=True)}
        mine = rows[MODEL]
        inside = mine["told_low"] <= self.actual <= mine["told_high"]
        others = [row for row in rows.values() if row["method"] != MODEL and row["error"] is not None]
        said = say(
            "worth_test_in" if inside else "worth_test_out",
            cutoff=self.cutoff,
            days=count(self.test_days),
            told=self._text(mine["told"]),
            low=self._text(mine["told_low"]),
            high=self._text(mine["told_high"]),
            actual=self._text(self.actual),
            error=_signed(mine["error"]),
        )
        if not others:
            return said
        names = [
            say("worth_test_other", name=method_names()[row["method"]], error=_signed(row["error"]))
            for row in others
        ]
        listed = Text("、".join(name.zh for name in names), ", ".join(name.en for name in names))
        return joined(said, say("worth_test_others", others=listed))

    def _untested(self) -> Text:
        return say("worth_untested", least=2 * SHORTEST)

    def _known_then(self) -> int:
        return int(
            self._orders(self.cutoff).filter(pl.col("amount_hundredths") > 0)["customer_id"].n_unique()
        )

    def _groups(self) -> pl.DataFrame:
        """Return the customers in ten groups by value, the best first, none below the smallest group."""
        values = self.values.sort(MODEL, "customer_id", descending=[True, False])
        n = values.height
        place = (pl.int_range(pl.len()) * 10) // n
        sizes = values.select(place=place).to_series().value_counts().sort("place")["count"].to_list()
        bins = merged_bins(sizes, self.lab.study.privacy.smallest_group)
        starts = [0, *pl.Series(sizes).cum_sum().to_list()]
        whole = float(values[MODEL].sum()) or 1.0
        rows = []
        for first, last in bins:
            part = values[starts[first] : starts[last + 1]]
            value = float(part[MODEL].sum())
            rows.append(
                {
                    "group": f"{percent(starts[first] / n, 0)}–{percent(starts[last + 1] / n, 0)}",
                    "customers": part.height,
                    "mean": value / part.height,
                    "value": value,
                    "share": value / whole,
                    "alive": float(part["probability_alive"].mean() or 0.0),  # type: ignore[arg-type]
                }
            )
        return pl.DataFrame(rows, schema=_GROUPS)

    def _orders(self, day: date) -> pl.DataFrame:
        """Return the orders by a day of customers with a paid one."""
        orders = self.lab.tables["orders"].select("customer_id", "day", "amount_hundredths").drop_nulls()
        known = orders.filter(pl.col("day") <= day_number(day))
        paid = known.filter(pl.col("amount_hundredths") > 0).select("customer_id").unique()
        return known.join(paid, on="customer_id", how="semi")

    def _drawn(self, value: str, low: str, high: str) -> pl.DataFrame:
        return self.summary.filter(pl.col(value).is_not_null()).select(
            name=self._names(), main=pl.col("method") == MODEL, value=value, low=low, high=high
        )

    def _names(self) -> pl.Expr:
        names = {method: name.to(self.lab.language) for method, name in method_names().items()}
        return pl.col("method").replace_strict(names, return_dtype=pl.String)

    def _sample(self) -> Text:
        return say("worth_sample", n=count(self.total.customers), day=self.lab.study.as_of)

    def _axis(self) -> Text:
        return say("worth_axis", days=count(self.days), currency=self.lab.study.currency)

    def _text(self, value: float) -> Text:
        return money(value, self.lab.study.currency)

    def _money(self, value: float) -> str:
        return self._text(value).to(self.lab.language)

    def _between(self, low: float, high: float) -> str:
        return f"{self._money(low)}–{self._money(high)}"


def method_names() -> dict[str, Text]:
    """Return what readers call each method."""
    words = texts()
    return {
        MODEL: words["worth_clv"],
        "simple": words["worth_simple"],
        "retention": words["worth_retention"],
        "cohort": words["worth_cohort"],
    }


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


def _signed(error: float | None) -> str:
    return "–" if error is None else ("+" if error > 0 else "") + percent(error, 0)


_SUMMARY = {
    "method": pl.String,
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "cutoff": pl.Date,
    "days": pl.Int64,
    **dict.fromkeys(("told", "told_low", "told_high", "actual", "error"), pl.Float64),
}
_GROUPS = {
    "group": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("mean", "value", "share", "alive"), pl.Float64),
}
