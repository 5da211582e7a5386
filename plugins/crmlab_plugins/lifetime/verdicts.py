"""What a fit cannot tell, in words: ridges of the likelihood, no repeat purchases, no convergence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crmlab.labels import Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.fitting import FittableProcess, Histories
    from crmlab_plugins.lifetime.maximise import Maximum

    Floats = NDArray[np.float64]

UNSURE = 1.5
"""A parameter whose logarithm has a larger standard error is known to a factor of 20 at best: a ridge."""


def unsure_of(names: Sequence[str], hessian: Floats) -> list[str]:
    """Return the parameters whose logarithms have a standard error above ``UNSURE``, without any cut-off."""
    import numpy as np

    information, axes = np.linalg.eigh(-hessian)
    errors = np.sqrt((axes**2) @ (1 / np.maximum(information, 1e-9)))
    return [name for name, error in zip(names, errors, strict=False) if error > UNSURE]


def verdict_of(process: type[FittableProcess], found: Maximum, histories: Histories) -> Text | None:
    """Say what the data does not tell about the parameters, or None."""
    if not histories.x.any():
        return Text(
            "尚无客户复购，购买频率和流失都无法估计；请等待更多订单，或把观察期放长。",
            "No customer has bought again, so neither the purchase rate nor the dropout can be estimated; "
            "wait for more orders, or look at a longer period.",
        )
    if not found.converged:
        return Text(
            f"参数估计在 {found.evaluations} 次计算后仍未收敛，请勿引用这些数字；"
            "请检查数据，或换用其他模型。",
            f"The estimate had not converged after {found.evaluations} evaluations; do not quote these "
            "figures. Check the data, or choose another model.",
        )
    leaving = set(process.dropout)
    buying = set(process.names) - leaving
    unsure = set(unsure_of(process.names, found.hessian))
    for at in found.at_limit:
        # The other one of the pair would go with it.
        unsure |= next((pair for pair in (leaving, buying) if process.names[at] in pair), set())
    said = []
    if unsure & leaving:
        said.append(_of_dropout(process, found.hessian, [n for n in process.names if n in unsure & leaving]))
    if unsure & buying:
        said.append(_of_purchases(process, found.hessian, [n for n in process.names if n in unsure & buying]))
    return Text("".join(text.zh for text in said), " ".join(text.en for text in said)) if said else None


def _of_dropout(process: type[FittableProcess], hessian: Floats, names: list[str]) -> Text:
    zh, en = "、".join(names), ", ".join(names)
    if _ratio_is_sure(process, hessian, process.dropout):
        return Text(
            f"客户之间流失倾向的差异无法从数据中识别：参数 {zh} 同比放大，似然几乎不变，"
            "所有客户的流失倾向看起来相近。预测仍可使用，但不要解读这些参数本身。",
            f"Differences in dropout are not identified: {en} may grow together at about the same "
            "likelihood, as all customers seem to be about equally likely to leave. Predictions remain "
            "usable; do not interpret these parameters themselves.",
        )
    return Text(
        f"流失无法从数据中识别：参数 {zh} 取相差很大的值，似然几乎一样（例如几乎看不到客户流失）。"
        "购买次数的预测仍可参考，但不要解读流失参数和存活概率的差异。",
        f"Dropout is not identified: very different values of {en} are about equally likely (for "
        "instance because hardly any customer seems to have left). Expected purchases remain usable; "
        "do not interpret the dropout parameters or differences in the probability of being alive.",
    )


def _of_purchases(process: type[FittableProcess], hessian: Floats, names: list[str]) -> Text:
    zh, en = "、".join(names), ", ".join(names)
    if _ratio_is_sure(process, hessian, [name for name in process.names if name not in process.dropout]):
        return Text(
            f"客户之间购买频率的差异无法从数据中识别：参数 {zh} 同比放大，似然几乎不变，"
            "所有客户的购买频率看起来相近（例如大家都按固定周期购买）。预测仍可使用，但不要解读这些参数本身。",
            f"Differences in how often customers buy are not identified: {en} may grow together at about the "
            "same likelihood, as all customers seem to buy about equally often (for instance because all of "
            "them buy at one fixed interval). Predictions remain usable; do not interpret these parameters "
            "themselves.",
        )
    return Text(
        f"客户之间的差异无法从数据中识别：参数 {zh} 取相差很大的值，似然几乎一样。只应使用总体水平的预测。",
        f"How much customers differ is not identified: very different values of {en} are about "
        "equally likely. Use predictions of totals alone.",
    )


def _ratio_is_sure(process: type[FittableProcess], hessian: Floats, pair: Sequence[str]) -> bool:
    """Say whether the ratio of two parameters, which is a mean over customers, is well known."""
    import numpy as np

    contrast = np.zeros(hessian.shape[0])
    contrast[process.names.index(pair[0])], contrast[process.names.index(pair[1])] = 1.0, -1.0
    information, axes = np.linalg.eigh(-hessian)
    variance = ((axes.T @ contrast) ** 2) @ (1 / np.maximum(information, 1e-9))
    return bool(variance < UNSURE**2 / 4)
