"""Interrupted time series: what a series would have been without the change of a day, and what it was.

Segmented regression (Wagner et al. 2002, Journal of Clinical Pharmacy and Therapeutics 27:299–309; Lopez
Bernal et al. 2017, International Journal of Epidemiology 46:348–355): a line before the change, another level
and slope after it, and a yearly wave where the records before the change hold a year.

Errors are those of periods of unequal size: sampling noise that shrinks with the number of observations, and
a part that passes from one period to the next (first-order autocorrelation). Neither share nor correlation is
known, and estimating them from a year of weeks makes intervals too narrow, so that they are integrated out
over a grid with the marginal likelihood of Harville (1974, Biometrika 61:383–385; regression with
autocorrelated errors: Chib 1993, Journal of Econometrics 58:275–294). The interval is that of the mixture of
Student distributions that results.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING

from crmlab.improvement.newey_west import newey_west

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

YEAR = 365.25
CORRELATIONS = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.97)
"""Correlations between neighbouring periods that are thought possible, besides none."""
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the variance that may be correlated, at a period of usual size."""

LEVEL_BEFORE, EFFECT, TREND, CHANGE_OF_TREND = range(4)
"""Columns of the design; EFFECT is the mean over the periods after the change, trends are per year."""


@dataclass(frozen=True)
class Effect:
    """A change with its interval and two-sided p value; NaN where it cannot be told. ``error`` is its SD."""

    value: float = nan
    low: float = nan
    high: float = nan
    p: float = nan
    error: float = nan


class Segmented:
    """Segmented regression of a series of periods.

    ``time`` are places of the periods, those below 0 before the change; ``size`` how many observations each
    rests on (an effective number, above 0); ``days`` the length of a period. A period without data is left
    out. ``season`` asks for the yearly wave, ``trend`` for the lines; without them there is a level before
    and one after. One object serves any number of series of the same periods.
    """

    def __init__(self, time: Floats, size: Floats, days: float, *, season: bool, trend: bool = True) -> None:
        self.time = time
        self.size = size
        self.days = days
        self.season = season
        self.trend = trend

    @cached_property
    def design(self) -> Floats:
        """Periods × coefficients: level, effect, trend and its change per year, sine and cosine."""
        import numpy as np

        years = self.time * self.days / YEAR
        after = self.time >= 0
        columns = [np.ones_like(years), after.astype(float)]
        if self.trend:
            columns += [years, np.where(after, years - years[after].mean(), 0.0)]
        if self.season:
            columns += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
        return np.column_stack(columns)

    def fit(self, values: Floats, confidence: float = 0.95) -> Fit:
        """Fit one series of values, one per period."""
        import numpy as np

        n, k = self.design.shape
        coefficients, squares, spread, base = [], [], [], []
        for structure in self._structures:
            whitened = structure.whiten(values)
            cross = structure.design.T @ whitened
            coefficients.append(structure.inverse @ cross)
            squares.append(float(whitened @ whitened - cross @ coefficients[-1]))
            spread.append(np.diag(structure.inverse))
            base.append(structure.log_weight)
        left = np.maximum(squares, 1e-12 * max(float(values @ values), 1e-300))
        likelihood = np.array(base) - 0.5 * (n - k) * np.log(left)
        weights = np.exp(likelihood - likelihood.max())
        return Fit(
            self,
            values,
            coefficients=np.array(coefficients),
            errors=np.sqrt(np.array(spread) * (left / (n - k))[:, None]),
            weights=weights / weights.sum(),
            freedom=n - k,
            confidence=confidence,
        )

    @cached_property
    def _structures(self) -> list[_Structure]:
        import numpy as np

        distance = np.abs(np.subtract.outer(self.time, self.time))
        noise = np.diag(np.mean(self.size) / self.size)
        # No correlation at all has as much weight beforehand as any one correlation has over all shares.
        made = [_structure(noise, self.design, np.log(len(SHARES)))]
        for rho in CORRELATIONS:
            passed_on = rho**distance
            made += [
                _structure((1 - share) * noise + share * passed_on, self.design, 0.0) for share in SHARES
            ]
        return made


