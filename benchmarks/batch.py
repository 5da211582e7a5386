"""What a batch of small reports costs with forked kernels, beside plain papermill.

Ten times one small report: read four hundred orders, segment them by RFM, show a table and a chart. In
turns, and each in a process of its own: the papermill command once per report, as a shell script calls
it; papermill's Python interface in one process; and ours with kernels of their own and with forked
ones. Ours also make the pages; papermill writes notebooks only. Prints wall and CPU seconds (of all
processes, forked ones included) and the ratio of CPU to that of the papermill command.

    .venv/bin/python benchmarks/batch.py [--reports 10] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import nbformat
import nbformat.v4 as v4

CELLS = (
    "import crmlab",
    "lab = crmlab.open(data=data, as_of=as_of, language='en')",
    "segmentation = lab.classify('rfm')",
    "segmentation.summary",
    "segmentation.chart()",
    "lab.save()",
)
API = """
import json, os, papermill
for name, given in json.load(open("reports.json")).items():
    os.environ["CRMLAB_RUN_FOLDER"] = given["folder"]
    papermill.execute_notebook(
        "notebooks/small.ipynb", name + ".ipynb", given["parameters"], kernel_name="python3",
        language="python", progress_bar=False,
    )
"""
OURS = """
import json, sys
from pathlib import Path
from crmlab.report import forked
from crmlab.report.execute import Job, execute
here = Path.cwd()
for name, given in json.load(open("reports.json")).items():
    outcome = execute(Job(
        name=name, title="batch", notebook=here / "notebooks/small.ipynb", parameters=given["parameters"],
        folder=Path(given["folder"]), study_folder=here, key_folder=here / "key", language="en",
        cell_timeout=600, progress=False, engine=sys.argv[1],
    ))
    assert outcome.status == "done", outcome
forked.close()
"""


def write(folder: Path, reports: int) -> None:
    """Write the data, the notebook and the parameters of each report."""
    rows = ["order_id,customer_id,order_date,amount"]
    rows += [
        f"o{n},c{n * n % 60},2024-{1 + n % 6:02}-{1 + n % 28:02},{10 + n * 37 % 400}" for n in range(400)
    ]
    (folder / "orders.csv").write_text("\n".join(rows), encoding="utf-8")
    parameters = v4.new_code_cell("data = []\nas_of = '2024-06-30'", metadata={"tags": ["parameters"]})
    notebook = v4.new_notebook(cells=[parameters, *map(v4.new_code_cell, CELLS)])
    (folder / "notebooks").mkdir()
    nbformat.write(notebook, folder / "notebooks" / "small.ipynb")
    data = [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]
    given = {}
    for number in range(reports):
        (folder / f"tables-{number}").mkdir()
        given[f"report-{number}"] = {
            "folder": str(folder / f"tables-{number}"),
            "parameters": {"data": data, "as_of": f"2024-06-{30 - number % 28:02}"},
        }
    (folder / "reports.json").write_text(json.dumps(given), encoding="utf-8")


def by_command(folder: Path) -> None:
    """Run the papermill command once per report."""
    for name, given in json.loads((folder / "reports.json").read_text(encoding="utf-8")).items():
        parameters = folder / f"{name}.yaml"
        parameters.write_text(json.dumps(given["parameters"]), encoding="utf-8")
        command = [sys.executable, "-m", "papermill", "notebooks/small.ipynb", f"{name}.ipynb"]
        command += ["-f", str(parameters), "-k", "python3", "-l", "python", "--no-progress-bar"]
        subprocess.run(
            command,
            check=True,
            cwd=folder,
            env={**os.environ, "CRMLAB_RUN_FOLDER": given["folder"]},
            stdout=subprocess.DEVNULL,
        )


def by_script(folder: Path, script: str, *arguments: str) -> None:
    """Run a script that goes through all reports."""
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, cwd=folder)


WAYS = {
    "papermill command": by_command,
    "papermill, one process": lambda folder: by_script(folder, API),
    "crmlab, plain": lambda folder: by_script(folder, OURS, "plain"),
    "crmlab, fork": lambda folder: by_script(folder, OURS, "fork"),
}


def timed(way: str, reports: int) -> tuple[float, float]:
    """Return wall and CPU seconds of a batch, all processes together."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), reports)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        WAYS[way](Path(folder))
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time a batch in every way, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    versions = {name: metadata.version(name) for name in ("crmlab", "papermill", "ipykernel", "polars")}
    print(f"Python {sys.version.split()[0]}, {json.dumps(versions)}, {os.cpu_count()} cores")
    timed("crmlab, fork", 1)  # fills caches
    rounds = [{way: timed(way, options.reports) for way in WAYS} for _ in range(options.rounds)]
    print(f"{options.reports} small reports, median of {options.rounds}")
    print(f"{'':<26}{'wall s':>9}{'CPU s':>9}{'CPU s each':>12}{'of papermill':>14}{'of its API':>12}")
    cpu = {way: statistics.median(each[way][1] for each in rounds) for way in WAYS}
    for way in WAYS:
        wall = statistics.median(each[way][0] for each in rounds)
        command, interface = (cpu[way] / cpu[base] for base in list(WAYS)[:2])
        each = cpu[way] / options.reports
        print(f"{way:<26}{wall:>9.1f}{cpu[way]:>9.1f}{each:>12.2f}{command:>14.2f}{interface:>12.2f}")


if __name__ == "__main__":
    main()
