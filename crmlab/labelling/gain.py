"""How much better a corrected model is: cross-validated on the labelled rows, weighted back to all texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.errors import DataError
from crmlab.labelling.correction import Correction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 10
FEWEST = 40
"""Fewer labels than this say too little."""
FEWEST_OF_A_KIND = 8

_RESAMPLES = 2_000
_Z = 1.96
_TINY = 1e-6


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """What the correction changes on texts that it has not seen.

    ``before`` and ``after`` are the accuracy of the model and of the corrected model (share of texts on
    the right side of one half), ``accuracy`` their difference, ``surprise`` the fall of the mean log
    loss (nats per text). Each is weighted by one over the probability of being chosen, so that it
    speaks of all texts. The intervals of the differences come from a bootstrap of rows, both models on
    the same rows (Efron & Tibshirani 1993, ch. 13); ``better`` and ``worse`` count the rows that only
    one of the two gets right, ``p`` is the exact McNemar test on them.
    """

    n: int
    before: Estimate
    after: Estimate
    accuracy: Estimate
    surprise: Estimate
    better: int
    worse: int
    p: float

    @property
    def verdict(self) -> Literal["better", "likely", "none"]:
        """``better``: the interval of the gain in accuracy lies above 0.

        ``likely``: accuracy is not lower, and the interval of the log loss says that the probabilities
        improve. ``none``: neither, so the model stays as it is.
        """
        if self.accuracy.low > 0:
            return "better"
        if self.accuracy.value >= 0 and self.surprise.low > 0:
            return "likely"
        return "none"


def gain_of(labelled: pl.DataFrame) -> Gain:
    """Cross-validate a correction on labelled rows.

    ``labelled`` has ``text_id``, ``text``, ``positive_probability``, ``selection_probability`` and
    ``positive``. Raises DataError for fewer than ``FEWEST`` rows, or ``FEWEST_OF_A_KIND`` of one kind.
    """
    import numpy as np
    from scipy.stats import binomtest

    _enough(labelled)
    rows = labelled.sort("positive", "text_id")
    fold = np.arange(rows.height) % FOLDS
    corrected = np.zeros(rows.height)
    for k in range(FOLDS):
        rest, away = rows.filter(fold != k), rows.filter(fold == k)
        correction = Correction.fit(rest["text"], rest["positive_probability"], rest["positive"])
        corrected[fold == k] = correction.apply(away["text"], away["positive_probability"]).to_numpy()
    truth = rows["positive"].to_numpy()
    weights = 1 / rows["selection_probability"].to_numpy()
    model = rows["positive_probability"].to_numpy()
    before, after = ((p > 0.5) == truth for p in (model, corrected))
    surprise = _surprise(model, truth) - _surprise(corrected, truth)
    better, worse = int((after & ~before).sum()), int((before & ~after).sum())
    return Gain(
        n=rows.height,
        before=share(before, weights),
        after=share(after, weights),
        accuracy=_difference(after.astype(float) - before, weights),
        surprise=_difference(surprise, weights),
        better=better,
        worse=worse,
        p=float(binomtest(better, better + worse).pvalue) if better + worse else 1.0,
    )


def share(right: NDArray[np.bool_], weights: NDArray[np.float64]) -> Estimate:
    """Return the weighted share, its interval by linearisation (Särndal et al. 1992, 5.7) within 0–1."""
    import numpy as np

    value = float(np.average(right, weights=weights))
    n = len(right)
    reach = _Z * float(np.sqrt(n / (n - 1) * ((weights * (right - value)) ** 2).sum())) / float(weights.sum())
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def _difference(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Estimate:
    """Return the weighted mean with the percentiles of its bootstrap."""
    import numpy as np

    drawn = np.random.default_rng(0).integers(0, len(values), (_RESAMPLES, len(values)))
    means = (weights * values)[drawn].sum(1) / weights[drawn].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(np.average(values, weights=weights)), float(low), float(high))


def _surprise(probability: NDArray[np.float64], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    import numpy as np

    found: NDArray[np.float64] = -np.log(np.clip(np.where(truth, probability, 1 - probability), _TINY, 1))
    return found


def _enough(labelled: pl.DataFrame) -> None:
    positive = int(labelled["positive"].sum())
    fewer = min(positive, labelled.height - positive)
    if labelled.height < FEWEST or fewer < FEWEST_OF_A_KIND:
        raise DataError(
            f"{labelled.height} rows are labelled, {positive} positive and {labelled.height - positive} "
            f"negative; at least {FEWEST} are needed, and {FEWEST_OF_A_KIND} of each. Label more rows."
        )
