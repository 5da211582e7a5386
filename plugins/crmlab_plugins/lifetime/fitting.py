"""Maximum likelihood of a process of purchases: estimates, their uncertainty, and what cannot be told."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, Self, TypeVar

from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.maximise import FARTHEST, maximise
from crmlab_plugins.lifetime.processes import Process
from crmlab_plugins.lifetime.verdicts import UNSURE as UNSURE
from crmlab_plugins.lifetime.verdicts import verdict_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]

MOST_VARIANCE = 4.0
"""The variance of a logarithm is cut off here: on a ridge, the parabola of the delta method says nothing."""

ALIKE = 14.0
"""Logarithms of parameters that are no times stay within ±14: with a shape of a million, customers are alike
for all purposes, and beyond it rounding would decide."""

SUBSAMPLE = 20_000
"""So many customers give the start from which all of them are fitted, where there are far more."""


class Histories(NamedTuple):
    """Purchase histories of customers, unique, and how many customers have each.

    Shape (histories,) each, Float64, times in one unit; see :mod:`crmlab_plugins.lifetime.processes`.
    """

    x: Floats
    t_x: Floats
    T: Floats
    weights: Floats

    @property
    def customers(self) -> float:
        """How many customers there are."""
        return float(self.weights.sum())

    def subsample(self, size: int) -> Histories:
        """Return about ``size`` customers, evenly from the sorted histories."""
        import numpy as np

        at = (np.arange(size) + 0.5) * (self.customers / size)
        rows, counts = np.unique(np.searchsorted(np.cumsum(self.weights), at), return_counts=True)
        return Histories(self.x[rows], self.t_x[rows], self.T[rows], counts.astype(np.float64))


class FittableProcess(Process):
    """A process whose parameters :func:`fit` can estimate.

    ``dropout`` names the two parameters of how customers leave; the ratio of the first to the second says
    how likely that is on average.
    """

    dropout: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def objective(cls, histories: Histories) -> Objective:
        """Return the function of the logarithms of the parameters that is to be maximised."""

    @classmethod
    def farthest(cls) -> Floats:
        """Return how far the logarithm of each parameter may go from 0."""
        import numpy as np

        return np.array([FARTHEST if name in cls.times else ALIKE for name in cls.names])

    @classmethod
    @abstractmethod
    def start(cls, histories: Histories) -> Floats:
        """Return rough values of the parameters (not their logarithms) to begin from."""


P = TypeVar("P", bound=Process)


@dataclass(frozen=True, kw_only=True)
class Fit(Generic[P]):
    """An estimated process.

    ``covariance`` is that of the parameters in the order of ``process.names``, the inverse of the observed
    information. ``customers`` and ``purchases`` (sum of ``x``) are those that it was estimated from.
    ``verdict`` says what the data does not tell; None where all is well.
    """

    process: P
    log_likelihood: float
    covariance: list[list[float]] = field(repr=False)
    customers: int
    purchases: float
    evaluations: int
    verdict: Text | None = None

    @property
    def standard_errors(self) -> Floats:
        """The standard errors of the parameters, in the order of ``process.names``."""
        import numpy as np

        return np.sqrt(np.diag(np.array(self.covariance)))

    @property
    def log_covariance(self) -> Floats:
        """The covariance of the logarithms of the parameters."""
        import numpy as np

        values = self.process.values
        result: Floats = np.array(self.covariance) / np.outer(values, values)
        return result

    @property
    def aic(self) -> float:
        """Akaike's information criterion; smaller is better."""
        return 2 * len(self.process.names) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's information criterion; smaller is better. NaN without customers."""
        import numpy as np

        n = np.log(self.customers) if self.customers else np.nan
        return float(len(self.process.names) * n) - 2 * self.log_likelihood

    def in_units(self, units: float) -> Self:
        """Return the same fit with times in units that are ``units`` of today's long, as 7 for weeks."""
        import numpy as np

        scale = np.array([1 / units if name in self.process.times else 1.0 for name in self.process.names])
        return replace(
            self,
            process=self.process.in_units(units),
            covariance=(np.array(self.covariance) * np.outer(scale, scale)).tolist(),
            # A density of purchase times is per unit of time.
            log_likelihood=self.log_likelihood + self.purchases * float(np.log(units)),
        )

    def with_logs(self, logs: Floats) -> P:
        """Return the process with parameters of these logarithms."""
        import numpy as np

        return type(self.process)(**dict(zip(self.process.names, map(float, np.exp(logs)), strict=True)))

    def at(self, pattern: Floats, drawn: P | None = None) -> P:
        """Return the process, or the one that was drawn: a fit is asked like one with covariates."""
        return self.process if drawn is None else drawn

    def of_each(self, covariates: Floats, drawn: P | None = None) -> P:
        """Return the process of customers, of whatever covariates."""
        return self.at(covariates, drawn)

    def draw(self, rng: np.random.Generator) -> P:
        """Return the process with parameters drawn from their uncertainty: normal in the logarithms."""
        import numpy as np

        variances, axes = np.linalg.eigh(self.log_covariance)
        spread = np.sqrt(np.maximum(variances, 0)) * rng.standard_normal(len(variances))
        return self.with_logs(np.log(self.process.values) + axes @ spread)

    def delta_interval(
        self,
        function: Callable[[P], ArrayLike],
        confidence: float = 0.95,
        link: Literal["identity", "log", "logit"] = "identity",
    ) -> tuple[Floats, Floats, Floats]:
        """Return a function of the process with the ends of its interval by the delta method.

        The interval covers the uncertainty of the parameters alone, not that of what a customer does. It
        is symmetric on the scale of ``link``: ``log`` for positive values, ``logit`` for probabilities.
        """
        import numpy as np

        logs = np.log(self.process.values)
        value = np.asarray(function(self.process), dtype=np.float64)
        slopes = []
        for at in range(len(logs)):
            step = np.zeros(len(logs))
            step[at] = 1e-4
            up, down = (np.asarray(function(self.with_logs(logs + sign * step))) for sign in (1, -1))
            slopes.append((up - down) / 2e-4)
        slope = np.stack(slopes)
        variance = np.einsum("i...,ij,j...->...", slope, self.log_covariance, slope)
        reach = z_value(confidence) * np.sqrt(np.maximum(variance, 0))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if link == "log":
                factor = np.exp(reach / value)
                low, high = value / factor, value * factor
            elif link == "logit":
                factor = np.exp(reach / (value * (1 - value)))
                odds = value / (1 - value)
                low, high = odds / (odds + factor), odds / (odds + 1 / factor)
            else:
                return value, value - reach, value + reach
        flat = reach == 0
        return value, np.where(flat, value, low), np.where(flat, value, high)

    def to_dict(self) -> dict[str, Any]:
        """Return the fit as JSON values; :meth:`from_dict` restores it."""
        return {
            "parameters": dict(self.process.parameters),
            "log_likelihood": self.log_likelihood,
            "covariance": self.covariance,
            "customers": self.customers,
            "purchases": self.purchases,
            "evaluations": self.evaluations,
            "verdict": list(self.verdict) if self.verdict else None,
        }

    @classmethod
    def from_dict(cls, process: type[P], state: Mapping[str, Any]) -> Fit[P]:
        """Restore a fit of ``process`` from :meth:`to_dict`."""
        rest = {name: value for name, value in state.items() if name not in ("parameters", "verdict")}
        verdict = Text(*state["verdict"]) if state["verdict"] else None
        return Fit(process=process(**state["parameters"]), verdict=verdict, **rest)


