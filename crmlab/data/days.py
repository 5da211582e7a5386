"""The days on which the rows of a table came about, as whole numbers in the study's time zone."""

from __future__ import annotations

import polars as pl

from crmlab.data import convert
from crmlab.data.schemas import ARRIVALS


def with_days(name: str, table: pl.LazyFrame, time_zone: str) -> pl.LazyFrame:
    """Add ``day``, when a row came about, and for each other ``…_at`` column a ``…_day``.

    All are Int64 days since 1970-01-01 in ``time_zone``, null where the time is. A table that has
    ``day`` already keeps it; one whose rows are no events gets none.
    """
    schema = table.collect_schema()
    arrival = ARRIVALS[name]
    made = {
        f"{column.removesuffix('_at')}_day": convert.local_day_number(pl.col(column), time_zone)
        for column, dtype in schema.items()
        if isinstance(dtype, pl.Datetime) and column.endswith("_at") and column != arrival
    }
    if "day" not in schema and arrival in schema:
        is_date = schema[arrival] == pl.Date
        number = pl.col(arrival).cast(pl.Int32).cast(pl.Int64)
        made["day"] = number if is_date else convert.local_day_number(pl.col(arrival), time_zone)
    return table.with_columns(**{column: day for column, day in made.items() if column not in schema})