@dataclass(frozen=True, eq=False)
class _Structure:
    """One covariance of errors: its root, the design in its terms, and how likely it is but for the fit."""

    root: Floats
    design: Floats
    inverse: Floats
    log_weight: float

    def whiten(self, values: Floats) -> Floats:
        from scipy.linalg import solve_triangular

        found: Floats = solve_triangular(self.root, values, lower=True, check_finite=False)
        return found


def _structure(covariance: Floats, design: Floats, log_prior: float) -> _Structure:
    import numpy as np
    from scipy.linalg import solve_triangular

    root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    whitened = solve_triangular(root, design, lower=True, check_finite=False)
    cross = whitened.T @ whitened
    determinant = 2 * float(np.log(np.diag(root)).sum()) + float(np.linalg.slogdet(cross)[1])
    return _Structure(root, whitened, np.linalg.inv(cross), float(log_prior) - 0.5 * determinant)


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted series: coefficients and errors for each structure (grid × k), and how likely each is."""

    model: Segmented
    values: Floats
    coefficients: Floats
    errors: Floats
    weights: Floats
    freedom: int
    confidence: float

    def effect(self, column: int = EFFECT) -> Effect:
        """Return one coefficient with its interval, by default the mean effect after the change."""
        import numpy as np
        from scipy.special import stdtr

        means, errors = self.coefficients[:, column], self.errors[:, column]
        value = float(self.weights @ means)
        spread = float(np.sqrt(self.weights @ (errors**2 + (means - value) ** 2)))
        if not spread > 0:
            return Effect(value, value, value, 0.0 if value else 1.0, 0.0)

        def below(x: float) -> float:
            return float(self.weights @ stdtr(self.freedom, (x - means) / errors))

        tail = (1 - self.confidence) / 2
        low, high = (_root(below, share, value, spread) for share in (tail, 1 - tail))
        side = below(0.0)
        return Effect(value, low, high, min(1.0, 2 * min(side, 1 - side)), spread)

    @property
    def fitted(self) -> Floats:
        """The fitted value of each period."""
        import numpy as np

        return np.asarray(self.model.design @ (self.weights @ self.coefficients))

    @property
    def counterfactual(self) -> Floats:
        """What each period would have been without the change; before it the fitted value."""
        import numpy as np

        design = self.model.design.copy()
        design[:, [EFFECT, CHANGE_OF_TREND] if self.model.trend else [EFFECT]] = 0
        return np.asarray(design @ (self.weights @ self.coefficients))

    def newey_west(self) -> Effect:
        """Return the effect by least squares with Newey–West errors and Student's distribution."""
        import numpy as np
        from scipy.special import stdtr, stdtrit

        design, values = self.model.design, self.values
        coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
        places = (self.model.time - self.model.time[0]).astype(np.int64)
        whole, residuals = np.zeros((places[-1] + 1, design.shape[1])), np.zeros(places[-1] + 1)
        whole[places], residuals[places] = design, values - design @ coefficients
        error = float(np.sqrt(max(newey_west(whole, residuals)[EFFECT, EFFECT], 0.0)))
        value = float(coefficients[EFFECT])
        reach = float(stdtrit(self.freedom, 0.5 + self.confidence / 2)) * error
        p = 2 * float(stdtr(self.freedom, -abs(value) / error)) if error else float(value == 0)
        return Effect(value, value - reach, value + reach, p, error)


def _root(below: Callable[[float], float], share: float, start: float, scale: float) -> float:
    """Return where a distribution function reaches ``share``."""
    from scipy.optimize import brentq

    reach = 4.0
    while not below(start - reach * scale) < share < below(start + reach * scale):
        reach *= 2
    found: float = brentq(
        lambda x: below(x) - share,
        start - reach * scale,
        start + reach * scale,
        xtol=1e-9 * scale,
    )
    return found
