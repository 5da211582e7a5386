"""Files of any kind, sorted by the canonical tables that are in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from crmlab.data.intake.files import OpenedFile, Options, open_file
from crmlab.data.mapping.report import reports
from crmlab.data.schemas import TABLES
from crmlab.data.templates.read import PROBLEMS, Filled, is_template, read_filled
from crmlab.errors import DataError


@dataclass(frozen=True)
class Gathered:
    """Raw tables by canonical name, and what is to be said of the files.

    ``extras`` are columns that no canonical column stands for, with keys. ``records`` are JSON values, one
    per file and table; ``told`` one line each; ``left_out`` the title and total rows by file.
    """

    frames: dict[str, list[pl.LazyFrame]]
    extras: dict[str, list[pl.LazyFrame]]
    records: list[dict[str, Any]]
    told: tuple[str, ...]
    left_out: dict[str, pl.DataFrame]


def gather(paths: Iterable[Path], table: str | None, options: Options, time_zone: str) -> Gathered:
    """Read files and map each to the tables in it: all of ``table``, or what their headers say.

    Forms of `crmlab template` are known by their sheets. Raises DataError for a file that cannot be
    read, or whose headers do not say what it is.
    """
    frames: dict[str, list[pl.LazyFrame]] = {}
    extras: dict[str, list[pl.LazyFrame]] = {}
    records: list[dict[str, Any]] = []
    told: list[str] = []
    opened: list[tuple[OpenedFile, str]] = []
    left_out: dict[str, pl.DataFrame] = {}
    for path in paths:
        if table is None and options.preset is None and options.sheet is None and is_template(path):
            filled = read_filled(path)
            records.append(template_record(path, filled))
            told.append(f"{path.name} → {', '.join(filled.tables) or '–'} (crmlab template)")
            told += [f"    {note.zh} {note.en}" for note in filled.notes]
            counts = filled.problems.group_by("reason").len().sort("len", "reason", descending=[True, False])
            told += [f"    {PROBLEMS[why].zh} {PROBLEMS[why].en}: {n:,}" for why, n in counts.iter_rows()]
            if not filled.tables:
                raise DataError(
                    f"{path.name} is a blank workbook of forms: no sheet has a filled row below the "
                    "header. Fill it in and import it again."
                )
            for name, frame in filled.tables.items():
                origin = pl.lit(path.name).alias("source_file")
                frames.setdefault(name, []).append(frame.select(origin, pl.exclude("source_file")))
            continue
        file = open_file(path, options, table)
        if file.raw.left_out.height:
            left_out[file.raw.name] = file.raw.left_out
        opened += [(file, name) for name in _tables_of(file, table)]
    times = Counter(name for _, name in opened)
    for file, name in opened:
        intake = file.as_table(name, several=times[name] > 1)
        frames.setdefault(name, []).append(intake.frame())
        if (extra := intake.extra()) is not None:
            extras.setdefault(name, []).append(extra)
        records += [report.to_dict() for report in reports(file, name, time_zone=time_zone)]
        preset = f"preset 预设 {file.preset.name}" if file.preset else "headers 表头"
        told.append(f"{file.raw.name} → {name} ({preset})")
        told += [f"    {note.zh} {note.en}" for note in file.raw.notes]
    return Gathered(frames, extras, records, tuple(told), left_out)


def template_record(path: Path, filled: Filled) -> dict[str, Any]:
    """Return what a filled workbook of the forms holds, and where it is in doubt, as JSON values."""
    return {
        "file": path.name,
        "format": "crmlab template",
        "tables": {name: frame.select(pl.len()).collect().item() for name, frame in filled.tables.items()},
        "problems": [
            {
                "sheet": sheet,
                "row": row,
                "column": column,
                "reason": {"zh": PROBLEMS[reason].zh, "en": PROBLEMS[reason].en},
            }
            for sheet, row, column, reason in filled.problems.iter_rows()
        ],
        "notes": [{"zh": note.zh, "en": note.en} for note in filled.notes],
    }


def _tables_of(file: OpenedFile, table: str | None) -> tuple[str, ...]:
    if table:
        return (table,)
    names = file.tables()
    if not names or (len(names) > 1 and not file.preset):
        fits = f"may be {' or '.join(names)}" if names else "fits no canonical table"
        raise DataError(
            f"{file.raw.name} {fits} by its headers: {', '.join(file.headers)}. Say which it is with --table "
            f"({', '.join(TABLES)}); `crmlab inspect` shows what is understood of it."
        )
    return names
