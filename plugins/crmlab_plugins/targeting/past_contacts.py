"""Past contacts of a study as models see them: randomised, with what was known before and what followed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.days import with_days
from crmlab.summary import day_number
from crmlab.targeting.experiment import Experiment, experiment

if TYPE_CHECKING:
    from crmlab.estimators import Tables

NEEDED = ("contacts", "orders")


def past_experiment(tables: Tables, as_of: date, window_days: int) -> Experiment | None:
    """Return the campaigns whose windows are over by ``as_of``; None without contacts or orders."""
    if any(name not in tables for name in NEEDED):
        return None
    known = _known(tables, day_number(as_of))
    return experiment(known["contacts"], known["orders"], day_number(as_of), window_days)


def later_experiment(tables: Tables, cutoff: date, window_days: int) -> Experiment | None:
    """Return the campaigns after ``cutoff`` whose windows the orders reach to; None without any contact."""
    if any(name not in tables for name in NEEDED):
        return None
    today = tables["orders"].select(pl.col("day").max()).collect().item() or 0
    known = _known(tables, today)
    after = known["contacts"].filter(pl.col("day") > day_number(cutoff))
    return experiment(after, known["orders"], today, window_days)


def _known(tables: Tables, today: int) -> Mapping[str, pl.DataFrame]:
    # The tables have days; a bare one, such as of a test, is counted in UTC.
    dated = {name: with_days(name, tables[name], "UTC") for name in NEEDED}
    return {name: table.filter(pl.col("day") <= today).collect() for name, table in dated.items()}
