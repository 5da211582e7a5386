"""What a text is about: aspects found by words, clause by clause, in Chinese and English.

A table of words can be read, corrected and extended by the people who know the business; texts that
people have labelled add what words alone do not tell.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.estimators import Annotator
from crmlab.labels import Scheme, Text
from crmlab_plugins.aspects.labelled import LabelledAspects, read_labels
from crmlab_plugins.aspects.search import mentioned
from crmlab_plugins.aspects.taxonomy import Aspect, taxonomy
from crmlab_plugins.aspects.unmatched import unmatched_clauses
from crmlab_plugins.sentiment.annotator import score
from crmlab_plugins.text.clauses import clauses, level

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Chosen on a third of the ASAP sample (447 aspects judged by people): the area under the ROC curve of
# clause sentiment alone is 0.885, with opinion words 0.951.
_TEXT_WEIGHT = 0.2
_OPINION_WEIGHT = 2.0


@dataclass(slots=True)
class _Read:
    """Texts that were cut into clauses, with ``level``, and what they mention once that was asked."""

    of: tuple[bytes, tuple[Aspect, ...]]
    pieces: pl.DataFrame
    mentions: pl.DataFrame | None = None


class Aspects(Annotator):
    """Adds the ids of the aspects that each text mentions, several or none.

    ``taxonomy`` is ``general``, ``restaurant``, ``hotel``, ``e_commerce``, ``after_sales``, ``software``, or
    the path of a YAML file of the same form. ``labels`` is optional: a CSV file with the columns ``text``
    and ``aspects`` (ids separated by ┋ or ;), or the name of a column of the feedback table that holds such
    ids, null where a text is not labelled. Then a linear model of the labelled texts joins the words.
    """

    title: ClassVar[Text] = Text("反馈方面", "Feedback aspects")
    adds: ClassVar[tuple[str, ...]] = ("aspects",)

    taxonomy: str = "general"
    labels: str | None = None

    @property
    def scheme(self) -> Scheme:
        """The aspects in the order of the taxonomy; raise ParamsError for a bad file."""
        return Scheme(
            "aspects", "反馈方面", "Feedback aspects", tuple(aspect.label for aspect in self._aspects())
        )

    def definition(self) -> Text:
        """How aspects are found, which there are, and how much labelled texts helped."""
        scheme = self.scheme
        zh = (
            "按词表识别方面：文本先按标点和转折词切成分句，分句中出现某方面的词即算提到该方面，"
            "一条反馈可以有多个方面，也可以没有；每个方面的好坏由提到它的分句判断："
            "分句的情感，加上词表中对该方面表示好坏的词（如“贵”对价格），并略微参考整条反馈。"
            f"共 {len(scheme.labels)} 个方面：{'、'.join(label.zh for label in scheme.labels)}。"
        )
        en = (
            "Aspects are found by tables of words: a text is cut into clauses at punctuation and at turns "
            'such as "but"; a clause with a word of an aspect mentions it. Texts can have several or none; '
            "an aspect is judged by the clauses that mention it: their sentiment, the words that speak for "
            'or against this aspect (such as "cheap" of a price), and a little by the whole text. '
            f"The {len(scheme.labels)} aspects: {', '.join(label.en for label in scheme.labels)}."
        )
        model = self._model()
        return Text(zh + model.note.zh, en + model.note.en) if model else Text(zh, en)

    @property
    def evaluation(self) -> pl.DataFrame | None:
        """How well words alone and with labelled texts find aspects, cross-validated; None without labels.

        See :meth:`crmlab_plugins.aspects.labelled.LabelledAspects.fit` for the columns.
        """
        model = self._model()
        return model.evaluation if model else None

    def mentions(self, feedback: pl.DataFrame) -> pl.DataFrame:
        """Return one row per text and aspect with the clause about it and how positive that is.

        Columns: ``feedback_id``, ``aspect``, ``clause``, ``positive_probability``.
        The probability comes from the mean log-odds of the clauses of the text that mention the aspect,
        each judged by its sentiment, by the opinion words of that aspect and, with a fifth of the
        weight, by the whole text. ``clause`` is the most decided of them, as it was written. The
        probability is null where no such clause can be judged. Sorted by the order of the feedback, then
        of the taxonomy. Asked again about the same texts it answers from what it kept.
        """
        read = self._read(feedback)
        if read.mentions is None:
            read.mentions = self._mentions(feedback, read.pieces)
        return read.mentions

    def _mentions(self, feedback: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
        found = mentioned(pieces["level"], self._aspects()).rename({"row": "piece"})
        model = self._model()
        if model:
            wanted = self._wanted(feedback, model)
            found = model.placed(found, pieces, wanted)
        log_odds = self._judged(found, pieces, feedback["text"].cast(pl.String))
        found = found.with_columns(
            pieces[name].gather(found["piece"]) for name in ("row", "place", "feedback_id", "clause")
        ).with_columns(log_odds)
        best = (
            found.sort(
                *("row", "rank", pl.col("log_odds").abs(), "place"),
                descending=[False, False, True, False],
                nulls_last=True,
            )
            .group_by("row", "rank", maintain_order=True)
            .agg(pl.first("feedback_id", "clause"), pl.mean("log_odds"))
        )
        aspect = pl.Series("aspect", self.scheme.ids, dtype=pl.String).gather(best["rank"])
        probability = 1 / (1 + (-pl.col("log_odds")).exp())
        return best.select("feedback_id", aspect, "clause", positive_probability=probability)

    def unmatched(self, feedback: pl.DataFrame, smallest_group: int = 1) -> pl.DataFrame:
        """Return the words and clauses that no aspect knows, most frequent first; grow the taxonomy by them.

        See :func:`crmlab_plugins.aspects.unmatched.unmatched_clauses`.
        """
        return unmatched_clauses(feedback, self._read(feedback).pieces, self._aspects(), smallest_group)

    def _fit(self, feedback: pl.DataFrame) -> None:
        self._last_read: _Read | None = None
        if self.labels is None:
            return
        labelled = read_labels(self.labels, feedback, self.scheme.ids)
        model = LabelledAspects.fit(labelled, self._aspects())
        self.ngrams_, self.weights_, self.evaluation_ = model.ngrams, model.weights, model.evaluation

    def _read(self, feedback: pl.DataFrame) -> _Read:
        """Return the clauses of the texts; the last texts are kept, as a report asks for them three times."""
        asked = (_fingerprint(feedback), self._aspects())
        last = vars(self).get("_last_read")  # a plugin that was loaded has read nothing
        if last is None or last.of != asked:
            pieces = clauses(feedback)
            last = _Read(asked, pieces.with_columns(level=level(pieces["clause"])))
            self._last_read = last
        return last

    def _model(self) -> LabelledAspects | None:
        if "weights_" not in self.learned:
            return None
        return LabelledAspects(self.ngrams_, self.weights_, self.evaluation_)

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        names = pl.Series("aspect", self.scheme.ids, dtype=pl.String)
        model = self._model()
        if model:
            found = self._wanted(feedback, model)
        else:
            found = mentioned(level(feedback["text"].cast(pl.String)), self._aspects(), judged=False)
        per_text = (
            found.select("row", names.gather(found["rank"]).alias("aspects"))
            .group_by("row", maintain_order=True)
            .agg("aspects")
        )
        return (
            feedback.select("feedback_id")
            .with_row_index("row")
            .join(per_text, on="row", how="left", maintain_order="left")
            .select("feedback_id", pl.col("aspects").fill_null(pl.lit([], dtype=pl.List(pl.String))))
        )

    def _wanted(self, feedback: pl.DataFrame, model: LabelledAspects) -> pl.DataFrame:
        """Return ``row``, ``rank`` of the aspects that words and labelled texts together find."""
        return model.found(feedback["text"].cast(pl.String), self._aspects())

    def _judged(self, found: pl.DataFrame, pieces: pl.DataFrame, texts: pl.Series) -> pl.Series:
        """Return the log-odds of each mention; null where neither sentiment nor an opinion is known."""
        import numpy as np

        # A clause that mentions three aspects is judged once, as is a text with three such clauses.
        places, at = np.unique(found["piece"].to_numpy(), return_inverse=True)
        rows, row_at = np.unique(pieces["row"].to_numpy()[places], return_inverse=True)
        said = _log_odds(score(pieces["clause"].gather(places)))[at]
        whole = _log_odds(score(texts.gather(rows)))[row_at][at]
        opinion = np.sign(found["opinion"].to_numpy())
        known = np.where(np.isnan(said) & (opinion != 0), 0.0, said)
        blended = (1 - _TEXT_WEIGHT) * known + _TEXT_WEIGHT * np.nan_to_num(whole) + _OPINION_WEIGHT * opinion
        return pl.Series("log_odds", blended, dtype=pl.Float64).fill_nan(None)

    def _aspects(self) -> tuple[Aspect, ...]:
        return taxonomy(self.taxonomy)


def _fingerprint(feedback: pl.DataFrame) -> bytes:
    rows = feedback.select("feedback_id", pl.col("text").cast(pl.String)).hash_rows()
    return hashlib.blake2b(rows.to_numpy().tobytes()).digest()


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    sure: Any = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(sure / (1 - sure)))
