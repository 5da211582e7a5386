"""What is known of customers beside their purchases, as static covariates of a process.

Fader & Hardie 2007, "Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models"
(note 019): with z the covariates of a customer, ``alpha`` becomes alpha · exp(−γ'z), and parameters of the
dropout such as ``a`` and ``b`` become a · exp(γ'z), each with its own γ. A positive γ of ``alpha`` means
that such customers buy more often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.fitting import (
    FittableProcess,
    Histories,
    fit_histories,
    inverse_information,
)
from crmlab_plugins.lifetime.maximise import FARTHEST, maximise
from crmlab_plugins.lifetime.processes import Process
from crmlab_plugins.lifetime.verdicts import unsure_of, verdict_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEP = 0.25
"""Numbers are used in quarters of their standard deviation, so that customers share histories; rounding so
weakens an effect by half a per cent."""

MOST_DEVIATIONS = 5.0
"""A number further from the mean counts as so far, lest a typing error makes somebody buy every second."""

MOST_LEVELS = 50
KEPT_PATTERNS = 50

P = TypeVar("P", bound=Process)
F = TypeVar("F", bound=FittableProcess)


@dataclass(frozen=True)
class Coding:
    """How columns become numbers; learned once and used for whoever comes later.

    ``columns`` are, in order, ``{"name", "mean", "deviation"}`` of a number, which is standardised, or
    ``{"name", "levels"}`` of a text, whose first level (the most frequent) is the baseline and whose others
    have a dummy each. A missing number counts as the mean, a missing or unseen level as the baseline.
    """

    columns: list[dict[str, Any]]

    @classmethod
    def learn(cls, features: pl.DataFrame, names: Sequence[str]) -> Coding:
        """Learn the coding; columns with no or one value tell nothing and are left out.

        Raises ParamsError for a column that has too many levels.
        """
        learned: list[dict[str, Any]] = []
        for name in names:
            if features[name].dtype.is_numeric():
                values = _finite(features[name]).drop_nulls()
                if values.n_unique() > 1:
                    learned.append({"name": name, "mean": values.mean(), "deviation": values.std()})
                continue
            counts = features[name].drop_nulls().cast(str).value_counts()
            counts = counts.sort(["count", name], descending=[True, False])
            if counts.height > MOST_LEVELS:
                raise ParamsError(
                    f"The covariate {name!r} has {counts.height} levels; up to {MOST_LEVELS} can be used. "
                    "Leave it out of covariates, or group its values before the study."
                )
            if counts.height > 1:
                learned.append({"name": name, "levels": counts[name].to_list()})
        return cls(learned)

    @property
    def terms(self) -> list[str]:
        """The names of the columns of :meth:`encode`."""
        return [
            term
            for column in self.columns
            for term in (
                [f"{column['name']}={level}" for level in column["levels"][1:]]
                if "levels" in column
                else [str(column["name"])]
            )
        ]

    def encode(self, features: pl.DataFrame) -> Floats:
        """Return the covariates, shape (customers, terms)."""
        import numpy as np

        made: list[Floats] = []
        for column in self.columns:
            values = features[column["name"]]
            if "levels" in column:
                words = values.cast(str).fill_null(column["levels"][0]).to_numpy()
                made += [(words == level).astype(np.float64) for level in column["levels"][1:]]
            else:
                scaled = (_finite(values) - column["mean"]) / column["deviation"]
                near = scaled.fill_null(0.0).clip(-MOST_DEVIATIONS, MOST_DEVIATIONS).to_numpy()
                made.append(np.rint(near / STEP) * STEP)
        return np.round(np.stack(made, axis=1), 6).astype(np.float64)

    def unknown(self, features: pl.DataFrame) -> dict[str, int]:
        """Return column → how many customers have no value, or a level that was not there to learn from."""
        found = {}
        for column in self.columns:
            values = features[column["name"]]
            if "levels" in column:
                missing = values.len() - int(values.cast(str).is_in(column["levels"]).sum())
            else:
                missing = _finite(values).null_count()
            if missing:
                found[str(column["name"])] = missing
        return found


def _finite(values: pl.Series) -> pl.Series:
    """Return numbers as Float64, those that are none as null."""
    import polars as pl

    numbers = values.cast(pl.Float64)
    return numbers.set(~numbers.is_finite(), None)


def said_of_unused(names: Sequence[str]) -> Text:
    """Say in words which covariates :meth:`Coding.learn` left out."""
    return Text(
        f"以下协变量没有取值，或所有客户取值相同，未使用：{'、'.join(names)}。",
        "These covariates have no value, or the same for all customers, and are left out: "
        f"{', '.join(names)}.",
    )


def said_of_unknown(found: Mapping[str, int]) -> Text:
    """Say in words what :meth:`Coding.unknown` found."""
    return Text(
        "部分客户的协变量缺失或取值未曾出现过，按基准水平（数值按均值）处理："
        + "、".join(f"{name} {count} 人" for name, count in found.items())
        + "。",
        "Some customers have no value of a covariate, or one that was not there to learn from; they count "
        "as the baseline (numbers as the mean): "
        + ", ".join(f"{name} {count} customers" for name, count in found.items())
        + ".",
    )


@dataclass(frozen=True, kw_only=True)
class CovariateFit(Generic[P]):
    """An estimated process with covariates.

    ``estimate`` holds the logarithms of the parameters of a customer whose covariates are all 0, then γ per
    shifted parameter and term; ``covariance`` is its covariance. ``shifts`` gives the sign of each shifted
    parameter. ``patterns`` are those of at most 50 evenly chosen customers, with weights that sum to 1: who
    "a new customer" is. Times are in the unit of the histories.
    """

    process: type[P]
    shifts: dict[str, int]
    terms: list[str]
    estimate: list[float]
    covariance: list[list[float]] = field(repr=False)
    patterns: list[list[float]] = field(repr=False)
    shares: list[float] = field(repr=False)
    log_likelihood: float
    customers: int
    purchases: float
    evaluations: int
    verdict: Text | None = None

    def at(self, pattern: Floats, drawn: Floats | None = None) -> P:
        """Return the process of customers with these covariates, of shape (terms,), as estimated or drawn."""
        import numpy as np

        given = np.array(self.estimate) if drawn is None else drawn
        logs = _design(self.process, self.shifts, pattern) @ given
        return self.process(**dict(zip(self.process.names, map(float, np.exp(logs)), strict=True)))

    def of_each(self, covariates: Floats, drawn: Floats | None = None) -> P:
        """Return the process of customers with parameters of their own; covariates (customers, terms)."""
        import numpy as np

        given = np.array(self.estimate) if drawn is None else drawn
        count, terms = len(self.process.names), len(self.terms)
        logs = np.repeat(given[:count, None], len(covariates), axis=1)
        for at, (name, sign) in enumerate(self.shifts.items()):
            effects = given[count + at * terms : count + (at + 1) * terms]
            logs[self.process.names.index(name)] += sign * (covariates @ effects)
        return self.process.of_each(np.exp(logs))

    def draw(self, rng: np.random.Generator) -> Floats:
        """Return an estimate drawn from its uncertainty, for :meth:`at`."""
        import numpy as np

        variances, axes = np.linalg.eigh(np.array(self.covariance))
        spread = np.sqrt(np.maximum(variances, 0)) * rng.standard_normal(len(variances))
        drawn: Floats = np.array(self.estimate) + axes @ spread
        return drawn

    def to_dict(self) -> dict[str, Any]:
        """Return the fit as JSON values; :meth:`from_dict` restores it."""
        state = {name: value for name, value in vars(self).items() if name not in ("process", "verdict")}
        return {**state, "verdict": list(self.verdict) if self.verdict else None}

    @classmethod
    def from_dict(cls, process: type[P], state: Mapping[str, Any]) -> CovariateFit[P]:
        """Restore a fit of ``process`` from :meth:`to_dict`."""
        rest = {name: value for name, value in state.items() if name != "verdict"}
        verdict = Text(*state["verdict"]) if state["verdict"] else None
        return CovariateFit(process=process, verdict=verdict, **rest)


def fit_covariates(
    process: type[F],
    x: Floats,
    t_x: Floats,
    T: Floats,  # noqa: N803
    covariates: Floats,
    shifts: Mapping[str, int],
    terms: Sequence[str],
) -> CovariateFit[F]:
    """Return the maximum-likelihood estimate of ``process`` with covariates of shape (customers, terms).

    The likelihood is that of the process in each group of customers with the same covariates; the chain
    rule gives exact derivatives. Raises ValueError without customers.
    """
    import numpy as np

    *rows, weights = collapse(*covariates.T, x, t_x, T)
    patterns = np.stack(rows[:-3], axis=1)
    everybody = Histories(*collapse(*rows[-3:], weights=weights))
    plain = fit_histories(process, everybody)
    bounds = np.flatnonzero(np.any(patterns[1:] != patterns[:-1], axis=1)) + 1
    groups = []
    for part in np.split(np.arange(weights.size), bounds):
        # The sorted rows of a group keep their order: unique and sorted as the process expects them.
        x, t_x, T = (column[part] for column in rows[-3:])  # noqa: N806
        histories = Histories(x, t_x, T, weights[part])
        groups.append((_design(process, shifts, patterns[part[0]]), process.objective(histories)))
    size = groups[0][0].shape[1]

    def objective(estimate: Floats) -> tuple[float, Floats, Floats]:
        value, gradient, hessian = 0.0, np.zeros(size), np.zeros((size, size))
        for design, evaluate in groups:
            one, slope, curve = evaluate(design @ estimate)
            value += one
            gradient += design.T @ slope
            hessian += design.T @ curve @ design
        return value, gradient, hessian

    start = np.concatenate((np.log(plain.process.values), np.zeros(size - len(process.names))))
    limits = np.full(size, FARTHEST)
    limits[: len(process.names)] = process.farthest()
    found = maximise(objective, start, farthest=limits)
    covariance = inverse_information(found.hessian)
    kept, shares = _representative(patterns, weights)
    return CovariateFit(
        process=process,
        shifts=dict(shifts),
        terms=list(terms),
        estimate=found.estimate.tolist(),
        covariance=covariance.tolist(),
        patterns=kept.tolist(),
        shares=shares.tolist(),
        log_likelihood=found.value,
        customers=round(everybody.customers),
        purchases=float(everybody.x @ everybody.weights),
        evaluations=plain.evaluations + found.evaluations,
        verdict=plain.verdict
        or verdict_of(process, found, everybody)
        or _unsure(process, shifts, terms, found.hessian),
    )


def _design(process: type[Process], shifts: Mapping[str, int], pattern: Floats) -> Floats:
    """Return the matrix that makes logarithms of parameters out of an estimate."""
    import numpy as np

    count, terms = len(process.names), len(pattern)
    design = np.zeros((count, count + terms * len(shifts)))
    design[:, :count] = np.eye(count)
    for at, (name, sign) in enumerate(shifts.items()):
        start = count + at * terms
        design[process.names.index(name), start : start + terms] = sign * np.asarray(pattern)
    return design


def _representative(patterns: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return some patterns, evenly chosen among the sorted customers, and the share of each."""
    import numpy as np

    *columns, counts = collapse(*patterns.T, weights=weights)
    unique = np.stack(columns, axis=1)
    if len(unique) > KEPT_PATTERNS:
        at = (np.arange(KEPT_PATTERNS) + 0.5) * (counts.sum() / KEPT_PATTERNS)
        chosen, times = np.unique(np.searchsorted(np.cumsum(counts), at), return_counts=True)
        unique, counts = unique[chosen], times.astype(np.float64)
    return unique, counts / counts.sum()


def _unsure(
    process: type[Process], shifts: Mapping[str, int], terms: Sequence[str], hessian: Floats
) -> Text | None:
    """Say which covariates' effects the data does not tell, such as those of a level with few customers."""
    effects = [f"{term} → {name}" for name in shifts for term in terms]
    vague = [name for name in unsure_of([*process.names, *effects], hessian) if name in effects]
    if not vague:
        return None
    return Text(
        f"以下协变量的影响无法从数据中识别，请勿解读：{'、'.join(vague)}。",
        f"The effects of these covariates are not identified; do not interpret them: {', '.join(vague)}.",
    )
