"""Chinese texts as one array of characters, with differences of writing levelled."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab_plugins.sentiment.symbols import marked, symbols

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA = Path(__file__).parents[1] / "data"

LINE_END = 10
PLANE = 0x10000
_CODES = 2 * PLANE
"""Emoji lie above the basic plane; what lies above them all becomes one unknown character."""


def levelled(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Return the texts as one array of code points, each text closed by ``LINE_END``.

    Width, case, digits and traditional characters are levelled, spaces dropped, emoji and bracketed
    expressions replaced by the marks of :mod:`symbols`, and what is repeated three times or more is
    kept twice ("太太太太差" is read as "太太差", "好吃好吃好吃" as "好吃好吃").
    """
    import numpy as np

    joined = "\n".join(texts) + "\n"
    if joined.count("\n") > len(texts):
        joined = "\n".join(text.replace("\n", " ") for text in texts) + "\n"
    raw = np.frombuffer(marked(joined).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes: NDArray[np.uint32] = _table().take(raw, mode="clip")
    codes = codes[codes != ord(" ")]
    for period in (1, 2):
        codes = codes[~_repeats(codes, period)]
    return codes


def _repeats(codes: NDArray[np.uint32], period: int) -> NDArray[np.bool_]:
    """Tell for each character whether it belongs to the third or a later of equal neighbours.

    Neighbours are single characters (``period`` 1) or pairs of them (``period`` 2).
    """
    import numpy as np

    equal = np.flatnonzero(codes[period:] == codes[:-period]) + period
    equal = equal[codes[equal] != LINE_END]
    surplus = np.zeros(len(codes), dtype=bool)
    if len(equal):
        follows = np.diff(equal, prepend=-1, append=-1) == 1
        begins = np.flatnonzero(~follows[:-1])
        run = np.arange(len(equal)) - np.repeat(begins, np.diff(begins, append=len(equal)))
        # The first neighbour that equals the one before it stays, and so does half a pair at the end.
        whole = (run % period == period - 1) | follows[1:]
        surplus[equal[(run >= period) & whole]] = True
    return surplus


@cache
def traditional() -> dict[str, str]:
    """Return traditional character → simplified character, for the common ones."""
    text = (DATA / "traditional.txt").read_text(encoding="utf-8").replace("\n", "")
    return dict(zip(text[::2], text[1::2], strict=True))


@cache
def _table() -> NDArray[np.uint32]:
    """Return code point → levelled code point, in one step per character."""
    import numpy as np

    table = np.arange(_CODES, dtype=np.uint32)
    table[PLANE:] = PLANE - 1
    for code in range(PLANE):
        level = unicodedata.normalize("NFKC", chr(code)).lower()
        if len(level) == 1 and ord(level) < PLANE:
            table[code] = ord(level)
    for old, new in traditional().items():
        table[ord(old)] = ord(new)
    table[[ord(space) for space in "\r\t\v\f\x85\u2028\u2029"]] = ord(" ")
    table[(table >= ord("0")) & (table <= ord("9"))] = ord("0")
    for symbol, mark in symbols().items():
        if len(symbol) == 1:
            table[ord(symbol)] = ord(mark)
    return table
