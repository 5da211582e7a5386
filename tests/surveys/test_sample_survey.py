"""The generated company: what is true of its survey by construction is found again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from statistics import NormalDist

import polars as pl
import pytest

import crmlab
from crmlab.data.samples import parameters as truth
from crmlab.data.samples.surveys import QUESTIONS
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.satisfaction import csat, nps
from crmlab.surveys.crosstab import Crosstab


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRMLAB_KEY_FOLDER", str(tmp_path_factory.mktemp("key")))
        yield crmlab.open("feedback", data=[{"source": "sample"}], as_of="2024-12-31")


SPREAD = (sum(weight**2 for weight in truth.DRIVERS.values()) + truth.NOISE**2) ** 0.5
BEFORE = NormalDist(truth.INTERCEPT, SPREAD)
"""Latent satisfaction before the service became better, outside the weeks of late deliveries."""


def scores(company: Lab, question: str) -> pl.Series:
    feedback = company.tables["feedback"].filter(question=QUESTIONS[question])
    plain = (pl.col("given_on") < truth.CHANGE_DAY) & (pl.col("given_on").dt.month() != 11)
    late = pl.col("given_on").is_between(date(2023, 12, 1), date(2023, 12, 3))
    return feedback.filter(plain & ~late)["score"]


def test_nps_and_csat_cover_what_they_were_drawn_from(company: Lab) -> None:
    promoters, detractors = 1 - BEFORE.cdf(truth.NPS_CUTS[8]), BEFORE.cdf(truth.NPS_CUTS[6])
    found = nps(scores(company, "nps"))
    assert found.low <= 100 * (promoters - detractors) <= found.high
    satisfied = csat(scores(company, "csat"))
    assert satisfied.low <= 1 - BEFORE.cdf(truth.CSAT_CUTS[2]) <= satisfied.high


def test_who_answers_is_chance(company: Lab) -> None:
    summary = company.surveys.response.summary
    whole = summary.row(0, named=True)
    assert whole["low"] <= truth.SURVEY_SHARE <= whole["high"]
    groups = summary.filter(pl.col("dimension").is_not_null()).drop_nulls("rate")
    inside = groups.select(pl.lit(truth.SURVEY_SHARE).is_between("low", "high")).to_series()
    assert inside.mean() >= 0.8  # type: ignore[operator]
    assert set(groups["dimension"]) == {"class", "channel", "value"}


def test_weighting_changes_little_where_answering_was_chance(company: Lab) -> None:
    weighting = company.surveys.weighting
    assert weighting.raked.converged
    assert weighting.raked.design_effect < 1.1
    for row in weighting.summary.iter_rows(named=True):
        assert row["low"] < row["weighted"] < row["high"]


def test_experiences_that_are_independent_measure_no_one_thing(company: Lab) -> None:
    whole = company.surveys.reliability.filter(pl.col("question").is_null()).row(0, named=True)
    assert whole["low"] <= 0 <= whole["high"]
    assert whole["n"] > 500


def test_reasons_follow_what_was_felt(company: Lab) -> None:
    table = company.surveys.crosstab(QUESTIONS["reasons"], QUESTIONS["service"])
    assert isinstance(table, Crosstab)
    found = {row["row"]: row for row in table.tests.iter_rows(named=True)}
    assert found["服务好"]["p_adjusted"] <= 0.001
    assert found["服务好"]["v_low"] > 0.1
    assert found["朋友推荐"]["p_value"] > 0.05
    first, last = (
        table.summary.filter(row="服务好", column=level)["share"].item() for level in ("一般", "非常满意")
    )
    assert first < last


def test_shares_of_reasons_are_of_respondents(company: Lab) -> None:
    question = next(each for each in company.surveys.questions if each.kind == "multiple")
    friends = question.summary.filter(option="朋友推荐").row(0, named=True)
    # Named by one in five, whatever was felt.
    assert friends["low"] <= 0.2 <= friends["high"]
    assert (friends["low"], friends["high"]) == pytest.approx(wilson(friends["count"], question.n))


def test_a_better_service_is_seen_in_its_question(company: Lab) -> None:
    asked = next(each for each in company.surveys.sheets.questions if each.key == QUESTIONS["service"])
    dated = asked.frame.join(company.surveys.sheets.respondents, on="respondent_id")
    after = dated["given_on"] >= truth.CHANGE_DAY
    assert dated.filter(after)["score"].mean() > dated.filter(~after)["score"].mean() + 0.1  # type: ignore[operator]


def test_everything_is_the_same_twice(company: Lab) -> None:
    again = crmlab.open("feedback", data=[{"source": "sample"}], as_of="2024-12-31")
    for lab in (company, again):
        _ = (lab.surveys.waves, lab.surveys.response, lab.surveys.weighting, lab.surveys.reliability)
    first, second = company.surveys.saved_tables(), again.surveys.saved_tables()
    assert all(table.equals(first[name], null_equal=True) for name, table in second.items())


def test_the_views_name_no_customer(company: Lab, check_chart: object) -> None:
    surveys = company.surveys
    views = [surveys.response.chart(), surveys.waves.chart(), *(each.chart() for each in surveys.questions)]
    for view in views:
        check_chart(view, "zh", without=("C00000019",))  # type: ignore[operator]
