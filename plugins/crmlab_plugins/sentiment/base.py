"""What every judge of sentiment shares: the columns, the labels, and the band that is left undecided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Annotator
from crmlab.labels import Label, Scheme
from crmlab_plugins.text.languages import languages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SENTIMENTS = Scheme(
    id="sentiment",
    zh="情感倾向",
    en="Sentiment",
    labels=(
        Label("positive", "正面", "Positive"),
        Label("uncertain", "不确定", "Uncertain"),
        Label("negative", "负面", "Negative"),
        Label("none", "无法判断", "Not judged"),
    ),
)


class SentimentAnnotator(Annotator):
    """Adds the language of each text, the probability that it is positive, and its sentiment.

    A text whose probability lies within ``uncertain_within`` of one half is ``uncertain``; there is no
    class "neutral", because nothing here is trained on neutral texts. A text without a probability is
    ``none``. A judge of its own overrides :meth:`_probabilities`.
    """

    adds: ClassVar[tuple[str, ...]] = ("language", "positive_probability", "sentiment")
    scheme: ClassVar[Scheme] = SENTIMENTS

    uncertain_within: float = 0.1

    def _check_params(self) -> None:
        if not 0 <= self.uncertain_within < 0.5:
            raise ParamsError(
                f"uncertain_within is {self.uncertain_within}; it must be from 0 to below 0.5, "
                "for example 0.1 for a band from 0.4 to 0.6."
            )

    def _probabilities(self, texts: pl.Series, language: pl.Series) -> NDArray[np.float64]:
        """Return the probability per text that it is positive; NaN where it is not judged."""
        raise NotImplementedError

    def _judged(self, texts: pl.Series) -> tuple[pl.Series, NDArray[np.float64]]:
        """Return the language and the probability of each text."""
        language = languages(texts)
        return language, self._probabilities(texts, language)

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        texts = feedback["text"].cast(pl.String)
        language, probabilities = self._judged(texts)
        found = pl.Series("positive_probability", probabilities, dtype=pl.Float64)
        return pl.DataFrame([feedback["feedback_id"], language, found.fill_nan(None)]).with_columns(
            self._sentiment().alias("sentiment")
        )

    def _sentiment(self) -> pl.Expr:
        probability = pl.col("positive_probability")
        return (
            pl.when(probability.is_null())
            .then(pl.lit("none"))
            .when(probability > 0.5 + self.uncertain_within)
            .then(pl.lit("positive"))
            .when(probability < 0.5 - self.uncertain_within)
            .then(pl.lit("negative"))
            .otherwise(pl.lit("uncertain"))
        )

    def _bands(self) -> tuple[str, str]:
        """Return the lower and the upper end of the undecided band, as definitions write them."""
        return f"{0.5 - self.uncertain_within:.2f}", f"{0.5 + self.uncertain_within:.2f}"


def spread(
    texts: pl.Series, chosen: pl.Series, probabilities: NDArray[np.float64] | Sequence[float]
) -> NDArray[np.float64]:
    """Put the probabilities of the chosen texts where they belong, NaN elsewhere."""
    import numpy as np

    found = np.full(len(texts), np.nan)
    found[chosen.fill_null(False).to_numpy()] = probabilities
    return found
