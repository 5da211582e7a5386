"""The gallery in a real browser, opened from a file: search, filters, both widths, nothing fetched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmlab.report.gallery import write

pytestmark = pytest.mark.e2e

NASTY = "</script><script>window.PWNED=1</script><img src=x onerror=window.PWNED=1>"


def put(runs: Path, study: str, number: int, status: str = "done", headline: str = "") -> None:
    """Write a run with one key figure; the higher the number, the later it ran."""
    done = status == "done"
    figure = {
        "id": "revenue",
        "zh": "净销售额",
        "en": "Net revenue",
        "value": 1e6 * number,
        "unit": "currency",
    }
    figure |= {"key": True, "definition": {"zh": "定义", "en": "Definition"}}
    report: dict[str, Any] = {
        "name": "segmentation",
        "title": {"zh": "客户细分", "en": "Segmentation"},
        "status": "done" if done else "timeout",
        "error": None if done else {"cell": 3, "type": "TimeoutError", "message": "took too long"},
        "headline": {"zh": headline, "en": headline} if done else None,
        "figures": [figure] if done else [],
        "outputs": [{"path": "segmentation.html"}],
    }
    manifest = {
        "schema": 1,
        "title": {"zh": f"研究 {study} {NASTY}", "en": f"Study {study} {NASTY}"},
        "status": status,
        "started_at": f"2026-01-{number:02}T00:00:00+00:00",
        "seconds": 1.0,
        "language": "zh",
        "as_of": f"2025-12-{number:02}",
        "params": {},
        "inputs": [],
        "reports": [report],
    }
    folder = runs / study / f"run{number:02}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "segmentation.html").write_text("<title>report</title>", encoding="utf-8")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page over three studies of which one failed last."""
    runs = tmp_path_factory.mktemp("runs")
    for number in range(1, 7):
        put(runs, "east", number, headline=f"finding {number}")
    put(runs, "west", 3, headline="northern lights")
    put(runs, "west", 4, status="failed")
    put(runs, "south", 20, headline="华南表现最好")
    return write(runs, "en")


def test_search_and_filters_show_what_fits(gallery: Path, visit: Callable[..., Any]) -> None:
    seen = visit(gallery)
    page = seen.page
    studies, runs = page.locator("section.study:visible"), page.locator("article.run:visible")

    def shown() -> list[str]:
        return [str(studies.nth(i).get_attribute("data-study")) for i in range(studies.count())]

    assert shown() == ["west", "south", "east"]  # what failed last leads
    assert page.locator("#count").text_content() == "9 of 9 runs"
    page.fill("#words", "FINDING 2025-12-02")
    assert (shown(), runs.count()) == (["east"], 1)  # the list of earlier runs opens by itself
    page.fill("#words", "2025-12-04 east")
    assert runs.count() == 1
    page.fill("#words", "nowhere")
    assert page.locator("#none").is_visible()
    page.fill("#words", "")
    page.select_option("#status", "failed")
    assert (shown(), runs.count()) == (["west"], 1)
    page.select_option("#status", "")
    page.select_option("#study", "south")
    assert shown() == ["south"]
    assert (seen.requests, seen.errors, seen.dialogs) == ([], [], [])
    assert page.evaluate("window.PWNED") is None


def test_search_waits_for_an_input_method_and_folds_wide_letters(
    gallery: Path, visit: Callable[..., Any]
) -> None:
    page = visit(gallery).page
    shown = page.locator("#count")
    page.focus("#words")
    typing = page.context.new_cdp_session(page)
    typing.send("Input.imeSetComposition", {"text": "hua nan", "selectionStart": 7, "selectionEnd": 7})
    assert page.input_value("#words") == "hua nan"
    assert shown.text_content() == "9 of 9 runs"  # pinyin on its way is no search
    typing.send("Input.insertText", {"text": "华南"})
    assert shown.text_content() == "1 of 9 runs"
    page.fill("#words", "ＳＯＵＴＨ　华南")
    assert shown.text_content() == "1 of 9 runs"


def test_it_can_be_used_by_keyboard_and_read_aloud(gallery: Path, visit: Callable[..., Any]) -> None:
    page = visit(gallery).page
    page.focus("#words")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    assert reached[:2] == ["status", "study"]
    assert page.locator("output#count").get_attribute("aria-live") == "polite"
    nameless = "[...document.querySelectorAll('a, input, select, svg')].filter(each => !(each.ariaLabel "
    assert page.evaluate(nameless + "|| each.textContent.trim())).length") == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen_and_its_links_open(gallery: Path, visit: Callable[..., Any], width: int) -> None:
    seen = visit(gallery, width)
    assert seen.overflow == 0
    line = seen.page.locator("[data-study=east] svg.spark polyline").bounding_box()
    assert line["width"] > 80
    seen.page.click("[data-study=south] a.report")
    assert seen.page.title() == "report"
    seen.page.go_back()
    seen.page.click("a.other")
    assert seen.page.locator("h1").text_content() == "报告总览"
