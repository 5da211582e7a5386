"""The rows that were rejected, by table and reason."""

from __future__ import annotations

from functools import cached_property

import polars as pl

from crmlab.data.quality.facts import Facts
from crmlab.data.schemas import BY_POLICY, REASONS, TABLE_NAMES, columns
from crmlab.intervals import wilson
from crmlab.labels import Language, Text
from crmlab.view.findings import Note
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import texts


class Rejected:
    """What was read and not used."""

    def __init__(self, facts: Facts, language: Language) -> None:
        self._facts = facts
        self._language = language

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per table and reason: ``table``, ``reason``, ``rows``, ``read``, ``share``, ``columns``."""
        rows = []
        for table in self._facts.store:
            cleaned = self._facts.cleaned(table)
            if cleaned is None:
                continue
            places = cleaned.unreadable.group_by("reason", maintain_order=True).agg("column")
            where = dict(places.iter_rows())
            for reason, n in cleaned.counts.items():
                rows.append((table, reason, n, cleaned.rows_read, n / cleaned.rows_read, where.get(reason)))
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "table": pl.String,
            "reason": pl.String,
            "rows": pl.Int64,
            "read": pl.Int64,
            "share": pl.Float64,
            "columns": pl.List(pl.String),
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def table(self) -> Table | Note:
        """Show it, or say that every row was used."""
        words, language = texts(), self._language
        if not self.summary.height:
            return Note(words["quality_rejected_none"], language)
        rows = [
            {
                "table": TABLE_NAMES[row["table"]].to(language),
                "reason": REASONS[row["reason"]].to(language),
                "kind": words["quality_by_policy" if row["reason"] in BY_POLICY else "quality_by_fault"].to(
                    language
                ),
                "columns": self._titles(row["table"], row["columns"] or []),
                "rows": row["rows"],
                "share": row["share"],
                "interval": list(wilson(row["rows"], row["read"])),
            }
            for row in self.summary.iter_rows(named=True)
        ]
        return Table(
            pl.DataFrame(rows),
            [
                Column("table", words["table"]),
                Column("reason", words["reasons"]),
                Column("kind", words["quality_kind"]),
                Column("columns", words["column"]),
                Column("rows", words["rows_rejected"], "integer"),
                Column("share", words["quality_of_read"], "percent", decimals=2),
                Column("interval", words["interval_95"], "interval", of="percent", decimals=2),
            ],
            caption=words["quality_rejected_caption"],
            note=words["quality_rejected_note"],
            language=language,
        )

    def _titles(self, table: str, names: list[str]) -> str:
        titles = {column.name: column.text.to(self._language) for column in columns(table)}
        comma = Text("、", ", ").to(self._language)
        return comma.join(titles.get(name, name) for name in names) or MISSING
