"""What is fitted on a sample is applied anywhere, in batches, with the same result for each customer."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from crmlab import registry
from crmlab.batch_scoring import classified, fitted, sample_of, scored
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

    return crmlab.open(data=[{"source": "sample", "customers": 300}], as_of=str(AS_OF))


@pytest.fixture(params=["polars", "polars in streams", "duckdb", "spark"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(duckdb_engine, "BATCH", 64)
    if request.param == "spark":
        return opened("spark", {"remote": request.getfixturevalue("spark_remote")})
    if request.param == "duckdb":
        pytest.importorskip("duckdb")
    return opened(request.param.split()[0], {"stream": True} if "streams" in request.param else {})


@pytest.fixture(scope="module")
def ready(lab: Lab) -> dict[str, tuple[Any, pl.DataFrame]]:
    """What is applied, fitted, with the features that it needs."""
    classifiers = {name: registry.classifiers[name]() for name in CLASSIFIERS}
    features = {name: lab.features(*plugin.requires) for name, plugin in classifiers.items()}
    models = {name: lab.model(name) for name in MODELS}
    return {name: (plugin.fit(features[name]), features[name]) for name, plugin in classifiers.items()} | {
        name: (model, lab.features(*model.requires)) for name, model in models.items()
    }


@pytest.mark.parametrize("name", [*CLASSIFIERS, *MODELS])
def test_labels_and_scores_are_those_of_all_at_once(
    engine: Engine, ready: dict[str, tuple[Any, pl.DataFrame]], name: str
) -> None:
    plugin, features = ready[name]
    there = engine.from_polars(features.lazy())
    if name in CLASSIFIERS:
        found = engine.to_polars(classified(plugin, there)).sort(KEY)
        assert found[KEY].to_list() == features[KEY].to_list()
        assert found["label"].to_list() == plugin.predict(features).to_list()
        sure = plugin.confidence(features).cast(pl.Float64)
        assert_series_equal(found["confidence"], sure, check_names=False, rel_tol=1e-9)
    else:
        found = engine.to_polars(scored(plugin, there)).sort(KEY)
        expected = plugin.predict(features)
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


def test_what_is_fitted_on_a_sample_labels_all_and_says_so(engine: Engine, lab: Lab, tmp_path: Path) -> None:
    rfm = registry.classifiers["rfm"]
    given = lab.features(*rfm().requires)
    features = engine.from_polars(given.sample(fraction=1.0, shuffle=True, seed=5).lazy())
    sample = sample_of(features, 150)
    learned = fitted(rfm(), sample)
    found = engine.to_polars(classified(learned, features))
    assert found.height == sample.customers
    assert set(found["label"]) <= {"unclassified", *learned.scheme.ids}
    here = fitted(rfm(), sample_of(opened("polars").from_polars(given.lazy()), 150))
    for plugin, folder in ((learned, "there"), (here, "here")):
        plugin.save(tmp_path / folder)
    saved = (tmp_path / "there" / "state.json").read_text(encoding="utf-8")
    assert saved == (tmp_path / "here" / "state.json").read_text(encoding="utf-8")
    assert f"a sample of {sample} by the FNV-1a hash of the customer id" in saved
    assert f"抽样 {sample.rows.height} 位客户（共 {given.height} 位）" in saved
    assert rfm.load(tmp_path / "there").sample_["of"] == given.height


def test_a_model_learns_from_the_tables_of_its_sample_alone(lab: Lab) -> None:
    model = registry.models["churn-logistic"]
    features = opened("polars").from_polars(lab.features(*model().requires).lazy())
    sample = sample_of(features, 200)
    tables = {name: table.lazy() for name, table in lab.tables.items()}
    learned = fitted(model(), sample, tables, AS_OF)
    others = pl.col(KEY).is_in(sample.rows[KEY].implode())
    fewer = {
        name: table.filter(others) if KEY in table.collect_schema() else table
        for name, table in tables.items()
    }
    assert learned.learned == fitted(model(), sample, fewer, AS_OF).learned
    with pytest.raises(ParamsError, match="as_of is not given"):
        fitted(model(), sample)


def test_a_sample_of_all_says_so_and_leaves_out_who_has_no_id() -> None:
    some = pl.LazyFrame({KEY: ["a", None, "b"], "n": [1, 2, 3]})
    sample = sample_of(opened("polars").from_polars(some), 2)
    assert sample.rows[KEY].to_list() == ["a", "b"]
    assert (sample.text.zh, sample.text.en) == ("全部 2 位客户", "all 2 customers")


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
