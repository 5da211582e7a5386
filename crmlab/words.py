"""The words of texts: Chinese through a dictionary, everything else by its spaces.

Thousands of texts are cut at once: the runs of Han characters of all of them go through rjieba (a port
of jieba with its dictionary inside) in one call, the rest is done by polars. What was cut once is kept
for the next caller, so that themes, contrasts and quotes of one report cut its texts once.
"""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.errors import ParamsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

# Runs of Han characters, words of any other script, and what is neither: it ends a negation's reach.
_LETTERS = r"[\p{L}--\p{Han}][\p{L}\p{M}--\p{Han}]*(?:'[\p{L}--\p{Han}][\p{L}\p{M}--\p{Han}]*)*"
_RUNS = rf"\p{{Han}}+|{_LETTERS}|[^\p{{L}}\s]+"
_CHINESE_NEGATIONS = ("不", "没", "没有", "无", "未", "别", "不是", "不会", "不能", "不够", "并不", "毫无")
_ENGLISH_NEGATIONS = ("not", "no", "never", "without", "cannot")
_LINE = re.compile(r"(?P<word>.+?)(?:\s+(?P<frequency>\d+)(?:\s+[a-z]+)?)?")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")

_BATCH = 8_000
_KEPT_LISTS = 4
_KEPT_COUNTABLE = 2
_KEPT_TEXTS = range(2_000, 200_001)
"""Shorter lists are cut anew in no time, longer ones take room: about 400 bytes per review."""


@cache
def stop_words() -> frozenset[str]:
    """Return the words without content, Chinese and English, from ``stopwords.txt``."""
    return frozenset(_read_stop_words(Path(__file__).parent / "stopwords.txt"))


@dataclass(frozen=True, slots=True)
class Wording:
    """Words of one's own beside the dictionary, and words to leave out.

    ``own`` are words that are never cut apart nor left out, such as product names; with digits, spaces or
    in two scripts if need be. ``stop_words`` take the place of the shipped ones where given.
    """

    own: tuple[str, ...] = ()
    stop_words: frozenset[str] = field(default_factory=stop_words)

    @classmethod
    def of(cls, dictionary: str | Sequence[str] = (), stop: str | Sequence[str] = ()) -> Wording:
        """Make it of lists, or of the paths of text files in UTF-8; nothing given: what is shipped.

        A dictionary has one word per line, as jieba's have: frequency and part of speech may follow and
        are not needed. A file of stop words has any number per line; ``#`` begins a comment line.
        Raises ParamsError for a file that cannot be read and for an entry that is no word.
        """
        own = tuple(sorted({_level(word) for word in _listed(dictionary, "dictionary")}))
        left_out = {_level(word) for word in _listed(stop, "stop_words")} if stop else set(stop_words())
        return cls(own, frozenset(left_out - set(own)))


def words(text: str, wording: Wording | None = None) -> list[str]:
    """Return the words of ``text`` in order, without stop words; of many texts: :func:`word_lists`.

    Width and case are levelled. A negation takes the word after it along ("不 满意" → "不满意",
    "not good" → "not good" as one word), because alone it says nothing. Numbers and punctuation
    are left out.
    """
    import polars as pl

    return _cut(pl.Series([text], dtype=pl.String), wording or _shipped())["word"].to_list()


def word_lists(texts: pl.Series, wording: Wording | None = None) -> pl.Series:
    """Return the :func:`words` of each text as a list, in order; null where the text is null."""
    import polars as pl

    listed = occurrences(texts, wording).group_by("row", maintain_order=True).agg("word")
    rows = pl.DataFrame({"text": texts}).with_row_index("row")
    joined = rows.join(listed, on="row", how="left", maintain_order="left")
    none = pl.lit([], dtype=pl.List(pl.String))
    return joined.select(words=pl.when(pl.col("text").is_not_null()).then(pl.col("word").fill_null(none)))[
        "words"
    ]


def occurrences(texts: pl.Series, wording: Wording | None = None) -> pl.DataFrame:
    """Return every word of every text: ``row`` (UInt32, of the text in the series) and ``word``.

    One row per occurrence, in the order of the texts and of the words in them.
    """
    import polars as pl

    wording = wording or _shipped()
    level = texts.cast(pl.String)
    # A list with and without its blank texts is cut once for both.
    written = (level.str.strip_chars() != "").fill_null(value=False)
    if not written.all():
        found = _occurrences(level.filter(written), wording)
        return found.with_columns(row=written.arg_true().cast(pl.UInt32).gather(found["row"]))
    return _occurrences(level, wording)


def countable(texts: pl.Series) -> pl.Series:
    """Return the texts as words are counted in them: without contacts and numbers of persons.

    See :func:`crmlab.data.privacy.without_contacts`; the answers of the last calls are kept.
    """
    from crmlab.data.privacy import without_contacts

    if len(texts) not in _KEPT_TEXTS:
        return without_contacts(texts)
    key = _fingerprint(texts)
    if key not in _countable:
        _make_room(_countable, _KEPT_COUNTABLE)
        _countable[key] = without_contacts(texts)
    return _countable[key].alias(texts.name)


def _occurrences(texts: pl.Series, wording: Wording) -> pl.DataFrame:
    if len(texts) not in _KEPT_TEXTS:
        return _batched(texts, wording)
    key = (_fingerprint(texts), wording)
    if key not in _kept:
        _make_room(_kept, _KEPT_LISTS)
        _kept[key] = _batched(texts, wording)
    return _kept[key]


_kept: dict[tuple[bytes, Wording], pl.DataFrame] = {}
_countable: dict[bytes, pl.Series] = {}


def _fingerprint(texts: pl.Series) -> bytes:
    return hashlib.blake2b(texts.hash().to_numpy().tobytes()).digest()


