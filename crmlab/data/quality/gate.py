"""When data is too bad to go on: gates that a study sets, checked before its tables are used.

``quality.max_rejected_share`` is watched by the table store itself. The others cost a check of the
tables, so they are looked at only where the study sets them: ``quality.min_score`` (all tables and
rules) and ``quality.rules.<rule>.gate: true`` (these rules and their tables). A rule made a gate that can
be checked in no table counts as broken: else a column that went missing would open the gate. Every report
of the study then stops with QualityGateError before it shows a number; the data-quality report shows what
is wrong first, and stops at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.data.quality.scorecard import Scorecard, evaluate
from crmlab.errors import QualityGateError

if TYPE_CHECKING:
    from crmlab.data.tables import TableStore
    from crmlab.params import Study

REPORT = "data-quality"
"""The report that looks at bad data instead of refusing it."""


def enforce(store: TableStore, study: Study) -> None:
    """Raise QualityGateError where the tables break a gate that the study sets."""
    quality = study.quality
    gated = [rule for rule, given in quality.rules.items() if given.gate]
    if quality.min_score is None and not gated:
        return
    only = gated if quality.min_score is None else None
    scorecard = evaluate(store, study.as_of, study.timezone, quality, only)
    problems = broken(scorecard, study)
    if problems:
        raise error(problems)


def broken(scorecard: Scorecard, study: Study) -> list[str]:
    """Return one sentence per broken gate: rejected rows, rules, the score."""
    quality = study.quality
    found = []
    for table in scorecard.facts.store.loaded:
        cleaned = scorecard.facts.cleaned(table)
        if cleaned is not None and cleaned.rejected_share > quality.max_rejected_share:
            found.append(
                f"{cleaned.rejected_share:.1%} of the rows of the table {table!r} are rejected, "
                f"{quality.max_rejected_share:.1%} are allowed (quality.max_rejected_share)"
            )
    for result in scorecard.results:
        if result.broken_gate:
            found.append(
                f"{result.rule.title.en} in the table {result.rule.table!r}: {result.violated:,} of "
                f"{result.checked:,} ({result.share:.1%}), {result.max_share:.1%} are allowed "
                f"(quality.rules.{result.rule.id})"
            )
    checked = {result.rule.id for result in scorecard.checked}
    for rule in (name for name, given in quality.rules.items() if given.gate and name not in checked):
        why = {r.absent.en: None for r in scorecard.results if r.rule.id == rule and r.absent}
        found.append(f"the gate quality.rules.{rule} could not be checked: {'; '.join(why)}")
    if quality.min_score is not None and scorecard.score is not None and scorecard.score < quality.min_score:
        found.append(
            f"the score is {scorecard.score:.2%}, at least {quality.min_score:.2%} is asked (min_score)"
        )
    return found


def error(problems: list[str]) -> QualityGateError:
    """Return the error that stops a run, with every broken gate."""
    listed = "\n".join(f"  {problem}" for problem in problems)
    return QualityGateError(
        f"The data is not good enough for this study:\n{listed}\n"
        "Correct the data (the data-quality report says how), or change the study's `quality`."
    )
