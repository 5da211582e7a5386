"""Whatever bytes a file has, reading it gives a table or a DataError, and this process lives on.

Small files of each kind are mutated by Hypothesis. The examples are few by default: some 15 seconds in
all, most of them the processes that open workbooks. ``CRMLAB_FUZZ_EXAMPLES=5000`` asks for that many
random examples of each kind instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmlab.data.reading.readers import RawTable, read_file
from crmlab.errors import DataError
from tests.data.reading import workbooks

EXAMPLES = int(os.environ.get("CRMLAB_FUZZ_EXAMPLES", "0"))
ROWS = [["编号", "姓名", "金额", "日期"], ["007", "张伟", 12.5, "2024-03-05"], ["008", "李,娜", -3, None]]
TEXT = '编号,姓名,金额,日期\n007,张伟,12.50,2024-03-05\n008,"李,娜\n",-3,\n合计,,9.5,\n'
PAGE = "<html><meta charset=utf-8><table><tr><th rowspan=2>编号<th colspan=2>姓名<tr><td>a&amp;b<td>x</table>"
LINES = '{"编号": "007", "n": 1.5, "in": {"a": [1, null]}}\n{"编号": "008", "n": 2}\n'


def _workbook(make: Callable[..., Path]) -> bytes:
    with TemporaryDirectory() as folder:
        return make(Path(folder) / "seed", {"S": ROWS}).read_bytes()


def _parquet() -> bytes:
    with TemporaryDirectory() as folder:
        pl.DataFrame({"编号": ["007", "008"], "n": [1, 2]}).write_parquet(Path(folder) / "seed")
        return (Path(folder) / "seed").read_bytes()


SEEDS: dict[str, tuple[Callable[[], bytes], int]] = {
    "csv": (TEXT.encode, 300),
    "gbk": (lambda: TEXT.encode("gbk"), 200),
    "utf-16": (lambda: TEXT.replace(",", "\t").encode("utf-16"), 100),
    "html": (PAGE.encode, 200),
    "jsonl": (LINES.encode, 200),
    "parquet": (_parquet, 60),
    "xlsx": (lambda: _workbook(workbooks.xlsx), 12),
    "xlsx-part": (lambda: b"", 10),
    "xls": (lambda: _workbook(workbooks.xls), 18),
}


@cache
def _seed(kind: str) -> bytes:
    return SEEDS[kind][0]()


@st.composite
def mutations(draw: st.DrawFn, raw: bytes) -> bytes:
    """Change, insert, repeat or cut some bytes of ``raw``."""
    mutated = bytearray(raw)
    for _ in range(draw(st.integers(1, 6))):
        # Bytes that are no filling do more harm.
        places = [at for at, byte in enumerate(mutated) if byte] or [0]
        at = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["flip", "set", "insert", "repeat", "cut"]))
        if kind == "flip" and mutated:
            mutated[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and mutated:
            mutated[at : at + 4] = draw(
                st.sampled_from([b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x00\xff", b'"', b"\r"])
            )
        elif kind == "insert":
            mutated[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "repeat":
            mutated[at:at] = mutated[at : at + draw(st.integers(1, 40))] * draw(st.integers(1, 30))
        else:
            del mutated[at : at + draw(st.integers(1, 40))]
    return bytes(mutated)


def _check(raw: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.dat"
        path.write_bytes(raw)
        try:
            table = read_file(path)
        except DataError as error:
            assert "fuzzed.dat" in str(error)  # noqa: PT017
            return
        assert isinstance(table, RawTable)
        frame = table.frame.collect()
        assert frame.columns[0] == "source_row"
        assert len(set(frame.columns)) == frame.width
        assert frame["source_row"].is_sorted()
        assert all(note.zh and note.en for note in table.notes)


@pytest.mark.parametrize("kind", SEEDS)
def test_mutated_files(kind: str) -> None:
    @settings(
        max_examples=EXAMPLES or SEEDS[kind][1],
        derandomize=not EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        if kind == "xlsx-part":
            # Mutations of a packed file rarely reach its parts: these are made before packing.
            cells = b'<c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1"><v>1</v></c>'
            part = b'<sheetData><row r="1">%s</row></sheetData>' % cells
            with TemporaryDirectory() as folder:
                path = Path(folder) / "seed"
                _check(workbooks.xlsx_of_markup(path, data.draw(mutations(part))).read_bytes())
        else:
            _check(data.draw(mutations(_seed(kind))))

    check()
