"""Segments where customers are dense, whatever their number and shape; the rest is in none."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import ClassVar

import numpy as np
import polars as pl

from crmlab.labels import Label, Text
from crmlab_plugins.learned import telling
from crmlab_plugins.learned.base import State
from crmlab_plugins.learned.choice import Codes
from crmlab_plugins.learned.numeric import Numeric
from crmlab_plugins.learned.preparation import Matrix
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.cut_points import raise_for

EXAMPLES = 100
"""Customers kept per cluster, by whom later ones are recognised."""


class Hdbscan(Numeric):
    """Finds clusters by density and leaves out who is far from any (Campello, Moulavi & Sander 2013).

    The number of segments comes out of the data: ``min_share`` is the smallest share of customers that
    makes a cluster, ``neighbours`` how many near customers make a place dense. Clusters are found among
    at most 10,000 customers. Of each, up to 100 examples are kept, spread out over it (farthest-first,
    Gonzalez 1985), with the radius that reaches all its members from the nearest example; customers,
    those learned from included, belong to the cluster of the nearest example within its radius, else to
    none. Where no clusters are found, everybody is in one segment.
    """

    title: ClassVar[Text] = Text("密度分群（HDBSCAN）", "Density segments (HDBSCAN)")
    method: ClassVar[Text] = Text(
        "用 HDBSCAN 找出客户密集之处作为分群，群数由数据决定；远离各群的客户记为离群。",
        "HDBSCAN takes places where customers are dense as segments, as many as there are; who is far from "
        "all is in none.",
    )
    sureness: ClassVar[Text] = Text(
        "1 减去到最近与次近一群（以各群半径为单位）的距离之比，离群算作距离 1；不是概率",
        "1 less the ratio of the distances to the nearest and the next segment in units of their radius, "
        "being in none counting as 1; no probability",
    )
    most: ClassVar[int] = 10_000  # the number of steps grows with its square
    leftover: ClassVar[Label | None] = Label("no_cluster", "离群（未成群）", "No cluster")

    neighbours: int = 10

    @property
    def requires(self) -> tuple[str, ...]:
        """The inputs; no look back, for no number of segments is chosen."""
        return self.inputs

    def _check_params(self) -> None:
        super()._check_params()
        raise_for(
            None if self.segments is None else "segments is given; HDBSCAN finds the number by itself.",
            None if self.neighbours >= 1 else f"neighbours is {self.neighbours}; give 1 or more.",
        )

    def _count(self, rows: pl.DataFrame, matrix: Matrix) -> int:
        self.choice_ = []
        return 1

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        from sklearn import cluster

        least = max(5, int(np.ceil(self.min_share * len(matrix))))
        codes = np.full(len(matrix), -1)
        if len(matrix) >= 2 * least:
            learner = cluster.HDBSCAN(
                least, min_samples=min(self.neighbours, len(matrix) - 1), n_jobs=1, copy=True
            )
            codes = learner.fit(matrix).labels_
        if codes.max() < 1:
            return {"examples": [matrix[:1].tolist()], "radii": [None], "agreement": None}
        groups = [_examples(matrix[codes == at]) for at in range(codes.max() + 1)]
        state: State = {
            "examples": [examples.tolist() for examples, _ in groups],
            "radii": [radius for _, radius in groups],
        }
        again = self._closeness(state, matrix).argmax(axis=1)
        state["agreement"] = float((np.where(codes < 0, len(groups), codes) == again).mean())
        return state

    def _closeness(self, state: State, matrix: Matrix) -> Matrix:
        close = np.full((len(matrix), len(state["examples"]) + 1), -1.0)
        for at, (examples, radius) in enumerate(zip(state["examples"], state["radii"], strict=True)):
            nearest = np.full(len(matrix), inf)
            for example in examples:
                squares = np.zeros(len(matrix))
                for column, value in enumerate(example):
                    squares += (matrix[:, column] - value) ** 2
                nearest = np.minimum(nearest, squares)
            close[:, at] = 0.0 if radius is None else -nearest / (radius * radius)
        return close

    def _place(
        self, names: Sequence[Text], first: Codes, second: Codes, near: Matrix, far: Matrix
    ) -> pl.DataFrame:
        outside = pl.Series(first == len(self.order_))
        far_from = pl.DataFrame(
            {
                "zh": pl.Series([name.zh for name in names]).gather(second),
                "en": pl.Series([name.en for name in names]).gather(second),
                "far": far,
            }
        )
        times = wording.number(pl.col("far"), 2)
        alone = far_from.select(
            zh=pl.format("不在任何一群之内（离最近的“{}”为其半径的 {} 倍）", "zh", times),
            en=pl.format("in no segment (from the nearest, “{}”, {} times its radius)", "en", times),
        )
        inside = telling.placed(names, first, second, near, far, self.probable)
        return inside.select(
            pl.when(outside).then(alone[column]).otherwise(pl.col(column)).alias(column)
            for column in ("zh", "en")
        )

    def _count_words(self) -> Text:
        agreement = self.state_["agreement"]
        if agreement is None:
            return Text(
                "没有找到成群的客户，全部归为一群。",
                "No clusters were found, so everybody is in one segment.",
            )
        return Text(
            f"找到 {len(self.order_)} 群；按保留的样例重新归群，与 HDBSCAN 一致的占 {agreement:.1%}。",
            f"{len(self.order_)} clusters were found; by the examples kept, {agreement:.1%} of the "
            "customers are where HDBSCAN put them.",
        )


def _examples(members: Matrix) -> tuple[Matrix, float]:
    """Return members spread out over a cluster, and the radius that reaches all others from them."""
    centre = ((members - members.mean(axis=0)) ** 2).sum(axis=1)
    chosen = [int(centre.argmin())]
    nearest = ((members - members[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(EXAMPLES, len(members)) and nearest.max() > 0:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((members - members[chosen[-1]]) ** 2).sum(axis=1))
    # A hair more, for the furthest member; and something where all members are examples.
    reach = float(np.sqrt(nearest.max()))
    spread = float(members.std(axis=0).mean()) / 10
    return members[sorted(chosen)], max(reach * (1 + 1e-9), spread, 1e-6)
