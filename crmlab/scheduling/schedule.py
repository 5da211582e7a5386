"""What runs when: a study, the times at which it is due, and the command that does what is due."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from crmlab.errors import ParamsError
from crmlab.scheduling.expression import Expression

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Ends a line or is no text; nobody who keeps the time can be given it."""


@dataclass(frozen=True)
class Schedule:
    """A study and the times at which it is due. All paths are absolute.

    ``name`` tells the schedules of a computer apart; ``folder`` is where the command runs; ``options`` are
    further ones of ``crmlab run``; ``environment`` is a file of secrets; ``most`` is how many missed runs
    are caught up. Raises ParamsError for a path or an option that cannot stand in a line.
    """

    name: str
    study: Path
    at: Expression
    runs: Path
    folder: Path
    options: tuple[str, ...] = ()
    environment: Path | None = None
    most: int = 7

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ParamsError(
                f"{self.name!r} cannot name a schedule: it has 1 to 64 of a–z, 0–9, - and _, and begins with "
                "a letter or digit."
            )
        for word in (*self.command(), str(self.folder)):
            if _CONTROL.search(word):
                raise ParamsError(
                    f"{word!r} holds a line break or another character that no scheduler takes. "
                    "Rename it, or leave it out."
                )

    @property
    def ledger(self) -> Path:
        """Where it is kept which due times were run."""
        return self.runs / ".crmlab" / "schedules" / f"{self.name}.json"

    @property
    def lock(self) -> Path:
        """What is held while runs of the schedule are made."""
        return self.ledger.with_suffix(".lock")

    @property
    def log(self) -> Path:
        """Where the runs write what they would show."""
        return self.ledger.with_suffix(".log")

    def head(self, python: str | None = None) -> list[str]:
        """Return the command that runs what is due, word by word, up to the options of the run."""
        return [
            *(python or os.path.abspath(sys.executable), "-P", "-m", "crmlab", "schedule", "run"),
            *(str(self.study), "--at", self.at.text, "--timezone", self.at.timezone),
            *("--name", self.name, "--runs", str(self.runs), "--catch-up", str(self.most)),
            *(("--environment", str(self.environment)) if self.environment else ()),
        ]

    def tail(self) -> list[str]:
        """Return the end of the command: the options of the run."""
        return ["--", *self.options] if self.options else []

    def command(self, python: str | None = None) -> list[str]:
        """Return the whole command, which writes to the log; no shell is needed to run it."""
        return [*self.head(python), "--log", str(self.log), *self.tail()]
