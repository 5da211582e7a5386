"""The feedback summary and the feedback classes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from preference_tables import AS_OF, at, built, table

import crmlab
from crmlab import satisfaction
from crmlab.data.samples.company import company_blocks
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.features.feedback import VERDICTS, FeedbackSummary
from crmlab_plugins.schemes.customer_feedback import CustomerFeedback, ServiceFeedback


@parametrize_with_checks(
    [
        CustomerFeedback(),
        ServiceFeedback(),
        CustomerFeedback(satisfied_from=0.0, dissatisfied_to=-0.5),
        FeedbackSummary(texts_per_customer=0),
        FeedbackSummary(window_days=30, ces_direction="low_is_easy"),
    ]
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def _given(
    customer: str, days_ago: int, score: float | None, scale: str | None = "csat_1_5", text: str | None = None
) -> dict[str, Any]:
    return {
        "customer_id": customer,
        "given_on": AS_OF - timedelta(days=days_ago),
        "score": score,
        "scale": scale if score is not None else None,
        "text": text,
    }  # fmt: skip


def _labels(feature: FeedbackSummary | None = None, **tables: pl.DataFrame) -> dict[str, str]:
    made = built(feature or FeedbackSummary(), **tables)
    if not made:
        return {}
    frame = pl.DataFrame(list(made.values()))
    labels = CustomerFeedback().fit(frame).predict(frame)
    return dict(zip(frame["customer_id"], labels, strict=True))


@pytest.mark.parametrize(
    ("scale", "bad", "neutral", "good"),
    [
        ("csat_1_5", (1, 2), (3,), (4, 5)),
        ("nps_0_10", (0, 6), (7, 8), (9, 10)),
        ("csat_1_7", (1, 3), (4,), (5, 7)),
        ("ces_1_7", (1, 3), (4,), (5, 7)),
        ("binary_0_1", (0,), (), (1,)),
    ],
)
def test_classes_of_scores(
    scale: str, bad: tuple[int, ...], neutral: tuple[int, ...], good: tuple[int, ...]
) -> None:
    expected = (
        dict.fromkeys(bad, "dissatisfied")
        | dict.fromkeys(neutral, "neutral")
        | dict.fromkeys(good, "satisfied")
    )
    feedback = table(*(_given(str(score), 1, score, scale) for score in expected))
    assert _labels(feedback=feedback) == {str(score): label for score, label in expected.items()}


def test_they_are_those_of_the_core() -> None:
    assert set(VERDICTS) == set(satisfaction.SCALES)
    for scale, (_, good) in VERDICTS.items():
        lowest, highest = satisfaction.SCALES[scale]
        for score in range(lowest, highest + 1):
            (rating,) = satisfaction.ratings(pl.DataFrame({"score": [float(score)], "scale": [scale]}))
            assert (rating.value > 0) == (score >= good), (scale, score)


def test_effort_in_the_other_direction() -> None:
    feedback = table(_given("a", 1, 1, "ces_1_7"), _given("b", 1, 7, "ces_1_7"))
    other = FeedbackSummary(ces_direction="low_is_easy")
    assert _labels(other, feedback=feedback) == {"a": "satisfied", "b": "dissatisfied"}


def test_the_latest_prevails_and_the_old_is_left_out() -> None:
    feedback = table(
        *(_given("better", 200, 1), _given("better", 5, 5)),
        *(_given("worse", 200, 5), _given("worse", 5, 1)),
        *(_given("torn", 5, 1), _given("torn", 5, 5)),
        *(_given("old", 366, 5), _given("later", -1, 5)),
    )
    assert _labels(feedback=feedback) == {"better": "satisfied", "worse": "dissatisfied", "torn": "neutral"}
    assert _labels(FeedbackSummary(window_days=400), feedback=feedback)["old"] == "satisfied"


def test_an_open_complaint_overrides() -> None:
    def complaint(
        customer: str, opened: int, resolved: int | None, stage: str = "received"
    ) -> dict[str, Any]:
        return {
            "customer_id": customer, "opened_at": at(opened), "stage": stage,
            "resolved_at": None if resolved is None else at(resolved),
        }  # fmt: skip

    complaints = table(
        complaint("open", 20, None),
        complaint("resolved", 20, 3, "resolved"),
        complaint("resolved later", 20, -1, "resolved"),
        complaint("marked only", 20, None, "closed"),
        complaint("not yet", -2, None),
        complaint("silent", 20, None),
    )
    names = ("open", "resolved", "resolved later", "marked only", "not yet")
    labels = _labels(feedback=table(*(_given(name, 30, 5) for name in names)), complaints=complaints)
    bad = {name for name, label in labels.items() if label == "dissatisfied"}
    assert bad == {"open", "resolved later", "silent"}
    assert set(labels) == {*names, "silent"}


def test_texts_are_read_where_there_is_no_score() -> None:
    feedback = table(
        _given("glad", 1, None, text="物流很快，包装完好，非常满意！"),
        _given("cross", 1, None, text="质量太差，用了两天就坏了，客服也不理人。"),
        *(_given("scored", 9, 5), _given("scored", 1, None, text="质量太差，用了两天就坏了，客服也不理人。")),
        _given("emoji", 1, None, text="😀😀"),
        _given("dots", 1, None, text="……"),
    )
    made = built(FeedbackSummary(), feedback=feedback)
    assert {name: row["feedback_by_text"] for name, row in made.items()} == {
        "glad": True,
        "cross": True,
        "scored": False,
        "emoji": True,
    }
    assert _labels(feedback=feedback) == {
        "glad": "satisfied",
        "cross": "dissatisfied",
        "scored": "satisfied",
        "emoji": "satisfied",
    }
    assert set(_labels(FeedbackSummary(texts_per_customer=0), feedback=feedback)) == {"scored"}


def test_the_cost_of_reading_is_bounded() -> None:
    feedback = table(*(_given("writer", days, None, text=f"非常满意{days}") for days in range(9)))
    assert built(FeedbackSummary(), feedback=feedback)["writer"]["feedback_count"] == 3


def test_reasons_quote_nobody() -> None:
    texts = table(_given("a", 1, None, text="李雷说非常满意"), _given("b", 3, 2))
    complaints = table({"customer_id": "b", "opened_at": at(9), "stage": "received"})
    frame = pl.DataFrame(list(built(FeedbackSummary(), feedback=texts, complaints=complaints).values()))
    assert CustomerFeedback().fit(frame).explain(frame).rows() == [
        (
            "文本反馈 1 条，最近一次在 1 天前；加权后满意 100%、中立 0%、不满意 0%",
            "feedback by text: 1, the last 1 day ago; weighted, 100% satisfied, 0% neutral, 0% dissatisfied",
        ),
        (
            "有 1 宗投诉尚未解决；评分反馈 1 条，最近一次在 3 天前；加权后满意 0%、中立 0%、不满意 100%",
            "1 complaint not resolved yet; feedback by score: 1, the last 3 days ago; weighted, "
            "0% satisfied, 0% neutral, 100% dissatisfied",
        ),
    ]


def test_more_and_fresher_feedback_makes_surer() -> None:
    feedback = table(
        _given("one", 1, 5), *(_given("three", day, 5) for day in (1, 2, 3)), _given("old", 300, 5)
    )
    frame = pl.DataFrame(list(built(FeedbackSummary(), feedback=feedback).values()))
    sure = dict(zip(frame["customer_id"], CustomerFeedback().fit(frame).confidence(frame), strict=True))
    assert sure["three"] > sure["one"] > sure["old"] > 1 / 3
    assert sure["one"] == pytest.approx((0.9923 + 1 / 3) / 1.9923, abs=1e-3)


def test_the_alias_differs_in_words_alone() -> None:
    assert ServiceFeedback.alias_of == "feedback"
    assert ServiceFeedback.scheme.ids == CustomerFeedback.scheme.ids
    assert [label.zh for label in ServiceFeedback.scheme.labels] == ["满意客户", "一般客户", "不满意客户"]
    assert "一般客户" in ServiceFeedback().definition().zh


def test_wrong_parameters() -> None:
    with pytest.raises(ParamsError, match=r"dissatisfied_to is 0\.5"):
        CustomerFeedback.from_params({"dissatisfied_to": 0.5})
    with pytest.raises(ParamsError) as caught:
        FeedbackSummary.from_params(
            {"window_days": 0, "half_life_days": 0, "texts_per_customer": -1, "text_weight": 0}
        )
    assert all(
        name in str(caught.value) for name in ("window_days", "half_life_days", "texts_per", "text_weight")
    )


def test_the_classes_follow_what_customers_of_the_generated_company_felt() -> None:
    lab = crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31")
    (company,) = company_blocks(2_000, 1)
    orders = company.tables["orders"].select("order_id", "customer_id").unique("order_id")
    felt = company.truth["responses"].join(orders, on="order_id")
    mean = felt.group_by("customer_id").agg(pl.col("satisfaction").mean())
    together = lab.classify("feedback").labels.join(mean, on="customer_id")
    by_class = dict(together.group_by("label").agg(pl.col("satisfaction").mean()).iter_rows())
    # Latent satisfaction has mean 0.15; CSAT 3 begins at -0.9 and ends at -0.15.
    assert by_class["satisfied"] > 0.4
    assert -0.6 < by_class["neutral"] < 0
    assert by_class["dissatisfied"] < -0.7
