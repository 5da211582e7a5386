"""What contacting a customer is expected to gain: uplift × value × margin, less the cost of the contact."""

from __future__ import annotations

from dataclasses import field
from datetime import date
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Model
from crmlab.labels import Score, Text
from crmlab.segments.separation import Estimate
from crmlab.targeting.evaluation import pooled_effect
from crmlab.targeting.experiment import WINDOW
from crmlab.targeting.wording import points, points_between
from crmlab.view.numbers import count, percent
from crmlab_plugins.targeting.judging import judged
from crmlab_plugins.targeting.past_contacts import later_experiment, past_experiment

if TYPE_CHECKING:
    from crmlab.estimators import Tables

SILENT = "days_since_last_order"
FEWEST = 100
"""Customers that an arm must have for the uplift of a band of recency to be told."""

Bands = list[dict[str, Any]]


class WinBack(Model):
    """Expected gain of a contact, by which the win-back list is ordered.

    The uplift is that of the past campaigns with a randomised control group, by how long customers had
    been silent (``recency_bands``, upper ends in days; bands of few customers are put together). Without
    such campaigns it is ``uplift``, an assumption. ``uplift_column`` takes the score of an uplift model in
    its place, such as ``uplift-two-model.uplift``. ``value_column`` is what a customer is worth who comes
    back, such as ``average_order_value`` or ``clv.clv``, in currency units; ``margin`` is the share of it
    that is profit (1 where the value is a margin already). ``contact_cost`` is what one contact costs.

    The list goes by ``audience`` (classes as ``scheme.class``), ``budget`` in currency units and
    ``capacity`` in contacts (none: no limit), and holds out ``control_share`` at random by ``seed``.
    ``planned_treated`` has the planned share of treated of past campaigns, to check their arms by.
    """

    title: ClassVar[Text] = Text("赢回预期收益", "Expected gain of a win-back contact")
    needs: ClassVar[Text] = Text(
        "订单，以及客户赢回后的价值", "orders, and what a customer who comes back is worth"
    )
    scores: ClassVar[tuple[Score, ...]] = (
        Score("expected_gain", "currency", "触达预期收益", "expected gain of a contact"),
        Score("uplift", "ratio", "预期回购率增量", "expected gain in the return rate"),
    )
    budget: float | None = None
    capacity: int | None = None
    contact_cost: float = 1.0
    control_share: float = 0.15
    uplift: float = 0.02
    uplift_column: str = ""
    value_column: str = "average_order_value"
    margin: float = 1.0
    window_days: int = WINDOW
    recency_bands: list[int] = field(default_factory=lambda: [90, 180, 365])
    audience: list[str] = field(default_factory=lambda: ["status.dormant", "status.lost"])
    planned_treated: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    @property
    def requires(self) -> tuple[str, ...]:
        """How long a customer has been silent, the value, and the uplift where a model tells it."""
        wanted = (SILENT, self.value_column, self.uplift_column)
        return tuple(dict.fromkeys(name for name in wanted if name))

    def definition(self) -> Text:
        """Return how the gain is made, with the uplift that was learned or assumed."""
        cost, margin = f"{self.contact_cost:,g}", percent(self.margin, 0)
        formula = Text(
            f"触达预期收益 = 回购率增量 × 赢回后的价值（{self.value_column}）× 毛利率（{margin}）"
            f"− 触达成本（每次 {cost}）；触达后 {self.window_days} 天内有付款订单算作回购。",
            f"Expected gain = gain in the return rate × value of who comes back ({self.value_column}) × "
            f"margin ({margin}) − cost of the contact ({cost} each); who orders within {self.window_days} "
            "days of the contact has returned.",
        )
        bands: Bands = getattr(self, "bands_", [])
        if self.uplift_column:
            said = Text(
                f"回购率增量取自 {self.uplift_column}。", f"The gain in the rate is {self.uplift_column}."
            )
        elif not bands:
            said = Text(
                f"带对照组的历史活动不足，回购率增量为假设值 {points(self.uplift).zh}。",
                "Past campaigns had no control group, or one too small: a gain in the rate of "
                f"{points(self.uplift).en} is assumed.",
            )
        else:
            said = Text(
                f"回购率增量由历史活动的随机对照测得：{'；'.join(_told(band).zh for band in bands)}。",
                "The gain in the rate was measured by the randomised control groups of past campaigns: "
                f"{'; '.join(_told(band).en for band in bands)}.",
            )
        return Text(formula.zh + said.zh, f"{formula.en} {said.en}")

    def evaluate(self, tables: Tables, cutoff: date) -> pl.DataFrame:
        """Learn the uplift by recency from campaigns over by ``cutoff``, and judge it on later ones."""
        bands = self._learn(tables, cutoff)
        later = later_experiment(tables, cutoff, self.window_days)
        if not bands or later is None or not later.learnable.height:
            return judged(None)
        return judged(later.learnable.with_columns(score=_by_band(bands)))

    def _check_params(self) -> None:
        problems = [
            problem
            for wrong, problem in (
                (self.budget is not None and not self.budget >= 0, f"budget is {self.budget}; 0 or more"),
                (self.capacity is not None and self.capacity < 0, f"capacity is {self.capacity}; 0 or more"),
                (not 0 <= self.contact_cost < inf, f"contact_cost is {self.contact_cost}; 0 or more"),
                (
                    not 0 <= self.control_share < 1,
                    f"control_share is {self.control_share}; from 0 to below 1, for example 0.15",
                ),
                (not -1 <= self.uplift <= 1, f"uplift is {self.uplift}; within −1 to 1, for example 0.02"),
                (not 0 < self.margin <= 1, f"margin is {self.margin}; above 0 and at most 1"),
                (self.window_days < 1, f"window_days is {self.window_days}; 1 or more, for example 30"),
                (
                    self.recency_bands != sorted(set(self.recency_bands))
                    or min([1, *self.recency_bands]) < 1,
                    f"recency_bands is {self.recency_bands}; days that rise, for example [90, 180, 365]",
                ),
                (
                    any(not 0 < share < 1 for share in self.planned_treated.values()),
                    f"planned_treated is {self.planned_treated}; shares between 0 and 1 by campaign",
                ),
                (
                    not self.audience or any("." not in name for name in self.audience),
                    f"audience is {self.audience}; classes as scheme.class, for example [status.lost]",
                ),
            )
            if wrong
        ]
        if problems:
            raise ParamsError(f"{'. '.join(problems)}.")

    def _fit(self, tables: Tables, features: pl.DataFrame, as_of: date) -> None:
        self.bands_ = [] if self.uplift_column else self._learn(tables, as_of)

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        if self.uplift_column:
            gain = pl.col(self.uplift_column)
        else:
            gain = _by_band(self.bands_) if self.bands_ else pl.lit(self.uplift)
        known = pl.all_horizontal(pl.col(self.requires).is_not_null())
        told = features.with_columns(gain=pl.when(known).then(gain.cast(pl.Float64)))
        # Who has sent back more than they bought is worth nothing: a loss times a loss would be a gain.
        worth = pl.col(self.value_column).cast(pl.Float64).clip(0) * self.margin
        return told.select(
            "customer_id", expected_gain=pl.col("gain") * worth - self.contact_cost, uplift=pl.col("gain")
        )

    def _learn(self, tables: Tables, as_of: date) -> Bands:
        """Return the uplift by band of recency; a band of few customers is one with the next."""
        past = past_experiment(tables, as_of, self.window_days)
        if past is None or not _enough(past.learnable):
            return []
        customers = past.learnable
        starts = [0]
        for end in self.recency_bands:
            if all(_enough(rows) for rows in _split(customers, starts[-1], end)):
                starts.append(end + 1)
        bands = []
        for start, later in zip(starts, [*starts[1:], None], strict=True):
            last = None if later is None else later - 1
            rows = customers.filter(_inside(start, last))
            effect = pooled_effect(rows)
            sizes = {"contacted": effect.contacted, "control": effect.control}
            bands.append({"from_days": start, "to_days": last, **sizes, **effect.uplift._asdict()})
        return bands


