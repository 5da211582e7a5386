"""Tables from files: CSV, TSV, Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import polars as pl
from pydantic import ConfigDict
from typing_extensions import TypedDict

from crmlab.data.readers import read_file
from crmlab.data.schemas import TABLES
from crmlab.errors import DataError, ParamsError, did_you_mean
from crmlab.estimators import Source
from crmlab.labels import Text
from crmlab.satisfaction import SCALES


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
        """Read every file; raise DataError for a file or a header that is not there."""
        return {name: self._table(name, file) for name, file in self.files.items()}

    def _check_params(self) -> None:
        problems = [line for name, file in self.files.items() for line in _problems(name, file)]
        if problems:
            raise ParamsError(" ".join(problems))

    def _table(self, name: str, file: TableFile) -> pl.LazyFrame:
        path = Path(file["path"])
        frame = read_file(path)
        headers = frame.collect_schema().names()
        mapped = file.get("columns", {})
        for header in mapped.values():
            if header not in headers:
                raise DataError(
                    f"{path.name} has no column {header!r}.{did_you_mean(header, headers)} "
                    f"It has: {', '.join(headers)}."
                )
        chosen = _recognised(name, headers, mapped) | mapped
        # What the study maps goes before a column that merely has the canonical name.
        shadowed = [column for column, header in chosen.items() if column in headers and column != header]
        frame = frame.drop(shadowed).rename({header: column for column, header in chosen.items()})
        return frame.with_columns(scale=pl.lit(file["scale"])) if "scale" in file else frame


def _problems(name: str, file: TableFile) -> list[str]:
    """Say what is wrong with the entry of one table, before any file is opened."""
    if name not in TABLES:
        return [
            f"No canonical table is named {name!r}.{did_you_mean(name, TABLES)} Allowed: {', '.join(TABLES)}."
        ]
    problems = []
    if not file.get("path"):
        problems.append(f"The table {name!r} has no file; give it one with `{name}: {{path: …}}`.")
    mapped, allowed = file.get("columns", {}), _columns(name)
    for column in mapped:
        # Customers may bring attributes of any name.
        if column not in allowed and name != "customers":
            problems.append(
                f"The table {name!r} has no column {column!r}.{did_you_mean(column, allowed)} "
                f"Allowed: {', '.join(allowed)}."
            )
    repeated = [header for header, times in Counter(mapped.values()).items() if times > 1]
    if repeated:
        problems.append(f"{name}.columns uses the header {repeated[0]!r} for more than one column.")
    scale = file.get("scale")
    if scale is not None and scale not in SCALES:
        problems.append(
            f"No scale is named {scale!r}.{did_you_mean(scale, SCALES)} Allowed: {', '.join(SCALES)}."
        )
    if scale is not None and name != "feedback":
        problems.append(f"`scale` belongs to the table 'feedback', not to {name!r}.")
    return problems


def _columns(name: str) -> dict[str, tuple[str, ...]]:
    """Return column of the source → headers that stand for it."""
    return {
        {"amount_hundredths": "amount"}.get(column, column): (rule.metadata or {}).get("aliases", ())
        for column, rule in TABLES[name].columns().items()
        if column not in ("row", "day")
    }


def _recognised(name: str, headers: list[str], mapped: Mapping[str, str]) -> dict[str, str]:
    """Match the columns that are not mapped to headers: by their very name, or else by an alias.

    Raises DataError where two headers could stand for one column: which is meant is not ours to guess.
    """
    chosen = {}
    for column, aliases in _columns(name).items():
        known = {alias.casefold() for alias in (column, *aliases)}
        matches = [header for header in headers if header.casefold() in known]
        if column in mapped or not matches:
            continue
        if column not in headers and len(matches) > 1:
            raise DataError(
                f"In the table {name!r} the headers {', '.join(matches)} could all be {column!r}. Say which "
                f"it is: `columns: {{{column}: {matches[0]}}}`."
            )
        chosen[column] = column if column in headers else matches[0]
    return chosen
