"""The sentences at the top of the data-quality report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.data.quality.rule import TABLES
from crmlab.data.schemas import TABLE_NAMES
from crmlab.results import Finding
from crmlab.view.numbers import count, interval, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.quality import Quality


def findings(quality: Quality) -> list[Finding]:
    """Say the score, the rule to mend first, and what mending changes most."""
    card = quality.scorecard
    if card.score is None:
        return [Finding("quality_none", texts()["quality_none"])]
    weakest = card.dimensions.drop_nulls("score").sort("score", maintain_order=True).row(0, named=True)
    found = [
        Finding(
            "quality_score",
            say(
                "quality_finding_score",
                score=percent(card.score),
                rules=count(len(card.checked)),
                over=count(len(card.over)),
                errors=count(sum(result.status == "error" for result in card.over)),
                weakest=DIMENSIONS[weakest["dimension"]].text,
                lowest=percent(weakest["score"]),
            ),
        )
    ]
    if card.over:
        first = card.over[0]
        found.append(
            Finding(
                "quality_worst",
                say(
                    "quality_finding_worst_table" if first.count.unit == TABLES else "quality_finding_worst",
                    rule=first.rule.title,
                    table=TABLE_NAMES[first.rule.table],
                    violated=count(first.violated),
                    checked=count(first.checked),
                    unit=first.count.unit,
                    share=percent(first.share),
                    interval=interval(*first.interval) if first.interval else "",
                    limit=percent(first.max_share),
                ),
            )
        )
    told = [entry for entry in quality.impacts if entry.told]
    if told:
        top = told[0]
        found.append(
            Finding(
                "quality_impact",
                say("quality_finding_impact", figure=top.figure, now=top.now, after=top.after),
            )
        )
    if quality.broken_gates:
        found.append(Finding("quality_gate", say("quality_finding_gate", n=count(len(quality.broken_gates)))))
    return found
