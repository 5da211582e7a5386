"""Lifetime value: ours against the package lifetimes 0.11.3, in CPU seconds of the same run.

``python benchmarks/clv.py [--peers PYTHON] [--only TASK …] [--repeats 2]``. The peer needs lifetimes and
pandas, which crmlab does not: give an interpreter that has them (``python -m venv peers && peers/bin/pip
install lifetimes==0.11.3 'pandas<3'``, then ``--peers peers/bin/python``). Without, ours alone is timed.

Everybody gets the same simulated customers: BG/NBD with r = .243, alpha = 4.414 weeks, a = .793, b = 2.426
(Fader, Hardie & Lee 2005), aged 4 to 104 weeks. Each measurement is a process of its own with one thread
that repeats the task for four CPU seconds, so that both sides see the machine's quick and slow spells alike;
ours and the peer's alternate, and the smallest CPU time of each counts: it is what the machine can do. A
task of minutes is measured once.

``…weighted`` hands the peer customers that were collapsed by hand to unique histories with weights, the
collapsing not counted: what a careful user of it does. Ours collapses by itself, within its time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Result = dict[str, Any]
DAY_OF_END = 19_000
ENOUGH = 4.0
"""A process repeats a task until it has spent so many CPU seconds."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


class Task(NamedTuple):
    """What is timed: how many customers or rows, in which unit, and the least ratio that is expected."""

    kind: str
    size: int
    unit: str = "day"
    least: float | None = None
    slow: bool = False


TASKS = {
    "bg-nbd 1M weekly": Task("bg", 1_000_000, "week", 200),
    "bg-nbd 1M daily": Task("bg", 1_000_000, "day", 100),
    "bg-nbd 1M weekly, peer weighted": Task("bg_weighted", 1_000_000, "week"),
    "bg-nbd 1M daily, peer weighted": Task("bg_weighted", 1_000_000, "day"),
    "pareto-nbd 100k weekly": Task("pareto", 100_000, "week", 500, slow=True),
    "pareto-nbd 100k daily": Task("pareto", 100_000, "day", 200, slow=True),
    "pareto-nbd 1M weekly, ours alone": Task("pareto_alone", 1_000_000, "week"),
    "pareto-nbd 1M daily, ours alone": Task("pareto_alone", 1_000_000, "day"),
    "gamma-gamma 1M": Task("spend", 1_000_000, "day", 40),
    "clv of 12 months 1M": Task("clv", 1_000_000, "day", 150),
    "summary of 1M orders": Task("summary", 1_000_000, "day", 25),
    "summary of 5M orders": Task("summary", 5_000_000, "day", 25),
    "orders to CLV per customer, 5M orders, ours alone": Task("end_to_end", 5_000_000),
    "the same by the plugins: text ids, intervals": Task("plugins", 5_000_000),
}


def write_customers(folder: Path, customers: int) -> None:
    """Write histories in whole days and in whole weeks, and the average repeat purchase."""
    draws = np.random.default_rng(1)
    rate = draws.gamma(0.243, 1 / 4.414, customers)
    leaves = draws.beta(0.793, 2.426, customers)
    age = draws.uniform(4, 104, customers)
    x, last, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    active = np.arange(customers)
    while active.size:
        now[active] += draws.exponential(1 / np.maximum(rate[active], 1e-12))
        active = active[now[active] <= age[active]]
        x[active] += 1
        last[active] = now[active]
        active = active[draws.random(active.size) >= leaves[active]]
    for unit, per_week in (("day", 7), ("week", 1)):
        total = np.ceil(age * per_week)
        recency = np.where(x > 0, np.clip(np.ceil(last * per_week), np.minimum(x, total), total), 0)
        np.save(folder / f"{unit}.npy", np.stack([np.minimum(x, recency), recency, total]).astype(np.int32))
    scale = draws.gamma(3.74, 1 / 15.44, customers)
    average = draws.gamma(6.25 * np.maximum(x, 1)) / (scale * np.maximum(x, 1))
    np.save(folder / "average.npy", np.where(x > 0, average, 0.0))


