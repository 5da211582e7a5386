"""``crmlab schedule``: write what keeps the time for a study, and run what is due."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crmlab.commands import runs_option

if TYPE_CHECKING:
    from crmlab.scheduling.schedule import Schedule

_PATH = click.Path(path_type=Path)
_STUDY = click.argument("study", type=_PATH)
_OPTIONS = click.argument("options", nargs=-1, metavar="[-- RUN OPTIONS]", type=click.UNPROCESSED)
_AT = click.option(
    "--at", required=True, metavar="CRON", help="When, five fields of cron. 时间，cron 五段写法。"
)
_ZONE = click.option("--timezone", help="Time zone of --at; the study's. 时区，默认与研究相同。")
_NAME = click.option("--name", help="Name of the schedule; the study's. 任务名，默认用研究名。")
_MOST = click.option(
    "--catch-up",
    "most",
    type=click.IntRange(1),
    default=7,
    show_default=True,
    help="Missed runs made up for, at most. 最多补跑几次。",
)
_ENVIRONMENT = click.option(
    "--environment",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Secrets for the run, NAME=value a line. 密钥文件，每行 变量名=值。",
)
_FORMATS = ("cron", "systemd", "windows", "airflow")


class _Group(click.Group):
    """Takes ``crmlab schedule STUDY`` for ``crmlab schedule write STUDY``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["write", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def schedule() -> None:
    """定时运行研究。 Run a study by the clock.

    `crmlab schedule STUDY --at "0 2 * * *" --as-of yesterday` writes it down for cron.

    `crmlab schedule STUDY …` 等同于 `crmlab schedule write STUDY …`。
    """


@schedule.command()
@_STUDY
@_OPTIONS
@_AT
@_ZONE
@click.option("--as-of", metavar="DAY", help="Day looked from, such as yesterday. 观察日，如 yesterday。")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(_FORMATS),
    help="For whom; cron, or with --to all. 目标格式，默认 cron，写文件时为全部。",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files instead of the screen. 写入文件夹。",
)
@click.option("--force", is_flag=True, help="Write over existing files. 覆盖已有文件。")
@_NAME
@runs_option
@_MOST
@_ENVIRONMENT
def write(
    study: Path,
    options: tuple[str, ...],
    at: str,
    timezone: str | None,
    as_of: str | None,
    formats: tuple[str, ...],
    target: Path | None,
    force: bool,
    name: str | None,
    runs: Path,
    most: int,
    environment: Path | None,
) -> None:
    """生成定时任务。 Write a crontab line, a systemd timer, a Windows task, an Airflow DAG.

    Options of `crmlab run` follow after `--`: crmlab schedule STUDY --at "0 2 * * *" -- --jobs 2
    """
    from crmlab.errors import ParamsError
    from crmlab.params import read_study
    from crmlab.relative_days import RELATIVE_DAYS

    if as_of:
        options = ("--set", f"as_of={as_of}", *options)
    overrides, language = _run_options(study, options)
    checked, warnings = read_study(study, overrides, language)
    for warning in warnings:
        click.secho(warning, err=True, fg="yellow")
    later = _now() + timedelta(days=800)
    if read_study(study, [*overrides, f"due={later.isoformat()}"])[0].as_of == checked.as_of:
        click.secho(
            f"as_of is the fixed day {checked.as_of}: every run would look from it. Give --as-of yesterday, "
            f"or another of {', '.join(RELATIVE_DAYS)}.\n"
            f"as_of 是固定日期 {checked.as_of}，每次运行的观察日都一样；可加上 --as-of yesterday。",
            err=True,
            fg="yellow",
        )
    for warning in _unknown_at_night(checked.settings(), environment):
        click.secho(warning, err=True, fg="yellow")
    made = _schedule(
        study, options, at, timezone or checked.timezone, name or checked.study, runs, most, environment
    )
    files = _files(made, formats or (_FORMATS if target else ("cron",)))
    if target is None:
        for text in files.values():
            click.echo(text, nl=False)
        return
    target.mkdir(parents=True, exist_ok=True)
    taken = [file for file in files if (target / file).exists()]
    if taken and not force:
        raise ParamsError(f"{target / taken[0]} is there already. Name another folder, or give --force.")
    for file, text in files.items():
        encoding = "utf-16" if file.endswith(".xml") else "utf-8"
        (target / file).write_text(text, encoding=encoding, newline="\r\n" if encoding == "utf-16" else "\n")
        click.echo(target / file)
        click.secho(f"  {_NEXT[Path(file).suffix].format(file=file, name=made.name)}", fg="cyan")


_NEXT = {
    ".crontab": "crontab -l | cat - {file} | crontab -",
    ".service": "cp crmlab-{name}.service crmlab-{name}.timer ~/.config/systemd/user/",
    ".timer": "systemctl --user enable --now {file}; loginctl enable-linger",
    ".xml": "schtasks /Create /TN crmlab-{name} /XML {file}",
    ".py": "cp {file} $AIRFLOW_HOME/dags/",
}
"""How each file is put to use."""


