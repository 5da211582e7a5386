"""Pairs of records that share a key, scored by what else speaks for and against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from crmlab.data.identity.clusters import PAIR_SCHEMA
from crmlab.data.identity.companies import company_place
from crmlab.data.identity.keys import KEYS, LARGEST_GROUP, is_placeholder, matching_keys, shared_keys
from crmlab.data.validators import birth_date_of, credit_code_of, identity_number_of, plain

SAME_NAME = 0.5
"""Equal names leave this share of the doubt that the shared keys leave."""
OTHER_NAME = 0.8
"""Different names lower a score to this share: families share a telephone."""
CONTRADICTION = 0.5
"""Values that one customer has only once, and that differ, lower a score to this share."""


@dataclass(frozen=True)
class Matches:
    """Pairs that matchers found, and keys too frequent to be used.

    ``pairs`` has the columns of ``clusters.PAIR_SCHEMA``: left and right (record ids), evidence (codes
    of what is shared, ``evidence_text`` says them in words), score (0–1). ``too_frequent`` has key_kind,
    records and masked_value.
    """

    pairs: pl.DataFrame
    too_frequent: pl.DataFrame


def find_matches(
    customers: pl.DataFrame, keys: Sequence[str] = tuple(KEYS), largest_group: int = LARGEST_GROUP
) -> Matches:
    """Find the pairs of ``customers`` that share a key of the kinds ``keys``.

    Several shared keys add up as independent evidence: 1 - Π(1 - strength). Raises ParamsError for an
    unknown kind of key and DataError where customer_id is missing or repeated.
    """
    found = matching_keys(customers, keys)
    used, too_frequent = shared_keys(found, largest_group)
    strengths = {kind: key.strength for kind, key in KEYS.items()}
    doubt = 1 - pl.col("key_kind").replace_strict(strengths, return_dtype=pl.Float64)
    pairs = (
        used.lazy()
        .join(used.lazy(), on=["key_kind", "key_value"], suffix="_right")
        .filter(pl.col("record_id") < pl.col("record_id_right"))
        .select("key_kind", left="record_id", right="record_id_right")
        .unique()
        .sort("left", "right", "key_kind")
        .group_by("left", "right", maintain_order=True)
        .agg(evidence=pl.col("key_kind").cast(pl.String), doubt=doubt.product())
        .collect()
    )
    return Matches(_scored(pairs, customers), too_frequent)


def _scored(pairs: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    """Weigh names and values that a customer has only once."""
    paired = pl.concat([pairs["left"], pairs["right"]]).unique()
    facts = customers.filter(pl.col("customer_id").is_in(paired.implode()))
    facts = facts.select("customer_id", **names_and_facts(customers))
    sides = pairs
    for end in ("left", "right"):
        named = facts.rename({name: f"{name}_{end}" for name in facts.columns if name != "customer_id"})
        sides = sides.join(named, left_on=end, right_on="customer_id", how="left", maintain_order="left")
    # A comparison with null is null, so each is true only where both sides have the value.
    differs = [
        pl.col(f"{fact}_left") != pl.col(f"{fact}_right") for fact in facts.columns[1:] if fact != "name"
    ]
    same_name = (
        (pl.col("name_left") == pl.col("name_right")) if "name" in facts.columns else pl.lit(None, pl.Boolean)
    )
    doubt = pl.when(same_name).then(pl.col("doubt") * SAME_NAME).otherwise("doubt")
    score = (1 - doubt) * pl.when(~same_name).then(OTHER_NAME).otherwise(1.0)
    contradicted = pl.any_horizontal(*differs, pl.lit(value=False)).fill_null(value=False)
    score = score * pl.when(contradicted).then(CONTRADICTION).otherwise(1.0)
    name = pl.when(same_name).then(pl.lit(["name"])).otherwise(pl.lit([], pl.List(pl.String)))
    return sides.select(
        "left", "right", pl.concat_list("evidence", name).alias("evidence"), score=score.round(6)
    ).cast(PAIR_SCHEMA)


def names_and_facts(customers: pl.DataFrame) -> dict[str, pl.Expr]:
    """Give what supports or contradicts a match, as far as the columns are there: ``name``, and facts.

    A fact is what one customer has only once: identity number, credit code, place of the firm, birth date.
    """
    has = {name for name, kind in customers.schema.items() if kind == pl.String}
    facts: dict[str, pl.Expr] = {}
    if "name" in has:
        name = plain(pl.col("name")).str.to_lowercase().str.replace_all(" ", "")
        facts["name"] = pl.when(~is_placeholder(name)).then(name)
    if "identity_number" in has:
        facts["identity_number"] = identity_number_of(pl.col("identity_number"))
    if "credit_code" in has:
        facts["credit_code"] = credit_code_of(pl.col("credit_code"))
    if "company" in has:
        facts["place"] = company_place(pl.col("company"))
    born = [pl.col("birth_date")] if customers.schema.get("birth_date") == pl.Date else []
    if "identity_number" in has:
        born.append(birth_date_of(pl.col("identity_number")))
    if born:
        facts["birth_date"] = pl.coalesce(born)
    return facts
