"""Turn what a source read into a canonical table; reject with counts, lose nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import polars.selectors as cs

from crmlab.data import convert
from crmlab.data.canonical.columns import AS_THE_METRIC, SHARE
from crmlab.data.policy import Policy, signed_currency
from crmlab.data.schemas import BY_POLICY, DAMAGED_ID, IDS, TABLES, CanonicalColumn, columns
from crmlab.errors import DataError, did_you_mean

REFUSED = "source_reason"
"""Column in which a source may say why it refuses a row; one of the reasons, or null."""
ORIGIN = ("source_file", "source_row", REFUSED)
"""Columns in which a source may say where a row stands; they are kept with rejected rows only."""

_NUMBERED = ("order_id", "feedback_id", "interaction_id", "complaint_id", "contact_id")
"""Ids that are numbers of rows where the source gives none."""
_SALES = ("orders", "order_lines")
_UNREADABLE: dict[str, pl.DataType] = {"column": pl.String(), "reason": pl.String(), "rows": pl.UInt32()}


@dataclass(frozen=True)
class Cleaned:
    """A canonical table, the rows that were rejected, and why.

    ``rejected`` holds the rows as they were read; in front stand the position, the reason, and the
    column for a reason that is about one. ``counts`` maps a reason to its number of rows, most
    frequent first; ``unreadable`` has ``column``, ``reason`` and ``rows`` for what could not be
    read.
    """

    table: pl.DataFrame
    rejected: pl.DataFrame
    counts: Mapping[str, int]
    unreadable: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_UNREADABLE))

    @property
    def rows_read(self) -> int:
        """Rows that the source delivered."""
        return self.table.height + self.rejected.height

    @property
    def faulty(self) -> int:
        """Rejected rows without those that the policy leaves out."""
        return self.rejected.height - sum(self.counts.get(reason, 0) for reason in BY_POLICY)

    @property
    def rejected_share(self) -> float:
        """Faulty rows as a share of the rows read; 0 for an empty table."""
        return self.faulty / self.rows_read if self.rows_read else 0.0


def clean(
    name: str,
    raw: pl.LazyFrame,
    time_zone: str,
    policy: Policy | None = None,
    currency: str | None = None,
    *,
    lines_are_orders: bool = False,
    is_part: bool = False,
) -> Cleaned:
    """Check ``raw`` against the schema of the canonical table ``name``.

    Text is converted by declared type, a typed column is taken as it is. Of exactly equal rows
    with an id the first is kept. Rows without ids are numbered. Orders and lines are left out by
    ``policy``, and where they are in another currency than ``currency`` (ISO 4217), by their column of
    currencies or, where that is blank or missing, by the sign at the amount ($5). With
    ``lines_are_orders`` each line must say whose it is and from when. Where ``raw`` ``is_part`` of a table,
    the column of currencies is there wherever amounts may have signs, so that all parts have it. Raises
    DataError for a required column that is missing, and for a source that breaks while it is read.
    """
    frame = _collected(name, raw)
    wanted = [column for column in columns(name) if _is_there(name, column, frame)]
    converted = frame.select("row", **{c.column: _canonical(name, c, frame, time_zone) for c in wanted})
    if name == "orders":
        converted = converted.with_columns(day=convert.local_day_number(pl.col("ordered_at"), time_zone))
    if name in _SALES:
        converted = _with_currency(frame, converted, currency, is_part=is_part)
    if name == "complaints":
        converted = _on_the_day(converted, time_zone)
    lost = _lost(frame, converted, wanted)
    reason = lost["reason"]
    if REFUSED in frame.columns:
        reason = _or(frame[REFUSED].cast(pl.String), reason)
    if (own := IDS.get(name)) in frame.columns and frame[own].n_unique() < frame.height:
        reason = _first_of(reason, frame, "exact_duplicate")
    if name in _SALES:
        reason = _sales_reasons(
            name, reason, frame, converted, policy or Policy(), currency, lines_are_orders
        )
    valid, broken = _by_schema(name, converted.filter(reason.is_null()))
    found = lost.with_columns(reason=reason).filter(pl.col("reason").is_not_null())
    reasons = pl.concat([found, broken], how="diagonal").sort("row")
    table = valid.drop("row")
    if name == "customers":
        known = {column.name for column in wanted} | {"row", *ORIGIN}
        extra = frame.join(valid.select("row"), on="row", how="semi", maintain_order="left")
        table = table.hstack(extra.drop(known & set(extra.columns)))
    counts = reasons.group_by("reason").len().sort("len", "reason", descending=[True, False])
    unreadable = reasons.drop_nulls("column").group_by("column", "reason").agg(rows=pl.len())
    rejected = reasons.select("row", "reason", rejected_column="column").join(
        frame[reasons["row"].to_numpy()],  # rows are numbered from 0
        on="row",
        how="left",
        maintain_order="left",
    )
    return Cleaned(
        table,
        rejected,
        dict(counts.iter_rows()),
        unreadable.sort("rows", "column", "reason", descending=[True, False, False]),
    )


def _collected(name: str, raw: pl.LazyFrame) -> pl.DataFrame:
    """Read everything, number the rows in a column ``row``, and take NaN for what is missing."""
    own = "row"
    try:
        given = raw.collect_schema().names()
        while own in given:
            own += "_"
        lazy = raw.rename({"row": own}, strict=False).with_columns(cs.float().fill_nan(None))
        frame = lazy.with_columns((cs.categorical() | cs.enum()).cast(pl.String)).collect()
    except (pl.exceptions.PolarsError, OSError):
        raise DataError(
            f"The data of the table {name!r} breaks off or is damaged while it is read. Export it again."
        ) from None
    return frame.with_row_index("row")


def _is_there(name: str, column: CanonicalColumn, frame: pl.DataFrame) -> bool:
    """Say whether the table will have the column; raise DataError for a required one that is missing."""
    if column.name in frame.columns or column.always:
        return True
    if column.column == IDS.get(name) and column.column in _NUMBERED:
        return True
    if column.name == "amount" and {"quantity", "unit_price"} <= set(frame.columns):
        return True
    if column.nullable:
        return False
    given = [given for given in frame.columns if given not in ("row", *ORIGIN)]
    raise DataError(
        f"The table {name!r} lacks the required column {column.name!r}."
        f"{did_you_mean(column.name, given)} It has: {', '.join(given) or 'no columns'}. "
        f"Map it with `columns: {{{column.name}: <header in the file>}}` in the study."
    )


def _canonical(name: str, column: CanonicalColumn, frame: pl.DataFrame, time_zone: str) -> pl.Expr:
    if column.name in frame.columns:
        return _typed(column, frame.schema[column.name], time_zone)
    if column.column == IDS.get(name) and column.column in _NUMBERED:
        return pl.format("row-{}", pl.col("row") + 1)
    if column.name == "amount" and "quantity" in frame.columns:
        return convert.hundredths(_line_amount(frame))
    return pl.lit(None, column.dtype)


def _typed(column: CanonicalColumn, given: pl.DataType, time_zone: str) -> pl.Expr:
    """Convert a column of the source to the type of a canonical one; null where that cannot be."""
    source, wanted = pl.col(column.name), column.dtype
    if given.is_nested() or given == pl.Binary:
        return pl.lit(None, wanted)
    if isinstance(wanted, pl.Datetime):
        return _moment(source, given, time_zone)
    if wanted == pl.Date:
        return convert.local_day(_moment(source, given, time_zone), time_zone)
    if column.column.endswith("_hundredths"):
        return convert.hundredths(_number(source, given))
    if wanted == pl.Int64:
        counted = _number(source, given)
        return pl.when(counted == counted.round()).then(counted.cast(pl.Int64, strict=False))
    if wanted == pl.Float64:
        return (
            convert.share(source)
            if column.unit in (SHARE, AS_THE_METRIC) and given == pl.String
            else _number(source, given)
        )
    if wanted == pl.Boolean:
        return source if given == pl.Boolean else convert.boolean(as_text(source, given))
    written = as_text(source, given)
    if column.codes:
        return convert.listed(written, column.codes)
    if given.is_integer():  # digits need no reading
        return written
    if column.sensitivity == "code":
        return convert.code(written)
    return convert.text(written) if column.sensitivity == "free_text" else convert.name(written)


def as_text(source: pl.Expr, given: pl.DataType) -> pl.Expr:
    """Write numbers without a needless fraction: a column with gaps arrives as floats, and 7 is no "7.0"."""
    if not given.is_float():
        return source.cast(pl.String, strict=False)
    whole = source.cast(pl.Int64, strict=False)
    exact = (whole == source) & (source.abs() < 2**53)
    return pl.when(exact).then(whole.cast(pl.String)).otherwise(source.cast(pl.String))


def _moment(source: pl.Expr, given: pl.DataType, time_zone: str) -> pl.Expr:
    if given == pl.String or given.is_numeric():
        return convert.moment(as_text(source, given), time_zone)
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


def _amount(frame: pl.DataFrame) -> pl.Expr:
    """Return the amounts before they are rounded."""
    if "amount" in frame.columns:
        return _number(pl.col("amount"), frame.schema["amount"])
    return _line_amount(frame)


def _line_amount(frame: pl.DataFrame) -> pl.Expr:
    quantity, price = (_number(pl.col(name), frame.schema[name]) for name in ("quantity", "unit_price"))
    return quantity * price


def has_other_currency(table: pl.DataFrame, currency: str | None) -> bool:
    """Say whether a table has amounts in another currency than ``currency`` (CNY where none is said)."""
    return "currency" in table.columns and bool((table["currency"] != (currency or "CNY")).any())


def _with_currency(
    frame: pl.DataFrame, converted: pl.DataFrame, currency: str | None, *, is_part: bool
) -> pl.DataFrame:
    """Fill in the currency that the sign at an amount stands for, where it is not given.

    A table without currencies, whose amounts have no other sign than that of ``currency`` (CNY where
    none is said), stays without.
    """
    written = "amount" if "amount" in frame.columns else "unit_price"
    if frame.schema.get(written) != pl.String:
        return converted
    signed = frame.select(signed_currency(pl.col(written), currency).alias("currency")).to_series()
    if "currency" in converted.columns:
        return converted.with_columns(pl.coalesce("currency", pl.lit(signed)))
    found = converted.with_columns(signed)
    return found if is_part or has_other_currency(found, currency) else converted


def _on_the_day(complaints: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """Take a step at midnight of the day of reception for a date without a time: it was not before.

    Exports have a time of opening beside a date of closing; the quickest complaints would be refused.
    """
    opened = pl.col("opened_at")
    midnight = convert.to_utc(convert.local_day(opened, time_zone).cast(pl.Datetime("us")), time_zone)
    steps = complaints.select(cs.by_dtype(pl.Datetime("us", "UTC"))).columns
    return complaints.with_columns(
        pl.when(pl.col(step) == midnight).then(opened).otherwise(pl.col(step)).alias(step) for step in steps
    )


def _lost(frame: pl.DataFrame, converted: pl.DataFrame, wanted: list[CanonicalColumn]) -> pl.DataFrame:
    """Find for each row the first column whose value was there and could not be read, and the reason."""
    given = [column for column in wanted if column.name in frame.columns]
    there = frame.select(_there(column.name, frame.schema[column.name]) for column in given)
    read = converted.select(
        _is_read(column, frame.schema[column.name]).alias(column.name) for column in given
    )
    reasons, places = [pl.lit(None, pl.String)], [pl.lit(None, pl.String)]
    for column in reversed(given):
        lost = there[column.name] & ~read[column.name]
        if lost.any():
            reason = "unknown_code" if column.codes else "unreadable"
            reason = "destroyed_id" if column.sensitivity == "code" else reason
            reasons.insert(0, pl.when(pl.lit(lost)).then(pl.lit(reason)))
            places.insert(0, pl.when(pl.lit(lost)).then(pl.lit(column.name)))
    return frame.select("row", reason=pl.coalesce(*reasons), column=pl.coalesce(*places))


def _is_read(column: CanonicalColumn, given: pl.DataType) -> pl.Expr:
    value = pl.col(column.column)
    if column.sensitivity != "code" or given.is_integer():
        return value.is_not_null()
    return value.is_not_null() & ~value.str.contains(DAMAGED_ID).fill_null(value=False)


def _there(name: str, given: pl.DataType) -> pl.Expr:
    """Say whether a cell holds anything; invisible characters alone are nothing."""
    column = pl.col(name)
    return convert.is_there(column) if given == pl.String else column.is_not_null()


def _first_of(reason: pl.Series, frame: pl.DataFrame, name: str) -> pl.Series:
    """Give ``name`` as the reason of rows that equal an earlier one, unless they have another."""
    first = frame.select(pl.struct(pl.exclude("row", *ORIGIN)).is_first_distinct()).to_series()
    return reason.zip_with(reason.is_not_null() | first, pl.repeat(name, frame.height, eager=True))


def _sales_reasons(
    name: str,
    reason: pl.Series,
    frame: pl.DataFrame,
    converted: pl.DataFrame,
    policy: Policy,
    currency: str | None,
    lines_are_orders: bool,
) -> pl.Series:
    if lines_are_orders:
        reason = _or(reason, converted.select(_without_order(converted)).to_series())
    if name == "order_lines" and policy.repeated_lines == "exclude":
        reason = _first_of(reason, frame, "repeated_line")
    amount = frame.select(_amount(frame).alias("amount")).to_series()
    return _or(reason, policy.reasons(converted, amount, currency))


def _or(first: pl.Series, second: pl.Series) -> pl.Series:
    return first.zip_with(first.is_not_null(), second)


def _without_order(converted: pl.DataFrame) -> pl.Expr:
    """Say why a line cannot be part of an order: nobody's, undated, or at odds with another line."""
    for column in ("customer_id", "ordered_at"):
        if column not in converted.columns:
            raise DataError(
                f"`orders: {{from: order_lines}}` needs {column!r} on each line, which the table "
                f"'order_lines' lacks. Map it: `columns: {{{column}: <header in the file>}}` in the study."
            )
    unknown = pl.any_horizontal(
        pl.col(column).is_null() for column in ("order_id", "customer_id", "ordered_at")
    )
    mixed = pl.col("customer_id").drop_nulls().n_unique().over("order_id") > 1
    return pl.when(unknown).then(pl.lit("nullability")).when(mixed).then(pl.lit("contradiction"))


def _by_schema(name: str, converted: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that keep the schema's rules, and the first rule that each other row breaks.

    Columns that no source delivered take part as nulls and are taken out again.
    """
    schema = TABLES[name]
    absent = [column for column in schema.columns() if column not in converted.columns]
    whole = converted.with_columns(
        pl.lit(None, schema.columns()[column].dtype).alias(column) for column in absent
    )
    valid, failure = schema.filter(whole.select(list(schema.columns())))
    details = failure.details()
    rules = [rule for rule, dtype in details.schema.items() if isinstance(dtype, pl.Enum)]
    rules.sort(key=lambda rule: ("|nullability" not in rule, "|" not in rule))
    broken = [pl.when(pl.col(rule) == "invalid").then(pl.lit(rule.split("|")[-1])) for rule in rules]
    reasons = details.select("row", reason=pl.coalesce(*broken, pl.lit(None, pl.String)))
    return valid.drop(absent), reasons
