"""The process that opens a workbook: it limits itself, reads one sheet, writes it, and ends.

An order comes as JSON on standard input (``path``, ``sheet`` or null, ``out``, ``seconds``); the answer
is the last line on standard output, as JSON. The sheet goes to ``out`` as an Arrow file of
`source_row` and String columns.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.data.reading.limits import CHILD_MEMORY, MAX_COLUMNS, MAX_GRID

if TYPE_CHECKING:
    import fastexcel
    import polars as pl

_MOMENT = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d+)?$"
_WHOLE = r"^-?\d{16,}$"
_DAY = 86_400_000
"""Milliseconds of a day."""


def main() -> None:
    """Read the order, do it, print the answer."""
    order = json.load(sys.stdin)
    _limit(order["seconds"])
    try:
        answer = _read(order["path"], order["sheet"], order["out"])
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is no Exception
        text = str(error).lower()
        answer = {"error": "encrypted" if "password" in text or "encrypt" in text else "damaged"}
    print("\n" + json.dumps(answer))  # noqa: T201


def _limit(seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_MEMORY, CHILD_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # A core dump would be a copy of customers' data.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(path: str, sheet: str | None, out: str) -> dict[str, Any]:
    import fastexcel

    with Path(path).open("rb") as file:
        is_packed = file.read(2) == b"PK"
    workbook = fastexcel.read_excel(path)
    names = workbook.sheet_names
    if sheet is not None and sheet not in names:
        return {"error": "no sheet", "sheets": names}
    chosen, hidden, others = None, [], []
    for name in names if sheet is None else [sheet]:
        loaded = workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        if loaded.visible != "visible" and sheet is None:
            hidden.append(name)
        elif loaded.height and loaded.width and chosen is None:
            chosen = loaded
        elif loaded.height and loaded.width:
            others.append(name)
    if chosen is None:
        return {"error": "empty", "sheets": names}
    if chosen.width > MAX_COLUMNS or chosen.width * chosen.height > MAX_GRID:
        return {"error": "damaged"}
    name = chosen.name
    grid, lost = _cells(workbook, chosen)
    grid.write_ipc(out)
    answer = {"sheet": name, "hidden": hidden, "others": others, "lost_digits": lost}
    return answer | ({} if is_packed else {"error_cells": _errors(path, name)})


def _errors(path: str, sheet: str) -> int | None:
    from crmlab.data.reading.biff import error_cells

    try:
        return error_cells(Path(path).read_bytes(), sheet)
    except (ValueError, IndexError, struct.error):
        return None


def _cells(workbook: fastexcel.ExcelReader, sheet: fastexcel.ExcelSheet) -> tuple[pl.DataFrame, int]:
    """Return the cells as text, and how many numbers have lost digits.

    Text alone does not say whether a cell was text: columns in doubt are loaded again, as Boolean,
    which is null for text and dates, and as Duration, which is null for all but dates and times.
    """
    import polars as pl

    frame = sheet.to_polars()
    frame.columns = [f"c{place}" for place in range(frame.width)]
    name = sheet.name

    def again(places: list[int], dtype: Any) -> pl.DataFrame:
        loaded = workbook.load_sheet(
            name, header_row=None, skip_rows=0, dtypes=dtype, use_columns=places, schema_sample_rows=1
        ).to_polars()
        loaded.columns = [frame.columns[place] for place in places]
        return loaded

    def matching(pattern: str) -> list[int]:
        return [at for at, column in enumerate(frame) if column.str.contains(pattern).any()]

    lost = 0
    if numbers := matching(rf"{_WHOLE}|^true$|^false$"):
        marks = again(numbers, "boolean")
        for column in marks.columns:
            is_number = marks[column].is_not_null()
            long = is_number & frame[column].str.contains(_WHOLE)
            lost += int(long.sum())
            texts = (
                frame[column]
                .to_frame("t")
                .select(
                    pl.when(is_number & pl.col("t").is_in(["true", "false"]))
                    .then(pl.col("t").str.to_uppercase())
                    .otherwise("t")
                )
            )
            frame = frame.with_columns(texts.to_series().alias(column))
            if long.any():
                written = [
                    _scientific(text) if is_long else text
                    for text, is_long in zip(frame[column], long, strict=True)
                ]
                frame = frame.with_columns(pl.Series(column, written, dtype=pl.String))
    if moments := matching(_MOMENT):
        marks = again(moments, "duration")
        frame = frame.with_columns(_moments(frame[column], marks[column]) for column in marks.columns)
    return frame.with_row_index("source_row", offset=1), lost


def _scientific(digits: str) -> str:
    """Write a whole number as Excel does beyond 15 digits: 440301199001011328 is 4.40301199001011E+17."""
    mantissa, exponent = f"{int(digits):.14E}".split("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"


def _moments(texts: pl.Series, since_epoch: pl.Series) -> pl.Series:
    """Write dates as 2024-03-05, with the time only where there is one, and times alone as 08:30:00.

    A serial number below one is a time of day. One that is not whole in the first two months of the
    epoch is a duration, such as 30:05:00; a whole one is a date, as 1900-01-01 is often put for none.
    """
    import polars as pl

    frame = pl.DataFrame({"t": texts, "ms": since_epoch.cast(pl.Duration("ms")).cast(pl.Int64)})
    seconds = (pl.col("ms") + 500) // 1000
    clock = pl.concat_str(
        (seconds // 3600).cast(pl.String).str.zfill(2),
        (seconds // 60 % 60).cast(pl.String).str.zfill(2),
        (seconds % 60).cast(pl.String).str.zfill(2),
        separator=":",
    )
    is_time = pl.col("ms").is_between(0, 60 * _DAY) & ((pl.col("ms") < _DAY) | (pl.col("ms") % _DAY != 0))
    day = pl.col("t").str.replace(r" 00:00:00(?:\.0+)?$", "")
    text = pl.when(pl.col("ms").is_null()).then("t").when(is_time).then(clock).otherwise(day)
    return frame.select(text.alias(texts.name)).to_series()


if __name__ == "__main__":
    main()
