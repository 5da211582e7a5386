"""Orders of any size: our features and RFM against pandas, polars, DuckDB and the bare scan of the columns.

``python benchmarks/scale.py [--rows 1000000 10000000] [--only NAME …] [--peers PYTHON] [--folder FOLDER]``

Generated orders of two years (24 Parquet files, in the order of time; gamma-distributed rates, 2 % refunds,
6 channels, 20 categories by Zipf's law) of one customer per ten rows, of whom one in seven never orders. Each
contender is a process of its own with the same memory budget (``--memory``, MiB), one after the other; it
prints seconds of wall and CPU, the peak of its memory, and its ratio of both to ``scan``, the physical limit.
100000000 rows take 1.1 GB of disk for the data, 2 GB for the store, and some minutes.

* ``scan`` reads the five columns (customer, time, amount, channel, category), ``scan-rfm`` the three that RFM
  needs: decoded by polars, and one number made of each (a sum, the latest, the bytes of texts);
* ``rfm`` is ours from Parquet: the least state, exact cut points, scores and labels, as a frame in memory;
  the ids are whole numbers, which need no hashing;
* ``features`` are our 31 features with RFM, from Parquet to Parquet, counters packed;
* ``ingest`` is ours: cleaned, counted, in buckets, once; ``store`` its 31 features with RFM as Parquet,
  ``store-rfm`` the summary without windows, channels and categories;
* ``restate`` makes the state of everybody, with the gaps between purchases, from the same files; ``full``
  goes on to what ``crmlab summarise`` writes of it: a full run without a store, its input taken as clean.
  ``summary`` is ``crmlab summarise`` of the store, ``state`` makes and keeps the state of its sorted rows;
* ``increment`` adds 1 % new rows to store and state: cleaned, checked for orders already there, and kept;
  ``increment-late`` the same with one row in a hundred dated within the history; ``today`` is ``summary``
  after it, from the state;
* ``twelve`` are twelve runs of ``summary``, as of twelve month ends; ``snapshots`` are the same twelve at
  once. What ``increment``, ``today`` and ``snapshots`` spare is printed last, against each way of doing
  without them;
* ``polars``, ``duckdb``, ``pandas``: 31 features as one writes them by hand, from the same files to Parquet;
* ``lifetimes``, ``pymc``: the summaries of these packages, given a frame of pandas that is read beforehand
  (its reading is not timed). They need an interpreter that has them: ``--peers PYTHON``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

AS_OF = date(2025, 12, 31)
TODAY = (AS_OF - date(1970, 1, 1)).days
MONTHS = 24
CHANNELS = ("store", "web", "app", "wechat", "phone", "marketplace")
CATEGORIES = tuple(f"cat{number:02}" for number in range(20))
CUTS = ("recency", "n", "spend")

Timed = Callable[[], int]


def generate(folder: Path, rows: int) -> None:
    """Write the orders, month by month."""
    import numpy as np
    import polars as pl

    folder.mkdir(parents=True)
    rate = np.random.default_rng(1).gamma(0.7, 1 / 0.7, round(rows / 10))
    shares = np.cumsum(rate / rate.sum())
    channels = np.cumsum([0.3, 0.25, 0.2, 0.12, 0.05, 0.08])
    categories = np.cumsum(1 / np.arange(1, len(CATEGORIES) + 1))
    categories /= categories[-1]
    start = int(np.datetime64("2024-01-01", "us").astype(np.int64))
    step = 731 * 86_400 * 10**6 // MONTHS
    written = 0
    for month in range(MONTHS):
        draws = np.random.default_rng((1, month))
        size = rows * (month + 1) // MONTHS - rows * month // MONTHS
        moment = np.sort(draws.integers(start + month * step, start + (month + 1) * step, size))
        amount = np.round(np.exp(draws.normal(8.5, 1, size))).astype(np.int64) + 1
        amount[draws.random(size) < 0.02] *= -1
        places = (
            np.searchsorted(upto, draws.random(size)).clip(0, len(upto) - 1)
            for upto in (channels, categories)
        )
        channel, category = places
        pl.DataFrame(
            {
                "customer_id": np.searchsorted(shares, draws.random(size)).clip(0, len(shares) - 1),
                "order_id": np.arange(written, written + size),
                "ordered_at": pl.Series(moment).cast(pl.Datetime("us", "UTC")),
                "amount_hundredths": amount,
                "channel": pl.Series(CHANNELS).gather(channel),
                "category": pl.Series(CATEGORIES).gather(category),
            }
        ).write_parquet(folder / f"month-{month:02}.parquet")
        written += size


def scan(data: Path, work: Path, names: tuple[str, ...] = ("channel", "category")) -> Timed:
    """Read the columns and make one number of each."""
    import polars as pl

    def run() -> int:
        lazy = pl.scan_parquet(data / "*.parquet")
        sums = [pl.col("customer_id").sum(), pl.col("amount_hundredths").sum(), pl.col("ordered_at").max()]
        texts = [pl.col(name).str.len_bytes().sum() for name in names]
        found = lazy.select(*sums, *texts, rows=pl.len())
        return int(found.collect(engine="streaming")["rows"].item())

    return run


def scan_rfm(data: Path, work: Path) -> Timed:
    """Read what RFM needs."""
    return scan(data, work, ())


def _day() -> Any:
    """Return the days since 1970-01-01 in UTC, as an expression of polars."""
    import polars as pl

    return pl.col("ordered_at").to_physical() // (86_400 * 10**6)


def rfm(data: Path, work: Path) -> Timed:
    """Label everybody, from Parquet."""
    import narwhals as nw
    import polars as pl

    from crmlab.aggregates import rfm as ours

    def run() -> int:
        orders = pl.scan_parquet(data / "*.parquet").select("customer_id", "amount_hundredths", day=_day())
        return ours.of_orders(nw.from_native(orders), AS_OF).height

    return run


def features(data: Path, work: Path) -> Timed:
    """Write the 31 features with RFM, from Parquet."""
    import narwhals as nw
    import polars as pl

    from crmlab.aggregates import customers, packed
    from crmlab.aggregates import rfm as labels
    from crmlab.aggregates.layout import Layout

    layout = Layout(CHANNELS, CATEGORIES, gaps=False)

    def run() -> int:
        orders = pl.scan_parquet(data / "*.parquet").with_columns(day=_day())
        state = nw.from_native(packed.lift(orders, layout, AS_OF).lazy())
        made = customers.finish(state, layout, AS_OF).to_native().collect()
        labelled = labels.label(made, labels.classifier(labels.cut_points(state, AS_OF)))
        labelled.write_parquet(work / "features.parquet")
        return labelled.height

    return run


def ingest(data: Path, work: Path) -> Timed:
    """Bring the orders into a store."""
    import polars as pl

    from crmlab.aggregates.ingest import ingest as bring_in

    def run() -> int:
        given = pl.scan_parquet(data / "*.parquet").with_columns(amount=pl.col("amount_hundredths") / 100)
        delivered = given.drop("amount_hundredths").rename({"category": "product"})
        shutil.rmtree(work / "store", ignore_errors=True)
        return int(bring_in(delivered, work / "store", time_zone="UTC").manifest["customers"])

    return run


def store(data: Path, work: Path) -> Timed:
    """Write the 31 features of a store, with RFM."""
    from crmlab.aggregates.store import Store
    from crmlab.aggregates.summarise import summarise

    def run() -> int:
        opened = Store.open(work / "store")
        folder = summarise(opened, work / "features", AS_OF, opened.layout(gaps=False))
        return int(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["customers"])

    shutil.rmtree(work / "features", ignore_errors=True)
    return run


def store_rfm(data: Path, work: Path) -> Timed:
    """Write what RFM needs of a store, with scores and labels."""
    from crmlab.aggregates.layout import Layout
    from crmlab.aggregates.store import Store
    from crmlab.aggregates.summarise import summarise

    def run() -> int:
        opened, plain = Store.open(work / "store"), Layout(windows=(), gaps=False)
        folder = summarise(opened, work / "labels", AS_OF, plain)
        return int(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["customers"])

    shutil.rmtree(work / "labels", ignore_errors=True)
    return run


def restate(data: Path, work: Path) -> Timed:
    """Make the state of everybody from Parquet, and write it."""
    from crmlab.aggregates.layout import Layout

    def run() -> int:
        state = _lifted(data, Layout(CHANNELS, CATEGORIES))
        state.write_ipc(work / "state.arrow")
        return state.height

    return run


def full(data: Path, work: Path) -> Timed:
    """Write the features with gaps and RFM, from Parquet to Parquet."""
    import narwhals as nw

    from crmlab.aggregates import customers, rfm
    from crmlab.aggregates.layout import Layout

    layout = Layout(CHANNELS, CATEGORIES)

    def run() -> int:
        state = nw.from_native(_lifted(data, layout, AS_OF).lazy())
        made = customers.finish(state, layout, AS_OF).to_native().collect()
        labelled = rfm.label(made, rfm.classifier(rfm.cut_points(state, AS_OF)))
        labelled.write_parquet(work / "full.parquet", compression="lz4")
        return labelled.height

    return run


def _lifted(data: Path, layout: Any, as_of: date | None = None) -> Any:
    import polars as pl

    from crmlab.aggregates import packed

    day = pl.col("ordered_at").dt.date().cast(pl.Int32).cast(pl.Int64)
    return packed.lift(pl.scan_parquet(data / "*.parquet").with_columns(day=day), layout, as_of)


def summary(data: Path, work: Path, as_of: date = AS_OF) -> Timed:
    """Write what ``crmlab summarise`` does."""
    from crmlab.aggregates.store import Store
    from crmlab.aggregates.summarise import summarise

    shutil.rmtree(work / "summary", ignore_errors=True)

    def run() -> int:
        folder = summarise(Store.open(work / "store"), work / "summary", as_of)
        return int(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["customers"])

    return run


def today(data: Path, work: Path) -> Timed:
    """Write the same as of the day of the last order."""
    from crmlab.aggregates.store import Store

    last = Store.open(work / "store").manifest["last_day"]
    return summary(data, work, date(1970, 1, 1) + timedelta(last))


def state(data: Path, work: Path) -> Timed:
    """Make the state of a store, and keep it."""
    from crmlab.aggregates.kept import begin
    from crmlab.aggregates.store import Store

    return lambda: int(begin(Store.open(work / "store")).manifest["customers"])


def increment(data: Path, work: Path, late: int = 0) -> Timed:
    """Add 1 % new rows, one in ``late`` of them dated within the history, to a store and its state."""
    import polars as pl

    from crmlab.aggregates.increments import append
    from crmlab.aggregates.store import Store

    said = Store.open(work / "store").manifest
    orders = pl.scan_parquet(sorted(data.glob("*.parquet"))[-1])
    rows = orders.select(pl.len()).collect().item()
    new = (
        orders.with_row_index("row")
        .filter(pl.col("row") * MONTHS % 100 < MONTHS)
        .head(rows * MONTHS // 100)
        .with_columns(
            order_id=said["rows"] + pl.int_range(pl.len()), amount=pl.col("amount_hundredths") / 100
        )
        .with_columns(
            ordered_at=pl.when(pl.lit(late > 0) & (pl.int_range(pl.len()) % max(late, 1) == 0))
            .then("ordered_at")
            .otherwise(pl.lit(said["last_day"] + 1).cast(pl.Date).cast(pl.Datetime("us", "UTC")))
        )
        .drop("amount_hundredths", "row")
        .rename({"category": "product"})
    )
    new.sink_parquet(work / "today.parquet")
    return lambda: append(work / "store", pl.scan_parquet(work / "today.parquet")).customers


def increment_late(data: Path, work: Path) -> Timed:
    """Add 1 % new rows, one in a hundred of them late."""
    return increment(data, work, 100)


def twelve(data: Path, work: Path) -> Timed:
    """Write the features as of twelve days, one after the other."""
    from crmlab.aggregates.snapshots import month_ends
    from crmlab.aggregates.store import Store
    from crmlab.aggregates.summarise import summarise

    shutil.rmtree(work / "twelve", ignore_errors=True)

    def run() -> int:
        opened = Store.open(work / "store")
        for day in month_ends(AS_OF, 12):
            summarise(opened, work / "twelve" / day.isoformat(), day)
        return 12

    return run


def snapshots(data: Path, work: Path) -> Timed:
    """Write the features as of twelve days at once."""
    from crmlab.aggregates.snapshots import month_ends
    from crmlab.aggregates.snapshots import snapshots as write
    from crmlab.aggregates.store import Store

    shutil.rmtree(work / "snapshots", ignore_errors=True)

    def run() -> int:
        opened = Store.open(work / "store")
        write(opened, work / "snapshots", month_ends(AS_OF, 12))
        return 12

    return run


def polars(data: Path, work: Path) -> Timed:
    """Write the features as one does by hand in lazy polars."""
    import polars as pl

    amount, day = pl.col("amount_hundredths"), pl.col("day")
    paid = amount > 0

    def run() -> int:
        orders = pl.scan_parquet(data / "*.parquet").with_columns(
            day=pl.col("ordered_at").dt.date().cast(pl.Int32).cast(pl.Int64)
        )
        made = orders.group_by("customer_id").agg(
            n=paid.sum(),
            refunds=(amount < 0).sum(),
            spend=amount.sum(),
            largest=amount.filter(paid).max(),
            smallest=amount.filter(paid).min(),
            first=day.filter(paid).min(),
            last=day.filter(paid).max(),
            categories=pl.col("category").n_unique(),
            **{f"channel_{name}": (paid & (pl.col("channel") == name)).sum() for name in CHANNELS},
            **{f"category_{name}": (paid & (pl.col("category") == name)).sum() for name in CATEGORIES[:5]},
            **{f"spend_{days}": amount.filter(day > TODAY - days).sum() for days in (30, 90, 365)},
        )
        made = made.with_columns(
            recency=TODAY - pl.col("last"),
            tenure=TODAY - pl.col("first"),
            average=pl.col("spend") / pl.col("n"),
            gap=(pl.col("last") - pl.col("first")) / (pl.col("n") - 1),
        )
        scores = [
            (pl.col(name).rank("ordinal", descending=name == "recency") * 5 / (pl.len() + 1)).floor() + 1
            for name in CUTS
        ]
        made = made.with_columns(score.alias(name) for name, score in zip("rfm", scores, strict=True))
        best = (pl.col("r") == 5) & (pl.col("f") >= 4)
        made = made.with_columns(label=pl.when(best).then(pl.lit("champions")).otherwise(pl.lit("other")))
        made.sink_parquet(work / "polars.parquet")
        return int(pl.scan_parquet(work / "polars.parquet").select(pl.len()).collect().item())

    return run


def duckdb(data: Path, work: Path) -> Timed:
    """Write the features in SQL."""
    import duckdb as engine

    a, d = "amount_hundredths", "day"
    counted = [
        f"count(*) FILTER (WHERE {a} > 0 AND {column} = '{name}') AS {column}_{name}"
        for column, names in (("channel", CHANNELS), ("category", CATEGORIES[:5]))
        for name in names
    ]
    spends = [f"sum({a}) FILTER (WHERE {d} > {TODAY - days}) AS spend_{days}" for days in (30, 90, 365)]
    orders = f"SELECT *, epoch_us(ordered_at) // 86400000000 AS day FROM read_parquet('{data}/*.parquet')"
    made = (
        f"SELECT customer_id, count(*) FILTER (WHERE {a} > 0) AS n, "
        f"count(*) FILTER (WHERE {a} < 0) AS refunds, sum({a})::BIGINT AS spend, "
        f"max({a}) FILTER (WHERE {a} > 0) AS largest, "
        f"min({a}) FILTER (WHERE {a} > 0) AS smallest, min({d}) FILTER (WHERE {a} > 0) AS first_day, "
        f"max({d}) FILTER (WHERE {a} > 0) AS last_day, count(DISTINCT category) AS categories, "
        f"{', '.join([*counted, *spends])} FROM ({orders}) GROUP BY customer_id"
    )
    scored = (
        f"SELECT *, {TODAY} - last_day AS recency, {TODAY} - first_day AS tenure, spend / n AS average, "
        "(last_day - first_day) / nullif(n - 1, 0) AS gap, ntile(5) OVER (ORDER BY last_day) AS r, "
        f"ntile(5) OVER (ORDER BY n) AS f, ntile(5) OVER (ORDER BY spend) AS m FROM ({made})"
    )
    labelled = (
        f"SELECT *, CASE WHEN r = 5 AND f >= 4 THEN 'champions' ELSE 'other' END AS label FROM ({scored})"
    )

    def run() -> int:
        connection = engine.connect()
        connection.execute(f"SET memory_limit = '{os.environ['CRMLAB_MEMORY_MB']}MiB'")
        connection.execute(f"SET temp_directory = '{work / 'spill'}'; SET preserve_insertion_order = false")
        connection.execute(f"COPY ({labelled}) TO '{work / 'duckdb.parquet'}' (FORMAT parquet)")
        found = connection.execute(f"SELECT count(*) FROM '{work / 'duckdb.parquet'}'").fetchone()
        return int(found[0]) if found else 0

    return run


def pandas(data: Path, work: Path) -> Timed:
    """Write the features in pandas."""
    import pandas as pd

    def run() -> int:
        orders = _frame(data, ["customer_id", "ordered_at", "amount_hundredths", "channel", "category"])
        amount = orders["amount_hundredths"]
        paid = amount > 0
        day = (orders["ordered_at"] - pd.Timestamp("1970-01-01", tz="UTC")).dt.days
        rows = pd.DataFrame(
            {"customer_id": orders["customer_id"], "n": paid, "refunds": amount < 0, "spend": amount}
        )
        for name in CHANNELS:
            rows[f"channel_{name}"] = paid & (orders["channel"] == name)
        for name in CATEGORIES[:5]:
            rows[f"category_{name}"] = paid & (orders["category"] == name)
        for days in (30, 90, 365):
            rows[f"spend_{days}"] = amount.where(day > TODAY - days, 0)
        made = rows.groupby("customer_id").sum()
        bought = pd.DataFrame({"customer_id": orders["customer_id"], "amount": amount, "day": day})[paid]
        extremes = bought.groupby("customer_id").agg(
            largest=("amount", "max"), smallest=("amount", "min"), first=("day", "min"), last=("day", "max")
        )
        made = made.join(extremes)
        made["categories"] = orders.groupby("customer_id")["category"].nunique()
        made["recency"], made["tenure"] = TODAY - made["last"], TODAY - made["first"]
        made["average"] = made["spend"] / made["n"]
        made["gap"] = (made["last"] - made["first"]) / (made["n"] - 1)
        for score, name in zip("rfm", CUTS, strict=True):
            ranks = made[name].rank(method="first", ascending=name != "recency")
            made[score] = pd.qcut(ranks, 5, labels=False) + 1
        best = (made["r"] == 5) & (made["f"] >= 4)
        made["label"] = best.map({True: "champions", False: "other"})
        made.reset_index().to_parquet(work / "pandas.parquet")
        return len(made)

    return run


def lifetimes(data: Path, work: Path) -> Timed:
    """Return the summary of lifetimes, which has four numbers per customer."""
    from lifetimes.utils import summary_data_from_transaction_data

    orders = _frame(data, ["customer_id", "ordered_at", "amount_hundredths"])
    orders["ordered_at"] = orders["ordered_at"].dt.tz_localize(None)

    def run() -> int:
        return len(
            summary_data_from_transaction_data(
                orders, "customer_id", "ordered_at", "amount_hundredths", observation_period_end=AS_OF
            )
        )

    return run


def pymc(data: Path, work: Path) -> Timed:
    """Return the summary of pymc-marketing, which has the same four."""
    from pymc_marketing.clv import rfm_summary

    orders = _frame(data, ["customer_id", "ordered_at", "amount_hundredths"])
    orders["ordered_at"] = orders["ordered_at"].dt.tz_localize(None)

    def run() -> int:
        return len(
            rfm_summary(
                orders, "customer_id", "ordered_at", "amount_hundredths", observation_period_end=str(AS_OF)
            )
        )

    return run


def _frame(data: Path, columns: list[str]) -> Any:
    import pandas as pd

    return pd.concat(
        [pd.read_parquet(path, columns=columns) for path in sorted(data.glob("*.parquet"))], ignore_index=True
    )


CONTENDERS = {
    "scan": scan,
    "scan-rfm": scan_rfm,
    "rfm": rfm,
    "features": features,
    "ingest": ingest,
    "store": store,
    "store-rfm": store_rfm,
    "restate": restate,
    "full": full,
    "summary": summary,
    "twelve": twelve,
    "snapshots": snapshots,
    "state": state,
    "increment": increment,
    "today": today,
    "increment-late": increment_late,
    "polars": polars,
    "duckdb": duckdb,
    "pandas": pandas,
    "lifetimes": lifetimes,
    "pymc": pymc,
}
_PEERS = ("lifetimes", "pymc")
_AGAINST = (
    (("increment",), {"restate": 1}),
    (("increment",), {"ingest": 1, "state": 1}),
    (("increment",), {"state": 1}),
    (("increment-late",), {"restate": 1}),
    (("increment", "today"), {"full": 1}),
    (("increment", "today"), {"ingest": 1, "summary": 1}),
    (("snapshots",), {"full": 12}),
    (("ingest", "snapshots"), {"ingest": 12, "twelve": 1}),
    (("snapshots",), {"twelve": 1}),
)
"""Contenders, and what they spare: other contenders → how often these run."""


def measure(name: str, data: Path, work: Path) -> None:
    """Time one contender in this process, twice where it is quick; print what it took as JSON."""
    if name not in _PEERS:
        from crmlab import memory

        memory.claim()
    best: dict[str, float] = {}
    for _ in range(2 if name.startswith(("scan", "rfm")) else 1):
        run = CONTENDERS[name](data, work)
        wall, cpu = time.perf_counter(), time.process_time()
        customers = run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if not best or wall < best["wall"]:
            best = {"wall": wall, "cpu": cpu, "rows": customers}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({**best, "mb": peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)}))


def compare(rows: int, options: argparse.Namespace, folder: Path) -> None:
    """Generate orders and run the contenders one after the other."""
    data, work = folder / f"orders-{rows}", folder / f"work-{rows}"
    if not data.exists():
        generate(data, rows)
    work.mkdir(exist_ok=True)
    print(f"\n{rows:,} rows, memory budget {options.memory:,} MiB")
    print(f"{'':10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'wall/scan':>10} {'CPU/scan':>9}   results")
    limit: dict[str, float] = {}
    found: dict[str, dict[str, float]] = {}
    for name in options.only or CONTENDERS:
        python = options.peers if options.peers and name in _PEERS else sys.executable
        told = subprocess.run(
            [python, __file__, "--measure", name, str(data), str(work)],
            env={
                **os.environ,
                "CRMLAB_MEMORY_MB": str(options.memory),
                "POLARS_OOC_MEMORY_BUDGET_MB": str(options.memory),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode:
            last = (told.stderr.strip().splitlines() or [f"exit code {told.returncode}"])[-1]
            print(f"{name:10} not run: {last}")
            continue
        took = json.loads(told.stdout.splitlines()[-1])
        limit = limit or took
        found[name] = took
        ratios = f"{took['wall'] / limit['wall']:10.1f} {took['cpu'] / limit['cpu']:9.1f}"
        print(
            f"{name:10} {took['wall']:8.2f} {took['cpu']:8.2f} {took['mb']:8.0f} {ratios}   {took['rows']:,}",
            flush=True,
        )
    for names, spared in _AGAINST:
        if {*names, *spared} <= set(found):
            wall, cpu = (
                sum(times * found[other][kind] for other, times in spared.items())
                / sum(found[name][kind] for name in names)
                for kind in ("wall", "cpu")
            )
            full = " + ".join(f"{times} × {other}" for other, times in spared.items())
            print(f"{' + '.join(names)}: {wall:.1f} times as fast as {full} (CPU {cpu:.1f})")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, help="the first is what ratios are of")
    parser.add_argument("--peers", help="interpreter that has lifetimes or pymc-marketing")
    parser.add_argument("--memory", type=int, default=2048, help="MiB; 512 is the aim at 100 million rows")
    parser.add_argument("--folder", type=Path, help="keep data and results here")
    parser.add_argument("--measure", nargs=3, metavar=("NAME", "DATA", "WORK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, data, work = options.measure
        measure(name, Path(data), Path(work))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for rows in options.rows:
            compare(rows, options, folder)


if __name__ == "__main__":
    main()
