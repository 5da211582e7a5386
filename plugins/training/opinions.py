"""Short sentences from the written opinions, as training texts that the corpus lacks.

``opinions_zh.yaml`` has qualities ("新鲜") and phrases ("送餐很快"). A quality stands alone and after words
of degree; behind words of negation it says the opposite, as far as people say it so ("不新鲜" blames,
"不吵" praises, but hardly anybody writes "不太吵" for praise). Sentences of one quality share the
weight of one phrase.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import yaml

OPINIONS = Path(__file__).with_name("opinions_zh.yaml")

_DEGREES = (
    *("{}", "{}", "很{}", "非常{}", "真{}", "太{}了"),
    *("越来越{}", "比想象的{}", "怎么这么{}？", "没有比这更{}的"),
)
_BLAMES = ("不{}", "一点也不{}", "不是很{}", "不太{}", "并不{}", "没有那么{}", "不够{}")
_PRAISES = ("不{}", "一点也不{}", "并不{}", "没有{}")
_DOUBLE = ("没有什么不{}的", "没有不{}的")
_NEGATIVE_STARTS = ("不", "没", "无")


@dataclass(slots=True)
class Sentences:
    """Texts with their label (1 positive, 0 negative), their weight and the opinion they are made of."""

    texts: list[str] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    opinions: list[str] = field(default_factory=list)

    def add(self, opinion: str, patterns: tuple[str, ...], label: float) -> None:
        """Add the sentences that ``patterns`` make of one opinion; they share the weight 1."""
        texts = [pattern.format(opinion) for pattern in patterns]
        self.texts += texts
        self.labels += [label] * len(texts)
        self.weights += [1 / len(texts)] * len(texts)
        self.opinions += [opinion] * len(texts)


def sentences() -> Sentences:
    """Return all sentences in the order of the file."""
    opinions = yaml.safe_load(OPINIONS.read_text(encoding="utf-8"))
    found = Sentences()
    for polarity, label, turned in (("positive", 1.0, _BLAMES), ("negative", 0.0, _PRAISES)):
        for quality in opinions["qualities"][polarity].split():
            found.add(quality, _DEGREES, label)
            if quality.startswith(_NEGATIVE_STARTS):
                continue
            found.add(quality, turned, 1 - label)
            if label:
                found.add(quality, _DOUBLE, label)
        for phrase in opinions["phrases"][polarity].split():
            found.add(phrase, ("{}",), label)
    return found
