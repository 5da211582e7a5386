"""``crmlab compare``: what changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crmlab.labels import Language


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for compare.html and compare.json; else comparisons/ in the gallery's folder, or here. "
    "输出目录，默认为总览所在目录（没有则为当前目录）下的 comparisons/。",
)
@click.option("--language", type=click.Choice(["zh", "en"]), help="Language of the page. 页面语言。")
def compare(before: Path, after: Path, output: Path | None, language: str | None) -> None:
    """对比两次运行。 Compare two runs, each the folder of one: AFTER is held against BEFORE.

    Says which data, settings and code differ, which figures changed beyond chance, who moved between
    classes and which inputs drifted. The folders of the runs are not changed.

    给出数据、设置与代码的差异，哪些指标的变化超出随机波动，客户在类别间的流动，以及输入分布的漂移；不改动运行目录。
    """
    from crmlab.compare import compare as compared
    from crmlab.compare import write
    from crmlab.compare.comparison import nothing_changed
    from crmlab.report import gallery

    document = compared(before, after)
    told = language or document["after"]["language"]
    page_language: Language = "en" if told == "en" else "zh"
    runs = after.resolve().parent.parent
    listed = output is None and (runs / gallery.PAGE).is_file()
    # A run that was copied elsewhere has no gallery above it, but somebody's folder.
    home = (runs if listed else Path()) / gallery.COMPARISONS
    folder = output or home / f"{before.resolve().name}--{after.resolve().name}"
    try:
        page = write(document, folder, page_language)
        if listed:
            gallery.write(runs, page_language)
    except OSError as error:
        raise click.FileError(str(folder), error.strerror) from None
    tested = document["tested"]
    beyond = sum(figure["verdict"] == "beyond" for figure in document["figures"])
    if nothing_changed(document):
        click.echo("nothing changed 没有任何变化")
    else:
        click.echo(
            f"{tested} figure{'' if tested == 1 else 's'} tested, {beyond} changed beyond chance "
            f"检验 {tested} 个指标，{beyond} 个超出随机波动"
        )
    for remark in document["remarks"]:
        click.secho(remark[page_language], err=True, fg="yellow")
    click.echo(f"comparison 对比: {page}")
