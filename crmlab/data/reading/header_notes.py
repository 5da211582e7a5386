"""What a reader is told of rows that are no data, and of columns that were named anew."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crmlab.data.reading.raw_table import SOURCE_ROW
from crmlab.labels import Text


def header_notes(numbers: Sequence[int], titles: int, count: int, repeated: int, blank: int) -> list[Text]:
    """Tell of title rows, two header rows, repeated and missing headers."""
    notes = []
    if titles:
        notes.append(
            Text(
                f"表头上方有 {titles} 行标题或说明，未作为数据读取。",
                f"Titles or remarks above the header, not read as data: {titles}.",
            )
        )
    if count > 1:
        upper, lower = numbers[titles], numbers[titles + 1]
        notes.append(
            Text(
                f"第 {upper} 行和第 {lower} 行是两级表头，列名写作“上级 / 下级”。",
                f"Rows {upper} and {lower} are a two-level header; columns are named “group / name”.",
            )
        )
    if repeated:
        notes.append(
            Text(
                f"{repeated} 列与前面的列重名，已在列名后加上 (2)、(3) 等编号，数据全部保留。",
                f"Columns with the name of an earlier one: {repeated}; all kept, and numbered (2), (3) …",
            )
        )
    if blank:
        notes.append(
            Text(
                f"{blank} 列没有表头，按位置命名为 column_N。",
                f"Columns without a header: {blank}; they are called column_N by their place.",
            )
        )
    return notes


def cell_notes(removed: int, unguarded: int) -> list[Text]:
    """Tell of cells that are read otherwise than they are written."""
    notes = []
    if removed:
        notes.append(
            Text(
                f"从 {removed:,} 个单元格中去掉了零宽字符或方向控制符。",
                f"Zero-width or direction characters were removed from {removed:,} cells.",
            )
        )
    if unguarded:
        notes.append(
            Text(
                f'{unguarded:,} 个单元格写成 ="007" 或 \'007（为防止 Excel 改动编号），已读作其中的文字。',
                f'Cells written as ="007" or \'007, to keep Excel from changing ids: {unguarded:,}; read as '
                "the text within.",
            )
        )
    return notes


def short_rows_note(rows: list[int]) -> Text:
    """Tell of rows that have fewer fields than the header."""
    return Text(
        f"{len(rows):,} 行的字段比表头少（{_listed(rows, '、')}），缺少的按空值读取；"
        "文件若在导出或下载时中断，请重新导出。",
        f"Rows that end before the last column of the header: {len(rows):,} ({_listed(rows, ', ')}). What is "
        "missing is read as empty; if the file was cut off, export it again.",
    )


def row_notes(
    filled: pl.DataFrame, above: int, totals: list[int], doubtful: list[int], footers: list[int]
) -> list[Text]:
    """Tell of empty rows, total rows, rows that only look like totals, and remarks below the data."""
    notes = []
    numbers = filled[SOURCE_ROW].slice(above)
    if numbers.len():
        empty = int(numbers[-1]) - int(numbers[0]) + 1 - numbers.len()
        if empty:
            notes.append(
                Text(
                    f"数据中有 {empty:,} 个空行，已跳过。",
                    f"Empty rows among the data, skipped: {empty:,}.",
                )
            )
    if totals:
        notes.append(
            Text(
                f"{len(totals):,} 行是合计、小计（{_listed(totals, '、')}），未计入数据，另行保留。",
                f"Total rows, no data and kept aside: {len(totals):,} ({_listed(totals, ', ')}).",
            )
        )
    if footers:
        notes.append(
            Text(
                f"数据下方有 {len(footers):,} 行说明（{_listed(footers, '、')}），未计入数据，另行保留。",
                f"Remarks below the data, kept aside: {len(footers):,} ({_listed(footers, ', ')}).",
            )
        )
    if doubtful:
        notes.append(
            Text(
                f"{len(doubtful):,} 行像合计行，但与各列之和不符（{_listed(doubtful, '、')}），仍留作数据。",
                f"Rows that look like totals, but are not the sums of their columns: {len(doubtful):,} "
                f"({_listed(doubtful, ', ')}). They stay among the data, please check.",
            )
        )
    return notes


def _listed(rows: list[int], joint: str) -> str:
    shown = joint.join(map(str, rows[:5])) + ("…" if len(rows) > 5 else "")
    return f"第 {shown} 行" if joint == "、" else f"row {shown}" if len(rows) == 1 else f"rows {shown}"
