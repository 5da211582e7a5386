"""What is held against the score, and what is said of it, on made feedback."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from crmlab.data.canonical.service import Feedback
from crmlab.drivers import design
from crmlab.drivers.key_drivers import FEWEST, KeyDrivers
from crmlab.labels import Label, Scheme

LEVELS = ("非常不满意", "不满意", "一般", "满意", "非常满意")
SCHEME = Scheme(
    "aspects",
    "方面",
    "Aspects",
    (Label("food", "菜品", "Food"), Label("wait", "等候", "Waiting"), Label("view", "景观", "View")),
)


def _survey(n: int = 300, seed: int = 0, weights: tuple[float, ...] = (1.0, 0.4, 0.0)) -> pl.DataFrame:
    """Return what ``n`` respondents say to three questions of five levels, the NPS and an overall CSAT."""
    rng = np.random.default_rng(seed)
    places = rng.integers(1, 6, size=(n, 3))
    latent = (places - 3) @ np.array(weights) + rng.normal(size=n)
    nps = np.clip(np.round(7 + 1.5 * latent), 0, 10)
    csat = np.clip(np.round(3.5 + 0.7 * latent), 1, 5)
    rows = []
    for i in range(n):
        who = {"respondent_id": f"r{i:04}", "customer_id": f"c{i // 2:04}"}
        rows.append({**who, "question": "推荐", "score": nps[i], "scale": "nps_0_10", "text": "菜好吃"})
        rows.append({**who, "question": "总体满意吗", "score": csat[i], "scale": "csat_1_5"})
        for name, place in zip(("菜品", "服务", "装修"), places[i], strict=True):
            rows.append({**who, "question": name, "answer": LEVELS[place - 1]})
        ticked = [name for name, p in zip(("好吃", "近"), places[i], strict=False) if p > 3]
        rows.append({**who, "question": "为什么来", "answer": "┋".join(ticked) or "都不是"})
    return _table(rows)


def _table(rows: list[dict[str, object]]) -> pl.DataFrame:
    schema = {name: column.dtype for name, column in Feedback.columns().items()}
    made = [{"feedback_id": f"f{i:05}", **row} for i, row in enumerate(rows)]
    return pl.DataFrame(made, schema=schema)


def _answered(question: str, answers: list[str]) -> pl.DataFrame:
    """Return NPS of 0, 1, 2 … and an answer to a question of as many respondents."""
    rows: list[dict[str, object]] = []
    for i, answer in enumerate(answers):
        rows.append({"respondent_id": f"r{i:03}", "question": "推荐", "score": i % 11, "scale": "nps_0_10"})
        rows.append({"respondent_id": f"r{i:03}", "question": question, "answer": answer})
    return _table(rows)


def test_who_cannot_judge_a_part_has_not_answered() -> None:
    found = design.ratings(_answered("菜品", ["满意", "不适用", "Dissatisfied ", "十分满意"]), "nps")
    assert [each.id for each in found.predictors] == ["菜品"]
    assert found.x[:, 0].tolist() == [4, 2, 5]
    assert found.good[:, 0].tolist() == [1, 0, 1]
    assert (found.scored, found.predictors[0].n) == (4, 3)


@pytest.mark.parametrize("answers", [["经常", "从不"], ["是", "否"], ["重要", "一般"], ["满意", "店里"]])
def test_answers_that_do_not_say_how_well_it_went_are_choices(answers: list[str]) -> None:
    feedback = _answered("多久一次", answers * 40)
    assert not design.ratings(feedback, "nps").predictors
    assert len(design.choices(feedback, "nps").predictors) == 1


def test_questions_about_the_whole_are_named_among_what_is_left_out() -> None:
    found = design.ratings(_answered("整体环境", ["满意", "一般"]), "nps")
    assert [(each.name.zh, each.why) for each in found.left_out] == [("整体环境", "whole")]
    assert not found.predictors


def test_a_low_effort_is_the_better_one_where_the_study_says_so() -> None:
    rows: list[dict[str, object]] = [
        {"respondent_id": f"r{i:02}", "question": question, "score": 1 + i % 7, "scale": scale}
        for i in range(14)
        for question, scale in (("推荐", "nps_0_10"), ("省力吗", "ces_1_7"))
    ]
    high, low = (design.ratings(_table(rows), "nps", each) for each in ("high_is_easy", "low_is_easy"))
    assert (high.x + low.x == 8).all()
    assert high.good[:7, 0].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert low.good[:7, 0].tolist() == [1, 1, 1, 0, 0, 0, 0]


def test_satisfied_or_not_is_a_score() -> None:
    rows: list[dict[str, object]] = [
        {"question": None, "score": i % 2, "scale": "binary_0_1", "text": "话"} for i in range(120)
    ]
    mentions = pl.DataFrame(
        {
            "feedback_id": [f"f{i:05}" for i in range(120)] * 2,
            "aspect": ["food"] * 120 + ["wait"] * 120,
            "positive_probability": [(0.1, 0.9)[(i // 3 + i) % 2] for i in range(240)],
        }
    )
    fit = KeyDrivers(design.aspects(_table(rows), mentions, SCHEME, 0.1, "binary"))
    assert fit.enough
    assert set(fit.design.scores) == {0, 1}
    assert design.respondents(_table(rows), "csat").is_empty()


def test_ratings_are_places_and_the_whole_is_no_part() -> None:
    feedback = _survey()
    found = design.ratings(feedback, "nps")
    assert {each.id for each in found.predictors} == {"菜品", "服务", "装修"}
    assert found.x.shape == (300, 3)
    assert set(np.unique(found.x)) == {1, 2, 3, 4, 5}
    assert (found.good == (found.x > 3)).all()
    assert found.cluster is not None
    assert found.cluster.max() == 149
    other = design.ratings(feedback, "csat")
    assert {each.id for each in other.predictors} == {"菜品", "服务", "装修"}
    assert set(np.unique(other.scores)) <= {1, 2, 3, 4, 5}


def test_rows_with_a_score_beside_the_answer_and_skipped_questions() -> None:
    feedback = _survey()
    scored = pl.col("question") == "菜品"
    feedback = feedback.with_columns(
        score=pl.when(scored)
        .then(pl.col("feedback_id").str.slice(-1).cast(pl.Float64) % 5 + 1)
        .otherwise("score"),
        scale=pl.when(scored).then(pl.lit("csat_1_5")).otherwise("scale"),
        answer=pl.when(scored).then(None).otherwise("answer"),
    )
    few = pl.col("respondent_id").is_in(["r0001", "r0002"])
    rare = pl.col("respondent_id") > "r0099"
    feedback = feedback.filter(
        ~(few & (pl.col("question") == "服务")), ~(rare & (pl.col("question") == "装修"))
    )
    found = design.ratings(feedback, "nps")
    assert {each.id for each in found.predictors} == {"菜品", "服务"}
    assert (found.scored, len(found.scores)) == (300, 298)
    left_out = [(each.name.zh, each.why, each.n) for each in found.left_out]
    assert left_out == [("总体满意吗", "whole", 300), ("装修", "skipped", 100)]


def test_options_are_ticked_or_not() -> None:
    found = design.choices(_survey(), "nps")
    names = {each.name.zh for each in found.predictors}
    assert names == {"为什么来：好吃", "为什么来：近", "为什么来：都不是"}
    assert set(np.unique(found.x)) == {0, 1}
    fit = KeyDrivers(found)
    assert fit.summary["quadrant"].null_count() == 3
    assert fit.summary["performance"].null_count() == 3


def test_aspects_count_as_praised_criticised_or_neither() -> None:
    texts = _table(
        [
            {"question": None, "score": 1 + i % 5, "scale": "csat_1_5", "text": "话" if i < 90 else None}
            for i in range(100)
        ]
    )
    mentions = pl.DataFrame(
        {
            "feedback_id": [f"f{i:05}" for i in range(80)] + [f"f{i:05}" for i in range(10)],
            "aspect": ["food"] * 80 + ["wait"] * 10,
            "positive_probability": [0.9] * 40 + [0.1] * 30 + [0.55] * 10 + [0.2] * 10,
        }
    )
    found = design.aspects(texts, mentions, SCHEME, 0.1, "csat")
    assert [each.id for each in found.predictors] == ["food"]
    assert found.x[:, 0].tolist() == [1.0] * 40 + [-1.0] * 30 + [0.0] * 20
    assert (found.good.sum(), found.known.sum()) == (40, 70)
    assert [(each.name.en, each.n) for each in found.left_out] == [("Waiting", 10), ("View", 0)]


def test_several_scores_of_one_respondent_that_do_not_speak_of_the_whole_are_parts() -> None:
    rows = [
        {"respondent_id": f"r{i}", "question": question, "score": 1 + i % 5, "scale": "csat_1_5"}
        for i in range(20)
        for question in ("菜品", "服务")
    ]
    assert design.respondents(_table(rows), "csat").is_empty()
    assert design.respondents(_table(rows[::2]), "csat").height == 20


def test_the_order_of_the_weights_and_what_to_fix_first() -> None:
    fit = KeyDrivers(design.ratings(_survey(n=600), "nps"))
    assert fit.enough
    summary = fit.summary
    assert summary["predictor"].to_list() == ["菜品", "服务", "装修"]
    assert summary["share"].sum() == pytest.approx(1)
    assert summary["part"].sum() == pytest.approx(fit.r2.value)
    assert (summary["low"] <= summary["share"]).all()
    assert (summary["share"] <= summary["high"]).all()
    odds = summary.rows_by_key("predictor", named=True, unique=True)
    assert odds["菜品"]["odds_low"] > odds["服务"]["odds_high"] > 1
    assert odds["装修"]["odds_low"] < 1 < odds["装修"]["odds_high"]
    assert fit.summary.equals(KeyDrivers(design.ratings(_survey(n=600), "nps")).summary)


def test_important_and_poor_comes_first() -> None:
    feedback = _survey(n=600)
    # Everybody's answer about the food is one level lower: as important, and worse.
    lower = pl.col("answer").replace(dict(zip(LEVELS[1:], LEVELS[:-1], strict=True)))
    worse = feedback.with_columns(
        answer=pl.when(pl.col("question") == "菜品").then(lower).otherwise("answer")
    )
    summary = KeyDrivers(design.ratings(worse, "nps")).summary
    assert summary.row(0, named=True)["quadrant"] == "concentrate"
    assert summary.row(0, named=True)["sure"]
    assert summary.filter(pl.col("predictor") == "装修")["quadrant"].item() in ("overkill", "low")


def test_known_errors_of_answers_are_taken_out_of_r2() -> None:
    rng = np.random.default_rng(6)
    feedback = _survey(n=800, seed=6)
    clear = KeyDrivers(design.ratings(feedback, "nps"))
    plain = design.ratings(feedback, "nps")
    noise = rng.normal(size=plain.x.shape) * plain.x.std(axis=0) * np.sqrt(1 / 0.8 - 1)
    noisy = design.Design(**{**vars(plain), "x": plain.x + noise})
    blurred = KeyDrivers(noisy, reliability=0.8)
    assert blurred.r2.value < 0.9 * clear.r2.value
    assert blurred.corrected_r2 == pytest.approx(clear.r2.value, abs=0.05)
    assert blurred.corrected is not None
    assert KeyDrivers(noisy).corrected is None
    assert KeyDrivers(noisy, reliability=0.05).corrected is None


def test_too_few_respondents_or_predictors() -> None:
    assert not KeyDrivers(design.ratings(_survey(n=FEWEST - 1), "nps")).enough
    assert KeyDrivers(design.ratings(_survey(n=FEWEST), "nps")).enough
    only = _survey().filter(~pl.col("question").is_in(["服务", "装修"]))
    assert not KeyDrivers(design.ratings(only, "nps")).enough
    assert not KeyDrivers(design.ratings(_survey().clear(), "nps")).enough
