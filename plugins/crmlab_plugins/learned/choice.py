"""How many segments: by stability, by the size of the smallest, and by what they tell of later purchases.

* stability: mean adjusted Rand index (Hubert & Arabie 1985) of the segments with those learned from
  bootstrap samples of the customers (Hennig 2007, Computational Statistics & Data Analysis 52:258–271);
* size: the share of customers in the smallest segment;
* usefulness: the segments are learned from what was known at the look back, and compared with what the
  same customers bought since: the share of variance explained, corrected for the number of segments
  (epsilon², Kelley 1935), of the logarithm of spend (eta²) and of having ordered (Cramér's V²), averaged.

Where there is no past to look back at, the Bayesian information criterion (Schwarz 1978) of methods that
have a likelihood takes the place of usefulness. The silhouette (Rousseeuw 1987) never decides alone, for
it is highest where nearly all customers are in one segment: it stands beside the others, and without a
past tells apart what is large enough and about equally stable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from crmlab.labels import Text
from crmlab_plugins.learned.preparation import Matrix

Codes = np.ndarray[Any, np.dtype[np.int64]]
Assign = Callable[[Matrix], Codes]
"""Gives customers their segment."""
Divide = Callable[[Matrix, int], Assign]
"""Learns a number of segments from customers and returns what gives customers their segment."""
Figure = Callable[[int], float]
"""A figure for a number of segments."""

MOST = 2_000
"""Customers that the candidates are compared on."""
RESAMPLES = 10
STABLE = 0.75
"""Stability from which segments count as found again, the limit that Hennig calls stable."""
NEAR = 0.05
"""Difference of stability that is none."""
ENOUGH = 0.95
"""Share of the best usefulness that fewer segments must reach to be preferred."""
USELESS = 0.01
"""Explained variance below which segments tell nothing of what customers buy later."""


def compare(
    matrix: Matrix,
    divide: Divide,
    candidates: Sequence[int],
    min_share: float,
    *,
    useful: Figure | None = None,
    criterion: Figure | None = None,
    metric: str | None = "euclidean",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return one row per candidate with its figures, whether it is chosen, and the verdict on it.

    Keys ``segments``, ``stability``, ``smallest_share``, ``separation`` (what ``useful`` gives, None
    without), ``bic`` (what ``criterion`` gives, None without), ``silhouette`` (None without a
    ``metric``), ``chosen``, ``zh``, ``en``. ``matrix`` holds the prepared inputs in an order that does
    not depend on that of the customers; at most 2,000 of them are looked at, with a fixed seed.
    """
    random = np.random.default_rng(seed)
    matrix = matrix[some(len(matrix), random)]
    draws = [random.integers(0, len(matrix), len(matrix)) for _ in range(RESAMPLES)]
    rows = []
    for count in candidates:
        codes = divide(matrix, count)(matrix)
        row: dict[str, Any] = {
            "segments": count,
            "stability": _mean([_rand(codes, divide(matrix[draw], count)(matrix)) for draw in draws]),
            "smallest_share": float(np.bincount(codes, minlength=count).min() / len(codes)),
            "separation": useful(count) if useful else None,
            "bic": criterion(count) if criterion else None,
            "silhouette": _silhouette(matrix, codes, metric) if metric else None,
        }
        rows.append(row)
    chosen, why = _choose(rows, min_share, criterion(1) if criterion else None)
    for row in rows:
        row["chosen"] = row["segments"] == chosen
        row["zh"], row["en"] = why if row["chosen"] else _against(row, min_share)
    return rows


def usefulness(earlier: Matrix, outcome: Matrix, divide: Divide, seed: int = 0) -> Figure:
    """Return what says for a number of segments how well they tell what came later.

    ``earlier`` holds the inputs of the customers known at the look back, ``outcome`` one column per
    outcome; of more than 2,000 customers a sample.
    """
    rows = some(len(earlier), np.random.default_rng(seed))
    then, later = earlier[rows], outcome[rows]
    return lambda count: explained(divide(then, count)(then), later)


