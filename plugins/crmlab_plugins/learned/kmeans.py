"""Segments around centres: k-means, on all customers or on small batches of them."""

from __future__ import annotations

from typing import ClassVar

from crmlab.labels import Text
from crmlab_plugins.learned.base import State
from crmlab_plugins.learned.numeric import Numeric, to_centres
from crmlab_plugins.learned.preparation import Matrix


class KMeans(Numeric):
    """Gives every customer the nearest of k centres (Lloyd 1982, from k-means++ starts, Arthur et al. 2007).

    The confidence is 1 − nearest / second nearest distance, the simplified silhouette (Hruschka et al.
    2004): 0 on the border between two segments, 1 at a centre.
    """

    title: ClassVar[Text] = Text("K 均值分群", "K-means segments")
    method: ClassVar[Text] = Text(
        "用 K 均值找出若干中心，每位客户归入最近的中心。",
        "k-means finds centres, and every customer belongs to the nearest.",
    )
    sureness: ClassVar[Text] = Text(
        "1 减去到最近与次近中心的距离之比：在两群交界处为 0，在中心为 1；不是概率",
        "1 less the ratio of the distances to the nearest and the second centre: 0 on the border of two "
        "segments, 1 at a centre; no probability",
    )

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        from sklearn import cluster

        learner = cluster.KMeans(count, n_init=starts, random_state=self.seed)
        return {"centres": learner.fit(matrix).cluster_centers_.tolist()}

    def _closeness(self, state: State, matrix: Matrix) -> Matrix:
        return to_centres(state, matrix)


class MiniBatchKMeans(KMeans):
    """K-means that learns from small random batches (Sculley 2010), for very many customers."""

    title: ClassVar[Text] = Text("小批量 K 均值分群", "Mini-batch k-means segments")
    method: ClassVar[Text] = Text(
        "用小批量 K 均值找出若干中心，每位客户归入最近的中心。",
        "mini-batch k-means finds centres, and every customer belongs to the nearest.",
    )

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        from sklearn import cluster

        learner = cluster.MiniBatchKMeans(
            count, n_init=starts, random_state=self.seed, batch_size=1024, reassignment_ratio=0.0
        )
        return {"centres": learner.fit(matrix).cluster_centers_.tolist()}
