"""K-means, mini-batch k-means, Gaussian mixture and HDBSCAN on customers of known kinds."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

import crmlab
from crmlab.data.samples.company import company_blocks
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.segments.stability import adjusted_rand
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.learned.gaussian_mixture import GaussianMixture
from crmlab_plugins.learned.hdbscan import Hdbscan
from crmlab_plugins.learned.kmeans import KMeans, MiniBatchKMeans
from crmlab_plugins.learned.numeric import Numeric, warn_unprepared

from .planted import customers, permuted

PLANTED = customers()


@parametrize_with_checks(
    [
        KMeans(),
        KMeans(segments=3, inputs=("average_order_value", "order_count")),
        MiniBatchKMeans(segments=3),
        GaussianMixture(segments=2),
        Hdbscan(min_share=0.2, neighbours=3),
    ]
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@pytest.mark.parametrize("classifier", [KMeans(), MiniBatchKMeans(), GaussianMixture(), Hdbscan()], ids=repr)
def test_planted_kinds_are_found_whatever_their_number_was_said_to_be(classifier: Numeric) -> None:
    labels = classifier.fit(PLANTED).predict(PLANTED)
    inside = labels != "no_cluster"
    assert adjusted_rand(PLANTED["kind"].filter(inside), labels.filter(inside)) > 0.97
    assert inside.mean() > 0.9
    assert len([label for label in classifier.labels_ if label[0] != "no_cluster"]) == 4
    assert classifier.confidence(PLANTED).mean() > 0.5


def test_segments_are_named_and_ordered_by_value() -> None:
    fitted = KMeans(segments=4).fit(PLANTED)
    names = {label.id: label.text for label in fitted.scheme.labels}
    of_kind = dict(PLANTED.select("kind", fitted.predict(PLANTED)).unique().iter_rows())
    assert names[of_kind["champions"]].zh == "高消费·高频·近期活跃"
    assert names[of_kind["champions"]].en == "High spend, frequent, recent"
    assert "久未购买" in names[of_kind["small"]].zh
    spend = PLANTED.group_by(fitted.predict(PLANTED)).agg(pl.col("total_spend").mean()).sort("label")
    assert spend["total_spend"].is_sorted(descending=True)


def test_rules_imitate_what_can_be_imitated_and_the_reason_names_what_decides() -> None:
    fitted = KMeans(segments=4).fit(PLANTED)
    value, low, high = fitted.surrogate_["fidelity"]
    assert low <= value <= high
    assert value > 0.97
    assert set(fitted.rules()["label"]) == set(fitted.scheme.ids)
    zh, en = fitted.explain(PLANTED.filter(kind="small").head(1)).row(0)
    assert "最接近" in zh
    assert "distance" in en
    assert "median of all" in en


def test_the_best_segment_has_a_rule_though_a_shallow_tree_has_no_leaf_for_it() -> None:
    lab = crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31")
    fitted = lab.classify("kmeans", segments=6).classifier
    rules = dict(fitted.rules().select("label", "rule_zh").iter_rows())
    assert "累计消费 >" in rules["segment_1"]
    assert "简单规则说不清这一类" not in rules.values()


def test_an_unscaled_run_warns_says_so_and_is_worse() -> None:
    warn_unprepared.cache_clear()
    with pytest.warns(UserWarning, match="unprepared inputs"):
        raw = KMeans(segments=4, prepare="none").fit(PLANTED)
    # A report learns again from resamples, and must not fill with one warning: a second would be an error.
    raw.clone().fit(PLANTED.head(300))
    assert "未作数据准备" in raw.definition().zh
    assert "unprepared" in raw.definition().en
    prepared = KMeans(segments=4).fit(PLANTED)
    assert adjusted_rand(PLANTED["kind"], raw.predict(PLANTED)) < 0.9
    assert "按四分位距缩放" in prepared.definition().zh


@pytest.mark.parametrize(
    "classifier", [KMeans(), GaussianMixture(), Hdbscan()], ids=lambda each: type(each).__name__
)
def test_neither_the_order_of_rows_nor_the_currency_matters(classifier: Numeric) -> None:
    labels = classifier.clone().fit(PLANTED).predict(PLANTED)
    mixed = PLANTED.sample(fraction=1, shuffle=True, seed=7)
    again = classifier.clone().fit(mixed)
    assert again.predict(PLANTED).equals(labels)
    money = pl.col("total_spend", "earlier_total_spend", "recent_spend")
    fen = PLANTED.with_columns(money * 100)
    assert classifier.clone().fit(fen).predict(fen).equals(labels)


def test_distance_alone_decides_how_sure_k_means_is() -> None:
    fitted = KMeans(segments=2, inputs=("order_count",), prepare="none").fit(
        pl.DataFrame({"customer_id": list("abcd"), "order_count": [0, 0, 10, 10]})
    )
    asked = pl.DataFrame({"customer_id": list("xyz"), "order_count": [0, 4, 5]})
    assert fitted.confidence(asked).to_list() == pytest.approx([1.0, 1 - 4 / 6, 0.0])


def test_hdbscan_leaves_out_who_is_far_from_everybody() -> None:
    strangers = PLANTED.head(3).with_columns(
        days_since_last_order=pl.lit(90, pl.Int64), order_count=pl.lit(1, pl.Int64), total_spend=pl.lit(4e4)
    )
    fitted = Hdbscan().fit(PLANTED)
    assert fitted.predict(strangers).unique().to_list() == ["no_cluster"]
    assert "不在任何一群之内" in fitted.explain(strangers)["zh"][0]
    assert fitted.state_["agreement"] > 0.95
    assert fitted.requires == Hdbscan().inputs


def test_hdbscan_finds_no_clusters_in_one_cloud() -> None:
    cloud = PLANTED.filter(kind="champions")
    fitted = Hdbscan(min_share=0.3).fit(cloud)
    assert set(fitted.predict(cloud)) == {"segment_1"}
    assert "没有找到成群的客户" in fitted.definition().zh


def test_fewer_customers_than_segments_and_none_at_all() -> None:
    few = PLANTED.head(2)
    for classifier in (KMeans(segments=5), GaussianMixture(segments=5), MiniBatchKMeans(segments=5)):
        assert len(set(classifier.fit(few).predict(few))) == 2
        nobody = classifier.clone().fit(few.clear())
        assert set(nobody.predict(PLANTED)) == {"segment_1"}
        assert nobody.scheme["segment_1"].zh == "全部客户"


def test_who_lacks_an_input_has_no_class_but_who_lacks_a_past_has() -> None:
    fitted = KMeans().fit(PLANTED)
    newcomer = PLANTED.head(1).with_columns(pl.lit(None, pl.Int64).alias("earlier_order_count"))
    assert fitted.predict(newcomer)[0] != "unclassified"
    for strange in (None, float("nan"), float("inf")):
        lacking = PLANTED.head(1).with_columns(pl.lit(strange, pl.Float64).alias("total_spend"))
        assert fitted.predict(lacking).to_list() == ["unclassified"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"inputs": []}, "inputs"),
        ({"segments": 1}, "segments is 1"),
        ({"candidates": [4, 3]}, "candidates"),
        ({"min_share": 0.6}, "min_share"),
        ({"value": "margin"}, "margin"),
    ],
)
def test_parameters_that_cannot_be_are_refused(params: dict[str, object], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        KMeans.from_params(params).fit(PLANTED)


def test_columns_of_texts_are_refused_with_what_to_do() -> None:
    with pytest.raises(ParamsError, match="k-prototypes"):
        KMeans(inputs=("kind", "order_count"), segments=2).fit(PLANTED)
    with pytest.raises(ParamsError, match="HDBSCAN finds the number by itself"):
        Hdbscan(segments=3).fit(PLANTED)


def test_on_the_generated_company_segments_come_near_to_what_can_be_known() -> None:
    """Its kinds overlap: a forest that was told the kinds reaches an adjusted Rand index of 0.09."""
    lab = crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31")
    (company,) = company_blocks(2000, 1)
    kinds = company.truth["customers"].select("customer_id", "segment")
    told = lab.classify("kmeans", segments=4).labels.join(kinds, on="customer_id")
    told = told.filter(pl.col("label") != "unclassified")
    chance = permuted(told.select("customer_id", "label")).select("label").to_series()
    assert adjusted_rand(told["segment"], told["label"]) > 0.06
    assert adjusted_rand(told["segment"], chance) < 0.01


def test_the_definition_says_of_how_many_customers_the_segments_were_learned() -> None:
    class Frugal(KMeans):
        most = 150

    assert PLANTED.height > 150
    assert "random" not in KMeans(segments=3).fit(PLANTED).definition().en
    said = Frugal(segments=3, seed=7).fit(PLANTED).definition()
    assert f"Learned from a random 150 of {PLANTED.height:,} customers (sorted by values, seed 7)." in said.en
    assert f"随机抽取的 150 位客户学得（共 {PLANTED.height:,} 位" in said.zh
