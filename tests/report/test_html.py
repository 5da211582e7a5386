"""The report page as text: what it keeps, what it escapes, how large it is, that it repeats."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat.v4 as v4
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.labels import Language, Text
from crmlab.report import engine, markdown, outputs
from crmlab.report.html import export
from crmlab.view import html as view
from crmlab.view import theme
from crmlab.view.findings import Findings, Heading, Sections
from crmlab.view.tables import Column, Table

ENGINE = "window.vegaEmbed = null;"
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def code(source: str, *found: Any, tags: tuple[str, ...] = ()) -> Any:
    return v4.new_code_cell(source, outputs=list(found), metadata={"tags": list(tags)})


def shown(**data: Any) -> Any:
    return v4.new_output("display_data", data={key.replace("__", "/"): value for key, value in data.items()})


def page(*cells: Any, language: Language = "en", **options: Any) -> str:
    notebook = v4.new_notebook(cells=list(cells))
    return export(notebook, language=language, title="Title", bundle=options.pop("bundle", ENGINE), **options)


def body(*cells: Any, **options: Any) -> str:
    return re.sub(r"<(style|script)\b.*?</\1>", "", page(*cells, **options), flags=re.S)


class Tags(HTMLParser):
    """Collects elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def chart(rows: int = 200) -> Any:
    theme.enable("en")
    import altair as alt

    frame = pl.DataFrame(
        {
            "x": list(range(rows)),
            "y": [i * 37 % 101 for i in range(rows)],
            "g": [f"客户 {i % 5}" for i in range(rows)],
        }
    )
    drawn = (
        alt.Chart(frame, title="A finding")
        .mark_point()
        .encode(x="x:Q", y="y:Q", color="g:N", tooltip=["g", "y"])
    )
    return v4.new_output("display_data", data=theme.render(drawn.to_dict()))


# --- what is kept ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "kept", "dropped"), [("zh", "中文段落", "English"), ("en", "English", "中文段落")]
)
def test_one_language_is_kept(language: Language, kept: str, dropped: str) -> None:
    text = body(
        v4.new_markdown_cell("中文段落", metadata={"tags": ["zh"]}),
        v4.new_markdown_cell("English", metadata={"tags": ["en"]}),
        v4.new_markdown_cell("Both 都有"),
        language=language,
    )
    assert kept in text
    assert dropped not in text
    assert "Both 都有" in text
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in text


def test_headings_get_numbered_ids_and_contents() -> None:
    text = body(
        v4.new_markdown_cell("# Top\n## 数据 & more\n### Part"), v4.new_markdown_cell("## 数据 & more")
    )
    assert re.findall(r'<h\d id="(s\d)">', text) == ["s1", "s2", "s3", "s4"]
    assert text.count('<a href="#s2">数据 &amp; more</a>') == 2  # the wide and the narrow contents
    assert '<a href="#s1">' not in text
    assert text.count("<h1") == 1


def test_the_title_heads_a_notebook_without_a_heading() -> None:
    assert "<h1>Title</h1>" in body(code("1"))


def test_code_and_parameters_are_folded() -> None:
    text = body(
        code("a = 1", tags=("parameters",)), code("a = 2", tags=("injected-parameters",)), code("b = 3")
    )
    assert re.findall(r"<summary>(.*?) <span>", text) == ["Default parameters", "Parameters", "Code"]
    assert not re.search(r"<details[^>]*\bopen", text)


def test_warnings_are_folded_and_prints_are_not() -> None:
    found = [
        v4.new_output("stream", name=name, text=f"from {name}\x1b[31m!") for name in ("stdout", "stderr")
    ]
    text = body(code("x", *found))
    assert "<pre>from stdout!</pre>" in text
    assert '<details class="messages"><summary>Messages</summary><pre>from stderr!</pre>' in text


def test_a_widget_becomes_a_sentence_in_the_readers_language() -> None:
    widget = shown(
        **{"application__vnd.jupyter.widget-view+json": {"model_id": "1"}, "text__plain": "IntSlider()"}
    )
    assert "JupyterLab only" in body(code("w", widget))
    assert "只能在 JupyterLab 中使用" in body(code("w", widget), language="zh")
    assert "IntSlider" not in body(code("w", widget))


