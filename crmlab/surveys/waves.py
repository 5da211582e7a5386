"""Ratings from wave to wave: which changes are more than chance."""

from __future__ import annotations

from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text
from crmlab.satisfaction import rated
from crmlab.segments.separation import Estimate
from crmlab.surveys.association import difference_test, holm
from crmlab.view.findings import Heading, Note, Sections
from crmlab.view.numbers import count, decimal, percent, signed
from crmlab.view.survey_charts import wave_lines
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.surveys.sheets import Asked, Sheets

_LEVEL = 0.05
_FORMATS = {"month": "%Y-%m", "quarter": "%Y", "year": "%Y"}


class Waves:
    """NPS, CSAT, CES and other ratings of each wave, compared with the wave before.

    A wave is the month, quarter or year (``surveys.wave``) in which a sheet was filled in. Waves of fewer
    answers than ``surveys.few`` are shown and not compared; waves of fewer people than
    ``privacy.smallest_group`` are not shown.
    """

    def __init__(self, lab: Lab, sheets: Sheets) -> None:
        self.lab = lab
        self._sheets = sheets

    @property
    def rated(self) -> list[Asked]:
        """The questions on a rating scale, those of the whole (NPS first) before the rows of a matrix."""
        found = [asked for asked in self._sheets.questions if asked.kind == "rating"]
        return sorted(found, key=lambda asked: (asked.stem is not None, asked.scale != "nps_0_10"))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per question and wave, in order.

        ``question``, ``metric``, ``unit`` (share or points), ``wave``, ``n``, ``value`` with ``low`` and
        ``high``, ``change`` from the last wave that could be compared with ``change_low``, ``change_high``,
        ``p_value``, ``p_adjusted`` (Holm over the waves of the question), ``differs``. Null where there is
        nothing to compare.
        """
        rows: list[dict[str, Any]] = []
        for asked in self.rated:
            rows += self._question(asked)
        return pl.DataFrame(rows, schema=_SUMMARY)

    def chart(self, question: str | None = None) -> alt.LayerChart | Note:
        """Draw one question over the waves; the first of all unless its text is given."""
        drawn = self._drawn(question)
        if drawn is None or drawn.height < 2:
            return Note(texts()["survey_one_wave"], self.lab.language)
        row = drawn.row(0, named=True)
        apart = drawn.filter(pl.col("differs").fill_null(value=False))
        title = say(
            "survey_waves_differ" if apart.height else "survey_waves_same",
            figure=texts()[f"survey_metric_{row['metric']}"],
            waves=Text("、".join(apart["wave"].to_list()), ", ".join(apart["wave"].to_list())),
        )
        return wave_lines(
            drawn.with_columns(pl.col("differs").fill_null(value=False)),
            title=title,
            subtitle=say("survey_waves_question", question=row["question"], n=count(float(drawn["n"].sum()))),
            y_title=texts()[f"survey_axis_{row['metric']}"],
            language=self.lab.language,
        )

    def charts(self) -> Sections:
        """Draw every question that is no row of a matrix."""
        wholes: list[str | None] = [asked.title for asked in self.rated if asked.stem is None]
        parts: list[object] = []
        for title in wholes[:6] or [None]:
            parts += [Heading(title, self.lab.language, 4) if title else None, self.chart(title)]
        return Sections(parts)

    def table(self) -> Table | Note:
        """Show each wave with its change from the one before."""
        if self.summary.is_empty():
            return Note(texts()["survey_one_wave"], self.lab.language)
        words = texts()
        verdicts = {True: words["survey_changed"], False: words["survey_not_sure"]}
        rows = [
            {
                **row,
                "metric": words[f"survey_metric_{row['metric']}"].to(self.lab.language),
                "value": _written(row["value"], row["unit"]),
                "interval": _both(row["low"], row["high"], row["unit"]),
                "change": _change(row["change"], row["unit"]),
                "change_interval": _both(row["change_low"], row["change_high"], row["unit"], change=True),
                "verdict": verdicts[row["differs"]].to(self.lab.language)
                if row["differs"] is not None
                else None,
            }
            for row in self.summary.iter_rows(named=True)
        ]
        return Table(
            pl.DataFrame(rows, infer_schema_length=None),
            [
                Column("question", words["survey_question"]),
                Column("metric", words["survey_figure"]),
                Column("wave", words["survey_wave"]),
                Column("n", words["survey_respondents"], "integer"),
                Column("value", words["value"]),
                Column("interval", words["interval_95"]),
                Column("change", words["survey_change"]),
                Column("change_interval", words["interval_95"]),
                Column("p_adjusted", words["survey_p_holm"], "decimal", decimals=3),
                Column("verdict", words["survey_verdict"]),
            ],
            caption=words["survey_waves_caption"],
            note=joined(
                say(
                    "survey_waves_note", n=self.lab.study.surveys.few, k=self.lab.study.privacy.smallest_group
                ),
                self._repeated(),
            ),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say which changes are more than chance."""
        apart = self.summary.filter(pl.col("differs").fill_null(value=False))
        compared = self.summary["p_value"].drop_nulls().len()
        if not compared:
            return Note(texts()["survey_one_wave"], self.lab.language)
        said = [
            say(
                "survey_wave_up" if row["change"] > 0 else "survey_wave_down",
                question=row["question"],
                wave=row["wave"],
                change=_by(abs(row["change"]), row["unit"]),
                interval=_both(row["change_low"], row["change_high"], row["unit"], change=True),
            )
            for row in apart.iter_rows(named=True)
        ]
        none = say("survey_no_wave", n=count(compared)) if not said else None
        return Note(joined(*said[:5], none, self._repeated()), self.lab.language)

    def _question(self, asked: Asked) -> list[dict[str, Any]]:
        study = self.lab.study
        dated = asked.frame.join(
            self._sheets.respondents.select("respondent_id", "given_on"),
            on="respondent_id",
            maintain_order="left",
        ).drop_nulls("given_on")
        waves = dated.with_columns(wave=_wave(study.surveys.wave))
        rows: list[dict[str, Any]] = []
        before: Estimate | None = None
        for (wave,), part in waves.sort("given_on", "respondent_id").group_by("wave", maintain_order=True):
            rating = rated(part["score"], str(asked.scale), study.surveys.ces_direction)
            row: dict[str, Any] = {
                "question": asked.title,
                "metric": rating.metric,
                "unit": rating.unit,
                "wave": wave,
            }
            rows.append(row)
            if part["person"].n_unique() < study.privacy.smallest_group:
                continue
            row |= {"n": rating.n, "value": rating.value, "low": rating.low, "high": rating.high}
            if rating.n < study.surveys.few:
                continue
            now = Estimate(rating.value, rating.low, rating.high)
            if before is not None:
                change, p_value = difference_test(before, now)
                row |= {"change": change.value, "change_low": change.low, "change_high": change.high}
                row["p_value"] = p_value
            before = now
        tested = [row for row in rows if "p_value" in row]
        for row, adjusted in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
            row |= {"p_adjusted": adjusted, "differs": adjusted < _LEVEL}
        return [row for row in rows if "n" in row]

    def _drawn(self, question: str | None) -> pl.DataFrame | None:
        if self.summary.is_empty():
            return None
        chosen = question or self.summary["question"][0]
        return self.summary.filter(pl.col("question") == chosen)

    def _repeated(self) -> Text | None:
        """Say that some answered more than once, so that sheets are not independent."""
        again = self._sheets.n - self._sheets.people
        return (
            say("survey_same_people", n=count(self._sheets.n), people=count(self._sheets.people))
            if again
            else None
        )


