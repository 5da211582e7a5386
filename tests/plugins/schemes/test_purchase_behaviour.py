"""Purchase behaviour: three axes, eight readable classes."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.schemes.purchase_behaviour import PurchaseBehaviour

TABLE = pl.DataFrame(
    [
        (f"{a}{b}{c}", 300.0 - 200 * a, 40 - 36 * b, 400, (0.4, 0.9)[c], "茶")
        for a, b, c in product((0, 1), repeat=3)
    ],
    orient="row",
    schema=[
        *("customer_id", "average_order_value", "purchase_days"),
        *("days_since_first_order", "top_category_share", "top_category"),
    ],
)


def test_every_combination_has_its_class() -> None:
    learned = PurchaseBehaviour().fit(TABLE)
    assert learned.predict(TABLE).to_list() == list(learned.scheme.ids)
    names = learned.scheme.names("zh")
    assert names["large_frequent_broad"] == "大额高频·多品类"
    assert learned.scheme["small_rare_focused"].en == "Small orders, rare, one category"


def test_the_reason_names_the_main_category() -> None:
    zh, en = PurchaseBehaviour(amount_above=350).fit(TABLE).explain(TABLE).row(1)
    assert zh.startswith("平均每单 300.00（小额），每 30 天购买 2.")
    assert zh.endswith("次（高频），主要品类“茶”占消费 90%（专一品类）")
    assert en.endswith(
        "purchases per 30 days (frequent), main category “茶” with 90% of spend (one category)"
    )


def test_the_definition_states_the_limits() -> None:
    before, after = (
        PurchaseBehaviour(rate_above=2.5).definition(),
        PurchaseBehaviour().fit(TABLE).definition(),
    )
    assert "平均每单金额高于中位数为大额" in before.zh
    assert "高于 2.50 为高频" in before.zh
    assert "平均每单金额高于中位数 200.00 为大额" in after.zh
    assert "above the median, 200.00;" in after.en


def test_purchases_of_one_day_give_no_class() -> None:
    fresh = TABLE.with_columns(purchase_days=1, days_since_first_order=0)
    learned = PurchaseBehaviour().fit(fresh)
    assert learned.predict(fresh).unique().to_list() == ["unclassified"]
    assert learned.confidence(fresh).null_count() == fresh.height
    assert learned.explain(fresh)["en"][0].startswith("nobody's first purchase came before the as-of day")


@pytest.mark.parametrize("name", ["amount_above", "rate_above"])
def test_limits_are_finite(name: str) -> None:
    with pytest.raises(ParamsError, match=f"{name} is nan"):
        PurchaseBehaviour.from_params({name: float("nan")})


def test_customers_without_a_category_read_what_is_missing() -> None:
    bare = TABLE.with_columns(
        top_category=pl.lit(None, pl.String), top_category_share=pl.lit(None, pl.Float64)
    )
    learned = PurchaseBehaviour().fit(bare)
    assert learned.predict(bare).unique().to_list() == ["unclassified"]
    assert learned.explain(bare)["zh"][0] == "缺少带品类的付款订单明细"


def test_a_limit_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ParamsError, match="focused_above"):
        PurchaseBehaviour.from_params({"focused_above": 1.5})
