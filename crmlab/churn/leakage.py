"""Leakage: features that know the outcome, because they were written down after it.

A model that has such a feature looks excellent in every test and is worthless on the day it is used
(Kaufman, Rosset & Perlich 2012, ACM TKDD 6(4):15). Four signs are looked for:

* ``alone``: the feature alone ranks who left and who stayed almost without a mistake;
* ``one_sided``: a value, or being filled in at all, that occurs among those who left and never else;
* ``later``: as of the same day the feature is another one once later rows are taken away;
* ``named``: it is called like the outcome, or like the end of a contract.

The first three refuse a success, the last is a caution. An attribute without a date cannot be
checked for having been written later: ``undated`` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.churn.metrics import auc
from crmlab.churn.snapshots import Settings, features_on, made_columns, until
from crmlab.estimators import KEY
from crmlab.labels import Text
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from datetime import date

    from crmlab.estimators import Tables
    from crmlab.labels import Language
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

NEAR_ONE = 0.98
"""AUC of a single feature, or of a whole model, from which on it is taken to know the outcome."""
SIGNS = ("alone", "one_sided", "later", "named", "undated")
BLOCKING = ("alone", "one_sided", "later")

_FEWEST = 30
_CHANCE = 1e-6
"""Probability, by the overall share alone, below which a value with nobody who stayed is no accident."""
_LEVELS = 20
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
        """The features to look at by hand: named like the outcome."""
        found = self.summary.filter(pl.col("sign") == "named")["column"]
        return tuple(name for name in dict.fromkeys(found) if name not in self.columns)

    @property
    def undated(self) -> tuple[str, ...]:
        """The attributes without a date."""
        return tuple(dict.fromkeys(self.summary.filter(pl.col("sign") == "undated")["column"]))

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
                names = self.summary.filter(pl.col("sign") == sign)["column"].to_list()
                if names:
                    said.append(say(_SAYS[sign], columns=_listed(names), near=NEAR_ONE))
        if self.cautions:
            said.append(say("churn_leak_named", columns=_listed(self.cautions)))
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
    """Look for the signs in rows with a Boolean ``label``.

    ``later`` are columns that :func:`known_only_later` found, ``undated`` attributes that cannot be
    checked so. Without rows of both outcomes only these and names can be told.
    """
    y = rows[label].cast(pl.Float64)
    base = float(y.mean() or 0.0) if len(y) else 0.0  # type: ignore[arg-type]
    found: list[tuple[int, float, dict[str, Any]]] = []

    def add(column: str, sign: str, estimate: Estimate, customers: int) -> None:
        ends = dict(zip(("auc", "auc_low", "auc_high"), (_or_none(end) for end in estimate), strict=True))
        row = {"column": column, "sign": sign, **ends, "customers": customers}
        found.append((SIGNS.index(sign), -(ends["auc"] or 0.0), row))

    late, without_date = set(later), set(undated)
    for column in columns:
        alone = strength(rows[column], y)
        if alone.value >= NEAR_ONE:
            add(column, "alone", alone, rows.height)
        elif (customers := one_sided(rows[column], y)) > 0:
            add(column, "one_sided", alone, customers)
        if column in late:
            add(column, "later", alone, rows.height)
        if _NAMES.search(column):
            add(column, "named", alone, rows.height)
        if column in without_date:
            add(column, "undated", alone, rows.height)
    found.sort(key=lambda each: (each[0], each[1], each[2]["column"]))
    return Leakage(pl.DataFrame([row for *_, row in found], schema=_SUMMARY), tuple(columns), base, language)


def strength(values: pl.Series, y: pl.Series) -> Estimate:
    """Return the AUC of one feature alone, whichever way round, or by classes and gaps; the larger.

    Numbers rank by their size. Classes, up to 20 bands of a number, and what is missing rank by the
    share who left among the other half of the rows, so that an id, which tells of no other row, scores 0.5.
    """
    if values.len() < 2 or not 0 < float(y.sum()) < values.len():
        return UNKNOWN
    candidates = [_by_level(values, y)]
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        floats = values.to_physical().cast(pl.Float64)
        known = floats.is_not_null() & floats.is_finite().fill_null(value=False)
        ranked = auc(y.filter(known), floats.filter(known))
        if known.all():
            candidates.append(
                ranked if ranked.value >= 0.5 else Estimate(1 - ranked.value, 1 - ranked.high, 1 - ranked.low)
            )
    told = [each for each in candidates if each.value == each.value]
    return max(told, default=UNKNOWN)


def one_sided(values: pl.Series, y: pl.Series) -> int:
    """Return how many left with a class, or a filled-in value, that nobody has who stayed; else 0.

    Only where so many are no accident, and where others have no such value.
    """
    base = float(y.mean())  # type: ignore[arg-type]
    if not 0 < base < 1:
        return 0
    needed = max(_FEWEST, log(_CHANCE) / log(base))
    number = values.dtype.is_numeric() or values.dtype.is_temporal()
    keys = [values.is_not_null().cast(pl.String)] if number else [_filled(values), values.cast(pl.String)]
    most = 0
    for key in keys:
        groups = (
            pl.DataFrame({"key": key, "y": y}).drop_nulls().group_by("key").agg(pl.len(), pl.col("y").sum())
        )
        pure = groups.filter((pl.col("y") == pl.col("len")) & (pl.col("len") >= needed))
        most = max(most, *pure["len"].to_list(), 0)
    return most


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


def _by_level(values: pl.Series, y: pl.Series) -> Estimate:
    """Return the AUC of the share who left per class, learned on one half of the rows, asked on the other."""
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        floats = values.to_physical().cast(pl.Float64)
        edges = floats.drop_nulls().unique().sort()
        if len(edges) > _LEVELS:
            quantiles = [floats.quantile(step / _LEVELS, "linear") for step in range(1, _LEVELS)]
            cuts = pl.Series(quantiles, dtype=pl.Float64).drop_nulls().unique().sort()
            band = cuts.search_sorted(floats.fill_null(0.0), "left")
            floats = pl.select(pl.when(floats.is_not_null()).then(pl.lit(band))).to_series()
        level = floats.cast(pl.String)
    else:
        level = values.cast(pl.String)
    frame = pl.DataFrame({"level": level.fill_null("\x00"), "y": y})
    # The halves are dealt out within each outcome and class, so that a shuffled table has the same ones.
    frame = frame.with_columns(half=pl.int_range(pl.len()).over("level", "y") % 2)
    sums = frame.group_by("level", "half").agg(n=pl.len(), left=pl.col("y").sum())
    other = sums.with_columns(half=1 - pl.col("half"))
    overall = float(y.mean())  # type: ignore[arg-type]
    scored = frame.join(other, on=["level", "half"], how="left", maintain_order="left").with_columns(
        score=((pl.col("left") + overall) / (pl.col("n") + 1)).fill_null(overall)
    )
    return auc(scored["y"], scored["score"])


def _filled(values: pl.Series) -> pl.Series:
    """Say of each text whether there is one; null where there is none, since absence is no value."""
    empty = values.cast(pl.String).str.strip_chars().fill_null("") == ""
    return pl.Series("filled", (~empty).to_list()).cast(pl.String).set(empty, None)


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
}
_SIGN_NAMES = {
    "alone": "churn_leak_sign_alone",
    "one_sided": "churn_leak_sign_one_sided",
    "later": "churn_leak_sign_later",
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
