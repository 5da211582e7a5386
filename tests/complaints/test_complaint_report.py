"""The report on complaints: small logs whose figures can be counted, and the generated company."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import pytest
from scipy.stats import poisson

import crmlab
from crmlab.complaints import Complaints
from crmlab.complaints.rates import poisson_interval, rate, ratio_of_rates
from crmlab.data.samples.parameters import CLOSED_LOOP, COMPLAINT_SHARE, HANDLING, RESOLUTION_HOURS
from crmlab.lab import Lab
from crmlab.view.findings import Note
from crmlab.view.tables import Table

PARTS = (
    *("volume", "speed", "steps", "promise", "backlog", "again", "causes", "severity", "closed_loop"),
    *("handling", "best_customers", "staying", "suggestions", "first"),
)
SET = {
    "response_hours": {"*": 8},
    "resolution_hours": {"紧急": 16, "重要": 27, "*": 45},
    "changed_on": "2024-04-01",
}
LOG = (
    "complaint_id,customer_id,opened_at,resolved_at,closed_at,stage,category,severity,score,contacts_count,"
    "reopened,closed_loop_at\n"
    "1,ann,2024-06-03 10:00,2024-06-03 12:00,2024-06-04,已关闭,质量,急,5,1,否,2024-06-10\n"
    "2,ann,2024-06-03 10:00,2024-06-04 12:00,2024-06-05,已关闭,质量,一般,2,3,是,\n"
    "3,bob,2024-06-04 10:00,2024-06-07 10:00,2024-06-07,已关闭,物流,一般,4,2,否,\n"
    "4,bob,2024-06-28 10:00,2024-06-28 11:00,,已解决,物流,一般,,1,否,\n"
    "5,cai,2024-06-10 10:00,,,调查中,物流,一般,,,否,\n"
    "6,,2024-06-30 10:00,,,已受理,质量,急,,,否,\n"
)
Open = Callable[..., Lab]


@pytest.fixture
def few(make_lab: Open, shop: Mapping[str, str]) -> Callable[..., Complaints]:
    def make(log: str = LOG, **settings: Any) -> Complaints:
        privacy = {"smallest_group": 1}
        return make_lab(
            {**shop, "complaints": log}, "complaints", privacy=privacy, complaints=settings
        ).complaints

    return make


@pytest.fixture(scope="module")
def sample() -> Lab:
    data = [{"source": "sample", "customers": 4000, "seed": 11}]
    return crmlab.open("complaints", data=data, as_of="2024-12-31", complaints=SET)


def test_promises_are_judged_when_their_time_is_up(few: Callable[..., Complaints]) -> None:
    complaints = few(resolution_hours={"急": 4, "*": 9})
    judged = complaints.promise.judged.sort("complaint_id")
    # 1: 2 of 4 hours. 2: 8 on Monday and 3 on Tuesday. 4: done in one hour of Friday; its 9 are up on Monday.
    # 5: overdue. 6: opened on Sunday, the last day of the data.
    assert judged["state"].to_list() == ["kept", "late", "late", "not_due", "overdue", "not_due"]
    whole = complaints.promise.summary.row(0, named=True)
    assert (whole["due"], whole["kept"], whole["overdue"], whole["not_due"]) == (4, 1, 1, 2)
    assert whole["share"] == 0.25
    assert complaints.promise.overdue() == 1


def test_a_rare_severity_keeps_its_promise(make_lab: Open, shop: Mapping[str, str]) -> None:
    # Two urgent ones are too few to be shown by themselves; what was promised for them holds.
    rows = [
        f"{n},2024-06-0{n % 5 + 3} 10:00,2024-06-0{n % 5 + 3} 16:00,{'急' if n < 2 else '一般'}"
        for n in range(20)
    ]
    log = "complaint_id,opened_at,resolved_at,severity\n" + "\n".join(rows) + "\n"
    settings = {"resolution_hours": {"急": 4, "特急": 2, "*": 24}}
    lab = make_lab({**shop, "complaints": log}, privacy={"smallest_group": 5}, complaints=settings)
    promise = lab.complaints.promise
    late = promise.judged.filter(state="late")["complaint_id"].to_list()
    assert late == ["0", "1"]
    assert "特急" in promise.note().plain()
    assert "急" not in promise.note().plain().replace("特急", "")


def test_on_the_calendar_clock(few: Callable[..., Complaints]) -> None:
    judged = few(resolution_hours={"*": 26}, promised_in="calendar").promise.judged.sort("complaint_id")
    assert judged["state"].to_list() == ["kept", "kept", "late", "kept", "overdue", "not_due"]


def test_without_a_promise_it_says_what_to_set(few: Callable[..., Complaints]) -> None:
    note = few().promise.chart()
    assert isinstance(note, Note)
    assert "resolution_hours: {紧急: 8" in note.plain()
    unknown = few(resolution_hours={"critical": 4}).promise.table()
    assert isinstance(unknown, Note)
    assert "一般、急" in unknown.plain()


def test_what_is_open_and_since_when(few: Callable[..., Complaints]) -> None:
    backlog = few().backlog
    assert backlog.open["complaint_id"].to_list() == ["5", "6"]
    assert backlog.summary.filter(pl.col("open") > 0).select("band", "open").rows() == [
        ("0–1", 1),
        ("14–30", 1),
    ]
    assert backlog.months.rows() == [("2024-06", 6, 4, 2)]
    assert backlog.stages.select("stage", "open").rows() == [("investigating", 1), ("received", 1)]


def test_what_comes_back(few: Callable[..., Complaints]) -> None:
    rows = {row[0]: row[1:3] for row in few().again.summary.iter_rows()}
    assert rows == {
        "reopened": (1, 4),
        "first_contact": (2, 4),
        "repeat_customers": (2, 3),
        "repeat_complaints": (4, 5),
    }
    assert few().again.same_cause == (2, 5)
    # One contact and opened again is not solved at the first.
    reopened = few(LOG.replace("2,3,是", "2,1,是")).again.summary.filter(measure="first_contact")
    assert reopened.select("successes", "n").row(0) == (2, 4)


def test_unsorted_complaints_are_of_no_same_kind(few: Callable[..., Complaints]) -> None:
    blank = LOG.replace("已关闭,质量", "已关闭,")
    assert few(blank).again.same_cause == (1, 5)


def test_a_backlog_over_time_needs_times(few: Callable[..., Complaints]) -> None:
    log = "complaint_id,opened_at,closed_at,stage\n" + "".join(
        f"{n},2024-0{n % 5 + 1}-03 10:00,,{'已关闭' if n % 3 else '调查中'}\n" for n in range(30)
    )
    backlog = few(log).backlog
    assert backlog.open.height == 10
    chart = backlog.trend_chart()
    assert isinstance(chart, Note)
    assert "不画积压走势" in chart.plain()
    # Of ended ones nobody knows how long they waited: the open ones alone name no cause to begin with.
    causes = few(
        log.replace(",stage", ",stage,category")
        .replace("已关闭", "已关闭,质量")
        .replace("调查中", "调查中,物流")
    )
    assert causes.first.worst is None
    assert "解决时间" in causes.first.note().plain()


def test_an_empty_column_is_as_good_as_none(few: Callable[..., Complaints]) -> None:
    lines = LOG.splitlines()
    empty = [lines[0]] + [",".join([*line.split(",")[:6], "", "", "", "", "", ""]) for line in lines[1:]]
    complaints = few("\n".join(empty) + "\n")
    for name in ("causes", "severity", "closed_loop", "handling", "suggestions"):
        assert getattr(complaints, name).problem is not None, name
    assert complaints.again.summary["measure"].to_list() == ["repeat_customers", "repeat_complaints"]
    assert complaints.findings()[-1] != complaints.first.explain()


def test_the_old_columns_give_few_remarks(few: Callable[..., Complaints]) -> None:
    old = "complaint_id,customer_id,opened_at,resolved_at\n" + "".join(
        f"{n},ann,2024-0{n % 6 + 1}-03,2024-0{n % 6 + 1}-04\n" for n in range(30)
    )
    complaints = few(old)
    assert complaints.speed.row("resolution", "calendar", "all")["median"] == 24
    assert "时长只能准到天" in complaints.speed.note().plain()
    assert "时长只能准到天" not in few().speed.note().plain()
    tables = [complaints.speed.table_by(column).plain() for column in ("severity", "category", "channel")]
    assert len(set(tables)) == 1  # one remark, which `together` shows once
    rates = [complaints.volume.table_by(column).plain() for column in ("category", "product", "channel")]
    assert len(set(rates)) == 1
    assert isinstance(complaints.first.chart(), Note)
    assert isinstance(complaints.first.table(), Note)


def test_causes_severity_and_the_loop(few: Callable[..., Complaints]) -> None:
    complaints = few()
    assert complaints.causes.summary.select("cause", "complaints", "cumulative").rows() == [
        ("物流", 3, 0.5),
        ("质量", 3, 1.0),
    ]
    assert complaints.causes.vital == 2
    assert complaints.severity.summary.select("category", "severity", "complaints").rows() == [
        ("物流", "一般", 3),
        ("物流", "急", 0),
        ("质量", "一般", 1),
        ("质量", "急", 2),
    ]
    # Number 4 ended less than a fortnight before the as-of day.
    assert complaints.closed_loop.summary.select("ended", "closed").row(0) == (3, 1)


def test_scores_off_their_scale_are_refused(few: Callable[..., Complaints]) -> None:
    assert few().handling.summary.select("answers", "satisfied").row(0) == (3, 2)
    wrong = few(LOG.replace("关闭,质量,急,5", "关闭,质量,急,9")).handling
    assert "1 个处理满意度不是 1–5 的整数" in wrong.note().plain()
    assert isinstance(wrong.chart(), Note)


def test_rates_are_of_orders_of_the_same_time(few: Callable[..., Complaints]) -> None:
    # The first complaint is of 3 June, the last order known then of 20 June: four complaints and one paid
    # order in these days. What comes after the orders end says nothing of a rate.
    volume = few().volume
    assert volume.summary.select("month", "complaints", "orders").rows() == [("2024-06", 4, 1)]
    assert volume.overall == rate(4, 1)
    assert volume.outside == 2
    assert "2024-06-20 共 4 件" in volume.note().plain()
    assert "另有 2 件" in volume.note().plain()


def test_orders_that_end_early_do_not_raise_the_rate(make_lab: Open) -> None:
    days = pl.date_range(pl.date(2023, 7, 1), pl.date(2024, 6, 30), eager=True)
    orders = "".join(f"{place},c{place % 9},{day},10\n" for place, day in enumerate(days[:200]))
    complaints = "".join(f"{place},c{place % 9},{day} 10:00\n" for place, day in enumerate(days))
    lab = make_lab(
        {
            "orders": "order_id,customer_id,ordered_at,amount\n" + orders,
            "complaints": "complaint_id,customer_id,opened_at\n" + complaints,
        }
    )
    volume = lab.complaints.volume
    assert volume.overall.value == 1000
    assert volume.change.value == 1
    best = lab.complaints.best_customers.summary
    assert best["rate"].to_list() == [1000, 1000]


def test_a_log_that_breaks_off_is_named(make_lab: Open) -> None:
    days = pl.date_range(pl.date(2023, 7, 1), pl.date(2024, 6, 30), eager=True)
    orders = "".join(f"{place},c{place % 9},{day},10\n" for place, day in enumerate(days))

    def said(last: int) -> str:
        complaints = "".join(f"{day} 10:00\n" for day in days[:last:2])
        lab = make_lab(
            {
                "orders": "order_id,customer_id,ordered_at,amount\n" + orders,
                "complaints": "opened_at\n" + complaints,
            },
            study=f"s{last}",
        )
        return lab.complaints.volume.note().plain()

    assert "2024-01-15 之后再无投诉" in said(200)
    assert "之后再无投诉" not in said(360)


@pytest.mark.parametrize("events", [0, 1, 7, 250])
def test_the_poisson_interval_is_exact(events: int) -> None:
    low, high = poisson_interval(events)
    assert poisson.cdf(events, high) == pytest.approx(0.025)
    assert events == 0 or poisson.sf(events - 1, low) == pytest.approx(0.025)
    assert rate(events, 2000).value == events / 2


def test_the_ratio_of_two_rates() -> None:
    ratio = ratio_of_rates(20, 1000, 10, 1000)
    assert ratio.value == pytest.approx(2)
    assert ratio.low < 2 < ratio.high
    assert ratio_of_rates(20, 1000, 0, 1000).value != ratio.value


def test_the_change_of_the_process_is_found(sample: Lab) -> None:
    complaints = sample.complaints
    for period, truth in RESOLUTION_HOURS.items():
        row = complaints.speed.row("resolution", "calendar", period)
        assert row["median_low"] <= truth <= row["median_high"]  # type: ignore[operator]
    apart = complaints.handling.change()
    assert apart is not None
    assert apart.low > 0
    assert HANDLING["after"] > HANDLING["before"]
    low, high = (complaints.volume.overall.low, complaints.volume.overall.high)
    assert low / 1000 < COMPLAINT_SHARE < high / 1000
    loop = complaints.closed_loop.summary["share"][0]
    assert CLOSED_LOOP["before"] < loop < CLOSED_LOOP["after"]


def test_suggestions_are_better_than_the_most_frequent_category(sample: Lab) -> None:
    part = sample.complaints.suggestions
    rows = {row["method"]: row for row in part.summary.iter_rows(named=True)}
    assert rows["model"]["low"] > rows["majority"]["high"]
    assert rows["model"]["right"] > 0.9
    unsorted = sample.tables["complaints"]["category"].null_count()
    assert 0 < part.suggested.height <= unsorted


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_part_has_a_chart_a_table_and_a_note(
    sample: Lab, language: str, check_chart: Callable[..., None]
) -> None:
    def _check(chart: Any) -> None:
        if language == "zh":
            check_chart(chart, language, most_rows=300)
        # Names of the data are Chinese in either language; sentences round them are not.
        elif title := chart.to_dict()["title"]:
            assert not set("，。；（）的") & set(title["text"] + title["subtitle"])

    sample.language = language  # type: ignore[assignment]
    complaints = Complaints(sample)
    for name in PARTS:
        part = getattr(complaints, name)
        assert part.problem is None, name
        chart, table = part.chart(), part.table()
        if name != "backlog" or complaints.backlog.open.height:
            assert not isinstance(chart, Note), name
            assert isinstance(table, Table), name
            _check(chart)
        assert part.note().plain().rstrip()[-1] in "。."
    for column in ("category", "product", "channel"):
        _check(complaints.volume.chart_by(column))
        assert isinstance(complaints.volume.table_by(column), Table)
    assert isinstance(complaints.speed.table_by("severity"), Table)
    _check(complaints.backlog.trend_chart())
    assert len(complaints.findings()) >= 6
    assert len(complaints.definitions()) == 12
    assert complaints.figures().plain()
    sample.language = "zh"


def test_a_study_without_complaints_says_so(make_lab: Open, shop: Mapping[str, str]) -> None:
    lab = make_lab(shop, "complaints")
    for name in PARTS:
        part = getattr(lab.complaints, name)
        for view in (part.chart(), part.table(), part.note()):
            assert isinstance(view, Note)
            assert "complaints" in view.plain()
    assert lab.complaints.findings() == [lab.complaints.volume.explain()]
    assert lab.complaints.saved_tables() == {}


def test_a_bare_log_says_what_is_missing(few: Callable[..., Complaints]) -> None:
    complaints = few("complaint_id,opened_at\n1,2024-06-03 10:00\n2,2024-06-04 10:00\n")
    for name in PARTS:
        part = getattr(complaints, name)
        views = (part.chart(), part.table())
        assert all(not isinstance(view, Note) or view.plain().strip() for view in views), name
    assert complaints.speed.problem is not None
    assert "resolved_at" in complaints.speed.problem.en
    assert complaints.saved_tables().keys() <= {f"complaints_{name}" for name in PARTS}


def test_nothing_of_a_customer_stands_in_saved_suggestions(sample: Lab) -> None:
    complaints = sample.complaints
    assert complaints.suggestions.problem is None
    tables = complaints.saved_tables()
    assert "text" not in tables["complaints_suggested"].columns