F = TypeVar("F", bound=FittableProcess)


def fit(
    process: type[F],
    x: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,  # noqa: N803
    weights: ArrayLike | None = None,
    start: Floats | None = None,
) -> Fit[F]:
    """Return the maximum-likelihood estimate of ``process`` from one history per customer.

    Arrays of shape (customers,), in one unit of time; histories that repeat are collapsed, ``weights``
    says how many customers each stands for. ``start`` are rough parameters. Raises ValueError without
    customers.
    """
    histories = Histories(*collapse(x, t_x, T, weights=weights))
    return fit_histories(process, histories, start)


def fit_histories(process: type[F], histories: Histories, start: Floats | None = None) -> Fit[F]:
    """Return the estimate from histories that are collapsed already; see :func:`fit`."""
    import numpy as np

    if not histories.weights.size:
        raise ValueError(f"{process.__name__} cannot be estimated without customers.")
    begin = np.log(process.start(histories) if start is None else start)
    used = 0
    if start is None and histories.weights.size > 2 * SUBSAMPLE:
        some = histories.subsample(SUBSAMPLE)
        rough = maximise(process.objective(some), begin, tolerance=1e-3, farthest=process.farthest())
        begin, used = rough.estimate, rough.evaluations
    found = maximise(process.objective(histories), begin, farthest=process.farthest())
    log_covariance = inverse_information(found.hessian)
    values = np.exp(found.estimate)
    return Fit(
        process=process(**dict(zip(process.names, map(float, values), strict=True))),
        log_likelihood=found.value,
        covariance=(log_covariance * np.outer(values, values)).tolist(),
        customers=round(histories.customers),
        purchases=float(histories.x @ histories.weights),
        evaluations=used + found.evaluations,
        verdict=verdict_of(process, found, histories),
    )


def inverse_information(hessian: Floats) -> Floats:
    """Return the covariance of the logarithms of the parameters; symmetric, cut off on ridges."""
    import numpy as np

    information, axes = np.linalg.eigh(-hessian)
    variances = 1 / np.maximum(information, 1 / MOST_VARIANCE)
    covariance: Floats = (axes * variances) @ axes.T
    return (covariance + covariance.T) / 2
