"""What rules may look at: the tables of a study as of its day, with row numbers and plain forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from crmlab.data import convert, validators
from crmlab.data.cleaning import Cleaned
from crmlab.data.quality.places import province_of
from crmlab.data.schemas import ARRIVALS, IDS, columns
from crmlab.data.tables import TableStore
from crmlab.errors import DataError, QualityGateError

_MALE = r"^(?i:男|男性|男士|先生|m|male|1)$"
_FEMALE = r"^(?i:女|女性|女士|小姐|f|female|2)$"
_MAINLAND = (
    r"^(?i:中[国國]|中华人民共和国|(?:中国)?大陆|cn|chn|prc"
    r"|(?:mainland |p\.?r\.? ?|people's republic of )?china)$"
)
_OWN_NUMBERING = ("香港", "澳门", "台湾")
"""Regions with telephone numbers, postcodes and identity numbers of their own."""


@dataclass(frozen=True)
class Setting:
    """What the study sets for a rule beside its threshold."""

    codes: tuple[str, ...] = ()
    days: int | None = None


class Facts:
    """The tables that can be read, each until the as-of day; ``unreadable`` says why others cannot."""

    def __init__(
        self, store: TableStore, as_of: date, time_zone: str, settings: Mapping[str, Setting] | None = None
    ) -> None:
        self.store = store
        self.as_of = as_of
        self.time_zone = time_zone
        self._settings = settings or {}
        self._tables: dict[str, pl.DataFrame] = {}
        self._cleaned: dict[str, Cleaned | None] = {}
        self.unreadable: dict[str, str] = {}

    def setting(self, rule: str) -> Setting:
        """Return what the study sets for a rule."""
        return self._settings.get(rule, Setting())

    def cleaned(self, name: str) -> Cleaned | None:
        """Return a table with its rejected rows, or None where it cannot be read or there is none."""
        if name not in self.store:
            return None
        if name not in self._cleaned:
            try:
                self._cleaned[name] = self.store.cleaned(name)
            except QualityGateError:
                raise
            except DataError as error:
                self._cleaned[name] = None
                self.unreadable[name] = str(error)
        return self._cleaned[name]

    def has(self, name: str, *wanted: str) -> bool:
        """Say whether a table can be read and the source delivered the columns."""
        cleaned = self.cleaned(name)
        return cleaned is not None and set(wanted) <= set(cleaned.table.columns) - _filled_in(name, cleaned)

    def table(self, name: str) -> pl.DataFrame:
        """Return the rows until the as-of day, numbered in ``row`` as the source delivered them.

        Customers have their identity number, mobile number, gender and province in plain form
        beside: ``plain_identity``, ``plain_mobile``, ``plain_gender`` ("m", "f"), ``plain_province``;
        null where the value is none. ``abroad`` is true where the mainland's standards do not hold.
        """
        if name not in self._tables:
            cleaned = self.cleaned(name)
            if cleaned is None:
                raise KeyError(name)
            numbered = cleaned.table.drop("row", strict=False).with_columns(row=_rows(cleaned))
            until = numbered.filter(self._until(name, numbered))
            self._tables[name] = _with_plain_forms(until) if name == "customers" else until
        return self._tables[name]

    def later(self, name: str) -> int:
        """Count the rows later than the as-of day."""
        cleaned = self.cleaned(name)
        return cleaned.table.height - self.table(name).height if cleaned else 0

    def day(self, column: str, dtype: pl.DataType) -> pl.Expr:
        """Return a date, or a point in time as the local day."""
        if isinstance(dtype, pl.Datetime):
            return convert.local_day(pl.col(column), self.time_zone)
        return pl.col(column)

    def known(self, name: str) -> pl.Series:
        """Return the ids of a table, those of rejected rows included: what refers to them is no orphan.

        That a row was rejected is counted once, where it was.
        """
        if name not in self._known:
            cleaned = self.cleaned(name)
            assert cleaned is not None
            column = IDS[name]
            ids = [cleaned.table[column]]
            if column in cleaned.rejected.columns:
                ids.append(cleaned.rejected[column].cast(pl.String))
            self._known[name] = pl.concat(ids).unique()
        return self._known[name]

    @cached_property
    def _known(self) -> dict[str, pl.Series]:
        return {}

    def _until(self, name: str, table: pl.DataFrame) -> pl.Expr:
        column = ARRIVALS[name]
        if column not in table.columns:
            return pl.lit(True)
        day = self.day(column, table.schema[column])
        return day.is_null() | (day <= self.as_of)


def _filled_in(name: str, cleaned: Cleaned) -> set[str]:
    """Return the columns that a table always has, where no source delivered them."""
    if "reason" not in cleaned.rejected.columns:  # put together from the rows of another table
        return set()
    given = cleaned.rejected.columns
    return {column.column for column in columns(name) if column.always and column.name not in given}


def _rows(cleaned: Cleaned) -> pl.Series:
    """Return the number of each accepted row: what is left when the rejected ones are taken out."""
    every = pl.int_range(cleaned.rows_read, dtype=pl.UInt32, eager=True).alias("row")
    if "row" not in cleaned.rejected.columns:  # put together from the rows of another table
        return every
    return every.filter(~every.is_in(cleaned.rejected["row"].implode()))


def _with_plain_forms(customers: pl.DataFrame) -> pl.DataFrame:
    given = customers.columns
    plain = {}
    if "identity_number" in given:
        plain["plain_identity"] = validators.identity_number_of(pl.col("identity_number"))
    if "mobile" in given:
        mobile = pl.col("mobile")
        digits = validators.plain(mobile).str.replace_all(r"\D", "").str.tail(11)
        plain["plain_mobile"] = pl.when(validators.is_mobile(mobile)).then(digits)
    if "gender" in given:
        word = validators.plain(pl.col("gender"))
        male, female = word.str.contains(_MALE), word.str.contains(_FEMALE)
        plain["plain_gender"] = pl.when(male).then(pl.lit("m")).when(female).then(pl.lit("f"))
    if "province" in given:
        plain["plain_province"] = province_of(pl.col("province"))
    return customers.lazy().with_columns(**plain).with_columns(abroad=_abroad(given)).collect()


def _abroad(given: list[str]) -> pl.Expr:
    """Say whether country or province lies where numbers are made otherwise; unknown is the mainland."""
    known = [pl.lit(value=False)]
    if "country" in given:
        known.append(~validators.plain(pl.col("country")).str.contains(_MAINLAND))
    if "province" in given:
        known.append(pl.col("plain_province").is_in(_OWN_NUMBERING))
    return pl.any_horizontal(one.fill_null(value=False) for one in known)
