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
    help="Folder for compare.html and compare.json; else where the gallery lists them. 输出目录。",
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
    from crmlab.report import gallery

    document = compared(before, after)
    told = language or document["after"]["language"]
    page_language: Language = "en" if told == "en" else "zh"
    runs = after.resolve().parent.parent
    folder = output or runs / gallery.COMPARISONS / f"{before.resolve().name}--{after.resolve().name}"
    try:
        page = write(document, folder, page_language)
        if output is None and (runs / gallery.PAGE).is_file():
            gallery.write(runs, page_language)
    except OSError as error:
        raise click.FileError(str(folder), error.strerror) from None
    beyond = sum(figure["verdict"] == "beyond" for figure in document["figures"])
    click.echo(
        f"{document['tested']} figures tested, {beyond} changed beyond chance "
        f"检验 {document['tested']} 个指标，{beyond} 个超出随机波动"
    )
    for remark in document["remarks"]:
        click.secho(remark[page_language], err=True, fg="yellow")
    click.echo(f"comparison 对比: {page}")
