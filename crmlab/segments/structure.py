"""The null check: whether the same pipeline finds as much where there is nothing to find.

Two kinds of evidence, each against data in which nothing hangs together:

* Outcomes: do the labels tell customers apart in the days that follow, better than the same labels
  dealt out at random? The largest of the standardised effects on next spend (by ranks: Kruskal &
  Wallis 1952, JASA 47:583–621), return and category is compared with the largest under each
  permutation, so that three outcomes are one test (Westfall & Young 1993, Resampling-Based Multiple
  Testing, ch. 2).
* Inputs, for rules that learn from how inputs go together, as clusters do: do the classes explain
  more of the dispersion of the inputs than the classes that the same pipeline learns where each
  column is shuffled by itself? That is the question of the gap statistic (Tibshirani, Walther &
  Hastie 2001, JRSS B 63:411–423) with the reference that keeps every column's own distribution.

p-values are (r + 1)/(B + 1) (Phipson & Smyth 2010, SAGMB 9:39). Significance is not enough: an effect
below a floor is no structure, however many customers prove it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import nan
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.labels import Text
from crmlab.segments.separation import COLUMNS, FEWEST, Outcome, classified, joined_outcomes, short_history
from crmlab.segments.stability import fresh, learned_rule, same_rule
from crmlab.view.numbers import count
from crmlab.view.texts import say

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from crmlab.estimators import Classifier
    from crmlab.lab import Lab

    Array = np.ndarray[Any, np.dtype[Any]]

Verdict = Literal["structure", "no_structure", "unknown"]

OUTCOME_FLOOR = 0.01
"""Share of the variance of an outcome that classes must explain: Cohen's (1988) small effect."""
OUTCOME_ALPHA = 0.001
INPUT_FLOOR = 0.05
"""Share of the inputs' dispersion that classes must explain beyond those of shuffled inputs."""
INPUT_ALPHA = 0.05
INPUT_ERRORS = 4.0
"""Standard deviations of the shuffled refits that the input effect must reach as well."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An effect against what chance makes: the effect, its floor, its p-value, and the verdict.

    ``on`` is the outcome where the effect is clearest, or ``inputs``. ``draws`` counts permutations or
    refits.
    """

    on: Outcome | Literal["inputs"]
    effect: float
    floor: float
    p: float
    alpha: float
    draws: int
    customers: int

    @property
    def found(self) -> bool:
        """Whether the effect is beyond chance and large enough to matter."""
        return self.p <= self.alpha and self.effect >= self.floor


@dataclass(frozen=True, slots=True)
class Structure:
    """What the null check says: there is structure where either kind of evidence finds it."""

    outcomes: Evidence | None
    inputs: Evidence | None
    reason: Text | None = None

    @property
    def verdict(self) -> Verdict:
        """``structure``, ``no_structure``, or ``unknown`` where nothing could be tested."""
        evidence = [each for each in (self.outcomes, self.inputs) if each is not None]
        if not evidence:
            return "unknown"
        return "structure" if any(each.found for each in evidence) else "no_structure"


def null_check(
    lab: Lab,
    name: str,
    days: int = 90,
    permutations: int = 1999,
    refits: int = 19,
    seed: int = 0,
    shuffled: bool = False,
    **params: Any,
) -> Structure:
    """Learn ``name`` on the day ``days`` days before the study's, and check it against chance.

    With ``shuffled``, everything is done on data whose columns were shuffled one by one: the control,
    on which the verdict must be ``no_structure``.
    """
    if short := short_history(lab, days):
        return Structure(None, None, short)
    day = lab.study.as_of - timedelta(days=days)
    segmentation = lab.classify(name, as_of=day, learned_on=day, **params)
    classifier, features, labels = segmentation.classifier, segmentation.features, segmentation.labels
    if shuffled:
        features = permuted(features, seed + 1)
        classifier = classifier.clone().fit(features)
        labels = features.select("customer_id", classifier.predict(features))
    known = joined_outcomes(lab, labels, days)
    by_outcome = outcome_evidence(known, permutations, seed)
    by_input = input_evidence(classifier, features, refits, seed)
    reason = None
    if by_outcome is None:
        few = known.height < FEWEST
        reason = (
            say("segments_few", n=count(known.height), least=FEWEST) if few else say("segments_one_class")
        )
    return Structure(by_outcome, by_input, reason)


