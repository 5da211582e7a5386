"""Titles, two header rows and totals are found on evidence; data is never taken for them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.reading.cells import clean_header, unique_names
from crmlab.data.reading.headers import Layout, lay_out
from crmlab.data.reading.limits import MAX_COLUMNS
from crmlab.errors import DataError

Rows = Sequence[Sequence[str | None]]


def _grid(rows: Rows) -> pl.DataFrame:
    width = max(map(len, rows), default=0)
    columns = {f"c{at}": [row[at] if at < len(row) else None for row in rows] for at in range(width)}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return frame.with_row_index("source_row", offset=1)


def _lay_out(text: str, header_rows: int | None = None, merged: Sequence[int] = ()) -> Layout:
    """Lay out rows of lines, cells between bars, a bare dot for an empty cell."""
    rows = [
        [None if cell.strip() in (".", "") else cell.strip() for cell in line.strip().split("|")]
        for line in text.strip().splitlines()
    ]
    return lay_out(_grid(rows), "a.csv", header_rows, frozenset(merged))


def _names(layout: Layout) -> list[str]:
    return layout.frame.columns[1:]


def _first(layout: Layout) -> int:
    return int(layout.frame["source_row"][0])


DATA = "1 | 张伟 | 北京 | 12.50\n 2 | 李娜 | 重庆 | 8"


@pytest.mark.parametrize(
    ("above", "titles"),
    [
        ("", 0),
        ("客户信息表 | . | . | .\n", 1),
        ("2024年2月订单 | . | . | .\n", 1),
        ("客户信息表 | . | . | .\n 导出时间：2024-03-01 | . | . | .\n", 2),
        ("客户信息表 | . | . | .\n . | . | . | .\n", 1),
        (". | 客户信息表 | . | .\n", 1),
    ],
)
def test_titles(above: str, titles: int) -> None:
    layout = _lay_out(f"{above}编号 | 姓名 | 城市 | 金额\n{DATA}")
    assert _names(layout) == ["编号", "姓名", "城市", "金额"]
    assert layout.frame.height == 2
    assert layout.left_out["left_out_as"].to_list() == ["title"] * titles
    assert bool(layout.notes) == bool(titles)


def test_columns_may_be_called_as_ours_are() -> None:
    layout = _lay_out("退货表 | . | .\n编号 | reason | left_out_as\nA1 | 太大 | x\nA2 | 太小 | y")
    assert _names(layout) == ["编号", "reason", "left_out_as (2)"]
    assert layout.frame["reason"].to_list() == ["太大", "太小"]
    assert layout.left_out.columns == ["source_row", "left_out_as", "编号", "reason", "left_out_as (2)"]


def test_two_remarks_beside_one_another_are_a_title() -> None:
    above = "导出时间：2024-03-01 | . | 制表人：张 | . | . | .\n"
    layout = _lay_out(f"{above}a | b | c | d | e | f\n 1 | x | y | z | u | 3\n 2 | x | y | z | u | 3")
    assert _names(layout) == list("abcdef")
    assert layout.left_out.height == 1
    assert layout.notes[0].zh == "表头上方有 1 行标题或说明，未作为数据读取。"


@pytest.mark.parametrize(
    "text",
    [
        "编号 | 姓名\n 1 | 张伟\n 2 | 李娜",
        "姓名 | .\n 张伟 | 北京\n 李娜 | 重庆",
        "姓名 | . | 城市\n 张伟 | x | 北京\n 李娜 | y | 重庆",
        "姓名 | . | 城市 | 备注\n 张伟 | x | 北京 | .\n 李娜 | y | 重庆 | 老客户",
        "姓名 | . | 年龄\n 张伟 | x | 未知\n 李娜 | x | 30\n 王芳 | x | 31\n 赵六 | x | 32",
        "id | . | . | .\n 1 | a | b | c\n 2 | a | b | c",
        "反馈\n 很好\n 一般",
        "姓名 | 城市 | 等级\n 张伟 | 北京 | 金\n 李娜 | 重庆 | 银",
        "编号 | 电话 | 备注\n 1 | . | .\n 2 | . | .\n 3 | . | .",
        "题目：满意吗 | . | .\n 1 | 2 | 3\n 4 | 5 | 6",
        "2023 | 2024 | 2025\n 1 | 2 | 3\n 4 | 5 | 6",
        "编号 | 一月 | .\n 甲 | 5 | 6\n 乙 | 7 | 8",
        "反馈 | . | .\n 好 | 快 | 便宜\n 一般 | . | .\n 差 | . | .",
    ],
)
def test_the_first_row_is_the_header_unless_more_speaks_for_another(text: str) -> None:
    layout = _lay_out(text)
    assert layout.header_rows == (1,)
    assert layout.frame.height == len(text.splitlines()) - 1
    assert layout.left_out.is_empty()


def test_groups_above_headers() -> None:
    layout = _lay_out(
        """客户 | 基本信息 | . | 消费 | .
           . | 姓名 | 城市 | 金额 | 次数
           C1 | 张伟 | 北京 | 12.5 | 3
           C2 | 李娜 | 重庆 | 8 | 1"""
    )
    assert _names(layout) == ["客户", "基本信息 / 姓名", "基本信息 / 城市", "消费 / 金额", "消费 / 次数"]
    assert layout.headers == (("客户", "基本信息", "", "消费", ""), ("", "姓名", "城市", "金额", "次数"))
    assert _first(layout) == 3
    assert layout.notes[0].en == "Rows 1 and 2 are a two-level header; columns are named “group / name”."


def test_groups_that_are_years() -> None:
    layout = _lay_out(
        """产品 | 2023 | . | 2024 | .
           . | 销量 | 金额 | 销量 | 金额
           茶 | 1 | 2 | 3 | 4
           米 | 5 | 6 | 7 | 8"""
    )
    assert _names(layout) == ["产品", "2023 / 销量", "2023 / 金额", "2024 / 销量", "2024 / 金额"]


def test_merged_cells_are_evidence_where_all_is_text() -> None:
    text = "客户 | 联系人 | .\n . | 姓名 | 城市\n 甲 | 张伟 | 北京\n 乙 | 李娜 | 重庆"
    assert _names(_lay_out(text)) == ["客户", "联系人", "column_3"]
    assert _names(_lay_out(text, merged=[1])) == ["客户", "联系人 / 姓名", "联系人 / 城市"]


def test_title_groups_headers_and_total() -> None:
    layout = _lay_out(
        """二月消费统计 | . | . | . | .
           客户 | 基本信息 | . | 消费 | .
           . | 姓名 | 城市 | 金额 | 次数
           C1 | 张伟 | 北京 | 12.5 | 3
           C2 | 李娜 | 重庆 | 8 | 1
           合计 | . | . | 20.5 | 4"""
    )
    assert _names(layout)[1] == "基本信息 / 姓名"
    assert layout.frame.height == 2
    assert layout.left_out.select("source_row", "left_out_as").rows() == [(1, "title"), (6, "total")]
    assert layout.left_out["消费 / 金额"].to_list() == [None, "20.5"]


SURVEYMONKEY = """Respondent ID | Start Date | 您满意吗？ | 您用过什么？ | . | . | 建议
    . | . | Response | 网店 | 门店 | 其他 | Open-Ended Response
    11501 | 03/01/2024 10:00:00 AM | 5 | 网店 | . | . | 很好
    11502 | 03/02/2024 11:00:00 AM | 4 | . | 门店 | 电话 | ."""


@pytest.mark.parametrize("header_rows", [2, None])
def test_two_header_rows_of_a_survey(header_rows: int | None) -> None:
    layout = _lay_out(SURVEYMONKEY, header_rows)
    group = "您用过什么?"
    expected = ["Respondent ID", "Start Date", "您满意吗?"]
    assert _names(layout)[:3] == expected
    assert _names(layout)[3:6] == [f"{group} / {option}" for option in ("网店", "门店", "其他")]
    assert _names(layout)[6] == "建议"
    assert len(layout.headers) == 2
    assert layout.headers[1][2] == "Response"
    assert layout.frame["source_row"].to_list() == [3, 4]


def test_three_header_rows_of_a_survey() -> None:
    layout = _lay_out(
        """StartDate | Q1_1 | Q1_2
           开始时间 | 满意吗 - 质量 | 满意吗 - 价格
           {"ImportId":"startDate"} | {"ImportId":"QID1_1"} | {"ImportId":"QID1_2"}
           2024-03-01 | 5 | 4""",
        header_rows=3,
    )
    assert _names(layout) == ["StartDate", "Q1_1", "Q1_2"]
    assert layout.headers[2][1] == '{"ImportId":"QID1_1"}'
    assert (layout.header_rows, layout.frame.height) == ((1, 2, 3), 1)


def test_header_rows_that_are_told_are_believed() -> None:
    layout = _lay_out("客户信息表 | . | .\n a | b | c\n 1 | 2 | 3", header_rows=1)
    assert _names(layout) == ["客户信息表", "column_2", "column_3"]
    assert layout.frame.height == 2
    with pytest.raises(DataError, match=r"a\.csv has 3 rows with cells; 4 header rows were asked for"):
        _lay_out("a\n1\n2", header_rows=4)
    with pytest.raises(DataError, match="0 header rows"):
        _lay_out("a\n1\n2", header_rows=0)


@pytest.mark.parametrize("label", ["合计", "总 计", "小计", "合计：", "Total", "GRAND TOTAL", "合计（元）"])
def test_totals_that_lack_what_rows_have(label: str) -> None:
    layout = _lay_out(f"编号 | 姓名 | 金额\n C1 | 张伟 | 12.5\n C2 | 李娜 | 8\n {label} | . | ￥20.5")
    assert layout.frame["source_row"].to_list() == [2, 3]
    assert layout.left_out.rows() == [(4, "total", label, None, "￥20.5")]
    assert layout.notes[0].zh == "1 行是合计、小计（第 4 行），未计入数据，另行保留。"


def test_a_row_called_total_that_has_what_rows_have_is_data() -> None:
    # Two in three have a phone: its absence says nothing; nor is the row one of the last.
    rows = ["C1 | 1 | 5", "C2 | 2 | 5", "合计 | . | 6", "C3 | 3 | 5", "C4 | 4 | 5", "C5 | . | 5"]
    layout = _lay_out("\n".join(["客户 | 电话 | 金额", *rows]))
    assert (layout.frame.height, layout.left_out.height, layout.notes) == (6, 0, ())


def test_subtotals_between_rows() -> None:
    layout = _lay_out(
        "城市 | 姓名 | 金额\n 北京 | 张伟 | 1\n 北京 | 李娜 | 2\n 小计 | . | 3\n"
        " 重庆 | 王芳 | 4\n 重庆 | 赵六 | 4\n 重庆 | 孙七 | 5\n 小计 | . | 13\n 总计 | . | 16"
    )
    assert layout.frame["source_row"].to_list() == [2, 3, 5, 6, 7]
    assert layout.left_out["source_row"].to_list() == [4, 8, 9]


def test_a_last_row_that_holds_the_sums() -> None:
    layout = _lay_out("城市 | 金额\n 北京 | 1,000.50\n 重庆 | 2\n 合计 | 1,002.50")
    assert layout.frame.height == 2
    layout = _lay_out("城市 | 金额\n 北京 | 1,000.50\n 重庆 | 2\n 合计 | 7")
    assert layout.frame.height == 3
    assert layout.notes[0].en == (
        "Rows that look like totals, but are not the sums of their columns: 1 (row 4). "
        "They stay among the data, please check."
    )


@pytest.mark.parametrize(
    "row",
    [
        "C3 | 合计贸易有限公司 | 5",
        "合计贸易有限公司 | . | 5",
        "C3 | 合计 | 5",
        "合计 | 张三 | 5",
        "总计科技 | . | .",
        "Total Energies | . | 5",
    ],
)
def test_rows_that_are_no_totals(row: str) -> None:
    layout = _lay_out(f"编号 | 姓名 | 金额\n C1 | 张伟 | 12.5\n C2 | 李娜 | 8\n {row}")
    assert layout.frame.height == 3
    assert layout.left_out.is_empty()


def test_a_word_that_many_rows_have_is_a_value() -> None:
    layout = _lay_out("类别 | 说明 | 金额\n 小计 | . | 1\n 小计 | . | 2\n 小计 | . | 3\n 明细 | x | 4")
    assert layout.frame.height == 4


def test_a_table_of_one_column_has_no_totals() -> None:
    assert _lay_out("反馈\n很好\n合计").frame.height == 2


def test_columns_of_one_name_and_of_none() -> None:
    layout = _lay_out("电话 | 电话 | . | 电话 (2) | source_row\n 1 | 2 | 3 | 4 | 5\n 6 | 7 | 8 | 9 | 0")
    assert _names(layout) == ["电话", "电话 (3)", "column_3", "电话 (2)", "source_row (2)"]
    assert [note.en for note in layout.notes] == [
        "Columns with the name of an earlier one: 2; all kept, and numbered (2), (3) …",
        "Columns without a header: 1; they are called column_N by their place.",
    ]


def test_a_column_without_header_and_value_is_none() -> None:
    assert _names(_lay_out("a | . | b\n 1 | . | 2\n 3 | . | 4")) == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("  金额（元）\n含税 ", "金额(元) 含税"),
        ("ＩＤ", "ID"),
        ("\ufeff客户\u200b名称\u202e", "客户名称"),
        ("a\u3000\tb", "a b"),
        ("=1+1", "=1+1"),
        ("\u200b", ""),
    ],
)
def test_headers_are_cleaned(given: str, expected: str) -> None:
    assert clean_header(given) == expected


@given(st.lists(st.sampled_from(["a", "a (2)", "b", "source_row", "a (3)"]), max_size=8))
def test_names_are_unique_and_first_ones_stay(names: list[str]) -> None:
    unique = unique_names(names)
    assert len({*unique, "source_row"}) == len(names) + 1
    for place, name in enumerate(names):
        assert unique[place].startswith(name)
        assert (unique[place] == name) == (name not in names[:place] and name != "source_row")


def test_invisible_characters_go_and_couples_stay() -> None:
    names = [
        "张伟",
        "张\u200b伟",
        "\u202e张伟\u202c",
        "\ufeff张伟",
        "张\u2060伟",
        "👨\u200d👩",
        "می\u200cخواهم",
    ]
    layout = lay_out(_grid([["姓名"], *[[name] for name in names]]), "a.csv")
    cells = layout.frame["姓名"].to_list()
    assert cells[:5] == ["张伟"] * 5
    assert cells[5] == "👨\u200d👩"
    assert layout.notes[0].en == "Zero-width or direction characters were removed from 5 cells."


def test_blank_cells_are_null() -> None:
    layout = lay_out(_grid([["a", "b"], [" ", "x"], ["\u3000\t", "\u200b"], ["", "y"]]), "a.csv")
    assert layout.frame.rows() == [(2, None, "x"), (4, None, "y")]


def test_too_many_columns() -> None:
    with pytest.raises(DataError, match=rf"a\.csv has {MAX_COLUMNS + 1:,} columns; at most {MAX_COLUMNS:,}"):
        lay_out(_grid([["x"] * (MAX_COLUMNS + 1)]), "a.csv")


CELLS = st.one_of(
    st.none(), st.sampled_from(["合计", "12", "张伟", "2024", "金额", "x：y", "小计", "2024-01-01", "-"])
)


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=9)
    )
)
def test_no_row_is_lost(rows: list[list[str | None]]) -> None:
    filled = [number for number, row in enumerate(rows, 1) if any(row)]
    if not filled:
        return
    layout = lay_out(_grid(rows), "a.csv")
    found = [*layout.header_rows, *layout.frame["source_row"], *layout.left_out["source_row"]]
    assert sorted(found) == filled
    assert all(note.zh and note.en for note in layout.notes)
