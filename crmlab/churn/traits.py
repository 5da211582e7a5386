"""Traits: what was known of each customer on a day, as statements that are true or not.

Behaviour is cut at thirds of the customers who have a value, so that no form of the relation is assumed.
A statement is null for a customer of whom nothing is known, who then counts on neither side.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

import polars as pl

from crmlab import registry
from crmlab.estimators import KEY
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab.view.numbers import decimal, money, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab

Group = Literal["behaviour", "complaints", "feedback"]

BEHAVIOUR = {
    "days_since_last_order": "orders",
    "days_since_first_order": "orders",
    "order_count": "orders",
    "average_order_value": "orders",
    "average_days_between_orders": "orders",
    "spend_growth": "orders",
    "refund_count": "orders",
    "category_count": "order_lines",
    "repeat_share": "order_lines",
    "main_category": "order_lines",
    "interaction_count": "interactions",
    "is_referred": "customers",
}
"""The columns of features that are looked at, each with the table that a study must have for it."""

CLASSES = 8
"""The most frequent values of a column of words, complaint types or aspects that become traits."""


class Trait(NamedTuple):
    """A statement about a customer: its column, what it is about, and how readers are told."""

    id: str
    group: Group
    text: Text


class Traits(NamedTuple):
    """``frame`` has ``customer_id``, sorted, and a Boolean column per trait."""

    frame: pl.DataFrame
    traits: tuple[Trait, ...]


def traits(lab: Lab, customers: pl.Series, day: date, days: int) -> Traits:
    """Return what was known of ``customers`` at the end of ``day``.

    Complaints and feedback are those of the ``days`` days up to then. What the tables of the study do not
    allow is left out.
    """
    frame = pl.DataFrame({KEY: customers.cast(pl.String)}).sort(KEY)
    found: list[tuple[Trait, pl.DataFrame]] = [
        *_behaviour(lab, frame, day),
        *_complaints(lab, frame, day, days),
        *_feedback(lab, frame, day, days),
    ]
    for trait, column in found:
        known = column.select(KEY, pl.col(column.columns[-1]).alias(trait.id))
        frame = frame.join(known, on=KEY, how="left", maintain_order="left")
    return Traits(frame, tuple(trait for trait, _ in found))


def _behaviour(lab: Lab, customers: pl.DataFrame, day: date) -> Iterable[tuple[Trait, pl.DataFrame]]:
    for name in (name for name, table in BEHAVIOUR.items() if table in lab.tables):
        known = lab.features(name, as_of=day)
        column = customers.join(known, on=KEY, how="left", maintain_order="left")
        measure, kind = lab.measure(name), column.schema[name]
        if kind == pl.Boolean:
            yield Trait(name, "behaviour", measure.text), column
        elif kind.is_numeric():
            yield from _thirds(column, name, measure, lab.study.currency)
        elif kind == pl.String:
            for value in _frequent(column[name]):
                text = say("churn_trait_is", measure=measure.text, value=value)
                yield Trait(f"{name}:{value}", "behaviour", text), column.select(KEY, pl.col(name) == value)


def _thirds(
    column: pl.DataFrame, name: str, measure: Measure, currency: str
) -> Iterable[tuple[Trait, pl.DataFrame]]:
    """Say who is in the lowest and who in the highest third; one of the two where it is the other's rest."""
    values = column[name].cast(pl.Float64)
    first, second = (values.quantile(share, "lower") for share in (1 / 3, 2 / 3))
    if first is None or second is None or values.n_unique() < 2:
        return
    top = values.max()
    if first < second:
        text = say("churn_trait_low", measure=measure.text, value=_written(first, measure, currency))
        yield Trait(f"{name}:low", "behaviour", text), column.select(KEY, values <= first)
    if isinstance(top, float) and second < top:
        text = say("churn_trait_high", measure=measure.text, value=_written(second, measure, currency))
        yield Trait(f"{name}:high", "behaviour", text), column.select(KEY, values > second)


def _complaints(
    lab: Lab, customers: pl.DataFrame, day: date, days: int
) -> Iterable[tuple[Trait, pl.DataFrame]]:
    tables = lab.tables_of(day)
    if "complaints" not in tables:
        return
    since = day_number(day) - days
    made = (
        tables["complaints"].filter(pl.col("day") > since).select(KEY, "category").collect().drop_nulls(KEY)
    )
    words = texts()
    yield Trait("complaint", "complaints", words["churn_trait_complaint"]), _among(customers, made[KEY])
    waiting = lab.features("open_complaint_count", as_of=day).filter(pl.col("open_complaint_count") > 0)
    yield Trait("open_complaint", "complaints", words["churn_trait_open"]), _among(customers, waiting[KEY])
    for value in _frequent(made["category"]):
        with_it = made.filter(pl.col("category") == value)
        text = say("churn_trait_complaint_about", value=value)
        yield Trait(f"complaint:{value}", "complaints", text), _among(customers, with_it[KEY])


def _feedback(
    lab: Lab, customers: pl.DataFrame, day: date, days: int
) -> Iterable[tuple[Trait, pl.DataFrame]]:
    if "feedback" not in lab.tables:
        return
    recent = (pl.col("given_on") <= day) & (pl.col("given_on") > day - timedelta(days=days))
    given = lab.tables["feedback"].filter(recent).drop_nulls(KEY)
    words = texts()
    yield Trait("feedback", "feedback", words["churn_trait_feedback"]), _among(customers, given[KEY])
    if "text" not in given.columns or not given["text"].drop_nulls().len():
        return
    wrote = customers.filter(pl.col(KEY).is_in(given.drop_nulls("text")[KEY].implode()))
    if "sentiment" in registry.annotators:
        # A base rate learned from all texts would tell of those after the day.
        plain = (
            {"adapt_base_rate": False} if hasattr(registry.annotators["sentiment"], "adapt_base_rate") else {}
        )
        said = lab.annotate("sentiment", **plain).feedback.filter(recent, pl.col("sentiment") == "negative")
        yield Trait("negative", "feedback", words["churn_trait_negative"]), _among(wrote, said[KEY])
    if "aspects" in registry.annotators:
        aspects = lab.annotate("aspects")
        names = {label.id: label.text for label in aspects.annotator.scheme or ()}
        told = aspects.feedback.filter(recent).explode("aspects", empty_as_null=True)
        for aspect in _frequent(told["aspects"]):
            text = say("churn_trait_aspect", value=names.get(aspect, Text(aspect, aspect)))
            with_it = told.filter(pl.col("aspects") == aspect)
            yield Trait(f"aspect:{aspect}", "feedback", text), _among(wrote, with_it[KEY])


def _among(customers: pl.DataFrame, named: pl.Series) -> pl.DataFrame:
    """Say of each customer whether they are named."""
    return customers.select(KEY, pl.col(KEY).is_in(named.drop_nulls().implode()).alias("named"))


def _frequent(values: pl.Series) -> list[str]:
    """Return the most frequent values, ties in their own order."""
    name = values.name
    counts = values.drop_nulls().value_counts(name="n").sort(["n", name], descending=[True, False])
    return counts[name].head(CLASSES).to_list()


def _written(value: float, measure: Measure, currency: str) -> Text:
    if measure.unit == "currency":
        return money(value, currency)
    written = (
        percent(value, 0) if measure.unit == "share" else decimal(value, 0 if value == int(value) else 1)
    )
    return Text(written, written)
