"""Complaints from reception to closure: how fast, how well, from what causes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from crmlab.labels import Text

if TYPE_CHECKING:
    import polars as pl

    from crmlab.complaints.again import Again
    from crmlab.complaints.backlog import Backlog
    from crmlab.complaints.best_customers import BestCustomers
    from crmlab.complaints.causes import Causes
    from crmlab.complaints.closed_loop import ClosedLoop
    from crmlab.complaints.first import First
    from crmlab.complaints.handling import Handling
    from crmlab.complaints.log import Log
    from crmlab.complaints.promise import Promise
    from crmlab.complaints.severity import Severity
    from crmlab.complaints.speed import Speed
    from crmlab.complaints.staying import Staying
    from crmlab.complaints.steps import Steps
    from crmlab.complaints.suggestions import Suggestions
    from crmlab.complaints.volume import Volume
    from crmlab.lab import Lab
    from crmlab.view.findings import KeyFigures, Sections


class Complaints:
    """Complaints from reception to closure: how fast, how well, from what causes.

    Each part has ``summary`` (a frame), ``chart()``, ``table()`` and ``note()``; where data is missing they
    say which instead. Steps are those of ISO 10002:2018 (GB/T 19012).
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @cached_property
    def log(self) -> Log | None:
        """The complaints with what is measured on them; None where the study has none."""
        from crmlab.complaints.log import read_log

        return read_log(self._lab)

    @cached_property
    def volume(self) -> Volume:
        """How many complaints, and how many per 1,000 orders."""
        from crmlab.complaints.volume import Volume

        return Volume(self._lab, self.log)

    @cached_property
    def speed(self) -> Speed:
        """How long customers wait for a response and for the resolution."""
        from crmlab.complaints.speed import Speed

        return Speed(self._lab, self.log)

    @cached_property
    def steps(self) -> Steps:
        """Which step takes how long."""
        from crmlab.complaints.steps import Steps

        return Steps(self._lab, self.log)

    @cached_property
    def promise(self) -> Promise:
        """Whether promised times are kept."""
        from crmlab.complaints.promise import Promise

        return Promise(self._lab, self.log)

    @cached_property
    def backlog(self) -> Backlog:
        """What is open, and how old it is."""
        from crmlab.complaints.backlog import Backlog

        return Backlog(self._lab, self.log, self.promise)

    @cached_property
    def again(self) -> Again:
        """What is reopened, resolved at once, complained of repeatedly."""
        from crmlab.complaints.again import Again

        return Again(self._lab, self.log)

    @cached_property
    def causes(self) -> Causes:
        """What complaints come from."""
        from crmlab.complaints.causes import Causes

        return Causes(self._lab, self.log)

    @cached_property
    def severity(self) -> Severity:
        """Severity by category."""
        from crmlab.complaints.severity import Severity

        return Severity(self._lab, self.log)

    @cached_property
    def closed_loop(self) -> ClosedLoop:
        """Whether customers hear what was changed."""
        from crmlab.complaints.closed_loop import ClosedLoop

        return ClosedLoop(self._lab, self.log)

    @cached_property
    def handling(self) -> Handling:
        """How satisfied customers are with the handling."""
        from crmlab.complaints.handling import Handling

        return Handling(self._lab, self.log, self.promise)

    @cached_property
    def best_customers(self) -> BestCustomers:
        """Whether the best customers complain."""
        from crmlab.complaints.best_customers import BestCustomers

        return BestCustomers(self._lab, self.log)

    @cached_property
    def staying(self) -> Staying:
        """Whether complainers stay, against others who were like them."""
        from crmlab.complaints.staying import Staying

        return Staying(self._lab, self.log, self.promise)

    @cached_property
    def suggestions(self) -> Suggestions:
        """Suggested categories for unsorted complaints."""
        from crmlab.complaints.suggestions import Suggestions

        return Suggestions(self._lab, self.log)

    @cached_property
    def first(self) -> First:
        """What to do first."""
        from crmlab.complaints.first import First

        return First(self._lab, self.log, self)

    def figures(self) -> KeyFigures:
        """Show the few numbers of complaint handling side by side."""
        from crmlab.complaints.figures import figures

        return figures(self, self._lab)

    def findings(self) -> list[Text]:
        """Return the sentences a manager would repeat, those that the data allow."""
        from crmlab.complaints.log import nothing
        from crmlab.complaints.part import ended
        from crmlab.view.texts import joined

        if self.log is None:
            return [ended(nothing(self._lab))]
        said: list[Text | None] = [joined(self.volume.title(), self.volume.trend())]
        if self.speed.problem is None:
            said.append(self.speed.change() or self.speed.title())
        if self.backlog.problem is None:
            said.append(self.backlog.explain())
        if self.causes.problem is None:
            said.append(self.causes.title())
        if self.again.share("repeat_customers") is not None:
            said.append(self.again.repeaters())
        if self.staying.problem is None:
            said.append(self.staying.brief())
        if self.first.worst is not None:
            said.append(self.first.title())
        return [ended(text) for text in said if text is not None]

    def definitions(self) -> list[tuple[Text, Text]]:
        """Return what the words of this report mean: (term, text)."""
        from crmlab.view.texts import say, texts

        words = texts()
        names = (
            "rate",
            "wait",
            "business",
            "promise",
            "backlog",
            "reopened",
            "contact",
            "repeat",
            "loop",
            "match",
        )
        told = [(words[f"term_complaints_{name}"], words[f"term_complaints_{name}_text"]) for name in names]
        if self.log is None:
            return told
        hours = (words["term_complaints_desk"], self.log.explain_hours())
        kept = say("term_complaints_repurchase_text", days=self._lab.study.complaints.repurchase_days)
        return [*told, hours, (words["term_complaints_repurchase"], kept)]

    @staticmethod
    def together(*parts: object) -> Sections:
        """Show parts one below the other; a remark that several of them make is made once."""
        from crmlab.view.findings import together

        return together(*parts)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of the parts that were used and have data."""
        tables: dict[str, pl.DataFrame] = {}
        for name in _PARTS:
            part: Any = vars(self).get(name)
            if part is None or part.problem is not None:
                continue
            tables[f"complaints_{name}"] = part.summary
            if name == "suggestions":
                tables["complaints_suggested"] = part.suggested.drop("text")
            if name == "best_customers":
                tables["complaints_best_waiting"] = part.waiting
        return tables


_PARTS = (
    *("volume", "speed", "steps", "promise", "backlog", "again", "causes", "severity", "closed_loop"),
    *("handling", "best_customers", "staying", "suggestions", "first"),
)
