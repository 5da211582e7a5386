"""Tables from files: CSV, TSV, XLSX, XLS, HTML, JSON lines, Parquet, and folders of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar, Literal

import polars as pl
from pydantic import ConfigDict
from typing_extensions import TypedDict

from crmlab.data.fingerprints import of_files
from crmlab.data.intake.files import Options, read_table
from crmlab.data.mapping.values import date_problems
from crmlab.data.presets import NONE, is_file, named
from crmlab.data.schemas import TABLES, column_problem, columns, table_problem
from crmlab.data.surveys.export import check_asked
from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Source
from crmlab.labels import Text
from crmlab.satisfaction import scale_problem
from crmlab.storage.addresses import address_problem, is_address
from crmlab.storage.fetching import fetch
from crmlab.storage.fetching import fingerprint as version_of
from crmlab.storage.settings import StorageParams

TableFile = TypedDict(
    "TableFile",
    {
        "path": str,
        "from": str,
        "preset": str,
        "sheet": str,
        "header_rows": int,
        "columns": dict[str, str],
        "values": dict[str, dict[str, str]],
        "dates": dict[str, str],
        "questions": dict[str, str],
        "scale": str,
    },
    total=False,
)
"""Where one table lies, and what is not to be recognised by itself: see :class:`Files`."""
TableFile.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]


class Files(Source):
    """One file, folder or pattern per canonical table.

    ``files`` maps a table's name to its ``path`` (relative to the working folder, which is the folder of
    the study's YAML in a run). A folder, or a pattern such as ``orders/2024-*.csv``, is many files of one
    table. A path may be an address of S3, Google Cloud Storage, Azure or WebDAV, such as
    ``s3://bucket/orders-*.csv``. The rest is needed only where it is not recognised:

    - ``preset``: the program that exported the file, a YAML file with a preset of your own, or ``none``
    - ``columns``: canonical column → header in the file
    - ``values``: column → what is written → what is meant, ``{status: {备货中: pending}}``
    - ``dates``: column → format, ``{ordered_at: "%m/%d/%Y"}``
    - ``sheet`` of a workbook, and ``header_rows`` of a survey
    - ``questions`` of a survey: number or stem → scale or kind; ``scale`` of the scores of feedback

    ``orders: {from: order_lines}`` sums the lines to orders. ``note`` tells readers in a sentence what the
    data is, ``warning`` (``{zh: …, en: …}``) what they must know before they repeat a figure. ``storage`` has
    how storages are reached; a study sets it once, for all of its sources.
    """

    title: ClassVar[Text] = Text("文件", "Files")
    tables: ClassVar[tuple[str, ...]] = tuple(TABLES)
    files: dict[str, TableFile]
    note: str = ""
    warning: dict[Literal["zh", "en"], str] = field(default_factory=dict)
    storage: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def provides(self) -> tuple[str, ...]:
        """The tables that ``files`` names."""
        return tuple(self.files)

    @property
    def origin(self) -> Text:
        """The names of the files, without their folders, and what was noticed in them once they are read.

        A file elsewhere is named by its whole address.
        """
        paths = [path if is_address(path) else Path(path).name for path in self._paths]
        names = ", ".join(dict.fromkeys(paths))
        note = f" {self.note}" if self.note else ""
        notes: list[tuple[str, Text]] = getattr(self, "_notes", [])
        zh = "".join(f" {name}：{noticed.zh}" for name, noticed in notes)
        en = "".join(f" {name}: {noticed.en}" for name, noticed in notes)
        return Text(f"用户文件：{names}。{note}{zh}", f"Files of the user: {names}.{note}{en}")

    @property
    def caution(self) -> Text | None:
        """The warning of the study."""
        return Text(self.warning["zh"], self.warning["en"]) if self.warning else None

    def fingerprint(self) -> str | None:
        """Return a hash over the files and over presets that are files; elsewhere, over their versions."""
        presets = [file["preset"] for file in self.files.values() if is_file(file.get("preset", NONE))]
        here = of_files([*(path for path in self._paths if not is_address(path)), *presets])
        elsewhere = [version_of(path, self.storage) for path in self._paths if is_address(path)]
        if not elsewhere or here is None or None in elsewhere:
            return None if elsewhere else here
        return hashlib.sha256("\n".join([here, *map(str, elsewhere)]).encode()).hexdigest()

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Read every file; raise DataError for a file or a header that is not there.

        Orders that are ``from`` their lines are not delivered: their lines are.
        """
        read = {
            name: read_table(self._brought(file["path"]), name, _options(file))
            for name, file in self.files.items()
            if "from" not in file
        }
        self._notes = list(dict.fromkeys(note for table in read.values() for note in table.notes))
        return {name: table.frame for name, table in read.items()}

    def _check_params(self) -> None:
        if self.warning and set(self.warning) != {"zh", "en"}:
            raise ParamsError("warning: give it in both languages, `warning: {zh: …, en: …}`.")
        problems = [line for name, file in self.files.items() for line in _problems(name, file, self.files)]
        if unknown := [name for name in self.storage if name not in StorageParams.model_fields]:
            allowed = ", ".join(StorageParams.model_fields)
            problems.append(f"storage: {unknown[0]!r} is no storage. There are: {allowed}.")
        if problems:
            raise ParamsError(" ".join(problems))

    @property
    def _paths(self) -> list[str]:
        return [file["path"] for file in self.files.values() if "path" in file]

    def _brought(self, path: str) -> str | list[Path]:
        return fetch(path, self.storage) if is_address(path) else path


