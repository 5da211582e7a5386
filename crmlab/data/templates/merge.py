"""Bring two sheets about the same things together."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from crmlab.data import convert
from crmlab.data.cleaning import ORIGIN, REFUSED
from crmlab.data.templates.definitions import Sheet


class Places(NamedTuple):
    """Where problems are: a sheet under the name that it has in the file."""

    name: str
    sheet: Sheet

    def problems(self, rows: pl.DataFrame, column: str, reason: str) -> pl.DataFrame:
        """Return one problem per row, with the header of the column in the language of the sheet."""
        text = next(field.text for field in self.sheet.fields if field.column == column)
        header = text.zh if self.name == self.sheet.text.zh else text.en
        return rows.select(
            sheet=pl.lit(self.name),
            row=pl.col("source_row").cast(pl.UInt32),
            column=pl.lit(header),
            reason=pl.lit(reason),
        )


def merged(holds: pl.DataFrame, fills: pl.DataFrame, key: str) -> pl.DataFrame:
    """Fill what is empty in ``holds`` from the row of ``fills`` with the same key; one row per key there."""
    new = fills.drop(ORIGIN, strict=False)
    shared = [name for name in new.columns if name in holds.columns and name != key]
    joined = holds.join(new, on=key, how="left", suffix="\0", maintain_order="left")
    filled = [pl.coalesce(convert.text(pl.col(name)), f"{name}\0").alias(name) for name in shared]
    return joined.with_columns(filled).drop(f"{name}\0" for name in shared)


def conflicts(holds: pl.DataFrame, fills: pl.DataFrame, key: str, places: Places) -> list[pl.DataFrame]:
    """Return where a row of ``fills`` says something else than the row of ``holds`` with its key."""
    own = {field.column for field in places.sheet.inputs}
    found = []
    first = holds.unique(key, keep="first", maintain_order=True)
    for name in fills.columns:
        if name in own and name in holds.columns and name != key:
            both = fills.join(first.select(key, other=name), on=key, how="inner", maintain_order="left")
            differ = convert.text(pl.col(name)) != convert.text(pl.col("other"))
            found.append(places.problems(both.filter(differ), name, "contradicts"))
    return found


def refused(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Mark rows that cleaning is to reject and keep."""
    return rows.with_columns(pl.lit(reason).alias(REFUSED))
