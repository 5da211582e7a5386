from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from crmlab.lab import Lab
from crmlab.view.findings import Note
from crmlab.voice.contrast import SegmentContrast
from crmlab.voice.duplicates import Duplicates

MakeLab = Callable[..., Lab]


def table(channels: dict[str, str], each: int = 30, by: str = "channel") -> dict[str, str]:
    lines = [f"feedback_id,customer_id,given_on,text,{by}"]
    for name, text in channels.items():
        for i in range(each):
            day = f"2024-0{1 + 3 * (len(lines) % 2)}-1{i % 9}"
            lines.append(f"{name}{i},c{len(lines)},{day},{text},{name}")
    return {"feedback": "\n".join(lines) + "\n"}


SHOPS = {"app": "物流太慢，催了又催", "wechat": "客服耐心，解释清楚", "store": "包装破损，打电话13812345678"}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("by", ["channel", "category"])
def test_words_of_each_group(
    make_lab: MakeLab, check_chart: Callable[..., None], language: str, by: str
) -> None:
    lab = make_lab(table(SHOPS, by=by), language=language)
    contrast = SegmentContrast(lab, lab.tables["feedback"], by)
    marks = {row["group"]: row["word"] for row in contrast.telling.reverse().iter_rows(named=True)}
    assert set(marks) == set(SHOPS)
    assert "客服" in contrast.summary.filter(group="wechat")["word"].to_list()
    shown = contrast.chart()
    assert not isinstance(shown, Note)
    assert shown.to_dict()["title"]["text"]
    rows = json.dumps(contrast.table().payload(), ensure_ascii=False)
    assert "138" not in rows + json.dumps(shown.to_dict())
    assert "Monroe" in contrast.note().plain()


def test_a_classifier_of_the_study_groups_the_texts(make_lab: MakeLab) -> None:
    lines = ["customer_id,ordered_at,order_id,amount"]
    words = ["feedback_id,customer_id,text"]
    for i in range(80):
        day = "2024-06-20" if i < 40 else "2022-01-05"
        lines.append(f"c{i},{day},o{i},10")
        words.append(f"f{i},c{i},{'物流很快' if i < 40 else '客服冷淡'}")
    tables = {
        "customers": "customer_id\n" + "\n".join(f"c{i}" for i in range(80)) + "\n",
        "orders": "\n".join(lines) + "\n",
        "feedback": "\n".join(words) + "\n",
    }
    lab = make_lab(tables)
    contrast = SegmentContrast(lab, lab.tables["feedback"], "status")
    assert contrast.sizes["n"].to_list() == [40, 40]
    assert {"物流", "客服"} <= set(contrast.summary["word"])


def test_periods_and_too_few_groups(make_lab: MakeLab) -> None:
    lab = make_lab(table(SHOPS))
    periods = SegmentContrast(lab, lab.tables["feedback"], "period")
    assert set(periods.sizes["group"]) == {"2024Q1", "2024Q2"}
    assert isinstance(periods.chart(), Note)  # both halves say the same
    alone = SegmentContrast(lab, lab.tables["feedback"].head(30), "channel")
    assert "1 个" in alone.note().plain()
    assert isinstance(alone.table(), Note)


def test_words_of_too_few_customers_are_not_told(make_lab: MakeLab) -> None:
    lab = make_lab(table(SHOPS))
    feedback = lab.tables["feedback"]
    one = feedback.with_columns(customer_id=feedback["channel"])
    assert SegmentContrast(lab, one, "channel").summary.is_empty()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_changes_without_repeated_texts(make_lab: MakeLab, language: str) -> None:
    good, bad = "房间很干净，服务热情，非常满意，下次还来", "房间又脏又吵，服务太差了，非常失望，不会再来"
    lines = ["feedback_id,customer_id,text", *(f"g{i},a,{good}" for i in range(6)), f"b1,b,{bad}", "e1,c,😀"]
    lab = make_lab({"feedback": "\n".join(lines) + "\n"}, language=language)
    copies = Duplicates(lab, lab.voice.feedback)
    counted = dict(copies.summary.select("kind", "texts").iter_rows())
    assert counted == {"exact": 5, "near": 0, "advert": 0, "copied_text": 0, "gibberish": 0, "any": 5}
    assert copies.positive == (pytest.approx(6 / 7), 0.5)
    assert "50.0%" in copies.note().plain()
    assert len(copies.table().payload()["rows"]) == 6
    clean = make_lab({"feedback": f"text\n{bad}\n"}, language=language)
    assert "1" in Duplicates(clean, clean.tables["feedback"]).note().plain()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_words_to_grow_the_taxonomy_from(make_lab: MakeLab, language: str) -> None:
    rows = "\n".join(f"f{i},c{i},带着宠物散步" for i in range(12))
    tables = {"feedback": f"feedback_id,customer_id,text\n{rows}\n"}
    aspects = make_lab(tables, language=language).voice.aspects
    payload = aspects.unmatched_table().payload()
    assert "宠物" in [row[0] for row in payload["rows"]]
    assert len(payload["columns"]) == 4
    quiet = make_lab(tables, language=language, privacy={"quotes": "none"}).voice.aspects
    assert len(quiet.unmatched_table().payload()["columns"]) == 3
    assert isinstance(make_lab({"feedback": "text\n好\n"}).voice.aspects.unmatched_table(), Note)
