"""Feedback beside customers: classes by segment and value, revenue at risk, who is silent, every group."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.labels import Text
from crmlab.satisfaction import nps_interval
from crmlab.view.driver_charts import importance_performance
from crmlab.view.findings import Note
from crmlab.view.tables import Table
from crmlab.voice.customers import VALUE, Customers, value_bands
from crmlab.voice.drivers import Drivers
from crmlab.voice.grouping import BY
from crmlab.voice.groups import Groups
from crmlab.voice.risk import Risk
from crmlab.voice.silent import Silent
from crmlab.voice.worth import worth_of

MakeLab = Callable[..., Lab]
PHONE = "13912345678"
SENTIMENT = (
    pl.when(pl.col("score").is_null())
    .then(pl.lit("none"))
    .when(pl.col("score") >= 4)
    .then(pl.lit("positive"))
    .otherwise(pl.lit("negative"))
    .alias("sentiment")
)


@pytest.fixture(scope="module", params=["zh", "en"])
def lab(request: pytest.FixtureRequest) -> Lab:
    settings: dict[str, Any] = {"data": [{"source": "sample"}], "as_of": "2024-12-31"}
    return crmlab.open("feedback", language=request.param, **settings)


def _shop(customers: int = 60) -> dict[str, str]:
    """Customers c0 … with one to three orders; c0 … c29 gave feedback: every third is dissatisfied."""
    orders = [
        f"{i}-{k},c{i:02},2024-{1 + (i + 2 * k) % 6:02}-{1 + i % 28:02},{10 * (i + 1)}"
        for i in range(customers)
        for k in range(1 + i % 3)
    ]
    feedback = [
        f"f{i:02},c{i:02},2024-06-{1 + i % 28:02},{'太差了，打电话 ' + PHONE if i % 3 == 0 else '很好'},"
        f"{2 if i % 3 == 0 else 10},nps_0_10,{'app' if i % 2 else '门店'}"
        for i in range(30)
    ]
    return {
        "orders": "order_id,customer_id,ordered_at,amount\n" + "\n".join(orders) + "\n",
        "feedback": "feedback_id,customer_id,given_on,text,score,scale,channel\n"
        + "\n".join(feedback)
        + "\n",
    }


def _parts(part: Any) -> list[Any]:
    """Return every table and note that a part shows."""
    shown = [part.table(), part.note()]
    shown += [getattr(part, name)() for name in _MORE if hasattr(part, name)]
    return shown


_MORE = ("call_list", "retention_table", "segments_table", "figures", "odds_table", "priorities")


def test_everything_is_shown_in_the_language_of_the_study(lab: Lab, check_chart: Callable[..., None]) -> None:
    feedback = lab.tables["feedback"].with_columns(SENTIMENT)
    # The questions of the survey are in Chinese; the aspects have names in both languages.
    drivers = Drivers(lab, feedback, "ratings" if lab.language == "zh" else "aspects")
    parts = [Customers(lab), Risk(lab), Silent(lab), drivers]
    parts += [Groups(lab, feedback, by) for by in BY]
    ids = lab.tables["customers"]["customer_id"].head(50).to_list()
    for part in parts:
        assert part.missing is None
        check_chart(part.chart(), lab.language, without=tuple(ids))
        for shown in _parts(part):
            text = json.dumps(shown.payload(), ensure_ascii=False)
            assert not any(f'"{each}"' in text for each in ids)
        assert part.saved_tables()
    check_chart(drivers.importance_performance_chart(), lab.language)


def test_the_weights_of_the_generated_company_come_in_their_order(lab: Lab) -> None:
    summary = Drivers(lab, lab.tables["feedback"], "ratings").summary
    assert summary["predictor"].to_list() == ["商品质量", "服务态度", "配送速度", "价格", "包装"]
    assert (summary["slope"].head(4) > 0).all()


def test_value_holds_the_probability_of_being_alive_once(lab: Lab) -> None:
    risk = Risk(lab)
    scores = lab.score("clv").scores
    labels = lab.classify("feedback").labels.filter(pl.col("label") == "dissatisfied")
    expected = scores.join(labels, on="customer_id")
    row = risk.summary.row(by_predicate=pl.col("label") == "dissatisfied", named=True)
    assert row["customers"] == labels.height
    assert row["value"] == pytest.approx(expected["clv"].sum())
    living = expected.filter(pl.col("probability_alive") > 0)
    alone = living.select((pl.col("clv") / pl.col("probability_alive")).sum()).item()
    assert row["if_alive"] == pytest.approx(alone)
    assert row["if_alive"] * row["alive"] == pytest.approx(row["value"])
    assert risk.total.low < risk.total.value < risk.total.high
    assert risk.total.value == pytest.approx(row["value"])
    assert risk.share.value == pytest.approx(row["share"])
    assert risk.summary["share"].sum() == pytest.approx(1)


def test_nothing_is_said_to_be_lost_where_history_does_not_show_it(lab: Lab) -> None:
    """In the generated company satisfaction does not make anybody leave."""
    risk = Risk(lab)
    assert risk.leaving is not None
    assert not risk.leaving.shown
    assert ("没有显示" if lab.language == "zh" else "does not show") in risk.explain().to(lab.language)


def test_the_best_come_first_with_their_last_words_masked(make_lab: MakeLab) -> None:
    risk = Risk(make_lab(_shop(), "feedback"))
    first = risk.first
    assert first["customer_id"].sort().to_list() == [f"c{i:02}" for i in range(0, 30, 3)]
    assert first["value"].is_sorted(descending=True)
    table = risk.call_list(rows=3)
    assert isinstance(table, Table)
    assert table.frame.height == 3
    shown = json.dumps(table.payload(), ensure_ascii=False)
    assert "太差了" in shown
    assert PHONE not in shown
    assert "c27" not in shown
    assert not first["waiting"].any()


def test_quotes_may_be_switched_off(make_lab: MakeLab) -> None:
    risk = Risk(make_lab(_shop(), "feedback", privacy={"quotes": "none"}))
    assert risk.first["last_words"].null_count() == 10
    assert "太差了" not in json.dumps(risk.call_list().payload(), ensure_ascii=False)


def test_too_little_for_lifetime_values_falls_back_on_spend(make_lab: MakeLab) -> None:
    lab = make_lab(_shop(), "feedback")
    worth = worth_of(lab)
    assert worth is not None
    assert worth.basis == "spend"
    assert worth.customers.height == 60
    spent = lab.tables["orders"].group_by("customer_id").agg(pl.col("amount_hundredths").sum() / 100)
    both = worth.customers.join(spent, on="customer_id")
    assert both["value"].to_list() == pytest.approx(both["amount_hundredths"].to_list())
    risk = Risk(lab)
    assert "365" in risk.explain().zh
    assert risk.summary["if_alive"].null_count() == risk.summary.height
    assert risk.total.low < risk.total.value < risk.total.high
    assert worth.total(pl.Series([], dtype=pl.String)) == (0.0, 0.0, 0.0)


def test_classes_by_value_by_hand(make_lab: MakeLab) -> None:
    customers = Customers(make_lab(_shop(), "feedback", privacy={"smallest_group": 1}))
    assert VALUE in customers.schemes
    cross = customers.cross(VALUE)
    assert cross["label"].to_list() == ["top", "middle", "rest"]
    assert cross["customers"].to_list() == [12, 18, 30]
    assert cross["dissatisfied"].sum() == 10
    assert cross["satisfied"].sum() == 20
    for row in cross.iter_rows(named=True):
        judged = row["satisfied"] + row["neutral"] + row["dissatisfied"]
        if judged:
            assert (row["low"], row["high"]) == pytest.approx(wilson(row["dissatisfied"], judged))
    summary = customers.summary
    assert summary["customers"].to_list() == [20, 0, 10, 30]
    assert summary["value_share"].sum() == pytest.approx(1)


def test_small_cells_are_hidden(make_lab: MakeLab) -> None:
    customers = Customers(make_lab(_shop(), "feedback", privacy={"smallest_group": 9}))
    cells = customers.cross(VALUE).select("satisfied", "neutral", "dissatisfied", "silent")
    shown = [n for column in cells for n in column.to_list() if n is not None]
    assert shown
    assert all(n == 0 or n >= 9 for n in shown)


def test_bands_of_value() -> None:
    valued = pl.DataFrame({"customer_id": [f"c{i}" for i in range(10)], "value": pl.Series(range(10))})
    bands = dict(value_bands(valued).iter_rows())
    assert [bands[f"c{i}"] for i in (9, 8)] == ["top", "top"]
    assert [bands[f"c{i}"] for i in (7, 6, 5)] == ["middle"] * 3
    assert {bands[f"c{i}"] for i in range(5)} == {"rest"}


def test_who_is_silent_by_hand(make_lab: MakeLab) -> None:
    silent = Silent(make_lab(_shop(), "feedback", privacy={"smallest_group": 1}), "abc")
    everybody = silent.summary.row(-1, named=True)
    assert (everybody["customers"], everybody["spoke"], everybody["share"]) == (60, 30, 0.5)
    parts = silent.summary.head(-1)
    assert parts["customers"].sum() == 60
    assert parts["spoke"].sum() == 30
    valuable = silent.customers.filter("valuable")
    assert valuable.height == 12
    assert silent.first["customer_id"].to_list() == (
        valuable.filter(~pl.col("spoke")).sort("value", descending=True)["customer_id"].to_list()
    )
    # The dearest orders are those of c30 …, who never spoke.
    less = silent.summary.filter(pl.col("q") <= 0.05)
    assert (less.filter(pl.col("difference") < 0)["label"] == "a").all()
    assert less.height


def test_groups_by_hand(make_lab: MakeLab) -> None:
    lab = make_lab(_shop(), "feedback")
    feedback = lab.tables["feedback"].with_columns(SENTIMENT)
    groups = Groups(lab, feedback, "channel")
    nps = groups.summary.filter(pl.col("metric") == "nps").rows_by_key("group", named=True, unique=True)
    assert {name: row["n"] for name, row in nps.items()} == {"app": 15, "门店": 15}
    assert nps["app"]["value"] == pytest.approx(100 * (10 - 5) / 15)
    assert (nps["app"]["low"], nps["app"]["high"]) == pytest.approx(nps_interval(10, 5, 15))
    assert nps["app"]["difference"] == pytest.approx(0)
    assert nps["app"]["q"] == pytest.approx(1)
    assert "csat" not in groups.metrics


def test_a_group_that_differs_is_found_and_small_ones_are_hidden(make_lab: MakeLab) -> None:
    rows = [
        f"f{i:03},c{i},2024-0{1 + i % 6}-02,{2 if group == '杭州' and i % 10 else 10},nps_0_10,{group}"
        for i, group in enumerate(["杭州"] * 60 + ["北京"] * 50 + ["上海"] * 40 + ["喀什"] * 2)
    ]
    header = "feedback_id,customer_id,given_on,score,scale,channel"
    lab = make_lab({"feedback": "\n".join([header, *rows]) + "\n"})
    groups = Groups(lab, lab.tables["feedback"], "channel")
    found = groups.summary.rows_by_key("group", named=True, unique=True)
    assert found["杭州"]["q"] < 0.001
    assert found["杭州"]["difference_high"] < 0
    # The next smallest hides with the only small one, whose number would follow from the total.
    assert [found[name]["value"] for name in ("喀什", "上海")] == [None, None]
    assert "杭州" in groups.explain().zh
    assert Groups(lab, lab.tables["feedback"], "period").summary["group"].to_list() == [
        f"2024-0{month}" for month in range(1, 7)
    ]


def test_no_group_is_found_where_there_is_nothing_to_find() -> None:
    """Benjamini and Hochberg: at most one table in twenty names a group by chance."""
    import numpy as np

    lab = crmlab.open(data=[{"source": "sample"}], as_of="2024-12-31")
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = 600
        feedback = pl.DataFrame(
            {
                "feedback_id": [f"f{i}" for i in range(n)],
                "customer_id": [f"c{i}" for i in range(n)],
                "score": rng.choice([3.0, 8.0, 10.0], n),
                "scale": ["nps_0_10"] * n,
                "channel": rng.choice([f"k{i}" for i in range(8)], n),
            }
        )
        alarms += (Groups(lab, feedback, "channel").summary["q"].drop_nulls() <= 0.05).any()
    assert alarms <= 8


@pytest.mark.parametrize("part", [Customers, Risk, Silent])
def test_feedback_without_customers(make_lab: MakeLab, part: Callable[[Lab], Any]) -> None:
    tables = _shop()
    lines = [line.split(",") for line in tables["feedback"].splitlines()]
    nameless = "\n".join(",".join([line[0], *line[2:]]) for line in lines) + "\n"
    shown = part(make_lab({**tables, "feedback": nameless}, "feedback"))
    assert "customer_id" in shown.missing.zh
    assert isinstance(shown.chart(), Note)
    assert isinstance(shown.table(), Note)
    assert shown.saved_tables() == {}


@pytest.mark.parametrize("part", [Customers, Risk, Silent])
def test_feedback_alone(make_lab: MakeLab, part: Callable[[Lab], Any]) -> None:
    alone = part(make_lab({"feedback": _shop()["feedback"]}, "feedback"))
    assert isinstance(alone.chart(), Note)
    assert isinstance(alone.note(), Note)


def test_customers_without_orders_have_classes_and_no_value(make_lab: MakeLab) -> None:
    people = "\n".join(["customer_id,city", *(f"c{i:02},北京" for i in range(60))]) + "\n"
    lab = make_lab({"customers": people, "feedback": _shop()["feedback"]}, "feedback")
    customers = Customers(lab)
    assert customers.missing is None
    assert customers.summary["value"].null_count() == 4
    assert VALUE not in customers.schemes
    assert isinstance(Risk(lab).table(), Note)
    assert isinstance(Silent(lab).table(), Note)


@pytest.mark.parametrize("by", BY[1:])
def test_feedback_that_cannot_be_grouped(make_lab: MakeLab, by: str) -> None:
    lab = make_lab({"feedback": "feedback_id,score,scale\nf1,9,nps_0_10\nf2,3,nps_0_10\n"}, "feedback")
    groups = Groups(lab, lab.tables["feedback"], by)
    for shown in (groups.chart(), groups.table(), groups.note()):
        assert isinstance(shown, Note)


def test_drivers_say_what_is_missing(make_lab: MakeLab) -> None:
    lab = make_lab(_shop(), "feedback")
    drivers = Drivers(lab, lab.tables["feedback"], "ratings")
    assert drivers.missing is not None
    assert "30" in drivers.missing.zh
    for shown in (drivers.chart(), drivers.table(), drivers.odds_table(), drivers.priorities()):
        assert isinstance(shown, Note)
    nothing = Drivers(lab, lab.tables["feedback"].clear(), "ratings")
    assert "NPS" in nothing.note().plain()


def test_what_comes_after_the_day_changes_nothing(make_lab: MakeLab) -> None:
    tables = _shop()
    late = {
        "orders": tables["orders"] + "x-1,c01,2024-07-05,5000\n",
        "feedback": tables["feedback"] + "x1,c01,2024-07-05,太差了,0,nps_0_10,app\n",
    }
    before, after = (make_lab(each, "feedback") for each in (tables, late))
    assert Risk(before).summary.equals(Risk(after).summary)
    assert Silent(before).summary.equals(Silent(after).summary)


def test_few_who_spoke_in_a_large_group_are_a_small_group(make_lab: MakeLab) -> None:
    orders = [f"{i},c{i},2024-06-{1 + i % 28:02},{1000 if i < 30 else 1}" for i in range(60)]
    feedback = [f"f{i},c{i},很好" for i in (*range(20), 40, 41)]
    tables = {
        "orders": "\n".join(["order_id,customer_id,ordered_at,amount", *orders]) + "\n",
        "feedback": "\n".join(["feedback_id,customer_id,text", *feedback]) + "\n",
    }
    silent = Silent(make_lab(tables, "feedback"), "abc")
    parts = silent.summary.head(-1)
    assert parts["customers"].sum() == 60
    assert 2 not in parts["spoke"].to_list()
    assert parts["share"].null_count() == parts["difference"].null_count() >= 2


def test_answers_of_one_person_are_no_group(make_lab: MakeLab) -> None:
    rows = [f"f{i},{'one' if i < 9 else f'c{i}'},9,nps_0_10,{'电话' if i < 9 else '网站'}" for i in range(80)]
    lab = make_lab({"feedback": "\n".join(["feedback_id,customer_id,score,scale,channel", *rows]) + "\n"})
    groups = Groups(lab, lab.tables["feedback"], "channel")
    assert groups.summary["value"].null_count() == groups.summary.height


def test_a_single_group_is_not_compared(make_lab: MakeLab) -> None:
    rows = [f"f{i},{i % 11},nps_0_10,问卷" for i in range(60)]
    rows += [f"g{i},{1 + i % 5},csat_1_5,{('门店', '网站')[i % 2]}" for i in range(60)]
    lab = make_lab({"feedback": "\n".join(["feedback_id,score,scale,channel", *rows]) + "\n"})
    groups = Groups(lab, lab.tables["feedback"], "channel")
    assert "净推荐值（NPS）只有一组" in groups.explain().zh
    chart = groups.chart()
    assert not isinstance(chart, Note)
    assert "CSAT" in json.dumps(chart.to_dict(), ensure_ascii=False)


def test_findings_tell_what_is_at_risk_and_what_satisfaction_goes_with(lab: Lab) -> None:
    said = {finding.id: finding.text.to(lab.language) for finding in lab._findings}
    assert list(said)[:3] == ["verdict", "risk", "driver"]
    assert f"{lab.voice.risk.share.value:.1%}" in said["risk"]
    assert ("没有显示" if lab.language == "zh" else "does not show") in said["risk"]
    assert "商品质量" in said["driver"]
    assert f"{lab.voice.drivers.summary['share'][0]:.1%}" in said["driver"]


def test_a_page_of_reviews_alone_says_what_is_missing_once(make_lab: MakeLab) -> None:
    voice = make_lab({"feedback": "feedback_id,text\nf1,很好\nf2,太差\n"}, "feedback").voice
    assert voice.if_surveyed("table") == ()
    for parts in (voice.customer_parts(), voice.group_parts("channel", "category", "segment")):
        assert [type(part) for part in voice.together(*parts).parts] == [Note]


def test_groups_of_customers_go_by_the_main_scheme(make_lab: MakeLab) -> None:
    parts = make_lab(_shop(), "feedback", schemes=["abc"]).voice.group_parts("segment", "channel")
    tables = [part for part in parts if isinstance(part, Table)]
    assert ["ABC" in part.payload()["caption"] for part in tables] == [True, False]


def test_names_of_many_drivers_do_not_cover_each_other() -> None:
    frame = pl.DataFrame(
        {
            "name": [f"driver {i:02}" for i in range(12)],
            "share": [i / 66 for i in range(12)],
            "performance": [0.5] * 12,
            "meaning": ["keep"] * 12,
            "first": [False] * 12,
            **{name: [0.1] * 12 for name in ("low", "high", "performance_low", "performance_high")},
        }
    )
    spec = importance_performance(frame, (0.5, 1 / 12), Text("甲", "a"), Text("乙", "b"), "en").to_dict()
    written = [
        each for each in spec["layer"] if each.get("encoding", {}).get("text", {}).get("field") == "name"
    ]
    named = [{row["name"] for row in spec["datasets"][each["data"]["name"]]} for each in written]
    assert named == [{f"driver {i:02}" for i in range(4, 12)}] * 2


def test_who_came_back_by_hand(make_lab: MakeLab) -> None:
    """Classes are those of 90 days ago, and only orders since then are coming back."""
    orders = [f"a{i},c{i:02},2024-03-{1 + i % 20:02},{10 + i}" for i in range(80)]
    orders += [f"b{i},c{i:02},2024-05-15,5" for i in range(80) if i % 2]
    feedback = [f"f{i},c{i:02},2024-03-25,{10 if i % 2 else 2},nps_0_10" for i in range(80)]
    feedback += [f"g{i},c{i:02},2024-06-01,{2 if i % 2 else 10},nps_0_10" for i in range(80)]
    tables = {
        "orders": "\n".join(["order_id,customer_id,ordered_at,amount", *orders]) + "\n",
        "feedback": "\n".join(["feedback_id,customer_id,given_on,score,scale", *feedback]) + "\n",
    }
    found = Risk(make_lab(tables, "feedback")).leaving
    assert found is not None
    assert (found.given, found.others) == (40, 40)
    assert (found.rate.value, found.other_rate.value) == pytest.approx((0, 1))
    assert found.shown
