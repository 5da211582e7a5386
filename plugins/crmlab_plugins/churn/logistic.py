"""Regularised logistic regression on splines and classes, its strength chosen within the training rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab_plugins.churn import encoding
from crmlab_plugins.churn.encoding import Matrix
from crmlab_plugins.learned.learning import single_thread

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Candidates for the inverse of the ridge penalty on standardised columns."""
_FOLDS = 5
_SIMPLE = 8
"""Columns up to which there is nothing to hold down: a single number and its knots."""
_CHOICE_ROWS = 10_000
"""Rows that the strength is chosen on: with more of them the choice hardly matters."""


@dataclass(frozen=True)
class Logistic:
    """What was learned: how to encode, the coefficients, the intercept and the strength."""

    steps: list[dict[str, Any]]
    coefficients: list[float]
    intercept: float
    strength: float

    @classmethod
    def learn(cls, rows: pl.DataFrame, columns: Sequence[str], churned: NDArray[np.bool_]) -> Logistic:
        """Learn from rows in an order that their values decide; both outcomes must be there."""
        steps = encoding.learn(rows, columns)
        matrix, _ = encoding.apply(rows, steps)
        with single_thread():
            strength = _chosen(matrix, churned)
            coefficients, intercept = _fitted(matrix, churned, strength)
        return cls(steps, coefficients.tolist(), intercept, strength)

    def log_odds(self, rows: pl.DataFrame) -> Matrix:
        """Return the log-odds per row."""
        total = np.full(rows.height, self.intercept)
        for part in self._parts(rows):
            total += part
        return total

    def contributions(self, rows: pl.DataFrame) -> Matrix:
        """Return what each input adds to the log-odds of an average customer; shape (rows, inputs)."""
        return np.column_stack([np.empty((rows.height, 0)), *self._parts(rows)])

    def _parts(self, rows: pl.DataFrame) -> Iterator[Matrix]:
        """Go through what each input adds, column by column: one row alone is as among all."""
        weights = iter(self.coefficients)
        for block in encoding.blocks(rows, self.steps):
            total = np.zeros(rows.height)
            for column in range(block.shape[1]):
                total += block[:, column] * next(weights)
            yield total


def _chosen(matrix: Matrix, churned: NDArray[np.bool_]) -> float:
    """Return the strength with the least log loss on rows left out in turn; a usual one where few."""
    if matrix.shape[1] <= _SIMPLE:
        return 1.0
    every = max(1, -(-len(matrix) // _CHOICE_ROWS))
    matrix, churned = matrix[::every], churned[::every]
    folds = _stratified(churned)
    if min(churned.sum(), (~churned).sum()) < 2 * _FOLDS:
        return STRENGTHS[1]
    losses = []
    for strength in STRENGTHS:
        loss = 0.0
        for fold in range(_FOLDS):
            held = folds == fold
            weights, intercept = _fitted(matrix[~held], churned[~held], strength)
            odds = matrix[held] @ weights + intercept
            loss += float(np.logaddexp(0.0, np.where(churned[held], -odds, odds)).sum())
        losses.append(loss)
    return STRENGTHS[int(np.argmin(losses))]


def _stratified(churned: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Deal the rows of each outcome out over the folds in turn."""
    folds = np.empty(len(churned), dtype=np.int64)
    for outcome in (True, False):
        place = np.flatnonzero(churned == outcome)
        folds[place] = np.arange(len(place)) % _FOLDS
    return folds


def _fitted(matrix: Matrix, churned: NDArray[np.bool_], strength: float) -> tuple[Matrix, float]:
    from sklearn.linear_model import LogisticRegression

    if not matrix.shape[1]:
        share = float(churned.mean())
        return np.empty(0), float(np.log(share / (1 - share)))
    model = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-8, max_iter=100)
    model.fit(matrix, churned)
    return model.coef_[0], float(model.intercept_[0])
