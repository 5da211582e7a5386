"""What texts that people labelled add to the words of a taxonomy: a linear model per aspect.

Logistic regression on the characters and pairs of characters of a text, with what the words say as one
more feature, so that a few hundred labelled texts correct the words where these err.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Text
from crmlab_plugins.aspects.search import mentioned
from crmlab_plugins.aspects.taxonomy import Aspect
from crmlab_plugins.text.clauses import level

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

FEWEST_TEXTS = 50
"""A model is learned from at least this many labelled texts."""

_FEWEST_OF_A_KIND = 5
_FOLDS = 5
_MOST_NGRAMS = 20_000
_FEWEST_WITH_NGRAM = 3
# The words' answer as a feature beside a vector of length one: strong, as it knows the trade.
_WORD_FEATURE = 2.0
_STRENGTH = 3.0
# Log-odds above which an aspect counts as found: F1 is best below even odds (Lipton et al. 2014, "Optimal
# thresholding of classifiers to maximize F1 measure").
_THRESHOLD = -0.4
_RESAMPLES = 1_000
_SEED = 20_080_703


@dataclass(frozen=True, eq=False)
class LabelledAspects:
    """The learned model: ``ngrams`` (one column), ``weights`` per aspect, and the ``evaluation``.

    ``weights`` has one row per aspect: ``rank``, ``intercept``, ``word`` (of the words' answer) and ``ngram``
    (a list, one weight per n-gram); an aspect without enough labels has none and goes by words alone.
    """

    ngrams: pl.DataFrame
    weights: pl.DataFrame
    evaluation: pl.DataFrame

    @classmethod
    def fit(cls, labelled: pl.DataFrame, aspects: tuple[Aspect, ...]) -> LabelledAspects:
        """Learn from ``text`` and ``ranks`` (list of the places of its aspects in the taxonomy).

        The evaluation is five-fold cross-validated and has one row per aspect, then one for all (null
        ``rank``): ``texts`` labelled, ``with_aspect``, ``words_f1`` and ``labelled_f1`` (harmonic mean of
        precision and recall; of all aspects: counts added up, "micro"), and in the last row the
        difference's 95 % interval over texts, ``gain_low`` and ``gain_high`` (bootstrap).
        """
        import numpy as np

        texts = labelled["text"]
        gold = np.zeros((len(texts), len(aspects)), dtype=bool)
        for row, ranks in enumerate(labelled["ranks"].to_list()):
            gold[row, ranks] = True
        words = _by_words(texts, aspects)
        fold = np.arange(len(texts)) % _FOLDS
        ours = words.copy()
        for number in range(_FOLDS):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            part = cls._learned(texts.gather(train), gold[train], words[train])
            ours[test] = part._answers(texts.gather(test), words[test])
        final = cls._learned(texts, gold, words)
        return cls(final.ngrams, final.weights, _evaluation(gold, words, ours))

    @property
    def note(self) -> Text:
        """How much labels helped, in words."""
        row = self.evaluation.row(-1, named=True)
        figures = (row["texts"], row["words_f1"], row["labelled_f1"], row["gain_low"], row["gain_high"])
        return Text(
            "另用 {:,} 条人工标注的反馈训练了线性模型与词表结合：交叉验证 F1 由仅用词表的 {:.3f} 变为 {:.3f}"
            "（差异的 95% 区间 {:+.3f}–{:+.3f}）。".format(*figures),
            " A linear model of {:,} texts labelled by people joins the words: cross-validated F1 goes from "
            "{:.3f} by words alone to {:.3f} (95% interval of the difference {:+.3f} – {:+.3f}).".format(
                *figures
            ),
        )

    def found(self, texts: pl.Series, aspects: tuple[Aspect, ...]) -> pl.DataFrame:
        """Return ``row``, ``rank`` of the aspects of each text, sorted."""
        import numpy as np

        given = texts.fill_null("")
        rows, ranks = np.nonzero(self._answers(given, _by_words(given, aspects)))
        return pl.DataFrame({"row": rows, "rank": ranks}).cast(pl.UInt32)

    def placed(self, found: pl.DataFrame, pieces: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
        """Keep the mentions (``piece``, ``rank``, ``opinion``) of wanted aspects, and place those without.

        An aspect that no word of a text mentions belongs to the clause that the model ranks highest.
        """
        import numpy as np

        rows = pieces["row"].gather(found["piece"])
        kept = found.with_columns(rows.alias("row")).join(wanted, on=["row", "rank"], how="semi")
        missing = wanted.join(kept, on=["row", "rank"], how="anti")
        if missing.is_empty() or pieces.is_empty():
            return kept.drop("row").sort("piece", "rank")
        scores = self._scores(pieces["clause"])
        there = pieces.select("row").with_row_index("piece").join(missing, on="row")
        strength = scores[there["piece"].to_numpy(), there["rank"].to_numpy()]
        chosen = (
            there.with_columns(strength=pl.Series(np.asarray(strength)))
            .sort("row", "rank", "strength", "piece", descending=[False, False, True, False])
            .unique(["row", "rank"], keep="first", maintain_order=True)
            .select("piece", "rank", opinion=pl.lit(0, pl.Int32))
        )
        return pl.concat([kept.drop("row"), chosen]).sort("piece", "rank")

    @classmethod
    def _learned(cls, texts: pl.Series, gold: NDArray[np.bool_], words: NDArray[np.bool_]) -> LabelledAspects:
        from scipy.sparse import csr_matrix, hstack
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression

        counter = CountVectorizer(
            analyzer="char",
            ngram_range=(1, 2),
            binary=True,
            min_df=_FEWEST_WITH_NGRAM,
            max_features=_MOST_NGRAMS,
        )
        counter.fit(level(texts).to_list())
        ngrams = pl.DataFrame({"ngram": sorted(counter.vocabulary_)}, schema={"ngram": pl.String})
        vectors = _vectors(texts, ngrams)
        rows: list[dict[str, Any]] = []
        for rank in range(gold.shape[1]):
            said = gold[:, rank]
            if min(said.sum(), (~said).sum()) < _FEWEST_OF_A_KIND:
                continue
            word = csr_matrix(_WORD_FEATURE * words[:, [rank]].astype(float))
            model = LogisticRegression(C=_STRENGTH, solver="liblinear", random_state=0)
            model.fit(hstack([vectors, word]).tocsr(), said)
            *weights, by_word = model.coef_[0].tolist()
            rows.append(
                {
                    "rank": rank,
                    "intercept": float(model.intercept_[0]),
                    "word": _WORD_FEATURE * by_word,
                    "ngram": weights,
                }
            )
        return cls(ngrams, pl.DataFrame(rows, schema=pl.Schema(_WEIGHTS)), pl.DataFrame())

    def _answers(self, texts: pl.Series, words: NDArray[np.bool_]) -> NDArray[np.bool_]:
        answers = words.copy()
        scores = self._scores(texts)
        for rank, word in self.weights.select("rank", "word").iter_rows():
            answers[:, rank] = scores[:, rank] + word * words[:, rank] > _THRESHOLD
        # A text without letters is about nothing, whatever the intercept says.
        written: NDArray[np.bool_] = texts.str.contains(r"\p{L}").to_numpy()[:, None]
        return answers & written

    def _scores(self, texts: pl.Series) -> NDArray[np.float64]:
        """Return the log-odds of each aspect by n-grams alone; those without a model stay at zero."""
        import numpy as np

        ranks = self.weights["rank"].to_numpy()
        width = max(ranks.tolist(), default=-1) + 1
        scores = np.zeros((len(texts), width))
        if self.weights.height:
            matrix = np.array(self.weights["ngram"].to_list()).T
            scores[:, ranks] = _vectors(texts, self.ngrams) @ matrix + self.weights["intercept"].to_numpy()
        return scores


def read_labels(labels: str, feedback: pl.DataFrame, ids: tuple[str, ...]) -> pl.DataFrame:
    """Return ``text`` and ``ranks`` of the labelled texts from a CSV file or a column of the feedback.

    Raises ParamsError where there is no such file or column, for aspects that the taxonomy lacks, and
    for fewer than ``FEWEST_TEXTS`` labelled texts.
    """
    where = f"the column {labels}"
    if labels in feedback.columns:
        given = feedback.select("text", aspects=labels)
    elif labels.lower().endswith(".csv"):
        where = f"the file {labels}"
        given = _read_csv(labels)
    else:
        raise ParamsError(
            f"labels is {labels!r}, which is neither a CSV file nor a column of the feedback table."
            f"{did_you_mean(labels, feedback.columns)}"
        )
    if given.schema["aspects"] == pl.List(pl.String):
        named = pl.col("aspects")
    else:
        named = pl.col("aspects").cast(pl.String).str.replace_all(r"[;；,，、|]", "┋").str.split("┋")
    named = named.list.eval(pl.element().str.strip_chars()).list.set_difference(
        pl.lit([""], pl.List(pl.String))
    )
    rows = given.drop_nulls().filter(pl.col("text").str.contains(r"\w")).select("text", aspects=named)
    strange = sorted(set(rows["aspects"].explode(empty_as_null=True).drop_nulls()) - set(ids))
    if strange:
        raise ParamsError(
            f"{len(strange)} of the aspects in {where} are not in the taxonomy, such as "
            f"{', '.join(name[:30] for name in strange[:3])}. It has: {', '.join(ids)}."
        )
    if rows.height < FEWEST_TEXTS:
        raise ParamsError(
            f"{where} has {rows.height} labelled texts; a model needs at least {FEWEST_TEXTS}. Label more, "
            "or leave out `labels` to go by words alone."
        )
    ranks = pl.col("aspects").list.eval(
        pl.element().replace_strict(list(ids), list(range(len(ids))), return_dtype=pl.Int64)
    )
    return rows.select("text", ranks.alias("ranks")).sort("text", pl.col("ranks").list.len())


def _read_csv(path: str) -> pl.DataFrame:
    try:
        table = pl.read_csv(Path(path), infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ParamsError(
            f"The labels {path} cannot be read: {reason}. Give a CSV file in UTF-8, relative to the "
            "folder of the study, with the columns text and aspects (ids separated by ┋ or ;)."
        ) from None
    missing = [name for name in ("text", "aspects") if name not in table.columns]
    if missing:
        raise ParamsError(
            f"The labels {path} lack the column {missing[0]}; they need text and aspects. They have: "
            f"{', '.join(table.columns)}."
        )
    # A text that a person found to be about nothing is labelled too: its cell is empty.
    return table.select("text", pl.col("aspects").fill_null(""))


def _by_words(texts: pl.Series, aspects: tuple[Aspect, ...]) -> NDArray[np.bool_]:
    import numpy as np

    answers = np.zeros((len(texts), len(aspects)), dtype=bool)
    found = mentioned(level(texts), aspects, judged=False)
    answers[found["row"].to_numpy(), found["rank"].to_numpy()] = True
    return answers


def _vectors(texts: pl.Series, ngrams: pl.DataFrame) -> csr_matrix:
    """Return per text which n-grams it has, as a vector of length one."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    counter = CountVectorizer(
        analyzer="char", ngram_range=(1, 2), binary=True, vocabulary=ngrams["ngram"].to_list()
    )
    return normalize(counter.transform(level(texts).to_list()).astype(float))


