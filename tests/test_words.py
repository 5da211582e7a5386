from __future__ import annotations

import pytest

from crmlab.words import stop_words, words


def test_chinese_and_english_words_without_stop_words() -> None:
    assert words("这个酒店的房间很干净！") == ["酒店", "房间", "干净"]
    assert words("The rooms were VERY clean.") == ["rooms", "clean"]


def test_a_negation_takes_the_next_word_along() -> None:
    assert "不满意" in words("我很不满意")
    assert words("It was not a good idea") == ["not good", "idea"]
    assert words("不，谢谢") == ["不", "谢谢"]
    assert words("don\N{RIGHT SINGLE QUOTATION MARK}t buy") == ["don't buy"]


@pytest.mark.parametrize("word", ["不", "没", "没有", "无", "not", "no", "never", "差", "好", "bad", "good"])
def test_negations_and_judgements_are_no_stop_words(word: str) -> None:
    assert word not in stop_words()


@pytest.mark.parametrize("text", ["", "😀😀", "12345 678", "。。。", "\ud7ff\u200b"])
def test_texts_without_words(text: str) -> None:
    assert words(text) == []
