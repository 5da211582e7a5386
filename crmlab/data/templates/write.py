"""Write the forms as one workbook: a sheet per form, a guide, fields with examples, code lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.data.canonical.columns import SENSITIVITIES
from crmlab.data.templates import guide
from crmlab.data.templates.definitions import Field, Form, Sheet
from crmlab.data.templates.examples import Row, Rows
from crmlab.data.templates.forms import code_lists, sheets
from crmlab.data.templates.style import Style, header_class, set_print
from crmlab.errors import DataError
from crmlab.labels import Language, Text

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

CREATED = datetime(2000, 1, 1)
"""The same on every day, so that the same forms are the same bytes."""

_LAST_ROW = 1_048_575
_CHECKED_ROWS = 5_000
"""Rows that are coloured while they are filled; more would make a spreadsheet slow."""
_HEADER_HEIGHT = 36
_EARLIEST = date(1900, 1, 1)
_LARGEST = 1e12

_CHECKS = {
    "date": Text("请填写日期，如 2024-03-05。", "Enter a date such as 2024-03-05."),
    "time": Text(
        "请填写日期或日期时间，如 2024-03-05 14:30。", "Enter a date or time such as 2024-03-05 14:30."
    ),
    "amount": Text("请填写数字，不带单位。", "Enter a number without a unit."),
    "rating": Text("请填写 1 到 5 的整数。", "Enter a whole number from 1 to 5."),
    "list": Text("请从列表中选择。", "Choose from the list."),
    "open": Text(
        "列表中没有这一项。确定要填写新的名称吗？", "The list has no such value. Do you want to add it?"
    ),
}
_CHECK_TITLE = Text("请检查填写内容", "Please check")


def write_workbook(path: Path, forms: Sequence[Form], language: Language, rows: Rows | None = None) -> None:
    """Write the forms to ``path``, blank or with ``rows``; the file is whole or not there.

    The workbook has no formula and no link in any cell: what is text stays text. The same arguments
    give the same bytes. Raises DataError where the file cannot be written.
    """
    import xlsxwriter

    draft = path.with_name(f".{path.name}")
    options = {
        "strings_to_urls": False,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "in_memory": True,
    }
    try:
        with xlsxwriter.Workbook(str(draft), options) as workbook:
            workbook.set_properties({"created": CREATED, "title": guide.TITLE.to(language)})
            _fill(workbook, forms, language, rows or {})
        draft.replace(path)
    except (OSError, xlsxwriter.exceptions.FileCreateError) as error:
        raise DataError(
            f"The workbook {path} cannot be written: {error}. Close it in Excel if it is open there, or "
            "choose another place with --to."
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _fill(workbook: Workbook, forms: Sequence[Form], language: Language, rows: Rows) -> None:
    style = Style(workbook, language)
    guide.write_instructions(workbook.add_worksheet(guide.INSTRUCTIONS.to(language)), forms, style, language)
    for sheet in sheets(tuple(forms)):
        worksheet = workbook.add_worksheet(sheet.text.to(language))
        worksheet.set_tab_color("#0f6b6b")
        _write_sheet(worksheet, sheet, rows.get(sheet.id, ()), style, language)
    guide.write_fields(workbook.add_worksheet(guide.FIELDS.to(language)), forms, style, language)
    guide.write_codes(workbook.add_worksheet(guide.CODES.to(language)), style, language)


def _write_sheet(
    worksheet: Worksheet, sheet: Sheet, rows: Sequence[Row], style: Style, language: Language
) -> None:
    worksheet.set_row(0, _HEADER_HEIGHT)
    for place, field in enumerate(sheet.fields):
        worksheet.set_column(place, place, field.width, style.cell(field.kind, computed=field.computed))
        worksheet.write_string(0, place, field.text.to(language), style.header(header_class(field)))
        size = {"width": 260, "height": 130, "font_name": style.font, "font_size": 9}
        worksheet.write_comment(0, place, comment(field, language), {"author": "crmlab"} | size)
        if not field.computed and (rule := _rule(field, language)):
            worksheet.data_validation(1, place, _LAST_ROW, place, rule)
        for number, row in enumerate(rows, 1):
            _write(worksheet, number, place, field, row.get(field.column), style)
    _colour(worksheet, sheet, style)
    worksheet.freeze_panes(1, sheet.frozen)
    worksheet.autofilter(0, 0, max(len(rows), 1), len(sheet.fields) - 1)
    worksheet.ignore_errors({"number_stored_as_text": f"A2:{_letter(len(sheet.fields) - 1)}{_LAST_ROW + 1}"})
    set_print(worksheet, sheet.text.to(language), sum(field.width for field in sheet.fields), sheet)


def comment(field: Field, language: Language) -> str:
    """Return what the header of a field says of it: whether it must be filled, what it is, who may see it."""
    parts = [guide.DUTIES[header_class(field)].to(language), field.note.to(language)]
    if not field.computed and field.sensitivity != "ordinary":
        parts.append(SENSITIVITIES[field.sensitivity].to(language))  # type: ignore[index]
    return "\n".join(part for part in parts if part)


def _write(worksheet: Worksheet, row: int, place: int, field: Field, value: Any, style: Style) -> None:
    form = style.cell(field.kind, computed=field.computed)
    if value is None:
        return
    if isinstance(value, date):  # a datetime, too
        worksheet.write_datetime(row, place, value, form)
    elif isinstance(value, int | float):
        worksheet.write_number(row, place, value, form)
    else:
        worksheet.write_string(row, place, str(value), form)


def _rule(field: Field, language: Language) -> dict[str, Any] | None:
    """Return the check of a cell while it is typed; text of any kind needs none."""
    if field.codes:
        source = guide.code_range(list(code_lists()).index(field.codes.id), field.codes, language)
        rule: dict[str, Any] = {"validate": "list", "source": source}
    elif field.kind in ("date", "time"):
        rule = {"validate": "date", "criteria": ">=", "value": _EARLIEST}
    elif field.kind == "amount":
        rule = {"validate": "decimal", "criteria": "between", "minimum": -_LARGEST, "maximum": _LARGEST}
    elif field.kind == "rating":
        rule = {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": 5}
    else:
        return None
    is_open = field.codes is not None and field.codes.open
    return rule | {
        "error_type": "warning" if is_open else "stop",
        "error_title": _CHECK_TITLE.to(language),
        "error_message": _CHECKS["open" if is_open else field.kind].to(language),
    }


def _colour(worksheet: Worksheet, sheet: Sheet, style: Style) -> None:
    """Show which required cells of a begun row are empty, and which keys stand twice."""
    begun = f"COUNTA($A2:${_letter(len(sheet.fields) - 1)}2)>0"
    for place, field in enumerate(sheet.fields):
        column = _letter(place)
        if field.required:
            missing = f"=AND({begun},LEN(TRIM(${column}2))=0)"
            condition = {"type": "formula", "criteria": missing, "format": style.plain("missing")}
            worksheet.conditional_format(1, place, _CHECKED_ROWS, place, condition)
        if field.column == sheet.key and sheet.unique:
            repeated = {"type": "duplicate", "format": style.plain("repeated")}
            worksheet.conditional_format(1, place, _CHECKED_ROWS, place, repeated)


def _letter(place: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    letter: str = xl_col_to_name(place)
    return letter
