"""What speaks for a match, in words.

Evidence is a list of codes: the id of a key or the name of a column that is the same, with ``~`` in front
where it is only similar, and ``probabilistic`` for what the probabilistic resolver found.
"""

from __future__ import annotations

import polars as pl

from crmlab.data.identity.keys import KEYS
from crmlab.labels import Language, Text

PROBABILISTIC = "probabilistic"
_PROBABILISTIC = Text("概率模型", "probability model")


def field_name(column: str) -> Text:
    """Return what a column of the customers is called; its own name for one that is not canonical."""
    from crmlab.data.schemas import TABLES

    if column in KEYS:
        return KEYS[column].text
    rules = TABLES["customers"].columns()
    if column not in rules:
        return Text(column, column)
    text: Text = (rules[column].metadata or {})["text"]
    return Text(text.zh, text.en[:1].lower() + text.en[1:])


def evidence_text(evidence: pl.Series, language: Language) -> pl.Series:
    """Put each list of codes into words: 手机号相同、姓名相近; same mobile, similar name."""
    codes = evidence.explode(empty_as_null=False).drop_nulls().unique().to_list()
    words = {code: _word(code).to(language) for code in codes}
    said = pl.element().replace_strict(words, return_dtype=pl.String)
    separator = "、" if language == "zh" else ", "
    return (
        evidence.to_frame("evidence")
        .select(pl.col("evidence").list.eval(said).list.join(separator))
        .to_series()
    )


def _word(code: str) -> Text:
    if code == PROBABILISTIC:
        return _PROBABILISTIC
    name = field_name(code.removeprefix("~"))
    if code.startswith("~"):
        return Text(f"{name.zh}相近", f"similar {name.en}")
    return Text(f"{name.zh}相同", f"same {name.en}")
