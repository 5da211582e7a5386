"""Whom to call first: the customers with the largest expected losses, each with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.churn.figures import window_words
from crmlab.churn.levels import LEVELS
from crmlab.data.masking import mask_reasons
from crmlab.estimators import KEY
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.churn.warning import Churn


def call_list(churn: Churn, rows: int) -> Table | Note:
    """Show the first ``rows`` customers; a note where the warning is refused, or nobody has a score."""
    lab = churn.lab
    if refused := churn.refused:
        return Note(refused, lab.language, "warning")
    words, first = texts(), churn.levels().customers.head(rows)
    if not first.height:
        return Note(churn.nothing, lab.language)
    names = {label.id: label.text.to(lab.language) for label in LEVELS}
    attributes = lab.tables["customers"] if "customers" in lab.tables.loaded else None
    said = mask_reasons(
        first.join(churn.reasons(first[KEY]), on=KEY, how="left", maintain_order="left"), attributes
    )
    masked = lab.study.privacy.ids == "masked"
    margin = churn.model.margin
    part = "" if margin == 1 else f" × {percent(margin, 0)}"
    return Table(
        said.with_columns(
            customer_id=lab.shown_ids(first[KEY]),
            name=pl.col("level").replace_strict(names, return_dtype=pl.String),
            reason=pl.col(lab.language),
        ),
        [
            Column(KEY, words["customer_code"] if masked else words["customer_id"]),
            Column("name", words["churn_level"]),
            Column("expected_loss", words["churn_expected_loss"], "money", bar=True),
            Column("churn_probability", words["churn_probability"], "percent"),
            Column("reason", words["churn_reasons"]),
        ],
        caption=say("churn_list_caption", n=count(first.height)),
        note=joined(
            say(
                "churn_list_note",
                window=window_words(churn.design),
                value=lab.measure(churn.model.value).text,
                margin=part,
            ),
            words["watch_note_masked"] if masked else words["watch_note_plain"],
        ),
        language=lab.language,
        currency=lab.study.currency,
    )
