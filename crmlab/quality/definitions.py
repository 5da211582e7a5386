"""How the figures of the data-quality report are defined."""

from __future__ import annotations

import polars as pl

from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.labels import Language
from crmlab.view.tables import Column, Table
from crmlab.view.texts import texts

_TERMS = {
    "quality_term_share": "quality_term_share_text",
    "term_interval": "quality_term_interval_text",
    "quality_term_limit": "quality_term_limit_text",
    "quality_score": "quality_term_score_text",
    "quality_term_profile": "quality_term_profile_text",
    "quality_term_quarantine": "quality_term_quarantine_text",
    "quality_term_gate": "quality_term_gate_text",
    "quality_term_trend": "quality_term_trend_text",
}
"""Key of a term → key of its definition."""


def definitions(language: Language) -> Table:
    """Show how the figures of this report are defined."""
    words = texts()
    entries = [(dimension.text, dimension.meaning) for dimension in DIMENSIONS.values()]
    entries += [(words[term], words[text]) for term, text in _TERMS.items()]
    rows = [(term.to(language), text.to(language)) for term, text in entries]
    return Table(
        pl.DataFrame(rows, schema=["term", "text"], orient="row"),
        [Column("term", words["term"]), Column("text", words["definition"])],
        caption=words["definitions_caption"],
        language=language,
    )
