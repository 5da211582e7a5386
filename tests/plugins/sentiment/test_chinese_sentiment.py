from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.sentiment.chinese import DATA, WEIGHTS, ChineseSentiment, shipped, traditional
from crmlab_plugins.sentiment.levelling import PLANE
from crmlab_plugins.sentiment.reading import AFTER_TURN, BEFORE_TURN, Reading
from crmlab_plugins.sentiment.symbols import symbols


def test_the_card_describes_the_shipped_file() -> None:
    card = json.loads((DATA / "sentiment_zh.json").read_text(encoding="utf-8"))
    assert card["file_sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert card["file_bytes"] == WEIGHTS.stat().st_size <= 100_000
    assert card["terms"] == {"characters": len(shipped().alphabet), "pairs": len(shipped().pairs)}
    assert "isnowfy" in (DATA / "sentiment_zh.LICENSE").read_text(encoding="utf-8")


def test_the_card_states_what_was_measured() -> None:
    card = json.loads((DATA / "sentiment_zh.json").read_text(encoding="utf-8"))
    others = set(card["evaluation"]) - {"held out"}
    assert len(others) >= 7
    for name in others:
        package = card["snownlp_baseline"][name]
        assert package["crmlab"]["auc"] > package["snownlp"]["auc"], name
        assert package["crmlab"]["accuracy"] > package["snownlp"]["accuracy"] + 0.05, name
        assert card["evaluation"][name]["accuracy"] > card["naive_bayes_baseline"][name]["accuracy"], name
    assert card["characters_per_second_of_one_core"]["times"] >= 1_500


def test_the_card_names_the_inputs_of_the_training(pytestconfig: pytest.Config) -> None:
    card = json.loads((DATA / "sentiment_zh.json").read_text(encoding="utf-8"))
    opinions = pytestconfig.rootpath / card["opinions"].split(",")[0]
    assert card["opinions_sha256"] == hashlib.sha256(opinions.read_bytes()).hexdigest()


def test_a_saved_model_scores_the_same_and_saves_the_same_bytes(tmp_path: Path) -> None:
    texts = ["很好", "很差", "一般"]
    shipped().save(tmp_path / "one.npz")
    again = ChineseSentiment.load(tmp_path / "one.npz")
    np.testing.assert_allclose(again.probabilities(texts), shipped().probabilities(texts), atol=1e-6)
    again.save(tmp_path / "two.npz")
    ChineseSentiment.load(tmp_path / "one.npz").save(tmp_path / "three.npz")
    assert (tmp_path / "two.npz").read_bytes() == (tmp_path / "three.npz").read_bytes()


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", numbers=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        ChineseSentiment.load(tmp_path / "evil.npz")


def test_a_model_by_hand() -> None:
    # One character, one pair: 好 weighs 1, 太好 weighs -3, both with an IDF of 1.
    model = ChineseSentiment(
        alphabet=np.array(sorted(map(ord, "太好")), dtype=np.uint32),
        pairs=np.array([0 * 2 + 1], dtype=np.uint32),
        weights=np.array([0, 1, -3], dtype=np.float32),
        idf=np.array([0, 1, 1], dtype=np.float32),
        slope=2.0,
        intercept=0.5,
    )
    log_odds = [2 * 1 / 1 + 0.5, 2 * (1 - 3) / 2**0.5 + 0.5]
    expected = [*(1 / (1 + np.exp(-value)) for value in log_odds), 0.5]
    np.testing.assert_allclose(model.probabilities(["好", "太好", "空"]), expected, rtol=1e-6)


def test_a_negated_character_is_a_letter_of_its_own() -> None:
    # 好 weighs 1; 好 in the scope of a negator weighs -2.
    model = ChineseSentiment(
        alphabet=np.array([ord("好"), PLANE + ord("好")], dtype=np.uint32),
        pairs=np.zeros(0, dtype=np.uint32),
        weights=np.array([1, -2], dtype=np.float32),
        idf=np.ones(2, dtype=np.float32),
        slope=1.0,
        intercept=0.0,
    )
    texts = ["好", "不是很好", "没有什么不好", "不，好", "不错，好"]
    log_odds = np.log(1 / model.probabilities(texts) - 1) * -1
    np.testing.assert_allclose(log_odds, [1, -2, 1, 1, 1], rtol=1e-5)


@given(
    st.lists(
        st.text(max_size=60) | st.text("好不没但是，。！😀[赞]T_ \n\ud800\ue000", max_size=30), max_size=12
    )
)
def test_a_text_scores_the_same_alone_as_among_others(texts: list[str]) -> None:
    found = shipped().probabilities(texts)
    assert found.shape == (len(texts),)
    assert ((found >= 0) & (found <= 1)).all()
    alone = [shipped().probabilities([text])[0] for text in texts]
    np.testing.assert_allclose(found, alone, rtol=1e-5)


def test_batches_do_not_change_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["很好", "", "很差，再也不来", "还可以"] * 5
    expected = shipped().probabilities(texts)
    monkeypatch.setattr("crmlab_plugins.sentiment.chinese._CHARACTERS_AT_ONCE", 7)
    np.testing.assert_allclose(shipped().probabilities(texts), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("服務態度很差，不會再來", "服务态度很差，不会再来"),
        ("太太太太太差了！！！！！！", "太太差了！！"),
        ("ｗｉｆｉ很慢，１２天", "WIFI 很慢, 99 天"),
        ("房间\n很脏", "房间很脏"),
        ("好吃好吃好吃好吃", "好吃好吃"),
        ("哈哈哈哈哈，很好", "哈哈，很好"),
        ("非常非常非常满意", "非常非常满意"),
        ("位置很好\ue000", "位置很好"),
        ("位置很好😊", "位置很好[嘻嘻]"),
        ("位置很好👍👍👍👍", "位置很好👍👍"),
    ],
)
def test_writing_does_not_matter(one: str, other: str) -> None:
    first, second = shipped().probabilities([one, other])
    assert first == pytest.approx(second)


