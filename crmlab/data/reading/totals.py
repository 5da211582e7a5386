"""Rows among or below the data that are none: totals of others (合计, 小计, total), remarks."""

from __future__ import annotations

import re

import polars as pl

from crmlab.data.reading.raw_table import SOURCE_ROW

_LABEL = (
    r"^(?:(?:合计|总计|小计|共计|总合计|汇总|本页合计|本页小计)(?:[(（][^()（）]{0,6}[)）])?"
    r"|(?:grand|sub)?-?totals?)[:：]?$"
)
_FIGURE = re.compile(r"[-+(]?[￥¥$€£]?[\d,，]*\.?\d*(?:[eE][-+]?\d+)?[%％]?[元万亿]?\)?|[-—–/]+")
_LABEL_COLUMNS = 3
_PARTS = ["计", "汇", "ota", "OTA"]
_USUAL = 0.9

_FOOTER = re.compile(
    r"^\s*(?:[\u4e00-\u9fff]{2,10}\s*[:：]|共\s*[\d,]+\s*[条行笔个项位名]"
    r"|(?i:exported|printed|generated|source|records|rows)\b[^:：]{0,20}[:：])"
)
_FOOTER_ROWS = 5


def find_footers(body: pl.DataFrame) -> list[int]:
    """Return the source rows of remarks below the data, such as “导出时间：…” or “共 120 条”.

    They have a text in the first column alone, in a table of three columns or more whose other rows
    all have at least two values.
    """
    columns = [name for name in body.columns if name != SOURCE_ROW]
    if len(columns) < 3:
        return []
    found: list[int] = []
    for number, first, *others in reversed(body.tail(_FOOTER_ROWS).rows()):
        if not first or any(others) or not _FOOTER.match(first):
            break
        found.insert(0, number)
    if not found or len(found) == body.height:
        return []
    values = pl.sum_horizontal(pl.col(columns).is_not_null())
    return found if body.head(body.height - len(found)).select((values > 1).all()).item() else []


def find_totals(body: pl.DataFrame) -> tuple[list[int], list[int]]:
    """Return the source rows that are totals, and those that look so and do not add up.

    A total has a label alone in its first filled cell, one of the first three columns, and figures
    elsewhere. It lacks a value that nine in ten rows have; a last row that lacks none must hold the
    sum of every column of numbers.
    """
    columns = [name for name in body.columns if name != SOURCE_ROW]
    if len(columns) < 2 or body.height < 2:
        return [], []
    leading = pl.col(columns[:_LABEL_COLUMNS])
    squeezed = leading.str.replace_all(r"\s", "").str.to_lowercase()
    # Few rows have as much as a part of a label; only those are looked at closely.
    likely = body.with_row_index("_place").filter(pl.any_horizontal(leading.str.contains_any(_PARTS)))
    labels = likely.filter(pl.any_horizontal(squeezed.str.contains(_LABEL)))
    # Where many rows say so it is a value like any other.
    if not 0 < labels.height <= max(2, body.height // 2):
        return [], []
    others = body.filter(~pl.col(SOURCE_ROW).is_in(labels[SOURCE_ROW].implode()))
    if others.is_empty():
        return [], []
    shares = others.select(pl.col(columns).count() / others.height).row(0)
    totals: list[int] = []
    doubtful: list[int] = []
    for place, number, *cells in labels.iter_rows():
        first = next(at for at, cell in enumerate(cells) if cell)
        label = re.sub(r"\s", "", cells[first]).lower()
        figures = {at: cell for at, cell in enumerate(cells) if cell and at != first}
        if not re.match(_LABEL, label) or not all(_is_figure(cell) for cell in figures.values()):
            continue
        if any(share >= _USUAL and not cell for share, cell in zip(shares, cells, strict=True)):
            totals.append(number)
        elif place >= body.height - 2 and figures:
            right = [_is_sum(others[columns[at]], cell) for at, cell in figures.items()]
            (totals if all(right) else doubtful).append(number)
    return totals, doubtful


def _is_figure(cell: str) -> bool:
    return bool(_FIGURE.fullmatch(re.sub(r"\s", "", cell)))


def _is_sum(column: pl.Series, cell: str) -> bool:
    plain = r"[,，￥¥$元\s]"
    values = column.str.replace_all(plain, "").cast(pl.Float64, strict=False)
    try:
        given = float(re.sub(plain, "", cell))
    except ValueError:
        return False
    return abs(float(values.sum()) - given) <= 0.01 * max(1.0, abs(given) * 1e-6)
