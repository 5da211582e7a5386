"""What a campaign that contacts the customers with the highest scores earns.

A contact costs ``contact``. One who was about to leave takes the offer with probability γ and is then
kept: worth the customer's lifetime value less the ``incentive``. One who would have stayed takes the
incentive for nothing. γ is not known and follows a Beta distribution (Verbraken, Verbeke & Baesens
2013, "A Novel Profit Maximizing Metric for Measuring Classification Performance of Customer Churn
Prediction Models", IEEE Transactions on Knowledge and Data Engineering 25:961–973).

``y`` is 1 for a customer who left and 0 for one who stayed, ``p`` the score. ``values``, where given,
are the customers' own lifetime values in place of one for all (Óskarsdóttir, Baesens & Vanthienen 2018,
"Profit-Based Model Selection for Customer Retention Using Individual Customer Lifetime Values",
Big Data 6:53–65). Amounts are units of the study's currency, profits per customer of the whole base,
contacted or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.churn.metrics import checked
from crmlab.errors import ParamsError
from crmlab.intervals import z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    Array = np.ndarray[Any, np.dtype[Any]]

POINTS = 100
"""Steps of the profit curve, from nobody to everybody."""

REPLICATES = 200
SEED = 20130501

_NOTHING = 1e-12
"""A cost this small stands for none: it keeps ratios finite."""


@dataclass(frozen=True)
class Campaign:
    """What a contact costs and what a kept customer is worth; the defaults are those of the 2013 paper.

    ``clv`` is the lifetime value of a kept customer, ``incentive`` the cost of the offer to the one who
    takes it, ``contact`` that of contacting one customer, all in units of currency. ``alpha`` and ``beta``
    are those of the Beta distribution of the share that takes the offer: (6, 14) has the mean 30 %.
    Raises ParamsError where a campaign could never pay, or a number is not one.
    """

    clv: float = 200.0
    incentive: float = 10.0
    contact: float = 1.0
    alpha: float = 6.0
    beta: float = 14.0

    def __post_init__(self) -> None:
        if not 0 <= self.incentive < self.clv < float("inf"):
            raise ParamsError(
                f"The incentive is {self.incentive} and the lifetime value {self.clv}: the incentive must be "
                "0 or more and below what a kept customer is worth, for example 10 and 200."
            )
        if not 0 <= self.contact < float("inf"):
            raise ParamsError(f"contact is {self.contact}; give what one contact costs, 0 or more.")
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < value < float("inf"):
                raise ParamsError(
                    f"{name} is {value}; it must be above 0. alpha / (alpha + beta) is the share that takes "
                    "the offer on average, alpha + beta how sure that is: 6 and 14, for example."
                )

    @property
    def acceptance(self) -> float:
        """The mean share of those about to leave who take the offer."""
        return self.alpha / (self.alpha + self.beta)


class ExpectedProfit(NamedTuple):
    """The expected maximum profit per customer, and the share of customers that it contacts on average."""

    profit: Estimate
    share: float


def empc(
    y: ArrayLike,
    p: ArrayLike,
    campaign: Campaign | None = None,
    values: ArrayLike | None = None,
    confidence: float = 0.95,
) -> ExpectedProfit:
    """Return the expected maximum profit of contacting by score (EMPC): each γ with its own best list.

    Exact: the best lists are the corners of the convex hull of the ROC curve, found by pooling
    adjacent violators, and the integrals over γ are incomplete beta functions. By the envelope theorem
    the lists may be held fixed, so that the variance is that of a mean over customers; choosing
    the lists on the customers they are judged on makes the value a little too high where few left. In
    simulations the interval held the truth in 94–96 % of cases where a campaign clearly pays, but in
    66–89 % where hardly any list does: there the value is 0 or near it, and the interval too narrow.
    NaN without customers; 0 where no list pays at any γ.
    """
    gain, cost = _stakes(y, p, campaign or Campaign(), values)
    if not len(gain):
        return ExpectedProfit(UNKNOWN, float("nan"))
    saved, contacted = _at_best(gain, cost, _places(p), campaign or Campaign())
    each = gain * saved - cost * contacted
    value = float(each.mean())
    reach = z_value(confidence) * float(each.std()) / sqrt(len(each))
    return ExpectedProfit(Estimate(value, value - reach, value + reach), float(contacted.mean()))


def best_share(
    y: ArrayLike,
    p: ArrayLike,
    campaign: Campaign | None = None,
    values: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Return the share of customers to contact, on average over γ, with its bootstrap interval.

    Percentiles of ``REPLICATES`` Poisson bootstraps of customers (Chamandy et al. 2012) with a fixed seed.
    """
    import numpy as np

    terms = campaign or Campaign()
    gain, cost = _stakes(y, p, terms, values)
    if not len(gain):
        return UNKNOWN
    place = _places(p)
    # In the order of scores and stakes, so that the order of rows changes nothing.
    order = np.lexsort((gain, cost, place))
    gain, cost, place = gain[order], cost[order], place[order]
    draws = np.random.default_rng(SEED)
    shares = []
    for _ in range(REPLICATES):
        weights = draws.poisson(1.0, len(gain)).astype(np.float64)
        _, contacted = _at_best(gain, cost, place, terms, weights)
        shares.append(float(weights @ contacted) / max(float(weights.sum()), 1.0))
    value = float(_at_best(gain, cost, place, terms)[1].mean())
    low, high = np.quantile(shares, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Estimate(value, min(float(low), value), max(float(high), value))


def profit_curve(
    y: ArrayLike,
    p: ArrayLike,
    campaign: Campaign | None = None,
    values: ArrayLike | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Return the profit per customer by the share contacted, where γ is its mean.

    Columns: ``share`` of customers contacted (0 to 1 in ``POINTS`` steps), ``customers`` contacted,
    ``profit`` per customer of the base with the ends ``low`` and ``high`` of its interval, which is
    that of a mean, at each share by itself. Customers of one score count in expectation. Empty without
    customers.
    """
    import numpy as np

    terms = campaign or Campaign()
    gain, cost = _stakes(y, p, terms, values)
    n = len(gain)
    shares = np.arange(POINTS + 1) / POINTS if n else np.empty(0)
    each = terms.acceptance * gain - cost
    place = _places(p)
    reached, total, squares = (
        np.append(0, np.bincount(place, weights=of).cumsum()) for of in (np.ones(n), each, each**2)
    )
    profit = np.interp(shares * n, reached, total) / max(n, 1)
    spread = np.interp(shares * n, reached, squares) / max(n, 1) - profit**2
    reach = z_value(confidence) * np.sqrt(np.maximum(spread, 0) / max(n, 1))
    return pl.DataFrame(
        {
            "share": shares,
            "customers": np.rint(shares * n).astype(np.int64),
            "profit": profit,
            "low": profit - reach,
            "high": profit + reach,
        }
    )


def _stakes(y: ArrayLike, p: ArrayLike, campaign: Campaign, values: ArrayLike | None) -> tuple[Array, Array]:
    """Return what contacting each customer brings for every unit of γ, and what it costs anyway."""
    import numpy as np

    lost, _ = checked(y, p)
    worth = np.full_like(lost, campaign.clv) if values is None else np.asarray(values, dtype=np.float64)
    if worth.shape != lost.shape or not (np.isfinite(worth) & (worth >= 0)).all():
        raise ValueError(
            "values must hold one lifetime value per customer, 0 or more; leave out those without."
        )
    return lost * (worth - campaign.incentive), campaign.contact + (1 - lost) * campaign.incentive


def _places(p: ArrayLike) -> Array:
    """Return for each customer the rank of their score, 0 for the highest; the same for the same score."""
    import numpy as np

    return np.unique(-np.asarray(p, dtype=np.float64), return_inverse=True)[1]


def _at_best(
    gain: Array, cost: Array, place: Array, campaign: Campaign, weights: Array | None = None
) -> tuple[Array, Array]:
    """Return per customer the means over γ of γ·contacted and contacted, each γ with its best list."""
    import numpy as np
    from scipy.optimize import isotonic_regression
    from scipy.special import betainc

    weights = np.ones_like(gain) if weights is None else weights
    brings = np.bincount(place, weights=weights * gain)
    costs = np.maximum(np.bincount(place, weights=weights * cost), _NOTHING)
    # The slope of the hull: what the next customers bring per unit of cost, never rising down the list.
    slope = isotonic_regression(brings / costs, weights=costs, increasing=False).x
    least = np.where(slope > 1, 1 / np.maximum(slope, 1), 1.0)
    a, b = campaign.alpha, campaign.beta
    contacted = 1 - betainc(a, b, least)
    saved = campaign.acceptance * (1 - betainc(a + 1, b, least))
    return saved[place], contacted[place]
