"""Segments of mixed data: numbers around means, classes around their most frequent value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl

from crmlab.labels import Text
from crmlab_plugins.learned import classes, naming, preparation
from crmlab_plugins.learned.base import Learned, State
from crmlab_plugins.learned.choice import Codes
from crmlab_plugins.learned.preparation import Matrix
from crmlab_plugins.rules.cut_points import raise_for

_ITERATIONS = 100


class KPrototypes(Learned):
    """K-prototypes (Huang 1998, Data Mining and Knowledge Discovery 2:283–304).

    The cost of a customer is the squared distance of the prepared numbers plus ``weight`` for each
    class that is not the prototype's; None takes half the mean standard deviation of the prepared
    numbers, as Huang advises. Inputs of texts and truth values are classes, of numbers amounts.

    Written here in numpy, because the one Python package of it, kmodes, has had no release since 2022
    (0.12.2, for Python up to 3.10), and customers are labelled from saved JSON in any case.
    """

    title: ClassVar[Text] = Text("K 原型分群", "K-prototypes segments")
    method: ClassVar[Text] = Text(
        "用 K 原型算法（数值取均值、类别取众数）找出若干原型，每位客户归入最近的原型。",
        "k-prototypes finds prototypes, of means for numbers and the most frequent value for classes; every "
        "customer belongs to the nearest.",
    )
    sureness: ClassVar[Text] = Text(
        "1 减去到最近与次近原型的距离之比：在两群交界处为 0；不是概率",
        "1 less the ratio of the distances to the nearest and the second prototype: 0 on the border of two "
        "segments; no probability",
    )
    of_data: ClassVar[bool] = True
    metric: ClassVar[str | None] = None

    inputs: tuple[str, ...] = ("days_since_last_order", "order_count", "total_spend", "main_category")
    weight: float | None = None

    def _check_params(self) -> None:
        super()._check_params()
        wrong = self.weight is not None and not 0 <= self.weight < np.inf
        raise_for(f"weight is {self.weight}; give 0 or more, or leave it out." if wrong else None)

    def _prepare(self, rows: pl.DataFrame) -> None:
        kinds = [column for column in self.inputs if classes.is_classes(rows.schema[column])]
        amounts = [column for column in self.inputs if column not in kinds]
        preparation.check_numeric(rows, amounts, type(self).__name__)
        self.classes_ = classes.learn(rows, kinds)
        self.steps_ = preparation.learn(rows, amounts)
        spread = preparation.apply(rows, self.steps_).std(axis=0) if rows.height and amounts else np.ones(1)
        self.weight_ = float(spread.mean()) / 2 if self.weight is None else self.weight

    def _encode(self, rows: pl.DataFrame) -> Matrix:
        amounts = preparation.apply(rows, self.steps_)
        matrix = np.empty((rows.height, len(self.inputs)))
        for at, column in enumerate(self.inputs):
            if column in self.classes_:
                matrix[:, at] = classes.encode(rows[column], self.classes_[column])
            else:
                matrix[:, at] = amounts[:, self._numeric().index(at)]
        return matrix

    def _numeric(self) -> list[int]:
        return [at for at, column in enumerate(self.inputs) if column not in self.classes_]

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        random = np.random.default_rng(self.seed)
        distinct = np.unique(matrix, axis=0)
        best: tuple[float, Matrix] | None = None
        for _ in range(starts):
            centres = distinct[np.sort(random.choice(len(distinct), count, replace=False))]
            cost, centres = self._descend(matrix, centres)
            if best is None or cost < best[0]:
                best = cost, centres
        assert best is not None
        return {"prototypes": best[1].tolist()}

    def _descend(self, matrix: Matrix, centres: Matrix) -> tuple[float, Matrix]:
        """Move prototypes to the means and modes of their customers until nobody changes."""
        before: Codes | None = None
        costs = self._costs(matrix, centres)
        for _ in range(_ITERATIONS):
            codes = costs.argmin(axis=1)
            if before is not None and np.array_equal(codes, before):
                break
            before, centres = codes, centres.copy()
            for at in np.unique(codes):
                inside = matrix[codes == at]
                for column, name in enumerate(self.inputs):
                    centres[at, column] = (
                        _mode(inside[:, column]) if name in self.classes_ else inside[:, column].mean()
                    )
            costs = self._costs(matrix, centres)
        return float(costs.min(axis=1).sum()), centres

    def _costs(self, matrix: Matrix, centres: Matrix) -> Matrix:
        costs = np.zeros((len(matrix), len(centres)))
        for column, name in enumerate(self.inputs):
            mine, theirs = matrix[:, column, None], centres[None, :, column]
            costs += self.weight_ * (mine != theirs) if name in self.classes_ else (mine - theirs) ** 2
        return costs

    def _closeness(self, state: State, matrix: Matrix) -> Matrix:
        return -self._costs(matrix, np.asarray(state["prototypes"], dtype=np.float64))

    def _evidence(self, matrix: Matrix, first: Codes, second: Codes) -> Matrix:
        prototypes = np.asarray(self.state_["prototypes"], dtype=np.float64)[self.order_]
        evidence = np.empty_like(matrix)
        for column, name in enumerate(self.inputs):
            mine = matrix[:, column]
            near, far = prototypes[first, column], prototypes[second, column]
            if name in self.classes_:
                evidence[:, column] = self.weight_ * ((mine != far) * 1.0 - (mine != near))
            else:
                evidence[:, column] = (mine - far) ** 2 - (mine - near) ** 2
        return evidence

    def _kinds(self, rows: pl.DataFrame, codes: Codes, count: int) -> list[list[Text]]:
        return naming.kinds(rows, [column for column in self.inputs if column in self.classes_], codes, count)

    def _prepared_words(self) -> Text:
        return (
            preparation.words(self.steps_)
            if self.steps_
            else Text("所有列均为类别。", "All inputs are classes.")
        )


def _mode(codes: Sequence[float] | Matrix) -> float:
    """Return the most frequent code, the lower of equals; −1, which is unknown, only where all are."""
    values, counts = np.unique(np.asarray(codes), return_counts=True)
    counts = np.where(values < 0, 0, counts)
    return float(values[counts.argmax()])
