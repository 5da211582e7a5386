from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmlab.environment import RUN_FOLDER
from crmlab.errors import CrmlabError
from crmlab.lab import Lab
from crmlab.params import read_study
from crmlab.view.explorer import Explorer
from crmlab.view.findings import Note


@pytest.fixture
def lab(make_lab: Callable[..., Any], shop: dict[str, str]) -> Any:
    return make_lab(shop, privacy={"smallest_group": 1}, schemes=["status", "abc"])


def classes(explorer: Explorer) -> dict[str, str]:
    assert explorer.segmentation is not None
    return dict(explorer.segmentation.labels.iter_rows())


def test_it_opens_on_the_first_scheme_of_the_study(lab: Any) -> None:
    explorer = lab.explore()
    assert explorer.scheme.value == "status"
    assert explorer.params == lab.classify("status").classifier.get_params()
    assert classes(explorer)["bob"] == "dormant"
    assert "6 位客户中有 0 位换了类别" in explorer.message.value


def test_moving_a_slider_classifies_anew(lab: Any) -> None:
    explorer = lab.explore("status")
    explorer.controls["dormant_after_days"].value = 130
    assert classes(explorer)["bob"] == "active"
    assert "6 位客户中有 1 位换了类别" in explorer.message.value


def test_what_cannot_be_leaves_the_last_good_result(lab: Any) -> None:
    explorer = lab.explore("status")
    explorer.controls["dormant_after_days"].value = 200  # not below lost_after_days
    assert classes(explorer)["bob"] == "dormant"
    assert "dormant_after_days is 200" in explorer.message.value
    explorer.controls["dormant_after_days"].value = 100
    assert "dormant_after_days is 200" not in explorer.message.value


def test_what_is_saved_reproduces_what_is_on_screen(lab: Any, tmp_path: Path) -> None:
    explorer = lab.explore("status")
    explorer.controls["dormant_after_days"].value = 130
    study, broken = read_study(explorer.save(tmp_path / "mine.yaml"))
    assert not broken
    assert study.schemes == ("status", "abc")
    assert dict(Lab(study).schemes.main.labels.iter_rows()) == classes(explorer)
    with pytest.raises(CrmlabError, match=r"mine\.yaml exists already"):
        explorer.save(tmp_path / "mine.yaml")
    assert read_study(tmp_path / "mine.yaml")[0].classifiers["status"]["dormant_after_days"] == 130


def test_what_does_not_fit_the_controls_is_not_saved(lab: Any, tmp_path: Path) -> None:
    explorer = lab.explore("status")
    explorer.controls["dormant_after_days"].value = 200
    study, _ = read_study(explorer.save(tmp_path / "mine.yaml"))
    assert study.classifiers["status"]["dormant_after_days"] == 90, "what is on screen is the last good one"


def test_another_scheme_and_back(lab: Any) -> None:
    explorer = lab.explore("status")
    explorer.controls["dormant_after_days"].value = 130
    explorer.scheme.value = "abc"
    assert set(classes(explorer).values()) <= {"a", "b", "c", "unclassified"}
    explorer.scheme.value = "status"
    assert explorer.controls["dormant_after_days"].value == 90


def test_parameters_that_are_no_number_are_written_as_yaml(lab: Any) -> None:
    explorer = lab.explore("rfm")
    assert explorer.params["fixed_cut_points"] is None
    explorer._texts["fixed_cut_points"].value = "{recency: ["
    assert explorer.message.value, "the reason is said"
    assert explorer.segmentation is not None


def test_what_the_reports_set_for_themselves_does_not_win(make_lab: Any, shop: Any, tmp_path: Path) -> None:
    own = {"schemes": ["abc"], "classifiers": {"status": {"dormant_after_days": 60}}}
    explorer = make_lab(shop, schemes=["status"], reports={"segmentation": own}).explore()
    explorer.controls["dormant_after_days"].value = 130
    study, _ = read_study(explorer.save(tmp_path / "mine.yaml"))
    main = Lab(study.for_report("segmentation"), "segmentation").schemes.main
    assert main.name == "status"
    assert dict(main.labels.iter_rows()) == classes(explorer)


def test_the_cut_points_of_a_baseline(make_lab: Any, shop: Any, tmp_path: Path) -> None:
    first = make_lab(shop, as_of="2024-03-31", classifiers={"rfm": {"bins": 3}})
    frozen = first.classify("rfm").classifier
    first.save(tmp_path / "run")
    explorer = make_lab(shop, schemes=["rfm"], baseline=str(tmp_path / "run")).explore()
    assert explorer.segmentation.classifier.learned == frozen.learned, "as the report would have it"
    assert explorer.params["bins"] == 3, "the baseline's, too"
    study, _ = read_study(explorer.save(tmp_path / "kept.yaml"))
    assert dict(Lab(study).schemes.main.labels.iter_rows()) == classes(explorer)
    assert study.baseline
    explorer.controls["bins"].value = 4
    assert explorer.segmentation.classifier.learned != frozen.learned
    study, _ = read_study(explorer.save(tmp_path / "anew.yaml"))
    assert dict(Lab(study).schemes.main.labels.iter_rows()) == classes(explorer)
    assert study.baseline is None


def test_a_baseline_that_only_a_run_can_find_is_said(make_lab: Any, shop: Any) -> None:
    explorer = make_lab(shop, schemes=["rfm"], baseline="latest").explore()
    assert "`latest` is found by `crmlab run`" in explorer.message.value
    assert classes(explorer)


def test_positions_that_were_left_are_forgotten(lab: Any) -> None:
    explorer = lab.explore("status")
    own = set(lab.results)
    for days in (100, 110, 120, 130):
        explorer.controls["dormant_after_days"].value = days
    assert len(lab.results) == len(own) + 2
    explorer.scheme.value = "abc"
    assert own < set(lab.results)
    assert len(lab.results) == len(own) + 2, "those of the other scheme, as the study sets it"


def test_a_headless_run_has_no_controls(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_FOLDER, "anywhere")
    assert isinstance(lab.explore(), Note)
