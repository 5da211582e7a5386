"""Which header of a file stands for which canonical column, and what the file's values become.

Headers are matched by the very name of a column, then by a preset, then by the column's aliases; a header
that merely resembles one is proposed, never used.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import polars as pl

from crmlab.data import convert
from crmlab.data.cleaning import ORIGIN
from crmlab.data.mapping.values import filled, flagged, iso, joined, less, meant
from crmlab.data.presets import Flag, Layout, Preset, first_present, plain
from crmlab.data.reading.cells import clean_header
from crmlab.data.schemas import IDS, TABLES, columns
from crmlab.errors import DataError, did_you_mean

How = Literal["params", "name", "preset", "alias", "guess"]

CONFIDENCE: Mapping[How, float] = {"params": 1.0, "name": 1.0, "preset": 0.95, "alias": 0.9}
"""How sure a match is, by how it was found; one whose header names a unit is 0.05 less sure."""

_UNIT = re.compile(
    r"[(（\[【](?:元|人民币|rmb|cny|¥|￥|单位[:：]元|必填|选填|可选|required|optional)[)）\]】]$", re.I
)
_SAYS = {
    "feedback": {"text", "score", "answer"},
    "order_lines": {"product", "product_id", "quantity", "unit_price"},
}
"""Columns of which a table needs one, whichever it is."""
_SHORTEST = {True: 2, False: 4}
"""How long an alias with Han characters, or one without, must be to be looked for within a header."""
_HAN = re.compile(r"[\u3400-\u9fff]")
_RESEMBLES = 0.8


class Match(NamedTuple):
    """A canonical column and the header (for a joined name: headers) that stands for it."""

    column: str
    headers: tuple[str, ...]
    how: How
    confidence: float

    @property
    def header(self) -> str:
        """The headers as a reader sees them."""
        return " + ".join(self.headers)


@dataclass(frozen=True)
class TableMapping:
    """What one file means as one canonical table.

    ``unmapped`` headers are kept with the raw rows. ``proposals`` are guesses that are not used.
    ``conflicts`` maps a column to the headers that could all stand for it.
    """

    table: str
    headers: tuple[str, ...]
    matches: tuple[Match, ...]
    unmapped: tuple[str, ...]
    proposals: tuple[Match, ...]
    conflicts: Mapping[str, tuple[str, ...]]
    layout: Layout

    @property
    def delivered(self) -> set[str]:
        """The canonical columns that the mapped table will have."""
        given = {match.column for match in self.matches}
        return given | set(self.layout.constants) | set(self._flags)

    @property
    def _flags(self) -> dict[str, list[tuple[Flag, str]]]:
        """The flags of each column whose headers are there, unless the study maps the column itself."""
        given = {plain(header): header for header in self.headers}
        stated = {match.column for match in self.matches if match.how == "params"}
        found = {
            column: [(flag, header) for flag in flags if (header := first_present(flag.headers, given))]
            for column, flags in self.layout.flags.items()
            if column not in stated
        }
        return {column: flags for column, flags in found.items() if flags}

    @property
    def _less(self) -> dict[str, str]:
        """The header of what was paid back of a column, where the preset itself maps the column."""
        given = {plain(header): header for header in self.headers}
        mapped = {match.column for match in self.matches if match.how == "preset"}
        found = {column: first_present(ranked, given) for column, ranked in self.layout.less.items()}
        return {column: header for column, header in found.items() if header and column in mapped}

    @property
    def missing(self) -> tuple[str, ...]:
        """Required columns that nothing stands for."""
        return tuple(name for name in required(self.table) if not _is_given(name, self.delivered))

    def apply(
        self,
        frame: pl.LazyFrame,
        values: Mapping[str, Mapping[str, str]] | None = None,
        dates: Mapping[str, Sequence[str]] | None = None,
    ) -> pl.LazyFrame:
        """Return the frame with canonical column names, as text, and the unmapped columns behind.

        ``values`` (column → what is written → what is meant) go before those of the preset, ``dates``
        (column → formats) replace them. Dates in such a format become ISO text; others stay, for cleaning
        to judge.
        """
        layout = self.layout
        given = {plain(header): header for header in self.headers}
        if layout.only_where and (header := given.get(plain(layout.only_where))):
            frame = frame.filter(convert.text(pl.col(header)).is_not_null())
        if layout.fill:
            frame = filled(frame, given, layout.fill.key, layout.fill.headers)
        chosen: dict[str, pl.Expr] = {}
        for match in self.matches:
            column = joined(*match.headers) if len(match.headers) > 1 else pl.col(match.header)
            stated = (dates or {}).get(match.column, ())
            formats = stated or layout.dates.get(match.column, ())
            meanings = {**layout.values.get(match.column, {}), **(values or {}).get(match.column, {})}
            chosen[match.column] = meant(iso(column, formats, certain=bool(stated)), meanings)
        for column_name, header in self._less.items():
            chosen[column_name] = less(chosen[column_name], pl.col(header))
        for column_name, flags in self._flags.items():
            chosen[column_name] = flagged(flags, chosen.get(column_name, pl.lit(None, pl.String)))
        for column_name, constant in layout.constants.items():
            chosen.setdefault(column_name, pl.lit(constant))
        origin = [pl.col(name) for name in frame.collect_schema().names() if name in ORIGIN]
        # An unmapped column may have the name of a canonical one that another header stands for.
        rest = {f"{name} (file)" if name in chosen else name: pl.col(name) for name in self.unmapped}
        return frame.select(*origin, **chosen, **rest)


def required(table: str) -> tuple[str, ...]:
    """Return what a source must deliver: what may not be null, save ids that can be numbers of rows."""
    return tuple(
        column.name
        for column in columns(table)
        if not column.nullable and (column.column != IDS.get(table) or table in ("customers", "campaigns"))
    )


def map_table(
    table: str,
    headers: Sequence[str],
    preset: Preset | None = None,
    given: Mapping[str, str] | None = None,
    file: str = "the file",
) -> TableMapping:
    """Match the headers of a file to the columns of a canonical table.

    ``given`` is what the study says: column → header; it goes before everything else, and raises
    DataError where the file has no such header. A preset may use one header for two columns.
    """
    names = [header for header in headers if header not in ORIGIN]
    given = {column: _written(header, names, file) for column, header in (given or {}).items()}
    layout = preset.tables.get(table, Layout()) if preset else Layout()
    matches = {column: Match(column, (header,), "params", 1.0) for column, header in given.items()}
    used = set(given.values())
    found = _by_name(table, names, matches) | _by_preset(layout, names, matches)
    for column, match in found.items():
        if not used & set(match.headers):
            matches[column] = match
    used |= {header for match in matches.values() for header in match.headers}
    others = {plain(header) for header in layout.others}
    free = [header for header in names if header not in used and plain(header) not in others]
    as_written = {plain(header): header for header in names}
    decided = {
        column
        for column, flags in layout.flags.items()
        if any(first_present(flag.headers, as_written) for flag in flags)
    }
    aliased, conflicts = _by_alias(table, free, set(matches) | decided)
    matches |= aliased
    used |= {header for match in aliased.values() for header in match.headers}
    unmapped = [header for header in names if header not in used]
    place = {header: place for place, header in enumerate(names)}
    return TableMapping(
        table,
        tuple(names),
        tuple(sorted(matches.values(), key=lambda match: place[match.headers[0]])),
        tuple(unmapped),
        _proposals(table, [h for h in unmapped if h in free], set(matches) | set(conflicts)),
        conflicts,
        layout,
    )


def check_conflicts(mapping: TableMapping) -> None:
    """Raise DataError where two headers could stand for one column: which is meant is not ours to guess."""
    for column, headers in mapping.conflicts.items():
        raise DataError(
            f"In the table {mapping.table!r} the headers {', '.join(headers)} could all be {column!r}. Say "
            f"which it is: `columns: {{{column}: {headers[0]}}}`."
        )


def tables_of(headers: Sequence[str], name: str = "") -> list[str]:
    """Return the canonical tables that a file without a preset may be, the most likely one first.

    A table comes into question where every required column is matched; the one with most matched
    columns wins. Two entries mean that the headers do not decide, and neither does the file's ``name``.
    """
    scores: dict[str, float] = {}
    for table in TABLES:
        mapping = map_table(table, headers)
        says = _SAYS.get(table)
        if not mapping.missing and (says is None or says & mapping.delivered):
            named = IDS.get(table) in mapping.delivered
            scores[table] = len(mapping.matches) + 0.5 * _says(name, table) + 0.25 * named
    best = max(scores.values(), default=0)
    return [table for table, score in scores.items() if score == best]


def _says(name: str, table: str) -> bool:
    """Say whether a file's name has the name of the table in it."""
    from crmlab.data.schemas import TABLE_NAMES

    text = TABLE_NAMES[table]
    return any(plain(word) in plain(name) for word in (table, table.removesuffix("s"), text.zh))