def _wave(every: str) -> pl.Expr:
    day = pl.col("given_on")
    if every == "quarter":
        return day.dt.strftime("%Y Q") + day.dt.quarter().cast(pl.String)
    return day.dt.strftime(_FORMATS[every])


def _written(value: float, unit: str) -> str:
    return percent(value) if unit == "share" else signed(value, 1)


def _change(value: float | None, unit: str) -> str | None:
    if value is None or isnan(value):
        return None
    return signed(100 * value if unit == "share" else value, 1)


def _by(change: float, unit: str) -> Text:
    """Write a change with its unit."""
    number = decimal(100 * change if unit == "share" else change, 1)
    if unit == "share":
        return Text(f"{number} 个百分点", f"{number} percentage points")
    return Text(f"{number} 分", f"{number} points")


def _both(low: float | None, high: float | None, unit: str, *, change: bool = False) -> str | None:
    if low is None or high is None:
        return None
    write = _change if change else _written
    return f"{write(low, unit)} – {write(high, unit)}"


_SUMMARY: dict[str, Any] = {
    "question": pl.String,
    "metric": pl.String,
    "unit": pl.String,
    "wave": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(
        ("value", "low", "high", "change", "change_low", "change_high", "p_value", "p_adjusted"), pl.Float64
    ),
    "differs": pl.Boolean,
}
