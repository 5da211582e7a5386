"""The registered models of purchases over time: a process, fitted to customers' histories and asked.

Inside, times are whole days; parameters are shown with times in weeks, the unit of publications.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import KEY, Model
from crmlab.labels import Score, Text
from crmlab_plugins.lifetime.covariates import (
    Coding,
    CovariateFit,
    fit_covariates,
    said_of_unknown,
    said_of_unused,
)
from crmlab_plugins.lifetime.estimates import (
    WEEK,
    fit_measures,
    grain_warnings,
    judged_purchases,
    meaning,
    parameter_table,
    said_of_nothing,
)
from crmlab_plugins.lifetime.fitting import Fit, FittableProcess, fit
from crmlab_plugins.lifetime.observed import HISTORY, holdout
from crmlab_plugins.lifetime.simulation import simulate_totals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.estimators import Tables

    Floats = NDArray[np.float64]


class BuyTillYouDie(Model):
    """A model of how often customers buy and when they leave, unseen; it offers ``TellsPurchases``.

    Subclasses give the process and, where it allows covariates, the parameters that these shift.
    """

    scores: ClassVar[tuple[Score, ...]] = (
        Score("probability_alive", "probability", "存活概率（仍是活跃客户）", "Probability of being alive"),
        Score("expected_purchases", "count", "预期购买次数", "Expected purchases"),
    )
    needs: ClassVar[Text] = Text("带日期和金额的订单", "orders with dates and amounts")
    shifts: ClassVar[Mapping[str, int]] = {}

    horizon_days: int = 365

    @property
    def requires(self) -> tuple[str, ...]:
        """The three numbers of the history, and the covariates."""
        return (*HISTORY, *self.covariate_names())

    def covariate_names(self) -> Sequence[str]:
        """Return the columns that are covariates; a model with ``shifts`` may have some."""
        return ()

    def process(self) -> type[FittableProcess]:
        """Return the process; one that depends on the data is known once fitted."""
        raise NotImplementedError

    def definition(self) -> Text:
        """Return what the scores mean and from whom they were learned."""
        state = getattr(self, "fit_", None)
        return meaning(self.title, self.horizon_days, state["customers"] if state else None)

    # What TellsPurchases asks for

    def expected_purchases(self, features: pl.DataFrame, days: Sequence[float]) -> Floats:
        """Return the purchases to expect within each number of days.

        Shape (len(days), customers), NaN for customers without a purchase.
        """
        import numpy as np

        horizons = np.asarray(days, dtype=np.float64)
        result = np.full((horizons.size, features.height), np.nan)
        for process, rows, history in self.groups(features):
            result[:, rows] = process.expected_purchases(*history, horizons)
        return result

    def probability_alive(self, features: pl.DataFrame, after_days: float = 0) -> Floats:
        """Return the probability that each customer is one ``after_days`` from now, NaN if unknown."""
        import numpy as np

        result = np.full(features.height, np.nan)
        for process, rows, history in self.groups(features):
            result[rows] = process.probability_alive(*history, after_days)
        return result

    def probability_of_purchase(self, features: pl.DataFrame, days: float) -> Floats:
        """Return the probability that each customer buys within ``days`` from now, NaN if unknown.

        No purchase until later is the same history seen from later: a ratio of two likelihoods.
        """
        import numpy as np

        result = np.full(features.height, np.nan)
        for process, rows, (x, t_x, total) in self.groups(features):
            later = process.log_likelihood(x, t_x, total + days)
            result[rows] = -np.expm1(np.minimum(later - process.log_likelihood(x, t_x, total), 0))
        return result

    def expected_of_new(self, days: Floats) -> Floats:
        """Return the repeats to expect of a new customer within ``days`` after the first purchase."""
        import numpy as np

        times = np.asarray(days, dtype=np.float64)
        told = [share * process.expected_of_new(times) for process, share in self._newcomers()]
        return sum(told, np.zeros_like(times))

    def count_probabilities(self, days: Floats, most: int) -> Floats:
        """Return the probabilities of 0 … ``most`` repeats within ``days``; shape (len(days), most + 1)."""
        import numpy as np

        times = np.asarray(days, dtype=np.float64)
        told = [share * process.count_probabilities(times, most) for process, share in self._newcomers()]
        return sum(told, np.zeros((len(times), most + 1)))

    def draw_totals(self, features: pl.DataFrame, days: float, draws: int, seed: int) -> Floats:
        """Return ``draws`` simulated totals of purchases within ``days``; parameters are drawn as well."""
        import numpy as np

        # In the order of the histories, whatever that of the rows.
        parts = self._parts(features.drop_nulls(list(HISTORY)).sort([*self.requires, KEY]))
        if not parts:
            return np.zeros(draws)
        return simulate_totals(self.fitted(), parts, days, draws, np.random.default_rng(seed))

    def parameter_table(self) -> pl.DataFrame:
        """Return ``name``, ``value``, ``standard_error``, ``low``, ``high`` (95 %), times in weeks."""
        return parameter_table(self.fitted())

    def heterogeneity(self) -> pl.DataFrame:
        """Return how customers differ, as densities of their rates.

        ``kind`` (``purchases_per_week`` or ``dropout``), ``value``, ``density``.
        """
        fitted = self.fitted()
        frames = [pl.DataFrame(schema={"kind": pl.String, "value": pl.Float64, "density": pl.Float64})]
        if fitted is not None:
            for kind, (values, density) in self._densities(self._typical(fitted).in_units(WEEK)).items():
                frames.append(
                    pl.DataFrame({"value": values, "density": density}).select(
                        pl.lit(kind).alias("kind"), "value", "density"
                    )
                )
        return pl.concat(frames)

    def verdicts(self) -> list[Text]:
        """Return what the fit warns of; empty if fine."""
        fitted = self.fitted()
        said = [fitted.verdict] if fitted and fitted.verdict else []
        said += [Text(*words) for words in self.warnings_]
        unseen = getattr(self, "_unseen", None)
        return [*said, said_of_unknown(unseen)] if unseen else said

    @property
    def fit_measures(self) -> dict[str, float]:
        """``log_likelihood`` (times in weeks), ``parameters`` (how many), ``customers``, ``aic``, ``bic``."""
        return fit_measures(self.fitted())

    # The hooks of a model

    def _check_params(self) -> None:
        if self.horizon_days < 1:
            raise ParamsError(
                f"horizon_days is {self.horizon_days}; it must be at least 1, for example 365 for a year."
            )
        if clash := [name for name in self.covariate_names() if name in HISTORY]:
            raise ParamsError(
                f"covariates has {', '.join(clash)}, which the model explains itself. Give attributes that "
                "were known from the start, such as the city or the channel of the first order."
            )

    def _fit(self, tables: Tables, features: pl.DataFrame, as_of: date) -> None:
        known = features.drop_nulls(list(HISTORY))
        self.fit_: dict[str, Any] | None = None
        self.coding_: list[dict[str, Any]] = []
        if nothing := said_of_nothing(known):
            self.warnings_ = [list(nothing)]
            return
        self.warnings_ = [list(words) for words in grain_warnings(known)]
        x, t_x, total = (known[name].cast(pl.Int64).to_numpy() for name in HISTORY)
        coding = Coding.learn(known, self.covariate_names())
        self.coding_ = coding.columns
        used = [column["name"] for column in coding.columns]
        if unused := [name for name in self.covariate_names() if name not in used]:
            self.warnings_.append(list(said_of_unused(unused)))
        if used:
            z = coding.encode(known)
            if found := coding.unknown(known):
                self.warnings_.append(list(said_of_unknown(found)))
            self.fit_ = fit_covariates(self.process(), x, t_x, total, z, self.shifts, coding.terms).to_dict()
        else:
            self.fit_ = self._estimate(tables, x, t_x, total).to_dict()

    def _estimate(self, tables: Tables, x: Any, t_x: Any, total: Any) -> Fit[Any]:
        """Return the estimate without covariates; ``total`` is T."""
        return fit(self.process(), x, t_x, total)

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        expected = self.expected_purchases(features, [self.horizon_days])[0]
        alive = self.probability_alive(features)
        return features.select(
            KEY,
            probability_alive=pl.Series(alive, dtype=pl.Float64).fill_nan(None),
            expected_purchases=pl.Series(expected, dtype=pl.Float64).fill_nan(None),
        )

    def evaluate(self, tables: Tables, cutoff: date) -> pl.DataFrame:
        """Return how well purchases after ``cutoff`` were told from what was known then.

        Errors are per customer in purchase days, over ``horizon_days`` or until the data ends;
        ``bias_per_customer`` is told less actual. The baseline lets everybody go on buying at the
        rate so far.
        """
        from crmlab.churn.snapshots import features_on, until

        known, days = holdout(tables, cutoff, self.horizon_days)
        earlier = until(tables, cutoff)
        if names := self.covariate_names():
            attributes = features_on(earlier, names, cutoff)
            known = known.join(attributes, on=KEY, how="left", maintain_order="left")
        told = self.clone().fit(earlier, known, cutoff).expected_purchases(known, [days])[0]
        return judged_purchases(known, told, days)

    def _densities(self, process: Any) -> dict[str, tuple[Floats, Floats]]:
        """Return kind → values and densities of a process with times in weeks."""
        raise NotImplementedError

    # Below the surface

    def fitted(self) -> Fit[Any] | CovariateFit[Any] | None:
        """Return the fit; None where nobody has bought."""
        state = self.fit_
        if state is None:
            return None
        return (CovariateFit if self.coding_ else Fit).from_dict(self.process(), state)

    def _typical(self, fitted: Fit[Any] | CovariateFit[Any]) -> Any:
        import numpy as np

        if isinstance(fitted, Fit):
            return fitted.process
        return fitted.at(np.array(fitted.shares) @ np.array(fitted.patterns))

    def _newcomers(self) -> list[tuple[Any, float]]:
        """Return the processes of new customers and the share of each."""
        import numpy as np

        fitted = self.fitted()
        if fitted is None:
            return []
        if isinstance(fitted, Fit):
            return [(fitted.process, 1.0)]
        return [
            (fitted.at(np.array(pattern)), share)
            for pattern, share in zip(fitted.patterns, fitted.shares, strict=True)
        ]

    def groups(
        self, features: pl.DataFrame, drawn: Any = None
    ) -> list[tuple[Any, NDArray[np.intp], tuple[Floats, Floats, Floats]]]:
        """Return process, rows and history (x, t_x, T) of customers who share their parameters.

        With the parameters that the fit has drawn, if given.
        """
        fitted: Any = self.fitted()
        return [
            (fitted.at(pattern, drawn), rows, history) for pattern, rows, history in self._parts(features)
        ]

    def _parts(
        self, features: pl.DataFrame
    ) -> list[tuple[Floats, NDArray[np.intp], tuple[Floats, Floats, Floats]]]:
        """Return the covariates, rows and history (x, t_x, T) of customers who share their parameters."""
        import numpy as np

        complete = np.flatnonzero(
            features.select(pl.all_horizontal(pl.col(*HISTORY).is_not_null())).to_series().to_numpy()
        )
        if self.fit_ is None or not complete.size:
            return []
        x, t_x, T = (features[name].cast(pl.Float64).to_numpy()[complete] for name in HISTORY)  # noqa: N806
        if not self.coding_:
            return [(np.zeros(0), complete, (x, t_x, T))]
        coding, known = Coding(self.coding_), features[complete]
        self._unseen = coding.unknown(known)
        patterns, group = np.unique(coding.encode(known), axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(group))[:-1])
        return [
            (pattern, complete[part], (x[part], t_x[part], T[part]))
            for pattern, part in zip(patterns, parts, strict=True)
        ]