def _options(file: TableFile) -> Options:
    said: dict[str, Any] = {name: value for name, value in file.items() if name not in ("path", "from")}
    return Options(**said)


def _problems(name: str, file: TableFile, files: Mapping[str, TableFile]) -> list[str]:
    """Say what is wrong with the entry of one table, before any file is opened."""
    if unknown := table_problem(name):
        return [unknown]
    if "from" in file:
        return _problems_of_derived(name, file, files)
    problems = []
    if not file.get("path"):
        problems.append(f"The table {name!r} has no file; give it one with `{name}: {{path: …}}`.")
    elif is_address(file["path"]) and (wrong := address_problem(file["path"])):
        problems.append(f"{name}.path: {wrong}.")
    preset = file.get("preset", NONE)
    if preset != NONE and not is_file(preset):
        try:
            provided = named(preset).provides
        except ParamsError as error:
            problems.append(str(error))
        else:
            if name not in provided:
                problems.append(f"The preset {preset!r} has no table {name!r}; it has {', '.join(provided)}.")
    problems += _unknown_columns(name, file)
    repeated = [header for header, times in Counter(file.get("columns", {}).values()).items() if times > 1]
    if repeated:
        problems.append(f"{name}.columns uses the header {repeated[0]!r} for more than one column.")
    if problem := scale_problem(file.get("scale")):
        problems.append(problem)
    for setting in ("scale", "questions"):
        if setting in file and name != "feedback":
            problems.append(f"`{setting}` belongs to the table 'feedback', not to {name!r}.")
    asked = check_asked(file.get("questions", {}))
    return problems + [f"{name}.{line}" for line in (*asked, *date_problems(file.get("dates", {})))]


def _problems_of_derived(name: str, file: TableFile, files: Mapping[str, TableFile]) -> list[str]:
    if (name, file["from"]) != ("orders", "order_lines"):
        return [f"{name}.from: only `orders: {{from: order_lines}}` is possible."]
    if "order_lines" not in files:
        return ["`orders: {from: order_lines}` needs the table 'order_lines' in the same `files`."]
    others = [setting for setting in file if setting != "from"]
    return [f"{name}: {', '.join(others)} belong to order_lines where `from` is given."] if others else []


def _unknown_columns(name: str, file: TableFile) -> list[str]:
    allowed = {column.name: column for column in columns(name)}
    problems = []
    settings: dict[str, Mapping[str, Any]] = {
        "columns": file.get("columns", {}),
        "values": file.get("values", {}),
        "dates": file.get("dates", {}),
    }
    for setting, given in settings.items():
        for column in given:
            # Customers may bring attributes of any name.
            problem = column_problem(name, column)
            if problem and (name != "customers" or setting != "columns"):
                where = "" if setting == "columns" else f"{name}.{setting}: "
                problems.append(f"{where}{problem}")
    for column, meanings in settings["values"].items():
        codes = allowed[column].codes if column in allowed else {}
        for written, meaning in meanings.items():
            if codes and meaning not in codes:
                problems.append(
                    f"{name}.values.{column}.{written}: no code is named {meaning!r}."
                    f"{did_you_mean(meaning, codes)} Allowed: {', '.join(codes)}."
                )
    return problems