def write_orders(folder: Path, orders: int) -> None:
    """Write the orders of 0.4 times as many customers, in no order."""
    draws = np.random.default_rng(2)
    np.save(folder / f"customer{orders}.npy", draws.integers(0, max(2 * orders // 5, 1), orders))
    np.save(folder / f"on{orders}.npy", (DAY_OF_END - draws.integers(0, 730, orders)).astype(np.int32))
    np.save(folder / f"amount{orders}.npy", draws.integers(100, 99_999, orders))


def _histories(task: Task, folder: Path) -> tuple[Any, Any, Any]:
    x, recency, total = np.load(folder / f"{task.unit}.npy")[:, : task.size]
    return x, recency, total


def _repeat_buyers(task: Task, folder: Path) -> tuple[Any, Any]:
    """Return the repeats and the average of each repeat buyer."""
    x, average = _histories(task, folder)[0], np.load(folder / "average.npy")
    return x[x > 0].astype(float), average[x > 0]


def _orders(task: Task, folder: Path) -> tuple[Any, Any, Any]:
    customer, on, amount = (
        np.load(folder / f"{name}{task.size}.npy") for name in ("customer", "on", "amount")
    )
    return customer, on, amount


def ours(task: Task, folder: Path) -> Callable[[], Result]:
    """Return what to time of ours; imports and reading come before."""
    import scipy.special

    from crmlab_plugins.lifetime.bg_nbd import BgNbd
    from crmlab_plugins.lifetime.fitting import fit
    from crmlab_plugins.lifetime.histories import summarise
    from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess

    scipy.special.gammaln(1.0)
    if task.kind in ("bg", "bg_weighted", "pareto", "pareto_alone"):
        process = BgNbd if task.kind.startswith("bg") else ParetoNbdProcess
        history = _histories(task, folder)

        def estimate() -> Result:
            found = fit(process, *history)
            return {
                "log_likelihood": found.log_likelihood,
                "parameters": found.process.values.tolist(),
                "errors": found.standard_errors.tolist(),
            }

        return estimate
    if task.kind == "spend":
        from crmlab_plugins.lifetime.spend import maximum

        counts, averages = _repeat_buyers(task, folder)

        def spend() -> Result:
            found = maximum(counts, averages)
            return {"log_likelihood": found.value, "parameters": np.exp(found.estimate).tolist()}

        return spend
    if task.kind == "clv":
        from crmlab_plugins.lifetime.discounting import weighted, weighted_purchases
        from crmlab_plugins.lifetime.spend import GammaGamma

        history = tuple(values.astype(float) for values in _histories(task, folder))
        average = np.load(folder / "average.npy")
        process, spending = (
            BgNbd(r=0.243, alpha=30.898, a=0.793, b=2.426),
            GammaGamma(p=6.25, q=3.74, v=15.44),
        )

        def value() -> Result:
            months = np.arange(1.0, 13)  # as lifetimes counts: 30 days, discounted from the end of each
            weights = weighted(1.01**-months)[None]
            purchases = weighted_purchases(process, history, 30 * months, weights)[0]
            return {"values": purchases * spending.expected_average(history[0], average)}

        return value
    customer, on, amount = _orders(task, folder)
    if task.kind == "summary":

        def summary() -> Result:
            found = summarise(customer, on, amount, DAY_OF_END)
            average = np.nan_to_num(found.average)
            return {
                "sums": [int(found.x.sum()), int(found.t_x.sum()), int(found.T.sum()), float(average.sum())]
            }

        return summary
    return _by_plugins(customer, on, amount) if task.kind == "plugins" else _by_arrays(customer, on, amount)


def _by_arrays(customer: Any, on: Any, amount: Any) -> Callable[[], Result]:
    """Return the way from orders to a value per customer in arrays: summary, two fits, twelve months."""
    from crmlab_plugins.lifetime.discounting import schedule, weighted, weighted_purchases
    from crmlab_plugins.lifetime.fitting import fit
    from crmlab_plugins.lifetime.histories import summarise
    from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess
    from crmlab_plugins.lifetime.spend import GammaGamma, maximum

    def everything() -> Result:
        found = summarise(customer, on, amount, DAY_OF_END)
        history = tuple(values.astype(float) for values in (found.x, found.t_x, found.T))
        process = fit(ParetoNbdProcess, found.x, found.t_x, found.T).process
        average = np.nan_to_num(found.average)
        repeat = average > 0
        estimate = maximum(history[0][repeat], average[repeat]).estimate
        spending = GammaGamma.of(np.exp(estimate)).expected_average(history[0], average)
        ends, factors = schedule(365, 0.1)
        values = weighted_purchases(process, history, ends, weighted(factors)[None])[0] * spending
        return {"customers": values.size, "total": float(values.sum())}

    return everything


def _by_plugins(customer: Any, on: Any, amount: Any) -> Callable[[], Result]:
    """Return the same as a study does it: features by text ids, the model clv, an interval for everybody."""
    from datetime import date, timedelta

    import narwhals as nw
    import polars as pl

    from crmlab.registry import features, models

    as_of = date(1970, 1, 1) + timedelta(DAY_OF_END)
    table = pl.DataFrame(
        {
            "customer_id": pl.Series(customer).cast(pl.String),
            "day": pl.Series(on).cast(pl.Int64),
            "amount_hundredths": pl.Series(amount).cast(pl.Int64),
        }
    )

    def everything() -> Result:
        tables = {"orders": nw.from_native(table.lazy())}
        summary, history = (
            features[name]().build(tables, as_of).to_native()
            for name in ("order-summary", "purchase-history")
        )
        rows = summary.join(history, on="customer_id", how="left").collect()
        scores = models["clv"]().fit({"orders": table.lazy()}, rows, as_of).predict(rows)
        return {"customers": scores.height, "total": scores["clv"].sum()}

    return everything


def peer(task: Task, folder: Path) -> Callable[[], Result]:
    """Return what to time of lifetimes."""
    warnings.simplefilter("ignore")
    import lifetimes
    import pandas as pd

    if task.kind in ("bg", "bg_weighted", "pareto"):
        fitter = lifetimes.ParetoNBDFitter if task.kind == "pareto" else lifetimes.BetaGeoFitter
        x, recency, total = (values.astype(float) for values in _histories(task, folder))
        weights = None
        if task.kind == "bg_weighted":
            (x, recency, total), weights = _collapsed(x, recency, total)

        def estimate() -> Result:
            found = fitter(penalizer_coef=0.0).fit(x, recency, total, weights=weights)
            return {"parameters": [float(value) for value in found.params_]}

        return estimate
    if task.kind == "spend":
        (x, _, _), average = _histories(task, folder), np.load(folder / "average.npy")

        def spend() -> Result:
            repeat = x > 0
            found = lifetimes.GammaGammaFitter(penalizer_coef=0.0).fit(
                x[repeat].astype(float), average[repeat]
            )
            return {"parameters": [float(value) for value in found.params_]}

        return spend
    if task.kind == "clv":
        arrays = [
            *(values.astype(float) for values in _histories(task, folder)),
            np.load(folder / "average.npy"),
        ]
        x, recency, total, average = (pd.Series(values) for values in arrays)
        purchases, spending = lifetimes.BetaGeoFitter(), lifetimes.GammaGammaFitter()
        purchases.params_ = pd.Series({"r": 0.243, "alpha": 30.898, "a": 0.793, "b": 2.426})
        purchases.predict = purchases.conditional_expected_number_of_purchases_up_to_time
        spending.params_ = pd.Series({"p": 6.25, "q": 3.74, "v": 15.44})

        def value() -> Result:
            found = spending.customer_lifetime_value(
                purchases, x, recency, total, average, time=12, discount_rate=0.01, freq="D"
            )
            return {"values": found.to_numpy()}

        return value
    customer, on, amount = _orders(task, folder)
    frame = pd.DataFrame(
        {"id": customer, "date": pd.to_datetime(on, unit="D"), "amount": amount.astype(float)}
    )

    def summary() -> Result:
        found = lifetimes.utils.summary_data_from_transaction_data(
            frame, "id", "date", "amount", observation_period_end=pd.Timestamp(DAY_OF_END, unit="D")
        )
        sums = [int(found[name].sum()) for name in ("frequency", "recency", "T")]
        return {"sums": [*sums, float(found["monetary_value"].sum())]}

    return summary


def _collapsed(*columns: Any) -> tuple[Any, Any]:
    unique, weights = np.unique(np.stack(columns), axis=1, return_counts=True)
    return unique, weights.astype(float)


def _digest(values: Any) -> list[float]:
    """Return sums that differ where any value does."""
    return [float(values.sum()), float(values @ np.sin(np.arange(values.size)))]


def _log_likelihood(task: Task, folder: Path, parameters: list[float]) -> float | None:
    """Return the log-likelihood of the peer's estimate as ours counts it: lifetimes' own is scaled."""
    from crmlab_plugins.lifetime.bg_nbd import BgNbd
    from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess
    from crmlab_plugins.lifetime.spend import GammaGamma

    x, recency, total = (values.astype(float) for values in _histories(task, folder))
    if task.kind == "spend":
        average = np.load(folder / "average.npy")
        found = GammaGamma(**dict(zip("pqv", parameters, strict=True)))
        return float(found.log_likelihood(x[x > 0], average[x > 0]).sum())
    process = ParetoNbdProcess if task.kind == "pareto" else BgNbd
    values = dict(zip(process.names, parameters, strict=True))
    return float(process(**values).log_likelihood(x, recency, total).sum())


def _measured(side: str, name: str, folder: Path, python: str) -> Result | None:
    done = subprocess.run(
        [python, __file__, "--side", side, "--task", name, "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no word"]
        print(f"  {side} did not run: {said[-1]}")
        return None
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _agreement(task: Task, folder: Path, mine: Result, theirs: Result) -> str:
    """Say how far the results are apart."""
    if "log_likelihood" in mine:
        other = _log_likelihood(task, folder, theirs["parameters"])
        if other is None:
            return ""
        gap = (mine["log_likelihood"] - other) / abs(other)
        return f"log-likelihood {mine['log_likelihood']:.4f}, ours higher by {gap:.1e} relative"
    key = "values" if "values" in mine else "sums"
    apart = max(abs(a / b - 1) for a, b in zip(mine[key], theirs[key], strict=True))
    whole = mine[key][:3] == theirs[key][:3] if key == "sums" else None
    return f"{'whole numbers equal, ' if whole else ''}largest relative difference {apart:.1e}"


def _compare(name: str, folder: Path, python: str | None, repeats: int) -> None:
    task = TASKS[name]
    alone = python is None or task.kind in ("pareto_alone", "end_to_end", "plugins")
    best: dict[str, Result] = {}
    for turn in range(repeats):
        for side in ("ours",) if alone or (task.slow and turn) else ("ours", "peer"):
            found = _measured(side, name, folder, sys.executable if side == "ours" else python or "")
            if found and found["cpu"] <= best.get(side, found)["cpu"]:
                best[side] = found
    if "ours" not in best:
        return
    line = f"{name}: ours {best['ours']['cpu']:.3f} s CPU, {best['ours']['peak']:.0f} MB"
    if "peer" in best:
        ratio = best["peer"]["cpu"] / best["ours"]["cpu"]
        line += f"; lifetimes {best['peer']['cpu']:.2f} s, {best['peer']['peak']:.0f} MB; {ratio:.0f} times"
        if task.least:
            line += f" (expected at least {task.least:.0f})"
        line += f"; {_agreement(task, folder, best['ours'], best['peer'])}"
    print(line, flush=True)


def _run(side: str, name: str, folder: Path) -> None:
    """Time one side of one task in this process and print it as JSON."""
    import resource

    run = (ours if side == "ours" else peer)(TASKS[name], folder)
    cpu, spent = float("inf"), 0.0
    while spent < ENOUGH:
        begun = time.process_time()
        result = run()
        took = time.process_time() - begun
        cpu, spent = min(cpu, took), spent + took
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if "values" in result:
        result["values"] = _digest(result["values"])
    print(json.dumps({**result, "cpu": cpu, "peak": peak}))


def main() -> None:
    """Print a line per task: CPU seconds, memory, ratio, and how far the results agree."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--peers", help="interpreter that has lifetimes and pandas")
    options.add_argument("--only", nargs="*", choices=list(TASKS), default=list(TASKS), metavar="TASK")
    options.add_argument("--repeats", type=int, default=2)
    options.add_argument("--side", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options.add_argument("--task", help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.side:
        _run(given.side, given.task, given.folder)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_customers(folder, 1_000_000)
        for rows in {
            TASKS[name].size
            for name in given.only
            if TASKS[name].kind in ("summary", "end_to_end", "plugins")
        }:
            write_orders(folder, rows)
        for name in given.only:
            _compare(name, folder, given.peers, given.repeats)


if __name__ == "__main__":
    main()
