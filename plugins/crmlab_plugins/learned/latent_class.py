"""Latent classes: kinds of customers behind answers and choices that are classes themselves."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl

from crmlab.labels import Axis, Text
from crmlab_plugins.learned import classes, naming
from crmlab_plugins.learned.base import Learned, State
from crmlab_plugins.learned.choice import Codes, Figure
from crmlab_plugins.learned.preparation import Matrix

_ITERATIONS = 200
_TOLERANCE = 1e-6
_PRIOR = 0.5
"""Customers added to each class, spread as all customers are: no probability becomes 0 by chance."""


class LatentClass(Learned):
    """Latent class analysis (Lazarsfeld & Henry 1968) by EM, as in poLCA (Linzer & Lewis 2011).

    Within a class the items are independent. ``inputs`` are items: columns of texts or truth values.
    An item that a customer did not answer says nothing and is left out for that customer (missing at
    random); a customer without any answer is unclassified. Several random starts, the likeliest is
    kept. Where there is no past to judge by, the number of classes has the lowest BIC of those that
    are stable and large enough. The order is by size. The confidence is the posterior probability.
    """

    title: ClassVar[Text] = Text("潜在类别分群", "Latent classes")
    method: ClassVar[Text] = Text(
        "用潜在类别模型估计每位客户属于各类的概率，归入概率最大的一类。",
        "a latent class model gives every customer a probability of each class; the most probable is taken.",
    )
    needs: ClassVar[Text] = Text("问卷选择或购买品类", "answers to a survey, or purchases with categories")
    sureness: ClassVar[Text] = Text("模型给出的后验概率", "the posterior probability that the model gives")
    of_data: ClassVar[bool] = True
    axes: ClassVar[tuple[Axis, ...]] = ("need",)
    probable: ClassVar[bool] = True
    metric: ClassVar[str | None] = "hamming"

    inputs: tuple[str, ...] = (
        "cares_for_quality",
        "cares_for_service",
        "cares_for_delivery",
        "cares_for_price",
        "cares_for_packaging",
        "need_category",
    )

    def _prepare(self, rows: pl.DataFrame) -> None:
        classes.check(rows, self.inputs, type(self).__name__)
        self.classes_ = classes.learn(rows, self.inputs)

    def _encode(self, rows: pl.DataFrame) -> Matrix:
        return np.column_stack(
            [classes.encode(rows[column], self.classes_[column]) for column in self.inputs]
        )

    def _numeric(self) -> list[int]:
        return []

    def _known(self, features: pl.DataFrame) -> pl.Series:
        known = pl.any_horizontal(pl.col(column).is_not_null() for column in self.inputs)
        return features.select(known=known).to_series()

    def _nobody(self) -> Matrix:
        return np.full((1, len(self.inputs)), -1.0)

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        return self._maximised(matrix, count, starts)[0]

    def _maximised(self, matrix: Matrix, count: int, starts: int) -> tuple[State, float]:
        """Return the likeliest state of several starts and its log-likelihood."""
        patterns, weights = np.unique(matrix, axis=0, return_counts=True)
        answers = _indicators(patterns, [len(self.classes_[column]) for column in self.inputs])
        random = np.random.default_rng(self.seed)
        best: tuple[Any, float] | None = None
        for _ in range(starts):
            found = _maximise(
                answers, weights.astype(np.float64), random.dirichlet(np.ones(count), len(patterns))
            )
            if best is None or found[1] > best[1] + 1e-9:
                best = found
        assert best is not None
        (shares, probabilities), likelihood = best
        # Classes by size: labels of equal models must not depend on the random start.
        order = np.lexsort([*(p[:, 0] for p in probabilities if p.shape[1]), -shares])
        state = {
            "shares": shares[order].tolist(),
            "probabilities": [p[order].tolist() for p in probabilities],
        }
        return state, likelihood

    def _closeness(self, state: State, matrix: Matrix) -> Matrix:
        logs = np.tile(np.log(np.asarray(state["shares"])), (len(matrix), 1))
        for column, item in enumerate(state["probabilities"]):
            logs += _item_logs(np.asarray(item, dtype=np.float64), matrix[:, column])
        return logs

    def _evidence(self, matrix: Matrix, first: Codes, second: Codes) -> Matrix:
        evidence = np.empty_like(matrix)
        rows = np.arange(len(matrix))
        for column, item in enumerate(self.state_["probabilities"]):
            logs = _item_logs(np.asarray(item, dtype=np.float64), matrix[:, column])[:, self.order_]
            evidence[:, column] = logs[rows, first] - logs[rows, second]
        return evidence

    def _criterion(self, matrix: Matrix) -> Figure | None:
        free = sum(max(0, len(values) - 1) for values in self.classes_.values())

        def bic(count: int) -> float:
            _, likelihood = self._maximised(matrix, count, 3)
            return round(-2 * likelihood + (count - 1 + count * free) * float(np.log(len(matrix))), 3)

        return bic

    def _kinds(self, rows: pl.DataFrame, codes: Codes, count: int) -> list[list[Text]]:
        return naming.kinds(rows, self.inputs, codes, count)

    def _prepared_words(self) -> Text:
        return Text(
            "未回答的题目不计入该客户的判断。", "An item without an answer is left out for that customer."
        )


class Needs(LatentClass):
    """需求细分: latent classes of what customers say they care for and of what they mainly buy."""

    title: ClassVar[Text] = Text("需求细分", "Needs")
    alias_of: ClassVar[str | None] = "latent-class"


def _indicators(patterns: Matrix, sizes: list[int]) -> list[Matrix]:
    """Return per item one column per answer, 1 where the pattern has it; a row of 0 without an answer."""
    return [
        (patterns[:, at, None] == np.arange(size)[None, :]).astype(np.float64)
        for at, size in enumerate(sizes)
    ]


def _maximise(answers: list[Matrix], weights: Matrix, posterior: Matrix) -> tuple[Any, float]:
    """Alternate expectation and maximisation until the likelihood moves no more."""
    everybody = [(item * weights[:, None]).sum(axis=0) for item in answers]
    overall = [counts / max(counts.sum(), 1.0) for counts in everybody]
    before = -np.inf
    for _ in range(_ITERATIONS):
        mass = posterior * weights[:, None]
        shares = (mass.sum(axis=0) + _PRIOR) / (mass.sum() + _PRIOR * mass.shape[1])
        probabilities = []
        logs = np.tile(np.log(shares), (len(weights), 1))
        for item, usual in zip(answers, overall, strict=True):
            counts = mass.T @ item + _PRIOR * usual
            probabilities.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300))
            logs += item @ np.log(np.maximum(probabilities[-1], 1e-300)).T
        top = logs.max(axis=1, keepdims=True)
        total = np.exp(logs - top).sum(axis=1, keepdims=True)
        posterior = np.exp(logs - top) / total
        likelihood = float(((top + np.log(total))[:, 0] * weights).sum())
        if likelihood - before < _TOLERANCE * abs(likelihood):
            break
        before = likelihood
    return (shares, probabilities), likelihood


def _item_logs(item: Matrix, codes: Matrix) -> Matrix:
    """Return the log-probability of each answer in each class; 0 without an answer."""
    logs = np.zeros((len(codes), len(item)))
    known = codes >= 0
    if known.any():
        logs[known] = np.log(np.maximum(item, 1e-300)).T[codes[known].astype(np.int64)]
    return logs
