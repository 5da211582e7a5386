"""What every part of the report on complaints has: sentences, a chart, a table, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmlab.complaints.log import Log, nothing
from crmlab.labels import Text
from crmlab.view.findings import Note
from crmlab.view.texts import joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmlab.lab import Lab


class Part:
    """One question about complaints. Where data is missing each view says which, and what to do.

    ``log`` is the prepared log of complaints; None where the study has none.
    """

    def __init__(self, lab: Lab, log: Log | None) -> None:
        self.lab = lab
        self._log = log
        self.fewest = lab.study.privacy.smallest_group

    @property
    def log(self) -> Log:
        """The log; only for what is asked after :attr:`problem`."""
        assert self._log is not None
        return self._log

    @property
    def problem(self) -> Text | None:
        """Why the question cannot be answered; None where it can."""
        return nothing(self.lab) if self._log is None else self._lacks()

    def explain(self) -> Text:
        """Return the answer in sentences."""
        problem = self.problem
        return problem if problem is not None else self._explain()

    def note(self) -> Note:
        """Show the answer in sentences."""
        return Note(ended(self.explain()), self.lab.language)

    def chart(self) -> Any:
        """Draw the answer; a note where there is nothing to draw."""
        return self._shown(self._chart)

    def table(self) -> Any:
        """Show the figures behind the answer; a note where there are none."""
        return self._shown(self._table)

    def _shown(self, view: Any) -> Any:
        problem = self.problem
        return Note(problem, self.lab.language) if problem is not None else view()

    def _lacks(self) -> Text | None:
        """Say which columns are missing; by default a log is enough."""
        return None

    def _explain(self) -> Text:
        raise NotImplementedError

    def _chart(self) -> Any:
        raise NotImplementedError

    def _table(self) -> Any:
        raise NotImplementedError


def listed(names: Sequence[Text]) -> Text:
    """Return names one after the other."""
    return Text("、".join(name.zh for name in names), ", ".join(name.en for name in names))


def ended(text: Text) -> Text:
    """Return sentences with a full stop at the end."""
    whole = joined(text, Text("", ""))
    return Text(whole.zh, whole.en.rstrip())
