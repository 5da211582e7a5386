"""Histogram gradient boosting, kept as a table of nodes: no pickle, and predicted by numpy.

scikit-learn grows the trees (``HistGradientBoostingClassifier``, after LightGBM: Ke et al. 2017,
NeurIPS 30). What an input adds to a row is the sum of the changes of the expected value along its
paths (Saabas 2014): exact in sum, and with trees of few leaves close to Shapley values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.errors import PluginError
from crmlab_plugins.churn import encoding
from crmlab_plugins.churn.encoding import Matrix
from crmlab_plugins.learned.learning import single_thread

_TREES, _RATE, _LEAVES, _RIDGE = 120, 0.06, 6, 5.0
_CHECKED = 500
"""Rows on which the trees are compared with what scikit-learn itself says."""
_OTHER_TREES = (
    "scikit-learn {version} keeps boosted trees in another way than churn-boosting can read, so that its "
    "probabilities could not be explained or saved. Use churn-logistic, or install another scikit-learn."
)
_LEAST = 40
"""Customers in a leaf; fewer where there are few."""
_PRIOR = 20.0
"""Rows of the overall share that are added to each class when classes are put in order."""


@dataclass(frozen=True)
class Boosting:
    """What was learned: the order of classes, where all trees begin, and the nodes of the trees.

    ``nodes`` has a row per node: ``tree``, ``node``, ``input`` (place), ``threshold``, ``missing_left``,
    ``left`` and ``right`` (nodes of the same tree, 0 in a leaf) and ``value``, the expected log-odds that
    the tree adds at this node.
    """

    steps: list[dict[str, Any]]
    start: float
    nodes: pl.DataFrame

    @classmethod
    def learn(cls, rows: pl.DataFrame, columns: Sequence[str], churned: NDArray[np.bool_]) -> Boosting:
        """Learn from rows in an order that their values decide; both outcomes must be there."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        steps = [_step(rows[column], churned) for column in columns]
        matrix = _matrix(rows, steps)
        matrix[:, np.isnan(matrix).all(axis=0)] = 0.0  # nothing is known of it, so nothing can split on it
        with single_thread():
            model = HistGradientBoostingClassifier(
                max_iter=_TREES,
                learning_rate=_RATE,
                max_leaf_nodes=_LEAVES,
                min_samples_leaf=max(2, min(_LEAST, len(churned) // 20)),
                l2_regularization=_RIDGE,
                early_stopping=False,
                random_state=0,
            ).fit(matrix, churned)
            sample = matrix[:: max(1, len(matrix) // _CHECKED)]
            expected = model.decision_function(sample)
        learned = cls(steps, *_taken_apart(model))
        if not np.allclose(learned._sums(sample), expected, rtol=1e-6, atol=1e-6):
            raise PluginError(_OTHER_TREES.format(version=version("scikit-learn")))
        return learned

    def log_odds(self, rows: pl.DataFrame) -> Matrix:
        """Return the log-odds per row."""
        return self._sums(_matrix(rows, self.steps))

    def contributions(self, rows: pl.DataFrame) -> Matrix:
        """Return what each input adds to the log-odds of an average customer; shape (rows, inputs)."""
        matrix = _matrix(rows, self.steps)
        parts = np.zeros(matrix.shape, order="F")
        for tree in self._trees():
            _attribute(tree, 0, np.arange(len(matrix)), matrix, parts)
        return parts

    def _sums(self, matrix: Matrix) -> Matrix:
        total = np.full(len(matrix), self.start)
        for tree in self._trees():
            total += _value(tree, 0, matrix)
        return total

    def _trees(self) -> list[dict[str, Any]]:
        return [
            {name: part[name].to_list() for name in part.columns}
            for part in self.nodes.sort("tree", "node").partition_by("tree", maintain_order=True)
        ]


def _taken_apart(model: Any) -> tuple[float, pl.DataFrame]:
    """Return where all trees begin and their nodes, of which scikit-learn says nothing in public."""
    try:
        trees = [_nodes(place, stage[0].nodes) for place, stage in enumerate(model._predictors)]
        return float(np.ravel(model._baseline_prediction)[0]), pl.concat(trees)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as cause:
        raise PluginError(_OTHER_TREES.format(version=version("scikit-learn"))) from cause


def _goes_left(tree: dict[str, Any], node: int, values: Matrix) -> NDArray[np.bool_]:
    left: NDArray[np.bool_] = values <= tree["threshold"][node]
    return left | np.isnan(values) if tree["missing_left"][node] else left


def _value(tree: dict[str, Any], node: int, matrix: Matrix) -> Matrix | float:
    """Return what a tree gives each row, from the leaves up: two passes over a column per node."""
    if not tree["left"][node]:
        value: float = tree["value"][node]
        return value
    left = _goes_left(tree, node, matrix[:, tree["input"][node]])
    return np.where(left, _value(tree, tree["left"][node], matrix), _value(tree, tree["right"][node], matrix))


def _attribute(
    tree: dict[str, Any], node: int, rows: NDArray[np.int64], matrix: Matrix, parts: Matrix
) -> None:
    """Add to ``parts`` by how much the value changes at each node on the way of the rows."""
    if not tree["left"][node] or not len(rows):
        return
    owner = tree["input"][node]
    left = _goes_left(tree, node, matrix[rows, owner])
    for child, inside in ((tree["left"][node], rows[left]), (tree["right"][node], rows[~left])):
        parts[inside, owner] += tree["value"][child] - tree["value"][node]
        _attribute(tree, child, inside, matrix, parts)


def _nodes(tree: int, nodes: Any) -> pl.DataFrame:
    """Return the nodes of a grown tree; the value of an inner one is the mean of its leaves by rows."""
    count, left, right = (nodes[name].astype(np.int64) for name in ("count", "left", "right"))
    leaf = nodes["is_leaf"].astype(bool)
    left, right = np.where(leaf, 0, left), np.where(leaf, 0, right)
    value = nodes["value"].astype(np.float64).copy()
    for node in range(len(nodes) - 1, -1, -1):  # children come after their parents
        if not leaf[node]:
            ends = [left[node], right[node]]
            value[node] = np.average(value[ends], weights=count[ends])
    return pl.DataFrame(
        {
            "tree": np.full(len(nodes), tree, dtype=np.int64),
            "node": np.arange(len(nodes), dtype=np.int64),
            "input": np.where(leaf, 0, nodes["feature_idx"].astype(np.int64)),
            "threshold": np.where(leaf, 0.0, nodes["num_threshold"].astype(np.float64)),
            "missing_left": nodes["missing_go_to_left"].astype(bool),
            "left": left,
            "right": right,
            "value": value,
        }
    )


def _step(values: pl.Series, churned: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how a column becomes numbers: classes in the order of how many of each churned."""
    if encoding.is_number(values.dtype):
        return {"column": values.name, "kind": "number"}
    overall = float(churned.mean())
    frame = pl.DataFrame({"level": encoding.classes(values).fill_null(""), "churned": churned})
    rates = frame.group_by("level").agg(
        rate=(pl.col("churned").sum() + _PRIOR * overall) / (pl.len() + _PRIOR), n=pl.len()
    )
    ordered = rates.filter(pl.col("n") >= encoding.FEWEST).sort("rate", "level").drop("n")
    return {"column": values.name, "kind": "class", "levels": dict(ordered.iter_rows()), "other": overall}


def _matrix(rows: pl.DataFrame, steps: Sequence[dict[str, Any]]) -> Matrix:
    matrix = np.empty((rows.height, len(steps)), order="F")
    for place, step in enumerate(steps):
        values = rows[step["column"]]
        if step["kind"] == "class":
            texts = encoding.classes(values).fill_null("")
            values = texts.replace_strict(step["levels"], default=step["other"], return_dtype=pl.Float64)
        matrix[:, place] = encoding.numbers(values)
    return matrix
