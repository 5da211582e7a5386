"""The comparator: the simplest scheme that is good enough, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import polars as pl
import pytest

from crmlab import registry
from crmlab.errors import ParamsError
from crmlab.estimators import Classifier
from crmlab.lab import Lab
from crmlab.labels import UNCLASSIFIED, Label, Scheme, Text
from crmlab.segments.comparator import Contender, SchemeComparison
from crmlab.segments.separation import Estimate
from crmlab.view.findings import Note
from crmlab_plugins.schemes.abc_value import AbcValue

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


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, type[Classifier]], None]:
    """Return a function that registers a classifier for this test alone."""
    monkeypatch.setattr(registry.classifiers, "_session", dict(registry.classifiers._session))

    def add(name: str, plugin: type[Classifier]) -> None:
        registry.classifiers.register(name)(plugin)

    return add


def test_an_alias_is_not_compared_as_if_it_were_new(
    lab: Lab, register: Callable[[str, type[Classifier]], None]
) -> None:
    class Again(AbcValue):  # type: ignore[misc,valid-type]
        """ABC under another name."""

        title: ClassVar[Text] = Text("又一个", "Again")
        alias_of: ClassVar[str] = "abc"

    register("again", Again)
    both = SchemeComparison(lab, ("abc", "again"), **QUICK)
    assert list(both.qualities) == ["abc"]
    assert AbcValue.title.en in both.summary.filter(scheme="again")["en"][0]
    alone = SchemeComparison(lab, ("again",), **QUICK)
    assert list(alone.qualities) == ["again"]


class Split(Classifier):
    """Two classes by a number that the id of a customer holds."""

    title: ClassVar[Text] = Text("按编号", "By id")
    needs: ClassVar[Text] = Text("客户", "customers")
    scheme: ClassVar[Scheme] = Scheme(
        "split", "按编号", "By id", (Label("a", "甲", "A"), Label("b", "乙", "B"))
    )

    @property
    def requires(self) -> tuple[str, ...]:
        """One column, which is not looked at."""
        return ("order_count",)

    @staticmethod
    def first(number: pl.Expr) -> pl.Expr:
        """Say who is in the first class."""
        raise NotImplementedError

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        first = self.first(pl.col("customer_id").str.slice(1).cast(pl.Int64))
        return features.select(label=pl.when(first).then(pl.lit("a")).otherwise(pl.lit("b"))).to_series()


class Noise(Split):
    """Halves that have nothing to do with what customers do."""

    @staticmethod
    def first(number: pl.Expr) -> pl.Expr:
        """Take every other three."""
        return number // 3 % 2 == 0


class Sliver(Split):
    """A few of the best against everybody else."""

    @staticmethod
    def first(number: pl.Expr) -> pl.Expr:
        """Take six of those who buy most."""
        return (number % 3 == 0) & (number < 18)


class Broken(Split):
    """A plugin that stumbles over a customer's data, and quotes it."""

    @staticmethod
    def first(number: pl.Expr) -> pl.Expr:
        """Stumble."""
        raise ValueError("cannot read 13800000000")


class Partial(Split):
    """Halves by what customers do, of two in five of them; the others have no class."""

    @staticmethod
    def first(number: pl.Expr) -> pl.Expr:
        """Take those who buy most."""
        return number % 3 == 0

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        known = features["customer_id"].str.slice(1).cast(pl.Int64) < 96
        return super()._predict(features).zip_with(known, pl.Series([UNCLASSIFIED.id]))


class Fickle(Split):
    """A class that depends on who was there when it was learned."""

    def _fit(self, features: pl.DataFrame) -> None:
        self.kind_ = int(features["order_count"].sum()) % 3

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        number = features["customer_id"].str.slice(1).cast(pl.Int64)
        return (number % 3 == self.kind_).replace_strict({True: "a", False: "b"}, return_dtype=pl.String)