def _written(header: str, names: Sequence[str], file: str) -> str:
    """Return the header of the file that the study means; readers write headers in plain width."""
    if header in names:
        return header
    if (level := clean_header(header)) in names:
        return level
    raise DataError(
        f"{file} has no column {header!r}.{did_you_mean(header, names)} It has: {', '.join(names)}."
    )


def _is_given(name: str, delivered: set[str]) -> bool:
    return name in delivered or (name == "amount" and {"quantity", "unit_price"} <= delivered)


def _by_name(table: str, names: Sequence[str], matches: Mapping[str, Match]) -> dict[str, Match]:
    own = {column.name for column in columns(table)}
    return {name: Match(name, (name,), "name", 1.0) for name in names if name in own and name not in matches}


def _by_preset(layout: Layout, names: Sequence[str], matches: Mapping[str, Match]) -> dict[str, Match]:
    as_written = {plain(name): name for name in reversed(names)}
    found = {}
    for column, ranked in layout.columns.items():
        if column not in matches and (header := first_present(ranked, as_written)):
            found[column] = Match(column, (header,), "preset", CONFIDENCE["preset"])
    for column, parts in layout.joined.items():
        present = tuple(header for ranked in parts if (header := first_present(ranked, as_written)))
        if column not in matches and present:
            found[column] = Match(column, present, "preset", CONFIDENCE["preset"])
    return found


