from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.sentiment.annotator import Sentiment, score
from crmlab_plugins.sentiment.base_rate import BOUND, FEWEST, STRENGTH, share_positive, shift_for, shifted
from crmlab_plugins.sentiment.chinese import DATA

THINGS = [
    *("房间", "早餐", "位置", "服务", "前台", "大堂", "餐厅", "电梯", "价格", "环境", "床铺"),
    *("空调", "网络", "停车场", "浴室", "窗帘", "装修", "毛巾", "枕头", "拖鞋", "茶水"),
]
PRAISE = ["很好", "不错", "很满意", "很舒服", "很干净", "真棒", "挺好", "很喜欢", "很方便", "超赞"]
BLAME = ["很差", "太差", "不满意", "很脏", "糟糕", "太烂", "很失望", "不好", "很吵", "难受"]


def feedback(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"feedback_id": [str(i) for i in range(len(texts))], "text": texts})


def praising(praised: int, blamed: int) -> list[str]:
    """Distinct sentences, the first of them praise."""
    praise, blame = ([thing + word for thing, word in product(THINGS, words)] for words in (PRAISE, BLAME))
    return praise[:praised] + blame[:blamed]


def by_iteration(probabilities: np.ndarray) -> float:  # type: ignore[type-arg]
    """The EM iterations of the paper."""
    share, p = 0.5, probabilities
    for _ in range(300):
        share = float(np.mean(share * p / (share * p + (1 - share) * (1 - p))))
    return share


@given(st.lists(st.floats(0.02, 0.98), min_size=5, max_size=40))
def test_the_share_is_where_the_iterations_end(found: list[float]) -> None:
    probabilities = np.array(found)
    share = share_positive(probabilities)
    assert BOUND <= share <= 1 - BOUND

    def likelihood(at: float) -> float:
        return float(np.log(at * probabilities + (1 - at) * (1 - probabilities)).sum())

    assert likelihood(share) >= max(map(likelihood, np.linspace(BOUND, 1 - BOUND, 99))) - 1e-5


def test_the_share_of_the_paper_s_iterations_on_known_base_rates() -> None:
    random = np.random.default_rng(0)
    for rate in (0.15, 0.5, 0.9):
        positive = random.random(8_000) < rate
        log_odds = random.normal(np.where(positive, 2, -2), 2)  # normal, variance twice the mean: calibrated
        probabilities = 1 / (1 + np.exp(-log_odds))
        share = share_positive(probabilities)
        assert share == pytest.approx(by_iteration(probabilities), abs=2e-4)
        assert share == pytest.approx(rate, abs=0.02)
        assert share_positive(probabilities[::-1]) == share
        full = shifted(probabilities, shift_for(share, 1))
        assert full.mean() == pytest.approx(rate, abs=0.02)


def test_a_shift_adds_to_the_log_odds_and_leaves_what_is_not_known() -> None:
    found = shifted(np.array([0.2, 0.5, np.nan, 0.9]), np.log(2))
    np.testing.assert_allclose(found, [1 / 3, 0.5, np.nan, 18 / 19])
    assert shift_for(0.5) == 0
    assert shift_for(0.9) == -shift_for(0.1) == pytest.approx(STRENGTH * np.log(9), abs=1e-4)


def test_texts_that_are_mostly_praise_make_praise_likelier() -> None:
    table = feedback([*praising(200, 20), "The parcel is on the table", "", "😀"])
    plugin, plain = Sentiment().fit(table), score(table["text"])
    found = plugin.predict(table)["positive_probability"].fill_null(float("nan")).to_numpy()
    assert plugin.learned["base_rate_"]["share"] > 0.8
    assert (found[:220] > plain[:220]).all()
    np.testing.assert_array_equal(found[220:], plain[220:])  # neither English nor emoji alone
    np.testing.assert_array_equal(np.argsort(found[:220]), np.argsort(plain[:220]))


