"""Whether two questions have to do with each other: tests of a table of counts, and which cells differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from crmlab.intervals import z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

Test = Literal["chi_square", "fisher", "fisher_sampled", "none"]

_SEED = 20130801
_TABLES = 9_999
"""Tables drawn for Fisher's test beyond two by two: the p-value is then sure to about 0.002 at 0.05."""
_RESAMPLES = 1_000
_EXPECTED, _SMALL_SHARE = 5.0, 0.2


@dataclass(frozen=True)
class Association:
    """One table of counts tested for independence.

    ``test`` is Pearson's chi-square, or Fisher's exact test where expected counts are small: below 1
    anywhere or below 5 in more than a fifth of the cells (Cochran 1954, Biometrics 10:417–451). ``v`` is
    Cramér's V with its 95 % interval.
    """

    test: Test
    statistic: float
    freedom: int
    p_value: float
    v: Estimate
    n: int


def association(counts: ArrayLike) -> Association:
    """Test a table of counts (rows × columns); empty rows and columns are left out."""
    import numpy as np
    from scipy.special import chdtrc

    table = _trimmed(counts)
    n = int(table.sum())
    if min(table.shape) < 2:
        return Association("none", float("nan"), 0, float("nan"), UNKNOWN, n)
    expected = _expected(table)
    statistic = float((np.square(table - expected) / expected).sum())
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    few = expected.min() < 1 or (expected < _EXPECTED).mean() > _SMALL_SHARE
    if not few:
        test: Test = "chi_square"
        p_value = float(chdtrc(freedom, statistic))
    else:
        test = "fisher" if table.shape == (2, 2) else "fisher_sampled"
        p_value = fisher(table)
    return Association(test, statistic, freedom, p_value, cramers_v(table), n)


def fisher(counts: ArrayLike) -> float:
    """Return the p-value of Fisher's exact test.

    Two by two it is exact (Fisher 1935, The Design of Experiments). Beyond that it is the test of Freeman
    & Halton (1951, Biometrika 38:141–149) over 9,999 random tables with the same margins, always the
    same ones.
    """
    import numpy as np
    from scipy.stats import MonteCarloMethod, fisher_exact

    table = _trimmed(counts).astype(np.int64)
    if table.shape == (2, 2):
        return float(fisher_exact(table).pvalue)
    method = MonteCarloMethod(n_resamples=_TABLES, rng=np.random.default_rng(_SEED))
    return float(fisher_exact(table, method=method).pvalue)


def cramers_v(counts: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return Cramér's V, bias-corrected, and its bootstrap interval.

    The correction is Bergsma's (2013, Journal of the Korean Statistical Society 42:323–328): without it
    small tables look associated. A resample has the chance association of the sample and its own, so
    it is corrected twice; the interval has the percentiles of 1,000 multinomial resamples (Efron &
    Tibshirani 1993, chapter 13), always the same ones.
    """
    import numpy as np

    table = _trimmed(counts)
    n = int(table.sum())
    if min(table.shape) < 2 or n < 2:
        return UNKNOWN
    drawn = np.random.default_rng(_SEED).multinomial(n, (table / n).ravel(), size=_RESAMPLES)
    resampled = _corrected(drawn.reshape(_RESAMPLES, *table.shape).astype(np.float64), times=2)
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    value = float(_corrected(table[None], times=1)[0])
    return Estimate(value, min(float(low), value), max(float(high), value))


def adjusted_residuals(counts: ArrayLike) -> Floats:
    """Return how far each cell is from independence, in standard errors (Haberman 1973, Biometrics 29).

    Above about 2 a cell has more than chance would make it, below −2 fewer, before one counts how many
    cells were looked at. NaN in an empty row or column, and where one has everybody.
    """
    import numpy as np

    table = np.asarray(counts, dtype=np.float64)
    n = table.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
        expected = rows * columns / n
        found: Floats = (table - expected) / np.sqrt(expected * (1 - rows / n) * (1 - columns / n))
    found[~np.isfinite(found)] = np.nan
    return found


def residual_p_values(residuals: Floats) -> Floats:
    """Return the two-sided p-value of each residual, adjusted for all cells after Holm; NaN stays NaN."""
    import numpy as np
    from scipy.special import ndtr

    flat = residuals.ravel()
    known = np.isfinite(flat)
    found = np.full(len(flat), np.nan)
    found[known] = holm((2 * ndtr(-np.abs(flat[known]))).tolist())
    return found.reshape(residuals.shape)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return each p-value adjusted for how many there are, in the given order (Holm 1979, Scand. J. Stat. 6).

    Whatever is below 0.05 then is found with at most a 5 % chance that anything among it is by chance.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def difference_test(first: Estimate, second: Estimate) -> tuple[Estimate, float]:
    """Return ``second`` less ``first`` with its interval, and a two-sided p-value.

    For independent figures with 95 % intervals: the interval recovers the variances from the ends (Zou &
    Donner 2008, Statistics in Medicine 27:1693–1702), the p-value takes the wider side of each.
    """
    from math import erfc, sqrt

    value = second.value - first.value
    below = sqrt((second.value - second.low) ** 2 + (first.high - first.value) ** 2)
    above = sqrt((second.high - second.value) ** 2 + (first.value - first.low) ** 2)
    side = below if value > 0 else above
    p_value = erfc(abs(value) / side * z_value(0.95) / sqrt(2)) if side else float(value == 0)
    return Estimate(value, value - below, value + above), p_value


def _trimmed(counts: ArrayLike) -> Floats:
    import numpy as np

    table = np.asarray(counts, dtype=np.float64)
    table = table[table.sum(axis=1) > 0]
    trimmed: Floats = table[:, table.sum(axis=0) > 0] if table.size else table.reshape(0, 0)
    return trimmed


def _expected(table: Floats) -> Floats:
    expected: Floats = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return expected


def _corrected(tables: Floats, times: int) -> Any:
    """Return V of each table, corrected for the chance association of ``times`` draws."""
    import numpy as np

    n = tables[0].sum()
    rows = tables.sum(axis=2, keepdims=True)
    columns = tables.sum(axis=1, keepdims=True)
    expected = rows * columns / n
    parts = np.divide((tables - expected) ** 2, expected, out=np.zeros_like(tables), where=expected > 0)
    phi2 = parts.sum(axis=(1, 2)) / n
    r, c = tables.shape[1:]
    free = (r - 1) * (c - 1)
    most = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    if most <= 0:
        return np.full(len(tables), np.nan)
    return np.sqrt(np.clip((phi2 - times * free / (n - 1)) / most, 0.0, 1.0))
