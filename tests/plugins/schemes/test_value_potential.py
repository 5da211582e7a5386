"""Value and potential: what customers spend, what their peers spend, and where it goes."""

from __future__ import annotations

import polars as pl
import pytest

from crmlab.errors import NotFittedError, ParamsError
from crmlab_plugins.schemes.value_potential import ValuePotential


def _table(rows: list[tuple[float, float, float, int, str | None]]) -> pl.DataFrame:
    """Make customers from spend of 365 days, of the last and previous 180, tenure, and type."""
    columns = {
        "spend_last_365_days": pl.Float64,
        "spend_last_180_days": pl.Float64,
        "spend_previous_180_days": pl.Float64,
        "days_since_first_order": pl.Int64,
        "customer_type": pl.String,
    }
    table = pl.DataFrame(rows, schema=columns, orient="row")
    return table.select(pl.format("c{}", pl.int_range(pl.len())).alias("customer_id"), *columns)


STEADY = _table([(float(spend), spend / 2, spend / 2, 400, "a") for spend in range(0, 101, 10)])
PLAIN = ValuePotential(smallest_peers=1)


def test_the_gap_to_the_benchmark_makes_the_potential() -> None:
    learned = PLAIN.fit(STEADY)
    labels = learned.predict(STEADY).to_list()  # the benchmark is 80, the cut-points 33.33 and 66.67
    assert labels[0] == "low_value_mid_potential"  # gap 100 %, but no spend at all: one level down
    assert labels[2] == "low_value_high_potential"  # gap 75 %
    assert labels[4] == "mid_value_mid_potential"  # gap 50 %
    assert labels[6] == "mid_value_low_potential"  # gap 25 %
    assert labels[10] == "high_value_low_potential"
    assert learned.explain(STEADY).row(4) == (
        "近 365 天消费 40.00，同类客户标杆 80.00，差距 50%；近 180 天平稳；属中价值·中潜力",
        "40.00 spent in 365 days, benchmark of peers 80.00, gap 50%; steady over the last 180 days: "
        "mid value, mid potential",
    )
    assert "近 180 天没有净消费，潜力降一档" in learned.explain(STEADY)["zh"][0]
    twice = ValuePotential(peer_columns=("days_since_first_order",)).requires
    assert len(twice) == len(set(twice))


@pytest.mark.parametrize(
    ("last", "before", "label"),
    [
        (22.0, 20.0, "mid_value_mid_potential"),  # 10 % more is steady
        (22.1, 20.0, "mid_value_high_potential"),
        (18.0, 20.0, "mid_value_mid_potential"),
        (17.9, 20.0, "mid_value_low_potential"),
        (40.0, 0.0, "mid_value_high_potential"),
        (0.0, 0.0, "mid_value_low_potential"),
    ],
)
def test_growth_moves_the_potential_by_one(last: float, before: float, label: str) -> None:
    learned = PLAIN.clone().fit(STEADY)
    assert learned.predict(_table([(40.0, last, before, 400, "a")])).to_list() == [label]


def test_peers_are_of_equal_tenure_and_type() -> None:
    rows = [(float(10 * scale), 5.0 * scale, 5.0 * scale, days, kind) for scale, days, kind in
            [(1, 400, "a"), (9, 400, "b"), (2, 50, "a"), (3, 400, None)] for _ in range(3)]  # fmt: skip
    table = _table(rows)
    by_tenure = ValuePotential(smallest_peers=3).fit(table)
    by_type = ValuePotential(smallest_peers=3, peer_columns=("customer_type",)).fit(table)
    assert by_tenure._measured(table)["benchmark"].unique().sort().to_list() == [20.0, 90.0]
    assert by_type._measured(table)["benchmark"].to_list()[::3] == [10.0, 90.0, 20.0, 30.0]
    few = by_type.clone(smallest_peers=4).fit(table)
    assert few._measured(table)["benchmark"].n_unique() == 1
    assert "购买年限、客户类型" in by_type.definition().zh


def test_nobody_to_learn_from() -> None:
    with pytest.raises(NotFittedError, match="learned from no customer"):
        PLAIN.clone().fit(STEADY.clear()).predict(STEADY)


@pytest.mark.parametrize(
    "params",
    [
        {"tenure_days": (365, 90)},
        {"gap_cuts": (0.9, 0.1)},
        {"smallest_peers": 0},
        {"benchmark_share": 1.0},
        {"growth_above": -0.1},
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(ParamsError, match=next(iter(params))):
        ValuePotential.from_params(params)
