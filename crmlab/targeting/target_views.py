"""The win-back list as a reader sees it: key figures, the first of the list, who is not on it and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.targeting.wording import amount_between, points
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.numbers import count, money
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.targeting.targets import TargetList

_REASONS = {
    "refused": "winback_left_refused",
    "unasked": "winback_left_unasked",
    "unknown": "winback_left_unknown",
    "not_worth": "winback_left_not_worth",
    "beyond": "winback_left_beyond",
}
_ARMS = {"treatment": "winback_arm_treatment", "control": "winback_arm_control"}
_GAINS = {
    "measured": "winback_gain_measured",
    "model": "winback_gain_model",
    "assumed": "winback_gain_assumed",
}
_FINDINGS = {
    "measured": "winback_find_measured",
    "model": "winback_find_model",
    "assumed": "winback_find_assumed",
}


def table(lab: Lab, listed: TargetList, rows: int) -> Table | Note:
    """Show the first of the list under codes, or say why nobody is on it."""
    words = texts()
    if not listed.candidates:
        return Note(words["winback_no_audience"], lab.language)
    if not listed.customers.height:
        nobody = say("winback_nobody", candidates=count(listed.candidates), left_out=left_out(listed) or "")
        return Note(nobody, lab.language)
    top = listed.customers.head(rows)
    arms = {arm: words[key].to(lab.language) for arm, key in _ARMS.items()}
    classes = {}
    for label in top["label"].unique().sort():
        scheme, name = label.rsplit(".", 1)
        classes[label] = lab.classify(scheme).scheme[name].text.to(lab.language)
    shown = top.with_columns(
        customer_id=lab.shown_ids(top["customer_id"]),
        label=pl.col("label").replace_strict(classes, return_dtype=pl.String),
        arm=pl.col("arm").replace_strict(arms, return_dtype=pl.String),
        uplift=pl.col("uplift") * 100,
    )
    masked, of = lab.study.privacy.ids == "masked", listed.model.get_params()["value_column"]
    return Table(
        shown,
        [
            Column("customer_id", words["customer_code"] if masked else words["customer_id"]),
            Column("label", words["class"]),
            Column("days_since_last_order", words["recency"], "integer"),
            Column("value", words["winback_value"], "money", note=lab.measure(of).text),
            Column("uplift", words["winback_uplift"], "decimal", note=words["winback_points"]),
            Column("expected_gain", words["winback_expected"], "money", bar=True),
            Column("arm", words["winback_arm"]),
        ],
        caption=say(
            "winback_list_caption",
            n=count(top.height),
            total=count(listed.customers.height),
            day=lab.study.as_of,
        ),
        note=words["watch_note_masked"] if masked else words["watch_note_plain"],
        language=lab.language,
        currency=lab.study.currency,
    )


def figures(lab: Lab, listed: TargetList) -> KeyFigures:
    """Show how many there are, how many are contacted and held out, cost and expected gain."""
    words, currency, gain = texts(), lab.study.currency, listed.expected_gain
    return KeyFigures(
        [
            (count(listed.candidates), words["winback_candidates"]),
            (count(listed.contacted.height), words["winback_to_contact"]),
            (count(listed.control.height), words["winback_to_hold_out"]),
            (money(listed.cost, currency).to(lab.language), words["winback_cost"]),
            (
                money(gain.value, currency).to(lab.language),
                say(_GAINS[listed.basis], interval=amount_between(gain, currency)),
            ),
        ],
        lab.language,
    )


def note(lab: Lab, listed: TargetList) -> Note:
    """Say how the gain is made, who is not on the list, and why some are held out."""
    words = texts()
    share = listed.model.get_params()["control_share"]
    said = joined(
        listed.model.definition(),
        left_out(listed),
        None if listed.consent_known else words["winback_consent_unknown"],
        words["winback_control_why"] if share else words["winback_control_none"],
    )
    return Note(said, lab.language, "note" if share and listed.consent_known else "warning")


def left_out(listed: TargetList) -> Text | None:
    """Say how many candidates are not on the list, by reason; None where all are."""
    parts = [say(key, n=count(listed.left_out[why])) for why, key in _REASONS.items() if listed.left_out[why]]
    return say("winback_left_out", parts=enumerated(parts)) if parts else None


def finding(lab: Lab, listed: TargetList) -> Text:
    """Say whom to contact, what it costs and what it should gain, and whether that may be a loss."""
    currency, gain = lab.study.currency, listed.expected_gain
    said = say(
        _FINDINGS[listed.basis],
        n=count(listed.contacted.height),
        cost=money(listed.cost, currency),
        gain=money(gain.value, currency),
        interval=amount_between(gain, currency),
        control=count(listed.control.height),
        uplift=points(listed.model.get_params()["uplift"]),
    )
    return joined(said, texts()["winback_find_loss"]) if gain.low < 0 else said


def enumerated(parts: list[Text]) -> Text:
    """Put several phrases behind each other."""
    return Text("，".join(part.zh for part in parts), "; ".join(part.en for part in parts))
