"""Separation: known effects, known intervals, the axes that schemes claim, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import contingency, f_oneway

from crmlab.lab import Lab
from crmlab.labels import Label, Scheme
from crmlab.segments.separation import CATEGORIES, cramers_v, eta_squared, measured, separation, undated

ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.sampled_from("xy")), min_size=4, max_size=80
)
TWO = Scheme("two", "两类", "Two", (Label("a", "甲", "A"), Label("b", "乙", "B")), ("revenue", "loyalty"))


def test_eta_squared_by_hand() -> None:
    """Means 2 and 5 around 3.5: 6·1.5² = 13.5 of 17.5 between; epsilon² = 1 - (4/17.5)·5/4."""
    found = eta_squared(pl.Series(list("aaabbb")), pl.Series([1, 2, 3, 4, 5, 6]))
    assert found.value == pytest.approx(1 - (4 / 17.5) * 5 / 4)
    assert 0 <= found.low < found.value < found.high <= 1


def test_cramers_v_by_hand() -> None:
    """30–10 against 10–30: phi² = .25; bias-corrected (.25 - 1/79) / (1 - 1/79)."""
    a = pl.Series(["a"] * 40 + ["b"] * 40)
    b = pl.Series(["x"] * 30 + ["y"] * 10 + ["x"] * 10 + ["y"] * 30)
    assert contingency.association(np.array([[30, 10], [10, 30]])) == pytest.approx(0.5)
    found = cramers_v(a, b)
    assert found.value == pytest.approx(sqrt((0.25 - 1 / 79) / (1 - 1 / 79)))
    assert 0 < found.low < found.value < found.high < 1


@given(ROWS)
def test_effects_are_shares_and_need_no_names(rows: list[tuple[str, int, str]]) -> None:
    frame = pl.DataFrame(rows, schema=["label", "value", "kind"], orient="row")
    renamed = frame["label"].replace({"a": "q", "b": "r", "c": "s"})
    for found, again in (
        (eta_squared(frame["label"], frame["value"]), eta_squared(renamed, frame["value"])),
        (cramers_v(frame["label"], frame["kind"]), cramers_v(renamed, frame["kind"])),
    ):
        assert found == pytest.approx(again, nan_ok=True)
        if not isnan(found.value):
            assert 0 <= found.low <= found.value <= found.high <= 1


@given(ROWS)
def test_eta_squared_is_that_of_the_analysis_of_variance(rows: list[tuple[str, int, str]]) -> None:
    frame = pl.DataFrame(rows, schema=["label", "value", "kind"], orient="row")
    groups = [part["value"].to_numpy() for part in frame.partition_by("label")]
    found = eta_squared(frame["label"], frame["value"])
    n, k = frame.height, len(groups)
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    if isnan(found.value) or within == 0:
        return
    f = f_oneway(*groups).statistic
    # Epsilon² from F: (k - 1)(F - 1) / ((k - 1)F + n - k).
    assert found.value == pytest.approx(max(0.0, (k - 1) * (f - 1) / ((k - 1) * f + n - k)), abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_intervals_hold_what_is_true(shift: float) -> None:
    """Skewed spend, half of it zero: nine of ten intervals hold the population's effect."""
    random = np.random.default_rng(3)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        kind = random.integers(0, 4, n)
        spend = np.exp(random.normal(shift * kind / 3, 1.0)) * (random.random(n) < 0.5)
        return kind, spend

    kind, spend = draw(400_000)
    means = np.bincount(kind, spend) / np.bincount(kind)
    eta2 = ((means[kind] - spend.mean()) ** 2).mean() / spend.var()
    rate = np.bincount(kind, spend > 2) / np.bincount(kind)
    v = sqrt(((rate[kind] - rate.mean()) ** 2).mean() / (rate.mean() * (1 - rate.mean())))
    held = [0, 0]
    for _ in range(200):
        kind, spend = draw(400)
        labels = pl.Series(kind).cast(pl.String)
        for at, (found, true) in enumerate(
            ((eta_squared(labels, pl.Series(spend)), eta2), (cramers_v(labels, pl.Series(spend > 2)), v))
        ):
            held[at] += found.low - 0.002 <= true <= found.high
    assert min(held) >= 180


def test_many_classes_of_nothing_separate_nothing() -> None:
    """Without the correction, 11 classes of 200 customers would explain about 10/199 = 5 % by chance."""
    random = np.random.default_rng(5)
    values = [
        eta_squared(pl.Series(random.integers(0, 11, 200)), pl.Series(random.normal(size=200))).value
        for _ in range(50)
    ]
    assert np.mean(values) < 0.02


@pytest.mark.parametrize(
    ("labels", "values"),
    [([], []), (["a"], [1.0]), (["a", "a", "a"], [1.0, 2.0, 3.0]), (["a", "b", "b"], [1.0, 1.0, 1.0])],
)
def test_nothing_to_tell(labels: list[str], values: list[float]) -> None:
    a, b = pl.Series(labels, dtype=pl.String), pl.Series(values, dtype=pl.Float64)
    assert all(isnan(end) for end in eta_squared(a, b))
    assert all(isnan(end) for end in cramers_v(a, b))


