"""A question against another or a group of customers: shares, one test, and the cells that differ."""

from __future__ import annotations

from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden, hidden_cells
from crmlab.intervals import wilson
from crmlab.segments.separation import UNKNOWN
from crmlab.surveys.association import (
    Association,
    adjusted_residuals,
    association,
    holm,
    residual_p_values,
)
from crmlab.surveys.groups import answer_groups, asked_of, groups_by
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab
    from crmlab.surveys.sheets import Sheets
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

LEVEL = 0.05
"""Adjusted p-values below it are called a difference."""
_LEVELS = (0.001, 0.01, LEVEL, 0.1, 1.0)
_LARGE = 1_000
"""Among so many answers one more or less in a cell does not change V in its second decimal."""
_LARGEST = 12
"""So many rows and columns are shown; the smallest beyond are "other"."""


class Crosstab:
    """The answers to ``question`` by the groups of ``by``; see :func:`crmlab.surveys.groups.groups_by`.

    A single choice or scale is one table with one test. A multiple choice has overlapping rows, so each
    option is tested by itself (chosen or not), with p-values adjusted after Holm. Tests use all
    answers; cells of fewer people than ``privacy.smallest_group`` are not shown.
    """

    def __init__(self, lab: Lab, sheets: Sheets, question: str, by: str) -> None:
        self.lab = lab
        self.asked = asked_of(sheets, question)
        self.by_title, groups = groups_by(lab, sheets, by)
        answers = answer_groups(lab, self.asked)
        both = answers.join(
            groups.rename({"group": "column", "place": "column_place"}), on="respondent_id"
        ).rename({"group": "row", "place": "row_place"})
        other = texts()["survey_other_options"].to(lab.language)
        small = _merged(both, "column", other, lab.study.privacy.smallest_group)
        self._both = _gathered(_gathered(small, "row", other), "column", other)
        self.rows = _ordered(self._both, "row")
        self.columns = _ordered(self._both, "column")
        self.is_multiple = self.asked.kind == "multiple"

    @property
    def n(self) -> int:
        """How many respondents answered and are in a group."""
        return self._both["respondent_id"].n_unique()

    @cached_property
    def test(self) -> Association:
        """The test of the whole table; without one for a multiple choice."""
        if self.is_multiple:
            return Association("none", float("nan"), 0, float("nan"), UNKNOWN, self.n)
        return association(self._counts)

    @cached_property
    def tests(self) -> pl.DataFrame:
        """One row per test: ``row`` (null for the whole table), ``test``, ``statistic``, ``freedom``, ``n``.

        ``p_value``, ``p_adjusted`` (Holm over the options of a multiple choice), ``v`` with ``v_low``,
        ``v_high``. Where cells are hidden there is no statistic, p-values are the next larger of 0.001, 0.01,
        0.05, 0.1 and 1, and V is rounded: from exact ones the hidden counts could be solved for.
        """
        if not self.is_multiple:
            found: list[tuple[str | None, Association]] = [(None, self.test)]
        else:
            found = [(row, association([line, rest])) for row, line, rest in self._per_option]
        known = [each.p_value for _, each in found if not isnan(each.p_value)]
        adjusted = iter(holm(known))
        rows = []
        for place, (row, each) in enumerate(found):
            figures = (each.p_value, float("nan") if isnan(each.p_value) else next(adjusted))
            if any(self._hidden[place]) if self.is_multiple else self.has_hidden:
                decimals = 1 if each.n < _LARGE else 2
                v = [round(end, decimals) for end in each.v]
                rows.append((row, each.test, None, each.freedom, each.n, *map(_coarse, figures), *v))
            else:
                rows.append((row, each.test, each.statistic, each.freedom, each.n, *figures, *each.v))
        return pl.DataFrame(rows, schema=_TESTS, orient="row")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per cell, in the order of rows and columns.

        ``row``, ``column``, ``count``, ``share`` of the column's respondents with its Wilson interval,
        ``residual`` (adjusted), ``p_adjusted`` (Holm over all cells), ``differs`` (1 more, −1 fewer than
        chance would make it, 0 neither). Figures are null where the cell must not be shown.
        """
        residuals, p_values = self._residuals
        rows = []
        for i, row in enumerate(self.rows):
            for j, column in enumerate(self.columns):
                cell: dict[str, Any] = {"row": row, "column": column}
                rows.append(cell)
                size = self.sizes[j]
                if self._hidden[i][j] or not size:
                    continue
                number = int(self._counts[i, j])
                low, high = wilson(number, size)
                cell |= {"count": number, "share": number / size, "low": low, "high": high}
                residual, p_value = float(residuals[i, j]), float(p_values[i, j])
                if isnan(residual):
                    continue
                differs = (1 if residual > 0 else -1) if p_value < LEVEL else 0
                cell |= {"residual": residual, "p_adjusted": p_value, "differs": differs}
        return pl.DataFrame(rows, schema=_SUMMARY)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share of each answer within each group."""
        from crmlab.surveys.crosstab_views import chart

        return chart(self)

    def table(self) -> Table | Note:
        """Show the cells that differ; where none does, all cells that may be shown."""
        from crmlab.surveys.crosstab_views import table

        return table(self)

    def test_table(self) -> Table | Note:
        """Show which test was made, its p-value, and Cramér's V with its interval."""
        from crmlab.surveys.crosstab_views import test_table

        return test_table(self)

    def note(self) -> Note:
        """Say whether the answers have to do with the groups, and which cells differ most."""
        from crmlab.surveys.crosstab_views import note

        return note(self)

    @property
    def nothing(self) -> bool:
        """Whether no cell may be shown."""
        return self.summary.is_empty() or self.summary["share"].is_null().all()

    @property
    def has_hidden(self) -> bool:
        """Whether some cells are not shown because of few people."""
        return any(any(line) for line in self._hidden)

    @cached_property
    def sizes(self) -> list[int]:
        """Respondents per column."""
        found = self._both.group_by("column").agg(pl.col("respondent_id").n_unique())
        known = dict(found.iter_rows())
        return [int(known.get(column, 0)) for column in self.columns]

    @cached_property
    def _counts(self) -> NDArray[np.float64]:
        return _matrix(self._both, self.rows, self.columns, "respondent_id")

    @cached_property
    def _hidden(self) -> list[list[bool]]:
        least = self.lab.study.privacy.smallest_group
        people = _matrix(self._both, self.rows, self.columns, "person").astype(int)
        if not self.is_multiple:
            gone = hidden_cells(people.tolist(), least)
            # An empty cell in a line of very few people says of them what they did not answer.
            rows, columns = (hidden(people.sum(axis=axis).tolist(), least) for axis in (1, 0))
            return [
                [each or row or column for each, column in zip(line, columns, strict=True)]
                for line, row in zip(gone, rows, strict=True)
            ]
        of_column = dict(self._both.group_by("column").agg(pl.col("person").n_unique()).iter_rows())
        sizes = [int(of_column.get(column, 0)) for column in self.columns]
        lines = []
        for line in people.tolist():
            # Chosen or not sums to all who answered, so each option is a table of its own.
            pair = hidden_cells([line, [size - n for size, n in zip(sizes, line, strict=True)]], least)
            lines.append([one or other for one, other in zip(*pair, strict=True)])
        return lines

    @cached_property
    def _per_option(self) -> list[tuple[str, list[float], list[float]]]:
        return [
            (row, line, [size - n for size, n in zip(self.sizes, line, strict=True)])
            for row, line in zip(self.rows, self._counts.tolist(), strict=True)
        ]

    @cached_property
    def _residuals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        import numpy as np

        if not self.is_multiple:
            residuals = adjusted_residuals(self._counts)
        else:
            residuals = np.array([adjusted_residuals([line, rest])[0] for _, line, rest in self._per_option])
        return residuals, residual_p_values(residuals)


