"""The cells of a matrix: one study per combination of values, all checked before any of them runs."""

from __future__ import annotations

import itertools
import json
import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab.documents import Document
from crmlab.errors import ParamsError, did_you_mean
from crmlab.params import Study, check
from crmlab.report.settings import MONTH, MOST_CELLS, Axis, Scalar, setting_of

if TYPE_CHECKING:
    from crmlab.report.matrix_data import MatrixData

_MONTH = re.compile(r"((?:19|20)\d\d)-(0[1-9]|1[0-2])")
_LONGEST = {"zh": 60, "en": 80}
_LONGEST_VALUE = 40


@dataclass(frozen=True)
class Cell:
    """One combination: the value of each axis, and the study that it makes. No axes: the study itself."""

    study: Study
    values: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The values, as people name the cell; empty for a study without a matrix."""
        return " · ".join(map(shown, self.values.values()))


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
    from crmlab.report.matrix_data import MatrixData  # with polars, which other studies do without here

    data = MatrixData(study, folder)
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
    columns = {name: axis.column for name, axis in study.matrix.items() if axis.column}
    if len(columns) > 1:
        combinations = _of_enough(combinations, columns, data, said)
    return [_cell(study, values) for values in combinations], said


def _of_enough(
    combinations: list[dict[str, Scalar]], columns: Mapping[str, str], data: MatrixData, said: list[str]
) -> list[dict[str, Scalar]]:
    """Leave out combinations of columns' values that too few customers have, or none."""
    counts = data.together(columns)
    enough = [
        combination
        for combination in combinations
        if counts.get(tuple(str(combination[name]) for name in columns), 0) >= data.smallest
    ]
    if few := len(combinations) - len(enough):
        said.append(
            f"matrix: {few} of {len(combinations)} cells have fewer than {data.smallest} customers "
            "(privacy.smallest_group) and get no report."
        )
    if not enough:
        raise ParamsError(
            f"matrix: no values of {', '.join(columns.values())} together have at least {data.smallest} "
            "customers (privacy.smallest_group), so there is nothing to run."
        )
    return enough


def shown(value: Scalar) -> str:
    """Write a value in one line of at most 40 characters, without what would steer a terminal."""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return line if len(line) <= _LONGEST_VALUE else f"{line[: _LONGEST_VALUE - 1]}…"


def _cell(study: Study, values: Mapping[str, Scalar]) -> Cell:
    settings = {**study.settings(), "matrix": {}}
    label = " · ".join(map(shown, values.values()))
    settings["title"] = {
        key: _title(heading, label, _LONGEST[key]) for key, heading in study.heading._asdict().items()
    }
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


def _title(heading: str, label: str, most: int) -> str:
    """Put the label behind the heading, of which a part is left out before the label is."""
    room = max(most - len(label) - 3, most // 5)
    return f"{heading[:room]} · {label}"[:most]


def _last_day(month: Scalar) -> str:
    found = _MONTH.fullmatch(str(month))
    if not found:
        raise ParamsError(f"{month!r} is no month; write it as YYYY-MM, for example 2024-06.")
    year, number = int(found[1]), int(found[2])
    return f"{month}-{monthrange(year, number)[1]:02}"


def _written(values: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in values.items())


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
        known = [shown(each) for each in axes[name]]
        if value not in known and value not in map(str, axes[name]):
            raise ParamsError(
                f"--only {item}: no cell has it.{did_you_mean(value, known)} "
                f"The axis {name} has: {_listed(known)}."
            )
        wanted.setdefault(name, set()).add(value)
    return {
        name: [value for value in values if name not in wanted or {str(value), shown(value)} & wanted[name]]
        for name, values in axes.items()
    }


def _listed(values: Sequence[str]) -> str:
    return ", ".join(map(shown, values[:20])) + (f", … ({len(values)} in all)" if len(values) > 20 else "")


def _values(name: str, axis: Axis, data: MatrixData, said: list[str]) -> list[Scalar]:
    place = f"matrix.{name}"
    found = data.answer(place, axis.query, said) if axis.query else list(axis.values or ())
    if axis.query and not found:
        raise ParamsError(f"{place}: the query gave no value, so there is nothing to run. Correct it.")
    values = _of_column(place, axis.column, axis, found, data, said) if axis.column else found
    _refuse_contacts(place, values)
    return values


def _of_column(
    place: str, column: str, axis: Axis, found: list[Scalar], data: MatrixData, said: list[str]
) -> list[Scalar]:
    """Return the values among those found that enough customers have; all of the column where none are."""
    counts = data.counts(place, column)
    wanted = [str(value).lower() if isinstance(value, bool) else str(value) for value in found]
    missing = [value for value in wanted if value not in counts]
    if missing and axis.values:
        raise ParamsError(
            f"{place}: no row has {column} = {shown(missing[0])}.{did_you_mean(missing[0], counts)} "
            f"The data has: {_listed(list(counts)) or 'none'}."
        )
    if missing:
        said.append(f"{place}: values of the query that no row has as {column}: {len(missing)}.")
    if not found and data.without:
        said.append(f"{place}: {data.without:,} rows have no {column}; they are in no report.")
    wanted = [value for value in wanted if value in counts] if found else list(counts)
    values: list[Scalar] = [value for value in wanted if counts[value] >= data.smallest]
    if few := len(wanted) - len(values):
        said.append(
            f"{place}: {few} of {len(wanted)} values of {column} have fewer than "
            f"{data.smallest} customers (privacy.smallest_group) and get no report."
        )
    if not values:
        raise ParamsError(
            f"{place}: {column} has no value with at least {data.smallest} customers "
            "(privacy.smallest_group), so there is nothing to run."
        )
    return values


def _refuse_contacts(place: str, values: Sequence[Scalar]) -> None:
    """Keep persons out of the names of cells, which pages, manifests and logs show."""
    from crmlab.report.traces import without_contacts

    texts = [str(value) for value in values]
    if many := sum(masked != text for masked, text in zip(without_contacts(texts), texts, strict=True)):
        raise ParamsError(
            f"{place}: {many} of its {len(texts)} values look like contacts of persons, who must not be "
            "named in a run. Choose another column, or list the other values under `values`."
        )
