"""Distributions with positive parameters that are no process of purchases, and their estimates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab_plugins.lifetime.fitting import Fit, inverse_information
from crmlab_plugins.lifetime.verdicts import unsure_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from crmlab_plugins.lifetime.maximise import Maximum

    Floats = NDArray[np.float64]


class Parametric:
    """A distribution with given parameters, all positive; immutable.

    ``names`` are the parameters in the order of publications; none is measured in time.
    """

    names: ClassVar[tuple[str, ...]]
    times: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **parameters: float) -> None:
        if set(parameters) != set(self.names):
            raise ValueError(f"{type(self).__name__} has the parameters {', '.join(self.names)}.")
        self.parameters: Mapping[str, float] = {name: float(parameters[name]) for name in self.names}

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value:.6g}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({inner})"

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Return the distribution whose parameters are ``values``, in the order of ``names``."""
        return cls(**dict(zip(cls.names, np.asarray(values, dtype=np.float64).tolist(), strict=True)))

    @property
    def values(self) -> Floats:
        """The parameters as an array, in the order of ``names``."""
        return np.array(list(self.parameters.values()))


def fit_of(kind: type[Parametric], found: Maximum, customers: float, observed: float) -> Fit[Any]:
    """Return the estimate that ends a search in the logs of the parameters; ``observed`` events."""
    values = np.exp(found.estimate)
    # A fit of a process holds any distribution with names and values just as well.
    process: Any = kind.of(values)
    covariance = inverse_information(found.hessian)
    return Fit(
        process=process,
        log_likelihood=found.value,
        covariance=(covariance * np.outer(values, values)).tolist(),
        customers=round(customers),
        purchases=float(observed),
        evaluations=found.evaluations,
        verdict=_verdict(kind, found),
    )


def _verdict(kind: type[Parametric], found: Maximum) -> Text | None:
    """Say what the data does not tell about the parameters, or None."""
    if not found.converged:
        return Text(
            f"参数估计在 {found.evaluations} 次计算后仍未收敛，请勿引用这些数字；请检查数据。",
            f"The estimate had not converged after {found.evaluations} evaluations; do not quote these "
            "figures. Check the data.",
        )
    if not (unsure := unsure_of(kind.names, found.hessian)):
        return None
    return Text(
        f"客户之间的差异无法从数据中识别：参数 {'、'.join(unsure)} 取相差很大的值，似然几乎一样。"
        "总体水平仍可参考，不要解读这些参数。",
        f"How much customers differ is not identified: very different values of {', '.join(unsure)} are "
        "about equally likely. Totals remain usable; do not interpret these parameters.",
    )


def parameter_table(fit: Fit[Any] | None) -> pl.DataFrame:
    """Return ``name``, ``value``, ``standard_error``, ``low``, ``high``; no rows without a fit.

    The interval is symmetric in the logarithm, so that it holds positive numbers alone.
    """
    rows = []
    if fit is not None:
        deviations = np.sqrt(np.diag(fit.log_covariance))
        parts = zip(fit.process.names, fit.process.values, fit.standard_errors, deviations, strict=True)
        for name, value, error, deviation in parts:
            factor = float(np.exp(z_value(0.95) * deviation))
            rows.append((name, float(value), float(error), float(value) / factor, float(value) * factor))
    numbers = dict.fromkeys(("value", "standard_error", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema={"name": pl.String, **numbers}, orient="row")
