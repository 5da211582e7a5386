"""Questions answered on a scale: ratings, Likert items, and matrices of several on the same scale."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.satisfaction import SCALES, direction_doubt, mean_interval, poles
from crmlab.surveys.groups import pole_names
from crmlab.surveys.sheets import KINDS, Asked
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.survey_charts import diverging_levels
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

POLES = ("bad", "neither", "good")
_MOST_LEVELS = 7
"""A bar of more levels cannot be read; those of the NPS are drawn as its three groups."""


class ScaleQuestion:
    """One question on a scale, or several on the same one: the rows of a matrix.

    ``kind`` is ``rating`` or ``labelled`` for one question and ``matrix`` for several. Where the answers on
    a single level are of too few people, levels are put together as bad, neither and good.
    """

    def __init__(self, lab: Lab, asked: Sequence[Asked], sheets: int) -> None:
        self.lab = lab
        self.asked = tuple(asked)
        self.sheets = sheets
        self.scale = str(asked[0].scale)
        self.kind: Literal["rating", "labelled", "matrix"] = (
            "matrix" if len(asked) > 1 else "rating" if asked[0].kind == "rating" else "labelled"
        )
        stems = {each.stem for each in asked}
        self.is_one_stem = len(asked) > 1 and len(stems) == 1 and None not in stems
        self._levels = asked[0].levels(lab.language)
        self._poles = _poles(self.scale, len(self._levels), lab)

    @property
    def title(self) -> str:
        """The question, the stem of the matrix, or how many questions share the scale."""
        if self.is_one_stem:
            return str(self.asked[0].stem)
        if self.kind == "matrix":
            return say("survey_same_scale", n=len(self.asked)).to(self.lab.language)
        return self.asked[0].title

    @property
    def n(self) -> int:
        """How many respondents answered, the most of all rows."""
        return max(each.n for each in self.asked)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per question: mean and share of good and bad answers, best mean first.

        ``question``, ``n``, ``mean`` with its t interval (``mean_low``, ``mean_high``), ``top`` (share of
        good answers, on five levels the two best) and ``bottom`` with their Wilson intervals. A question
        that fewer than ``privacy.smallest_group`` people answered has no figures; where good or bad answers
        are of fewer, these shares are missing.
        """
        rows = []
        for each in self.asked:
            row: dict[str, Any] = {"question": self.name(each)}
            rows.append(row)
            if each.frame["person"].n_unique() < max(self.lab.study.privacy.smallest_group, 1):
                continue
            mean, ends = mean_interval(each.frame["score"].to_list())
            row |= {"n": each.n, "mean": mean, "mean_low": ends.low, "mean_high": ends.high}
            counts = self._counted(each, [list(pole) for pole in self._poles])
            if not counts["hidden"].any():
                bad, _, good = counts["count"].to_list()
                for name, part in (("top", good), ("bottom", bad)):
                    low, high = wilson(part, each.n)
                    row |= {name: part / each.n, f"{name}_low": low, f"{name}_high": high}
        frame = pl.DataFrame(rows, schema=_SUMMARY)
        best_first = not (self.scale == "ces_1_7" and self.lab.study.surveys.ces_direction == "low_is_easy")
        return frame.sort("mean", "question", descending=[best_first, False], nulls_last=True)

    @cached_property
    def levels(self) -> pl.DataFrame:
        """One row per question and level: ``question``, ``place``, ``level``, ``pole``, ``count``, ``share``.

        Where too few people are on a level, ``level`` and ``place`` are those of bad, neither and good;
        where it helps nothing, the question is left out.
        """
        rows: list[tuple[Any, ...]] = []
        singles = [[place] for place in self._levels]
        names = list(self._levels.values())
        counted = {each.key: self._counted(each, singles) for each in self.asked}
        too_many = len(names) > _MOST_LEVELS
        if too_many or any(frame["hidden"].any() for frame in counted.values()):
            singles = [list(pole) for pole in self._poles]
            names = [text.to(self.lab.language) for text in pole_names(self.scale)]
            counted = {each.key: self._counted(each, singles) for each in self.asked}
        of_pole = {place: name for name, pole in zip(POLES, self._poles, strict=True) for place in pole}
        for each in self.asked:
            if not each.n or counted[each.key]["hidden"].any():
                continue
            for place, (name, among, number) in enumerate(
                zip(names, singles, counted[each.key]["count"].to_list(), strict=True)
            ):
                if among:
                    pole = of_pole[among[0]]
                    rows.append((self.name(each), place, name, pole, number, number / each.n))
        return pl.DataFrame(rows, schema=_LEVELS, orient="row")

    def name(self, each: Asked) -> str:
        """Return what a row of the matrix is called."""
        return each.row if self.is_one_stem else each.title

    def chart(self) -> alt.LayerChart | Note:
        """Draw what share answered what, bad to the left and good to the right of the middle."""
        order = self.summary["question"].to_list()
        drawn = self.levels
        if drawn.is_empty():
            return self._too_few()
        return diverging_levels(
            drawn.sort(pl.col("question").replace_strict({q: i for i, q in enumerate(order)}), "place"),
            reverse=self._poles[0].start > self._poles[2].start,
            title=Text(self.title, self.title),
            subtitle=self._subtitle(),
            language=self.lab.language,
        )

    def table(self) -> Table | Note:
        """Show mean and share of good and bad answers of each question."""
        if self.summary["mean"].is_null().all():
            return self._too_few()
        words = texts()
        good, bad = (self._said(self._poles[place]) for place in (2, 0))
        return Table(
            self.summary.with_columns(
                interval=pl.concat_list("mean_low", "mean_high"),
                top_interval=pl.concat_list("top_low", "top_high"),
            ),
            [
                Column("question", words["survey_question"]),
                Column("n", words["survey_respondents"], "integer"),
                Column("mean", words["survey_mean"], "decimal"),
                Column("interval", words["interval_95"], "interval", note=words["survey_t_interval"]),
                Column("top", words["survey_pole_good"], "percent", note=Text(good, good)),
                Column("top_interval", words["interval_95"], "interval", of="percent"),
                Column("bottom", words["survey_pole_bad"], "percent", note=Text(bad, bad)),
            ],
            caption=Text(self.title, self.title),
            note=self._subtitle(),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say how the question was answered, or which rows of a matrix are best and worst."""
        known = self.summary.drop_nulls("mean")
        if known.is_empty():
            return self._too_few()
        best, worst = known.row(0, named=True), known.row(-1, named=True)
        if known.height > 1:
            said = say(
                "survey_matrix_said",
                best=best["question"],
                best_mean=decimal(best["mean"]),
                worst=worst["question"],
                worst_mean=decimal(worst["mean"]),
                n=count(self.n),
            )
        else:
            said = say(
                "survey_scale_said",
                question=best["question"],
                mean=decimal(best["mean"]),
                low=decimal(nan if best["mean_low"] is None else best["mean_low"]),
                high=decimal(nan if best["mean_high"] is None else best["mean_high"]),
                share=percent(best["top"]),
                n=count(best["n"]),
            )
        return Note(said, self.lab.language)

    def _counted(self, each: Asked, groups: Sequence[Sequence[int]]) -> pl.DataFrame:
        """Return ``count`` of respondents per group of levels, and whether it is ``hidden``."""
        counts, people = [], []
        for group in groups:
            inside = each.frame.filter(pl.col("score").is_in([float(place) for place in group]))
            counts.append(inside.height)
            people.append(inside["person"].n_unique())
        few = hidden(people, self.lab.study.privacy.smallest_group)
        return pl.DataFrame(
            {"count": counts, "hidden": few}, schema={"count": pl.Int64, "hidden": pl.Boolean}
        )

    def _said(self, pole: range) -> str:
        names = [self._levels[place] for place in pole]
        return f"{names[0]}–{names[-1]}" if len(names) > 1 else names[0]

    def _subtitle(self) -> Text:
        study = self.lab.study.surveys
        ends = list(self._levels.values())
        doubts = [direction_doubt(each.title, study.ces_direction) for each in self.asked]
        is_effort = self.scale == "ces_1_7"
        return joined(
            say(
                "survey_answered",
                kind=texts()["survey_matrix"] if self.kind == "matrix" else KINDS[self.kind],
                n=count(self.n),
                of=count(self.sheets),
            ),
            say("survey_scale_is", low=ends[0], high=ends[-1]),
            texts()[f"survey_direction_{study.ces_direction}"] if is_effort else None,
            next((doubt for doubt in doubts if doubt), None) if is_effort else None,
            say("survey_few_answers", n=study.few) if self.n < study.few else None,
        )

    def _too_few(self) -> Note:
        return Note(
            say("survey_question_too_few", question=self.title, k=self.lab.study.privacy.smallest_group),
            self.lab.language,
        )


def _poles(scale: str, levels: int, lab: Lab) -> tuple[range, range, range]:
    if scale in SCALES:
        return poles(scale, lab.study.surveys.ces_direction)
    half = levels // 2
    return range(1, half + 1), range(half + 1, levels - half + 1), range(levels - half + 1, levels + 1)


_SUMMARY: dict[str, Any] = {
    "question": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(
        [
            f"{name}{end}"
            for name, ends in (("mean", 3), ("top", 3), ("bottom", 3))
            for end in ("", "_low", "_high")[:ends]
        ],
        pl.Float64,
    ),
}
_LEVELS: dict[str, Any] = {
    "question": pl.String,
    "place": pl.Int64,
    "level": pl.String,
    "pole": pl.String,
    "count": pl.Int64,
    "share": pl.Float64,
}
