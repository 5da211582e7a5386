"""The value report as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

import crmlab
from crmlab.lab import Lab


@pytest.mark.parametrize("language", ["zh", "en"])
def test_its_sentences_are_those_of_a_manager(cdnow: Lab, language: str) -> None:
    lab = crmlab.Lab(cdnow.study.model_copy(update={"language": language}), "value")
    sentences = [text.to(lab.language) for text in lab.value.findings()]
    assert len(sentences) == 4
    assert "2,357" in sentences[0]  # the sample, then the interval
    assert "95%" in sentences[0]
    assert lab.value.note().plain()
    assert lab.value.figures().plain()


def test_what_was_looked_at_is_saved(cdnow: Lab, tmp_path: Path) -> None:
    lab = crmlab.Lab(cdnow.study, "value")
    assert lab.value.saved_tables() == {}
    lab.value.comparison()
    lab.value.calibration()
    lab.value.heterogeneity()
    tables = lab.value.saved_tables()
    assert list(tables) == ["holdout", "comparison", "calibration", "heterogeneity", "parameters"]
    assert set(tables["calibration"]["grouped"]) == {"by_count", "by_decile", "by_alive"}
    lab.save(tmp_path)
    assert list(tmp_path.glob("**/*comparison*"))


def test_a_part_is_made_once(cdnow: Lab) -> None:
    value = cdnow.value
    assert value.holdout() is value.comparison().holdout
    assert value.calibration("bg-nbd").holdout is value.holdout()
    assert value.holdout(100) is not value.holdout()
