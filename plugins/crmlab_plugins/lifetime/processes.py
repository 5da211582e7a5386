"""What a model of purchases over time is: its parameters, likelihood and expectations, in arrays.

The histories of customers are three numbers each (Fader, Hardie & Lee 2005, Marketing Science 24:275):

* ``x``: purchases after the first one,
* ``t_x``: time from the first purchase to the last, 0 where ``x`` is 0,
* ``T``: time from the first purchase to the day that the history is looked at from.

All times of one call are in one unit, which is also that of the parameters named in
``Process.times``. Arrays are Float64 of one shape, or broadcast to one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Process(ABC):
    """A distribution of purchase histories with given parameters; immutable.

    ``names`` are the parameters in the order of publications, all positive; ``times`` those that are
    measured in time, such as α in weeks.
    """

    names: ClassVar[tuple[str, ...]]
    times: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **parameters: float) -> None:
        if set(parameters) != set(self.names):
            raise ValueError(f"{type(self).__name__} has the parameters {', '.join(self.names)}.")
        self.parameters: Mapping[str, float] = {name: float(parameters[name]) for name in self.names}

    @classmethod
    def of_each(cls, values: Floats) -> Self:
        """Return the process of customers with parameters of their own, shape (parameters, customers).

        It answers ``probability_alive`` now and ``draw_future`` alone.
        """
        each = cls.__new__(cls)
        own: Any = dict(zip(cls.names, values, strict=True))
        each.parameters = own
        return each

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value:.6g}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({inner})"

    @property
    def values(self) -> Floats:
        """The parameters as an array, in the order of ``names``."""
        import numpy as np

        return np.array([self.parameters[name] for name in self.names])

    def in_units(self, units: float) -> Self:
        """Return the same process with time measured in units that are ``units`` of today's long."""
        return type(self)(
            **{
                name: value / units if name in self.times else value
                for name, value in self.parameters.items()
            }
        )

    @abstractmethod
    def log_likelihood(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Return the log-likelihood of each history."""

    @abstractmethod
    def probability_alive(self, x: Floats, t_x: Floats, T: Floats, after: float = 0.0) -> Floats:  # noqa: N803
        """Return the probability that each customer is still one at ``T + after``."""

    @abstractmethod
    def expected_purchases(self, x: Floats, t_x: Floats, T: Floats, horizon: float | Floats) -> Floats:  # noqa: N803
        """Return the purchases to expect of each customer within ``horizon`` after ``T``.

        An array of h horizons gives shape (h, customers).
        """

    @abstractmethod
    def expected_of_new(self, t: Floats) -> Floats:
        """Return the purchases to expect of a new customer within ``t`` after the first one."""

    @abstractmethod
    def count_probabilities(self, t: Floats, most: int) -> Floats:
        """Return the probabilities of 0, 1, …, ``most`` repeat purchases of a new customer within ``t``.

        Shape (len(t), most + 1).
        """

    @abstractmethod
    def draw_histories(self, rng: np.random.Generator, T: Floats) -> tuple[Floats, Floats]:  # noqa: N803
        """Return ``x`` and ``t_x`` of simulated customers who are looked at for ``T``."""

    @abstractmethod
    def draw_future(
        self,
        rng: np.random.Generator,
        x: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        horizon: float,
    ) -> Floats:
        """Return simulated purchases of each customer within ``horizon`` after ``T``, given the history."""
