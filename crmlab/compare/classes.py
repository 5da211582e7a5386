"""Who moved between the classes of two runs, customer by customer."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from crmlab.compare.noise import correlation_of_shares
from crmlab.compare.runs import RunFolder
from crmlab.data.suppression import hidden, hidden_cells
from crmlab.figures import CLASS
from crmlab.labels import UNCLASSIFIED
from crmlab.saving import NAMES

CUSTOMERS = "_customers.parquet"
_LEARNED_ON = "learned_on.txt"
NEWCOMER, LEAVER = "(new)", "(none)"
"""Stand for the class of customers who are in the later, or in the earlier run only."""


def class_tables(run: RunFolder, report: str) -> dict[str, Path]:
    """Return the tables of a report that list customers with their class: plugin → file, as it shows them."""
    paths = sorted(run.place("tables", report).glob(f"*{CUSTOMERS}"))
    found = {path.name.removesuffix(CUSTOMERS): path for path in paths}
    shown = names_of(run, report)["schemes"]
    ordered = [
        *(plugin for plugin in shown if plugin in found),
        *(name for name in found if name not in shown),
    ]
    return {
        plugin: found[plugin]
        for plugin in ordered
        if {"customer_id", "label"} <= set(pl.read_parquet_schema(found[plugin]))
    }


def names_of(run: RunFolder, report: str) -> dict[str, Any]:
    """Return what readers call the classes and columns of a report's tables; empty for an older run."""
    path = run.place("tables", report) / NAMES
    if not path.is_file():
        return {"schemes": {}, "columns": {}}
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


