"""The guide to segmentation names schemes that exist, and every one of ours."""

from __future__ import annotations

import re
from pathlib import Path

from crmlab.params import STUDY_FIELDS, check
from crmlab.registry import classifiers

GUIDE = (Path(__file__).resolve().parents[1] / "docs" / "segmentation.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?P<said>[^|]+) \| [^|]+ \| (?P<schemes>[^|]*`[^|]*) \|$", re.MULTILINE)
ALIAS = re.compile(r"`([a-z-]+)`（`([a-z-]+)` 的别名）")


def test_every_own_scheme_is_named() -> None:
    own = {info.name for info in classifiers.info() if info.distribution == "crmlab"}
    assert {name for name in own if f"`{name}`" not in GUIDE} == set()


def test_the_table_leads_to_registered_schemes() -> None:
    rows = ROW.findall(GUIDE)
    assert len(rows) == 29
    names = {name for _, schemes in rows for name in re.findall(r"`([a-z-]+)`", schemes)}
    assert names - set(classifiers) == set()


def test_aliases_are_said_to_be_aliases() -> None:
    told = dict(ALIAS.findall(GUIDE))
    assert len(told) == 4
    assert told == {name: classifiers[name].alias_of for name in told}


def test_its_examples_are_valid_settings() -> None:
    from crmlab.documents import parse

    examples = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert len(examples) == 2
    for text in examples:
        values = parse(text, "guide").value
        assert set(values) <= set(STUDY_FIELDS)
        check({"data": [{"source": "sample"}], "as_of": "2024-12-31", **values})


def test_both_languages_say_the_same_sections() -> None:
    chinese, english = GUIDE.split("\n## English\n")
    assert chinese.count("\n### ") == english.count("\n### ") == 5
