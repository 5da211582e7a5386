from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab.words import Wording
from crmlab_plugins.themes.annotator import Themes
from crmlab_plugins.themes.choosing import TOLERANCE, choice, numbers_between
from crmlab_plugins.themes.documents import distinct_rows, vocabulary
from crmlab_plugins.themes.factors import components, correlations, memberships
from crmlab_plugins.themes.telling import coherence, names, strongest, telling

SUBJECTS = {
    "delivery": ["快递", "配送", "物流", "包裹", "送货", "发货"],
    "room": ["房间", "床单", "浴室", "空调", "隔音", "早餐"],
    "english": ["battery", "screen", "keyboard", "charger", "laptop", "speaker"],
}


def made(texts: int = 240, seed: int = 0) -> pl.DataFrame:
    """Return texts of three words about one of three subjects each, and which."""
    draw = random.Random(seed)
    rows = []
    for number in range(texts):
        subject = list(SUBJECTS)[number % 3]
        text = "，".join(draw.sample(SUBJECTS[subject], 3))
        rows.append({"feedback_id": f"f{number:04}", "text": text, "subject": subject})
    return pl.DataFrame(rows)


MADE = made()


@parametrize_with_checks([Themes(), Themes(number=3, min_writers=3)], feedback=MADE.drop("subject"))
def test_conformance(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def test_three_subjects_are_three_themes() -> None:
    themes = Themes(number=3).fit(MADE)
    found = MADE.join(themes.predict(MADE), on="feedback_id")
    assert found["theme"].null_count() == 0
    assert found.select("theme", "subject").n_unique() == 3
    for theme, name in themes.themes_.select("theme", "name").iter_rows():
        (subject,) = found.filter(pl.col("theme") == theme)["subject"].unique()
        assert set(name) <= set(SUBJECTS[subject])
    assert [label.zh for label in themes.scheme.labels] == [
        "、".join(name) for name in themes.themes_["name"]
    ]


def test_the_number_is_chosen_within_the_range_and_said() -> None:
    themes = Themes(smallest_number=2, largest_number=5).fit(MADE)
    assert themes.themes_.height == 3
    # 18 words allow three themes at most.
    assert themes.choice_["number"].to_list() == [2, 3]
    assert themes.choice_.filter("chosen")["number"].to_list() == [3]
    assert "试过 2, 3 个" in themes.definition().zh
    assert "adjusted Rand index 1.00" in themes.definition().en


def test_more_themes_than_the_texts_allow_are_not_made_up() -> None:
    themes = Themes(number=9).fit(MADE)
    assert themes.themes_.height == 3
    assert "设定 9 个主题，这些文本只支持 3 个" in themes.definition().zh


def test_a_text_without_a_known_word_has_no_theme() -> None:
    themes = Themes(number=3).fit(MADE)
    texts = [None, "", "😀😀", "12345", "毫不相干", "快递"]
    found = themes.predict(pl.DataFrame({"feedback_id": list("abcdef"), "text": texts}))
    assert found["theme"].is_null().to_list() == [True] * 5 + [False]
    assert found["theme_strength"].is_null().equals(found["theme"].is_null())
    assert found["theme_confidence"][5] == 1.0


@pytest.mark.parametrize(
    "texts",
    [[], ["很好", "不错", "快递太慢"], ["快递太慢了"] * 100, ["😀"] * 50, [None] * 5],
    ids=["none", "three", "all equal", "emoji", "nulls"],
)
def test_too_little_to_find_themes_in_is_said(texts: list[str | None]) -> None:
    ids = [str(number) for number in range(len(texts))]
    feedback = pl.DataFrame({"feedback_id": ids, "text": texts}, schema_overrides={"text": pl.String})
    themes = Themes().fit(feedback)
    assert themes.predict(feedback)["theme"].null_count() == len(texts)
    assert themes.scheme.labels == ()
    assert "没有找出主题" in themes.definition().zh
    assert "No themes were found" in themes.definition().en


def test_words_that_one_customer_repeats_are_in_no_theme() -> None:
    signed = MADE.with_columns(
        text=pl.when(pl.int_range(pl.len()) % 6 == 0).then(pl.col("text") + "，王小明敬上").otherwise("text"),
        customer_id=pl.when(pl.int_range(pl.len()) % 6 == 0)
        .then(pl.lit("wang"))
        .otherwise(pl.format("c{}", pl.int_range(pl.len()))),
    )
    known = Themes(number=3).fit(signed).words_["word"].to_list()
    assert "快递" in known
    assert not [word for word in known if "王" in word or "敬" in word]


def test_contacts_are_no_words() -> None:
    signed = MADE.with_columns(text=pl.col("text") + " someone@example.com 微信号：abcdef123")
    known = Themes(number=3).fit(signed).words_["word"].to_list()
    assert not {"someone", "example", "com", "abcdef"} & set(known)


def test_own_words_and_stop_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    feedback = made().with_columns(text=pl.col("text").str.replace("快递", "闪速达到家"))
    dictionary = tmp_path_factory.mktemp("words") / "own.txt"
    dictionary.write_text("闪速达到家 100 n\n", encoding="utf-8")
    themes = Themes(number=3, dictionary=str(dictionary), stop_words=("配送",)).fit(feedback)
    known = themes.words_["word"].to_list()
    assert "闪速达到家" in known
    assert "配送" not in known


def test_params_that_do_not_fit() -> None:
    with pytest.raises(ParamsError, match="number is 1; it must be at least 2"):
        Themes.from_params({"number": 1})
    with pytest.raises(ParamsError, match="largest_number is 3, smallest_number 9"):
        Themes.from_params({"smallest_number": 9, "largest_number": 3})
    with pytest.raises(ParamsError, match="stop_words: entry 1 has no letter"):
        Themes.from_params({"stop_words": ["…"]})


def test_word_files_are_read_where_the_study_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    themes = Themes.from_params({"dictionary": "own.txt"})  # a study may be checked from another folder
    with pytest.raises(ParamsError, match=r"own\.txt cannot be read.*relative to the folder of the study"):
        themes.fit(made())
    (tmp_path / "own.txt").write_text("闪速达到家", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert themes.fit(made()).themes_.height


def test_distinct_texts_in_an_order_that_the_rows_do_not_decide() -> None:
    texts = pl.Series(["b", "a", None, "b", "c"])
    rows = distinct_rows(texts, 10)
    assert sorted(texts.gather(rows)) == ["a", "b", "c"]
    turned = texts.reverse()
    assert turned.gather(distinct_rows(turned, 10)).to_list() == texts.gather(rows).to_list()
    assert len(distinct_rows(texts, 2)) == 2


def test_vocabulary_by_hand() -> None:
    texts = pl.Series(["快递 房间", "快递", "快递", "房间", "浴室"])
    writers = pl.Series(["a", "b", "b", "a", "c"])
    known = vocabulary(texts, writers, Wording(), 2, 10)
    assert known.is_empty()  # 快递 stands in more than half of the texts, 房间 has one writer
    known = vocabulary(texts, writers, Wording(), 1, 1)
    assert known.select("word", "texts").rows() == [("房间", 2)]


def test_correlation_by_hand() -> None:
    counts = csr_array(np.array([[1, 2, 0]] * 3 + [[0, 0, 1]] * 3))
    assert np.allclose(correlations(counts), [[0, 1, 0], [1, 0, 0], [0, 0, 0]])


def test_memberships_are_the_least_squares_solution() -> None:
    draw = np.random.default_rng(1)
    themes = draw.random((3, 12)) + np.kron(np.eye(3), np.ones(4)) * 4
    themes /= np.linalg.norm(themes, axis=1, keepdims=True)
    texts = draw.random((20, 3)) @ themes
    from scipy.optimize import nnls

    found = memberships(csr_array(texts), themes)
    assert np.allclose(found, [nnls(themes.T, text)[0] for text in texts], atol=1e-6)


def test_components_are_the_blocks() -> None:
    blocks = np.kron(np.eye(2), np.ones((4, 4))) - np.eye(8)
    found = components(blocks, 2)
    assert [set(np.flatnonzero(row > 0.1)) for row in found] in (
        [set(range(4)), set(range(4, 8))],
        [set(range(4, 8)), set(range(4))],
    )


def test_telling_words_by_hand() -> None:
    # Word 0 in every text of theme 0, word 1 in every text of both, word 2 in one text of theme 1.
    counts = csr_array(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 1, 0]]))
    tells = telling(counts, np.array([0, 0, 1, 1]), 2)
    assert strongest(tells) == [[0], [2]]
    assert names(["快递", "好", "房间"], tells) == [["快递"], ["房间"]]


def test_names_are_distinct_and_prefer_longer_words() -> None:
    weights = np.array([[3.0, 2, 1, 0], [1, 1, 2, 1]])
    assert names(["住", "酒店", "房间", "房"], weights) == [["酒店", "住"], ["房间", "房"]]


def test_coherence_by_hand() -> None:
    counts = csr_array(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]]))
    assert coherence([[0, 1]], counts) == pytest.approx(1)
    assert coherence([[0, 2]], counts) == -1
    assert coherence([[0, 1], [0, 2]], counts) == pytest.approx(0)


def test_the_largest_number_that_is_nearly_as_good_is_chosen() -> None:
    judged = {4: (0.8, 0.3), 6: (0.7, 0.38), 9: (0.3, 0.1)}
    chosen = choice(list(judged), lambda number: judged[number])
    assert chosen.filter("chosen")["number"].to_list() == [6]
    assert sum(judged[4]) - sum(judged[6]) < TOLERANCE
    assert numbers_between(8, 20) == [8, 9, 11, 13, 15, 17, 20]
    assert numbers_between(5, 5) == [5]
