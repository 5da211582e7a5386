"""How every chart looks: colours, type, grid, and the renderer that works with no network.

``enable()`` is called once per process, before charts are shown. Charts leave ``width`` unset: in
JupyterLab they take the theme's 640 px, in the report page the width of the text column.

Colours
-------
``PALETTE`` was searched in OKLCH for the largest smallest difference between any two colours, seen
with normal vision and with simulated protanopia, deuteranopia and tritanopia (Machado, Oliveira &
Fernandes 2009, severity 1); the smallest difference in OKLab is 0.13, and every colour has a
contrast of at least 2:1 on white. Red against green is never used to tell good from bad.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from crmlab.labels import Language

MIME = "application/vnd.vegalite.v5+json"
"""JupyterLab 4 draws this offline with its own engine; it registers no later version."""

ACCENT = "#0f6b6b"
PALETTE = ("#0f6b6b", "#ebaa2d", "#8f68cb", "#cd6b17", "#29a895", "#452282", "#b4acfa", "#72130b")
"""Categories without order. More than eight: show the largest and gather the rest as "other"."""

GOOD, NEUTRAL, BAD = "#0f6b6b", "#a9a69f", "#cd6b17"
"""Colours that judge: better, neither, worse."""

SEQUENTIAL = ("#eef5f3", "#c9e3de", "#97cac2", "#5fada6", "#2f8c88", "#0f6b6b", "#084a4c")
"""Few to many: one hue, lightness falls evenly."""

DIVERGING = ("#9c4a07", "#cd6b17", "#e6a96d", "#f3f1ec", "#8fc4bd", "#3f948e", "#0a5557")
"""Worse than the middle to better than it."""

INK, MUTED, GRID = "#1f2a2e", "#5c686c", "#e7e5df"

FONT = (
    '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "PingFang SC", "Hiragino Sans GB", '
    '"Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", sans-serif'
)
"""Latin first, then the Chinese faces of macOS, Windows and Linux."""

_ZH_TIME = {
    "dateTime": "%x %X",
    "date": "%Y年%-m月%-d日",
    "time": "%H:%M:%S",
    "periods": ["上午", "下午"],
    "days": ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"],
    "shortDays": ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
    "months": [f"{month}月" for month in range(1, 13)],
    "shortMonths": [f"{month}月" for month in range(1, 13)],
}


def ink_on(colour: str) -> str:
    """Return the text colour that reads best on ``colour``: white, or dark ink on light colours."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    # Relative luminance of WCAG 2 with gamma 2.2; 0.24 is where white and dark contrast equally.
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return "#ffffff" if luminance < 0.24 else INK


def enable(language: Language = "zh") -> None:
    """Register and switch on the theme and the renderer ``crmlab`` in altair.

    Call it before anything else imports altair. ``language`` sets the names of months on time axes.
    """
    # jsonschema's optional IRI checker builds a grammar when it is imported (about 2 s of CPU in
    # every process). A None entry makes that import fail, which jsonschema expects; all that is
    # lost is the check of the formats "iri" and "iri-reference".
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import altair as alt

    alt.theme.register("crmlab", enable=True)(lambda: cast(Any, theme(language)))
    alt.renderers.register("crmlab", render)
    alt.renderers.enable("crmlab")


