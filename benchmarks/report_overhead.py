"""What a headless report costs beside the same work as a plain script.

For each report of a study: the whole process `crmlab run STUDY --report NAME` against one Python
process that runs the cells of the notebook in order and renders what each shows, without a kernel,
papermill, a page or a manifest. Prints the medians of wall and CPU seconds and their ratios.

    .venv/bin/python benchmarks/report_overhead.py [--study params/demo.yaml] [--rounds 3]
"""

from __future__ import annotations

import argparse
import ast
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

from crmlab.params import read_study
from crmlab.report import notebooks

PRELUDE = """
def _show(value):
    bundle = getattr(value, "_repr_mimebundle_", None)
    if bundle is not None:
        bundle(None, None)
"""


def plain_script(name: str, study: Path) -> str:
    """Return the notebook's code as a script that renders the last expression of each cell."""
    settings = read_study(study)[0].for_report(name).settings()
    parts = [PRELUDE]
    for cell in notebooks.read(notebooks.find(name, study.parent)).cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            show = ast.Call(ast.Name("_show", ast.Load()), [tree.body[-1].value], [])
            tree.body[-1] = ast.Expr(show)
        parts.append(ast.unparse(ast.fix_missing_locations(tree)))
        if "parameters" in cell.metadata.get("tags", []):
            parts.append(f"globals().update({settings!r})")
    return "\n".join(parts)


def timed(command: list[str], environment: dict[str, str], folder: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of a command and everything it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment, cwd=folder)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time every report of a study both ways, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("params/demo.yaml"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    study = options.study.resolve()
    versions = {name: metadata.version(name) for name in ("crmlab", "polars", "papermill", "altair")}
    print(f"Python {sys.version.split()[0]}, {json.dumps(versions)}, {os.cpu_count()} cores")
    heads = ("script wall", "run wall", "ratio", "script CPU", "run CPU", "ratio")
    print(f"{'report, s':<14}" + "".join(f"{head:>12}" for head in heads))
    with tempfile.TemporaryDirectory() as folder:
        for name in read_study(study)[0].reports:
            script = Path(folder) / f"{name}.py"
            script.write_text(plain_script(name, study), encoding="utf-8")
            saved = Path(folder) / "plain"
            saved.mkdir(exist_ok=True)
            environment = {**os.environ, "CRMLAB_KEY_FOLDER": str(Path(folder) / "key")}
            plain = [sys.executable, str(script)]
            report = [sys.executable, "-m", "crmlab", "run", str(study), "--report", name, "--quiet"]
            report += ["--runs", str(Path(folder) / "runs")]
            pairs = [
                (
                    timed(plain, {**environment, "CRMLAB_RUN_FOLDER": str(saved)}, study.parent),
                    timed(report, environment, study.parent),
                )
                for _ in range(options.rounds + 1)
            ][1:]  # the first round fills caches
            script_wall, script_cpu, run_wall, run_cpu = (
                statistics.median(pair[side][kind] for pair in pairs) for side in (0, 1) for kind in (0, 1)
            )
            figures = (
                script_wall,
                run_wall,
                run_wall / script_wall,
                script_cpu,
                run_cpu,
                run_cpu / script_cpu,
            )
            print(f"{name:<14}" + "".join(f"{figure:>12.2f}" for figure in figures))


if __name__ == "__main__":
    main()
