"""The words of the comparison page, and how its figures are written."""

from __future__ import annotations

from collections.abc import Sequence

from crmlab.labels import Language, Text
from crmlab.view.numbers import decimal, money, percent, signed
from crmlab.view.tables import MISSING

WORDS = {
    "title": Text("运行对比：{}", "Two runs compared: {}"),
    "lead": Text(
        "以 {before}（观察日 {before_day}）为基准，看 {after}（观察日 {after_day}）有何变化。",
        "{after} (as of {after_day}) held against {before} (as of {before_day}).",
    ),
    "figures": Text("关键指标", "Key figures"),
    "classes": Text("客户类别", "Classes of customers"),
    "drift": Text("输入数据的分布", "How the inputs are spread"),
    "changes": Text("数据、设置与代码", "Data, settings and code"),
    "method": Text("如何判断是否为随机波动", "What is called chance, and how"),
    "figure": Text("指标", "Figure"),
    "report": Text("报告", "Report"),
    "before": Text("基准", "Before"),
    "after": Text("本次", "After"),
    "change": Text("变化", "Change"),
    "estimate_note": Text("95% 区间，样本量 n", "95% interval, sample n"),
    "one_sample": Text("95% 区间，n = {}", "95% interval, n = {}"),
    "change_note": Text("95% 区间", "95% interval"),
    "plot": Text("变化图示", "Plot"),
    "plot_note": Text("刻度 ±{} 个百分点", "scale ±{} pp"),
    "q_note": Text("校正后的 p 值", "adjusted p"),
    "verdict": Text("判断", "Verdict"),
    "apart": Text("按独立样本比较，偏谨慎", "as independent samples: cautious"),
    "class": Text("类别", "Class"),
    "stayed": Text("留在本类", "Stayed"),
    "stayed_note": Text("占原类别", "of the class before"),
    "definitions": Text("指标口径", "What the figures are"),
    "from": Text("由", "From"),
    "to": Text("到", "To"),
    "customers": Text("客户数", "Customers"),
    "share": Text("占原类别", "Of the class before"),
    "input": Text("输入", "Input"),
    "psi": Text("稳定性指数（PSI）", "Stability index (PSI)"),
    "limit": Text("随机可达", "Chance reaches"),
    "name": Text("名称", "Name"),
    "rows_before": Text("基准行数", "Rows before"),
    "rows_after": Text("本次行数", "Rows after"),
    "rows_change": Text("行数变化", "Change in rows"),
    "content": Text("内容", "Content"),
    "nothing": Text("完全相同。", "Exactly the same."),
    "newcomer": Text("（新客户）", "(new)"),
    "leaver": Text("（不再出现）", "(not there any more)"),
    "unclassified": Text("未分类", "Unclassified"),
    "share_caption": Text("{}：各类占比", "{}: shares of the classes"),
    "moves_caption": Text("{}：人数最多的流动", "{}: the largest moves"),
    "moves_note": Text(
        "最多列 {} 项，其余见 compare.json；不足 {} 人的流动不显示。",
        "At most {} rows, the rest is in compare.json; moves of fewer than {} customers are not shown.",
    ),
    "no_common_ids": Text(
        "两次运行没有共同的客户编号，无法逐人比较：可能换了数据来源、公司，或换了编号方式（例如重新做过客户识别）。",
        "No customer id is in both runs, so nobody can be followed: another source or company, or ids made "
        "in another way, by a new identity resolution for example.",
    ),
    "overlap": Text(
        "基准 {a} 位、本次 {b} 位客户，其中 {both} 位两次都在",
        "{a} customers before, {b} after, {both} of them in both",
    ),
    "moved": Text(
        "；两次都有类别的 {followed} 位中，{moved} 位（{share}）换了类别",
        "; of {followed} with a class both times, {moved} ({share}) are in another one",
    ),
    "few_both": Text("（人数过少，不显示）", "(too few to be shown)"),
    "rule_same": Text(
        "。划分界限相同，变化来自客户本身。", ". The cut-points are the same: customers moved."
    ),
    "rule_changed": Text(
        "。划分界限或设置变了，部分流动由规则造成，与客户行为无关。",
        ". The cut-points or settings differ, so part of the movement is the rule's and not the customers'.",
    ),
    "rule_unknown": Text(
        "。未保存划分界限，不知道规则是否变过。",
        ". No cut-points were kept: whether the rule changed is not known.",
    ),
    "same_classes": Text("两次运行中完全相同的分类：{}。", "Exactly the same in both runs: {}."),
    "no_classes": Text(
        "两次运行没有可逐人比较的客户类别。",
        "The runs have no classes of customers in common to be compared.",
    ),
    "no_figures": Text("没有可比较的指标。", "There are no figures to compare."),
    "unread": Text(
        "报告 {} 的表无法读取，未作比较（{}）。", "Tables of {} could not be read and are not compared ({})."
    ),
    "drift_caption": Text("客户类别所用输入的分布变化", "Inputs of the classes, the most moved first"),
    "drift_note": Text(
        "PSI 低于 0.1 或不超过随机可达的水平记为稳定，0.25 以上为明显变化。",
        "A PSI below 0.1, or that chance reaches, counts as stable; above 0.25 it is a clear change.",
    ),
    "inputs": Text("输入表", "Tables that were read"),
    "params": Text("设置", "Settings"),
    "plugins": Text("插件", "Plugins"),
    "code": Text("代码", "Code"),
    "packages": Text("软件包", "Packages"),
    "same_rows": Text("内容相同", "same"),
    "other_rows": Text("内容不同", "differs"),
    "same_drift": Text("各输入的分布完全相同。", "All inputs are spread exactly alike."),
    "unchanged": Text(
        "没有任何变化：数据、设置、代码、指标与客户类别完全相同。",
        "Nothing changed: data, settings, code, figures and classes are exactly the same.",
    ),
}