def permuted(features: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the features with each column but ``customer_id`` shuffled by itself.

    Every column keeps its values; that they belong to the same customer is lost.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    return features.with_columns(
        features[name][random.permutation(features.height)]
        for name in features.columns
        if name != "customer_id"
    )


def outcome_evidence(
    known: pl.DataFrame, permutations: int = 1999, seed: int = 0, most: int = 10_000
) -> Evidence | None:
    """Check labels against outcomes (the columns of ``Separation.known``) by permuting the labels.

    Customers without a class are left out; of more than ``most`` a random sample is taken. None for
    fewer than 30 customers, for one class, and where every outcome is the same for everybody.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    known = classified(known)
    if known.height > most:
        known = known[np.sort(random.choice(known.height, most, replace=False))]
    if known.height < FEWEST or known["label"].n_unique() < 2:
        return None
    codes = _codes(known["label"])
    effects = {
        outcome: effect
        for outcome, column in COLUMNS.items()
        if (effect := _effect(outcome, known[column], int(codes.max()) + 1)) is not None
    }
    if not effects:
        return None
    found = {outcome: effect(codes) for outcome, effect in effects.items()}
    clearest = max(found, key=lambda outcome: found[outcome][0])
    reached = 0
    for _ in range(permutations):
        dealt = random.permutation(codes)
        reached += max(effect(dealt)[0] for effect in effects.values()) >= found[clearest][0] - 1e-12
    p = (reached + 1) / (permutations + 1)
    share = found[clearest][1]
    return Evidence(clearest, share, OUTCOME_FLOOR, p, OUTCOME_ALPHA, permutations, known.height)


def input_evidence(
    classifier: Classifier, features: pl.DataFrame, refits: int = 19, seed: int = 0, most: int = 2000
) -> Evidence | None:
    """Check a fitted classifier against refits on features whose columns are shuffled.

    Of more than ``most`` customers a random sample is taken. None for rules that do not depend on how
    inputs go together (they learn the same from shuffled ones), and with fewer than two inputs.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    sample = features
    if sample.height > most:
        sample = sample[np.sort(random.choice(sample.height, most, replace=False))]
    inputs = [name for name in sample.columns if name != "customer_id" and _usable(sample[name])]
    if len(inputs) < 2 or sample.height < FEWEST:
        return None
    own = fresh(classifier).fit(sample)
    chance = []
    for draw in range(refits):
        dealt = permuted(sample, seed + 1000 + draw)
        refit = own.clone().fit(dealt)
        if same_rule(learned_rule(own), learned_rule(refit)):
            return None
        chance.append(explained_dispersion(dealt.select(inputs), refit.predict(dealt)))
    real = explained_dispersion(sample.select(inputs), own.predict(sample))
    effect = real - fmean(chance)
    p = (sum(value >= real for value in chance) + 1) / (refits + 1)
    floor = max(INPUT_FLOOR, INPUT_ERRORS * stdev(chance))
    return Evidence("inputs", effect, floor, p, INPUT_ALPHA, refits, sample.height)


def explained_dispersion(inputs: pl.DataFrame, labels: pl.Series) -> float:
    """Return the share of the dispersion of the inputs that lies between classes, the mean of columns.

    Numbers by eta² of their ranks, so that the scale does not matter; others by Goodman and Kruskal's
    tau (1954, JASA 49:732–764), which is the same for categories. Nulls are left out.
    """
    shares = []
    for name in inputs.columns:
        rows = pl.DataFrame({"label": labels, "value": inputs[name]}).drop_nulls()
        if rows["value"].n_unique() < 2:
            continue
        codes = _codes(rows["label"])
        value = rows["value"]
        if not value.dtype.is_numeric():
            shares.append(_tau(codes, _codes(value.cast(pl.String))))
        else:
            shares.append(_between(codes, _ranks(value)))
    return fmean(shares) if shares else nan


def _effect(outcome: Outcome, values: pl.Series, k: int) -> Callable[[Array], tuple[float, float]] | None:
    """Return a function from label codes to the standardised effect, and the bias-corrected share."""
    import numpy as np

    rows = values.is_not_null().arg_true().to_numpy()
    data = values.drop_nulls()
    n = len(data)
    if n < FEWEST or data.n_unique() < 2:
        return None
    if outcome == "category":
        classes = _codes(data)
        c = int(classes.max()) + 1

        def by_class(codes: Array) -> tuple[float, float]:
            table = np.bincount(codes[rows] * c + classes, minlength=k * c).reshape(k, c).astype(float)
            expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
            used = int((table.sum(axis=1) > 0).sum())
            phi2 = float((table**2 / np.where(expected > 0, expected, 1.0)).sum()) / n - 1
            if used < 2:
                return 0.0, 0.0
            free = (used - 1) * (c - 1)
            return phi2 * (n - 1) / free, max(0.0, (phi2 - free / (n - 1)) / (min(used, c) - 1))

        return by_class
    numbers = _ranks(data) if outcome == "spend" else data.cast(pl.Float64).to_numpy()

    def by_mean(codes: Array) -> tuple[float, float]:
        share = _between(codes[rows], numbers)
        used = len(np.unique(codes[rows])) if n < len(codes) else k
        corrected = 1 - (1 - share) * (n - 1) / max(n - used, 1)
        return share * (n - 1) / max(used - 1, 1), max(0.0, corrected)

    return by_mean


def _between(codes: Array, numbers: Array) -> float:
    """Return eta²: the share of the variance that lies between classes."""
    import numpy as np

    centred = numbers - numbers.mean()
    sizes = np.bincount(codes)
    sums = np.bincount(codes, weights=centred)
    return float((sums**2 / np.maximum(sizes, 1)).sum() / (centred @ centred))


def _tau(codes: Array, classes: Array) -> float:
    import numpy as np

    r, c = int(codes.max()) + 1, int(classes.max()) + 1
    table = np.bincount(codes * c + classes, minlength=r * c).reshape(r, c) / len(codes)
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0)
    impurity = 1 - float((columns**2).sum())
    within = float((table**2 / np.where(rows > 0, rows, 1)).sum())
    return (within - float((columns**2).sum())) / impurity


def _usable(values: pl.Series) -> bool:
    plain = values.dtype.is_numeric() or values.dtype in (pl.String, pl.Boolean)
    return plain and values.drop_nulls().n_unique() > 1


def _ranks(values: pl.Series) -> Array:
    return values.rank("average").to_numpy()


def _codes(values: pl.Series) -> Array:
    import numpy as np

    return values.rank("dense").to_numpy().astype(np.int64) - 1
