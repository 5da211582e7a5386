"""``crmlab schemes``: list the classifications, or print the rules of one as they go into a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crmlab.labels import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")


@click.command()
@click.argument("name", required=False)
@click.option("--language", type=click.Choice(LANGUAGES), default=None, help="zh or en. 语言。")
@click.option("--catalogue", is_flag=True, help="Everything as Markdown. 输出 Markdown 总表。")
def schemes(name: str | None, language: Language | None, catalogue: bool) -> None:
    """列出分类方案。 List the classifications; with NAME, print its rules as YAML for a study.

    What is printed can be pasted into the study's `classifiers` and changed there.
    """
    from crmlab.registry import classifiers

    languages = (language,) if language else LANGUAGES
    if catalogue:
        click.echo(document(), nl=False)
    elif name is not None:
        click.echo(_rules(name, languages), nl=False)
    else:
        for each in classifiers:
            plugin = classifiers[each]
            alias = f"  = {plugin.alias_of}" if plugin.alias_of else ""
            click.echo(f"{each:22}{' · '.join(plugin.title.to(one) for one in languages)}{alias}")


def _rules(name: str, languages: Sequence[Language]) -> str:
    """Return the definition, the classes and the needs as comments, and the parameters as YAML."""
    import yaml
    from pydantic_core import to_jsonable_python

    from crmlab.labels import Text
    from crmlab.registry import classifiers

    plugin = classifiers[name]()
    lines = []
    for language in languages:
        labels = ", ".join(f"{label.id} {label.text.to(language)}" for label in plugin.scheme.labels)
        told = [plugin.title.to(language), plugin.definition().to(language)]
        told.append(Text(f"类别：{labels}", f"Classes: {labels}").to(language) if labels else "")
        told.append(Text(f"需要：{plugin.needs.zh}", f"Needs: {plugin.needs.en}").to(language))
        told.append(Text(f"置信度：{plugin.sureness.zh}", f"Confidence: {plugin.sureness.en}").to(language))
        lines += [f"# {line}" for line in told if line]
    params = to_jsonable_python(plugin.get_params())
    body = yaml.safe_dump({"classifiers": {name: params}}, allow_unicode=True, sort_keys=False)
    return "\n".join([*lines, body])


def document() -> str:
    """Return the page ``docs/schemes.md``: our own classifications, their classes and needs."""
    return "\n".join(
        [
            "[中文](#分类方案) · [English](#schemes)",
            "",
            "# 分类方案",
            "",
            "由 `crmlab schemes --catalogue` 生成。规则及其默认值用 `crmlab schemes 名称` 查看，"
            "写进研究的 `classifiers` 即可修改。",
            "",
            *_table("zh", ("名称", "方案", "类别", "所需数据")),
            "",
            "# Schemes",
            "",
            "Made by `crmlab schemes --catalogue`. `crmlab schemes NAME` prints the rules with their "
            "defaults; change them under `classifiers` of a study.",
            "",
            *_table("en", ("Name", "Scheme", "Classes", "Data it needs")),
            "",
        ]
    )


def _table(language: Language, heads: Sequence[str]) -> list[str]:
    from crmlab.labels import Text
    from crmlab.registry import classifiers

    rows = [heads, ["---"] * len(heads)]
    for info in classifiers.info():
        if info.distribution != "crmlab":
            continue
        plugin = classifiers[info.name]()
        title = plugin.title.to(language)
        if plugin.alias_of:
            title += Text(f"（`{plugin.alias_of}` 的别名）", f" (alias of `{plugin.alias_of}`)").to(language)
        labels = "、".join(label.zh for label in plugin.scheme.labels)
        if language == "en":
            labels = " · ".join(label.en for label in plugin.scheme.labels)
        learned = Text("由数据学得", "learned from the data").to(language)
        rows.append([f"`{info.name}`", title, labels or learned, plugin.needs.to(language)])
    return [f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in rows]
