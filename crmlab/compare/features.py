"""Drift: whether the inputs of the classes are spread otherwise in two runs.

By the population stability index and what chance alone reaches, as :mod:`crmlab.segments.drift` does
within one run. Most customers are in both runs, which makes it careful: it finds less than independent
samples would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from crmlab.compare.classes import class_tables, names_of
from crmlab.compare.runs import RunFolder
from crmlab.segments.drift import binned, psi, psi_by_chance, verdict

_NO_INPUT = ("customer_id", "label", "confidence", "zh", "en")


def drift(before: RunFolder, after: RunFolder, report: str) -> list[dict[str, Any]]:
    """Return one row per input of the classes of a report that both runs kept, the most moved first.

    ``column`` with its names ``zh`` and ``en``, ``before`` and ``after`` (customers), ``bins``, ``psi``,
    ``chance`` (what independent samples of one population exceed in one case of twenty), ``verdict``: ok,
    watch or act. Where several plugins have an input, it is compared once. Columns that cannot be put in
    bins are left out, and amounts where the runs are in different currencies.
    """
    named = {**names_of(before, report)["columns"], **names_of(after, report)["columns"]}
    other_money = before.currency(report) != after.currency(report)
    rows: dict[str, dict[str, Any]] = {}
    for column, one, two in _columns(before, after, report):
        if other_money and named.get(column, {}).get("unit") == "currency":
            continue
        if column in rows or not one.len() or not two.len() or (pair := binned(one, two)) is None:
            continue
        counts = _counts(*pair)
        value = psi(*counts)
        chance = psi_by_chance(len(counts[0]), one.len(), two.len())
        names = named.get(column, {"zh": column, "en": column})
        rows[column] = {
            "report": report,
            "column": column,
            "zh": names["zh"],
            "en": names["en"],
            "before": one.len(),
            "after": two.len(),
            "bins": len(counts[0]),
            "psi": value,
            "chance": chance,
            "verdict": verdict(value, chance),
        }
    return sorted(rows.values(), key=lambda row: (-row["psi"], row["column"]))


def _columns(before: RunFolder, after: RunFolder, report: str) -> Iterator[tuple[str, pl.Series, pl.Series]]:
    first, second = class_tables(before, report), class_tables(after, report)
    for plugin in sorted({*first} & {*second}):
        types = [pl.read_parquet_schema(tables[plugin]) for tables in (first, second)]
        shared = [column for column in types[0] if column in types[1] and column not in _NO_INPUT]
        same = [column for column in shared if types[0][column] == types[1][column]]
        one, two = (pl.read_parquet(tables[plugin], columns=same, glob=False) for tables in (first, second))
        for column in same:
            yield column, one[column], two[column]


def _counts(before: pl.Series, after: pl.Series) -> tuple[list[int], list[int]]:
    sizes = [dict(values.value_counts(name="n").iter_rows()) for values in (before, after)]
    bins = sorted({*sizes[0], *sizes[1]})
    first, second = ([int(size.get(each, 0)) for each in bins] for size in sizes)
    return first, second