def _evaluation(gold: NDArray[np.bool_], words: NDArray[np.bool_], ours: NDArray[np.bool_]) -> pl.DataFrame:
    import numpy as np

    texts, aspects = gold.shape
    rows: list[dict[str, Any]] = [
        {
            "rank": rank,
            "texts": texts,
            "with_aspect": int(gold[:, rank].sum()),
            "words_f1": _f1(gold[:, [rank]], words[:, [rank]]),
            "labelled_f1": _f1(gold[:, [rank]], ours[:, [rank]]),
        }
        for rank in range(aspects)
    ]
    draw = np.random.default_rng(_SEED).integers(0, texts, (_RESAMPLES, texts))
    gains = [_f1_of(_counts(gold, ours), some) - _f1_of(_counts(gold, words), some) for some in draw]
    low, high = np.quantile(gains, [0.025, 0.975]).tolist()
    rows.append(
        {
            "rank": None,
            "texts": texts,
            "with_aspect": int(gold.any(axis=1).sum()),
            "words_f1": _f1(gold, words),
            "labelled_f1": _f1(gold, ours),
            "gain_low": low,
            "gain_high": high,
        }
    )
    schema = {"rank": pl.Int64, "texts": pl.Int64, "with_aspect": pl.Int64}
    figures = ("words_f1", "labelled_f1", "gain_low", "gain_high")
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(figures, pl.Float64))


def _counts(gold: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return per text: aspects found rightly, found in all, there in all."""
    import numpy as np

    return np.stack([(gold & found).sum(axis=1), found.sum(axis=1), gold.sum(axis=1)], axis=1)


def _f1_of(counts: NDArray[np.int64], rows: NDArray[np.int64] | slice) -> float:
    right, found, there = counts[rows].sum(axis=0)
    return float(2 * right / max(found + there, 1))


def _f1(gold: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    return _f1_of(_counts(gold, found), slice(None))


_WEIGHTS = {
    "rank": pl.Int64(),
    "intercept": pl.Float64(),
    "word": pl.Float64(),
    "ngram": pl.List(pl.Float64()),
}
