"""What customers answered: choices, scales, rankings; who answered, and who did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from crmlab.lab import Lab


class Surveys:
    """What customers answered: choices, scales, rankings; who answered, and who did not."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of what was looked at, by name."""
        return {}
