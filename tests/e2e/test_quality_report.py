"""The data-quality report of a dirty study in a real browser with the network cut."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from crmlab.labels import Language
from crmlab.report.run import Run, run

pytestmark = pytest.mark.e2e

NOT_A_VALUE = re.compile(r"\b(nan|NaN|inf|Infinity|None|null|undefined)\b")
HAN = re.compile(r"[\u3400-\u9fff]+")
TITLES = {"zh": "数据质量 · 脏数据", "en": "Data quality · Dirty data"}
CLIPPED = """[...document.querySelectorAll('figure.crm-chart svg text')].filter(text => {
    const box = text.getBoundingClientRect(), frame = text.closest('svg').getBoundingClientRect();
    const out = box.left < frame.left - 1 || box.right > frame.right + 1;
    return box.width && (out || text.textContent.endsWith('…'));
}).map(text => text.textContent)"""

ATTACK = "<img src=x onerror=window.PWNED=1>"


def dirty_tables(folder: Path) -> str:
    """Write customers, orders and feedback with known dirt; return everything that stands in them."""
    people = ["客户编号,姓名,性别,手机,电话,电子邮件,出生日期,属相,省,邮编,登记日期"]
    for n in range(80):
        mobile = ("13800138000", "1391234", "", f"1371{n:07}")[min(n % 10, 3)]
        name = ("测试", "王芳", ATTACK)[(n % 9 > 0) + (n % 13 == 5)]
        email = "1@1" if n % 8 == 0 else f"wang{n}@qq.com"
        born, animal = ("1900-01-01", "猪") if n % 11 == 0 else (f"1988-05-{1 + n % 28:02}", "龙")
        people.append(
            f"C{n:03},{name},{'怪' if n % 7 == 0 else '女'},{mobile},021-5555{n:04},{email},{born},{animal},"
            f"{'北京' if n % 6 == 0 else '上海市'},200{n:03},2024-0{1 + n % 6}-01"
        )
    orders = ["order_id,customer_id,order_date,amount"]
    for n in range(900):
        when = "昨天" if n % 60 == 7 else f"2024-0{1 + n % 5}-{1 + n % 27:02} 10:{n % 60:02}"
        orders.append(f"O{n},C{n * n % 90:03},{when},{10 + n % 37}")
    words = ("很好", "无", "测试", "物流慢", "此用户没有填写评价", ATTACK)
    feedback = ["feedback_id,customer_id,given_on,text"]
    feedback += [f"F{n},C{n % 95:03},2024-05-{1 + n % 28:02},{words[n % 6]}" for n in range(120)]
    held = {"customers": people, "orders": orders, "feedback": feedback}
    for name, lines in held.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "\n".join("\n".join(lines) for lines in held.values())


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[Language, Run], str]:
    """One run in Chinese, then one in English: the second has a trend."""
    folder = tmp_path_factory.mktemp("dirty")
    written = dirty_tables(folder)
    files = {name: {"path": f"{name}.csv"} for name in ("customers", "orders", "feedback")}
    study = {
        "study": "dirty",
        "title": {"zh": "脏数据", "en": "Dirty data"},
        "data": [{"source": "files", "files": files}],
        "as_of": "2024-06-30",
        "reports": {"data-quality": None},
    }
    path = folder / "study.yaml"
    path.write_text(json.dumps(study), encoding="utf-8")
    languages: tuple[Language, ...] = ("zh", "en")
    runs = {
        language: run(path, language=language, runs=folder / "runs", progress=False) for language in languages
    }
    return runs, written


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_page_is_whole_with_the_network_cut(
    visit: Any, dirty: tuple[dict[Language, Run], str], language: Language, width: int
) -> None:
    runs, written = dirty
    (outcome,) = runs[language].outcomes
    assert outcome.error is None
    seen = visit(runs[language].folder / "data-quality.html", width)
    page = seen.page
    assert seen.drawn == seen.figures == outcome.charts == {"zh": 3, "en": 4}[language]
    assert (seen.requests, seen.errors, seen.dialogs) == ([], [], [])
    assert seen.overflow <= 0
    assert page.title() == TITLES[language]
    assert page.evaluate("window.PWNED") is None
    assert page.evaluate(CLIPPED) == []
    text = page.locator("main").inner_text()
    assert not NOT_A_VALUE.search(text)
    assert "138****8000" in text
    for raw in ("13800138000", "wang1@", "1988-05-02", "5555000", ATTACK):
        assert raw not in text
    if language == "en":
        assert {word for word in HAN.findall(text) if word not in written} == set()
