"""The checks of a segmentation: each figure with its limit, its verdict, and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING

from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Axis, Text
from crmlab.segments.drift import ACT, WATCH
from crmlab.segments.separation import AXES, FLOORS, Outcome
from crmlab.segments.stability import LIMITS
from crmlab.segments.structure import Evidence, Structure
from crmlab.segments.verdicts import REFERENCE, UNKNOWN, Check, failure, listed
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.segments.quality import SegmentQuality

LARGEST = 0.8
"""Beyond this share of the customers, one class says it all."""
COVERED = 0.5
ARI = ((0.65, "poor"), (0.8, "moderate"), (0.9, "good"))
"""Upper ends of the words for an adjusted Rand index (Steinley 2004, Psychological Methods 9:386–396)."""
FIDELITY = ((0.6, "opaque"), (0.8, "partly"))
SILHOUETTE_CUSTOMERS = 2000


def checks(quality: SegmentQuality) -> list[Check]:
    """Return every check of a segmentation, in the order of ``TESTS``."""
    makers: dict[str, Callable[[SegmentQuality], list[Check]]] = {
        "classes": _sizes,
        "silhouette": _silhouette,
        "ari": _stability,
        "spend": _separation,
        "drift": _drift,
        "fidelity": _explainability,
        "null_check": _structure,
    }
    return [check for test, make in makers.items() for check in _tried(test, make, quality)]


def _sizes(quality: SegmentQuality) -> list[Check]:
    sizes, total = quality.sizes, quality.segmentation.labels.height
    used = {name: n for name, n in sizes.items() if n}
    classes = Check(
        "classes",
        say("segments_classes_text", n=len(used), of=len(sizes)),
        REFERENCE,
        len(used),
        unit="count",
        customers=total,
    )
    if not used:
        return [classes]
    shown = {name: n for name, n in used.items() if name not in quality.segmentation.few}
    made = [classes]
    top = max(shown, key=lambda name: shown[name], default=None)
    least = min(used, key=lambda name: used[name])
    if top is not None:
        over = used[top] / total > LARGEST
        made.append(
            Check(
                "largest",
                say(
                    "segments_dominated_text" if over else "segments_balanced_text",
                    label=quality.segmentation.scheme[top].text,
                    share=percent(used[top] / total),
                ),
                "dominated" if over else "balanced",
                *_share(used[top], total),
                LARGEST,
                "share",
                total,
            )
        )
    small = used[least] < quality.min_customers or used[least] / total < quality.min_share
    public = least in shown
    made.append(
        Check(
            "smallest",
            say(
                "segments_smallest_hidden"
                if not public
                else "segments_too_small_text"
                if small
                else "segments_reachable_text",
                label=quality.segmentation.scheme[least].text,
                n=count(used[least]),
                k=quality.segmentation.lab.study.privacy.smallest_group,
                share=percent(quality.min_share, 0),
                least=quality.min_customers,
            ),
            "too_small" if small else "reachable",
            *_share(used[least], total, shown=public),
            quality.min_share,
            "share",
            total,
        )
    )
    inside = sum(used.values())
    gaps = inside / total < COVERED
    made.append(
        Check(
            "coverage",
            say(
                "segments_covered_text" if inside == total else "segments_coverage_text",
                needs=quality.segmentation.classifier.needs,
            ),
            "gaps" if gaps else "covered",
            *_share(inside, total, shown=UNCLASSIFIED.id not in quality.segmentation.few),
            COVERED,
            "share",
            total,
        )
    )
    return made


def _silhouette(quality: SegmentQuality) -> list[Check]:
    if quality.silhouette != quality.silhouette:  # NaN: no numeric inputs, or one class
        return []
    value, n = quality.silhouette, min(quality.segmentation.labels.height, SILHOUETTE_CUSTOMERS)
    return [Check("silhouette", say("segments_silhouette_text"), REFERENCE, value, customers=n)]


def _stability(quality: SegmentQuality) -> list[Check]:
    found = quality.stability
    if found.ari != found.ari:  # NaN
        return [Check("ari", say("segments_stability_unknown", n=count(found.customers)))]
    if found.fixed:
        text = say("segments_fixed_text", n=found.resamples)
        fixed = {"verdict": "fixed_rule", "value": 1.0, "low": 1.0, "high": 1.0}
        return [
            Check("ari", text, **fixed, threshold=ARI[0][0], customers=found.customers),  # type: ignore[arg-type]
            Check("jaccard", text, "fixed_rule", 1.0, threshold=LIMITS[0][0], customers=found.customers),
        ]
    worst = min(found.jaccard, key=lambda name: found.jaccard[name])
    return [
        Check(
            "ari",
            say("segments_ari_text", n=found.resamples),
            _band(found.ari, ARI, "excellent"),
            found.ari,
            found.ari_low,
            found.ari_high,
            ARI[0][0],
            customers=found.customers,
        ),
        Check(
            "jaccard",
            say(
                "segments_jaccard_text",
                label=quality.segmentation.scheme[worst].text,
                stable=sum(value > LIMITS[1][0] for value in found.jaccard.values()),
                of=len(found.jaccard),
            ),
            found.word,
            found.jaccard[worst],
            threshold=LIMITS[0][0],
            customers=found.customers,
        ),
    ]


def _separation(quality: SegmentQuality) -> list[Check]:
    return [_outcome(quality, outcome) for outcome in FLOORS]


def _outcome(quality: SegmentQuality, outcome: Outcome) -> Check:
    found = quality.separation
    claimed = [axis for axis in found.scheme.axes if AXES[axis] == outcome]
    claim = texts()[_CLAIMS[claimed[0]]] if claimed else Text("", "")
    if outcome not in found.estimates:
        reason = found.reasons[outcome]
        text = Text(f"{reason.zh}{claim.zh}", f"{reason.en}{claim.en}")
        return Check(outcome, text, customers=found.customers.get(outcome))
    estimate = found.estimates[outcome]
    share = estimate.value if outcome == "spend" else estimate.value**2
    said = say(_OUTCOMES[outcome], days=found.days, share=percent(share))
    return Check(
        outcome,
        Text(f"{said.zh}{claim.zh}", f"{said.en}{claim.en}"),
        found.verdict(outcome),
        *estimate,
        FLOORS[outcome],
        customers=found.customers[outcome],
    )


def _drift(quality: SegmentQuality) -> list[Check]:
    made = []
    for test, row in (("drift", quality.drift.classes), ("drift_inputs", quality.drift.most_moved)):
        if row is None:
            continue
        made.append(
            Check(
                test,
                say(
                    "segments_drift_text",
                    name=quality.drift.name(row["column"]),
                    day=quality.earlier,
                    chance=decimal(row["chance"], 3),
                    v=decimal(nan if row["v"] is None else row["v"]),
                ),
                row["verdict"],
                row["psi"],
                threshold=ACT if row["verdict"] == "act" else WATCH,
                customers=row["after"],
            )
        )
    return made or [Check("drift", say("segments_drift_none", day=quality.earlier))]


def _explainability(quality: SegmentQuality) -> list[Check]:
    found, inputs = quality.surrogate, quality.segmentation.classifier.goes_by
    made = []
    if found.fidelity.value == found.fidelity.value:  # not NaN
        made.append(
            Check(
                "fidelity",
                say(
                    "segments_fidelity_text",
                    rules=found.leaves,
                    baseline=percent(found.baseline),
                ),
                _band(found.fidelity.value, FIDELITY, "explainable"),
                *found.fidelity,
                FIDELITY[1][0],
                "share",
                found.customers,
            )
        )
    names = [quality.segmentation.lab.measure(name).text for name in inputs]
    text = say("segments_inputs_text", n=len(inputs), names=listed(names))
    made.append(Check("inputs", text, REFERENCE, len(inputs), unit="count"))
    return made


def _structure(quality: SegmentQuality) -> list[Check]:
    if quality.structure.verdict == UNKNOWN:
        reason = quality.structure.reason or texts()["segments_one_class"]
        return [Check("null_check", reason)]
    made = [_checked("null_check", quality.structure)]
    if quality.control.verdict != UNKNOWN:
        passed = quality.control.verdict == "no_structure"
        shown = _checked("control", quality.control)
        key = "segments_control_text" if passed else "segments_control_failed_text"
        made.append(
            Check(
                "control",
                say(key),
                "passed" if passed else "failed",
                shown.value,
                threshold=shown.threshold,
                unit="share",
                customers=shown.customers,
            )
        )
    return made


def _checked(test: str, structure: Structure) -> Check:
    """Return the check of the evidence that decides: the one that found something, else of outcomes."""
    evidence = [each for each in (structure.outcomes, structure.inputs) if each is not None]
    told: Evidence = next((each for each in evidence if each.found), evidence[0])
    return Check(
        test,
        say(
            _NULLS[told.on],
            share=percent(told.effect),
            p=f"{told.p:.4g}",
            draws=count(told.draws),
        ),
        structure.verdict,
        told.effect,
        threshold=told.floor,
        unit="share",
        customers=told.customers,
    )


def _share(part: int, total: int, *, shown: bool = True) -> tuple[float | None, float | None, float | None]:
    """Return a share and the ends of its interval, or nothing where it must not be shown."""
    return (part / total, *wilson(part, total)) if shown else (None, None, None)


def _tried(test: str, make: Callable[[SegmentQuality], list[Check]], quality: SegmentQuality) -> list[Check]:
    """Make checks; where a plugin fails or the data forbids it, say so and go on."""
    try:
        return make(quality)
    except Exception as error:  # refits run a plugin's code on data that it has not seen
        return [Check(test, failure(error))]


def _band(value: float, limits: tuple[tuple[float, str], ...], best: str) -> str:
    return next((word for limit, word in limits if value < limit), best)


TESTS = {
    "classes": "segments_test_classes",
    "largest": "segments_test_largest",
    "smallest": "segments_test_smallest",
    "coverage": "segments_test_coverage",
    "silhouette": "segments_test_silhouette",
    "ari": "segments_test_ari",
    "jaccard": "segments_test_jaccard",
    "spend": "segments_test_spend",
    "return": "segments_test_return",
    "category": "segments_test_category",
    "drift": "segments_test_drift",
    "drift_inputs": "segments_test_drift_inputs",
    "fidelity": "segments_test_fidelity",
    "inputs": "segments_test_inputs",
    "null_check": "segments_test_null",
    "control": "segments_test_control",
}
"""Every test, in order, and the key of its name."""
_CLAIMS: dict[Axis, str] = {
    "revenue": "segments_claims_revenue",
    "loyalty": "segments_claims_loyalty",
    "need": "segments_claims_need",
}
_OUTCOMES: dict[Outcome, str] = {
    "spend": "segments_spend_text",
    "return": "segments_return_text",
    "category": "segments_category_text",
}
_NULLS = {
    "spend": "segments_null_spend",
    "return": "segments_null_return",
    "category": "segments_null_category",
    "inputs": "segments_null_inputs",
}
