"""Which record's value survives when several records become one customer, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from crmlab.data.identity.keys import comparable
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Text

Rule = Literal["newest", "most_complete", "trusted_source", "longest", "smallest", "largest"]

RULES: dict[str, Text] = {
    "newest": Text("最近更新的记录", "the record updated last"),
    "most_complete": Text("填写最完整的记录", "the record with most fields filled"),
    "trusted_source": Text("最可信的来源", "the most trusted source"),
    "longest": Text("最长的内容", "the longest text"),
    "smallest": Text("最小或最早的值", "the smallest or earliest value"),
    "largest": Text("最大或最晚的值", "the largest or latest value"),
}

OWN_RULES: dict[str, Rule] = {
    "registered_on": "smallest",
    "updated_at": "largest",
    "last_contact_at": "largest",
    "marketing_consent": "smallest",
}
"""Fields whose meaning settles the rule: a customer since the first registration, and of two
answers to marketing a refusal stands."""

TOGETHER: dict[tuple[str, ...], tuple[str, ...]] = {
    ("province", "city", "district", "home_address"): ("postcode",),
    ("company", "credit_code"): ("company_founded_on", "company_address", "industry"),
}
"""Fields that say where somebody lives, or which firm it is, and fields that go with them: they come from
one record, and what it leaves empty only from records that say the same. A city of one record and a
street of another are an address that nobody has."""
_OF_RECORDS = ("newest", "most_complete", "trusted_source")
_LEVEL = r"(?:特别行政区|维吾尔自治区|壮族自治区|回族自治区|自治区|省|市|区|县)$"

_OF_THE_RECORD = ("source", "updated_at", "last_contact_at")
"""What describes a record rather than the customer; a difference is no contradiction."""


@dataclass(frozen=True)
class Survivorship:
    """The rules: one for all fields, others for single fields, and the sources, the most trusted first.

    A value that is missing never survives one that is there, unless that would mix two addresses or firms
    (``TOGETHER``). Where a rule sees no difference, the record updated last wins, then the most complete
    one, then the one with the smallest id.
    """

    default: Rule = "newest"
    fields: Mapping[str, Rule] = field(default_factory=dict)
    trusted_sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for rule in (self.default, *self.fields.values()):
            if rule not in RULES:
                raise ParamsError(
                    f"{rule!r} is no rule of survivorship.{did_you_mean(rule, RULES)} "
                    f"Rules: {', '.join(RULES)}."
                )
            if rule == "trusted_source" and not self.trusted_sources:
                raise ParamsError(
                    "The rule 'trusted_source' needs `trusted_sources`: the names in the column `source`, "
                    "the most trusted first."
                )

    def rule(self, column: str) -> Rule:
        """Return the rule of one field."""
        return self.fields.get(column, OWN_RULES.get(column, self.default))


@dataclass(frozen=True)
class Survivors:
    """One row per customer, and where each value comes from.

    ``provenance`` has a row per customer and field with a value: customer_id, field, record_id, rule.
    ``conflicts`` has a row per customer and field in which records contradict each other: customer_id,
    field, record_id (the one kept), rule, kept, others (list of the other values, as text); record_id
    and kept are null where the only values belong to another address or firm than the one kept.
    """

    customers: pl.DataFrame
    provenance: pl.DataFrame
    conflicts: pl.DataFrame


def survive(records: pl.DataFrame, rules: Survivorship, *, whole: bool = True) -> Survivors:
    """Merge ``records``, which have ``record_id`` and the ``customer_id`` that each belongs to.

    ``whole`` says that a record describes all of a customer; without it, a field that is empty was not
    changed, and fields that belong together are kept all the same.
    Raises ParamsError where a rule names a column that the records lack.
    """
    columns = [name for name in records.columns if name not in ("customer_id", "record_id")]
    for name in rules.fields:
        if name not in columns:
            raise ParamsError(
                f"A survivorship rule names the field {name!r}, which the customers lack."
                f"{did_you_mean(name, columns)} They have: {', '.join(columns)}."
            )
    ranked = records.with_columns(
        filled_=pl.sum_horizontal(pl.lit(0), *(pl.col(name).is_not_null() for name in columns)),
        age_=_age(records),
        trust_=_distrust(records, rules.trusted_sources),
    )
    for anchors, others in TOGETHER.items() if whole else ():
        ranked = _of_one_record(ranked, anchors, others, rules)
    customers = records.select(pl.col("customer_id").unique().sort())
    origins = [
        customers.clear().select(
            "customer_id", field="customer_id", record_id="customer_id", rule="customer_id"
        )
    ]
    disputes = []
    for name in columns:
        rule = rules.rule(name)
        kept = _winners(ranked, name, rule)
        values = kept.select("customer_id", name)
        customers = customers.join(values, on="customer_id", how="left", maintain_order="left")
        label = kept.select(
            "customer_id", pl.lit(name).alias("field"), "record_id", pl.lit(rule).alias("rule")
        )
        origins.append(label)
        if name not in _OF_THE_RECORD:
            disputes.append(_disputes(records, label, name, rule))
    conflicts = pl.concat(disputes) if disputes else _no_conflicts()
    return Survivors(
        customers.select(*(name for name in records.columns if name != "record_id")),
        pl.concat(origins).sort("customer_id", "field"),
        conflicts.sort("customer_id", "field"),
    )


def _of_one_record(
    ranked: pl.DataFrame, anchors: tuple[str, ...], others: tuple[str, ...], rules: Survivorship
) -> pl.DataFrame:
    """Empty fields that belong together in records that differ from the customer's winning one.

    Fields with a rule of their own, and rules that look at values, choose field by field.
    """
    there = [name for name in (*anchors, *others) if name in ranked.columns and name not in rules.fields]
    compared = [name for name in anchors if name in there]
    if not compared or rules.default not in _OF_RECORDS:
        return ranked
    filled = ranked.filter(pl.any_horizontal(pl.col(there).is_not_null()))
    winners = filled.with_columns(first_=_rank(rules.default)).sort(_ORDER)
    winners = winners.unique("customer_id", keep="first", maintain_order=True)
    same = [comparable(name).str.replace(_LEVEL, "").alias(f"{name} compared") for name in compared]
    both = ranked.select("customer_id", *same).join(
        winners.select("customer_id", *same), on="customer_id", how="left", maintain_order="left"
    )
    differ = pl.any_horizontal(
        pl.col(f"{name} compared") != pl.col(f"{name} compared_right") for name in compared
    )
    strange = both.select(differ.fill_null(value=False)).to_series()
    return ranked.with_columns(pl.when(~strange).then(pl.col(name)).alias(name) for name in there)


_ORDER = ["customer_id", "first_", "age_", -pl.col("filled_").cast(pl.Int64), "record_id"]


def _rank(rule: Rule, value: pl.Expr | None = None) -> pl.Expr:
    """Return what a rule sorts by, the best first; rules about values look at ``value``."""
    value = pl.lit(None) if value is None else value
    return {
        "newest": pl.col("age_"),
        "most_complete": -pl.col("filled_").cast(pl.Int64),
        "trusted_source": pl.col("trust_"),
        "longest": -value.cast(pl.String).str.len_chars().cast(pl.Int64),
        "smallest": value.rank("dense").cast(pl.Int64),
        "largest": -value.rank("dense").cast(pl.Int64),
    }[rule]


def _age(records: pl.DataFrame) -> pl.Expr:
    """Order by time of update, the newest first; a record without one is older than all."""
    if "updated_at" not in records.columns:
        return pl.lit(0)
    return -pl.col("updated_at").rank("dense").cast(pl.Int64).fill_null(0)


def _distrust(records: pl.DataFrame, sources: tuple[str, ...]) -> pl.Expr:
    if "source" not in records.columns:
        return pl.lit(0)
    places = {source: place for place, source in enumerate(sources)}
    return pl.col("source").replace_strict(places, default=len(sources), return_dtype=pl.Int64)


def _winners(ranked: pl.DataFrame, name: str, rule: Rule) -> pl.DataFrame:
    """Return the winning row of each customer for one field."""
    there = ranked.drop_nulls(name).with_columns(first_=_rank(rule, pl.col(name)))
    return there.sort(_ORDER).unique("customer_id", keep="first", maintain_order=True)


def _disputes(records: pl.DataFrame, kept: pl.DataFrame, name: str, rule: Rule) -> pl.DataFrame:
    """Find values that differ from the kept one in more than the way in which they are typed."""
    text = pl.col(name).cast(pl.String)
    values = records.select("customer_id", "record_id", value=text, same=comparable(name)).drop_nulls()
    chosen = kept.join(values, on=["customer_id", "record_id"], how="left", maintain_order="left")
    others = (
        values.join(chosen.select("customer_id", kept="same"), on="customer_id", how="left")
        .filter(pl.col("same").ne_missing(pl.col("kept")))
        .group_by("customer_id", maintain_order=True)
        .agg(others=pl.col("value").unique().sort())
    )
    joined = others.join(chosen.rename({"value": "kept"}), on="customer_id", how="left")
    return joined.select(
        "customer_id", pl.lit(name).alias("field"), "record_id", pl.lit(rule).alias("rule"), "kept", "others"
    )


def _no_conflicts() -> pl.DataFrame:
    names = ("customer_id", "field", "record_id", "rule", "kept")
    return pl.DataFrame(schema=[*((name, pl.String()) for name in names), ("others", pl.List(pl.String))])
