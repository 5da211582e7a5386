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
    # Of the paid orders one was placed since the first complaint, on 20 June; that day and since there are
    # two complaints.
    volume = few().volume
    assert volume.summary.select("month", "complaints", "orders").rows() == [("2024-06", 2, 1)]
    assert volume.overall == rate(2, 1)


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
