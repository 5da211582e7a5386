"""All models of purchases on the same holdout, the simple baselines beside them, and who is best by how much.

Judged by the root of the mean squared error, which is smallest for the true mean; the mean absolute error
is smallest for the median, which is 0 for most customers, so that it rewards whoever expects too little
(Gneiting 2011, JASA 106:746–762).
"""

from __future__ import annotations

from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.value.holdout import MEAN_RATE, SAME_RATE
from crmlab.value.ranks import share_of_top, spearman
from crmlab.view.findings import Note
from crmlab.view.numbers import decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.value.holdout import Holdout

    Floats = NDArray[np.float64]

DRAWS = 2000
"""Bootstrap resamples."""

BLOCKS = 2000
"""Where there are more customers, resampled are so many random groups of them: as good, and quick."""

MATTERS = 0.01
"""The share of the error below which a lead is of no practical use, however sure."""

TOP = 0.1
"""The part of the customers that the best are looked for in."""

BASELINES = (SAME_RATE, MEAN_RATE)


class Margin(NamedTuple):
    """By how much the winner's error is lower than that of another: in purchases, and as a share of it."""

    other: str
    error: Estimate
    share: Estimate


class Comparison:
    """What each contender expected of every customer in the holdout, against what happened."""

    def __init__(self, holdout: Holdout) -> None:
        self.holdout = holdout
        self._lab = holdout.lab

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Models and baselines, the lowest error first."""
        errors = {
            name: float(((told - self.holdout.actual) ** 2).mean())
            for name, told in self.holdout.expected.items()
            if name not in self.twins
        }
        return tuple(sorted(errors, key=lambda name: (round(errors[name], 12), name)))

    @cached_property
    def twins(self) -> dict[str, str]:
        """Models that expect the same of everybody as a simpler one, and which: they are not listed again."""
        import numpy as np

        found: dict[str, str] = {}
        for name in sorted(self.holdout.names, key=lambda name: (len(name), name)):
            for other in self.holdout.names:
                if other == name or other in found or len(other) > len(name):
                    continue
                if np.allclose(self.holdout.expected[name], self.holdout.expected[other], rtol=1e-6):
                    found[name] = other
                    break
        return found

    @property
    def winner(self) -> str:
        """Whose error is lowest, be it a baseline."""
        return self.names[0]

    @property
    def baseline(self) -> str:
        """The better of the two baselines."""
        return next(name for name in self.names if name in BASELINES)

    def margin(self, other: str, winner: str | None = None) -> Margin:
        """Return by how much the winner beats another, with the 95 % interval of the paired bootstrap."""
        winner = winner or self.winner
        mine, theirs = self.resampled[winner], self.resampled[other]
        return Margin(other, _estimate(theirs - mine), _estimate(1 - mine / theirs))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per contender, best first.

        ``name``, ``kind`` (``model`` or ``baseline``), ``rmse`` and ``mae`` (purchases per customer),
        ``total_ratio`` (expected over actual purchases of all), ``spearman`` with ends, ``top_share`` (share
        of the purchases made by the tenth of customers of whom most was expected), ``behind`` (how much
        higher the error is than the winner's) with ends, ``gain`` (by which share the error is below the
        better baseline's) with ends, ``best_share`` (of the resamples in which it is best), ``customers``,
        and of models ``log_likelihood`` (times in weeks), ``parameters`` and ``aic``.
        """
        import numpy as np

        actual, rows = self.holdout.actual, []
        total = float(actual.sum())
        stacked = np.stack([self.resampled[name][1:] for name in self.names])
        best = np.bincount(stacked.argmin(axis=0), minlength=len(self.names)) / stacked.shape[1]
        for place, name in enumerate(self.names):
            told = self.holdout.expected[name]
            ranks = spearman(told, actual)
            behind = self.margin(name).error
            gain = self.margin(self.baseline, name).share
            model = name not in BASELINES
            fit = self.holdout.model(name).fit_measures if model else {}
            rows.append(
                {
                    "name": name,
                    "kind": "model" if model else "baseline",
                    "rmse": float(np.sqrt(((told - actual) ** 2).mean())),
                    "mae": float(np.abs(told - actual).mean()),
                    "total_ratio": float(told.sum()) / total if total else None,
                    **_columns("spearman", ranks),
                    "top_share": share_of_top(told, actual, TOP),
                    **_columns("behind", behind),
                    **_columns("gain", gain),
                    "best_share": float(best[place]),
                    "customers": len(actual),
                    **{key: fit.get(key) for key in ("log_likelihood", "parameters", "aic")},
                }
            )
        return pl.DataFrame(rows, schema=_SUMMARY).with_columns(pl.col(pl.Float64).fill_nan(None))

    def explain(self) -> Text:
        """Say who is best, by how much, how sure that is, and what it beats."""
        if self.holdout.missing:
            return self.holdout.missing
        return joined(self._of_winner(), self.of_baseline(), self._of_total())

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self._lab.language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw by how much each contender's error is below that of the better baseline."""
        if self.holdout.missing:
            return self.note()
        from crmlab.view.value_charts import gains

        words, language = texts(), self._lab.language
        frame = self._named().filter(kind="model")
        baseline, lead = self.holdout.title(self.baseline), float(frame["gain"].max() or 0)  # type: ignore[arg-type]
        shown = frame.select(
            "name",
            value="gain",
            low="gain_low",
            high="gain_high",
            label=pl.col("gain").map_elements(percent, return_dtype=pl.String),
            interval=_between("gain", percent),
            error=pl.col("rmse").map_elements(lambda value: decimal(value, 3), return_dtype=pl.String),
        )
        key = "val_gain_title" if lead > 0 else "val_gain_title_none"
        return gains(
            shown,
            say(key, gain=percent(lead), baseline=baseline),
            joined(self.holdout.sample(), say("val_gain_subtitle", baseline=baseline)),
            words["val_gain_axis"],
            words["val_contender"],
            language,
            [
                ("name", words["val_contender"]),
                ("error", words["val_rmse"]),
                ("label", words["val_gain"]),
                ("interval", words["interval_95"]),
            ],
        )

    def table(self) -> Table | Note:
        """Show the contenders, best first; :attr:`summary` holds further figures of each."""
        if self.holdout.missing:
            return self.note()
        words = texts()
        return Table(
            self._named().with_columns(interval=pl.concat_list("behind_low", "behind_high")),
            [
                Column("name", words["val_contender"]),
                Column("rmse", words["val_rmse"], "decimal", decimals=3),
                Column("behind", words["val_behind"], "decimal", decimals=3),
                Column("interval", words["interval_95"], "interval", decimals=3),
                Column("total_ratio", words["val_total_ratio"], "percent"),
                Column("spearman", words["val_spearman"], "decimal"),
                Column("top_share", words["val_top_share"], "percent"),
            ],
            caption=words["val_comparison_caption"],
            note=joined(self.holdout.sample(), self._of_twins(), say("val_comparison_note", draws=DRAWS)),
            language=self._lab.language,
        )

    def _of_winner(self) -> Text:
        second = self.margin(self.names[1])
        key = "val_winner" if second.share.value >= MATTERS else "val_winner_tiny"
        if not second.error.low > 0:
            key = "val_winner_unsure"
        return say(
            key,
            name=self.holdout.title(self.winner),
            other=self.holdout.title(second.other),
            error=decimal(self.summary["rmse"][0], 3),
            margin=percent(second.share.value),
            low=percent(second.share.low),
            high=percent(second.share.high),
        )

    @property
    def best(self) -> str:
        """The model whose error is lowest."""
        return next(name for name in self.names if name not in BASELINES)

    def listed(self, name: str) -> str:
        """Return the contender that stands for a model: itself, or the simpler one that it equals."""
        return self.twins.get(name, name)

    def of_baseline(self, name: str | None = None) -> Text:
        """Say whether a model, the best one unless named, errs less than the better baseline."""
        name = name or self.best
        gain = self.margin(self.baseline, self.listed(name)).share
        key = "val_beats" if gain.low > 0 else "val_loses" if gain.high < 0 else "val_equals"
        return say(
            key,
            name=self.holdout.title(name),
            baseline=self.holdout.title(self.baseline),
            gain=percent(abs(gain.value)),
            low=percent(gain.low),
            high=percent(gain.high),
        )

    def _of_total(self) -> Text | None:
        row = self.summary.row(by_predicate=pl.col("name") == self.winner, named=True)
        if row["total_ratio"] is None:
            return None
        return say(
            "val_total",
            name=self.holdout.title(self.winner),
            ratio=percent(row["total_ratio"], 0),
            top=percent(row["top_share"], 0),
        )

    def _of_twins(self) -> Text | None:
        titles = [self.holdout.title(name) for name in self.twins]
        names = Text("、".join(title.zh for title in titles), ", ".join(title.en for title in titles))
        return say("val_twins", names=names) if titles else None

    def _named(self) -> pl.DataFrame:
        titles = {name: self.holdout.title(name) for name in self.names}
        titles |= {name: say("val_baseline", name=titles[name]) for name in BASELINES}
        names = {name: title.to(self._lab.language) for name, title in titles.items()}
        return self.summary.with_columns(pl.col("name").replace_strict(names, return_dtype=pl.String))

    @cached_property
    def resampled(self) -> dict[str, Floats]:
        """The root mean squared error of each contender: of all customers, then of each resample.

        All contenders are judged on the same resamples, so that differences are paired.
        """
        import numpy as np

        errors = np.stack([(self.holdout.expected[name] - self.holdout.actual) ** 2 for name in self.names])
        rng = np.random.default_rng(0)
        n = errors.shape[1]
        blocks = min(n, BLOCKS)
        place = rng.permutation(n) % blocks
        sums = np.stack([np.bincount(place, weights=row, minlength=blocks) for row in errors])
        sizes = np.bincount(place, minlength=blocks)
        drawn = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=DRAWS)
        means = (drawn @ sums.T) / (drawn @ sizes)[:, None]
        return {
            name: np.sqrt(np.concatenate([[errors[at].mean()], means[:, at]]))
            for at, name in enumerate(self.names)
        }


def _estimate(values: Floats) -> Estimate:
    """Return the first value with the 95 % interval of the others."""
    import numpy as np

    low, high = np.quantile(values[1:], (0.025, 0.975))
    return Estimate(float(values[0]), float(low), float(high))


def _columns(name: str, estimate: Estimate) -> dict[str, float | None]:
    ends = zip(("", "_low", "_high"), estimate, strict=True)
    return {f"{name}{end}": None if isnan(value) else value for end, value in ends}


def _between(name: str, written: Any) -> pl.Expr:
    ends = (pl.col(f"{name}_{end}").map_elements(written, return_dtype=pl.String) for end in ("low", "high"))
    return pl.format("{} – {}", *ends)


_SUMMARY = {
    "name": pl.String,
    "kind": pl.String,
    **dict.fromkeys(
        (
            *("rmse", "mae", "total_ratio", "spearman", "spearman_low", "spearman_high", "top_share"),
            *("behind", "behind_low", "behind_high", "gain", "gain_low", "gain_high", "best_share"),
        ),
        pl.Float64,
    ),
    "customers": pl.Int64,
    **dict.fromkeys(("log_likelihood", "parameters", "aic"), pl.Float64),
}
