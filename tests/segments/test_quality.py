"""Segment quality: every test has a verdict and a sentence, or says why it could not be made."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import polars as pl
import pytest

from crmlab import registry
from crmlab.estimators import Classifier
from crmlab.lab import Lab
from crmlab.labels import Label, Scheme, Text
from crmlab.segments.checks import TESTS
from crmlab.segments.quality import SegmentQuality
from crmlab.segments.structure import Evidence, Structure
from crmlab.segments.verdicts import VERDICTS, Check
from crmlab.view.texts import texts

QUICK: dict[str, Any] = {"resamples": 4, "permutations": 999, "refits": 3}


@pytest.fixture
def quality(make_lab: Callable[..., Lab], habits: dict[str, str]) -> Callable[..., SegmentQuality]:
    """Return a function that judges a scheme of the company with three habits."""

    def judge(name: str, language: str = "en", **options: Any) -> SegmentQuality:
        params = {key: options.pop(key) for key in list(options) if key.endswith("_after_days")}
        lab = make_lab(habits, "segmentation", language=language)
        return SegmentQuality(lab.classify(name, **params), **(QUICK | options))

    return judge


def test_a_good_scheme(quality: Callable[..., SegmentQuality]) -> None:
    found = quality("abc", min_share=0.01, min_customers=5)
    assert found.summary["test"].to_list() == list(TESTS)
    verdicts = dict(found.summary.select("test", "verdict").iter_rows())
    assert verdicts["spend"] == "holds"
    assert verdicts["null_check"] == "structure"
    assert verdicts["control"] == "passed"
    assert verdicts["largest"] == "balanced"
    assert verdicts["smallest"] == "reachable"
    assert verdicts["fidelity"] == "explainable"
    assert verdicts["category"] == "unknown"
    assert dict(quality("abc").summary.select("test", "verdict").iter_rows())["smallest"] == "too_small"
    told = " ".join(finding.text.en for finding in found.findings())
    language = found.segmentation.lab.language
    assert all(finding.text.to(language) in found.note().plain() for finding in found.findings())
    assert "is useful" in told
    assert "chance does not make" in told


def _evidence(on: Any, effect: float, p: float) -> Evidence:
    return Evidence(on, effect, 0.01, p, 0.05, 999, 240)


@pytest.mark.parametrize(
    ("structure", "control", "said"),
    [
        (Structure(_evidence("spend", 0.3, 0.001), None), Structure(None, None), "chance does not make;"),
        (Structure(_evidence("spend", 0.3, 1.0), None), Structure(None, None), "no structure"),
        (
            Structure(_evidence("spend", 0.3, 1.0), _evidence("inputs", 0.3, 0.05)),
            Structure(None, None),
            "how its inputs go together",
        ),
        (
            Structure(_evidence("spend", 0.3, 0.001), None),
            Structure(_evidence("spend", 0.3, 0.001), None),
            "its control failed",
        ),
    ],
)
def test_what_is_said_of_reality_is_what_the_checks_found(
    quality: Callable[..., SegmentQuality], structure: Structure, control: Structure, said: str
) -> None:
    found = quality("abc")
    found.structure, found.control = structure, control
    assert said in found.findings()[0].text.en
    check = found.check("null_check")
    assert check is not None
    assert ("p = 1." in check.text.en) is (structure.verdict == "no_structure")
    assert "p = 1.." not in check.text.en


def test_every_row_is_said_in_both_languages(quality: Callable[..., SegmentQuality]) -> None:
    for row in quality("rfm").summary.iter_rows(named=True):
        assert re.search("[\u3400-\u9fff]", row["zh"])
        assert not re.search("[\u3400-\u9fff]", row["en"])
        assert row["verdict"] in VERDICTS
        assert row["grade"] in ("good", "watch", "poor", "neutral")
        if row["low"] is not None:
            assert row["low"] <= row["value"] <= row["high"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_table(quality: Callable[..., SegmentQuality], language: str) -> None:
    payload = quality("status", language).table().payload()
    assert [row[0] for row in payload["rows"]] == [texts()[TESTS[test]].to(language) for test in TESTS]  # type: ignore[arg-type]
    fixed = texts()["segments_fixed_rule"].to(language)  # type: ignore[arg-type]
    assert fixed in [row[4] for row in payload["rows"]]


def test_one_class_is_said_and_not_measured(quality: Callable[..., SegmentQuality]) -> None:
    found = quality("status", dormant_after_days=5000, lost_after_days=6000)
    verdicts = dict(found.summary.select("test", "verdict").iter_rows())
    assert verdicts["largest"] == "dominated"
    assert {verdicts[test] for test in ("ari", "spend", "return", "null_check")} == {"unknown"}
    assert "silhouette" not in verdicts
    assert "control" not in verdicts
    reasons = dict(found.summary.select("test", "en").iter_rows())
    assert "one class" in reasons["null_check"]
    assert all("cannot be told" in finding.text.en for finding in found.findings())


def test_a_horizon_beyond_the_history_is_said(quality: Callable[..., SegmentQuality]) -> None:
    found = quality("abc", horizon_days=500)
    rows = {row["test"]: row for row in found.summary.iter_rows(named=True)}
    for test in ("spend", "return", "category", "null_check"):
        assert rows[test]["verdict"] == "unknown"
        assert rows[test]["value"] is None
        assert "1000" in rows[test]["en"]
    assert rows["ari"]["value"] > 0.9


def test_other_parameters_are_judged_as_given(quality: Callable[..., SegmentQuality]) -> None:
    usual = quality("status")
    other = quality("status", dormant_after_days=30, lost_after_days=60)
    assert set(other.separation.known["label"]) == {"active", "dormant", "lost"}
    assert not other.separation.known["label"].equals(usual.separation.known["label"])


def test_a_handful_of_customers(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    """Classes of one or two customers: no size is shown, and nothing is claimed."""
    found = SegmentQuality(make_lab(shop, "segmentation", language="en").classify("status"), **QUICK)
    rows = {row["test"]: row for row in found.summary.iter_rows(named=True)}
    assert "largest" not in rows
    assert rows["smallest"]["value"] is None
    assert "fewer than 5" in rows["smallest"]["en"]
    assert rows["ari"]["value"] is None
    assert rows["spend"]["value"] is None


def test_nobody(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab({"orders": "order_id,customer_id,ordered_at,amount\n1,ann,2024-07-05,9\n"}, "segmentation")
    found = SegmentQuality(lab.classify("status"), **QUICK)
    assert set(found.summary["verdict"]) <= {"unknown", "reference"}
    assert len(found.table().payload()["rows"]) == found.summary.height


class Tired(Classifier):
    """A plugin that learns once and then breaks."""

    title: ClassVar[Text] = Text("疲倦", "Tired")
    scheme: ClassVar[Scheme] = Scheme(
        "tired", "疲倦", "Tired", (Label("a", "甲", "A"), Label("b", "乙", "B"))
    )
    times: ClassVar[list[int]] = []

    @property
    def requires(self) -> tuple[str, ...]:
        """One column."""
        return ("order_count",)

    def _fit(self, features: pl.DataFrame) -> None:
        self.times.append(1)
        if len(self.times) > 1:
            raise KeyError("no more")

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return features.select(
            label=pl.when(pl.col("order_count") > 5).then(pl.lit("a")).otherwise(pl.lit("b"))
        ).to_series()


def test_a_plugin_that_breaks_stops_no_other_test(
    make_lab: Callable[..., Lab], habits: dict[str, str]
) -> None:
    lab = make_lab(habits, "segmentation")
    classifier = Tired().fit(lab.features("order_count"))
    from crmlab.results import Segmentation

    part = Segmentation(lab, "abc", classifier, lab.features("order_count"), lab.study.as_of)
    found = SegmentQuality(part, **QUICK)
    row = found.summary.filter(test="ari").row(0, named=True)
    assert row["verdict"] == "unknown"
    assert "KeyError" in row["en"]
    assert "no more" not in row["en"]  # what a plugin of others says may hold a customer's data
    assert found.check("classes") is not None


def test_every_word_exists() -> None:
    assert {Check("x", Text("", ""), verdict).word for verdict in VERDICTS}
    assert {key for key, _ in VERDICTS.values()} <= set(texts())
    assert "rfm" in registry.classifiers


def test_the_same_twice(quality: Callable[..., SegmentQuality]) -> None:
    assert quality("rfm").summary.equals(quality("rfm").summary)
