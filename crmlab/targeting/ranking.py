"""Whether uplift can be told customer by customer: rankings on customers that no model has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from crmlab import registry
from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.targeting.experiment import Experiment
from crmlab.targeting.offers import TellsUplift
from crmlab.targeting.uplift_curves import DRAWS, UpliftCurve, uplift_at, uplift_by_bin, uplift_curve

if TYPE_CHECKING:
    from crmlab.lab import Lab

MODELS = ("uplift-two-model", "uplift-transformed")
SHARES = (0.1, 0.3, 0.5)
"""The top shares of which uplift@k is told."""
BINS = 5
"""Groups in which predicted and measured uplift are held against each other."""


@dataclass(frozen=True)
class Ranking:
    """One model's ranking of half of the customers of past experiments, learned from the other half.

    Only one half is ranked: two that rank each other agree by chance, and intervals would be too short.

    ``at`` has the uplift of each of :data:`SHARES`; ``bins`` that of equal groups, best first, as
    :func:`crmlab.targeting.uplift_curves.uplift_by_bin` gives it.
    """

    name: str
    title: Text
    curve: UpliftCurve
    at: dict[float, Estimate]
    bins: pl.DataFrame

    @property
    def beats_chance(self) -> bool:
        """Whether the whole interval of the Qini coefficient lies above that of a random order."""
        return self.curve.qini_coefficient.low > 0


def rankings(lab: Lab, experiment: Experiment, seed: int) -> list[Ranking]:
    """Return the ranking of each model of uplift, the best first; none where there is too little to learn."""
    customers = experiment.learnable
    if not customers.height:
        return []
    found = []
    for name in MODELS:
        model = registry.models[name].from_params(lab.study.models.get(name, {}))
        assert isinstance(model, TellsUplift)
        score = model.held_out_uplift(customers, seed)
        known = customers.filter(pl.Series(~np.isnan(score)))
        if known["treated"].n_unique() < 2:
            continue
        score = score[~np.isnan(score)]
        returned, treated = known["returned"].to_numpy(), known["treated"].to_numpy()
        share = known["propensity"].to_numpy()
        found.append(
            Ranking(
                name,
                model.title,
                uplift_curve(returned, treated, score, share, draws=_draws(len(score)), seed=seed),
                {top: uplift_at(returned, treated, score, top, share) for top in SHARES},
                uplift_by_bin(returned, treated, score, BINS, share),
            )
        )
    return sorted(found, key=lambda each: -each.curve.qini_coefficient.value)


def _draws(customers: int) -> int:
    """Return how many bootstrap samples are drawn: fewer of many customers, whose curve is smooth."""
    return max(100, min(DRAWS, 40_000_000 // customers))
