"""Segments of numbers and classes together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

import crmlab
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.segments.stability import adjusted_rand
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.learned.k_prototypes import KPrototypes

INPUTS = ("total_spend", "main_category", "is_member")


def mixed(count: int = 300, seed: int = 0) -> pl.DataFrame:
    """Two levels of spend, and within the higher two categories with members in one of them."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, count)
    return pl.DataFrame(
        {
            "customer_id": [f"c{at}" for at in range(count)],
            "total_spend": np.round(np.where(kind == 0, 40, 600) * np.exp(rng.normal(0, 0.15, count)), 2),
            "main_category": np.where(rng.random(count) < 0.05, "其他", np.array(["茶", "茶", "米"])[kind]),
            "is_member": kind == 2,
            "kind": kind,
        }
    )


@parametrize_with_checks([KPrototypes(segments=3), KPrototypes(inputs=("city", "gender"), weight=2.0)])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def test_kinds_that_numbers_alone_cannot_tell_are_found() -> None:
    table = mixed()
    fitted = KPrototypes(inputs=INPUTS).fit(table)
    assert fitted.choice().filter("chosen")["segments"].item() == 3
    assert adjusted_rand(table["kind"].cast(pl.String), fitted.predict(table)) > 0.95
    names = [label.zh for label in fitted.scheme.labels]
    assert "主要品类：米" in " ".join(names)
    assert fitted.scheme.of_data


def test_weight_decides_between_numbers_and_classes() -> None:
    table = mixed()
    numbers = KPrototypes(inputs=INPUTS, segments=2, weight=0.0).fit(table).predict(table)
    words = KPrototypes(inputs=INPUTS, segments=2, weight=100.0).fit(table).predict(table)
    assert adjusted_rand((table["kind"] == 0).cast(pl.String), numbers) > 0.95
    assert adjusted_rand((table["kind"] == 2).cast(pl.String), words) > 0.9


def test_a_new_value_counts_as_different_and_breaks_nothing() -> None:
    table = mixed()
    fitted = KPrototypes(inputs=INPUTS, segments=3).fit(table)
    new = table.head(1).with_columns(main_category=pl.lit("从未见过"))
    assert fitted.predict(new)[0] in fitted.scheme.ids
    assert fitted.confidence(new)[0] <= fitted.confidence(table.head(1))[0] + 1e-9


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ParamsError, match="weight is -1"):
        KPrototypes(inputs=INPUTS, weight=-1).fit(mixed())


def test_a_column_that_is_neither_is_refused() -> None:
    table = mixed().with_columns(since=pl.date(2024, 1, 1))
    with pytest.raises(ParamsError, match="since"):
        KPrototypes(inputs=("since", "total_spend"), segments=2).fit(table)


def test_usefulness_is_judged_where_classes_have_a_past_as_well() -> None:
    lab = crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31")
    fitted = lab.classify("k-prototypes", candidates=(2, 4)).classifier
    assert fitted.choice()["separation"].to_list() == sorted(fitted.choice()["separation"])
    assert fitted.choice()["separation"].min() > 0.2
