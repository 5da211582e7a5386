"""The written material: what a company is put together from, and the grammars of its customers' texts."""

from __future__ import annotations

import itertools
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

import polars as pl

from crmlab.documents import parse


@cache
def company() -> dict[str, Any]:
    """Return the content of ``company.yaml``."""
    return _read("company.yaml")


@cache
def grammar(language: str) -> dict[str, Any]:
    """Return the content of ``grammar_zh.yaml`` or ``grammar_en.yaml``."""
    return _read(f"grammar_{language}.yaml")


@cache
def clauses(language: str, aspect: str, sentiment: str) -> pl.Series:
    """Return every clause of one aspect and sentiment, with all slots filled in every way."""
    written = grammar(language)
    slots = written["slots"] | {"s": written["aspects"][aspect]["s"]}
    filled = [text for clause in written["aspects"][aspect][sentiment] for text in _filled(clause, slots)]
    return pl.Series(filled, dtype=pl.String)


@cache
def products() -> pl.DataFrame:
    """Return category, product_id, product, list_price; prices of a category rise evenly in logarithm."""
    rows = []
    for number, (category, (_, lowest, articles)) in enumerate(company()["categories"].items(), 1):
        for step, (grade, article) in enumerate(itertools.product(company()["grades"], articles)):
            price = round(float(lowest) * PRICE_STEP**step, 1)
            rows.append((category, f"P{number}{step:02d}", f"{grade}{article}", price))
    return pl.DataFrame(rows, orient="row", schema=["category", "product_id", "product", "list_price"])


PRICE_STEP = 1.33
"""Ratio of one list price to the next lower one of its category."""


def _filled(clause: str, slots: dict[str, list[str]]) -> list[str]:
    names = sorted({name for _, name, _, _ in Formatter().parse(clause) if name})
    return [
        clause.format(**dict(zip(names, words, strict=True)))
        for words in itertools.product(*(slots[name] for name in names))
    ]


def _read(name: str) -> dict[str, Any]:
    text = files("crmlab.data.samples").joinpath(name).read_text(encoding="utf-8")
    content: dict[str, Any] = parse(text, name).value
    return content
