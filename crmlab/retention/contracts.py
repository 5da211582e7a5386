"""Contracts: how many are renewed, period after period; the end of a contract is seen, not guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.retention.cohorts import Cohorts
from crmlab.retention.curves import sentence, spoken
from crmlab.retention.kaplan_meier import KaplanMeier, kaplan_meier
from crmlab.summary import day_number
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab
    from crmlab.retention.projection import Projection

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

PERIOD_DAYS = 30
_ENOUGH = 30
_FIRST_ROWS, _EVERY_ROW = 12, 6
"""A page lists the first year's periods and then every sixth; the saved table has all."""
_START, _END = "contract_started_on", "contract_ended_on"


@dataclass(frozen=True, eq=False)
class Terms:
    """The contracts that had begun by a day, one per customer.

    ``started`` and ``ended`` are days since 1970-01-01, ``ended`` −1 where the end was not known by then.
    ``backwards`` counts those left out for ending before they began.
    """

    started: Ints
    ended: Ints
    as_of: date
    backwards: int = 0

    def periods(self, days: int) -> tuple[Ints, Flags]:
        """Return in which period of ``days`` each ended, or how many it has completed; and if it ended.

        Periods run from the start of each contract, from 1 on. A contract that ends on the day on which a
        period is complete was not renewed at its end.
        """
        import numpy as np

        seen = self.ended >= 0
        lasted = np.where(seen, self.ended, day_number(self.as_of)) - self.started
        return np.where(seen, np.maximum(-(-lasted // days), 1), lasted // days), seen

    def until(self, day: date) -> Terms:
        """Return what was known on an earlier day."""
        import numpy as np

        number = day_number(day)
        begun = self.started <= number
        ended = np.where(self.ended > number, -1, self.ended)
        return Terms(self.started[begun], ended[begun], day)


def read_terms(lab: Lab) -> Terms | None:
    """Return the contracts by the as-of day; None where no customer has the start of one."""
    import numpy as np

    if "customers" not in lab.tables or _START not in lab.tables["customers"].columns:
        return None
    customers = lab.tables["customers"]
    end = pl.col(_END) if _END in customers.columns else pl.lit(None, pl.Date)
    frame = customers.filter(pl.col(_START) <= lab.study.as_of).select(
        started=pl.col(_START).cast(pl.Int32).cast(pl.Int64),
        ended=pl.when(end <= lab.study.as_of).then(end).cast(pl.Int32).cast(pl.Int64).fill_null(-1),
    )
    if frame.is_empty():
        return None
    started, ended = frame["started"].to_numpy(), frame["ended"].to_numpy()
    wrong = (ended >= 0) & (ended < started)
    if wrong.all():
        return None
    return Terms(started[~wrong], ended[~wrong], lab.study.as_of, int(np.count_nonzero(wrong)))


class Contracts:
    """Renewal of contracts by age, from ``contract_started_on`` and ``contract_ended_on`` of the customers.

    An end after the as-of day is unknown. ``period_days`` is how long a contract runs until it is renewed:
    what the study sets for the model ``sbg`` unless given, else 30. Kept apart from customers without a
    contract, whose end nobody sees. Raises ParamsError for a period of less than a day.
    """

    def __init__(self, lab: Lab, terms: Terms | None, period_days: int | None = None) -> None:
        days = period_days or lab.study.models.get("sbg", {}).get("period_days", PERIOD_DAYS)
        if days < 1:
            raise ParamsError(f"period_days is {days}; it must be 1 or more, for example 30 or 365.")
        self.lab = lab
        self.terms = terms
        self.period_days: int = days
        self._fewest = lab.study.privacy.smallest_group

    @cached_property
    def curve(self) -> KaplanMeier | None:
        """The share of contracts renewed so many times, by completed periods; None without contracts."""
        if self.terms is None:
            return None
        return kaplan_meier(*self.terms.periods(self.period_days))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per age in periods: renewals.

        ``period``; ``at_risk`` contracts that came to its end or ended in it, ``ended`` of them;
        ``renewed``, the share that went on, with its interval (Wilson); ``survival``, the share of all
        contracts renewed at least this often, with its interval (Kaplan–Meier). Ages that fewer contracts
        reached than the study's ``privacy.smallest_group`` are left out; counts and renewal are null where
        they would tell of fewer.
        """
        curve = self.curve
        if curve is None:
            return pl.DataFrame(schema=_SCHEMA)
        ends = dict(zip(curve.days.tolist(), curve.events.tolist(), strict=True))
        rows = []
        for period in range(1, curve.last(max(self._fewest, 1)) + 1):
            at_risk, ended = curve.watched(period), ends.get(period, 0)
            few = 0 < ended < self._fewest or 0 < at_risk - ended < self._fewest
            low, high = wilson(at_risk - ended, at_risk)
            share = curve.at([period])[0]
            rows.append(
                {
                    "period": period,
                    "at_risk": None if few else at_risk,
                    "ended": None if few else ended,
                    "renewed": None if few else 1 - ended / at_risk,
                    "renewed_low": None if few else low,
                    "renewed_high": None if few else high,
                    "survival": share.value,
                    "survival_low": share.low,
                    "survival_high": share.high,
                }
            )
        return pl.DataFrame(rows, schema=_SCHEMA)

    @property
    def well_seen(self) -> int:
        """The last period of the summary that 30 contracts reached; its last where none was."""
        assert self.curve is not None
        last: int = self.summary["period"][-1]
        return max(1, min(last, self.curve.last(_ENOUGH))) if self.curve.customers >= _ENOUGH else last

    @cached_property
    def cohorts(self) -> Cohorts | None:
        """The matrix of contracts by the period of their start; None without contracts."""
        return None if self.terms is None else Cohorts(self.lab, self.terms)

    @cached_property
    def projection(self) -> Projection:
        """How renewals go on, by the models that tell it, judged on contracts that they had not seen."""
        from crmlab.retention.projection import Projection

        return Projection(self)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share of contracts still there by age, with the projection of the models."""
        from crmlab.retention.projection import chart

        return Note(self.explain(), self.lab.language) if self.summary.is_empty() else chart(self)

    def table(self) -> Table | Note:
        """Show renewal and survival per period."""
        if self.summary.is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        shown = (
            self.summary.filter(pl.col("period").le(_FIRST_ROWS) | pl.col("period").mod(_EVERY_ROW).eq(0))
            if self.summary.height > 2 * _FIRST_ROWS
            else self.summary
        )
        frame = shown.with_columns(
            pl.when(pl.col(name).is_not_null())
            .then(pl.concat_list(f"{name}_low", f"{name}_high"))
            .alias(f"{name}_interval")
            for name in ("renewed", "survival")
        )
        return Table(
            frame,
            [
                Column("period", say("retention_tenure", days=self.period_days), "integer"),
                Column("at_risk", words["retention_at_risk"], "integer"),
                Column("ended", words["retention_ended"], "integer"),
                Column("renewed", words["retention_renewed"], "percent"),
                Column("renewed_interval", words["interval_95"], "interval", of="percent"),
                Column("survival", words["retention_survival"], "percent", bar=True),
                Column("survival_interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["retention_renewal_caption"],
            note=joined(
                words["retention_renewal_note"],
                words["retention_renewal_rows"] if frame.height < self.summary.height else None,
                say("privacy_rows", k=self._fewest) if frame["at_risk"].has_nulls() else None,
            ),
            language=self.lab.language,
        )

    def cohort_chart(self) -> alt.LayerChart | Note:
        """Draw the cohorts of contracts."""
        return Note(self.explain(), self.lab.language) if self.cohorts is None else self.cohorts.chart()

    def explain(self) -> Text:
        """Return what the renewals say, in sentences."""
        if self.terms is None:
            return texts()["retention_no_contracts"]
        if self.summary.is_empty():
            return texts()["retention_too_short"]
        running = int((self.terms.ended < 0).sum())
        wrong = self.terms.backwards
        return joined(
            say(
                "retention_contract_count",
                n=count(len(self.terms.started)),
                running=count(running),
            )
            if min(running, len(self.terms.started) - running) >= self._fewest
            else None,
            self.title(),
            self._middle(),
            say("retention_backwards", n=count(wrong)) if wrong >= max(self._fewest, 1) else None,
            self.projection.explain(),
        )

    def note(self) -> Note:
        """Show what the renewals say, in sentences."""
        return Note(sentence(self.explain()), self.lab.language)

    def title(self) -> Text:
        """Return the first renewal, and the share of contracts left at the last age that 30 reached."""
        assert self.curve is not None
        first = self.summary["renewed"][0]
        return say(
            "retention_contract_title" if first is not None else "retention_contract_left",
            first=None if first is None else percent(first),
            n=self.well_seen,
            days=self.period_days,
            **spoken(self.curve.at([self.well_seen])[0]),
        )

    def _middle(self) -> Text | None:
        assert self.curve is not None
        middle = self.curve.quantile(0.5, self._fewest)
        if middle.value != middle.value:
            return None
        return say("retention_contract_median", n=count(middle.value * self.period_days))


_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("period", "at_risk", "ended"), pl.Int64),
    **dict.fromkeys(
        ("renewed", "renewed_low", "renewed_high", "survival", "survival_low", "survival_high"), pl.Float64
    ),
}
