"""Bring files in once: canonical Parquet, rejected rows beside it, and a study that runs on it.

What is written beside ``NAME.yaml``::

    NAME.yaml                     the study
    NAME-data/orders.parquet      accepted rows, columns as a source delivers them
    NAME-data/rejected/…          rejected rows as they were read, with the reason
    NAME-data/extra/…             columns that no canonical column stands for
    NAME-data/left_out/…          title and total rows, as they were read
    NAME-data/mapping.json        what was understood of each file, samples masked

Orders that the policy of a study may leave out (cancelled, pending, refunds, zero amounts, repeated
lines) are accepted here; each run decides on them by its own policy.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from crmlab.data import convert
from crmlab.data.canonical.columns import LAST_PLAUSIBLE_DAY
from crmlab.data.cleaning import Cleaned, clean
from crmlab.data.intake.files import Options, concatenated
from crmlab.data.intake.gathering import gather
from crmlab.data.intake.starter import study_text
from crmlab.data.policy import Policy
from crmlab.data.schemas import ARRIVALS, REASONS, TABLES, columns
from crmlab.errors import DataError, ParamsError

KEEP = Policy(cancellations="keep", pending="keep", refunds="net", zero_amounts="keep", repeated_lines="keep")
"""What may be left out by policy stays in, so that a run can still decide."""

_UNSAFE = r"[^\w.-]+"

Progress = Callable[[Iterable[Any], str], Iterable[Any]]
"""Takes a sequence and a description, and shows how far it has been gone through."""


@dataclass(frozen=True)
class ImportedTable:
    """One canonical table that was written: rows accepted, rejected by reason, and the file's name."""

    name: str
    accepted: int
    rejected: int
    counts: Mapping[str, int]
    file: str
    from_lines: bool = False


@dataclass(frozen=True)
class Imported:
    """What an import wrote.

    ``reports`` are those that the tables allow, ``told`` says what each file was taken for.
    """

    study: Path
    folder: Path
    tables: tuple[ImportedTable, ...]
    as_of: date
    reports: tuple[str, ...]
    told: tuple[str, ...]


def import_files(
    paths: Sequence[Path],
    study: Path,
    *,
    table: str | None = None,
    options: Options | None = None,
    as_of: date | None = None,
    time_zone: str = "Asia/Shanghai",
    force: bool = False,
    progress: Progress = lambda items, _: items,
) -> Imported:
    """Read files, write their canonical tables beside ``study`` and the study itself.

    ``table`` says what the files are where their headers do not. ``as_of`` is the study's day, without
    it the latest in the data. Raises DataError for a file that cannot be read or is of no known
    table, ParamsError where something would be overwritten without ``force``.
    """
    folder = study.with_name(f"{study.stem}-data")
    _check_target(study, folder, force=force)
    found = gather(progress(paths, "read 读取"), table, options or Options(), time_zone)
    study.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{study.stem}-", dir=study.parent))
    try:
        written, cleaned = [], {}
        for name in progress([name for name in TABLES if name in found.frames], "write 写入"):
            raw = concatenated(found.frames[name])
            # Lines that no order can be made of are rejected here, not in every run.
            derived = name == "order_lines" and "orders" not in found.frames and _makes_orders(raw)
            cleaned[name] = clean(name, raw, time_zone, KEEP, lines_are_orders=derived)
            written.append(_written(name, raw, cleaned[name], staging, from_lines=derived))
        _check_rows(written)
        day = as_of or latest_day({name: table.table for name, table in cleaned.items()}, time_zone)
        for name, extras in found.extras.items():
            (staging / "extra").mkdir(exist_ok=True)
            concatenated(extras).collect().write_parquet(staging / "extra" / f"{name}.parquet")
        _write_left_out(found.left_out, staging)
        _write_json(staging / "mapping.json", found.records, written)
        names = report_names(written, cleaned, study.parent)
        text = study_text(
            study.stem, folder.name, written, cleaned, day, time_zone, names, given=as_of is not None
        )
        if folder.exists():
            shutil.rmtree(folder)
        staging.chmod(0o755)
        staging.rename(folder)
        study.write_text(text, encoding="utf-8")
    finally:
        if staging.exists():
            shutil.rmtree(staging)
    return Imported(study, folder, tuple(written), day, names, found.told)


