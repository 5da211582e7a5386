"""Findings, key figures, notes and the source box."""

from __future__ import annotations

import json

import pytest

from crmlab.labels import Text
from crmlab.view.findings import Findings, KeyFigures, Note, SourceBox
from crmlab.view.html import MIME, View

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(1)">'


@pytest.mark.parametrize(
    ("sentence", "html"),
    [
        ("前20%的客户贡献63.2%的销售额", "前<strong>20%</strong>的客户贡献<strong>63.2%</strong>的销售额"),
        ("共 1,234 户，消费 ¥5.6万", "共 <strong>1,234 户</strong>，消费 <strong>¥5.6万</strong>"),
        ("since 2017-12-31 and in 6 月", "since 2017-12-31 and in 6 月"),
        ("down by −3.5% to $12.50.", "down by <strong>−3.5%</strong> to <strong>$12.50</strong>."),
        ("the r2d2 of B2B", "the r2d2 of B2B"),
    ],
)
def test_numbers_are_bold_and_dates_are_not(sentence: str, html: str) -> None:
    assert f"<p>{html}</p>" in Findings([sentence], "zh").to_html()


@pytest.mark.parametrize(
    "view",
    [
        Findings([HOSTILE, Text(HOSTILE, HOSTILE)]),
        KeyFigures([(HOSTILE, HOSTILE)]),
        Note(HOSTILE),
        SourceBox([(HOSTILE, HOSTILE)]),
    ],
)
def test_texts_are_escaped_and_the_payload_is_enough(view: View) -> None:
    assert "<script" not in view.to_html()
    assert "<img" not in view.to_html()
    payload = json.loads(json.dumps(view._repr_mimebundle_()))[MIME]
    assert type(view).render(payload) == view.to_html()
    assert payload["view"] == view.view


def test_each_language_is_shown_alone() -> None:
    text = Text("中文", "English")
    for view in (Findings([text], "en"), KeyFigures([("1", text)], "en"), Note(text, "en")):
        assert "English" in view.to_html()
        assert "中文" not in view.to_html()
        assert "English" in view.plain()
    assert "The data this stands on" in SourceBox([(text, text)], "en").to_html()


def test_a_warning_differs_from_a_note() -> None:
    assert 'class="crm-aside warning"' in Note("x", kind="warning").to_html()
    assert 'class="crm-aside note"' in Note("x").to_html()
