"""``crmlab notify``: try the channels through which a study tells people how a run ended."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group()
def notify() -> None:
    """通知渠道。 Who is told how a run ended: the channels of a study."""


@notify.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--environment",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Secrets, NAME=value a line. 密钥文件，每行 变量名=值。",
)
def test(study: Path, environment: Path | None) -> None:
    """发送测试消息。 Send a test message through every channel of STUDY; no report is run.

    Exit code 1 where one did not arrive. 有渠道未送达时退出码为 1。
    """
    import os

    from crmlab.errors import ParamsError
    from crmlab.notify import try_out
    from crmlab.params import read_study
    from crmlab.scheduling.environment_file import read_environment

    if environment:
        os.environ.update(read_environment(environment))
    checked, _ = read_study(study)
    if not checked.notify:
        raise ParamsError(
            "The study names no channel. Add one, for example `notify: [{kind: wecom, url: env:WECOM_URL}]`."
        )
    told = try_out(checked)
    for name, why in told:
        click.secho(f"{name}: {why or 'ok'}", fg="red" if why else "green")
    sys.exit(1 if any(why for _, why in told) else 0)
