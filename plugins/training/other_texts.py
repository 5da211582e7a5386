"""Labelled texts of trades that the corpus lacks, to measure the weights on; nothing is trained on them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Labelled = tuple[list[str], NDArray[np.float64]]

_SPACED = re.compile(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])")
_POLARITY = {"Positive": 1.0, "Negative": 0.0, "POS": 1.0, "NEG": 0.0}


def other_texts(folder: Path) -> dict[str, Labelled]:
    """Read the sets in ``folder``: distinct texts with one label, 1 positive and 0 negative.

    Sentences with judged aspects count where all their aspects are judged alike, and not as neutral.
    """
    meals = pl.read_csv(folder / "feedback" / "waimai_10k.csv").unique(
        "review", keep="first", maintain_order=True
    )
    parts = [pl.read_csv(path) for path in sorted((folder / "asap_sample").glob("*_sample.csv"))]
    restaurants = pl.concat(parts).filter(pl.col("star") != 3)
    aspects = folder / "feedback" / "absa_zh"
    found = {
        "takeaway (waimai_10k, distinct texts)": (
            meals["review"].to_list(),
            meals["label"].to_numpy().astype(float),
        ),
        "restaurants (ASAP sample, 4-5 against 1-2 stars)": (
            restaurants["reviewbody"].to_list(),
            (restaurants["star"] > 3).to_numpy().astype(float),
        ),
    }
    for name in ("camera", "car", "notebook", "phone"):
        found[f"{name} (clauses with one polarity)"] = _alike(_records(aspects, name))
    found["local services (sentences with one polarity)"] = _alike(_quadruples(aspects))
    return found


def _records(folder: Path, name: str) -> list[tuple[str, str]]:
    """Three lines each: the sentence with $T$ for its aspect, the aspect, its polarity."""
    found = []
    for part in ("train", "test"):
        lines = (folder / f"{name}.{part}.txt").read_text(encoding="utf-8").split("\n")
        for sentence, aspect, polarity in zip(lines[::3], lines[1::3], lines[2::3], strict=False):
            found.append((_SPACED.sub("", sentence.replace("$T$", aspect)), polarity.strip()))
    return found


def _quadruples(folder: Path) -> list[tuple[str, str]]:
    """Each line is a sentence, ####, and its judged aspects."""
    found = []
    for part in ("train", "test"):
        path = folder / f"chinese_zhang_acos.{part}.txt"
        for line in path.read_text(encoding="utf-8").split("\n"):
            sentence, _, judged = line.partition("####")
            for polarity in re.findall(r"'(POS|NEG|NEU)'", judged):
                found.append((_SPACED.sub("", sentence), polarity))
    return found


def _alike(judged: list[tuple[str, str]]) -> Labelled:
    polarities: dict[str, set[str]] = {}
    for sentence, polarity in judged:
        polarities.setdefault(sentence, set()).add(polarity)
    kept = {
        sentence: _POLARITY[polarity]
        for sentence, (polarity, *others) in polarities.items()
        if not others and polarity in _POLARITY
    }
    return list(kept), np.array(list(kept.values()))
