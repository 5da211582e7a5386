"""Learned segmentations of columns that are all numbers."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Literal

import numpy as np
import polars as pl

from crmlab.labels import Text
from crmlab_plugins.learned import preparation
from crmlab_plugins.learned.base import Learned, State
from crmlab_plugins.learned.preparation import Matrix


class Numeric(Learned):
    """Prepares its inputs unless ``prepare`` is ``none``, which warns.

    See :func:`crmlab_plugins.learned.preparation.learn` for what ``auto`` does; the definition lists it.
    """

    prepare: Literal["auto", "none"] = "auto"

    def preparation(self) -> pl.DataFrame:
        """Return what was done to each input: ``name_zh``, ``name_en``, ``step_zh``, ``step_en``."""
        return preparation.table(getattr(self, "steps_", []))

    def _prepare(self, rows: pl.DataFrame) -> None:
        preparation.check_numeric(rows, self.inputs, type(self).__name__)
        if self.prepare == "none" and len(self.inputs) > 1:
            warn_unprepared(type(self).__name__, self.inputs)
        self.steps_ = preparation.learn(rows, self.inputs, self.prepare == "auto")

    def _encode(self, rows: pl.DataFrame) -> Matrix:
        return preparation.apply(rows, self.steps_)

    def _prepared_words(self) -> Text:
        if self.prepare == "none" and len(self.inputs) > 1:
            return Text(
                "注意：未作数据准备，数值最大的列几乎单独决定分群。",
                "Caution: inputs are unprepared, so the one with the largest numbers decides nearly alone.",
            )
        return preparation.words(self.steps_)


@cache
def warn_unprepared(who: str, inputs: tuple[str, ...]) -> None:
    """Warn once, for a report learns again from many resamples what it learned once."""
    warnings.warn(
        f"{who} learns from unprepared inputs ({', '.join(inputs)}): the one with the largest numbers "
        "decides nearly alone. Leave `prepare` at auto to scale them.",
        stacklevel=6,
    )


def to_centres(state: State, matrix: Matrix) -> Matrix:
    """Return negative squared distances to ``centres``, column by column: one row alone is as among all."""
    centres = np.asarray(state["centres"], dtype=np.float64)
    squares = np.zeros((len(matrix), len(centres)))
    for column in range(matrix.shape[1]):
        squares += (matrix[:, column, None] - centres[None, :, column]) ** 2
    return -squares
