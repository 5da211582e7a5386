"""What a test of a segmentation says: its figure, its limit, a verdict, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

from crmlab.errors import CrmlabError, PluginFailedError
from crmlab.labels import Text
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import MISSING
from crmlab.view.texts import say, texts

Unit = Literal["count", "share", "number"]
Grade = Literal["good", "watch", "poor", "neutral"]

UNKNOWN = "unknown"
REFERENCE = "reference"

VERDICTS: dict[str, tuple[str, Grade]] = {
    UNKNOWN: ("segments_unknown", "neutral"),
    REFERENCE: ("segments_reference", "neutral"),
    "balanced": ("segments_balanced", "good"),
    "dominated": ("segments_dominated", "poor"),
    "reachable": ("segments_reachable", "good"),
    "too_small": ("segments_too_small", "watch"),
    "covered": ("segments_covered", "good"),
    "gaps": ("segments_gaps", "watch"),
    "fixed_rule": ("segments_fixed_rule", "good"),
    "highly_stable": ("segments_highly_stable", "good"),
    "stable": ("segments_stable", "good"),
    "doubtful": ("segments_doubtful", "watch"),
    "unstable": ("segments_unstable", "poor"),
    "excellent": ("segments_excellent", "good"),
    "good": ("segments_good", "good"),
    "moderate": ("segments_moderate", "watch"),
    "poor": ("segments_poor", "poor"),
    "holds": ("segments_holds", "good"),
    "weak": ("segments_weak", "watch"),
    "not_shown": ("segments_not_shown", "poor"),
    "ok": ("segments_drift_ok", "good"),
    "watch": ("segments_drift_watch", "watch"),
    "act": ("segments_drift_act", "poor"),
    "explainable": ("segments_explainable", "good"),
    "partly": ("segments_partly", "watch"),
    "opaque": ("segments_opaque", "poor"),
    "structure": ("segments_structure", "good"),
    "no_structure": ("segments_no_structure", "poor"),
    "passed": ("segments_passed", "good"),
    "failed": ("segments_failed", "poor"),
}
"""Verdict → the key of its word, and how good it is."""


@dataclass(frozen=True, slots=True)
class Check:
    """One test: its id, figure with interval, limit, verdict (a key of ``VERDICTS``) and sentence.

    ``value``, ``low``, ``high`` and ``threshold`` are None where there is none; ``customers`` is the
    sample that the figure rests on.
    """

    test: str
    text: Text
    verdict: str = UNKNOWN
    value: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    unit: Unit = "number"
    customers: int | None = None

    @property
    def grade(self) -> Grade:
        """How good the verdict is."""
        return VERDICTS[self.verdict][1]

    @property
    def word(self) -> Text:
        """The verdict in a word or two."""
        return texts()[VERDICTS[self.verdict][0]]

    @property
    def figure(self) -> str:
        """The value as a reader sees it."""
        return written(self.value, self.unit)

    @property
    def interval(self) -> str:
        """The interval as a reader sees it."""
        if known(self.low) is None or known(self.high) is None:
            return MISSING
        return f"{written(self.low, self.unit)} – {written(self.high, self.unit)}"

    @property
    def limit(self) -> str:
        """The threshold as a reader sees it."""
        return written(self.threshold, self.unit)


def known(value: float | None) -> float | None:
    """Return the value, with NaN as None."""
    return None if value is None or isnan(value) else value


def failure(error: Exception) -> Text:
    """Say that a figure could not be computed.

    The message of an error that is not ours may hold a customer's data; a page shows its type alone.
    """
    cause = error.__cause__ if isinstance(error, PluginFailedError) and error.__cause__ else error
    kind = type(cause).__name__
    return say("segments_failed_text", error=f"{kind}: {cause}" if isinstance(cause, CrmlabError) else kind)


def listed(names: Sequence[Text], most: int | None = None) -> Text:
    """Return names one after the other: the first ``most`` and how many there are, where they go on."""
    shown = names[:most]
    said = Text("、".join(each.zh for each in shown), ", ".join(each.en for each in shown))
    return said if len(shown) == len(names) else say("segments_listed", names=said, n=len(names))


def written(value: float | None, unit: Unit) -> str:
    """Write a figure in its unit."""
    if known(value) is None or value is None:
        return MISSING
    if unit == "share":
        return percent(value)
    return count(value) if unit == "count" else decimal(value)
