"""What the rules found: the ones over their limit, masked examples, every rule, the unchecked ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.privacy import report_key
from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.data.quality.examples import PER_RULE, examples
from crmlab.data.quality.rule import TABLES
from crmlab.data.quality.scorecard import Result, Scorecard
from crmlab.data.schemas import TABLE_NAMES
from crmlab.labels import Language, Text
from crmlab.view import quality_charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

WORST = 10
"""The chart shows so many rules; the table shows all that are over their limit."""


class Verdicts:
    """The results of a scorecard's rules as charts and tables; with ``masked``, ids in examples are codes."""

    def __init__(self, scorecard: Scorecard, language: Language, *, masked: bool) -> None:
        self.scorecard = scorecard
        self._language = language
        self._masked = masked

    def worst_chart(self) -> alt.LayerChart | Note:
        """Draw the rules that are most over their limits, or say that none is."""
        words, language = texts(), self._language
        shown = self.scorecard.over[:WORST]
        if not shown:
            return Note(texts()["quality_all_kept"], language)
        titles = [result.rule.title for result in shown]
        rows = [
            (
                self._named(result)
                if titles.count(result.rule.title) > 1
                else result.rule.title.to(language),
                result.share,
                result.status,
                percent(result.share),
                result.max_share,
                count(result.violated),
                count(result.checked),
            )
            for result in shown
        ]
        schema = {
            "name": pl.String,
            "value": pl.Float64,
            "status": pl.String,
            "label": pl.String,
            "limit": pl.Float64,
            "violated": pl.String,
            "checked": pl.String,
        }
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        return quality_charts.status_bars(
            frame,
            say(
                "quality_worst_title_table" if shown[0].count.unit == TABLES else "quality_worst_title",
                rule=shown[0].rule.title,
                table=TABLE_NAMES[shown[0].rule.table],
                share=percent(shown[0].share),
            ),
            say("quality_worst_subtitle", n=len(shown), of=len(self.scorecard.over)),
            words["quality_violated_axis"],
            words["quality_rule"],
            language,
            [
                ("name", words["quality_rule"]),
                ("violated", words["quality_violated"]),
                ("checked", words["quality_checked"]),
                ("label", words["quality_violated_share"]),
            ],
            limit=True,
        )

    def worst(self) -> Table | Note:
        """Show every rule over its limit, worst first, and what to do."""
        words, language = texts(), self._language
        if not self.scorecard.over:
            return Note(words["quality_all_kept"], language)
        rows = [
            {
                "rule": self._named(result),
                "status": words[quality_charts.STATUS_WORDS[result.status]].to(language),
                "violated": result.violated,
                "share": result.share,
                "limit": result.max_share,
                "advice": result.rule.advice.to(language),
            }
            for result in self.scorecard.over
        ]
        return Table(
            pl.DataFrame(rows),
            [
                Column("rule", words["quality_rule"]),
                Column("status", words["quality_status"]),
                Column("violated", words["quality_violated"], "integer"),
                Column("share", words["quality_violated_share"], "percent", bar=True),
                Column("limit", words["quality_limit"], "percent"),
                Column("advice", words["quality_advice"]),
            ],
            caption=words["quality_worst_caption"],
            note=words["quality_worst_note"],
            language=language,
        )

    def examples(self) -> Table | None:
        """Show up to three masked examples of every rule over its limit; None where there are none."""
        words, language = texts(), self._language
        found = [(self._named(result), self._examples(result)) for result in self.scorecard.over]
        rows = [(name, *shown, *[None] * (PER_RULE - len(shown))) for name, shown in found if shown]
        if not rows:
            return None
        columns = [f"example_{place}" for place in range(1, PER_RULE + 1)]
        return Table(
            pl.DataFrame(rows, schema=dict.fromkeys(["rule", *columns], pl.String), orient="row"),
            [
                Column("rule", words["quality_rule"]),
                *(
                    Column(name, say("quality_example", n=place))
                    for place, name in enumerate(columns, start=1)
                ),
            ],
            caption=words["quality_examples"],
            note=words["quality_examples_note"],
            language=language,
        )

    def table(self) -> Table:
        """Show every rule that was checked, by dimension, with its interval."""
        words, language = texts(), self._language
        rows = [
            {
                "dimension": DIMENSIONS[result.rule.dimension].text.to(language),
                "rule": result.rule.title.to(language),
                "table": TABLE_NAMES[result.rule.table].to(language),
                "checked": result.checked,
                "violated": result.violated,
                "share": result.share,
                "interval": list(result.interval) if result.interval else None,
                "limit": result.max_share,
                "status": words[quality_charts.STATUS_WORDS[result.status]].to(language),
            }
            for result in self.scorecard.checked
        ]
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            **dict.fromkeys(("dimension", "rule", "table"), pl.String),
            **dict.fromkeys(("checked", "violated"), pl.Int64),
            "share": pl.Float64,
            "interval": pl.List(pl.Float64),
            "limit": pl.Float64,
            "status": pl.String,
        }
        return Table(
            pl.DataFrame(rows, schema=schema),
            [
                Column("dimension", words["quality_dimension"]),
                Column("rule", words["quality_rule"]),
                Column("table", words["table"]),
                Column("checked", words["quality_checked"], "integer"),
                Column("violated", words["quality_violated"], "integer"),
                Column("share", words["quality_violated_share"], "percent", decimals=2),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("limit", words["quality_limit"], "percent"),
                Column("status", words["quality_status"]),
            ],
            caption=words["quality_table_caption"],
            note=words["quality_table_note"],
            language=language,
        )

    def not_checked(self) -> Table | Note:
        """Show which rules could not be checked, and why; they count as neither passed nor failed."""
        words, language = texts(), self._language
        comma = Text("、", ", ").to(language)
        why: dict[str, list[str]] = {}
        for result in self.scorecard.results:
            if result.absent:
                everything = result.rule.table not in self.scorecard.facts.store
                name = words["quality_all_of_table"].to(language) if everything else self._named(result)
                why.setdefault(result.absent.to(language), []).append(name)
        if not why:
            return Note(words["quality_all_checked"], language)
        rows = [
            (reason, len(rules), comma.join(dict.fromkeys(rules))) for reason, rules in sorted(why.items())
        ]
        return Table(
            pl.DataFrame(rows, schema=["why", "n", "rules"], orient="row"),
            [
                Column("why", words["quality_why"]),
                Column("n", words["quality_rules"], "integer"),
                Column("rules", words["quality_not_checked"]),
            ],
            caption=words["quality_not_checked_caption"],
            note=words["quality_not_checked_note"],
            language=language,
        )

    def _named(self, result: Result) -> str:
        """Name a rule with its table."""
        table = TABLE_NAMES[result.rule.table]
        return say("quality_rule_of", rule=result.rule.title, table=table).to(self._language)

    def _examples(self, result: Result) -> list[str]:
        rule, facts = result.rule, self.scorecard.facts
        if rule.violated is None:
            return list(result.count.examples)
        broken = self.scorecard.broken_rows(rule.id, rule.table)
        key = report_key() if self._masked else None
        return examples(rule.table, broken, facts.table(rule.table), rule.shows, self._language, key)
