"""A channel's own calibration: log-odds stretched and shifted to what its customers scored.

Two numbers per channel by logistic regression (Platt 1999, "Probabilistic outputs for support vector
machines"), only where enough customers gave a text and a score of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from crmlab.labelling.correction import CERTAIN
from crmlab.voice.sentiment import satisfied

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST = 100
"""So many scored texts must a channel have."""

FEWEST_OF_A_KIND = 20
"""So many of them satisfied, and so many dissatisfied."""

NO_CHANNEL = ""
"""Under this name stand the rows without a channel."""


def scales_of(feedback: pl.DataFrame, probabilities: pl.Series) -> dict[str, list[float]]:
    """Return channel → slope and intercept, for the channels with enough scores.

    Reads ``score``, ``scale`` and ``channel`` of the feedback table; without the first two there is
    nothing to learn. A slope below zero, scores that contradict their texts, is not used.
    """
    from sklearn.linear_model import LogisticRegression

    if not {"score", "scale"} <= set(feedback.columns):
        return {}
    rows = feedback.select("score", "scale").with_columns(
        _channel(feedback), satisfied(feedback), probability=probabilities
    )
    rows = rows.drop_nulls(["satisfied", "probability"])
    found = {}
    for (channel,), part in sorted(rows.group_by("channel", maintain_order=True)):
        pleased = int(part["satisfied"].sum())
        if part.height < FEWEST or min(pleased, part.height - pleased) < FEWEST_OF_A_KIND:
            continue
        ordered = part.sort("probability", "satisfied")  # the sum does not depend on the order of rows
        model = LogisticRegression(C=1e3).fit(
            _log_odds(ordered["probability"])[:, None], ordered["satisfied"].to_numpy()
        )
        slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
        if slope > 0:
            found[str(channel)] = [round(slope, 4), round(intercept, 4)]
    return found


def recalibrated(
    feedback: pl.DataFrame, probabilities: pl.Series, scales: Mapping[str, list[float]]
) -> pl.Series:
    """Return the probabilities with those of the learned channels stretched and shifted."""
    import numpy as np

    channel = _channel(feedback).to_list()
    two = np.array([scales.get(name, (np.nan, np.nan)) for name in channel]).reshape(-1, 2)
    moved = 1 / (1 + np.exp(-(_log_odds(probabilities) * two[:, 0] + two[:, 1])))
    return pl.Series(probabilities.name, moved).fill_nan(None).fill_null(probabilities)


def _channel(feedback: pl.DataFrame) -> pl.Series:
    if "channel" not in feedback.columns:
        return pl.repeat(NO_CHANNEL, feedback.height, eager=True).alias("channel")
    return feedback["channel"].cast(pl.String).fill_null(NO_CHANNEL).alias("channel")


def _log_odds(probabilities: pl.Series) -> NDArray[np.float64]:
    import numpy as np

    p = np.clip(probabilities.fill_null(float("nan")).to_numpy(), CERTAIN, 1 - CERTAIN)
    found: NDArray[np.float64] = np.log(p / (1 - p))
    return found
