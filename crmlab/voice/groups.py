"""How satisfied each group is: by segment, channel, category, product or period."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.contrast import false_discovery_rates
from crmlab.data.privacy import mask_text
from crmlab.data.suppression import hidden
from crmlab.drivers.design import respondents
from crmlab.labels import Text
from crmlab.retention.kaplan_meier import difference
from crmlab.satisfaction import SCALES
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.scheme_view_charts import dots
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.voice.group_figures import Metric, apart, between, chance, figure, written
from crmlab.voice.grouping import BY, group_of, segmentation_of
from crmlab.voice.sentiment import SENTIMENTS

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.results import Segmentation

METRICS: tuple[Metric, ...] = ("nps", "csat", "positive")

_SURE = 0.05
_DRAWN = 15


class Groups:
    """NPS, CSAT and the share of positive texts of every group.

    ``feedback`` has the column ``sentiment`` of the annotator; without it no share of positive texts is told.
    ``by`` is one of :data:`BY` or the name of a classifier. The category of feedback is its own, or else that
    of the largest line of its order; the product is that of this line. Every group is compared with
    the rest, with the false discoveries among all comparisons held at 5 % (Benjamini & Hochberg 1995).
    """

    def __init__(self, lab: Lab, feedback: pl.DataFrame, by: str) -> None:
        self._lab = lab
        self._feedback = feedback
        self.by = by

    @cached_property
    def missing(self) -> Text | None:
        """Say why feedback cannot be grouped so; None where it can."""
        if self.rows["group"].is_null().all():
            key = "period" if self.by == "period" else self.by if self.by in BY[1:] else "segment"
            return texts()[_MISSING[key]]
        return None if self.metrics else texts()["groups_no_scores"]

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The feedback with its ``group``, null where that is unknown."""
        return self._feedback.with_columns(group_of(self._lab, self._feedback, self.by))

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """What can be told: the scores that were given, and the sentiment of texts."""
        return tuple(metric for metric in METRICS if self._counts(metric)["n"].sum())

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per group and figure, groups in order.

        ``group``, ``metric``, ``n`` (scores or judged texts), ``value`` with ``low`` and ``high``;
        ``difference`` to all others with a group, ``difference_low``, ``difference_high``, and ``q``, the
        smallest false discovery rate at which it counts as found. NPS is in points, the others are shares.
        Groups without such answers have no row; groups of fewer people than the study's smallest, and what
        would give them away, have no figures.
        """
        rows: list[dict[str, Any]] = []
        for metric in self.metrics:
            counts = self._counts(metric)
            few = hidden(counts["people"].to_list(), self._lab.study.privacy.smallest_group)
            totals = [int(counts[name].sum()) for name in ("n", "good", "bad")]
            for line, away in zip(counts.iter_rows(named=True), few, strict=True):
                row: dict[str, Any] = {"group": line["group"], "metric": metric}
                if line["n"]:
                    rows.append(row)
                if away or not line["n"]:
                    continue
                own = (line["n"], line["good"], line["bad"])
                rest = tuple(whole - part for whole, part in zip(totals, own, strict=True))
                value = figure(metric, *own)
                row |= {"n": line["n"], "value": value.value, "low": value.low, "high": value.high}
                if rest[0]:
                    gap = difference(value, figure(metric, *rest))
                    row |= {"difference": gap.value, "difference_low": gap.low}
                    row |= {"difference_high": gap.high, "p": chance(metric, own, rest)}
        rates = iter(false_discovery_rates([row["p"] for row in rows if "p" in row]))
        for row in rows:
            if row.pop("p", None) is not None:
                row["q"] = next(rates)
        return pl.DataFrame(rows, schema=_SUMMARY)

    def chart(self, metric: Metric | None = None) -> alt.LayerChart | Note:
        """Draw one figure per group with its interval, and a line at that of all.

        Unless named, the first figure that several groups have.
        """
        if self.missing:
            return self.note()
        several: list[Metric] = [each for each in self.metrics if self._compared(each)]
        chosen = metric or [*several, *self.metrics][0]
        words, language = texts(), self._lab.language
        shown = self.summary.filter(pl.col("metric") == chosen).drop_nulls("value")
        if shown.is_empty():
            return Note(say("cust_all_few", k=self._lab.study.privacy.smallest_group), language)
        drawn = shown if self.by == "period" else shown.head(_DRAWN)
        frame = self._named(drawn).with_columns(
            customers=pl.Series([f"n={count(n)}" for n in drawn["n"]], dtype=pl.String),
            label=pl.Series([written(chosen, value) for value in drawn["value"]], dtype=pl.String),
        )
        counts = self._counts(chosen)
        everybody = figure(chosen, *(int(counts[name].sum()) for name in ("n", "good", "bad")))
        return dots(
            frame,
            everybody.value,
            self._title(chosen, shown),
            say(
                "groups_subtitle",
                n=count(int(counts["n"].sum())),
                all=written(chosen, everybody.value),
                metric=words[_NAMES[chosen]],
            ),
            words[_AXES[chosen]],
            self.name,
            language,
            [("name", self.name), ("label", words[_NAMES[chosen]]), ("customers", words["sample"])],
            percent_axis=chosen != "nps",
        )

    def table(self) -> Table | Note:
        """Show every figure of every group, and whether it differs from the rest."""
        if self.missing:
            return self.note()
        words, language = texts(), self._lab.language
        differs, same = (words[key].to(language) for key in ("groups_differs", "groups_same"))
        rows = []
        for row in self._named(self.summary).iter_rows(named=True):
            known = row["value"] is not None
            metric = row["metric"]
            rows.append(
                {
                    "name": row["name"],
                    "metric": words[_NAMES[metric]].to(language),
                    "n": row["n"],
                    "value": written(metric, row["value"]) if known else None,
                    "interval": between(metric, row["low"], row["high"]) if known else None,
                    "difference": apart(metric, row["difference"]),
                    "difference_interval": between(
                        metric, row["difference_low"], row["difference_high"], of_difference=True
                    ),
                    "certain": None if row["q"] is None else differs if row["q"] <= _SURE else same,
                }
            )
        schema = dict.fromkeys(rows[0], pl.String) | {"n": pl.Int64}
        return Table(
            pl.DataFrame(rows, schema=schema),
            [
                Column("name", self.name),
                Column("metric", words["figure"]),
                Column("n", words["sample"], "integer"),
                Column("value", words["value"]),
                Column("interval", words["interval_95"]),
                Column("difference", words["groups_difference"]),
                Column("difference_interval", words["interval_95"]),
                Column("certain", words["groups_verdict"]),
            ],
            caption=say("groups_caption", by=self.name),
            note=joined(
                words["groups_note"],
                self._definition(),
                say("privacy_rows", k=self._lab.study.privacy.smallest_group)
                if self.summary["n"].has_nulls()
                else None,
            ),
            language=language,
        )

    def explain(self) -> Text:
        """Say which groups differ from the rest, and how much feedback has no group."""
        if self.missing:
            return self.missing
        unknown = int(self.rows["group"].is_null().sum())
        return joined(
            *(self._found(metric) for metric in self.metrics),
            say("groups_unknown", n=count(unknown), of=count(self.rows.height), by=self.name)
            if unknown
            else None,
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self._lab.language)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the summary, by name."""
        return {} if self.missing else {f"feedback_by_{self.by.replace('-', '_')}_figures": self.summary}

    @property
    def name(self) -> Text:
        """What the groups are called together."""
        if self.by in BY[1:]:
            return texts()[_BY_NAMES[self.by]]
        return self._scheme.scheme.text

    @property
    def _scheme(self) -> Segmentation:
        return segmentation_of(self._lab, self.by)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Groups in order, with the names that readers know."""
        language, known = self._lab.language, self.rows.drop_nulls("group")
        if self.by == "period":
            return {period: period for period in sorted(known["group"].unique().to_list())}
        if self.by in BY[1:]:
            sizes = known["group"].value_counts(name="n").sort("n", "group", descending=[True, False])
            ids = sizes["group"].to_list()
            shown = mask_text(pl.Series(ids, dtype=pl.String)).to_list()
            subjects = texts()
            return {
                each: subjects.get(f"subject_{each}", Text(name, name)).to(language)
                for each, name in zip(ids, shown, strict=True)
            }
        present = set(known["group"].to_list())
        names = self._scheme.scheme.names(language)
        return {label: name for label, name in names.items() if label in present}

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(name=pl.col("group").replace_strict(self._names, return_dtype=pl.String))

    def _counts(self, metric: Metric) -> pl.DataFrame:
        """Return ``group``, ``n`` answers of ``people``, ``good`` and ``bad``, in the order of the groups."""
        if metric == "positive":
            if "sentiment" not in self.rows.columns:
                judged = self.rows.clear().with_columns(good=pl.lit(1), bad=pl.lit(0))
            else:
                judged = self.rows.filter(pl.col("sentiment").is_in(SENTIMENTS)).with_columns(
                    good=pl.col("sentiment") == "positive", bad=pl.col("sentiment") == "negative"
                )
        else:
            scored = respondents(self._feedback, metric).select("feedback_id", "score", "scale")
            judged = self.rows.select("feedback_id", "customer_id", "group").join(
                scored, on="feedback_id", maintain_order="left"
            )
            middle = pl.col("scale").replace_strict(_MIDDLES, return_dtype=pl.Float64)
            good = pl.col("score") >= 9 if metric == "nps" else pl.col("score") > middle
            judged = judged.with_columns(good=good, bad=pl.col("score") <= 6)
        counted = (
            judged.drop_nulls("group")
            .group_by("group")
            .agg(
                n=pl.len().cast(pl.Int64),
                people=pl.coalesce("customer_id", "feedback_id").n_unique().cast(pl.Int64),
                good=pl.col("good").sum().cast(pl.Int64),
                bad=pl.col("bad").sum().cast(pl.Int64),
            )
        )
        order = pl.DataFrame({"group": list(self._names)}, schema={"group": pl.String})
        return order.join(counted, on="group", how="left", maintain_order="left").fill_null(0)

    def _title(self, metric: Metric, shown: pl.DataFrame) -> Text:
        names = self._named(shown).filter(pl.col("q") <= _SURE)
        metric_name = texts()[_NAMES[metric]]
        if names.is_empty():
            return say("groups_title_same", metric=metric_name, by=self.name)
        row = names.sort("difference", "group").row(0, named=True)
        if row["difference"] > 0:
            row = names.sort("difference", "group", descending=[True, False]).row(0, named=True)
        key = "groups_title_low" if row["difference"] < 0 else "groups_title_high"
        return say(key, metric=metric_name, name=row["name"], value=written(metric, row["value"]))

    def _compared(self, metric: Metric) -> bool:
        """Whether there are two groups to compare."""
        known = self.summary.filter(pl.col("metric") == metric).drop_nulls("value")
        return known.height > 1

    def _found(self, metric: Metric) -> Text:
        if not self._compared(metric):
            return say("groups_single", metric=texts()[_NAMES[metric]])
        found = self._named(self.summary.filter(pl.col("metric") == metric, pl.col("q") <= _SURE))
        if found.is_empty():
            return say("groups_none_differ", metric=texts()[_NAMES[metric]])
        parts = [
            f"{row['name']} {written(metric, row['value'])}"
            for row in found.sort("value", "group").iter_rows(named=True)
        ][:_DRAWN]
        listed = Text("、".join(parts), ", ".join(parts))
        return say("groups_differ", metric=texts()[_NAMES[metric]], groups=listed)

    def _definition(self) -> Text | None:
        return texts()["groups_period_note"] if self.by == "period" else None


_MIDDLES = {scale: (lowest + highest) / 2 for scale, (lowest, highest) in SCALES.items()}
_NAMES: dict[str, str] = {"nps": "groups_nps", "csat": "groups_csat", "positive": "groups_positive"}
_AXES: dict[str, str] = {
    "nps": "groups_nps_axis",
    "csat": "groups_csat_axis",
    "positive": "groups_positive_axis",
}
_BY_NAMES = {
    "channel": "column_channel",
    "category": "groups_by_category",
    "product": "groups_by_product",
    "period": "period",
}
_MISSING = {
    "segment": "cust_no_ids",
    "channel": "groups_no_channel",
    "category": "groups_no_category",
    "product": "groups_no_product",
    "period": "groups_no_period",
}
_SUMMARY = {
    "group": pl.String,
    "metric": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(
        ("value", "low", "high", "difference", "difference_low", "difference_high", "q"), pl.Float64
    ),
}
