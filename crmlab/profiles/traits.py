"""What can be said of customers beside what they spend: who they are, what, where and when they buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.data.schemas import columns, sensitivity_of
from crmlab.data.suppression import merged_values
from crmlab.errors import MissingFeaturesError, ParamsError
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view.texts import texts

if TYPE_CHECKING:
    from crmlab.lab import Lab

MOST_TRAITS = 12
"""Values of one attribute that are told apart; rarer ones are put together."""
OTHER = "other"

HOURS = 3
"""Hours of a block in the rhythm of a week."""
_PARTS = {"night": (0, 6), "morning": (6, 11), "noon": (11, 14), "afternoon": (14, 18), "evening": (18, 24)}
"""Times of day: id → the first hour and the one after the last."""
_AGES = (18, 25, 35, 45, 55, 65)
"""Lower ends of the age bands, as statistics offices draw them for adults."""
_WORDS = {"f": "女", "female": "女", "m": "男", "male": "男", "女性": "女", "男性": "男"}
_GENDERS = {"女": Text("女", "Female"), "男": Text("男", "Male")}
_TIERS = {
    "first": Text("一线城市", "First tier"),
    "new_first": Text("新一线城市", "New first tier"),
    "second": Text("二线城市", "Second tier"),
    "third_or_below": Text("三线及以下城市", "Third tier and below"),
    "outside": Text("港澳台", "Hong Kong, Macao, Taiwan"),
    "abroad": Text("境外", "Abroad"),
}
"""What the ids of the feature ``city_tier`` are called; other values stand for themselves."""
_NAMES = {"gender": _GENDERS, "city_tier": _TIERS}
_ATTRIBUTES = {
    "gender": ("gender",),
    "age": ("age_years", "birth_date", "age"),
    "education": ("education",),
    "city_tier": ("city_tier",),
    "province": ("province",),
    "source": ("source",),
    "customer_type": ("customer_type",),
    "industry": ("industry",),
}
"""Trait of customers → the columns that tell it, the best first."""


@dataclass(frozen=True)
class Dimension:
    """One kind of trait with how much of it each customer has.

    ``amounts`` has ``customer_id``, ``trait`` and ``x`` (Int64, positive): 1 for an attribute, the
    number of orders for a habit. ``bases`` has ``customer_id`` and ``m``: what the amounts of a
    customer are a part of. ``exclusive`` says that a customer has one trait only.
    """

    id: str
    text: Text
    amounts: pl.DataFrame
    bases: pl.DataFrame
    exclusive: bool
    names: Mapping[str, Text] = field(default_factory=dict)

    @property
    def traits(self) -> list[str]:
        """The traits in the order to show them: as named, else the most frequent first."""
        sizes = self.amounts.group_by("trait").agg(pl.col("x").sum())
        found = sizes.sort("x", "trait", descending=[True, False])["trait"].to_list()
        given = [name for name in self.names if name in found and name != OTHER]
        rest = [name for name in found if name not in given and name != OTHER]
        return [*given, *rest, *([OTHER] if OTHER in found else [])]

    def name(self, trait: str) -> Text:
        """Return what readers call a trait."""
        return self.names.get(trait, Text(trait, trait))


def dimensions(lab: Lab, as_of: date, extra: Sequence[str] = ()) -> list[Dimension]:
    """Return every kind of trait that the data knows, up to a day; ``extra`` names further attributes.

    Raises ParamsError for an extra column that tells of a person (names, contacts, codes, birth dates,
    free text) or holds amounts, and MissingFeaturesError for one that does not exist or is sensitive.
    """
    found = [_attribute(lab, name, as_of) for name in _ATTRIBUTES] if "customers" in lab.tables else []
    for name in extra:
        if name in _OF_PERSONS:
            raise ParamsError(
                f"{name} tells of single persons ({_OF_PERSONS[name]}), so it is no trait of a group. "
                "Name columns with few values, such as education."
            )
        values = lab.features(name, as_of=as_of)
        if values.schema[name].is_float() or values.schema[name].is_temporal():
            raise ParamsError(
                f"{name} holds amounts or days, not traits. Name columns with few values, such as education."
            )
        found.append(_values(lab, name, lab.measure(name).text, values, {}))
    if "orders" in lab.tables:
        orders = _orders(lab, as_of)
        found += [_categories(lab, orders), _order_channels(lab, orders), *times(lab, orders)[:2]]
    if "interactions" in lab.tables:
        found.append(_interaction_channels(lab, as_of))
    return [each for each in found if each is not None and each.amounts["trait"].n_unique() > 1]


def rhythm(lab: Lab, as_of: date) -> Dimension | None:
    """Return weekday and block of hours of orders, as ``"0 9"``; None where orders have no times."""
    made = times(lab, _orders(lab, as_of)) if "orders" in lab.tables else []
    return made[2] if len(made) > 2 else None


def times(lab: Lab, orders: pl.DataFrame) -> list[Dimension]:
    """Return day of week, time of day and both together of orders, in the study's time zone.

    Orders at midnight sharp are dates without a time: they have a day of week only. Where no more than
    one in ten has a time, nothing is said of times.
    """
    words = texts()
    local = orders.with_columns(at=pl.col("ordered_at").dt.convert_time_zone(lab.study.timezone))
    local = local.with_columns(
        weekday=(pl.col("at").dt.weekday().cast(pl.Int64) - 1), hour=pl.col("at").dt.hour().cast(pl.Int64)
    )
    days = {str(number): words[f"weekday_{number}"] for number in range(7)}
    weekday = _habit("weekday", words["trait_weekday"], local, pl.col("weekday").cast(pl.String), days)
    timed = local.filter(pl.col("at").dt.time() != pl.time(0, 0, 0))
    if timed.height <= 0.1 * local.height:
        return [weekday]
    part = pl.lit(None, pl.String)
    for name, (first, end) in _PARTS.items():
        part = pl.when(pl.col("hour").is_between(first, end - 1)).then(pl.lit(name)).otherwise(part)
    daypart = _habit(
        "daypart", words["trait_daypart"], timed, part, {name: words[f"daypart_{name}"] for name in _PARTS}
    )
    block = pl.format("{} {}", "weekday", pl.col("hour") // HOURS * HOURS)
    return [weekday, daypart, _habit("rhythm", words["trait_rhythm"], timed, block, {})]


def _orders(lab: Lab, as_of: date) -> pl.DataFrame:
    """Return the paid orders up to a day."""
    return lab.tables["orders"].filter(pl.col("day") <= day_number(as_of), pl.col("amount_hundredths") > 0)


def _attribute(lab: Lab, name: str, as_of: date) -> Dimension | None:
    for column in _ATTRIBUTES[name]:
        try:
            values = lab.features(column, as_of=as_of)
        except MissingFeaturesError:
            continue
        text = texts()[f"trait_{name}"]
        if name == "age" and column != "age":
            return _ages(text, values.rename({column: "value"}), as_of)
        if name == "gender":
            told = pl.col(column).str.strip_chars().str.to_lowercase()
            values = values.with_columns(told.replace(_WORDS).alias(column))
        return _values(lab, column, text, values, _NAMES.get(name, {}), name)
    return None


def _ages(text: Text, values: pl.DataFrame, as_of: date) -> Dimension | None:
    """Return the band of each customer's age in full years on the day."""
    value = pl.col("value")
    if values.schema["value"] == pl.Date:
        turned = (
            pl.lit(as_of.month * 100 + as_of.day) >= value.dt.month().cast(pl.Int64) * 100 + value.dt.day()
        )
        value = as_of.year - value.dt.year() - pl.when(turned).then(0).otherwise(1)
    years = values.select("customer_id", value=value.cast(pl.Int64)).filter(
        pl.col("value").is_between(0, 120)
    )
    ends = [*_AGES[1:], None]
    names = {"0": Text(f"{_AGES[0]} 岁以下", f"Under {_AGES[0]}")}
    for low, end in zip(_AGES, ends, strict=True):
        names[str(low)] = (
            Text(f"{low}–{end - 1} 岁", f"{low}–{end - 1}") if end else Text(f"{low} 岁以上", f"{low}+")
        )
    band = pl.lit("0")
    for low in _AGES:
        band = pl.when(pl.col("value") >= low).then(pl.lit(str(low))).otherwise(band)
    return _exclusive("age", text, years.select("customer_id", trait=band), names)


