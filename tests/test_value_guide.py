"""The guide to value and lifecycle names models that exist, and every one of ours; its examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

from crmlab.documents import parse
from crmlab.params import STUDY_FIELDS, check
from crmlab.registry import models

GUIDE = (Path(__file__).resolve().parents[1] / "docs" / "value.md").read_text(encoding="utf-8")
CHINESE, ENGLISH = GUIDE.split("\n## English\n")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


def test_every_own_model_is_named_in_the_reference() -> None:
    own = {info.name for info in models.info() if info.distribution == "crmlab"}
    reference = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    assert {name for name in own if f"`{name}`" not in reference} == set()


def test_the_table_of_lifetime_models_leads_to_registered_ones() -> None:
    for part in (CHINESE, ENGLISH):
        rows = re.findall(r"^\| [^|]+ \| [^|]+ \| ((?:`[a-z-]+`[、, ]*)+) \|$", part, re.MULTILINE)
        named = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
        assert len(named) == 11
        assert named <= set(models)


def test_its_examples_are_valid_settings() -> None:
    assert len(EXAMPLES) == 8
    for text in EXAMPLES:
        values = parse(text, "guide").value
        assert set(values) <= set(STUDY_FIELDS)
        check({"data": [{"source": "sample"}], "as_of": "2024-12-31", **values})


def test_both_languages_say_the_same() -> None:
    assert CHINESE.count("\n### ") == ENGLISH.count("\n### ") == 5
    chinese, english = (
        [re.sub(r"#.*", "", text) for text in re.findall(r"```yaml\n(.*?)```", part, re.DOTALL)]
        for part in (CHINESE, ENGLISH)
    )
    assert chinese == english
