"""Category style: services, repetition, assortment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmlab
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.category_style import CategoryStyle


def _rows(*rows: tuple[int | None, float, int | None, float | None, float]) -> pl.DataFrame:
    """Lines, share of services, purchases of articles, share repeated, share of the main category."""
    names = ("line_count", "service_share", "product_purchase_count", "repeat_share", "main_category_share")
    types = (pl.Int64, pl.Float64, pl.Int64, pl.Float64, pl.Float64)
    frame = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    return frame.with_columns(customer_id=pl.format("c{}", pl.int_range(pl.len())), category_count=pl.lit(2))


@parametrize_with_checks(
    [CategoryStyle(), CategoryStyle(category_share=0.6, min_purchases=1), CategoryStyle(repeat_share=0.9)]
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def test_the_first_rule_that_holds_decides() -> None:
    rows = _rows(
        (10, 0.5, 10, 0.9, 0.5),
        (10, 0.4, 10, 0.5, 0.5),
        (10, 0.0, 10, 0.4, 1.0),
        (2, 0.0, 2, 0.5, 1.0),
        (None, 0.0, None, None, 0.0),
    )
    style = CategoryStyle().fit(rows)
    labels = ["service", "repeat", "assortment", "assortment", "unclassified"]
    assert style.predict(rows).to_list() == labels
    assert style.explain(rows)["zh"].to_list()[1::3] == [
        "明细 10 行，服务占 40%，重复购买同一商品占 50%，涉及 2 个品类",
        "缺少付款订单的明细",
    ]


def test_without_articles_the_upper_third_by_main_category_repeats() -> None:
    rows = _rows(*((9, 0.0, None, None, share) for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)))
    style = CategoryStyle().fit(rows)
    assert style.predict(rows).to_list() == ["assortment"] * 4 + ["repeat"] * 2
    assert style.category_share_ == pytest.approx(0.43335)
    assert "43%" in style.definition().en
    given_share = CategoryStyle(category_share=0.2).fit(rows)
    assert given_share.predict(rows).to_list() == ["assortment"] + ["repeat"] * 5


def test_more_lines_make_surer() -> None:
    rows = _rows(
        (4, 0.75, 4, 0.0, 0.5), (40, 0.75, 4, 0.0, 0.5), (4, 0.0, 40, 0.75, 0.5), (40, 0.5, 4, 0.0, 0.5)
    )
    few, many, repeated, at_the_threshold = CategoryStyle().fit(rows).confidence(rows)
    assert few == pytest.approx(0.8125)  # P(Beta(4, 2) > 1/2) = 26/32
    assert many > 0.999
    assert repeated > 0.95
    assert at_the_threshold == pytest.approx(0.5)


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_more_services_never_make_it_less_of_a_service(people: list[tuple[int, float, float]]) -> None:
    rows = _rows(*((lines, service, lines, again, 0.5) for lines, service, again in people))
    style = CategoryStyle().fit(rows)
    more = rows.with_columns(service_share=(pl.col("service_share") + 0.2).clip(0, 1))
    was, now = style.predict(rows) == "service", style.predict(more) == "service"
    assert not (was & ~now).any()


def test_wrong_parameters() -> None:
    wrong: dict[str, Any] = {
        "service_share": 0.0,
        "repeat_share": 1.5,
        "category_share": 2,
        "min_purchases": 0,
    }
    with pytest.raises(ParamsError) as caught:
        CategoryStyle.from_params(wrong)
    assert all(name in str(caught.value) for name in wrong)


def test_the_generated_company_draws_articles_at_random() -> None:
    lab = crmlab.open("segmentation", data=[{"source": "sample", "customers": 500}], as_of="2024-12-31")
    sizes = dict(lab.classify("category-style").labels["label"].value_counts().rows())
    buyers = sum(size for label, size in sizes.items() if label != "unclassified")
    assert "service" not in sizes
    assert sizes["assortment"] > 0.95 * buyers
