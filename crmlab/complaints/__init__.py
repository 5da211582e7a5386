"""Complaints from reception to closure: how fast, how well, from what causes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from crmlab.lab import Lab


class Complaints:
    """Complaints from reception to closure: how fast, how well, from what causes."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of what was looked at, by name."""
        return {}
