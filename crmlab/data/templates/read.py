"""Read filled forms back as canonical tables; what does not fit is counted, never lost.

Sheets are known by their names and columns by their headers, both in either language. The customer
profile holds; the overview and the life journey fill what it leaves empty. An order that stands in
two sheets is one order. Computed columns and the sheets beside the forms are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from crmlab.data import convert
from crmlab.data.mapping.matching import map_table
from crmlab.data.reading.preflight import scan_workbook
from crmlab.data.reading.raw_table import RawTable
from crmlab.data.reading.readers import read_file
from crmlab.data.schemas import TABLES
from crmlab.data.templates.definitions import Field, Sheet, plain
from crmlab.data.templates.forms import code_lists, sheets
from crmlab.data.templates.guide import BESIDE
from crmlab.data.templates.merge import Places, conflicts, merged, refused
from crmlab.errors import DataError
from crmlab.labels import Text

PROBLEMS: Mapping[str, Text] = {
    "missing": Text("必填项为空", "required and empty"),
    "not_listed": Text("不在代码表内", "not in the code list"),
    "contradicts": Text("与另一张表不一致，以前一张表为准", "differs from another sheet, which holds"),
    "unknown_customer": Text("编号不在客户表中，未采用", "customer ID is in no customer sheet, left out"),
    "repeated": Text("编号重复，只采用第一行", "customer ID again, only the first row is used"),
    "complaints_only": Text("只用于投诉，未采用", "for complaints only, left out"),
}
"""What can be wrong with a cell, beside what cleaning finds in its value."""

_PROBLEMS = {"sheet": pl.String, "row": pl.UInt32, "column": pl.String, "reason": pl.String}
_SATISFACTION = "csat_1_5"
_AT_ONCE = 4


@dataclass(frozen=True)
class Filled:
    """What a filled workbook says.

    ``tables`` are canonical tables as text, ready for cleaning. ``problems`` has ``sheet``, ``row`` (as
    a spreadsheet program counts), ``column`` (its header) and ``reason`` (one of ``PROBLEMS``), and
    no value. ``notes`` are what the reader noticed and left out.
    """

    tables: dict[str, pl.LazyFrame]
    problems: pl.DataFrame
    notes: tuple[Text, ...]


def is_template(path: Path) -> bool:
    """Say whether a file is a workbook with at least one of the forms' sheets in it."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return False
        return any(
            _is_form(sheet, read_file(path, sheet=name)) for name, sheet in _forms_in(scan_workbook(path))
        )
    except (DataError, OSError):
        return False


def read_template(path: Path) -> dict[str, pl.LazyFrame]:
    """Return the canonical tables of a filled workbook; sheets without rows give none.

    Raises DataError for a file that is no workbook, that has none of the forms' sheets, or whose
    sheet lacks a column that it cannot do without.
    """
    return read_filled(path).tables


def read_filled(path: Path) -> Filled:
    """Return the tables of a filled workbook with what was wrong in it; raises as ``read_template``."""
    names_in_file = list(scan_workbook(path))
    found = _forms_in(names_in_file)
    if not found:
        known = "、".join(sheet.text.zh for sheet in sheets())
        raise DataError(
            f"{path.name} has none of the forms' sheets ({known}). Write a fresh one with `crmlab template`, "
            "or read the file with the source `files`."
        )
    for (first, sheet), (second, same) in pairwise(found):
        if sheet == same:
            raise DataError(
                f"{path.name} has one form in two sheets, {first} and {second}. Bring their rows together."
            )
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # each sheet is opened by a process of its own
        tasks = [pool.submit(read_file, path, sheet=name, header_rows=1) for name, _ in found]
        raw = {sheet.id: task.result() for (_, sheet), task in zip(found, tasks, strict=True)}
    problems: list[pl.DataFrame] = []
    frames = {}
    for name, sheet in found:
        frame = _inputs(path.name, name, sheet, raw[sheet.id])
        if frame.height:
            problems += _cell_problems(name, sheet, frame)
            frames[sheet.id] = frame
    names = {sheet.id: name for name, sheet in found}
    tables = _customers(frames, names, problems) | _orders(frames, names, problems)
    tables |= _cases(frames, names, problems)
    for sheet_id, table in (("contact_log", "interactions"), ("improvements", "improvements")):
        if sheet_id in frames:
            tables[table] = frames[sheet_id]
    told = pl.concat([pl.DataFrame(schema=_PROBLEMS), *problems])
    return Filled(
        {name: tables[name].lazy() for name in TABLES if name in tables},
        told.sort("sheet", "row", "column", "reason"),
        tuple(_unread(names_in_file) + _notes(found, raw)),
    )