def _split(customers: pl.DataFrame, start: int, end: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return who had been silent from ``start`` to ``end`` days, and who longer."""
    return customers.filter(_inside(start, end)), customers.filter(_inside(end + 1, None))


def _inside(start: int, end: int | None) -> pl.Expr:
    since = pl.col(SILENT)
    return since >= start if end is None else since.is_between(start, end)


def _enough(customers: pl.DataFrame) -> bool:
    """Say whether both arms have enough customers, counting campaigns where both have some."""
    both = customers.filter(pl.col("treated").n_unique().over("campaign_id") == 2)
    treated = int(both["treated"].sum())
    return min(treated, both.height - treated) >= FEWEST


def _by_band(bands: Bands) -> pl.Expr:
    gain: Any = pl.lit(bands[-1]["value"])
    for band in reversed(bands[:-1]):
        gain = pl.when(pl.col(SILENT) <= band["to_days"]).then(pl.lit(band["value"])).otherwise(gain)
    return gain  # type: ignore[no-any-return]


def _told(band: dict[str, Any]) -> Text:
    """Say of a band how long customers had been silent, its uplift with the interval, and on how many."""
    start, end, n = band["from_days"], band["to_days"], count(band["contacted"] + band["control"])
    uplift = Estimate(band["value"], band["low"], band["high"])
    zh, en = (
        (f"沉默 {start} 天及以上", f"silent {start} days or more")
        if end is None
        else (f"沉默 {start}–{end} 天", f"silent {start}–{end} days")
    )
    between = points_between(uplift)
    return Text(
        f"{zh} {points(uplift.value).zh}（95% 区间 {between.zh}，n={n}）",
        f"{en} {points(uplift.value).en} (95% interval {between.en}, n={n})",
    )
