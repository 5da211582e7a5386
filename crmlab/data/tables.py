"""The canonical tables of a study: read when first used, cleaned, counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data import convert
from crmlab.data.cleaning import Cleaned, as_text, clean
from crmlab.data.policy import Policy
from crmlab.data.schemas import ARRIVALS, REASONS, TABLES
from crmlab.errors import DataError, QualityGateError, did_you_mean
from crmlab.isolation import at_work
from crmlab.summary import day_number

if TYPE_CHECKING:
    from crmlab.estimators import Source


@dataclass(frozen=True)
class TableCount:
    """What became of one table: rows read, rejected by reason, later than the as-of day, not selected."""

    name: str
    read: int
    rejected: int
    reasons: Mapping[str, int]
    later: int
    outside: int = 0

    @property
    def used(self) -> int:
        """Rows that the study stands on."""
        return self.read - self.rejected - self.later - self.outside


class TableStore(Mapping[str, pl.DataFrame]):
    """Canonical tables by name; getting one reads and cleans it.

    What a table holds is not later than ``as_of``; a line is as late as its order. Getting a table
    raises DataError where it can't be read, and QualityGateError where more than
    ``max_rejected_share`` of its rows are rejected. Where a source promises orders and delivers only
    order lines, an order is the sum of its lines.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        as_of: date,
        time_zone: str,
        max_rejected_share: float = 1.0,
        rejected_folder: Path | None = None,
        policy: Policy | None = None,
        currency: str | None = None,
    ) -> None:
        self.sources = tuple(sources)
        self._as_of = as_of
        self._time_zone = time_zone
        self._max_rejected_share = max_rejected_share
        self._rejected_folder = rejected_folder
        self.policy = policy or Policy()
        self._currency = currency
        self._cleaned: dict[str, Cleaned] = {}
        self._tables: dict[str, pl.DataFrame] = {}
        self._read: dict[Source, Mapping[str, pl.LazyFrame]] = {}

    def __getitem__(self, name: str) -> pl.DataFrame:
        if name not in self._tables:
            cleaned = self.cleaned(name)
            self._tables[name] = self._until(name, cleaned.table)
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._owners)

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, name: object) -> bool:
        return name in self._owners

    def cleaned(self, name: str) -> Cleaned:
        """Return the table with its rejected rows, later rows still in it."""
        if name not in self._cleaned:
            cleaned = self._clean(name)
            if cleaned.rejected_share > self._max_rejected_share:
                if self._rejected_folder is not None:
                    self._rejected_folder.mkdir(parents=True, exist_ok=True)
                    cleaned.rejected.write_parquet(self._rejected_folder / f"{name}.parquet")
                reasons = ", ".join(
                    f"{REASONS[reason].en} {count:,}{_where(cleaned, reason)}"
                    for reason, count in cleaned.counts.items()
                )
                raise QualityGateError(
                    f"{cleaned.faulty:,} of {cleaned.rows_read:,} rows of the table {name!r} "
                    f"({cleaned.rejected_share:.1%}) are rejected: {reasons}. The study allows "
                    f"{self._max_rejected_share:.1%} (quality.max_rejected_share). Correct the data, "
                    "its column mapping, or the limit."
                )
            self._cleaned[name] = cleaned
        return self._cleaned[name]

    def count(self, name: str) -> TableCount:
        """Count what became of a table."""
        cleaned = self.cleaned(name)
        later = cleaned.table.height - self[name].height
        return TableCount(name, cleaned.rows_read, cleaned.rejected.height, cleaned.counts, later)

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the tables that have been read so far, in canonical order."""
        return tuple(name for name in TABLES if name in self._cleaned)

    def owner(self, name: str) -> Source:
        """Return the source that provides a table; raise DataError where none does."""
        if name not in self._owners:
            raise DataError(
                f"No source of this study provides the table {name!r}. It has: "
                f"{', '.join(self._owners) or 'no tables'}. Add a source under `data`."
            )
        return self._owners[name]

    @cached_property
    def _owners(self) -> dict[str, Source]:
        owners: dict[str, Source] = {}
        for source in self.sources:
            for name in source.provides:
                if name not in TABLES:
                    raise DataError(
                        f"The source {type(source).__name__} provides {name!r}, which is no canonical "
                        f"table.{did_you_mean(name, TABLES)} Canonical: {', '.join(TABLES)}."
                    )
                if name in owners:
                    raise DataError(
                        f"Two sources provide the table {name!r}: {type(owners[name]).__name__} and "
                        f"{type(source).__name__}. Leave one of them out of `data`."
                    )
                owners[name] = source
        return {name: owners[name] for name in TABLES if name in owners}

    def _clean(self, name: str) -> Cleaned:
        owner = self.owner(name)
        delivered = self._delivered(owner)
        derived = "orders" in owner.provides and "orders" not in delivered and "order_lines" in delivered
        if name == "orders" and derived:
            orders = _orders_of(self.cleaned("order_lines").table, self._time_zone)
            return Cleaned(orders, orders.clear(), {})
        if name not in delivered:
            raise DataError(
                f"The source {type(owner).__name__} promises the table {name!r} and did not deliver it. "
                f"It delivered: {', '.join(delivered) or 'nothing'}."
            )
        lines_are_orders = derived and name == "order_lines"
        return clean(
            name,
            self._resolved(name, delivered[name]),
            self._time_zone,
            self.policy,
            self._currency,
            lines_are_orders=lines_are_orders,
        )

    def _resolved(self, name: str, raw: pl.LazyFrame) -> pl.LazyFrame:
        """Give the rows of records that were merged to the customer that they belong to.

        The customers themselves were merged when the identities were decided.
        """
        if name in ("customers", "identities") or "identities" not in self:
            return raw
        schema = raw.collect_schema()
        if "customer_id" not in schema or schema["customer_id"].is_nested():
            return raw
        # Which records are one person is no event: it holds for the past, whenever it was found out.
        known = self.cleaned("identities").table.filter(pl.col("record_id") != pl.col("customer_id"))
        pairs = known.unique("record_id", keep="last", maintain_order=True)
        given = as_text(pl.col("customer_id"), schema["customer_id"])
        owner = convert.code(given).replace_strict(
            pairs["record_id"], pairs["customer_id"], default=None, return_dtype=pl.String
        )
        return raw.with_columns(customer_id=pl.coalesce(owner, given))

    def _delivered(self, owner: Source) -> Mapping[str, pl.LazyFrame]:
        if owner not in self._read:
            with at_work(owner, "read"):
                self._read[owner] = owner.read()
        return self._read[owner]

    def _until(self, name: str, table: pl.DataFrame) -> pl.DataFrame:
        """Keep what had come about by the as-of day, and of that what was known by then."""
        arrival = ARRIVALS[name]
        if name == "order_lines" and "orders" in self:
            orders = self.cleaned("orders").table
            later = orders.filter(pl.col("day") > day_number(self._as_of))
            table = table.join(later, on="order_id", how="anti", maintain_order="left")
        if arrival in table.columns:
            table = table.filter(pl.col(arrival).is_null() | ~self._is_later(table, arrival))
        for time, known_then in _LATER_DETAILS.get(name, {}).items():
            if time in table.columns:
                unknown = self._is_later(table, time).fill_null(value=False)
                columns = [column for column in (time, *known_then) if column in table.columns]
                table = table.with_columns(
                    pl.when(~unknown).then(pl.col(column)).alias(column) for column in columns
                )
        return table

    def _is_later(self, table: pl.DataFrame, column: str) -> pl.Expr:
        if table.schema[column] == pl.Date:
            return pl.col(column) > self._as_of
        return convert.local_day(pl.col(column), self._time_zone) > self._as_of


def _where(cleaned: Cleaned, reason: str) -> str:
    """Name the columns that a reason of rejection is about, where it is about any."""
    names = cleaned.unreadable.filter(reason=reason)["column"].unique(maintain_order=True)
    return f" (in {', '.join(names)})" if len(names) else ""


_HANDLED = (
    *("stage", "solution", "compensation_hundredths", "score", "reopened"),
    *("root_cause", "action_id", "contacts_count", "reopened_count", "paused_hours", "escalated"),
)
_LATER_DETAILS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "customers": {"updated_at": (), "last_contact_at": ()},
    "complaints": {
        **dict.fromkeys(("acknowledged_at", "assessed_at", "first_response_at", "decided_at"), ()),
        **dict.fromkeys(("waiting_from_at", "waiting_until_at"), ()),
        "investigated_at": ("root_cause",),
        "reopened_at": ("stage", "reopened", "reopened_count"),
        "closed_loop_at": ("action_id",),
        **dict.fromkeys(("resolved_at", "closed_at"), _HANDLED),
    },
    "contacts": {"delivered_at": (), "opened_at": (), "clicked_at": (), "responded_at": ()},
}
"""Times that may come after the row itself, and what became known with them: unknown until then."""


def _orders_of(lines: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """Sum lines to orders: the time is that of the first line, other columns are the first line's."""
    others = [name for name in ("currency", "status") if name in lines.columns]
    return (
        lines.group_by("order_id", maintain_order=True)
        .agg(
            pl.col("customer_id").first(),
            pl.col("ordered_at").min(),
            pl.col("amount_hundredths").sum(),
            *(pl.col(name).first() for name in others),
        )
        .with_columns(day=convert.local_day_number(pl.col("ordered_at"), time_zone))
        .select("order_id", "customer_id", "ordered_at", "day", "amount_hundredths", *others)
    )
