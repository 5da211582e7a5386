"""Part of the data: the customers, orders or texts that have some values, and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from crmlab.data.conditions import TIED
from crmlab.data.tables import TableCount, TableStore
from crmlab.errors import DataError, did_you_mean

SALES = ("orders", "order_lines")
"""Conditions on these hold for the same order."""
_NAMED = 10
"""So many values an error names."""


class SelectedTables(TableStore):
    """Canonical tables cut to a part of the data.

    A table that ``where`` names keeps the rows with one of the values. Every other table about customers
    keeps the rows of the customers who have such a row; where several tables are named, of those who
    have one in each. What belongs to no known customer is then left out; it is counted as outside.
    Orders and their lines go together: a condition on lines makes an order the sum of the lines that
    are left. Campaigns and measures stay whole. Cleaning, and so the share of rejected rows, is about
    the data as it was delivered.

    Raises DataError for a column that a table lacks, and for values that no row has.
    """

    def __init__(self, *args: Any, where: Mapping[str, Sequence[str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._where: dict[str, dict[str, Sequence[str]]] = {}
        for name, values in where.items():
            table, _, column = name.partition(".")
            self._where.setdefault(table, {})[column] = values
        self._selected: dict[str, pl.DataFrame] = {}

    def __getitem__(self, name: str) -> pl.DataFrame:
        if not self._where or name not in TIED:
            return super().__getitem__(name)
        if name not in self._selected:
            self._selected[name] = self._select(name)
        return self._selected[name]

    def count(self, name: str) -> TableCount:
        """Count what became of a table; rows outside the selection apart."""
        whole = super().__getitem__(name).height
        later = self.cleaned(name).table.height - whole
        return replace(super().count(name), later=later, outside=whole - self[name].height)

    def _select(self, name: str) -> pl.DataFrame:
        own = self._own(name)
        together = SALES if name in SALES else (name,)
        if not set(self._where) - set(together):
            return own
        if name == "order_lines" and "orders" in self:
            return own.join(self["orders"], on="order_id", how="semi", maintain_order="left")
        customers = pl.concat([self._customers(table) for table in self._where])
        everywhere = customers.group_by("customer_id").len().filter(len=len(self._where))
        return own.join(everywhere, on="customer_id", how="semi", maintain_order="left")

    def _own(self, name: str) -> pl.DataFrame:
        """Return the rows that the conditions on the table itself leave, and on its orders or lines."""
        table = self._filtered(name)
        if name == "orders" and "order_lines" in self._where:
            sums = self._filtered("order_lines").group_by("order_id").agg(pl.col("amount_hundredths").sum())
            return (
                table.drop("amount_hundredths")
                .join(sums, on="order_id", how="inner", maintain_order="left")
                .select(table.columns)
            )
        if name == "order_lines" and "orders" in self._where:
            return table.join(self._filtered("orders"), on="order_id", how="semi", maintain_order="left")
        return table

    def _customers(self, name: str) -> pl.DataFrame:
        """Return the customers with a row that the condition on a table leaves."""
        rows = self._own("orders" if name == "order_lines" and "orders" in self else name)
        return rows.select("customer_id").drop_nulls().unique()

    def _filtered(self, name: str) -> pl.DataFrame:
        table = super().__getitem__(name)
        for column, values in self._where.get(name, {}).items():
            try:
                texts = as_texts(name, table, column)
            except DataError as error:
                raise DataError(f"where: {error}") from None
            left = table.filter(texts.is_in(list(values)))
            if left.is_empty():
                known = texts.drop_nulls().unique().sort()
                has = ", ".join(known.head(_NAMED)) + (" …" if len(known) > _NAMED else "")
                raise DataError(
                    f"where: no row has {name}.{column} = {' or '.join(values)}. "
                    f"The data has: {has or 'none'}."
                )
            table = left
        return table


def as_texts(name: str, table: pl.DataFrame, column: str) -> pl.Series:
    """Return a column as the texts that a selection compares; raise DataError for a table without it."""
    if column not in table.columns:
        raise DataError(
            f"The table {name!r} has no column {column!r}.{did_you_mean(column, table.columns)} "
            f"It has: {', '.join(table.columns)}."
        )
    values = table[column]
    if values.dtype.is_nested() or values.dtype.is_float():
        raise DataError(f"{name}.{column} holds no texts, whole numbers or days, so it tells no parts apart.")
    return values.cast(pl.String)
