"""What a customer is keen on: categories bought beyond their share, and interests they named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import narwhals as nw
import polars as pl

from crmlab.engines import by_batches, by_customers
from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import KEY, known_by, nobody, optional

if TYPE_CHECKING:
    from crmlab.engines import Schema
    from crmlab_plugins.features.rows import Columns

ENTRY = {
    "interest": pl.String,
    "observed": pl.Float64,
    "expected": pl.Float64,
    "stated": pl.Boolean,
}
"""One interest of a customer; its affinity index is observed over expected, both with the prior in."""


class InterestAffinity(Feature):
    """The interests of each customer with their affinity index, strongest first, as one list.

    The index compares a customer's lines of a category with what the shares of all customers would
    give (the target group index TGI, over 100), shrunk as a Gamma-Poisson ratio (DuMouchel 1999,
    "Bayesian data mining in large frequency tables", The American Statistician 53:177–190):
    (lines + ``prior_lines``) / (expected lines + ``prior_lines``), so that few lines stay near 1.

    An interest that the customer named (``interests`` of the customers table, split at commas,
    semicolons, slashes and spaces) counts as ``stated_lines`` lines, expected in the share of all
    names given; where a category has that name, both add up. Names of more than ``longest_name``
    characters are remarks, and names or categories that fewer than ``min_customers`` customers share
    are left out: they could tell who it is. At most ``most`` interests per customer are kept.
    """

    title: ClassVar[Text] = Text("兴趣指数", "Interest affinity")
    optional_tables: ClassVar[tuple[str, ...]] = ("order_lines", "orders", "customers")
    produces: ClassVar[tuple[str, ...]] = ("interest_affinities",)
    measures: ClassVar[Mapping[str, Measure]] = {
        "interest_affinities": Measure("兴趣及其偏好指数", "interests with their affinity", "text"),
    }

    prior_lines: float = 5.0
    stated_lines: float = 5.0
    min_customers: int = 5
    longest_name: int = 12
    most: int = 10

    def _check_params(self) -> None:
        low = {"prior_lines": self.prior_lines, "stated_lines": self.stated_lines}
        problems = [
            f"{name} is {value:g}; it must be above 0." for name, value in low.items() if not value > 0
        ]
        whole = {"min_customers": self.min_customers, "longest_name": self.longest_name, "most": self.most}
        problems += [
            f"{name} is {value}; it must be 1 or more." for name, value in whole.items() if value < 1
        ]
        if problems:
            raise ParamsError(" ".join(problems))

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for everybody who bought in a category or named an interest."""
        today = day_number(as_of)
        sources = []
        if {"orders", "order_lines"} <= set(tables):
            sources.append(_bought(tables, today))
        if "customers" in tables:
            sources.append(self._named(tables["customers"], today))
        if not sources:
            empty: Columns = {KEY: nw.String, "interest": nw.String, **dict.fromkeys(_COUNTS, nw.Int64)}
            return by_customers(nobody(next(iter(tables.values())), empty), self._listed, _LISTED)
        counts = nw.concat(sources).group_by(KEY, "interest").agg(_sums("bought", "named"))
        # Counted by the key, so that polars sees one table of counts in both of its uses.
        held = nw.col(KEY).count().cast(nw.Int64)
        interests = (
            counts.group_by("interest")
            .agg(_sums("bought", "named", suffix="_interest"), held=held)
            .with_columns(everyone=nw.lit(1, nw.Int64))
        )
        known = interests.with_columns(
            nw.col(f"{name}_interest").sum().over("everyone").cast(nw.Int64).alias(f"{name}_all")
            for name in ("bought", "named")
        )
        rows = counts.join(known, on="interest", how="left").select(KEY, "interest", *_COUNTS)
        return by_customers(rows, self._listed, _LISTED)

    def _named(self, customers: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
        """Return the interests that customers named, each once."""
        given = optional(known_by(customers, today), "interests").select(KEY, "interests")
        names = by_batches(given, self._split, {KEY: pl.String, "interest": pl.String}).unique()
        return names.with_columns(bought=nw.lit(0, nw.Int64), named=nw.lit(1, nw.Int64))

    def _split(self, given: pl.DataFrame) -> pl.DataFrame:
        words = pl.col("interests").cast(pl.String).str.replace_all(_SEPARATORS, "\n").str.split("\n")
        named = given.select(KEY, interest=words).explode("interest")
        named = named.with_columns(pl.col("interest").str.strip_chars().str.to_lowercase())
        return named.filter(pl.col("interest").str.len_chars().is_between(1, self.longest_name))

    def _listed(self, counts: pl.DataFrame) -> pl.DataFrame:
        """Return one row per customer from what he bought and named, and what all customers did.

        One source after the other: shares of lines are of lines, shares of names of names.
        """
        observed, expected = pl.lit(0.0), pl.lit(0.0)
        for name, weight in (("bought", 1.0), ("named", self.stated_lines)):
            lines, everyone = pl.col(name) * weight, pl.col(f"{name}_all") * weight
            # Whole numbers are added, so that the sum depends on no order.
            own = pl.col(name).sum().over(KEY) * weight
            given = own * (pl.col(f"{name}_interest") * weight) * (1 / everyone)
            observed = observed + lines
            expected = expected + pl.when(pl.col(name) > 0).then(given).otherwise(0.0)
        told = counts.select(
            *(KEY, "interest", "held"),
            observed=observed + self.prior_lines,
            expected=expected + self.prior_lines,
            stated=pl.col("named") > 0,
        )
        ordered = told.sort(pl.col(KEY), -pl.col("observed") / pl.col("expected"), "interest")
        shared = pl.struct(list(ENTRY)).filter(pl.col("held") >= self.min_customers)
        return ordered.group_by(KEY, maintain_order=True).agg(interest_affinities=shared.head(self.most))


_SEPARATORS = r"[、,，;；/／|｜\s]+"
_COUNTS = (
    *("bought", "named", "bought_interest", "named_interest"),
    *("bought_all", "named_all", "held"),
)
_LISTED: Schema = {
    KEY: pl.String,
    "interest_affinities": pl.List(pl.Struct(ENTRY)),
}


def _bought(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> nw.LazyFrame[Any]:
    """Return the category of each line of a paid order, and who bought it."""
    paid = known_by(tables["orders"], today).filter(nw.col("amount_hundredths") > 0).select("order_id", KEY)
    lines = tables["order_lines"].filter(nw.col("amount_hundredths") > 0, ~nw.col("category").is_null())
    told = lines.select("order_id", interest=nw.col("category").cast(nw.String))
    bought = told.join(paid, on="order_id", how="inner").select(KEY, "interest")
    return bought.with_columns(bought=nw.lit(1, nw.Int64), named=nw.lit(0, nw.Int64))


def _sums(*names: str, suffix: str = "") -> list[nw.Expr]:
    return [nw.col(name).sum().cast(nw.Int64).alias(name + suffix) for name in names]
