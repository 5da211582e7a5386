"""Stability: whether customers stay together when the classifier learns from other customers.

A clone of the classifier learns again on bootstrap samples of the customers and labels everybody;
its labels are compared with the original ones as a whole (adjusted Rand index, Hubert & Arabie 1985,
Journal of Classification 2:193–218) and class by class (the Jaccard similarity with the most similar
class of the refit, averaged over the samples: Hennig 2007, Computational Statistics & Data Analysis
52:258–271).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.labels import UNCLASSIFIED

if TYPE_CHECKING:
    import numpy as np

    from crmlab.estimators import Classifier

Word = Literal["fixed_rule", "unstable", "doubtful", "stable", "highly_stable", "unknown"]

LIMITS: tuple[tuple[float, Word], ...] = ((0.6, "unstable"), (0.75, "doubtful"), (0.85, "stable"))
"""Upper ends of Hennig's bands for the Jaccard similarity; above the last one: highly stable."""

FEWEST = 20
"""Below so many classified customers, and with one class only, there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Stability:
    """How much labels change when the classifier learns on resampled customers.

    ``ari`` is the mean adjusted Rand index of the refits with the original labels, ``ari_low`` and
    ``ari_high`` hold 95 % of them. ``jaccard`` has, per label with customers, the mean Jaccard
    similarity with the most similar class. ``fixed`` says that every refit learned the very same: the
    rule does not depend on who was there. All figures are NaN where there is nothing to measure.
    """

    ari: float
    ari_low: float
    ari_high: float
    jaccard: dict[str, float]
    resamples: int
    customers: int
    fixed: bool = False

    @property
    def word(self) -> Word:
        """The verdict on the least stable class."""
        if self.fixed:
            return "fixed_rule"
        return word(min(self.jaccard.values(), default=nan))


def word(jaccard: float) -> Word:
    """Return Hennig's word for a Jaccard similarity: unstable, doubtful, stable or highly stable."""
    if jaccard != jaccard:  # NaN
        return "unknown"
    for limit, name in LIMITS[:2]:
        if jaccard < limit:
            return name
    return "stable" if jaccard <= LIMITS[2][0] else "highly_stable"


def adjusted_rand(a: pl.Series, b: pl.Series) -> float:
    """Return how alike two labellings of the same customers are: 1 the same, 0 as by chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(_codes(a), _codes(b)))


def bootstrap_stability(
    classifier: Classifier, features: pl.DataFrame, resamples: int = 20, seed: int = 0, most: int = 5000
) -> Stability:
    """Refit a clone of a fitted ``classifier`` on bootstrap samples and compare its labels.

    ``features`` has one row per customer. Customers without a class are left out; of more than
    ``most`` a random sample is taken, so that the figures are those of learning on ``most``
    customers. What the classifier raises on a sample comes through.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    known = features.filter(classifier.predict(features) != UNCLASSIFIED.id)
    if known.height > most:
        known = known[np.sort(random.choice(known.height, most, replace=False))]
    original = classifier.predict(known)
    found = original.unique().sort().to_list()
    if known.height < FEWEST or len(found) < 2:
        return Stability(nan, nan, nan, dict.fromkeys(found, nan), 0, known.height)
    learned, same = learned_rule(classifier), True
    scores: list[float] = []
    overlaps: list[list[float]] = []
    for _ in range(resamples):
        rows = np.sort(random.integers(0, known.height, known.height))
        # A customer drawn twice is two customers.
        drawn = known[rows].with_columns(customer_id=pl.int_range(known.height).cast(pl.String))
        refit = fresh(classifier).fit(drawn)
        labels = refit.predict(known)
        same = same and same_rule(learned_rule(refit), learned)
        scores.append(adjusted_rand(original, labels))
        overlaps.append(_jaccard(original, labels))
    low, high = (float(end) for end in np.quantile(scores, [0.025, 0.975]))
    means = [fmean(column) for column in zip(*overlaps, strict=True)]
    jaccard = dict(zip(found, means, strict=True))
    return Stability(fmean(scores), low, high, jaccard, resamples, known.height, same)


def _codes(labels: pl.Series) -> np.ndarray[Any, np.dtype[Any]]:
    return labels.rank("dense").to_numpy()


def _jaccard(original: pl.Series, labels: pl.Series) -> list[float]:
    """Return the best Jaccard similarity of each original class with one of the refit, in order of ids."""
    pairs = pl.DataFrame({"a": original, "b": labels}).group_by("a", "b").len("both")
    inside = pl.col("both")
    union = inside.sum().over("a") + inside.sum().over("b") - inside
    best = pairs.with_columns(jaccard=inside / union).group_by("a").agg(pl.col("jaccard").max()).sort("a")
    return best["jaccard"].to_list()


def fresh(classifier: Classifier) -> Classifier:
    """Return an unfitted copy that decides no more what was decided by learning once, such as how many.

    ``settled_`` is where a classifier keeps such parameters: the question is whether these segments
    hold, with their number given, as Hennig's method has it.
    """
    return classifier.clone(**getattr(classifier, "settled_", {}))


def learned_rule(classifier: Classifier) -> dict[str, Any]:
    """Return what a classifier learned, without the mark that it did."""
    return {name: value for name, value in classifier.learned.items() if name != "fitted_"}


def same_rule(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Say whether two classifiers learned the same."""
    return a.keys() == b.keys() and all(_equal(value, b[name]) for name, value in a.items())


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, pl.DataFrame):
        return isinstance(b, pl.DataFrame) and a.equals(b)
    return bool(a == b)
