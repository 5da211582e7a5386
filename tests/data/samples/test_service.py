"""Complaints and interactions: the improvement that worked is there to be found."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from math import sqrt

import polars as pl
import pytest

from crmlab.data.cleaning import clean
from crmlab.data.samples.company import Company
from crmlab.data.samples.parameters import (
    CHANGE_DAY,
    CLOSED_LOOP,
    COMPLAINT_SHARE,
    HANDLING,
    ONE_CONTACT,
    RESOLUTION_HOURS,
    RESOLUTION_SIGMA,
    UNSORTED,
)

STAGES = ("已受理", "调查中", "已升级", "已解决", "已关闭")


@pytest.fixture(scope="module")
def complaints(clean_company: Company) -> pl.DataFrame:
    table = clean(
        "complaints", clean_company.tables["complaints"].lazy(), "Asia/Shanghai"
    ).table.with_columns(
        after=pl.col("opened_at").dt.convert_time_zone("Asia/Shanghai").dt.date() >= CHANGE_DAY,
        hours=(pl.col("resolved_at") - pl.col("opened_at")).dt.total_seconds() / 3600,
    )
    return table.filter(pl.col("opened_at").dt.date() < date(2024, 12, 1))


def test_resolution_times_before_and_after_the_change(complaints: pl.DataFrame) -> None:
    assert complaints["hours"].null_count() < 5
    for after, period in ((False, "before"), (True, "after")):
        log = complaints.filter(after=after)["hours"].log()
        error = RESOLUTION_SIGMA / sqrt(len(log))
        assert log.mean() == pytest.approx(pl.Series([RESOLUTION_HOURS[period]]).log()[0], abs=4 * error)


def test_scores_of_handling_rise_with_the_change(complaints: pl.DataFrame, clean_company: Company) -> None:
    before, after = (complaints.filter(after=change)["score"].drop_nulls() for change in (False, True))
    error = sqrt(before.var() / len(before) + after.var() / len(after))  # type: ignore[arg-type,operator]
    assert after.mean() - before.mean() > 4 * error  # type: ignore[operator]
    truth = clean_company.truth["complaints"]
    for change, period in ((False, "before"), (True, "after")):
        felt = truth.filter(after_change=change)["handling"]
        assert felt.mean() == pytest.approx(HANDLING[period], abs=4 / sqrt(len(felt)))


def test_the_truth_tells_the_processes_apart_by_day(complaints: pl.DataFrame, clean_company: Company) -> None:
    both = complaints.join(clean_company.truth["complaints"], on="complaint_id")
    assert (both["after"] == both["after_change"]).all()
    resolved = both.drop_nulls("hours")
    assert (resolved["hours"] - resolved["resolution_hours"]).abs().max() < 0.02  # type: ignore[operator]


def test_the_share_of_orders_with_a_complaint(clean_company: Company) -> None:
    orders = clean_company.tables["orders"].height
    found = clean_company.tables["complaints"].height
    assert found == pytest.approx(orders * COMPLAINT_SHARE, rel=0.08)


def test_open_complaints_have_no_later_stage(clean_company: Company) -> None:
    table = clean_company.tables["complaints"]
    assert {"调查中", "已升级", "已解决", "已关闭"} <= set(table["stage"]) <= set(STAGES)
    open_ones = table.filter(pl.col("resolved_at").is_null())
    assert open_ones.height
    for column in ("closed_at", "solution", "compensation", "score"):
        assert open_ones[column].null_count() == open_ones.height, column
    assert table.filter(stage="已关闭")["closed_at"].null_count() == 0


def test_the_steps_of_a_complaint_follow_each_other(clean_company: Company) -> None:
    table = clean("complaints", clean_company.tables["complaints"].lazy(), "Asia/Shanghai").table
    assert table.height == clean_company.tables["complaints"].height  # none breaks a rule of the log
    steps = ("opened_at", "acknowledged_at", "first_response_at", "assessed_at", "investigated_at")
    for before, after in pairwise((*steps, "decided_at", "resolved_at", "closed_at", "closed_loop_at")):
        assert (table[after] >= table[before]).drop_nulls().all(), after
    assert (table["waiting_until_at"] <= table["resolved_at"]).drop_nulls().all()
    assert table["reopened_at"].is_not_null().equals(table["reopened"])


def test_shares_of_the_new_process(complaints: pl.DataFrame) -> None:
    closed = complaints.filter(pl.col("closed_at").dt.date() < date(2024, 12, 15))
    for after, period in ((False, "before"), (True, "after")):
        rows = closed.filter(after=after)
        for share, truth in (
            (rows["closed_loop_at"].is_not_null(), CLOSED_LOOP[period]),
            (rows["contacts_count"] == 1, ONE_CONTACT[period]),
        ):
            assert share.mean() == pytest.approx(truth, abs=4 * sqrt(truth * (1 - truth) / rows.height))
    assert closed["category"].null_count() / closed.height == pytest.approx(UNSORTED, abs=0.03)


def test_interactions_come_over_five_channels_from_both_sides(clean_company: Company) -> None:
    table = clean_company.tables["interactions"]
    assert set(table["channel"]) == {"电话", "微信", "门店", "邮件", "短信"}
    assert set(table["direction"]) == {"客户发起", "企业发起"}
    spoken = table.drop_nulls("duration_minutes")
    assert set(spoken["channel"]) == {"电话", "门店"}
    delivered = clean_company.tables["contacts"]["delivered_at"].is_not_null().sum()
    assert table.filter(kind="营销").height == delivered
    assert table.filter(kind="投诉").height == clean_company.tables["complaints"].height
    assert table["text"].n_unique() > 1_000
