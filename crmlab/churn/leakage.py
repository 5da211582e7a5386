"""Leakage: features that know the outcome, because they were written down after it.

A model that has such a feature looks excellent in every test and is worthless on the day it is used
(Kaufman, Rosset & Perlich 2012, ACM TKDD 6(4):15). Five signs are looked for:

* ``alone``: the feature alone ranks who left and who stayed almost without a mistake;
* ``one_sided``: a value, or being filled in at all, that occurs among those who left and never else;
* ``later``: as of the same day the feature is another one once later rows are taken away, or it holds
  dates after the day on which it is said to have been known;
* ``strong``: it ranks better than honest features mostly do, like the outcome copied with mistakes;
* ``named``: it is called like the outcome, or like the end of a contract.

The first three refuse a success, the others are a caution. An attribute without a date cannot be
checked for having been written later: ``undated`` says so. What is written down today tells most of the
last observation day, and little of earlier ones, so that this day is looked at by itself as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.churn.snapshots import Settings, features_on, made_columns, until
from crmlab.churn.strength import FEWEST, one_sided, strength
from crmlab.estimators import KEY
from crmlab.labels import Text
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from datetime import date

    from crmlab.estimators import Tables
    from crmlab.labels import Language
    from crmlab.segments.separation import Estimate
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

NEAR_ONE = 0.98
"""AUC of a single feature, or of a whole model, from which on it is taken to know the outcome."""
STRONG = 0.9
"""AUC of a single feature from which on it is to be looked at by hand."""
SIGNS = ("alone", "one_sided", "later", "strong", "named", "undated")
BLOCKING = ("alone", "one_sided", "later")
CAUTIONS = ("strong", "named")

_NAMES = re.compile(
    r"churn|cancel|terminat|attrit|deactivat|unsubscrib|resign|closed_|_closed|(contract|account|service)_end"
    r"|流失|注销|销户|解约|退订|离网|停用|终止",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Leakage:
    """What was found; ``summary`` has one row per feature and sign, the gravest first.

    Columns: ``column``, ``sign``, ``auc`` with ``auc_low`` and ``auc_high`` (how well the feature alone
    ranks, whichever way round), ``customers`` (rows that the sign rests on). ``checked`` names the features
    that were looked at, ``base_rate`` is the share who left.
    """

    summary: pl.DataFrame
    checked: tuple[str, ...]
    base_rate: float
    language: Language = "zh"

    @property
    def columns(self) -> tuple[str, ...]:
        """The features with which no result is a success, in the order of the summary."""
        found = self.summary.filter(pl.col("sign").is_in(BLOCKING))
        return tuple(dict.fromkeys(found["column"]))

    @property
    def cautions(self) -> tuple[str, ...]:
        """The features to look at by hand: suspiciously strong, or named like the outcome."""
        found = self.summary.filter(pl.col("sign").is_in(CAUTIONS))["column"]
        return tuple(name for name in dict.fromkeys(found) if name not in self.columns)

    @property
    def undated(self) -> tuple[str, ...]:
        """The attributes without a date."""
        return self._with("undated")

    def _with(self, sign: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.summary.filter(pl.col("sign") == sign)["column"]))

    @property
    def found(self) -> bool:
        """Whether a feature knows the outcome."""
        return bool(self.columns)

    def explain(self) -> Text:
        """Return what was found, with the features named."""
        if not self.checked:
            return texts()["churn_leak_unchecked"]
        said = [say("churn_leak_none", n=len(self.checked))]
        if self.found:
            said = [say("churn_leak_found", columns=_listed(self.columns))]
            for sign in BLOCKING:
                if names := self._with(sign):
                    said.append(say(_SAYS[sign], columns=_listed(names), near=NEAR_ONE))
        for sign in CAUTIONS:
            if names := tuple(name for name in self._with(sign) if name in self.cautions):
                said.append(say(_SAYS[sign], columns=_listed(names), near=STRONG))
        if self.undated:
            said.append(say("churn_leak_undated", columns=_listed(self.undated)))
        return joined(*said)

    def note(self) -> Note:
        """Show :meth:`explain`, as a warning where something was found."""
        from crmlab.view.findings import Note

        return Note(self.explain(), self.language, "warning" if self.found or self.cautions else "note")

    def table(self) -> Table | Note:
        """Show the summary; a note where nothing was found."""
        from crmlab.view.tables import Column, Table

        if not self.summary.height:
            return self.note()
        words = texts()
        signs = {sign: words[key].to(self.language) for sign, key in _SIGN_NAMES.items()}
        frame = self.summary.with_columns(
            sign=pl.col("sign").replace_strict(signs, return_dtype=pl.String),
            interval=pl.concat_list("auc_low", "auc_high"),
        )
        return Table(
            frame,
            [
                Column("column", words["churn_leak_column"]),
                Column("sign", words["churn_leak_sign"]),
                Column("auc", words["churn_leak_auc"], "decimal", decimals=3),
                Column("interval", words["interval_95"], "interval"),
                Column("customers", words["churn_leak_rows"], "integer"),
            ],
            caption=words["churn_leak_caption"],
            note=say("churn_leak_note", near=NEAR_ONE),
            language=self.language,
        )


def leakage(
    rows: pl.DataFrame,
    columns: Sequence[str],
    label: str = "churned",
    later: Iterable[str] = (),
    undated: Iterable[str] = (),
    language: Language = "zh",
) -> Leakage:
    """Look for the signs in rows with a Boolean ``label``, of one or more days (``observed_on``, Date).

    ``later`` are columns that :func:`known_only_later` found, ``undated`` attributes that cannot be
    checked so. Without rows of both outcomes only these and names can be told.
    """
    y = rows[label].cast(pl.Float64)
    base = float(y.mean() or 0.0) if len(y) else 0.0  # type: ignore[arg-type]
    days = _by_day(rows, label)
    found: list[tuple[int, float, dict[str, Any]]] = []

    def add(column: str, sign: str, estimate: Estimate, customers: int) -> None:
        ends = dict(zip(("auc", "auc_low", "auc_high"), (_or_none(end) for end in estimate), strict=True))
        row = {"column": column, "sign": sign, **ends, "customers": customers}
        found.append((SIGNS.index(sign), -(ends["auc"] or 0.0), row))

    late, without_date = set(later), set(undated)
    for column in columns:
        alone, seen = strength(rows[column], y), rows.height
        if len(days) > 1:
            last = strength(days[-1][column], days[-1][label].cast(pl.Float64))
            alone, seen = (last, days[-1].height) if last.value > alone.value else (alone, seen)
        # Day by day: one customer on four days is not four who left.
        pure = max((one_sided(day[column], day[label].cast(pl.Float64)) for day in days or [rows]), default=0)
        if alone.value >= NEAR_ONE:
            add(column, "alone", alone, seen)
        elif pure > 0:
            add(column, "one_sided", alone, pure)
        elif alone.value >= STRONG:
            add(column, "strong", alone, seen)
        if ahead := rows.height if column in late else _after_its_day(rows, column):
            add(column, "later", alone, ahead)
        if _NAMES.search(column):
            add(column, "named", alone, rows.height)
        if column in without_date:
            add(column, "undated", alone, rows.height)
    found.sort(key=lambda each: (each[0], each[1], each[2]["column"]))
    return Leakage(pl.DataFrame([row for *_, row in found], schema=_SUMMARY), tuple(columns), base, language)


def known_only_later(
    tables: Tables, columns: Sequence[str], day: date, settings: Settings | None = None
) -> tuple[str, ...]:
    """Return the columns that are others as of ``day`` once the rows after it are taken away.

    An honest feature looks at nothing later than the day, whatever the tables hold.
    """
    full = features_on(tables, columns, day, settings)
    cut = features_on(until(tables, day), columns, day, settings)
    both = cut.join(full, on=KEY, how="left", suffix="_full", maintain_order="left")
    return tuple(name for name in columns if not _same(both[name], both[f"{name}_full"]))


def attributes_among(tables: Tables, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are attributes of the customers table: as they are now, without a date."""
    own = tables["customers"].collect_schema().names() if "customers" in tables else []
    return tuple(name for name in columns if name in own and name not in made_columns())


