"""What a reader of a comparison must know before the figures: what the two runs do not have in common."""

from __future__ import annotations

from collections.abc import Iterator

from crmlab.compare.runs import RunFolder
from crmlab.labels import Text


def of(before: RunFolder, after: RunFolder) -> Iterator[Text]:
    """Yield a sentence for each: one run twice, another study, cell, language or currency, failures, age."""
    one, two = before.manifest, after.manifest
    if before.folder.resolve() == after.folder.resolve():
        yield Text("同一次运行与自身对比。", "The run is held against itself.")
    if one["study"] != two["study"]:
        yield Text(
            f"两次运行属于不同的研究（{one['study']} 与 {two['study']}），差异不能理解为随时间的变化；"
            "客户按编号对应，编号相同即视为同一客户。",
            f"The runs are of different studies ({one['study']} and {two['study']}); "
            "differences are not changes over time. Customers are followed by their id: one id counts as one "
            "customer.",
        )
    elif (one.get("cell") or {}) != (two.get("cell") or {}):
        first, second = _cell(before), _cell(after)
        yield Text(
            f"两次运行属于同一研究的不同单元（{first.zh} 与 {second.zh}），差异不能理解为随时间的变化。",
            f"The runs are of different cells of the study's matrix ({first.en} and {second.en}); "
            "differences are not changes over time.",
        )
    if one.get("language") != two.get("language"):
        yield Text(
            "两次报告的语言不同；指标的数值不受影响。",
            "The reports are in different languages; that does not touch the figures.",
        )
    if one["as_of"] > two["as_of"]:
        yield Text(
            f"作为基准的运行观察日更晚（{one['as_of']}，另一次为 {two['as_of']}），变化的方向与时间相反。",
            f"The run held against looks at a later day ({one['as_of']}, the other at {two['as_of']}): "
            "changes run against time.",
        )
    both = [name for name in after.reports if name in before.reports]
    for old, new in sorted({(before.currency(name), after.currency(name)) for name in both}):
        if old != new:
            yield Text(
                f"两次运行的货币不同（{old} 与 {new}），金额不作比较。",
                f"The runs are in different currencies ({old} and {new}); amounts are not compared.",
            )
    for run in (before, after):
        failed = [name for name, report in run.reports.items() if report["status"] != "done"]
        if failed:
            names = Text("、".join(failed), ", ".join(failed))
            yield Text(
                f"运行 {run.manifest['run']} 中有报告未完成：{names.zh}。",
                f"In the run {run.manifest['run']} these reports did not finish: {names.en}.",
            )
        done = [report for report in run.manifest["reports"] if report["status"] == "done"]
        if done and all(report.get("figures") is None for report in done):
            yield Text(
                f"运行 {run.manifest['run']} 由较早的版本生成，未保存关键指标，因此无法逐项比较指标。",
                f"The run {run.manifest['run']} was made by an earlier version, which kept no key figures; "
                "figures cannot be compared one by one.",
            )


def _cell(run: RunFolder) -> Text:
    cell = run.manifest.get("cell") or {}
    told = ", ".join(f"{key} = {value}" for key, value in cell.items())
    return Text(told or "全部", told or "all")