def test_a_scheme_for_few_and_one_that_does_not_hold_are_not_recommended(
    lab: Lab, register: Callable[[str, type[Classifier]], None]
) -> None:
    register("partial", Partial)
    register("fickle", Fickle)
    found = SchemeComparison(lab, ("partial", "fickle"), **QUICK)
    rows = {row["scheme"]: row for row in found.summary.iter_rows(named=True)}
    assert found.recommended is None
    assert "fewer than 50% of those who bought have a class" in rows["partial"]["en"]
    assert "learned from other customers it changes" in rows["fickle"]["en"]
    # It separates nothing among those without a class.
    whole = found.qualities["partial"].separation.explained.value
    assert rows["partial"]["coverage"] == 0.4
    assert rows["partial"]["separation"] == pytest.approx(whole * 0.4)


def test_noise_a_sliver_and_a_broken_plugin_are_not_recommended(
    lab: Lab, register: Callable[[str, type[Classifier]], None]
) -> None:
    for name, plugin in (("noise", Noise), ("sliver", Sliver), ("broken", Broken)):
        register(name, plugin)
    found = SchemeComparison(lab, ("noise", "sliver", "broken"), **QUICK)
    rows = {row["scheme"]: row for row in found.summary.iter_rows(named=True)}
    assert found.recommended is None
    assert rows["noise"]["position"] == rows["sliver"]["position"] == "not_eligible"
    assert "cannot be told apart" in rows["noise"]["en"]
    assert rows["sliver"]["low"] > 0
    assert "large enough to work with" in rows["sliver"]["en"]
    assert rows["broken"]["position"] == "not_compared"
    assert "ValueError" in rows["broken"]["en"]
    assert "138" not in rows["broken"]["en"]
    beside = SchemeComparison(lab, ("abc", "noise", "sliver"), **QUICK)
    assert beside.recommended is not None
    assert beside.recommended.name == "abc"


def test_a_difference_that_is_real_and_tiny_is_not_recommended(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Very many customers prove any difference; below Cohen's small effect it is of no use."""
    contender = SchemeComparison(lab, ("abc",), **QUICK).contenders[0]
    assert contender.quality is not None
    tiny = replace(
        contender.quality.separation,
        estimates={"spend": Estimate(0.008, 0.002, 0.014), "return": Estimate(0.05, 0.01, 0.09)},
    )
    monkeypatch.setattr("crmlab.segments.quality.separation", lambda *_, **__: tiny)
    found = SchemeComparison(lab, ("abc",), **QUICK)
    assert found.recommended is None
    assert "hardly differ" in found.summary["en"][0]


def test_attributes_without_a_date_are_warned_of(
    make_lab: Callable[..., Lab], habits: dict[str, str]
) -> None:
    """A grade that was written down after the fact separates perfectly, and says nothing."""
    grades = "".join(f"c{n:03d},{'ABC'[n % 3]}\n" for n in range(240))
    lab = make_lab(habits | {"customers": "customer_id,grade\n" + grades}, "segmentation", language="en")
    found = SchemeComparison(lab, ("grade", "abc"), **QUICK)
    by_name = {each.name: each for each in found.contenders}
    assert by_name["abc"].caution is None
    caution = by_name["grade"].caution
    assert caution is not None
    assert caution.en in (found.qualities["grade"].table().note or Text("", "")).en
    assert "without a date" in (found.table().note or Text("", "")).en
    assert "without a date" not in (SchemeComparison(lab, ("abc",), **QUICK).table().note or Text("", "")).en
    alone = SchemeComparison(lab, ("grade",), **QUICK)
    assert alone.recommended is not None
    assert caution.zh in alone.explain().zh


def test_nothing_is_recommended_where_nothing_can_be_told(
    make_lab: Callable[..., Lab], shop: dict[str, str]
) -> None:
    found = SchemeComparison(make_lab(shop, "segmentation", language="en"), NAMES, **QUICK)
    assert found.recommended is None
    assert found.best is None
    assert "none is recommended" in found.explain().en
    assert set(found.summary["position"]) <= {"not_eligible", "not_compared"}
    assert found.summary["en"].null_count() == 0
    assert isinstance(found.chart(), Note), "there is nothing to draw"


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
