"""What customers answer comes from what they felt."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from crmlab.data.samples.company import Company
from crmlab.data.samples.parameters import (
    CHANGE_DAY,
    CSAT_CUTS,
    DRIVERS,
    INTERCEPT,
    NPS_CUTS,
    PEAK_DELIVERY,
    SERVICE_GAIN,
)
from crmlab.data.samples.surveys import ANSWERS, QUESTIONS, REASONS


@pytest.fixture(scope="module")
def answers(clean_company: Company) -> pl.DataFrame:
    """Return one row per respondent and one column per question, beside what was felt."""
    rows = clean_company.tables["feedback"].drop_nulls("respondent_id")
    given = pl.coalesce("score", "answer")
    names = {text: name for name, text in QUESTIONS.items()}
    wide = rows.with_columns(given, question=pl.col("question").replace(names)).pivot(
        "question", index=["respondent_id", "order_id", "given_on"], values="score"
    )
    felt = clean_company.truth["responses"].filter(kind="survey")
    return wide.join(felt, on="order_id", suffix="_felt")


def test_every_respondent_answers_every_question(answers: pl.DataFrame, clean_company: Company) -> None:
    assert answers.height == clean_company.truth["responses"].filter(kind="survey").height > 3_000
    assert answers.select(*QUESTIONS).null_count().sum_horizontal().item() == 0


def test_a_regression_finds_the_weights(answers: pl.DataFrame) -> None:
    """Of the answers, which are cut and noisy: the order; of the experiences: the weights."""
    satisfaction = answers["satisfaction"].to_numpy()
    felt = answers.select(pl.col(f"{driver}_felt") for driver in DRIVERS).to_numpy()
    design = np.column_stack([np.ones(len(felt)), felt])
    found, *_ = np.linalg.lstsq(design, satisfaction, rcond=None)
    assert found == pytest.approx([INTERCEPT, *DRIVERS.values()], abs=0.05)
    codes = {answer: place for place, answer in enumerate(ANSWERS, 1)}
    said = answers.select(pl.col(list(DRIVERS)).replace_strict(codes, return_dtype=pl.Float64)).to_numpy()
    design = np.column_stack([np.ones(len(said)), said])
    found, *_ = np.linalg.lstsq(design, answers["csat"].cast(pl.Float64).to_numpy(), rcond=None)
    assert list(np.argsort(-found[1:])) == list(range(len(DRIVERS)))


def test_ratings_are_cut_from_satisfaction(answers: pl.DataFrame) -> None:
    satisfaction = answers["satisfaction"].to_numpy()
    nps, csat = (answers[name].cast(pl.Int64).to_numpy() for name in ("nps", "csat"))
    assert (nps == np.searchsorted(NPS_CUTS, satisfaction)).all()
    assert (csat == 1 + np.searchsorted(CSAT_CUTS, satisfaction)).all()
    assert set(nps) == set(range(11))
    assert set(csat) == set(range(1, 6))


def test_service_feels_better_since_the_change(answers: pl.DataFrame) -> None:
    after = pl.col("given_on").str.to_date() >= CHANGE_DAY
    means = [answers.filter(part)["service_felt"].mean() for part in (after, ~after)]
    assert means[0] - means[1] == pytest.approx(SERVICE_GAIN, abs=0.12)  # type: ignore[operator]


def test_delivery_suffers_from_the_peak(answers: pl.DataFrame, clean_company: Company) -> None:
    orders = clean_company.tables["orders"].select(
        "order_id", day=pl.col("ordered_at").str.slice(0, 10).str.to_date()
    )
    both = answers.join(orders, on="order_id")
    at_peak = pl.any_horizontal(
        pl.col("day").is_between(date(year, 11, 1), date(year, 11, 20)) for year in (2023, 2024)
    )
    means = [both.filter(part)["delivery_felt"].mean() for part in (at_peak, ~at_peak)]
    assert means[0] - means[1] == pytest.approx(PEAK_DELIVERY, abs=0.2)  # type: ignore[operator]


def test_reasons_are_joined_and_follow_experience(answers: pl.DataFrame) -> None:
    assert answers["reasons"].str.contains("┋").mean() > 0.5  # type: ignore[operator]
    for driver, reason in REASONS.items():
        named = answers["reasons"].str.split("┋").list.contains(reason)
        felt = answers[f"{driver}_felt"]
        assert felt.filter(named).mean() > felt.filter(~named).mean() + 0.5, driver  # type: ignore[operator]


def test_texts_say_what_was_felt(clean_company: Company) -> None:
    feedback = clean_company.tables["feedback"].with_columns(
        kind=pl.when(pl.col("respondent_id").is_null()).then(pl.lit("review")).otherwise(pl.lit("survey"))
    )
    felt = clean_company.truth["responses"].unpivot(
        list(DRIVERS), index=["order_id", "kind"], variable_name="aspect", value_name="felt"
    )
    said = clean_company.truth["mentions"].join(feedback, on="feedback_id")
    both = said.join(felt, on=["order_id", "kind", "aspect"])
    assert both.height == clean_company.truth["mentions"].height > 10_000
    bounds = both.group_by("sentiment").agg(low=pl.col("felt").min(), high=pl.col("felt").max())
    by = {row["sentiment"]: row for row in bounds.to_dicts()}
    assert (
        by["negative"]["high"]
        <= -0.3
        < by["neutral"]["low"]
        < by["neutral"]["high"]
        < 0.3
        <= by["positive"]["low"]
    )


def test_a_review_is_one_row_with_stars_and_text(clean_company: Company) -> None:
    reviews = clean_company.tables["feedback"].filter(question="评价")
    assert reviews.height == clean_company.truth["responses"].filter(kind="review").height
    assert reviews.select("text", "score", "category").null_count().sum_horizontal().item() == 0
    assert set(reviews["scale"]) == {"csat_1_5"}