def _notes(found: list[tuple[str, Sheet]], raw: Mapping[str, RawTable]) -> list[Text]:
    return [
        Text(f"{name}：{note.zh}", f"{name}: {note.en}")
        for name, sheet in found
        for note in raw[sheet.id].notes
    ]


def _forms_in(names: Iterable[str]) -> list[tuple[str, Sheet]]:
    """Return the sheets of the workbook that are forms, in the forms' order."""
    named = {plain(name): name for name in names}
    return [
        (named[plain(title)], sheet) for sheet in sheets() for title in sheet.text if plain(title) in named
    ]


def _unread(names: Iterable[str]) -> list[Text]:
    """Name the sheets that are neither forms nor what stands beside them in a template."""
    known = {plain(name) for sheet in sheets() for name in sheet.text}
    known |= {plain(name) for title in BESIDE for name in title}
    others = [name for name in names if plain(name) not in known]
    if not others:
        return []
    return [
        Text(
            f"未读取的工作表：{'、'.join(others)}（名称不是模板中的表名）",
            f"sheets that were not read, as no form has their name: {', '.join(others)}",
        )
    ]


def _is_form(sheet: Sheet, raw: RawTable) -> bool:
    known = sheet.headers()
    found = {known[plain(header)].column for header in _columns(raw) if plain(header) in known}
    return 2 * len(found) >= len(sheet.fields)


def _columns(raw: RawTable) -> list[str]:
    return [name for name in raw.frame.collect_schema().names() if name != "source_row"]


def _inputs(file: str, name: str, sheet: Sheet, raw: RawTable) -> pl.DataFrame:
    """Return the rows of a sheet with canonical names, without computed columns."""
    known = sheet.headers()
    fields = {header: known[plain(header)] for header in _columns(raw) if plain(header) in known}
    given = {field.column: header for header, field in fields.items() if not field.computed}
    computed = [header for header, field in fields.items() if field.computed]
    frame = raw.frame.drop(computed)
    mapping = map_table(
        sheet.table, frame.collect_schema().names(), given=given, file=f"{file}, sheet {name}"
    )
    for field in sheet.inputs:
        if field.column not in mapping.delivered and _is_indispensable(sheet, field):
            raise DataError(
                f"{file}, sheet {name}: the column {field.text.zh} ({field.text.en}) is missing. Put it back "
                "into the first row, as `crmlab template` writes it."
            )
    mapped = mapping.apply(frame).collect()
    cells = [pl.col(column) for column in mapped.columns if column != "source_row"]
    filled = mapped.filter(pl.any_horizontal(convert.text(cell).is_not_null() for cell in cells))
    return filled.with_columns(source_file=pl.lit(f"{file} · {name}"))


def _is_indispensable(sheet: Sheet, field: Field) -> bool:
    rule = TABLES[sheet.table].columns().get(field.column)
    return field.required and (rule is None or not rule.nullable or field.column == sheet.key)


def _cell_problems(name: str, sheet: Sheet, frame: pl.DataFrame) -> list[pl.DataFrame]:
    found = []
    places = Places(name, sheet)
    for field in sheet.inputs:
        if field.column not in frame.columns:
            continue
        value = convert.text(pl.col(field.column))
        if field.required:
            found.append(places.problems(frame.filter(value.is_null()), field.column, "missing"))
        if field.codes and not field.codes.open:
            strange = value.is_not_null() & ~value.is_in(field.codes.words)
            found.append(places.problems(frame.filter(strange), field.column, "not_listed"))
    return found


