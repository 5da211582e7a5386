"""``crmlab run``: run the reports of a study."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crmlab.commands import runs_option

if TYPE_CHECKING:
    from crmlab.report.run import Batch, Run, Step

_ROOM = 256 << 20
"""Bytes that a small report takes: 130 MiB its kernel, 60 MiB the process that runs it, and some data."""


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="NAME",
    help="Only this report; may be repeated. 只运行该报告，可重复。",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting, dotted keys. 覆盖一项设置。",
)
@click.option("--language", type=click.Choice(["zh", "en"]), help="Language of the report. 报告语言。")
@click.option(
    "--only",
    multiple=True,
    metavar="AXIS=VALUE",
    help="Only these cells of the matrix; may be repeated. 只运行矩阵中的这些组合，可重复。",
)
@click.option(
    "--failed",
    is_flag=True,
    help="Only cells that failed last time, or were not reached. 只重跑上次失败、中断或没轮到的组合。",
)
@click.option(
    "--force",
    is_flag=True,
    help="Run even what is unchanged since an earlier run. 即使没有变化也重新运行。",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would run and why; write nothing. 只说明将运行什么、为什么，不写任何文件。",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Notebooks run at once. 同时运行的笔记本数。",
)
@click.option(
    "--engine",
    type=click.Choice(["plain", "fork"]),
    default="plain",
    show_default=True,
    help="How kernels start; fork: quicker, Linux only. 内核启动方式，fork 更快，仅限 Linux。",
)
@runs_option
@click.option(
    "--publish",
    metavar="ADDRESS",
    help="Copy finished runs there, s3://bucket/reports; as the study's `publish`. 运行结束后上传到该地址。",
)
@click.option("--quiet", is_flag=True, help="No progress bars. 不显示进度条。")
def run(
    study: Path, *, jobs: int, engine: str, quiet: bool, dry_run: bool, publish: str | None, **chosen: Any
) -> None:
    """运行研究。 Run the reports of STUDY, a YAML file, for every cell of its matrix.

    A report whose settings, data and code are those of an earlier run is taken from there and not run
    again.

    Exit codes: 0 done, 1 a notebook failed, 2 settings or plugins invalid, 3 too many rows rejected.

    设置、数据和代码都没有变化的报告直接沿用之前的结果。

    退出码：0 完成，1 有笔记本失败，2 设置或插件有误，3 被拒收的数据行过多。
    """
    import signal

    from crmlab.yaml_file import text_of

    text_of(study)  # a wrong path is said before a second of imports
    from crmlab import memory
    from crmlab.storage.addresses import SCHEMES

    if str(chosen["runs"]).partition(":")[0] in SCHEMES:
        raise click.UsageError(
            "--runs is a folder of this machine, where runs are made. To copy them elsewhere, add --publish."
        )
    jobs = _possible(jobs, memory.limit())
    memory.claim(jobs)  # before polars is imported
    from crmlab.report.run import run_all
    from crmlab.report.work import Work

    if publish:
        chosen["overrides"] = (*chosen["overrides"], f"publish={publish}")
    if dry_run:
        planned = Work(study, **chosen)
        _show_warnings(planned.warnings)
        _show_steps(planned.steps())
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill ends a run as Ctrl-C does
    batch = run_all(study, jobs=jobs, engine=engine, progress=not quiet, **chosen)  # type: ignore[arg-type]
    _show_warnings(batch.warnings)
    for done in batch.runs:
        _show_run(done, alone=len(batch.runs) == 1)
    for sentence in (*batch.lost, *batch.unpublished):
        click.secho(sentence, fg="red")
    _show_end(batch)
    sys.exit(batch.exit_code)


def _possible(jobs: int, limit: int) -> int:
    """Return how many notebooks can run at once in ``limit`` bytes, and say where they are fewer."""
    most = max(1, limit // _ROOM)
    if jobs > most:
        click.secho(
            f"--jobs {jobs}: the memory is enough for {most} at once. 内存最多只够同时运行 {most} 个笔记本。",
            err=True,
            fg="yellow",
        )
    return min(jobs, most)


def _show_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        click.secho(warning, err=True, fg="yellow")


def _show_steps(steps: list[Step]) -> None:
    for step in steps:
        name = f"{step.cell} · {step.report}" if step.cell else step.report
        action = f"reuse 沿用 {step.reuse}" if step.reuse else "run 运行"
        click.echo(f"{name}: {action} ({step.reason.en} {step.reason.zh})")
    reused = sum(step.reuse is not None for step in steps)
    click.echo(f"{len(steps) - reused} to run 待运行, {reused} unchanged 未变化")


def _show_run(run: Run, *, alone: bool) -> None:
    """Say how each report ended; of many runs, only what is not done."""
    from crmlab.report.matrix import shown

    cell = " · ".join(map(shown, run.cell.values()))
    for outcome in run.outcomes:
        done = outcome.status == "done"
        if done and not alone:
            continue
        name = f"{cell} · {outcome.name}" if cell else outcome.name
        if outcome.name in run.reused:
            said = f"unchanged 未变化, taken from 沿用 {run.reused[outcome.name]}"
        else:
            said = f"{outcome.status}, {outcome.seconds:.1f} s"
        click.secho(f"{name}: {said}", fg="green" if done else "red")
        if outcome.error:
            where = f"cell {outcome.error['cell']}: " if outcome.error["cell"] else ""
            click.echo(f"  {where}{outcome.error['type']}: {outcome.error['message']}")


def _show_end(batch: Batch) -> None:
    if batch.removed:
        click.echo(f"older runs removed 已清理旧结果: {len(batch.removed)}")
    if len(batch.runs) == 1:
        click.echo(f"results 结果: {_shown(batch.runs[0].folder)}")
    elif batch.runs or batch.lost:
        outcomes = [outcome for run in batch.runs for outcome in run.outcomes]
        done = sum(outcome.status == "done" for outcome in outcomes)
        reused = sum(len(run.reused) for run in batch.runs)
        failed = len(outcomes) - done
        click.echo(
            f"{len(batch.runs)} runs 次运行, {len(outcomes)} reports 份报告: {done} done 完成 "
            f"({reused} unchanged 未变化), {failed} failed 未完成"
        )
    else:
        click.echo("Nothing to run: every cell was done and finished well. 没有需要重跑的组合。")
        return
    click.echo(f"gallery 报告目录页: {_shown(batch.gallery)}")


def _shown(path: Path) -> str:
    """Write a path as a person would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
