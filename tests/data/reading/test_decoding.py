"""Encodings are recognised where every byte fits, and refused where they are mixed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.reading.decoding import to_utf8
from crmlab.errors import DataError

TEXT = "客户,城市\n张伟,北京\n李娜,重庆\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("gbk"), "gb18030"),
        (TEXT.encode("gb2312"), "gb18030"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (b"id,a\n1,2\n", "utf-8"),
    ],
)
def test_encodings(raw: bytes, encoding: str) -> None:
    text, found = to_utf8(raw, "a.csv")
    assert found == encoding
    assert text.decode() in (TEXT, "id,a\n1,2\n")


@pytest.mark.parametrize("name", ["㐀𠀀堃", "𠮷野家", "喆", "镕基", "瞭解臺灣"])
def test_rare_characters_of_gb18030(name: str) -> None:
    text = f"客户,城市\n{name},北京\n"
    assert to_utf8(text.encode("gb18030"), "a.csv")[0].decode() == text


def test_a_file_of_rare_characters_alone() -> None:
    assert to_utf8("㐀,𠀀\n䶮,㑇\n".encode("gb18030"), "a.csv")[0].decode() == "㐀,𠀀\n䶮,㑇\n"


def test_line_ends_become_one_kind() -> None:
    assert to_utf8(b"a\r\nb\rc\n\rd", "a.csv")[0] == b"a\nb\nc\n\nd"


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["客户,城市", "张伟,北京", "李娜,重庆", "王芳,上海"], 3),
        (["客户,城市", "张伟,北京", "李娜,重庆", "a,b", "王芳,上海"], 3),
        (["id,name", "1,张伟", "2,李娜"], 3),
    ],
)
def test_utf_8_and_gbk_in_one_file(lines: list[str], line: int) -> None:
    half = [text.encode("gbk") for text in lines[: line - 1]] + [text.encode() for text in lines[line - 1 :]]
    with pytest.raises(DataError, match=rf"a\.csv mixes encodings: line {line} is UTF-8") as error:
        to_utf8(b"\n".join(half), "a.csv")
    assert "寮" not in str(error.value)
    with pytest.raises(DataError, match=r"a\.csv (mixes encodings|is neither)"):
        to_utf8(b"\n".join(reversed(half)), "a.csv")


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("客户,城市\n张伟,北京\n李娜,重庆\n", b"\xe5\xbc,x"),
        ("name,city\nJosé,Orléans\nMüller,Köln\n", "Renée,x".encode("cp1252")),
        ("name,city\nJosé,Orléans\nMüller,Köln\n", "张伟,x".encode("gbk")),
    ],
)
def test_a_line_that_is_not_utf_8_among_lines_that_are(text: str, stray: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.csv is UTF-8 text, and line 4 is the first that is not"):
        to_utf8(text.encode() + stray + b"\n", "a.csv")


def test_emoji_among_lines_of_gbk() -> None:
    with pytest.raises(DataError, match="mixes encodings: line 1 is UTF-8"):
        to_utf8("1,好评👍\n".encode() + "2,不错\n3,好\n".encode("gbk"), "a.csv")


def test_gbk_whose_commonest_value_could_be_utf_8() -> None:
    text = "编号,性别\n" + "1,女\n" * 9
    assert to_utf8(text.encode("gbk"), "a.csv") == (text.encode(), "gb18030")


def test_one_value_of_another_encoding() -> None:
    raw = "客户,城市\n张伟,".encode("gbk") + "北京".encode() + b"\n" + "李娜,重庆\n".encode("gbk") * 200
    with pytest.raises(DataError, match="line 2 is UTF-8"):
        to_utf8(raw, "a.csv")


@given(st.lists(st.text(st.characters(codec="gb2312"), max_size=6), min_size=1, max_size=30))
def test_gb2312_text_is_itself_or_an_error_of_mixture(values: list[str]) -> None:
    text = "编号,姓名\n" + "\n".join(f"1,{value}" for value in values)
    try:
        decoded, _ = to_utf8(text.encode("gb2312"), "a.csv")
    except DataError as error:
        assert "NUL" in str(error) or "mixes" in str(error)  # noqa: PT017
    else:
        assert decoded.decode() == text.replace("\r\n", "\n").replace("\r", "\n")


def test_a_value_that_could_be_both_counts_only_where_it_is_no_rarity() -> None:
    both = "濮剧涵"  # whose bytes are 姾纭 in UTF-8
    rare = "张伟\n" * 200 + f"{both}\n"
    assert to_utf8(rare.encode("gbk"), "a.csv")[0].decode() == rare
    with pytest.raises(DataError, match="mixes encodings: line 3 is UTF-8"):
        to_utf8(f"张伟\n李娜\n{both}\n".encode("gbk"), "a.csv")


def test_western_text_does_not_turn_chinese() -> None:
    raw = "name,city\nJérôme,Orléans\nHélène,Besançon\n".encode("cp1252")
    with pytest.raises(DataError, match="Western"):
        to_utf8(raw, "a.csv")


@pytest.mark.parametrize(("raw", "line"), [(b"id,a\n1,2\n1,\x00\n", 3), (b"a\x00b\x00,\x00", 1)])
def test_nul_bytes(raw: bytes, line: int) -> None:
    with pytest.raises(DataError, match=rf"a\.csv contains NUL bytes, the first in line {line}:"):
        to_utf8(raw, "a.csv")
    with pytest.raises(DataError, match="NUL"):
        to_utf8("a\0b".encode("utf-16"), "a.csv")


@pytest.mark.parametrize(("raw", "line"), [(b"id,a\n1,\xff\xff\n", 2), (TEXT.encode("gbk")[:-2], 3)])
def test_bytes_that_are_no_text(raw: bytes, line: int) -> None:
    with pytest.raises(DataError, match=rf"neither UTF-8 nor GB18030/GBK nor UTF-16 text; line {line} is"):
        to_utf8(raw, "a.csv")


@pytest.mark.parametrize("raw", [b"\xff\xfea\x00b", b"\xff\xfe\x00\xd8a\x00", b"\xfe\xff\xdc\x00"])
def test_utf_16_that_is_damaged(raw: bytes) -> None:
    with pytest.raises(DataError, match="does not go on so"):
        to_utf8(raw, "a.csv")


def test_what_a_page_declares_goes_first_and_is_not_believed() -> None:
    assert to_utf8("é".encode("cp1252"), "a.html", "cp1252") == ("é".encode(), "cp1252")
    assert to_utf8("张伟".encode(), "a.html", "ascii") == ("张伟".encode(), "utf-8")
    assert to_utf8("张伟".encode(), "a.html", "no-such") == ("张伟".encode(), "utf-8")
