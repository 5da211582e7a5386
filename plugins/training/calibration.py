"""Calibrate scores on what the scoring model has not seen, and choose how far a base rate shifts them.

Platt's two numbers: a user's texts come from a trade that is not in the corpus, so the computer reviews
are scored by a model without computers, and each fifth of the written opinions by a model without them.
Books and hotels are not scored for this: their lines are pieces of longer reviews, and in the books nearly
all short pieces are negative and nearly all long ones positive, which is how the file was made, not what
people write.

The strength of the base rate's shift (:mod:`crmlab_plugins.sentiment.base_rate`): each trade in turn, and
the written opinions, are strange to a model and to its calibration. Texts are drawn from them at base rates
from 0.1 to 0.9, and the strength with the smallest mean calibration error is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from fitting import FOLDS, Examples, Fitted, Vector
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from crmlab_plugins.sentiment.base_rate import share_positive, shift_for, shifted

UNSEEN_TRADE = "computer"
TRADE_SHARE = 2 / 3
"""What the reviews of that trade weigh in the calibration; the rest are short sentences."""

INSTEAD = "hotel"
"""Calibrates where the computers themselves are what is strange."""

OPINIONS = "written opinions"
RATES = tuple(round(0.1 * k, 1) for k in range(1, 10))
SIZES = {200: 4, 1_000: 4, 5_000: 1}
"""How many texts are drawn (fewer where there are not enough), and how often."""

STRENGTHS = tuple(round(0.1 * k, 1) for k in range(13))


def platt(examples: Examples, trade: str = UNSEEN_TRADE, share: float = TRADE_SHARE) -> tuple[float, float]:
    """Fit slope and intercept on a trade, and on written opinions, that the scoring models have not seen."""
    of_trade = examples.trades == trade
    opinions = examples.folds >= 0
    parts = [(of_trade, share), (opinions, 1 - share)]
    away = [of_trade, *(examples.folds == fold for fold in range(FOLDS) if share < 1)]
    scores, weights = _scores(examples, away), np.zeros(len(examples.labels))
    for part, weight in parts:
        for label in (0, 1):
            chosen = part & (examples.labels == label)
            weights[chosen] = weight * examples.weights[chosen] / examples.weights[chosen].sum()
    used = weights > 0
    fitted = LogisticRegression(C=1e6).fit(
        scores[used][:, None], examples.labels[used], weights[used] * of_trade.sum()
    )
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _scores(examples: Examples, parts: list[NDArray[np.bool_]]) -> Vector:
    """Return the score of each text of the parts by a model without its part; 0 elsewhere."""
    scores = np.zeros(len(examples.labels))
    for away in parts:
        scores[away] = Fitted.on(examples.only(~away)).scores(examples.only(away).texts)
    return scores


def strange(examples: Examples) -> Iterator[tuple[str, Vector, Vector]]:
    """Return each trade and the opinions: name, probabilities of models that never saw it, labels."""
    for trade in sorted(set(examples.trades[examples.folds < 0])):
        away = examples.trades == trade
        slope, shift = platt(examples.only(~away), INSTEAD if trade == UNSEEN_TRADE else UNSEEN_TRADE)
        yield trade, _sigmoid(slope * _scores(examples, [away])[away] + shift), examples.labels[away]
    opinions = examples.folds >= 0
    scores = _scores(examples, [examples.folds == fold for fold in range(FOLDS)])[opinions]
    slope, shift = platt(examples, share=1)
    yield OPINIONS, _sigmoid(slope * scores + shift), examples.labels[opinions]


def strengths(examples: Examples) -> dict[str, Any]:
    """Return the mean calibration error for each strength, over sets, base rates and sizes, and the best."""
    random = np.random.default_rng(0)
    errors: dict[str, Vector] = {}
    for name, probabilities, labels in strange(examples):
        of_size = []
        for size, times in SIZES.items():
            drawn = [
                _drawn(probabilities, labels, rate, size, random) for rate in RATES for _ in range(times)
            ]
            of_size.append(np.mean([_errors(*texts) for texts in drawn], axis=0))
        errors[name] = np.mean(of_size, axis=0)
    mean = np.mean(list(errors.values()), axis=0)
    return {
        "strength": STRENGTHS[int(mean.argmin())],
        "chosen_on": "trades and written opinions strange to the model and its calibration, drawn at base "
        "rates from 0.1 to 0.9, 200 to 5,000 texts a time; no evaluation text",
        "mean_ece_by_strength": {
            name: dict(zip(map(str, STRENGTHS), np.round(found, 4).tolist(), strict=True))
            for name, found in [*errors.items(), ("mean", mean)]
        },
    }


def _drawn(
    probabilities: Vector, labels: Vector, rate: float, size: int, random: np.random.Generator
) -> tuple[Vector, Vector]:
    """Draw at most ``size`` texts without repetition, of which the share ``rate`` is positive."""
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    n = int(min(len(positive) / rate, len(negative) / (1 - rate), size))
    k = round(n * rate)
    chosen = np.concatenate((random.permutation(positive)[:k], random.permutation(negative)[: n - k]))
    return probabilities[chosen], labels[chosen]


def _errors(probabilities: Vector, labels: Vector) -> Vector:
    share = share_positive(probabilities)
    return np.array(
        [calibration_error(shifted(probabilities, shift_for(share, by)), labels) for by in STRENGTHS]
    )


def calibration_error(probabilities: Vector, labels: Vector) -> float:
    """Return the expected calibration error over ten bins of equal width."""
    bins = np.minimum((probabilities * 10).astype(int), 9)
    gaps = [
        abs(probabilities[bins == k].mean() - labels[bins == k].mean()) * (bins == k).mean()
        for k in np.unique(bins)
    ]
    return float(sum(gaps))


def _sigmoid(log_odds: Vector) -> Vector:
    return 1 / (1 + np.exp(-log_odds))
