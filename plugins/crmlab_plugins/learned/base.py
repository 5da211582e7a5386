"""What learned segmentations have in common: choose, learn, order, name, explain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import polars as pl

from crmlab.estimators import Classifier
from crmlab.labels import UNCLASSIFIED, Axis, Label, Scheme, Text
from crmlab_plugins.features.history import EARLIER, RecentHistory
from crmlab_plugins.learned import naming, telling
from crmlab_plugins.learned.choice import Assign, Codes, Figure, compare, usefulness
from crmlab_plugins.learned.learning import check_learned, past, single_thread
from crmlab_plugins.learned.measures import measure_of
from crmlab_plugins.learned.preparation import Matrix

State = dict[str, Any]
"""What a method learned, as JSON values."""

PER_SEGMENT = 20
"""Customers per segment that a number of segments needs to be a candidate."""
FEW = 2
"""Segments where there are too few customers to choose."""
_LOW_IS_BEST = ("days_since_last_order", "average_days_between_orders")


class Learned(Classifier):
    """Finds segments in the data instead of cutting by rule.

    ``inputs`` are feature columns; a customer without one of them is unclassified. ``segments`` is
    their number; None chooses among ``candidates`` (see :mod:`crmlab_plugins.learned.choice`), none
    of which may leave less than ``min_share`` of the customers to its smallest segment. ``value`` is
    the input that orders the segments, the best first; None takes the first amount of money among the
    inputs, else the first input. ``seed`` is that of all random starts.

    Customers are sorted by their values before anything is learned, so neither their order nor their
    ids matter. Where there are fewer distinct customers than segments, each is a segment; learned from
    nobody, everybody is in one. With fewer than 40 customers the number is not chosen: it is 2.
    """

    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text(
        "分群所用的数据（如付款订单）", "the inputs of the segments, such as paid orders"
    )
    method: ClassVar[Text]
    """How segments are found, a sentence of the definition."""
    leftover: ClassVar[Label | None] = None
    """The label of customers who belong to no segment, where the method knows such."""
    of_data: ClassVar[bool] = False
    """Whether names hold values of the data."""
    axes: ClassVar[tuple[Axis, ...]] = ("revenue", "loyalty")
    """What the segments claim to separate."""
    probable: ClassVar[bool] = False
    """Whether closeness is the logarithm of a probability; else it is a negative squared distance."""

    most: ClassVar[int] = 100_000
    """Customers that a method learns from at most; a random sample beyond, with a fixed seed."""
    metric: ClassVar[str | None] = "euclidean"
    """The distance of the silhouette; None for no silhouette."""

    inputs: tuple[str, ...] = ("days_since_last_order", "order_count", "total_spend")
    segments: int | None = None
    candidates: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    min_share: float = 0.05
    value: str | None = None
    seed: int = 0

    @property
    def requires(self) -> tuple[str, ...]:
        """The inputs, and a look back at them where the number of segments is chosen."""
        return (*self.inputs, *(self.look_back if self.segments is None else ()))

    @property
    def goes_by(self) -> tuple[str, ...]:
        """The inputs alone: the look back is there to choose the number of segments."""
        return self.inputs

    @property
    def look_back(self) -> tuple[str, ...]:
        """The inputs as they were, and what was bought since; empty where an input has no past."""
        earlier = tuple(EARLIER + column for column in self.inputs)
        known = all(column in RecentHistory.produces for column in earlier)
        return (*earlier, *_OUTCOME) if known else ()

    @property
    def scheme(self) -> Scheme:
        """The segments found, best first; empty before ``fit``."""
        labels = tuple(Label(*label) for label in getattr(self, "labels_", []))
        if len(labels) == 1:  # all who have a label have this one, so the other is to have none
            labels = (*labels, UNCLASSIFIED)
        own = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()
        return Scheme(own, self.title.zh, self.title.en, labels, self.axes, self.of_data)

    def choice(self) -> pl.DataFrame:
        """Return the candidates for the number of segments, and why one of them was chosen.

        One row each: ``segments``, ``stability``, ``smallest_share``, ``separation`` and ``bic`` (null
        where not judged), ``silhouette``, ``chosen`` and the verdict (``zh``, ``en``). No row where the
        number was given.
        """
        return pl.DataFrame(getattr(self, "choice_", []), schema=_CHOICE)

    def rules(self) -> pl.DataFrame:
        """Return the surrogate rule of each segment: ``label``, its name and rule, each in both languages.

        Columns ``label``, ``name_zh``, ``name_en``, ``rule_zh``, ``rule_en``.
        """
        rules = self.surrogate_["rules"] if hasattr(self, "surrogate_") else {}
        rows = [
            (name, zh, en, *rules.get(name, telling.NO_RULE)) for name, zh, en in getattr(self, "labels_", [])
        ]
        schema = dict.fromkeys(("label", "name_zh", "name_en", "rule_zh", "rule_en"), pl.String)
        return pl.DataFrame(rows, schema=schema, orient="row")

    def definition(self) -> Text:
        """Return how the segments are found; once fitted their number, names, rules and the preparation."""
        parts = [self._basis(), *([*self._learned_words()] if hasattr(self, "labels_") else [])]
        return Text("".join(part.zh for part in parts), " ".join(part.en for part in parts))

    # What a method says

    def _prepare(self, rows: pl.DataFrame) -> None:
        """Learn how the inputs become numbers."""
        raise NotImplementedError

    def _encode(self, rows: pl.DataFrame) -> Matrix:
        """Return the inputs as numbers, one column each."""
        raise NotImplementedError

    def _nobody(self) -> Matrix:
        """Return the row that stands for having learned from nobody."""
        return np.zeros((1, len(self.inputs)))

    def _learn(self, matrix: Matrix, count: int, starts: int) -> State:
        """Find ``count`` segments, the best of so many random starts."""
        raise NotImplementedError

    def _closeness(self, state: State, matrix: Matrix) -> Matrix:
        """Return how close each customer is to each segment; with a leftover, one column more for it."""
        raise NotImplementedError

    def _prepared_words(self) -> Text:
        """Say how the inputs became numbers."""
        raise NotImplementedError

    def _evidence(self, matrix: Matrix, first: Codes, second: Codes) -> Matrix:
        """Return how much each column speaks for the first segment against the second."""
        centres = np.asarray(self.centres_, dtype=np.float64)
        far, near = matrix - centres[second], matrix - centres[first]
        # Of a customer in no segment it is what is furthest from the middle, not what is nearest to it.
        outside = (first == len(self.order_))[:, None]
        return np.where(outside, near * near, far * far - near * near)

    def _kinds(self, rows: pl.DataFrame, codes: Codes, count: int) -> list[list[Text]]:
        """Return words for the classes that are typical of each segment."""
        return [[] for _ in range(count)]

    def _ruled(self, raw: pl.DataFrame, labels: pl.Series) -> dict[str, Any]:
        """Return the rules of the segments as JSON values, see :class:`crmlab.scheme_views.offers.Ruled`."""
        return telling.imitated(raw, labels)

    def _profiled(self, rows: pl.DataFrame, matrix: Matrix) -> Matrix:
        """Return the numbers that names are made from."""
        return matrix

    def _numeric(self) -> list[int]:
        """The columns of the matrix that are amounts, which names and order go by."""
        return list(range(len(self.inputs)))

    # How segments come about

    def _fit(self, features: pl.DataFrame) -> None:
        rows = features.select(list(dict.fromkeys(self.requires))).sort(pl.all())
        self.learned_from_ = [min(rows.height, self.most), rows.height]
        if rows.height > self.most:
            rows = rows.sample(self.most, seed=self.seed)
        with single_thread():
            self._prepare(rows)
            # Learned from nobody, there is one segment around nothing.
            matrix = self._encode(rows) if rows.height else self._nobody()
            count = self._count(rows, matrix)
            self.state_ = self._learn(matrix, min(count, len(np.unique(matrix, axis=0))), _STARTS)
            self._settle(rows, matrix)

    def _count(self, rows: pl.DataFrame, matrix: Matrix) -> int:
        """Return the number of segments, given or chosen, and keep how it was chosen."""
        self.choice_: list[dict[str, Any]] = []
        if self.segments is not None:
            return self.segments
        distinct = len(np.unique(matrix, axis=0))
        candidates = [n for n in self.candidates if n * PER_SEGMENT <= rows.height and n <= distinct]
        if not candidates:
            return FEW
        self.choice_ = compare(
            matrix,
            self._divide,
            candidates,
            self.min_share,
            useful=self._usefulness(rows),
            criterion=self._criterion(matrix),
            metric=self.metric,
            seed=self.seed,
        )
        return int(next(row["segments"] for row in self.choice_ if row["chosen"]))

    def _usefulness(self, rows: pl.DataFrame) -> Figure | None:
        """Return what judges a number of segments by what came after the look back, if there is a past."""
        known = rows.drop_nulls(list(self.look_back))
        if not self.look_back or known.height < 2 * PER_SEGMENT:
            return None
        then, outcome = past(known, self.inputs)
        return usefulness(self._encode(then), outcome, self._divide, self.seed)

    def _criterion(self, matrix: Matrix) -> Figure | None:
        """Return the Bayesian information criterion of a number of segments, where there is a likelihood."""
        return None

    def _divide(self, matrix: Matrix, count: int) -> Assign:
        state = self._learn(matrix, min(count, len(np.unique(matrix, axis=0))), 2)
        return lambda others: self._closeness(state, others).argmax(axis=1)

    def _settle(self, rows: pl.DataFrame, matrix: Matrix) -> None:
        """Order the segments that have customers, name them and explain them by rules."""
        closeness = self._closeness(self.state_, matrix)
        first = closeness.argmax(axis=1)
        own = closeness.shape[1] - (self.leftover is not None)
        used = [int(at) for at in np.unique(first) if at < own] or [0]
        centres = {
            at: matrix[first == at].mean(axis=0) if (first == at).any() else matrix.mean(axis=0)
            for at in range(own)
        }
        self.order_ = self._ranked(used, centres, rows, first)
        self.settled_ = {"segments": len(self.order_)} if self.choice_ else {}
        self.centres_ = [centres[at].tolist() for at in self.order_] + [[0.0] * matrix.shape[1]]
        codes = np.full(len(matrix), len(self.order_))
        for rank, at in enumerate(self.order_):
            codes[first == at] = rank
        self.labels_ = [
            [f"segment_{i + 1}", *name] for i, name in enumerate(self._names(rows, matrix, codes))
        ]
        if self.leftover is not None:
            self.labels_.append([self.leftover.id, self.leftover.zh, self.leftover.en])
        ids = pl.Series([label[0] for label in self.labels_], dtype=pl.String)
        raw = rows.select(self.inputs)
        self.surrogate_ = self._ruled(raw, ids.gather(codes[: rows.height]))
        self.medians_ = telling.medians(raw)

    def _ranked(
        self, used: Sequence[int], centres: dict[int, Matrix], rows: pl.DataFrame, first: Codes
    ) -> list[int]:
        """Return the segments, the best first: by the mean of the value, else by size; then by centre."""
        column = self._value_column()
        sign = 1.0 if column in _LOW_IS_BEST else -1.0

        def worth(at: int) -> tuple[float, list[float]]:
            if column is None or not rows.height:
                return -float((first == at).sum()), centres[at].tolist()
            return sign * float(rows[column].cast(pl.Float64).to_numpy()[first == at].mean()), centres[
                at
            ].tolist()

        return sorted(used, key=worth)

    def _value_column(self) -> str | None:
        if self.value:
            return self.value
        amounts = [self.inputs[at] for at in self._numeric()]
        return next((c for c in amounts if measure_of(c).unit == "currency"), amounts[0] if amounts else None)

    def _names(self, rows: pl.DataFrame, matrix: Matrix, codes: Codes) -> list[Text]:
        count, numeric = len(self.order_), self._numeric()
        if count == 1 and (codes == 0).all():
            return [Text("全部客户", "All customers")]
        part = self._profiled(rows, matrix)[:, numeric]
        deviation = part.std(axis=0)
        deviation[deviation < 1e-9] = 1.0
        apart = [
            ((part[codes == at].mean(axis=0) - part.mean(axis=0)) / deviation).tolist()
            if (codes == at).any()
            else [0.0] * part.shape[1]
            for at in range(count)
        ]
        columns = [self.inputs[at] for at in numeric]
        return naming.profile_names(columns, apart, self._kinds(rows, codes, count))

    # What customers get

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Say who has all inputs; no look back is needed, and no number that is none is an input."""
        real = [c for c in self.inputs if features.schema[c].is_float()]
        known = [pl.col(c).is_not_null() for c in self.inputs] + [pl.col(c).is_finite() for c in real]
        return features.select(known=pl.all_horizontal(known).fill_null(value=False)).to_series()

    def _placed(self, matrix: Matrix) -> tuple[Matrix, Codes, Codes]:
        """Return closeness by rank, and for each customer the closest and the second closest segment."""
        closeness = self._closeness(self.state_, matrix)
        places = [*self.order_, *([closeness.shape[1] - 1] if self.leftover is not None else [])]
        closeness = closeness[:, places]
        first = closeness.argmax(axis=1)
        rest = closeness.copy()
        np.put_along_axis(rest, first[:, None], -np.inf, axis=1)
        return closeness, first, rest.argmax(axis=1) if closeness.shape[1] > 1 else first

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        _, first, _ = self._placed(self._encode(features))
        return pl.Series([label[0] for label in self.labels_], dtype=pl.String).gather(first)

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        closeness, first, second = self._placed(self._encode(features))
        return pl.Series(self._sure(*telling.two(closeness, first, second, self.probable)), dtype=pl.Float64)

    def _sure(self, near: Matrix, far: Matrix) -> Matrix:
        """Return the posterior probability, or how much closer the segment is than the next."""
        if self.probable:
            return near.clip(0, 1)
        return np.where(far > 0, 1 - near / np.where(far > 0, far, 1.0), 0.0).clip(0, 1)

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        matrix = self._encode(features)
        closeness, first, second = self._placed(matrix)
        near, far = telling.two(closeness, first, second, self.probable)
        evidence = self._evidence(matrix, first, second)
        names = [Text(zh, en) for _, zh, en in self.labels_]
        place = self._place(names, first, second, near, far)
        return telling.reasons(features, place, evidence, self.inputs, self.medians_)

    def _place(
        self, names: Sequence[Text], first: Codes, second: Codes, near: Matrix, far: Matrix
    ) -> pl.DataFrame:
        """Return in words why customers are in their segment."""
        return telling.placed(names, first, second, near, far, self.probable)

    # What the definition says

    def _basis(self) -> Text:
        columns = [measure_of(column) for column in self.inputs]
        inputs = Text("、".join(c.zh for c in columns), ", ".join(c.en for c in columns))
        return Text(f"按{inputs.zh}，{self.method.zh}", f"By {inputs.en}: {self.method.en}")

    def _learned_words(self) -> list[Text]:
        names = [Text(zh, en) for _, zh, en in self.labels_]
        listed = Text("；".join(n.zh for n in names), "; ".join(n.en for n in names))
        order = Text("从优到次", "best first") if self._value_column() else Text("从大到小", "largest first")
        return [
            *self._sample_words(),
            self._prepared_words(),
            self._count_words(),
            Text(f"各群（{order.zh}）：{listed.zh}。", f"Segments, {order.en}: {listed.en}."),
            telling.surrogate_words(self.surrogate_, self.labels_),
        ]

    def _sample_words(self) -> list[Text]:
        """Say of how many the segments were learned, where it is not of all."""
        taken, total = getattr(self, "learned_from_", (0, 0))
        if taken == total:
            return []
        how = f"共 {total:,} 位，先按取值排序，随机种子 {self.seed}"
        zh = f"分群规则由随机抽取的 {taken:,} 位客户学得（{how}）。"
        en = f"Learned from a random {taken:,} of {total:,} customers (sorted by values, seed {self.seed})."
        return [Text(zh, en)]

    def _count_words(self) -> Text:
        if self.segments is not None:
            return Text(
                f"分群数给定为 {self.segments}。", f"The number of segments was given: {self.segments}."
            )
        if not self.choice_:
            return Text(
                f"客户不足 {FEW * PER_SEGMENT} 位，无法比较分群数，取 {FEW}。",
                f"Fewer than {FEW * PER_SEGMENT} customers are too few to choose a number: {FEW}.",
            )
        return telling.choice_words(self.choice_)

    def _check_params(self) -> None:
        check_learned(self.inputs, self.segments, self.candidates, self.min_share, self.value, self.seed)


_OUTCOME = ("recent_spend", "recent_orders")
_STARTS = 10
_CHOICE = {
    "segments": pl.Int64,
    "stability": pl.Float64,
    "smallest_share": pl.Float64,
    "separation": pl.Float64,
    "bic": pl.Float64,
    "silhouette": pl.Float64,
    "chosen": pl.Boolean,
    "zh": pl.String,
    "en": pl.String,
}
