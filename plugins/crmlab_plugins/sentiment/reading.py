"""How a Chinese text is read for its sentiment: what is negated, what counts more, which symbols.

A negator (不, 没, …) turns the up to ``SCOPE`` Chinese characters after it in the same clause: they
become other characters, so that 好 in "不是很好" has a weight of its own (Das & Chen 2007, "Yahoo! for
Amazon", marked words so). A second negator takes the first one back ("没有什么不满意的"). Where a
sentence turns (但是, 不过, …), what follows counts more than what comes before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from crmlab_plugins.sentiment.levelling import LINE_END, PLANE, levelled
from crmlab_plugins.sentiment.symbols import HAPPY, UNHAPPY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCOPE = 7
"""As many characters does a negator reach, and no further than its clause."""

TAKEN_BACK_WITHIN = 6
"""So near must the second of two negators be."""

BEFORE_TURN, AFTER_TURN = 0.5, 1.3
MOST_SYMBOLS = 2

_NEGATORS = "不没无未别非勿甭"
_NO_NEGATION = (
    "不错 不仅 不但 不过 不同 不论 不管 不禁 不断 不愧 不只 不光 不少 不得 不知 不由 不妨 不单 不二 没想 "
    "无论 无线 无比 无敌 无限 无非 无意 无数 非常 非凡 未来 未必 别人 别的 别家 别墅 别致 别说 "
    "特别 区别 分别 级别 个别 类别 性别 差别 告别 识别 离别 辨别 除非 是非 莫非"
)
"""Words that hold a negator without negating what follows."""

_SUPERLATIVES = "没有比 没比这 没比他 没比它 不能再 不要太 不可谓"
"""Words that begin with a negator and only strengthen what follows ("没有比这更好的")."""

_MODALS = "会能是可得该"
"""Between two 不 they make a double negation (不会不, 不得不)."""

_TURNS = "但 却"
_TURNS_AT_THE_START = "可是 可惜 然而 现在 后来"
"""Words that turn a sentence where they stand at the beginning of a clause."""

_HAN, _NEGATOR, _SENTENCE_END = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Reading:
    """The characters of many texts, one after another.

    ``codes`` has ``LINE_END`` after each text, and ``PLANE`` added where a character is negated;
    ``stress`` says how much each character counts; ``ends`` is where the texts end; ``mood`` per text
    is the number of happy less that of unhappy symbols, from -2 to 2.
    """

    codes: NDArray[np.uint32]
    stress: NDArray[np.float32]
    ends: NDArray[np.intp]
    mood: NDArray[np.float64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Reading:
        """Read at least one text."""
        import numpy as np

        codes = levelled(texts)
        kinds = _kinds().take(codes, mode="clip")
        ends = np.flatnonzero(codes == LINE_END)
        return cls(_negated(codes, kinds), _stress(codes, kinds), ends, _mood(codes, ends))


def _negated(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Add ``PLANE`` to the characters in the scope of a negator."""
    import numpy as np

    at = np.flatnonzero(kinds & _NEGATOR)
    around = np.concatenate((codes[:1] * 0, codes, codes[:1] * 0, codes[:1] * 0)).astype(np.uint64)
    before, here, after, next_ = (around[at + step] for step in range(4))
    real = ~_is_in(_NO_NEGATION, before, here) & ~_is_in(_NO_NEGATION, here, after)
    real &= ~_is_in(_SUPERLATIVES, here, after, next_)
    real &= ~((before == ord("得")) & (around[np.maximum(at - 1, 0)] == ord("不")))
    at, here, before = at[real], here[real], before[real]
    # Up to where the scope of each negator goes: the end of its clause, or the next negator.
    breaks = np.flatnonzero((kinds & _HAN) == 0)
    clause = breaks[np.searchsorted(breaks, at)]
    following = np.append(at[1:], len(codes))
    reach = np.minimum(np.minimum(clause, following) - at - 1, SCOPE)

    apart = np.diff(at, prepend=-PLANE)
    first = np.append(here[:1] * 0, here[:-1])
    pair = ((first == ord("没")) & (apart <= TAKEN_BACK_WITHIN)) | (
        (first == ord("不")) & (apart == 2) & np.isin(before, [ord(letter) for letter in _MODALS])
    )
    pair[1:] &= (clause[1:] == clause[:-1]) & ~pair[:-1]

    read = codes.copy()
    read[at[pair]] += np.uint32(PLANE)
    for step in range(1, SCOPE + 1):
        read[at[~pair & (reach >= step)] + step] += np.uint32(PLANE)
    return read


def _stress(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how much each character counts, by the last turn of its sentence."""
    import numpy as np

    turn = np.zeros(len(codes), dtype=bool)
    start = np.concatenate(([True], (kinds[:-1] & _HAN) == 0))
    for word in _TURNS.split():
        turn |= codes == ord(word)
    turn[1:] &= (codes[:-1] != ord("不")) & (codes[:-1] != ord("非"))
    for word in _TURNS_AT_THE_START.split():
        turn[:-1] |= start[:-1] & (codes[:-1] == ord(word[0])) & (codes[1:] == ord(word[1]))
    at = np.flatnonzero(turn)
    stops = np.flatnonzero(kinds & _SENTENCE_END)
    sentence = np.searchsorted(stops, at)
    last = np.diff(sentence, append=-1) != 0
    sentence = sentence[last]
    # 0 outside such sentences, 1 before the turn, 2 from it on; a turn may be where a sentence begins.
    steps = np.zeros(len(codes), dtype=np.int8)
    steps[np.append(0, stops + 1)[sentence]] += 1
    steps[at[last]] += 1
    steps[stops[sentence]] -= 2
    levels = np.array([1, BEFORE_TURN, AFTER_TURN], dtype=np.float32)
    return levels.take(np.cumsum(steps, dtype=np.int8), mode="clip")


def _mood(codes: NDArray[np.uint32], ends: NDArray[np.intp]) -> NDArray[np.float64]:
    import numpy as np

    signs = np.zeros(len(ends))
    for mark, sign in ((HAPPY, 1), (UNHAPPY, -1)):
        np.add.at(signs, np.searchsorted(ends, np.flatnonzero(codes == ord(mark))), sign)
    return np.clip(signs, -MOST_SYMBOLS, MOST_SYMBOLS)


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return code point → what kind of character it is, as bits."""
    import numpy as np

    kinds = np.zeros(PLANE, dtype=np.uint8)
    kinds[0x4E00:0xA000] = _HAN
    kinds[[ord(letter) for letter in _NEGATORS]] |= _NEGATOR
    kinds[[LINE_END, *map(ord, "。!?;…~")]] = _SENTENCE_END
    return kinds


def _is_in(words: str, *letters: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell where ``letters``, one array for each place in a word, spell one of ``words``."""
    import numpy as np

    keys = [sum(ord(letter) << (16 * place) for place, letter in enumerate(word)) for word in words.split()]
    spelt = np.zeros(len(letters[0]), dtype=np.uint64)
    for place, letter in enumerate(letters):
        spelt |= letter << np.uint64(16 * place)
    return np.isin(spelt, np.array(keys, dtype=np.uint64))
