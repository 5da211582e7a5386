"""The sentences about improvements that a manager would repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.improvement.metrics import written
from crmlab.improvement.summary_views import enumerated
from crmlab.labels import Text
from crmlab.results import Finding
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.improvement.verdicts import Judged
    from crmlab.lab import Lab


def improvement_findings(lab: Lab) -> list[Finding]:
    """Say which measures worked and by how much, which made things worse, and which cannot be told."""
    judged = lab.improvement.judged
    if not judged:
        return [Finding("no_improvements", texts()["improvement_no_register"])]
    found = [
        Finding(verdict, _told(each))
        for verdict in ("improved", "worse")
        for each in judged
        if each.verdict == verdict
    ]
    for verdict in ("no_evidence", "not_judged"):
        names = [each.measure.name for each in judged if each.verdict == verdict]
        if names:
            found.append(
                Finding(verdict, say(f"improvement_finding_{verdict}", n=len(names), names=enumerated(names)))
            )
    return found


def _told(each: Judged) -> Text:
    assert each.metric is not None
    assert each.evaluated is not None
    effect = each.evaluated.effect
    return say(
        f"improvement_finding_{each.verdict}",
        measure=each.measure.name,
        start=each.measure.started_on,
        metric=each.metric.text,
        before=each.metric.value(each.evaluated.before),
        after=each.metric.value(each.evaluated.after),
        effect=each.metric.change(effect.value),
        between=each.metric.between(effect.low, effect.high),
        confidence=written(each.evaluated.fit.confidence),
    )
