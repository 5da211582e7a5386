"""What customers changed about themselves: a file of updates, merged by the rules of survivorship."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crmlab.data import convert, validators
from crmlab.data.identity.keys import check_ids, is_placeholder
from crmlab.data.identity.merging import save_tables
from crmlab.data.identity.survivorship import Survivors, Survivorship, survive
from crmlab.errors import DataError
from crmlab.labels import Text

SELF_UPDATE = "self_update"
"""The source of such a record, for the rule ``trusted_source``."""

REASONS: dict[str, Text] = {
    "unknown_customer": Text("查无此客户", "no customer of that id"),
    "no_date": Text("缺少更新日期或日期无法识别", "no date of the update, or an unreadable one"),
    "unknown_field": Text("客户表中没有该字段", "the customers have no such field"),
    "invalid_value": Text("值的格式不正确", "not a valid value"),
    "two_updates": Text("同一天有两个不同的值", "two different values on one day"),
    "outranked": Text("按合并规则采用了另一个值", "another value stands by the rules"),
}
"""Why a change was not carried out."""

_VALID: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "mobile": validators.is_mobile,
    "phone": lambda text: validators.is_mobile(text) | validators.is_landline(text),
    "fax": validators.is_landline,
    "email": validators.is_email,
    "identity_number": validators.is_identity_number,
    "credit_code": validators.is_credit_code,
    "postcode": validators.is_postcode,
}
_OWN = ("customer_id", "updated_at", "source", "source_file")
_BASE = "0"
_PLACES = ("source_row", "row")
_ORDER = ("row", "customer_id", "field")
_OUTCOME = {"row": pl.UInt32, "customer_id": pl.String, "field": pl.String, "stands": pl.Boolean}


@dataclass(frozen=True)
class Updated:
    """Customers after their own updates.

    - ``customers``: as before, with the changes that were carried out.
    - ``applied``: a row per change: row (of the file), customer_id, field.
    - ``conflicts``: a row per change that was not carried out: row, customer_id, field, reason (a key of
      ``REASONS``); row and customer_id are null for a column that the customers lack.
    - ``originals``: the rows of the customers that changed, as they were.
    """

    customers: pl.DataFrame
    applied: pl.DataFrame
    conflicts: pl.DataFrame
    originals: pl.DataFrame

    def undo(self) -> pl.DataFrame:
        """Return the customers exactly as they were before the updates."""
        return _replaced(self.customers, self.originals)

    def save(self, folder: Path) -> None:
        """Write the four tables as Parquet into a folder; each file is written whole or not at all."""
        save_tables(self, folder)


def merge_updates(
    customers: pl.DataFrame,
    updates: pl.DataFrame,
    rules: Survivorship | None = None,
    identities: pl.DataFrame | None = None,
    time_zone: str = "Asia/Shanghai",
) -> Updated:
    """Merge ``updates`` into ``customers``: customer_id, updated_at, and the fields that changed.

    An empty field was not changed. An update is one more record of its customer, from the source
    ``self_update``, and each field survives by ``rules``. ``identities`` lead an id from before a merge to
    the customer of today. What can't be carried out is listed, never guessed: see ``REASONS``. Rows are
    those of the file (``source_row``), or counted from 2. Raises DataError where the id or the date is no
    column of the updates.
    """
    check_ids(customers)
    for column in ("customer_id", "updated_at"):
        if column not in updates.columns:
            raise DataError(
                f"The updates lack the column {column!r}. They have: {', '.join(updates.columns)}. A file of "
                "updates says which customer changed what, and when."
            )
    changes = _placed(updates, identities, time_zone)
    fields = [name for name in updates.columns if name not in (*_OWN, *_PLACES)]
    unknown = [name for name in fields if name not in customers.columns]
    listed = []
    known = pl.col("customer_id").is_in(customers["customer_id"].implode())
    records = changes.select("row", "customer_id", "at")
    for name in (field for field in fields if field in customers.columns):
        valid, wrong = _judged(changes, name, customers.schema[name], known, time_zone)
        listed.append(wrong)
        records = records.join(valid, on="row", how="left", maintain_order="left")
    missing = pl.DataFrame({"field": unknown}, schema={"field": pl.String})
    missing = missing.select(
        pl.lit(None, pl.UInt32).alias("row"), pl.lit(None, pl.String).alias("customer_id"), "field",
        pl.lit("unknown_field").alias("reason"),
    )  # fmt: skip
    return _merged(customers, records, pl.concat([*listed, missing]), rules or Survivorship())


def _placed(updates: pl.DataFrame, identities: pl.DataFrame | None, time_zone: str) -> pl.DataFrame:
    """Add the row in the file, the time as UTC, and the customer of today."""
    row = next((pl.col(name) for name in _PLACES if name in updates.columns), None)
    place = pl.int_range(2, pl.len() + 2) if row is None else row
    at = pl.col("updated_at")
    kind = updates.schema["updated_at"]
    if kind == pl.String:
        at = convert.moment(at, time_zone)
    elif kind == pl.Date or not getattr(kind, "time_zone", None):
        at = convert.to_utc(at.cast(pl.Datetime("us"), strict=False), time_zone)
    frame = updates.drop(_PLACES, strict=False).with_columns(
        convert.code(pl.col("customer_id").cast(pl.String)),
        row=place.cast(pl.UInt32) if row is None else updates.select(place).to_series().cast(pl.UInt32),
        at=at.dt.cast_time_unit("us").dt.convert_time_zone("UTC"),
    )
    if identities is None:
        return frame
    today = identities.select(record_id="record_id", today="customer_id").unique("record_id", keep="first")
    joined = frame.join(today, left_on="customer_id", right_on="record_id", how="left", maintain_order="left")
    return joined.with_columns(customer_id=pl.coalesce("today", "customer_id")).drop("today")


def _judged(
    changes: pl.DataFrame, name: str, wanted: pl.DataType, known: pl.Expr, time_zone: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split the changes of one field into valid ones (row and value) and a list of the others."""
    text = convert.text(pl.col(name).cast(pl.String))
    value = _typed(pl.col(name), changes.schema[name], wanted, time_zone)
    check = _VALID.get(name)
    valid = value.is_not_null() & ~is_placeholder(text) & (check(text) if check else pl.lit(value=True))
    given = changes.filter(text.is_not_null()).with_columns(value=value, valid=valid.fill_null(value=False))
    day = convert.local_day(pl.col("at"), time_zone)
    differ = pl.col("value").filter("valid").n_unique().over("customer_id", day) > 1
    reason = (
        pl.when(~known.fill_null(value=False)).then(pl.lit("unknown_customer"))
        .when(pl.col("at").is_null()).then(pl.lit("no_date"))
        .when(~pl.col("valid")).then(pl.lit("invalid_value"))
        .when(differ).then(pl.lit("two_updates"))
    )  # fmt: skip
    judged = given.select("row", "customer_id", pl.lit(name).alias("field"), "value", reason=reason)
    wrong = judged.drop("value").drop_nulls("reason")
    return judged.filter(pl.col("reason").is_null()).select("row", pl.col("value").alias(name)), wrong


