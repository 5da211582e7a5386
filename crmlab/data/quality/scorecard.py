"""The scorecard: how often each rule is broken, how good each dimension is, how good the data is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.data.quality.facts import Facts, Setting
from crmlab.data.quality.rule import COLUMNS, TABLES, WEIGHTS, Count, Rule, Severity
from crmlab.data.quality.rules import GATED, RULES
from crmlab.data.schemas import TABLE_NAMES, columns
from crmlab.intervals import Interval, wilson
from crmlab.labels import Text

if TYPE_CHECKING:
    from datetime import date

    from crmlab.data.quality.thresholds import QualityParams
    from crmlab.data.tables import TableStore

Status = Literal["ok", "notice", "warning", "error", "absent"]
"""Kept, broken more often than allowed (by severity), or not checked."""


@dataclass(frozen=True)
class Result:
    """What one rule found in one table.

    ``absent`` says why it was not checked; ``checked`` is 0 then, and ``share`` None. The interval is
    Wilson's at 95 %: where the share would lie if these rows were a sample of what comes in.
    """

    rule: Rule
    severity: Severity
    max_share: float
    gate: bool
    count: Count
    absent: Text | None = None

    @property
    def checked(self) -> int:
        """How many rows (days, columns) had something to check."""
        return self.count.checked

    @property
    def violated(self) -> int:
        """How many of them break the rule."""
        return self.count.violated

    @property
    def share(self) -> float | None:
        """``violated`` among ``checked``."""
        return self.violated / self.checked if self.checked else None

    @property
    def interval(self) -> Interval | None:
        """The Wilson interval of ``share``; None for tables and columns, which are no sample."""
        sampled = self.checked and self.count.unit not in (TABLES, COLUMNS)
        return wilson(self.violated, self.checked) if sampled else None

    @property
    def status(self) -> Status:
        """How the share compares with what is allowed."""
        if self.share is None:
            return "absent"
        return "ok" if self.share <= self.max_share else self.severity

    @property
    def broken_gate(self) -> bool:
        """Say whether a run has to stop."""
        return self.gate and self.share is not None and self.share > self.max_share


class Scorecard:
    """Every rule's result on the tables of a study.

    The score of a dimension is the weighted mean, over its rules that could be checked, of the share
    of checks passed; an error weighs 3, a warning 1, a notice nothing. Each rule counts alike however
    many rows its table has, so that a table of orders does not drown one of customers. The overall
    score is the mean of the dimensions that have one. A rule that could not be checked counts in
    neither.
    """

    def __init__(self, facts: Facts, results: list[Result], flags: dict[str, pl.DataFrame]) -> None:
        self.facts = facts
        self.results = results
        self.flags = flags
        """Table → ``row`` and one Boolean column per rule about rows that is broken somewhere."""

    def __repr__(self) -> str:
        score = "–" if self.score is None else f"{self.score:.1%}"
        return f"<Scorecard {score}: {len(self.checked)} rules checked, {len(self.over)} over their limit>"

    @property
    def checked(self) -> list[Result]:
        """The results of the rules that could be checked."""
        return [result for result in self.results if result.share is not None]

    @property
    def over(self) -> list[Result]:
        """Warnings and errors that are broken more often than allowed, worst first."""
        found = [result for result in self.checked if result.status in ("warning", "error")]
        return sorted(found, key=_badness)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """One row per rule and table, in the order of the dimensions; ``share`` is null if not checked."""
        rows = [
            {
                "dimension": result.rule.dimension,
                "rule": result.rule.id,
                "table": result.rule.table,
                "severity": result.severity,
                "status": result.status,
                "checked": result.checked,
                "violated": result.violated,
                "share": result.share,
                "low": result.interval.low if result.interval else None,
                "high": result.interval.high if result.interval else None,
                "max_share": result.max_share,
                "gate": result.gate,
                "not_checked": result.absent.en if result.absent else None,
            }
            for result in self.results
        ]
        return pl.DataFrame(rows, schema=_FRAME)

    @cached_property
    def dimensions(self) -> pl.DataFrame:
        """One row per dimension: ``score`` 0–1 (null without any check), and counts of rules."""
        rows = []
        for dimension in DIMENSIONS:
            own = [result for result in self.results if result.rule.dimension == dimension]
            checked = [result for result in own if result.share is not None]
            weight = sum(WEIGHTS[result.severity] for result in checked)
            passed = sum(WEIGHTS[result.severity] * (1 - (result.share or 0)) for result in checked)
            rows.append(
                {
                    "dimension": dimension,
                    "score": passed / weight if weight else None,
                    "checked": len(checked),
                    "not_checked": len(own) - len(checked),
                    "warnings": sum(result.status == "warning" for result in checked),
                    "errors": sum(result.status == "error" for result in checked),
                }
            )
        return pl.DataFrame(rows, schema=_DIMENSIONS)

    @cached_property
    def score(self) -> float | None:
        """The mean score of the dimensions, 0–1; None where nothing could be checked."""
        known = self.dimensions["score"].drop_nulls().to_list()
        return sum(known) / len(known) if known else None

    def result(self, rule: str, table: str) -> Result | None:
        """Return what a rule found in a table; None where it was not checked."""
        for found in self.checked:
            if (found.rule.id, found.rule.table) == (rule, table):
                return found
        return None

    def broken_rows(self, rule: str, table: str) -> pl.DataFrame:
        """Return the rows of a table that break a rule."""
        frame = self.facts.table(table)
        flags = self.flags.get(table)
        if flags is None or rule not in flags.columns:
            return frame.clear()
        return frame.filter(flags[rule])

    def quarantine(self) -> pl.DataFrame:
        """Return the rows that break a rule which is no mere notice.

        ``table``, ``row`` (from 1, as the source delivered them), ``customer_id`` where the row has
        one, and ``rules``. The rows stay in the tables; rejected rows are kept elsewhere.
        """
        bad = {(r.rule.table, r.rule.id) for r in self.checked if r.severity != "notice"}
        parts = []
        for table, flags in self.flags.items():
            rules = [name for name in flags.columns if (table, name) in bad]
            if not rules:
                continue
            named = pl.concat_list(pl.when(pl.col(rule)).then(pl.lit(rule)) for rule in rules)
            frame = self.facts.table(table)
            whose = frame["customer_id"] if "customer_id" in frame.columns else pl.lit(None, pl.String)
            parts.append(
                flags.with_columns(customer_id=whose)
                .filter(pl.any_horizontal(rules))
                .select(
                    table=pl.lit(table),
                    row=pl.col("row") + 1,
                    customer_id="customer_id",
                    rules=named.list.drop_nulls(),
                )
            )
        return pl.concat(parts) if parts else pl.DataFrame(schema=_QUARANTINE)


def evaluate(
    store: TableStore, as_of: date, time_zone: str, params: QualityParams, only: Iterable[str] | None = None
) -> Scorecard:
    """Check the tables of a study against all rules, or against ``only`` some by id."""
    chosen = RULES if only is None else [rule for rule in RULES if rule.id in set(only)]
    settings = {name: Setting(tuple(given.codes or ()), given.days) for name, given in params.rules.items()}
    facts = Facts(store, as_of, time_zone, settings)
    counts: dict[int, Count] = {}
    absent: dict[int, Text] = {}
    flags: dict[str, pl.DataFrame] = {}
    for place, rule in enumerate(chosen):
        why = _OFF if rule.id in params.off else _why_absent(rule, facts)
        if why:
            absent[place] = why
    for table in dict.fromkeys(rule.table for rule in chosen):
        on = {place: rule for place, rule in enumerate(chosen) if rule.table == table and place not in absent}
        about_rows = {rule.id: rule.violated(facts) for rule in on.values() if rule.violated}
        if about_rows:
            frame = facts.table(table)
            broken = frame.lazy().select(**about_rows).collect()
            # A sum of Booleans skips what could not be checked.
            checked, violated = (
                frame_of.row(0, named=True) for frame_of in (broken.count(), broken.select(pl.all().sum()))
            )
            found = [name for name in about_rows if violated[name]]
            flags[table] = frame.select("row").hstack(broken.select(pl.col(found).fill_null(value=False)))
        for place, rule in on.items():
            counted = rule.counted(facts) if rule.counted else Count(checked[rule.id], violated[rule.id])
            if counted is None or not counted.checked:
                absent[place] = _NOTHING_TO_CHECK
            else:
                counts[place] = counted
    results = []
    for place, rule in enumerate(chosen):
        own = params.rules.get(rule.id)
        results.append(
            Result(
                rule=rule,
                severity=own.severity if own and own.severity else rule.severity,
                max_share=own.max_share if own and own.max_share is not None else rule.max_share,
                gate=own.gate if own and own.gate is not None else rule.id in GATED,
                count=counts.get(place, Count(0, 0)),
                absent=absent.get(place),
            )
        )
    return Scorecard(facts, results, flags)


def _why_absent(rule: Rule, facts: Facts) -> Text | None:
    """Say why a rule cannot be checked; None where it can."""
    if rule.id == "table_unreadable":
        return None if rule.table in facts.store else _no_table(rule.table)
    for table in (rule.table, *rule.also):
        if table not in facts.store:
            return _no_table(table)
        if facts.cleaned(table) is None:
            name = TABLE_NAMES[table]
            return Text(f"数据表“{name.zh}”读不出来", f"the table of {name.en.lower()} cannot be read")
    missing = [column for column in rule.needs if not facts.has(rule.table, column)]
    if not missing and rule.any_of and not any(facts.has(rule.table, column) for column in rule.any_of):
        missing = list(rule.any_of)
    if not missing:
        return None
    titles = {column.column: column.text for column in columns(rule.table)}
    named = [titles.get(column, Text(column, column)) for column in missing]
    return Text(
        f"缺少字段：{'、'.join(name.zh for name in named)}",
        f"the column is absent: {', '.join(name.en for name in named)}",
    )


def _no_table(table: str) -> Text:
    name = TABLE_NAMES[table]
    return Text(f"没有数据表“{name.zh}”", f"there is no table of {name.en.lower()}")


def _badness(result: Result) -> tuple[int, float, str, str]:
    """Sort errors before warnings, and by how far a share is beyond what is allowed, in rows touched."""
    beyond = (result.share or 0) - result.max_share
    return (-WEIGHTS[result.severity], -beyond, result.rule.id, result.rule.table)


_OFF = Text("按研究设置不检查", "switched off in the study")
_NOTHING_TO_CHECK = Text("没有可检查的值，或数据太少", "no values to check, or too few")

_FRAME = {
    "dimension": pl.String,
    "rule": pl.String,
    "table": pl.String,
    "severity": pl.String,
    "status": pl.String,
    "checked": pl.Int64,
    "violated": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "max_share": pl.Float64,
    "gate": pl.Boolean,
    "not_checked": pl.String,
}
_DIMENSIONS = {
    "dimension": pl.String,
    "score": pl.Float64,
    "checked": pl.Int64,
    "not_checked": pl.Int64,
    "warnings": pl.Int64,
    "errors": pl.Int64,
}
_QUARANTINE: dict[str, pl.DataType | type[pl.DataType]] = {
    "table": pl.String,
    "row": pl.UInt32,
    "customer_id": pl.String,
    "rules": pl.List(pl.String),
}
