"""Respondents who may not have read the questions: the same answer all along, or far too fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.intervals import wilson
from crmlab.surveys.questions import batteries
from crmlab.surveys.reliability import complete_answers
from crmlab.surveys.sheets import DURATION

if TYPE_CHECKING:
    from crmlab.surveys.sheets import Sheets

LONG_ENOUGH = 4
"""Fewer questions in a row may well be answered alike by somebody who read them."""
_RUN = 6
_SPEEDING = 3.0

REASONS = ("straight_line", "long_string", "speeder")


def careless(sheets: Sheets) -> pl.DataFrame:
    """Return ``respondent_id``, ``person`` and a flag per reason for each sheet; null if it cannot be told.

    ``straight_line``: every question of a matrix of four or more has the same answer (variance zero).
    ``long_string``: an unbroken run of the same answer on the same scale, as long as half of all questions
    on scales and at least six (Curran 2016, Journal of Experimental Social Psychology 66:4–19).
    ``speeder``: in less than a third of the median time, where the source tells how long the sheets took
    (Greszki, Meyer & Schoen 2015, Public Opinion Quarterly 79:471–503, who compare such cut-offs).
    """
    found = sheets.respondents.select("respondent_id", "person")
    found = found.join(_straight(sheets), on="respondent_id", how="left", maintain_order="left")
    found = found.join(_long(sheets), on="respondent_id", how="left", maintain_order="left")
    speeder = pl.lit(None, pl.Boolean)
    if DURATION in sheets.respondents.columns:
        took = sheets.respondents[DURATION].cast(pl.Float64)
        speeder = (pl.lit(took) < pl.lit(took.median()) / _SPEEDING).alias("speeder")
    return found.with_columns(speeder=speeder)


def careless_summary(flags: pl.DataFrame, least: int) -> pl.DataFrame:
    """Return one row per reason.

    ``reason``, ``judged``, ``sheets``, ``share`` with ``low`` and ``high`` (Wilson). ``sheets`` and shares
    are null where fewer than ``least`` people are flagged, or it cannot be told.
    """
    rows: list[dict[str, Any]] = []
    for reason in REASONS:
        told = flags.filter(pl.col(reason).is_not_null())
        row: dict[str, Any] = {"reason": reason, "judged": told.height}
        rows.append(row)
        flagged = told.filter(pl.col(reason))
        if told.height and not 0 < flagged["person"].n_unique() < least:
            low, high = wilson(flagged.height, told.height)
            row |= {"sheets": flagged.height, "share": flagged.height / told.height, "low": low, "high": high}
    return pl.DataFrame(rows, schema=_SUMMARY)


def _straight(sheets: Sheets) -> pl.DataFrame:
    parts = []
    for rows in batteries(sheets):
        if len(rows) < LONG_ENOUGH:
            continue
        answers = complete_answers(rows)
        scores = pl.exclude("respondent_id", "person")
        parts.append(
            answers.select(
                "respondent_id",
                straight_line=pl.min_horizontal(scores) == pl.max_horizontal(scores),
            )
        )
    if not parts:
        return pl.DataFrame(schema={"respondent_id": pl.String, "straight_line": pl.Boolean})
    return pl.concat(parts).group_by("respondent_id").agg(pl.col("straight_line").any())


def _long(sheets: Sheets) -> pl.DataFrame:
    scaled = [asked for asked in sheets.questions if asked.kind in ("rating", "labelled")]
    if max((sum(each.scale == asked.scale for each in scaled) for asked in scaled), default=0) < _RUN:
        return pl.DataFrame(schema={"respondent_id": pl.String, "long_string": pl.Boolean})
    together = pl.concat(
        asked.frame.select(
            "respondent_id", given=pl.struct("score", scale=pl.lit(asked.scale)), place=pl.lit(place)
        )
        for place, asked in enumerate(scaled)
    ).sort("respondent_id", "place")
    longest = pl.col("given").rle().struct.field("len").max()
    runs = together.group_by("respondent_id", maintain_order=True).agg(longest.alias("run"))
    least = max(_RUN, (len(scaled) + 1) // 2)
    return runs.select("respondent_id", long_string=pl.col("run") >= least)


_SUMMARY: dict[str, Any] = {
    "reason": pl.String,
    "judged": pl.Int64,
    "sheets": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
