"""Retention on the generated company, whose customers' last days are known, and on CDNOW."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import crmlab
from crmlab.data.samples import parameters as given
from crmlab.data.samples.company import company_blocks
from crmlab.retention import Retention
from crmlab.retention.kaplan_meier import kaplan_meier


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_survival_holds_what_is_true_of_the_company(seed: int) -> None:
    (company,) = company_blocks(3000, seed, dirt=False)
    people = company.truth["customers"].drop_nulls("first_order_on")
    last = people["left_on"].fill_null(given.LAST_DAY)
    days = (last - people["first_order_on"]).dt.total_days().to_numpy()
    curve = kaplan_meier(days, people["left_on"].is_not_null().to_numpy())
    shares = np.array([segment.share for segment in given.SEGMENTS])
    for day, estimate in zip((60, 180, 365), curve.at((60, 180, 365)), strict=True):
        stays = [(segment.beta / (segment.beta + day)) ** segment.s for segment in given.SEGMENTS]
        truth = float(shares @ stays / shares.sum())
        # A whole day is known, not the hour; the parts are not drawn in exact shares.
        assert estimate.low - 0.01 <= truth <= estimate.high + 0.01


def test_who_left_long_ago_has_lapsed() -> None:
    source = {"source": "sample", "customers": 1000, "seed": 11, "dirt": False}
    lab = crmlab.open("segmentation", data=[source], as_of="2024-12-31")
    retention = Retention(lab)
    (company,) = company_blocks(1000, 11, dirt=False)
    records = company.truth["identities"].group_by("customer_id").len().filter(pl.col("len") == 1)
    gone = company.truth["customers"].filter(
        pl.col("person_id").is_in(records["customer_id"].implode()),
        (pl.lit(lab.study.as_of) - pl.col("left_on")).dt.total_days() > 181,
        pl.col("first_order_on").is_not_null(),
    )
    lost = lab.classify("status").labels.filter(label="lost")["customer_id"]
    assert gone.height > 200
    assert set(gone["customer_id"]) <= set(lost)
    curve = retention.lapse.curve
    assert curve is not None
    assert curve.ended >= len(lost)  # and those who came back after a silence
    # Alive customers come back, the longer dormant the less.
    back = retention.reactivation.summary
    assert back["share"].to_list() == sorted(back["share"].to_list(), reverse=True)
    assert back["low"][0] > back["high"][3]


def test_cdnow(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "cdnow" / "cdnow_master.parquet"
    if not source.is_file():
        pytest.skip("the CDNOW purchases are absent")
    purchases = pl.read_parquet(source)
    path = tmp_path / "orders.csv"
    purchases.select(
        order_id=pl.int_range(pl.len()), customer_id="id", ordered_at="date", amount="amt"
    ).write_csv(path)
    data = [{"source": "files", "files": {"orders": {"path": str(path)}}}]
    retention = Retention(crmlab.open("segmentation", data=data, as_of="1998-06-30", currency="USD"))
    cohorts = retention.cohorts("month")
    assert cohorts is not None
    paid = purchases.filter(pl.col("amt") > 0).select("id", "date").unique()
    first = paid.group_by("id").agg(first=pl.col("date").min())
    month = pl.col("date").dt.truncate("1mo")
    active = (
        paid.join(first, on="id")
        .filter(pl.col("first") < pl.date(1997, 2, 1), month == pl.date(1997, 4, 1))
        .select(pl.col("id").n_unique())
        .item()
    )
    cell = cohorts.summary.filter(cohort="1997-01", age=3).row(0, named=True)
    assert cell["customers"] == first.filter(pl.col("first") < pl.date(1997, 2, 1)).height
    assert cell["active"] == active
    # All came in the first quarter of 1997, but for who paid later, and no sign of customers from before.
    begun = cohorts.summary.filter(age=0)
    assert begun["cohort"].to_list()[:3] == ["1997-01", "1997-02", "1997-03"]
    assert begun["customers"].head(3).sum() > 0.999 * first.height
    assert retention.note() is None
    # Half never come back within a year and a half.
    assert 0.45 < retention.second_purchase.by(365).value < 0.47
