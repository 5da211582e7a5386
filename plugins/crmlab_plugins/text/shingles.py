"""Shingles: the overlapping pieces of a text, by which near-duplicates are found.

A text's shingles are its runs of ``SIZE`` characters, after case, width, spaces and punctuation are
levelled; a shorter text is one shingle. MinHash (Broder 1997, "On the resemblance and containment of
documents") keeps the smallest hash of a set: two texts share it with the probability that equals
their Jaccard similarity, so copies with small changes mostly fall into one bucket.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE = 8
_BLOCK = 32_768
"""So many characters at once stay in the cache."""

_NOISE = re.compile(r"[^\w\n]+|_+")


@dataclass(frozen=True, slots=True)
class Shingles:
    """The hashed shingles of many texts: ``hashes[starts[i]:starts[i + 1]]`` belong to text ``i``."""

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Shingles:
        """Cut ``texts`` into hashed shingles; a text without letters or digits has one, of nothing."""
        import numpy as np

        level = unicodedata.normalize("NFKC", "\n".join(text.replace("\n", " ") for text in texts))
        level = _NOISE.sub("", level.casefold())
        codes = np.frombuffer((level + "\n" * (SIZE + 1)).encode("utf-32-le"), dtype=np.uint32).astype(
            np.uint64
        )
        ends = np.flatnonzero(codes == 10)[: len(texts)]
        begins = np.concatenate(([0], ends[:-1] + 1))
        places = len(codes) - SIZE
        hashes = np.zeros(places, dtype=np.uint64)
        for start in range(0, places, _BLOCK):
            _hash(codes[start : start + _BLOCK + SIZE], hashes[start : start + _BLOCK])
        sizes = ends - begins
        counts = np.maximum(sizes - SIZE + 1, 1)
        starts = np.concatenate(([0], np.cumsum(counts)))
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], counts)
        return cls(hashes[np.repeat(begins, counts) + within], starts)

    def buckets(self, count: int) -> NDArray[np.int64]:
        """Return a bucket 0 … ``count`` - 1 per text, from the smallest of its hashes."""
        import numpy as np

        smallest = np.minimum.reduceat(self.hashes, self.starts[:-1])
        return (_mixed(smallest) % np.uint64(count)).astype(np.int64)

    def share_in(self, other: Shingles) -> NDArray[np.float64]:
        """Return per text which share of its shingles occurs anywhere in ``other``."""
        import numpy as np

        found = np.isin(self.hashes, np.unique(other.hashes)).astype(np.int64)
        shared: NDArray[np.int64] = np.add.reduceat(found, self.starts[:-1])
        return shared / np.diff(self.starts)


def _hash(codes: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> None:
    """Put the hash of the shingle that begins at each place into ``hashes``.

    A shingle that runs over the end of its text sees only line ends from there on.
    """
    import numpy as np

    inside = np.ones(len(hashes), dtype=bool)
    for step in range(SIZE):
        here = codes[step : step + len(hashes)]
        inside &= here != 10
        hashes[:] = _mixed(hashes ^ np.where(inside, here, np.uint64(10)))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of each value (the finaliser of splitmix64, Steele et al. 2014)."""
    import numpy as np

    values = values + np.uint64(0x9E3779B97F4A7C15)
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values