def render(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Return the output of a chart: its specification, and its description as plain text.

    ``width="container"`` is taken out: JupyterLab puts a chart into a box that is as wide as the chart,
    so such a chart would be 0 px wide there. The report page puts it back.
    """
    spec = {key: value for key, value in spec.items() if (key, value) != ("width", "container")}
    return {MIME: spec, "text/plain": f"[{describe(spec) or 'chart'}]"}


def describe(spec: dict[str, Any]) -> str:
    """Return what a chart says in words: its description, or else its title."""
    title = title_of(spec)
    text = title.get("text") if isinstance(title, dict) else title
    lines = spec.get("description") or text or ""
    return " ".join(map(str, lines)) if isinstance(lines, list) else str(lines)


def title_of(spec: dict[str, Any]) -> Any:
    """Return the title of a chart; of a layered one, which may carry it in any layer, the first."""
    layers = spec.get("layer", [])
    return spec.get("title") or next((layer["title"] for layer in layers if layer.get("title")), None)


def number_label(language: Language) -> str:
    """Return a Vega ``labelExpr`` that shortens large axis numbers: 万 and 亿, or k and M."""
    value = "abs(datum.value)"
    if language == "zh":
        return (
            f"{value} >= 1e8 ? format(datum.value / 1e8, ',.4~f') + '亿' : "
            f"{value} >= 1e4 ? format(datum.value / 1e4, ',.4~f') + '万' : format(datum.value, ',.6~f')"
        )
    return (
        f"{value} >= 1e6 ? format(datum.value / 1e6, ',.4~f') + 'M' : "
        f"{value} >= 1e4 ? format(datum.value / 1e3, ',.4~f') + 'k' : format(datum.value, ',.6~f')"
    )


def theme(language: Language = "zh") -> dict[str, Any]:
    """Return the theme as altair wants it: what is merged below every chart's own settings."""
    marks = {
        "arc": {"stroke": "#ffffff", "strokeWidth": 1.5},
        "area": {"color": ACCENT, "fillOpacity": 0.25, "line": {"color": ACCENT}},
        "bar": {"color": ACCENT, "cornerRadiusEnd": 2},
        "circle": {"color": ACCENT, "size": 70, "opacity": 0.85},
        "line": {"color": ACCENT, "strokeWidth": 2.5},
        "point": {"color": ACCENT, "filled": True, "size": 70, "opacity": 0.9},
        "rect": {"color": ACCENT},
        "rule": {"color": MUTED},
        "text": {"color": INK, "fontSize": 12},
        "tick": {"color": ACCENT},
        "trail": {"color": ACCENT},
    }
    config: dict[str, Any] = {
        "background": "#ffffff",
        "font": FONT,
        "padding": {"left": 4, "top": 6, "right": 14, "bottom": 4},
        "view": {
            "stroke": None,
            "continuousWidth": 640,
            "discreteWidth": 640,
            "continuousHeight": 320,
            "discreteHeight": {"step": 30},
        },
        "mark": {"color": ACCENT},
        **marks,
        "title": {
            "anchor": "start",
            "frame": "group",
            "color": INK,
            "fontSize": 16,
            "fontWeight": 600,
            "subtitleColor": MUTED,
            "subtitleFontSize": 13,
            "subtitlePadding": 6,
            "offset": 14,
        },
        "axis": {
            "domain": False,
            "grid": True,
            "gridColor": GRID,
            "ticks": False,
            "labelColor": MUTED,
            "labelFontSize": 12,
            "labelLimit": 240,
            "labelPadding": 6,
            "titleLimit": 480,
            "titleColor": MUTED,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
        },
        "axisBand": {"grid": False},
        "axisQuantitative": {"tickCount": 6},
        # A y title lies flat above its axis: turned by 90° it is hard to read, Chinese above all.
        "axisLeft": {"titleAngle": 0, "titleAlign": "left", "titleX": 0, "titleY": -14},
        "axisRight": {"titleAngle": 0, "titleAlign": "right", "titleX": 0, "titleY": -14},
        "header": {"labelColor": INK, "labelFontSize": 12, "titleColor": MUTED, "titleFontSize": 12},
        "legend": {
            "orient": "top",
            "labelColor": INK,
            "labelFontSize": 12,
            "labelLimit": 240,
            "symbolSize": 90,
            "titleColor": MUTED,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "gradientThickness": 10,
            "offset": 32,
            "columns": 4,
            "rowPadding": 6,
            "columnPadding": 16,
        },
        "range": {
            "category": list(PALETTE),
            "diverging": list(DIVERGING),
            "heatmap": list(SEQUENTIAL),
            "ordinal": list(SEQUENTIAL),
            "ramp": list(SEQUENTIAL),
        },
    }
    look: dict[str, Any] = {"config": config}
    if language == "zh":
        look["usermeta"] = {"embedOptions": {"timeFormatLocale": _ZH_TIME}}
    return look
