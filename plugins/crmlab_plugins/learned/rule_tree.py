"""Segments that are rules: a tree that was grown to tell what customers buy next."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, ClassVar, cast

import numpy as np
import polars as pl

from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.segments.surrogate import between, rounded
from crmlab_plugins.features.history import EARLIER
from crmlab_plugins.learned import preparation
from crmlab_plugins.learned.base import FEW, PER_SEGMENT, Learned, State
from crmlab_plugins.learned.choice import Codes, Figure
from crmlab_plugins.learned.learning import past
from crmlab_plugins.learned.measures import measure_of
from crmlab_plugins.learned.preparation import Matrix, usual_size

_FOLDS = 5
_LEAST = 5
"""Customers in a leaf, however few there are."""


class RuleTree(Learned):
    """A regression tree (Breiman et al. 1984) whose every leaf is a segment with a readable rule.

    Grown on what was known at the look back, to tell the logarithm of what customers spent since (see
    the feature ``recent-history``); its rules then apply to what is known now. Leaves hold at least
    ``min_share`` of the customers. The number of leaves is that of the fewest that reach 95 % of the
    best share of variance told, on customers held out (five folds), among those found again on
    resampled customers. Thresholds are rounded to what one would
    say aloud, so another currency may move them a little; segments are ordered by
    what such customers spent since. With fewer than 40 customers known at the look back there are
    two segments, with fewer than 10 one.
    """

    title: ClassVar[Text] = Text("规则树分群", "Rule-tree segments")
    method: ClassVar[Text] = Text(
        "以回看日的情况预测此后的消费，长出一棵决策树，每片叶子即一条规则、一个分群，再用于当前的情况。",
        "a tree is grown on how customers were at the look back, to tell what they spent since; each leaf is "
        "a rule and a segment, applied to how they are now.",
    )
    metric: ClassVar[str | None] = None

    @property
    def requires(self) -> tuple[str, ...]:
        """The inputs, now and at the look back, and what was bought since."""
        return (*self.inputs, *self.look_back)

    def _check_params(self) -> None:
        super()._check_params()
        if not self.look_back:
            raise ParamsError(
                f"inputs is {list(self.inputs)}; a rule tree learns from the past, and recent-history "
                "has that of the numbers of order-summary only."
            )

    def _prepare(self, rows: pl.DataFrame) -> None:
        preparation.check_numeric(rows, self.inputs, type(self).__name__)
        self.steps_ = preparation.learn(rows, self.inputs)
        whole = [column for column in self.inputs if rows.schema[column].is_integer()]
        self.whole_: list[str] = whole
        known = rows.drop_nulls(list(self.look_back))
        then, outcome = past(known, self.inputs)
        # What is learned from: the inputs at the look back and, last, the logarithm of spend since.
        self.unit_ = usual_size(known["recent_spend"].cast(pl.Float64).to_numpy().clip(min=0))
        self._past = np.column_stack([self._encode(then), outcome[:, 0]])

    def _encode(self, rows: pl.DataFrame) -> Matrix:
        return np.column_stack([rows[column].cast(pl.Float64).to_numpy() for column in self.inputs])

    def _profiled(self, rows: pl.DataFrame, matrix: Matrix) -> Matrix:
        return preparation.apply(rows, self.steps_) if rows.height else matrix

    def _count(self, rows: pl.DataFrame, matrix: Matrix) -> int:
        if len(self._past) < 2 * PER_SEGMENT:
            self.choice_ = []
            return FEW if self.segments is None else self.segments
        return super()._count(rows.filter(pl.col(EARLIER + self.inputs[0]).is_not_null()), self._past)

    def _usefulness(self, rows: pl.DataFrame) -> Figure | None:
        fold = np.random.default_rng(self.seed).permutation(len(self._past)) % _FOLDS
        spend = self._past[:, -1]

        def told(count: int) -> float:
            """Return the share of variance that leaves learned without a customer tell of them."""
            missed = 0.0
            for out in range(_FOLDS):
                learned, held = self._past[fold != out], self._past[fold == out]
                state = self._grow(learned, count)
                means = np.array([leaf["mean"] for leaf in state["leaves"]])
                missed += float(
                    ((held[:, -1] - means[self._closeness(state, held).argmax(axis=1)]) ** 2).sum()
                )
            spread = float(((spend - spend.mean()) ** 2).sum())
            return round(max(0.0, 1 - missed / spread), 6) if spread > 0 else 0.0

        return told

    def _divide(self, matrix: Matrix, count: int) -> Any:
        state = self._grow(matrix, count)
        return lambda others: self._closeness(state, others).argmax(axis=1)

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        state = self._grow(self._past, count)
        del self._past
        return state

    def _grow(self, past: Matrix, count: int) -> State:
        """Return the leaves of a tree on inputs and outcome: bounds per column, mean outcome, share."""
        from sklearn.tree import DecisionTreeRegressor

        whole = {"low": [-inf] * len(self.inputs), "high": [inf] * len(self.inputs)}
        if count < 2 or len(past) < 2 * _LEAST:
            mean = float(past[:, -1].mean()) if len(past) else 0.0
            return {"leaves": [_leaf(whole, mean, 1.0)]}
        least = max(_LEAST, int(np.ceil(self.min_share * len(past))))
        grown = DecisionTreeRegressor(max_leaf_nodes=count, min_samples_leaf=least, random_state=self.seed)
        tree = grown.fit(past[:, :-1], past[:, -1]).tree_
        leaves: list[dict[str, Any]] = []

        def descend(at: int, rows: Codes, bounds: dict[str, list[float]]) -> None:
            if tree.children_left[at] < 0 or not len(rows):
                mean = float(past[rows, -1].mean()) if len(rows) else float(tree.value[at].ravel()[0])
                leaves.append(_leaf(bounds, mean, len(rows) / len(past)))
                return
            column = int(tree.feature[at])
            kind = "whole" if self.inputs[column] in self.whole_ else "real"
            cut = rounded(past[rows, column], float(tree.threshold[at]), kind)
            below = past[rows, column] <= cut
            left, right = ({side: list(ends) for side, ends in bounds.items()} for _ in range(2))
            left["high"][column], right["low"][column] = cut, cut
            descend(int(tree.children_left[at]), rows[below], left)
            descend(int(tree.children_right[at]), rows[~below], right)

        descend(0, np.arange(len(past)), whole)
        return {"leaves": leaves}

    def _closeness(self, state: State, matrix: Matrix) -> Matrix:
        close = np.full((len(matrix), len(state["leaves"])), -1.0)
        for at, leaf in enumerate(state["leaves"]):
            inside = np.ones(len(matrix), dtype=bool)
            for column, low, high in leaf["bounds"]:
                inside &= (matrix[:, column] > (-inf if low is None else low)) & (
                    matrix[:, column] <= (inf if high is None else high)
                )
            close[inside, at] = 0.0
        return close

    def _ranked(
        self, used: Sequence[int], centres: dict[int, Matrix], rows: pl.DataFrame, first: Codes
    ) -> list[int]:
        # Every leaf is a rule, whether or not somebody meets it today.
        leaves = self.state_["leaves"]
        return sorted(range(len(leaves)), key=lambda at: (-leaves[at]["mean"], at))

    def _ruled(self, raw: pl.DataFrame, labels: pl.Series) -> State:
        rules = [_rule(self.state_["leaves"][at], self.inputs) for at in self.order_]
        told = {label[0]: list(rule) for label, rule in zip(self.labels_, rules, strict=True)}
        return {"rules": told, "exact": True, "leaves": len(rules)}

    def _sure(self, near: Matrix, far: Matrix) -> Matrix:
        return np.ones_like(near)

    def _evidence(self, matrix: Matrix, first: Codes, second: Codes) -> Matrix:
        evidence = np.zeros_like(matrix)
        for rank, at in enumerate(self.order_):
            for column, _, _ in self.state_["leaves"][at]["bounds"]:
                evidence[first == rank, column] = 1.0
        return evidence

    def _place(
        self, names: Sequence[Text], first: Codes, second: Codes, near: Matrix, far: Matrix
    ) -> pl.DataFrame:
        rules = self.surrogate_["rules"]
        said = [
            (f"符合“{zh}”的规则：{rules[name][0]}", f"meets the rule of “{en}”: {rules[name][1]}")
            for name, zh, en in self.labels_
        ]
        return pl.DataFrame(
            {
                "zh": pl.Series([zh for zh, _ in said]).gather(first),
                "en": pl.Series([en for _, en in said]).gather(first),
            }
        )

    def _prepared_words(self) -> Text:
        spent = [np.expm1(self.state_["leaves"][at]["mean"]) * self.unit_ for at in self.order_]
        typical = [f"{amount:,.0f}" for amount in spent]
        return Text(
            f"各群客户在回看日之后的典型消费（几何平均）依次为：{'、'.join(typical)}。",
            f"What such customers typically spent since (geometric mean), in the order of the segments: "
            f"{', '.join(typical)}.",
        )

    def _learned_words(self) -> list[Text]:
        rules = [(zh, en, *self.surrogate_["rules"][name]) for name, zh, en in self.labels_]
        listed = Text(
            "；".join(f"“{zh}”：{rule}" for zh, _, rule, _ in rules),
            "; ".join(f"“{en}”: {rule}" for _, en, _, rule in rules),
        )
        ordered = Text(f"规则（从优到次）：{listed.zh}。", f"Rules, best first: {listed.en}.")
        return [self._count_words(), ordered, self._prepared_words()]

    def _count_words(self) -> Text:
        if len(self.order_) == 1:
            return Text(
                "回看日的客户太少，或此前的情况说明不了此后的消费，只有一群。",
                "Too few customers were known at the look back, or nothing told what they spent since, "
                "so there is one segment.",
            )
        return super()._count_words()


def _leaf(bounds: dict[str, list[float]], mean: float, share: float) -> dict[str, Any]:
    """Return a leaf as JSON values; infinite ends are None."""
    kept = [
        [column, None if low == -inf else low, None if high == inf else high]
        for column, (low, high) in enumerate(zip(bounds["low"], bounds["high"], strict=True))
        if low > -inf or high < inf
    ]
    return {"bounds": kept, "mean": mean, "share": share}


def _rule(leaf: dict[str, Any], inputs: Sequence[str]) -> Text:
    if not leaf["bounds"]:
        return Text("所有客户", "every customer")
    said = [
        between(
            measure_of(inputs[column]),
            -inf if low is None else cast(float, low),
            inf if high is None else cast(float, high),
        )
        for column, low, high in leaf["bounds"]
    ]
    return Text("，且".join(each.zh for each in said), " and ".join(each.en for each in said))
