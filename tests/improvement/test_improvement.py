"""The improvements of a study: register, verdicts, views in both languages, and what is refused in words."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import crmlab
from crmlab.errors import ParamsError
from crmlab.improvement.findings import improvement_findings
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.tables import Table

if TYPE_CHECKING:
    from crmlab.lab import Lab

MEASURE = {"measure": "培训", "started_on": "2024-01-08", "target_metric": "csat"}


def scores(channels: tuple[str, ...] = ("门店", "官网"), rise: float = 0.0, weeks: int = 78) -> str:
    """Return scores of so many weeks; from 2024-01-08 on a share ``rise`` more is content in one channel."""
    lines = ["feedback_id,customer_id,given_on,score,scale,channel"]
    for week in range(weeks):
        day = date(2023, 1, 2) + timedelta(weeks=week)
        for place, channel in enumerate(channels):
            for answer in range(12):
                spread = (answer * 7 + week * 5 + place * 3) % 12 / 12
                usual = 0.5 + ((week * 7 + place * 3) % 5 - 2) / 24
                content = spread < usual + (rise if not place and day >= date(2024, 1, 8) else 0)
                number = f"{week}-{place}-{answer}"
                lines.append(f"f{number},c{number},{day},{5 if content else 2},csat_1_5,{channel}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def lab_of(make_lab: Callable[..., Lab]) -> Callable[..., Lab]:
    def make(*measures: dict[str, Any], rise: float = 0.3, **settings: Any) -> Lab:
        tables = settings.pop("tables", None) or {"feedback": scores(rise=rise)}
        given = {"measures": list(measures), "placebos": 5, **settings.pop("improvement", {})}
        return make_lab(tables, "improvement", improvement=given, **settings)

    return make


def reason(lab: Lab) -> str:
    (row,) = lab.improvement.verdicts.to_dicts()
    assert row["verdict"] == "not_judged"
    assert row["effect"] is None
    return str(row["reason_en"])


def test_a_measure_in_one_channel_is_compared_with_the_others(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of({**MEASURE, "channel": "门店"}, language="en")
    (row,) = lab.improvement.verdicts.to_dicts()
    assert (row["verdict"], row["method"], row["improvement_id"]) == ("improved", "controlled", "Y1")
    assert row["effect"] == pytest.approx(0.3, abs=0.08)
    assert row["before"] == pytest.approx(0.5, abs=0.03)
    assert "官网" in lab.improvement.measure("Y1").note().plain()


def test_a_fall_is_worse_and_nothing_is_no_evidence(lab_of: Callable[..., Lab]) -> None:
    assert lab_of(MEASURE, rise=-0.45).improvement.verdicts["verdict"].to_list() == ["worse"]
    assert lab_of(MEASURE, rise=0.0).improvement.verdicts["verdict"].to_list() == ["no_evidence"]


def test_rows_of_the_table_and_of_the_study_are_one_register(lab_of: Callable[..., Lab]) -> None:
    table = (
        "改进编号,改进措施,负责人,开始日期,目标指标,状态,说明\n"
        "A1,新流程,王小明,2024-02-05,CSAT,已完成,打13812345678\nA2,计划,李四,2024-12-01,CSAT,计划中,\n"
    )
    lab = lab_of({**MEASURE, "owner": "Ann Lee"}, tables={"feedback": scores(), "improvements": table})
    assert [each.improvement_id for each in lab.improvement.register] == ["Y1", "A1"]
    shown = json.dumps(lab.improvement.register_table().payload(), ensure_ascii=False)
    assert "王**" in shown
    assert "小明" not in shown
    assert "Lee" not in shown
    assert "13812345678" not in shown
    twice = lab_of({**MEASURE, "improvement_id": "A1"}, tables={"feedback": scores(), "improvements": table})
    with pytest.raises(ParamsError, match="'A1' is that of another measure"):
        _ = twice.improvement.register


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"started_on": "2024-06-10"},
            "4 whole weeks after the start are needed, which there are from 2024-07-08",
        ),
        ({"ended_on": "2024-01-20"}, "ended on 2024-01-20: fewer than 4 whole weeks"),
        ({"started_on": "2023-02-06"}, "records begin on 2023-01-02"),
        ({"started_on": "2024-08-01"}, "had not begun"),
        ({"target_metric": "nps"}, "no record can be used"),
        ({"target_metric": "complaint_rate"}, "has no complaints"),
        ({"target_metric": "aspect_share"}, "fill in aspect"),
        ({"channel": "小店"}, "no channels “小店” as the register writes it. It has: 门店, 官网"),
        ({"store": "一店"}, "no stores “一店”"),
    ],
)
def test_what_cannot_be_judged_is_said(
    lab_of: Callable[..., Lab], changes: dict[str, Any], said: str
) -> None:
    lab = lab_of({**MEASURE, **changes}, language="en")
    assert said in reason(lab)
    view = lab.improvement.measure("Y1")
    for part in (view.chart(), view.table(), view.placebo_chart(), view.note()):
        assert isinstance(part, Note)
        assert said in part.plain()
    assert view.series.is_empty()
    lab.improvement.timeline_chart().to_dict()


def test_nothing_after_the_as_of_day_counts(lab_of: Callable[..., Lab]) -> None:
    early = lab_of(MEASURE, as_of="2024-04-01")
    lines = scores(rise=0.3).splitlines(keepends=True)
    cut = "".join(line for line in lines if line.split(",")[2] <= "2024-04-01" or line.startswith("feedback"))
    same = lab_of(MEASURE, as_of="2024-04-01", tables={"feedback": cut})
    assert early.improvement.verdicts.equals(same.improvement.verdicts)
    assert early.improvement.verdicts["n_after"][0] < lab_of(MEASURE).improvement.verdicts["n_after"][0]


def test_data_that_end_before_the_measure_are_asked_for(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of({**MEASURE, "started_on": "2024-08-05"}, as_of="2024-12-31", language="en")
    assert "(the last is of 2024-06-24). Add data from 2024-08-05 on" in reason(lab)


def test_an_ended_measure_is_judged_while_it_ran(lab_of: Callable[..., Lab]) -> None:
    whole, ended = lab_of(MEASURE), lab_of({**MEASURE, "ended_on": "2024-03-03"})
    assert ended.improvement.verdicts["n_after"][0] == 8 * 24
    assert whole.improvement.verdicts["n_after"][0] > 8 * 24


def test_open_complaints_count_with_the_limit(lab_of: Callable[..., Lab]) -> None:
    lines = ["complaint_id,opened_at,resolved_at"]
    for week in range(70):
        for place in range(3):
            opened = date(2023, 1, 2) + timedelta(weeks=week, days=place)
            days = 2 if opened < date(2024, 1, 8) else 1
            closed = f"{opened + timedelta(days=days)} {13 if week % 2 else 7:02}:00:00" if place else ""
            lines.append(f"p{week}-{place},{opened} 10:00:00,{closed}")
    tables = {"complaints": "\n".join(lines) + "\n"}
    lab = lab_of({**MEASURE, "target_metric": "resolution_hours"}, tables=tables, as_of="2024-05-06")
    (row,) = lab.improvement.verdicts.to_dicts()
    # A third is never resolved: (336 + 48 + 48) / 3 before, (336 + 24 + 24) / 3 after.
    assert (row["before"], row["after"]) == pytest.approx((144.0, 128.0), abs=0.3)
    assert row["effect"] == pytest.approx(-16.0, abs=0.5)
    assert row["verdict"] == "improved"


def test_complaints_per_thousand_orders(lab_of: Callable[..., Lab]) -> None:
    orders, complaints = ["order_id,customer_id,ordered_at,amount"], ["complaint_id,opened_at,category"]
    for day in range(500):
        on = date(2023, 1, 2) + timedelta(days=day)
        orders += [f"o{day}-{place},c{place},{on},10" for place in range(5)]
        complaints += [f"p{day},{on} 12:00:00,{('物流', '质量')[day % 2]}"] if day % 10 < 2 else []
    tables = {"orders": "\n".join(orders) + "\n", "complaints": "\n".join(complaints) + "\n"}
    whole = lab_of({**MEASURE, "target_metric": "complaint_rate"}, tables=tables)
    assert whole.improvement.verdicts["before"][0] == pytest.approx(40, abs=2)
    part = lab_of({**MEASURE, "target_metric": "complaint_rate", "aspect": "物流"}, tables=tables)
    assert part.improvement.verdicts["before"][0] == pytest.approx(20, abs=1.5)
    assert part.improvement.verdicts["method"][0] == "controlled"


def test_more_orders_where_more_is_complained_about_are_no_worse_service(lab_of: Callable[..., Lab]) -> None:
    """Per thousand, 60 online and 10 in the shop throughout; orders move online when the measure begins."""
    orders = ["order_id,customer_id,ordered_at,amount,channel"]
    complaints, rng = ["complaint_id,order_id,opened_at,category"], random.Random(1)
    for day in range(500):
        on = date(2023, 1, 2) + timedelta(days=day)
        for place in range(30):
            online = rng.random() < (0.2 if on < date(2024, 1, 8) else 0.7)
            orders.append(f"o{day}-{place},c{place},{on},10,{'官网' if online else '门店'}")
            if rng.random() < (0.06 if online else 0.01):
                complaints.append(
                    f"p{day}-{place},o{day}-{place},{on} 12:00:00,{rng.choice(['物流', '质量'])}"
                )
    tables = {"orders": "\n".join(orders) + "\n", "complaints": "\n".join(complaints) + "\n"}
    lab = lab_of({**MEASURE, "target_metric": "complaint_rate"}, tables=tables, improvement={"placebos": 0})
    (row,) = lab.improvement.verdicts.to_dicts()
    assert row["after"] > 2 * row["before"]
    assert row["verdict"] == "no_evidence"
    assert row["low"] < 0 < row["high"]


def test_a_target_in_percent_is_a_share_however_it_is_written(lab_of: Callable[..., Lab]) -> None:
    table = (
        "改进编号,改进措施,开始日期,目标指标,目标值\n"
        "A1,甲,2024-01-08,满意度,85%\nA2,乙,2024-01-08,满意度,85\nA3,丙,2024-01-08,满意度,0.85\n"
        "A4,丁,2024-01-08,解决时长,48\nA5,戊,2024-01-08,满意度,1\n"
    )
    lab = lab_of(tables={"feedback": scores(), "improvements": table})
    assert [each.target for each in lab.improvement.register] == [0.85, 0.85, 0.85, 48, 1]


def test_rows_that_are_not_in_the_register_are_counted(lab_of: Callable[..., Lab]) -> None:
    table = (
        "改进编号,改进措施,开始日期,目标指标\n"
        "A1,甲,2024-01-08,满意度\nA2,乙,2025-03-01,满意度\nA3,丙,,满意度\nA4,丁,2024-01-08,回购率\n"
    )
    quality = {"max_rejected_share": 0.6}
    lab = lab_of(tables={"feedback": scores(), "improvements": table}, language="en", quality=quality)
    shown = str(lab.improvement.register_table().payload())
    assert "left out: 2 (required value is missing, value that is in no code list)" in shown
    assert "begin after the as-of day and are not listed: 1" in shown


def test_one_of_many_is_said_to_be_no_evidence_although_its_interval_leaves_out_zero(
    lab_of: Callable[..., Lab],
) -> None:
    measures = [{**MEASURE, "improvement_id": f"A{place}"} for place in range(40)]
    lab = lab_of(*measures, rise=0.15, language="en", improvement={"placebos": 0})
    row = lab.improvement.verdicts.row(0, named=True)
    assert row["p"] < 0.05 <= row["adjusted_p"]
    assert row["verdict"] == "no_evidence"
    assert (
        "By itself the interval leaves out 0; but 40 measures" in lab.improvement.measure("A0").note().plain()
    )


def test_a_segment_without_customers_or_orders_is_said_and_no_error(lab_of: Callable[..., Lab]) -> None:
    measure = {**MEASURE, "segment": "活跃"}
    assert "cannot tell segments" in reason(lab_of(measure, language="en"))
    lines = [line.split(",") for line in scores().splitlines()]
    nobody = "\n".join(",".join([line[0], *line[2:]]) for line in lines) + "\n"
    assert "which customer" in reason(lab_of(measure, tables={"feedback": nobody}, language="en"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_view_in_both_languages(
    lab_of: Callable[..., Lab], check_chart: Callable[..., None], language: Any
) -> None:
    lab = lab_of({**MEASURE, "channel": "门店", "target_value": 0.9}, MEASURE, language=language)
    improvement = lab.improvement
    assert isinstance(improvement.figures(), KeyFigures)
    for table in (improvement.table(), improvement.register_table(), improvement.definitions()):
        assert isinstance(table, Table)
        assert table.frame.height >= 2
    check_chart(improvement.timeline_chart(), language)
    view = improvement.measure("Y1")
    check_chart(view.chart(), language)
    check_chart(view.placebo_chart(), language)
    assert len(view.sections().parts) == 5
    assert len(improvement.measures().parts) == 10
    assert ("目标" if language == "zh" else "target") in view.note().plain()
    assert view.series["n"].min() >= lab.study.privacy.smallest_group  # type: ignore[operator]
    assert (
        view.series.filter(~pl.col("after"))["counterfactual"].null_count()
        == view.series["after"].not_().sum()
    )
    assert len(improvement_findings(lab)) >= 1


def test_measures_that_cannot_be_told_apart_are_named(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of({**MEASURE, "measure": "甲"}, {**MEASURE, "measure": "乙", "started_on": "2024-02-05"})
    assert "“乙”" in lab.improvement.measure("Y1").note().plain()
    assert "“甲”" in lab.improvement.measure("Y2").note().plain()


def test_without_a_register_every_part_says_so(make_lab: Callable[..., Lab]) -> None:
    improvement = make_lab({"feedback": scores(weeks=2)}, "improvement").improvement
    for part in (
        *(improvement.figures(), improvement.table(), improvement.register_table(), improvement.note()),
        *(improvement.timeline_chart(), improvement.definitions()),
    ):
        assert isinstance(part, Note)
        assert "improvement.measures" in part.plain()
    assert improvement.measures().parts == []
    assert improvement.verdicts.is_empty()
    assert improvement.saved_tables() == {}
    assert [finding.id for finding in improvement.findings()] == ["no_improvements"]


def test_an_unknown_measure_is_an_error(lab_of: Callable[..., Lab]) -> None:
    with pytest.raises(ParamsError, match=r"'Y9'.*Did you mean 'Y1'"):
        lab_of(MEASURE).improvement.measure("Y9")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ended_on": "2024-01-01"}, "before started_on"),
        ({"started_on": 20240108}, "YYYY-MM-DD"),
        ({"target_metric": "CSAT"}, "target_metric"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    lab_of: Callable[..., Lab], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParamsError, match=said):
        lab_of({**MEASURE, **changes})


def test_a_window_that_holds_too_few_periods_is_refused(lab_of: Callable[..., Lab]) -> None:
    with pytest.raises(ParamsError, match="4 periods of a month, that is 120 days"):
        lab_of(MEASURE, improvement={"period": "month", "window_days": 90})


@pytest.fixture(scope="module")
def company() -> Lab:
    """The generated company, large enough for its true effects to be seen."""
    data = [{"source": "sample", "customers": 20_000}]
    return crmlab.open("improvement", data=data, as_of="2024-12-31", improvement={"placebos": 0})


def test_the_generated_company_improves_where_it_truly_does(company: Lab) -> None:
    rows = {row["improvement_id"]: row for row in company.improvement.verdicts.to_dicts()}
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "GJ01": "improved",
        "GJ02": "improved",
        "GJ03": "no_evidence",
        "GJ04": "no_evidence",
        "GJ05": "not_judged",
    }
    # Lognormal times with medians of 96 and 40 hours and sigma 0.7, cut at 336 hours: means of 119 and 51.
    assert rows["GJ01"]["low"] <= 51 - 119 <= rows["GJ01"]["high"]


def test_the_mix_may_be_that_of_segments_and_a_segment_be_the_place(company: Lab) -> None:
    measure = {"measure": "a", "started_on": "2024-04-01", "target_metric": "csat", "segment": "活跃"}
    data = [{"source": "sample", "customers": 3000}]
    lab = crmlab.open(
        "improvement",
        data=data,
        as_of="2024-12-31",
        schemes=["status"],
        improvement={"placebos": 0, "mix": ["segment"], "measures": [measure]},
    )
    row = lab.improvement.verdicts.filter(improvement_id="Y1").row(0, named=True)
    assert row["verdict"] == "no_evidence"
    assert 0 < row["n_before"] < company.improvement.verdicts["n_before"].max()  # type: ignore[operator]
    unknown = crmlab.open(
        "improvement",
        data=data,
        as_of="2024-12-31",
        language="en",
        improvement={"measures": [{**measure, "segment": "x"}]},
    )
    found = unknown.improvement.verdicts.filter(improvement_id="Y1")["reason_en"][0]
    assert "no segments “x”" in found


def test_what_a_run_saves(company: Lab) -> None:
    saved = company.improvement.saved_tables()
    assert set(saved) == {f"improvement_{part}" for part in ("verdicts", "methods", "series", "placebos")}
    assert saved["improvement_verdicts"].height == 5
    assert saved["improvement_methods"].filter("primary").height == 4
    assert "customer_id" not in {name for frame in saved.values() for name in frame.columns}


def test_an_aspect_may_be_named_by_a_word_for_it() -> None:
    """No aspect of e-commerce has 服务 in its name; it is what sellers and their support do."""
    lab = crmlab.open(
        "improvement",
        data=[{"source": "sample", "customers": 3000}],
        as_of="2024-12-31",
        annotators={"aspects": {"taxonomy": "e_commerce"}},
        improvement={"placebos": 0},
    )
    (found,) = [each for each in lab.improvement.judged if each.measure.improvement_id == "GJ02"]
    assert found.outcome is not None
    assert found.outcome.own == "seller_service"
