"""Finding: one sentence of a report."""

from __future__ import annotations

from dataclasses import dataclass

from crmlab.labels import Text


@dataclass(frozen=True)
class Finding:
    """One sentence that a manager would repeat, in both languages."""

    id: str
    text: Text
