"""Every own scheme that the data allow, on data sets of real customers and on hostile little tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab import registry
from crmlab.lab import Lab
from crmlab.labels import UNCLASSIFIED
from crmlab.results import Segmentation

OURS = sorted(info.name for info in registry.classifiers.info() if info.distribution == "crmlab")
ORDERS_ALONE = {
    *("abc", "behaviour", "best-customers", "churn-warning", "customer-need-stage", "grade", "lifecycle"),
    *("gaussian-mixture", "hdbscan", "kmeans", "lifecycle-stages", "lifetime-value", "loyalty-stage"),
    *("minibatch-kmeans", "order-frequency", "purchase-history", "rfm", "rule-tree", "spend-level"),
    *("status", "value", "value-potential", "vip"),
}
"""What orders are enough for."""


def _open(as_of: str, settings: dict[str, Any] | None = None, **files: dict[str, Any]) -> Lab:
    data = [{"source": "files", "files": files}]
    return crmlab.open("segmentation", data=data, as_of=as_of, timezone="UTC", **(settings or {}))


def _sound(lab: Lab, name: str, customers: int, **params: Any) -> Segmentation:
    """Classify, and check what holds on any data: one label, one reason, one confidence per customer."""
    if "candidates" in registry.classifiers[name].parameter_names():
        params = {"candidates": [2, 3], **params}
    found = lab.classify(name, **params)
    labels, sure = found.labels, found.classifier.confidence(found.features)
    assert labels.height == labels["customer_id"].n_unique() == customers
    assert set(labels["label"]) <= {*found.scheme.ids, UNCLASSIFIED.id}
    reasons = found.explain()
    assert reasons.height == customers
    for language in ("zh", "en"):
        written = reasons[language].str.strip_chars()
        assert not written.is_null().any()
        assert (written != "").all()
        assert not written.str.contains(r"\b(?:null|None|nan|NaN|inf)\b").any(), written.to_list()
    assert (sure.is_null() == (labels["label"] == UNCLASSIFIED.id)).all()
    assert sure.drop_nulls().is_between(0, 1).all()
    assert all(text.strip() for text in found.classifier.definition())
    return found


def _all_sound(lab: Lab, customers: int) -> dict[str, pl.DataFrame]:
    """Return scheme → labels of every scheme that the data allow and that classifies anybody."""
    allowed = [name for name in OURS if lab.lacks(name) is None]
    labels = {name: _sound(lab, name, customers).labels for name in allowed}
    return {name: frame for name, frame in labels.items() if (frame["label"] != UNCLASSIFIED.id).any()}


def _sizes(labels: pl.DataFrame) -> dict[str, int]:
    return dict(labels["label"].value_counts().iter_rows())


def test_the_orders_of_the_r_package(shared_data: Path) -> None:
    path = shared_data / "r_rfm" / "rfm_data_orders.csv"
    columns = {"ordered_at": "order_date", "amount": "revenue"}
    found = _all_sound(_open("2006-12-31", orders={"path": str(path), "columns": columns}), 995)
    assert set(found) == ORDERS_ALONE
    last = pl.read_csv(path, try_parse_dates=True).group_by("customer_id").agg(pl.col("order_date").max())
    silent = (pl.lit(date(2006, 12, 31)) - pl.col("order_date")).dt.total_days()
    assert _sizes(found["status"]) == {
        "active": last.filter(silent <= 90).height,
        "dormant": last.filter(silent.is_between(91, 180)).height,
        "lost": last.filter(silent > 180).height,
    }


def test_the_tenth_of_cdnow(shared_data: Path, tmp_path: Path) -> None:
    whole = pl.read_parquet(shared_data / "cdnow" / "cdnow_master.parquet")
    tenth = whole.filter(pl.col("id").is_in(whole["id"].unique().sort().gather_every(10).to_list()))
    tenth.write_parquet(tmp_path / "tenth.parquet")
    columns = {"customer_id": "id", "ordered_at": "date", "amount": "amt"}
    lab = _open("1998-06-30", orders={"path": str(tmp_path / "tenth.parquet"), "columns": columns})
    found = _all_sound(lab, 2357)
    assert set(found) == ORDERS_ALONE
    # One purchase of 1997 Q1 is all that half of them ever made.
    paid = tenth.filter(pl.col("amt") > 0).group_by("id").len()
    assert _sizes(found["customer-need-stage"]) == {
        "new": paid.filter(pl.col("len") == 1).height,
        "existing": paid.filter(pl.col("len") > 1).height,
        "prospect": 2357 - paid.height,
    }


def test_a_fifth_of_online_retail(shared_data: Path, tmp_path: Path) -> None:
    whole = pl.read_parquet(shared_data / "onlineretail" / "online_retail.parquet")
    lines = whole.filter(pl.col("CustomerID").cast(pl.Int64) % 5 == 0)
    lines.write_parquet(tmp_path / "lines.parquet")
    lab = _open(
        "2011-12-09",
        {"currency": "GBP", "quality": {"max_rejected_share": 0.1}},
        order_lines={"path": str(tmp_path / "lines.parquet")},
        orders={"from": "order_lines"},
    )
    found = _all_sound(lab, lab.features("order_count").height)
    assert set(found) == ORDERS_ALONE | {"category-style"}
    spend = found["abc"].join(lab.features("total_spend"), on="customer_id")
    share = spend.filter(label="a")["total_spend"].sum() / spend["total_spend"].sum()
    assert share == pytest.approx(0.8, abs=0.01)


def test_olist(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "olist_sample"
    files = _olist(folder, tmp_path)
    lab = _open("2018-10-17", {"currency": "BRL"}, **files)
    found = _all_sound(lab, lab.features("order_count").height)
    assert ORDERS_ALONE | {"category-style", "feedback", "interest-groups"} <= set(found)
    stars = pl.read_parquet(tmp_path / "feedback.parquet").group_by("customer_id")
    rated = stars.agg(low=pl.col("score").max() <= 2, high=pl.col("score").min() == 5)
    known = found["feedback"].join(rated, on="customer_id").filter(pl.col("label") != UNCLASSIFIED.id)
    assert set(known.filter("high")["label"]) == {"satisfied"}
    assert set(known.filter("low")["label"]) == {"dissatisfied"}


def _olist(folder: Path, target: Path) -> dict[str, dict[str, Any]]:
    """Write the tables as a shop would export them, keyed by the person, and say where they lie."""

    def read(name: str) -> pl.DataFrame:
        return pl.read_csv(folder / f"olist_{name}_dataset.csv", infer_schema=False)

    people = read("customers").select("customer_id", person="customer_unique_id")
    paid = (
        read("order_payments").group_by("order_id").agg(amount=pl.col("payment_value").cast(pl.Float64).sum())
    )
    orders = read("orders").join(people, on="customer_id").join(paid, on="order_id")
    orders = orders.filter(pl.col("order_status") == "delivered")
    products = read("products").select("product_id", category="product_category_name")
    lines = (
        read("order_items")
        .join(products, on="product_id", how="left")
        .join(orders, on="order_id", how="semi")
    )
    reviews = (
        read("order_reviews").join(orders.select("order_id", "person"), on="order_id").unique("review_id")
    )
    tables = {
        "orders": orders.select(
            "order_id", "amount", customer_id="person", ordered_at="order_purchase_timestamp"
        ),
        "order_lines": lines.select("order_id", "category", "product_id", amount="price"),
        "feedback": reviews.select(
            feedback_id="review_id",
            customer_id="person",
            given_on=pl.col("review_creation_date").str.head(10),
            score=pl.col("review_score").cast(pl.Int64),
            scale=pl.lit("csat_1_5"),
        ),
    }
    for name, table in tables.items():
        table.write_parquet(target / f"{name}.parquet")
    return {name: {"path": str(target / f"{name}.parquet")} for name in tables}


def test_the_customers_of_a_telephone_company(shared_data: Path) -> None:
    path = shared_data / "telco_ibm" / "Telco-Customer-Churn.csv"
    lab = _open("2014-12-31", customers={"path": str(path), "columns": {"customer_id": "customerID"}})
    found = _sound(lab, "demographics", 7043, by="gender")
    said = pl.read_csv(path)["gender"].str.to_lowercase().value_counts()
    assert _sizes(found.labels) == dict(said.iter_rows())


def test_the_customers_of_a_grocer(shared_data: Path) -> None:
    path = shared_data / "marketing_campaign" / "marketing_campaign_full.csv"
    columns = {"customer_id": "ID", "registered_on": "Dt_Customer", "education": "Education"}
    lab = _open("2014-06-30", customers={"path": str(path), "columns": columns})
    found = _sound(lab, "demographics", 2240, by="education")
    said = pl.read_csv(path)["Education"].value_counts()
    degrees = {"Graduation": "bachelor", "Master": "master", "PhD": "doctorate"}
    counts = dict(said.iter_rows())
    expected = {label: counts.pop(degree) for degree, label in degrees.items()}
    # “Basic” and “2n Cycle” are in no table of words.
    assert _sizes(found.labels) == {**expected, UNCLASSIFIED.id: sum(counts.values())}


HOSTILE = {
    "one customer, one order": ["ann,2024-06-01,10"],
    "all the same": [f"c{i},2024-06-01,10" for i in range(30)],
    "nothing but zeros": [f"c{i},2024-0{1 + i % 6}-01,0" for i in range(12)],
    "nothing but refunds": [f"c{i},2024-0{1 + i % 6}-01,-{i + 1}" for i in range(12)],
    "all on the as-of day": [f"c{i % 9},2024-06-30,{i + 1}.01" for i in range(30)],
    "one far above all": [*(f"c{i},2024-05-0{1 + i % 9},1" for i in range(20)), "rich,2024-05-05,90000000"],
    "ids that are formulas and markup": [
        f'"{name}",2024-0{1 + i % 6}-1{i % 3},{i + 7}'
        for i, name in enumerate(("=1+1", "<script>alert(1)</script>", "a,b", "x{}y", "%s", "张三\u200b") * 3)
    ],
}


@pytest.mark.parametrize("rows", HOSTILE.values(), ids=HOSTILE)
def test_hostile_orders(make_lab: Callable[..., Lab], rows: list[str]) -> None:
    orders = [f"{number},{row}" for number, row in enumerate(rows)]
    names = ("茶", "<b>{0}</b>", "=1+1", "{name} %s")
    lines = [f"{number},{names[number % 4]},{row.rsplit(',', 1)[1]}" for number, row in enumerate(rows)]
    lab = make_lab(
        {
            "orders": "order_id,customer_id,ordered_at,amount\n" + "\n".join(orders),
            "order_lines": "order_id,category,amount\n" + "\n".join(lines),
        }
    )
    ids = lab.tables["orders"]["customer_id"].unique()
    found = _all_sound(lab, len(ids))
    for name, labels in found.items():
        assert set(labels["customer_id"]) == set(ids), name
    if not (lab.tables["orders"]["amount_hundredths"] > 0).any():
        given = {label for labels in found.values() for label in labels["label"]}
        assert not given & {"a", "best", "champions", "high", "loyal", "mid", "top", "vip"}