def _choose(rows: list[dict[str, Any]], min_share: float, bic_of_one: float | None) -> tuple[int, Text]:
    """Return the number of segments and why.

    Among those stable and large enough: the fewest within 5 % of the best usefulness. Where that cannot
    be judged, the lowest BIC; without a likelihood, of those about as stable as the most stable the best
    silhouette; without a silhouette the most (as Tibshirani & Walther 2005, JCGS 14:511–528, take the
    largest number that predicts well).
    """
    large = [row for row in rows if row["smallest_share"] >= min_share]
    good = [row for row in large if row["stability"] >= STABLE]
    if bic_of_one is not None and bic_of_one < min(row["bic"] for row in rows):
        best = max(large or rows, key=lambda row: (row["stability"], -row["segments"]))
        return best["segments"], Text(
            "不分群的 BIC 反而最低，数据中看不出分群；取最稳定的候选，请勿据此行动",
            "the BIC is lowest without any segments, so the data shows none; this is the most stable, "
            "but nothing to act on",
        )
    if not good:
        best = max(large or rows, key=lambda row: (row["stability"], -row["segments"]))
        return best["segments"], Text(
            f"没有一个候选数目既稳定（≥ {STABLE}）又每群足够大，取其中最稳定的，请谨慎使用",
            f"no candidate is stable (≥ {STABLE}) with every segment large enough; this is the most stable, "
            "so read it with care",
        )
    if good[0]["separation"] is None and good[0]["bic"] is not None:
        best = min(good, key=lambda row: row["bic"])
        return best["segments"], Text(
            "稳定且每群足够大的候选中 BIC 最低", "the lowest BIC of those stable and large enough"
        )
    if good[0]["separation"] is None:
        least = max(row["stability"] for row in good) - NEAR
        near = [row for row in good if row["stability"] >= least]
        if near[0]["silhouette"] is not None:
            best = max(near, key=lambda row: row["silhouette"] or -1.0)
            return best["segments"], Text(
                f"每群足够大，稳定性与最高者相差不到 {NEAR}，其中轮廓系数最高",
                f"large enough, within {NEAR} of the best stability, and of those the best silhouette",
            )
        best = max(near, key=lambda row: row["segments"])
        return best["segments"], Text(
            f"每群足够大，且是稳定性与最高者相差不到 {NEAR} 的候选中数目最多的",
            f"large enough, and the most segments within {NEAR} of the best stability",
        )
    top = max(row["separation"] for row in good)
    if top < USELESS:
        best = max(good, key=lambda row: (row["stability"], -row["segments"]))
        return best["segments"], Text(
            "各候选数目都几乎不能说明此后的购买，取最稳定的",
            "none tells much of what customers bought later; this is the most stable",
        )
    best = next(row for row in good if row["separation"] >= ENOUGH * top)
    return best["segments"], Text(
        "稳定、每群足够大，且以最少的群数达到最佳区分度的 95%",
        "stable, large enough, and the fewest that reach 95% of the best separation",
    )


def _against(row: dict[str, Any], min_share: float) -> Text:
    if row["smallest_share"] < min_share:
        return Text(f"最小一群不足 {min_share:.0%}", f"its smallest segment has less than {min_share:.0%}")
    if row["stability"] < STABLE:
        return Text(f"不够稳定（低于 {STABLE}）", f"not stable (below {STABLE})")
    return Text("可行，但并不更好", "possible, but no better")


def some(total: int, random: np.random.Generator) -> Codes:
    """Return the rows of a sample of at most 2,000."""
    if total <= MOST:
        return np.arange(total)
    return np.sort(random.choice(total, MOST, replace=False))


def _rand(a: Codes, b: Codes) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(a, b))


def _silhouette(matrix: Matrix, codes: Codes, metric: str) -> float | None:
    """Return the mean silhouette of at most 1,000 customers; None with one segment."""
    from sklearn.metrics import silhouette_score

    step = max(1, len(matrix) // 1_000)
    rows, few = matrix[::step], codes[::step]
    if not 1 < len(np.unique(few)) < len(few):
        return None
    return round(float(silhouette_score(rows, few, metric=metric)), 6)


def explained(codes: Codes, outcome: Matrix) -> float:
    """Return the mean over the outcomes of epsilon², the corrected share of explained variance."""
    total, used = len(codes), np.unique(codes)
    shares = []
    for values in outcome.T:
        spread = float(((values - values.mean()) ** 2).sum())
        if spread <= 0 or total <= len(used):
            shares.append(0.0)
            continue
        inside = sum(float(((values[codes == at] - values[codes == at].mean()) ** 2).sum()) for at in used)
        shares.append(max(0.0, 1 - inside / spread * (total - 1) / (total - len(used))))
    return _mean(shares)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 6)
