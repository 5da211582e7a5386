"""``crmlab template``: blank or filled forms as a workbook, and the data dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crmlab.data.templates.definitions import Form
    from crmlab.labels import Language


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Folder, or file to write; here by default. 写入的文件夹或文件，默认当前文件夹。",
)
@click.option(
    "--language",
    type=click.Choice(["zh", "en"]),
    default="zh",
    show_default=True,
    help="Language of what is written. 输出语言。",
)
@click.option("--example", is_flag=True, help="Fill the forms with the example. 用示例填好各表。")
@click.option("--force", is_flag=True, help="Write over an existing file. 覆盖已有文件。")
@click.option("--list", "listed", is_flag=True, help="List the forms. 列出各表。")
@click.option(
    "--dictionary",
    is_flag=True,
    help="Print the data dictionary of the canonical tables; with --to write it in both languages. "
    "输出标准表的数据字典；加 --to 则写成双语文件。",
)
def template(
    names: tuple[str, ...],
    target: Path | None,
    language: Language,
    example: bool,
    force: bool,
    listed: bool,
    dictionary: bool,
) -> None:
    """生成客户资料表格。 Write the customer forms NAME… as one workbook; all of them without a NAME.

    The filled workbook is read with `crmlab import FILE`, or by a study with `source: template`.

    填好的表格用 `crmlab import 文件` 读取，或在研究中写 `source: template`。
    """
    if dictionary:
        _describe(target, language, force)
        return
    from crmlab.data.templates.forms import listed_forms, named_forms

    if listed:
        for form, title, purpose in listed_forms(names):
            click.echo(f"{form:<12} {title.zh} {title.en}")
            click.echo(f"{'':<12} {purpose.zh} {purpose.en}")
        return
    from crmlab.data.templates.examples import example_rows
    from crmlab.data.templates.write import write_workbook

    forms = named_forms(names)
    path = _free(target or Path(), ".xlsx", _file_name(forms, language, example), force)
    write_workbook(path, forms, language, example_rows(language) if example else None)
    click.echo(str(path))


def _describe(target: Path | None, language: Language, force: bool) -> None:
    from crmlab.data.dictionary import dictionary, document

    if target is None:
        click.echo(dictionary(language), nl=False)
        return
    path = _free(target, ".md", "tables.md", force)
    try:
        path.write_text(document(), encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from None
    click.echo(str(path))


def _free(target: Path, suffix: str, name: str, force: bool) -> Path:
    """Return the file to write, its folder made; refuse to write over another without ``force``."""
    path = target if target.suffix.casefold() == suffix else target / name
    if path.exists() and not force:
        raise click.UsageError(
            f"{path} exists. Choose another place with --to, or write over it with --force. "
            "文件已存在，请用 --to 换一个位置，或用 --force 覆盖。"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.FileError(str(path.parent), error.strerror) from None
    return path


def _file_name(forms: tuple[Form, ...], language: Language, example: bool) -> str:
    """Return a name in the reader's language: that of the form if there is one, else of them all."""
    if language == "zh":
        title = forms[0].text.zh if len(forms) == 1 else "客户资料"
        return f"{title}{'示例' if example else '模板'}.xlsx"
    title = forms[0].text.en.casefold().replace(" ", "-") if len(forms) == 1 else "customer"
    return f"{title}-{'example' if example else 'template'}{'' if len(forms) == 1 else 's'}.xlsx"
