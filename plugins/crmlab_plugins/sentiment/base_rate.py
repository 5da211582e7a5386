"""How many of the texts at hand are positive, and what that says about each of them.

The weights take a text to be positive as often as negative. Where far more or fewer are, all probabilities
lean to one side. The share that makes the probabilities of a table most likely (Saerens, Latinne &
Decaestecker 2002, "Adjusting the Outputs of a Classifier to New a Priori Probabilities", Neural Computation
14:21-41) shifts their log-odds, by ``STRENGTH`` of what it would be were that share known: where the scores
of a trade are all too high, the share estimated from them is so as well.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRENGTH = 0.6
"""Chosen on trades left out of the training, drawn at base rates from 0.1 to 0.9: ``plugins/training``."""

FEWEST = 200
"""From so many texts on is their base rate learned; the smallest number that the strength was tried on."""

BOUND = 0.01
"""An estimated share is kept this far from 0 and from 1."""


def share_positive(probabilities: NDArray[np.float64]) -> float:
    """Return the maximum-likelihood share of positive texts, from ``BOUND`` to 1 - ``BOUND``.

    It is where the EM iterations of Saerens et al. end. ``probabilities`` are those of a model that takes
    half of the texts to be positive; their order does not matter.
    """
    import numpy as np
    from scipy.optimize import brentq

    ordered = np.sort(probabilities)
    lean = 2 * ordered - 1

    def slope(share: float) -> float:
        """The derivative of the log-likelihood, which falls as the share grows."""
        return float((lean / (1 - ordered + share * lean)).sum())

    if slope(BOUND) <= 0:
        return BOUND
    if slope(1 - BOUND) >= 0:
        return 1 - BOUND
    return round(float(brentq(slope, BOUND, 1 - BOUND, xtol=1e-6)), 4)


def shift_for(share: float, strength: float = STRENGTH) -> float:
    """Return what a share of positive texts adds to each log-odds."""
    return round(strength * log(share / (1 - share)), 4)


def shifted(probabilities: NDArray[np.float64], shift: float) -> NDArray[np.float64]:
    """Return the probabilities with ``shift`` added to their log-odds.

    Exactly one half stays: nothing in such a text is known, so it is not judged by the others. NaN stays.
    """
    import numpy as np

    odds = np.exp(shift)
    moved: NDArray[np.float64] = probabilities * odds / (1 - probabilities + probabilities * odds)
    return np.where(probabilities == 0.5, 0.5, moved)


def learned_from(texts: pl.Series, language: pl.Series, probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """Return ``texts``, ``share`` and ``shift``: from how many which share, and what it adds.

    Learned from the distinct Chinese texts that the model knows something of: what a site writes, many times
    over, for customers who wrote nothing says nothing about the others.
    """
    table = pl.DataFrame([texts.alias("text"), language.alias("language")]).with_columns(p=probabilities)
    distinct = table.filter((pl.col("language") == "zh") & (pl.col("p") != 0.5)).unique("text")
    if distinct.height < FEWEST:
        return {"texts": distinct.height, "share": 0.5, "shift": 0.0}
    share = share_positive(distinct["p"].to_numpy())
    return {"texts": distinct.height, "share": share, "shift": shift_for(share)}


def in_words(learned: dict[str, Any] | None, *, adapt: bool) -> Text:
    """Say which share of the Chinese texts is taken to be positive, and why; null where none was learned."""
    zh, en = "中文概率以正面、负面各占一半为前提", "Half of the Chinese texts are taken to be positive"
    if not adapt:
        return Text(f"{zh}。", f"{en}.")
    if learned is None:
        return Text(
            f"{zh}；学习时不重复的中文文本达到 {FEWEST} 条，才按其自身的正面占比调整。",
            f"{en}, unless another share can be learned from at least {FEWEST} distinct ones.",
        )
    n, share, shift = learned["texts"], learned["share"], learned["shift"]
    if n < FEWEST:
        return Text(
            f"{zh}：不重复的中文文本只有 {n:,} 条，不足 {FEWEST} 条，未按其自身的正面占比调整。",
            f"{en}: another share is learned from at least {FEWEST} distinct ones, and there are {n:,}.",
        )
    return Text(
        f"中文概率已按这批文本自身的正面占比调整：由 {n:,} 条不重复的中文文本估得约 {share:.0%} 为正面"
        f"（最大似然法；训练时正负各半），取所需调整的 {STRENGTH:.0%}，即每条的对数几率加 {shift:+.2f}；"
        "因此概率随所分析的文本而变，中文文本之间的排序不变。",
        "The probabilities of Chinese texts are adjusted to the share of positive ones among them: about "
        f"{share:.0%} by maximum likelihood from {n:,} distinct texts (half in the training). "
        f"{STRENGTH:.0%} of the shift that this calls for is made, {shift:+.2f} on each log-odds, so the "
        "probabilities depend on the texts at hand; the order of the Chinese texts does not.",
    )
