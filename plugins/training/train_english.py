"""Train the English sentiment weights that crmlab ships, and measure them.

    python plugins/training/train_english.py hutto_ICWSM_2014.tar.gz [--evaluate FOLDER]

The archive is the one that VADER's authors publish with it (MIT): snippets of product reviews, movie
reviews, editorials and tweets, each with the mean of what people rated it, from -4 to 4. Snippets rated
within half a point of zero are left out. Writes ``crmlab_plugins/data/sentiment_en.npz`` and its card
``sentiment_en.json``; the same archive gives the same weights. ``--evaluate`` names a folder with texts
of other origin (``sst_*.txt``, ``us_airline_tweets.csv``).

Split: a fifth of the groups of each kind is held out, chosen by a hash; a group is all the snippets of one
review or editorial. Calibration: Platt's two numbers are fitted on the scores that each kind of training
text gets from a model trained on the other kinds, because a customer's texts are another kind too. The
movie snippets are the sentences that the Stanford Sentiment Treebank labels again, so of it only sentences
that share less than half of their 8-character pieces with training texts are used for evaluation.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from crmlab_plugins.sentiment.english import WEIGHTS, EnglishSentiment, terms_of
from crmlab_plugins.sentiment.vader import compounds
from crmlab_plugins.text.shingles import Shingles

Vector = NDArray[np.float64]

KINDS = {
    "products": "amazonReviewSnippets",
    "movies": "movieReviewSnippets",
    "editorials": "nytEditorialSnippets",
    "tweets": "tweets",
}
NEAR_ZERO = 0.5
"""Mean ratings nearer to zero than this say neither."""

HELD_OUT_OF = 5
TERMS = 12_000
SEEN_IN = 3
PENALTY = 2.0
"""The inverse of the L2 penalty."""

VADER_SCALE = 3.0
"""VADER's value counts this much more than a word does, so that the penalty hardly touches it."""

SHARED = 0.5


@dataclass(frozen=True)
class Snippets:
    """Texts with their kind, VADER's value, and 1 for positive, 0 for negative."""

    texts: list[str]
    labels: Vector
    kinds: NDArray[Any]
    compound: Vector

    def only(self, chosen: NDArray[np.bool_]) -> Snippets:
        """Keep some of them."""
        texts = [text for text, keep in zip(self.texts, chosen, strict=True) if keep]
        return Snippets(texts, self.labels[chosen], self.kinds[chosen], self.compound[chosen])


def of(texts: list[str], labels: Vector, kind: str = "") -> Snippets:
    """Make snippets of one kind."""
    return Snippets(texts, labels, np.full(len(texts), kind), compounds(texts))


def read(archive: Path) -> tuple[Snippets, NDArray[np.bool_]]:
    """Return the rated snippets, and which of them are held out."""
    rows = []
    with tarfile.open(archive) as files:
        for kind, name in KINDS.items():
            member = files.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            assert member is not None
            for line in member.read().decode("utf-8", "replace").splitlines():
                number, rating, text = line.split("\t", 2)
                rows.append((kind, number.split("_")[0], float(rating), text.strip()))
    kept = [row for row in rows if abs(row[2]) >= NEAR_ZERO]
    texts = [text for *_, text in kept]
    labels = np.array([float(rating > 0) for _, _, rating, _ in kept])
    held_out = [
        int(hashlib.sha256(f"{kind} {group}".encode()).hexdigest(), 16) % HELD_OUT_OF == 0
        for kind, group, *_ in kept
    ]
    kinds = np.array([kind for kind, *_ in kept])
    return Snippets(texts, labels, kinds, compounds(texts)), np.array(held_out)


def features(vectors: CountVectorizer, snippets: Snippets) -> Any:
    """Which terms occur, in vectors of unit length, and VADER's value."""
    words = normalize(vectors.transform(snippets.texts).astype(float))
    return hstack([words, csr_matrix(VADER_SCALE * snippets.compound[:, None])]).tocsr()


def regression(matrix: Any, labels: Vector) -> LogisticRegression:
    """Fit the classifier."""
    return LogisticRegression(C=PENALTY, max_iter=1000).fit(matrix, labels)


def fitted(snippets: Snippets) -> EnglishSentiment:
    """Train on the terms whose weight times spread is largest; not calibrated yet."""
    every = CountVectorizer(analyzer=terms_of, min_df=SEEN_IN, binary=True).fit(snippets.texts)
    matrix = features(every, snippets)
    spread = np.sqrt(np.asarray(matrix.multiply(matrix).mean(0)).ravel())[:-1]
    telling = np.abs(regression(matrix, snippets.labels).coef_[0][:-1]) * spread
    names = every.get_feature_names_out()
    terms = sorted(names[np.argsort(-telling, kind="stable")[:TERMS]])
    kept = CountVectorizer(analyzer=terms_of, vocabulary=terms, binary=True)
    model = regression(features(kept, snippets), snippets.labels)
    weights = model.coef_[0].astype(np.float32)
    return EnglishSentiment(
        tuple(terms), weights[:-1], VADER_SCALE * float(weights[-1]), float(model.intercept_[0])
    )


def calibrated(model: EnglishSentiment, slope: float, shift: float) -> EnglishSentiment:
    """Fold Platt's two numbers into the weights."""
    return EnglishSentiment(
        model.terms,
        (model.weights * slope).astype(np.float32),
        model.vader * slope,
        model.intercept * slope + shift,
    )


