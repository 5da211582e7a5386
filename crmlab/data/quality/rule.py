"""What a rule of data quality is, and how strict it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from crmlab.data.quality.dimensions import DimensionId
from crmlab.labels import Text

if TYPE_CHECKING:
    import polars as pl

    from crmlab.data.quality.facts import Facts

Severity = Literal["notice", "warning", "error"]

WEIGHTS: dict[Severity, int] = {"error": 3, "warning": 1, "notice": 0}
"""What a rule counts in the score of its dimension; a notice is shown and counts nothing."""

ROWS = Text("行", "rows")
DAYS = Text("天", "days")
WEEKS = Text("周", "weeks")
COLUMNS = Text("列", "columns")
TABLES = Text("张表", "tables")


class Count(NamedTuple):
    """What a rule found that is not about single rows; ``examples`` name no person."""

    checked: int
    violated: int
    examples: tuple[str, ...] = ()
    unit: Text = ROWS


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One check of one table.

    ``violated`` gives an expression over the table: true where the rule is broken, false where it is
    kept, null where there is nothing to check. A rule that is not about rows has ``counted``
    instead, which gives None where the data cannot say.

    The rule is checked where the table has all columns ``needs``, one at least of ``any_of``, and the
    study has the tables ``also``. ``shows`` are the columns whose masked values make an example.
    ``takes`` names further settings that the rule understands: ``codes``, ``days``.
    """

    id: str
    table: str
    dimension: DimensionId
    title: Text
    advice: Text
    needs: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    violated: Callable[[Facts], pl.Expr] | None = None
    counted: Callable[[Facts], Count | None] | None = None
    shows: tuple[str, ...] = ()
    severity: Severity = "warning"
    max_share: float = 0.01
    takes: tuple[str, ...] = ()
