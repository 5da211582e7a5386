"""Snapshots: customers as they were known on several past days, each beside what they did afterwards.

On an observation day only what was known by its end may be seen. The label looks at the days after:
it begins ``lead_days`` later, the time that a warning needs to be acted upon, and lasts
``window_days``. Windows of different observation days do not overlap, and the last one ends by the
as-of day, so that a model learned from windows that ended by a day can be judged on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import polars as pl

from crmlab.errors import MissingFeaturesError, ParamsError, did_you_mean
from crmlab.estimators import KEY
from crmlab.summary import day_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.estimators import Feature, Model, Tables

    Floats = NDArray[np.float64]

Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Design:
    """What is predicted, of whom, and from how many past days it is learned.

    A customer with a paid order in the ``active_days`` up to the observation day is at risk; he has
    churned if no paid order comes in the ``window_days`` that begin ``lead_days`` after it.
    """

    window_days: int = 90
    lead_days: int = 0
    observations: int = 4
    active_days: int = 365

    def problems(self) -> list[str]:
        """Say what is wrong with the numbers."""
        lowest = {"window_days": 1, "lead_days": 0, "observations": 1, "active_days": 1}
        return [
            f"{name} is {value}; give {least} or more."
            for name, least in lowest.items()
            if (value := getattr(self, name)) < least
        ]

    @property
    def reach(self) -> int:
        """Days from an observation day to the end of its label window."""
        return self.lead_days + self.window_days

    def days(self, first: date, as_of: date) -> list[date]:
        """Return the observation days, rising: as many as fit, each with a window of history before it."""
        back = (as_of - timedelta(days=self.reach * place) for place in range(self.observations, 0, -1))
        return [day for day in back if day - timedelta(days=self.window_days) >= first]


@dataclass(frozen=True)
class Snapshots:
    """Rows per customer and observation day.

    ``rows`` has ``customer_id``, ``observed_on`` (Date), ``churned`` (Boolean) and the ``columns``.
    ``design`` says what the label means.
    """

    rows: pl.DataFrame
    columns: tuple[str, ...]
    design: Design

    @property
    def days(self) -> list[date]:
        """The observation days that have rows, rising."""
        return self.rows["observed_on"].unique().sort().to_list()

    @property
    def summary(self) -> pl.DataFrame:
        """One row per observation day: ``observed_on``, ``window_ends_on``, ``customers``, ``churn_rate``."""
        return (
            self.rows.group_by("observed_on")
            .agg(customers=pl.len().cast(pl.Int64), churn_rate=pl.col("churned").mean())
            .sort("observed_on")
            .select(
                "observed_on",
                "customers",
                "churn_rate",
                window_ends_on=pl.col("observed_on") + pl.duration(days=self.design.reach),
            )
        )

    def ended_by(self, day: date) -> Snapshots:
        """Return the rows whose label window ended by ``day``: what could be learned from then."""
        ends = pl.col("observed_on") + pl.duration(days=self.design.reach)
        return Snapshots(self.rows.filter(ends <= day), self.columns, self.design)

    def on(self, day: date) -> Snapshots:
        """Return the rows of one observation day."""
        return Snapshots(self.rows.filter(pl.col("observed_on") == day), self.columns, self.design)


@runtime_checkable
class LearnsChurn(Protocol):
    """A model that can learn from snapshots directly, so that several are judged on the same folds."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The feature columns that it learns from."""
        ...

    @property
    def design(self) -> Design:
        """What it predicts."""
        ...

    def learn(self, snapshots: Snapshots) -> Self:
        """Learn from snapshots and calibrate, nothing else being known."""
        ...

    def probabilities(self, features: pl.DataFrame) -> Floats:
        """Return the probability of churn per row, NaN where the model says nothing."""
        ...

    def contributions(self, features: pl.DataFrame) -> Floats:
        """Return what each input adds to the log-odds of each row: shape (rows, inputs)."""
        ...


def first_order_day(orders: pl.LazyFrame) -> date | None:
    """Return the day of the first paid order; None without one."""
    first = orders.filter(pl.col("amount_hundredths") > 0).select(pl.col("day").min()).collect().item()
    return None if first is None else date(1970, 1, 1) + timedelta(days=first)


def snapshots(
    tables: Tables,
    columns: Sequence[str],
    as_of: date,
    design: Design,
    settings: Settings | None = None,
    *,
    progress: bool = False,
) -> Snapshots:
    """Build the snapshots of which the label windows end by ``as_of``; rows are sorted by day and customer.

    ``tables`` have ``day`` as a model gets them; rows after ``as_of`` are not used. ``settings`` are the
    parameters of features, and of models whose scores are columns, by name. Empty where the history is too
    short. ``progress`` shows how far it is.
    """
    if problems := design.problems():
        raise ParamsError(" ".join(problems))
    first = first_order_day(tables["orders"])
    days = design.days(first, as_of) if first else []
    made = []
    for day in watched(days, "snapshots", progress):
        known = until(tables, day)
        risk = outcomes(tables["orders"], day, design)
        rows = risk.join(
            features_on(known, columns, day, settings), on=KEY, how="left", maintain_order="left"
        )
        made.append(rows.select(KEY, pl.lit(day).alias("observed_on"), "churned", *columns))
    empty = {KEY: pl.String, "observed_on": pl.Date, "churned": pl.Boolean}
    frame = pl.concat(made, how="vertical_relaxed") if made else pl.DataFrame(schema=empty)
    return Snapshots(frame, tuple(columns), design)


