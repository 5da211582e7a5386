from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.sentiment.chinese import DATA, WEIGHTS, ChineseSentiment, shipped, traditional


def test_the_card_describes_the_shipped_file() -> None:
    card = json.loads((DATA / "sentiment_zh.json").read_text(encoding="utf-8"))
    assert card["file_sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert card["file_bytes"] < 200_000
    assert card["terms"] == {"characters": len(shipped().alphabet), "pairs": len(shipped().pairs)}
    assert "isnowfy" in (DATA / "sentiment_zh.LICENSE").read_text(encoding="utf-8")


def test_a_saved_model_scores_the_same_and_saves_the_same_bytes(tmp_path: Path) -> None:
    texts = ["很好", "很差", "一般"]
    shipped().save(tmp_path / "one.npz")
    again = ChineseSentiment.load(tmp_path / "one.npz")
    np.testing.assert_allclose(again.probabilities(texts), shipped().probabilities(texts), atol=1e-3)
    again.save(tmp_path / "two.npz")
    ChineseSentiment.load(tmp_path / "one.npz").save(tmp_path / "three.npz")
    assert (tmp_path / "two.npz").read_bytes() == (tmp_path / "three.npz").read_bytes()


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", numbers=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        ChineseSentiment.load(tmp_path / "evil.npz")


def test_a_model_by_hand() -> None:
    # One character, one pair: 好 weighs 1, 不好 weighs -3, both with an IDF of 1.
    model = ChineseSentiment(
        alphabet=np.array(sorted(map(ord, "不好")), dtype=np.uint32),
        pairs=np.array([0 * 2 + 1], dtype=np.uint32),
        weights=np.array([0, 1, -3], dtype=np.float32),
        idf=np.array([0, 1, 1], dtype=np.float32),
        slope=2.0,
        intercept=0.5,
    )
    log_odds = [2 * 1 / 1 + 0.5, 2 * (1 - 3) / 2**0.5 + 0.5]
    expected = [*(1 / (1 + np.exp(-value)) for value in log_odds), 0.5]
    np.testing.assert_allclose(model.probabilities(["好", "不好", "空"]), expected, rtol=1e-6)


@given(st.lists(st.text(max_size=60), max_size=12))
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
