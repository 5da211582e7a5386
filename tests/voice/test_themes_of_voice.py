"""Themes in a study: shares, sentiment, trend, quotes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.targeting.effects import difference_of_rates
from crmlab.view.findings import Note
from crmlab.voice.themes import Themes

MakeLab = Callable[..., Lab]
SUBJECTS = (
    ("快递", "配送", "物流", "包裹", "送货", "发货"),
    ("房间", "床单", "浴室", "空调", "隔音", "早餐"),
    ("电池", "屏幕", "键盘", "充电器", "散热", "硬盘"),
)
ENGLISH = (
    ("delivery", "courier", "parcel", "shipping", "tracking", "driver"),
    ("room", "bed", "bathroom", "noise", "breakfast", "towel"),
    ("battery", "screen", "keyboard", "charger", "fan", "disk"),
)
PHONE = "13912345678"
PARAMS = {"annotators": {"themes": {"number": 3}}}


def feedback(texts: int = 300, dated: bool = True, later: int = 1, language: str = "zh") -> str:
    """Return texts on three subjects, six months; in the later three ``later`` times the first subject."""
    draw = random.Random(1)
    lines = ["feedback_id,customer_id,given_on,text"]
    for number in range(texts):
        day = date(2024, 1, 1) + timedelta(days=number * 180 // texts)
        weights = (later, 1, 1) if day >= date(2024, 4, 1) else (1, 1, 1)
        (subject,) = draw.choices({"zh": SUBJECTS, "en": ENGLISH}[language], weights)
        about, ask = ("和", "的问题{}，请打{}") if language == "zh" else (" and ", ": issue {}! {}")
        text = about.join(draw.sample(subject, 3)) + ask.format(number, PHONE)
        lines.append(f"f{number:03},c{number},{day if dated else ''},{text}")
    return "\n".join(lines) + "\n"


def themes_of(make_lab: MakeLab, table: str, **settings: Any) -> Themes:
    lab = make_lab({"feedback": table}, **{**PARAMS, **settings})
    judged = pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("positive")).otherwise(pl.lit("negative"))
    return Themes(lab, lab.tables["feedback"].with_columns(sentiment=judged))


def test_summary_by_hand(make_lab: MakeLab) -> None:
    themes = themes_of(make_lab, feedback())
    summary = themes.summary
    assert summary["texts"].sum() == themes.with_text == 300
    assert themes.without_theme == 0
    row = summary.row(0, named=True)
    own = themes.texts.filter(pl.col("theme") == row["theme"])
    assert (row["low"], row["high"]) == tuple(wilson(own.height, 300))
    negative = int((own["sentiment"] == "negative").sum())
    assert row["negative_share"] == negative / own.height
    assert (row["negative_low"], row["negative_high"]) == tuple(wilson(negative, own.height))
    later = own["given_on"] >= date(2024, 4, 1)
    halves = (themes.texts["given_on"] >= date(2024, 4, 1)).sum()
    expected = difference_of_rates(int(later.sum()), halves, int((~later).sum()), 300 - halves)
    assert (row["change"], row["change_low"], row["change_high"]) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    themes = themes_of(make_lab, feedback(language=language), language=language)
    check_chart(themes.chart(), language, without=("c0", "f000"))
    check_chart(themes.trend_chart(), language, without=("c0", "f000"))
    table, quotes = themes.table(), themes.quotes_table()
    assert len(table.payload()["rows"]) == 3
    assert table.payload()["note"]
    assert len(quotes.payload()["rows"]) == 9
    assert "300" in themes.note().plain()


def test_the_title_names_what_moved(make_lab: MakeLab) -> None:
    themes = themes_of(make_lab, feedback(600, later=6, language="en"), language="en")
    grown = themes.summary.filter(pl.col("change_low") > 0)
    assert grown.height == 1
    (name,) = [themes.name(theme).en for theme in grown["theme"]]
    assert set(name.split(", ")) <= set(ENGLISH[0])
    chart = themes.trend_chart()
    assert not isinstance(chart, Note)
    assert "points" in chart.to_dict()["title"]["text"]
    trend = themes.trend.filter(pl.col("theme") == grown["theme"][0])
    assert trend["period"].to_list() == [f"2024-0{month}" for month in range(1, 7)]
    for row in trend.iter_rows(named=True):
        assert (row["low"], row["high"]) == tuple(wilson(row["hits"], row["count"]))


@pytest.mark.parametrize("quotes", ["masked", "plain", "none"])
def test_quotes_are_raw_masked_and_diverse(make_lab: MakeLab, quotes: str) -> None:
    themes = themes_of(make_lab, feedback(), privacy={"quotes": quotes})
    shown = themes.quotes_table()
    text = json.dumps(shown.payload(), ensure_ascii=False)
    assert (PHONE in text) == (quotes == "plain")
    assert ("[电话]" in text) == (quotes == "masked")
    assert isinstance(shown, Note) == (quotes == "none")
    if quotes == "plain":
        assert themes.quotes["text"].is_in(themes.texts["text"].implode()).all()
        for _, group in themes.quotes.group_by("theme"):
            assert group.height == 3
            assert len({frozenset(text.split("的问题")[0].split("和")) for text in group["text"]}) == 3


def test_without_dates(make_lab: MakeLab, check_chart: Callable[..., None]) -> None:
    themes = themes_of(make_lab, feedback(dated=False, language="en"), language="en")
    check_chart(themes.chart(), "en")
    assert themes.summary["change"].null_count() == 3
    assert len(themes.table().payload()["columns"]) == 6
    note = themes.trend_chart()
    assert isinstance(note, Note)
    assert "0 of 300 pieces of feedback" in note.plain()


def test_small_themes_are_hidden(make_lab: MakeLab) -> None:
    themes = themes_of(make_lab, feedback(), privacy={"smallest_group": 301})
    for shown in (themes.chart(), themes.table(), themes.quotes_table(), themes.trend_chart()):
        assert isinstance(shown, Note)
    assert themes.summary.is_empty()


def test_words_of_a_theme_have_as_many_writers_as_the_smallest_group(make_lab: MakeLab) -> None:
    table = feedback() + "".join(f"x{i},c{i},2024-05-01,快递和王小明和包裹\n" for i in range(7))
    few = themes_of(make_lab, table)._annotation.annotator
    many = themes_of(make_lab, table, privacy={"smallest_group": 8})._annotation.annotator
    named = [
        [word for word in annotator.learned["words_"]["word"] if "王" in word] for annotator in (few, many)
    ]
    assert named[0]
    assert not named[1]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("rows", ["", "好\n", "😀\n", "好\n好\n"])
def test_hardly_any_feedback(make_lab: MakeLab, rows: str, language: str) -> None:
    themes = themes_of(make_lab, f"text\n{rows}", language=language)
    for shown in (themes.chart(), themes.table(), themes.trend_chart(), themes.quotes_table()):
        assert isinstance(shown, Note)
        assert {"zh": "没有找出主题", "en": "No themes were found"}[language] in shown.plain()
