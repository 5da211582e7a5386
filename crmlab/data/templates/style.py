"""How a form looks: colours, type, number formats, print."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from crmlab.data.templates.definitions import Field, Kind, Sheet
from crmlab.labels import Language, Text

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_FONTS = Text("Microsoft YaHei", "Arial")
_INK, _MUTED, _LINE = "#1f2a2e", "#5c686c", "#c9e3de"
_A4 = 9
_PAGE_WIDTH = 150
"""Characters that a landscape page still shows legibly."""

CLASSES = ("required", "optional", "sensitive", "computed")
_HEADERS: dict[str, dict[str, Any]] = {
    "required": {"bg_color": "#0f6b6b", "font_color": "#ffffff", "num_format": '@" *"'},
    "optional": {"bg_color": "#c9e3de", "font_color": _INK},
    "sensitive": {"bg_color": "#ebaa2d", "font_color": _INK, "num_format": '@" !"'},
    "computed": {"bg_color": "#e7e5df", "font_color": _MUTED, "num_format": '@" ="', "italic": True},
}
"""The mark behind a name is in its format, not in its value: a header reads back as it is called."""

_NUMBERS: dict[Kind, str] = {
    "text": "@",
    "list": "@",
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm",
    "amount": "#,##0.00",
    "rating": "0",
    "count": "0",
}


class Style:
    """The formats of one workbook; ``Style(workbook, language).header("required")``."""

    def __init__(self, workbook: Workbook, language: Language) -> None:
        self.font = _FONTS.to(language)
        self.header = cache(self._header)
        self.cell = cache(self._cell)
        self.plain = cache(self._plain)
        self._workbook = workbook

    def _made(self, **properties: Any) -> Format:
        base: dict[str, Any] = {
            "font_name": self.font,
            "font_size": 10,
            "font_color": _INK,
            "valign": "vcenter",
        }
        return self._workbook.add_format(base | properties)

    def _header(self, kind: str) -> Format:
        line: dict[str, Any] = {"bottom": 2, "bottom_color": "#0f6b6b", "right": 1, "right_color": "#ffffff"}
        return self._made(bold=True, text_wrap=True, align="center", **line, **_HEADERS[kind])

    def _cell(self, kind: Kind, *, computed: bool = False) -> Format:
        shade = {"bg_color": "#f3f1ec", "font_color": _MUTED, "italic": True} if computed else {}
        # Text of a format that says so is never taken for a number, a date or a formula as it is typed.
        return self._made(num_format=_NUMBERS[kind], text_wrap=kind == "text", **shade)

    def _plain(self, role: str) -> Format:
        roles: dict[str, dict[str, Any]] = {
            "title": {"font_size": 18, "bold": True, "font_color": "#0f6b6b"},
            "heading": {"font_size": 12, "bold": True, "bottom": 1, "bottom_color": "#0f6b6b"},
            "words": {"text_wrap": True, "valign": "top", "num_format": "@"},
            "strong": {"text_wrap": True, "valign": "top", "bold": True, "num_format": "@"},
            "example": {"text_wrap": True, "valign": "top", "num_format": "@", "bg_color": "#eef5f3"},
            "column": {"bold": True, "bottom": 1, "bottom_color": _LINE, "font_color": _MUTED},
            "missing": {"bg_color": "#f6d9b8"},
            "repeated": {"bg_color": "#f6d9b8", "font_color": "#9c4a07"},
        }
        if role in ("missing", "repeated"):
            return self._workbook.add_format(roles[role])
        return self._made(**roles[role])


def header_class(field: Field) -> str:
    """Return which of ``CLASSES`` the header of a field belongs to."""
    if field.computed:
        return "computed"
    if field.required:
        return "required"
    return "sensitive" if field.sensitivity == "sensitive" else "optional"


def set_print(worksheet: Worksheet, title: str, width: int, sheet: Sheet | None = None) -> None:
    """Print on landscape A4, the header on each page, as wide as stays legible."""
    worksheet.set_landscape()
    worksheet.set_paper(_A4)
    worksheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    worksheet.fit_to_pages(max(1, round(width / _PAGE_WIDTH)), 0)
    # An ampersand begins a code there; none of our titles has one.
    worksheet.set_footer(f"&L{title}&R&P / &N")
    if sheet is not None:
        worksheet.repeat_rows(0)
        worksheet.repeat_columns(0, sheet.frozen - 1)