def _values(
    lab: Lab,
    column: str,
    text: Text,
    values: pl.DataFrame,
    names: Mapping[str, Text],
    name: str | None = None,
) -> Dimension | None:
    """Return the values of an attribute, contacts in them masked, rare ones put together."""
    known = values.select("customer_id", trait=pl.col(column).cast(pl.String).str.strip_chars()).filter(
        pl.col("trait").str.len_chars() > 0
    )
    if known.is_empty():
        return None
    known = known.with_columns(mask_text(known["trait"]))
    counts = known.group_by("trait").len().sort("len", "trait", descending=[True, False])
    kept = counts["trait"].head(MOST_TRAITS).to_list()
    gathered = pl.when(pl.col("trait").is_in(kept)).then("trait").otherwise(pl.lit(OTHER)).alias("trait")
    known = known.with_columns(gathered)
    smallest = lab.study.privacy.smallest_group
    known = known.with_columns(merged_values(known["trait"], smallest, OTHER))
    return _exclusive(name or column, text, known, {**names, OTHER: texts()["alluvial_other"]})


def _exclusive(name: str, text: Text, traits: pl.DataFrame, names: Mapping[str, Text]) -> Dimension:
    amounts = traits.with_columns(x=pl.lit(1, pl.Int64))
    return Dimension(name, text, amounts, traits.select("customer_id", m=pl.lit(1, pl.Int64)), True, names)


