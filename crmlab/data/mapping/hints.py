"""What a mapping report points out: what is in doubt, and the line of the study that settles it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from crmlab.data.intake.files import Intake, OpenedFile
from crmlab.data.mapping.columns import MappedColumn, there
from crmlab.data.schemas import DAMAGED_ID, IDS
from crmlab.labels import Text

_LETTERED = (Text("编号", "id"), Text("文字", "text"))
"""Types in which a number in scientific notation is a number that lost its digits."""
_DAY_OR_MONTH_FIRST = r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}"


def notes_on(opened: OpenedFile, intake: Intake | None) -> list[Text]:
    """Say what the preset takes for granted, and which columns the user must choose between."""
    notes = [opened.preset.note.text] if opened.preset and opened.preset.note else []
    for column, headers in (intake.mapping.conflicts if intake and intake.mapping else {}).items():
        notes.append(
            Text(
                f"{'、'.join(headers)} 都可能是 {column}，必须在 columns 中指明其一。",
                f"{', '.join(headers)} could all be {column}; say under `columns` which it is.",
            )
        )
    return notes


def value_notes(intake: Intake, head: pl.DataFrame, mapped: Sequence[MappedColumn]) -> list[Text]:
    """Point out values that cleaning would reject for one reason that the user can state."""
    assert intake.mapping is not None
    notes = []
    by_column = {match.column: match.headers[0] for match in intake.mapping.matches}
    for column in mapped:
        if column.column is None or column.readable is None or column.readable > 0.9:
            continue
        values = there(head[by_column[column.column]]).cast(pl.String)
        ambiguous = values.filter(values.str.contains(_DAY_OR_MONTH_FIRST))
        if ambiguous.len() > values.len() / 2:
            form = _day_or_month(ambiguous)
            notes.append(
                Text(
                    f"{column.header} 中的日期把日或月写在前面；请指明格式，例如 "
                    f"dates: {{{column.column}: '{form}'}}。",
                    f"The dates in {column.header} have the day or the month first; state the format, for "
                    f"example dates: {{{column.column}: '{form}'}}.",
                )
            )
        elif column.type == Text("代码", "code list"):
            notes.append(
                Text(
                    f"{column.header} 中有代码表以外的取值；请在 values 中写明含义，例如 "
                    f"values: {{{column.column}: {{原值: 代码}}}}。",
                    f"{column.header} has values that are in no code list; say what they mean under "
                    f"values: {{{column.column}: {{<value>: <code>}}}}.",
                )
            )
    notes += _assumed(intake, head, by_column)
    notes += _destroyed(head, mapped)
    own = IDS.get(intake.table)
    if intake.table == "orders" and own in by_column:
        ids = there(head[by_column[own]])
        if ids.n_unique() < 0.9 * ids.len():
            notes.append(
                Text(
                    "订单号多次重复：若每行是一条订单明细，请用 --table order_lines。",
                    "Order ids repeat: where each row is a line of an order, use --table order_lines.",
                )
            )
    return notes


def _destroyed(head: pl.DataFrame, mapped: Sequence[MappedColumn]) -> list[Text]:
    """Point out long numbers that Excel has written as 1.38E+10: their last digits are gone."""
    notes = []
    for column in mapped:
        if column.column is None or column.type not in _LETTERED or column.header not in head.columns:
            continue
        values = there(head[column.header]).cast(pl.String)
        if lost := int(values.str.strip_chars().str.contains(DAMAGED_ID).sum()):
            notes.append(
                Text(
                    f"{column.header} 中有 {lost:,} 个长数字被 Excel 改成科学计数法，末尾数位已丢失；"
                    "请按文本重新导出。",
                    f"Long numbers in {column.header} that Excel has turned into scientific notation, losing "
                    f"their last digits: {lost:,}. Export the column anew, as text.",
                )
            )
    return notes


def _assumed(intake: Intake, head: pl.DataFrame, by_column: Mapping[str, str]) -> list[Text]:
    """Say where the preset alone decides between day and month: no date of the column tells them apart."""
    assert intake.mapping is not None
    notes = []
    for column, formats in intake.mapping.layout.dates.items():
        if column not in by_column or column in intake.file.options.dates:
            continue
        values = there(head[by_column[column]]).cast(pl.String)
        parts = values.str.extract_groups(r"^(\d{1,2})[-/.](\d{1,2})[-/.]\d{2}").struct.unnest().drop_nulls()
        if parts.is_empty() or parts.select(pl.all().cast(pl.Int64).max()).max_horizontal().item() > 12:
            continue
        other = formats[0].translate(str.maketrans("dm", "md"))
        notes.append(
            Text(
                f"{by_column[column]} 中的日期按 {formats[0]} 理解，数据本身分不出日和月；如不对，请写 "
                f"dates: {{{column}: '{other}'}}。",
                f"Dates in {by_column[column]} are read as {formats[0]}; the data does not tell day from "
                f"month. Where it is wrong, write dates: {{{column}: '{other}'}}.",
            )
        )
    return notes


def _day_or_month(values: pl.Series) -> str:
    """Return the format that the values allow; month first where both are possible."""
    parts = values.str.extract_groups(r"^(\d{1,2})[-/.](\d{1,2})[-/.]").struct.unnest()
    first = parts.to_series(0).cast(pl.Int64).max()
    mark = values[0].lstrip("0123456789")[:1]
    order = ["%d", "%m"] if isinstance(first, int) and first > 12 else ["%m", "%d"]
    clock = " %H:%M" if values.str.contains(r"\d:\d\d").any() else ""
    seconds = ":%S" if values.str.contains(r"\d:\d\d:\d\d").any() else ""
    return f"{mark.join([*order, '%Y'])}{clock}{seconds}"
