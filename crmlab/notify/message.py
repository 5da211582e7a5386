"""What people are told about how a run ended: status, headlines, key figures, errors in words, links."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crmlab.labels import Language, Text
from crmlab.report.traces import Traces
from crmlab.view import numbers
from crmlab.view.texts import say

_LONGEST = 300
"""Characters of one line; an error may be a page."""
_FIGURES = 3
"""Key figures of one report that a message shows."""
_MOST_LINKS = 8
"""A message with more reports links to the list of runs alone."""
_STATUS = {
    "error": "notify_status_error",
    "timeout": "notify_status_timeout",
    "kernel_died": "notify_status_kernel_died",
    "exited": "notify_status_exited",
    "disk_full": "notify_status_disk_full",
    "interrupted": "notify_status_interrupted",
    "quality_gate": "notify_status_quality_gate",
}


@dataclass(frozen=True)
class Message:
    """A title, lines of plain text, links as (text, address), and whether all went well."""

    title: str
    lines: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()
    good: bool = True

    @property
    def heading(self) -> str:
        """The title with a mark that is seen at once."""
        return f"{'✅' if self.good else '❌'} {self.title}"


def about_runs(
    study: Text,
    folders: Sequence[Path],
    problems: Sequence[str],
    language: Language,
    link: str | None,
    traces: Traces,
) -> Message:
    """Return the message about published runs of one study, what went wrong first.

    ``problems`` are sentences about what no run tells, such as cells that have none. The rest is what
    the manifests say, without contacts of persons and without secrets.
    """
    manifests = [json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in folders]
    runs = sorted(zip(folders, manifests, strict=True), key=lambda run: run[1]["status"] == "done")
    reports = [(folder, run, report) for folder, run in runs for report in run["reports"]]
    reports.sort(key=lambda entry: entry[2]["status"] == "done")
    bad = sum(report["status"] != "done" for _, _, report in reports)
    key = "notify_failed" if bad else "notify_problems" if problems else "notify_done"
    title = say(key, study=study, n=len(reports), bad=bad).to(language)
    lines = [_facts(manifests).to(language)] if manifests else []
    lines += [f"❌ {problem}" for problem in problems]
    for _, run, report in reports:
        lines += [line.to(language) for line in _about_report(run, report)]
    links = _links(reports, language, link)
    if folders and not link:
        place = folders[0] if len(folders) == 1 else folders[0].parent
        lines.append(say("notify_folder", path=str(place)).to(language))
    return Message(
        _plain(title, traces),
        tuple(_plain(line, traces) for line in lines),
        links,
        good=not (bad or problems),
    )


def about_no_run(
    study: Text, due: str, code: int, said: Sequence[str], language: Language, traces: Traces
) -> Message:
    """Return the message about a scheduled run that published nothing, with the last that it said."""
    lines = [say("notify_due", due=due, code=code).to(language), *(f"· {line}" for line in said)]
    title = say("notify_not_started", study=study).to(language)
    return Message(_plain(title, traces), tuple(_plain(line, traces) for line in lines), good=False)


def test_message(study: Text, language: Language) -> Message:
    """Return a message that says that the channel works."""
    title = _plain(say("notify_test", study=study).to(language), Traces())
    return Message(title, (say("notify_test_text").to(language),))


test_message.__test__ = False  # type: ignore[attr-defined]  # no test of pytest's


def _facts(manifests: Sequence[Mapping[str, Any]]) -> Text:
    days = sorted({run["as_of"] for run in manifests})
    seconds = sum(run["seconds"] for run in manifests)
    return say("notify_facts", day=" – ".join(dict.fromkeys((days[0], days[-1]))), seconds=f"{seconds:,.0f}")


def _about_report(run: Mapping[str, Any], report: Mapping[str, Any]) -> list[Text]:
    """Return a line about a report, and one with its key figures."""
    name = _name(run, report)
    if report["status"] != "done":
        error = report.get("error") or {}
        said = [say(_STATUS.get(report["status"], "notify_status_other"))]
        if error.get("cell"):
            said.append(say("notify_cell", cell=error["cell"]))
        if words := ": ".join(str(error[part]) for part in ("type", "message") if error.get(part)):
            said.append(Text(words, words))
        return [_marked("❌", _after(name, _listed(said)))]
    headline = report.get("headline")
    told = _after(name, _text(headline)) if headline else name
    shown = [
        figure for figure in report.get("figures") or () if figure["key"] and figure["value"] is not None
    ]
    figures = [_figure(figure, run["params"]["currency"]) for figure in shown[:_FIGURES]]
    return [_marked("✅", told), *([_marked("　", _listed(figures))] if figures else [])]


def _after(name: Text, said: Text) -> Text:
    return Text(f"{name.zh}：{said.zh}", f"{name.en}: {said.en}")


def _listed(texts: Sequence[Text]) -> Text:
    return Text("；".join(text.zh for text in texts), "; ".join(text.en for text in texts))


def _marked(mark: str, text: Text) -> Text:
    return Text(f"{mark} {text.zh}", f"{mark} {text.en}")


def _name(run: Mapping[str, Any], report: Mapping[str, Any]) -> Text:
    """Return the title of a report, after the cell of the matrix that it belongs to."""
    cell = " · ".join(str(value) for value in (run.get("cell") or {}).values())
    title = _text(report["title"])
    return Text(f"{cell} · {title.zh}", f"{cell} · {title.en}") if cell else title


def _figure(figure: Mapping[str, Any], currency: str) -> Text:
    value, unit = figure["value"], figure["unit"]
    name = _text(figure)
    if unit == "currency":
        shown = numbers.money(value, currency)
    else:
        written = {"share": numbers.percent, "count": numbers.count, "days": numbers.count}
        number = written.get(unit, numbers.decimal)(value)
        shown = Text(number, number)
    return Text(f"{name.zh} {shown.zh}", f"{name.en} {shown.en}")


def _links(
    reports: Sequence[tuple[Path, Mapping[str, Any], Mapping[str, Any]]],
    language: Language,
    link: str | None,
) -> tuple[tuple[str, str], ...]:
    if not link:
        return ()
    base = link.rstrip("/")
    found = [
        (
            _name(run, report).to(language),
            "/".join([base, quote(folder.parent.name), quote(folder.name), quote(f"{report['name']}.html")]),
        )
        for folder, run, report in reports
        if (folder / f"{report['name']}.html").is_file()
    ]
    found = found if len(found) <= _MOST_LINKS else []
    return (*found, (say("notify_gallery").to(language), f"{base}/index.html"))


def _text(value: Mapping[str, str] | str) -> Text:
    return Text(value, value) if isinstance(value, str) else Text(value["zh"], value["en"])


def _plain(line: str, traces: Traces) -> str:
    """Return a line as it may leave the house: one line, not too long, no secrets, no contacts."""
    clean = traces.without(line)
    text = "".join(character if character.isprintable() or character == "　" else " " for character in clean)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
