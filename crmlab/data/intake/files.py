"""A file on its way in: read, its program recognised, its columns mapped to a canonical table."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import polars as pl

from crmlab.data.cleaning import REFUSED
from crmlab.data.mapping.matching import TableMapping, check_conflicts, map_table, tables_of
from crmlab.data.presets import NONE, Preset, Survey, named, plain, recognised
from crmlab.data.reading.raw_table import LEFT_OUT_AS, RawTable
from crmlab.data.reading.readers import read_file
from crmlab.data.schemas import IDS, NO_DATA, column_problem
from crmlab.data.surveys.export import SurveyTable, read_survey
from crmlab.errors import DataError, ParamsError
from crmlab.labels import Text


@dataclass(frozen=True)
class Options:
    """What the user says about a file; everything may be left out.

    ``preset`` is a name, or ``none`` to recognise none. ``columns`` maps a canonical column to a header,
    ``values`` a column to what is written and what is meant, ``dates`` a column to its format
    (``%m/%d/%Y``), ``questions`` a question of a survey to its kind or scale. ``scale`` is that of scores.
    """

    preset: str | None = None
    sheet: str | None = None
    header_rows: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, str] = field(default_factory=dict)
    scale: str | None = None


@dataclass(frozen=True)
class OpenedFile:
    """A file that was read, and the preset that fits it, with the share of its headers that it knows."""

    raw: RawTable
    options: Options
    preset: Preset | None
    known: float

    @cached_property
    def headers(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(name for name in self.raw.frame.collect_schema().names() if name != "source_row")

    def tables(self) -> tuple[str, ...]:
        """Return the canonical tables in it by its preset, or those that its headers may mean.

        Without a preset, more than one means that nothing decides between them, and none that no table
        has all it needs.
        """
        if self.preset:
            return self.preset.provides
        return tuple(tables_of(self.headers, self.raw.name))

    def as_table(self, table: str, *, several: bool = False) -> Intake:
        """Map it to a canonical table; ``several`` says that the table has further files.

        Raises DataError where the options map a column that the table has not; customers may bring
        attributes of any name.
        """
        for name in self.options.columns:
            if table != "customers" and (problem := column_problem(table, name)):
                raise DataError(problem)
        preset = self.preset if self.preset and table in self.preset.provides else None
        if preset and preset.survey:
            return Intake(self, table, None, self._survey(preset, several=several))
        mapping = map_table(table, self.headers, preset, self.options.columns, self.raw.name)
        return Intake(self, table, mapping, None)

    def _survey(self, preset: Preset, *, several: bool) -> SurveyTable:
        assert preset.survey is not None
        return read_survey(
            preset.survey,
            self.raw.headers,
            self.raw.frame.collect(),
            columns=self.options.columns,
            asked=self.options.questions,
            dates=self.options.dates,
            scale=self.options.scale,
            prefix=f"{Path(self.raw.name).stem}-" if several else "",
        )


@dataclass(frozen=True)
class Intake:
    """One file as one canonical table: a mapping of its columns, or the answers of a survey."""

    file: OpenedFile
    table: str
    mapping: TableMapping | None
    survey: SurveyTable | None

    def frame(self) -> pl.LazyFrame:
        """Return the raw rows with canonical names, as a source delivers them.

        Raises DataError where two headers could stand for one column.
        """
        origin = pl.lit(self.file.raw.name).alias("source_file")
        if self.survey:
            return self.survey.frame.lazy().select(origin, pl.all())
        assert self.mapping is not None
        check_conflicts(self.mapping)
        options = self.file.options
        dates = {column: (form,) for column, form in options.dates.items()}
        frame = self.mapping.apply(self.file.raw.frame, options.values, dates)
        if options.scale and self.table == "feedback":
            frame = frame.with_columns(scale=pl.lit(options.scale))
        return frame.select(origin, pl.all())

    def left_out(self) -> pl.LazyFrame | None:
        """Return titles, totals and remarks as rows that cleaning is to reject; None where there are none."""
        rows = self.file.raw.left_out
        if self.mapping is None or rows.is_empty():
            return None
        origin = pl.lit(self.file.raw.name).alias("source_file")
        refused = pl.lit(NO_DATA).alias(REFUSED)
        frame = self.mapping.apply(rows.drop(LEFT_OUT_AS).lazy())
        return frame.select(origin, refused, pl.all().exclude(REFUSED))

    def extra(self) -> pl.LazyFrame | None:
        """Return the columns that no canonical column stands for, with keys to the rows.

        None where there is no such column; customers keep theirs in the table itself.
        """
        origin = pl.lit(self.file.raw.name).alias("source_file")
        if self.survey:
            frame = self.survey.extra
            return frame.lazy().select(origin, pl.all()) if frame.width > 2 else None
        assert self.mapping is not None
        if self.table == "customers" or not self.mapping.unmapped:
            return None
        ids = [column for column in (IDS.get(self.table), "order_id") if column in self.mapping.delivered]
        # Where an unmapped column has the name of a canonical one, it is called "name (file)".
        mine = [name for name in self.frame().collect_schema().names() if name not in self.mapping.delivered]
        return self.frame().select(*dict.fromkeys(["source_file", "source_row", *ids, *mine]))


def open_file(path: Path, options: Options | None = None, table: str | None = None) -> OpenedFile:
    """Read a file and find the preset that fits; with ``table`` only one that has that table.

    Raises DataError for a file that cannot be read, ParamsError for a preset that is not there or does not
    have the table.
    """
    options = options or Options()
    chosen = named(options.preset) if options.preset not in (None, NONE) else None
    if chosen and table and table not in chosen.provides:
        raise ParamsError(
            f"The preset {chosen.name!r} has no table {table!r}; it has {', '.join(chosen.provides)}."
        )
    _check_database(path)
    rows = options.header_rows or (chosen.header_rows if chosen and chosen.header_rows > 1 else None)
    raw = read_file(path, sheet=options.sheet, header_rows=rows)
    headers = [cell for row in raw.headers for cell in row if cell]
    _check_headers(raw.headers[0] if raw.headers else (), path.name)
    found = None if options.preset == NONE else recognised(headers, table)
    preset = chosen or (found[0] if found else None)
    if preset and preset.survey and options.header_rows is None:
        if preset.header_rows > 1 and chosen is None:
            raw = read_file(path, sheet=options.sheet, header_rows=preset.header_rows)
        if (fewer := _header_rows(preset.survey, raw)) < len(raw.headers):
            raw = read_file(path, sheet=options.sheet, header_rows=fewer)
    if chosen is None:
        return OpenedFile(raw, options, *(found or (None, 0.0)))
    given = set(raw.headers[0]) if raw.headers else set()
    known = found[1] if found and found[0] == chosen else _known(chosen, given)
    return OpenedFile(raw, options, chosen, known)


class TableRead(NamedTuple):
    """The raw rows of a canonical table, and what the reader noticed in which file."""

    frame: pl.LazyFrame
    notes: list[tuple[str, Text]]


def read_table(given: str | Path | Sequence[Path], table: str, options: Options) -> TableRead:
    """Return one canonical table from a file, or from all files of a folder or pattern, one below another.

    A list of files is taken as it is. Of several files each may order its columns as it likes; a required
    column that one of them lacks is a DataError that names the file. Rows say in ``source_file`` where
    they are from; rows that are no data are among them with the reason in ``source_reason``, for cleaning
    to count and keep.
    """
    paths = files_in(given) if isinstance(given, str | Path) else given
    frames, notes = [], []
    for path in paths:
        intake = open_file(path, options, table).as_table(table, several=len(paths) > 1)
        frame = intake.frame()
        if len(paths) > 1 and intake.mapping and intake.mapping.missing:
            missing = ", ".join(intake.mapping.missing)
            raise DataError(
                f"{path.name}, one of {len(paths)} files of the table {table!r}, lacks {missing}. It has: "
                f"{', '.join(intake.file.headers)}. Correct the file, move it elsewhere, or map the column."
            )
        frames.append(frame)
        if (left_out := intake.left_out()) is not None:
            frames.append(left_out)
        notes += [(path.name, note) for note in intake.file.raw.notes]
    return TableRead(concatenated(frames), notes)


def concatenated(frames: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    """Put tables one below another; a column that one lacks is null there, types that differ become text."""
    return frames[0] if len(frames) == 1 else pl.concat(_alike(frames), how="diagonal")


def files_in(given: str | Path) -> list[Path]:
    """Return the files of a folder or pattern in the order of their names, or the one file that is named.

    Hidden files are passed over, and what a program leaves beside a file that it has open (``~$…``).
    """
    path = Path(given)
    if path.is_file() or not (path.is_dir() or glob.has_magic(str(given))):
        return [path]
    found = path.iterdir() if path.is_dir() else map(Path, glob.glob(str(given), recursive=True))
    paths = sorted(file for file in found if file.is_file() and not file.name.startswith((".", "~$")))
    if not paths:
        raise DataError(
            f"No file is found at {given}. Give a folder with files, or a pattern such as orders/*.csv; in a "
            "study it is relative to the folder of the YAML file."
        )
    return paths


def with_options(options: Options, **changes: str | None) -> Options:
    """Return the options with those changes that are given."""
    return replace(options, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]


_DATABASES = {"sqlite": (0, b"SQLite format 3\0"), "duckdb": (8, b"DUCK")}
"""Source → where its files have their mark, and the mark."""


def _check_database(path: Path) -> None:
    """Raise DataError for a database file: which of its tables are meant is for a study to say."""
    with suppress(OSError), path.open("rb") as file:
        start = file.read(16)
        for source, (place, mark) in _DATABASES.items():
            if start[place:].startswith(mark):
                raise DataError(
                    f"{path.name} is a database, and which of its tables are meant is for a study to say. "
                    f"Write under `data`: {{source: {source}, path: {path.name}, "
                    "select: {orders: {table: <name>}}}."
                )


def _header_rows(survey: Survey, raw: RawTable) -> int:
    """Return how many header rows a survey has: a program's second or third may have been taken out.

    A row with a number or a day where the answer sheet's is noted is an answer sheet.
    """
    place = {plain(header): place for place, header in enumerate(raw.headers[0])}
    ranked = [*survey.about.get("respondent_id", ()), *survey.about.get("given_on", ())]
    noted = [place[plain(header)] for header in ranked if plain(header) in place]
    for number, row in enumerate(raw.headers):
        if number and any(re.search(r"^[^{]*\d", row[at]) for at in noted if at < len(row)):
            return number
    return len(raw.headers)


_VALUE = re.compile(r"(?:\+?86[ -]?)?1[3-9]\d{9}|[^@\s]+@[^@\s]+\.[a-z]{2,}|\d{17}[\dXx]", re.I)
"""A phone number, an e-mail address or an identity number: no name of a column."""


def _check_headers(headers: Sequence[str], name: str) -> None:
    """Raise DataError, without quoting them, where the headers are somebody's data."""
    places = [place for place, header in enumerate(headers, 1) if _VALUE.fullmatch(header.strip())]
    if places:
        raise DataError(
            f"{name} seems to have no header row: where the name of column {places[0]} should be there is a "
            "phone number, an e-mail address or an identity number. Add a row with the names of the columns."
        )


def _known(preset: Preset, headers: set[str]) -> float:
    given = {plain(header) for header in headers}
    return len(given & preset.known) / max(len(given), 1)


def _alike(frames: Sequence[pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Make columns of one name one type: text, where files differ."""
    schemas = [frame.collect_schema() for frame in frames]
    names = dict.fromkeys(name for schema in schemas for name in schema)
    mixed = [name for name in names if len({schema[name] for schema in schemas if name in schema}) > 1]
    return [
        frame.with_columns(pl.col(name).cast(pl.String) for name in mixed if name in schema)
        for frame, schema in zip(frames, schemas, strict=True)
    ]
