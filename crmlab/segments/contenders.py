"""Contenders: the figures by which one scheme is compared with others, and what speaks against it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from crmlab import registry
from crmlab.labels import Text
from crmlab.segments.checks import COVERED
from crmlab.segments.quality import SegmentQuality
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.segments.stability import Stability
from crmlab.segments.verdicts import failure, known
from crmlab.view.numbers import decimal, percent
from crmlab.view.texts import say

if TYPE_CHECKING:
    from crmlab.lab import Lab

Position = Literal[
    "recommended", "equivalent", "too_complex", "too_simple", "weaker", "not_eligible", "not_compared"
]

LEAST_ARI = 0.65
"""Schemes that agree less with themselves when learned again are not recommended (Steinley 2004)."""


@dataclass
class Contender:
    """One scheme and its figures; ``reason`` says why it is not compared or not eligible.

    ``separation`` is the mean of eta² on next spend and V² on next return, times the ``coverage``.
    ``usable`` counts the classes that are large enough to work with, ``actions`` what they allow.
    """

    name: str
    title: Text
    quality: SegmentQuality | None = None
    reason: Text | None = None
    separation: Estimate = UNKNOWN
    stability: Stability | None = None
    classes: int = 0
    usable: int = 0
    smallest: float | None = None
    coverage: float | None = None
    actions: int = 0
    fidelity: float | None = None
    inputs: int = 0
    position: Position = "not_compared"

    @property
    def caution(self) -> Text | None:
        """Say which inputs may have been written down after the fact, so that they know what came."""
        return self.quality.undated if self.quality else None

    @property
    def order(self) -> tuple[int, int, float, str]:
        """Simplest first: fewest classes, fewest inputs; then what separates best."""
        return self.classes, self.inputs, -self.separation.value, self.name


def contender(
    lab: Lab,
    name: str,
    names: Collection[str] = (),
    actions: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Contender:
    """Measure a scheme, or say why that cannot be done; ``names`` are all that are compared.

    For ``actions`` and ``options`` see :class:`crmlab.segments.comparator.SchemeComparison`.
    """
    try:
        plugin = registry.classifiers[name]
    except Exception as error:  # a broken plugin stops no other
        return Contender(name, Text(name, name), reason=failure(error))
    absent = Contender(name, plugin.title)
    if plugin.alias_of and plugin.alias_of in names:
        absent.reason = say("segments_alias", scheme=registry.classifiers[plugin.alias_of].title)
        return absent
    try:
        if (needs := lab.lacks(name)) is None:
            return _measured(name, SegmentQuality(lab.classify(name), **(options or {})), actions)
        absent.reason = say("segments_no_data", needs=needs)
    except Exception as error:
        absent.reason = failure(error)
    return absent


def _measured(name: str, quality: SegmentQuality, actions: Mapping[str, Any] | None) -> Contender:
    part = quality.segmentation
    used = {label: n for label, n in quality.sizes.items() if n}
    if not used:
        needs = part.classifier.needs
        return Contender(name, part.classifier.title, reason=say("segments_no_data", needs=needs))
    total = part.labels.height
    usable = [
        label for label, n in used.items() if n >= quality.min_customers and n / total >= quality.min_share
    ]
    least = min(used, key=lambda label: used[label])
    coverage = quality.separation.coverage
    made = Contender(
        name,
        part.classifier.title,
        quality,
        separation=Estimate(*(end * coverage for end in quality.separation.explained)),
        stability=quality.stability,
        classes=len(used),
        usable=len(usable),
        smallest=None if least in part.few else used[least] / total,
        coverage=known(coverage),
        actions=_actions(name, usable, actions),
        fidelity=known(quality.surrogate.fidelity.value),
        inputs=len(part.classifier.goes_by),
        position="not_eligible",
    )
    made.reason = _objection(made, quality)
    return made


def _objection(made: Contender, quality: SegmentQuality) -> Text | None:
    """Say why a scheme cannot be recommended, or None."""
    separation = quality.separation
    if made.classes < 2:
        return say("segments_one_class")
    reasons = [separation.reasons.get(outcome) for outcome in ("spend", "return")]
    if all(reasons):
        return reasons[0]
    if not made.separation.low > 0:
        return say("segments_objection_separation", days=separation.days)
    if "holds" not in (separation.verdict("spend"), separation.verdict("return")):
        share = percent(made.separation.value)
        return say("segments_objection_weak", days=separation.days, share=share)
    if made.usable < 2:
        share = percent(quality.min_share, 0)
        return say("segments_objection_usable", share=share, least=quality.min_customers)
    if made.coverage is not None and made.coverage < COVERED:
        needs = quality.segmentation.classifier.needs
        return say("segments_objection_coverage", limit=percent(COVERED, 0), needs=needs)
    if made.stability is not None and made.stability.ari < LEAST_ARI:
        return say("segments_objection_stability", ari=decimal(made.stability.ari), limit=LEAST_ARI)
    return None


def _actions(name: str, usable: list[str], actions: Mapping[str, Any] | None) -> int:
    if actions is None:
        return len(usable)
    own = (actions.get(f"{name}.{label}", actions.get(label)) for label in usable)
    return len({repr(action) for action in own if action})
