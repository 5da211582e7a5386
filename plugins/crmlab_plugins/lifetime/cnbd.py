"""BG/CNBD-k and MBG/CNBD-k: customers who buy at regular intervals.

Platzer & Reutterer 2016, "Ticking away the moments: timing regularity helps to better predict customer
activity", Marketing Science 35:779–799. The expectations here are exact series over the number of
purchases to come, where the paper approximates.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import lgamma, log
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab_plugins.lifetime.beta_geometric import BetaGeometric
from crmlab_plugins.lifetime.beta_geometric_model import BetaGeometricModel
from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.fitting import Fit, Histories, fit_histories

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    from numpy.typing import NDArray

    from crmlab.estimators import Tables

    Floats = NDArray[np.float64]


class ErlangProcess(BetaGeometric):
    """A process of any ``k``; :func:`bg_cnbd` and :func:`mbg_cnbd` give those with one."""

    def purchases_of_present(
        self, shape: Floats, rate: Floats, stays: Floats, phase: int, t: Floats
    ) -> Floats:
        """Return Σ over n of the probabilities that the n-th purchase is made by a customer there."""
        _, _, a, b = self.values
        return _sum_over_purchases(self.k, shape, t / (rate + t), phase, a, b + stays, leaving=False)

    def still_there(self, shape: Floats, rate: Floats, stays: Floats, phase: int, t: Floats) -> Floats:
        """Return one less the probabilities to leave at the first, second, … purchase."""
        _, _, a, b = self.values
        return 1 - _sum_over_purchases(self.k, shape, t / (rate + t), phase, a, b + stays, leaving=True)


@cache
def bg_cnbd(k: int) -> type[ErlangProcess]:
    """Return the BG/CNBD-k process of that ``k``."""
    return type(f"BgCnbd{k}", (ErlangProcess,), {"k": k, "entry": False})


@cache
def mbg_cnbd(k: int) -> type[ErlangProcess]:
    """Return the MBG/CNBD-k process of that ``k``."""
    return type(f"MbgCnbd{k}", (ErlangProcess,), {"k": k, "entry": True})


def _sum_over_purchases(
    k: int, shape: Floats, z: Floats, phase: int, a: float, b: Floats, *, leaving: bool
) -> Floats:
    """Return Σ over n ≥ 1 of P(at least n k − phase events) × P(there at the n-th purchase).

    With ``leaving``, × P(there, and leaves at it). Events are negative binomial with ``shape`` and z.
    """
    import numpy as np
    from scipy.special import betainc

    shape, z, b = np.broadcast_arrays(shape, z, b)
    form = z.shape
    shape, z, b = (array.ravel() for array in (shape, z, b))
    total = np.zeros(z.size)
    left = np.flatnonzero(z > 0)
    there = np.ones(left.size)
    n = 0
    while left.size:
        n += 1
        odds = a / (a + b[left] + n - 1)
        term = betainc(n * k - phase, shape[left], z[left]) * there
        term = term * odds if leaving else term
        total[left] += term
        there *= 1 - odds
        # From here on, terms fall at least as fast as z^k.
        more = term > 1e-15 * total[left] * (1 - z[left] ** k)
        left, there = left[more], there[more]
    return total.reshape(form)


MOST_REGULAR = 6


class BgCnbdModel(BetaGeometricModel):
    """BG/CNBD-k: customers buy at regular intervals and may leave after each repeat purchase.

    ``k`` says how regular: 1 is BG/NBD, and the greater, the more even the gaps. Without it, the one of
    1 … 6 with the greatest likelihood of the days of all purchases is chosen.
    """

    title: ClassVar[Text] = Text("BG/CNBD-k 模型", "BG/CNBD-k")

    k: int | None = None

    def process(self) -> type[ErlangProcess]:
        """Return the process of the ``k`` that was given or chosen."""
        return bg_cnbd(self.k or self.k_)

    def definition(self) -> Text:
        """Return what the scores mean, and how regular the purchases are."""
        about = super().definition()
        if not getattr(self, "fit_", None):
            return about
        k = self.k or self.k_
        return Text(
            f"{about.zh}购买间隔的规律性 k = {k}（1 为完全随机，越大越规律）。",
            f"{about.en} The gaps between purchases are Erlang-{k} (1 is random, more is more regular).",
        )

    def _check_params(self) -> None:
        super()._check_params()
        if self.k is not None and not 1 <= self.k <= MOST_REGULAR:
            raise ParamsError(
                f"k is {self.k}; it must lie within 1 and {MOST_REGULAR}. Leave it out to have it chosen."
            )

    def _fit(self, tables: Tables, features: pl.DataFrame, as_of: date) -> None:
        self.k_ = self.k or 1
        super()._fit(tables, features, as_of)

    def _estimate(self, tables: Tables, x: Any, t_x: Any, total: Any) -> Fit[Any]:
        histories = Histories(*collapse(x, t_x, total))
        logs = _sum_of_log_gaps(tables)
        best: Fit[Any] | None = None
        for k in [self.k] if self.k else range(1, MOST_REGULAR + 1):
            self.k_ = k
            found = fit_histories(self.process(), histories)
            # The factors of the gaps that no parameter changes, so that likelihoods can be compared.
            fixed = (k - 1) * logs - found.purchases * lgamma(k)
            found = replace(found, log_likelihood=found.log_likelihood + fixed)
            if best is None or found.log_likelihood > best.log_likelihood:
                best, chosen = found, k
        assert best is not None
        self.k_ = chosen
        return best


class MbgCnbdModel(BgCnbdModel):
    """MBG/CNBD-k: as BG/CNBD-k, but customers may leave after the very first purchase too."""

    title: ClassVar[Text] = Text("MBG/CNBD-k 模型", "MBG/CNBD-k")

    def process(self) -> type[ErlangProcess]:
        """Return the process of the ``k`` that was given or chosen."""
        return mbg_cnbd(self.k or self.k_)


def _sum_of_log_gaps(tables: Tables) -> float:
    """Return Σ ln(days from one purchase of a customer to the next) over all repeat purchases."""
    days = (
        tables["orders"]
        .filter(pl.col("amount_hundredths") > 0)
        .select("customer_id", "day")
        .unique()
        .sort("customer_id", "day")
        .collect()
    )
    gaps = days.select(gap=pl.col("day").diff().over("customer_id")).drop_nulls()
    # Counted by length: the sum is the same in whatever order the rows come.
    counts = gaps["gap"].value_counts().sort("gap")
    return float(sum(count * log(gap) for gap, count in counts.iter_rows()))
