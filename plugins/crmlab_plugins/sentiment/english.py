"""How positive an English text is: a small linear model on words and pairs of them, and VADER's rules.

Logistic regression (L2) on which words and pairs of neighbouring words occur, each text's vector of unit
length, with VADER's compound value as one more feature, and Platt's calibration (Platt 1999,
"Probabilistic outputs for support vector machines") on kinds of text that were left out.
``plugins/training/train_english.py`` makes the weights; ``data/sentiment_en.json`` says on which texts
and how well they do on others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, pairwise
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab_plugins.sentiment.vader import CHARACTERS, compounds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = Path(__file__).parents[1] / "data" / "sentiment_en.npz"

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[!?]")


@dataclass(frozen=True, eq=False)
class EnglishSentiment:
    """The model: ``terms`` (words and pairs with a space between) and a weight for each.

    The log-odds of a text are the sum of the weights of its terms over the root of their number, plus
    ``vader`` times VADER's compound value, plus ``intercept``.
    """

    terms: tuple[str, ...]
    weights: NDArray[np.float32]
    vader: float
    intercept: float

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> EnglishSentiment:
        """Read weights as :meth:`save` writes them; nothing in the file is executed."""
        import numpy as np

        with np.load(path, allow_pickle=False) as file:
            step, vader, intercept = file["numbers"].tolist()
            return cls(
                terms=tuple(file["terms"].tobytes().decode("ascii").split("\n")),
                weights=file["weights"].astype(np.float32) * np.float32(step),
                vader=vader,
                intercept=intercept,
            )

    def save(self, path: Path) -> None:
        """Write the weights in eight bits each; the same weights give the same bytes."""
        import numpy as np

        step = float(np.abs(self.weights).max()) / 127
        np.savez_compressed(
            path,
            terms=np.frombuffer("\n".join(self.terms).encode("ascii"), dtype=np.uint8),
            weights=np.round(self.weights / step).astype(np.int8),
            numbers=np.array([step, self.vader, self.intercept]),
        )

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability that each text is positive; 0.5 where nothing in it is known.

        Only the first ``CHARACTERS`` of a text are read.
        """
        import numpy as np

        words = np.array([self._of_words(text) for text in texts], dtype=np.float64).reshape(-1, 2)
        compound = compounds(texts)
        log_odds = words[:, 0] + self.vader * compound + self.intercept
        known = (words[:, 1] > 0) | (compound != 0)
        return np.where(known, 1 / (1 + np.exp(-log_odds)), 0.5)

    def _of_words(self, text: str) -> tuple[float, int]:
        """Return what the words add to the log-odds, and how many terms are known."""
        found = [self._weights[term] for term in set(terms_of(text[:CHARACTERS])) if term in self._weights]
        # Adding in the order of size makes the sum independent of the order of a set.
        return (sum(sorted(found)) / sqrt(len(found)) if found else 0.0), len(found)

    @cached_property
    def _weights(self) -> dict[str, float]:
        return dict(zip(self.terms, self.weights.tolist(), strict=True))


def terms_of(text: str) -> Iterator[str]:
    """Return the words of a text, with ! and ? as words of their own, and the pairs of neighbours."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    return chain(words, map(" ".join, pairwise(words)))


@cache
def shipped() -> EnglishSentiment:
    """Return the model that comes with crmlab, read once."""
    return EnglishSentiment.load()
