"""The cells of a matrix: one study per combination of values, all checked before any of them runs."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab.documents import Document
from crmlab.errors import DataError, ParamsError, did_you_mean
from crmlab.params import Study, check
from crmlab.report.settings import MONTH, MOST_CELLS, Axis, Scalar, setting_of

if TYPE_CHECKING:
    import polars as pl

    from crmlab.data.selection import SelectedTables

_MONTH = re.compile(r"((?:19|20)\d\d)-(0[1-9]|1[0-2])")
_LONGEST = {"zh": 60, "en": 80}


@dataclass(frozen=True)
class Cell:
    """One combination: the value of each axis, and the study that it makes. No axes: the study itself."""

    study: Study
    values: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The values, as people name the cell; empty for a study without a matrix."""
        return " · ".join(map(str, self.values.values()))


def cells(study: Study, folder: Path, only: Sequence[str] = ()) -> tuple[list[Cell], list[str]]:
    """Return the cells of a study's matrix in order, and sentences about values that were left out.

    ``folder`` is that of the study; paths are relative to it. ``only`` are ``axis=value``: several of
    one axis are alternatives, those of several axes hold together. Raises ParamsError for what the
    study or its data does not have, DataError where the data cannot be read.
    """
    if not study.matrix:
        if only:
            raise ParamsError(
                "--only chooses among the cells of a matrix, and the study has none. Leave it out, or add "
                "for example `matrix: {month: [2024-05, 2024-06]}`."
            )
        return [Cell(study)], []
    data = _Data(study, folder)
    said: list[str] = []
    axes = {name: _values(name, axis, data, said) for name, axis in study.matrix.items()}
    chosen = _chosen(axes, only)
    count = 1
    for values in chosen.values():
        count *= len(values)
    if count > MOST_CELLS:
        raise ParamsError(
            f"The matrix has {count:,} cells ({' × '.join(f'{k}: {len(v):,}' for k, v in chosen.items())}); "
            f"at most {MOST_CELLS:,} are run. Choose a column with fewer values, list some, or use --only."
        )
    combinations = [dict(zip(chosen, each, strict=True)) for each in itertools.product(*chosen.values())]
    return [_cell(study, values) for values in combinations], said


def _cell(study: Study, values: Mapping[str, Scalar]) -> Cell:
    settings = {**study.settings(), "matrix": {}}
    label = " · ".join(map(str, values.values()))
    heading = study.heading._asdict()
    settings["title"] = {key: f"{heading[key]} · {label}"[:most] for key, most in _LONGEST.items()}
    document = Document(settings, "matrix", {})
    try:
        for name, value in values.items():
            axis = study.matrix[name]
            setting = setting_of(name, axis)
            if setting is None:
                settings["where"] = {**settings["where"], str(axis.column): [value]}
            elif setting == MONTH:
                settings["as_of"] = _last_day(value)
            else:
                document.set(f"{setting}={json.dumps(value, ensure_ascii=False)}")
        return Cell(check(settings), values)
    except ParamsError as error:
        raise ParamsError(f"matrix, cell {_written(values)}: {error}", error.problems) from None


def _last_day(month: Scalar) -> str:
    found = _MONTH.fullmatch(str(month))
    if not found:
        raise ParamsError(f"{month!r} is no month; write it as YYYY-MM, for example 2024-06.")
    year, number = int(found[1]), int(found[2])
    return f"{month}-{monthrange(year, number)[1]:02}"


def _written(values: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _chosen(axes: Mapping[str, list[Scalar]], only: Sequence[str]) -> dict[str, list[Scalar]]:
    wanted: dict[str, set[str]] = {}
    for item in only:
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or name not in axes:
            first, values = next(iter(axes.items()))
            raise ParamsError(
                f"--only takes axis=value, for example --only {first}={values[0]}; "
                f"given: {item!r}.{did_you_mean(name, axes)} The matrix has: {', '.join(axes)}."
            )
        known = [str(each) for each in axes[name]]
        if value not in known:
            raise ParamsError(
                f"--only {item}: no cell has it.{did_you_mean(value, known)} "
                f"The axis {name} has: {_listed(known)}."
            )
        wanted.setdefault(name, set()).add(value)
    return {
        name: [value for value in values if name not in wanted or str(value) in wanted[name]]
        for name, values in axes.items()
    }


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values[:20]) + (f", … ({len(values)} in all)" if len(values) > 20 else "")


