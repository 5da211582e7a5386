"""How positive a Chinese text is: a small linear model on single characters and pairs of them.

Logistic regression on TF-IDF of character 1-grams and 2-grams of a :class:`Reading`, scaled by their
log-count ratios (Wang & Manning 2012, "Baselines and Bigrams", ACL 2:90-94), and calibrated on kinds of
text that the scoring model had not seen (Platt 1999, "Probabilistic outputs for support vector machines").
Occurrences are counted one by one and the length of a text's vector is the root of its summed squared
IDFs, in training as in use, so that a text is scored exactly in one pass over its characters.
``plugins/training/train_sentiment.py`` makes the weights; ``data/sentiment_zh.json`` says from which texts
and how well they do on others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab_plugins.sentiment.levelling import DATA, LINE_END, PLANE, levelled, traditional
from crmlab_plugins.sentiment.reading import Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DATA", "LINE_END", "WEIGHTS", "ChineseSentiment", "levelled", "shipped", "traditional"]

WEIGHTS = DATA / "sentiment_zh.npz"

SYMBOL = 1.5
"""What a happy symbol adds to the log-odds; set by hand, as the training texts have none."""

_SURE = 20.0
"""Log-odds go no further, however long a text repeats itself."""

_CHARACTERS_AT_ONCE = 250_000


@dataclass(frozen=True, eq=False)
class ChineseSentiment:
    """The model: an alphabet, pairs of its letters, and a weight and an IDF for each of both.

    ``alphabet`` holds codes as :class:`Reading` has them, ascending, so a negated character is a letter
    of its own. ``pairs`` holds ``first * len(alphabet) + second``, positions in ``alphabet``, ascending.
    ``weights`` and ``idf`` have the single letters first, then the pairs. ``slope`` and
    ``intercept`` turn the weighted sum into a calibrated log-odds.
    """

    alphabet: NDArray[np.uint32]
    pairs: NDArray[np.uint32]
    weights: NDArray[np.float32]
    idf: NDArray[np.float32]
    slope: float
    intercept: float

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> ChineseSentiment:
        """Read weights as :meth:`save` writes them; nothing in the file is executed."""
        import numpy as np

        with np.load(path, allow_pickle=False) as file:
            weight_step, idf_step, slope, intercept = file["numbers"].tolist()
            return cls(
                alphabet=np.cumsum(file["alphabet"], dtype=np.uint32),
                pairs=np.cumsum(file["pairs"], dtype=np.uint32),
                weights=file["weights"].astype(np.float32) * np.float32(weight_step),
                idf=file["idf"].astype(np.float32) * np.float32(idf_step),
                slope=slope,
                intercept=intercept,
            )

    def save(self, path: Path) -> None:
        """Write the weights in eight bits each; the same weights give the same bytes."""
        import numpy as np

        weight_step = float(np.abs(self.weights).max()) / 127
        idf_step = float(self.idf.max()) / 63
        np.savez_compressed(
            path,
            # Steps from one to the next are small numbers, which compress well.
            alphabet=np.diff(self.alphabet, prepend=np.uint32(0)),
            pairs=np.diff(self.pairs, prepend=np.uint32(0)),
            weights=np.round(self.weights / weight_step).astype(np.int8),
            idf=np.round(self.idf / idf_step).astype(np.uint8),
            numbers=np.array([weight_step, idf_step, self.slope, self.intercept]),
        )

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability that each text is positive; 0.5 where nothing in it is known."""
        import numpy as np

        found = [self._probabilities(batch) for batch in _batches(texts)]
        return np.concatenate(found) if found else np.zeros(0)

    def _probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np

        reading = Reading.of(texts)
        starts = np.concatenate(([0], reading.ends[:-1] + 1))
        # All positions are within their tables; "clip" saves the check.
        letters = self._positions.take(reading.codes, mode="clip")
        pairs = letters[:-1].astype(np.int32)
        pairs *= np.int32(len(self.alphabet) + 1)
        pairs += letters[1:]
        sums = self._letter_sums.take(letters, mode="clip")
        terms = self._pair_terms.take(pairs, mode="clip")
        sums[:-1] += self._pair_sums.take(terms, mode="clip")
        sums *= reading.stress
        sums = np.add.reduceat(sums, starts, dtype=np.complex128)
        total, length = sums.real, np.sqrt(sums.imag)
        known = length > 0
        log_odds = (
            self.slope * np.divide(total, length, out=np.zeros(len(total)), where=known)
            + self.intercept * known
            + SYMBOL * reading.mood
        )
        return 1 / (1 + np.exp(-np.clip(log_odds, -_SURE, _SURE)))

    # Position 0 stands for every character outside the alphabet, the end of a text included.

    @cached_property
    def _positions(self) -> NDArray[np.uint16]:
        import numpy as np

        positions = np.zeros(2 * PLANE, dtype=np.uint16)
        positions[self.alphabet] = np.arange(1, len(self.alphabet) + 1)
        return positions

    @cached_property
    def _pair_terms(self) -> NDArray[np.uint16]:
        import numpy as np

        size = len(self.alphabet)
        terms = np.zeros((size + 1, size + 1), dtype=np.uint16)
        terms[1 + self.pairs // size, 1 + self.pairs % size] = np.arange(1, len(self.pairs) + 1)
        return terms.ravel()

    # Weights and squared IDFs travel as one complex number, which halves the look-ups.

    @cached_property
    def _letter_sums(self) -> NDArray[np.complex64]:
        size = len(self.alphabet)
        return _after_zero(self.weights[:size], self.idf[:size])

    @cached_property
    def _pair_sums(self) -> NDArray[np.complex64]:
        size = len(self.alphabet)
        return _after_zero(self.weights[size:], self.idf[size:])


@cache
def shipped() -> ChineseSentiment:
    """Return the model that comes with crmlab, read once."""
    return ChineseSentiment.load()


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut the texts into runs of bounded length, so that memory stays bounded."""
    begin = size = 0
    for end, text in enumerate(texts):
        size += len(text) + 1
        if size >= _CHARACTERS_AT_ONCE:
            yield texts[begin : end + 1]
            begin, size = end + 1, 0
    if begin < len(texts):
        yield texts[begin:]


def _after_zero(weights: NDArray[np.float32], idf: NDArray[np.float32]) -> NDArray[np.complex64]:
    import numpy as np

    return np.append(np.complex64(0), weights + 1j * idf**2).astype(np.complex64)
