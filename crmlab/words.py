"""The words of a text: Chinese through a dictionary, everything in Latin letters by its spaces."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z]+(?:'[a-z]+)*")
_CHINESE_NEGATIONS = frozenset(
    ("不", "没", "没有", "无", "未", "别", "不是", "不会", "不能", "不够", "并不", "毫无")
)
_ENGLISH_NEGATIONS = frozenset(("not", "no", "never", "without", "cannot"))


def words(text: str) -> list[str]:
    """Return the words of ``text`` in order, without stop words.

    Width and case are levelled. A negation takes the word after it along ("不 满意" → "不满意",
    "not good" → "not good" as one word), because alone it says nothing. Numbers and punctuation
    are left out.
    """
    found: list[str] = []
    level = unicodedata.normalize("NFKC", text).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    negation = ""
    end = 0
    for match in _RUN.finditer(level):
        if level[end : match.start()].strip():  # punctuation ends the reach of a negation
            found += _alone(negation)
            negation = ""
        end = match.end()
        run = match.group()
        chinese = run > "z~"
        for word in _cut(run) if chinese else [run]:
            if _negates(word):
                found += _alone(negation)
                negation = word
            elif word not in stop_words():
                found.append(_joined(negation, word))
                negation = ""
    return found + _alone(negation)


@cache
def stop_words() -> frozenset[str]:
    """Return the words without content, Chinese and English, from ``stopwords.txt``."""
    lines = (Path(__file__).parent / "stopwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _cut(run: str) -> list[str]:
    import rjieba

    return list(rjieba.cut(run))


def _negates(word: str) -> bool:
    return word in _CHINESE_NEGATIONS or word in _ENGLISH_NEGATIONS or word.endswith("n't")


def _joined(negation: str, word: str) -> str:
    if not negation:
        return word
    return f"{negation} {word}" if negation.isascii() else negation + word


def _alone(negation: str) -> list[str]:
    return [negation] if negation else []
