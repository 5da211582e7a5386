"""Random numbers: an independent stream per subject, so that more of one thing changes no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SUBJECTS = (
    *("people", "details", "lives", "orders", "amounts", "lines", "campaigns", "records"),
    *("interactions", "complaints", "surveys", "reviews", "texts", "dirt"),
    "handling",
)


@dataclass(frozen=True)
class Draws:
    """The streams of one block of customers; equal seeds give equal numbers."""

    seed: int
    block: int

    def __getitem__(self, subject: str) -> np.random.Generator:
        """Return the stream of a subject, from its beginning."""
        place = (self.block, SUBJECTS.index(subject))
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=place)))


def weighted(rng: np.random.Generator, weights: Sequence[float] | Floats, size: int) -> Ints:
    """Draw ``size`` places in ``weights`` with chances in their proportion."""
    chances = np.cumsum(np.asarray(weights, dtype=float))
    return np.searchsorted(chances / chances[-1], rng.random(size), side="right").astype(np.int64)


def pick(rng: np.random.Generator, values: Sequence[str] | Mapping[str, int], size: int) -> pl.Series:
    """Draw texts: with equal chances, or with those that a mapping gives."""
    if isinstance(values, Mapping):
        return pl.Series(list(values), dtype=pl.String).gather(weighted(rng, list(values.values()), size))
    return pl.Series(list(values), dtype=pl.String).gather(rng.integers(0, len(values), size))


def sometimes(rng: np.random.Generator, values: pl.Series, share: float) -> pl.Series:
    """Leave each value in place with the chance ``share``, and null otherwise."""
    return pl.select(
        pl.when(pl.lit(pl.Series(rng.random(len(values)) < share))).then(pl.lit(values))
    ).to_series()
