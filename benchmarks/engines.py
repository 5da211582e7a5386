"""What every registered feature costs on each engine: seconds, CPU seconds and peak memory.

The tables of the generated company; each engine in a process of its own, its tables sent there before the
clock starts. Sail, which needs no JVM, stands in for a cluster: its work is done in the same process.

    .venv/bin/python benchmarks/engines.py [--customers 20000] [--each]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ENGINES = ("polars", "duckdb", "sail")
AS_OF = "2024-12-31"
_SERVERS: list[Any] = []


def main() -> None:
    """Make the tables, compute all features on each engine, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--each", action="store_true", help="print every feature")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        print(json.dumps(costs(options.engine, options.folder)))
        return
    with TemporaryDirectory() as folder:
        orders = write_tables(Path(folder), options.customers)
        print(f"{os.cpu_count()} cores, {orders:,} orders, every registered feature")
        print(f"{'':<24}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}")
        for engine in ENGINES:
            command = [sys.executable, __file__, "--engine", engine, "--folder", folder]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            rows = {engine: found["all"]} | (found["each"] if options.each else {})
            for name, (wall, cpu) in rows.items():
                peak = f"{found['peak']:>10.0f}" if name == engine else ""
                print(f"{name:<24}{wall:>10.2f}{cpu:>10.2f}{peak}")


def write_tables(folder: Path, customers: int) -> int:
    """Write the tables of the generated company with their days; return the number of orders."""
    import crmlab
    from crmlab.data.days import with_days

    lab = crmlab.open(data=[{"source": "sample", "customers": customers}], as_of=AS_OF)
    for name, table in lab.tables.items():
        with_days(name, table.lazy(), lab.study.timezone).sink_parquet(folder / f"{name}.parquet")
    return lab.tables["orders"].height


def costs(name: str, folder: Path) -> dict[str, Any]:
    """Return what all features, and each, cost on an engine: seconds and CPU seconds."""
    from datetime import date

    import polars as pl

    from crmlab import registry

    engine = _opened(name)
    sent = {path.stem: engine.from_polars(pl.scan_parquet(path)) for path in sorted(folder.glob("*.parquet"))}
    each = {}
    for feature in (registry.features[known]() for known in registry.features):
        used = [table for table in (*feature.tables, *feature.optional_tables) if table in sent]
        start, before = time.perf_counter(), time.process_time()
        engine.to_polars(feature.build({table: sent[table] for table in used}, date.fromisoformat(AS_OF)))
        each[type(feature).__name__] = (time.perf_counter() - start, time.process_time() - before)
        engine.release()
    together = [sum(figures) for figures in zip(*each.values(), strict=True)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"all": together, "each": each, "peak": peak}


def _opened(name: str) -> Any:
    from crmlab.engines import opened

    if name != "sail":
        return opened(name)
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(port=0)
    server.start(background=True)
    _SERVERS.append(server)  # which ends with its object
    return opened("spark", {"remote": "sc://{}:{}".format(*server.listening_address)})


if __name__ == "__main__":
    main()
