"""Predictions of models on past days, beside what came after: what every view of them starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab import registry
from crmlab.churn.metrics import reason
from crmlab.errors import DataError, did_you_mean
from crmlab.labels import Text
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.texts import say

if TYPE_CHECKING:
    import altair as alt
    import numpy as np

    from crmlab.lab import Lab
    from crmlab.view.tables import Table

    Array = np.ndarray[Any, np.dtype[Any]]

BASELINES = ("churn-recency", "churn-last-status")
"""Models that need no learning to speak of: what any other has to beat."""

_NEEDED = ("model", "customer_id", "y", "p")


class Rows(NamedTuple):
    """Outcomes, scores and, where predictions have them, lifetime values of the customers of one model."""

    y: Array
    p: Array
    values: Array | None


class Judged:
    """Predictions of one or several models with the outcomes that were not known to them.

    ``predictions`` has a row per model, customer and, where it has the column ``observed_on``,
    observation day: ``model`` (name), ``customer_id``, ``y`` (1 or true: left), ``p`` (probability),
    and may have ``value``, the customer's lifetime value in units of currency. Rows without ``y`` or ``p``
    are left out and counted in ``without_score``. ``model`` is the one to show, by default the first that
    is no baseline. Raises DataError for a missing column and for a model that is not there.
    """

    def __init__(
        self, predictions: pl.DataFrame, lab: Lab, model: str = "", baselines: Sequence[str] = BASELINES
    ) -> None:
        if missing := [name for name in _NEEDED if name not in predictions.columns]:
            raise DataError(
                f"The predictions have no column {', '.join(missing)}; they need {', '.join(_NEEDED)}, and "
                f"have: {', '.join(predictions.columns)}."
            )
        known = predictions.with_columns(pl.col("y").cast(pl.Float64), pl.col("p").cast(pl.Float64))
        self.predictions = known.filter(pl.col("y").is_not_null() & pl.col("p").is_finite())
        self.without_score = predictions.height - self.predictions.height
        self.models: list[str] = self.predictions["model"].unique(maintain_order=True).to_list()
        self.baselines = tuple(name for name in self.models if name in baselines)
        others = [name for name in self.models if name not in baselines]
        if model and self.models and model not in self.models:
            raise DataError(
                f"There are no predictions of the model {model!r}.{did_you_mean(model, self.models)} "
                f"There are those of: {', '.join(self.models)}."
            )
        self.model = model or next(iter([*others, *self.models]), "")
        self.lab = lab

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(self.models)}: {self.predictions.height} predictions>"

    def _ipython_display_(self) -> None:
        """Show everything in a notebook: in words, as a chart and as a table."""
        from crmlab.view.findings import Sections

        parts = [self.problem] if self.problem else [self.note(), self.chart(), self.table()]
        Sections(parts)._ipython_display_()

    def note(self) -> Note:
        """Say in words what the predictions are worth."""
        raise NotImplementedError

    def chart(self) -> alt.LayerChart | Note:
        """Draw them."""
        raise NotImplementedError

    def table(self) -> Table | Note:
        """Show the figures."""
        raise NotImplementedError

    def rows(self, model: str = "", *, valued: bool = False) -> Rows:
        """Return the arrays of one model, by default the one shown; ``valued``: only with a lifetime value.

        A lifetime value below 0 counts as 0: nobody is kept at a loss on purpose.
        """
        mine = self.predictions.filter(pl.col("model") == (model or self.model))
        has = valued and "value" in mine.columns
        mine = mine.drop_nulls("value") if has else mine
        values = mine["value"].cast(pl.Float64).clip(lower_bound=0).to_numpy() if has else None
        return Rows(mine["y"].to_numpy(), mine["p"].to_numpy(), values)

    def name(self, model: str) -> Text:
        """Return what readers call a model."""
        return registry.models[model].title if model in registry.models else Text(model, model)

    @property
    def problem(self) -> Note | None:
        """Why the model shown cannot be judged; None where it can."""
        why = reason(self.rows().y)
        return Note(why, self.lab.language) if why else None

    @property
    def sample(self) -> Text:
        """How many customers the model shown is judged on, and how many of them left."""
        mine = self.predictions.filter(pl.col("model") == self.model)
        n, lost = mine.height, int(mine["y"].sum())
        days = mine["observed_on"].n_unique() if "observed_on" in mine.columns else 1
        return say(
            "churn_sample_days" if days > 1 else "churn_sample",
            n=count(n),
            customers=count(mine["customer_id"].n_unique()),
            days=days,
            lost=count(lost),
            share=percent(lost / n if n else None),
        )
