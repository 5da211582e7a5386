"""What a customer is keen on: categories bought beyond their share, and interests they named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.native import KEY, known_by, native, optional

if TYPE_CHECKING:
    import narwhals as nw

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
        import narwhals as nw

        today = day_number(as_of)
        sources = [
            pl.LazyFrame(
                schema={KEY: pl.String, "interest": pl.String, "lines": pl.Float64, "stated": pl.Boolean}
            )
        ]
        if {"orders", "order_lines"} <= set(tables):
            sources.append(_bought(tables, today))
        if "customers" in tables:
            sources.append(self._named(known_by(tables["customers"], today)))
        # One after the other: shares of lines are of lines, shares of names of names.
        compared = pl.concat([_compared(source) for source in sources])
        added = compared.group_by(KEY, "interest").agg(
            pl.col("lines", "expected").sum(), pl.col("stated").any()
        )
        held = pl.len().over("interest")
        entries = added.filter(held >= self.min_customers).select(
            KEY,
            interest="interest",
            observed=pl.col("lines") + self.prior_lines,
            expected=pl.col("expected") + self.prior_lines,
            stated="stated",
        )
        index = pl.col("observed") / pl.col("expected")
        ordered = entries.sort(pl.col(KEY), -index, "interest")
        listed = ordered.group_by(KEY, maintain_order=True).agg(
            interest_affinities=pl.struct(list(ENTRY)).head(self.most)
        )
        people = compared.select(KEY).unique()
        empty = pl.lit([], pl.List(pl.Struct(ENTRY)))
        joined = people.join(listed, on=KEY, how="left")
        return nw.from_native(joined.with_columns(pl.col("interest_affinities").fill_null(empty)))

    def _named(self, customers: pl.LazyFrame) -> pl.LazyFrame:
        words = pl.col("interests").cast(pl.String).str.replace_all(_SEPARATORS, "\n").str.split("\n")
        named = optional(customers, "interests").select(KEY, interest=words).explode("interest").with_columns(
            pl.col("interest").str.strip_chars().str.to_lowercase()
        )  # fmt: skip
        short = pl.col("interest").str.len_chars().is_between(1, self.longest_name)
        return named.filter(short).unique().select(
            KEY, "interest", lines=pl.lit(self.stated_lines), stated=pl.lit(value=True)
        )  # fmt: skip


_SEPARATORS = r"[、,，;；/／|｜\s]+"


def _bought(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> pl.LazyFrame:
    paid = known_by(tables["orders"], today).filter(pl.col("amount_hundredths") > 0).select("order_id", KEY)
    lines = native(tables["order_lines"]).filter(
        pl.col("amount_hundredths") > 0, pl.col("category").is_not_null()
    )
    counted = (
        lines.select("order_id", interest="category").join(paid, on="order_id").group_by(KEY, "interest")
    )
    return counted.agg(lines=pl.len().cast(pl.Float64)).with_columns(stated=pl.lit(value=False))


def _compared(source: pl.LazyFrame) -> pl.LazyFrame:
    """Add to each count of one source what the shares of all customers would give."""
    lines = pl.col("lines")
    expected = lines.sum().over(KEY) * lines.sum().over("interest") / lines.sum()
    return source.select(KEY, "interest", "lines", "stated", expected=expected)
