"""Segment maps: which recency, frequency and monetary scores get which name.

The maps are data, in ``data/rfm_maps.yaml``; :func:`check_map` says what a map leaves unnamed,
names more than once, or names nowhere.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Label, Scheme, Text

MAPS = Path(__file__).parents[1] / "data" / "rfm_maps.yaml"
OTHERS = "others"
"""Id of the label of cells that no rule of a map covers."""

Cell = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A label for a block of scores: dimension → lowest and highest score."""

    label: str
    bounds: tuple[tuple[str, int, int], ...]

    def fits(self, scores: dict[str, int]) -> bool:
        """Say whether the scores (r, f, m, as far as the rule asks) lie in the block."""
        return all(low <= _of(scores, name) <= high for name, low, high in self.bounds)


@dataclass(frozen=True, slots=True)
class SegmentMap:
    """Rules of which the first that fits wins, and the scheme of their labels."""

    id: str
    source: str
    scheme: Scheme
    scale: int
    rules: tuple[Rule, ...]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Which of r, f, m the map looks at."""
        used = {name for rule in self.rules for name, _, _ in rule.bounds}
        return tuple(name for name in "rfm" if name in used or (name in "fm" and "fm" in used))

    @property
    def text(self) -> Text:
        """The name of the map in both languages."""
        return self.scheme.text

    def name(self, **scores: int) -> str:
        """Return the label id of one cell, such as ``name(r=5, f=1)``."""
        return next((rule.label for rule in self.rules if rule.fits(scores)), OTHERS)

    def labels(self, scores: dict[str, pl.Expr], bins: int) -> pl.Expr:
        """Return the label ids for columns of scores from 1 to ``bins``."""
        placed = {name: self.place(score, bins) for name, score in scores.items()}
        label = pl.lit(OTHERS)
        for rule in reversed(self.rules):
            inside = [_of(placed, name).is_between(low, high) for name, low, high in rule.bounds]
            label = pl.when(pl.all_horizontal(inside)).then(pl.lit(rule.label)).otherwise(label)
        return label

    def place(self, score: pl.Expr, bins: int) -> pl.Expr:
        """Place scores from 1 to ``bins`` on the scale of the map, by the middle of their bin."""
        if bins == self.scale:
            return score
        return (2 * score - 1) * self.scale // (2 * bins) + 1


class MapCheck(NamedTuple):
    """What :func:`check_map` finds; cells are scores in the order of the map's dimensions."""

    cells: int
    uncovered: tuple[Cell, ...]
    overlapping: tuple[Cell, ...]
    unreachable: tuple[str, ...]

    @property
    def covered(self) -> int:
        """How many cells have a name."""
        return self.cells - len(self.uncovered)


def check_map(segments: SegmentMap) -> MapCheck:
    """Go through every cell: which have no rule, which several, and which label no cell gets."""
    names = segments.dimensions
    cells = list(itertools.product(range(1, segments.scale + 1), repeat=len(names)))
    fitting = {
        cell: [rule.label for rule in segments.rules if rule.fits(dict(zip(names, cell, strict=True)))]
        for cell in cells
    }
    given = {labels[0] for labels in fitting.values() if labels}
    return MapCheck(
        cells=len(cells),
        uncovered=tuple(cell for cell, labels in fitting.items() if not labels),
        overlapping=tuple(cell for cell, labels in fitting.items() if len(labels) > 1),
        unreachable=tuple(name for name in segments.scheme.ids if name not in given and name != OTHERS),
    )


@cache
def load_map(name: str) -> SegmentMap:
    """Return the map of that name; raise ParamsError for an unknown one."""
    documents = _documents()
    if name not in documents:
        raise ParamsError(
            f"No segment map is named {name!r}.{did_you_mean(name, documents)} "
            f"Available: {', '.join(documents)}."
        )
    return read_map(name, documents[name])


def read_map(name: str, document: dict[str, Any]) -> SegmentMap:
    """Build a map from its YAML values.

    Raises ParamsError where a rule gives a label that the map does not declare, or where some cell
    has no rule and the map declares no ``others``.
    """
    labels = tuple(Label(key, text["zh"], text["en"]) for key, text in document["labels"].items())
    rules = tuple(
        Rule(
            rule["label"],
            tuple((key, *bounds) for key, bounds in rule.items() if key in ("r", "f", "m", "fm")),
        )
        for rule in document["rules"]
    )
    scheme = Scheme(f"rfm_{name}", document["zh"], document["en"], labels, tuple(document["axes"]))
    segments = SegmentMap(name, document["source"], scheme, document["scale"], rules)
    unknown = sorted({rule.label for rule in rules} - set(scheme.ids))
    if unknown:
        raise ParamsError(
            f"The segment map {name!r} has rules for labels that it does not declare: {', '.join(unknown)}. "
            f"Declare them under `labels`, or use: {', '.join(scheme.ids)}."
        )
    gaps = check_map(segments).uncovered
    if gaps and OTHERS not in scheme.ids:
        raise ParamsError(
            f"The segment map {name!r} names nothing for {len(gaps)} cells, the first being "
            f"{''.join(segments.dimensions).upper()} {gaps[0]}. Add rules, or a label `{OTHERS}`."
        )
    return segments


@cache
def _documents() -> dict[str, dict[str, Any]]:
    import yaml

    documents: dict[str, dict[str, Any]] = yaml.safe_load(MAPS.read_text(encoding="utf-8"))
    return documents


def _of(scores: dict[str, Any], name: str) -> Any:
    """Return one score; ``fm`` is frequency and monetary together."""
    return scores["f"] + scores["m"] if name == "fm" else scores[name]
