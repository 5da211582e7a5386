"""How near the labels come to what is true of the generated company, beside a naive division of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl
import pytest

import crmlab
from crmlab import registry
from crmlab.data.samples.company import company_blocks
from crmlab.lab import Lab

CUSTOMERS, SEED = 1000, 11
OURS = {info.name for info in registry.classifiers.info() if info.distribution == "crmlab"}


class Known(NamedTuple):
    """What a scheme is to tell: share of the variance of a truth's ranks that lies between its classes.

    At least ``least`` of it, and at least ``more`` above classes of the same sizes in the order of the
    column ``naive``. ``worth`` is true spend per day while a customer, ``future`` that of who is still
    there, 0 for who left.
    """

    scheme: str
    truth: str
    least: float
    naive: str
    more: float
    params: dict[str, Any] = {}  # noqa: RUF012  # nobody changes it


FOUR = {"segments": 4}
KNOWN = [
    Known("abc", "worth", 0.50, "order_count", 0.08),
    Known("value", "worth", 0.50, "order_count", 0.08),
    Known("grade", "worth", 0.65, "total_spend", 0.10),
    Known("lifetime-value", "worth", 0.50, "order_count", 0.08),
    Known("best-customers", "future", 0.30, "total_spend", 0.10),
    Known("vip", "future", 0.17, "total_spend", 0.04),
    Known("rfm", "future", 0.50, "total_spend", 0.15),
    Known("loyalty-stage", "future", 0.50, "total_spend", 0.20),
    Known("value-potential", "future", 0.47, "total_spend", 0.15),
    Known("churn-warning", "left", 0.30, "order_count", 0.18),
    Known("interaction-level", "left", 0.11, "total_spend", 0.03),
    Known("purchase-behaviour", "mean_amount", 0.50, "total_spend", 0.20),
    Known("purchase-behaviour", "purchases_per_day", 0.40, "average_order_value", 0.30),
    Known("gaussian-mixture", "future", 0.45, "total_spend", 0.15, FOUR),
    Known("k-prototypes", "future", 0.34, "total_spend", 0.05, FOUR),
    Known("minibatch-kmeans", "future", 0.34, "total_spend", 0.05, FOUR),
    Known("rule-tree", "future", 0.43, "total_spend", 0.12, FOUR),
]
ATTRIBUTES = {"geography", "demographics", "industry"}
"""Proved below to be exactly what is true."""
ELSEWHERE = {
    **dict.fromkeys(("status", "behaviour", "lifecycle", "lifecycle-stages"), "test_lifecycle"),
    **dict.fromkeys(("order-frequency", "spend-level"), "test_value_schemes"),
    "kmeans": "learned/test_numeric",
    "feedback": "test_customer_feedback",
    "source": "test_source_channel",
    "category-style": "test_category_style: articles are drawn at random",
    "channel-preference": "test_channel_preference: customers differ in nothing",
    "interest-groups": "test_interest_groups, on planted interests: categories are drawn at random",
    "latent-class": "learned/test_latent_class, on planted needs: the company has none",
    "hdbscan": "learned/test_numeric, on planted groups: the company is one cloud",
    "buying-stage": "test_mapping_rules: the company has no deals",
}


def test_no_scheme_is_without_a_truth() -> None:
    aliases = {name for name in OURS if registry.classifiers[name].alias_of}
    assert {row.scheme for row in KNOWN} | ATTRIBUTES | set(ELSEWHERE) == OURS - aliases


@pytest.fixture(scope="module")
def lab() -> Lab:
    """A study of the company, without dirt."""
    source = {"source": "sample", "customers": CUSTOMERS, "seed": SEED, "dirt": False}
    return crmlab.open("segmentation", data=[source], as_of="2024-12-31")


@pytest.fixture(scope="module")
def buyers(lab: Lab) -> pl.DataFrame:
    """Buyers with one record each: ranks of what is true of them, and what is seen of them."""
    (company,) = company_blocks(CUSTOMERS, SEED, dirt=False)
    records = company.truth["identities"].group_by("customer_id").len().filter(pl.col("len") == 1)
    single = pl.col("person_id").is_in(records["customer_id"].implode())
    stays = pl.col("left_on").is_null()
    worth = pl.col("purchases_per_day") * pl.col("mean_amount")
    seen = lab.features("order_count", "total_spend", "average_order_value", "days_since_last_order")
    return (
        company.truth["customers"]
        .filter(single)
        .drop_nulls("first_order_on")
        .with_columns(left=(~stays).cast(pl.Float64), worth=worth, future=worth * stays)
        .with_columns(pl.col("worth", "future", "mean_amount", "purchases_per_day").rank())
        .join(seen, on="customer_id")
    )


def _labelled(lab: Lab, buyers: pl.DataFrame, name: str, **params: Any) -> pl.DataFrame:
    labels = lab.classify(name, **params).labels.filter(pl.col("label") != "unclassified")
    return buyers.join(labels, on="customer_id")


def _told(labelled: pl.DataFrame, truth: str) -> float:
    """Return eta², the share of the variance that lies between the classes."""
    off = (pl.col(truth) - pl.col(truth).mean()) ** 2
    between = (pl.col(truth).mean().over("label") - pl.col(truth).mean()) ** 2
    return float(labelled.select(between.sum() / off.sum()).item())


def _naive(labelled: pl.DataFrame, column: str) -> pl.DataFrame:
    """Give the same classes, in the same sizes, in the order of one column."""
    sizes = labelled.group_by("label").agg(pl.len(), pl.col(column).mean()).sort(column, "label")
    labels = sizes.select(pl.col("label").repeat_by("len")).explode("label").to_series()
    return labelled.sort(column, "customer_id").with_columns(labels)


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: f"{row.scheme}-{row.truth}")
def test_classes_tell_what_is_true(lab: Lab, buyers: pl.DataFrame, row: Known) -> None:
    labelled = _labelled(lab, buyers, row.scheme, **row.params)
    assert labelled.height > 0.9 * buyers.height
    told = _told(labelled, row.truth)
    assert told > row.least
    assert told > _told(_naive(labelled, row.naive), row.truth) + row.more


def test_silence_alone_tells_of_the_future_what_rfm_does(lab: Lab, buyers: pl.DataFrame) -> None:
    """In a company whose customers leave for good, recency is what counts; more columns are no gain."""
    labelled = _labelled(lab, buyers, "rfm")
    silence = _told(_naive(labelled, "days_since_last_order"), "future")
    assert silence == pytest.approx(_told(labelled, "future"), abs=0.1)


def test_the_warning_is_graded_by_who_left(lab: Lab, buyers: pl.DataFrame) -> None:
    labelled = _labelled(lab, buyers, "churn-warning")
    left = dict(labelled.group_by("label").agg(pl.col("left").mean()).iter_rows())
    base = float(buyers["left"].mean())  # type: ignore[arg-type]
    assert left["high"] > base + 0.2
    assert left["medium"] == pytest.approx(base, abs=0.15)
    assert left["low"] < base - 0.25


def test_best_customers_are_of_the_loyal_kind(lab: Lab, buyers: pl.DataFrame) -> None:
    loyal = buyers.with_columns(loyal=pl.col("segment") == "loyal")
    base = float(loyal["loyal"].mean())  # type: ignore[arg-type]
    for name, label in (("best-customers", "best"), ("vip", "vip"), ("rfm", "champions"), ("grade", "high")):
        share = _labelled(lab, loyal, name).filter(label=label)["loyal"].mean()
        assert share > 1.8 * base, name


def _attribute(lab: Lab, name: str, *columns: str, **params: Any) -> pl.DataFrame:
    """Return the Chinese names of the labels beside what the customers table says."""
    found = lab.classify(name, **params)
    names = {label.id: label.zh for label in found.scheme}
    said = lab.tables["customers"].select("customer_id", *columns)
    return found.labels.with_columns(name=pl.col("label").replace_strict(names)).join(said, on="customer_id")


def test_places_are_the_true_ones(lab: Lab) -> None:
    provinces = _attribute(lab, "geography", "province", level="province").drop_nulls("province")
    assert provinces.height > 0.95 * CUSTOMERS
    assert provinces.select(pl.col("province").str.starts_with(pl.col("name")).all()).item()
    cities = _attribute(lab, "geography", "city", level="city", most_cities=10).drop_nulls("city")
    largest = cities["city"].value_counts().sort("count", descending=True).head(9)["city"]
    assert set(largest) <= set(cities["name"])
    assert (
        cities.filter(pl.col("label") != "other_cities")
        .select((pl.col("city") == pl.col("name")).all())
        .item()
    )
    first = _attribute(lab, "geography", "city").filter(label="first")["city"].drop_nulls()
    assert set(first) == {"北京", "上海", "广州", "深圳"}


@pytest.mark.parametrize(("by", "stated"), [("gender", 0.8), ("zodiac", 0.8), ("education", 0.5)])
def test_persons_are_who_they_are(lab: Lab, by: str, stated: float) -> None:
    people = _attribute(lab, "demographics", by, by=by).drop_nulls(by)
    assert people.height > stated * CUSTOMERS
    assert "unclassified" not in people["label"].to_list()
    pairs = people.select(by, "name").unique()
    assert pairs.height == people[by].n_unique() == people["name"].n_unique()
    # “本科及以上” is in the class of the degree that it begins at.
    assert pairs.select((pl.col(by).str.slice(0, 1) == pl.col("name").str.slice(0, 1)).all()).item()


def test_ages_are_those_of_the_day(lab: Lab) -> None:
    people = _attribute(lab, "demographics", "birth_date").drop_nulls("birth_date")
    years = 2024 - pl.col("birth_date").dt.year()  # the last day of the year: every birthday has been
    band = pl.sum_horizontal(years >= first for first in (18, 25, 35, 45, 55, 65))
    pairs = people.select("label", band=band).unique()
    assert pairs.height == pairs["band"].n_unique() == pairs["label"].n_unique() >= 6


def test_lines_of_business_are_told_apart(lab: Lab) -> None:
    firms = _attribute(lab, "industry", "industry").drop_nulls("industry")
    expected = {
        "贸易": "trade",
        "科技": "information",
        "餐饮管理": "hospitality",
        "文化传播": "culture",
        "建材": "manufacturing",
        "物流": "transport",
        "教育咨询": "education",
        "服装": "manufacturing",
    }
    assert firms.height >= 15
    assert firms.select((pl.col("label") == pl.col("industry").replace_strict(expected)).all()).item()
