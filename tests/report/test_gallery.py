"""The gallery: order, failures, headlines, links that stay inside, and manifests that are broken."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from crmlab.report.gallery import write


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


def put(runs: Path, run: str, document: Any, study: str = "demo") -> Path:
    folder = runs / study / run
    folder.mkdir(parents=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    (folder / "segmentation.html").write_text("page", encoding="utf-8")
    return folder


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
    assert '<a href="demo/r1/segmentation.html">Segmentation</a>' in text
    assert "The top 20% bring nearly half." in text


def test_the_page_is_in_the_chosen_language(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest())
    zh = write(tmp_path).read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in zh
    assert "前 20% 的客户贡献近一半。" in zh
    assert "已完成" in zh
    assert not re.search(r"Done|Segmentation<|Shopping", zh)


def test_newest_runs_and_studies_come_first(tmp_path: Path) -> None:
    put(tmp_path, "old", manifest(started_at="2026-01-01T00:00:00+08:00"), study="a")
    put(tmp_path, "new", manifest(started_at="2026-03-01T00:00:00+00:00"), study="a")
    put(tmp_path, "latest", manifest(started_at="2026-04-01T00:00:00+00:00"), study="b")
    text = write(tmp_path).read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]*)"', text) == [
        f"{run}/segmentation.html" for run in ("b/latest", "a/new", "a/old")
    ]
    assert "2025-12-31 16:00 UTC" in text


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
    assert '<article class="run failed">' in text
    assert words in text
    assert "in cell 7; ValueError: no &lt;rows&gt;" in text


BROKEN = {
    "empty": "",
    "torn": '{"schema": 1, "study"',
    "list": "[]",
    "later": manifest(schema=2),
    "status": manifest(status="maybe"),
    "when": manifest(started_at="yesterday"),
    "hollow": {"schema": 1, "status": "done"},
    "nothing": manifest(reports=[None]),
    "language": manifest(title={"fr": "x"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_manifest_is_listed_and_stops_nothing(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, BROKEN[name])
    put(tmp_path, "good", manifest())
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "Runs that cannot be read" in text
    assert f"<code>demo/{name}/manifest.json</code>" in text
    assert "demo/good/segmentation.html" in text


@pytest.mark.parametrize(
    "path", ["../../x.html", "/etc/x.html", "https://example.org/x.html", "javascript:x.html", "gone.html"]
)
def test_links_lead_to_files_of_the_run_only(tmp_path: Path, path: str) -> None:
    (tmp_path / "x.html").write_text("x")
    document = manifest()
    document["reports"][0]["outputs"][0]["path"] = path
    put(tmp_path, "r1", document)
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "href" not in text
    assert "<span>Segmentation</span>" in text


def test_every_text_is_escaped_and_no_script_is_allowed(tmp_path: Path) -> None:
    nasty = '</style><script>alert(1)</script>"><img src=x onerror=alert(1)>'
    document = manifest(title={"zh": nasty, "en": nasty}, as_of=nasty, language=nasty)
    document["reports"][0] |= {"headline": {"zh": nasty, "en": nasty}, "status": nasty, "title": nasty}
    document["reports"][0]["error"] = {"cell": 1, "type": nasty, "message": nasty}
    put(tmp_path, "a&b", document)
    text = write(tmp_path, "en").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text
    assert "script-src 'none'" in text
    assert 'href="demo/a%26b/segmentation.html"' in text


def test_no_runs_yet(tmp_path: Path) -> None:
    assert "No run yet" in write(tmp_path / "runs", "en").read_text(encoding="utf-8")


def test_the_page_is_replaced_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    put(tmp_path, "r1", manifest())
    first = write(tmp_path).read_bytes()
    assert write(tmp_path).read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "index.html"]
    assert (tmp_path / "index.html").stat().st_mode & 0o777 == 0o644
