"""Read workbooks in a process of their own, whose memory and time are limited.

The library that parses them allocates what the file asks for, and an allocation that fails ends its
process: so it is not ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from crmlab.data.reading.headers import lay_out
from crmlab.data.reading.limits import CHILD_SECONDS, CHILD_SECONDS_PER_MIB
from crmlab.data.reading.preflight import SheetScan, damaged, scan_workbook
from crmlab.data.reading.raw_table import RawTable
from crmlab.errors import DataError, did_you_mean
from crmlab.labels import Text

_CAN_LIMIT = os.name == "posix"
_PATIENCE = 8
"""A busy machine may give the process that much less of the clock than of its processor time."""


def read_xlsx(path: Path, sheet: str | None = None, header_rows: int | None = None) -> RawTable:
    """Read one sheet of an XLSX workbook; raise DataError for what is none, damaged or too large."""
    return _read(path, "xlsx", scan_workbook(path), sheet, header_rows)


def read_xls(path: Path, sheet: str | None = None, header_rows: int | None = None) -> RawTable:
    """Read one sheet of a workbook of Excel 97–2003, or say that the file is encrypted."""
    if not _CAN_LIMIT:
        raise DataError(
            f"{path.name} is a workbook of Excel 97–2003, which this system cannot open safely. "
            "Open it in Excel and save it as .xlsx."
        )
    return _read(path, "xls", {}, sheet, header_rows)


def _read(
    path: Path, format_: str, scans: dict[str, SheetScan], sheet: str | None, header_rows: int | None
) -> RawTable:
    with tempfile.TemporaryDirectory(prefix="crmlab-") as folder:
        out = Path(folder) / "sheet.arrow"
        answer = _worker(path, format_, sheet, out)
        if "error" in answer:
            raise _failure(path.name, str(answer["error"]), sheet, answer.get("sheets", []))
        grid = pl.read_ipc(out.read_bytes())
    chosen = str(answer["sheet"])
    scan = scans.get(chosen) or SheetScan(error_cells=answer.get("error_cells", 0))
    name = f"{path.name} [{chosen}]"
    layout = lay_out(grid, name, header_rows, scan.merged_rows)
    notes = (*_sheet_notes(answer), *_cell_notes(answer, scan), *layout.notes)
    return RawTable(
        name, layout.frame.lazy(), format_, None, None, chosen, layout.headers, notes, layout.left_out
    )


def _worker(path: Path, format_: str, sheet: str | None, out: Path) -> dict[str, Any]:
    """Let the worker write the sheet to ``out``; return what it says."""
    seconds = CHILD_SECONDS + CHILD_SECONDS_PER_MIB * (path.stat().st_size >> 20)
    order = {"path": str(path.resolve()), "sheet": sheet, "out": str(out), "seconds": seconds}
    # -P: a module beside the data must not be taken for a library.
    command = [sys.executable, "-P", "-m", "crmlab.data.reading.sheet_worker"]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run(  # noqa: S603
            command,
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=seconds * _PATIENCE,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise _gave_up(path.name) from None
    # What libraries print may quote the file; only our own last line counts.
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode == 0 and lines:
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer
    raise _gave_up(path.name)


def _gave_up(name: str) -> DataError:
    return DataError(
        f"{name} cannot be read within the memory and time that a workbook is given: it is damaged, made to "
        "do harm, or too large. Open it in Excel and save it again, or save the table as CSV UTF-8."
    )


def _failure(name: str, kind: str, sheet: str | None, sheets: list[str]) -> DataError:
    if kind == "encrypted":
        return DataError(f"{name} is protected by a password. Save it without one in Excel.")
    if kind == "no sheet":
        return DataError(
            f"{name} has no sheet {sheet!r}.{did_you_mean(str(sheet), sheets)} It has: {', '.join(sheets)}."
        )
    if kind == "empty":
        return DataError(
            f"{name} is empty: no {'cell of that' if sheet else 'visible'} sheet has data. "
            f"Its sheets: {', '.join(sheets) or 'none'}. Name a hidden one with `sheet`."
        )
    return damaged(name)


def _sheet_notes(answer: dict[str, Any]) -> list[Text]:
    notes = []
    if hidden := answer["hidden"]:
        notes.append(
            Text(
                f"隐藏的工作表未读取：{'、'.join(hidden)}。需要时用 sheet 指定。",
                f"Hidden sheets were not read: {', '.join(hidden)}. Name one with `sheet` if it is needed.",
            )
        )
    if others := answer["others"]:
        notes.append(
            Text(
                f"读取的是工作表“{answer['sheet']}”；其他有数据的工作表未读取：{'、'.join(others)}。",
                f"The sheet {answer['sheet']!r} was read; others with data were not: {', '.join(others)}.",
            )
        )
    return notes


def _cell_notes(answer: dict[str, Any], scan: SheetScan) -> list[Text]:
    notes = []
    if lost := answer["lost_digits"]:
        notes.append(
            Text(
                f"{lost:,} 个数字超过 15 位，Excel 已丢失末尾数位，现为科学计数法；编号请按文本重新导出。",
                f"Numbers with more than 15 digits, of which Excel has lost the last: {lost:,}. They are "
                "kept in scientific notation. Export columns of ids anew, as text.",
            )
        )
    if scan.error_cells is None:
        notes.append(
            Text(
                "无法统计 Excel 错误值（如 #N/A）的个数；这类单元格按空值读取。",
                "Cells with an error of Excel (such as #N/A) are read as empty; they could not be counted.",
            )
        )
    elif scan.error_cells:
        notes.append(
            Text(
                f"{scan.error_cells:,} 个单元格是 Excel 错误值（如 #N/A），按空值读取。",
                f"Cells with an error of Excel (such as #N/A), read as empty: {scan.error_cells:,}.",
            )
        )
    if scan.formulas_alone:
        notes.append(
            Text(
                f"{scan.formulas_alone:,} 个公式没有保存计算结果，按空值读取；请在 Excel 中打开并保存一次。",
                f"Formulas without a saved result, read as empty: {scan.formulas_alone:,}. Open the file "
                "in Excel and save it.",
            )
        )
    return notes
