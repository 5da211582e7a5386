"""The gallery: one static page over all runs, to be searched without a server, from a file share as well.

Runs are grouped by study and cell of its matrix. Groups whose last run failed come first, then the latest.
Of the last run everything is shown, with how its key figures went over the days of the data; the runs
before it are listed below. The page is written in both languages, ``index.html`` in the one that is asked
for. Nothing but these two files is written: the folders of runs are read.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crmlab.labels import Language, Text
from crmlab.report import manifest, undone
from crmlab.report.gallery_runs import Figure, Found, Run, shown
from crmlab.report.html import LANG, policy, template, template_text
from crmlab.report.sparkline import MOST, sparkline
from crmlab.view.html import stylesheet

PAGE = "index.html"
COMPARISONS = "comparisons"
"""The folder beside the studies for comparisons that somebody asked for."""
_SHOWN_FIGURES = 6
_SHOWN_FAILURES = 12
_COLON = Text("：", ": ")

_WORDS = {
    "title": Text("报告总览", "All reports"),
    "lead": Text(
        "按研究分组；最近一次失败或未完成的在前，其余按时间从新到旧。",
        "By study: those whose last run failed or was not done first, then the latest.",
    ),
    "empty": Text(
        "还没有任何运行。执行 crmlab run 之后，报告会出现在这里。",
        "No run yet. Reports appear here after crmlab run.",
    ),
    "broken": Text("无法读取的运行记录", "Runs that cannot be read"),
    "comparisons": Text("另行对比", "Other comparisons"),
    "search": Text("搜索研究、报告、结论、日期……", "Search studies, reports, findings, dates …"),
    "status": Text("状态", "Status"),
    "any": Text("全部状态", "Any status"),
    "done": Text("已完成", "Done"),
    "failed": Text("有失败", "Failed"),
    "study": Text("研究", "Study"),
    "every": Text("全部研究", "Every study"),
    "earlier": Text("更早的运行", "Earlier runs"),
    "reused": Text("未变，沿用", "unchanged, taken over"),
    "beyond": Text("较上次的变化超出随机波动", "changed beyond chance since the last run"),
    "shown": Text("显示 {n} / {all} 次运行", "{n} of {all} runs"),
    "none": Text("没有符合条件的运行。", "No run matches."),
    "attention": Text("最近一次运行失败：", "Failed in the last run: "),
    "undone": Text("批量运行中途结束，尚未完成：", "Left undone by a batch that ended early: "),
    "older": Text(
        "后来的一次批量运行中途结束，没有完成这里；以下是更早的结果。",
        "A later batch ended before this was done; what is shown is from before.",
    ),
    "more_failed": Text("等共 {} 个", "and {} more"),
    "unread": Text("无法读取的运行：{} 个", "Runs that cannot be read: {}"),
    "definitions": Text("指标口径", "What the figures are"),
    "torn": Text("文件不完整或已损坏（第 {} 行）", "The file is torn or damaged, in line {}"),
    "lacks": Text("记录不完整，缺少 {}", "It is incomplete: {} is missing"),
    "other": Text("English", "中文"),
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A key figure of a group: its last value, how it went, and whether it changed beyond chance."""

    name: str
    text: str
    detail: str
    definition: str
    line: str
    beyond: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """The runs of one study and cell, the latest first; ``undone`` where a batch was to make another."""

    anchor: str
    runs: list[Run]
    figures: list[_Shown]
    undone: bool

    @property
    def last(self) -> Run:
        return self.runs[0]


def write(runs: Path, language: Language = "zh") -> Path:
    """Write ``runs/index.html`` from every ``runs/<study>/<run>/manifest.json``; return its path.

    A manifest that cannot be read is listed with the reason and does not stop the others. The page
    is written beside its place and moved there, so a reader never sees half of it.
    """
    runs.mkdir(parents=True, exist_ok=True)
    other: Language = "en" if language == "zh" else "zh"
    read = _read(runs)
    _replace(runs / f"index.{other}.html", _page(runs, read, other, PAGE))
    return _replace(runs / PAGE, _page(runs, read, language, f"index.{other}.html"))


@dataclass(frozen=True, slots=True)
class _Read:
    """What lies in the folder of runs: runs, those that cannot be read and why, and what is undone.

    The latter is known by study and cell.
    """

    found: list[Found]
    unread: list[tuple[str, Text]]
    undone: dict[tuple[str, str], None]


def _page(runs: Path, read: _Read, language: Language, other: str) -> str:
    found: list[Run] = []
    broken = list(read.unread)
    for each in read.found:
        try:
            found.append(shown(each, language))
        except Exception as error:  # whatever is in a damaged manifest, the others are listed
            broken.append(_reason(runs, each.folder, error))
    groups = _groups(found, read.undone, language)
    shown_groups = {(group.last.study, group.last.cell): group for group in groups}
    titles = {group.last.study: group.last.study_title for group in groups}
    left = [
        (getattr(shown_groups.get((study, cell)), "anchor", None), titles.get(study, study), cell)
        for study, cell in read.undone
    ]
    failing = [group for group in groups if group.last.status == "failed"]
    script = template_text("gallery.js")
    return template("gallery.html.j2").render(
        language=LANG[language],
        policy=policy([script]),
        styles=stylesheet() + template_text("page.css") + template_text("gallery.css"),
        script=script,
        words={name: text.to(language) for name, text in _WORDS.items()},
        other=other,
        groups=groups,
        failing=failing[:_SHOWN_FAILURES],
        failing_more=len(failing) - _SHOWN_FAILURES,
        left=left[:_SHOWN_FAILURES],
        left_more=len(left) - _SHOWN_FAILURES,
        studies=sorted({(group.last.study, group.last.study_title) for group in groups}),
        total=len(found),
        comparisons=list(_comparisons(runs, language)),
        broken=sorted((path, said.to(language)) for path, said in broken),
    )


