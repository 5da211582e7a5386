"""Tables of words: what they hold, and how a value is looked up."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.rules.word_tables import WordTable, _words, normal, word_table

TABLES = [
    ("source", None, set()),
    ("industry", None, {"other"}),
    ("buying_stage", None, {"other"}),
    ("person_words", "gender", set()),
    ("person_words", "education", set()),
    ("person_words", "zodiac", set()),
]


def _label(table: WordTable, value: str) -> tuple[str | None, float | None]:
    found = table.look_up(pl.Series([value]))
    return found["label"][0], found["confidence"][0]


@pytest.mark.parametrize(("name", "part", "others"), TABLES)
def test_every_label_has_words_and_a_place_in_the_order(
    name: str, part: str | None, others: set[str]
) -> None:
    table = word_table(name, part)
    ids = {label.id for label in table.labels}
    assert set(table.words.values()) == ids - others
    assert set(table.priority) == ids - {"unmapped", "other"}
    assert set(table.whole.values()) | set(table.media.values()) <= ids
    assert all(word == normal(word) != "" for word in table.whole)


@pytest.mark.parametrize(("name", "part", "others"), TABLES)
def test_every_word_is_found_as_itself(name: str, part: str | None, others: set[str]) -> None:
    table = word_table(name, part)
    found = table.look_up(pl.Series(list(table.whole)))
    assert found["label"].to_list() == list(table.whole.values())
    assert found["confidence"].unique().to_list() == [1.0]
    assert not others & set(found["label"])


def test_whole_values_go_before_words_within_them() -> None:
    table = word_table("source")
    assert _label(table, "门店") == ("offline", 1.0)
    assert _label(table, "【门店】") == ("offline", 1.0)
    assert _label(table, "南京路门店三楼") == ("offline", 0.9)
    assert _label(table, "线下广告") == ("ad", 0.6)
    assert _label(table, "店") == ("offline", 1.0)
    assert _label(table, "小店主") == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("source", "商品推荐位", "online"),
        ("source", "为你推荐", "online"),
        ("source", "没有推荐人", "unmapped"),
        ("source", "线上活动", "online"),
        ("source", "线上活动+线下活动", "offline"),  # here a word of its own
        ("source", "店员推荐", "offline"),
        ("source", "网红推荐", "ad"),
        ("buying_stage", "Potential Customer", "lead"),
        ("buying_stage", "Customer", "won"),
        ("buying_stage", "合同未签约", "negotiation"),
        ("industry", "医疗器械销售公司", "trade"),
    ],
)
def test_a_word_within_a_longer_one_does_not_count(name: str, value: str, label: str) -> None:
    assert _label(word_table(name), value)[0] == label


def test_a_small_dragon_is_a_snake() -> None:
    table = word_table("person_words", "zodiac")
    assert [_label(table, value)[0] for value in ("小龙", "蛇（小龙）", "大龙")] == [
        "snake",
        "snake",
        "dragon",
    ]


def test_writing_does_not_matter() -> None:
    table = word_table("source")
    for value in ("小红书", "小 红 书", "小紅書", "小红书　"):
        assert _label(table, value) == ("online", 1.0)
    for value in ("Trade Show", "TRADE_SHOW", "trade-show", "ｔｒａｄｅ ｓｈｏｗ"):
        assert _label(table, value) == ("offline", 1.0)


def test_english_words_are_whole_words() -> None:
    table = word_table("source")
    assert _label(table, "gadget") == (None, None)
    assert _label(table, "an ad on a bus") == ("ad", 0.9)
    assert _label(table, "微博app") == ("online", 0.9)


def test_own_words_override() -> None:
    table = word_table("source").extended({"直播": "ad", "小卖部": "线下客户", "Expo": "Offline"})
    assert _label(table, "直播") == ("ad", 1.0)
    assert _label(table, "抖音直播")[0] == "ad"
    assert _label(table, "小卖部") == ("offline", 1.0)
    assert _label(table, "spring expo") == ("offline", 0.9)
    assert _label(word_table("source"), "直播") == ("online", 1.0)


@pytest.mark.parametrize("entries", [{"直播": "onlin"}, {"": "online"}, {"？": "online"}])
def test_wrong_entries_are_refused(entries: dict[str, str]) -> None:
    with pytest.raises(ParamsError, match="Classes: online"):
        word_table("source").extended(entries)


def test_a_word_of_two_labels_is_refused() -> None:
    with pytest.raises(ParamsError, match="Keep one"):
        _words({"online": "官网, 商城", "offline": "商城"})


@given(st.lists(st.sampled_from(["官网", "门店x", "广告", "??", "朋友推荐", None]), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_a_value_is_looked_up_by_itself(values: list[str | None]) -> None:
    table = word_table("source")
    together = table.look_up(pl.Series(values, dtype=pl.String))
    alone = [table.look_up(pl.Series([value], dtype=pl.String)) for value in values]
    assert together.equals(pl.concat(alone))