def _by_alias(
    table: str, names: Sequence[str], taken: set[str]
) -> tuple[dict[str, Match], dict[str, tuple[str, ...]]]:
    """Match by alias; also return the columns that more than one header could stand for."""
    found: dict[str, Match] = {}
    conflicts: dict[str, tuple[str, ...]] = {}
    for column in columns(table):
        if column.name in taken:
            continue
        known = {plain(alias) for alias in (column.name, *column.aliases)}
        free = [name for name in names if not any(name in match.headers for match in found.values())]
        exact = [name for name in free if plain(name) in known]
        matching = exact or [name for name in free if plain(_UNIT.sub("", name)) in known]
        if len(matching) > 1:
            conflicts[column.name] = tuple(matching)
        elif matching:
            sure = CONFIDENCE["alias"] - (0 if exact else 0.05)
            found[column.name] = Match(column.name, (matching[0],), "alias", sure)
    return found, conflicts


def _proposals(table: str, unmapped: Sequence[str], taken: set[str]) -> tuple[Match, ...]:
    """Guess by an alias that is part of a header (0.7), or that is spelt almost like it (at most 0.75)."""
    aliases = {
        plain(alias): column.name
        for column in columns(table)
        if column.name not in taken
        for alias in (column.name, *column.aliases)
    }
    guesses = []
    for header in unmapped:
        name = plain(header)
        within = [
            alias for alias in aliases if len(alias) >= _SHORTEST[bool(_HAN.search(alias))] and alias in name
        ]
        close = difflib.get_close_matches(name, list(aliases), n=1, cutoff=_RESEMBLES)
        if within:
            guesses.append(Match(aliases[max(within, key=len)], (header,), "guess", 0.7))
        elif close:
            ratio = difflib.SequenceMatcher(None, name, close[0]).ratio()
            guesses.append(Match(aliases[close[0]], (header,), "guess", round(0.75 * ratio, 2)))
    return tuple(guesses)
