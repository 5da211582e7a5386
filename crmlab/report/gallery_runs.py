"""What the gallery shows of a run: read from its manifest, in one language, with links that stay inside."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crmlab.compare.runs import RunFolder
from crmlab.compare.words import span, written
from crmlab.labels import Language, Text
from crmlab.report import manifest

STATUS = {
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
_WORDS = {
    "in_cell": Text("出错的单元：{}", "in cell {}"),
    "unit": Text(" 秒", " s"),
    "as_of": Text("数据截至", "Data as of"),
    "language": Text("语言", "Language"),
    "seconds": Text("用时", "Duration"),
    "rows": Text("读入行数", "Rows read"),
    "rejected": Text("剔除行数", "Rows rejected"),
    "source": Text("数据来源", "Data"),
    "workbook": Text("工作簿", "Workbook"),
    "tables": Text("数据表", "Tables"),
    "manifest": Text("运行记录", "Manifest"),
    "comparison": Text("与上次对比", "Changes since the last run"),
    "interval": Text("95% 区间 {}", "95% interval {}"),
    "no_interval": Text("不附区间", "no interval"),
    "missing": Text("页面文件缺失", "The page is missing"),
}
_LANGUAGES = {"zh": "中文", "en": "English"}
_SEPARATOR = {"zh": "；", "en": "; "}


@dataclass(frozen=True, slots=True)
class Link:
    """Where a file of a run is, relative to the gallery, and what it is called."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure of one report: its value as written and as a number, its interval and sample in words.

    ``measured`` is alike where two runs' figures are of one thing in one unit.
    """

    key: tuple[str, str]
    name: str
    value: float
    text: str
    detail: str
    definition: str
    measured: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a run."""

    title: str
    status: str
    href: str | None
    links: list[Link]
    problem: str
    headline: str
    reused: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the gallery lists it."""

    study: str
    study_title: str
    name: str
    cell: str
    started: datetime
    when: str
    as_of: str
    day: date | None
    status: str
    badge: str
    facts: list[tuple[str, str]]
    reports: list[Report]
    figures: list[Figure]
    links: list[Link]
    comparison: Path | None

    @property
    def search(self) -> str:
        """What the search looks through, in lower case, full-width letters and digits as half-width ones."""
        told = [self.study, self.study_title, self.name, self.cell, self.when, self.as_of, self.badge]
        for report in self.reports:
            told += [report.title, report.problem, report.headline]
        return unicodedata.normalize("NFKC", " ".join(told)).lower()


@dataclass(frozen=True, slots=True)
class Found:
    """The folder of a run as it was read: its manifest, and the names in it, looked up once.

    A file share answers slowly, and a page for each language is made from it.
    """

    folder: Path
    manifest: dict[str, Any]
    names: frozenset[str]
    tables: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> Found:
        """Read the manifest; raise OSError or ValueError where that cannot be done."""
        document = manifest.read(folder)
        names = frozenset(os.listdir(folder))
        tables = frozenset(os.listdir(folder / "tables") if "tables" in names else ())
        return cls(folder, document, names, tables)

    def href(self, *parts: str) -> str:
        """Return a link relative to the gallery; every part is escaped."""
        return "/".join(quote(part, safe="") for part in (self.folder.parent.name, self.folder.name, *parts))

    def page(self, report: dict[str, Any]) -> str | None:
        """Return the link to the page of a report; None where the run's folder does not have it."""
        paths = [output["path"] for output in report["outputs"]]
        name = next((path for path in paths if path.endswith(".html") and path in self.names), None)
        return self.href(name) if name else None

    def of_report(self, name: str, language: Language) -> list[Link]:
        """Return the links to the workbook and the tables of a report."""
        book = f"{name}.xlsx"
        found = [Link(self.href(book), _WORDS["workbook"].to(language))] if book in self.names else []
        if name in self.tables:
            found.append(Link(f"{self.href('tables', name)}/", _WORDS["tables"].to(language)))
        return found

    def of_run(self, language: Language) -> list[Link]:
        """Return the links to the comparison and the manifest."""
        found = [Link(self.href(manifest.NAME), _WORDS["manifest"].to(language))]
        if "compare.html" in self.names:
            found.insert(0, Link(self.href("compare.html"), _WORDS["comparison"].to(language)))
        return found