def _known(n: int, spend: list[float], returned: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "label": ["a" if i % 2 else "b" for i in range(n)],
            "next_spend": spend,
            "returned": returned,
            "category": [None] * n,
        },
        schema_overrides={"category": pl.String},
    )


def test_which_claims_hold() -> None:
    random = np.random.default_rng(2)
    spend = [float(random.normal(100 if i % 2 else 10, 20)) for i in range(200)]
    found = measured(TWO, 30, _known(200, spend, random.integers(0, 2, 200).tolist()))
    assert found.claims == {"revenue": "holds", "loyalty": "not_shown"}
    assert found.verdict("category") == "unknown"
    assert "order lines" in found.reasons["category"].en
    eta, v = found.estimates["spend"], found.estimates["return"]
    assert found.explained == pytest.approx([(a + b**2) / 2 for a, b in zip(eta, v, strict=True)])


def test_a_real_effect_too_small_to_matter_is_weak() -> None:
    random = np.random.default_rng(2)
    n = 20_000
    spend = [float(random.normal(10.7 if i % 2 else 10, 5)) for i in range(n)]
    assert measured(TWO, 30, _known(n, spend, [0] * n)).claims["revenue"] == "weak"


def test_few_customers_one_class_and_one_outcome_are_said() -> None:
    few = measured(TWO, 30, _known(20, [1.0] * 20, [1] * 20))
    assert few.estimates == {}
    assert "20" in few.reasons["spend"].zh
    same = measured(TWO, 30, _known(60, [1.0] * 60, [1] * 60))
    assert "30" in same.reasons["spend"].en
    assert "none did" in same.reasons["return"].en
    alone = _known(60, list(map(float, range(60))), [0, 1] * 30).with_columns(label=pl.lit("a"))
    assert "one class" in measured(TWO, 30, alone).reasons["spend"].en
    assert all(isnan(end) for end in few.explained)


def test_customers_without_a_class_are_covered_less_and_not_counted_as_a_class() -> None:
    """Those without a class spent nothing: that says something, but the scheme does not say it."""
    random = np.random.default_rng(2)
    known = _known(200, random.normal(10, 1, 200).tolist(), [1] * 200)
    nobody = known.with_columns(label=pl.lit("unclassified"), next_spend=pl.lit(0.0))
    found = measured(TWO, 30, pl.concat([known, nobody]))
    assert found.coverage == 0.5
    assert found.customers["spend"] == 200
    assert found.verdict("spend") == "not_shown"


def test_habits_tell_what_comes(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    lab = make_lab(habits, "segmentation")
    found = separation(lab, "abc", 90)
    assert found.known.height == 240
    assert found.claims == {"revenue": "holds"}
    assert found.estimates["spend"].low > 0.5


def test_only_those_who_had_bought_are_looked_at(
    make_lab: Callable[..., Lab], habits: dict[str, str]
) -> None:
    """Whoever is only listed buys nothing: to tell them apart is no merit of a scheme."""
    listed = "".join(f"c{n:03d},{'AB'[n < 240]}\n" for n in range(480))
    lab = make_lab(habits | {"customers": "customer_id,grade\n" + listed}, "segmentation")
    assert lab.classify("grade").labels.height == 480
    found = separation(lab, "grade", 90)
    assert found.known.height == 240
    assert "one class" in found.reasons["spend"].en


def test_inputs_that_never_change_are_named() -> None:
    then = pl.DataFrame(
        {"customer_id": ["a", "b", "c"], "grade": ["x", "y", None], "n": [1, 2, 3], "k": [1] * 3}
    )
    now = pl.DataFrame(
        {"customer_id": ["b", "a", "d", "c"], "grade": ["y", "x", "z", None], "n": [2, 5, 1, 3]}
    )
    assert undated(then, now.with_columns(k=pl.lit(1))) == ("grade",)


def test_what_came_later_is_not_learned_from(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    """The labels are those of a study that ended on the earlier day."""
    found = separation(make_lab(habits, "segmentation"), "rfm", 90)
    then = make_lab(habits, "segmentation", as_of="2024-04-01").classify("rfm")
    assert found.known.select("customer_id", "label").equals(then.labels)


def test_a_short_history_is_said(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    found = separation(make_lab(habits, "segmentation"), "status", 300)
    assert found.estimates == {}
    assert found.claims == {"loyalty": "unknown"}
    assert "600" in found.reasons["spend"].en


def test_no_orders_at_all_are_said(make_lab: Callable[..., Lab]) -> None:
    customers = {"customers": "customer_id,city\nann,北京\nbob,上海\n"}
    assert "no orders" in separation(make_lab(customers, "segmentation"), "city-tier").reasons["spend"].en


def test_the_grocer(grocer: Lab) -> None:
    found = separation(grocer, "abc", 90)
    assert found.customers["spend"] == 2447
    assert found.estimates["spend"].value == pytest.approx(0.386, abs=0.001)
    assert found.known["category"].n_unique() <= CATEGORIES + 2  # the others together, and none