def log_odds(model: EnglishSentiment, snippets: Snippets) -> Vector:
    """Return the model's log-odds."""
    p = np.clip(model.probabilities(snippets.texts), 1e-9, 1 - 1e-9)
    return np.log(p / (1 - p))


def platt(snippets: Snippets) -> tuple[float, float]:
    """Fit slope and intercept on the scores of each kind by a model trained on the others."""
    scores = np.zeros(len(snippets.texts))
    for kind in KINDS:
        away = snippets.kinds == kind
        scores[away] = log_odds(fitted(snippets.only(~away)), snippets.only(away))
    # Each kind counts the same, however many snippets it has.
    weights = np.array([1 / (snippets.kinds == kind).sum() for kind in snippets.kinds])
    platts = LogisticRegression(C=1e6).fit(scores[:, None], snippets.labels, sample_weight=weights * 1000)
    return float(platts.coef_[0, 0]), float(platts.intercept_[0])


def trained(snippets: Snippets) -> EnglishSentiment:
    """Train and calibrate."""
    return calibrated(fitted(snippets), *platt(snippets))


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


def vader_alone(train: Snippets, others: Snippets) -> dict[str, float | int]:
    """The baseline: VADER's value, calibrated on the same training texts."""
    model = LogisticRegression(C=1e6).fit(train.compound[:, None], train.labels)
    return measured(model.predict_proba(others.compound[:, None])[:, 1], others.labels)


def other_sets(folder: Path, train: Snippets) -> dict[str, Snippets]:
    """Read labelled texts of other origin."""
    parts = [folder / f"sst_{part}.txt" for part in ("train", "dev", "test")]
    lines = [line for path in parts for line in path.read_text(encoding="utf-8").splitlines()]
    stars = [(int(line[9]), line[11:]) for line in lines]
    stars = [(star, text) for star, text in stars if star != 3]
    texts = [text for _, text in stars]
    new = Shingles.of(texts).share_in(Shingles.of(train.texts)) < SHARED
    sst = of(texts, np.array([float(star > 3) for star, _ in stars])).only(new)
    tweets = pl.read_csv(folder / "us_airline_tweets.csv", encoding="utf8-lossy")
    tweets = tweets.filter(pl.col("airline_sentiment") != "neutral")
    tweets = tweets.unique("text", keep="first", maintain_order=True)
    positive = (tweets["airline_sentiment"] == "positive").to_numpy().astype(float)
    return {
        "movie sentences (SST, none near a training text)": sst,
        "airline tweets (distinct texts)": of(tweets["text"].to_list(), positive),
    }


def main() -> None:
    """Train, write, measure, write the card."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("archive", type=Path, help="hutto_ICWSM_2014.tar.gz")
    arguments.add_argument("--evaluate", type=Path, help="a folder with labelled texts of other origin")
    given = arguments.parse_args()

    snippets, away = read(given.archive)
    train, held_out = snippets.only(~away), snippets.only(away)
    trained(train).save(WEIGHTS)

    shipped = EnglishSentiment.load()
    sets = {"held out": held_out}
    sets |= {f"held out: {kind}": held_out.only(held_out.kinds == kind) for kind in KINDS}
    sets |= other_sets(given.evaluate, train) if given.evaluate else {}
    unseen = {}
    for kind in KINDS:
        rest, left = train.only(train.kinds != kind), held_out.only(held_out.kinds == kind)
        unseen[kind] = measured(trained(rest).probabilities(left.texts), left.labels)
    card = {
        "what": "English sentiment: logistic regression on words, pairs of words and VADER's compound value",
        "made_by": "plugins/training/train_english.py",
        "corpus": "hutto_ICWSM_2014.tar.gz of vaderSentiment: product reviews, movie reviews, editorials, "
        "tweets, rated by people",
        "corpus_sha256": hashlib.sha256(given.archive.read_bytes()).hexdigest(),
        "corpus_licence": "MIT, Copyright (c) 2016 C.J. Hutto; the notice is in sentiment_en.LICENSE",
        "training_texts": len(train.texts),
        "training_kinds": {kind: int((train.kinds == kind).sum()) for kind in KINDS},
        "split": "a fifth of the reviews, editorials and tweets of each kind is held out, by a hash; "
        "snippets rated within 0.5 of zero are left out",
        "terms": len(shipped.terms),
        "vader_weight": round(shipped.vader, 4),
        "calibration": "Platt, on the scores of each kind by a model trained on the other kinds",
        "evaluation": {name: measured(shipped.probabilities(s.texts), s.labels) for name, s in sets.items()},
        "evaluation_kind_left_out_of_training": unseen,
        "vader_baseline": {name: vader_alone(train, s) for name, s in sets.items()},
        "known_limits": [
            "VADER's lexicon was made with tweets of this kind in view; its figure on them is too good.",
            "Where most texts are complaints, as in the airline tweets, too many are judged positive; "
            "label some rows, or let the customers' own scores recalibrate it.",
            "Texts of 2014 and before; single sentences, few long reviews.",
        ],
        "file_bytes": WEIGHTS.stat().st_size,
        "file_sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
    }
    text = json.dumps(card, ensure_ascii=False, indent=1)
    WEIGHTS.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
