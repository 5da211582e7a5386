from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.privacy import without_contacts
from crmlab.errors import ParamsError
from crmlab.words import Wording, countable, occurrences, stop_words, word_lists, words

EVERYTHING = Wording((), frozenset())
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6d0]")


def test_chinese_and_english_words_without_stop_words() -> None:
    assert words("这个酒店的房间很干净！") == ["酒店", "房间", "干净"]
    assert words("The rooms were VERY clean.") == ["rooms", "clean"]


def test_a_negation_takes_the_next_word_along() -> None:
    assert "不满意" in words("我很不满意")
    assert words("It was not a good idea") == ["not good", "idea"]
    assert words("不，谢谢") == ["不", "谢谢"]
    assert words("不没有") == ["不", "没有"]
    assert words("don\N{RIGHT SINGLE QUOTATION MARK}t buy") == ["don't buy"]


def test_a_negation_does_not_reach_into_the_next_text() -> None:
    assert word_lists(pl.Series(["不", "满意"])).to_list() == [["不"], ["满意"]]


@pytest.mark.parametrize("word", ["不", "没", "没有", "无", "not", "no", "never", "差", "好", "bad", "good"])
def test_negations_and_judgements_are_no_stop_words(word: str) -> None:
    assert word not in stop_words()


@pytest.mark.parametrize("text", ["", "😀😀", "12345 678", "。。。", "\ud7ff\u200b"])
def test_texts_without_words(text: str) -> None:
    assert words(text) == []


def test_lists_of_many_texts_keep_their_place() -> None:
    texts = pl.Series([None, "房间很干净", "", "😀", "Nice ROOM 房间"])
    assert word_lists(texts).to_list() == [None, ["房间", "干净"], [], [], ["nice", "room", "房间"]]
    assert occurrences(texts).rows() == [(1, "房间"), (1, "干净"), (4, "nice"), (4, "room"), (4, "房间")]
    assert word_lists(pl.Series([], dtype=pl.String)).to_list() == []


def test_thousands_of_texts_keep_their_place_with_and_without_blank_ones() -> None:
    turn = ["房间很干净", "不太满意", "Nice ROOM", "酒店"]
    texts = pl.Series(turn * 5_000)
    told = [words(text) for text in turn]
    expected = [(row, word) for row in range(20_000) for word in told[row % 4]]
    assert occurrences(texts).rows() == expected
    blank = texts.scatter([0, 8_001], [None, " "])
    assert occurrences(blank).rows() == [(row, word) for row, word in expected if row not in (0, 8_001)]


def test_contacts_are_no_words_however_many_texts_there_are() -> None:
    turn = ["打我电话13812345678，房间很好", "房间很好"]
    for times in (1, 1_500):
        told = countable(pl.Series("text", turn * times))
        assert told.to_list() == without_contacts(pl.Series(turn * times)).to_list()
        assert not told.str.contains("138").any()
        assert told.name == "text"
    assert countable(pl.Series("said", turn * 1_500)).name == "said"


@given(st.lists(st.text(alphabet="酒店房間很不好满意乾淨沒有𠮷a1 ，。😀\n'", max_size=20), max_size=4))
def test_chinese_is_never_dropped(texts: list[str]) -> None:
    for text, found in zip(texts, word_lists(pl.Series(texts, dtype=pl.String), EVERYTHING), strict=True):
        assert "".join(HAN.findall("".join(found))) == "".join(HAN.findall(text))


@given(st.lists(st.text(alphabet="酒店房间很不好满意 not good，a1", max_size=15), min_size=1, max_size=4))
def test_a_text_has_the_same_words_alone_and_among_others(texts: list[str]) -> None:
    together = word_lists(pl.Series(texts, dtype=pl.String)).to_list()
    assert together == [words(text) for text in texts]


def test_words_of_other_scripts_stay_whole() -> None:
    assert words("Café Zürich Москва") == ["café", "zürich", "москва"]


def test_own_words_are_neither_cut_nor_left_out() -> None:
    wording = Wording.of(["华强北山寨机", "iPhone 15", "T恤", "5G", "非常"])
    assert words("华强北山寨机真烂", wording) == ["华强北山寨机", "真烂"]
    assert words("iPhone 15很好，iphone 155不好", wording)[:2] == ["iphone 15", "好"]
    assert words("5G手机和T恤", wording) == ["5g", "手机", "t恤"]
    assert "非常" in words("非常好", wording)


def test_own_stop_words_take_the_place_of_the_shipped() -> None:
    assert words("这个酒店", Wording.of(stop=["酒店"])) == ["这个"]


def test_words_from_files(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("\ufeff# products\n华强北山寨机 100 n\nroom service\n\n", encoding="utf-8")
    stop = tmp_path / "stop.txt"
    stop.write_text("# left out\n真烂 酒店\n", encoding="utf-8")
    wording = Wording.of(str(own), str(stop))
    assert wording.own == ("room service", "华强北山寨机")
    assert words("华强北山寨机真烂，酒店 Room  Service", wording) == ["华强北山寨机", "room", "service"]
    assert words("Room Service", wording) == ["room service"]


def test_what_is_no_word_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="dictionary: entry 2 has no letter"):
        Wording.of(["酒店", " "])
    with pytest.raises(ParamsError, match=r"stop_words: the file .*none\.txt cannot be read"):
        Wording.of((), str(tmp_path / "none.txt"))
    latin = tmp_path / "gbk.txt"
    latin.write_bytes("酒店".encode("gbk"))
    with pytest.raises(ParamsError, match="not UTF-8"):
        Wording.of(str(latin))
