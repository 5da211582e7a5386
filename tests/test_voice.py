"""What feedback says: shares, trend, aspects, contrast and coverage, on made texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.view.findings import Note
from crmlab.voice.sentiment import reliability, satisfied, sentiment_shares
from crmlab.voice.trend import Trend

MakeLab = Callable[..., Lab]
GOOD = "物流很快，质量很好，非常满意"
BAD = "质量太差，客服态度恶劣，很失望"
PHONE = "13912345678"


def _feedback(
    good: int = 40, bad: int = 20, scale: str = "csat_1_5", first: date = date(2024, 1, 5), step: int = 3
) -> dict[str, str]:
    """Satisfied customers first; each says something of their own."""
    high, low = {"csat_1_5": (5, 1), "nps_0_10": (10, 2), "": ("", "")}[scale]
    lines = ["feedback_id,customer_id,given_on,text,score,scale,channel,category"]
    for i in range(good + bad):
        text, score = (f"{GOOD}{i}", high) if i < good else (f"{BAD}{i}，电话{PHONE}", low)
        day = first + timedelta(days=i * step % 170)
        lines.append(f"f{i:03},c{i},{day},{text},{score},{scale},app,{'酒店' if i % 2 else 'phone'}")
    return {"feedback": "\n".join(lines) + "\n"}


def _table(**columns: list[Any]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    base: dict[str, list[Any]] = {"score": [None] * n, "scale": [None] * n, "given_on": [None] * n}
    schema = {"score": pl.Float64, "scale": pl.String, "given_on": pl.Date, "sentiment": pl.String}
    return pl.DataFrame({**base, **columns}, schema_overrides={**schema})


def test_shares_by_hand() -> None:
    table = _table(sentiment=["positive"] * 6 + ["negative"] * 2 + ["uncertain"] * 2 + ["none"] * 5)
    assert sentiment_shares(table).rows() == [
        ("positive", 6, 0.6, *wilson(6, 10)),
        ("uncertain", 2, 0.2, *wilson(2, 10)),
        ("negative", 2, 0.2, *wilson(2, 10)),
    ]
    assert sentiment_shares(_table(sentiment=["none"]))["share"].to_list() == [None, None, None]


@pytest.mark.parametrize(
    ("scale", "happy", "neither", "unhappy"),
    [
        ("nps_0_10", (9, 10), (7, 8), (0, 6)),
        ("csat_1_5", (4, 5), (3,), (1, 2)),
        ("csat_1_7", (5, 7), (4,), (1, 3)),
        ("ces_1_7", (5, 7), (4,), (1, 3)),
        ("binary_0_1", (1,), (), (0,)),
    ],
)
def test_who_is_satisfied(
    scale: str, happy: tuple[int, ...], neither: tuple[int, ...], unhappy: tuple[int, ...]
) -> None:
    scores = [*happy, *neither, *unhappy]
    said = [True] * len(happy) + [None] * len(neither) + [False] * len(unhappy)
    assert satisfied(_table(score=scores, scale=[scale] * len(scores))).to_list() == said
    assert satisfied(_table(score=[5, None], scale=[None, scale])).to_list() == [None, None]


def test_reliability_by_hand() -> None:
    scores = [5, 5, 5, 1, 1, 3, None, 5, 1]
    judged = [
        "positive",
        "positive",
        "negative",
        "negative",
        "uncertain",
        "positive",
        "positive",
        "none",
        "negative",
    ]
    table = _table(score=scores, scale=["csat_1_5"] * 9, sentiment=judged)
    # Decided and scored: + + + − −; four of five are right, three are the larger class.
    assert reliability(table).rows() == [(5, 0.8, *wilson(4, 5), 0.6, 1, 0.6, 0.4)]
    assert reliability(_table(sentiment=["positive"])).is_empty()


def test_periods_are_as_short_as_the_number_of_texts_allows() -> None:
    def periods(n: int, days: int) -> list[str]:
        given = [date(2024, 1, 1) + timedelta(days=i * days // n) for i in range(n)]
        return Trend(_table(given_on=given, sentiment=["positive"] * n), "zh").periods["period"].to_list()

    assert periods(60, 91) == ["2024-01", "2024-02", "2024-03"]
    assert periods(40, 360) == ["2024Q1", "2024Q2", "2024Q3", "2024Q4"]
    assert periods(40, 1400)[0] == "2024"
    assert periods(4, 300) == ["2024Q1", "2024Q2", "2024Q3"]


def test_trend_by_hand() -> None:
    given = [date(2024, 1, 1)] * 40 + [date(2024, 2, 1)] * 20 + [date(2024, 3, 1)] * 40 + [None] * 3
    judged = ["positive"] * 36 + ["negative"] * 4 + ["positive"] * 10 + ["none"] * 10
    judged += ["negative"] * 36 + ["positive"] * 4 + ["positive"] * 3
    trend = Trend(_table(given_on=given, sentiment=judged), "en")
    assert trend.periods.rows() == [
        ("2024-01", 40, 36, 0.9, *wilson(36, 40)),
        ("2024-02", 10, 10, 1.0, *wilson(10, 10)),
        ("2024-03", 40, 4, 0.1, *wilson(4, 40)),
    ]
    title = trend.chart().to_dict()["title"]  # type: ignore[union-attr]
    assert title["text"] == "Positive share went from 90% in 2024-01 to 10% in 2024-03"
    assert title["subtitle"].startswith("90 dated pieces of feedback; 3 without a date")


def test_too_few_dates_for_a_trend() -> None:
    for given in ([None, None], [date(2024, 1, 1), None]):
        note = Trend(_table(given_on=given, sentiment=["positive"] * 2), "en").chart()
        assert isinstance(note, Note)
        n = 2 - given.count(None)
        assert f"{n} pieces of feedback have one, {2 - n} have none" in note.plain()


def test_made_texts(make_lab: MakeLab) -> None:
    voice = make_lab(_feedback()).voice
    assert voice.sentiment["texts"].to_list() == [40, 0, 20]
    assert voice.reliability.row(0)[:2] == (60, 1.0)
    (rating,) = voice.ratings
    assert (rating.metric, rating.n, rating.value) == ("csat", 60, pytest.approx(40 / 60))
    aspects = {row["aspect"]: row for row in voice.aspects.summary.iter_rows(named=True)}
    quality = next(row for name, row in aspects.items() if row["texts"] == 60)
    assert (quality["positive"], quality["negative"]) == (40, 20)
    assert (quality["negative_low"], quality["negative_high"]) == tuple(wilson(20, 60))
    assert voice.aspects.covered == 60
    assert voice.aspects.loudest is not None
    assert voice.aspects.loudest["negative"] == 20
    marks = voice.contrast.telling
    assert voice.contrast.by_score
    assert {"满意", "失望"} <= set(marks["word"])
    assert dict(marks.select("word", "z").iter_rows())["满意"] > 0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    voice = make_lab(_feedback(), language=language).voice
    for chart in (voice.chart(), voice.trend.chart(), voice.aspects.chart(), voice.coverage.chart()):
        check_chart(chart, language, most_rows=40, without=("c0", "f000", "c59"))
    contrast = voice.contrast.chart().to_dict()
    assert contrast["title"]["text"]
    assert contrast["encoding"]["x"]["title"]
    assert contrast["encoding"]["y"]["title"]
    for table in (
        voice.verdict(),
        voice.reliability_table(),
        voice.aspects.table(),
        voice.aspects.quotes_table(),
    ):
        payload = table.payload()
        assert payload["rows"]
        assert payload["caption"]
    groups = {row["group"] for row in next(iter(voice.chart().to_dict()["datasets"].values()))}
    everything = {"zh": "全部反馈", "en": "All feedback"}[language]
    phone = {"zh": "手机", "en": "Phones"}[language]
    assert groups == {f"{everything} (n=60)", f"{phone} (n=30)", "酒店 (n=30)"}


def test_subjects_with_few_texts_have_no_bar_of_their_own(make_lab: MakeLab) -> None:
    voice = make_lab(_feedback(20, 10)).voice
    (data,) = voice.chart().to_dict()["datasets"].values()
    assert {row["group"] for row in data} == {"全部反馈 (n=30)"}


def test_small_aspects_are_left_out(make_lab: MakeLab) -> None:
    tables = _feedback(40, 4)
    hidden = make_lab(tables).voice.aspects
    shown = make_lab(tables, privacy={"smallest_group": 4}).voice.aspects
    small = shown.summary.filter(pl.col("texts") < 5)["aspect"].to_list()
    assert small
    assert not set(small) & set(hidden.summary["aspect"])
    payload = json.dumps(hidden.table().payload(), ensure_ascii=False)
    assert all(shown.scheme[aspect].zh not in payload for aspect in small)


@pytest.mark.parametrize("quotes", ["masked", "plain", "none"])
def test_quotes(make_lab: MakeLab, quotes: str) -> None:
    aspects = make_lab(_feedback(), privacy={"quotes": quotes}).voice.aspects
    shown = aspects.quotes_table()
    text = json.dumps(shown.payload(), ensure_ascii=False)
    assert (PHONE in text) == (quotes == "plain")
    assert ("[电话]" in text) == (quotes == "masked")
    assert isinstance(shown, Note) == (quotes == "none")
    assert ("失望" in text) == (quotes != "none")


def test_nps_takes_the_place_of_the_remark_that_there_is_none(make_lab: MakeLab) -> None:
    nps = make_lab(_feedback(scale="nps_0_10"), language="en").voice.verdict().payload()
    assert nps["note"] is None
    assert nps["rows"][0][1] == "+33.3"
    assert "no NPS" in make_lab(_feedback(), language="en").voice.verdict().payload()["note"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_texts_without_scores(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    voice = make_lab(_feedback(scale=""), language=language).voice
    assert voice.ratings == []
    assert voice.reliability.is_empty()
    assert voice.reliability_table().payload()["rows"] == []
    assert not voice.contrast.by_score
    check_chart(voice.coverage.chart(), language)


def test_a_scale_without_a_single_score(make_lab: MakeLab) -> None:
    voice = make_lab({"feedback": f"text,scale\n{GOOD},nps_0_10\n"}).voice
    assert voice.ratings == []
    assert "nan" not in json.dumps(voice.verdict().payload())


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("rows", ["", f"{GOOD}\n", "😀\n", "好\n好\n"])
def test_hardly_any_feedback(
    make_lab: MakeLab, check_chart: Callable[..., None], rows: str, language: str
) -> None:
    voice = make_lab({"feedback": f"text\n{rows}"}, language=language).voice
    for chart in (voice.chart(), voice.aspects.chart(), voice.coverage.chart()):
        check_chart(chart, language)
    assert isinstance(voice.trend.chart(), Note)
    assert isinstance(voice.contrast.chart(), Note)
    for table in (
        voice.verdict(),
        voice.reliability_table(),
        voice.aspects.table(),
        voice.aspects.quotes_table(),
    ):
        assert "NaN" not in json.dumps(table.payload())


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["sentiment", "aspects"])
def test_annotations(make_lab: MakeLab, check_chart: Callable[..., None], name: str, language: str) -> None:
    annotation = make_lab(_feedback(), language=language).annotate(name)
    assert annotation.feedback.height == annotation.added.height == 60
    assert set(annotation.annotator.adds) <= set(annotation.feedback.columns)
    check_chart(annotation.chart(), language, most_rows=15)
    assert annotation.table().payload()["rows"]
    assert annotation.explain().zh
    assert repr(annotation).startswith(f"<Annotation {name}: 60 texts")


def test_no_word_is_a_signature_or_part_of_a_contact(make_lab: MakeLab) -> None:
    lines = ["feedback_id,customer_id,text,score,scale"]
    for i in range(60):
        said, score = (f"{GOOD}{i}", 5) if i < 30 else (f"{BAD}{i}，zebulon写，zaphod@example.com", 1)
        lines.append(f"f{i},{f'c{i}' if i < 30 else f'c{90 + i % 2}'},{said},{score},csat_1_5")
    table = {"feedback": "\n".join(lines) + "\n"}
    # The dissatisfied texts are two customers' only: none of their words is told.
    told = make_lab(table).voice.contrast.words
    assert told.height > 0
    assert told["z"].min() > 0  # type: ignore[operator]
    every = set(make_lab(table, privacy={"smallest_group": 1}).voice.contrast.words["word"])
    assert "zebulon" in every
    assert not {"zaphod", "example", "com", "邮箱"} & every


def test_a_subject_is_no_telephone_number(make_lab: MakeLab) -> None:
    table = {"feedback": _feedback(40, 40)["feedback"].replace(",酒店", f",{PHONE}")}
    shown = json.dumps(make_lab(table).voice.chart().to_dict(), ensure_ascii=False)
    assert PHONE not in shown
    assert "[phone]" in shown
