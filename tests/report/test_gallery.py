"""The gallery: order, failures, figures over time, links that stay inside, manifests that are broken."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmlab.report.gallery import write
from crmlab.report.manifest import SCHEMA


def manifest(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": 1,
        "study": "demo",
        "title": {"zh": "示例研究", "en": "Demo study"},
        "run": "r1",
        "status": "done",
        "started_at": "2026-11-22T05:01:59+00:00",
        "finished_at": "2026-11-22T05:02:59+00:00",
        "seconds": 60.04,
        "language": "zh",
        "as_of": "2017-12-31",
        "params": {},
        "inputs": [
            {
                "source": "complete-journey",
                "title": {"zh": "购物数据", "en": "Shopping data"},
                "origin": {"zh": "一家商店的购物数据", "en": "Purchases at one shop"},
                "tables": {"orders": {"rows": 1000, "rejected": 3}, "lines": {"rows": 468307, "rejected": 0}},
            }
        ],
        "plugins": [],
        "packages": {},
        "reports": [
            {
                "name": "segmentation",
                "title": {"zh": "客户细分", "en": "Segmentation"},
                "status": "done",
                "seconds": 12.0,
                "error": None,
                "headline": {"zh": "前 20% 的客户贡献近一半。", "en": "The top 20% bring nearly half."},
                "charts": 6,
                "outputs": [{"path": "segmentation.html", "sha256": "", "bytes": 1}],
            }
        ],
    }
    return {**document, **changes}


def put(runs: Path, run: str, document: Any, study: str = "demo", files: Sequence[str] = ()) -> Path:
    folder = runs / study / run
    folder.mkdir(parents=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    for name in ("segmentation.html", *files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("page", encoding="utf-8")
    return folder


def with_figure(day: int, value: float | None, **changes: Any) -> dict[str, Any]:
    """Return the manifest of a run on a day's data with one key figure."""
    document = manifest(as_of=f"2017-12-{day:02}", started_at=f"2026-11-{day:02}T05:00:00+00:00", **changes)
    named = {"zh": "净销售额", "en": "Net revenue", "definition": {"zh": "定义", "en": "What it is"}}
    ends = {"low": None, "high": None, "n": 9}
    document["reports"][0]["figures"] = [
        {"id": "revenue", "unit": "currency", "key": True, "value": value, **named, **ends},
        {"id": "class:abc:a", "unit": "share", "key": False, "value": 0.5, **named, **ends},
    ]
    return document


def links(text: str) -> list[str]:
    return re.findall(r'href="([^"#]+)"', text)


def test_a_run_is_listed_with_what_it_found(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest())
    path = write(tmp_path, "en")
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "index.html"
    for words in (
        "Demo study",
        "2026-11-22 05:01 UTC",
        "Done",
        "2017-12-31",
        "60.0 s",
        "469,307",
        "<dd>3</dd>",
        "Shopping data",
    ):
        assert words in text, words
    assert '<a class="report" href="demo/r1/segmentation.html">Segmentation</a>' in text
    assert "The top 20% bring nearly half." in text


