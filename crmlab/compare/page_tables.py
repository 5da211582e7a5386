"""The plain tables of the comparison page: moves, drift, what went in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from crmlab.compare.classes import LEAVER, NEWCOMER
from crmlab.compare.words import DRIFTS, WORDS, filled, word
from crmlab.labels import UNCLASSIFIED, Language, Text
from crmlab.view.numbers import signed
from crmlab.view.tables import Column, Table

_MOVES = 10
_LONGEST = 120

Rows = Sequence[dict[str, Any]]


def moves_table(move: dict[str, Any], cells: Rows, smallest: int, language: Language) -> Table:
    """List the largest moves between classes."""
    names = {label["id"]: label[language] for label in move["labels"]} | {
        NEWCOMER: word("newcomer", language),
        LEAVER: word("leaver", language),
        UNCLASSIFIED.id: word("unclassified", language),
    }
    ordered = sorted(cells, key=lambda cell: (-cell["customers"], cell["before"], cell["after"]))[:_MOVES]
    frame = pl.DataFrame(
        {
            "from": [names[cell["before"]] for cell in ordered],
            "to": [names[cell["after"]] for cell in ordered],
            "customers": [cell["customers"] for cell in ordered],
            "share": [None if cell["before"] == NEWCOMER else cell["share"] for cell in ordered],
        },
        schema={"from": pl.String, "to": pl.String, "customers": pl.Int64, "share": pl.Float64},
    )
    columns = [
        Column("from", WORDS["from"]),
        Column("to", WORDS["to"]),
        Column("customers", WORDS["customers"], "integer"),
        Column("share", WORDS["share"], "percent", bar=True),
    ]
    caption = filled("moves_caption", Text(move["zh"], move["en"]))
    note = Text(*(text.format(_MOVES, smallest) for text in WORDS["moves_note"]))
    return Table(frame, columns, caption, note, language)


def drift_table(rows: Rows, language: Language, title: Callable[[str], Text]) -> Table:
    """List the inputs of the classes with their drift; ``title`` names a report."""
    frame = pl.DataFrame(
        {
            "input": [row[language] for row in rows],
            "report": [title(row["report"]).to(language) for row in rows],
            "n": [f"{row['before']:,} → {row['after']:,}" for row in rows],
            "psi": [row["psi"] for row in rows],
            "limit": [row["chance"] for row in rows],
            "verdict": [DRIFTS[row["verdict"]].to(language) for row in rows],
        }
    )
    columns = [
        Column("input", WORDS["input"]),
        Column("report", WORDS["report"]),
        Column("n", WORDS["customers"]),
        Column("psi", WORDS["psi"], "decimal", decimals=3),
        Column("limit", WORDS["limit"], "decimal", decimals=3),
        Column("verdict", WORDS["verdict"]),
    ]
    return Table(frame, columns, WORDS["drift_caption"], WORDS["drift_note"], language)


def inputs_table(rows: Rows, language: Language) -> Table:
    """List the tables that were read and differ."""
    told = []
    for row in rows:
        before, after = row["before"] or {}, row["after"] or {}
        one, two = before.get("rows"), after.get("rows")
        more = None if one is None or two is None else signed(two - one) if two != one else "0"
        same = before.get("sha256") == after.get("sha256")
        told.append((row["name"], one, two, more, word("same_rows" if same else "other_rows", language)))
    schema = {
        "name": pl.String,
        "rows_before": pl.Int64,
        "rows_after": pl.Int64,
        "rows_change": pl.String,
        "content": pl.String,
    }
    columns = [
        Column(name, WORDS[name], "integer" if kind == pl.Int64 else "text") for name, kind in schema.items()
    ]
    frame = pl.DataFrame(told, schema=schema, orient="row")
    return Table(frame, columns, WORDS["inputs"], language=language)


def changed_table(rows: Rows, caption: Text, language: Language) -> Table:
    """List settings, plugins, code or packages that differ."""
    frame = pl.DataFrame(
        [(row["name"], _shown(row["before"]), _shown(row["after"])) for row in rows],
        schema=dict.fromkeys(("name", "before", "after"), pl.String),
        orient="row",
    )
    columns = [Column(name, WORDS[name]) for name in ("name", "before", "after")]
    return Table(frame, columns, caption, language=language)


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
