"""The comparison page: in both languages, escaped, without network, and small."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmlab.compare import compare, write
from crmlab.compare.page import page
from crmlab.compare.words import between, change, written

MakeRun = Callable[..., Path]
NASTY = '</style></script><script>alert(1)</script>"><img src=x onerror=alert(1)>'


@pytest.fixture
def found(make_run: MakeRun, figure_of: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """A comparison with every section."""

    def classes(good: int) -> dict[str, str]:
        return {f"c{i}": "good" if i < good else "poor" for i in range(100)}

    def figures(x: float, good: float) -> list[dict[str, Any]]:
        return [
            figure_of("x", x, 0.1),
            figure_of("class:value:good", good, 0.098, unit="share"),
            figure_of("money", x * 1e6, unit="currency"),
        ]

    spend = {f"c{i}": float(i) for i in range(100)}
    one = make_run("r1", classes(54), spend, figures=figures(1.0, 0.54))
    two = make_run("r2", classes(64), spend, cut=12, figures=figures(2.0, 0.64), packages={"crmlab": "0.2.0"})
    return compare(one, two)


def test_the_page_says_first_what_changed(found: dict[str, Any]) -> None:
    en, zh = page(found, "en"), page(found, "zh")
    assert "Of <strong>2</strong> figures tested, <strong>2</strong> changed beyond chance" in en
    assert "<strong>2 个</strong>的变化超出随机波动" in zh
    for words in ("Good", "Beyond chance", "No interval to judge by", "+10.0 pp", "0.2.0", "total spend"):
        assert words in en, words
    for words in ("好客户", "超出随机波动", "个百分点", "价值分级", "累计消费额", "划分界限或设置变了"):
        assert words in zh, words
    assert '<html lang="zh-CN">' in zh


def test_the_page_holds_everything_and_runs_its_own_script_only(found: dict[str, Any]) -> None:
    text = page(found, "en")
    assert not re.search(r'(src|href)="(?!#)', text)
    assert re.search(r"default-src 'none'.*script-src 'sha256-[^']+'\"", text)
    assert text.count("<script>") == 1
    assert len(text.encode()) < 60_000


def test_every_text_is_escaped(make_run: MakeRun, figure_of: Callable[..., dict[str, Any]]) -> None:
    bad = {"zh": NASTY, "en": NASTY}
    one = make_run("r1", title=bad, params={NASTY: 1}, figures=[figure_of(NASTY, 1.0, 0.1, **bad)])
    two = make_run("r2", title=bad, params={NASTY: NASTY}, figures=[figure_of(NASTY, 2.0, 0.1, **bad)])
    found = compare(one, two)
    move = {"report": "segmentation", "plugin": NASTY, **bad, "customers": [9, 9], "both": 9, "moved": 5}
    move |= {"rule_changed": None, "problem": None, "labels": [{"id": "a", **bad}], "matrix": []}
    found["classes"] = [move]
    for language in ("zh", "en"):
        text = page(found, language)
        assert "<img" not in text
        assert text.count("<script>") == 1


def test_nothing_changed_is_said(make_run: MakeRun) -> None:
    one, two = make_run("r1", data="same"), make_run("r2", data="same", as_of="2025-12-01")
    assert "Data, settings, code and packages are the same." in page(compare(one, two), "en")


def test_the_document_is_strict_json(found: dict[str, Any], tmp_path: Path) -> None:
    write(found, tmp_path / "out", "zh")
    text = (tmp_path / "out" / "compare.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(found))
    assert "NaN" not in text


def test_figures_are_written_as_their_unit_asks() -> None:
    assert written(0.1234, "share", "CNY", "en") == "12.3%"
    assert written(4593022, "currency", "CNY", "zh") == "¥459.3 万"
    assert written(None, "count", "CNY", "en") == "–"
    assert change(-0.0123, "share", "CNY", "zh") == "−1.2 个百分点"
    assert change(0, "share", "CNY", "zh") == "0"
    assert change(20000, "currency", "USD", "en") == "+$20k"
    assert between(-0.02, 0.03, "share", "CNY", "en") == "−2.0 – +3.0 pp"
