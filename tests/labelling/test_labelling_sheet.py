from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from crmlab.errors import DataError
from crmlab.labelling.sampling import choose
from crmlab.labelling.sheet import HEADERS, read_sheet, write_sheet


@pytest.fixture
def rows() -> pl.DataFrame:
    texts = ["很好，电话13800138000", "=1+1 太差了", "第一行\n第二行", "还,可以", "a@b.com 不错", "送货慢"]
    table = pl.DataFrame({"text": texts, "positive_probability": [0.9, 0.1, 0.5, 0.6, 0.8, 0.3]})
    return choose(table).with_columns(label=pl.Series(["positive", "negative", None] * 2))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_written_is_read_back(rows: pl.DataFrame, tmp_path: Path, language: str) -> None:
    path = tmp_path / "rows.csv"
    write_sheet(rows, path, language)  # type: ignore[arg-type]
    expected = rows.drop_nulls("label").select("text_id", "selection_probability", "label")
    assert read_sheet(path).equals(expected)


def test_the_file_is_masked_runs_nothing_and_does_not_tell_what_the_model_thinks(
    rows: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    write_sheet(rows, path)
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    assert text.splitlines()[0] == ",".join(header.zh for header in HEADERS.values())
    assert len(text.splitlines()) == 7
    assert "13800138000" not in text
    assert "a@b.com" not in text
    assert ",=1" not in text
    assert "0.9" not in text
    write_sheet(rows, path, mask=False)
    assert "13800138000" in path.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_what_a_spreadsheet_makes_of_it(
    rows: pl.DataFrame, tmp_path: Path, encoding: str, separator: str
) -> None:
    ids = rows["text_id"].to_list()
    given = ["正面", "Negative ", "1", "0", "", "跳过"]
    lines = [separator.join(("备注", "标注", "抽中概率", "文本编号"))]
    lines += [separator.join(("我的", label, "0.25", code)) for label, code in zip(given, ids, strict=True)]
    path = tmp_path / "rows.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    found = read_sheet(path)
    assert found["text_id"].to_list() == ids[:4]
    assert found["label"].to_list() == ["positive", "negative", "positive", "negative"]
    assert found["selection_probability"].to_list() == [0.25] * 4


def written(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["text_id,text,label,selection_probability", *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("T-0123456789ab,x,秘密,0.5", r"row 3, column 标注 \(label\): a value that is none of"),
        ("3,x,1,0.5", r"row 3, column 文本编号 \(text_id\): a value that `crmlab label` did not write"),
        ("T-0123456789ab,x,1,", r"row 3, column 抽中概率"),
        ("T-0123456789ab,x,1,1.5", r"row 3, column 抽中概率"),
        ("T-aaaaaaaaaaaa,x,0,0.5", r"row 2, 3, column 标注 \(label\): a value that contradicts"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, row: str, message: str) -> None:
    path = written(tmp_path / "rows.csv", "T-aaaaaaaaaaaa,x,1,0.5", row)
    with pytest.raises(DataError, match=message) as error:
        read_sheet(path)
    assert "秘密" not in str(error.value)


def test_one_text_twice_counts_once(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", *["T-aaaaaaaaaaaa,x,1,0.5"] * 2)
    assert read_sheet(path).height == 1


@pytest.mark.parametrize("other", ["标注", "label", " Label"])
def test_two_columns_of_labels_are_refused(tmp_path: Path, other: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"文本编号,标注,抽中概率,{other}\nT-aaaaaaaaaaaa,1,0.5,0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"2 columns for 标注 \(label\): 标注, .*Keep one of them"):
        read_sheet(path)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,label\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.csv has no column 文本编号 \(text_id\)"):
        read_sheet(path)
    with pytest.raises(DataError, match="cannot be written"):
        write_sheet(
            pl.DataFrame(
                {"text_id": [], "text": [], "selection_probability": []}, schema_overrides={"text": pl.String}
            ),
            tmp_path / "no" / "rows.csv",
        )
