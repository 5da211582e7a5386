"""Tables of pages: the largest one, spans taken apart, in time proportional to the page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.reading.html_tables import looks_like_html, read_html
from crmlab.data.reading.markup import tokens
from crmlab.data.reading.raw_table import RawTable
from crmlab.errors import DataError


def _table(page: str) -> RawTable:
    return read_html(page.encode(), "a.xls")


def _row(*cells: str, tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def test_the_largest_table_is_read_and_layout_around_it_is_not() -> None:
    inner = f"<table>{_row('编号', '姓名', tag='th')}{_row('007', '张伟')}{_row('008', '李娜')}</table>"
    page = f"<table><tr><td>导航</td><td>{inner}</td></tr></table><table>{_row('x')}</table>"
    assert _table(page).frame.collect().rows() == [(2, "007", "张伟"), (3, "008", "李娜")]


def test_tags_that_are_not_closed() -> None:
    assert _table("<TABLE><TR><TD>a<TD>b<TR><TD>1<TD>2").frame.collect().rows() == [(2, "1", "2")]


def test_text_is_what_a_browser_shows() -> None:
    page = f"""<!-- <table><tr><td>no --><style>td > p {{}}</style><table>{_row("a", "b")}
        <tr><td title="x > y"> O&#39;Brien &amp;\n <b>Söhne</b>&nbsp;</td>
        <td>1<br> 2<script>x<y</script></td></tr>"""
    assert _table(page).frame.collect().rows() == [(2, "O'Brien & Söhne", "1\n2")]


def test_spans() -> None:
    page = (
        "<table><tr><th rowspan=2>客户<th colspan='2'>联系人</tr><tr><th>姓名<th>城市</tr>"
        "<tr><td rowspan=2>甲</td><td>张伟</td><td>北京</td></tr><tr><td>李娜</td><td>重庆</td></tr></table>"
    )
    table = _table(page)
    assert table.frame.collect().columns[1:] == ["客户", "联系人 / 姓名", "联系人 / 城市"]
    assert table.frame.collect().rows() == [(3, "甲", "张伟", "北京"), (4, "甲", "李娜", "重庆")]


def test_a_title_that_spans_the_table() -> None:
    page = f"<table><tr><td colspan=3>二月订单</td></tr>{_row('a', 'b', 'c')}{_row('1', '2', '3')}</table>"
    assert _table(page).frame.collect().rows() == [(3, "1", "2", "3")]
    assert _table(page).left_out["left_out_as"].to_list() == ["title"]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<html><body>请登录</body></html>", "without any table"),
        ("<table></table>", "is empty"),
        ("<table>" * 200, "nests more than 100 tables"),
        ("<table><tr><td colspan=9999>x</td></tr></table>", "columns; at most"),
        ('<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "of 2003"),
    ],
)
def test_pages_that_are_refused(page: str, words: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.xls.*{words}"):
        _table(page)


@pytest.mark.parametrize(
    "unit",
    [
        "<a ",
        "<!--",
        "<![CDATA[",
        "&#",
        "<",
        "<?",
        "</a ",
        '<a b="',
        "<a'",
        '<a b=">',
        "<script>",
        "<style></",
        "<td>",
    ],
)
def test_tags_without_end_take_no_time(unit: str) -> None:
    # The parser of the standard library takes minutes for some of these.
    pages = [f"<table><tr><td>x<tr><td>y</table>{unit * times}" for times in (1, 200_000)]
    counts = [sum(1 for _ in tokens(page)) for page in pages]
    assert counts[0] <= counts[1] <= 200_000 * 2 + counts[0]
    assert _table(pages[1]).frame.collect().rows() == [(2, "y")]


@given(st.text(st.sampled_from("<>/!-'\"tabletrd h=&#x; ")))
def test_any_markup_ends(page: str) -> None:
    assert sum(len(token.text) for token in tokens(page)) <= len(page)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"<table>", True),
        (b"\xef\xbb\xbf \r\n<!DOCTYPE html>", True),
        ("<html>".encode("utf-16"), True),
        (b"<meta charset=gbk>", True),
        (b"<name>,b\n1,2", False),
        (b"a<b,c\n", False),
        (b"<5,>6\n", False),
    ],
)
def test_what_looks_like_a_page(head: bytes, found: bool) -> None:
    assert looks_like_html(head) == found
