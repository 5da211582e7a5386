"""Did a measure work: the register of improvements, and their effects."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from crmlab.improvement.measure_view import MeasureView
    from crmlab.improvement.register import Measure
    from crmlab.improvement.verdicts import Judged
    from crmlab.lab import Lab
    from crmlab.results import Finding
    from crmlab.view.findings import KeyFigures, Note, Sections
    from crmlab.view.tables import Table


class Improvement:
    """The register of improvements of a study, and whether each of them worked, as of its day.

    Measures come from the table ``improvements`` and from ``improvement.measures`` of the study. Each is
    judged by the metric that it was to move; what the data does not allow is said in words instead.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def __repr__(self) -> str:
        return f"<Improvement of {self.lab.study.study} as of {self.lab.study.as_of}>"

    @cached_property
    def register(self) -> tuple[Measure, ...]:
        """The measures, by start."""
        from crmlab.improvement.register import read_register

        return read_register(self.lab)

    @cached_property
    def judged(self) -> tuple[Judged, ...]:
        """Every measure with its verdict and what it rests on, in the order of the register."""
        from crmlab.improvement.verdicts import judge

        return judge(self.lab, self.register)

    @cached_property
    def verdicts(self) -> pl.DataFrame:
        """One row per measure.

        ``improvement_id``, ``measure``, ``target_metric``, ``started_on``, ``verdict`` (``improved``,
        ``no_evidence``, ``worse``, ``not_judged``), ``method`` (the primary one), ``before`` and ``after`` as
        they were, ``effect`` with ``low`` and ``high`` in the metric's unit, ``p`` and ``adjusted_p`` (Holm),
        ``detectable`` (the smallest effect seen four times in five), ``n_before``, ``n_after``, and why
        nothing is said (``reason_zh``, ``reason_en``).
        """
        from crmlab.improvement.summary_views import verdict_frame

        return verdict_frame(self.judged)

    def figures(self) -> KeyFigures | Note:
        """Show how many measures there are, and how many of each verdict."""
        from crmlab.improvement import summary_views

        return summary_views.figures(self) if self.register else self._nothing()

    def register_table(self) -> Table | Note:
        """Show the register: what was changed, by whom, since when, where, and for which figure."""
        from crmlab.improvement import summary_views

        return summary_views.register_table(self) if self.register else self._nothing()

    def timeline_chart(self) -> Any:
        """Draw when each measure began and ended, coloured by its verdict."""
        from crmlab.improvement import summary_views

        return summary_views.timeline(self) if self.register else self._nothing()

    def table(self) -> Table | Note:
        """Show the verdict on each measure with its effect and interval."""
        from crmlab.improvement import summary_views

        return summary_views.table(self) if self.register else self._nothing()

    def note(self) -> Note:
        """Say how verdicts are made and what they cannot tell."""
        from crmlab.improvement import summary_views

        return summary_views.note(self) if self.register else self._nothing()

    def measure(self, improvement_id: str) -> MeasureView:
        """Return what is known of one measure. Raises ParamsError for one that is not registered."""
        from crmlab.errors import ParamsError, did_you_mean
        from crmlab.improvement.measure_view import MeasureView

        known = {each.measure.improvement_id: each for each in self.judged}
        if improvement_id not in known:
            raise ParamsError(
                f"No measure is registered as {improvement_id!r}.{did_you_mean(improvement_id, known)} "
                f"Registered: {', '.join(known) or 'none'}."
            )
        return MeasureView(self.lab, known[improvement_id], self.judged)

    def measures(self) -> Sections:
        """Show every measure one below the other: chart, methods, placebo dates, and what to make of it."""
        from crmlab.view.findings import Sections

        return Sections(
            part for each in self.register for part in self.measure(each.improvement_id).sections().parts
        )

    def definitions(self) -> Table | Note:
        """Show how the metrics in use, the methods and the verdicts are defined."""
        from crmlab.improvement import summary_views

        return summary_views.definitions(self) if self.register else self._nothing()

    def findings(self) -> list[Finding]:
        """Return the sentences that a manager would repeat."""
        from crmlab.improvement.findings import improvement_findings

        return improvement_findings(self.lab)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of what was looked at, by name."""
        from crmlab.improvement import summary_views

        return summary_views.saved_tables(self) if "judged" in vars(self) and self.register else {}

    def _nothing(self) -> Note:
        from crmlab.view.findings import Note
        from crmlab.view.texts import texts

        return Note(texts()["improvement_no_register"], self.lab.language)
