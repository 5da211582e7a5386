"""Features of a study: one row per customer as of a day, built once by the features that produce them."""

from __future__ import annotations

import warnings
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab import registry
from crmlab.data.days import with_days
from crmlab.data.schemas import columns, sensitivity_of
from crmlab.engines import Engine, opened
from crmlab.environment import resolved
from crmlab.errors import (
    DataError,
    MissingFeaturesError,
    ParamsError,
    PluginContractError,
    PluginError,
    did_you_mean,
)
from crmlab.isolation import at_work, who
from crmlab.labels import Measure, Text, Unit

if TYPE_CHECKING:
    import narwhals as nw

    from crmlab.estimators import Feature
    from crmlab.lab import Lab

_UNITS: dict[str, Unit] = {
    "probability": "share",
    "currency": "currency",
    "days": "days",
    "count": "number",
    "ratio": "number",
}


class FeatureStore:
    """The columns of a study's customers, by day; what was built once is kept."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._study = lab.study
        self._frames: dict[date, pl.DataFrame] = {}
        self._sent: dict[str, nw.LazyFrame[Any]] = {}
        self.used: list[str] = []

    def frame(self, *columns: str, as_of: date | None = None) -> pl.DataFrame:
        """See :meth:`crmlab.lab.Lab.features`."""
        day = as_of or self._study.as_of
        if day > self._study.as_of:
            raise ParamsError(
                f"as_of is {day}, after the study's own {self._study.as_of}; later rows are not read. "
                "Give an earlier day, or set as_of of the study."
            )
        makers = self.makers
        wanted = columns or tuple(
            column for column, (_, maker) in makers.items() if self.has_tables_of(maker)
        )
        have = self._frames.get(day)
        if have is None:
            have = self._customer_ids(day)
        missing = [name for name in wanted if name not in have.columns]
        given = [name for name in missing if name not in makers and name in self.attributes]
        if given:
            attributes = self._lab.tables["customers"].select("customer_id", *given)
            have = have.join(attributes, on="customer_id", how="left", maintain_order="left")
        missing = [name for name in missing if name not in given]
        for name in [name for name in missing if _is_score(name)]:
            self._frames[day] = have  # the model may ask for more of them
            have = self._with_score(name, day)
        missing = [name for name in missing if not _is_score(name)]
        for name, maker in dict.fromkeys(self._maker(column) for column in missing):
            self.used += [name] if name not in self.used else []
            columns_of = [column for column in missing if column in maker.produces]
            built = self._build(maker, columns_of, day)
            have = have.join(built, on="customer_id", how="left", maintain_order="left")
        self._frames[day] = have
        return have.select("customer_id", *wanted)

    def measure(self, column: str) -> Measure:
        """Return what readers call a column of features, and its unit."""
        maker = self.makers.get(column)
        if maker and column in maker[1].measures:
            return maker[1].measures[column]
        if _is_score(column):
            name, score_id = column.rsplit(".", 1)
            for score in registry.models[name].scores:
                if score.id == score_id:
                    return Measure(score.zh, score.en, _UNITS[score.unit])
        known = {each.column: each.text for each in columns("customers")}
        return Measure(*known.get(column, Text(column, column)), unit="text" if column in known else "number")

    @cached_property
    def makers(self) -> dict[str, tuple[str, Feature]]:
        """Column → the name of the feature that produces it, and the feature as the study sets it."""
        makers: dict[str, tuple[str, Feature]] = {}
        for name in registry.features:
            try:
                feature = registry.features[name].from_params(self._study.features.get(name, {}))
            except PluginError as error:  # a broken plugin stops no other
                warnings.warn(str(error), stacklevel=2)
                continue
            makers |= {column: (name, feature) for column in feature.produces if column not in makers}
        return makers

    def has_tables_of(self, feature: Feature) -> bool:
        """Say whether the study has the tables that a feature needs: all, or one of those it can do with."""
        enough = feature.tables or feature.optional_tables
        some = all if feature.tables else any
        return not enough or some(table in self._lab.tables for table in enough)

    def _maker(self, column: str) -> tuple[str, Feature]:
        makers = self.makers
        if column not in makers and "customers" in self._lab.tables and column in self._sensitive:
            raise MissingFeaturesError(
                f"The column {column!r} is sensitive personal information (PIPL, article 28) and is kept out "
                "of features. Where you have the customers' separate consent for this use, allow it: "
                f"`privacy: {{sensitive_features: [{column}]}}`."
            )
        if column not in makers:
            raise MissingFeaturesError(
                f"No feature produces the column {column!r}, and the customers table has none of that name."
                f"{did_you_mean(column, [*makers, *self.attributes])} "
                f"Available: {', '.join([*makers, *self.attributes])}."
            )
        return makers[column]

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The columns of the customers table beside the id and what the law calls sensitive."""
        if "customers" not in self._lab.tables:
            return ()
        hidden = {"customer_id", *self._sensitive}
        return tuple(name for name in self._lab.tables["customers"].columns if name not in hidden)

    @cached_property
    def _sensitive(self) -> tuple[str, ...]:
        """Sensitive columns that the study has not allowed by name."""
        allowed = self._study.privacy.sensitive_features
        return tuple(
            name
            for name in self._lab.tables["customers"].columns
            if sensitivity_of("customers", name) == "sensitive" and name not in allowed
        )

    def lawful(self, table: str) -> pl.LazyFrame:
        """Return a table for plugins, without the sensitive columns that the study has not allowed."""
        frame, allowed = self._lab.tables[table], self._study.privacy.sensitive_features
        if table == "customers":
            frame = frame.drop(self._sensitive)
        elif {"key_kind", "key_value"} <= set(frame.columns) and "identity_number" not in allowed:
            told = pl.col("key_kind").eq_missing("identity_number")
            frame = frame.with_columns(pl.when(~told).then("key_value").alias("key_value"))
        return frame.lazy()

    @cached_property
    def _engine(self) -> Engine:
        name = self._study.engine
        return opened(name, resolved(self._study.engines.get(name, {})))

    def _on_engine(self, table: str) -> nw.LazyFrame[Any]:
        """Return a table where the features are computed; it goes there once."""
        if table not in self._sent:
            days = with_days(table, self.lawful(table), self._study.timezone)
            self._sent[table] = self._engine.from_polars(days)
        return self._sent[table]

    def _build(self, feature: Feature, columns: list[str], day: date) -> pl.DataFrame:
        names = [*feature.tables, *(name for name in feature.optional_tables if name in self._lab.tables)]
        if not names and feature.optional_tables:
            raise DataError(
                f"{type(feature).__name__} needs one of the tables {', '.join(feature.optional_tables)}, and "
                "this study has none of them. Add a source that provides one under `data`."
            )
        engine, given = self._engine, {name: self._on_engine(name) for name in names}
        with at_work(feature, "build"):
            frame = feature.build(given, day)
        if not hasattr(frame, "implementation"):
            raise PluginContractError(
                f"{who(feature)} returned {type(frame).__name__}; its contract is a lazy frame of narwhals."
            )
        kind = frame.implementation.name
        if kind not in engine.implementations:
            raise PluginContractError(
                f"{who(feature)} returned a frame of {kind.lower()} on the engine "
                f"{self._study.engine!r}. A feature is written with narwhals, and what that lacks with "
                "crmlab.engines.by_batches; until it is, set `engine: polars`."
            )
        with at_work(feature, "build"):  # which is lazy: it is computed here
            built = engine.to_polars(frame.select("customer_id", *columns))
        engine.release()
        if built["customer_id"].is_duplicated().any():
            raise PluginContractError(
                f"{who(feature)} returned several rows for one customer; its contract is one each."
            )
        for column in columns:
            if built[column].dtype.is_float() and built[column].is_nan().any():
                raise PluginContractError(
                    f"{who(feature)} returned NaN in the column {column!r}; its contract is a number, or "
                    "null where there is none."
                )
        return built

    def _with_score(self, column: str, day: date) -> pl.DataFrame:
        """Return the features of a day with the score of a model beside them."""
        name, score = column.rsplit(".", 1)
        model = registry.models[name]
        known = [known.id for known in model.scores]
        if score not in known:
            raise MissingFeaturesError(
                f"The model {name!r} gives no score {score!r}.{did_you_mean(score, known)} "
                f"It gives: {', '.join(known)}."
            )
        scores = self._lab.score(name, day).scores.select("customer_id", pl.col(score).alias(column))
        return self._frames[day].join(scores, on="customer_id", how="left", maintain_order="left")

    def _customer_ids(self, day: date) -> pl.DataFrame:
        """Everybody known by ``day``: listed customers, and whoever ordered."""
        ids = []
        if "customers" in self._lab.tables:
            customers = self._lab.tables["customers"]
            if "registered_on" in customers.columns:
                customers = customers.filter(
                    pl.col("registered_on").is_null() | (pl.col("registered_on") <= day)
                )
            ids.append(customers.select("customer_id"))
        if "orders" in self._lab.tables:
            until = pl.col("day") <= (day - date(1970, 1, 1)).days
            ids.append(self._lab.tables["orders"].filter(until).select("customer_id"))
        if not ids:
            raise DataError(
                "The study has neither customers nor orders, so there is nobody to classify. "
                "Add a source that provides them under `data`."
            )
        return pl.concat(ids).unique().sort("customer_id")


def _is_score(column: str) -> bool:
    """Say whether a column is named like the score of a model: ``bg-nbd.probability_alive``."""
    return column.rsplit(".", 1)[0] in registry.models
