"""Carry out accepted merges, and take them back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.exports import whole
from crmlab.data.identity.keys import check_ids, matching_keys
from crmlab.data.identity.proposals import check
from crmlab.data.identity.survivorship import Survivorship, survive
from crmlab.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

IDENTITIES = pl.Schema(
    {
        "record_id": pl.String,
        "source": pl.String,
        "customer_id": pl.String,
        "key_kind": pl.String,
        "key_value": pl.String,
        "score": pl.Float64,
        "since": pl.Date,
    }
)


@dataclass(frozen=True)
class Merged:
    """Customers after accepted merges, and all that is needed to take any of them back.

    - ``customers``: one row per customer, in the order and with the columns of the table before. A merged
      customer has the smallest id of its records, and stands where the first of them stood.
    - ``identities``: one row per record, in the order of the table before: record_id, source,
      customer_id, key_kind, key_value, score, since; the last four are null for a record that was not
      merged. Other tables find their customer through it.
    - ``originals``: the records that were merged, as they were.
    - ``provenance`` and ``conflicts``: see :class:`crmlab.data.identity.survivorship.Survivors`.
    """

    customers: pl.DataFrame
    identities: pl.DataFrame
    originals: pl.DataFrame
    provenance: pl.DataFrame
    conflicts: pl.DataFrame

    def undo(self, customer_ids: Iterable[str] | None = None) -> Merged:
        """Take the merges of these customers back, or all of them.

        The records come back exactly as they were and where they were, whatever has become of the merged
        row since. Raises DataError for an id that is no merged customer.
        """
        merged = self.originals.join(
            self.identities.select("record_id", merged_id="customer_id"),
            left_on="customer_id",
            right_on="record_id",
            maintain_order="left",
        )
        known = set(merged["merged_id"])
        wanted = known if customer_ids is None else set(customer_ids)
        if not wanted <= known:
            raise DataError(
                f"{len(wanted - known):,} of {len(wanted):,} ids to undo are no merged customers. Merged "
                "customers are those whose id stands at several records of the identities table."
            )
        undone = pl.col("customer_id").is_in(list(wanted))
        back = merged.filter(pl.col("merged_id").is_in(list(wanted))).select(self.customers.columns)
        split = [
            pl.when(undone).then(None).otherwise(pl.col(name)).alias(name)
            for name in ("key_kind", "key_value", "score", "since")
        ]
        identities = self.identities.with_columns(
            *split, customer_id=pl.when(undone).then("record_id").otherwise("customer_id")
        )
        return Merged(
            _in_order(pl.concat([self.customers.filter(~undone), back]), identities),
            identities,
            merged.filter(~pl.col("merged_id").is_in(list(wanted))).select(self.originals.columns),
            self.provenance.filter(~undone),
            self.conflicts.filter(~undone),
        )

    def save(self, folder: Path) -> None:
        """Write the five tables as Parquet into a folder; each file is written whole or not at all."""
        save_tables(self, folder)

    @classmethod
    def load(cls, folder: Path) -> Merged:
        """Read what ``save`` wrote; raise DataError where a file is missing or damaged."""
        tables = {}
        for table in fields(cls):
            path = folder / f"{table.name}.parquet"
            try:
                tables[table.name] = pl.read_parquet(path, glob=False)
            except (OSError, pl.exceptions.PolarsError):
                raise DataError(
                    f"{path} is missing or damaged; a folder that `crmlab identity apply` wrote has it."
                ) from None
        return cls(**tables)


def save_tables(tables: DataclassInstance, folder: Path) -> None:
    """Write every field of a dataclass of tables as a Parquet file of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as drafts:  # all are written before one is replaced
        for table in fields(tables):
            draft = drafts.enter_context(whole(folder / f"{table.name}.parquet"))
            getattr(tables, table.name).write_parquet(draft)


def apply(
    customers: pl.DataFrame,
    proposals: pl.DataFrame,
    rules: Survivorship | None = None,
    since: date | None = None,
) -> Merged:
    """Merge the records that ``proposals`` accept, cluster by cluster, and nothing else.

    ``customers`` is the table before any merge: proposals accumulate, so leaving one out and applying
    again takes it back. ``since`` is the day noted in the identities. Raises DataError for decisions that
    can't be carried out, see :func:`crmlab.data.identity.proposals.check`.
    """
    check_ids(customers)
    check(proposals, customers)
    accepted = proposals.filter(pl.col("decision") == "accept").with_columns(
        customer_id=pl.col("record_id").min().over("cluster")
    )
    identities = _identities(customers, accepted, since)
    records = customers.rename({"customer_id": "record_id"}).join(
        accepted.select("record_id", "customer_id"), on="record_id", maintain_order="left"
    )
    survivors = survive(records, rules or Survivorship())
    merged = survivors.customers.select(customers.columns).cast(customers.schema)
    originals = customers.join(accepted, left_on="customer_id", right_on="record_id", how="semi")
    rest = customers.join(accepted, left_on="customer_id", right_on="record_id", how="anti")
    return Merged(
        _in_order(pl.concat([rest, merged]), identities),
        identities,
        originals,
        survivors.provenance,
        survivors.conflicts,
    )


def _identities(customers: pl.DataFrame, accepted: pl.DataFrame, since: date | None) -> pl.DataFrame:
    """Say of every record whose it is, and by the strongest key that it shares with its cluster."""
    keys = matching_keys(customers.join(accepted, left_on="customer_id", right_on="record_id", how="semi"))
    shared = (
        keys.join(accepted.select("record_id", "customer_id"), on="record_id")
        .filter(pl.len().over("customer_id", "key_kind", "key_value") > 1)
        .sort("record_id", "key_kind", "key_value")
        .unique("record_id", keep="first", maintain_order=True)
        .select("record_id", pl.col("key_kind").cast(pl.String), "key_value")
    )
    found = accepted.join(shared, on="record_id", how="left").select(
        "record_id",
        "customer_id",
        pl.coalesce("key_kind", pl.col("evidence").list.first()).alias("key_kind"),
        "key_value",
        "score",
        since=pl.lit(since, pl.Date),
    )
    source = pl.col("source").cast(pl.String) if "source" in customers.columns else pl.lit(None, pl.String)
    records = customers.select(record_id="customer_id", source=source)
    joined = records.join(found, on="record_id", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("customer_id", "record_id").alias("customer_id")).select(
        IDENTITIES.names()
    )


def _in_order(customers: pl.DataFrame, identities: pl.DataFrame) -> pl.DataFrame:
    """Put customers where the first of their records stands."""
    places = identities.select("customer_id").with_row_index("place_").unique("customer_id", keep="first")
    placed = customers.join(places, on="customer_id", how="left", maintain_order="left")
    return placed.sort("place_").drop("place_")
