"""Every text exists in both languages, with the same places to fill, and is used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import crmlab
from crmlab.labels import Text
from crmlab.view.texts import joined, say, texts

SOURCE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted(Path(crmlab.__file__).parent.rglob("*.py"))
)
COMPUTED = {
    "trait_": r".*",
    "weekday_": r"[0-6]",
    "daypart_": r".*",
    "flow_": r".*",
    "movers_listed_": r"down|up|any",
    # prefix of a key that the code puts together → what may follow
    "convention_": r".*",
    "measure_": r".*",
    "column_": r".*",
    "subject_": r".*",
    "judged_": r"positive|negative",
    "term_": r".*",
    "trend_title_": r"apart|same",
    "contrast_by_": r"score|sentiment",
    "cuts_note": r".*",
    "cust_band_": r"top|middle|rest",
    "drivers_attenuation_": r"ratings|choices|aspects",
    "drivers_kind_": r"ratings|choices|aspects",
    "drivers_n_": r"ratings|choices|aspects",
    "drivers_performance_": r"ratings|choices|aspects",
    "drivers_step_": r"ratings|choices|aspects",
    "drivers_quadrant_": r"concentrate|keep|low|overkill",
    "drivers_score_": r"nps|csat|binary",
    "survey_": r"(asked|axis|by|dimension|direction|frame|metric|pole|rate|rate_said)_.*"
    r"|(sign|test|third|weighted_to)_.*",
    "improvement_": r"(kind|verdict|status|lacks|change|method|said|finding|term|target)_.*"
    r"|feedback|complaints|orders|weeks|months|observed|fitted|counterfactual",
    "val_": r"(by|check|cumulative|density|diagnostic|increments|independence|matrix|mean|part|same|trust)_.*"
    r"|verdict_.*",
}
NAMES = sorted(texts())


def _places(template: str) -> set[str]:
    """Return the names to fill; a list of words comes in the form of its own language."""
    names = (name for _, name, _, _ in Formatter().parse(template) if name is not None)
    return {re.sub(r"_(zh|en)$", "", name) for name in names}


@pytest.mark.parametrize("key", NAMES)
def test_both_languages_say_it_with_the_same_values(key: str) -> None:
    zh, en = texts()[key]
    assert zh.strip()
    assert en.strip()
    assert _places(zh) == _places(en)


@pytest.mark.parametrize("key", NAMES)
def test_english_has_no_chinese_in_it(key: str) -> None:
    assert not re.search(r"[\u3400-\u9fff，。；：（）]", texts()[key].en)


@pytest.mark.parametrize("key", NAMES)
def test_chinese_is_chinese(key: str) -> None:
    without_places = re.sub(r"\{.*?\}", "", texts()[key].zh)
    assert re.search(r"[\u3000-\u9fff]", without_places)


@pytest.mark.parametrize("key", NAMES)
def test_it_is_used(key: str) -> None:
    computed = any(
        key.startswith(prefix)
        and re.fullmatch(rest, key.removeprefix(prefix))
        and re.search(rf'f"{prefix}|"{prefix}', SOURCE)
        for prefix, rest in COMPUTED.items()
    )
    assert computed or f'"{key}"' in SOURCE


def test_every_key_that_the_code_names_exists() -> None:
    named = set(re.findall(r'(?:words|texts\(\))\["([a-z0-9_]+)"\]', SOURCE))
    named |= set(re.findall(r'say\(\s*"([a-z0-9_]+)"', SOURCE))
    assert len(named) > 50
    assert named <= set(texts())


def test_values_are_filled_in_their_own_language() -> None:
    said = say("movement_caption", scheme=Text("客户状态", "Customer status"))
    assert said == Text("状态迁移矩阵：客户状态", "Migration matrix: Customer status")


def test_sentences_that_follow_each_other_end() -> None:
    caption, note = Text("共 5 位", "5 in all"), Text("标“–”处不显示。", "“–” is not shown.")
    assert joined(caption, None, note) == Text("共 5 位。标“–”处不显示。", "5 in all. “–” is not shown.")
    assert joined(caption, None) == caption
    assert joined(note, note).zh == note.zh * 2