def outcomes(orders: pl.LazyFrame, day: date, design: Design) -> pl.DataFrame:
    """Return ``customer_id`` and ``churned`` of everybody at risk on ``day``, sorted."""
    today = day_number(day)
    paid = orders.filter(pl.col("amount_hundredths") > 0).select(KEY, "day")
    at_risk = paid.filter(pl.col("day").is_between(today - design.active_days, today)).select(KEY).unique()
    window = pl.col("day").is_between(today + design.lead_days + 1, today + design.reach)
    back = paid.filter(window).select(KEY, back=pl.lit(value=True)).unique()
    return (
        at_risk.join(back, on=KEY, how="left")
        .select(KEY, churned=pl.col("back").is_null())
        .sort(KEY)
        .collect()
    )


def until(tables: Tables, day: date) -> dict[str, pl.LazyFrame]:
    """Return the tables without the rows that came about after ``day``; rows without a day stay."""
    last = day_number(day)
    return {
        name: table.filter(pl.col("day").is_null() | (pl.col("day") <= last))
        if "day" in table.collect_schema()
        else table
        for name, table in tables.items()
    }


def features_on(
    tables: Tables, columns: Sequence[str], day: date, settings: Settings | None = None
) -> pl.DataFrame:
    """Return ``columns`` per customer as of ``day`` from tables alone, as ``lab.features`` would make them.

    A column is made by a registered feature, is ``model.score`` of a registered model fitted on that day,
    or an attribute of the customers table, which has no date; ``settings`` has the parameters of these
    features and models by name. Raises MissingFeaturesError for a column that is none of these.
    """
    from crmlab import registry

    makers = made_columns()
    ids = [tables[name].select(KEY) for name in ("customers", "orders") if name in tables]
    frame = pl.concat(ids).drop_nulls().unique().sort(KEY).collect()
    attributes = tables["customers"].collect_schema().names() if "customers" in tables else []
    wanted: dict[str, list[str]] = {}
    for column in dict.fromkeys(columns):
        name = column.rsplit(".", 1)[0]
        if column in makers:
            wanted.setdefault(makers[column], []).append(column)
        elif "." in column and name in registry.models:
            scores = _score(tables, name, day, settings)
            score = scores.select(KEY, pl.col(column.rsplit(".", 1)[1]).alias(column))
            frame = frame.join(score, on=KEY, how="left", maintain_order="left")
        elif column in attributes:
            given = tables["customers"].select(KEY, column).unique(KEY, keep="first", maintain_order=True)
            frame = frame.join(given.collect(), on=KEY, how="left", maintain_order="left")
        else:
            raise MissingFeaturesError(
                f"No feature produces the column {column!r}, and the customers table has none of that name."
                f"{did_you_mean(column, [*makers, *attributes])}"
            )
    for feature, named in wanted.items():
        made = registry.features[feature].from_params((settings or {}).get(feature, {}))
        built = _built(made, tables, named, day)
        frame = frame.join(built, on=KEY, how="left", maintain_order="left")
    return frame.select(KEY, *columns)


def adjustable(columns: Iterable[str]) -> list[str]:
    """Return the columns that come from features with parameters, which a study may set otherwise."""
    from crmlab import registry

    makers = made_columns()
    return [name for name in columns if name in makers and registry.features[makers[name]].parameter_names()]


def made_columns() -> dict[str, str]:
    """Return column → the name of the registered feature that makes it."""
    from crmlab import registry
    from crmlab.errors import PluginError

    makers: dict[str, str] = {}
    for name in registry.features:
        try:
            produced = registry.features[name].produces
        except PluginError:  # a broken plugin stops no other; the lab names it
            continue
        makers |= {column: name for column in produced if column not in makers}
    return makers


def _built(feature: Feature, tables: Tables, columns: list[str], day: date) -> pl.DataFrame:
    import narwhals as nw

    missing = [name for name in feature.tables if name not in tables]
    if missing:
        raise MissingFeaturesError(
            f"{', '.join(columns)} need the table {missing[0]}, which this study does not have. "
            "Leave these columns out, or add a source that provides the table under `data`."
        )
    names = [*feature.tables, *(name for name in feature.optional_tables if name in tables)]
    built = feature.build({name: nw.from_native(tables[name]) for name in names}, day)
    frame: pl.DataFrame = built.to_native().select(KEY, *columns).collect()
    return frame


def _score(tables: Tables, name: str, day: date, settings: Settings | None) -> pl.DataFrame:
    from crmlab import registry

    model: Model = registry.models[name].from_params((settings or {}).get(name, {}))
    features = features_on(tables, model.requires, day, settings)
    return model.fit(tables, features, day).predict(features)


def watched(days: list[date], what: str, progress: bool) -> Iterable[date]:
    """Go through days, and show how far it is where ``progress`` says so, unless nobody watches."""
    import os
    import sys

    from crmlab.environment import RUN_FOLDER

    if not progress or RUN_FOLDER in os.environ:
        return days
    from tqdm import tqdm

    bar: Iterable[date] = tqdm(days, desc=what, unit="day", file=sys.stderr, leave=False)
    return bar
