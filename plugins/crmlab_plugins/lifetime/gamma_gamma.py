"""The registered model of spend per purchase: Gamma-Gamma."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Model
from crmlab.intervals import z_value
from crmlab.labels import Score, Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.fitting import Fit

    Floats = NDArray[np.float64]

FEWEST = 10
"""Repeat buyers below which three parameters are not estimated."""


class GammaGammaSpend(Model):
    """What each customer will spend on a day with a purchase (Fader & Hardie 2013, note 025).

    Learned from repeat buyers: average of their repeat days, refunds taken off in proportion. A customer's
    own average is drawn towards everybody's, the more the fewer purchases it rests on; who bought once has
    everybody's. Where all averages are the same, as with one price, everybody has that. Who was refunded all
    that they spent has no score, and is not learned from. Where the mean of everybody does not exist (q ≤ 1)
    nobody has one, and :meth:`verdicts` says so. ``holdout_days`` is how much of what follows a cutoff
    :meth:`evaluate` looks at.
    """

    title: ClassVar[Text] = Text("Gamma-Gamma 客单价模型", "Gamma-Gamma spend per purchase")
    needs: ClassVar[Text] = Text("有金额的订单", "orders with amounts")
    requires: ClassVar = ("repeat_purchase_days", "repeat_day_value")
    scores: ClassVar = (
        Score("expected_value", "currency", "预期每次购买金额", "expected spend per purchase"),
    )
    holdout_days: int = 365

    def _check_params(self) -> None:
        if self.holdout_days < 1:
            raise ParamsError(f"holdout_days is {self.holdout_days}; it must be 1 or more, for example 365.")

    def _fit(self, tables: Mapping[str, pl.LazyFrame], features: pl.DataFrame, as_of: date) -> None:
        from crmlab_plugins.lifetime.parametric import fit_of
        from crmlab_plugins.lifetime.spend import GammaGamma, maximum

        x, m = self.arrays(features)
        used = (x > 0) & (m > 0)
        self.refunded_ = int(np.count_nonzero((x > 0) & ~used))
        self.fit_: dict[str, Any] | None = None
        self.same_: float | None = None
        if np.count_nonzero(used) >= FEWEST and np.ptp(m[used]) <= 1e-9 * m[used].max():
            self.same_ = float(m[used].mean())
        elif np.count_nonzero(used) >= FEWEST:
            found = maximum(x[used], m[used])
            self.fit_ = fit_of(GammaGamma, found, float(used.sum()), float(x[used].sum())).to_dict()

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        average = pl.Series("expected_value", self.expected_average(features), nan_to_null=True)
        return features.select("customer_id").with_columns(average)

    def evaluate(self, tables: Mapping[str, pl.LazyFrame], cutoff: date) -> pl.DataFrame:
        """Compare what customers spent per purchase after ``cutoff`` with the score, and with their average.

        ``mean_absolute_error`` is per customer who bought again, in currency; its baseline takes a
        customer's own average so far, everybody's where there is none. ``bias`` is what was foretold less
        what came; its baseline is that of the same averages.
        """
        from crmlab_plugins.lifetime.observed import as_report, holdout, judged

        known = holdout(tables, cutoff, self.holdout_days).known
        model = self.clone().fit(tables, known, cutoff)
        back = known.filter(pl.col("purchases") > 0)
        came = back["paid"].to_numpy() / back["purchases"].to_numpy()
        own = self.arrays(back)[1]
        _, everybody = self.arrays(known)
        seen = everybody[np.isfinite(everybody)]
        own = np.where(np.isfinite(own), own, seen.mean() if seen.size else np.nan)
        off = model.expected_average(back) - came
        fine = np.isfinite(off) & np.isfinite(own)
        off, plain = off[fine], (own - came)[fine]
        return as_report(
            [judged("mean_absolute_error", np.abs(off), np.abs(plain)), judged("bias", off, plain)]
        )

    def definition(self) -> Text:
        """Return what the score means, with what was learned."""
        fit = self.fitted
        learned = Text("", "")
        if fit is not None:
            values = ", ".join(f"{name} = {value:.3g}" for name, value in fit.process.parameters.items())
            learned = Text(
                f"由 {fit.customers:,} 位复购客户估计：{values}。",
                f" Estimated from {fit.customers:,} repeat buyers: {values}.",
            )
        return Text(
            "Gamma-Gamma 模型：预期每次购买金额介于客户自己的平均与全体平均之间，"
            "购买次数越多越接近自己的平均；只买过一次的客户取全体平均。"
            f"退款按比例扣减平均金额；全额退款的客户不给分。{learned.zh}",
            "Gamma-Gamma: the expected spend per purchase lies between a customer's own average and "
            "everybody's, nearer to the own one the more purchases there are; who bought once has "
            "everybody's. Refunds lower the average in proportion; who was refunded everything has no "
            f"score.{learned.en}",
        )

    @property
    def fitted(self) -> Fit[Any] | None:
        """The estimate; None where there were too few repeat buyers, or all spend the same."""
        from crmlab_plugins.lifetime.fitting import Fit
        from crmlab_plugins.lifetime.spend import GammaGamma

        kind: Any = GammaGamma
        state: dict[str, Any] | None = getattr(self, "fit_", None)
        return None if state is None else Fit.from_dict(kind, state)

    def expected_average(self, features: pl.DataFrame) -> Floats:
        """Return the expected spend per purchase; NaN where there is none to tell."""
        fit, same = self.fitted, getattr(self, "same_", None)
        x, m = self.arrays(features)
        known = (x == 0) | (m > 0)
        if fit is None:
            return np.where(known, np.nan if same is None else same, np.nan)
        average: Floats = fit.process.expected_average(x, np.where(known, m, 0.0))
        return np.where(known, average, np.nan)

    def interval(self, features: pl.DataFrame, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends of the interval of :meth:`expected_average`, by the delta method.

        It covers the uncertainty of the parameters alone, not what the customer happens to buy.
        """
        fit = self.fitted
        average = self.expected_average(features)
        if fit is None:
            return average, average
        x, m = self.arrays(features)
        slope = fit.process.gradient(x, np.nan_to_num(m))
        deviation = np.sqrt(np.einsum("i...,ij,j...->...", slope, fit.log_covariance, slope))
        factor = np.exp(z_value(confidence) * deviation)
        return average / factor, average * factor

    def parameter_table(self) -> pl.DataFrame:
        """Return ``name``, ``value``, ``standard_error``, ``low``, ``high`` (95 %); no rows without a fit."""
        from crmlab_plugins.lifetime.parametric import parameter_table

        return parameter_table(self.fitted)

    def verdicts(self) -> list[Text]:
        """Return what the fit warns of; empty if all is well."""
        fit = self.fitted
        same = getattr(self, "same_", None)
        said = [fit.verdict] if fit and fit.verdict else []
        if fit is None:
            said.append(_TOO_FEW if same is None else _same(same))
        if fit is not None:
            q = fit.process.parameters["q"]
            if not fit.process.has_mean:
                said.append(_no_mean(q))
            elif q - z_value(0.95) * fit.standard_errors[1] <= 1:
                said.append(_MEAN_UNSURE)
        if refunded := getattr(self, "refunded_", 0):
            said.append(_refunded(refunded))
        return said

    @staticmethod
    def arrays(features: pl.DataFrame) -> tuple[Floats, Floats]:
        """Return x and m; NaN where they are null."""
        x, m = (
            features[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            for name in ("repeat_purchase_days", "repeat_day_value")
        )
        return x, m


_TOO_FEW = Text(
    f"金额可用的复购客户不足 {FEWEST} 位，无法估计客单价模型；请等待更多复购，或改用简单公式。",
    f"Fewer than {FEWEST} repeat buyers have an amount, so spend cannot be modelled; wait for more repeat "
    "purchases, or use the simple formula.",
)
_MEAN_UNSURE = Text(
    "客单价的总体均值是否存在并不确定（q 的 95% 区间包含 1），预期金额很不稳定。",
    "Whether spend per purchase has a mean is uncertain (the 95% interval of q contains 1): expected "
    "amounts are unstable.",
)


def _same(amount: float) -> Text:
    return Text(
        f"所有复购客户的平均金额都是 {amount:,.2f}：预期每次购买金额就取这个数，没有可估计的差异。",
        f"The repeat buyers all spend {amount:,.2f} on average: that is what each purchase is expected to "
        "bring, and there are no differences to estimate.",
    )


def _no_mean(q: float) -> Text:
    return Text(
        f"客单价的总体均值不存在（q = {q:.2f} ≤ 1）：少数金额极大，模型拒绝给出预期金额。"
        "请检查异常大额订单，或把批发与零售分开分析。",
        f"The mean of spend per purchase does not exist (q = {q:.2f} ≤ 1): a few amounts are so large that "
        "the model refuses to give one. Check for outsize orders, or analyse wholesale and retail apart.",
    )


def _refunded(customers: int) -> Text:
    return Text(
        f"{customers:,} 位复购客户的消费已全额退款，不参与估计，也没有分数。",
        f"{customers:,} repeat buyers were refunded all that they spent: they are not learned from and have "
        "no score.",
    )
