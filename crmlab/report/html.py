"""Turn an executed notebook into one self-contained page that opens with the network cut.

The page holds its styles, one copy of the chart engine where there are charts, and a
content-security policy that lets exactly these scripts run and nothing be fetched. Nothing in it
depends on the time or on chance: the same notebook gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from crmlab.labels import Language, Text
from crmlab.report import engine, markdown, outputs
from crmlab.view.html import stylesheet

if TYPE_CHECKING:
    import jinja2
    from nbformat import NotebookNode

LANGUAGES = ("zh", "en")
LANG = {"zh": "zh-CN", "en": "en"}
_MARKER = "papermill-error-cell-tag"
"""Cells that papermill adds to a failed notebook; the page has its own banner, and counts without them."""

_WORDS = {
    "contents": Text("目录", "Contents"),
    "code": Text("代码", "Code"),
    "parameters": Text("参数", "Parameters"),
    "defaults": Text("默认参数", "Default parameters"),
    "failed": Text("本报告未能完成", "This report did not finish"),
    "partial": Text(
        "以下内容只到出错之处为止，不宜作为结论使用。",
        "What follows stops where the run failed; do not draw conclusions from it.",
    ),
    "in_cell": Text("出错的单元：", "Failed in cell "),
}


@dataclass(frozen=True, slots=True)
class _Cell:
    kind: str  # prose · code · parameters
    body: str
    source: str = ""
    summary: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Failure:
    cell: int
    message: str


def export(
    notebook: NotebookNode,
    *,
    language: Language,
    title: str,
    bundle: str | None = None,
    failure: str | None = None,
) -> str:
    """Return the page of an executed notebook (nbformat 4).

    Cells tagged with the other language are left out; cells are numbered by their place in the
    notebook, from 1. ``bundle`` is the chart engine
    (:func:`crmlab.report.engine.bundle` by default). ``failure`` says why a run stopped where the
    notebook itself does not (a time-out, a kernel that died); errors of cells are found by
    themselves. Raises RunError where the chart engine cannot be used.
    """
    headings: list[markdown.Heading] = []
    cells: list[_Cell] = []
    failures: list[_Failure] = []
    count = 0
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if _MARKER in tags:
            continue
        count += 1
        if tags & set(LANGUAGES) and language not in tags:
            continue
        if cell.cell_type == "markdown":
            cells.append(_Cell("prose", markdown.render(cell.source, headings)))
        elif cell.cell_type == "code":
            cells.append(_code(cell, tags, count, language, headings))
            failures += [
                _Failure(count, outputs.plain(f"{output.get('ename')}: {output.get('evalue')}"))
                for output in cell.outputs
                if output.output_type == "error"
            ]
    if failure:
        failures.insert(0, _Failure(0, failure))
    charts = any('<figure class="crm-chart">' in cell.body for cell in cells)
    scripts = [bundle or engine.bundle(), template_text("page.js")] if charts else [template_text("page.js")]
    return template("page.html.j2").render(
        language=LANG[language],
        title=title,
        words={name: text.to(language) for name, text in _WORDS.items()},
        policy=policy(scripts),
        styles=stylesheet() + template_text("page.css") + _highlighting(),
        scripts=scripts,
        cells=cells,
        headings=[heading for heading in headings if heading.level in (2, 3)],
        headed=any(heading.level == 1 for heading in headings),
        failures=failures,
    )


def policy(scripts: list[str]) -> str:
    """Return the content-security policy under which only ``scripts`` run and nothing is fetched."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; font-src data:; "
        f"style-src 'unsafe-inline'; script-src {allowed}"
    )


def _code(
    cell: NotebookNode, tags: set[str], number: int, language: Language, headings: list[markdown.Heading]
) -> _Cell:
    shown = "\n".join(filter(None, (outputs.render(output, language, headings) for output in cell.outputs)))
    if "injected-parameters" in tags:
        return _Cell("parameters", shown, _highlight(cell.source), _WORDS["parameters"].to(language), number)
    if "parameters" in tags:
        return _Cell("parameters", shown, _highlight(cell.source), _WORDS["defaults"].to(language), number)
    return _Cell("code", shown, _highlight(cell.source), _WORDS["code"].to(language), number)


def _highlight(source: str) -> str:
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

    if not source.strip():
        return ""
    return str(highlight(source, PythonLexer(), HtmlFormatter(cssclass="source")))


def _highlighting() -> str:
    """Return the colours of code: few, taken from the page."""
    return (
        ".source .k,.source .kn,.source .kc,.source .ow,.source .o{color:#0f6b6b}"
        ".source .s,.source .s1,.source .s2,.source .sd,.source .se{color:#964101}"
        ".source .c1,.source .ch{color:#6f7a7d;font-style:italic}.source .mi,.source .mf{color:#5a3aa5}"
    )


@cache
def template_text(name: str) -> str:
    """Return a file of ``crmlab/report/template``."""
    return files("crmlab.report").joinpath("template", name).read_text(encoding="utf-8")


@cache
def template(name: str) -> jinja2.Template:
    """Return a page template; whatever is put into it is escaped unless it says otherwise."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template_text(name))