def _customers(
    frames: Mapping[str, pl.DataFrame], names: Mapping[str, str], problems: list[pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """Merge the profile, the overview and the life journey on the customer id."""
    base = _two_sheets("profile", "overview", frames, names, problems)
    journey = frames.get("journey")
    if base is None or journey is None:
        alone = base if journey is None else journey
        return {} if alone is None else {"customers": alone}
    places, key = Places(names["journey"], _sheet("journey")), "customer_id"
    known = pl.col(key).is_in(base[key].drop_nulls().to_list()).fill_null(value=False)
    first = pl.col(key).is_first_distinct()
    strangers = journey.filter(~known)
    again = journey.filter(known & ~first)
    problems += [
        places.problems(strangers.drop_nulls(key), key, "unknown_customer"),
        places.problems(again, key, "repeated"),
    ]
    table = merged(base, journey.filter(known & first), key)
    left = pl.concat([refused(strangers, "unknown_customer"), refused(again, "repeated")])
    return {"customers": pl.concat([table, left], how="diagonal") if left.height else table}


def _orders(
    frames: Mapping[str, pl.DataFrame], names: Mapping[str, str], problems: list[pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    table = _two_sheets("purchases", "history", frames, names, problems)
    return {} if table is None else {"orders": table}


def _two_sheets(
    first: str,
    second: str,
    frames: Mapping[str, pl.DataFrame],
    names: Mapping[str, str],
    problems: list[pl.DataFrame],
) -> pl.DataFrame | None:
    """Let the second sheet fill the gaps of the first, and add what it alone has."""
    if first not in frames or second not in frames:
        return frames.get(first, frames.get(second))
    holds, fills, sheet = frames[first], frames[second], _sheet(second)
    key = sheet.key
    shared = pl.col(key).is_in(holds[key].drop_nulls().to_list()).fill_null(value=False)
    # A key that stands twice within one sheet is left as it is, for cleaning to reject.
    common = fills.filter(shared & pl.col(key).is_first_distinct())
    problems += conflicts(holds, common, key, Places(names[second], sheet))
    return pl.concat(
        [merged(holds, common, key), fills.filter(~(shared & pl.col(key).is_first_distinct()))],
        how="diagonal",
    )


def _cases(
    frames: Mapping[str, pl.DataFrame], names: Mapping[str, str], problems: list[pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """Tell complaints from other feedback; a row that is neither is refused as a complaint."""
    if "cases" not in frames:
        return {}
    frame = frames["cases"]
    complaint, feedback = code_lists()["case"].values
    kind = convert.text(pl.col("case"))
    said = frame.filter(kind.is_in(list(feedback)))
    neither = ~kind.is_in([*complaint, *feedback]).fill_null(value=False)
    places = Places(names["cases"], _sheet("cases"))
    for column in ("stage", "resolved_at", "solution"):
        if column in frame.columns:
            lost = said.filter(convert.text(pl.col(column)).is_not_null())
            problems.append(places.problems(lost, column, "complaints_only"))
    strange = refused(frame.filter(neither), "unknown_kind")
    raised = frame.filter(kind.is_in(list(complaint)))
    complaints = pl.concat([raised, strange], how="diagonal") if strange.height else raised
    tables = {"complaints": complaints.drop("case"), "feedback": _feedback(said)}
    return {name: table for name, table in tables.items() if table.height}


def _feedback(said: pl.DataFrame) -> pl.DataFrame:
    kept = [name for name in said.columns if name not in ("case", "stage", "resolved_at", "solution")]
    frame = said.select(kept).rename({"opened_at": "given_on"})
    if "score" not in kept:
        return frame
    rated = convert.text(pl.col("score")).is_not_null()
    return frame.with_columns(scale=pl.when(rated).then(pl.lit(_SATISFACTION)))


def _sheet(sheet_id: str) -> Sheet:
    return next(sheet for sheet in sheets() if sheet.id == sheet_id)
