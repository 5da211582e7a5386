"""Drift: PSI by hand, what chance makes of it, bins, and two days of a company."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import log

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.lab import Lab
from crmlab.segments.drift import CLASSES, Drift, binned, psi, psi_by_chance, verdict

COUNTS = st.integers(1, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 500), min_size=n, max_size=n)] * 2)
)


def test_psi_by_hand() -> None:
    """60 % and 40 % become 40 % and 60 %: 2 · 0.2 · ln(1.5)."""
    assert psi([60_000, 40_000], [40_000, 60_000]) == pytest.approx(0.4 * log(1.5), rel=1e-4)


@given(COUNTS)
def test_psi_is_symmetric_never_negative_and_zero_without_change(counts: tuple[list[int], list[int]]) -> None:
    before, after = counts
    assert psi(before, after) == pytest.approx(psi(after, before))
    assert psi(before, after) >= 0
    assert psi(before, before) == 0


def test_chance_is_what_one_sample_in_twenty_exceeds() -> None:
    random = np.random.default_rng(0)
    shares = [0.5, 0.3, 0.1, 0.1]
    values = [psi(random.multinomial(400, shares), random.multinomial(300, shares)) for _ in range(1000)]
    beyond = np.mean([value > psi_by_chance(4, 400, 300) for value in values])
    assert 0.03 < beyond < 0.07


@pytest.mark.parametrize(
    ("value", "chance", "said"),
    [(0.09, 0, "ok"), (0.1, 0, "watch"), (0.25, 0, "watch"), (0.26, 0, "act"), (0.26, 0.3, "ok")],
)
def test_verdicts(value: float, chance: float, said: str) -> None:
    assert verdict(value, chance) == said


def test_numbers_are_cut_at_the_deciles_of_the_earlier_day() -> None:
    before = pl.Series("x", list(range(1, 101)))
    pair = binned(before, pl.Series("x", [1, 10, 11, 100, 5000, -3, None]))
    assert pair is not None
    sizes = pair[0].value_counts(name="n")["n"]
    assert sizes.len() == 10
    assert sizes.max() - sizes.min() <= 2  # type: ignore[operator]
    first = pair[0][0]
    assert [each == first for each in pair[1]] == [True, True, False, False, False, True, False]
    assert pair[1][-1] == "unknown"


def test_rare_texts_share_a_bin_and_lists_have_none() -> None:
    before = pl.Series("x", [f"t{i % 12}" for i in range(120)] + [None])
    pair = binned(before, pl.Series("x", ["t0", "new", None]))
    assert pair is not None
    assert set(pair[1]) == {"t0", "rest", "unknown"}
    assert pair[0].n_unique() == 11
    assert binned(pl.Series([[1]]), pl.Series([[2]])) is None


def test_the_same_day_has_not_moved(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    today = make_lab(habits, "segmentation").classify("rfm")
    found = Drift(today, today)
    assert found.summary["column"].to_list() == [CLASSES, *today.classifier.requires]
    assert found.summary["psi"].to_list() == [0] * 4
    assert found.summary["verdict"].unique().to_list() == ["ok"]


def test_a_company_that_stopped_selling(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    """With no orders after June everybody's recency grows: the input and the classes are to act on."""
    lab = make_lab(habits, "segmentation", as_of="2024-12-31", language="en")
    found = Drift(lab.classify("status", as_of=date(2024, 6, 30)), lab.classify("status"))
    assert found.classes is not None
    assert found.classes["verdict"] == "act"
    assert found.classes["v_low"] > 0.5
    assert found.most_moved is not None
    assert found.most_moved["column"] == "days_since_last_order"
    table = found.table().payload()
    assert table["rows"][0][0] == "Shares of the classes"
    assert table["rows"][0][-1] == "act"


def test_nobody_to_compare_with(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    lab = make_lab(habits, "segmentation")
    found = Drift(lab.classify("status", as_of=date(2020, 1, 1)), lab.classify("status"))
    assert found.summary.is_empty()
    assert found.classes is None
    assert found.most_moved is None
