"""What the models of contracts share: who renews, how long contracts go on, what they will bring in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Model
from crmlab.intervals import z_value
from crmlab.labels import Score, Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.contractual import Tenure
    from crmlab_plugins.lifetime.fitting import Fit

    Floats = NDArray[np.float64]

FEWEST = 10
"""Ended contracts below which nothing is estimated."""

YEAR = 365.0


class TenureModel(Model):
    """A model of contracts that are renewed every ``period_days``; a base of registered models.

    A contract that ended in its t-th period was let go at its t-th renewal; one that runs has been renewed as
    often as whole periods have passed. ``remaining_days`` are those to expect within ``horizon_days`` beside
    the period that runs; without a horizon they may be infinite. ``residual_value`` is the margin of the
    renewals within the horizon, discounted by ``annual_discount``, when each brings
    ``margin_per_period``. Ended contracts have 0 of all.

    Contracts by calendar month want ``period_days`` of 31, here and wherever the study sets it: with 30, one
    that ends after a month of 31 days counts as renewed once; with 31, ends after 1 to 50 months are all
    counted right, whatever the months. :meth:`verdicts` says so where ends fall right behind renewals.
    """

    needs: ClassVar[Text] = Text("合同开始与终止日期", "the days on which contracts began and ended")
    requires: ClassVar = ("contract_days", "contract_ended")
    scores: ClassVar = (
        Score("renewal_probability", "probability", "下一期续约概率", "probability of the next renewal"),
        Score("remaining_days", "days", "预期剩余合同天数", "expected remaining days of contract"),
        Score(
            "residual_value", "currency", "剩余合同价值（折现）", "discounted value of the renewals to come"
        ),
    )
    period_days: int = 30
    horizon_days: int = 1095
    annual_discount: float = 0.10
    margin_per_period: float = 1.0

    def _check_params(self) -> None:
        problems = []
        if self.period_days < 1:
            problems.append(f"period_days is {self.period_days}; it must be 1 or more, for example 30.")
        if self.horizon_days < self.period_days:
            problems.append(
                f"horizon_days is {self.horizon_days}; it must hold a period of {self.period_days} days."
            )
        if not 0 <= self.annual_discount < 10:
            problems.append(
                f"annual_discount is {self.annual_discount}; it must be from 0, for example 0.1 for 10 %."
            )
        if problems:
            raise ParamsError(" ".join(problems))

    @property
    def kind(self) -> type[Tenure]:
        """The distribution of how long contracts last."""
        raise NotImplementedError

    def _fit(self, tables: Mapping[str, pl.LazyFrame], features: pl.DataFrame, as_of: date) -> None:
        from crmlab_plugins.lifetime.collapse import collapse
        from crmlab_plugins.lifetime.contractual import maximum
        from crmlab_plugins.lifetime.parametric import fit_of

        periods, ended, weights = collapse(*self._contracts(features))
        self.contracts_ = int(weights.sum())
        self.ended_ = int(ended @ weights)
        self.late_ = self._late(features)
        self.fit_: dict[str, Any] | None = None
        if self.ended_ >= FEWEST and self.ended_ < self.contracts_:
            found = maximum(self.kind, periods, ended, weights)
            self.fit_ = fit_of(self.kind, found, self.contracts_, self.ended_).to_dict()

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        ids = features.select("customer_id")
        known = _known(features)
        figures = np.full((3, features.height), np.nan)
        periods, ended = self._contracts(features.filter(known))
        fit = self.fitted
        if fit is not None:
            tenure: Tenure = fit.process
            rate = (1 + self.annual_discount) ** (self.period_days / YEAR) - 1
            ahead = self.horizon_days // self.period_days
            told = np.stack(
                [
                    tenure.retention(periods + 1),
                    self.period_days * tenure.remaining(periods, ahead),
                    self.margin_per_period * tenure.remaining(periods, ahead, rate),
                ]
            )
            figures[:, known.to_numpy()] = np.where(ended > 0, 0.0, told)
        return ids.with_columns(
            pl.Series(score.id, row, nan_to_null=True)
            for score, row in zip(self.scores, figures, strict=True)
        )

    def evaluate(self, tables: Mapping[str, pl.LazyFrame], cutoff: date) -> pl.DataFrame:
        """Compare who was still under contract when the data ends with what was foretold.

        ``brier`` is the mean squared error of the probability that a contract that ran on ``cutoff`` is still
        running then; its baseline gives everybody the share of renewals so
        far. ``kept_share_error`` is the foretold share of contracts kept less the true one.
        """
        from crmlab_plugins.lifetime.contracts import contracts
        from crmlab_plugins.lifetime.observed import as_report, judged

        customers = tables["customers"]
        before = contracts(customers, cutoff).collect()
        model = self.clone().fit(tables, before, cutoff)
        end = _latest(tables, cutoff)
        after = contracts(customers, end).select("customer_id", later=pl.col("contract_ended")).collect()
        running = before.filter(pl.col("contract_ended").not_()).join(after, on="customer_id", how="left")
        stayed = 1.0 - running["later"].cast(pl.Float64).to_numpy()
        periods, _ = self._contracts(running)
        age = running["contract_days"].to_numpy() + (end - cutoff).days
        renewals = np.maximum(age // self.period_days - periods, 0)
        all_periods, all_ended = self._contracts(before.filter(_known(before)))
        trials = float(all_periods.sum())
        share = 1 - float(all_ended.sum()) / trials if trials else 1.0
        plain = share**renewals
        fit = model.fitted
        told = (
            plain
            if fit is None
            else np.exp(fit.process.log_survival(periods + renewals) - fit.process.log_survival(periods))
        )
        return as_report(
            [
                judged("brier", (told - stayed) ** 2, (plain - stayed) ** 2),
                judged("kept_share_error", told - stayed, plain - stayed),
            ]
        )

    @property
    def fitted(self) -> Fit[Any] | None:
        """The estimate; None where too few contracts have ended, or all have."""
        from crmlab_plugins.lifetime.fitting import Fit

        kind: Any = self.kind
        state: dict[str, Any] | None = getattr(self, "fit_", None)
        return None if state is None else Fit.from_dict(kind, state)

    def survival(self, periods: int = 24, confidence: float = 0.95) -> pl.DataFrame:
        """Return ``period``, ``survival``, ``low``, ``high`` and ``retention`` from 0 to ``periods``.

        Of a new contract; the interval is that of the parameters (delta method on the log of −log S).
        """
        schema = {"period": pl.Int64, **dict.fromkeys(("survival", "low", "high", "retention"), pl.Float64)}
        fit = self.fitted
        if fit is None:
            return pl.DataFrame(schema=schema)
        at = np.arange(1, periods + 1)
        hazard, low, high = fit.delta_interval(lambda tenure: np.log(-tenure.log_survival(at)), confidence)
        curves = [np.r_[1.0, np.exp(-np.exp(part))] for part in (hazard, high, low)]
        kept = np.r_[np.nan, fit.process.retention(at)]
        columns = [np.arange(periods + 1), *curves, kept]
        frame = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
        return frame.with_columns(pl.col("retention").fill_nan(None))

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
                    f"已终止的合同只有 {self.ended_:,} 份（共 {self.contracts_:,} 份），不足以估计续约："
                    f"至少需要 {FEWEST} 份已终止、且还有合同在履行。",
                    f"{self.ended_:,} of {self.contracts_:,} contracts have ended, which is not enough to "
                    f"estimate renewals: at least {FEWEST} must have ended, and some must still run.",
                )
            ]
        said = [fit.verdict] if fit.verdict else []
        if getattr(self, "late_", 0) > self.ended_ / 2:
            said.append(_late(self.late_, self.ended_, self.period_days))
        alpha = fit.process.parameters["alpha"]
        if alpha + z_value(0.95) * fit.standard_errors[0] <= 1 and len(fit.process.names) == 2:
            said.append(
                Text(
                    "合同的平均寿命没有有限值（α ≤ 1），只报告预测期内的剩余天数。",
                    "Contracts have no finite mean length (α ≤ 1): remaining days are those within the "
                    "horizon.",
                )
            )
        return said

    def definition(self) -> Text:
        """Return what the scores mean, with what was learned."""
        fit = self.fitted
        learned = Text("", "")
        if fit is not None:
            values = ", ".join(f"{name} = {value:.3g}" for name, value in fit.process.parameters.items())
            learned = Text(
                f"由 {fit.customers:,} 份合同估计（其中 {self.ended_:,} 份已终止）：{values}。",
                f" Estimated from {fit.customers:,} contracts, {self.ended_:,} of them ended: {values}.",
            )
        return Text(
            f"{self.title.zh}：每 {self.period_days} 天续约一次，客户之间的流失概率不同；"
            f"剩余天数与价值只计今后 {self.horizon_days} 天，年折现率 {self.annual_discount:.0%}。"
            f"{learned.zh}",
            f"{self.title.en}: contracts are renewed every {self.period_days} days, and customers differ in "
            f"how likely they leave. Remaining days and value are those of the next {self.horizon_days} "
            f"days, discounted by {self.annual_discount:.0%} a year.{learned.en}",
        )

    def _contracts(self, features: pl.DataFrame) -> tuple[Floats, Floats]:
        """Return for each contract the period in which it ended, or the renewals made; and if it ended."""
        known = features.filter(_known(features))
        days = known["contract_days"].cast(pl.Float64).to_numpy()
        ended = known["contract_ended"].cast(pl.Float64).to_numpy()
        last = np.maximum(np.ceil(days / self.period_days), 1.0)
        return np.where(ended > 0, last, np.floor(days / self.period_days)), ended

    def _late(self, features: pl.DataFrame) -> int:
        """Return how many contracts ended right behind a renewal: within a tenth of a period."""
        behind = (pl.col("contract_days") - 1) % self.period_days < self.period_days // 10
        due = pl.col("contract_ended") & (pl.col("contract_days") > self.period_days) & behind
        return features.filter(due).height


def _late(late: int, ended: int, period_days: int) -> Text:
    return Text(
        f"{ended:,} 份已终止的合同里有 {late:,} 份恰好在续约后几天内终止，续约周期多半长于 {period_days} 天；"
        "按自然月续约的合同，请在 sbg 与 beta-discrete-weibull 的参数中都设 period_days: 31。",
        f"{late:,} of {ended:,} ended contracts ended within days of a renewal, so that periods are probably "
        f"longer than {period_days} days. For contracts by calendar month set period_days: 31 for both sbg "
        "and beta-discrete-weibull.",
    )


def _known(features: pl.DataFrame) -> pl.Series:
    complete = pl.col("contract_days").is_not_null() & pl.col("contract_ended").is_not_null()
    return features.select(known=complete).to_series()


def _latest(tables: Mapping[str, pl.LazyFrame], cutoff: date) -> date:
    """Return until when contracts are seen: the last beginning or event, else the last end.

    An end may lie ahead of the data, where a contract is known to run out.
    """
    customers = tables["customers"]
    days = [cutoff]
    for name in ("contract_started_on", "registered_on"):
        if name in customers.collect_schema():
            days.append(customers.select(pl.col(name).max()).collect().item() or cutoff)
    if "orders" in tables:
        last = tables["orders"].select(pl.col("day").max()).collect().item()
        days.append(cutoff if last is None else date(1970, 1, 1) + timedelta(days=last))
    if max(days) == cutoff and "contract_ended_on" in customers.collect_schema():
        days.append(customers.select(pl.col("contract_ended_on").max()).collect().item() or cutoff)
    return max(days)