def shown(found: Found, language: Language) -> Run:
    """Return a run as the gallery lists it.

    Raises an exception of one kind or another for a damaged manifest. One of an earlier version is shown
    without what it does not have.
    """
    document, folder = found.manifest, found.folder
    if not 1 <= document["schema"] <= manifest.SCHEMA:
        raise ValueError(
            f"manifest schema {document['schema']!r} is not known; this version reads 1 to {manifest.SCHEMA}"
        )
    if document["status"] not in ("done", "failed"):
        raise ValueError(f"status {document['status']!r} is neither done nor failed")
    started = datetime.fromisoformat(document["started_at"])
    started = started if started.tzinfo else started.replace(tzinfo=UTC)
    return Run(
        study=folder.parent.name,
        study_title=_text(document["title"], language),
        name=folder.name,
        cell=" · ".join(str(value) for value in (document.get("cell") or {}).values()),
        started=started,
        when=_when(started, document["params"].get("timezone")),
        as_of=str(document["as_of"]),
        day=_day(document["as_of"]),
        status=document["status"],
        badge=STATUS[document["status"]].to(language),
        facts=_facts(document, language),
        reports=[_report(report, found, language) for report in document["reports"]],
        figures=list(_figures(RunFolder(folder, document), language)),
        links=found.of_run(language),
        comparison=folder / "compare.json" if "compare.json" in found.names else None,
    )


def _facts(document: dict[str, Any], language: Language) -> list[tuple[str, str]]:
    tables = [table for source in document["inputs"] for table in source["tables"].values()]
    facts = [
        ("as_of", str(document["as_of"])),
        ("language", _LANGUAGES.get(document["language"], str(document["language"]))),
        ("seconds", f"{float(document['seconds']):,.1f}{_WORDS['unit'].to(language)}"),
        ("rows", f"{sum(int(table['rows']) for table in tables):,}"),
        ("rejected", f"{sum(int(table['rejected']) for table in tables):,}"),
        ("source", " · ".join(_text(source["title"], language) for source in document["inputs"])),
    ]
    return [(_WORDS[name].to(language), value) for name, value in facts if value]


def _report(report: dict[str, Any], found: Found, language: Language) -> Report:
    status, href = str(report["status"]), found.page(report)
    problem = _WORDS["missing"].to(language) if status == "done" and href is None else ""
    if status != "done":
        problem = STATUS[status].to(language) if status in STATUS else status
        problem = _SEPARATOR[language].join([problem, *_reason(report.get("error"), language)])
    return Report(
        title=_text(report["title"], language),
        status="done" if status == "done" else "failed",
        href=href,
        links=found.of_report(str(report["name"]), language),
        problem=problem,
        headline=_text(report["headline"], language) if report.get("headline") else "",
        reused=bool(report.get("reused")),
    )


def _reason(error: dict[str, Any] | None, language: Language) -> Iterator[str]:
    if not error:
        return
    if error.get("cell"):
        yield _WORDS["in_cell"].to(language).format(error["cell"])
    yield f"{error.get('type', '')}: {error.get('message', '')}"


def _figures(run: RunFolder, language: Language) -> Iterator[Figure]:
    for report in run.manifest["reports"]:
        for figure in report.get("figures") or []:
            if figure.get("key") and figure["value"] is not None:
                yield _figure(figure, report["name"], run.currency(report["name"]), language)


def _figure(figure: dict[str, Any], report: str, currency: str, language: Language) -> Figure:
    value, unit, n = float(figure["value"]), figure["unit"], figure.get("n")
    if not isfinite(value):
        raise ValueError(f"the figure {figure['id']} is no finite number")
    interval = span(figure.get("low"), figure.get("high"), unit, currency, language)
    detail = [_WORDS["interval" if interval else "no_interval"].to(language).format(interval)]
    detail += [] if n is None else [f"n = {n:,}"]
    name, meaning = _text(figure, language), _text(figure["definition"], language)
    return Figure(
        key=(report, figure["id"]),
        name=name,
        value=value,
        text=written(value, unit, currency, language),
        detail=" · ".join(detail),
        definition=meaning,
        measured=(name, meaning, unit, currency if unit == "currency" else ""),
    )


def _when(started: datetime, timezone: Any) -> str:
    """Write when a run began, by the clock of its study."""
    zone: tzinfo = UTC
    with contextlib.suppress(ValueError, OSError, ZoneInfoNotFoundError):
        zone = ZoneInfo(str(timezone)) if timezone else UTC
    local = started.astimezone(zone)
    offset = local.strftime("%z")  # +0800, of odd zones +082205
    hours = f"{offset[0]}{int(offset[1:3])}" + (f":{offset[3:5]}" if offset[3:5] != "00" else "")
    return f"{local:%Y-%m-%d %H:%M} UTC{hours if offset.strip('+-0') else ''}"


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _text(value: Any, language: Language) -> str:
    return str(value[language]) if isinstance(value, dict) else str(value)
