"""Fit the Chinese weights: labelled texts, their terms counted, and a regression on them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from opinions import sentences
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from crmlab_plugins.sentiment.chinese import LINE_END
from crmlab_plugins.sentiment.reading import Reading

TERMS = 34_000
"""How many characters and pairs are kept."""

SEEN_IN = 2
"""In at least this many texts."""

RARE = 3
"""A term of the written sentences counts as seen in at least this many reviews."""

PENALTY = 1.0
"""The inverse of the L2 penalty."""

LEANING = 0.7
"""How much the regression trusts terms by their counts alone; 0 is plain regression."""

OPINION_WEIGHT = 4.0
"""What a written opinion weighs against a review."""

FOLDS = 5
"""So many parts do the written opinions make, each of which can be left out."""

SHIFT = np.uint64(32)
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Labelled texts: reviews of some trades, then the written sentences (trade null).

    ``folds`` has -1 for reviews, and the same number 0 … ``FOLDS`` - 1 for sentences of one opinion.
    """

    texts: list[str]
    labels: Vector
    weights: Vector
    trades: NDArray[np.object_]
    folds: NDArray[np.int64]

    @classmethod
    def of(cls, reviews: pl.DataFrame) -> Examples:
        """Give each trade and label the same weight, and add the written sentences."""
        cells = pl.len().over("category", "score")
        share = pl.len() / (pl.struct("category", "score").n_unique() * cells)
        written = sentences()
        none = np.full(len(written.texts), None, dtype=object)
        folds = [zlib.crc32(opinion.encode()) % FOLDS for opinion in written.opinions]
        return cls(
            [*reviews["text"], *written.texts],
            np.concatenate((reviews["score"].to_numpy(), written.labels)),
            np.concatenate(
                (
                    reviews.select(share.alias("share"))["share"].to_numpy(),
                    OPINION_WEIGHT * np.array(written.weights),
                )
            ),
            np.concatenate((reviews["category"].to_numpy().astype(object), none)),
            np.concatenate((np.full(reviews.height, -1), folds)),
        )

    def only(self, chosen: NDArray[np.bool_]) -> Examples:
        """Keep some."""
        return Examples(
            [self.texts[i] for i in np.flatnonzero(chosen)],
            self.labels[chosen],
            self.weights[chosen],
            self.trades[chosen],
            self.folds[chosen],
        )


@dataclass(frozen=True)
class Counts:
    """Texts × terms: how often each character and pair occurs in each text, times its stress."""

    matrix: Any
    terms: NDArray[np.uint64]

    @classmethod
    def of(cls, texts: list[str], terms: NDArray[np.uint64] | None = None) -> Counts:
        """Count the terms of ``texts``; only ``terms`` where given."""
        reading = Reading.of(texts)
        codes, stress = reading.codes.astype(np.uint64), reading.stress
        inside = codes != LINE_END
        text = np.cumsum(~inside) - ~inside
        paired = inside[:-1] & inside[1:]
        found = np.concatenate((codes[inside], (codes[:-1][paired] << SHIFT) | codes[1:][paired]))
        where = np.concatenate((text[inside], text[:-1][paired]))
        stresses = np.concatenate((stress[inside], stress[:-1][paired]))
        if terms is None:
            terms = np.unique(found)
        column = np.minimum(np.searchsorted(terms, found), len(terms) - 1)
        known = terms[column] == found
        matrix = csr_matrix((stresses[known], (where[known], column[known])), shape=(len(texts), len(terms)))
        matrix.sum_duplicates()
        return cls(matrix.astype(np.float64), terms)

    def only(self, kept: NDArray[Any]) -> Counts:
        """Keep some terms."""
        return Counts(self.matrix[:, kept], self.terms[kept])

    def seen_in(self, texts: NDArray[np.bool_] | slice = slice(None)) -> Vector:
        """In how many of ``texts`` each term occurs."""
        return np.asarray((self.matrix[texts] > 0).sum(0)).ravel()

    def idf(self, reviews: NDArray[np.bool_]) -> Vector:
        """Smoothed inverse document frequency per term, among the reviews."""
        seen_in = np.maximum(self.seen_in(reviews), RARE)
        return np.asarray(np.log((1 + reviews.sum()) / (1 + seen_in)) + 1)

    def vectors(self, idf: Vector) -> Any:
        """TF-IDF with the norm that :class:`ChineseSentiment` uses."""
        length = np.sqrt(self.matrix @ idf**2)
        length[length == 0] = 1
        return self.matrix.multiply(idf).multiply(1 / length[:, None]).tocsr()


@dataclass(frozen=True)
class Fitted:
    """The terms kept, and for each of them its IDF and its weight."""

    terms: NDArray[np.uint64]
    idf: Vector
    weights: Vector
    intercept: float

    @classmethod
    def on(cls, examples: Examples) -> Fitted:
        """Fit on all terms, keep those whose weight times spread is largest, and fit again."""
        counts = Counts.of(examples.texts)
        counts = counts.only(counts.seen_in() >= SEEN_IN)
        reviews = examples.folds < 0
        vectors = counts.vectors(counts.idf(reviews))
        spread = np.sqrt(np.asarray(vectors.multiply(vectors).mean(0)).ravel())
        weights, _ = _regression(vectors, _scales(counts, examples), examples)
        counts = counts.only(np.sort(np.argsort(-np.abs(weights) * spread, kind="stable")[:TERMS]))
        idf = counts.idf(reviews)
        weights, intercept = _regression(counts.vectors(idf), _scales(counts, examples), examples)
        return cls(counts.terms, idf, weights, intercept)

    def scores(self, texts: list[str]) -> Vector:
        """The log-odds before calibration."""
        found: Vector = Counts.of(texts, self.terms).vectors(self.idf) @ self.weights + self.intercept
        return found


def _scales(counts: Counts, examples: Examples) -> Vector:
    """How much each term is trusted before the regression: more where its counts already lean to a side.

    The absolute log-count ratio of naive Bayes, over its mean (Wang & Manning 2012, "Baselines and
    Bigrams", ACL 2:90-94), mixed with 1.
    """
    negative, positive = (
        1 + np.asarray(counts.matrix.T @ (examples.weights * (examples.labels == label))) for label in (0, 1)
    )
    ratio = np.abs(np.log(positive / positive.sum()) - np.log(negative / negative.sum()))
    return 1 - LEANING + LEANING * ratio / ratio.mean()


def _regression(vectors: Any, scales: Vector, examples: Examples) -> tuple[Vector, float]:
    """Return a weight per term, and the intercept."""
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit(
        vectors.multiply(scales).tocsr(), examples.labels, examples.weights
    )
    return model.coef_[0] * scales, float(model.intercept_[0])
