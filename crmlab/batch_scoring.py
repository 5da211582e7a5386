"""Batch scoring: what was fitted on a sample labels or scores any number of customers, batch by batch.

The features of all customers stay where their engine has them (:mod:`crmlab.engines`); a classifier or a
model is fitted here, on a sample that fits into memory, and is applied to Arrow batches: ``mapInArrow`` on
Spark, one batch after the other on this machine. Write the result with the engine's ``sink``.

::

    engine = opened("spark", {"remote": "sc://spark.example.com:15002"})
    features = engine.scan("s3://bucket/features")
    sample = sample_of(features, 50_000)            # print(sample): 50,112 of 8,242,852 customers
    rfm = fitted(Rfm(), sample)                     # rfm.save(folder) keeps which sample it was
    engine.sink(classified(rfm, features), "s3://bucket/labels")
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from crmlab.engines import by_batches, engine_of
from crmlab.errors import NotFittedError, ParamsError, PluginContractError
from crmlab.estimators import KEY, Classifier, Model
from crmlab.labels import Text

if TYPE_CHECKING:
    from datetime import date

    import narwhals as nw

    from crmlab.engines import Function, Schema
    from crmlab.estimators import Estimator, Tables

P = TypeVar("P", Classifier, Model)

_PARTS = 1 << 20
_PROBED = 64
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Sample:
    """Some customers of many: ``rows`` sorted by ``customer_id``, out of ``customers`` in all.

    They are those whose hash lies in the first ``parts`` of 1,048,576 parts.
    """

    rows: pl.DataFrame
    customers: int
    parts: int

    def __str__(self) -> str:
        return f"{self.rows.height:,} of {self.customers:,} customers"

    @property
    def text(self) -> Text:
        """What a report has to say of it: its size, and how it was drawn."""
        if self.parts == _PARTS:
            return Text(f"全部 {self.customers:,} 位客户", f"all {self.customers:,} customers")
        share = f"{self.parts:,}/{_PARTS:,}"
        return Text(
            f"抽样 {self.rows.height:,} 位客户（共 {self.customers:,} 位）：按客户编号的 FNV-1a 哈希值"
            f"取 {share}，不用随机种子，与行的顺序和计算引擎无关",
            f"a sample of {self} by the FNV-1a hash of the customer id ({share} of its range), without "
            "a seed, whatever the order of rows and the engine",
        )


def sample_of(features: nw.LazyFrame[Any], size: int) -> Sample:
    """Return about ``size`` customers, or all where there are no more.

    ``features`` has one row per ``customer_id``; rows without one are left out. A hash of the id decides, so
    that the sample is the same on every engine, in any order of rows, and in the next run; a greater ``size``
    only adds customers. Raises ParamsError for a size below 1.
    """
    import narwhals as nw

    if size < 1:
        raise ParamsError(f"size is {size}; it must be 1 or more, for example 50000.")
    engine = engine_of(features)
    features = features.filter(~nw.col(KEY).is_null())
    customers = int(engine.to_polars(features.select(nw.len().cast(nw.Int64).alias("n"))).item())
    kept = _PARTS
    if customers > size:
        kept = -(-_PARTS * size // customers)
        schema = {KEY: pl.String, "part": pl.Int64}
        parts = by_batches(features.select(KEY), _parts, schema).filter(nw.col("part") < kept)
        features = features.join(parts.select(KEY), on=KEY, how="inner")
    rows = engine.to_polars(features).sort(KEY)
    engine.release()
    return Sample(rows, customers, kept)


def fitted(plugin: P, sample: Sample, tables: Tables | None = None, as_of: date | None = None) -> P:
    """Fit a classifier or a model on a sample, and keep which: :meth:`save` writes it with what is learned.

    A model is given the rows of ``tables`` (unless it needs none) that are of the sample's customers or of
    nobody, and the day ``as_of``. Raises ParamsError for a model without a day.
    """
    if isinstance(plugin, Classifier):
        plugin.fit(sample.rows)
    elif as_of is None:
        raise ParamsError("as_of is not given; a model learns as of a day, for example date(2024, 12, 31).")
    else:
        plugin.fit({name: _of(sample, table) for name, table in (tables or {}).items()}, sample.rows, as_of)
    told = {"zh": sample.text.zh, "en": sample.text.en}
    plugin.sample_ = {"customers": sample.rows.height, "of": sample.customers, **told}  # type: ignore[attr-defined]
    return plugin


def classified(classifier: Classifier, features: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return ``customer_id``, ``label`` and ``confidence`` of every customer, on the engine of ``features``.

    Raises NotFittedError where the classifier is not fitted, PluginContractError where its labels depend on
    who else is in a batch.
    """
    schema = {KEY: pl.String, "label": pl.String, "confidence": pl.Float64}
    return _applied(
        classifier, features.select(KEY, *classifier.requires), partial(_labels, classifier), schema
    )


def scored(model: Model, features: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return ``customer_id`` and the scores of every customer, on the engine of ``features``.

    Raises NotFittedError where the model is not fitted, PluginContractError where its scores depend on who
    else is in a batch.
    """
    schema = {KEY: pl.String, **{score.id: pl.Float64 for score in model.scores}}
    return _applied(model, features.select(KEY, *model.requires), partial(_scores, model), schema)


def _applied(
    plugin: Estimator, features: nw.LazyFrame[Any], function: Function, schema: Schema
) -> nw.LazyFrame[Any]:
    if not getattr(plugin, "fitted_", False):
        raise NotFittedError(
            f"{type(plugin).__name__} is not fitted. Write fitted(plugin, sample_of(features, 50_000)), or "
            "load what an earlier run saved."
        )
    some = engine_of(features).to_polars(features.head(_PROBED))
    together = function(some)
    apart = pl.concat([function(some[1::2]), function(some[::2])])
    both = together.join(apart, on=KEY, suffix=" apart")
    if other := [name for name in schema if name != KEY and _differ(both, name)]:
        raise PluginContractError(
            f"{', '.join(other)} of {type(plugin).__name__} depend on which other customers are in the "
            "batch, so that batches would give other results than all customers at once. Apply it to all "
            "at once (predict), or to a sample."
        )
    return by_batches(features, function, schema)


def _differ(both: pl.DataFrame, name: str) -> bool:
    """Say whether a column and that with `` apart`` differ by more than the order of a sum can do."""
    one, other = pl.col(name), pl.col(f"{name} apart")
    same = one.eq_missing(other)
    if both.schema[name].is_float():
        same |= ((one - other).abs() <= _ROUNDING * (1 + one.abs())).fill_null(value=False)
    return not both.select(same.all()).item()


def _of(sample: Sample, table: pl.LazyFrame) -> pl.LazyFrame:
    if KEY not in table.collect_schema():
        return table
    return table.filter(pl.col(KEY).is_null() | pl.col(KEY).is_in(sample.rows[KEY].implode()))


def _parts(customers: pl.DataFrame) -> pl.DataFrame:
    from crmlab.aggregates.hashing import buckets_of

    return customers.select(KEY).with_columns(part=pl.Series(buckets_of(customers[KEY], _PARTS)))


def _labels(classifier: Classifier, features: pl.DataFrame) -> pl.DataFrame:
    confidence = classifier.confidence(features).cast(pl.Float64)
    return features.select(KEY).with_columns(label=classifier.predict(features), confidence=confidence)


def _scores(model: Model, features: pl.DataFrame) -> pl.DataFrame:
    scores: list[str] = [score.id for score in model.scores]
    return model.predict(features).cast(dict.fromkeys(scores, pl.Float64))