def _typed(value: pl.Expr, given: pl.DataType, wanted: pl.DataType, time_zone: str) -> pl.Expr:
    if given != pl.String or wanted == pl.String:
        return convert.text(value) if wanted == pl.String else value.cast(wanted, strict=False)
    if wanted == pl.Date:
        return convert.local_day(convert.moment(value, time_zone), time_zone)
    if wanted == pl.Datetime:
        return convert.moment(value, time_zone).cast(wanted)
    if wanted == pl.Boolean:
        return convert.boolean(value)
    return convert.number(value).cast(wanted, strict=False)


def _merged(
    customers: pl.DataFrame, records: pl.DataFrame, conflicts: pl.DataFrame, rules: Survivorship
) -> Updated:
    """Let each field survive among what is known of a customer and what was changed."""
    fields = [name for name in records.columns if name not in ("row", "customer_id", "at")]
    useful = records.filter(pl.any_horizontal(pl.lit(value=False), pl.col(fields).is_not_null()))
    before = customers.join(useful, on="customer_id", how="semi", maintain_order="left")
    known = before.with_columns(record_id=pl.lit(_BASE))
    if "updated_at" not in known.columns:
        known = known.with_columns(updated_at=pl.lit(None, pl.Datetime("us", "UTC")))
    changed = useful.select("customer_id", *fields, updated_at="at", record_id=pl.col("row").cast(pl.String))
    if "source" in known.columns:
        changed = changed.with_columns(source=pl.lit(SELF_UPDATE))
    survivors = survive(pl.concat([known, changed], how="diagonal_relaxed"), rules, whole=False)
    after = survivors.customers
    if "source" in known.columns:  # where a customer came from is not what an update changes
        after = after.drop("source").join(before.select("customer_id", "source"), on="customer_id")
    after = after.select(customers.columns).cast(customers.schema)
    applied, beaten = _outcome(useful, fields, survivors, after)
    return Updated(
        _replaced(customers, after),
        applied,
        pl.concat([conflicts, beaten]).sort(_ORDER, nulls_last=True),
        before,
    )


def _outcome(
    changes: pl.DataFrame, fields: list[str], survivors: Survivors, after: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tell the changes that survived from those that another value beat."""
    winners = survivors.provenance.select("customer_id", "field", winner="record_id")
    parts = [pl.DataFrame(schema=_OUTCOME)]
    for name in fields:
        value, now = pl.col(name).cast(pl.String), pl.col(f"{name}_now").cast(pl.String)
        both = changes.drop_nulls(name).join(
            after.select("customer_id", pl.col(name).alias(f"{name}_now")), on="customer_id"
        )
        parts.append(both.select("row", "customer_id", pl.lit(name).alias("field"), stands=value == now))
    judged = pl.concat(parts).join(winners, on=["customer_id", "field"])
    won = pl.col("winner") == pl.col("row").cast(pl.String)
    beaten = judged.filter(~won & ~pl.col("stands")).select(_ORDER).with_columns(reason=pl.lit("outranked"))
    return judged.filter(won).select(_ORDER).sort(_ORDER), beaten


def _replaced(customers: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Put ``rows`` in the places of the customers of the same ids."""
    place = customers.select("customer_id").with_row_index("place_")
    rest = customers.join(rows, on="customer_id", how="anti")
    together = pl.concat([rest, rows.select(customers.columns)])
    return together.join(place, on="customer_id", how="left").sort("place_").drop("place_")
