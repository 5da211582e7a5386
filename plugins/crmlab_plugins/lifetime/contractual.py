"""How long contracts last where their end is seen: shifted beta-geometric and beta-discrete-Weibull.

Contracts are renewed period by period. Each customer lets a contract go with a chance that stays the same
(shifted beta-geometric, Fader & Hardie 2007, J. Interactive Marketing 21(1):76–90) or changes with age by a
power c (beta-discrete-Weibull, Fader, Hardie, Liu, Davin & Steenburgh 2018, J. Interactive Marketing
43:1–16); it differs between customers by a beta distribution. The survival of both is
S(t) = B(α, β + t^c) / B(α, β), with c = 1 in the first. Retention rates rise with age although no customer
changes: those who leave easily leave first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from crmlab_plugins.lifetime.maximise import Maximum, maximise
from crmlab_plugins.lifetime.parametric import Parametric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]


class Tenure(Parametric):
    """A distribution of the number of periods that contracts last; immutable.

    ``n`` is how many renewals a customer has made, ``t`` an age in periods.
    """

    names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "c")

    def log_survival(self, t: ArrayLike) -> Floats:
        """Return the log of the share of contracts that are renewed ``t`` times."""
        return _log_survival(np.asarray(t, dtype=np.float64), *_three(self.values))[0]

    def survival(self, t: ArrayLike) -> Floats:
        """Return the share of contracts that are renewed ``t`` times."""
        return np.asarray(np.exp(self.log_survival(t)))

    def retention(self, t: ArrayLike) -> Floats:
        """Return the share of those renewed ``t`` − 1 times that are renewed once more; ``t`` from 1 on."""
        at = np.asarray(t, dtype=np.float64)
        return np.asarray(np.exp(self.log_survival(at) - self.log_survival(at - 1)))

    def remaining(self, n: ArrayLike, horizon: int, discount: float = 0.0) -> Floats:
        """Return the renewals to expect among the next ``horizon``, each discounted by its time from now.

        ``discount`` is the rate per period. The first renewal is at the end of the period that runs now and
        counts 1 / (1 + discount). Without a horizon the sum is infinite for α ≤ 1.
        """
        made, place = np.unique(np.asarray(n, dtype=np.float64), return_inverse=True)
        ahead = np.arange(1, horizon + 1)
        stay = np.exp(self.log_survival(made[:, None] + ahead) - self.log_survival(made)[:, None])
        return np.asarray((stay @ (1 + discount) ** -ahead.astype(np.float64))[place])

    def draw(self, rng: np.random.Generator, customers: int) -> Floats:
        """Return in which period each simulated contract ends, from 1 on."""
        alpha, beta, c = _three(self.values)
        lasting = np.log1p(-np.clip(rng.beta(alpha, beta, customers), 1e-300, 1 - 1e-16))
        periods = (np.log(rng.uniform(size=customers)) / lasting) ** (1 / c)
        return np.maximum(np.ceil(periods), 1.0)


class ShiftedBetaGeometric(Tenure):
    """Each customer leaves with a chance that does not change."""

    names: ClassVar[tuple[str, ...]] = ("alpha", "beta")


class BetaDiscreteWeibull(Tenure):
    """The chance to leave falls with age for c < 1, rises for c > 1."""


def of_survivors(survivors: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return periods, ended and weights of one cohort of which ``survivors`` are left after 0, 1, … periods.

    Raises ValueError where they do not fall, or are fewer than two.
    """
    left = np.asarray(survivors, dtype=np.float64)
    if left.size < 2 or (np.diff(left) > 0).any() or left[-1] < 0:
        raise ValueError(f"survivors are {left.tolist()}; they must be two or more, and never rise.")
    ages = np.arange(1.0, left.size)
    return np.r_[ages, ages[-1]], np.r_[np.ones(ages.size), 0.0], np.r_[-np.diff(left), left[-1]]


def objective(kind: type[Tenure], periods: Floats, ended: Floats, weights: Floats) -> Objective:
    """Return log-likelihood, gradient and Hessian by the logs of the parameters, as a function of these.

    ``periods`` is the period in which a contract ended (from 1 on) where ``ended`` is 1, otherwise the
    renewals made.
    """
    size = len(kind.names)
    gone, there = ended > 0, ended <= 0
    last, n_gone = periods[gone], weights[gone]
    age, n_there = periods[there], weights[there]

    def evaluate(log_parameters: Floats) -> tuple[float, Floats, Floats]:
        values = np.exp(log_parameters)
        three = _three(values)
        kept, kept_g, kept_h = _log_survival(age, *three)
        before, before_g, before_h = _log_survival(last - 1, *three)
        after, after_g, after_h = _log_survival(last, *three)
        # P(t) = S(t - 1) − S(t) = S(t - 1) · (1 − e^(after − before)), without cancellation.
        stay = np.exp(after - before)
        go = -np.expm1(after - before)
        value = n_there @ kept + n_gone @ (before + np.log(go))
        odds = stay / go
        step = after_g - before_g
        slope = before_g - odds * step
        bend = before_h - odds * (after_h - before_h) - odds / go * step[:, None] * step[None, :]
        gradient = (kept_g @ n_there + slope @ n_gone)[:size]
        hessian = (kept_h @ n_there + bend @ n_gone)[:size, :size]
        in_logs = hessian * np.outer(values, values) + np.diag(gradient * values)
        return float(value), gradient * values, in_logs

    return evaluate


def maximum(kind: type[Tenure], periods: Floats, ended: Floats, weights: Floats) -> Maximum:
    """Return the most likely logs of the parameters."""
    return maximise(objective(kind, periods, ended, weights), np.zeros(len(kind.names)))


def _three(values: Floats) -> tuple[float, float, float]:
    alpha, beta, c = (*values.tolist(), 1.0)[:3]
    return alpha, beta, c


def _log_survival(t: Floats, alpha: float, beta: float, c: float) -> tuple[Floats, Floats, Floats]:
    """Return ln S(t), its gradient (3, …) and Hessian (3, 3, …) by α, β and c."""
    from scipy.special import betaln, polygamma, psi

    log_t = np.log(np.where(t > 0, t, 1.0))
    power = np.where(t > 0, np.exp(c * log_t), 0.0)
    b = beta + power
    value = betaln(alpha, b) - betaln(alpha, beta)
    rise = psi(b) - psi(alpha + b)
    first, second = power * log_t, power * log_t * log_t
    gradient = np.stack(
        [
            psi(alpha + beta) - psi(alpha + b),
            rise - psi(beta) + psi(alpha + beta),
            rise * first,
        ]
    )
    own, both, start = polygamma(1, b), polygamma(1, alpha + b), polygamma(1, alpha + beta)
    aa, bb = start - both, own - both - polygamma(1, beta) + start
    ac, bc = -both * first, (own - both) * first
    cc = (own - both) * first * first + rise * second
    hessian = np.array([[aa, aa, ac], [aa, bb, bc], [ac, bc, cc]])
    return value, gradient, hessian