def _make_room(kept: dict[Any, Any], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]


@cache
def _shipped() -> Wording:
    return Wording()


def _batched(texts: pl.Series, wording: Wording) -> pl.DataFrame:
    import polars as pl

    def cut(start: int) -> pl.DataFrame:
        found = _cut(texts.slice(start, _BATCH), wording)
        return found.with_columns(pl.col("row") + pl.lit(start, dtype=pl.UInt32))

    # rjieba and polars leave Python's lock to others.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return pl.concat(pool.map(cut, range(0, max(len(texts), 1), _BATCH)))


def _cut(texts: pl.Series, wording: Wording) -> pl.DataFrame:
    """Cut a batch of texts; rows count from 0."""
    import polars as pl

    own = [word for word in wording.own if not _CHINESE.fullmatch(word)]
    literal = "|".join(_bounded(word) for word in sorted(own, key=lambda word: (-len(word), word)))
    text = pl.col("text").str.normalize("NFKC").str.to_lowercase()
    runs = (
        pl.DataFrame({"text": texts})
        .with_row_index("row")
        .select(
            "row",
            run=text.str.replace_all("\N{RIGHT SINGLE QUOTATION MARK}", "'", literal=True).str.extract_all(
                f"{literal}|{_RUNS}" if literal else _RUNS
            ),
        )
        .explode("run", empty_as_null=False)
        .drop_nulls()
        .with_row_index("place")
    )
    is_own = pl.col("run").is_in(own)
    breaks = ~pl.col("run").str.contains(r"^\p{L}") & ~is_own
    runs = runs.with_columns(
        group=breaks.cum_sum(), chinese=pl.col("run").str.contains(r"^\p{Han}") & ~is_own
    )
    chinese = runs.filter("chinese")
    tokens = (
        pl.concat(
            [
                chinese.select("place", "row", "group").hstack([_segmented(chinese["run"], wording)])
                if chinese.height
                else runs.clear().select("place", "row", "group", word=pl.lit([], dtype=pl.List(pl.String))),
                runs.filter(~pl.col("chinese") & ~breaks).select(
                    "place", "row", "group", word=pl.concat_list("run")
                ),
            ]
        )
        .sort("place")
        .explode("word", empty_as_null=False)
    )
    return _negated(tokens, wording)


def _segmented(runs: pl.Series, wording: Wording) -> pl.Series:
    """Return the words of each run of Han characters, all of them cut in one call."""
    import polars as pl

    cut = pl.Series("word", _dictionary(wording.own).cut("\n".join(runs.to_list())), dtype=pl.String)
    ends = cut == "\n"
    pieces = pl.DataFrame({"run": ends.cum_sum(), "word": cut}).filter(~ends)
    return pieces.group_by("run", maintain_order=True).agg("word")["word"]


def _negated(tokens: pl.DataFrame, wording: Wording) -> pl.DataFrame:
    """Leave out stop words and join each negation with the word after it, within its text and group."""
    import polars as pl

    word = pl.col("word")
    negates = word.is_in([*_CHINESE_NEGATIONS, *_ENGLISH_NEGATIONS]) | word.str.ends_with("n't")
    told = tokens.with_columns(negates=negates).filter("negates" | ~word.is_in(wording.stop_words))
    told = told.with_columns(reach=pl.struct("row", "group").rle_id())
    after = (pl.col("reach").shift(1) == pl.col("reach")).fill_null(value=False) & ~pl.col("negates")
    taken = after & pl.col("negates").shift(1).fill_null(value=False)
    before = word.shift(1)
    space = pl.when(before.str.contains(r"^\p{Han}")).then(pl.lit("")).otherwise(pl.lit(" "))
    joined = pl.when(taken).then(before + space + word).otherwise(word)
    goes_on = pl.col("negates") & taken.shift(-1).fill_null(value=False)
    return (
        told.select("row", joined.alias("word"), goes_on.alias("goes_on"))
        .filter(~pl.col("goes_on"))
        .drop("goes_on")
    )


@cache
def _dictionary(own: tuple[str, ...]) -> Any:
    import rjieba

    jieba = rjieba.Jieba()
    for word in own:
        if _CHINESE.fullmatch(word):
            jieba.add_word(word, None, None)
    return jieba


def _bounded(word: str) -> str:
    """Return a pattern for a word; Latin letters at its ends end there."""
    pattern = re.escape(word)
    edge = r"(?-u:\b)"
    return (edge if word[0].isascii() else "") + pattern + (edge if word[-1].isascii() else "")


def _level(word: str) -> str:
    import unicodedata

    return " ".join(unicodedata.normalize("NFKC", word).lower().split())


def _listed(given: str | Sequence[str], name: str) -> list[str]:
    if not isinstance(given, str):
        found = list(given)
    elif name == "dictionary":
        lines = [line.strip() for line in _lines(Path(given), name)]
        matches = [_LINE.fullmatch(line) for line in lines if line and not line.startswith("#")]
        found = [match["word"] for match in matches if match]
    else:
        found = _read_stop_words(Path(given))
    for place, word in enumerate(found, start=1):
        if not any(character.isalnum() for character in word):
            raise ParamsError(
                f"{name}: entry {place} has no letter and no digit. Give words, for example 上门安装."
            )
    return found


def _read_stop_words(path: Path) -> list[str]:
    return [word for line in _lines(path, "stop_words") if not line.startswith("#") for word in line.split()]


def _lines(path: Path, name: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ParamsError(
            f"{name}: the file {path} cannot be read: {reason}. Give the path of a text file in UTF-8, "
            "relative to the folder of the study, or a list of words."
        ) from None
