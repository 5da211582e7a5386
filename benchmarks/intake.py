"""What strictness costs: a CSV of orders read, typed, checked and counted, against a plain polars read.

Run ``python benchmarks/intake.py [ROWS]``; the default is one million orders. Both run in the same
process, the best of three each; polars infers the types, parses the dates, and checks nothing.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from crmlab.data.tables import TableStore
from crmlab.registry import sources

ROUNDS = 3


def _write(path: Path, rows: int) -> None:
    """Write orders as a shop's export has them: Chinese headers, local times, two decimals."""
    draws = np.random.default_rng(1)
    seconds = pl.Series(draws.integers(1_640_995_200, 1_719_000_000, rows)).cast(pl.Int64)
    pl.DataFrame(
        {
            "订单号": pl.Series(range(rows)).cast(pl.String).str.zfill(12),
            "客户编号": pl.Series(draws.integers(0, rows // 8 + 1, rows)).cast(pl.String).str.zfill(8),
            "下单时间": pl.from_epoch(seconds, time_unit="s").dt.to_string("%Y-%m-%d %H:%M:%S"),
            "订单金额": pl.Series(draws.integers(100, 99_999, rows) / 100).round(2).cast(pl.String),
            "订单状态": pl.Series(draws.choice(["已完成", "已取消"], rows, p=[0.95, 0.05])),
        }
    ).write_csv(path)


def _crmlab(path: Path) -> int:
    source = sources["files"].from_params({"files": {"orders": {"path": str(path)}}})
    return TableStore([source], date(2024, 6, 30), "Asia/Shanghai")["orders"].height


def _polars(path: Path) -> int:
    return pl.read_csv(path, try_parse_dates=True).height


def _best(run: Callable[[Path], int], path: Path) -> tuple[float, float]:
    """Return the least wall and CPU seconds of a few rounds."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        run(path)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def main() -> None:
    """Print the times and their ratio."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.csv"
        _write(path, rows)
        size = path.stat().st_size / 1e6
        ours, theirs = _best(_crmlab, path), _best(_polars, path)
    print(f"{rows:,} orders, {size:.0f} MB of CSV; best of {ROUNDS}")
    print(f"crmlab  {ours[0]:6.2f} s wall  {ours[1]:6.2f} s CPU  (read, typed, checked, counted)")
    print(f"polars  {theirs[0]:6.2f} s wall  {theirs[1]:6.2f} s CPU  (read and typed)")
    print(f"ratio   {ours[0] / theirs[0]:6.2f}         {ours[1] / theirs[1]:6.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
