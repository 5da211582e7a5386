"""One output of a notebook cell, as markup in which no text of the data can become a tag.

What an output may be, the first that applies:

=====================================  =========================================================
``application/vnd.crmlab.view+json``   rendered from its data by :mod:`crmlab.view`
``application/vnd.vegalite.v*+json``   the specification as inert JSON; the page's script draws it
widgets                                a sentence that they need JupyterLab
``image/png`` and the like             a data: image, from re-encoded bytes
``image/svg+xml``                      a data: image, in which scripts never run
``text/html``                          cleaned to bare tables, lists and text without attributes
``text/markdown``                      rendered with raw HTML shown as text and no active links
``text/plain``, streams, tracebacks    escaped text
=====================================  =========================================================
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from crmlab.labels import Language, Text
from crmlab.report import markdown
from crmlab.view import html as view
from crmlab.view.cards import Cards
from crmlab.view.findings import Findings, Heading, KeyFigures, Note, SourceBox
from crmlab.view.html import View, escape
from crmlab.view.tables import Table
from crmlab.view.theme import describe, title_of

_VIEWS = (Table, Findings, Heading, KeyFigures, Note, SourceBox, Cards)
VIEWS: dict[str, type[View]] = {cls.view: cls for cls in _VIEWS}

CHART = re.compile(r"application/vnd\.vegalite\.v\d+(?:\.\d+)*(?:\+json|\.json)")
WIDGET = "application/vnd.jupyter.widget-view+json"
_BITMAPS = ("image/png", "image/jpeg", "image/gif", "image/webp")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_COMPOSED = ("facet", "repeat", "hconcat", "vconcat", "concat", "spec")

_NO_WIDGET = Text(
    "此处的交互控件只能在 JupyterLab 中使用；本页是静态报告。",
    "The control that stood here works in JupyterLab only; this page is a static report.",
)
_MESSAGES = Text("运行提示", "Messages")
_TRACEBACK = Text("出错详情", "Traceback")
_NO_SCRIPT = Text("启用脚本后可见图表：", "The chart appears once scripts are allowed: ")

_LISTS = {"dd", "dl", "dt", "li", "ol", "ul"}
_TABLES = {"caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
_TEXT = {"b", "br", "code", "em", "h4", "h5", "h6", "hr", "i", "p", "pre", "small", "strong", "sub", "sup"}
_TAGS = _LISTS | _TABLES | _TEXT


def render(
    output: Mapping[str, Any], language: Language, headings: list[markdown.Heading] | None = None
) -> str:
    """Return the markup of one output (nbformat 4), or nothing for an empty one.

    Headings that our own code put there get ids and are added to ``headings``.
    """
    kind = output["output_type"]
    if kind == "stream":
        text = f"<pre>{escape(plain(output['text']))}</pre>"
        return text if output["name"] == "stdout" else _folded(_MESSAGES, text, language, "messages")
    if kind == "error":
        lines = "\n".join(output.get("traceback") or [f"{output['ename']}: {output['evalue']}"])
        return _folded(_TRACEBACK, f"<pre>{escape(plain(lines))}</pre>", language, "traceback")
    return _display(output.get("data", {}), language, headings)


def _display(data: Mapping[str, Any], language: Language, headings: list[markdown.Heading] | None) -> str:
    payload = data.get(view.MIME)
    if isinstance(payload, dict) and payload.get("view") in VIEWS:
        try:
            if payload["view"] == Heading.view and headings is not None:
                level, text = int(payload["level"]), escape(payload["text"])
                heading = markdown.Heading(level, f"s{len(headings) + 1}", text)
                headings.append(heading)
                return Heading.render(payload, heading.id)
            return VIEWS[payload["view"]].render(payload)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return f"<pre>{escape(plain(data.get('text/plain', '')))}</pre>"
    for media, value in data.items():
        if CHART.fullmatch(media) and isinstance(value, dict):
            return _chart(value, language)
    if WIDGET in data:
        return f'<p class="widget">{escape(_NO_WIDGET.to(language))}</p>'
    for media in _BITMAPS:
        if media in data:
            return _image(media, _text(data[media]), _text(data.get("text/plain", "")))
    if "image/svg+xml" in data:
        encoded = base64.b64encode(_text(data["image/svg+xml"]).encode()).decode()
        return _image("image/svg+xml", encoded, _text(data.get("text/plain", "")))
    if "text/html" in data:
        return f'<div class="foreign">{clean(_text(data["text/html"]))}</div>'
    if "text/markdown" in data:
        return f'<div class="prose">{markdown.render(_text(data["text/markdown"]))}</div>'
    text = plain(data.get("text/plain", ""))
    return f"<pre>{escape(text)}</pre>" if text.strip() else ""


def clean(markup: str) -> str:
    """Return foreign HTML reduced to text, tables and lists; no attribute but spans of cells stays."""
    import bleach  # type: ignore[import-untyped]

    # The content of these would otherwise be left behind as text.
    markup = re.sub(r"<(script|style|template)\b.*?(?:</\1\s*>|\Z)", "", markup, flags=re.S | re.I)
    cells = {"td": ["colspan", "rowspan"], "th": ["colspan", "rowspan", "scope"]}
    return str(bleach.clean(markup, tags=_TAGS, attributes=cells, protocols=[], strip=True))


def _chart(spec: dict[str, Any], language: Language) -> str:
    """Return the figure: title as text that wraps, the specification, a place to draw."""
    spec = {key: value for key, value in spec.items() if key != "usermeta"}
    label = describe(spec)
    caption = _caption(title_of(spec))
    spec.pop("title", None)
    if "layer" in spec:
        spec["layer"] = [{k: v for k, v in layer.items() if k != "title"} for layer in spec["layer"]]
    single = not any(key in spec for key in _COMPOSED) and "facet" not in _channels(spec)
    if single and "width" not in spec:
        spec["width"] = "container"
    said = escape(label)
    return (
        f'<figure class="crm-chart">{caption}<div class="canvas" role="img" aria-label="{said}"></div>'
        f'<script type="application/json">{inert_json(spec)}</script>'
        f"<noscript><p>{escape(_NO_SCRIPT.to(language))}{said}</p></noscript></figure>"
    )


def _channels(spec: Mapping[str, Any]) -> set[str]:
    """Return the encoding channels of one view; those that split it into many count as ``facet``."""
    return {"facet" if key in ("row", "column") else key for key in spec.get("encoding", {})}


def _caption(title: Any) -> str:
    """Return title and subtitle as HTML: unlike those of Vega they wrap on a narrow screen."""
    parts = title if isinstance(title, dict) else {"text": title}
    text, subtitle = _lines(parts.get("text")), _lines(parts.get("subtitle"))
    if not text:
        return ""
    small = f"<small>{escape(subtitle)}</small>" if subtitle else ""
    return f"<figcaption>{escape(text)}{small}</figcaption>"


def _lines(text: Any) -> str:
    return " ".join(map(str, text)) if isinstance(text, list) else str(text or "")


def inert_json(value: Any) -> str:
    """Return JSON that can stand inside a ``<script>``: no tag can begin or end in it."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _image(media: str, encoded: str, alt: str) -> str:
    try:
        raw = base64.b64decode(encoded, validate=False)
    except binascii.Error:
        return f"<pre>{escape(plain(alt))}</pre>"
    return f'<img src="data:{media};base64,{base64.b64encode(raw).decode()}" alt="{escape(plain(alt))}">'


def _folded(title: Text, body: str, language: Language, kind: str) -> str:
    return f'<details class="{kind}"><summary>{title.to(language)}</summary>{body}</details>'


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def plain(value: Any) -> str:
    """Return text without terminal colours."""
    return _ANSI.sub("", _text(value))
