"""Drift: whether the shares of the classes, and the inputs of the rule, moved between two days.

The population stability index (PSI: Σ (a − b)·ln(a / b) over the shares a and b of two days) has customary
limits, .1 and .25 (Siddiqi 2006, Credit Risk Scorecards), but grows with the number of bins and falls
with the number of customers. So each PSI stands beside what chance alone would reach in one case of
twenty, χ²₀.₉₅(bins − 1)·(1/n + 1/m) (Yurdakul & Naranjo 2020, Journal of Risk Model Validation
14(4):89–100), and beside the χ² test with its effect, Cramér's V. Most customers are there on both days,
which makes all of these careful: they find less than independent samples would.
"""

from __future__ import annotations

from functools import cached_property
from math import log
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.labels import Text
from crmlab.segments.separation import cramers_v
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmlab.results import Segmentation

Verdict = Literal["ok", "watch", "act"]

WATCH, ACT = 0.1, 0.25
BINS = 10
CLASSES = "classes"
"""Stands for the classes themselves among the columns that are compared."""
_UNKNOWN, _REST = "unknown", "rest"


class Drift:
    """How far the classes of one scheme, and its inputs, moved from an earlier day to a later one.

    Both days must have the labels of one frozen rule, as ``lab.classify(name, as_of=earlier)`` gives
    them. Numbers are cut at the deciles of the earlier day, texts by their nine most frequent values;
    unknown values are a bin of their own.
    """

    def __init__(self, before: Segmentation, after: Segmentation) -> None:
        self.before = before
        self.after = after

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row for the classes (``column`` = ``classes``) and one per input.

        Columns: ``column``, ``bins``, ``psi``, ``chance`` (what chance alone would reach in one of
        twenty cases), ``p`` (χ²), ``v`` with its 95 % interval ``v_low``, ``v_high``, ``before`` and
        ``after`` (customers), ``verdict``: ok, watch or act. No rows where a day has no customers.
        """
        inputs = self.after.classifier.goes_by
        rows = []
        if self.before.labels.height and self.after.labels.height:
            rows.append(_row(CLASSES, self.before.labels["label"], self.after.labels["label"]))
            for name in inputs:
                pair = binned(self.before.features[name], self.after.features[name])
                if pair is not None:
                    rows.append(_row(name, *pair))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    @property
    def classes(self) -> dict[str, Any] | None:
        """The row of the classes; None where a day has no customers."""
        return self.summary.row(0, named=True) if self.summary.height else None

    @property
    def most_moved(self) -> dict[str, Any] | None:
        """The row of the input that moved most; None without inputs."""
        inputs = self.summary.filter(pl.col("column") != CLASSES)
        ordered = inputs.sort("psi", descending=True, maintain_order=True)
        return ordered.row(0, named=True) if ordered.height else None

    def name(self, column: str) -> Text:
        """Return what readers call a row."""
        return texts()["segments_shares"] if column == CLASSES else self.after.lab.measure(column).text

    def table(self) -> Table:
        """Show the summary."""
        words, language = texts(), self.after.lab.language
        names = [self.name(column).to(language) for column in self.summary["column"]]
        verdicts = [words[VERDICTS[verdict]].to(language) for verdict in self.summary["verdict"]]
        frame = self.summary.with_columns(
            name=pl.Series(names, dtype=pl.String),
            said=pl.Series(verdicts, dtype=pl.String),
            interval=pl.concat_list("v_low", "v_high"),
        )
        return Table(
            frame,
            [
                Column("name", words["segments_compared"]),
                Column("psi", words["segments_psi"], "decimal", decimals=3),
                Column("chance", words["segments_chance"], "decimal", decimals=3),
                Column("v", words["segments_v"], "decimal", decimals=3),
                Column("interval", words["interval_95"], "interval"),
                Column("p", words["segments_p"], "decimal", decimals=3),
                Column("said", words["segments_verdict"]),
            ],
            caption=say(
                "segments_drift_caption",
                scheme=self.after.scheme.text,
                before=self.before.as_of,
                after=self.after.as_of,
            ),
            note=say(
                "segments_drift_note",
                n=count(self.before.labels.height),
                m=count(self.after.labels.height),
            ),
            language=language,
        )


VERDICTS: dict[Verdict, str] = {
    "ok": "segments_drift_ok",
    "watch": "segments_drift_watch",
    "act": "segments_drift_act",
}
"""The text of each verdict."""


def psi(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the population stability index of two lists of counts per bin; 0 is no change.

    Half a customer is added to each bin of both: an empty one would make it infinite.
    """
    size = len(before) / 2
    n, m = sum(before) + size, sum(after) + size
    pairs = [((b + 0.5) / n, (a + 0.5) / m) for b, a in zip(before, after, strict=True)]
    return sum((a - b) * log(a / b) for b, a in pairs)


