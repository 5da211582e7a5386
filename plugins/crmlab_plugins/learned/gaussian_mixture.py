"""Segments as a mixture of normal distributions: each customer has a probability of each."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from crmlab.labels import Text
from crmlab_plugins.learned.base import State
from crmlab_plugins.learned.choice import Figure
from crmlab_plugins.learned.numeric import Numeric
from crmlab_plugins.learned.preparation import Matrix

_FLOOR = 1e-3
"""Added to each variance, so that many customers with one equal value make no infinitely thin segment."""


class GaussianMixture(Numeric):
    """A mixture of normal distributions with full covariances, by EM (Dempster, Laird & Rubin 1977).

    Segments may differ in size, shape and direction. The confidence is the posterior probability.
    """

    title: ClassVar[Text] = Text("高斯混合分群", "Gaussian mixture segments")
    method: ClassVar[Text] = Text(
        "用高斯混合模型估计每位客户属于各群的概率，归入概率最大的一群。",
        "a mixture of normal distributions gives every customer a probability of each segment; the most "
        "probable is taken.",
    )
    sureness: ClassVar[Text] = Text("模型给出的后验概率", "the posterior probability that the model gives")
    probable: ClassVar[bool] = True
    most: ClassVar[int] = 20_000

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        return _state(self._mixture(matrix, count, max(1, starts // 3)))

    def _closeness(self, state: State, matrix: Matrix) -> Matrix:
        means, halves = (np.asarray(state[name], dtype=np.float64) for name in ("means", "precision_halves"))
        logs = np.empty((len(matrix), len(means)))
        for at, (mean, half, weight) in enumerate(zip(means, halves, state["weights"], strict=True)):
            squares = np.zeros(len(matrix))
            for column in range(matrix.shape[1]):
                # Column by column, so that one customer alone gets the very same number.
                part = np.zeros(len(matrix))
                for row in range(matrix.shape[1]):
                    part += (matrix[:, row] - mean[row]) * half[row, column]
                squares += part * part
            logs[:, at] = np.log(max(weight, 1e-300)) + np.log(np.diag(half)).sum() - squares / 2
        return logs

    def _criterion(self, matrix: Matrix) -> Figure | None:
        few = matrix[:: max(1, len(matrix) // 2_000)]
        return lambda count: round(float(self._mixture(few, count, 1).bic(few)), 3)

    def _mixture(self, matrix: Matrix, count: int, starts: int) -> Any:
        from sklearn import mixture

        if len(matrix) < 2:  # learned from nobody, or from one
            matrix = np.repeat(matrix, 2, axis=0)
        learner = mixture.GaussianMixture(
            count, n_init=starts, reg_covar=_FLOOR, max_iter=300, random_state=self.seed
        )
        return learner.fit(matrix)


def _state(learner: Any) -> State:
    return {
        "weights": learner.weights_.tolist(),
        "means": learner.means_.tolist(),
        "precision_halves": learner.precisions_cholesky_.tolist(),
    }