def test_traditional_characters_map_to_simplified_ones() -> None:
    table = traditional()
    assert len(table) > 600
    assert table["這"] == "这"
    assert not set(table) & set(table.values())
    assert all(new.encode("gb2312") for new in table.values())


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("不是很好吃", "是很好吃"),
        ("不好，很差", "好"),
        ("不错，非常好，特别差", ""),
        ("没有什么不满意的", "有什么不"),
        ("不会不满意", "会不"),
        ("不得不说很好", ""),
        ("没有比这更好的", ""),
        ("吃得不好", "好"),
        ("不便宜不好吃", "便宜好吃"),
        ("不", ""),
    ],
)
def test_the_scope_of_a_negator(text: str, negated: str) -> None:
    codes = Reading.of([text]).codes
    assert "".join(chr(code - PLANE) for code in codes[codes >= PLANE].tolist()) == negated


def test_a_negator_does_not_reach_into_the_next_text() -> None:
    assert (Reading.of(["很不", "好吃"]).codes < PLANE).all()


def test_what_follows_a_turn_counts_more() -> None:
    stress = Reading.of(["好但差。好", "不但好", "但好但差"]).stress
    turned = [BEFORE_TURN, AFTER_TURN, AFTER_TURN, 1, 1, 1]
    expected = [*turned, 1, 1, 1, 1, BEFORE_TURN, BEFORE_TURN, AFTER_TURN, AFTER_TURN, 1]
    np.testing.assert_allclose(stress, expected)


def test_the_mood_of_symbols() -> None:
    texts = ["[怒]", "👍👍👍👍", "😡好😊", "^_^", "[没听过]", "", "T_T[泪]😭"]
    assert Reading.of(texts).mood.tolist() == [-1, 2, 0, 1, 0, 0, -2]


def test_a_symbol_is_happy_or_not() -> None:
    import yaml

    table = yaml.safe_load((DATA / "emoji.yaml").read_text(encoding="utf-8"))
    for kind in ("emoji", "expressions"):
        both = set(table["happy"][kind].split()) & set(table["unhappy"][kind].split())
        assert not both
    assert len(symbols()) > 300


def test_texts_that_are_huge_or_broken() -> None:
    texts = [
        "好" * 300_000,
        "但差，" * 200_000,
        "",
        " ",
        "\x00",
        "\ud800好",
        "😀" * 1000,
        "[" * 50_000,
        "\U0010ffff",
    ]
    found = shipped().probabilities(texts)
    assert ((found > 0) & (found < 1)).all()
    assert found[2] == found[3] == found[8] == 0.5