def _by_day(rows: pl.DataFrame, label: str) -> list[pl.DataFrame]:
    """Return the rows of each day that has enough of both outcomes, rising."""
    if "observed_on" not in rows.columns:
        return []
    parts = rows.sort("observed_on", maintain_order=True).partition_by("observed_on", maintain_order=True)
    lost = [int(part[label].sum()) for part in parts]
    return [part for part, n in zip(parts, lost, strict=True) if min(n, part.height - n) >= FEWEST]


def _after_its_day(rows: pl.DataFrame, column: str) -> int:
    """Return how many rows hold a date after the day on which they are said to have been known."""
    kind = rows.schema[column]
    if "observed_on" not in rows.columns or kind not in (pl.Date, pl.Datetime):
        return 0
    # The day of a moment depends on the time zone: a day more is given to it.
    given = pl.duration(days=0 if kind == pl.Date else 1)
    return rows.filter(pl.col(column).cast(pl.Date) > pl.col("observed_on") + given).height


def _same(first: pl.Series, second: pl.Series) -> bool:
    if first.dtype.is_float() and second.dtype.is_float():
        gaps = (first.is_null() == second.is_null()).all()
        apart = (first - second).abs() > 1e-9 * (1 + first.abs())
        return bool(gaps) and not apart.fill_null(value=False).any()
    return first.equals(second.alias(first.name))


def _or_none(value: float) -> float | None:
    return None if value != value else value


def _listed(names: Iterable[str]) -> Text:
    found = list(names)
    return Text("、".join(found), ", ".join(found))


_SAYS = {
    "alone": "churn_leak_alone",
    "one_sided": "churn_leak_one_sided",
    "later": "churn_leak_later",
    "strong": "churn_leak_strong",
    "named": "churn_leak_named",
}
_SIGN_NAMES = {
    "alone": "churn_leak_sign_alone",
    "one_sided": "churn_leak_sign_one_sided",
    "later": "churn_leak_sign_later",
    "strong": "churn_leak_sign_strong",
    "named": "churn_leak_sign_named",
    "undated": "churn_leak_sign_undated",
}
_SUMMARY = {
    "column": pl.String,
    "sign": pl.String,
    "auc": pl.Float64,
    "auc_low": pl.Float64,
    "auc_high": pl.Float64,
    "customers": pl.Int64,
}
