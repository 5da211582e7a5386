"""How good the data of a study is, as a report shows it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.quality import gate
from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.data.quality.rule import WEIGHTS
from crmlab.data.quality.scorecard import Scorecard, evaluate
from crmlab.data.schemas import TABLE_NAMES
from crmlab.quality.definitions import definitions
from crmlab.quality.filled import Filled
from crmlab.quality.findings import findings
from crmlab.quality.history import History
from crmlab.quality.impact import Amounts, Impact, impact_table, impacts
from crmlab.quality.rejected import Rejected
from crmlab.quality.verdicts import Verdicts
from crmlab.view import quality_charts
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.overview import Overview
    from crmlab.results import Finding


class Quality:
    """Scorecard, worst rules, completeness, impact, rejected rows and trend of a study's tables."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._language = lab.language

    def __repr__(self) -> str:
        return f"<Quality of {self._lab.study.study}: {self.scorecard!r}>"

    @cached_property
    def scorecard(self) -> Scorecard:
        """Every rule's result, the score of each dimension, the overall score."""
        study = self._lab.study
        return evaluate(self._lab.tables, study.as_of, study.timezone, study.quality)

    @cached_property
    def verdicts(self) -> Verdicts:
        """What the rules found, as charts and tables."""
        masked = self._lab.study.privacy.ids == "masked"
        return Verdicts(self.scorecard, self._language, masked=masked)

    @cached_property
    def filled(self) -> Filled:
        """How much of every column is filled."""
        return Filled(self.scorecard.facts, self._language)

    @cached_property
    def rejected(self) -> Rejected:
        """The rows that were rejected, by reason."""
        return Rejected(self.scorecard.facts, self._language)

    @cached_property
    def history(self) -> History:
        """The scores of earlier runs beside this one's."""
        return History(self.scorecard, self._lab.output_name, self._language)

    @cached_property
    def impacts(self) -> list[Impact]:
        """What correcting the faults would change."""
        study = self._lab.study
        return impacts(self.scorecard, Amounts(study.currency, study.privacy.smallest_group))

    @cached_property
    def broken_gates(self) -> list[str]:
        """One sentence per gate of the study that the data breaks."""
        return gate.broken(self.scorecard, self._lab.study)

    def gate(self) -> Note:
        """Say that the data passes the study's gates; raise QualityGateError where it does not."""
        if self.broken_gates:
            raise gate.error(self.broken_gates)
        return Note(texts()["quality_gate_passed"], self._language)

    def overview(self) -> Overview:
        """Say which tables could be read, and what became of their rows."""
        facts = self.scorecard.facts
        return self._lab.overview(*(table for table in facts.store if facts.cleaned(table) is not None))

    def findings(self) -> list[Finding]:
        """Say the score, the rule to mend first, what mending changes, and which gates fail."""
        return findings(self)

    def figures(self) -> KeyFigures:
        """Show the score and how much was checked in a few big numbers."""
        words, card = texts(), self.scorecard
        read = [card.facts.cleaned(table) for table in card.facts.store]
        rows = sum(cleaned.rows_read for cleaned in read if cleaned)
        faulty = sum(cleaned.faulty for cleaned in read if cleaned)
        errors = sum(result.status == "error" for result in card.over)
        return KeyFigures(
            [
                (percent(card.score), words["quality_score"]),
                (count(len(card.checked)), words["quality_rules_checked"]),
                (count(errors), words["quality_errors"]),
                (count(len(card.over) - errors), words["quality_warnings"]),
                (percent(faulty / rows if rows else None), words["quality_rejected_share"]),
            ],
            self._language,
        )

    def chart(self) -> alt.LayerChart:
        """Draw the score of each dimension."""
        words, language = texts(), self._language
        known = self.scorecard.dimensions.drop_nulls("score")
        rows = []
        for row in known.iter_rows(named=True):
            over = row["warnings"] + row["errors"]
            status = "error" if row["errors"] else "warning" if row["warnings"] else "ok"
            name = DIMENSIONS[row["dimension"]]
            meaning = name.meaning.to(language)
            score = percent(row["score"])
            rows.append((name.text.to(language), row["score"], status, score, row["checked"], over, meaning))
        schema = ["name", "value", "status", "label", "checked", "over", "meaning"]
        frame = pl.DataFrame(rows, schema=dict(zip(schema, _BAR_TYPES, strict=True)), orient="row")
        weakest = known.sort("score", maintain_order=True).head(1)["dimension"].to_list()
        title = words["quality_none"]
        if weakest:
            title = say(
                "quality_chart_title",
                score=percent(self.scorecard.score),
                weakest=DIMENSIONS[weakest[0]].text,
            )
        return quality_charts.status_bars(
            frame,
            title,
            say("quality_chart_subtitle", n=count(len(self.scorecard.checked))),
            words["quality_score_axis"],
            words["quality_dimension"],
            language,
            [
                ("name", words["quality_dimension"]),
                ("meaning", words["quality_asks"]),
                ("label", words["quality_dimension_score"]),
                ("checked", words["quality_rules_checked"]),
                ("over", words["quality_over"]),
            ],
            whole=True,
        )

    def dimensions(self) -> Table:
        """Show each dimension's score, and on how many rules it stands."""
        words, language = texts(), self._language
        names = {key: dimension.text.to(language) for key, dimension in DIMENSIONS.items()}
        asks = {key: dimension.meaning.to(language) for key, dimension in DIMENSIONS.items()}
        frame = self.scorecard.dimensions.with_columns(
            name=pl.col("dimension").replace_strict(names, return_dtype=pl.String),
            asks=pl.col("dimension").replace_strict(asks, return_dtype=pl.String),
        )
        return Table(
            frame,
            [
                Column("name", words["quality_dimension"]),
                Column("asks", words["quality_asks"]),
                Column("score", words["quality_dimension_score"], "percent", bar=True),
                Column("checked", words["quality_rules_checked"], "integer"),
                Column("errors", words["quality_errors"], "integer"),
                Column("warnings", words["quality_warnings"], "integer"),
                Column("not_checked", words["quality_not_checked"], "integer"),
            ],
            caption=words["quality_dimensions_caption"],
            note=say("quality_dimensions_note", error=WEIGHTS["error"], warning=WEIGHTS["warning"]),
            language=language,
        )

    def worst_chart(self) -> alt.LayerChart | Note:
        """Draw the rules that are most over their limits."""
        return self.verdicts.worst_chart()

    def worst(self) -> Table | Note:
        """Show every rule over its limit, worst first, and what to do."""
        return self.verdicts.worst()

    def examples(self) -> Table | None:
        """Show up to three masked examples of every rule over its limit."""
        return self.verdicts.examples()

    def table(self) -> Table:
        """Show every rule that was checked."""
        return self.verdicts.table()

    def not_checked(self) -> Table | Note:
        """Show which rules could not be checked, and why."""
        return self.verdicts.not_checked()

    def unreadable(self) -> Note | None:
        """Say which tables could not be read, and why; None where all could."""
        told = self.scorecard.facts.unreadable
        if not told:
            return None
        lines = [f"{TABLE_NAMES[table].to(self._language)}: {message}" for table, message in told.items()]
        return Note(say("quality_unreadable", tables=" ".join(lines)), self._language, "warning")

    def impact(self) -> Table | Note:
        """Show how figures read now, and how they would read if the faults were corrected."""
        return impact_table(self.impacts, self._language)

    def trend(self) -> alt.LayerChart | Note:
        """Draw the score over the runs of the study."""
        return self.history.chart()

    def definitions(self) -> Table:
        """Show how the figures of this report are defined."""
        return definitions(self._language)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return what a run keeps: scorecard, scores, filled columns, impact, rows that break rules."""
        impact = [
            {"id": entry.id, "affected": entry.affected, "of": entry.of, "now": entry.now.en,
             "after": entry.after.en, "basis": entry.basis.en}
            for entry in self.impacts
        ]  # fmt: skip
        words = dict.fromkeys(("now", "after", "basis"), pl.String)
        schema = {"id": pl.String, "affected": pl.Int64, "of": pl.Int64, **words}
        return {
            "quality": self.scorecard.frame,
            "quality_dimensions": self.scorecard.dimensions,
            "quality_completeness": self.filled.columns,
            "quality_impact": pl.DataFrame(impact, schema=schema),
            "quarantine": self.scorecard.quarantine(),
        }


_BAR_TYPES = (pl.String, pl.Float64, pl.String, pl.String, pl.Int64, pl.Int64, pl.String)
