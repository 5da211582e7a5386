"""The registered model of purchases at set occasions: BG/BB."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Model
from crmlab.labels import Score, Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.fitting import Fit

    Floats = NDArray[np.float64]

FEWEST = 10
"""Customers who used an occasion below which nothing is estimated."""


class BgBbModel(Model):
    """BG/BB (Fader, Hardie & Shang 2010): purchases in periods of a set length, such as yearly donations.

    For customers whose purchases come at set times, or are counted per period; the length of a period is that
    of the feature ``occasions``. ``expected_occasions`` are the periods with a purchase to expect among those
    that fit in ``horizon_days``, ``probability_alive`` that a customer is still one in the period that runs.
    Customers whose first period is not over have no scores.
    """

    title: ClassVar[Text] = Text("BG/BB 模型", "BG/BB")
    needs: ClassVar[Text] = Text("订单", "orders")
    requires: ClassVar = ("occasion_count", "used_occasion_count", "last_used_occasion", "occasion_days")
    scores: ClassVar = (
        Score("probability_alive", "probability", "仍是客户的概率", "probability of being alive"),
        Score("expected_occasions", "count", "预期有购买的时段数", "periods with a purchase to expect"),
    )
    horizon_days: int = 365

    def _check_params(self) -> None:
        if self.horizon_days < 1:
            raise ParamsError(f"horizon_days is {self.horizon_days}; it must be 1 or more, for example 365.")

    def _fit(self, tables: Mapping[str, pl.LazyFrame], features: pl.DataFrame, as_of: date) -> None:
        from crmlab_plugins.lifetime.bg_bb_process import BgBb, maximum
        from crmlab_plugins.lifetime.parametric import fit_of

        known = features.filter(_known(features))
        x, t_x, n = _arrays(known)
        self.occasion_days_ = int(known["occasion_days"][0]) if known.height else 0
        self.fit_: dict[str, Any] | None = None
        if np.count_nonzero(x) >= FEWEST:
            self.fit_ = fit_of(BgBb, maximum(x, t_x, n), x.size, float(x.sum())).to_dict()

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        known = _known(features)
        figures = np.full((2, features.height), np.nan)
        fit = self.fitted
        if fit is not None:
            histories = _arrays(features.filter(known))
            figures[:, known.to_numpy()] = [
                fit.process.probability_alive(*histories),
                fit.process.expected_purchases(*histories, self._ahead),
            ]
        return features.select("customer_id").with_columns(
            pl.Series(score.id, row, nan_to_null=True)
            for score, row in zip(self.scores, figures, strict=True)
        )

    def evaluate(self, tables: Mapping[str, pl.LazyFrame], cutoff: date) -> pl.DataFrame:
        """Compare the periods with a purchase after ``cutoff`` with those foretold.

        ``mean_absolute_error`` is per customer; its baseline goes on at the customer's own rate. ``bias`` is
        what was foretold less what came.
        """
        from crmlab.summary import day_number
        from crmlab_plugins.lifetime.observed import as_report, judged
        from crmlab_plugins.lifetime.occasions import Occasions, occasions

        paid = tables["orders"].filter(pl.col("amount_hundredths") > 0, pl.col("customer_id").is_not_null())
        end = paid.select(pl.col("day").max()).collect().item() or day_number(cutoff)
        days = self.occasion_days_ if getattr(self, "fitted_", False) else Occasions().period_days
        before = occasions(paid.filter(pl.col("day") <= day_number(cutoff)), day_number(cutoff), days)
        until = min(int(end), day_number(cutoff) + self.horizon_days)
        after = occasions(paid.filter(pl.col("day") <= until), until, days)
        both = before.join(after, on="customer_id", suffix="_later").sort("customer_id").collect()
        model = self.clone().fit(tables, both, cutoff)
        both = both.filter(_known(both))
        x, t_x, n = _arrays(both)
        ahead = both["occasion_count_later"].to_numpy() - n
        came = both["used_occasion_count_later"].to_numpy() - x
        plain = x / n * ahead
        fit = model.fitted
        told = plain if fit is None else fit.process.expected_purchases(x, t_x, n, ahead)
        return as_report(
            [
                judged("mean_absolute_error", np.abs(told - came), np.abs(plain - came)),
                judged("bias", told - came, plain - came),
            ]
        )

    @property
    def fitted(self) -> Fit[Any] | None:
        """The estimate; None where hardly anybody bought again."""
        from crmlab_plugins.lifetime.bg_bb_process import BgBb
        from crmlab_plugins.lifetime.fitting import Fit

        kind: Any = BgBb
        state: dict[str, Any] | None = getattr(self, "fit_", None)
        return None if state is None else Fit.from_dict(kind, state)

    def parameter_table(self) -> pl.DataFrame:
        """Return ``name``, ``value``, ``standard_error``, ``low``, ``high`` (95 %); no rows without a fit."""
        from crmlab_plugins.lifetime.parametric import parameter_table

        return parameter_table(self.fitted)

    def verdicts(self) -> list[Text]:
        """Return what the fit warns of; empty if all is well."""
        fit = self.fitted
        if fit is None:
            return [
                Text(
                    f"首购之后还有购买的客户不足 {FEWEST} 位，无法估计 BG/BB 模型；请等待更多订单，"
                    "或缩短时段。",
                    f"Fewer than {FEWEST} customers bought in a whole period after their first purchase, so "
                    "BG/BB cannot be estimated; wait for more orders, or use shorter periods.",
                )
            ]
        return [fit.verdict] if fit.verdict else []

    def definition(self) -> Text:
        """Return what the scores mean, with what was learned."""
        fit = self.fitted
        learned = Text("", "")
        if fit is not None:
            values = ", ".join(f"{name} = {value:.3g}" for name, value in fit.process.parameters.items())
            learned = Text(
                f"由 {fit.customers:,} 位客户估计，每个时段 {self.occasion_days_} 天：{values}。",
                f" Estimated from {fit.customers:,} customers in periods of {self.occasion_days_} days: "
                f"{values}.",
            )
        return Text(
            "BG/BB：仍是客户者在每个时段按自己的概率购买，之后可能离开；"
            f"预期值计今后 {self.horizon_days} 天内的完整时段。{learned.zh}",
            "BG/BB: whoever is still a customer buys in each period with a chance of their own, and may "
            "leave after it; expected are the whole periods of the next "
            f"{self.horizon_days} days.{learned.en}",
        )

    @property
    def _ahead(self) -> int:
        return self.horizon_days // self.occasion_days_ if self.occasion_days_ else 0


def _known(features: pl.DataFrame) -> pl.Series:
    """Say who has an occasion behind them."""
    complete = pl.all_horizontal(pl.col(name).is_not_null() for name in BgBbModel.requires)
    return features.select(known=complete & (pl.col("occasion_count") > 0).fill_null(value=False)).to_series()


def _arrays(features: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return x, t_x and n."""
    x, t_x, n = (
        features[name].cast(pl.Float64).to_numpy()
        for name in ("used_occasion_count", "last_used_occasion", "occasion_count")
    )
    return x, t_x, n