def test_a_failed_cell_heads_the_page() -> None:
    failed = v4.new_output(
        "error", ename="ValueError", evalue="no <rows>", traceback=["\x1b[31mTrace\x1b[0m <b>"]
    )
    marker = v4.new_markdown_cell('<span style="color:red">', metadata={"tags": ["papermill-error-cell-tag"]})
    text = body(
        marker, v4.new_markdown_cell("words"), code("ok"), code("bad", failed), failure="Timed out <here>"
    )
    banner = text[text.index('<section class="failed"') : text.index("<h1>")]
    assert "Timed out &lt;here&gt;" in banner
    assert '<a href="#cell-3">Failed in cell 3</a>' in banner
    assert "ValueError: no &lt;rows&gt;" in banner
    assert 'id="cell-3"' in text
    assert "<pre>Trace &lt;b&gt;</pre>" in text
    assert "color:red" not in text


def test_a_good_page_has_no_banner() -> None:
    assert 'class="failed"' not in body(code("ok"))


def test_charts_carry_title_description_and_container_width() -> None:
    text = page(code("chart", chart()))
    assert "<figcaption>A finding</figcaption>" in text
    assert '<div class="canvas" role="img" aria-label="A finding"></div>' in text
    spec = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text)[1])
    assert spec["width"] == "container"
    assert "title" not in spec
    assert "usermeta" not in spec


def test_composed_and_sized_charts_keep_their_width() -> None:
    for spec in ({"hconcat": []}, {"mark": "bar", "encoding": {"row": {}}}, {"mark": "bar", "width": 200}):
        text = outputs.render(v4.new_output("display_data", data={theme.MIME: spec}), "en")
        assert '"container"' not in text


# --- what cannot become active -------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["text/html", "text/markdown", "text/plain", "text/latex", "application/json"]
)
def test_foreign_outputs_bring_no_active_tags(kind: str) -> None:
    text = body(code("x", v4.new_output("display_data", data={kind: ATTACK + "[a](javascript:alert(1))"})))
    active = [
        tag for tag, attributes in Tags(text).found if tag in ("img", "script") or "onerror" in attributes
    ]
    assert active == []


@given(st.text(alphabet=st.sampled_from("<>/\"'= abscriptimgontd!-&;x"), max_size=60))
def test_cleaned_html_has_no_attributes_and_stays_in_its_place(text: str) -> None:
    cleaned = outputs.clean(f"<td onclick=x>{text}")
    assert all(set(attributes) <= {"colspan", "rowspan", "scope"} for _, attributes in Tags(cleaned).found)
    opened = re.findall(r"<([a-z]+\d?)[ >]", cleaned)
    assert all(tag in outputs._TAGS for tag in opened)


def test_cleaned_html_keeps_tables_and_drops_styles() -> None:
    frame = pl.DataFrame({"a<b": ["<i>x</i>"]})
    cleaned = outputs.clean(frame._repr_html_())
    assert "a&lt;b" in cleaned
    assert "&lt;i&gt;x" in cleaned
    assert "<td>" in cleaned
    assert "border" not in cleaned


def test_own_views_are_rendered_from_data_not_from_their_html() -> None:
    data = Findings([Text("一", ATTACK)], "en")._repr_mimebundle_()
    data["text/html"] = "<p>forged</p>"
    text = body(code("x", v4.new_output("display_data", data=data)))
    assert "forged" not in text
    assert "&lt;img src=x onerror=alert(" in text


@pytest.mark.parametrize(
    "damage",
    [
        {"rows": None},
        {"columns": [{}]},
        {"rows": [[1, 2, 3, 4]]},
        {
            "columns": [
                {"title": "x", "note": None, "format": "<b>", "decimals": None, "bar": False, "of": "text"}
            ]
        },
        {
            "columns": [
                {
                    "title": "x",
                    "note": None,
                    "format": "money",
                    "decimals": "9}{<b>",
                    "bar": False,
                    "of": "text",
                }
            ]
        },
    ],
)
def test_a_damaged_payload_falls_back_to_text(damage: dict[str, Any]) -> None:
    table = Table(
        pl.DataFrame({"x": [1]}), [Column("x", Text("数", "X"), "money")], Text("题", ATTACK), language="en"
    )
    data = table._repr_mimebundle_()
    data["application/vnd.crmlab.view+json"].update(damage)
    text = body(code("x", v4.new_output("display_data", data=data)))
    assert "<b>" not in text
    assert "<pre>&lt;/script&gt;" in text


