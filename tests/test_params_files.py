"""The studies in params/: they can be run as they are, and what they say of defaults is true."""

from __future__ import annotations

from pathlib import Path

import pytest

import crmlab
from crmlab.params import Study, read_study
from crmlab.registry import classifiers

PARAMS = Path(__file__).resolve().parents[1] / "params"
OWN = sorted(info.name for info in classifiers.info() if info.distribution == "crmlab")


@pytest.fixture(scope="module")
def segments() -> Study:
    return read_study(PARAMS / "segments.yaml")[0]


@pytest.mark.parametrize("path", sorted(PARAMS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_study_is_valid_and_named_like_its_file(path: Path) -> None:
    study, warnings = read_study(path)
    assert warnings == []
    assert study.study == path.stem
    assert study.title is not None


def test_the_rules_of_every_own_scheme_are_written_out(segments: Study) -> None:
    assert sorted(segments.classifiers) == OWN


@pytest.mark.parametrize("name", OWN)
def test_written_rules_are_the_defaults(segments: Study, name: str) -> None:
    written = segments.classifiers[name]
    assert set(written) == set(classifiers[name].parameter_names())
    assert classifiers[name].from_params(written).get_params() == classifiers[name]().get_params()


def test_the_study_shows_rules_and_something_learned(segments: Study) -> None:
    assert 10 <= len(segments.schemes) <= 12
    assert segments.schemes[0] == "rfm"
    learned = [name for name in segments.schemes if not classifiers[name]().scheme.labels]
    assert learned == ["kmeans"]
    assert list(segments.reports) == ["segmentation"]


def test_comments_are_in_both_languages() -> None:
    lines = (PARAMS / "segments.yaml").read_text(encoding="utf-8").splitlines()
    heads = [line for line in lines if line.strip().startswith("# ---")]
    assert len(heads) == 6
    assert all(not line.isascii() for line in heads)
    assert max(map(len, lines)) <= 110


def test_the_company_has_the_data_of_every_scheme_shown(segments: Study) -> None:
    lab = crmlab.open("segmentation", **segments.settings())
    assert {name: lab.lacks(name) for name in segments.schemes if lab.lacks(name)} == {}
