"""The ways of learning that churn models choose from, and their state as JSON and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab_plugins.churn.boosting import Boosting
from crmlab_plugins.churn.encoding import Matrix
from crmlab_plugins.churn.logistic import Logistic

Kind = Literal["logistic", "boosting"]


class Learner(Protocol):
    """Learns the log-odds of churn from rows."""

    @classmethod
    def learn(cls, rows: pl.DataFrame, columns: Sequence[str], churned: NDArray[np.bool_]) -> Self:
        """Learn from rows in an order that their values decide; both outcomes must be there."""
        ...

    def log_odds(self, rows: pl.DataFrame) -> Matrix:
        """Return the log-odds per row."""
        ...

    def contributions(self, rows: pl.DataFrame) -> Matrix:
        """Return what each input adds to the log-odds of an average customer; shape (rows, inputs)."""
        ...


LEARNERS: dict[Kind, type[Logistic] | type[Boosting]] = {"logistic": Logistic, "boosting": Boosting}


def state_of(learner: Learner) -> tuple[dict[str, Any], pl.DataFrame | None]:
    """Return what was learned as a JSON value, and the nodes of trees as a frame."""
    if isinstance(learner, Boosting):
        return {"steps": learner.steps, "start": learner.start}, learner.nodes
    assert isinstance(learner, Logistic)
    return asdict(learner), None


def from_state(kind: Kind, state: dict[str, Any], nodes: pl.DataFrame | None) -> Learner:
    """Return the learner that :func:`state_of` took apart."""
    if kind == "boosting":
        assert nodes is not None
        return Boosting(**state, nodes=nodes)
    return Logistic(**state)
