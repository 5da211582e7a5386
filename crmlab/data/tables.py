"""The canonical tables of a study: read when first used, cleaned, counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.cleaning import Cleaned, clean
from crmlab.data.schemas import REASONS, TABLES
from crmlab.errors import DataError, QualityGateError, did_you_mean
from crmlab.summary import day_number

if TYPE_CHECKING:
    from crmlab.estimators import Source


@dataclass(frozen=True)
class TableCount:
    """What became of one table: rows read, rejected by reason, later than the as-of day."""

    name: str
    read: int
    rejected: int
    reasons: Mapping[str, int]
    later: int

    @property
    def used(self) -> int:
        """Rows that the study stands on."""
        return self.read - self.rejected - self.later


class TableStore(Mapping[str, pl.DataFrame]):
    """Canonical tables by name; getting one reads and cleans it.

    What a table holds is not later than ``as_of``; a line is as late as its order. Getting a table
    raises DataError where it can't be read, and QualityGateError where more than
    ``max_rejected_share`` of its rows are rejected.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        as_of: date,
        time_zone: str,
        max_rejected_share: float = 1.0,
        rejected_folder: Path | None = None,
    ) -> None:
        self.sources = tuple(sources)
        self._as_of = as_of
        self._time_zone = time_zone
        self._max_rejected_share = max_rejected_share
        self._rejected_folder = rejected_folder
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
            cleaned = clean(name, self._raw(name), self._time_zone)
            if cleaned.rejected_share > self._max_rejected_share:
                if self._rejected_folder is not None:
                    self._rejected_folder.mkdir(parents=True, exist_ok=True)
                    cleaned.rejected.write_parquet(self._rejected_folder / f"{name}.parquet")
                reasons = ", ".join(
                    f"{REASONS[reason].en} {count:,}" for reason, count in cleaned.counts.items()
                )
                raise QualityGateError(
                    f"{cleaned.rejected.height:,} of {cleaned.rows_read:,} rows of the table {name!r} "
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

    def _raw(self, name: str) -> pl.LazyFrame:
        owner = self.owner(name)
        if owner not in self._read:
            self._read[owner] = owner.read()
        if name not in self._read[owner]:
            raise DataError(
                f"The source {type(owner).__name__} promises the table {name!r} and did not deliver it. "
                f"It delivered: {', '.join(self._read[owner]) or 'nothing'}."
            )
        return self._read[owner][name]

    def _until(self, name: str, table: pl.DataFrame) -> pl.DataFrame:
        if name == "orders":
            return table.filter(pl.col("day") <= day_number(self._as_of))
        if name == "feedback":
            return table.filter(pl.col("given_on").is_null() | (pl.col("given_on") <= self._as_of))
        if name == "order_lines" and "orders" in self:
            orders = self.cleaned("orders").table
            later = orders.filter(pl.col("day") > day_number(self._as_of))
            return table.join(later, on="order_id", how="anti", maintain_order="left")
        return table