def test_the_page_is_in_the_chosen_language_and_links_to_the_other(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest())
    zh = write(tmp_path).read_text(encoding="utf-8")
    en = (tmp_path / "index.en.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in zh
    assert "前 20% 的客户贡献近一半。" in zh
    assert "已完成" in zh
    assert not re.search(r"Done|Segmentation<|Shopping", zh)
    assert '<html lang="en">' in en
    assert "Segmentation</a>" in en
    assert ('href="index.en.html"' in zh, 'href="index.html"' in en) == (True, True)


def test_everything_of_a_run_is_linked(tmp_path: Path) -> None:
    files = ("segmentation.xlsx", "tables/segmentation/a.parquet", "compare.html", "compare.json")
    put(tmp_path, "r1", manifest(), files=files)
    assert links(write(tmp_path, "en").read_text(encoding="utf-8")) == [
        "index.zh.html",
        "demo/r1/compare.html",
        "demo/r1/manifest.json",
        "demo/r1/segmentation.html",
        "demo/r1/segmentation.xlsx",
        "demo/r1/tables/segmentation/",
    ]


def test_the_latest_run_leads_and_the_earlier_ones_are_below(tmp_path: Path) -> None:
    put(tmp_path, "old", manifest(started_at="2026-01-01T00:00:00+08:00"), study="a")
    put(tmp_path, "new", manifest(started_at="2026-03-01T00:00:00+00:00"), study="a")
    put(tmp_path, "latest", manifest(started_at="2026-04-01T00:00:00+00:00"), study="b")
    text = write(tmp_path).read_text(encoding="utf-8")
    pages = [link for link in links(text) if link.endswith("segmentation.html")]
    assert pages == [f"{run}/segmentation.html" for run in ("b/latest", "a/new", "a/old")]
    assert text.index("a/new") < text.index('<details class="earlier">') < text.index("a/old")
    assert "2025-12-31 16:00 UTC" in text


def test_what_failed_last_comes_first(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest(status="failed", started_at="2026-01-01T00:00:00+00:00"), study="a")
    put(tmp_path, "r1", manifest(started_at="2026-04-01T00:00:00+00:00"), study="b")
    put(tmp_path, "r1", manifest(status="failed", started_at="2026-04-01T00:00:00+00:00"), study="c")
    put(tmp_path, "r2", manifest(started_at="2026-04-02T00:00:00+00:00"), study="c")
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert re.findall(r'<section class="study" id="\w+" data-study="(\w)"', text) == ["a", "c", "b"]
    assert re.findall(r'<div class="attention">\s*<p>.*?<a href="#(\w+)">', text) == ["g1"]


def test_cells_of_a_matrix_stand_by_themselves(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest(cell={"region": "华东", "month": "2024-05"}))
    put(tmp_path, "r2", manifest(cell={"region": "华南", "month": "2024-05"}))
    text = write(tmp_path).read_text(encoding="utf-8")
    assert re.findall(r"<h2>示例研究 <span>([^<]*)</span>", text) == ["华南 · 2024-05", "华东 · 2024-05"]


def test_what_a_batch_left_undone_is_not_shown_as_fine(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest(cell={"month": "2024-04"}, started_at="2026-11-22T06:00:00+00:00"))
    put(tmp_path, "r2", manifest(cell={"month": "2024-05"}))
    cells = [{"month": f"2024-0{month}"} for month in (5, 6)]
    lines = [json.dumps({"planned": cell, "reports": ["segmentation"]}) for cell in cells]
    (tmp_path / "demo" / ".undone-x").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "other").mkdir()
    line = json.dumps({"planned": {"<b>": "<i>"}, "reports": ["a"]})
    (tmp_path / "other" / ".undone-y").write_text(line, encoding="utf-8")
    en = write(tmp_path, "en").read_text(encoding="utf-8")
    assert (
        "Left undone by a batch that ended early: "
        '<a href="#g1">Demo study · 2024-05</a><span>Demo study · 2024-06</span>'
        "<span>other · &lt;i&gt;</span></p>"
    ) in en
    older = '<p class="problem">A later batch ended before this was done; what is shown is from before.</p>'
    assert [older in section for section in en.split("<section")] == [False, True, False]
    assert "批量运行中途结束，尚未完成：" in (tmp_path / "index.zh.html").read_text(encoding="utf-8")
    lines = [json.dumps({"planned": {"n": n}, "reports": ["a"]}) for n in range(20)]
    (tmp_path / "other" / ".undone-y").write_text("\n".join(lines), encoding="utf-8")
    assert "other · 9</span>and 10 more</p>" in write(tmp_path, "en").read_text(encoding="utf-8")


