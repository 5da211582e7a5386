"""One person, two records: which entries of the customer master are one customer, and how they differ."""

from __future__ import annotations

import numpy as np
import polars as pl

from crmlab.data.samples.clock import DAY, day_text, moment_text
from crmlab.data.samples.draws import Draws, Ints, pick
from crmlab.data.samples.lives import Lives
from crmlab.data.samples.parameters import DAYS, DUPLICATE_SHARE, DUPLICATES, SECOND_RECORD_ORDERS
from crmlab.data.samples.people import draw_addresses, mobile_numbers, second_number
from crmlab.data.samples.vocabulary import company

FIRST = "first"
"""The kind of a person's first record."""

_UNKNOWN = (
    "identity_number",
    "wechat",
    "education",
    "native_place",
    "interests",
    "favourite_sport",
    "remark",
)
"""What a hurried second registration leaves out, whatever its kind."""
_LEFT_OUT = {
    "mobile_spelling": ("email", "phone"),
    "same_email": ("mobile", "phone"),
    "name_typo": ("email", "phone"),
    "traditional": ("mobile", "email", "phone"),
    "moved": ("email",),
}


def all_records(people: pl.DataFrame, lives: Lives, draws: Draws) -> pl.DataFrame:
    """Return the records of all people by registration, with ``customer_id``, ``_person`` and ``_kind``.

    ``_since`` is the day of registration as a number.
    """
    first = people.with_row_index("_person").with_columns(
        pl.col("_person").cast(pl.Int64), _kind=pl.lit(FIRST), _since=pl.Series(lives.registered)
    )
    records = pl.concat([first, *_second(first, draws)]).sort("_since", "_person", "_kind")
    numbers = pl.Series(draws.block * 1_000_000 + np.arange(1, records.height + 1)).cast(pl.String)
    return records.with_columns(customer_id="C" + numbers.str.zfill(8))


def record_of(records: pl.DataFrame, person: Ints, day: Ints, draws: Draws) -> pl.Series:
    """Return the customer id that an order of each person on each day is booked to."""
    rng = draws["records"].spawn(1)[0]
    second = records.filter(pl.col("_kind") != FIRST)
    first = first_ids(records)
    since = np.full(len(first), DAYS + 1)
    since[second["_person"].to_numpy()] = second["_since"].to_numpy()
    later = (day >= since[person]) & (rng.random(len(person)) < SECOND_RECORD_ORDERS)
    seconds = pl.DataFrame({"_person": np.arange(len(since))}).join(
        second.select("_person", "customer_id"), on="_person", how="left", maintain_order="left"
    )["customer_id"]
    return seconds.gather(person).zip_with(pl.Series(later), first.gather(person))


def first_ids(records: pl.DataFrame) -> pl.Series:
    """Return the customer id of each person's first record."""
    return records.filter(pl.col("_kind") == FIRST).sort("_person")["customer_id"]


def _second(first: pl.DataFrame, draws: Draws) -> list[pl.DataFrame]:
    """Draw who has a second record of each kind, and write it."""
    rng = draws["records"]
    shuffled = rng.permutation(first.height)
    able = {
        "same_email": first["email"].is_not_null().to_numpy(),
        "name_typo": (first["name"] != first["_slip"]).to_numpy(),
        "traditional": (first["name"] != _traditional(first["name"])).to_numpy(),
    }
    free = np.ones(first.height, dtype=bool)
    parts = []
    for kind, share in DUPLICATES.items():
        candidates = shuffled[(free & able.get(kind, True))[shuffled]]
        chosen = np.sort(candidates[: round(first.height * DUPLICATE_SHARE * share)])
        free[chosen] = False
        parts.append(_written(kind, first[chosen], rng, draws.seed))
    return parts


def _written(kind: str, rows: pl.DataFrame, rng: np.random.Generator, seed: int) -> pl.DataFrame:
    n = rows.height
    since = rows["_since"].to_numpy()
    since = since + np.floor((DAYS - since) * rng.random(n)).astype(np.int64)
    updated = since + np.floor((DAYS - since) * rng.random(n)).astype(np.int64)
    left_out = [*_UNKNOWN, *_LEFT_OUT[kind]]
    rows = rows.with_columns(
        *(pl.lit(None, pl.String).alias(column) for column in left_out),
        _kind=pl.lit(kind),
        _since=pl.Series(since),
        registered_on=day_text(since),
        updated_at=moment_text(updated * DAY + 12 * 3600),
        source=pick(rng, company()["sources"], n),
    )
    if kind == "mobile_spelling":
        return rows.with_columns(mobile=_spelt(rows["mobile"], rng))
    if kind == "same_email":
        return rows.with_columns(pl.col("email").str.to_uppercase())
    if kind == "name_typo":
        second = mobile_numbers(second_number(rows["_number"].to_numpy()), seed)
        return rows.with_columns(name="_slip", mobile=second)
    if kind == "traditional":
        return rows.with_columns(name=_traditional(rows["name"]))
    moved = draw_addresses(n, rng).with_columns(phone=pl.lit(None, pl.String))
    return rows.with_columns(moved.select(column for column in moved.columns if column in rows.columns))


def _spelt(mobile: pl.Series, rng: np.random.Generator) -> pl.Series:
    parts = [mobile.str.slice(first, length) for first, length in ((0, 3), (3, 4), (7, 4))]
    spellings = [
        "+86 " + mobile,
        parts[0] + "-" + parts[1] + "-" + parts[2],
        parts[0] + " " + parts[1] + " " + parts[2],
        "0086" + mobile,
    ]
    frame = pl.DataFrame({str(place): text for place, text in enumerate(spellings)})
    chosen = pl.Series(rng.integers(0, len(spellings), len(mobile)))
    return frame.select(
        pl.coalesce(pl.when(chosen == place).then(str(place)) for place in range(len(spellings)))
    ).to_series()


def _traditional(name: pl.Series) -> pl.Series:
    return name.str.replace_many(company()["traditional"])
