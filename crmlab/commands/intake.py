"""``crmlab inspect`` and ``crmlab import``: see what is understood of files, and bring them in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from crmlab.data.intake.files import Options
    from crmlab.data.intake.importing import Imported
    from crmlab.labels import Language


def _pairs(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Read ``NAME=VALUE`` options."""
    pairs = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise click.BadParameter(f"{item!r} is not NAME=VALUE. 应写作 名称=值。", param=option)
        pairs[name.strip()] = value.strip()
    return pairs


_FILES = [
    click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
    click.option("--table", metavar="TABLE", help="Canonical table in the files. 文件是哪张标准表。"),
    click.option(
        "--preset",
        metavar="NAME",
        help="Program that exported them, or `none`. 导出文件的软件（预设名），none 表示不用预设。",
    ),
    click.option("--sheet", metavar="NAME", help="Sheet of a workbook. 工作表名。"),
    click.option(
        "--column",
        "columns",
        multiple=True,
        callback=_pairs,
        metavar="COLUMN=HEADER",
        help="Header that stands for a canonical column; may be repeated. 指定某标准列对应的表头，可重复。",
    ),
    click.option(
        "--date",
        "dates",
        multiple=True,
        callback=_pairs,
        metavar="COLUMN=FORMAT",
        help="Format of dates, such as ordered_at=%m/%d/%Y. 日期格式。",
    ),
    click.option(
        "--question",
        "questions",
        multiple=True,
        callback=_pairs,
        metavar="NUMBER=SCALE",
        help="Scale or kind of a survey's question, such as 4=csat_1_5. 问卷某题的量表或题型。",
    ),
    click.option(
        "--timezone",
        "time_zone",
        default="Asia/Shanghai",
        show_default=True,
        help="Time zone of local times. 文件中时间所属时区。",
    ),
    click.option("--quiet", is_flag=True, help="No progress bars. 不显示进度条。"),
]