def psi_by_chance(bins: int, before: int, after: int) -> float:
    """Return the PSI that independent samples of one population exceed in one case of twenty."""
    from scipy.special import chdtri

    return float(chdtri(max(bins - 1, 1), 0.05)) * (1 / before + 1 / after)


def verdict(value: float, chance: float) -> Verdict:
    """Return ok, watch or act for a PSI; what chance reaches is ok."""
    if value < WATCH or value <= chance:
        return "ok"
    return "watch" if value <= ACT else "act"


def binned(before: pl.Series, after: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """Return both columns in the bins of the earlier one; None for what has no bins, such as lists."""
    if before.dtype == pl.Date:
        before, after = before.cast(pl.Int32), after.cast(pl.Int32)
    if before.dtype.is_numeric():
        known = before.drop_nulls()
        # Order statistics: a cut between values would depend on how the two are averaged.
        cuts = {known.quantile(step / BINS, "lower") for step in range(1, BINS)} if known.len() else set()
        edges = pl.Series(sorted(cut for cut in cuts if cut is not None), dtype=pl.Float64)
        both = [
            edges.search_sorted(values.cast(pl.Float64).fill_null(0), side="left").cast(pl.String)
            for values in (before, after)
        ]
        return _with_unknown(both[0], before), _with_unknown(both[1], after)
    if before.dtype not in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        return None
    first, second = before.cast(pl.String), after.cast(pl.String)
    top = first.drop_nulls().value_counts(name="n").sort(["n", before.name], descending=[True, False])
    kept = top[before.name].head(BINS - 1).implode()
    one, two = (
        values.to_frame("value")
        .select(pl.when(pl.col("value").is_in(kept)).then("value").otherwise(pl.lit(_REST)))
        .to_series()
        for values in (first, second)
    )
    return _with_unknown(one, before), _with_unknown(two, after)


def _with_unknown(bins: pl.Series, values: pl.Series) -> pl.Series:
    known = pl.Series(values.is_not_null())
    return pl.select(pl.when(known).then(bins).otherwise(pl.lit(_UNKNOWN))).to_series()


def _row(column: str, before: pl.Series, after: pl.Series) -> tuple[Any, ...]:
    from scipy.stats import chi2_contingency

    both = pl.DataFrame({"bin": before}).with_columns(day=pl.lit("before"))
    both = pl.concat([both, pl.DataFrame({"bin": after}).with_columns(day=pl.lit("after"))])
    bins = both["bin"].unique().sort().to_list()
    sizes = {row[:2]: row[2] for row in both.group_by("day", "bin").len().iter_rows()}
    counts = [[int(sizes.get((day, each), 0)) for each in bins] for day in ("before", "after")]
    value = psi(*counts)
    chance = psi_by_chance(len(bins), len(before), len(after))
    p = float(chi2_contingency(counts, correction=False).pvalue) if len(bins) > 1 else 1.0
    effect = cramers_v(both["day"], both["bin"])
    ends = effect if effect.value == effect.value else (None, None, None)  # NaN: one bin
    return (column, len(bins), value, chance, p, *ends, len(before), len(after), verdict(value, chance))


_SCHEMA = {
    "column": pl.String,
    "bins": pl.Int64,
    "psi": pl.Float64,
    "chance": pl.Float64,
    "p": pl.Float64,
    "v": pl.Float64,
    "v_low": pl.Float64,
    "v_high": pl.Float64,
    "before": pl.Int64,
    "after": pl.Int64,
    "verdict": pl.String,
}
