"""The report page in a real browser with the network cut, fed with hostile text in every place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat.v4 as v4
import polars as pl
import pytest

from crmlab.labels import Language, Text
from crmlab.report.html import export
from crmlab.view import theme
from crmlab.view.findings import Findings, KeyFigures, Note, SourceBox
from crmlab.view.tables import Column, Table

pytestmark = pytest.mark.e2e

MARKER = "window.PWNED=1;document.title='PWNED';alert(1)"
ATTACKS = (
    f"</script><script>{MARKER}</script>",
    f'"onerror="{MARKER}" onload="{MARKER}',
    f"<img src=x onerror=\"{MARKER}\"><svg onload=\"{MARKER}\">",
    f"[click](javascript:{MARKER}) <a href=\"javascript:{MARKER}\">x</a>",
    f"<iframe srcdoc=\"<script>parent.{MARKER}</script>\"></iframe><link rel=stylesheet href=https://evil.test/a.css>",
    f'data:x" onerror="{MARKER}',
    "![pixel](https://evil.test/pixel.png) https://evil.test/",
)  # fmt: skip
HOSTILE = " ".join(ATTACKS)
BOTH = Text("恶意文本 " + HOSTILE, "Hostile text " + HOSTILE)

CLIPPED = """[...document.querySelectorAll('figure.crm-chart svg text')].filter(text => {
    const box = text.getBoundingClientRect(), frame = text.closest('svg').getBoundingClientRect();
    const out = box.left < frame.left - 1 || box.right > frame.right + 1;
    return box.width && (out || text.textContent.endsWith('…'));
}).map(text => text.textContent)"""

SEGMENTS = (
    ("重要价值客户", "Champions", 412, 0.412, 4453.4),
    ("重要发展客户", "Potential loyalists", 305, 0.137, 2008.0),
    ("重要保持客户", "Loyal, need attention", 288, 0.132, 2045.1),
    ("一般挽留客户", "Hibernating", 318, 0.051, 720.1),
)


def display(view: Any) -> Any:
    """The output that showing a view or a chart leaves in a notebook."""
    bundle = getattr(view, "_repr_mimebundle_", None)
    data = bundle() if not hasattr(view, "to_dict") else theme.render(view.to_dict())
    return v4.new_output("display_data", data=data)


def code(source: str, *outputs: Any, tags: tuple[str, ...] = ()) -> Any:
    return v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def prose(zh: str, en: str) -> list[Any]:
    return [v4.new_markdown_cell(text, metadata={"tags": [tag]}) for tag, text in (("zh", zh), ("en", en))]


def segments(language: Language) -> pl.DataFrame:
    rows = [
        {"name": zh if language == "zh" else en, "customers": n, "share": share, "spend": spend}
        for zh, en, n, share, spend in SEGMENTS
    ]
    return pl.DataFrame(rows)


def charts(language: Language, extra: str = "") -> list[Any]:
    """A bar chart with a legend that selects, and a layered line with a brush."""
    theme.enable(language)
    import altair as alt

    def say(zh: str, en: str) -> str:
        return (zh if language == "zh" else en) + extra

    frame = segments(language).with_columns(image=pl.lit(f'data:x" onerror="{MARKER}'))
    if extra:
        frame = frame.with_columns(name=pl.col("name") + extra)
    pick = alt.selection_point(fields=["name"], bind="legend", name="pick")
    bars = (
        alt.Chart(frame, title=say("重要价值客户贡献最多", "Champions bring the most"))
        .mark_bar()
        .encode(
            y=alt.Y("name:N", sort=None, title=None),
            x=alt.X("customers:Q", title=say("客户数（户）", "Customers (households)")),
            color=alt.Color("name:N", title=None, sort=None),
            opacity=alt.condition(pick, alt.value(1), alt.value(0.3)),
            tooltip=["name:N", "customers:Q", "image:N"],
            href=alt.value(f"javascript:{MARKER}") if extra else alt.Undefined,
        )
        .add_params(pick)
        .properties(description=say("条形图", "Bar chart"))
    )
    months = pl.DataFrame(
        {"month": [f"2017-{m:02}-01" for m in range(1, 13)], "sales": list(range(10, 130, 10))}
    )
    base = alt.Chart(months, title=say("销售额逐月上升", "Sales rise every month")).encode(
        x=alt.X("month:T", title=say("月份", "Month")),
        y=alt.Y("sales:Q", title=say("销售额（千元）", "Sales (thousand)")),
    )
    brush = alt.selection_interval(encodings=["x"], name="brush")
    line = base.mark_line() + base.mark_point().encode(tooltip=["sales:Q"]).add_params(brush)
    return [bars, line]


def table(language: Language, extra: str = "") -> Table:
    frame = segments(language)
    columns = [
        Column("name", Text("客户群" + extra, "Segment" + extra)),
        Column("customers", Text("客户数", "Customers"), "integer"),
        Column("share", Text("销售额占比", "Share of revenue"), "percent", bar=True),
        Column(
            "spend", Text("客均消费", "Average spend"), "money", note=Text("过去 12 个月", "past 12 months")
        ),
    ]
    if extra:
        frame = frame.with_columns(name=pl.col("name") + extra)
    caption = Text("各客户群画像" + extra, "Segment profiles" + extra)
    return Table(frame, columns, caption, Text("注", "Note"), language, "USD")


def honest(language: Language) -> Any:
    """A small report as an analyst would write it."""
    findings = Findings(
        [
            Text("16.7% 的客户贡献了 41.2% 的销售额。", "16.7% of customers bring 41.2% of revenue."),
            Text("共 412 户重要价值客户，户均消费 $4,453。", "412 champions spend $4,453 each on average."),
            Text("优先联系已 90 天未下单的客户。", "Contact first those who have not ordered for 90 days."),
        ],
        language,
    )
    figures = KeyFigures(
        [("2,469", Text("客户（户）", "Households")), ("$4.6M", Text("销售额", "Revenue"))], language
    )
    source = SourceBox([(Text("数据", "Data"), Text("示例数据", "Sample data"))], language)
    bars, line = charts(language)
    cells = [
        *prose("# 客户细分\n\n谁在贡献价值。", "# Customer segmentation\n\nWho brings the value."),
        code("import crmlab"),
        code("top_n = 5", tags=("parameters",)),
        code("top_n = 3", tags=("injected-parameters",)),
        code("lab.findings()", display(findings)),
        *prose("## 数据概况", "## The data"),
        code("lab.overview()", display(figures), display(source)),
        *prose("## 客户群", "## Segments"),
        code("segmentation.chart()", display(bars)),
        code("segmentation.table()", display(table(language))),
        *prose("## 趋势", "## Trend"),
        code("trend.chart()", display(line), display(Note(Text("仅供参考。", "For orientation."), language))),
    ]
    return v4.new_notebook(cells=cells)


def hostile(language: Language) -> Any:
    """The same kinds of output with attacks in every text."""
    views = [
        Findings([BOTH], language),
        KeyFigures([(HOSTILE, BOTH)], language),
        SourceBox([(BOTH, BOTH)], language),
        Note(BOTH, language),
        table(language, HOSTILE),
        *charts(language, HOSTILE),
    ]
    payload = display(table(language))
    payload.data["application/vnd.crmlab.view+json"]["rows"][0][1] = HOSTILE
    payload.data["application/vnd.crmlab.view+json"]["columns"][1]["title"] = HOSTILE
    outputs = [
        *(display(view) for view in views),
        payload,
        *(
            v4.new_output("display_data", data={kind: HOSTILE})
            for kind in ("text/html", "text/markdown", "text/plain")
        ),
        v4.new_output(
            "display_data", data={"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{HOSTILE}</svg>"}
        ),
        v4.new_output("display_data", data={"image/png": 'x" onerror="' + MARKER}),
        v4.new_output("display_data", data={"application/javascript": MARKER, "text/plain": "js"}),
        v4.new_output("stream", name="stdout", text=HOSTILE),
        v4.new_output("stream", name="stderr", text=HOSTILE),
        v4.new_output("error", ename=HOSTILE, evalue=HOSTILE, traceback=[HOSTILE]),
    ]
    cells = [
        v4.new_markdown_cell(f"# {HOSTILE}\n\n## {HOSTILE}\n\n{HOSTILE}"),
        code(HOSTILE, *outputs),
        code(f"name = {HOSTILE!r}", tags=("injected-parameters",)),
    ]
    return v4.new_notebook(cells=cells)


@pytest.fixture
def page(tmp_path: Path) -> Callable[[Any, Language], Path]:
    def write(notebook: Any, language: Language) -> Path:
        path = tmp_path / "report.html"
        title = "客户细分" if language == "zh" else "Customer segmentation"
        path.write_text(export(notebook, language=language, title=title), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_report_is_drawn_offline_and_fits(visit: Any, page: Any, language: Language, width: int) -> None:
    seen = visit(page(honest(language), language), width)
    assert (seen.drawn, seen.figures) == (2, 2)
    assert seen.requests == []
    assert seen.errors == []
    assert seen.dialogs == []
    assert seen.overflow <= 0
    assert seen.page.locator("nav.contents.wide").is_visible() == (width == 1280)
    assert seen.page.locator("nav.contents.narrow").is_visible() == (width == 390)
    clipped = seen.page.evaluate(CLIPPED)
    assert clipped == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_text_of_the_data_becomes_active(visit: Any, page: Any, language: Language, width: int) -> None:
    seen = visit(page(hostile(language), language), width)
    browser = seen.page
    for summary in browser.locator("main details > summary:visible").all():
        summary.click()
    for mark in browser.locator("figure.crm-chart svg [aria-roledescription='bar']").all():
        mark.hover(force=True)
    browser.locator("figure.crm-chart svg [aria-roledescription='bar']").first.click(force=True)
    assert (seen.drawn, seen.figures) == (2, 2)
    assert browser.evaluate("window.PWNED") is None
    assert browser.title() in ("客户细分", "Customer segmentation")
    assert seen.dialogs == []
    assert seen.requests == []
    assert seen.errors == []  # a violation of the policy would be reported here
    assert seen.overflow <= 0
    assert browser.locator("main :is(iframe, object, embed, link, base)").count() == 0
    assert (
        browser.locator("[onerror], [onload], [href^='javascript'], [src^='http'], [href^='http']").count()
        == 0
    )
    assert browser.locator(".failed").inner_text().count("PWNED") > 0


def test_tooltip_shows_values_as_text(visit: Any, page: Any) -> None:
    seen = visit(page(honest("en"), "en"))
    seen.page.locator("figure.crm-chart svg [aria-roledescription='bar']").first.hover()
    tip = seen.page.locator(".crm-tip")
    tip.wait_for(state="visible")
    assert "Champions" in tip.inner_text()
    assert "412" in tip.inner_text()
    assert f'data:x" onerror="{MARKER}' in tip.inner_text()
    assert tip.locator("img").count() == 0
    seen.page.mouse.move(2, 2)
    tip.wait_for(state="hidden")


def test_selections_stay_alive(visit: Any, page: Any) -> None:
    seen = visit(page(honest("en"), "en"))
    figure = seen.page.locator("figure.crm-chart").first
    figure.locator(".role-legend-label text", has_text="Hibernating").click()
    faded = figure.locator(".mark-rect.role-mark path[opacity='0.3']")
    faded.first.wait_for()
    assert faded.count() == 3


def test_tables_sort_by_value_and_back(visit: Any, page: Any) -> None:
    seen = visit(page(honest("en"), "en"))
    figure = seen.page.locator("figure.crm-table")

    def names() -> list[str]:
        return figure.locator("tbody th").all_inner_texts()

    figure.get_by_role("button", name="Average spend").click()
    assert names() == ["Champions", "Loyal, need attention", "Potential loyalists", "Hibernating"]
    figure.get_by_role("button", name="Average spend").click()
    assert names() == ["Hibernating", "Potential loyalists", "Loyal, need attention", "Champions"]
    assert figure.locator("th[aria-sort='ascending']").inner_text().startswith("Average spend")
    figure.get_by_role("button", name="Segment").click()
    assert names() == ["Champions", "Hibernating", "Loyal, need attention", "Potential loyalists"]


def test_code_is_hidden_until_unfolded(visit: Any, page: Any) -> None:
    seen = visit(page(honest("zh"), "zh"))
    source = seen.page.get_by_text("segmentation.chart()")
    assert not source.is_visible()
    seen.page.locator("section.code", has=seen.page.locator("figure.crm-chart")).first.locator(
        "summary", has_text="代码"
    ).click()
    assert source.is_visible()
    parameters = seen.page.locator("section.parameters", has_text="3").locator("summary")
    assert parameters.all_inner_texts()[-1].startswith("参数")


def test_contents_lead_to_their_headings(visit: Any, page: Any) -> None:
    seen = visit(page(honest("en"), "en"), 390)
    seen.page.locator("nav.contents.narrow summary").click()
    seen.page.locator("nav.contents.narrow a", has_text="Trend").click()
    assert seen.page.evaluate("document.querySelector(location.hash).textContent") == "Trend"
    assert seen.page.get_by_role("heading", name="Trend").is_visible()


def test_a_chart_that_cannot_be_drawn_says_so(visit: Any, page: Any) -> None:
    broken = v4.new_output("display_data", data={theme.MIME: {"mark": "no such mark", "description": "d"}})
    seen = visit(page(v4.new_notebook(cells=[code("x", broken)]), "en"))
    assert seen.drawn == 0
    assert "could not be drawn" in seen.page.locator(".chart-error").inner_text()


def test_print_hides_the_machinery(visit: Any, page: Any) -> None:
    seen = visit(page(honest("en"), "en"))
    seen.page.emulate_media(media="print")
    assert (
        seen.page.locator("nav.contents:visible, details.code:visible, .vega-embed details:visible").count()
        == 0
    )
    assert seen.page.locator("figure.crm-table:visible").count() == 1
    assert len(seen.page.pdf(format="A4")) > 10_000
