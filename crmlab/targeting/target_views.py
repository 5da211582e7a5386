"""The win-back list as a reader sees it: key figures, the first of the list, who is not on it and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.targeting.wording import amount_between, points, points_between
from crmlab.view.findings import KeyFigures, Note, Sections
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.targeting.targets import TargetList

_REASONS = {
    "refused": "winback_left_refused",
    "unasked": "winback_left_unasked",
    "running": "winback_left_running",
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
    shown = top.with_columns(
        customer_id=lab.shown_ids(top["customer_id"]),
        label=_class_names(lab, top["label"]),
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
        note=say("winback_list_note", how=words["watch_note_masked" if masked else "watch_note_plain"]),
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


def note(lab: Lab, listed: TargetList) -> Sections:
    """Say how the gain is made, with the uplift it rests on, who is not on the list, and why some wait."""
    words, params = texts(), listed.model.get_params()
    share, basis = params["control_share"], None
    if listed.basis == "model":
        basis = say("winback_basis_model", column=lab.measure(params["uplift_column"]).text)
    elif listed.basis == "assumed":
        basis = say("winback_basis_assumed", uplift=points(params["uplift"]))
    formula = say(
        "winback_formula",
        value=lab.measure(params["value_column"]).text,
        margin=percent(params["margin"], 0),
        cost=money(params["contact_cost"], lab.study.currency),
        days=params["window_days"],
    )
    # A score such as that of a lifetime value may be a margin already, a column of the orders never is.
    no_margin = params["margin"] == 1 and "." not in params["value_column"]
    listing = joined(
        left_out(listed),
        None if listed.consent_known else words["winback_consent_unknown"],
        words["winback_control_why"] if share else words["winback_control_none"],
    )
    return Sections(
        [
            Note(joined(formula, basis, words["winback_no_margin"] if no_margin else None), lab.language),
            _bands(lab, listed) if listed.basis == "measured" else None,
            Note(listing, lab.language, "note" if share and listed.consent_known else "warning"),
        ]
    )


def _bands(lab: Lab, listed: TargetList) -> Table:
    """Show the uplift that past control groups measured, by how long customers had been silent."""
    words, rows = texts(), []
    for band in listed.model.learned["bands_"]:
        key = "winback_silent_between" if band["to_days"] is not None else "winback_silent_from"
        uplift = Estimate(band["value"], band["low"], band["high"])
        rows.append(
            {
                "silent": say(key, first=band["from_days"], last=band["to_days"]).to(lab.language),
                "uplift": points(uplift.value).to(lab.language),
                "interval": points_between(uplift).to(lab.language),
                "contacted": band["contacted"],
                "control": band["control"],
            }
        )
    return Table(
        pl.DataFrame(rows),
        [
            Column("silent", words["recency"]),
            Column("uplift", words["winback_uplift"]),
            Column("interval", words["winback_interval"]),
            Column("contacted", words["winback_contacted"], "integer"),
            Column("control", words["winback_control"], "integer"),
        ],
        caption=words["winback_bands_caption"],
        language=lab.language,
    )


def contact_list(lab: Lab, listed: TargetList) -> pl.DataFrame:
    """Return those to contact with their ids, under titles in the language of the study."""
    words, rows = texts(), listed.contacted
    titles = {
        "customer_id": words["customer_id"],
        "label": words["class"],
        "days_since_last_order": words["recency"],
        "value": words["winback_value"],
        "expected_gain": words["winback_expected"],
    }
    return rows.select(
        "customer_id",
        _class_names(lab, rows["label"]).alias("label"),
        "days_since_last_order",
        pl.col("value", "expected_gain").round(2),
    ).rename({name: title.to(lab.language) for name, title in titles.items()})


def _class_names(lab: Lab, labels: pl.Series) -> pl.Series:
    """Return what readers call the classes ``scheme.class``."""
    names = {}
    for label in labels.unique().sort():
        scheme, name = label.rsplit(".", 1)
        names[label] = lab.classify(scheme).scheme[name].text.to(lab.language)
    return labels.replace_strict(names, return_dtype=pl.String)


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
