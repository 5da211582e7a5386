"""How much of every column is filled, and how complete customers' profiles are."""

from __future__ import annotations

import polars as pl

from crmlab.data.quality.facts import Facts
from crmlab.data.quality.profile import PROFILE, filled, profile_score
from crmlab.data.schemas import columns
from crmlab.intervals import wilson


def by_column(facts: Facts) -> pl.DataFrame:
    """Return one row per canonical column that a source delivered and that may be empty.

    ``table``, ``column``, ``rows``, ``filled``, ``share``, ``low``, ``high`` (Wilson).
    """
    rows = []
    for table in facts.store:
        if facts.cleaned(table) is None:
            continue
        frame = facts.table(table)
        there = [column for column in columns(table) if column.nullable and facts.has(table, column.column)]
        if not there:
            continue
        schema = frame.schema
        counts = (
            frame.lazy()
            .select(
                filled(column.column, schema[column.column]).sum().alias(column.column) for column in there
            )
            .collect()
            .row(0, named=True)
        )
        for column in there:
            n, have = frame.height, counts[column.column] or 0
            rows.append((table, column.column, n, have, have / n if n else None, *_bounds(have, n)))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def of_profiles(facts: Facts) -> pl.DataFrame:
    """Return one row per part of a customer's profile that the table has columns for.

    ``part``, ``customers``, ``filled``, ``share``, ``low``, ``high``. Empty without customers.
    """
    rows = []
    if facts.has("customers"):
        customers = facts.table("customers")
        for part, (_, names) in PROFILE.items():
            there = [name for name in names if name in customers.columns]
            if there:
                has = pl.any_horizontal(filled(name, customers.schema[name]) for name in there)
                n, have = customers.height, int(customers.select(has.sum()).item() or 0)
                rows.append((part, n, have, have / n if n else None, *_bounds(have, n)))
    return pl.DataFrame(rows, schema=_PARTS, orient="row")


def mean_profile(facts: Facts) -> float | None:
    """Return the mean share of profile parts that customers have; None where that cannot be said."""
    if not facts.has("customers") or not facts.table("customers").height:
        return None
    score = profile_score(facts.table("customers"))
    return None if score is None else float(facts.table("customers").select(score.mean()).item())


def _bounds(have: int, n: int) -> tuple[float | None, float | None]:
    return tuple(wilson(have, n)) if n else (None, None)  # type: ignore[return-value]


_SCHEMA = {
    "table": pl.String,
    "column": pl.String,
    "rows": pl.Int64,
    "filled": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_PARTS = {
    "part": pl.String,
    "customers": pl.Int64,
    "filled": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
