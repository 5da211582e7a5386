from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import DataError
from crmlab.labelling import refit
from crmlab.labelling.correction import Correction, occurrences
from crmlab.labelling.gain import gain_of
from crmlab.labelling.sampling import choose, distinct

THINGS = ["快递", "包装", "味道", "客服", "房间", "早餐", "价格", "位置"]


def labelled(n: int, seed: int, told_by_a_word: bool) -> pl.DataFrame:
    """Texts whose model knows a little; what people mean is said by 绝绝子, or by nothing in the text."""
    random = np.random.default_rng(seed)
    truth = random.random(n) < 0.5
    model = 1 / (1 + np.exp(-(np.where(truth, 0.4, -0.4) + random.normal(0, 1, n))))
    words = ["绝绝子" if good and told_by_a_word else "无语子" if told_by_a_word else "" for good in truth]
    texts = [f"{THINGS[i % 8]}{word}{i}" for i, word in enumerate(words)]
    return pl.DataFrame(
        {
            "text_id": [f"T-{i:012x}" for i in range(n)],
            "text": texts,
            "positive_probability": model,
            "selection_probability": np.full(n, 0.1),
            "positive": truth,
        }
    )


def test_terms_are_characters_words_marks_and_neighbours() -> None:
    terms = occurrences(pl.Series(["不好！OK", "", None, "好 好 好"]))
    assert terms.filter(pl.col("row") == 0)["term"].sort().to_list() == sorted(
        ["不", "好", "!", "ok", "不 好", "好 !", "! ok"]
    )
    assert terms.filter(pl.col("row") == 3)["term"].to_list() == ["好", "好 好"]
    assert set(terms["row"]) == {0, 3}
    words = occurrences(pl.Series(["iPhone15很好"])).filter(~pl.col("term").str.contains(" "))
    assert words["term"].to_list() == ["iphone15", "很", "好"]


def test_a_word_that_the_model_does_not_know_is_learned() -> None:
    rows = labelled(120, 1, told_by_a_word=True)
    new = pl.Series(["早餐绝绝子", "早餐无语子"])
    fitted = Correction.fit(rows["text"], rows["positive_probability"], rows["positive"])
    good, bad = fitted.apply(new, pl.Series([0.5, 0.5]))
    assert good > 0.85
    assert bad < 0.15
    found = refit(rows)
    assert found.adopted
    assert found.gain.accuracy.low > 0
    assert found.gain.better > found.gain.worse
    assert "校正有效" in found.note().plain()


def test_without_a_gain_nothing_is_adopted(tmp_path: Path) -> None:
    rows = labelled(120, 2, told_by_a_word=False)
    found = refit(rows, "en")
    assert found.gain.verdict == "none"
    assert "No gain" in found.note().plain()
    with pytest.raises(DataError, match="The correction is not saved"):
        found.save(tmp_path / "correction.json")
    assert not list(tmp_path.iterdir())


def test_false_alarms_are_rare() -> None:
    verdicts = [gain_of(labelled(60, seed, told_by_a_word=False)).verdict for seed in range(40)]
    assert verdicts.count("none") >= 37


def test_a_strong_prior_stays_without_evidence() -> None:
    rows = labelled(40, 3, told_by_a_word=False)
    other = pl.Series(["价格"])
    fitted = Correction.fit(rows["text"], rows["positive_probability"], rows["positive"])
    assert fitted.apply(other, pl.Series([0.99]))[0] > 0.9
    assert fitted.apply(other, pl.Series([None], dtype=pl.Float64))[0] is None


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_a_text_is_corrected_the_same_alone_as_among_others(texts: list[str]) -> None:
    fitted = Correction(("a", "好", "好 !"), (1.0, -0.5, 2.0), 0.9, 0.1, 40)
    p = pl.Series([0.3] * len(texts))
    together = fitted.apply(pl.Series(texts), p).to_list()
    assert together == [fitted.apply(pl.Series([text]), p[:1])[0] for text in texts]


def test_what_is_saved_comes_back_and_is_the_same_each_time(tmp_path: Path) -> None:
    rows = labelled(60, 4, told_by_a_word=True)
    for name in ("one.json", "two.json"):
        mixed = rows.sample(fraction=1, shuffle=True, seed=len(list(tmp_path.iterdir())))
        refit(mixed).save(tmp_path / name)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert Correction.read(tmp_path / "one.json") == refit(rows).correction


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": "other"}', "\\x00"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "correction.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read: it is not what"):
        Correction.read(path)
    with pytest.raises(DataError, match="No such file"):
        Correction.read(tmp_path / "none.json")


def test_what_is_rarely_chosen_counts_more() -> None:
    rows = labelled(120, 6, told_by_a_word=True)
    wrong = (rows["positive_probability"] > 0.5) != rows["positive"]
    rows = rows.with_columns(selection_probability=pl.when(wrong).then(0.05).otherwise(0.5))
    found = gain_of(rows)
    expected = np.average(~wrong.to_numpy(), weights=1 / rows["selection_probability"].to_numpy())
    assert found.before.value == pytest.approx(expected)
    assert found.before.value < (~wrong).mean() - 0.2  # type: ignore[operator]
    assert found.accuracy.value == pytest.approx(found.after.value - found.before.value)
    assert found.before.low < found.before.value < found.before.high


def test_too_few_labels_say_so() -> None:
    rows = labelled(60, 5, told_by_a_word=True)
    with pytest.raises(DataError, match="39 rows are labelled"):
        gain_of(rows.head(39))
    with pytest.raises(DataError, match=r"60 rows are labelled, 0 positive and 60 negative"):
        gain_of(rows.with_columns(positive=pl.lit(value=False)))


def test_labels_help_on_takeaway_reviews(shared_data: Path) -> None:
    from crmlab_plugins.sentiment.annotator import score

    path = shared_data / "feedback" / "waimai_10k.csv"
    reviews = pl.read_csv(path).unique("review", keep="first", maintain_order=True)
    judged = reviews.select(
        text="review", positive_probability=pl.Series(score(reviews["review"])).fill_nan(None)
    )
    every = distinct(judged).head(4_000)
    truth = dict(zip(reviews["review"].str.strip_chars(), reviews["label"] == 1, strict=True))
    gains = []
    for seed in range(3):
        rows = choose(every, 200, seed=seed)
        rows = rows.with_columns(positive=pl.Series([truth[text] for text in rows["text"]]))
        found = refit(rows)
        rest = every.join(rows, on="text_id", how="anti")
        right = np.array([truth[text] for text in rest["text"]])
        before = (rest["positive_probability"] > 0.5).to_numpy() == right
        after = (found.correction.apply(rest["text"], rest["positive_probability"]) > 0.5).to_numpy() == right
        gains.append(after.mean() - before.mean())
        gain = found.gain.accuracy
        print(f"gain {gain.value:+.3f} ({gain.low:+.3f} – {gain.high:+.3f}), true {gains[-1]:+.3f}")  # noqa: T201
        assert gain.low < gain.value < gain.high
    assert np.mean(gains) >= 0.01
