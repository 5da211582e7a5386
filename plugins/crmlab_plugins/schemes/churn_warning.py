"""Churn warning: how likely is a customer to buy no more, in three levels."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.errors import DataError
from crmlab.estimators import Classifier
from crmlab.labels import UNCLASSIFIED, Label, Measure, Scheme, Text
from crmlab_plugins.rules import cut_points, wording


class ChurnWarning(Classifier):
    """Cuts a probability of lapse into low, medium and high warning.

    The warning is high from ``high_from`` on, medium from ``medium_from`` on. ``column`` names the
    probability: ``lapse_probability`` of the feature ``cadence`` unless another is given, for example
    a model's; it must lie within 0–1 and be higher for those more likely to lapse.
    """

    title: ClassVar[Text] = Text("流失预警", "Churn warning")
    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "流失概率离最近的预警线越远越高：在线上为 0.5，到所在级别正中为 1；不是流失概率本身",
        "distance of the probability from the nearest line: 0.5 at it, 1 in the middle of the level; "
        "not the probability of a lapse itself",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="churn_warning",
        zh="流失预警",
        en="Churn warning",
        labels=(
            Label("low", "低预警", "Low warning"),
            Label("medium", "中预警", "Medium warning"),
            Label("high", "高预警", "High warning"),
        ),
        axes=("loyalty",),
    )

    watch: ClassVar[tuple[str, ...]] = ("high",)

    column: str = "lapse_probability"
    medium_from: float = 0.5
    high_from: float = 0.8

    @property
    def requires(self) -> tuple[str, ...]:
        """The probability, and what its reason speaks of."""
        columns = (self.column, "days_since_last_order", "cadence_days", "cadence_ratio", "order_gap_count")
        return tuple(dict.fromkeys(columns))

    def definition(self) -> Text:
        """Return the lines in words."""
        what = Text(
            f"列 {self.column} 给出的流失概率", f"The probability of lapse in the column {self.column}"
        )
        if self.column == "lapse_probability":
            what = Text(
                "流失概率（此后 90 天内没有付款订单的概率，由本企业历史回放估计；天数可由特征 cadence 的 "
                "horizon 另设）",
                "The probability of no paid order in the days to come (90 unless the feature cadence is set "
                "otherwise), estimated by replaying the history of this study,",
            )
        medium, high = _share(self.medium_from), _share(self.high_from)
        return Text(
            f"{what.zh}不低于 {high} 为高预警，不低于 {medium} 为中预警，其余为低预警。",
            f"{what.en} from {high} on is a high warning, from {medium} on a medium one, below it a low one.",
        )

    def cut_values(self, features: pl.DataFrame) -> pl.Series:
        """Return the number that is cut, per row."""
        return features[self.column].cast(pl.Float64)

    def cut_lines(self) -> list[float]:
        """Return the cut-points, rising."""
        return [self.medium_from, self.high_from]

    def cut_measure(self) -> Measure:
        """Return what readers call the number."""
        return Measure("流失概率", "probability of lapse", "share")

    def _check_params(self) -> None:
        fine = 0 < self.medium_from < self.high_from <= 1
        cut_points.raise_for(
            None
            if fine
            else f"medium_from is {self.medium_from} and high_from is {self.high_from}; they must be "
            "probabilities with 0 < medium_from < high_from ≤ 1, for example 0.5 and 0.8."
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Only who has ordered can lapse; the probability may still be missing."""
        return features["days_since_last_order"].is_not_null()

    def _fit(self, features: pl.DataFrame) -> None:
        self._check_probabilities(features)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        self._check_probabilities(features)
        risk = pl.col(self.column)
        label = (
            pl.when(risk.is_null())
            .then(pl.lit(UNCLASSIFIED.id))
            .when(risk >= self.high_from)
            .then(pl.lit("high"))
            .when(risk >= self.medium_from)
            .then(pl.lit("medium"))
            .otherwise(pl.lit("low"))
        )
        return features.select(label=label).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        clear = cut_points.clearness(pl.col(self.column), [self.medium_from, self.high_from], [0.0, 1.0])
        sure = pl.when(pl.col(self.column).is_not_null()).then(clear)
        return features.select(confidence=sure).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        risk, days = pl.col(self.column), pl.col("days_since_last_order")
        medium, high = _share(self.medium_from), _share(self.high_from)
        zh, en = (
            pl.when(risk >= self.high_from)
            .then(pl.lit(at_high))
            .when(risk >= self.medium_from)
            .then(pl.lit(between))
            .otherwise(pl.lit(below))
            for at_high, between, below in (
                (
                    f"不低于高预警线 {high}",
                    f"不低于中预警线 {medium}，低于高预警线 {high}",
                    f"低于中预警线 {medium}",
                ),
                (
                    f"at or above the line for high, {high}",
                    f"at or above the line for medium, {medium}, below that for high, {high}",
                    f"below the line for medium, {medium}",
                ),
            )
        )
        rhythm, times = wording.short(pl.col("cadence_days")), wording.short(pl.col("cadence_ratio"))
        # Who has bought on one day only has no rhythm yet, and is compared with everybody's.
        own = pl.col("order_gap_count").fill_null(0) > 0
        whose_zh = pl.when(own).then(pl.lit("自身")).otherwise(pl.lit("全体客户"))
        whose_en = pl.when(own).then(pl.lit("the customer's own")).otherwise(pl.lit("everybody's"))
        own_zh = pl.format("，是{}购买节奏（{} 天）的 {} 倍", whose_zh, rhythm, times).fill_null("")
        own_en = pl.format(", {} times {} rhythm of {} days", times, whose_en, rhythm).fill_null("")
        silent_zh = pl.format("距最近一次购买 {} 天{}", wording.number(days), own_zh)
        silent_en = pl.format("{} since the last order{}", wording.counted(days, "day"), own_en)
        chance = wording.percent(risk, 1)
        short = Text(
            "订单历史太短或久未购买，未给出流失概率",
            "no probability of lapse is given: the history is too short, or the silence too long",
        )
        return wording.reasons(
            features,
            pl.coalesce(
                pl.format("流失概率 {}，{}；{}", chance, zh, silent_zh),
                pl.format(f"{short.zh}；{{}}", silent_zh),
            ),
            pl.coalesce(
                pl.format("probability of lapse {}, {}; {}", chance, en, silent_en),
                pl.format(f"{short.en}; {{}}", silent_en),
            ),
        )

    def _check_probabilities(self, features: pl.DataFrame) -> None:
        """Raise DataError for values that are no probabilities."""
        values = features[self.column].drop_nulls()
        if not values.dtype.is_numeric() and len(values):
            raise DataError(
                f"The column {self.column!r} is {values.dtype}; churn-warning needs probabilities, 0–1."
            )
        outside = int((~values.is_between(0, 1)).sum()) if len(values) else 0
        if outside:
            raise DataError(
                f"{outside} customers have a value outside 0–1 in the column {self.column!r}; churn-warning "
                "needs a probability of lapse. Name such a column, for example lapse_probability."
            )


def _share(value: float) -> str:
    return f"{value * 100:g}%"
