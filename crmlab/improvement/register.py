"""The register of improvements: the table of the study and what its settings add."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.errors import ParamsError
from crmlab.improvement.metrics import METRICS

if TYPE_CHECKING:
    from crmlab.lab import Lab

TABLE = "improvements"
_COLUMNS: dict[str, pl.DataType] = {
    "improvement_id": pl.String(),
    "measure": pl.String(),
    "aspect": pl.String(),
    "owner": pl.String(),
    "started_on": pl.Date(),
    "ended_on": pl.Date(),
    "target_metric": pl.String(),
    "target_value": pl.Float64(),
    "segment": pl.String(),
    "channel": pl.String(),
    "store": pl.String(),
    "status": pl.String(),
    "note": pl.String(),
}


@dataclass(frozen=True)
class Measure:
    """One measure of the register; ``name`` may be shown: contacts in it are masked."""

    improvement_id: str
    measure: str
    aspect: str | None
    owner: str | None
    started_on: date
    ended_on: date | None
    target_metric: str | None
    target_value: float | None
    segment: str | None
    channel: str | None
    store: str | None
    status: str | None
    note: str | None

    @property
    def target(self) -> float | None:
        """The target in the unit of the metric: a share written as 85 is 0.85."""
        value, metric = self.target_value, METRICS.get(self.target_metric or "")
        if value is not None and metric and metric.unit == "share" and 1 < value <= 100:
            return value / 100
        return value

    @property
    def name(self) -> str:
        """What was changed, as it may be shown."""
        return str(mask_text(pl.Series([self.measure]))[0])


def read_register(lab: Lab) -> tuple[Measure, ...]:
    """Return the measures that the study knows, by start and number.

    A measure of the settings without a number is Y1, Y2, … Raises ParamsError where a number of the settings
    is that of another measure. A row of the table that starts after the as-of day is not seen.
    """
    table = lab.tables[TABLE] if TABLE in lab.tables else pl.DataFrame()
    rows = table.select(
        (pl.col(name) if name in table.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _COLUMNS.items()
    )
    measures = [Measure(**row) for row in rows.iter_rows(named=True)] if table.height else []
    taken = {each.improvement_id for each in measures}
    for place, given in enumerate(lab.study.improvement.measures):
        number = given.improvement_id or f"Y{place + 1}"
        if number in taken:
            raise ParamsError(
                f"improvement.measures.{place}: the number {number!r} is that of another measure. Give "
                "improvement_id a number that no row of the register has."
            )
        taken.add(number)
        measures.append(Measure(**{**given.model_dump(), "improvement_id": number}))
    return tuple(sorted(measures, key=lambda each: (each.started_on, each.improvement_id)))
