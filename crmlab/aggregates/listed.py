"""The columns of few values of a store: how often each value comes, and the layout that follows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from crmlab.aggregates.dealing import FEW_VALUES
from crmlab.aggregates.layout import Layout


def counted(
    values: Mapping[str, Mapping[str, int]], more: Iterable[pl.DataFrame], less: Iterable[pl.DataFrame]
) -> dict[str, Any]:
    """Count the values of rows in, of others out; a column with too many of them is no longer listed."""
    found = {name: Counter(counts) for name, counts in values.items()}
    for tables, count in ((more, Counter.update), (less, Counter.subtract)):
        for rows in tables:
            for name in found.keys() & set(rows.columns):
                count(found[name], dict(rows[name].drop_nulls().value_counts().iter_rows()))
    return {
        name: dict(sorted(((+counts).items()), key=lambda pair: (-pair[1], pair[0])))
        for name, counts in found.items()
        if len(counts) <= FEW_VALUES
    }


def extended(
    layout: Layout, before: Mapping[str, Mapping[str, int]], values: Mapping[str, Iterable[str]]
) -> Layout:
    """Put values that are new at the end, where they move no column; drop a column that is not listed.

    A layout that has none of the values that were there ``before`` was chosen to have none.
    """

    def longer(known: tuple[str, ...], name: str) -> tuple[str, ...]:
        if name not in values or (not known and before[name]):
            return ()
        return (*known, *sorted(set(values[name]) - set(known)))

    return replace(
        layout,
        channels=longer(layout.channels, "channel"),
        categories=longer(layout.categories, layout.category_column),
    )