def test_a_text_alone_is_judged_as_among_the_others(tmp_path: Path) -> None:
    table = feedback(praising(20, 200))
    plugin = Sentiment().fit(table)
    among = plugin.predict(table)
    plugin.save(tmp_path / "state")
    again = Sentiment.load(tmp_path / "state")
    assert again.predict(table).equals(among)
    for k in (0, 19, 20, 219):
        one = plugin.predict(table[k : k + 1])["positive_probability"][0]
        assert one == pytest.approx(among["positive_probability"][k], rel=1e-5)
        assert again.predict(table[k : k + 1])["positive_probability"][0] == one
    assert plugin.predict(table.reverse()).reverse().equals(among)
    assert Sentiment().fit(table.reverse()).learned["base_rate_"] == plugin.learned["base_rate_"]


def test_few_distinct_texts_teach_no_base_rate() -> None:
    texts = praising(FEWEST - 1, 0)
    for table in (feedback(texts), feedback([*texts, *texts, "龘", "Great"])):
        plugin = Sentiment().fit(table)
        assert plugin.learned["base_rate_"] == {"texts": FEWEST - 1, "share": 0.5, "shift": 0.0}
        np.testing.assert_array_equal(plugin.predict(table)["positive_probability"], score(table["text"]))
    assert Sentiment().fit(feedback([*texts, "太差"])).learned["base_rate_"]["shift"] > 0


def test_it_can_be_switched_off() -> None:
    table = feedback(praising(210, 0))
    plugin = Sentiment(adapt_base_rate=False).fit(table)
    np.testing.assert_array_equal(plugin.predict(table)["positive_probability"], score(table["text"]))
    assert "以正面、负面各占一半为前提。" in plugin.definition().zh
    assert "Half of the Chinese texts are taken to be positive." in plugin.definition().en


def test_the_definition_says_which_share_is_assumed() -> None:
    many, few = (Sentiment().fit(feedback(praising(n, 10))).definition() for n in (200, 20))
    assert "由 210 条不重复的中文文本估得约 " in many.zh
    assert "by maximum likelihood from 210 distinct texts" in many.en
    assert "只有 30 条，不足 200 条" in few.zh
    assert "there are 30" in few.en
    assert "达到 200 条" in Sentiment().definition().zh
    assert "at least 200 distinct ones" in Sentiment().definition().en


def test_the_strength_is_the_one_chosen_without_the_evaluation_sets() -> None:
    card = json.loads((DATA / "sentiment_zh.json").read_text(encoding="utf-8"))
    errors = card["base_rate"]["mean_ece_by_strength"]["mean"]
    assert card["base_rate"]["strength"] == STRENGTH
    assert errors[str(STRENGTH)] == min(errors.values())


def test_the_card_reaches_what_is_aimed_at_on_whole_reviews() -> None:
    card = json.loads((DATA / "sentiment_zh.json").read_text(encoding="utf-8"))
    adapted, plain = card["evaluation_at_learned_base_rate"], card["evaluation"]
    reviews = [name for name in adapted if "polarity" not in name]
    assert len(reviews) == 3
    mean = {key: np.mean([adapted[name][key] for name in reviews]) for key in ("accuracy", "auc", "ece")}
    assert mean["ece"] <= 0.04
    assert mean["accuracy"] >= max(0.88, np.mean([plain[name]["accuracy"] for name in reviews]))
    assert mean["auc"] >= 0.935
    assert np.mean([found["ece"] for found in adapted.values()]) <= 0.04


def test_probabilities_of_takeaway_reviews_are_better_calibrated(shared_data: Path) -> None:
    reviews = pl.read_csv(shared_data / "feedback" / "waimai_10k.csv").unique("review", maintain_order=True)
    table = feedback(reviews["review"].to_list())

    def error(probabilities: pl.Series) -> float:
        both = pl.DataFrame({"p": probabilities, "y": reviews["label"]}).drop_nulls()
        bins = both.group_by((pl.col("p") * 10).floor()).agg(gap=(pl.col("p") - pl.col("y")).sum().abs())
        return float(bins["gap"].sum()) / both.height

    before, after = (
        error(Sentiment(adapt_base_rate=adapt).fit(table).predict(table)["positive_probability"])
        for adapt in (False, True)
    )
    assert after < 0.05 < before
