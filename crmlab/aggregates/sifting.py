"""Which orders of an append are new to a bucket, and which of the store they contradict."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from crmlab.aggregates import kept, order_numbers
from crmlab.aggregates.hashing import hashes
from crmlab.aggregates.order_numbers import CONTRADICTION, Hashes
from crmlab.aggregates.sorting import without_repeats
from crmlab.aggregates.store import Store


class Sifted(NamedTuple):
    """The rows of a bucket: new ones, with the hashes of their numbers, and those that are rejected.

    The rejected came ``again`` in the same append, are ``known`` already, or are ``differing`` from what is
    there, or was; what is there of them is ``withdrawn``.
    """

    bucket: int
    rows: pl.DataFrame
    numbers: Hashes
    again: pl.DataFrame
    known: pl.DataFrame
    differing: pl.DataFrame
    withdrawn: pl.DataFrame


def sift(
    store: Store, bucket: int, given: pl.DataFrame, contradicting: pl.Series, forbidden: Hashes
) -> Sifted:
    """Sort the rows of a bucket into new ones and others, and find what they contradict.

    ``contradicting`` are numbers that are known to have several contents today, ``forbidden`` the sorted
    hashes of those that had before.
    """
    rows, again = without_repeats(given)
    suspects = pl.concat([contradicting, order_numbers.contradicting(again)]).unique()
    asked = pl.concat([rows["order_id"], suspects])
    indexes = [order_numbers.load(path) for path in kept.indexes(store, bucket)]
    there = asked.filter(pl.Series(order_numbers.found(hashes(asked), indexes)))
    stored = kept.rows_of(store, bucket).filter(pl.col("order_id").is_in(there.implode()))
    held = stored.collect() if len(there) else stored.collect_schema().to_frame()
    numbers = hashes(rows["order_id"])
    known = rows["order_id"].is_in(held["order_id"].implode())
    equal = _is_among(rows, held) & known
    gone = pl.Series(order_numbers.found(numbers, [forbidden])) & ~known
    differing = rows.filter(known & ~equal)
    contradicted = pl.concat([suspects, differing["order_id"]]).implode()
    fresh = ~(known | gone)
    return Sifted(
        bucket,
        rows=rows.filter(fresh),
        numbers=numbers[fresh.to_numpy()],
        again=again,
        known=_because(rows.filter(equal), "exact_duplicate"),
        differing=_because(pl.concat([differing, rows.filter(gone)]), CONTRADICTION),
        withdrawn=_because(held.filter(pl.col("order_id").is_in(contradicted)), CONTRADICTION),
    )


def _because(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    return rows.select(pl.lit(reason).alias("reason"), pl.all())


def _is_among(rows: pl.DataFrame, held: pl.DataFrame) -> pl.Series:
    """Say which rows equal one of ``held`` in every column; one that is absent holds nothing."""
    both = pl.concat([rows.with_row_index("at"), held], how="diagonal")
    mine, theirs = both.head(rows.height), both.tail(held.height).drop("at")
    found = mine.join(theirs, on=theirs.columns, how="semi", nulls_equal=True)["at"]
    return pl.Series(np.isin(np.arange(rows.height), found.to_numpy()))
