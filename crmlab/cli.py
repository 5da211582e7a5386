"""The command line. Each command imports what it needs when it is called, so ``--help`` is quick."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crmlab import __version__
from crmlab.commands.identity import identity
from crmlab.commands.intake import import_, inspect
from crmlab.commands.label import label
from crmlab.commands.sample import sample
from crmlab.commands.schemes import schemes
from crmlab.commands.survey import survey
from crmlab.commands.template import template


class _Errors(click.Group):
    """Turns errors that crmlab raises on purpose into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        from crmlab.errors import CrmlabError, RunError

        try:
            return super().invoke(ctx)
        except CrmlabError as error:
            click.secho(str(error), err=True, fg="red")
            ctx.exit(1 if isinstance(error, RunError) else 2)


@click.group(cls=_Errors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="crmlab")
def main() -> None:
    """客户细分与反馈分析报告。 Customer segmentation and feedback reports from notebooks."""


@main.command()
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
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Notebooks run at once. 同时运行的笔记本数。",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where runs are kept. 结果目录。",
)
@click.option("--quiet", is_flag=True, help="No progress bars. 不显示进度条。")
def run(
    study: Path,
    reports: tuple[str, ...],
    overrides: tuple[str, ...],
    language: str | None,
    jobs: int,
    runs: Path,
    quiet: bool,
) -> None:
    """运行研究。 Run the reports of STUDY, a YAML file.

    Exit codes: 0 done, 1 a notebook failed, 2 settings or plugins invalid, 3 too many rows rejected.

    退出码：0 完成，1 有笔记本失败，2 设置或插件有误，3 被拒收的数据行过多。
    """
    import signal

    from crmlab.report.run import run as run_study

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill ends a run as Ctrl-C does
    result = run_study(study, reports, overrides, language, jobs, runs, progress=not quiet)  # type: ignore[arg-type]
    for warning in result.warnings:
        click.secho(warning, err=True, fg="yellow")
    for outcome in result.outcomes:
        done = outcome.status == "done"
        click.secho(
            f"{outcome.name}: {outcome.status}, {outcome.seconds:.1f} s", fg="green" if done else "red"
        )
        if outcome.error:
            cell = f"cell {outcome.error['cell']}: " if outcome.error["cell"] else ""
            click.echo(f"  {cell}{outcome.error['type']}: {outcome.error['message']}")
    click.echo(f"results 结果: {_shown(result.folder)}")
    click.echo(f"gallery 报告目录页: {_shown(result.gallery)}")
    sys.exit(result.exit_code)


@main.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """列出插件。 List the plugins, importing none."""
    if ctx.invoked_subcommand is not None:
        return
    from crmlab.registry import REGISTRIES

    rows = [
        (r.group.removeprefix("crmlab."), i.name, f"{i.distribution} {i.version}", i.target)
        for r in REGISTRIES
        for i in r.info()
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@plugins.command()
def check() -> None:
    """逐个检查插件。 Import and check each plugin; one that is broken stops no other."""
    from crmlab.registry import REGISTRIES
    from crmlab.trial import trial

    failed = 0
    for registry in REGISTRIES:
        for name in registry:
            try:
                trial(registry[name])
            except (Exception, SystemExit) as error:  # whatever a plugin does, the others are checked
                failed += 1
                click.secho(f"broken  {registry.group} {name}: {error}", fg="red")
            else:
                click.echo(f"ok      {registry.group} {name}")
    if failed:
        click.secho(f"{failed} broken", fg="red")
        sys.exit(2)


@main.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write instead of the screen. 写入文件。",
)
def schema(output: Path | None) -> None:
    """输出 JSON Schema。 Write the JSON schema of a study, for editors.

    In VS Code, with the YAML extension: put `# yaml-language-server: $schema=study.schema.json` on top
    of the study.
    """
    import json

    from crmlab.params import json_schema

    text = json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from None


for command in (inspect, import_, template, identity, sample, schemes, label, survey):
    main.add_command(command)


def _shown(path: Path) -> str:
    """Write a path as a person would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
