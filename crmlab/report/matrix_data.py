"""What the tables of a study hold of the axes of its matrix."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from crmlab.data.selection import SALES, SelectedTables, as_texts
from crmlab.errors import DataError, ParamsError, did_you_mean
from crmlab.params import Study
from crmlab.report.settings import Scalar


class MatrixData:
    """The study's tables, read once and only where an axis asks for them."""

    def __init__(self, study: Study, folder: Path) -> None:
        self._study, self._folder = study, folder
        self._tables: SelectedTables | None = None
        self.smallest = study.privacy.smallest_group
        self.without = 0

    def counts(self, place: str, name: str) -> dict[str, int]:
        """Return the values of a column, sorted, with the number of customers that have each."""
        rows = self._rows({"value": name}, place)
        self.without = rows["value"].null_count()
        counted = (
            rows.drop_nulls("value")
            .group_by("value")
            .agg(n=pl.col("customer_id").drop_nulls().n_unique())
            .sort("value")
        )
        return dict(counted.iter_rows())

    def together(self, columns: Mapping[str, str]) -> dict[tuple[str, ...], int]:
        """Return the number of customers by their values of several columns, axis → column."""
        # Conditions on orders and their lines hold for the same order, others for the same customer.
        units: dict[str, dict[str, str]] = {}
        for axis, name in columns.items():
            table = name.partition(".")[0]
            units.setdefault("sales" if table in SALES else table, {})[axis] = name
        frames = [
            self._rows(unit, f"matrix.{next(iter(unit))}").drop_nulls().unique() for unit in units.values()
        ]
        joined = frames[0]
        for frame in frames[1:]:
            joined = joined.join(frame, on="customer_id")
        counted = joined.group_by(list(columns)).agg(pl.col("customer_id").n_unique())
        return {row[:-1]: row[-1] for row in counted.iter_rows()}

    def _rows(self, columns: Mapping[str, str], place: str) -> pl.DataFrame:
        """Return customer_id and columns of one table, or of orders and their lines, as text by axis."""
        by_table: dict[str, dict[str, pl.Series]] = {}
        for axis, name in columns.items():
            table, _, column = name.partition(".")
            try:
                texts = as_texts(table, self._table(place, table), column)
            except DataError as error:
                raise ParamsError(f"{place}: {error}") from None
            by_table.setdefault(table, {})[axis] = texts
        frames = {table: self._keyed(table, place).with_columns(**told) for table, told in by_table.items()}
        rows = frames.popitem()[1]
        for frame in frames.values():
            rows = rows.join(frame.drop("customer_id"), on="order_id", maintain_order="left")
        return rows.select("customer_id", *columns)

    def _keyed(self, name: str, place: str) -> pl.DataFrame:
        """Return the keys of a table's rows; lines have the customers of their orders."""
        frame = self._table(place, name)
        if "customer_id" not in frame.columns or frame["customer_id"].null_count() == frame.height:
            orders = self._table(place, "orders").select("order_id", "customer_id")
            frame = frame.select("order_id").join(orders, on="order_id", how="left", maintain_order="left")
        return frame.select("customer_id", *[key for key in ("order_id",) if name in SALES])

    def answer(self, place: str, query: str, said: list[str]) -> list[Scalar]:
        """Return the distinct values of the one column that a query gives, sorted; say that one is empty."""
        names = [name for name in self._store if re.search(rf"\b{name}\b", query)]
        tables = {name: self._table(place, name) for name in names}
        try:
            frame = pl.SQLContext(tables, eager=True).execute(query)
        except (pl.exceptions.PolarsError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise ParamsError(
                f"{place}.query: {reason}. The study has the tables {', '.join(self._store)}."
            ) from None
        if frame.width != 1:
            raise ParamsError(
                f"{place}.query gives the columns {', '.join(frame.columns)}; it must give one, whose values "
                "make the axis."
            )
        column = frame.to_series().drop_nulls().unique()
        if column.dtype.is_nested():
            raise ParamsError(f"{place}.query gives lists; it must give single values.")
        if frame.to_series().null_count():
            said.append(f"{place}: the query also gives an empty value, which makes no report.")
        return sorted(value if isinstance(value, str | int | float) else str(value) for value in column)

    def _table(self, place: str, name: str) -> pl.DataFrame:
        if name not in self._store:
            raise ParamsError(
                f"{place}: the study has no table {name!r}.{did_you_mean(name, self._store)} "
                f"It has: {', '.join(self._store)}."
            )
        with contextlib.chdir(self._folder):
            return self._store[name]

    @property
    def _store(self) -> SelectedTables:
        from crmlab.environment import resolved
        from crmlab.registry import sources

        if self._tables is None:
            study = self._study
            readers = [sources[spec.source].from_params(resolved(spec.params)) for spec in study.data]
            self._tables = SelectedTables(
                readers,
                study.as_of,
                study.timezone,
                policy=study.policy,
                currency=study.currency,
                where=study.where,
            )
        return self._tables
