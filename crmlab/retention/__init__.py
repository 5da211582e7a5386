"""Retention: who stays, for how long, who comes back; contracts apart from customers without one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from crmlab.view.texts import texts

if TYPE_CHECKING:
    import polars as pl

    from crmlab.lab import Lab
    from crmlab.labels import Text
    from crmlab.retention.cohorts import Cohorts, Kind
    from crmlab.retention.contracts import Contracts
    from crmlab.retention.lapse import Lapse
    from crmlab.retention.periods import Every
    from crmlab.retention.purchases import Limits, Purchases
    from crmlab.retention.reactivation import Reactivation
    from crmlab.retention.second_purchase import SecondPurchase
    from crmlab.retention.stages import Stages
    from crmlab.retention.statuses import StatusSurvival
    from crmlab.view.findings import KeyFigures, Note, Sections


class Retention:
    """The lifecycle of a study's customers, as of its day.

    Without contracts nobody sees a customer leave, so that cohorts, lapse, second purchase and reactivation
    go by paid orders; :attr:`contracts` go by the dates of contracts. Where data is missing each part says so
    instead of showing a chart or a table.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._cohorts: dict[tuple[Every | None, int | None], Cohorts] = {}
        self._stages: dict[str, Stages] = {}

    def cohorts(self, every: Every | None = None, ages: int | None = None) -> Cohorts | None:
        """Return the cohorts by first paid order; None without one. ``every`` and ``ages`` as there."""
        from crmlab.retention.cohorts import Cohorts

        if self._purchases is None:
            return None
        key = (every, ages)
        if key not in self._cohorts:
            self._cohorts[key] = Cohorts(self.lab, self._purchases, every, ages)
        return self._cohorts[key]

    def cohort_chart(self, kind: Kind = "bounded", every: Every | None = None) -> Any:
        """Draw a matrix of cohorts, or say why there is none."""
        cohorts = self.cohorts(every)
        return self._nothing() if cohorts is None else cohorts.chart(kind)

    def cohort_table(self, every: Every | None = None) -> Any:
        """Show the average of all cohorts with intervals, or say why there is none."""
        cohorts = self.cohorts(every)
        return self._nothing() if cohorts is None else cohorts.table()

    def cohort_note(self, every: Every | None = None) -> Note:
        """Show what the cohorts say, in sentences."""
        cohorts = self.cohorts(every)
        return self._nothing() if cohorts is None else cohorts.note()

    @cached_property
    def lapse(self) -> Lapse:
        """How long customers without a contract stay."""
        from crmlab.retention.lapse import Lapse

        return Lapse(self.lab, self._purchases, self._limits)

    @cached_property
    def statuses(self) -> StatusSurvival:
        """How long customers stay in each status."""
        from crmlab.retention.statuses import StatusSurvival

        return StatusSurvival(self.lab, self._purchases, self._limits)

    @cached_property
    def second_purchase(self) -> SecondPurchase:
        """How many come back after the first purchase, and how soon."""
        from crmlab.retention.second_purchase import SecondPurchase

        return SecondPurchase(self.lab, self._purchases)

    @cached_property
    def reactivation(self) -> Reactivation:
        """How many dormant customers come back by themselves."""
        from crmlab.retention.reactivation import Reactivation

        return Reactivation(self.lab, self._purchases, self._limits)

    def stages(self, name: str = "lifecycle") -> Stages:
        """Return the funnel of a lifecycle scheme with the time each step takes."""
        from crmlab.retention.stages import Stages

        if name not in self._stages:
            self._stages[name] = Stages(self.lab, name)
        return self._stages[name]

    def contracts(self, period_days: int | None = None) -> Contracts:
        """Return the renewals of contracts by age in periods of so many days."""
        from crmlab.retention.contracts import Contracts

        if period_days is None:
            return self._contracts
        return Contracts(self.lab, self._contracts.terms, period_days)

    def findings(self) -> list[Text]:
        """Return the sentences a manager would repeat, those that the data allow."""
        from crmlab.retention.curves import sentence
        from crmlab.view.texts import joined

        said = []
        if self._contracts.terms is not None:
            said.append(self._contracts.explain())
        cohorts = self.cohorts()
        if cohorts is None:
            return said or [self._nothing_text()]
        said += [self.second_purchase.title(), cohorts.title()]
        if self._limits is not None:
            said += [joined(self.lapse.title(), self.lapse.comeback()), self.reactivation.brief()]
        short = texts()["retention_too_short"]
        return [sentence(text) for text in said if text != short] or [short]

    def figures(self) -> KeyFigures:
        """Show the few numbers of the lifecycle side by side."""
        from crmlab.retention.figures import figures

        return figures(self)

    def note(self) -> Note | None:
        """Warn where the records begin in the middle; None where nothing has to be said."""
        from crmlab.view.findings import Note

        warned = None if self._purchases is None else self._purchases.earlier_customers()
        return None if warned is None else Note(warned, self.lab.language, "warning")

    @staticmethod
    def together(*parts: object) -> Sections:
        """Show parts one below the other; a remark that several of them make is made once."""
        from crmlab.view.findings import together

        return together(*parts)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of what has been used: name → frame without customers."""
        from crmlab.retention.figures import saved_tables

        return saved_tables(self)

    @cached_property
    def _purchases(self) -> Purchases | None:
        from crmlab.retention.purchases import read_purchases

        return read_purchases(self.lab)

    @cached_property
    def _limits(self) -> Limits | None:
        from crmlab.retention.purchases import read_limits

        return None if self._purchases is None else read_limits(self.lab, self._purchases)

    @cached_property
    def _contracts(self) -> Contracts:
        from crmlab.retention.contracts import Contracts, read_terms

        return Contracts(self.lab, read_terms(self.lab))

    def _nothing_text(self) -> Text:
        from crmlab.retention.purchases import nothing_bought

        return nothing_bought(self.lab)

    def _nothing(self) -> Note:
        from crmlab.view.findings import Note

        return Note(self._nothing_text(), self.lab.language)
