"""What is fitted on a sample is applied anywhere, in batches, with the same result for each customer."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from crmlab import registry
from crmlab.batch_scoring import classified, sample_of, scored
from crmlab.engines import Engine, opened
from crmlab.errors import NotFittedError, ParamsError, PluginContractError
from crmlab.estimators import KEY, Estimator, Model
from crmlab.lab import Lab
from crmlab.labels import Score, Text
from crmlab_plugins.engines import duckdb as duckdb_engine

CLASSIFIERS = ("rfm", "status", "abc", "lifecycle", "value", "kmeans")
MODELS = ("bg-nbd", "gamma-gamma", "clv", "churn-logistic")
AS_OF = date(2024, 12, 31)


@pytest.fixture(scope="module")
def lab() -> Lab:
    import crmlab

    return crmlab.open(data=[{"source": "sample", "customers": 400}], as_of=str(AS_OF))


@pytest.fixture(params=["polars", "polars in streams", "duckdb", "spark"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(duckdb_engine, "BATCH", 64)
    if request.param == "spark":
        return opened("spark", {"remote": request.getfixturevalue("spark_remote")})
    if request.param == "duckdb":
        pytest.importorskip("duckdb")
    return opened(request.param.split()[0], {"stream": True} if "streams" in request.param else {})


def _features(lab: Lab, plugin: Any) -> pl.DataFrame:
    return lab.features(*plugin.requires)


def test_labels_and_scores_are_those_of_the_lab(engine: Engine, lab: Lab) -> None:
    for name in CLASSIFIERS:
        classifier = registry.classifiers[name]()
        features = _features(lab, classifier)
        classifier.fit(features)
        found = engine.to_polars(classified(classifier, engine.from_polars(features.lazy()))).sort(KEY)
        assert found[KEY].to_list() == features[KEY].to_list()
        assert found["label"].to_list() == classifier.predict(features).to_list(), name
        sure = classifier.confidence(features).cast(pl.Float64)
        assert_series_equal(found["confidence"], sure, check_names=False, rel_tol=1e-9)
    for name in MODELS:
        model = lab.model(name)
        features = _features(lab, model)
        found = engine.to_polars(scored(model, engine.from_polars(features.lazy()))).sort(KEY)
        expected = model.predict(features)
        assert_frame_equal(found, expected, rel_tol=1e-9, abs_tol=1e-9)
        assert expected.drop(KEY).null_count().sum_horizontal().item() < expected.height
    engine.release()


def test_the_sample_is_the_same_everywhere(engine: Engine, lab: Lab) -> None:
    features = lab.features("order_count")
    shuffled = features.sample(fraction=1.0, shuffle=True, seed=3)
    here = opened("polars")
    expected = sample_of(here.from_polars(features.lazy()), 100)
    found = sample_of(engine.from_polars(shuffled.lazy()), 100)
    assert_frame_equal(found.rows, expected.rows)
    assert 70 < expected.rows.height < 130
    assert str(expected) == f"{expected.rows.height} of {features.height} customers"
    more = sample_of(here.from_polars(features.lazy()), 200).rows
    assert set(expected.rows[KEY]) < set(more[KEY])


def test_a_sample_of_few_is_all(lab: Lab) -> None:
    features = lab.features("order_count")
    assert_frame_equal(sample_of(opened("polars").from_polars(features.lazy()), 10_000).rows, features)


def test_what_is_fitted_on_a_sample_labels_all(lab: Lab) -> None:
    rfm = registry.classifiers["rfm"]()
    features = opened("polars").from_polars(_features(lab, rfm).lazy())
    sample = sample_of(features, 150)
    found = opened("polars").to_polars(classified(rfm.fit(sample.rows), features))
    assert found.height == sample.customers
    assert set(found["label"]) <= {"unclassified", *rfm.scheme.ids}


@pytest.mark.parametrize(
    ("plugin", "apply"),
    [(registry.classifiers["kmeans"](), classified), (registry.models["bg-nbd"](), scored)],
)
def test_what_is_not_fitted_is_refused(plugin: Estimator, apply: Any) -> None:
    frame = opened("polars").from_polars(pl.LazyFrame({KEY: ["a"]}))
    with pytest.raises(NotFittedError, match="sample_of"):
        apply(plugin, frame)


class Rank(Model):
    """Scores by the place among the customers given, which no batch can know."""

    title = Text("名次", "Rank")
    scores = (Score("share_below", "ratio", "名次", "share of customers below"),)
    requires: ClassVar[tuple[str, ...]] = ("order_count",)

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        place = pl.col("order_count").rank() / pl.len()
        return features.select(KEY, share_below=place)


def test_what_depends_on_the_other_customers_is_refused(lab: Lab) -> None:
    features = lab.features("order_count")
    model = Rank().fit({}, features, AS_OF)
    with pytest.raises(PluginContractError, match="share_below of Rank depend on which other customers"):
        scored(model, opened("polars").from_polars(features.lazy()))


def test_no_sample_of_nothing() -> None:
    with pytest.raises(ParamsError, match="size is 0"):
        sample_of(opened("polars").from_polars(pl.LazyFrame({KEY: ["a"]})), 0)
