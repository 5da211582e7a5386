"""Whom to call first: the dissatisfied customers worth most, why they are, and what they said last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.masking import mask_reasons
from crmlab.data.privacy import mask_text
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.voice.customers import SCHEME

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.voice.risk import Risk

_LONGEST = 80
"""Characters of a customer's last words that are shown."""


def listed(lab: Lab, dissatisfied: pl.DataFrame) -> pl.DataFrame:
    """Return the dissatisfied, the most valuable first.

    ``dissatisfied``: ``customer_id``, ``value``, ``alive``; added are the reason of the class (``zh``,
    ``en``), ``last_words`` as they may be shown (null: none, or not to be shown), ``given_on`` of these, and
    ``waiting`` for a complaint to be resolved.
    """
    if dissatisfied.is_empty():
        return pl.DataFrame(schema=_LISTED)
    waiting = lab.features("open_complaint_count").select(
        "customer_id", waiting=(pl.col("open_complaint_count") > 0).fill_null(value=False)
    )
    reasons = lab.classify(SCHEME).explain().select("customer_id", "zh", "en")
    found = dissatisfied.sort("value", "customer_id", descending=[True, False])
    for part in (reasons, waiting, _last_words(lab)):
        found = found.join(part, on="customer_id", how="left", maintain_order="left")
    return found.select(*_LISTED)


def table_of(risk: Risk, rows: int) -> Table | Note:
    """Show the first ``rows`` of :attr:`Risk.first`, under codes unless the study says otherwise."""
    lab, words, worth = risk.lab, texts(), risk.worth
    first = risk.first.head(rows)
    if first.is_empty() or worth is None:
        return Note(words["risk_nobody"], lab.language)
    attributes = lab.tables["customers"] if "customers" in lab.tables.loaded else None
    masked = lab.study.privacy.ids == "masked"
    quotes = [Column("last_words", words["risk_last_words"])] * (lab.study.privacy.quotes != "none")
    return Table(
        mask_reasons(first, attributes).with_columns(
            customer_id=lab.shown_ids(first["customer_id"]),
            reason=pl.col(lab.language),
            action=pl.Series([_action(lab, waits) for waits in first["waiting"]], dtype=pl.String),
        ),
        [
            Column("customer_id", words["customer_code"] if masked else words["customer_id"]),
            Column("value", worth.name, "money", bar=True),
            Column("reason", words["reason"]),
            *quotes,
            Column("action", words["risk_action"]),
        ],
        caption=say("risk_list_caption", n=count(first.height), of=count(risk.first.height)),
        note=joined(
            words["risk_list_note"], words["watch_note_masked"] if masked else words["watch_note_plain"]
        ),
        language=lab.language,
        currency=lab.study.currency,
    )


def _last_words(lab: Lab) -> pl.DataFrame:
    """Return each customer's latest text, as the study allows to show it."""
    privacy = lab.study.privacy.quotes
    if privacy == "none" or "feedback" not in lab.tables:
        return pl.DataFrame(schema=_LISTED).select("customer_id", "last_words", "given_on")
    said = (
        lab.tables["feedback"]
        .filter(pl.col("customer_id").is_not_null(), pl.col("text").str.contains(r"\w"))
        .sort("customer_id", "given_on", "feedback_id", descending=[False, True, False], nulls_last=True)
        .unique("customer_id", keep="first", maintain_order=True)
    )
    text = said["text"] if privacy == "plain" else mask_text(said["text"])
    is_long = pl.when(pl.col("text").str.len_chars() > _LONGEST)
    cut = is_long.then(pl.col("text").str.slice(0, _LONGEST) + "…").otherwise(pl.col("text"))
    return said.with_columns(text.alias("text")).select("customer_id", "given_on", last_words=cut)


def _action(lab: Lab, waiting: bool) -> str:
    """Return what the playbook names first for who waits for an answer, and last for the others."""
    strategies = lab.playbook.of(SCHEME, "dissatisfied")
    return strategies[0 if waiting else -1].text.to(lab.language) if strategies else ""


_LISTED = {
    "customer_id": pl.String,
    "value": pl.Float64,
    "alive": pl.Float64,
    "zh": pl.String,
    "en": pl.String,
    "last_words": pl.String,
    "given_on": pl.Date,
    "waiting": pl.Boolean,
}
