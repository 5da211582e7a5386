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
from crmlab.compare.words import between, chance, change, written

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
    more = {name: 3 * value for name, value in spend.items()}
    two = make_run("r2", classes(64), more, cut=12, figures=figures(2.0, 0.64), packages={"crmlab": "0.2.0"})
    return compare(one, two)


def test_the_page_says_first_what_changed(found: dict[str, Any]) -> None:
    en, zh = page(found, "en"), page(found, "zh")
    assert "Of <strong>2</strong> figures tested, <strong>2</strong> changed beyond chance" in en
    assert (
        "<strong>2 个</strong>的变化超出随机波动：指标 x <strong>1.000</strong> → <strong>2.000</strong>"
        in zh
    )
    for words in ("Good", "Beyond chance", "No interval, not tested", "+10.0 pp", "0.2.0", "total spend"):
        assert words in en, words
    for words in ("好客户", "超出随机波动", "个百分点", "价值分级", "累计消费额", "划分界限或设置变了"):
        assert words in zh, words
    assert '<html lang="zh-CN">' in zh


def test_what_is_compared_as_independent_samples_is_marked_so(found: dict[str, Any]) -> None:
    """The shares of classes are paired; the money was counted."""
    paired = {row["id"]: row["correlation"] is not None for row in found["figures"]}
    assert paired == {"x": False, "money": False, "class:value:good": True}
    for language, words in (("en", "as independent samples: cautious"), ("zh", "按独立样本比较，偏谨慎")):
        rows = page(found, language).split("<tr ")
        assert [row for row in rows if f"<small>{words}</small>" in row] == [
            row for row in rows if re.search('class="text">(Figure|指标) x<', row)
        ]
        assert f"<small>{words}</small>" in page(found, language)


def test_key_figures_lead_and_classes_stand_in_the_order_of_their_scheme(
    make_run: MakeRun, figure_of: Callable[..., dict[str, Any]]
) -> None:
    def figures(x: float) -> list[dict[str, Any]]:
        shares = [
            figure_of(f"class:value:{name}", x / 20, 0.01, unit="share", key=False)
            for name in ("poor", "good")
        ]
        return [*shares, figure_of("key", x, 0.5)]

    classes = {f"c{i}": "good" if i < 50 else "poor" for i in range(100)}
    spend = {name: float(place) for place, name in enumerate(classes)}
    one = make_run("r1", classes, spend, figures=figures(1.0))
    two = make_run("r2", classes, {name: 9 * value for name, value in spend.items()}, figures=figures(4.0))
    text = page({**compare(one, two)}, "en")
    assert "changed beyond chance: Figure key <strong>1.000</strong>" in text
    assert "Inputs that are clearly spread otherwise: total spend." in text
    assert "Exactly the same in both runs: Value tiers." in text
    assert "shares of the classes" not in text  # what is the same needs no table
    moved = {**classes, **{f"c{i}": "poor" for i in range(9)}}
    three = make_run("r3", moved, figures=figures(4.0))
    (table,) = re.findall(
        r"Value tiers: shares of the classes</caption>.*?</table>", page(compare(one, three), "en"), re.DOTALL
    )
    assert re.findall(r'<th scope="row"[^>]*>(\w+)', table) == ["Good", "Poor"]


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
    move |= {"rule_changed": None, "problem": None, "same": False, "followed": 9}
    move |= {"labels": [{"id": "a", **bad}], "matrix": []}
    found["classes"] = [move]
    for language in ("zh", "en"):
        text = page(found, language)
        assert "<img" not in text
        assert text.count("<script>") == 1


def test_nothing_changed_is_said(make_run: MakeRun) -> None:
    one, two = make_run("r1", data="same"), make_run("r2", data="same", as_of="2025-12-01")
    assert "Nothing changed: data, settings, code, figures and classes" in page(compare(one, two), "en")
    later = make_run("r3", data="same", as_of="2025-12-31")
    assert "Nothing changed" not in page(compare(one, later), "en")


def test_every_figure_stands_with_its_interval_sample_and_definition(found: dict[str, Any]) -> None:
    text = page(found, "en")
    row = re.search(r"<tr class=\"beyond\"><th[^>]*>Figure x</th>.*?</tr>", text)
    assert row is not None
    for words in ("<small>0.900–1.100</small>", "+0.859 to +1.141", "p &lt; 0.001"):
        assert words in row.group(), words
    assert "95% interval, n = 100" in text  # of all rows: it is said once, in the head
    assert "<dt>Figure x</dt><dd>Definition</dd>" in text


def test_changes_of_shares_are_drawn_on_one_scale(found: dict[str, Any]) -> None:
    (row,) = [figure for figure in found["figures"] if figure["id"] == "class:value:good"]
    (drawn,) = re.findall(r'<svg class="interval".*?</svg>', page(found, "en"))
    (x1, x2, middle) = (float(re.findall(f'{name}="([0-9.]+)"', drawn)[-1]) for name in ("x1", "x2", "cx"))
    assert x2 == 100.0  # the far end of the interval reaches the end of the scale
    assert middle - 52 == pytest.approx(48 * row["difference"] / row["high"], abs=0.1)
    assert x1 - 52 == pytest.approx(48 * row["low"] / row["high"], abs=0.1)


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
    assert change(-0.0001, "share", "CNY", "en") == "−0.01 pp"
    assert (written(3.4, "count", "", "en"), written(3.0, "count", "", "en")) == ("3.40", "3")
    assert (change(0.13, "count", "", "en"), change(91, "count", "", "en")) == ("+0.13", "+91")
    assert between(-0.02, 0.03, "share", "CNY", "en") == "−2.0 to +3.0"
    assert between(-2e4, 3e6, "currency", "CNY", "zh") == "−¥2.0 万 至 +¥300.0 万"
    assert [chance(q) for q in (None, 0.0004, 0.0123)] == ["", "p < 0.001", "p = 0.012"]
