"""The comparator: the simplest scheme that is good enough, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from crmlab import registry
from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.labels import Text
from crmlab.segments.comparator import Contender, SchemeComparison
from crmlab.segments.separation import Estimate
from crmlab_plugins.abc_value import AbcValue

QUICK: dict[str, Any] = {"resamples": 4}
NAMES = ("rfm", "abc", "status")


@pytest.fixture
def lab(make_lab: Callable[..., Lab], habits: dict[str, str]) -> Lab:
    """A lab on the company with three habits."""
    return make_lab(habits, "segmentation", language="en")


def _placed(tolerance: float, *schemes: tuple[str, int, float]) -> dict[str, str]:
    """Return where schemes of (name, classes, separation) stand."""
    comparison = SchemeComparison.__new__(SchemeComparison)
    comparison.tolerance = tolerance
    eligible = [
        Contender(
            name, Text(name, name), separation=Estimate(value, 0.01, 1), classes=n, position="not_eligible"
        )
        for name, n, value in schemes
    ]
    eligible.sort(key=lambda each: each.order)
    comparison._place(eligible)
    return {each.name: each.position for each in eligible}


def test_the_simplest_within_tolerance_of_the_best() -> None:
    schemes = (("two", 2, 0.2), ("three", 3, 0.35), ("other", 3, 0.1), ("eleven", 11, 0.4), ("many", 20, 0.1))
    assert _placed(0.2, *schemes) == {
        "two": "too_simple",
        "three": "recommended",
        "other": "weaker",
        "eleven": "too_complex",
        "many": "too_complex",
    }
    assert _placed(0.1, *schemes)["eleven"] == "recommended"
    assert _placed(0.1, *schemes)["three"] == "too_simple"
    assert _placed(0.6, *schemes)["two"] == "recommended"


def test_equals_are_as_good_and_the_better_one_is_named() -> None:
    assert _placed(0.2, ("a", 3, 0.30), ("b", 3, 0.31)) == {"a": "equivalent", "b": "recommended"}
    assert _placed(0.2) == {}


def test_a_comparison(lab: Lab) -> None:
    found = SchemeComparison(lab, NAMES, **QUICK)
    summary = {row["scheme"]: row for row in found.summary.iter_rows(named=True)}
    assert set(summary) == set(NAMES)
    chosen, best = found.recommended, found.best
    assert chosen is not None
    assert best is not None
    assert chosen.separation.value >= 0.8 * best.separation.value
    simpler = [row for row in summary.values() if row["classes"] < chosen.classes]
    assert all(row["separation"] < 0.8 * best.separation.value for row in simpler)
    assert summary["abc"]["actions"] == summary["abc"]["usable"] == 2
    assert summary["status"]["ari"] == 1
    for language in (0, 1):
        assert chosen.title[language] in found.explain()[language]
    assert f"{chosen.separation.value:.1%}" in found.explain().en
    assert found.findings()[0].text == found.explain()


def test_what_is_given_up_is_named(lab: Lab) -> None:
    """With every tolerance the simplest wins; what it gives up against the best is said."""
    found = SchemeComparison(lab, NAMES, tolerance=0.99, **QUICK)
    chosen, best = found.recommended, found.best
    assert chosen is not None
    assert best is not None
    assert chosen.classes == min(each.classes for each in found.contenders)
    if chosen is best:
        pytest.fail("the company was made so that the simplest scheme is not the best")
    lost = (best.separation.value - chosen.separation.value) * 100
    assert f"{lost:.1f}" in found.explain().en
    assert best.title.zh in found.explain().zh


def test_actions_count_classes_with_one_of_their_own(lab: Lab) -> None:
    def actions(given: dict[str, str]) -> int:
        found = SchemeComparison(lab, ("abc",), actions=given, **QUICK)
        return int(found.summary["actions"][0])

    assert actions({"a": "call", "b": "mail", "c": "call"}) == 1  # b is too small to work with
    assert actions({"a": "call", "abc.a": "visit", "c": "call"}) == 2
    assert actions({"active": "call"}) == 0


def test_schemes_without_data_and_broken_ones_are_listed(lab: Lab) -> None:
    found = SchemeComparison(lab, ("abc", "city-tier", "no-such-scheme"), **QUICK)
    rows = {row["scheme"]: row for row in found.summary.iter_rows(named=True)}
    assert rows["city-tier"]["position"] == "not_compared"
    assert rows["city-tier"]["en"].startswith("missing")
    assert "UnknownPluginError" in rows["no-such-scheme"]["en"]
    assert rows["abc"]["position"] == "recommended"
    assert len(found.table().payload()["rows"]) == 3


class Again(AbcValue):
    """ABC under another name."""

    title: ClassVar[Text] = Text("又一个", "Again")
    alias_of: ClassVar[str] = "abc"


def test_an_alias_is_not_compared_as_if_it_were_new(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.classifiers, "_session", dict(registry.classifiers._session))
    registry.classifiers.register("again")(Again)
    both = SchemeComparison(lab, ("abc", "again"), **QUICK)
    assert list(both.qualities) == ["abc"]
    assert AbcValue.title.en in both.summary.filter(scheme="again")["en"][0]
    alone = SchemeComparison(lab, ("again",), **QUICK)
    assert list(alone.qualities) == ["again"]


def test_nothing_is_recommended_where_nothing_can_be_told(
    make_lab: Callable[..., Lab], shop: dict[str, str]
) -> None:
    found = SchemeComparison(make_lab(shop, "segmentation", language="en"), NAMES, **QUICK)
    assert found.recommended is None
    assert found.best is None
    assert "none is recommended" in found.explain().en
    assert set(found.summary["position"]) <= {"not_eligible", "not_compared"}
    assert found.summary["en"].null_count() == 0
    assert found.chart().to_dict()["title"]["text"]
    assert found.agreement_chart().to_dict()["title"]["text"]


def test_a_short_history_recommends_nothing_and_says_why(lab: Lab) -> None:
    found = SchemeComparison(lab, ("abc",), horizon_days=400, **QUICK)
    assert found.recommended is None
    assert "800" in found.summary["en"][0]


def test_agreement_between_schemes(lab: Lab) -> None:
    found = SchemeComparison(lab, NAMES, **QUICK)
    assert found.agreement.height == 3
    assert found.agreement["v"].is_between(0, 1).all()
    assert found.agreement["customers"].to_list() == [240] * 3


@pytest.mark.parametrize("language", ["zh", "en"])
def test_charts(
    make_lab: Callable[..., Lab], habits: dict[str, str], check_chart: Callable[..., None], language: str
) -> None:
    found = SchemeComparison(make_lab(habits, "segmentation", language=language), NAMES, **QUICK)
    check_chart(found.chart(), language, without=("c000",))
    check_chart(found.agreement_chart(), language, without=("c000",))


@pytest.mark.parametrize("tolerance", [-0.1, 1, 1.5])
def test_a_tolerance_is_a_share(lab: Lab, tolerance: float) -> None:
    with pytest.raises(ParamsError, match="tolerance"):
        SchemeComparison(lab, NAMES, tolerance=tolerance)


def test_the_same_twice(lab: Lab) -> None:
    first, second = (SchemeComparison(lab, NAMES, **QUICK) for _ in range(2))
    assert first.summary.equals(second.summary)
    assert first.agreement.equals(second.agreement)
