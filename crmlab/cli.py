"""The command line. The module of a command is imported when it is called; ``--help`` needs click alone."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

import click

from crmlab import __version__

COMMANDS = {
    "clean": ("clean:clean", "清理旧结果。 Remove runs of STUDY that its `keep` leaves over."),
    "compare": (
        "compare:compare",
        "对比两次运行。 Compare two runs, each the folder of one: AFTER is held against BEFORE.",
    ),
    "identity": (
        "identity:identity",
        "同一客户的多条记录。 One customer, many records: propose merges, apply the accepted ones, undo.",
    ),
    "import": (
        "intake:import_",
        "导入文件并生成研究。 Write canonical tables and a study from files, folders or patterns.",
    ),
    "ingest": (
        "ingest:ingest",
        "把大量订单整理为分桶存储。 Bring the orders of STUDY, however many, into a store at FOLDER.",
    ),
    "inspect": (
        "intake:inspect",
        "查看对文件的理解。 Print what is understood of each file: a file, a folder or a pattern.",
    ),
    "label": (
        "label:label",
        "人工标注少量文本，校正情感模型。 "
        "Label some texts by hand and correct the sentiment model with them.",
    ),
    "notify": ("notify:notify", "通知渠道。 Who is told how a run ended: the channels of a study."),
    "plugins": ("plugins:plugins", "列出插件。 List the plugins, importing none."),
    "run": ("run:run", "运行研究。 Run the reports of STUDY, a YAML file, for every cell of its matrix."),
    "sample": (
        "sample:sample",
        "生成示例公司。 Generate a retail company into the folder NAME, with a file of the truth behind it.",
    ),
    "schedule": ("schedule:schedule", "定时运行研究。 Run a study by the clock."),
    "schema": ("schema:schema", "输出 JSON Schema。 Write the JSON schema of a study, for editors."),
    "schemes": (
        "schemes:schemes",
        "列出分类方案。 List the classifications; with NAME, print its rules as YAML for a study.",
    ),
    "summarise": (
        "ingest:summarise",
        "计算存储中全部客户的特征与 RFM 分群。 Write the features and RFM labels of a STORE to FOLDER.",
    ),
    "survey": (
        "survey:survey",
        "设计问卷与样本量。 Design a survey: questions, forms, codebook, sample size.",
    ),
    "template": (
        "template:template",
        "生成客户资料表格。 Write the customer forms NAME… as one workbook; all of them without a NAME.",
    ),
}
"""Name → where in crmlab.commands it is defined, and the first sentences of its help."""


class _Imported(UserDict[str, Any]):
    """The commands by name; looking one up imports it."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = super().__getitem__(name)[0].partition(":")
        return getattr(import_module(f"crmlab.commands.{module}"), attribute)


class _Main(click.Group):
    """Lists its commands without importing them; turns crmlab's errors into a message and an exit code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, commands=_Imported(COMMANDS))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, click.Command(name, help=text).get_short_help_str(limit))
                    for name, (_, text) in sorted(COMMANDS.items())
                ]
            )

    def invoke(self, ctx: click.Context) -> object:
        from crmlab.errors import CrmlabError, RunError

        try:
            return super().invoke(ctx)
        except CrmlabError as error:
            click.secho(str(error), err=True, fg="red")
            ctx.exit(1 if isinstance(error, RunError) else 2)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="crmlab")
def main() -> None:
    """客户细分与反馈分析报告。 Customer segmentation and feedback reports from notebooks."""
