"""RFM: customers by recency, frequency and monetary value."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import polars as pl

from crmlab.errors import NotFittedError, ParamsError, did_you_mean
from crmlab.estimators import KEY, Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import cut_points, wording
from crmlab_plugins.schemes.rfm_maps import SegmentMap, load_map
from crmlab_plugins.schemes.rfm_scoring import (
    COLUMNS,
    Convention,
    CutPoints,
    by_cell,
    check_cut_points,
    learn,
    learn_cut_ids,
    score,
)

MapName = Literal["total_11", "r_rfm_02", "r_rfm_03", "shopify", "zh_8"]

CONVENTIONS: dict[Convention, Text] = {
    "value_quintile": Text(
        "按数值的分位数切分（第 7 型分位数，区间右闭，数值相同则得分相同）",
        "quantiles of the values (type 7, intervals closed on the right, equal values share a score)",
    ),
    "r_rfm": Text(
        "R 语言 rfm 包的切法（分位数加 1，区间左闭右开）",
        "the cuts of the R package rfm (quantile plus 1, intervals closed on the left)",
    ),
    "rank_first": Text(
        "按名次等分（数值相同的客户按编号排先后，得分可能不同）",
        "ranks in equal groups (customers with equal values are ranked by id and may differ in score)",
    ),
    "nested": Text(
        "逐级嵌套（先分 R，再在每个 R 分之内分 F，最后在每个 R×F 格之内分 M）",
        "nested quantiles (R first, then F within each R score, then M within each R×F cell)",
    ),
    "fixed": Text("按业务设定的固定切分点", "fixed cut-points set by the business"),
    "mean_binary": Text("以平均值为界分高低", "high or low against the mean"),
    "median_binary": Text("以中位数为界分高低", "high or low against the median"),
}

VALUE_TAGS = Scheme(
    id="rfm_value_tag",
    zh="消费价值标签",
    en="Value tag",
    labels=(Label("high", "高", "High"), Label("mid", "中", "Mid"), Label("low", "低", "Low")),
    axes=("revenue",),
)


class Rfm(Classifier):
    """Scores recency (R), frequency (F) and monetary value (M), and names the cells of scores.

    R is the days since the last paid order, F the number of paid orders, M the total spend net of
    refunds; the highest score is the best. Conventions differ in how values become scores, and move
    many customers between segments, so the convention, the cut-points and the map are parts of
    :meth:`definition`. ``bins`` is the number of scores; the binary conventions have two.

    ``map`` names the segments. Left out, it is the total and disjoint map of 11 names, or the
    Chinese eight classes where there are two scores. A map made for another number of scores is
    read at the middle of each bin. ``fixed_cut_points`` are those of the convention ``fixed``.
    ``frozen_cut_points`` takes the ``cut_points_`` of an earlier fit in place of learning them;
    loading a saved classifier keeps them as well.

    Orders are counted one by one: an order split in two raises F and may change the label. Amounts in
    another currency change none, unless cut-points are given.

    Sources: Hughes, Strategic Database Marketing (1994), for RFM; Hyndman & Fan, The American
    Statistician 50 (1996), for quantiles; the R package rfm for ``r_rfm`` and its maps.
    """

    title: ClassVar[Text] = Text("RFM 分群", "RFM segments")
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "分群所用的各项得分中，离切分点最近的一项：在切分点上为 0.5，到所在分值正中为 1；不是概率",
        "of the scores that the map looks at the one nearest to a cut-point: 0.5 at it, 1 in the middle of "
        "the score; no probability",
    )
    requires: ClassVar[tuple[str, ...]] = tuple(COLUMNS.values())

    convention: Convention = "value_quintile"
    map: MapName | None = None
    bins: int = 5
    fixed_cut_points: CutPoints | None = None
    frozen_cut_points: CutPoints | None = None

    @property
    def scores_per_dimension(self) -> int:
        """How many scores there are: 2 in the binary conventions, else ``bins``."""
        return 2 if self.convention in ("mean_binary", "median_binary") else self.bins

    @property
    def segments(self) -> SegmentMap:
        """The map that names the cells."""
        default = "zh_8" if self.scores_per_dimension == 2 else "total_11"
        return load_map(self.map or default)

    @property
    def scheme(self) -> Scheme:
        """The labels of the map, best first."""
        return self.segments.scheme

    def scores(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return customer_id and the three scores (Int64, null where data is missing), in row order."""
        self._check_ready(features)
        known = self._known(features)
        keyed = features.select(KEY).with_row_index("row")
        scored = pl.concat([keyed.filter(known), self._score(features.filter(known))], how="horizontal")
        return keyed.join(scored.drop(KEY), on="row", how="left", maintain_order="left").drop("row")

    def value_tags(self, features: pl.DataFrame) -> pl.Series:
        """Return one id of ``VALUE_TAGS`` per row from the monetary score; null where data is missing."""
        return self.scores(features).select(self._value_tag().alias("value_tag")).to_series()

    def _value_tag(self) -> pl.Expr:
        five = load_map("total_11").place(pl.col("monetary_score"), self.scores_per_dimension)
        return (
            pl.when(five >= 4)
            .then(pl.lit("high"))
            .when(five == 3)
            .then(pl.lit("mid"))
            .when(five <= 2)
            .then(pl.lit("low"))
        )

    def cells(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return every cell of recency and frequency scores, for a heat map.

        Columns ``recency_score``, ``frequency_score`` (descending, ascending), ``customer_count``,
        ``total_spend``, and ``label``, null where the map also looks at the monetary score.
        """
        self._check_ready(features)
        known = features.filter(self._known(features))
        counted = (
            pl.concat([known, self._score(known)], how="horizontal")
            .group_by("recency_score", "frequency_score")
            # Whole hundredths first: a float sum would depend on the order of the rows.
            .agg(
                customer_count=pl.len().cast(pl.Int64),
                hundredths=(pl.col("total_spend") * 100).round().cast(pl.Int64).sum(),
            )
            .with_columns(total_spend=pl.col("hundredths") / (pl.col("hundredths") * 0 + 100))
            .drop("hundredths")
        )
        scores = list(range(1, self.scores_per_dimension + 1))
        grid = pl.DataFrame({"recency_score": scores[::-1]}, schema={"recency_score": pl.Int64}).join(
            pl.DataFrame({"frequency_score": scores}, schema={"frequency_score": pl.Int64}), how="cross"
        )
        label = pl.lit(None, pl.String) if "m" in self.segments.dimensions else self._labels()
        return grid.join(
            counted, on=["recency_score", "frequency_score"], how="left", maintain_order="left"
        ).with_columns(pl.col("customer_count", "total_spend").fill_null(0), label=label)

    def definition(self) -> Text:
        """Return what is scored, how, with which cut-points, and by which map."""
        top, how, named = self.scores_per_dimension, CONVENTIONS[self.convention], self.segments.text
        cuts = _spoken_cuts(getattr(self, "cut_points_", None))
        return Text(
            "R 为距最近一次付款订单的天数，F 为付款订单数，M 为扣除退款后的累计消费，"
            f"各打 1–{top} 分，{top} 分最好。打分方法：{how.zh}。{cuts.zh}分群规则：{named.zh}。",
            "R is the days since the last paid order, F the number of paid orders, M the total spend net of "
            f"refunds; each is scored 1–{top}, {top} is best. Scoring: {how.en}. {cuts.en}Map: {named.en}.",
        )

    def _check_params(self) -> None:
        if self.convention not in CONVENTIONS:
            raise ParamsError(
                f"convention is {self.convention!r}.{did_you_mean(self.convention, CONVENTIONS)} "
                f"Allowed: {', '.join(CONVENTIONS)}."
            )
        if not 2 <= self.bins <= 10:
            raise ParamsError(f"bins is {self.bins}; it must be from 2 to 10.")
        scores = self.scores_per_dimension
        if (self.segments.scale == 2) != (scores == 2):
            raise ParamsError(
                f"The map {self.segments.id!r} does not fit the convention {self.convention!r} with {scores} "
                "scores: zh_8 needs exactly two scores, the other maps three or more. Leave `map` out to get "
                "the one that fits."
            )
        if (self.convention == "fixed") != (self.fixed_cut_points is not None):
            raise ParamsError(
                f"fixed_cut_points is {self.fixed_cut_points} and convention is {self.convention!r}: give "
                "fixed_cut_points with the convention 'fixed', and with no other."
            )
        if self.convention == "rank_first" and self.frozen_cut_points is not None:
            raise ParamsError(
                "frozen_cut_points cannot hold for the convention 'rank_first', whose groups also depend on "
                "which customers stood at the cut; load the saved classifier, or use 'value_quintile'."
            )
        for name in ("fixed_cut_points", "frozen_cut_points"):
            if (given := getattr(self, name)) is not None:
                check_cut_points(name, given, self.convention, scores)

    def _fit(self, features: pl.DataFrame) -> None:
        given = self.frozen_cut_points or self.fixed_cut_points
        top = self.scores_per_dimension
        self.cut_points_ = dict(given) if given else learn(self.convention, top, features)
        self.cut_ids_ = learn_cut_ids(top, features) if self.convention == "rank_first" else None
        self.spans_ = {name: cut_points.span(features[column]) for name, column in COLUMNS.items()}

    def _score(self, features: pl.DataFrame) -> pl.DataFrame:
        if features.height and not self.cut_points_["recency"]:
            raise NotFittedError("Rfm learned from no customer. Fit it on at least one with a paid order.")
        return score(self.convention, self.scores_per_dimension, self.cut_points_, features, self.cut_ids_)

    def _labels(self) -> pl.Expr:
        columns = {name[0]: pl.col(f"{name}_score") for name in COLUMNS}
        return self.segments.labels(columns, self.scores_per_dimension)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return self._score(features).select(self._labels().alias("label")).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        used = "".join(self.segments.dimensions)
        clear = [
            by_cell(name, self.cut_points_, partial(self._clear, name)) for name in COLUMNS if name[0] in used
        ]
        rows = pl.concat([features.select(self.requires), self._score(features)], how="horizontal")
        return rows.select(confidence=pl.min_horizontal(clear)).to_series()

    def _clear(self, name: str, cuts: list[float]) -> pl.Expr:
        return cut_points.clearness(pl.col(COLUMNS[name]), cuts, self.spans_[name])

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        rows = pl.concat([features.select(self.requires), self._score(features)], how="horizontal")
        days, orders, spend = (pl.col(column) for column in COLUMNS.values())
        (r_zh, r), (f_zh, f), (m_zh, m) = (self._score_words(name) for name in COLUMNS)
        last_zh, last_en = wording.ago(days)
        return wording.reasons(
            rows,
            pl.format(
                "最近一次购买{}（{}），共 {} 单（{}），累计消费 {}（{}）",
                last_zh,
                *(r_zh, wording.number(orders), f_zh, wording.number(spend, 2), m_zh),
            ),
            pl.format(
                "last order {} ({}), {} in all ({}), total spend {} ({})",
                last_en,
                *(r, wording.counted(orders, "order"), f, wording.number(spend, 2), m),
            ),
        )

    def _score_words(self, name: str) -> tuple[pl.Expr, pl.Expr]:
        """Return a score as a reader sees it: "R5", or "R 高" of two; with the value tag where it is M."""
        score, letter = pl.col(f"{name}_score"), name[0].upper()
        if self.scores_per_dimension == 2:
            high = score == 2
            return (
                pl.when(high).then(pl.lit(f"{letter} 高")).otherwise(pl.lit(f"{letter} 低")),
                pl.when(high).then(pl.lit(f"{letter} high")).otherwise(pl.lit(f"{letter} low")),
            )
        written = letter + score.cast(pl.String)
        if letter != "M":
            return written, written
        tag = self._value_tag()
        zh = tag.replace_strict({label.id: label.zh for label in VALUE_TAGS.labels}, return_dtype=pl.String)
        return written + "，价值" + zh, written + ", " + tag + " value"


def _spoken_cuts(cuts: CutPoints | None) -> Text:
    """Say the cut-points of whole dimensions; those of nested cells are too many to read."""
    if cuts is None:
        return Text("", "")
    points = {name: cuts[name] for name in COLUMNS if cuts.get(name)}
    if not points:
        return Text("没有可供学习的客户。", "There was no customer to learn from. ")
    zh = "；".join(f"{name[0].upper()} {'、'.join(map(_number, values))}" for name, values in points.items())
    en = "; ".join(f"{name[0].upper()} {' / '.join(map(_number, values))}" for name, values in points.items())
    nested = len(cuts) > len(COLUMNS)
    return Text(
        f"切分点：{zh}{'；F 与 M 的切分点因格而异' if nested else ''}。",
        f"Cut-points: {en}{'; those of F and M differ by cell' if nested else ''}. ",
    )


def _number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
