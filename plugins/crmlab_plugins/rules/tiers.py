"""Tiers: what classifiers by one number, cut into high, mid and low, have in common."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.estimators import Classifier
from crmlab.labels import Measure, Text
from crmlab_plugins.rules import cut_points, wording


class Tiers(Classifier):
    """Cuts one column into as many tiers as the scheme has labels, the best first.

    ``shares`` are the quantiles at which to cut, from the lowest: (1/3, 2/3) makes thirds. A value at
    a cut-point belongs to the lower tier, so equal values share one, and tiers may differ much in
    size where many values are equal. ``cut_points`` are limits set by the business in their place.
    Subclasses say which ``column`` and what it is called (``measure``), or override ``_value`` to cut
    what they make of several.
    """

    sureness: ClassVar[Text] = Text(
        "离最近切分点越远越高：在切分点上为 0.5，到所在档位正中为 1；不是概率",
        "distance from the nearest cut-point: 0.5 at it, 1 in the middle of the tier; no probability",
    )

    shares: tuple[float, ...] = (0.3333, 0.6667)
    cut_points: tuple[float, ...] | None = None

    @property
    def column(self) -> str:
        """The column that is cut."""
        raise NotImplementedError

    @property
    def measure(self) -> Measure:
        """What readers call that column."""
        raise NotImplementedError

    @property
    def requires(self) -> tuple[str, ...]:
        """The column that is cut."""
        return (self.column,)

    def definition(self) -> Text:
        """Return what is cut, where, and the cut-points once fitted."""
        name, labels = self.measure, self.scheme.labels
        tiers = Text("、".join(label.zh for label in labels), ", ".join(label.en for label in labels))
        at = Text(
            "、".join(f"{share:.0%}" for share in self.shares), ", ".join(f"{s:.0%}" for s in self.shares)
        )
        title = f"{name.en[:1].upper()}{name.en[1:]}"
        how = Text(f"按{name.zh}的 {at.zh} 分位数", f"{title} cut at its quantiles {at.en}")
        if self.cut_points:
            how = Text(f"按{name.zh}的业务切分点", f"{title} cut at limits set by the business")
        cuts: list[float] = getattr(self, "cut_points_", [])
        points = Text("、".join(_plain(cut) for cut in cuts), " / ".join(_plain(cut) for cut in cuts))
        known = bool(cuts)
        return Text(
            f"{how.zh}分为{tiers.zh}，恰好等于切分点的归入较低一档。"
            f"{f'切分点：{points.zh}。' if known else ''}",
            f"{how.en} into {tiers.en}; a value at a cut-point is in the lower tier."
            f"{f' Cut-points: {points.en}.' if known else ''}",
        )

    def cut_values(self, features: pl.DataFrame) -> pl.Series:
        """Return the number that is cut, per row."""
        return features.select(self._value().cast(pl.Float64)).to_series()

    def cut_lines(self) -> list[float]:
        """Return the cut-points, rising."""
        return list(self.cut_points_)

    def cut_measure(self) -> Measure:
        """Return what readers call the number."""
        return self.measure

    def _check_params(self) -> None:
        count = len(self.scheme.labels) - 1
        wrong = f"shares is {list(self.shares)}; {count + 1} tiers need {count} of them."
        cut_points.raise_for(
            cut_points.check_shares("shares", self.shares),
            wrong if len(self.shares) != count and not self.cut_points else None,
            cut_points.check_given("cut_points", self.cut_points, count) if self.cut_points else None,
        )

    def _fit(self, features: pl.DataFrame) -> None:
        values = features.select(self._value()).to_series()
        self.cut_points_ = list(self.cut_points or cut_points.learn(values, self.shares))
        self.span_ = cut_points.span(values)

    def _value(self) -> pl.Expr:
        """Return the number that is cut."""
        return pl.col(self.column)

    def _tier(self) -> pl.Expr:
        """Return the place of each customer's tier, from 0 for the lowest."""
        return cut_points.tier(self._value(), self.cut_points_)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        ids = pl.Series(self.scheme.ids[::-1], dtype=pl.String)
        return ids.gather(features.select(self._tier()).to_series())

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        clear = cut_points.clearness(self._value(), self.cut_points_, self.span_)
        return features.select(confidence=clear).to_series()

    def _named(self, features: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """Return the name of each customer's tier in Chinese and in English."""
        place = features.select(self._tier()).to_series()
        labels = self.scheme.labels[::-1]
        zh = pl.Series([label.zh for label in labels], dtype=pl.String)
        return zh.gather(place), pl.Series([label.en for label in labels], dtype=pl.String).gather(place)

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        name, (zh, en) = self.measure, self._named(features)
        value = wording.number(self._value(), 0 if name.unit in ("count", "days") else 2)
        return wording.reasons(
            features,
            pl.format("{} {}，属{}", pl.lit(name.zh), value, zh),
            pl.format("{} {}: {}", pl.lit(name.en), value, en),
        )


def _plain(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