class Migration:
    """How the customers of two runs moved between the classes of one plugin in one report."""

    def __init__(self, before: RunFolder, after: RunFolder, report: str, plugin: str) -> None:
        self.runs = (before, after)
        self.report = report
        self.plugin = plugin
        self._smallest = max(before.smallest_group, after.smallest_group)
        one, two = (
            pl.read_parquet(class_tables(run, report)[plugin], columns=["customer_id", "label"], glob=False)
            for run in self.runs
        )
        self._sizes = [dict(frame.group_by("label").len().iter_rows()) for frame in (one, two)]
        self.customers = [one.height, two.height]
        joined = one.with_columns(pl.col("customer_id").cast(pl.String)).join(
            two.with_columns(pl.col("customer_id").cast(pl.String)),
            on="customer_id",
            how="full",
            suffix="_after",
            coalesce=True,
        )
        pairs = joined.group_by("label", "label_after").len().iter_rows()
        self._pairs = {(a or NEWCOMER, b or LEAVER): n for a, b, n in pairs}

    @property
    def both(self) -> int:
        """How many customers are in both runs."""
        return sum(n for (a, b), n in self._pairs.items() if a != NEWCOMER and b != LEAVER)

    @property
    def rule_changed(self) -> bool | None:
        """Whether the classes were cut differently; None where a run kept no state."""
        states = [_state(run.place("state", self.report) / self.plugin) for run in self.runs]
        return None if None in states else states[0] != states[1]

    def is_empty(self, run: int, label: str) -> bool:
        """Say whether a run (0 before, 1 after) has a class in its scheme and nobody in it."""
        scheme = names_of(self.runs[run], self.report)["schemes"].get(self.plugin) or {"labels": []}
        return label not in self._sizes[run] and label in {known["id"] for known in scheme["labels"]}

    def correlation(self, label: str) -> float:
        """Return the correlation of the shares of one class in both runs, from who is in both."""
        first, second = ((self._sizes[i].get(label, 0), self.customers[i]) for i in (0, 1))
        stays = [(a, b, n) for (a, b), n in self._pairs.items() if a != NEWCOMER and b != LEAVER]
        once = sum(n for a, _, n in stays if a == label)
        again = sum(n for _, b, n in stays if b == label)
        twice = self._pairs.get((label, label), 0)
        return correlation_of_shares((self.both, twice, once, again), first, second, self._smallest)

    def as_json(self) -> dict[str, Any]:
        """Return names, counts and the matrix as JSON values; small groups are null.

        ``matrix`` has one row per pair of classes with customers, and one for who stayed: ``before``,
        ``after``, ``customers``, ``of`` (customers of the class before), ``share``. ``followed`` counts
        customers with a class in both runs, ``moved`` those of them whose class differs; ``same`` says that
        nobody came, went or moved. ``problem`` is ``no_common_ids`` where no customer is in both, and then
        there is no matrix.
        """
        told: dict[str, Any] = {
            "report": self.report,
            "plugin": self.plugin,
            "zh": self._names["zh"],
            "en": self._names["en"],
            "customers": self.customers,
            "both": self._shown(self.both),
            "rule_changed": self.rule_changed,
            "problem": None,
            "same": all(a == b for a, b in self._pairs),
            "followed": None,
            "moved": None,
            "labels": self._labels,
            "matrix": [],
        }
        if not self.both:
            return {**told, "problem": "no_common_ids"}
        nowhere = {NEWCOMER, LEAVER, UNCLASSIFIED.id}
        known = [(a != b, n) for (a, b), n in self._pairs.items() if not {a, b} & nowhere]
        followed, moved = sum(n for _, n in known), sum(n for differs, n in known if differs)
        if not any(hidden([self.both - followed, moved, followed - moved], self._smallest)):
            told |= {"followed": followed, "moved": moved}
        return {**told, "matrix": self._matrix()}

    @cached_property
    def _names(self) -> dict[str, Any]:
        for run in reversed(self.runs):
            if found := names_of(run, self.report)["schemes"].get(self.plugin):
                return dict(found)
        return {"zh": self.plugin, "en": self.plugin, "labels": []}

    @cached_property
    def _labels(self) -> list[dict[str, str]]:
        """The labels with customers, in the order of the scheme; those that it does not name come last."""
        used = {*self._sizes[0], *self._sizes[1]}
        named = [label for label in self._names["labels"] if label["id"] in used]
        rest = sorted(used - {label["id"] for label in named})
        return [*named, *({"id": label, "zh": label, "en": label} for label in rest)]

    def _matrix(self) -> list[dict[str, Any]]:
        ids = [label["id"] for label in self._labels]
        rows, columns = [*ids, NEWCOMER], [*ids, LEAVER]
        counts = [[self._pairs.get((a, b), 0) for b in columns] for a in rows]
        below = [sum(column) for column in zip(*counts, strict=True)]
        off_rows = self._hidden(0, rows, [sum(line) for line in counts])
        gone = hidden_cells(counts, self._smallest, off_rows, self._hidden(1, columns, below))
        return [
            {
                "before": a,
                "after": b,
                "customers": None if hid else n,
                "of": None if whole else sum(line),
                "share": None if hid or whole else n / sum(line),
            }
            for a, line, off, whole in zip(rows, counts, gone, off_rows, strict=True)
            for b, n, hid in zip(columns, line, off, strict=True)
            if n or (a == b and sum(line))
        ]

    def _hidden(self, run: int, ids: list[str], sizes: list[int]) -> list[bool]:
        """Say which classes are too small to be told of, those that the run's own report hid among them."""
        figures = self.runs[run].reports[self.report].get("figures") or []
        hid = {figure["id"] for figure in figures if figure["value"] is None}
        already = [f"{CLASS}:{self.plugin}:{label}" in hid for label in ids]
        return hidden(sizes, self._smallest, already)

    def _shown(self, n: int) -> int | None:
        rest = [total - n for total in self.customers]
        return None if any(0 < part < self._smallest for part in (n, *rest)) else n


def _state(folder: Path) -> dict[str, bytes] | None:
    """Return the learned state of a plugin, without the day on which it was learned."""
    if not folder.is_dir():
        return None
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _LEARNED_ON)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