def as_delivered(name: str, cleaned: pl.DataFrame, delivered: Iterable[str] | None = None) -> pl.DataFrame:
    """Return a cleaned table with the columns that a source delivers: ``amount`` in currency units.

    Amounts that follow from quantity and unit price are left out where the source (``delivered``) had
    none, so that they are computed again, unrounded.
    """
    given = None if delivered is None else set(delivered)
    frame = cleaned.drop("day", strict=False)
    for column in columns(name):
        if not column.column.endswith("_hundredths") or column.column not in frame.columns:
            continue
        amount = (pl.col(column.column) / 100).alias(column.name)
        computed = given is not None and column.name not in given
        frame = frame.drop(column.column) if computed else frame.with_columns(amount).drop(column.column)
    # What is always in a table is null where no source delivered it.
    empty = [
        c.name
        for c in columns(name)
        if c.always and c.name in frame.columns and given and c.name not in given
    ]
    return frame.drop(empty)


def latest_day(tables: Mapping[str, pl.DataFrame], time_zone: str) -> date:
    """Return the latest day on which a row came about; orders not completed and measures do not count.

    Raises DataError where no table has a date.
    """
    days: list[date] = []
    for name, table in tables.items():
        column = ARRIVALS[name]
        if column not in table.columns or name == "improvements":  # which may be planned
            continue
        if "status" in table.columns and name in ("orders", "order_lines"):
            table = table.filter(pl.col("status").is_null() | (pl.col("status") == "completed"))
        moment = pl.col(column)
        if table.schema[column] != pl.Date:
            moment = convert.local_day(moment, time_zone)
        # A "never" of a program, such as 9999-12-31, is no day of the data.
        table = table.filter(moment <= LAST_PLAUSIBLE_DAY)
        days += table.select(moment.max()).to_series().drop_nulls().to_list()
    if not days:
        raise DataError(
            "No row says when it came about, so the study's day is not known. Give it: --as-of YYYY-MM-DD."
        )
    return max(days)


def report_names(
    written: Sequence[ImportedTable], cleaned: Mapping[str, Cleaned], folder: Path
) -> tuple[str, ...]:
    """Return the reports that the tables allow, in the order in which they are read."""
    from crmlab.report.notebooks import find

    names = []
    with suppress(ParamsError):
        find("data-quality", folder)
        names.append("data-quality")
    if any(table.name == "orders" or table.from_lines for table in written):
        names.append("segmentation")
    if "feedback" in cleaned:
        names.append("feedback")
    if "improvements" in cleaned:
        names.append("improvement")
    return tuple(names)


def _check_target(study: Path, folder: Path, *, force: bool) -> None:
    if study.suffix.lower() not in (".yaml", ".yml"):
        raise ParamsError(f"--to names the study to write, a YAML file such as {study.stem or 'study'}.yaml.")
    there = [path.name for path in (study, folder) if path.exists()]
    if there and not force:
        raise ParamsError(
            f"There is {' and '.join(there)} already. Give another name, or --force to write over it."
        )


def _check_rows(written: Sequence[ImportedTable]) -> None:
    """Raise DataError where no row of any file can be used: there is nothing to study."""
    if any(table.accepted for table in written):
        return
    told = [
        f"{count:,} rows of {table.name} rejected ({REASONS[reason].en})"
        for table in written
        for reason, count in table.counts.items()
    ]
    why = "; ".join(told) or "there are only headers"
    raise DataError(
        f"No row can be imported: {why}. `crmlab inspect` shows how much of each column can be read, and "
        "what to say where dates or codes are not understood (--date, --column)."
    )


def _makes_orders(lines: pl.LazyFrame) -> bool:
    return {"customer_id", "ordered_at"} <= set(lines.collect_schema().names())


def _written(
    name: str, raw: pl.LazyFrame, cleaned: Cleaned, folder: Path, *, from_lines: bool
) -> ImportedTable:
    given = raw.collect_schema().names()
    as_delivered(name, cleaned.table, given).write_parquet(folder / f"{name}.parquet")
    if cleaned.rejected.height:
        (folder / "rejected").mkdir(exist_ok=True)
        cleaned.rejected.write_parquet(folder / "rejected" / f"{name}.parquet")
    return ImportedTable(
        name, cleaned.table.height, cleaned.rejected.height, cleaned.counts, f"{name}.parquet", from_lines
    )


def _write_left_out(left_out: Mapping[str, pl.DataFrame], folder: Path) -> None:
    for place, (file, rows) in enumerate(left_out.items(), 1):
        (folder / "left_out").mkdir(exist_ok=True)
        rows.write_parquet(folder / "left_out" / f"{place}-{re.sub(_UNSAFE, '-', Path(file).stem)}.parquet")


def _write_json(path: Path, record: list[dict[str, Any]], written: Sequence[ImportedTable]) -> None:
    tables = [
        {"table": t.name, "accepted": t.accepted, "rejected": t.rejected, "reasons": dict(t.counts)}
        for t in written
    ]
    text = json.dumps({"files": record, "tables": tables}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
