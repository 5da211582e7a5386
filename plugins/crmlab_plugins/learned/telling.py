"""Learned segments in words: the reason of each customer, the rules, and how the number was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from crmlab.labels import Text
from crmlab.segments.surrogate import surrogate
from crmlab_plugins.learned.choice import Codes
from crmlab_plugins.learned.measures import measure_of
from crmlab_plugins.learned.preparation import Matrix
from crmlab_plugins.rules import wording

NO_RULE = ["简单规则说不清这一类", "no simple rule tells this class"]
_DEPTHS = (3, 4, 5)
_DECISIVE = 2
"""Columns that a reason names."""


def two(closeness: Matrix, first: Codes, second: Codes, probable: bool) -> tuple[Matrix, Matrix]:
    """Return the distance to, or the probability of, the closest and the second closest segment."""
    if not len(closeness):
        return np.empty(0), np.empty(0)
    near = np.take_along_axis(closeness, first[:, None], axis=1)[:, 0]
    far = np.take_along_axis(closeness, second[:, None], axis=1)[:, 0]
    alone = closeness.shape[1] == 1
    if probable:
        # Log-sum-exp over the segments, one after the other: the same for one customer as for many.
        total = np.zeros_like(near)
        for at in range(closeness.shape[1]):
            total += np.exp(closeness[:, at] - near)
        return 1 / total, np.zeros_like(near) if alone else np.exp(far - near) / total
    distance = np.sqrt(np.maximum(-near, 0))
    return distance, np.full_like(distance, np.inf) if alone else np.sqrt(np.maximum(-far, 0))


def placed(
    names: Sequence[Text], first: Codes, second: Codes, near: Matrix, far: Matrix, probable: bool
) -> pl.DataFrame:
    """Return in both languages to which segment customers are closest, and to which next."""
    zh, en = pl.Series([n.zh for n in names]), pl.Series([n.en for n in names])
    frame = pl.DataFrame(
        {
            "near_zh": zh.gather(first),
            "near_en": en.gather(first),
            "far_zh": zh.gather(second),
            "far_en": en.gather(second),
            "near": near,
            "far": far,
        }
    )
    if probable:
        one, two_ = wording.percent(pl.col("near")), wording.percent(pl.col("far"))
        said = (
            pl.format("属于“{}”的概率为 {}（其次“{}”{}）", "near_zh", one, "far_zh", two_),
            pl.format("“{}” with a probability of {} (next “{}” {})", "near_en", one, "far_en", two_),
        )
    else:
        one, two_ = wording.number(pl.col("near"), 2), wording.number(pl.col("far"), 2)
        said = (
            pl.format("最接近“{}”（距离 {}，其次“{}”{}）", "near_zh", one, "far_zh", two_),
            pl.format("nearest to “{}” (distance {}; next “{}” {})", "near_en", one, "far_en", two_),
        )
    if len(names) == 1:
        said = (pl.format("“{}”是唯一的一群", "near_zh"), pl.format("“{}” is the only segment", "near_en"))
    return frame.select(zh=said[0], en=said[1])


def reasons(
    features: pl.DataFrame,
    place: pl.DataFrame,
    evidence: Matrix,
    columns: Sequence[str],
    medians: dict[str, float | None],
) -> pl.DataFrame:
    """Return the reason of each customer: the place, and the columns that speak most for it."""
    order = np.argsort(-evidence, axis=1, kind="stable")[:, : min(_DECISIVE, len(columns))]
    frame = features.select(columns).with_columns(
        place_zh=place["zh"],
        place_en=place["en"],
        **{f"decisive_{at}": _speaking(order[:, at], evidence, at == 0) for at in range(order.shape[1])},
    )
    said = [valued(features, column, medians.get(column)) for column in columns]
    zh, en = [], []
    for at in range(order.shape[1]):
        told_zh, told_en = pl.lit(None, pl.String), pl.lit(None, pl.String)
        for place_of, (one_zh, one_en) in enumerate(said):
            is_it = pl.col(f"decisive_{at}") == place_of
            told_zh = pl.when(is_it).then(one_zh).otherwise(told_zh)
            told_en = pl.when(is_it).then(one_en).otherwise(told_en)
        zh.append(told_zh)
        en.append(told_en)
    return wording.reasons(
        frame,
        pl.format("{}；最能说明的是{}", "place_zh", pl.concat_str(zh, separator="、", ignore_nulls=True)),
        pl.format(
            "{}; what tells most: {}", "place_en", pl.concat_str(en, separator=", ", ignore_nulls=True)
        ),
    )


def _speaking(columns: Codes, evidence: Matrix, always: bool) -> pl.Series:
    """Return the decisive columns; -1 for those that do not speak for the segment at all."""
    speaks = np.take_along_axis(evidence, columns[:, None], axis=1)[:, 0] > 0
    return pl.Series(columns if always else np.where(speaks, columns, -1), dtype=pl.Int64)


def valued(features: pl.DataFrame, column: str, median: float | None) -> tuple[pl.Expr, pl.Expr]:
    """Return a column with its value, and the median of all customers where it has one."""
    name, dtype, cell = measure_of(column), features.schema[column], pl.col(column)
    if dtype == pl.Boolean or not dtype.is_numeric():
        unknown_zh, unknown_en = pl.lit("未知"), pl.lit("unknown")
        yes = pl.when(cell.cast(pl.Boolean)) if dtype == pl.Boolean else None
        zh = yes.then(pl.lit("是")).otherwise(pl.lit("否")) if yes is not None else cell.cast(pl.String)
        en = yes.then(pl.lit("yes")).otherwise(pl.lit("no")) if yes is not None else cell.cast(pl.String)
        return (
            pl.format("{}“{}”", pl.lit(name.zh), pl.when(cell.is_null()).then(unknown_zh).otherwise(zh)),
            pl.format("{} “{}”", pl.lit(name.en), pl.when(cell.is_null()).then(unknown_en).otherwise(en)),
        )
    written = wording.percent(cell, 1) if name.unit == "share" else wording.short(cell, 2)
    if median is None:
        return pl.format("{} {}", pl.lit(name.zh), written), pl.format("{} {}", pl.lit(name.en), written)
    usual = f"{median * 100:.1f}%" if name.unit == "share" else f"{median:,.2f}".rstrip("0").rstrip(".")
    return (
        pl.format("{} {}（全体中位数 {}）", pl.lit(name.zh), written, pl.lit(usual)),
        pl.format("{} {} (median of all {})", pl.lit(name.en), written, pl.lit(usual)),
    )


def medians(rows: pl.DataFrame) -> dict[str, float | None]:
    """Return the median of each column of numbers."""
    found: dict[str, float | None] = {}
    for column, dtype in rows.schema.items():
        if dtype.is_numeric():
            middle = rows[column].cast(pl.Float64).median()
            found[column] = None if middle is None else float(middle)  # type: ignore[arg-type]
    return found


def imitated(raw: pl.DataFrame, labels: pl.Series) -> dict[str, Any]:
    """Return the rules that imitate segments, and how near they come, as JSON values.

    Of the depths 3 to 5 it is the first at which the fewest segments are without a rule: a small segment
    is often the one that matters most.
    """
    names = {column: measure_of(column) for column in raw.columns}
    told = without = None
    for depth in _DEPTHS:
        deeper = surrogate(raw, labels, depth, names)
        lacking = sum(rule == Text(*NO_RULE) for rule in deeper.rules.values())
        if without is None or lacking < without:
            told, without = deeper, lacking
        if not without:
            break
    assert told is not None
    return {
        "rules": {label: list(rule) for label, rule in told.rules.items()},
        "fidelity": [value if isfinite(value) else None for value in told.fidelity],
        "baseline": told.baseline if isfinite(told.baseline) else None,
        "leaves": told.leaves,
        "customers": told.customers,
    }


def surrogate_words(state: dict[str, Any], labels: Sequence[Sequence[str]]) -> Text:
    """Say the rule of each segment, and how well the rules imitate the segments."""
    rules = [(zh, en, *state["rules"].get(name, NO_RULE)) for name, zh, en in labels]
    listed = Text(
        "；".join(f"“{zh}”≈ {rule_zh}" for zh, _, rule_zh, _ in rules),
        "; ".join(f"“{en}” ≈ {rule_en}" for _, en, _, rule_en in rules),
    )
    value, low, high = state["fidelity"]
    if value is None:
        return Text(f"近似规则：{listed.zh}。", f"Approximate rules: {listed.en}.")
    return Text(
        f"近似规则：{listed.zh}。对未参与学习的客户，规则与分群一致的占 {value:.1%}"
        f"（95% 区间 {low:.1%}–{high:.1%}）；一律归入最大一群则为 {state['baseline']:.1%}。",
        f"Approximate rules: {listed.en}. Of customers held out the rules give {value:.1%} their segment "
        f"(95% interval {low:.1%}–{high:.1%}); the largest segment for everybody would give "
        f"{state['baseline']:.1%}.",
    )


def choice_words(rows: Sequence[dict[str, Any]]) -> Text:
    """Say which number of segments was chosen, why, and by which figures."""
    (best,) = (row for row in rows if row["chosen"])
    zh = [f"稳定性 {best['stability']:.2f}", f"最小一群占 {best['smallest_share']:.1%}"]
    en = [f"stability {best['stability']:.2f}", f"smallest segment {best['smallest_share']:.1%}"]
    if best["separation"] is not None:
        zh.append(f"对回看日之后购买的区分度 {best['separation']:.2f}")
        en.append(f"separation of what was bought after the look back {best['separation']:.2f}")
    if best["bic"] is not None:
        zh.append(f"BIC {best['bic']:,.0f}")
        en.append(f"BIC {best['bic']:,.0f}")
    if best["silhouette"] is not None:
        zh.append(f"轮廓系数 {best['silhouette']:.2f}")
        en.append(f"silhouette {best['silhouette']:.2f}")
    judged = Text("", "")
    if best["separation"] is None:
        judged = Text(
            "所用的列没有足够的历史可回看，未评估对此后购买的区分度。",
            " The inputs have too little of a past to look back at, so usefulness was not judged.",
        )
    counts = [row["segments"] for row in rows]
    return Text(
        f"分群数在 {min(counts)}–{max(counts)} 中选定为 {best['segments']}："
        f"{best['zh']}（{'，'.join(zh)}）。{judged.zh}",
        f"The number of segments, from {min(counts)} to {max(counts)}, is {best['segments']}: {best['en']} "
        f"({', '.join(en)}).{judged.en}",
    )
