"""How positive a Chinese text is: a small linear model on single characters and pairs of them.

Logistic regression on TF-IDF of character 1-grams and 2-grams, with Platt's calibration (Platt 1999,
"Probabilistic outputs for support vector machines"). Occurrences are counted one by one and the
length of a text's vector is the root of its summed squared weights, so that a text is scored in one
pass over its characters. ``plugins/training/train_sentiment.py`` makes the weights;
``data/sentiment_zh.json`` says on which texts and how well they do on others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA = Path(__file__).parents[1] / "data"
WEIGHTS = DATA / "sentiment_zh.npz"

LINE_END = 10
_PLANE = 0x10000
_CHARACTERS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class ChineseSentiment:
    """The model: an alphabet, pairs of its letters, and a weight and an IDF for each of both.

    ``pairs`` holds ``first * len(alphabet) + second``, positions in ``alphabet``, ascending.
    ``weights`` and ``idf`` have the single characters first, then the pairs. ``slope`` and
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
                alphabet=file["alphabet"],
                pairs=file["pairs"],
                weights=file["weights"].astype(np.float32) * np.float32(weight_step),
                idf=file["idf"].astype(np.float32) * np.float32(idf_step),
                slope=slope,
                intercept=intercept,
            )

    def save(self, path: Path) -> None:
        """Write the weights in eight bits each; the same weights give the same bytes."""
        import numpy as np

        weight_step = float(np.abs(self.weights).max()) / 127
        idf_step = float(self.idf.max()) / 255
        np.savez_compressed(
            path,
            alphabet=self.alphabet,
            pairs=self.pairs,
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

        codes = levelled(texts)
        ends = np.flatnonzero(codes == LINE_END)
        starts = np.concatenate(([0], ends[:-1] + 1))
        letters = self._positions[codes]
        terms = self._pair_terms[letters[:-1].astype(np.int64) * (len(self.alphabet) + 1) + letters[1:]]
        weights = self._term_weights[letters]
        squares = self._term_squares[letters]
        weights[:-1] += self._pair_weights[terms]
        squares[:-1] += self._pair_squares[terms]
        total = np.add.reduceat(weights, starts, dtype=np.float64)
        length = np.sqrt(np.add.reduceat(squares, starts, dtype=np.float64))
        known = length > 0
        log_odds = (
            self.slope * np.divide(total, length, out=np.zeros(len(total)), where=known) + self.intercept
        )
        return np.where(known, 1 / (1 + np.exp(-log_odds)), 0.5)

    # Position 0 stands for every character outside the alphabet, the end of a text included.

    @cached_property
    def _positions(self) -> NDArray[np.uint16]:
        import numpy as np

        positions = np.zeros(_PLANE, dtype=np.uint16)
        positions[self.alphabet] = np.arange(1, len(self.alphabet) + 1)
        return positions

    @cached_property
    def _pair_terms(self) -> NDArray[np.uint16]:
        import numpy as np

        size = len(self.alphabet)
        terms = np.zeros((size + 1, size + 1), dtype=np.uint16)
        terms[1 + self.pairs // size, 1 + self.pairs % size] = np.arange(1, len(self.pairs) + 1)
        return terms.ravel()

    @cached_property
    def _term_weights(self) -> NDArray[np.float32]:
        return _after_zero(self.weights[: len(self.alphabet)])

    @cached_property
    def _term_squares(self) -> NDArray[np.float32]:
        return _after_zero(self.idf[: len(self.alphabet)] ** 2)

    @cached_property
    def _pair_weights(self) -> NDArray[np.float32]:
        return _after_zero(self.weights[len(self.alphabet) :])

    @cached_property
    def _pair_squares(self) -> NDArray[np.float32]:
        return _after_zero(self.idf[len(self.alphabet) :] ** 2)


@cache
def shipped() -> ChineseSentiment:
    """Return the model that comes with crmlab, read once."""
    return ChineseSentiment.load()


def levelled(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Return the texts as one array of code points, each text closed by ``LINE_END``.

    Width, case, digits and traditional characters are levelled, spaces dropped, and what is
    repeated three times or more is kept twice ("太太太太差" is read as "太太差").
    """
    import numpy as np

    joined = "\n".join(text.replace("\n", " ") for text in texts) + "\n"
    raw = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes: NDArray[np.uint32] = _table()[np.minimum(raw, _PLANE - 1)]
    codes = codes[codes != ord(" ")]
    again = np.zeros(len(codes), dtype=bool)
    again[2:] = (codes[2:] == codes[1:-1]) & (codes[1:-1] == codes[:-2]) & (codes[2:] != LINE_END)
    return np.compress(~again, codes)


@cache
def traditional() -> dict[str, str]:
    """Return traditional character → simplified character, for the common ones."""
    text = (DATA / "traditional.txt").read_text(encoding="utf-8").replace("\n", "")
    return dict(zip(text[::2], text[1::2], strict=True))


@cache
def _table() -> NDArray[np.uint32]:
    """Return code point → levelled code point for the basic plane, in one step per character."""
    import numpy as np

    table = np.arange(_PLANE, dtype=np.uint32)
    for code in range(_PLANE):
        level = unicodedata.normalize("NFKC", chr(code)).lower()
        if len(level) == 1:
            table[code] = ord(level)
    for old, new in traditional().items():
        table[ord(old)] = ord(new)
    table[[ord(space) for space in "\r\t\v\f\x85\u2028\u2029"]] = ord(" ")
    table[(table >= ord("0")) & (table <= ord("9"))] = ord("0")
    return table


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


def _after_zero(values: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return np.concatenate((np.zeros(1, dtype=np.float32), values))