def _of_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say what the files are."""
    for option in reversed(_FILES):
        command = option(command)
    return command


@click.command()
@_of_files
@click.option(
    "--language",
    type=click.Choice(["zh", "en"]),
    default="zh",
    show_default=True,
    help="Language of the report. 报告语言。",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON in both languages. 输出 JSON。")
def inspect(
    paths: tuple[str, ...],
    table: str | None,
    preset: str | None,
    sheet: str | None,
    columns: dict[str, str],
    dates: dict[str, str],
    questions: dict[str, str],
    time_zone: str,
    quiet: bool,
    language: Language,
    as_json: bool,
) -> None:
    """查看对文件的理解。 Print what is understood of each file: a file, a folder or a pattern.

    Nothing is written. Values are masked. Exit codes: 0 done, 2 a file cannot be read; the others are
    told all the same.

    不写任何文件，示例已遮盖。退出码：0 完成，2 有文件无法读取（其余照常说明）。
    """
    import json

    from crmlab.data.intake.files import open_file
    from crmlab.data.intake.gathering import template_record
    from crmlab.data.mapping.report import reports
    from crmlab.data.templates.read import is_template, read_filled
    from crmlab.errors import CrmlabError

    options = _checked(table, preset, sheet, columns, dates, questions, time_zone)
    failed = False
    record: list[dict[str, Any]] = []
    for path in _progress(quiet)(_found(paths), "inspect 查看"):
        try:
            if table is None and preset is None and sheet is None and is_template(path):
                record.append(template_record(path, read_filled(path)))
                if not as_json:
                    click.echo(_form(record[-1], language))
                continue
            found = reports(open_file(path, options, table), table, language, time_zone)
        except CrmlabError as error:
            failed = True
            record.append({"file": path.name, "error": str(error)})
            if not as_json:
                click.echo(f"== {path.name}")
                click.secho(f" ! {error}", fg="red")
            continue
        record += [report.to_dict() for report in found]
        if not as_json:
            for report in found:
                click.echo(f"{report}\n")
    if as_json:
        click.echo(json.dumps(record, ensure_ascii=False, indent=1))
    if failed:
        sys.exit(2)


@click.command(name="import")
@_of_files
@click.option(
    "--to",
    "study",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="STUDY.yaml",
    help="Study to write; the data goes into a folder beside it. 要生成的研究文件，数据放在旁边的目录。",
)
@click.option("--as-of", "as_of", metavar="YYYY-MM-DD", help="Day of the study. 观察日。")
@click.option("--force", is_flag=True, help="Write over an existing study. 覆盖已有的研究。")
@click.option("--run", "run_it", is_flag=True, help="Run the reports as well. 随即生成报告。")
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where runs are kept, with --run. 结果目录。",
)
@click.pass_context
def import_(
    context: click.Context,
    paths: tuple[str, ...],
    table: str | None,
    preset: str | None,
    sheet: str | None,
    columns: dict[str, str],
    dates: dict[str, str],
    questions: dict[str, str],
    time_zone: str,
    quiet: bool,
    study: Path,
    as_of: str | None,
    force: bool,
    run_it: bool,
    runs: Path,
) -> None:
    """导入文件并生成研究。 Write canonical tables and a study from files, folders or patterns.

    Rejected rows are kept beside the accepted ones with the reason. `crmlab run STUDY.yaml` then makes the
    reports; --run does so at once.

    被拒收的行连同原因一并保存。之后用 `crmlab run STUDY.yaml` 生成报告，或加 --run 一步完成。
    """
    from crmlab.data.intake.importing import import_files

    options = _checked(table, preset, sheet, columns, dates, questions, time_zone)
    imported = import_files(
        _found(paths),
        study,
        table=table,
        options=options,
        as_of=_day(as_of),
        time_zone=time_zone,
        force=force,
        progress=_progress(quiet),
    )
    _tell(imported)
    if run_it:
        from crmlab.commands.run import run

        context.invoke(run, study=study, runs=runs, quiet=quiet)


def _form(record: dict[str, Any], language: Language) -> str:
    """Write what a workbook of the forms holds."""
    tables = ", ".join(f"{name} {rows:,}" for name, rows in record["tables"].items())
    lines = [f"== {record['file']}", f"   crmlab template: {tables}"]
    for problem in record["problems"]:
        place = f"{problem['sheet']} {problem['row']} {problem['column']}"
        lines.append(f" ! {place}: {problem['reason'][language]}")
    return "\n".join([*lines, *(f" ! {note[language]}" for note in record["notes"])]) + "\n"


def _tell(imported: Imported) -> None:
    from crmlab.data.schemas import REASONS, TABLE_NAMES

    for line in imported.told:
        click.echo(line)
    for table in imported.tables:
        name_zh, name_en = TABLE_NAMES[table.name]
        click.echo(f"{name_zh} {name_en}: {table.accepted:,} accepted 接收, {table.rejected:,} rejected 拒收")
        for reason, count in table.counts.items():
            click.echo(f"    {count:,}  {REASONS[reason].zh} {REASONS[reason].en}")
    click.echo(f"data 数据: {imported.folder}")
    click.echo(f"study 研究: {imported.study} (as_of {imported.as_of}; {', '.join(imported.reports)})")


def _checked(
    table: str | None,
    preset: str | None,
    sheet: str | None,
    columns: dict[str, str],
    dates: dict[str, str],
    questions: dict[str, str],
    time_zone: str,
) -> Options:
    """Return the options; raise ParamsError for names that do not exist."""
    from zoneinfo import available_timezones

    from crmlab.data.intake.files import Options
    from crmlab.data.mapping.values import date_problems
    from crmlab.data.presets import NONE, named
    from crmlab.data.schemas import TABLES
    from crmlab.data.schemas import columns as described
    from crmlab.data.surveys.export import check_asked
    from crmlab.errors import ParamsError, did_you_mean

    problems = check_asked(questions) + date_problems(dates)
    known = {column.name for name in TABLES for column in described(name)}
    problems += [
        f"--date: no canonical column is named {column!r}.{did_you_mean(column, known)}"
        for column in dates
        if column not in known
    ]
    if table is not None and table not in TABLES:
        problems.append(
            f"No table is named {table!r}.{did_you_mean(table, TABLES)} Allowed: {', '.join(TABLES)}."
        )
    if time_zone not in available_timezones():
        problems.append(
            f"No time zone is named {time_zone!r}.{did_you_mean(time_zone, available_timezones())}"
        )
    if problems:
        raise ParamsError(" ".join(problems))
    if preset is not None and preset != NONE:
        named(preset)
    return Options(preset=preset, sheet=sheet, columns=columns, dates=dates, questions=questions)


def _found(paths: tuple[str, ...]) -> list[Path]:
    from crmlab.data.intake.files import files_in

    return list(dict.fromkeys(path for given in paths for path in files_in(given)))


def _day(given: str | None) -> Any:
    from datetime import date

    from crmlab.errors import ParamsError

    if given is None:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ParamsError(
            f"--as-of is {given!r}; write a day as YYYY-MM-DD, for example 2024-06-30."
        ) from None


def _progress(quiet: bool) -> Callable[[Iterable[Any], str], Iterable[Any]]:
    """Return what shows a bar on stderr while a sequence is gone through."""

    def shown(items: Iterable[Any], description: str) -> Iterable[Any]:
        from tqdm import tqdm

        bar: Iterable[Any] = tqdm(
            items, desc=description, disable=quiet or not sys.stderr.isatty(), leave=False
        )
        return bar

    return shown
