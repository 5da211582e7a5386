"""What the numbers of the value report mean, and what they do not, for whoever decides by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab


def meaning(lab: Lab) -> Note:
    """Return in words what a lifetime value says, what it leaves out, and how to use it."""
    worth = lab.value.worth
    if worth.missing:
        return Note(worth.missing, lab.language)
    words, model = texts(), worth.model
    revenue = model.margin == 1
    return Note(
        joined(
            say("meaning_is", days=count(worth.days), discount=percent(model.annual_discount, 0)),
            words["meaning_revenue"] if revenue else say("meaning_margin", margin=percent(model.margin, 0)),
            words["meaning_alive"],
            words["meaning_interval"],
            words["meaning_not"],
            words["meaning_use"],
        ),
        lab.language,
    )
