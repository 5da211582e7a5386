"""The likelihood of the Pareto/NBD with its exact gradient and Hessian.

With λ ~ Gamma(r, rate α) and μ ~ Gamma(s, rate β) over customers, the likelihood of a history is

    Γ(r + x)/Γ(r) · αʳ βˢ · { s I(r + x, α, s + 1, β; t_x) + (r + x) I(r + x + 1, α, s, β; T) }

with I of :mod:`crmlab_plugins.lifetime.hypergeometric`: the form of Fader & Hardie (2005) integrated by
parts once more, so that nothing is subtracted. Each I depends on two of the three numbers of a history,
so it is computed once per unique pair; the rest is one pass over the unique histories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmlab_plugins.lifetime.collapse import unique_pairs
from crmlab_plugins.lifetime.hypergeometric import Jet, log_power_integral

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]
    Integers = NDArray[np.integer]


class Pairs(NamedTuple):
    """Unique pairs of a count and a time, and for each history the row of its pair."""

    x: Floats
    t: Floats
    row: Integers


def pairs_of(x: Floats, t: Floats) -> Pairs:
    """Return the unique pairs, sorted by time: neighbours are then equally hard to compute."""
    times, counts, index = unique_pairs(t, x)
    return Pairs(counts, times, index)


def log_left(pairs: Pairs, parameters: Floats, derivatives: bool = False) -> Jet:
    """Return log of s I(r + x, s + 1; t): of who leaves after ``t``, by (r, α, s, β)."""
    r, alpha, s, beta = parameters
    jet = log_power_integral(r + pairs.x, alpha, s + 1, beta, pairs.t, derivatives)
    if derivatives:
        jet.gradient[2] += 1 / s
        jet.hessian[2, 2] -= 1 / s**2
    return jet._replace(value=jet.value + np.log(s))


def log_stayed(pairs: Pairs, parameters: Floats, derivatives: bool = False) -> Jet:
    """Return log of (r + x) I(r + x + 1, s; T), the rest of the likelihood, by (r, α, s, β)."""
    r, alpha, s, beta = parameters
    a = r + pairs.x
    jet = log_power_integral(a + 1, alpha, s, beta, pairs.t, derivatives)
    if derivatives:
        jet.gradient[0] += 1 / a
        jet.hessian[0, 0] -= 1 / a**2
    return jet._replace(value=jet.value + np.log(a))


def log_braces(x: Floats, t_x: Floats, T: Floats, parameters: Floats) -> Floats:  # noqa: N803
    """Return the logarithm of the term in braces for arrays of shape (n,).

    ``parameters`` of shape (4,), or (4, n) for customers with parameters of their own.
    """
    if parameters.ndim == 1:
        last, now = pairs_of(x, t_x), pairs_of(x, T)
    else:
        last, now = (Pairs(x, t, np.arange(x.size)) for t in (t_x, T))
    left = log_left(last, parameters).value[last.row]
    braces: Floats = np.logaddexp(left, log_stayed(now, parameters).value[now.row])
    return braces


def log_likelihood_objective(x: Floats, t_x: Floats, T: Floats, weights: Floats) -> Objective:  # noqa: N803
    """Return the function log (r, α, s, β) → log-likelihood, gradient and Hessian of weighted histories."""
    from scipy.special import gammaln, polygamma, psi

    last, now = pairs_of(x, t_x), pairs_of(x, T)
    counts, index = np.unique(now.x, return_inverse=True)
    customers_at = np.bincount(index, np.bincount(now.row, weights))
    customers = float(weights.sum())

    def objective(logs: Floats) -> tuple[float, Floats, Floats]:
        parameters = np.exp(logs)
        r, alpha, s, beta = parameters
        left, stayed = log_left(last, parameters, True), log_stayed(now, parameters, True)
        one, other = left.value[last.row], stayed.value[now.row]
        odds = np.exp(-np.abs(one - other))
        share = np.where(one > other, 1.0, odds) / (1 + odds)
        both = weights * share * (1 - share)
        of_left = np.bincount(last.row, weights * share)
        of_stayed = np.bincount(now.row, weights * (1 - share))
        value = weights @ (np.maximum(one, other) + np.log1p(odds))
        gradient = left.gradient @ of_left + stayed.gradient @ of_stayed
        apart = left.gradient[:, last.row] - stayed.gradient[:, now.row]
        hessian = left.hessian @ of_left + stayed.hessian @ of_stayed + (apart * both) @ apart.T
        value += customers_at @ (gammaln(r + counts) - gammaln(r))
        value += customers * (r * logs[1] + s * logs[3])
        gradient[0] += customers_at @ (psi(r + counts) - psi(r)) + customers * logs[1]
        gradient[1] += customers * r / alpha
        gradient[2] += customers * logs[3]
        gradient[3] += customers * s / beta
        hessian[0, 0] += customers_at @ (polygamma(1, r + counts) - polygamma(1, r))
        for shape, rate in ((0, 1), (2, 3)):
            hessian[[shape, rate], [rate, shape]] += customers / parameters[rate]
            hessian[rate, rate] -= customers * parameters[shape] / parameters[rate] ** 2
        by_log = gradient * parameters
        return float(value), by_log, hessian * np.outer(parameters, parameters) + np.diag(by_log)

    return objective