@given(st.text())
def test_a_chart_specification_cannot_leave_its_script(text: str) -> None:
    inert = outputs.inert_json({"title": text, text: [text]})
    assert not set("<>&\u2028\u2029") & set(inert)
    assert json.loads(inert) == {"title": text, text: [text]} or text == "title"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "[name](https://example.org/?a=1&b)",
            'name <span class="url">(https://example.org/?a=1&amp;b)</span>',
        ),
        ("<https://example.org>", "https://example.org"),
        ("[up](#s1)", '<a href="#s1">up</a>'),
        ("[x](javascript:alert(1))", 'x <span class="url">(javascript:alert(1))</span>'),
        ('![alt "x](https://example.org/p.png)', "alt &quot;x"),
        ("![dot](data:image/png;base64,aGk=)", '<img src="data:image/png;base64,aGk=" alt="dot">'),
        ("![dot](data:image/svg+xml;base64,aGk=)", "dot"),
        ("a <b onclick=x>b</b>", "a &lt;b onclick=x&gt;b&lt;/b&gt;"),
    ],
)
def test_markdown_leaves_nothing_to_click_or_fetch(text: str, html: str) -> None:
    assert markdown.render(text) == f"<p>{html}</p>\n"


def test_markdown_headings_of_data_are_not_in_the_contents() -> None:
    text = body(v4.new_markdown_cell("## Real"), code("x", shown(text__markdown="## Forged")))
    assert "<h2>Forged</h2>" in text
    assert re.findall(r'<a href="#s\d">(.*?)</a>', text) == ["Real", "Real"]


# --- the page as a whole -------------------------------------------------------------------------


@pytest.mark.parametrize("charts", [0, 1])
def test_the_policy_names_exactly_the_scripts_of_the_page(charts: int) -> None:
    text = page(*(code("c", chart()) for _ in range(charts)))
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.S)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    rule = dict(Tags(text).found[3][1])["content"]
    assert len(scripts) == 1 + charts
    assert rule is not None
    assert rule.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; ")
    assert rule.endswith("script-src " + " ".join(f"'sha256-{value}'" for value in hashes))
    assert "unsafe-eval" not in rule


def test_nothing_on_the_page_points_outside() -> None:
    text = page(
        v4.new_markdown_cell("[a](https://example.org) ![b](http://example.org/b.png)"), code("c", chart())
    )
    for _, attributes in Tags(text).found:
        assert not [
            value
            for name, value in attributes.items()
            if name in ("href", "src") and not re.match(r"#|data:", value or "")
        ]
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, flags=re.S))
    assert "url(" not in styles
    assert "@import" not in styles


def test_ten_charts_stay_below_two_megabytes_and_repeat_byte_for_byte() -> None:
    cells = [code(f"chart({i})", chart()) for i in range(10)]
    first, second = (page(*cells, bundle=engine.bundle()) for _ in range(2))
    assert first == second
    assert first.count('<figure class="crm-chart">') == 10
    assert first.count(engine.bundle()) == 1
    assert len(first.encode()) < 2_000_000


def test_the_engine_is_cached_and_survives_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    built = engine.bundle(tmp_path)
    (cached,) = tmp_path.iterdir()
    assert cached.name.startswith("vega-")
    assert cached.read_text(encoding="utf-8") == built
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert engine.bundle(blocked) == built


def test_headings_that_code_puts_together_are_listed_and_escaped() -> None:
    heading = v4.new_output("display_data", data=Heading(f"Status {ATTACK}", "en")._repr_mimebundle_())
    markdown_heading = v4.new_output("display_data", data={"text/markdown": "### Of data"})
    text = page(v4.new_markdown_cell("# Top\n\n## First"), code("x", heading, markdown_heading))
    assert '<li class="level3"><a href="#s3">Status &lt;/script&gt;' in text
    assert '<h3 id="s3">Status &lt;/script&gt;' in text
    assert "<script>alert" not in text
    assert "#s4" not in text, "a heading made of data is no part of the contents"


def test_a_damaged_heading_stops_nothing() -> None:
    broken = {"view": "heading", "text": "x", "level": "<b>"}
    output = v4.new_output("display_data", data={view.MIME: broken, "text/plain": "Of <old>"})
    assert "<pre>Of &lt;old&gt;</pre>" in page(code("x", output))


def test_sections_display_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr("IPython.display.display", seen.append)
    Sections(["a", None, "b"])._ipython_display_()
    assert seen == ["a", "b"]
