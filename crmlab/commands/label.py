"""``crmlab label``: the rows worth labelling as a table, and what the labels bring."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("study", type=_FILE)
@click.option("--to", "target", type=_FILE, help="Write the rows to label, as CSV. 写出待标注的表格。")
@click.option("-n", "rows", default=200, show_default=True, help="Number of rows. 条数。")
@click.option("--from", "source", type=_FILE, help="Read the filled table back. 读回标注好的表格。")
@click.option("--save", type=_FILE, help="Write the correction that the labels give. 保存校正文件。")
def label(study: Path, target: Path | None, rows: int, source: Path | None, save: Path | None) -> None:
    """人工标注少量文本，校正情感模型。 Label some texts by hand and correct the sentiment model with them.

    First `--to rows.csv`: fill in its column 标注 (label) with 正面/负面, positive/negative or 1/0; blank
    skips a row. Then `--from rows.csv --save correction.json`. What was learned is saved only where it
    helps, and is used with `annotators: {sentiment: {correction: correction.json}}` in the study.
    """
    if (target is None) == (source is None):
        raise click.UsageError("Give either --to FILE or --from FILE. 请二选一：--to 文件，或 --from 文件。")
    if save is not None and source is None:
        raise click.UsageError("--save needs --from FILE. --save 须与 --from 文件 同用。")
    from contextlib import chdir

    from crmlab.lab import Lab
    from crmlab.labelling import Labelling
    from crmlab.params import read_study

    settings, broken = read_study(study)
    for problem in broken:
        click.secho(problem, fg="yellow", err=True)
    folder = study.resolve().parent
    to, back, kept = (path and path.resolve() for path in (target, source, save))
    with chdir(folder):  # paths in a study are relative to its folder
        labelling = Labelling(Lab(settings))
        if to is not None:
            written = labelling.write(to, rows)
            click.echo(f"{target}: {written.height:,} rows to label 条待标注")
            return
        assert back is not None
        refit = labelling.refit(back)
    table = refit.table()
    click.echo(table.plain())
    for name, value, interval in table.frame.iter_rows():
        click.echo(f"  {name}  {value}  [{interval}]")
    click.echo(refit.note().plain())
    if kept is not None:
        refit.save(kept)
        named = kept.relative_to(folder) if kept.is_relative_to(folder) else kept
        click.echo(f"{save}: annotators: {{sentiment: {{correction: {named.as_posix()}}}}}")
