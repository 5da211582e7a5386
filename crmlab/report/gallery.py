"""The page that lists all runs: newest first, grouped by study, with what each report found."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crmlab.labels import Language, Text
from crmlab.report.html import LANG, policy, template, template_text
from crmlab.view.html import stylesheet

_WORDS = {
    "title": Text("报告总览", "All reports"),
    "lead": Text("按研究分组，最近一次运行在前。", "Grouped by study, the latest run first."),
    "empty": Text(
        "还没有任何运行。执行 crmlab run 之后，报告会出现在这里。",
        "No run yet. Reports appear here after crmlab run.",
    ),
    "broken": Text("无法读取的运行记录", "Runs that cannot be read"),
    "as_of": Text("截至", "As of"),
    "language": Text("语言", "Language"),
    "seconds": Text("用时", "Duration"),
    "rows": Text("读入行数", "Rows read"),
    "rejected": Text("剔除行数", "Rows rejected"),
    "source": Text("数据来源", "Data"),
    "unit": Text(" 秒", " s"),
    "in_cell": Text("出错的单元：{}", "in cell {}"),
}

_LANGUAGES = {"zh": "中文", "en": "English"}

_STATUS = {
    "done": Text("已完成", "Done"),
    "failed": Text("未完成", "Failed"),
    "error": Text("代码出错", "An error in a cell"),
    "timeout": Text("运行超时", "Timed out"),
    "kernel_died": Text("内核意外退出（可能是内存不足）", "The kernel died (memory may have run out)"),
    "exited": Text("代码主动退出", "The code exited"),
    "disk_full": Text("磁盘空间不足", "The disk is full"),
    "interrupted": Text("运行被中断", "Interrupted"),
    "quality_gate": Text("数据质量未达要求", "Stopped by the data-quality gate"),
}


@dataclass(frozen=True, slots=True)
class _Report:
    title: str
    status: str
    href: str | None
    problem: str
    headline: str


@dataclass(frozen=True, slots=True)
class _Run:
    started: datetime
    name: str
    when: str
    status: str
    badge: str
    facts: list[tuple[str, str]]
    reports: list[_Report]
    study_title: str


@dataclass(slots=True)
class _Study:
    name: str
    title: str
    runs: list[_Run] = field(default_factory=list)


def write(runs: Path, language: Language = "zh") -> Path:
    """Write ``runs/index.html`` from every ``runs/<study>/<run>/manifest.json``; return its path.

    A manifest that cannot be read is listed with the reason and does not stop the others. The page
    is written beside its place and moved there, so a reader never sees half of it.
    """
    studies: dict[str, _Study] = {}
    broken: list[tuple[str, str]] = []
    for manifest in sorted(runs.glob("*/*/manifest.json")):
        folder = manifest.parent
        if folder.name.startswith(".") or folder.parent.name.startswith("."):
            continue
        try:
            run = _read(manifest, language)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            broken.append((manifest.relative_to(runs).as_posix(), f"{type(error).__name__}: {error}"))
            continue
        studies.setdefault(folder.parent.name, _Study(folder.parent.name, "")).runs.append(run)
    for study in studies.values():
        study.runs.sort(key=lambda run: (run.started, run.name), reverse=True)
        study.title = study.runs[0].study_title
    page = template("gallery.html.j2").render(
        language=LANG[language],
        policy=policy([]),
        styles=stylesheet() + template_text("page.css") + template_text("gallery.css"),
        words={name: text.to(language) for name, text in _WORDS.items()},
        studies=sorted(studies.values(), key=lambda study: study.runs[0].started, reverse=True),
        broken=broken,
    )
    runs.mkdir(parents=True, exist_ok=True)
    return _replace(runs / "index.html", page)


def _read(manifest: Path, language: Language) -> _Run:
    document = json.loads(manifest.read_text(encoding="utf-8"))
    if document["schema"] != 1:
        raise ValueError(f"manifest schema {document['schema']!r} is not known; this version reads 1")
    if document["status"] not in ("done", "failed"):
        raise ValueError(f"status {document['status']!r} is neither done nor failed")
    started = datetime.fromisoformat(document["started_at"])
    started = started if started.tzinfo else started.replace(tzinfo=UTC)
    tables = [table for source in document["inputs"] for table in source["tables"].values()]
    word = {name: text.to(language) for name, text in _WORDS.items()}
    facts = [
        (word["as_of"], str(document["as_of"])),
        (word["language"], _LANGUAGES.get(document["language"], str(document["language"]))),
        (word["seconds"], f"{float(document['seconds']):,.1f}{word['unit']}"),
        (word["rows"], f"{sum(int(table['rows']) for table in tables):,}"),
        (word["rejected"], f"{sum(int(table['rejected']) for table in tables):,}"),
        (word["source"], " · ".join(_text(source["title"], language) for source in document["inputs"])),
    ]
    return _Run(
        started=started,
        name=manifest.parent.name,
        when=started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        status=document["status"],
        badge=_STATUS[document["status"]].to(language),
        facts=[(what, value) for what, value in facts if value],
        reports=[_report(report, manifest.parent, language) for report in document["reports"]],
        study_title=_text(document["title"], language),
    )


def _report(report: dict[str, Any], folder: Path, language: Language) -> _Report:
    paths = [output["path"] for output in report["outputs"]]
    page = next((path for path in paths if path.endswith(".html") and _inside(folder, path)), None)
    status = str(report["status"])
    problem = ""
    if status != "done":
        problem = _STATUS[status].to(language) if status in _STATUS else status
        problem = _SEPARATOR[language].join([problem, *_reason(report.get("error"), language)])
    return _Report(
        title=_text(report["title"], language),
        status="done" if status == "done" else "failed",
        href="/".join(quote(part) for part in (folder.parent.name, folder.name, page)) if page else None,
        problem=problem,
        headline=_text(report["headline"], language) if report.get("headline") else "",
    )


_SEPARATOR = {"zh": "；", "en": "; "}


def _reason(error: dict[str, Any] | None, language: Language) -> Iterator[str]:
    if not error:
        return
    if error.get("cell"):
        yield _WORDS["in_cell"].to(language).format(error["cell"])
    yield f"{error.get('type', '')}: {error.get('message', '')}"


def _inside(folder: Path, path: str) -> bool:
    """Say whether ``path`` is the plain name of a file in ``folder``, as a link must be."""
    return bool(re.fullmatch(r"[\w][\w.-]*", path)) and (folder / path).is_file()


def _text(value: Any, language: Language) -> str:
    return str(value[language]) if isinstance(value, dict) else str(value)


def _replace(path: Path, text: str) -> Path:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".index-", suffix=".html")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    return path