@schedule.command()
@_STUDY
@_OPTIONS
@_AT
@_ZONE
@click.option("--due", metavar="MOMENT", help="Run for this moment alone. 只运行该时刻。")
@click.option(
    "--log", type=click.Path(path_type=Path, dir_okay=False), help="File to say things in. 日志文件。"
)
@_NAME
@runs_option
@_MOST
@_ENVIRONMENT
def run(
    study: Path,
    options: tuple[str, ...],
    at: str,
    timezone: str | None,
    due: str | None,
    log: Path | None,
    name: str | None,
    runs: Path,
    most: int,
    environment: Path | None,
) -> None:
    """运行到期和错过的任务。 Run what is due and what was missed, each for the day it was due.

    Says and does nothing where nothing is due. Exit codes are those of `crmlab run`, the worst one.

    没有到期任务时不做任何事；退出码同 `crmlab run`，取最差的一次。
    """
    import os
    import signal

    from crmlab.scheduling.catch_up import run_missed, run_once
    from crmlab.scheduling.environment_file import read_environment
    from crmlab.scheduling.ledger import LedgerError
    from crmlab.scheduling.log import logged
    from crmlab.scheduling.running import run_study

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with logged(log):
        if environment:
            os.environ.update(read_environment(environment))
        if not (timezone and name):
            from crmlab.params import read_study

            checked, _ = read_study(study, *_run_options(study, options))
            timezone, name = timezone or checked.timezone, name or checked.study
        made = _schedule(study, options, at, timezone, name, runs, most, environment)

        def execute(moment: datetime) -> int:
            return run_study(made, moment, click.echo)

        try:
            if due:
                code: int | None = run_once(made, _moment(due), execute, _now)
            else:
                code = run_missed(made, execute, _now, click.echo)
        except LedgerError as error:
            from crmlab.notify import not_started

            for warning in not_started(made.study, error.due, 1, [str(error)]):
                click.echo(warning)
            raise
    sys.exit(code or 0)


def _schedule(
    study: Path,
    options: tuple[str, ...],
    at: str,
    timezone: str,
    name: str,
    runs: Path,
    most: int,
    environment: Path | None,
) -> Schedule:
    from crmlab.scheduling.expression import Expression
    from crmlab.scheduling.schedule import Schedule

    return Schedule(
        name=name,
        study=study.absolute(),
        at=Expression(at, timezone),
        runs=runs.absolute(),
        folder=Path.cwd(),
        options=options,
        environment=environment.absolute() if environment else None,
        most=most,
    )


def _unknown_at_night(settings: dict[str, Any], environment: Path | None) -> Iterator[str]:
    """Say which variables that a study refers to a scheduled run would not have, and what to do."""
    from crmlab.errors import ParamsError
    from crmlab.scheduling.environment_file import read_environment

    known: set[str] = set()
    if environment:
        try:
            known = set(read_environment(environment))
        except ParamsError as error:
            yield str(error)
    if missing := ", ".join(sorted(set(_references(settings)) - known)):
        yield (
            f"The study needs {missing}, and those who keep the time do not know your environment. Write "
            "NAME=value lines into a file, chmod 600 it, and give --environment FILE.\n"
            f"研究用到环境变量 {missing}，定时任务里没有它们。请写进一个文件（每行 变量名=值，chmod 600），"
            "并加上 --environment 文件。"
        )


def _references(value: object) -> Iterator[str]:
    """Yield the names of the variables that settings refer to."""
    if isinstance(value, str) and value.startswith("env:"):
        yield value.removeprefix("env:")
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item)


def _files(made: Schedule, formats: tuple[str, ...]) -> dict[str, str]:
    from crmlab.scheduling import airflow, crontab, systemd, windows

    files = {}
    if "cron" in formats:
        files[f"{made.name}.crontab"] = crontab.crontab(made)
    if "systemd" in formats:
        files[f"crmlab-{made.name}.service"] = systemd.service(made)
        files[f"crmlab-{made.name}.timer"] = systemd.timer(made)
    if "windows" in formats:
        files[f"crmlab-{made.name}.xml"] = windows.task(made)
    if "airflow" in formats:
        files[f"crmlab_{made.name}.py"] = airflow.dag(made, _now().date())
    return files


def _run_options(study: Path, options: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """Check the options of ``crmlab run``; return what they override, and the language."""
    from crmlab.cli import main

    context = click.Context(main)
    command = main.get_command(context, "run")
    assert command
    given = command.make_context("run", [str(study), *options], parent=context).params
    return given["overrides"], given["language"]


def _moment(text: str) -> datetime:
    from crmlab.errors import ParamsError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ParamsError(
            f"--due takes a moment with its time zone, such as 2024-07-01T02:00:00+08:00; given: {text!r}."
        )
    return moment


def _now() -> datetime:
    return datetime.now().astimezone()
