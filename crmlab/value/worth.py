"""What the customer base is worth over the horizon, and how sure that is."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import merged_bins
from crmlab.errors import CrmlabError
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.value import baselines
from crmlab.value.methods import Methods, signed
from crmlab.value.past import MODEL as MODEL
from crmlab.value.past import Past
from crmlab.view import worth_charts
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab


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
            told = self.told
        except CrmlabError as error:
            return say("worth_failed", why=str(error))
        return None if told.customers else joined(texts()["worth_none"], *self.model.verdicts())

    @cached_property
    def model(self) -> Any:
        """The fitted model of lifetime value."""
        return self.lab.model(MODEL)

    @cached_property
    def told(self) -> Any:
        """What the model expects of all customers: ``value``, ``low``, ``high``, ``customers``.

        The 95 % interval holds the uncertainty of the parameters and chance, as if the model were true.
        """
        return self.model.total(self.lab.features(*self.model.requires))

    @cached_property
    def total(self) -> Any:
        """The same, with a 95 % prediction interval that holds the errors of the past as well."""
        return self.past.widened(self.told)

    @cached_property
    def past(self) -> Past:
        """What the model would have said on earlier days."""
        return Past(self.lab, self.days)

    @cached_property
    def methods(self) -> Methods:
        """The model beside simple formulas."""
        return Methods(self)

    @cached_property
    def values(self) -> pl.DataFrame:
        """``customer_id`` and the scores of the model, of customers with a value."""
        return self.lab.score(MODEL).scores.drop_nulls(MODEL)

    @property
    def days(self) -> int:
        """The horizon in days."""
        return int(self.model.horizon_days)

    @property
    def summary(self) -> pl.DataFrame:
        """One row per method; see :attr:`Methods.summary`."""
        return self.methods.summary

    @cached_property
    def cohort(self) -> pl.DataFrame:
        """What a customer had brought in by each age; see :func:`crmlab.value.baselines.cohort_curve`."""
        day = self.lab.study.as_of
        curve = baselines.cohort_curve(self.past.orders(day), day_number(day))
        margin = float(self.model.margin)
        return curve.with_columns(pl.col("value", "low", "high") * margin)

    def figures(self) -> KeyFigures | Note:
        """Show the total with its interval, the mean per customer, and what came in so far."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        total, words, day = self.total, texts(), self.lab.study.as_of
        since = day_number(day) - self.days + 1
        came = float(self.model.margin) * baselines.historic(self.past.orders(day), since)
        shown = [self._text(amount).to(self.lab.language) for amount in (*total[:3], came)]
        figures = [
            (shown[0], say("worth_figure_total", days=count(self.days))),
            (f"{shown[1]}–{shown[2]}", words["worth_figure_interval"]),
            (
                self._text(total.value / total.customers).to(self.lab.language),
                words["worth_figure_mean"],
            ),
            (count(total.customers), words["worth_figure_customers"]),
            (shown[3], say("worth_figure_past", days=count(self.days))),
        ]
        return KeyFigures(figures, self.lab.language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw what each method says of the horizon, with its interval."""
        return self.methods.chart() if not self.missing else Note(self.missing, self.lab.language)

    def test_chart(self) -> alt.LayerChart | Note:
        """Draw what each method said on the cutoff beside what then came in."""
        if self.missing or not self.past.longest:
            return Note(self.missing or _untested(), self.lab.language)
        return self.methods.test_chart()

    def table(self) -> Table | Note:
        """Show each method, and how far off it was on the cutoff."""
        return self.methods.table() if not self.missing else Note(self.missing, self.lab.language)

    def tests(self) -> Table | Note:
        """Show what the model would have said on each earlier day, and what then came in."""
        if self.missing or self.past.summary.is_empty():
            return Note(self.missing or _untested(), self.lab.language)
        words = texts()
        return Table(
            self.past.summary.with_columns(interval=pl.concat_list("told_low", "told_high")),
            [
                Column("cutoff", words["worth_past_day"], "date"),
                Column("days", words["worth_past_days"], "integer"),
                Column("customers", words["customers"], "integer"),
                Column("told", words["worth_past_told"], "money"),
                Column("interval", words["worth_past_interval"], "interval", of="money"),
                Column("actual", words["worth_actual"], "money"),
                Column("error", words["worth_error"], "percent"),
            ],
            caption=words["worth_past_caption"],
            note=words["worth_past_note"],
            language=self.lab.language,
            currency=self.lab.study.currency,
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
            _groups(self.values, self.lab.study.privacy.smallest_group),
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
        return joined(said, self.sure(), self.methods.explain(), *self.model.verdicts())

    def sure(self) -> Text:
        """Say what the interval of the total rests on."""
        tests, told = self.past.summary, self.told
        if tests.is_empty():
            return _untested()
        widened = self.total.low < told.low
        farthest = int(tests["days"].max())  # type: ignore[arg-type]
        return joined(
            say(
                "worth_widened" if widened else "worth_as_told",
                n=count(tests.height),
                least=signed(float(tests["error"].min())),  # type: ignore[arg-type]
                most=signed(float(tests["error"].max())),  # type: ignore[arg-type]
                low=self._text(told.low),
                high=self._text(told.high),
            ),
            say("worth_shorter", days=count(farthest), horizon=count(self.days))
            if farthest < self.days
            else None,
        )

    def _text(self, value: float) -> Text:
        return money(value, self.lab.study.currency)


def _untested() -> Text:
    return texts()["worth_untested"]


def _groups(values: pl.DataFrame, smallest: int) -> pl.DataFrame:
    """Return the customers in ten groups by value, the best first, none below the smallest group."""
    values = values.sort(MODEL, "customer_id", descending=[True, False])
    n = values.height
    place = (pl.int_range(pl.len()) * 10) // n
    sizes = values.select(place=place).to_series().value_counts().sort("place")["count"].to_list()
    starts = [0, *pl.Series(sizes).cum_sum().to_list()]
    whole = float(values[MODEL].sum()) or 1.0
    rows = []
    for first, last in merged_bins(sizes, smallest):
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


_GROUPS = {
    "group": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("mean", "value", "share", "alive"), pl.Float64),
}
