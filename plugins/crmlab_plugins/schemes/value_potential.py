"""Value and potential: what customers spend now, and how much more their peers say they could."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import ClassVar

import polars as pl

from crmlab.errors import NotFittedError
from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import cut_points, wording
from crmlab_plugins.rules.metrics import measure_of

_CURRENT, _TENURE = "spend_last_365_days", "days_since_first_order"
_LAST, _BEFORE = "spend_last_180_days", "spend_previous_180_days"
_LEVELS = (("high", Text("高", "High")), ("mid", Text("中", "Mid")), ("low", Text("低", "Low")))
_GROWTH = {
    1: Text("近 180 天增长，潜力升一档", "growing over the last 180 days, one level up"),
    0: Text("近 180 天平稳", "steady over the last 180 days"),
    -1: Text("近 180 天下降，潜力降一档", "falling over the last 180 days, one level down"),
}
_NOTHING = Text("近 180 天没有净消费，潜力降一档", "no net spend in the last 180 days, one level down")


class ValuePotential(Classifier):
    """Lays customers out by current value and by potential, three levels each: nine classes.

    * Current value: the spend of the last 365 days, cut at its quantiles ``current_shares``.
    * Benchmark: the quantile ``benchmark_share`` of that spend among peers, who are customers of equal
      tenure (first order up to ``tenure_days`` ago, or longer) and equal values of ``peer_columns``,
      such as ``customer_type``. Fewer than ``smallest_peers`` peers are compared with everybody.
    * Potential: the gap to the benchmark as a share of it, 0 for those above; up to the first of
      ``gap_cuts`` low, up to the second mid, beyond it high. Then one level up where spend grows, and one
      down where it falls: the last 180 days against the 180 before, by more than ``growth_above``. No
      spend in both counts as falling; a customer of less than 180 days who spends is growing.

    The gap is what peers spend and this one does not: a bound of what could be won, not a forecast.
    """

    title: ClassVar[Text] = Text("价值与潜力", "Value and potential")
    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "当前价值与差距中离切分点较近的一个：在切分点上为 0.5，到所在档位正中为 1；不是概率",
        "of current value and gap the one nearer to a cut-point: 0.5 at it, 1 in the middle of the level; "
        "no probability",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="value_potential",
        zh="价值与潜力",
        en="Value and potential",
        labels=tuple(
            Label(
                f"{now}_value_{ahead}_potential",
                f"{now_text.zh}价值·{ahead_text.zh}潜力",
                f"{now_text.en.capitalize()} value, {ahead_text.en.lower()} potential",
            )
            for (now, now_text), (ahead, ahead_text) in product(_LEVELS, _LEVELS)
        ),
        axes=("revenue",),
    )

    matrix_axes: ClassVar[tuple[Text, Text]] = (
        Text("当前价值", "Current value"),
        Text("增长潜力", "Potential"),
    )
    matrix: ClassVar[Mapping[str, tuple[Text, Text]]] = {
        f"{now}_value_{ahead}_potential": (now_text, ahead_text)
        for (now, now_text), (ahead, ahead_text) in product(_LEVELS, _LEVELS)
    }

    current_shares: tuple[float, float] = (0.3333, 0.6667)
    benchmark_share: float = 0.8
    tenure_days: tuple[int, ...] = (90, 365)
    peer_columns: tuple[str, ...] = ()
    smallest_peers: int = 30
    gap_cuts: tuple[float, float] = (0.3333, 0.6667)
    growth_above: float = 0.1

    @property
    def requires(self) -> tuple[str, ...]:
        """Spend by period, tenure, and what makes peers."""
        return tuple(dict.fromkeys((_CURRENT, _LAST, _BEFORE, _TENURE, *self.peer_columns)))

    def definition(self) -> Text:
        """Return the two axes with their cut-points."""
        cuts: list[float] = getattr(self, "cuts_", [])
        points = Text("", "")
        if cuts:
            points = Text(
                f"（切分点：{cuts[0]:,.2f}、{cuts[1]:,.2f}）",
                f" (cut-points: {cuts[0]:,.2f} / {cuts[1]:,.2f})",
            )
        low, high = self.current_shares
        near, far = self.gap_cuts
        others = [measure_of(column) for column in self.peer_columns]
        peers = Text(
            "、".join(["购买年限", *(name.zh for name in others)]),
            ", ".join(["tenure", *(name.en for name in others)]),
        )
        days = "、".join(map(str, self.tenure_days)), " and ".join(map(str, self.tenure_days))
        return Text(
            f"当前价值：近 365 天消费按 {low:.0%}、{high:.0%} 分位数分为低、中、高{points.zh}。标杆：同类客户"
            f"（按{peers.zh}分组，购买年限以 {days[0]} 天为界；不足 {self.smallest_peers} 人的组与全体比较）"
            f"近 365 天消费的 {self.benchmark_share:.0%} 分位数。潜力：与标杆的差距占标杆的比例，不超过 "
            f"{near:.0%} "
            f"为低，超过 {far:.0%} 为高，其余为中；近 180 天消费比之前 180 天多 {self.growth_above:.0%} "
            "以上升一档，"
            "少这么多或两段都没有消费降一档。差距是同类客户达到的水平，不是预测。",
            f"Current value: spend in the last 365 days cut at its quantiles {low:.0%} and "
            f"{high:.0%}{points.en}. "
            f"Benchmark: its {self.benchmark_share:.0%} quantile among peers (by {peers.en}; tenure is cut "
            "at "
            f"{days[1]} days; groups below {self.smallest_peers} are compared with everybody). Potential: "
            "the gap "
            f"to the benchmark as a share of it, low up to {near:.0%}, high beyond {far:.0%}, else mid; "
            "one level "
            f"up where the last 180 days are more than {self.growth_above:.0%} above the 180 before, one "
            "down "
            "where they are that much below or both are nothing. The gap is what peers reach, not a "
            "forecast.",
        )

    def _check_params(self) -> None:
        cut_points.raise_for(
            cut_points.check_shares("current_shares", self.current_shares),
            cut_points.check_shares("gap_cuts", self.gap_cuts),
            cut_points.check_share("benchmark_share", self.benchmark_share),
            None
            if list(self.tenure_days) == sorted({*self.tenure_days}) and min(self.tenure_days, default=0) >= 0
            else f"tenure_days is {list(self.tenure_days)}; give rising days, for example [90, 365].",
            None if self.smallest_peers > 0 else f"smallest_peers is {self.smallest_peers}; at least 1.",
            None if self.growth_above >= 0 else f"growth_above is {self.growth_above:g}; 0 or more.",
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Only buyers have peers; what else makes peers may be missing, which is a group of its own."""
        return features.select(
            pl.all_horizontal(pl.col(_CURRENT, _LAST, _BEFORE, _TENURE).is_not_null())
        ).to_series()

    def _fit(self, features: pl.DataFrame) -> None:
        values = features[_CURRENT]
        self.cuts_ = cut_points.learn(values, self.current_shares)
        self.span_ = cut_points.span(values)
        whole = cut_points.learn(values, [self.benchmark_share])
        self.everybody_ = whole[0] if whole else None
        groups = features.select(*self._peers(), _CURRENT).partition_by(self._names(), as_dict=True)
        rows = [
            (*key, cut_points.learn(group[_CURRENT], [self.benchmark_share])[0])
            for key, group in groups.items()
            if group.height >= self.smallest_peers
        ]
        schema = {**dict.fromkeys(self._names(), pl.String), "benchmark": pl.Float64}
        self.benchmarks_ = pl.DataFrame(rows, schema=schema, orient="row").sort(
            self._names(), nulls_last=True
        )

    def _names(self) -> list[str]:
        return ["tenure", *(f"peer {column}" for column in self.peer_columns)]

    def _peers(self) -> list[pl.Expr]:
        tenure = cut_points.tier(pl.col(_TENURE), self.tenure_days).cast(pl.String).alias("tenure")
        return [
            tenure,
            *(pl.col(column).cast(pl.String).alias(f"peer {column}") for column in self.peer_columns),
        ]

    def _measured(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return spend, benchmark, gap, growth (-1, 0, 1), and the two levels, from 0 for low."""
        if features.height and self.everybody_ is None:
            raise NotFittedError(
                "ValuePotential learned from no customer. Fit it on at least one with a paid order."
            )
        last, before = pl.col(_LAST), pl.col(_BEFORE)
        more, less = before * (1 + self.growth_above), before * (1 - self.growth_above)
        growth = (
            pl.when((last > 0) & (last > more))
            .then(1)
            .when((last <= 0) | (last < less))
            .then(-1)
            .otherwise(0)
        )
        benchmark = pl.coalesce("benchmark", pl.lit(self.everybody_, pl.Float64))
        gap = pl.when(pl.col("benchmark") > 0).then(1 - pl.col(_CURRENT) / pl.col("benchmark")).otherwise(0.0)
        by_gap = cut_points.tier(pl.col("gap"), self.gap_cuts)
        return (
            features.select(_CURRENT, *self._peers(), growth=growth)
            .join(self.benchmarks_, on=self._names(), how="left", nulls_equal=True, maintain_order="left")
            .with_columns(benchmark=benchmark)
            .with_columns(gap=gap.clip(0, 1))
            .with_columns(
                current=cut_points.tier(pl.col(_CURRENT), self.cuts_),
                potential=(by_gap + pl.col("growth")).clip(0, 2),
            )
        )

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        place = 8 - 3 * pl.col("current") - pl.col("potential")
        ids = pl.Series(self.scheme.ids, dtype=pl.String)
        return ids.gather(self._measured(features).select(place.cast(pl.Int64)).to_series())

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        now = cut_points.clearness(pl.col(_CURRENT), self.cuts_, self.span_)
        ahead = cut_points.clearness(pl.col("gap"), self.gap_cuts, [0.0, 1.0])
        return self._measured(features).select(confidence=pl.min_horizontal(now, ahead)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        rows = self._measured(features)
        spend, benchmark = wording.number(pl.col(_CURRENT), 2), wording.number(pl.col("benchmark"), 2)
        gap, growth = wording.percent(pl.col("gap")), pl.col("growth")
        zh, en = (
            pl.when(features[_LAST] <= 0)
            .then(pl.lit(_NOTHING.to(language)))
            .otherwise(
                growth.replace_strict(
                    {at: text.to(language) for at, text in _GROWTH.items()}, return_dtype=pl.String
                )
            )
            for language in ("zh", "en")
        )
        labels = self._predict(features)
        label_zh = labels.replace_strict(self.scheme.names("zh"), return_dtype=pl.String)
        label_en = labels.replace_strict(self.scheme.names("en"), return_dtype=pl.String).str.to_lowercase()
        return wording.reasons(
            rows,
            pl.format(
                "近 365 天消费 {}，同类客户标杆 {}，差距 {}；{}；属{}",
                spend,
                benchmark,
                gap,
                zh,
                label_zh,
            ),
            pl.format(
                "{} spent in 365 days, benchmark of peers {}, gap {}; {}: {}",
                *(spend, benchmark, gap, en, label_en),
            ),
        )
