"""Which rows are worth a person's time: uncertain ones, different ones, and a fair share of all.

Every text has a known probability of being chosen, so that what is counted on the chosen can be weighted
back to all texts (Horvitz & Thompson 1952, JASA 47:663-685). Half of that probability is the same for all
(representative), half follows how undecided the model is (uncertain). The draw is systematic, with unequal
probabilities (Madow 1949, Ann. Math. Stat. 20:333-354), along texts put in order of their content, so that
it passes through all kinds of them (diverse).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from crmlab.errors import DataError, ParamsError
from crmlab.labelling.correction import occurrences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROWS = 200

_POOL = 20_000
_REPRESENTATIVE = 0.5
_KINDS = 20
_DIMENSIONS = 20
_FEATURES = 5_000
_DIGITS = 12


def choose(feedback: pl.DataFrame, n: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """Return ``n`` distinct texts to label, or all where there are fewer, in an order without meaning.

    ``feedback`` has ``text`` and ``positive_probability``; texts without a probability cannot be chosen.
    Columns: ``text_id`` (a code of the text), ``text``, ``positive_probability`` and
    ``selection_probability`` (over 0, at most 1). Who labels only the first rows has labelled a random part.
    The same texts and seed give the same rows. Raises ParamsError for ``n`` below 1, DataError without
    a single text that is judged.
    """
    import numpy as np

    if n < 1:
        raise ParamsError(f"{n} rows were asked for; ask for at least 1, for example {ROWS}.")
    texts = distinct(feedback)
    if texts.is_empty():
        raise DataError(
            "There is no text to label: no row of the feedback table has a text that is judged. "
            "Chinese and English texts are judged."
        )
    if n >= texts.height:
        return texts.with_columns(selection_probability=1.0)
    pool = texts.head(_POOL)  # in the order of a hash, so any part is a random one
    uncertain = 1 - np.abs(2 * pool["positive_probability"].to_numpy() - 1)
    share = uncertain / uncertain.sum() if uncertain.sum() > 0 else np.full(pool.height, 1 / pool.height)
    probability = _capped(_REPRESENTATIVE / pool.height + (1 - _REPRESENTATIVE) * share, n)
    order = pool.select(kind=pl.Series(_kinds(pool["text"], seed)), id="text_id").with_row_index("place")
    walk = order.sort("kind", "id")["place"].to_numpy()
    reached = np.cumsum(probability[walk])
    start = np.random.default_rng(seed).uniform()
    steps = np.floor(reached + start) - np.floor(np.concatenate(([0.0], reached[:-1])) + start)
    chosen = np.sort(walk[steps > 0])
    return pool[chosen].with_columns(
        selection_probability=pl.Series(probability[chosen] * pool.height / texts.height)
    )


def distinct(feedback: pl.DataFrame) -> pl.DataFrame:
    """Return each judged text once: ``text_id``, ``text``, ``positive_probability``, sorted by the code."""
    judged = feedback.select(
        pl.col("text").cast(pl.String).str.strip_chars(), pl.col("positive_probability").cast(pl.Float64)
    ).drop_nulls()
    judged = judged.unique("text", keep="first", maintain_order=True)
    ids = pl.Series("text_id", [text_id(text) for text in judged["text"]], dtype=pl.String)
    return judged.select(ids, "text", "positive_probability").sort("text_id")


def text_id(text: str) -> str:
    """Return a code of a text that a spreadsheet leaves alone; without the text it says nothing."""
    return "T-" + hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _capped(sizes: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return probabilities in proportion to ``sizes`` that sum to ``n``, none above 1."""
    import numpy as np

    probability = np.zeros(len(sizes))
    certain = np.zeros(len(sizes), dtype=bool)
    while True:
        rest = n - certain.sum()
        probability[~certain] = sizes[~certain] * rest / sizes[~certain].sum()
        over = ~certain & (probability > 1)
        if not over.any():
            return probability
        certain |= over
        probability[certain] = 1.0


def _kinds(texts: pl.Series, seed: int) -> NDArray[np.int64]:
    """Put texts that speak of the same into one of ``_KINDS`` groups; one group where there are too few."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    found = occurrences(texts)
    counts = found.group_by("term").len().filter(pl.col("len").is_between(2, len(texts) // 2))
    common = counts.sort("len", "term", descending=[True, False]).head(_FEATURES).sort("term")
    if common.height <= _DIMENSIONS or len(texts) <= _KINDS:
        return np.zeros(len(texts), dtype=np.int64)
    rarity = pl.DataFrame({"term": common["term"], "idf": np.log(len(texts) / common["len"].to_numpy())})
    known = found.join(rarity.with_row_index("column"), on="term").sort("row", "column")
    rows, values = known["row"].to_numpy(), known["idf"].to_numpy()
    length = np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))
    matrix = csr_matrix(
        (values / length[rows], (rows, known["column"].to_numpy())), shape=(len(texts), common.height)
    )
    with threadpool_limits(1):  # sums in one order, on every machine with as many cores as it likes
        reduced = TruncatedSVD(_DIMENSIONS, random_state=seed).fit_transform(matrix)
        groups = MiniBatchKMeans(_KINDS, n_init=1, random_state=seed).fit_predict(reduced)
    return np.asarray(groups, dtype=np.int64)
