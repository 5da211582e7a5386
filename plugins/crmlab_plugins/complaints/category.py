"""Suggested category: a linear model of characters, learned from the complaints that people sorted.

Short runs of characters need no dictionary and serve Chinese and English alike; with a linear model on top
they are hard to beat for short texts (Wang & Manning 2012, ACL, "Baselines and bigrams").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Annotator
from crmlab.labels import Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_RUNS = (1, 3)
"""Shortest and longest run of characters."""
_FOLDS = 3
_MOST_TEXTS = 50_000
"""The newest texts are learned from, at most so many."""
_STRENGTH = 10.0
"""Inverse strength of the ridge penalty (scikit-learn's C)."""


class ComplaintCategory(Annotator):
    """Suggests the category of a complaint, with the probability that it is right.

    Learns from rows with a ``text`` and a ``category``; rows without a category get a suggestion too, and
    so does every other. TF-IDF of runs of one to three characters, multinomial logistic regression, and one
    temperature that makes its probabilities true on texts that it was not fitted on (Guo et al. 2017, ICML,
    "On calibration of modern neural networks"). ``suggested_category`` is null where
    ``category_confidence`` is below ``least_confidence``; both are null for a text without any known run of
    characters, and where fewer than two categories have ``smallest_category`` texts each.
    """

    title: ClassVar[Text] = Text("建议的投诉类别", "Suggested complaint category")
    adds: ClassVar[tuple[str, ...]] = ("suggested_category", "category_confidence")
    least_confidence: float = 0.6
    smallest_category: int = 5
    most_runs: int = 20_000

    def _check_params(self) -> None:
        if not 0 <= self.least_confidence <= 1:
            raise ParamsError(
                f"least_confidence is {self.least_confidence}; it must be from 0 to 1, for example 0.6."
            )
        for name in ("smallest_category", "most_runs"):
            if getattr(self, name) < 1:
                raise ParamsError(f"{name} is {getattr(self, name)}; it must be 1 or more.")

    def definition(self) -> Text:
        """Return how a suggestion is made, with what was learned."""
        learned = Text("", "")
        if getattr(self, "categories_", None):
            learned = Text(
                f"本次学自 {self.texts_:,} 件已归类投诉、{len(self.categories_)} 个类别。",
                f" Learned here from {self.texts_:,} sorted complaints in {len(self.categories_)} kinds.",
            )
        return Text(
            "从人工归过类的投诉中学习：1–3 个连续字的 TF-IDF 加多项逻辑回归，用未参与拟合的投诉校准概率；"
            f"把握低于 {self.least_confidence:.0%} 时不给建议，留给人工。{learned.zh}",
            "Learned from complaints that people sorted: TF-IDF of runs of one to three characters with "
            "multinomial logistic regression, its probabilities calibrated on complaints that it was not "
            f"fitted on; below a confidence of {self.least_confidence:.0%} it suggests nothing.{learned.en}",
        )

    def _fit(self, feedback: pl.DataFrame) -> None:
        self.categories_: list[str] = []
        self.runs_ = pl.DataFrame(schema={"run": pl.String, "weight": pl.Float64})
        self.intercept_: list[float] = []
        self.temperature_ = 1.0
        self.texts_ = 0
        sorted_ones = _sorted_ones(feedback, self.smallest_category)
        if sorted_ones["category"].n_unique() < 2:
            return
        texts, labels = sorted_ones["text"].to_list(), sorted_ones["category"].to_numpy()
        vectoriser = self._vectoriser()
        matrix = vectoriser.fit_transform(texts)
        model = _logistic().fit(matrix, labels)
        self.texts_ = len(texts)
        self.categories_ = [str(name) for name in model.classes_]
        weights, self.intercept_ = _weights(model)
        runs = vectoriser.get_feature_names_out()
        columns = {f"category_{place}": weights[place] for place in range(len(weights))}
        self.runs_ = pl.DataFrame({"run": runs, "weight": vectoriser.idf_, **columns})
        self.temperature_ = self._temperature(texts, labels)

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        frame = feedback.select("feedback_id", text=levelled(pl.col("text").cast(pl.String)))
        suggested: list[str | None] = [None] * frame.height
        confidence: list[float | None] = [None] * frame.height
        if self.categories_ and frame.height:
            odds, known = self._odds(frame["text"].fill_null("").to_list())
            sure = _softmax(odds / self.temperature_)
            best = sure.argmax(axis=1)
            for row in np.flatnonzero(known).tolist():
                confidence[row] = float(sure[row, best[row]])
                if sure[row, best[row]] >= self.least_confidence:
                    suggested[row] = self.categories_[best[row]]
        return frame.select(
            "feedback_id",
            suggested_category=pl.Series(suggested, dtype=pl.String),
            category_confidence=pl.Series(confidence, dtype=pl.Float64),
        )

    def _odds(self, texts: list[str]) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the log-odds of each category per text, and whether a text has any known run."""
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.preprocessing import normalize

        counter = CountVectorizer(
            analyzer="char", ngram_range=_RUNS, lowercase=False, vocabulary=self.runs_["run"].to_list()
        )
        counts = counter.transform(texts).astype(np.float64)
        counts.data = 1 + np.log(counts.data)
        matrix = normalize(counts.multiply(self.runs_["weight"].to_numpy()).tocsr())
        weights = self.runs_.select(pl.exclude("run", "weight")).to_numpy()
        return np.asarray(matrix @ weights) + np.array(self.intercept_), np.diff(matrix.indptr) > 0

    def _vectoriser(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(
            analyzer="char",
            ngram_range=_RUNS,
            lowercase=False,
            min_df=2,
            max_features=self.most_runs,
            sublinear_tf=True,
        )

    def _temperature(self, texts: list[str], labels: NDArray[Any]) -> float:
        """Return by what log-odds are divided so that texts held out are judged as surely as they deserve."""
        from scipy.optimize import minimize_scalar
        from sklearn.model_selection import StratifiedKFold

        place = {name: number for number, name in enumerate(self.categories_)}
        truth = np.array([place[name] for name in labels])
        folds = min(_FOLDS, int(np.bincount(truth).min()))
        if folds < 2:
            return 1.0
        held = np.zeros((len(texts), len(place)))
        given = np.array(texts, dtype=object)
        # Equal texts stand side by side and fall into one fold: a text is never judged by its own copy.
        for train, test in StratifiedKFold(folds).split(given, truth):
            vectoriser = self._vectoriser()
            model = _logistic().fit(vectoriser.fit_transform(given[train]), truth[train])
            weights, intercept = _weights(model)
            held[test] = np.asarray(vectoriser.transform(given[test]) @ np.array(weights).T) + intercept

        def loss(log_temperature: float) -> float:
            sure = _softmax(held / np.exp(log_temperature))
            return float(-np.log(sure[np.arange(len(truth)), truth].clip(1e-12)).mean())

        found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-4})
        return float(np.exp(found.x))


def levelled(text: pl.Expr) -> pl.Expr:
    """Return a text in one case and width, its digits as 0 and its gaps as one space."""
    level = text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\d", "0")
    return level.str.replace_all(r"\s+", " ").str.strip_chars()


def _sorted_ones(feedback: pl.DataFrame, fewest: int) -> pl.DataFrame:
    """Return text and category of the newest texts that have both, of categories with enough of them."""
    if "category" not in feedback.columns:
        return pl.DataFrame(schema={"text": pl.String, "category": pl.String})
    when = "given_on" if "given_on" in feedback.columns else None
    told = (
        feedback.select(
            text=levelled(pl.col("text").cast(pl.String)),
            category=pl.col("category").cast(pl.String),
            when=pl.col(when) if when else pl.lit(None, pl.Date),
        )
        .drop_nulls(("text", "category"))
        .filter(pl.col("text") != "")
        .filter(pl.len().over("category") >= fewest)
    )
    newest = told.sort("when", "text", "category", nulls_last=False).tail(_MOST_TEXTS)
    return newest.sort("text", "category").select("text", "category")


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_STRENGTH, solver="newton-cg", max_iter=200)


def _weights(model: Any) -> tuple[list[Floats], list[float]]:
    """Return one row of weights and an intercept per class; of two classes, half of the difference each."""
    rows, intercept = model.coef_, model.intercept_
    if len(rows) == 1:
        rows, intercept = np.vstack([-rows / 2, rows / 2]), np.array([-intercept[0] / 2, intercept[0] / 2])
    return [np.asarray(row, dtype=np.float64) for row in rows], [float(x) for x in intercept]


def _softmax(odds: Floats) -> Floats:
    raised = np.exp(odds - odds.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares
