from __future__ import annotations

import numpy as np
import pytest

from crmlab.errors import ParamsError
from crmlab.satisfaction import nps_interval
from crmlab.surveys.sample_size import for_difference, for_nps, for_share


def test_a_share_as_in_cochran() -> None:
    assert for_share(0.05).answers == 385
    assert for_share(0.03).answers == 1068


@pytest.mark.parametrize(
    ("population", "answers"), [(100, 80), (500, 218), (1000, 278), (10_000, 370), (100_000, 383)]
)
def test_finite_populations_as_in_krejcie_and_morgan(population: int, answers: int) -> None:
    # Krejcie & Morgan 1970, Educational and Psychological Measurement 30:607-610: 80, 217, 278, 370, 384.
    # They round to the nearest; the margin holds only when rounded up.
    assert abs(for_share(0.05, population=population).answers - answers) <= 1


def test_an_nps_of_that_size_has_that_margin() -> None:
    n = for_nps(5, promoters=0.4, detractors=0.2).answers
    low, high = nps_interval(0.4 * n, 0.2 * n, n)
    assert (high - low) / 2 == pytest.approx(5, abs=0.05)
    assert for_nps(5).answers == pytest.approx(4 * for_share(0.05).answers, abs=6)


def test_a_difference_as_published() -> None:
    # Fleiss, Levin & Paik 2003; also the example of power.prop.test in R: 76.7 per group.
    found = for_difference(0.50, 0.75, power=0.90)
    assert found.answers == 77
    assert found.per_group


def test_the_power_is_what_it_says() -> None:
    n = for_difference(0.5, 0.6, power=0.8).answers
    rng = np.random.default_rng(5)
    one, other = rng.binomial(n, 0.5, 20_000) / n, rng.binomial(n, 0.6, 20_000) / n
    pooled = (one + other) / 2
    z = (other - one) / np.sqrt(2 * pooled * (1 - pooled) / n)
    assert np.mean(np.abs(z) > 1.959964) == pytest.approx(0.8, abs=0.015)


def test_invitations_follow_from_the_response_rate() -> None:
    assert for_share(0.05, response_rate=0.2).invitations == 1925
    found = for_share(0.05, population=500, response_rate=0.2)
    assert found.invitations > 500
    assert "500" in found.text.zh
    assert "not enough" in found.text.en


def test_shares_are_written_as_they_were_given() -> None:
    assert "1.5% and 2%" in for_difference(0.015, 0.02).text.en
    assert "12.5%" in for_share(0.05, share=0.125).text.zh
    assert "99.9%" in for_share(0.05, confidence=0.999).text.zh


def test_a_margin_is_refused_in_its_own_unit() -> None:
    with pytest.raises(ParamsError, match=r"margin is 5; .* 0\.05 is 5 percentage points"):
        for_share(5)
    with pytest.raises(ParamsError, match=r"margin is 300; .*points"):
        for_nps(300)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: for_share(0),
        lambda: for_share(0.05, share=1),
        lambda: for_share(0.05, population=0),
        lambda: for_share(0.05, response_rate=0),
        lambda: for_nps(5, 0.7, 0.7),
        lambda: for_nps(0),
        lambda: for_difference(0.5, 0.5),
        lambda: for_difference(0.5, 0.6, confidence=95),
    ],
)
def test_figures_that_are_none_are_errors(wrong: object) -> None:
    with pytest.raises(ParamsError):
        wrong()  # type: ignore[operator]