VERDICTS = {
    "same": Text("未变", "Unchanged"),
    "chance": Text("属随机波动范围", "Within chance"),
    "beyond": Text("超出随机波动", "Beyond chance"),
    "rule": Text("数据相同，由设置或代码造成", "Same data: by settings or code"),
    "counted": Text("无误差区间，不检验", "No interval, not tested"),
    "model": Text("区间不含抽样误差，不检验", "Interval of the model only, not tested"),
    "hidden": Text("人数过少，不显示", "Too few to be told"),
    "defined": Text("口径或单位不同", "Defined or measured otherwise"),
    "added": Text("仅本次有", "Only in the later run"),
    "removed": Text("仅基准有", "Only in the earlier run"),
}
DRIFTS = {
    "ok": Text("稳定", "Stable"),
    "watch": Text("有所变化", "Some change"),
    "act": Text("明显变化", "Clear change"),
}
METHOD = (
    Text(
        "把两次运行的客户各看作同类客户的一个样本：若样本之间的偶然差别就足以造成这样大的变化，便称为随机波动。"
        "数据收集本身的偏差、模型的误判不在其中。",
        "The customers of each run are taken as a sample of customers like them: a change that the luck of "
        "such samples makes is called chance. Bias in how data was collected and mistakes of models are "
        "not in it.",
    ),
    Text(
        "变化的区间由两次各自的 95% 区间合成（MOVER，Zou 与 Donner 2008；两个占比之差即 Newcombe 1998）。"
        "预测值的区间是预测误差：变化在其中，即两次预测相差不超过预测本身的误差。"
        "得分均值的区间只含抽样误差：模型重新拟合带来的变化也算变化。",
        "The interval of a change is made from those of both runs (MOVER, Zou & Donner 2008; of two shares "
        "it is that of Newcombe 1998). The interval of a forecast is its error: a change within it is one "
        "that forecasts as good as these cannot tell. That of the mean of a score holds sampling error "
        "alone: what a new fit of the model changes counts as a change.",
    ),
    Text(
        "两次运行多半是同一批客户，并不独立。客户类别的占比与得分均值按共同客户逐人计算相关"
        "（部分重叠样本，Derrick 等 2015）；其他指标（如基尼系数、净推荐值、投诉率）没有逐人数据，"
        "按独立样本比较，并在判断一栏注明：区间偏宽，可能把真实变化看作随机波动，反过来则少见。",
        "Most customers are in both runs, so the two depend on each other. For shares of classes and means "
        "of scores the correlation is computed from who is in both (partially overlapping samples, Derrick "
        "et al. 2015). Other figures, such as the Gini coefficient, NPS and rates of complaints, are "
        "compared as independent samples, and marked so: intervals are then too wide, and a true change "
        "may be called chance, rarely the other way round.",
    ),
    Text(
        "同时看多个指标，p 值按 Benjamini–Hochberg 1995 校正：被判为“超出随机波动”的，"
        "平均约二十项中有一项是误判。同一方案的各类占比之和为 1，这一保证对它们只是近似。",
        "Many figures are looked at, so p values are adjusted by Benjamini & Hochberg (1995): of those "
        "called beyond chance, about one in twenty is wrong. Shares of classes add to one; for them this is "
        "approximate.",
    ),
    Text(
        "清点得出的数（客户数、销售额、件数）没有抽样误差，变化就是事实，但不说明原因；没有区间、或区间只含模型参数"
        "不确定性的指标不作检验。数据完全相同时，差异只能来自设置或代码，不作检验。",
        "What is counted (customers, revenue, complaints) has no sampling error: its change is a fact, not "
        "an explanation. No figure is tested that has no interval, or one of the model's parameters alone. "
        "Where both runs saw the same rows, a difference comes from settings or code and is not tested.",
    ),
)


