"""``crmlab clean``: remove runs that the keep policy of a study leaves over."""

from __future__ import annotations

from pathlib import Path

import click

from crmlab.commands import runs_option


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--last", type=click.IntRange(1), help="Keep the last so many runs. 保留最近多少次运行。")
@click.option("--days", type=click.IntRange(0), help="Keep all of so many days. 保留最近多少天内的全部运行。")
@click.option(
    "--months",
    type=click.IntRange(0),
    help="Keep the last finished run of so many months. 每月保留最后一次成功的运行，共多少个月。",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be removed; remove nothing. 只说明将清理什么，不删除。",
)
@runs_option
def clean(
    study: Path, last: int | None, days: int | None, months: int | None, *, dry_run: bool, runs: Path
) -> None:
    """清理旧结果。 Remove runs of STUDY that its `keep` leaves over.

    The last finished run of every cell, baselines and what a running one reads always stay. Options come
    before what the study says.

    每个组合最近一次成功的运行、基线以及正在被使用的结果始终保留。选项优先于研究中的 keep 设置。
    """
    from crmlab.yaml_file import text_of

    text_of(study)  # a wrong path is said before anything else is imported
    from crmlab.params import read_study
    from crmlab.report import gallery
    from crmlab.report.keeping import collect
    from crmlab.report.settings import KeepParams
    from crmlab.report.work import pinned

    checked, _ = read_study(study)
    given = {"last": last, "days": days, "months": months}
    own = {name: value for name, value in given.items() if value is not None}
    if checked.keep is None and not own:
        raise click.UsageError(
            f"{study} has no `keep`, so every run stays. Add for example `keep: {{last: 10, days: 30}}`, or "
            "give --last, --days or --months."
        )
    keep = (checked.keep or KeepParams()).model_copy(update=own)
    done = collect(runs.resolve() / checked.study, keep, pinned(checked), dry_run=dry_run)
    for name in done.removed:
        click.echo(f"{'would remove 将清理' if dry_run else 'removed 已清理'} {name}")
    for name in done.unread:
        click.secho(
            f"{name}: no manifest that can be read, left alone 无法读取，未处理", fg="yellow", err=True
        )
    click.echo(f"{done.kept} kept 保留, {len(done.removed)} removed 清理, {done.freed / 1e6:.1f} MB")
    if done.removed and not dry_run:
        gallery.write(runs.resolve(), checked.language)
