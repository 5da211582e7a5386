"""How satisfied customers are with the handling, before and since a change, in time and late."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.complaints.log import Log
from crmlab.complaints.part import Part
from crmlab.complaints.promise import Promise
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.satisfaction import SCALES
from crmlab.summary import day_number
from crmlab.targeting.effects import difference_of_rates
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.segments.separation import Estimate

_TOP = {"csat_1_5": 4, "csat_1_7": 5}
"""Lowest answer that counts as satisfied: above the middle of the scale."""
_PAIRS = (("before", "after"), ("late", "in_time"))


class Handling(Part):
    """CSAT of the handling: the share of answers above the middle of the scale (Wilson).

    Who answers is not who complained: the share of ended complaints with an answer stands beside it.
    """

    def __init__(self, lab: Lab, log: Log | None, promise: Promise) -> None:
        super().__init__(lab, log)
        self._promise = promise

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per group: all, before, after (the change of the study), late, in_time (by the promise).

        ``group``, ``ended`` complaints, ``answers``, ``satisfied``, ``share`` with ``low``, ``high``.
        """
        rows = []
        for name, frame in self._groups.items():
            scores = frame["score"].drop_nulls()
            satisfied = int((scores >= self.top).sum())
            low, high = wilson(satisfied, len(scores))
            known = len(scores) >= max(self.fewest, 1)
            share = (satisfied / len(scores), low, high) if known else (None, None, None)
            rows.append((name, frame.height, len(scores), satisfied, *share))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def change(self, without: str = "before", with_it: str = "after") -> Estimate | None:
        """Return the difference of two groups' shares (Newcombe 1998); None where either is too small."""
        rows = {row["group"]: row for row in self.summary.iter_rows(named=True)}
        if any(name not in rows or rows[name]["share"] is None for name in (without, with_it)):
            return None
        one, other = rows[with_it], rows[without]
        return difference_of_rates(one["satisfied"], one["answers"], other["satisfied"], other["answers"])

    def title(self) -> Text:
        """Say the share of satisfied answers."""
        row = self.summary.row(0, named=True)
        if row["share"] is None:
            return texts()["complaints_handling_few"]
        ends = {name: percent(row[name]) for name in ("share", "low", "high")}
        answered = percent(row["answers"] / row["ended"] if row["ended"] else None)
        return say("complaints_handling_title", n=count(row["answers"]), answered=answered, **ends)

    def _explain(self) -> Text:
        said = [self.title()]
        for pair in _PAIRS:
            apart = self.change(*pair)
            if apart is None:
                continue
            key = "complaints_handling_alike"
            if apart.low > 0 or apart.high < 0:
                key = "complaints_handling_apart"
            names = dict(zip(("one", "other"), (self._name(name) for name in reversed(pair)), strict=True))
            ends = {name: signed(100 * getattr(apart, name), 1) for name in ("value", "low", "high")}
            said.append(say(key, **names, **ends))
        return joined(*said)

    def _chart(self) -> alt.LayerChart | Note:
        frame = self._named().drop_nulls("share")
        if frame.is_empty():
            return Note(self.title(), self.lab.language)
        words = texts()
        return interval_bars(
            frame.with_columns(
                value="share", label=pl.col("share").map_elements(percent, return_dtype=pl.String)
            ),
            self.title(),
            say("complaints_handling_subtitle", top=self.top, most=self._scale[1]),
            words["complaints_satisfied"],
            words["complaints_group"],
            self.lab.language,
            [
                ("name", words["complaints_group"]),
                ("answers", words["complaints_answers"]),
                ("label", words["complaints_satisfied"]),
            ],
            shares=True,
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self._named().with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["complaints_group"]),
                Column("ended", words["complaints_ended"], "integer"),
                Column("answers", words["complaints_answers"], "integer"),
                Column("share", words["complaints_satisfied"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["complaints_handling_caption"],
            note=words["complaints_handling_note"],
            language=self.lab.language,
        )

    @cached_property
    def _groups(self) -> dict[str, pl.DataFrame]:
        ended = self.log.frame.filter(~pl.col("is_open"))
        groups = {"all": ended}
        changed = self.lab.study.complaints.changed_on
        if changed is not None:
            later = pl.col("day") >= day_number(changed)
            groups |= {"before": ended.filter(~later), "after": ended.filter(later)}
        judged = self._promise.in_time()
        if judged is not None:
            both = ended.join(judged, on="complaint_id", maintain_order="left")
            groups |= {"late": both.filter(~pl.col("in_time")), "in_time": both.filter("in_time")}
        return groups

    @property
    def _scale(self) -> tuple[int, int]:
        return SCALES[self.lab.study.complaints.score_scale]

    @property
    def top(self) -> int:
        """The lowest answer that counts as satisfied."""
        return _TOP[self.lab.study.complaints.score_scale]

    def _name(self, group: str) -> Text:
        words = {"all": "complaints_all", "late": "complaints_late", "in_time": "complaints_kept"}
        if group in words:
            return texts()[words[group]]
        key = "complaints_before" if group == "before" else "complaints_after"
        return say(key, day=self.lab.study.complaints.changed_on)

    def _named(self) -> pl.DataFrame:
        names = {group: self._name(group).to(self.lab.language) for group in self.summary["group"]}
        return self.summary.with_columns(name=pl.col("group").replace_strict(names, return_dtype=pl.String))

    def _lacks(self) -> Text | None:
        if not self.log.has("score"):
            return texts()["complaints_no_score"]
        low, high = self._scale
        given = self.log.frame["score"].drop_nulls()
        wrong = given.filter(~given.is_between(low, high) | (given != given.round()))
        if len(wrong):
            return say(
                "complaints_wrong_scale",
                n=count(len(wrong)),
                low=low,
                high=high,
                scale=self.lab.study.complaints.score_scale,
            )
        return None


_SCHEMA = {
    "group": pl.String,
    **dict.fromkeys(("ended", "answers", "satisfied"), pl.Int64),
    **dict.fromkeys(("share", "low", "high"), pl.Float64),
}