def word(name: str, language: Language) -> str:
    """Return a word of the page in a language."""
    return WORDS[name].to(language)


def filled(name: str, value: Text) -> Text:
    """Return a word of the page around a text."""
    return Text(*(text.format(part) for text, part in zip(WORDS[name], value, strict=True)))


def listed(names: Sequence[str], language: Language, most: int = 4) -> str:
    """Write the first few names, and how many more there are."""
    shown, more = list(names[:most]), len(names) - most
    said = ("、" if language == "zh" else ", ").join(shown)
    return said if more <= 0 else said + Text(f"等 {len(names)} 项", f" and {more} more").to(language)


def written(value: float | None, unit: str, currency: str, language: Language) -> str:
    """Write a figure as its unit asks; a mean of counts with a decimal."""
    if value is None:
        return MISSING
    if unit == "share":
        return percent(value)
    if unit == "currency":
        return money(value, currency).to(language)
    return decimal(value, _decimals(value, unit))


def span(low: float | None, high: float | None, unit: str, currency: str, language: Language) -> str:
    """Write the interval of a figure; empty where there is none."""
    if low is None or high is None:
        return ""
    return "–".join(written(end, unit, currency, language) for end in (low, high))


def change(value: float | None, unit: str, currency: str, language: Language) -> str:
    """Write a difference with its sign; of shares in percentage points."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    if unit == "share":
        return f"{_points(value)} {Text('个百分点', 'pp').to(language)}"
    return _signed(value, unit, currency, language)


def between(low: float | None, high: float | None, unit: str, currency: str, language: Language) -> str:
    """Write the interval of a difference, in the unit of that; empty where there is none."""
    if low is None or high is None:
        return ""
    ends = [
        _points(end) if unit == "share" else _signed(end, unit, currency, language) for end in (low, high)
    ]
    return Text(" 至 ", " to ").to(language).join(ends)


def chance(q: float | None) -> str:
    """Write an adjusted p value; empty where there is none."""
    if q is None:
        return ""
    return "p < 0.001" if q < 0.001 else f"p = {q:.3f}"


def _points(value: float) -> str:
    """Write a difference of shares in percentage points, never as nought."""
    points = 100 * value
    return signed(points, 1 if abs(points) >= 0.05 or not points else 2)


def _signed(value: float, unit: str, currency: str, language: Language) -> str:
    if unit == "currency":
        return ("+" if value > 0 else "") + money(value, currency).to(language)
    return signed(value, _decimals(value, unit))


def _decimals(value: float, unit: str) -> int:
    if unit == "count":
        return 0 if value == int(value) or abs(value) >= 1000 else 2
    return 3 if unit == "number" else 1
