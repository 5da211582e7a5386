"""Turn what a source read into a canonical table; reject with counts, lose nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from crmlab.data import convert
from crmlab.data.schemas import TABLES
from crmlab.errors import DataError, did_you_mean

_DERIVED = {"amount_hundredths": "amount", "day": "ordered_at"}
"""Canonical column → the column of the source that it is computed from."""
_IDS = {"customers": "customer_id", "orders": "order_id", "feedback": "feedback_id"}
"""The column that names a row; without it equal rows may be different things."""
_NUMBERED = ("order_id", "feedback_id")
"""Ids that are numbers of rows where the source gives none."""


@dataclass(frozen=True)
class Cleaned:
    """A canonical table, the rows that were rejected, and why.

    ``rejected`` holds the rows as they were read, with their position and the reason in front;
    ``counts`` maps a reason to its number of rows, most frequent first.
    """

    table: pl.DataFrame
    rejected: pl.DataFrame
    counts: Mapping[str, int]

    @property
    def rows_read(self) -> int:
        """Rows that the source delivered."""
        return self.table.height + self.rejected.height

    @property
    def rejected_share(self) -> float:
        """Rejected rows as a share of the rows read; 0 for an empty table."""
        return self.rejected.height / self.rows_read if self.rows_read else 0.0


def clean(name: str, raw: pl.LazyFrame, time_zone: str) -> Cleaned:
    """Check ``raw`` against the schema of the canonical table ``name``.

    Text is converted by declared type, a typed column is taken as it is. Of exactly equal rows
    with an id the first is kept. Orders and feedback without ids are numbered by row. Raises
    DataError for a required column that is missing, and for a source that breaks while it is read.
    """
    frame = _collected(name, raw)
    converted = frame.select("row", **_canonical(name, frame, time_zone))
    reason = _unreadable(frame, converted)
    if _IDS.get(name) in frame.columns:
        first = frame.select(pl.struct(pl.exclude("row")).is_first_distinct()).to_series()
        repeated = pl.repeat("exact_duplicate", frame.height, eager=True)
        reason = reason.zip_with(reason.is_not_null() | first, repeated)
    valid, failure = TABLES[name].filter(converted.filter(reason.is_null()))
    unreadable = frame.select("row").with_columns(reason=reason).drop_nulls("reason")
    reasons = pl.concat([unreadable, _broken_rules(failure.details())]).sort("row")
    table = valid.drop("row")
    if name == "customers":
        extra = frame.join(valid.select("row"), on="row", how="semi", maintain_order="left")
        table = table.hstack(extra.drop("row", "customer_id"))
    counts = reasons.group_by("reason").len().sort("len", "reason", descending=[True, False])
    rejected = reasons.join(frame, on="row", how="left", maintain_order="left")
    return Cleaned(table, rejected, dict(counts.iter_rows()))


def _collected(name: str, raw: pl.LazyFrame) -> pl.DataFrame:
    """Read everything, number the rows in a column ``row``, and take NaN for what is missing."""
    own = "row"
    try:
        columns = raw.collect_schema().names()
        while own in columns:
            own += "_"
        frame = raw.rename({"row": own}, strict=False).with_columns(cs.float().fill_nan(None)).collect()
    except (pl.exceptions.PolarsError, OSError):
        raise DataError(
            f"The data of the table {name!r} breaks off or is damaged while it is read. Export it again."
        ) from None
    return frame.with_row_index("row")


def _canonical(name: str, frame: pl.DataFrame, time_zone: str) -> dict[str, pl.Expr]:
    columns = {}
    for column, rule in TABLES[name].columns().items():
        source = _DERIVED.get(column, column)
        if column == "row":
            continue
        if source in frame.columns:
            columns[column] = _typed(column, frame.schema[source], rule.dtype, time_zone)
        elif column == _IDS.get(name) and column in _NUMBERED:
            columns[column] = pl.format("row-{}", pl.col("row") + 1)
        elif rule.nullable:
            columns[column] = pl.lit(None, rule.dtype)
        else:
            given = [given for given in frame.columns if given != "row"]
            raise DataError(
                f"The table {name!r} lacks the required column {source!r}."
                f"{did_you_mean(source, given)} It has: {', '.join(given) or 'no columns'}. "
                f"Map it with `columns: {{{source}: <header in the file>}}` in the study."
            )
    return columns


def _typed(column: str, given: pl.DataType, wanted: pl.DataType, time_zone: str) -> pl.Expr:
    """Convert a column of the source to the type of a canonical one; null where that cannot be."""
    source = pl.col(_DERIVED.get(column, column))
    if given.is_nested():
        return pl.lit(None, wanted)
    if column == "ordered_at":
        return _moment(source, given, time_zone)
    if column == "day" or wanted == pl.Date:
        day = _moment(source, given, time_zone).dt.convert_time_zone(time_zone).dt.date()
        return day if wanted == pl.Date else day.cast(pl.Int32).cast(pl.Int64)
    if column == "amount_hundredths":
        return convert.hundredths(_number(source, given))
    if wanted == pl.Float64:
        return _number(source, given)
    if given.is_float():
        # A column of whole numbers with gaps arrives as floats; the customer 7 is not "7.0".
        whole = source.cast(pl.Int64, strict=False)
        return pl.when(whole == source).then(whole.cast(pl.String)).otherwise(source.cast(pl.String))
    return convert.text(source)


def _moment(source: pl.Expr, given: pl.DataType, time_zone: str) -> pl.Expr:
    if given == pl.String:
        return convert.moment(source, time_zone)
    if isinstance(given, pl.Datetime) and given.time_zone:
        return source.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    if given in (pl.Date, pl.Datetime):
        return convert.to_utc(source.cast(pl.Datetime("us")), time_zone)
    return pl.lit(None, pl.Datetime("us", "UTC"))


def _number(source: pl.Expr, given: pl.DataType) -> pl.Expr:
    if given == pl.String:
        return convert.number(source)
    if not given.is_numeric():
        return pl.lit(None, pl.Float64)
    value = source.cast(pl.Float64)
    return pl.when(value.is_finite()).then(value)


def _unreadable(frame: pl.DataFrame, converted: pl.DataFrame) -> pl.Series:
    """Give the reason ``unreadable`` to rows in which a value that was there could not be read."""
    lost = pl.repeat(False, frame.height, eager=True)
    for column in converted.columns:
        source = _DERIVED.get(column, column)
        if source in frame.columns and column != "row":
            values = frame[source].to_frame()
            text = convert.text(pl.col(source)) if values.schema[source] == pl.String else pl.col(source)
            lost |= values.select(text.is_not_null()).to_series() & converted[column].is_null()
    return pl.select(pl.when(lost).then(pl.lit("unreadable"))).to_series().alias("reason")


def _broken_rules(details: pl.DataFrame) -> pl.DataFrame:
    """Name the first rule that each row breaks, missing values before all others."""
    rules = [name for name, dtype in details.schema.items() if isinstance(dtype, pl.Enum)]
    rules.sort(key=lambda rule: ("|nullability" not in rule, "|" not in rule))
    broken = [pl.when(pl.col(rule) == "invalid").then(pl.lit(rule.split("|")[-1])) for rule in rules]
    return details.select("row", reason=pl.coalesce(*broken))