def _values(name: str, axis: Axis, data: _Data, said: list[str]) -> list[Scalar]:
    place = f"matrix.{name}"
    found = data.answer(place, axis.query) if axis.query else None
    if axis.column is None:
        values = found if axis.values is None else list(axis.values)
        if not values:
            raise ParamsError(f"{place}: the query gave no value, so there is nothing to run. Correct it.")
        return values
    counts = data.counts(place, axis.column)
    if axis.values is None:
        few = {value for value, n in counts.items() if n < data.smallest}
        if few:
            said.append(
                f"{place}: {len(few)} of {len(counts)} values of {axis.column} have fewer than "
                f"{data.smallest} customers (privacy.smallest_group) and get no report."
            )
        counts = {value: n for value, n in counts.items() if value not in few}
        if data.without:
            said.append(f"{place}: {data.without:,} rows have no {axis.column}; they are in no report.")
    wanted = [
        str(value).lower() if isinstance(value, bool) else str(value) for value in axis.values or found or []
    ]
    if axis.query:
        wanted = [value for value in wanted if value in counts]
    elif missing := [value for value in wanted if value not in counts]:
        raise ParamsError(
            f"{place}: no row has {axis.column} = {missing[0]}.{did_you_mean(missing[0], counts)} "
            f"The data has: {_listed(list(counts)) or 'none'}."
        )
    values = list(wanted) if axis.values or axis.query else list(counts)
    if not values:
        what = (
            "the query gave no value" if axis.query else f"{axis.column} has no value with enough customers"
        )
        raise ParamsError(f"{place}: {what}, so there is nothing to run. Correct it, or the data.")
    _refuse_contacts(place, values)
    return values


def _refuse_contacts(place: str, values: Sequence[Scalar]) -> None:
    """Keep persons out of the names of cells, which pages, manifests and logs show."""
    from crmlab.report.traces import without_contacts

    if any(without_contacts(str(value)) != str(value) for value in values):
        raise ParamsError(f"{place}: its values look like contacts of persons. Choose another column.")


class _Data:
    """The study's tables, read once and only where an axis asks for them."""

    def __init__(self, study: Study, folder: Path) -> None:
        self._study, self._folder = study, folder
        self._tables: SelectedTables | None = None
        self.smallest = study.privacy.smallest_group
        self.without = 0

    def counts(self, place: str, name: str) -> dict[str, int]:
        """Return the values of a column, sorted, with the number of customers that have each."""
        import polars as pl

        from crmlab.data.selection import as_texts

        table, _, column = name.partition(".")
        frame = self._table(place, table)
        try:
            texts = as_texts(table, frame, column)
        except DataError as error:
            raise ParamsError(f"{place}: {error}") from None
        if "customer_id" not in frame.columns or frame["customer_id"].null_count() == frame.height:
            frame = frame.drop("customer_id", strict=False).join(
                self._table(place, "orders").select("order_id", "customer_id"),
                on="order_id",
                how="left",
                maintain_order="left",
            )
        self.without = texts.null_count()
        counted = (
            frame.select("customer_id", value=texts)
            .drop_nulls("value")
            .group_by("value")
            .agg(n=pl.col("customer_id").drop_nulls().n_unique())
            .sort("value")
        )
        return dict(counted.iter_rows())

    def answer(self, place: str, query: str) -> list[Scalar]:
        """Return the distinct values of the one column that a query gives, sorted as text."""
        import polars as pl

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
        from crmlab.data.selection import SelectedTables
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
