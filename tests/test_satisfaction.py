from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import DataError
from crmlab.intervals import wilson
from crmlab.satisfaction import SCALES, ces, csat, nps, nps_interval, ratings, share_satisfied


def scores(*values: float | None) -> pl.Series:
    return pl.Series("score", values, dtype=pl.Float64)


def test_nps_counts_promoters_passives_and_detractors() -> None:
    rating = nps(scores(*[10] * 40, *[9] * 20, *[8] * 15, *[7] * 5, *[6] * 10, *[0] * 10, None, None))
    assert rating.value == pytest.approx(60 - 20)
    assert (rating.n, rating.missing, rating.unit) == (100, 2, "points")
    assert rating.low < rating.value < rating.high
    assert rating.notes == ()


def test_zero_is_an_answer() -> None:
    assert nps(scores(*[0] * 50, *[10] * 50)).value == 0


def test_nps_interval_is_close_to_the_plain_standard_error_in_a_large_sample() -> None:
    # SE = 100 * sqrt((p + d - (p - d)^2) / n); 4.84 points for n = 300 with p = .5, d = .35.
    p, d, n = 0.5, 0.35, 300
    error = 100 * sqrt((p + d - (p - d) ** 2) / n)
    low, high = nps_interval(150, 105, 300)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.02)


@pytest.mark.parametrize("shares", [(0.95, 0.04, 0.01), (0.8, 0.15, 0.05), (0.5, 0.3, 0.2), (0.2, 0.3, 0.5)])
@pytest.mark.parametrize("n", [20, 50, 200])
def test_nps_interval_covers_the_truth_as_often_as_it_says(
    shares: tuple[float, float, float], n: int
) -> None:
    truth = 100 * (shares[0] - shares[2])
    drawn = np.random.default_rng(42).multinomial(n, shares, size=4000)
    intervals = [nps_interval(int(promoters), int(detractors), n) for promoters, _, detractors in drawn]
    assert 0.935 <= np.mean([low <= truth <= high for low, high in intervals]) <= 0.985


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))))
def test_nps_interval_holds_the_value_within_the_scale(case: tuple[int, int, int]) -> None:
    n, promoters, others = case
    detractors = min(others, n - promoters)
    low, high = nps_interval(promoters, detractors, n)
    assert -100 <= low <= 100 * (promoters - detractors) / n + 1e-9
    assert 100 * (promoters - detractors) / n - 1e-9 <= high <= 100


@pytest.mark.parametrize("wrong", [11, -1, 9.5, float("nan"), float("inf")])
def test_answers_that_the_scale_does_not_have_are_an_error(wrong: float) -> None:
    with pytest.raises(
        DataError, match=r"1 of 2 scores cannot be answers on the scale nps_0_10.*from 0 to 10"
    ):
        nps(scores(9, wrong))


def test_a_scale_of_one_to_ten_is_noticed() -> None:
    rating = nps(scores(*[1] * 5, *[9] * 60))
    assert "1–10" in rating.notes[0].zh
    assert "1–10" in rating.notes[0].en


def test_a_scale_of_one_to_six_is_noticed() -> None:
    assert "1–6" in nps(scores(*[0], *[5] * 40)).notes[0].en


def test_few_answers_carry_a_caution() -> None:
    assert "29" in csat(scores(*[5] * 29)).notes[0].zh
    assert csat(scores(*[5] * 30)).notes == ()


def test_csat_is_the_share_above_the_middle() -> None:
    five = csat(scores(1, 2, 3, 4, 5))
    assert (five.value, five.low, five.high) == (0.4, *wilson(2, 5))
    seven = csat(scores(1, 2, 3, 4, 5, 6, 7), points=7)
    assert seven.value == pytest.approx(3 / 7)
    assert "5–7" in seven.definition.zh
    with pytest.raises(DataError, match="from 1 to 5"):
        csat(scores(0))


def test_ces_direction_turns_the_scale_round() -> None:
    answers = scores(1, 1, 2, 4, 7)
    assert ces(answers).value == pytest.approx(1 / 5)
    assert ces(answers, "low_is_easy").value == pytest.approx(3 / 5)
    assert "1–3" in ces(answers, "low_is_easy").definition.en


def test_share_satisfied_counts_ones() -> None:
    rating = share_satisfied(scores(1, 1, 0, None))
    assert (rating.metric, rating.value, rating.n, rating.missing) == ("share_satisfied", 2 / 3, 3, 1)


def test_ratings_gives_one_rating_per_scale_in_a_fixed_order() -> None:
    feedback = pl.DataFrame(
        {
            "score": [1.0, 9.0, 5.0, 4.0, None, 6.0, 7.0],
            "scale": ["binary_0_1", "nps_0_10", "csat_1_5", "csat_1_5", None, "ces_1_7", "csat_1_7"],
        }
    )
    found = ratings(feedback)
    assert [rating.scale for rating in found] == list(SCALES)
    assert [rating.n for rating in found] == [1, 2, 1, 1, 1]
    assert ratings(feedback.sort("scale", descending=True)) == found
    assert ratings(feedback.clear()) == []


def test_a_scale_without_answers_has_no_value() -> None:
    (rating,) = ratings(
        pl.DataFrame({"score": [None], "scale": ["nps_0_10"]}, schema_overrides={"score": pl.Float64})
    )
    assert isnan(rating.value)
    assert isnan(rating.low)
    assert (rating.n, rating.missing) == (0, 1)


def test_an_unknown_scale_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(DataError, match=r"'nps_1_10'. Did you mean 'nps_0_10'\?"):
        ratings(pl.DataFrame({"score": [9.0], "scale": ["nps_1_10"]}))
