"""The sentences at the top of a report: what a manager would repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import FEW
from crmlab.labels import Text
from crmlab.results import Finding
from crmlab.satisfaction import Rating
from crmlab.summary import HUNDREDTHS
from crmlab.view.numbers import count, decimal, interval, money, percent, signed
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab


def findings(lab: Lab) -> list[Finding]:
    """Return the findings of the lab's report; of both reports where it names none."""
    made = []
    if lab.report == "data-quality":
        made += lab.quality.findings()
    if lab.report in ("segmentation", None) and "orders" in lab.tables:
        made += segmentation_findings(lab)
    if lab.report == "value" and "orders" in lab.tables:
        told = lab.value.findings()
        made += [Finding("value", text) for text in (*told[:3], *lab.win_back.findings(), *told[3:])]
    if lab.report == "lifecycle":
        if "orders" in lab.tables and not lab.churn.problem:
            made += [Finding("churn", text) for text in lab.churn.findings()[:2]]
        made += [Finding("lifecycle", text) for text in lab.retention.findings()]
    if lab.report == "complaints" and "complaints" in lab.tables:
        made += [Finding("complaints", text) for text in lab.complaints.findings()]
    if lab.report == "improvement":
        made += lab.improvement.findings()
    if lab.report in ("feedback", None) and "feedback" in lab.tables:
        made += feedback_findings(lab)
    return made


def segmentation_findings(lab: Lab) -> list[Finding]:
    """Say how revenue is spread, which segment carries it, and how status moved."""
    concentration = lab.concentration
    customers = concentration.spend.len()
    if not customers:
        return [Finding("nobody", texts()["nobody"])]
    found = [_concentration_finding(lab), _segment_finding(lab), _status_finding(lab)]
    return [finding for finding in found if finding is not None]


def feedback_findings(lab: Lab) -> list[Finding]:
    """Say how positive feedback is, what is at risk, what satisfaction goes with, and what hurts most."""
    voice = lab.voice
    if not voice.feedback.height:
        return [Finding("no_feedback", texts()["no_feedback"])]
    row = voice.sentiment.row(by_predicate=pl.col("sentiment") == "positive", named=True)
    judged = say(
        "finding_verdict",
        n=count(int(voice.sentiment["texts"].sum())),
        share=percent(row["share"]),
        interval=interval(row["low"], row["high"]),
    )
    found = [
        Finding(
            "verdict", _rated(voice.ratings[0], judged) if voice.ratings else say("sentence", text=judged)
        )
    ]
    for name, said in (("risk", voice.risk.finding()), ("driver", voice.drivers.finding())):
        if said is not None:
            found.append(Finding(name, said))
    loudest, worst = voice.aspects.loudest, voice.aspects.worst
    if loudest is not None and worst is not None:
        scheme = voice.aspects.scheme
        found.append(
            Finding(
                "aspect",
                say(
                    "finding_aspect",
                    loudest=scheme[loudest["aspect"]].text,
                    negative=count(loudest["negative"]),
                    worst=scheme[worst["aspect"]].text,
                    share=percent(worst["negative_share"]),
                    interval=interval(worst["negative_low"], worst["negative_high"]),
                ),
            )
        )
    negative = voice.contrast.telling.filter(pl.col("z") < 0).sort("z", "word").head(4)["word"].to_list()
    if negative:
        found.append(
            Finding(
                "contrast",
                say("finding_contrast", words_zh="、".join(negative), words_en=", ".join(negative)),
            )
        )
    return found


def _concentration_finding(lab: Lab) -> Finding:
    """Say what was spent and how few spent most of it; where refunds outweigh sales, only the first."""
    concentration = lab.concentration
    net = int(lab.tables["orders"]["amount_hundredths"].sum()) / HUNDREDTHS
    spent = say(
        "finding_spent",
        day=lab.study.as_of,
        customers=count(concentration.spend.len()),
        revenue=money(net, lab.study.currency),
    )
    few, bounds = concentration.share_for(0.8), concentration.gini_interval
    if few is None:
        return Finding("concentration", say("sentence", text=spent))
    if net <= 0 or not few:
        return Finding("concentration", say("finding_refunded", spent=spent))
    ends = say("interval_unknown")
    if bounds.low == bounds.low:  # not NaN
        ends = say("interval_known", low=decimal(bounds.low), high=decimal(bounds.high))
    return Finding(
        "concentration",
        say(
            "finding_concentration",
            spent=spent,
            few=percent(few),
            gini=decimal(concentration.gini),
            interval=ends,
        ),
    )


def _rated(rating: Rating, judged: Text) -> Text:
    """Lead with what customers scored themselves, then what their words say."""
    if rating.unit == "points":
        value, bounds = signed(rating.value), f"{signed(rating.low)}–{signed(rating.high)}"
    else:
        value, bounds = percent(rating.value), f"{percent(rating.low)}–{percent(rating.high)}"
    return say(
        "finding_rating", name=rating.name, value=value, bounds=bounds, n=count(rating.n), judged=judged
    )


def _segment_finding(lab: Lab) -> Finding | None:
    """Name the segment with most revenue, or with most customers where there is none to share."""
    segments = lab.schemes.main
    named = segments.summary.filter(pl.col("label") != FEW, pl.col("customers") > 0)
    if named.is_empty():
        return None
    known = named.drop_nulls("revenue_share")
    by = "customers" if known.is_empty() else "revenue"
    shown = named if known.is_empty() else known
    top = shown.sort(by, descending=True, maintain_order=True).row(0, named=True)
    sentence = say(
        "finding_segment_size",
        label=segments.scheme[top["label"]].text,
        customers=count(top["customers"]),
        share=percent(top["customer_share"]),
        interval=interval(top["share_low"], top["share_high"]),
    )
    if known.is_empty():
        return Finding("segments", say("sentence", text=sentence))
    return Finding(
        "segments",
        say(
            "finding_segment",
            size=sentence,
            revenue=percent(top["revenue_share"]),
            revenue_interval=interval(top["revenue_low"], top["revenue_high"]),
        ),
    )


def _status_finding(lab: Lab) -> Finding | None:
    status = lab.classify("status")
    first = status.scheme.labels[0]
    day = lab.study.earlier
    movement = status.compare(lab.classify("status", as_of=day))
    moved = movement.moved(first.id, set(status.scheme.ids[1:]))
    if moved is not None and moved != (0, 0):
        gone, of = moved
        return Finding(
            "movement",
            say("finding_movement", day=day, of=count(of), gone=count(gone), share=percent(gone / of)),
        )
    if first.id in status.few:
        return None
    row = status.summary.row(by_predicate=pl.col("label") == first.id, named=True)
    return Finding(
        "status",
        say(
            "finding_status",
            customers=count(row["customers"]),
            share=percent(row["customer_share"]),
            interval=interval(row["share_low"], row["share_high"]),
        ),
    )