def test_what_a_first_batch_left_undone_is_said_without_any_run(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    line = json.dumps({"planned": {}, "reports": ["a"]})
    (tmp_path / "demo" / ".undone-x").write_text(line, encoding="utf-8")
    text = write(tmp_path).read_text(encoding="utf-8")
    assert "尚未完成：<span>demo</span></p>" in text
    assert "还没有任何运行" in text


def test_key_figures_are_drawn_over_the_days_of_the_data(tmp_path: Path) -> None:
    for day, value in ((1, 1e6), (5, 3e6), (9, 2e6)):
        put(tmp_path, f"r{day}", with_figure(day, value))
    put(tmp_path, "r9-2", {**with_figure(9, 4e6), "started_at": "2026-11-30T05:00:00+00:00"})
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert re.findall(r"<dt>Net revenue</dt><dd><b>([^<]*)</b>", text) == ["¥4.00M"]
    (line,) = re.findall(r'<svg class="spark".*?aria-label="([^"]*)".*?points="([^"]*)"', text)
    assert line == ("2017-12-01: ¥1.00M, 2017-12-09: ¥4.00M", "3.0,21.0 48.0,9.0 93.0,3.0")
    assert "class:abc" not in text


def with_estimate(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the manifest of :func:`with_figure` whose figure is changed."""
    document["reports"][0]["figures"][0] |= changes
    return document


def test_a_figure_stands_with_its_interval_sample_and_definition(tmp_path: Path) -> None:
    put(tmp_path, "r1", with_estimate(with_figure(1, 1e6), low=9e5, high=1.2e6, n=3831))
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "<small>95% interval ¥900k–¥1.20M · n = 3,831</small>" in text
    assert "<dt>Net revenue</dt><dd>What it is</dd>" in text
    zh = (tmp_path / "index.zh.html").read_text(encoding="utf-8")
    assert "95% 区间 ¥90.0 万–¥120.0 万 · n = 3,831" in zh
    put(tmp_path, "r2", with_figure(2, 1e6))
    assert "<small>no interval · n = 9</small>" in write(tmp_path, "en").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "changes", [{"definition": {"zh": "今后 90 天", "en": "over 90 days"}}, {"unit": "count"}]
)
def test_what_is_not_the_same_figure_is_no_point_of_its_line(tmp_path: Path, changes: dict[str, Any]) -> None:
    put(tmp_path, "r1", with_figure(1, 1e6))
    put(tmp_path, "r2", with_figure(2, 2e6))
    assert "<svg" in write(tmp_path, "en").read_text(encoding="utf-8")
    put(tmp_path, "r3", with_estimate(with_figure(3, 3e6), **changes))
    assert "<svg" not in write(tmp_path, "en").read_text(encoding="utf-8")


def test_a_line_says_what_it_shows_and_no_more(tmp_path: Path) -> None:
    for day in range(1, 41):
        document = with_figure(1, 1e6 + day)
        document |= {"as_of": str(date(2017, 1, 1) + timedelta(day))}
        put(tmp_path, f"r{day:02}", document)
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    (said,) = re.findall(r'<svg class="spark".*?aria-label="([^"]*)"', text)
    assert said.startswith("2017-01-06: ")  # the first of the 36 days that are drawn


def test_the_search_folds_wide_letters(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest(title={"zh": "ＶＩＰ　客户", "en": "ＶＩＰ"}))
    assert 'data-text="demo vip ' in write(tmp_path, "en").read_text(encoding="utf-8")


def test_amounts_are_in_the_currency_of_their_report(tmp_path: Path) -> None:
    own = {"currency": "CNY", "reports": {"segmentation": {"currency": "EUR"}}}
    put(tmp_path, "r1", with_figure(1, 1e6, params=own))
    assert "<b>€1.00M</b>" in write(tmp_path, "en").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("timezone", "when"),
    [
        ("Asia/Shanghai", "2026-11-22 13:01 UTC+8"),
        ("Asia/Kolkata", "2026-11-22 10:31 UTC+5:30"),
        ("Atlantic/Azores", "2026-11-22 04:01 UTC-1"),
        ("Europe/London", "2026-11-22 05:01 UTC"),
        ("../etc", "2026-11-22 05:01 UTC"),
        (None, "2026-11-22 05:01 UTC"),
    ],
)
def test_a_run_is_told_by_the_clock_of_its_study(tmp_path: Path, timezone: str | None, when: str) -> None:
    put(tmp_path, "r1", manifest(params={"timezone": timezone}))
    assert f"<h3>{when}</h3>" in write(tmp_path, "en").read_text(encoding="utf-8")


def test_a_page_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    folder = put(tmp_path, "r1", manifest())
    assert "is missing" not in write(tmp_path, "en").read_text(encoding="utf-8")
    (folder / "segmentation.html").unlink()
    assert "The page is missing" in write(tmp_path, "en").read_text(encoding="utf-8")


def test_many_failures_are_counted(tmp_path: Path) -> None:
    for place in range(15):
        put(tmp_path, "r1", manifest(status="failed"), study=f"s{place}")
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    (told,) = re.findall(r'<div class="attention">.*?</div>', text, re.DOTALL)
    assert told.count("<a ") == 12
    assert "and 3 more" in told


def test_one_day_of_data_is_no_line(tmp_path: Path) -> None:
    put(tmp_path, "r1", with_figure(1, 1e6))
    put(tmp_path, "r2", with_figure(2, None))
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "¥1.00M" in text
    assert "<svg" not in text


def test_a_figure_that_changed_beyond_chance_is_marked(tmp_path: Path) -> None:
    folder = put(tmp_path, "r1", with_figure(1, 1e6))
    said = {"figures": [{"report": "segmentation", "id": "revenue", "verdict": "beyond"}]}
    (folder / "compare.json").write_text(json.dumps(said), encoding="utf-8")
    assert '<div class="beyond"' in write(tmp_path, "en").read_text(encoding="utf-8")
    (folder / "compare.json").write_text('{"figures": [3]}', encoding="utf-8")
    assert '<div class="beyond"' not in write(tmp_path, "en").read_text(encoding="utf-8")


def test_comparisons_that_somebody_asked_for_are_listed(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest())
    folder = tmp_path / "comparisons" / "r1--r2"
    folder.mkdir(parents=True)
    runs = {
        name: {"run": name, "as_of": "2017-12-31", "title": "<b>", "study": "demo"}
        for name in ("before", "after")
    }
    (folder / "compare.json").write_text(json.dumps(runs), encoding="utf-8")
    (tmp_path / "comparisons" / "torn").mkdir()
    (tmp_path / "comparisons" / "torn" / "compare.json").write_text("{", encoding="utf-8")
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert [link for link in links(text) if link.startswith("comparisons")] == [
        "comparisons/r1--r2/compare.html"
    ]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("timeout", "Timed out"),
        ("kernel_died", "kernel died"),
        ("disk_full", "disk is full"),
        ("quality_gate", "gate"),
    ],
)
def test_a_failure_says_why(tmp_path: Path, status: str, words: str) -> None:
    document = manifest(status="failed")
    error = {"cell": 7, "type": "ValueError", "message": "no <rows>"}
    document["reports"][0] |= {"status": status, "error": error, "headline": None}
    put(tmp_path, "r1", document)
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert '<article class="run failed"' in text
    assert words in text
    assert "in cell 7; ValueError: no &lt;rows&gt;" in text


BROKEN = {
    "empty": "",
    "torn": '{"schema": 1, "study"',
    "list": "[]",
    "later": manifest(schema=SCHEMA + 1),
    "status": manifest(status="maybe"),
    "when": manifest(started_at="yesterday"),
    "hollow": {"schema": 1, "status": "done"},
    "nothing": manifest(reports=[None]),
    "language": manifest(title={"fr": "x"}),
    "params": manifest(params=[]),
    "ancient": manifest(started_at="0001-01-01T00:00:00+14:00"),
    "endless": json.dumps(manifest()).replace("468307", "Infinity"),
    "nan": with_figure(1, float("nan")),
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_manifest_is_listed_and_stops_nothing(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, BROKEN[name])
    put(tmp_path, "good", manifest())
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "Runs that cannot be read" in text
    assert f"<code>demo/{name}/manifest.json</code>" in text
    assert '<a href="#broken">Runs that cannot be read: 1</a>' in text
    assert "demo/good/segmentation.html" in text


def test_what_is_wrong_with_a_broken_manifest_is_said_plainly(tmp_path: Path) -> None:
    put(tmp_path, "torn", BROKEN["torn"])
    put(tmp_path, "hollow", BROKEN["hollow"])
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "The file is torn or damaged, in line 1" in text
    assert "It is incomplete: started_at is missing" in text
    assert "记录不完整，缺少 started_at" in (tmp_path / "index.zh.html").read_text(encoding="utf-8")


def test_half_characters_and_odd_bytes_stop_nothing(tmp_path: Path) -> None:
    """JSON may hold half of a surrogate pair, and the name of a folder bytes that are no text."""
    put(tmp_path, "good", manifest())
    put(tmp_path, "half", json.dumps(manifest(title="\ud800 half")))
    folder = Path(os.fsdecode(os.fsencode(tmp_path / "demo") + b"/odd\xff"))
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest()), encoding="utf-8")
    (tmp_path / "comparisons" / "deep").mkdir(parents=True)
    (tmp_path / "comparisons" / "deep" / "compare.json").write_text("[" * 100_000, encoding="utf-8")
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "demo/good/segmentation.html" in text
    assert "? half" in text


@pytest.mark.parametrize(
    "path", ["../../x.html", "/etc/x.html", "https://example.org/x.html", "javascript:x.html", "gone.html"]
)
def test_links_lead_to_files_of_the_run_only(tmp_path: Path, path: str) -> None:
    (tmp_path / "x.html").write_text("x")
    document = manifest()
    document["reports"][0]["outputs"][0]["path"] = path
    put(tmp_path, "r1", document)
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert links(text) == ["index.zh.html", "demo/r1/manifest.json"]
    assert '<span class="report">Segmentation</span>' in text


def test_every_text_is_escaped_and_only_its_own_script_is_allowed(tmp_path: Path) -> None:
    nasty = '</style><script>alert(1)</script>"><img src=x onerror=alert(1)>'
    document = manifest(title={"zh": nasty, "en": nasty}, as_of=nasty, language=nasty)
    document["reports"][0] |= {"headline": {"zh": nasty, "en": nasty}, "status": nasty, "title": nasty}
    document["reports"][0]["error"] = {"cell": 1, "type": nasty, "message": nasty}
    document["cell"] = {nasty: nasty}
    named = {"zh": nasty, "en": nasty, "definition": {"zh": nasty, "en": nasty}}
    document["reports"][0]["figures"] = [{"id": nasty, "unit": nasty, "key": True, "value": 1.0, **named}]
    put(tmp_path, "a&b", document)
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert text.count("<script") == 1
    assert "<img" not in text
    assert re.search(r"default-src 'none'.*script-src 'sha256-[^' ]+'\"", text)
    assert 'href="demo/a%26b/segmentation.html"' in text


def test_no_runs_yet(tmp_path: Path) -> None:
    assert "No run yet" in write(tmp_path / "runs", "en").read_text(encoding="utf-8")


def test_the_page_is_replaced_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = put(tmp_path, "r1", manifest())
    before = [(path, path.stat().st_mtime_ns) for path in [folder, *folder.iterdir()]]
    first = write(tmp_path).read_bytes()
    assert write(tmp_path).read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "index.en.html", "index.html"]
    assert (tmp_path / "index.html").stat().st_mode & 0o777 == 0o644
    assert [(path, path.stat().st_mtime_ns) for path in [folder, *folder.iterdir()]] == before


def test_a_run_that_is_removed_meanwhile_is_not_listed(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest())
    (tmp_path / "demo" / "gone").mkdir()
    (tmp_path / "demo" / "gone" / "manifest.json").symlink_to(tmp_path / "nowhere")
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "gone" not in text
    assert "cannot be read" not in text