def _coarse(p_value: float) -> float:
    return next((level for level in _LEVELS if p_value <= level), p_value)


def _merged(both: pl.DataFrame, side: str, other: str, least: int) -> pl.DataFrame:
    """Put groups of too few people together; leave them out where they are too few even so."""
    sizes = both.group_by(side).agg(pl.col("person").n_unique()).sort(side)
    gone = hidden(sizes["person"].to_list(), least)
    few = sizes.filter(pl.Series(gone, dtype=pl.Boolean))[side].to_list()
    if not few:
        return both
    inside = pl.col(side).is_in(few)
    if both.filter(inside)["person"].n_unique() < least:
        return both.filter(~inside)
    last = int(both[f"{side}_place"].max()) + 1  # type: ignore[arg-type]
    return both.with_columns(
        pl.when(inside).then(pl.lit(other)).otherwise(side).alias(side),
        pl.when(inside).then(last).otherwise(f"{side}_place").cast(pl.Int64).alias(f"{side}_place"),
    )


def _gathered(both: pl.DataFrame, side: str, other: str) -> pl.DataFrame:
    """Put the smallest rows or columns beyond twelve together; ordered ones stay as they are."""
    if both.is_empty() or both[f"{side}_place"].max() != 0 or both[side].n_unique() <= _LARGEST:
        return both
    sizes = both.group_by(side).len().sort("len", side, descending=[True, False])
    kept = sizes[side].head(_LARGEST - 1).to_list()
    name = pl.when(pl.col(side).is_in(kept)).then(side).otherwise(pl.lit(other))
    place = pl.when(pl.col(side).is_in(kept)).then(0).otherwise(1).cast(pl.Int64)
    gathered = both.with_columns(name.alias(side), place.alias(f"{side}_place"))
    return gathered.unique(["respondent_id", "row", "column"], keep="first", maintain_order=True)


def _ordered(both: pl.DataFrame, side: str) -> list[str]:
    """Return the values in their order; those without one by size."""
    sizes = both.group_by(side).agg(pl.col(f"{side}_place").min().alias("place"), pl.len().alias("n"))
    return sizes.sort("place", -pl.col("n").cast(pl.Int64), side)[side].to_list()


def _matrix(both: pl.DataFrame, rows: list[str], columns: list[str], of: str) -> NDArray[np.float64]:
    import numpy as np

    counts = np.zeros((len(rows), len(columns)))
    for row, column, n in both.group_by("row", "column").agg(pl.col(of).n_unique()).iter_rows():
        counts[rows.index(row), columns.index(column)] = n
    return counts


_TESTS: dict[str, Any] = {
    "row": pl.String,
    "test": pl.String,
    "statistic": pl.Float64,
    "freedom": pl.Int64,
    "n": pl.Int64,
    "p_value": pl.Float64,
    "p_adjusted": pl.Float64,
    "v": pl.Float64,
    "v_low": pl.Float64,
    "v_high": pl.Float64,
}
_SUMMARY: dict[str, Any] = {
    "row": pl.String,
    "column": pl.String,
    "count": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "residual": pl.Float64,
    "p_adjusted": pl.Float64,
    "differs": pl.Int64,
}
