"""The words that tell a theme from the others, its name made of them, and how well they go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Matrix = NDArray[np.float64]
    Whole = NDArray[np.int64]

NAMING = 3
"""Words in the name of a theme."""
JUDGED = 10
"""Words per theme by which coherence is measured."""


def telling(counts: csr_array, theme: Whole, number: int) -> Matrix:
    """Return how strongly each word (column) tells each theme (row), 0 where it does not.

    Class-based TF-IDF (the word's share of the words of the theme's texts, by the logarithm of its rarity
    over themes; Grootendorst 2022, arXiv:2203.05794) times the correlation of word and theme over texts,
    without which words that are common everywhere come first. A text counts a word once. ``theme`` is -1
    for texts of none.
    """
    import numpy as np
    from scipy.sparse import csr_array

    rows = np.flatnonzero(theme >= 0)
    belongs = csr_array((np.ones(len(rows)), (theme[rows], rows)), shape=(number, counts.shape[0]))
    in_theme = np.asarray((belongs @ (counts > 0).astype(np.float64)).todense())
    everywhere = in_theme.sum(axis=0)
    share = in_theme / np.maximum(in_theme.sum(axis=1, keepdims=True), 1)
    rarity = np.log1p(in_theme.sum() / max(number, 1) / np.maximum(everywhere, 1))
    texts = max(len(rows), 1)
    size = np.bincount(theme[rows], minlength=number)[:, None] / texts
    word = everywhere[None, :] / texts
    spread = np.sqrt(np.maximum(size * (1 - size) * word * (1 - word), 1e-12))
    phi = (in_theme / texts - size * word) / spread
    return np.asarray(share * rarity * np.maximum(phi, 0))


def names(words: Sequence[str], weights: Matrix) -> list[list[str]]:
    """Return the words that name each theme, no word naming two of them.

    A word can name the theme alone that it tells most. Single Chinese characters name a theme only where
    it has no other words.
    """
    import numpy as np

    belongs = weights.argmax(axis=0)
    named = []
    for theme, row in enumerate(weights):
        own = [
            place for place in np.argsort(-row, kind="stable") if belongs[place] == theme and row[place] > 0
        ]
        long = [place for place in own if len(words[place]) > 1]
        named.append(
            [words[place] for place in (long + [place for place in own if place not in long])[:NAMING]]
        )
    return named


def coherence(top: Sequence[Sequence[int]], counts: csr_array) -> float:
    """Return the mean over themes of the NPMI of their words' pairs, within -1 to 1.

    Normalised pointwise mutual information on texts (Bouma 2009; Aletras & Stevenson 2013): 0 where words
    meet by chance, 1 where one never stands without the other, -1 where they never meet.
    """
    import numpy as np

    texts = max(counts.shape[0], 1)
    has = (counts > 0).astype(np.float64).tocsc()
    found = []
    for theme in top:
        columns = has[:, list(theme)]
        together = np.asarray((columns.T @ columns).todense()) / texts
        alone = np.diag(together)
        upper = np.triu_indices(len(theme), 1)
        both, expected = together[upper], np.outer(alone, alone)[upper]
        meets = both > 0
        npmi = np.full(len(both), -1.0)
        npmi[meets] = np.log(both[meets] / expected[meets]) / np.maximum(-np.log(both[meets]), 1e-12)
        found.append(float(npmi.mean()) if len(npmi) else 0.0)
    return float(np.mean(found)) if found else 0.0


def strongest(weights: Matrix, most: int = JUDGED) -> list[list[int]]:
    """Return the places of the ``most`` words with the largest weights of each theme, largest first."""
    import numpy as np

    order = np.argsort(-weights, axis=1, kind="stable")[:, :most]
    return [[int(place) for place in row if weights[theme, place] > 0] for theme, row in enumerate(order)]
