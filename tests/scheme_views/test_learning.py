"""How learned classes came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import polars as pl

from crmlab.scheme_views.learning import Learning
from tests.scheme_views.companies import Own, segmentation


class Found(Own):
    """Says that it chose among two numbers, without telling rules."""

    def choice(self) -> pl.DataFrame:
        """Return two candidates, the second chosen."""
        return pl.DataFrame(
            {
                "segments": [2, 3],
                "stability": [0.7, 0.9],
                "smallest_share": [0.4, 0.2],
                "separation": [None, None],
                "bic": [None, None],
                "silhouette": [0.5, 0.4],
                "chosen": [False, True],
                "zh": ["不够稳定", "稳定"],
                "en": ["not stable", "stable"],
            },
            schema_overrides={"separation": pl.Float64, "bic": pl.Float64},
        )


class Told(Found):
    """Tells its rules and its preparation as well."""

    surrogate_: ClassVar[Mapping[str, Any]] = {"fidelity": [0.9, 0.8, 0.95], "baseline": 0.4}

    def rules(self) -> pl.DataFrame:
        """Return one rule per class."""
        return pl.DataFrame(
            [(label.id, label.zh, label.en, "大于 1", "above 1") for label in self.scheme.labels],
            schema=["label", "name_zh", "name_en", "rule_zh", "rule_en"],
            orient="row",
        )

    def preparation(self) -> pl.DataFrame:
        """Return one step."""
        return pl.DataFrame(
            {"name_zh": ["消费"], "name_en": ["spend"], "step_zh": ["取对数"], "step_en": ["logarithm"]}
        )


def test_only_figures_that_were_judged_are_shown(lab: Any) -> None:
    found = Learning(segmentation(lab, Found()))
    assert len(found.parts()) == 2
    shown = found.table().payload()
    assert [column["title"] for column in shown["columns"]] == [
        "Number of segments",
        "Stability",
        "Share of the smallest segment",
        "Silhouette",
        "Verdict",
    ]
    assert [row[-1] for row in shown["rows"]] == ["not stable", "chosen: stable"]
    assert found.chart().to_dict()["title"]["text"] == "3 segments were chosen: stable"


def test_the_note_tells_what_the_silhouette_decided_and_of_no_figure_that_was_not_judged(lab: Any) -> None:
    class Past(Found):
        def choice(self) -> pl.DataFrame:
            return super().choice().with_columns(separation=pl.lit(0.2))

    alone, past = (Learning(segmentation(lab, each)) for each in (Found(), Past()))
    assert "the silhouette tells apart only candidates" in alone.table().payload()["note"]
    assert "eparation" not in alone.table().payload()["note"]
    assert "decides nothing" in past.table().payload()["note"]
    assert "Separation is" in past.table().payload()["note"]
    assert "eparation" not in str(alone.chart().to_dict()["title"])


def test_rules_that_are_the_segments_are_not_called_approximate(lab: Any) -> None:
    class Exact(Told):
        surrogate_: ClassVar[Mapping[str, Any]] = {"exact": True}

    shown = Learning(segmentation(lab, Exact())).rules_table().payload()
    assert [column["title"] for column in shown["columns"]][-1] == "Rule"
    assert "pproximat" not in str(shown)
    assert "every customer meets exactly one" in shown["note"]


def test_rules_come_with_their_fidelity(lab: Any) -> None:
    _, _, rules, preparation = Learning(segmentation(lab, Told())).parts()
    shown = rules.payload()
    assert [row[0] for row in shown["rows"]] == ["Good", "Fair", "Bad"]
    assert "90.0% their segment (95% interval 80.0%–95.0%)" in shown["note"]
    assert "40.0%" in shown["note"]
    assert preparation.payload()["rows"] == [["spend", "logarithm"]]


def test_rules_of_small_classes_are_left_out(lab: Any) -> None:
    few = Told(told={"bad": 3, "fair": 30, "good": 60})
    rows = Learning(segmentation(lab, few)).rules_table().payload()["rows"]
    assert [row[0] for row in rows] == ["Good"]


def test_a_given_number_was_not_chosen(lab: Any) -> None:
    class Given(Found):
        def choice(self) -> pl.DataFrame:
            return super().choice().clear()

    assert Learning(segmentation(lab, Given())).parts() == []


def test_a_learned_classifier_offers_all(told: Any) -> None:
    found = told.classify("kmeans", segments=2, inputs=("total_spend",))
    rules = Learning(found).parts()[0]
    assert len(rules.payload()["rows"]) == 2


def test_the_chart(told: Any, check_chart: Callable[..., None]) -> None:
    check_chart(Learning(segmentation(told, Told())).chart(), told.language)
