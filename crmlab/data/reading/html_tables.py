"""Read the largest table of an HTML page: what many CRM systems call an Excel export."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

from crmlab.data.reading.cells import too_wide
from crmlab.data.reading.decoding import to_utf8
from crmlab.data.reading.headers import lay_out
from crmlab.data.reading.limits import MAX_COLUMNS, MAX_MARKUP, MAX_MARKUP_CELLS
from crmlab.data.reading.markup import tokens
from crmlab.data.reading.raw_table import SOURCE_ROW, RawTable
from crmlab.errors import DataError

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|table|meta|style|div|form)\b", re.IGNORECASE)
_XML_2003 = b"urn:schemas-microsoft-com:office:spreadsheet"
_DEEPEST = 100
_CHINESE = ("gb2312", "gbk", "gb_2312-80", "x-gbk", "gb18030")


def looks_like_html(head: bytes) -> bool:
    """Say whether a file that begins with ``head`` is markup."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", errors="ignore").encode("utf-8", errors="ignore")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith((b"<?xml", b"<!--")) or bool(_HTML.match(text))


def read_html(raw: bytes, file: str, header_rows: int | None = None) -> RawTable:
    """Read the table with most cells; cells that span columns or rows are taken apart.

    A value that spans rows stands in each of them; one that spans columns in the first. Raises
    DataError where there is no table, and beyond the limits of a page.
    """
    if len(raw) > MAX_MARKUP:
        raise DataError(
            f"{file} is an HTML page of {len(raw) >> 20:,} MiB; at most {MAX_MARKUP >> 20} are read. "
            "Export the table as CSV or .xlsx."
        )
    declared = _CHARSET.search(raw[:4096])
    charset = declared[1].decode("ascii", "ignore").lower() if declared else None
    text, encoding = to_utf8(raw, file, "gb18030" if charset in _CHINESE else charset)
    if _XML_2003 in text[:4096] and b"<table" not in text[:65536].lower():
        raise DataError(f"{file} is an XML spreadsheet of 2003. Open it in Excel and save it as .xlsx.")
    tables = _tables(text.decode(), file)
    if not tables:
        raise DataError(f"{file} is an HTML page without any table. Is it an error or login page?")
    table = max(tables, key=lambda table: table.cells)
    grid, merged = table.grid()
    layout = lay_out(grid, file, header_rows, merged)
    return RawTable(
        file, layout.frame.lazy(), "html", encoding, None, None, layout.headers, layout.notes, layout.left_out
    )


@dataclass
class _Cell:
    columns: int
    rows: int
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text as a browser shows it."""
        return re.sub(r" *\n *", "\n", "".join(self.parts)).strip()


@dataclass
class _Table:
    file: str
    rows: list[dict[int, str]] = field(default_factory=list)
    merged: set[int] = field(default_factory=set)
    cells: int = 0
    width: int = 0
    place: int = 0
    spans: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Column → rows that a cell above still spans, and its text."""

    def start_row(self) -> None:
        self.rows.append({})
        self.place = 0
        for column, (left, text) in list(self.spans.items()):
            self.rows[-1][column] = text
            if left == 1:
                del self.spans[column]
            else:
                self.spans[column] = (left - 1, text)

    def add(self, cell: _Cell) -> None:
        text, columns, rows = cell.text, cell.columns, cell.rows
        if not self.rows:
            self.start_row()
        row = self.rows[-1]
        place = self.place
        while place in row:
            place += 1
        self.place = place + columns
        if place + columns > MAX_COLUMNS:
            raise too_wide(self.file, place + columns)
        for column in range(place, place + columns):
            row[column] = text if column == place else ""
            if rows > 1:
                self.spans[column] = (rows - 1, row[column])
        if columns > 1:
            self.merged.add(len(self.rows))
        self.cells += bool(text)
        self.width = max(self.width, place + columns)
        if self.width * len(self.rows) > MAX_MARKUP_CELLS:
            raise DataError(
                f"{self.file} has a table of more than {MAX_MARKUP_CELLS:,} cells. Export it as CSV."
            )

    def grid(self) -> tuple[pl.DataFrame, frozenset[int]]:
        columns = {f"c{at}": [row.get(at) or None for row in self.rows] for at in range(self.width)}
        frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String), strict=False)
        return frame.with_row_index(SOURCE_ROW, offset=1), frozenset(self.merged)


def _tables(text: str, file: str) -> list[_Table]:
    """Collect the tables of a page; one inside another is a table of its own."""
    tables: list[_Table] = []
    around: list[tuple[_Table, _Cell | None]] = []
    cell: _Cell | None = None

    def end_cell() -> None:
        nonlocal cell
        if cell and around:
            around[-1][0].add(cell)
        cell = None

    for token in tokens(text):
        if token.tag is None:
            if cell:
                cell.parts.append(token.text)
        elif token.tag == "table":
            if token.closes and around:
                end_cell()
                _, cell = around.pop()
            elif not token.closes:
                if len(around) == _DEEPEST:
                    raise DataError(f"{file} nests more than {_DEEPEST} tables in one another.")
                tables.append(_Table(file))
                around.append((tables[-1], cell))
                cell = None
        elif token.tag == "tr":
            end_cell()
            if around and not token.closes:
                around[-1][0].start_row()
        elif token.tag in ("td", "th"):
            end_cell()
            if around and not token.closes:
                cell = _Cell(_span(token.text, "colspan"), _span(token.text, "rowspan"))
        elif token.tag == "br" and cell:
            cell.parts.append("\n")
    while around:
        end_cell()
        _, cell = around.pop()
    return tables


def _span(attributes: str, name: str) -> int:
    """Return how many columns or rows a cell spans; a browser, too, stops at some thousands."""
    given = re.search(rf"(?i)\b{name}\s*=\s*[\"']?\s*(\d{{1,5}})", attributes)
    return max(1, int(given[1])) if given else 1
