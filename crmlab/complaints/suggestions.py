"""Suggested categories for complaints that nobody has sorted, and how far they can be trusted."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from crmlab import registry
from crmlab.complaints.part import Part
from crmlab.data.convert import local_day
from crmlab.data.privacy import mask_text
from crmlab.labels import Text
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import NDArray

    from crmlab.estimators import Annotator

NAME = "complaint-category"
TAXONOMY = "aspects"
_FOLDS = 4
_FEWEST = 200
"""Sorted complaints below which nothing is held out."""
_MOST = 8_000
"""Sorted complaints that the trial looks at, the newest."""
_RESAMPLES = 200
_ROWS = 10
_LONGEST = 60


class Suggestions(Part):
    """The annotator ``complaint-category``, learned from this study's sorted complaints.

    It is tried in time: the second half of the sorted complaints in four parts, each foretold by what came
    before it, as it will be used. Beside its macro F1 (the mean over categories, so that rare ones count
    alike) stand that of always saying the most frequent category, and that of the shipped table of words,
    whose aspects are each given the category that it went with most often before. Intervals are percentile
    bootstrap, 95 %.
    """

    @cached_property
    def suggested(self) -> pl.DataFrame:
        """Unsorted complaints, surest first.

        ``complaint_id``, ``opened_on``, ``text``, ``category`` (null where it is not sure enough),
        ``confidence``.
        """
        frame = self._texts
        new = frame.filter(pl.col("category").is_null())
        said = self._annotator().fit(frame).predict(new.drop("category"))
        return (
            new.select(complaint_id="feedback_id", opened_on="given_on", text="text")
            .with_columns(category=said["suggested_category"], confidence=said["category_confidence"])
            .sort("confidence", "complaint_id", descending=[True, False], nulls_last=True)
        )

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per method: model, taxonomy, majority; none where too few are sorted to hold any out.

        ``method``, ``n`` complaints foretold, ``macro_f1`` with ``low``, ``high``, ``accuracy``; for the
        model ``answered`` (the share for which it is sure enough) and ``right`` (of these).
        """
        told = self._sorted.tail(_MOST)
        if told.height < _FEWEST or told["category"].n_unique() < 2:
            return pl.DataFrame(schema=_SCHEMA)
        edges = np.linspace(told.height // 2, told.height, _FOLDS + 1).astype(int).tolist()
        parts = []
        for first, last in pairwise(edges):
            past, coming = told.head(first), told.slice(first, last - first)
            parts.append(self._foretold(past, coming))
        trial = pl.concat(parts)
        return pl.DataFrame([_judged(trial, method) for method in _METHODS], schema=_SCHEMA)

    def title(self) -> Text:
        """Say how many got a suggestion."""
        new = self.suggested
        if new.is_empty():
            return texts()["complaints_all_sorted"]
        given = new["category"].drop_nulls().len()
        return say("complaints_suggested_title", n=count(new.height), given=count(given))

    def _explain(self) -> Text:
        return joined(self.title(), self._trusted())

    def _trusted(self) -> Text:
        if self.summary.is_empty():
            return say("complaints_trial_few", n=_FEWEST)
        rows = {row["method"]: row for row in self.summary.iter_rows(named=True)}
        model = rows["model"]
        return say(
            "complaints_trial_said",
            n=count(model["n"]),
            f1=decimal(model["macro_f1"]),
            low=decimal(model["low"]),
            high=decimal(model["high"]),
            majority=decimal(rows["majority"]["macro_f1"]),
            taxonomy=decimal(rows["taxonomy"]["macro_f1"]),
            answered=percent(model["answered"]),
            right=percent(model["right"]),
        )

    def _chart(self) -> alt.LayerChart | Note:
        if self.summary.is_empty():
            return Note(self._trusted(), self.lab.language)
        words = texts()
        names = {name: words[key].to(self.lab.language) for name, key in _METHODS.items()}
        return interval_bars(
            self.summary.with_columns(
                name=pl.col("method").replace_strict(names, return_dtype=pl.String),
                value="macro_f1",
                label=pl.col("macro_f1").map_elements(decimal, return_dtype=pl.String),
                right_said=pl.col("accuracy").map_elements(percent, return_dtype=pl.String),
            ),
            say("complaints_trial_title", f1=decimal(self.summary["macro_f1"][0])),
            say("complaints_trial_subtitle", n=count(self.summary["n"][0])),
            words["complaints_macro_f1"],
            words["complaints_method"],
            self.lab.language,
            [
                ("name", words["complaints_method"]),
                ("label", words["complaints_macro_f1"]),
                ("right_said", words["complaints_accuracy"]),
            ],
        )

    def _table(self) -> Table | Note:
        new = self.suggested
        if new.is_empty():
            return Note(self.title(), self.lab.language)
        words = texts()
        top = new.head(_ROWS).with_columns(
            category=pl.col("category").fill_null(words["complaints_unsure"].to(self.lab.language))
        )
        columns = [
            Column("opened_on", words["complaints_opened_on"], "date"),
            Column("category", words["complaints_suggested"]),
            Column("confidence", words["complaints_confidence"], "percent", bar=True),
        ]
        quotes = self.lab.study.privacy.quotes
        if quotes != "none":
            said = top["text"] if quotes == "plain" else mask_text(top["text"])
            top = top.with_columns(text=said.str.slice(0, _LONGEST))
            columns.insert(1, Column("text", words["complaints_text"]))
        return Table(
            top,
            columns,
            caption=say("complaints_suggested_caption", n=min(_ROWS, new.height)),
            note=words["complaints_suggested_note"],
            language=self.lab.language,
        )

    def _lacks(self) -> Text | None:
        if not self.log.has("text", "category"):
            return texts()["complaints_suggestions_lack"]
        if self._sorted["category"].n_unique() < 2:
            return texts()["complaints_suggestions_few"]
        return None

    @cached_property
    def _texts(self) -> pl.DataFrame:
        """The complaints with a text as an annotator takes them, oldest first."""
        table = self.lab.tables["complaints"].sort("opened_at", "complaint_id")
        return table.select(
            feedback_id="complaint_id",
            given_on=local_day(pl.col("opened_at"), self.lab.study.timezone),
            text="text",
            category="category",
        ).filter(pl.col("text").str.contains(r"\w"))

    @cached_property
    def _sorted(self) -> pl.DataFrame:
        return self._texts.drop_nulls("category")

    def _annotator(self) -> Annotator:
        return registry.annotators[NAME].from_params(self.lab.study.annotators.get(NAME, {}))

    def _foretold(self, past: pl.DataFrame, coming: pl.DataFrame) -> pl.DataFrame:
        """Return the true category and what each method says of complaints, learned from those before."""
        model, unknown = self._annotator().fit(past), coming.drop("category")
        sure = best = model.predict(unknown)
        if "least_confidence" in model.parameter_names():
            best = model.set_params(least_confidence=0.0).predict(unknown)
        usual = past["category"].mode().sort()[0]
        return coming.select(
            "category",
            model=best["suggested_category"].fill_null(usual),
            sure=sure["suggested_category"],
            taxonomy=self._by_words(past, unknown).fill_null(usual),
            majority=pl.lit(usual),
        )

    def _by_words(self, past: pl.DataFrame, coming: pl.DataFrame) -> pl.Series:
        """Return the category that each text's first aspect went with most often before; null without one."""
        words = registry.annotators[TAXONOMY].from_params(self.lab.study.annotators.get(TAXONOMY, {}))
        words.fit(past)
        found = [
            words.predict(frame).select(aspect=pl.col("aspects").list.first()) for frame in (past, coming)
        ]
        most = (
            past.hstack(found[0])
            .drop_nulls("aspect")
            .group_by("aspect", "category")
            .len()
            .sort("aspect", "len", "category", descending=[False, True, False])
            .unique("aspect", keep="first", maintain_order=True)
        )
        aspect = found[1]["aspect"]
        return aspect.replace_strict(most["aspect"], most["category"], default=None, return_dtype=pl.String)


_METHODS = {
    "model": "complaints_method_model",
    "taxonomy": "complaints_method_words",
    "majority": "complaints_method_majority",
}
_SCHEMA = {
    "method": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(("macro_f1", "low", "high", "accuracy", "answered", "right"), pl.Float64),
}


def _judged(trial: pl.DataFrame, method: str) -> dict[str, Any]:
    names = pl.concat([trial["category"], trial[method]]).unique().sort()
    number = {name: place for place, name in enumerate(names)}
    truth, said = (
        trial[name].replace_strict(number, return_dtype=pl.Int64).to_numpy() for name in ("category", method)
    )
    rng = np.random.default_rng(0)
    resampled = [
        macro_f1(truth[rows], said[rows])
        for rows in (rng.integers(0, len(truth), len(truth)) for _ in range(_RESAMPLES))
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    row = {
        "method": method,
        "n": trial.height,
        "macro_f1": macro_f1(truth, said),
        "low": float(low),
        "high": float(high),
        "accuracy": float((truth == said).mean()),
        "answered": None,
        "right": None,
    }
    if method == "model":
        sure = trial.drop_nulls("sure")
        right = (sure["sure"] == sure["category"]).mean()
        row |= {"answered": sure.height / trial.height, "right": right if isinstance(right, float) else None}
    return row


def macro_f1(truth: NDArray[np.int64], said: NDArray[np.int64]) -> float:
    """Return the mean F1 over the classes (whole numbers from 0) that are true of something."""
    classes = int(max(truth.max(), said.max())) + 1
    table = np.zeros((classes, classes))
    np.add.at(table, (truth, said), 1)
    hits, true, told = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    there = true > 0
    return float((2 * hits[there] / (true + told)[there]).mean())