def _read(runs: Path) -> _Read:
    found: list[Found] = []
    broken: list[tuple[str, Text]] = []
    for path in sorted(runs.glob(f"[!.]*/[!.]*/{manifest.NAME}")):
        try:
            found.append(Found.read(path.parent))
        except FileNotFoundError:  # removed meanwhile
            continue
        except (OSError, ValueError) as error:
            broken.append(_reason(runs, path.parent, error))
    left = [
        (home.name, " · ".join(map(str, each.cell.values())))
        for home in sorted(path for path in runs.glob("[!.]*") if path.is_dir())
        for each in undone.read(home)
    ]
    return _Read(found, broken, dict.fromkeys(left))


def _reason(runs: Path, folder: Path, error: Exception) -> tuple[str, Text]:
    said = Text(*[f"{type(error).__name__}: {error}"] * 2)
    if isinstance(error, KeyError):
        said = Text(*(text.format(error.args[0]) for text in _WORDS["lacks"]))
    elif isinstance(error, json.JSONDecodeError):
        said = Text(*(text.format(error.lineno) for text in _WORDS["torn"]))
    return f"{folder.relative_to(runs).as_posix()}/{manifest.NAME}", said


def _groups(found: Sequence[Run], left: Collection[tuple[str, str]], language: Language) -> list[_Group]:
    by_cell: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(found, key=lambda run: (run.started, run.name), reverse=True):
        by_cell.setdefault((run.study, run.cell), []).append(run)
    ordered = sorted(by_cell.items(), key=lambda item: item[1][0].status != "failed" and item[0] not in left)
    return [
        _Group(f"g{place}", runs, _figures(runs, language), cell in left)
        for place, (cell, runs) in enumerate(ordered, start=1)
    ]


def _figures(runs: Sequence[Run], language: Language) -> list[_Shown]:
    """Return the key figures of the latest run that has any, each over the days of the data."""
    last = next((run for run in runs if run.figures), None)
    if last is None:
        return []
    beyond = _beyond(last)
    lines = []
    for figure in _most_telling(last.figures):
        days: dict[date, Figure] = {}
        for run in reversed(runs):  # of two runs on one day's data the later counts
            same = next((each for each in run.figures if each.key == figure.key), None)
            if same is not None and same.measured == figure.measured and run.day is not None:
                days[run.day] = same
        points = sorted(days.items())[-MOST:]
        said = _said(points, language)
        line = sparkline([(day, each.value) for day, each in points], said)
        lines.append(
            _Shown(figure.name, figure.text, figure.detail, figure.definition, line, figure.key in beyond)
        )
    return lines


def _most_telling(figures: Sequence[Figure]) -> list[Figure]:
    """Return a few figures, of every report in turn the most important first."""
    by_report: dict[str, list[Figure]] = {}
    for figure in figures:
        by_report.setdefault(figure.key[0], []).append(figure)
    chosen: list[Figure] = []
    while len(chosen) < _SHOWN_FIGURES and any(by_report.values()):
        for waiting in by_report.values():
            if waiting and len(chosen) < _SHOWN_FIGURES:
                chosen.append(waiting.pop(0))
    return [figure for figure in figures if figure in chosen]


def _said(points: Sequence[tuple[date, Figure]], language: Language) -> str:
    if not points:
        return ""
    (first, one), (last, two) = points[0], points[-1]
    return Text(f"{first}：{one.text}，{last}：{two.text}", f"{first}: {one.text}, {last}: {two.text}").to(
        language
    )


def _beyond(run: Run) -> set[tuple[str, str]]:
    """Return the figures that changed beyond chance, as the run's comparison says."""
    document = _document(run.comparison) if run.comparison else {}
    with contextlib.suppress(LookupError, TypeError):
        return {(f["report"], f["id"]) for f in document["figures"] if f["verdict"] == "beyond"}
    return set()


def _comparisons(runs: Path, language: Language) -> Iterator[tuple[str, str]]:
    """Yield link and text of what ``crmlab compare`` has put beside the studies, the latest run first."""
    for path in sorted(runs.glob(f"{COMPARISONS}/*/compare.json"), reverse=True):
        document = _document(path)
        with contextlib.suppress(LookupError, TypeError, ValueError):
            one, two = (document[name] for name in ("before", "after"))
            titles = dict.fromkeys(
                run["title"][language] if isinstance(run["title"], dict) else run["study"]
                for run in (one, two)
            )
            runs_told = " → ".join(f"{run['run']} ({run['as_of']})" for run in (one, two))
            told = f"{' → '.join(titles)}{_COLON.to(language)}{runs_told}"
            yield f"{COMPARISONS}/{quote(path.parent.name, safe='')}/compare.html", told


def _document(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        read = json.loads(path.read_text(encoding="utf-8"))
        return read if isinstance(read, dict) else {}
    return {}


def _replace(path: Path, text: str) -> Path:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".index-", suffix=".html")
    try:
        # Half a character, in the name of a file or in damaged JSON, is no reason to have no page.
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
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
