"""Results: summaries by hand, small groups hidden, charts without customers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, ClassVar

import polars as pl
import pytest

import crmlab
from crmlab.intervals import share_of_total, wilson
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
OPEN: dict[str, Any] = {
    "classifiers": {"status": {"method": "fixed_days"}},
    "privacy": {"smallest_group": 1},
}
EVERYBODY = ("ann", "bob", "cai", "dan", "eve", "fay")


def test_summary_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    summary = make_lab(shop, **OPEN).classify("status").summary
    assert summary.select("label", "customers", "revenue").rows() == [
        ("active", 2, 118.06),
        ("dormant", 1, 50.0),
        ("lost", 1, 15.0),
        ("unclassified", 2, 0.0),
    ]
    active = summary.row(0, named=True)
    assert active["customer_share"] == 2 / 6
    assert (active["share_low"], active["share_high"]) == tuple(wilson(2, 6))
    assert active["revenue_share"] == pytest.approx(118.06 / 183.06, abs=1e-15)
    spend = [108.06, 50, 15, 10, 0, 0]
    reach = share_of_total([108.06, 0, 0, 10, 0, 0], spend)
    assert (active["revenue_low"], active["revenue_high"]) == tuple(reach)
    assert summary["customer_share"].sum() == pytest.approx(1)
    assert summary["revenue_share"].sum() == pytest.approx(1)


def test_money_of_few_customers_is_hidden(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop, classifiers=OPEN["classifiers"], privacy={"smallest_group": 2}, language="en")
    segments = lab.classify("status")
    # Dormant and lost are one customer each, so the next smallest goes along; 2 have no class.
    assert segments.few == ("active", "dormant", "lost")
    assert segments.summary.select("label", "customers", "revenue").rows() == [
        ("unclassified", 2, 0.0),
        ("few", 4, 183.06),
    ]
    page = segments.table().render(segments.table().payload())
    chart = segments.chart().to_json()
    for amount in ("50.00", "15.00", "118.06", "27."):
        assert amount not in page
        assert amount not in chart
    assert "Other (incl. groups under 2)" in page
    assert "Active, Dormant, Lost: shown together" in page


def test_what_has_no_class_is_hidden_with_company(make_lab: MakeLab) -> None:
    days = [0] * 9 + [150] * 7 + [500] * 8
    orders = [f"c{i},{date(2024, 6, 30) - timedelta(days=day)},{5 + i}" for i, day in enumerate(days)]
    tables = {
        "customers": "customer_id\n" + "".join(f"c{i}\n" for i in range(26)),
        "orders": "customer_id,ordered_at,amount\n" + "\n".join(orders) + "\n",
    }
    lab = make_lab(tables, classifiers=OPEN["classifiers"])
    segments = lab.classify("status")
    assert segments.few == ("dormant", "unclassified")
    assert segments.summary["customers"].to_list() == [9, 8, 9]
    open_ = make_lab(tables, classifiers=OPEN["classifiers"], privacy={"smallest_group": 1}).classify(
        "status"
    )
    assert segments.summary["revenue"].sum() == open_.summary["revenue"].sum()


def test_fewer_customers_than_a_group(make_lab: MakeLab, shop: Shop) -> None:
    segments = make_lab(shop, privacy={"smallest_group": 7}, language="en").classify("rfm")
    assert segments.summary.select("label", "customers", "revenue").rows() == [("few", None, None)]
    assert segments.chart().to_dict()["title"]["text"] == "Too few customers to show segments"
    scores = segments.table().payload()["rows"]
    assert scores == [["Other (incl. groups under 7)", None, None, [None, None], None, None, [None, None]]]


def test_labels_without_customers_are_there(make_lab: MakeLab) -> None:
    lab = make_lab({"orders": "customer_id,ordered_at,amount\na,2024-06-30,5\n"}, **OPEN)
    assert lab.classify("status").summary.select("label", "customers", "revenue").rows() == [
        ("active", 1, 5.0),
        ("dormant", 0, 0.0),
        ("lost", 0, 0.0),
    ]


def test_refunds_alone_give_no_shares(make_lab: MakeLab) -> None:
    lab = make_lab({"orders": "customer_id,ordered_at,amount\na,2024-06-30,-5\n"}, **OPEN)
    (row,) = lab.classify("status").summary.filter(pl.col("customers") > 0).to_dicts()
    assert (row["label"], row["revenue"], row["revenue_share"]) == ("unclassified", -5.0, None)


def test_explanations(make_lab: MakeLab, shop: Shop) -> None:
    why = make_lab(shop, **OPEN).classify("status").explain()
    assert why.columns == ["customer_id", "label", "confidence", "zh", "en"]
    assert why.height == 6
    assert why.row(5) == ("fay", "unclassified", None, "缺少付款订单", "missing: paid orders")
    assert "10" in why["en"][0]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["status", "rfm", "abc"])
def test_tables_and_charts(
    make_lab: MakeLab, shop: Shop, check_chart: Callable[..., None], name: str, language: str
) -> None:
    segments = make_lab(shop, language=language, **OPEN).classify(name)
    check_chart(segments.chart(), language, most_rows=24, without=EVERYBODY)
    table = segments.table().payload()
    assert len(table["rows"]) == segments.summary.height
    named = segments.scheme.names(segments.lab.language)
    assert [row[0] for row in table["rows"]] == [named[label] for label in segments.summary["label"]]
    assert segments._repr_mimebundle_() == segments.table()._repr_mimebundle_()
    assert repr(segments) == f"<Segmentation {name}: 6 customers as of 2024-06-30>"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "rows", ["", "a,2024-06-30,5\n", "a,2024-06-30,0\n", "a,2024-06-30,5\nb,2024-06-30,5\n"]
)
def test_hardly_any_customers(
    make_lab: MakeLab, check_chart: Callable[..., None], rows: str, language: str
) -> None:
    lab = make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}, language=language)
    for name in ("rfm", "abc", "status"):
        segments = lab.classify(name)
        check_chart(segments.chart(), language)
        assert segments.table().plain()


class Spread(crmlab.Model):
    """Spends as much again."""

    title: ClassVar[crmlab.Text] = crmlab.Text("翻倍", "Twice")
    requires: ClassVar[tuple[str, ...]] = ("total_spend",)
    scores: ClassVar[tuple[crmlab.Score, ...]] = (
        crmlab.Score("next", "currency", "预期消费", "Expected spend"),
    )

    def _fit(self, tables: Any, features: pl.DataFrame, as_of: date) -> None:
        self.seen_ = sorted(tables)

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select("customer_id", next=pl.col("total_spend").fill_null(0.0) * 2)

    def evaluate(self, tables: Any, cutoff: date) -> pl.DataFrame:
        return pl.DataFrame({"metric": ["n"], "value": [1.0], "low": [1.0], "high": [1.0], "baseline": [1.0]})


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the model for one test."""
    monkeypatch.setattr(crmlab.models, "_session", {})
    crmlab.models.register("spread")(Spread)
    return "spread"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_scores(
    make_lab: MakeLab, shop: Shop, check_chart: Callable[..., None], spread: str, language: str
) -> None:
    scores = make_lab(shop, language=language, **OPEN).score(spread)
    assert scores.scores.height == 6
    assert scores.summary.row(0, named=True) == pytest.approx(
        {"score": "next", "mean": 61.02, "p10": 0.0, "median": 25.0, "p90": 158.06}
    )
    check_chart(scores.chart(), language, most_rows=22, without=EVERYBODY)
    assert scores.table().payload()["rows"][0][1:] == pytest.approx([61.02, 0.0, 25.0, 158.06])
    assert scores.explain().en == "Spends as much again."
    assert scores.evaluate(date(2024, 3, 31))["metric"].to_list() == ["n"]
    assert scores.model.learned["seen_"] == ["customers", "order_lines", "orders"]


@pytest.mark.parametrize("rows", ["", "a,2024-06-30,5\n", "a,2024-06-30,5\nb,2024-06-30,5\n"])
def test_scores_of_hardly_any_customers(
    make_lab: MakeLab, check_chart: Callable[..., None], spread: str, rows: str
) -> None:
    scores = make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}).score(spread)
    check_chart(scores.chart(), "zh")
    assert scores.table().plain()
