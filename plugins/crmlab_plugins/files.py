"""Tables from files: CSV, TSV, Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import polars as pl
from pydantic import ConfigDict
from typing_extensions import TypedDict

from crmlab.data.readers import read_file
from crmlab.data.schemas import TABLES
from crmlab.errors import DataError, did_you_mean
from crmlab.estimators import Source
from crmlab.labels import Text


class TableFile(TypedDict, total=False):
    """Where one table lies and which header stands for which column."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    path: str
    columns: dict[str, str]
    scale: str


class Files(Source):
    """One file per canonical table.

    ``files`` maps a table name to its ``path`` (relative to the working folder, which is the folder
    of the study's YAML in a run) and, where the headers are not recognised, to ``columns``:
    canonical column → header in the file. ``scale`` says on which scale the scores of a feedback
    file were given. ``note`` tells readers in a sentence what the data is.
    """

    title: ClassVar[Text] = Text("文件", "Files")
    tables: ClassVar[tuple[str, ...]] = tuple(TABLES)
    files: dict[str, TableFile]
    note: str = ""

    @property
    def provides(self) -> tuple[str, ...]:
        """The tables that ``files`` names."""
        return tuple(self.files)

    @property
    def origin(self) -> Text:
        """The names of the files, without their folders."""
        names = ", ".join(Path(file.get("path", "?")).name for file in self.files.values())
        note = f" {self.note}" if self.note else ""
        return Text(f"用户文件：{names}。{note}", f"Files of the user: {names}.{note}")

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Read every file; raise DataError for a missing file, column or unknown table."""
        return {name: self._table(name, file) for name, file in self.files.items()}

    def _table(self, name: str, file: TableFile) -> pl.LazyFrame:
        if name not in TABLES:
            raise DataError(
                f"No canonical table is named {name!r}.{did_you_mean(name, TABLES)} Allowed: {', '.join(TABLES)}."
            )
        if not file.get("path"):
            raise DataError(
                f"The table {name!r} has no file. Give it a path: `files: {{{name}: {{path: …}}}}`."
            )
        frame = read_file(Path(file["path"]))
        headers = frame.collect_schema().names()
        chosen = _recognised(name, headers)
        for column, header in file.get("columns", {}).items():
            if header not in headers:
                raise DataError(
                    f"{Path(file['path']).name} has no column {header!r}.{did_you_mean(header, headers)} "
                    f"It has: {', '.join(headers)}."
                )
            chosen = {old: new for old, new in chosen.items() if new != column} | {header: column}
        frame = frame.rename(chosen)
        return frame.with_columns(scale=pl.lit(file["scale"])) if "scale" in file else frame


def _recognised(name: str, headers: list[str]) -> dict[str, str]:
    """Match headers to canonical columns by name and alias, first match wins."""
    chosen: dict[str, str] = {}
    for column, rule in TABLES[name].columns().items():
        source = {"amount_hundredths": "amount"}.get(column, column)
        names = {source.casefold(), *(alias.casefold() for alias in (rule.metadata or {}).get("aliases", ()))}
        match = next((header for header in headers if header.casefold() in names), None)
        if match is not None and match not in chosen:
            chosen[match] = source
    return chosen
