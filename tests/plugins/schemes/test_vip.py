"""VIP: value alone makes nobody one."""

from __future__ import annotations

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.schemes.vip import Vip

ROWS = [
    # total spend, orders, days since the first and the last order
    (1000.0, 9, 700, 10),  # VIP
    (990.0, 2, 700, 10),  # too few orders
    (980.0, 9, 700, 181),  # too long ago
    (970.0, 3, 80, 180),  # VIP, though the first order is recent
    *[(float(i), 1, 300, 300) for i in range(15)],
    (15.0, 4, 300, 5),  # loyal, at the line of value, which is not above it
    (5.0, 1, 90, 90),  # new
    (-5.0, 0, None, None),  # only a refund
    (None, None, None, None),  # no orders at all
]
TABLE = (
    pl.DataFrame(
        ROWS,
        orient="row",
        schema={
            "total_spend": pl.Float64,
            "order_count": pl.Int64,
            "days_since_first_order": pl.Int64,
            "days_since_last_order": pl.Int64,
        },
    )
    .with_row_index("customer_id")
    .with_columns(
        pl.col("customer_id").cast(pl.String), refund_count=(pl.col("total_spend") < 0).cast(pl.Int64)
    )
)


def test_classes() -> None:
    labels = Vip(top_share=0.2).fit(TABLE).predict(TABLE).to_list()
    assert labels[:4] == ["vip", "regular", "regular", "vip"]
    assert set(labels[4:20]) == {"regular"}
    assert labels[20:] == ["new", "unclassified", "prospect"]


def test_words() -> None:
    learned = Vip(top_share=0.2).fit(TABLE)
    reasons = learned.explain(TABLE)
    assert reasons.row(1) == (
        "累计消费 990.00（前 20%），2 单，首购在 700 天前，最近购买在 10 天前",
        "total spend 990.00 (in the top 20%), 2 orders, the first 700 days ago, the last 10 days ago",
    )
    assert reasons["zh"][4].startswith("累计消费 0.00（未进前 20%），1 单")
    assert reasons.row(21) == ("缺少付款订单或客户登记", "missing: paid orders or a registration")
    assert reasons.row(22) == ("没有付款订单", "no paid order")
    assert "最近 180 天内有购买为 VIP客户" in learned.definition().zh
    assert "（本次高于 " in learned.definition().zh
    assert "（本次高于 " not in Vip().definition().zh


def test_only_the_loyal_can_be_unsure() -> None:
    sure = Vip(top_share=0.2).fit(TABLE).confidence(TABLE)
    assert sure[1] == sure[20] == sure[22] == 1.0
    assert sure[19] == 0.5


@pytest.mark.parametrize("params", [{"top_share": 1.0}, {"min_orders": 0}, {"new_days": -1}])
def test_parameters_that_do_not_fit_are_refused(params: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match=next(iter(params))):
        Vip.from_params(params)
