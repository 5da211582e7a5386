"""Ways to say how much a measure changed a figure, one by one; :mod:`evaluation` says which is primary."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmlab.improvement.panel import Panel, Series
from crmlab.improvement.segmented import YEAR, Effect, Fit, Segmented

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_GROUPS = 3
"""Groups left alone that a comparison of changes needs to know how much changes differ by themselves."""


def segmented(panel: Panel, confidence: float, *, compared: bool, adjusted: bool = True) -> Fit:
    """Fit the segmented regression of the measure's series, or of its difference to the groups left alone.

    ``adjusted`` restates every series to its mix after the start. The yearly wave is fitted where the records
    before the start hold a year.
    """
    import numpy as np

    values, size = _values(panel, panel.own, adjusted=adjusted), panel.own.size
    if compared and panel.others:
        comparison, weight = together(panel, adjusted=adjusted)
        values = values - comparison
        with np.errstate(divide="ignore"):
            size = 1 / (1 / size + 1 / weight)
    known = np.isfinite(values) & (size > 0)
    time = panel.time[known]
    season = float(np.count_nonzero(time < 0)) * panel.days >= YEAR - panel.days
    return Segmented(time, size[known], panel.days, season=season).fit(values[known], confidence)


def together(panel: Panel, *, adjusted: bool = True) -> tuple[Floats, Floats]:
    """Return the mean series of the groups left alone around its level before, and what it rests on.

    Each group counts by its observations, without its own level, so that a change of their proportions is no
    change of the mean.
    """
    import numpy as np

    before = ~panel.after
    total, weight = np.zeros(len(panel.time)), np.zeros(len(panel.time))
    for other in panel.others.values():
        values, size = _values(panel, other, adjusted=adjusted), other.size
        base = size * before * np.isfinite(values)
        if not base.sum():
            continue
        level = float(np.nansum(base * np.nan_to_num(values)) / base.sum())
        total += size * np.nan_to_num(values - level)
        weight += size
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan), weight


def before_after(panel: Panel, confidence: float, *, adjusted: bool) -> Effect:
    """Return the mean after less that of as many periods before.

    Periods are the units of the standard error (a linearised ratio, Cochran 1977, Sampling Techniques,
    chapter 6); neither trend, season nor autocorrelation is allowed for.
    """
    after, window = panel.after, panel.window
    values, size = _values(panel, panel.own, adjusted=adjusted), panel.own.size
    parts = [_mean(values[chosen], size[chosen]) for chosen in (after, window)]
    value = parts[0][0] - parts[1][0]
    return _student(value, parts[0][1] + parts[1][1], parts[0][2] + parts[1][2] - 2, confidence)


def year_before(panel: Panel, confidence: float) -> Effect | None:
    """Return the mean change against the same period a year before, after the start less before it.

    The difference to a year before holds no season and no straight trend, whatever the shape of the season;
    errors are those of a level that changes, correlation allowed for. None without six such periods before
    the start.
    """
    import numpy as np

    lag = round(YEAR / panel.days)
    values, size = _values(panel, panel.own, adjusted=True), panel.own.size
    if len(values) <= lag:
        return None
    difference, time = values[lag:] - values[:-lag], panel.time[lag:]
    with np.errstate(divide="ignore"):
        weight = 1 / (1 / size[lag:] + 1 / size[:-lag])
    known = np.isfinite(difference) & (weight > 0) & (panel.time[:-lag] < 0)
    time, difference, weight = time[known], difference[known], weight[known]
    if np.count_nonzero(time < 0) < 6 or np.count_nonzero(time >= 0) < 4:
        return None
    model = Segmented(time, weight, panel.days, season=False, trend=False)
    return model.fit(difference, confidence).effect()


def differences(panel: Panel, confidence: float) -> Effect | None:
    """Return the change of the measure's group less the mean change of the groups left alone.

    Difference-in-differences of as many periods before the start as after it, at one mix. Each group gives
    one change, so that correlation within a group does not matter; how much changes differ by themselves is
    seen from the groups left alone, each by its size (Donald & Lang 2007, Review of Economics and Statistics
    89:221–233), with Student's distribution. None with fewer than three such groups.
    """
    import numpy as np

    own = _change(panel, panel.own)
    found = [change for change in (_change(panel, each) for each in panel.others.values()) if change]
    if own is None or len(found) < FEWEST_GROUPS:
        return None
    changes, variances = (np.array(part) for part in zip(*found, strict=True))
    weights = 1 / variances
    mean = float(weights @ changes / weights.sum())
    freedom = len(found) - 1
    scale = float(weights @ (changes - mean) ** 2) / freedom
    return _student(own[0] - mean, scale * (own[1] + 1 / float(weights.sum())), freedom, confidence)


def _change(panel: Panel, series: Series) -> tuple[float, float] | None:
    """Return the change of a group and its relative variance; None without data on both sides."""
    after, window = panel.after, panel.window
    size = series.size
    if not size[after].sum() or not size[window].sum():
        return None
    values = _values(panel, series, adjusted=True)
    change = _mean(values[after], size[after])[0] - _mean(values[window], size[window])[0]
    return change, 1 / float(size[after].sum()) + 1 / float(size[window].sum())


def _values(panel: Panel, series: Series, *, adjusted: bool) -> Floats:
    return series.adjusted(panel.after) if adjusted and series.size[panel.after].sum() else series.raw


def _mean(values: Floats, size: Floats) -> tuple[float, float, int]:
    """Return the mean by size, its variance with periods as units, and how many there are."""
    import numpy as np

    known = size > 0
    values, size = values[known], size[known]
    n = len(values)
    if n < 2:
        return (float(values[0]) if n else nan), nan, n
    mean = float(values @ size / size.sum())
    return mean, float(np.square(size * (values - mean)).sum()) / float(size.sum()) ** 2 * n / (n - 1), n


def _student(value: float, variance: float, freedom: int, confidence: float) -> Effect:
    from math import sqrt

    from scipy.special import stdtr, stdtrit

    if not variance > 0 or freedom < 1:
        return Effect(value)
    error = sqrt(variance)
    reach = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    return Effect(value, value - reach, value + reach, 2 * float(stdtr(freedom, -abs(value) / error)), error)
