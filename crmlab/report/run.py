"""Run a study: check it, execute its notebooks, publish the results whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crmlab.errors import ParamsError, RunError
from crmlab.labels import Language
from crmlab.report.execute import Engine
from crmlab.report.published import Batch, Run, Step
from crmlab.report.work import Work

__all__ = ["Batch", "Run", "Step", "preview", "run", "run_all"]


def run(
    study: Path | str,
    reports: Sequence[str] = (),
    overrides: Sequence[str] = (),
    language: Language | None = None,
    jobs: int = 1,
    runs: Path | str = "runs",
    *,
    only: Sequence[str] = (),
    force: bool = False,
    engine: Engine = "plain",
    progress: bool = True,
) -> Run:
    """Run the reports of a study and publish them as a new folder ``runs/<study>/<run>``.

    ``reports`` limits the run to some of them; ``overrides`` are ``key=value`` with dotted keys;
    ``jobs`` notebooks run at once; ``only`` chooses the cell of a matrix. A report that stands on the same
    as one of an earlier run is linked from there, unless ``force`` is given. Raises ParamsError or
    PluginError before anything starts; what goes wrong later is in the outcomes, and the folder is
    published with what there is.
    """
    work = Work(study, reports, overrides, language, runs, only=only, force=force)
    if len(work.cells) > 1:
        raise ParamsError(
            f"The study {work.study.study} has a matrix of {len(work.cells)} cells. Choose one with `only`, "
            "or run all of them with crmlab.report.run.run_all."
        )
    done = work.run(jobs, engine, progress=progress)
    if not done.runs:
        raise RunError(done.lost[0])
    return replace(done.runs[0], warnings=(*done.warnings, *done.unpublished))


def run_all(
    study: Path | str,
    reports: Sequence[str] = (),
    overrides: Sequence[str] = (),
    language: Language | None = None,
    jobs: int = 1,
    runs: Path | str = "runs",
    *,
    only: Sequence[str] = (),
    failed: bool = False,
    force: bool = False,
    engine: Engine = "plain",
    progress: bool = True,
) -> Batch:
    """Run every cell of a study's matrix, each to a folder of its own; like :func:`run` in the rest.

    One that fails stops no other. ``failed`` limits the batch to the cells whose last run did not finish
    well, that have none, or that an earlier batch left undone because it was killed or stopped.
    """
    work = Work(study, reports, overrides, language, runs, only=only, failed=failed, force=force)
    return work.run(jobs, engine, progress=progress)


def preview(
    study: Path | str,
    reports: Sequence[str] = (),
    overrides: Sequence[str] = (),
    language: Language | None = None,
    runs: Path | str = "runs",
    *,
    only: Sequence[str] = (),
    failed: bool = False,
    force: bool = False,
) -> list[Step]:
    """Return what :func:`run_all` would do with each report, and why; nothing is written."""
    work = Work(study, reports, overrides, language, runs, only=only, failed=failed, force=force)
    return work.steps()
