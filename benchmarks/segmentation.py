"""RFM of a million customers, with labels and reasons: ours against pandas and the package ``rfm``.

``python benchmarks/segmentation.py [CUSTOMERS] [--peers PYTHON]``; the default is one million customers
with about five orders each. The peers need pandas and rfm, which crmlab does not: give an interpreter
that has them (``python -m venv peers && peers/bin/pip install 'pandas<3' rfm``, then ``--peers
peers/bin/python``). Everybody starts from the same arrays, in a process of its own, one after the other.

* ours: customer summary, scores, labels, a reason in two languages and a confidence for everybody;
* pandas: what an analyst writes by hand, with the same conventions and one reason in English;
* rfm: the package as its page shows it, which gives labels and no reasons. It breaks ties by the order of
  the rows and counts from the last day in the data.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

TODAY = 20_000
"""The as-of day, in days since 1970-01-01."""


def write(folder: Path, customers: int) -> int:
    """Write the arrays of the orders; return how many."""
    draws = np.random.default_rng(1)
    counts = 1 + draws.poisson(draws.gamma(1.2, 3.5, customers))
    customer = np.repeat(np.arange(customers), counts)
    order = draws.permutation(len(customer))
    np.save(folder / "customer.npy", customer[order])
    np.save(folder / "day.npy", TODAY - draws.integers(0, 720, len(customer)))
    np.save(folder / "amount.npy", draws.integers(100, 99_999, len(customer)))
    return len(customer)


def _arrays(folder: Path) -> tuple[Any, Any, Any]:
    customer, day, amount = (np.load(folder / f"{name}.npy") for name in ("customer", "day", "amount"))
    return customer, day, amount


def ours(folder: Path) -> Callable[[], int]:
    """Return what to time: from orders to labels, reasons and confidence."""
    import narwhals as nw
    import polars as pl

    from crmlab import summary
    from crmlab.registry import classifiers

    customer, day, amount = _arrays(folder)
    orders = pl.DataFrame(
        {
            "customer_id": pl.Series(customer).cast(pl.String),
            "day": pl.Series(day).cast(pl.Int64),
            "amount_hundredths": pl.Series(amount).cast(pl.Int64),
        }
    )
    as_of = date.fromordinal(date(1970, 1, 1).toordinal() + TODAY)

    def run() -> int:
        state = summary.lift(summary.until(nw.from_native(orders.lazy()), as_of))
        features = summary.finish(state, as_of).to_native().collect().sort("customer_id")
        rfm = classifiers["rfm"]().fit(features)
        made = (rfm.predict(features), rfm.explain(features), rfm.confidence(features))
        return len(made[0])

    return run


def pandas(folder: Path) -> Callable[[], int]:
    """Return the same in pandas as it is commonly written."""
    import pandas as pd

    customer, day, amount = _arrays(folder)
    orders = pd.DataFrame({"customer_id": customer.astype(str), "day": day, "amount": amount / 100})
    grid = {
        5: ["New", "Potential Loyalist", "Potential Loyalist", "Champions", "Champions"],
        4: ["Promising", "Potential Loyalist", "Potential Loyalist", "Loyal", "Loyal"],
        3: ["About To Sleep", "About To Sleep", "Need Attention", "Loyal", "Loyal"],
        2: ["Hibernating", "Hibernating", "At Risk", "At Risk", "Can't Lose"],
        1: ["Lost", "Lost", "At Risk", "At Risk", "Can't Lose"],
    }
    names = {(r, f): name for r, row in grid.items() for f, name in enumerate(row, 1)}

    def run() -> int:
        table = orders.groupby("customer_id").agg(
            last=("day", "max"), orders=("day", "size"), spend=("amount", "sum")
        )
        table["days"] = TODAY - table["last"]
        for score, column in (("r", "days"), ("f", "orders"), ("m", "spend")):
            cuts = table[column].quantile([0.2, 0.4, 0.6, 0.8]).to_numpy()
            passed = np.searchsorted(cuts, table[column].to_numpy(), side="left")
            table[score] = 5 - passed if score == "r" else passed + 1
        table["label"] = [names[pair] for pair in zip(table["r"], table["f"], strict=True)]
        table["reason"] = [
            f"last order {days} days ago (R{r}), {orders} orders in all (F{f}), "
            f"total spend {spend:,.2f} (M{m})"
            for days, r, orders, f, spend, m in zip(
                *(table[name] for name in ("days", "r", "orders", "f", "spend", "m")), strict=True
            )
        ]
        return len(table)

    return run


def rfm(folder: Path) -> Callable[[], int]:
    """Return the package ``rfm``, automated."""
    import pandas as pd
    from rfm import RFM

    customer, day, amount = _arrays(folder)
    orders = pd.DataFrame(
        {"customer_id": customer.astype(str), "date": pd.to_datetime(day, unit="D"), "amount": amount / 100}
    )
    return lambda: len(
        RFM(orders, customer_id="customer_id", transaction_date="date", amount="amount").rfm_table
    )


CONTESTANTS = {"ours": ours, "pandas": pandas, "rfm": rfm}


def measure(name: str, folder: Path) -> dict[str, float]:
    """Time one contestant in this process; memory is the peak of the process, in GB."""
    run = CONTESTANTS[name](folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    customers = run()
    return {
        "customers": customers,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "before": before / 1e6,
    }


def main() -> None:
    """Print time and memory of everybody, and the ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("customers", type=int, nargs="?", default=1_000_000)
    options.add_argument("--peers", default=sys.executable, help="interpreter that has pandas and rfm")
    options.add_argument("--only", help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, given.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        orders = write(Path(folder), given.customers)
        print(f"{given.customers:,} customers, {orders:,} orders")
        found: dict[str, dict[str, float]] = {}
        for name in CONTESTANTS:
            python = sys.executable if name == "ours" else given.peers
            command = [python, __file__, "--only", name, "--folder", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name:7} did not run: {done.stderr.strip().splitlines()[-1]}")
                continue
            found[name] = json.loads(done.stdout.splitlines()[-1])
            row = found[name]
            print(
                f"{name:7} {row['wall']:7.2f} s wall {row['cpu']:7.2f} s CPU  peak {row['peak']:.2f} GB "
                f"({row['before']:.2f} GB before it began)"
            )
    for name, row in found.items():
        if name != "ours":
            print(f"{name} took {row['wall'] / found['ours']['wall']:.1f} times our wall time")


if __name__ == "__main__":
    main()
