"""The survey of a study: its questions, ratings, cross-tabulations, quality, response and waves."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.satisfaction import Rating, question_ratings
from crmlab.surveys.careless import careless, careless_summary
from crmlab.surveys.crosstab import Crosstab
from crmlab.surveys.questions import ClosedQuestion, batteries, closed_questions
from crmlab.surveys.reliability import reliability
from crmlab.surveys.response import Response
from crmlab.surveys.scales import ScaleQuestion
from crmlab.surveys.sheets import KINDS, Sheets, without_repeats
from crmlab.surveys.waves import Waves
from crmlab.surveys.weighting import Weighting
from crmlab.view.findings import Note, Sections, together
from crmlab.view.numbers import count, percent, signed
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab

_SHOWN = 12
"""So many questions are drawn on a page; all of them are saved."""


class Surveys:
    """What customers answered: choices, scales, rankings; who answered, and who did not.

    A survey is the rows of ``feedback`` with a ``respondent_id`` and a ``question``. Every part returns a
    note that says what is missing where the study has no survey.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._crosstabs: dict[tuple[str, str], Crosstab] = {}

    @cached_property
    def sheets(self) -> Sheets:
        """The answer sheets; none where the study has no survey."""
        return Sheets(self._feedback)

    @cached_property
    def questions(self) -> list[ClosedQuestion]:
        """The closed questions in the order of the sheet; the rows of a matrix are one."""
        return closed_questions(self._lab, self.sheets)

    @cached_property
    def ratings(self) -> list[Rating]:
        """One figure per question and scale, of surveys and of reviews."""
        found = question_ratings(without_repeats(self._feedback), self._lab.study.surveys.ces_direction)
        return [rating for rating in found if rating.n >= self._lab.study.privacy.smallest_group]

    @cached_property
    def response(self) -> Response:
        """Who answered, and who is missing."""
        return Response(self._lab, self.sheets)

    @cached_property
    def weighting(self) -> Weighting:
        """Weights that make the answers match known shares."""
        return Weighting(self._lab, self.sheets, self.response.frame)

    @cached_property
    def waves(self) -> Waves:
        """How ratings change from wave to wave."""
        return Waves(self._lab, self.sheets)

    @cached_property
    def reliability(self) -> pl.DataFrame:
        """Cronbach's alpha per matrix; see :func:`crmlab.surveys.reliability.reliability`."""
        matrices = [
            ScaleQuestion(self._lab, rows, self.sheets.n) for rows in batteries(self.sheets) if len(rows) > 1
        ]
        parts = [
            reliability(
                each.title,
                each.asked,
                [each.name(asked) for asked in each.asked],
                self._lab.study.privacy.smallest_group,
            )
            for each in matrices
        ]
        return pl.concat(parts) if parts else pl.DataFrame(schema={"matrix": pl.String})

    @cached_property
    def careless(self) -> pl.DataFrame:
        """One row per sheet with a flag per reason; see :func:`crmlab.surveys.careless.careless`."""
        return careless(self.sheets)

    def crosstab(self, question: str, by: str) -> Crosstab | Note:
        """Compare the answers to a question between groups: another question, a class, a channel.

        Raises ParamsError where there is no such question or group.
        """
        if not self.sheets.n:
            return self._no_survey()
        if (question, by) not in self._crosstabs:
            self._crosstabs[question, by] = Crosstab(self._lab, self.sheets, question, by)
        return self._crosstabs[question, by]

    def crosstabs(self, most: int = 3) -> Sections | Note:
        """Show the first ``most`` choices and ratings by the leading class of the study's customers.

        By channel where the customers are not known, and nothing where that is not known either.
        """
        if not self.sheets.n:
            return self._no_survey()
        lab, respondents = self._lab, self.sheets.respondents
        listed = "customers" in lab.tables or "orders" in lab.tables
        known = listed and respondents["customer_id"].is_not_null().any()
        if known and not lab.lacks(lab.study.schemes[0]):
            by = "class"
        elif "channel" in respondents.columns and respondents["channel"].drop_nulls().n_unique() > 1:
            by = "channel"
        else:
            return Sections([])
        asked = [question.title for question in self.questions if question.kind in ("single", "rating")]
        tables = [self.crosstab(title, by) for title in asked[:most]]
        return together(*(part for table in tables for part in _parts(table)))

    def overview_table(self) -> Table | Note:
        """Show which questions there are, of what kind, and how many answered each."""
        if not self.sheets.n:
            return self._no_survey()
        words, language = texts(), self._lab.language
        rows = [
            {
                "number": place,
                "question": asked.title,
                "kind": KINDS[asked.kind].to(language),
                "scale": asked.scale,
                "n": asked.n,
                "share": asked.n / self.sheets.n,
            }
            for place, asked in enumerate(self.sheets.questions, 1)
        ]
        return Table(
            pl.DataFrame(rows, infer_schema_length=None),
            [
                Column("number", words["survey_number"], "integer"),
                Column("question", words["survey_question"]),
                Column("kind", words["survey_kind"]),
                Column("scale", words["survey_scale"]),
                Column("n", words["survey_respondents"], "integer"),
                Column("share", words["survey_answered_share"], "percent"),
            ],
            caption=words["survey_overview_caption"],
            note=joined(
                say("survey_sheets", n=count(self.sheets.n), people=count(self.sheets.people)),
                say("survey_repeated", n=count(self.sheets.repeated)) if self.sheets.repeated else None,
            ),
            language=language,
        )

    def ratings_table(self) -> Table | Note:
        """Show NPS, CSAT and CES of each question with interval, mean, definition and direction."""
        if not self.ratings:
            return Note(texts()["survey_no_ratings"], self._lab.language)
        words, language = texts(), self._lab.language
        titles = mask_text(pl.Series([rating.question for rating in self.ratings], dtype=pl.String)).to_list()
        rows: list[dict[str, Any]] = [
            {
                "question": title,
                "name": rating.name.to(language),
                "value": _rated(rating.value, rating.unit),
                "interval": f"{_rated(rating.low, rating.unit)} – {_rated(rating.high, rating.unit)}",
                "mean": rating.mean,
                "mean_interval": [rating.mean_low, rating.mean_high],
                "n": rating.n,
                "definition": "".join(text.to(language) for text in (rating.definition, *rating.notes)),
            }
            for rating, title in zip(self.ratings, titles, strict=True)
        ]
        return Table(
            pl.DataFrame(rows, infer_schema_length=None),
            [
                Column("question", words["survey_question"]),
                Column("name", words["survey_figure"]),
                Column("value", words["value"]),
                Column("interval", words["interval_95"]),
                Column("mean", words["survey_mean"], "decimal"),
                Column("mean_interval", words["interval_95"], "interval", note=words["survey_t_interval"]),
                Column("n", words["sample"], "integer"),
                Column("definition", words["definition"]),
            ],
            caption=words["survey_ratings_caption"],
            note=words["survey_ratings_note"],
            language=language,
        )

    def question_views(self) -> Sections | Note:
        """Show all closed questions compactly: what was asked, then a chart of each."""
        if not self.sheets.n:
            return self._no_survey()
        left = len(self.questions) - _SHOWN
        more = Note(say("survey_more_questions", n=left), self._lab.language) if left > 0 else None
        charts = [question.chart() for question in self.questions[:_SHOWN]]
        return Sections([self.overview_table(), *charts, more])

    def reliability_table(self) -> Table | Note:
        """Show Cronbach's alpha of each matrix, and without each question."""
        if not self.sheets.n:
            return self._no_survey()
        words, language = texts(), self._lab.language
        if self.reliability.is_empty() or self.reliability["alpha"].is_null().all():
            return Note(words["survey_no_matrix"], language)
        whole = words["survey_whole_matrix"].to(language)
        return Table(
            self.reliability.with_columns(
                pl.col("question").fill_null(whole), interval=pl.concat_list("low", "high")
            ),
            [
                Column("matrix", words["survey_matrix"]),
                Column("question", words["survey_without"]),
                Column("alpha", words["survey_alpha"], "decimal"),
                Column("interval", words["interval_95"], "interval"),
                Column("item_rest", words["survey_item_rest"], "decimal"),
                Column("n", words["survey_respondents"], "integer"),
            ],
            caption=words["survey_alpha_caption"],
            note=words["survey_alpha_note"],
            language=language,
        )

    def careless_table(self) -> Table | Note:
        """Show how many sheets look as if they were not read."""
        if not self.sheets.n:
            return self._no_survey()
        words, language = texts(), self._lab.language
        summary = careless_summary(self.careless, self._lab.study.privacy.smallest_group)
        names = {
            reason: words[f"survey_sign_{reason}"].to(language) for reason in summary["reason"].to_list()
        }
        untold = summary.filter(pl.col("judged") == 0)["reason"].to_list()
        return Table(
            summary.with_columns(
                name=pl.col("reason").replace_strict(names, return_dtype=pl.String),
                interval=pl.concat_list("low", "high"),
            ),
            [
                Column("name", words["survey_sign"]),
                Column("judged", words["survey_judged"], "integer"),
                Column("sheets", words["survey_flagged"], "integer"),
                Column("share", words["share"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["survey_careless_caption"],
            note=joined(
                words["survey_careless_note"],
                words["survey_no_duration"] if "speeder" in untold else None,
                words["survey_no_long_matrix"] if "straight_line" in untold else None,
            ),
            language=language,
        )

    def weighted_table(self) -> Table | Note:
        """Show each rating unweighted and weighted to known shares."""
        return self.weighting.table() if self.sheets.n else self._no_survey()

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of what was looked at, by name."""
        if not self.sheets.n:
            return {}
        found: dict[str, pl.DataFrame] = {}
        for place, question in enumerate(self.questions, 1):
            found[f"question_{place:02d}"] = question.summary.with_columns(title=pl.lit(question.title))
        used = vars(self)
        if "response" in used:
            found["response"] = self.response.summary
        if "weighting" in used and self.weighting.margins:
            found |= {"weighted": self.weighting.summary, "weighting_shares": self.weighting.shares}
        if "waves" in used:
            found["waves"] = self.waves.summary
        if "reliability" in used and self.reliability.width > 1:
            found["reliability"] = self.reliability
        if "careless" in used:
            found["careless"] = careless_summary(self.careless, self._lab.study.privacy.smallest_group)
        for place, table in enumerate(self._crosstabs.values(), 1):
            found |= {f"crosstab_{place}": table.summary, f"crosstab_{place}_test": table.tests}
        return {f"survey_{name}": table for name, table in found.items()}

    @property
    def _feedback(self) -> pl.DataFrame:
        """The feedback with every column that a survey may have; null where the source has it not."""
        if "feedback" not in self._lab.tables:
            return _NO_FEEDBACK
        return pl.concat([_NO_FEEDBACK, self._lab.tables["feedback"]], how="diagonal_relaxed")

    def _no_survey(self) -> Note:
        return Note(texts()["survey_none"], self._lab.language)


def _rated(value: float, unit: str) -> str:
    if value != value:
        return MISSING
    return percent(value) if unit == "share" else signed(value, 1)


_NO_FEEDBACK = pl.DataFrame(
    schema={
        **dict.fromkeys(
            ("customer_id", "respondent_id", "question", "answer", "scale", "order_id", "channel"), pl.String
        ),
        "score": pl.Float64,
        "given_on": pl.Date,
    }
)


def _parts(table: Crosstab | Note) -> tuple[object, ...]:
    return (table,) if isinstance(table, Note) else (table.note(), table.chart(), table.test_table())