def _habit(
    name: str, text: Text, events: pl.DataFrame, trait: pl.Expr, names: Mapping[str, Text]
) -> Dimension:
    """Count the events of each customer by trait; events without one do not count."""
    told = events.select("customer_id", trait=trait).drop_nulls()
    amounts = (
        told.group_by("customer_id", "trait").agg(x=pl.len().cast(pl.Int64)).sort("customer_id", "trait")
    )
    bases = told.group_by("customer_id").agg(m=pl.len().cast(pl.Int64)).sort("customer_id")
    return Dimension(name, text, amounts, bases, False, names)


def _categories(lab: Lab, orders: pl.DataFrame) -> Dimension | None:
    """Count the orders with something of a category in them, of all orders with a known category."""
    if "order_lines" not in lab.tables:
        return None
    lines = lab.tables["order_lines"].lazy().select("order_id", trait="category").drop_nulls().unique()
    told = lines.join(orders.lazy().select("order_id", "customer_id"), on="order_id").collect()
    if told.is_empty():
        return None
    bases = (
        told.group_by("customer_id").agg(m=pl.col("order_id").n_unique().cast(pl.Int64)).sort("customer_id")
    )
    amounts = (
        told.group_by("customer_id", "trait").agg(x=pl.len().cast(pl.Int64)).sort("customer_id", "trait")
    )
    smallest = lab.study.privacy.smallest_group
    return Dimension("category", texts()["trait_category"], _masked(amounts, smallest), bases, False)


def _order_channels(lab: Lab, orders: pl.DataFrame) -> Dimension | None:
    if "channel" not in orders.columns:
        return None
    made = _habit("order_channel", texts()["trait_order_channel"], orders, pl.col("channel"), {})
    return Dimension(
        made.id, made.text, _masked(made.amounts, lab.study.privacy.smallest_group), made.bases, False
    )


def _interaction_channels(lab: Lab, as_of: date) -> Dimension | None:
    contacts = lab.tables["interactions"]
    if "channel" not in contacts.columns:
        return None
    local = pl.col("happened_at").dt.convert_time_zone(lab.study.timezone).dt.date()
    made = _habit(
        "interaction_channel",
        texts()["trait_interaction_channel"],
        contacts.filter(local <= as_of),
        pl.col("channel"),
        {},
    )
    return Dimension(
        made.id, made.text, _masked(made.amounts, lab.study.privacy.smallest_group), made.bases, False
    )


def _masked(amounts: pl.DataFrame, smallest: int) -> pl.DataFrame:
    """Mask contacts in names, and leave out all but the most frequent traits of enough customers.

    What only a few customers have may be named after them.
    """
    if amounts.is_empty():
        return amounts
    named = amounts.with_columns(mask_text(amounts["trait"]))
    sizes = named.group_by("trait").agg(pl.col("x").sum(), people=pl.col("customer_id").n_unique())
    common = sizes.filter(pl.col("people") >= smallest).sort("x", "trait", descending=[True, False])
    kept = common["trait"].head(MOST_TRAITS).to_list()
    shown = named.filter(pl.col("trait").is_in(kept)).group_by("customer_id", "trait")
    return shown.agg(pl.col("x").sum()).sort("customer_id", "trait")


_OF_PERSONS = {
    each.column: sensitivity.replace("_", " ")
    for each in columns("customers")
    if (sensitivity := sensitivity_of("customers", each.column)) in ("personal", "code", "free_text")
}
