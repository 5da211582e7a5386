"""Who says nothing: valuable customers without any feedback, and which segments answer less."""

from __future__ import annotations

from functools import cached_property
from math import erfc, sqrt
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.contrast import false_discovery_rates
from crmlab.data.suppression import hidden, hidden_cells
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.targeting.effects import difference_of_rates
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.scheme_view_charts import dots
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.voice.customers import value_bands
from crmlab.voice.group_figures import apart, between
from crmlab.voice.worth import Worth, of_everybody, worth_of

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.results import Segmentation

BEST = 0.2
"""The share of customers, by value, that counts as valuable."""
_SURE = 0.05
_SHARE = "share"


class Silent:
    """Customers who never gave feedback nor complained by the study's day; ``scheme`` names the segments.

    Without one: the main scheme of the study. Silence is not satisfaction: not everybody who is
    dissatisfied says so. Customers who never ordered are not counted.
    """

    def __init__(self, lab: Lab, scheme: str | None = None) -> None:
        self.lab = lab
        self._scheme = scheme

    @cached_property
    def missing(self) -> Text | None:
        """Say what is missing to know who is silent; None where nothing is."""
        if "orders" not in self.lab.tables:
            return texts()["silent_no_orders"]
        if "feedback" not in self.lab.tables:
            return texts()["cust_no_feedback"]
        if not self.lab.tables["feedback"]["customer_id"].is_not_null().any():
            return texts()["cust_no_ids"]
        return None if self.customers["spoke"].any() else texts()["silent_strangers"]

    @cached_property
    def worth(self) -> Worth | None:
        """What customers are worth; None without orders."""
        return worth_of(self.lab)

    @cached_property
    def segmentation(self) -> Segmentation:
        """The classes by which response is told."""
        return self.lab.classify(self._scheme) if self._scheme else self.lab.schemes.main

    @cached_property
    def customers(self) -> pl.DataFrame:
        """Who ordered: ``customer_id``, ``label``, ``value``, ``alive``, ``spoke``, ``valuable``."""
        assert self.worth is not None
        bought = self.lab.features("days_since_last_order").drop_nulls("days_since_last_order")
        labels = bought.select("customer_id").join(
            self.segmentation.labels, on="customer_id", how="left", maintain_order="left"
        )
        valued = of_everybody(self.worth, labels)
        heard = [
            self.lab.tables[name]["customer_id"].cast(pl.String).drop_nulls()
            for name in ("feedback", "complaints")
            if name in self.lab.tables
        ]
        spoke = pl.concat(heard).unique()
        best = value_bands(valued).filter(pl.col("label") == "top")["customer_id"]
        return valued.with_columns(
            spoke=pl.col("customer_id").is_in(spoke.implode()),
            valuable=pl.col("customer_id").is_in(best.implode()),
        )

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class of the segments, in order, everybody last (``label`` null).

        ``customers``, ``spoke``, ``share`` who spoke with ``low`` and ``high`` (Wilson); ``difference`` to
        all other customers with ``difference_low`` and ``difference_high`` (Newcombe), and ``q``, the least
        false discovery rate at which it counts as found. Small groups, and what would give them away, are
        null.
        """
        if self.missing:
            return pl.DataFrame(schema=_SUMMARY)
        counts = self.customers.group_by("label").agg(customers=pl.len(), spoke=pl.col("spoke").sum())
        found = {label: (n, spoke) for label, n, spoke in counts.iter_rows()}
        labels = [label.id for label in self.segmentation.scheme if label.id in found]
        smallest = self.lab.study.privacy.smallest_group
        few = hidden([found[label][0] for label in labels], smallest)
        # Two who spoke in a group of twenty are a group of two.
        matrix = [[found[label][1], found[label][0] - found[label][1]] for label in labels]
        cells = hidden_cells(matrix, smallest, few)
        total, spoke_all = self.customers.height, int(self.customers["spoke"].sum())
        rows: list[dict[str, Any]] = []
        for label, away, gone in zip(labels, few, cells, strict=True):
            n, spoke = found[label]
            row: dict[str, Any] = {"label": label, "customers": None if away else n}
            if not any(gone):
                row |= _rate(spoke, n)
            if not any(gone) and n < total:  # without a rest there is nothing to compare with
                difference = difference_of_rates(spoke, n, spoke_all - spoke, total - n)
                row |= {"difference": difference.value, "difference_low": difference.low}
                row |= {"difference_high": difference.high, "p": _p(spoke, n, spoke_all, total)}
            rows.append(row)
        tested = [row["p"] for row in rows if row.get("p") is not None]
        rates = iter(false_discovery_rates(tested))
        for row in rows:
            row["q"] = next(rates) if row.pop("p", None) is not None else None
        rows.append({"label": None, **_rate(spoke_all, total)})
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def first(self) -> pl.DataFrame:
        """Valuable customers who never spoke, the best first: ``customer_id``, ``value``, ``label``."""
        if self.missing:
            return pl.DataFrame(schema={"customer_id": pl.String, "value": pl.Float64, "label": pl.String})
        silent = self.customers.filter(pl.col("valuable") & ~pl.col("spoke") & (pl.col("value") > 0))
        return silent.select("customer_id", "value", "label").sort(
            "value", "customer_id", descending=[True, False]
        )

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share of each segment that ever spoke, and a line at everybody's."""
        if self.missing:
            return self.note()
        language, words = self.lab.language, texts()
        frame = self.summary.drop_nulls(["label", "share"])
        if frame.is_empty():
            return Note(say("cust_all_few", k=self.lab.study.privacy.smallest_group), language)
        names = self.segmentation.scheme.names(language)
        frame = frame.with_columns(
            name=pl.col("label").replace_strict(names, return_dtype=pl.String),
            value="share",
            label=pl.col("share").map_elements(percent, return_dtype=pl.String),
            customers=pl.Series([f"n={count(n)}" for n in frame["customers"]]),
        )
        everybody = self.summary["share"][-1]
        least = frame.sort("share", "name").row(0, named=True)
        return dots(
            frame,
            everybody,
            say("silent_title", label=least["name"], share=percent(least["share"]), all=percent(everybody)),
            say("silent_subtitle", n=count(self.customers.height), day=self.lab.study.as_of),
            words["silent_share_axis"],
            self.segmentation.scheme.text,
            language,
            [
                ("name", self.segmentation.scheme.text),
                ("label", words["silent_share"]),
                ("customers", words["sample"]),
            ],
            percent_axis=True,
        )

    def table(self, rows: int = 15) -> Table | Note:
        """Show the valuable customers who never spoke, under codes unless the study says otherwise."""
        if self.missing:
            return self.note()
        language, words = self.lab.language, texts()
        listed = self.first.head(rows)
        if listed.is_empty():
            return Note(words["silent_nobody"], language)
        assert self.worth is not None
        masked = self.lab.study.privacy.ids == "masked"
        names = self.segmentation.scheme.names(language)
        behaviour = self.lab.features("order_count", "days_since_last_order")
        return Table(
            listed.join(behaviour, on="customer_id", how="left", maintain_order="left").with_columns(
                customer_id=self.lab.shown_ids(listed["customer_id"]),
                name=pl.col("label").replace_strict(names, return_dtype=pl.String),
            ),
            [
                Column("customer_id", words["customer_code"] if masked else words["customer_id"]),
                Column("value", self.worth.name, "money", bar=True),
                Column("name", self.segmentation.scheme.text),
                Column("order_count", words["orders"], "integer"),
                Column("days_since_last_order", words["recency"], "integer"),
            ],
            caption=say("silent_list_caption", n=count(listed.height), of=count(self.first.height)),
            note=joined(
                words["silent_list_note"],
                self.worth.definition(),
                words["watch_note_masked"] if masked else words["watch_note_plain"],
            ),
            language=language,
            currency=self.lab.study.currency,
        )

    def segments_table(self) -> Table | Note:
        """Show the share of each segment that ever spoke, and how it differs from the others."""
        if self.missing:
            return self.note()
        language, words = self.lab.language, texts()
        names = {**self.segmentation.scheme.names(language), "": words["silent_everybody"].to(language)}
        frame = self.summary
        frame = frame.with_columns(
            name=pl.col("label").fill_null("").replace_strict(names, return_dtype=pl.String),
            interval=pl.concat_list("low", "high"),
            apart=pl.Series([apart(_SHARE, value) for value in frame["difference"]], dtype=pl.String),
            apart_interval=pl.Series(
                [
                    between(_SHARE, low, high, of_difference=True)
                    for low, high in frame.select("difference_low", "difference_high").iter_rows()
                ],
                dtype=pl.String,
            ),
            certain=pl.when(pl.col("q").is_null())
            .then(None)
            .when(pl.col("q") <= _SURE)
            .then(pl.lit(words["groups_differs"].to(language)))
            .otherwise(pl.lit(words["groups_same"].to(language))),
        )
        return Table(
            frame,
            [
                Column("name", self.segmentation.scheme.text),
                Column("customers", words["customers"], "integer"),
                Column("spoke", words["silent_spoke"], "integer"),
                Column("share", words["silent_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("apart", words["groups_difference"]),
                Column("apart_interval", words["interval_95"]),
                Column("certain", words["groups_verdict"]),
            ],
            caption=say("silent_caption", scheme=self.segmentation.scheme.text, day=self.lab.study.as_of),
            note=joined(
                words["silent_note"],
                say("privacy_rows", k=self.lab.study.privacy.smallest_group)
                if self.summary["share"].has_nulls()
                else None,
            ),
            language=language,
        )

    def explain(self) -> Text:
        """Say how many customers never spoke, how many of the valuable, and which segments answer less."""
        if self.missing:
            return self.missing
        assert self.worth is not None
        silent = self.customers.filter(~pl.col("spoke"))
        whole = float(self.customers["value"].sum())
        less = self.summary.filter((pl.col("q") <= _SURE) & (pl.col("difference") < 0))
        names = [self.segmentation.scheme[label].text for label in less.sort("share", "label")["label"]]
        listed = Text("、".join(name.zh for name in names), ", ".join(name.en for name in names))
        return joined(
            say(
                "silent_said",
                n=count(silent.height),
                of=count(self.customers.height),
                share=percent(silent.height / self.customers.height),
                value=percent(float(silent["value"].sum()) / whole if whole else None),
                best=count(self.first.height),
                top=percent(BEST, 0),
            ),
            say("silent_less", labels=listed) if names else texts()["silent_even"],
            texts()["silent_meaning"],
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self.lab.language)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the summary, by name."""
        return {} if self.missing else {"feedback_response": self.summary}


def _rate(spoke: int, n: int) -> dict[str, Any]:
    low, high = wilson(spoke, n)
    return {"customers": n, "spoke": spoke, "share": spoke / n if n else None, "low": low, "high": high}


def _p(successes: int, n: int, successes_all: int, total: int) -> float | None:
    """Return how likely a group differs so from the rest by chance (pooled z); None without a rest."""
    rest = total - n
    if not n or not rest:
        return None
    pooled = successes_all / total
    spread = sqrt(pooled * (1 - pooled) * (1 / n + 1 / rest))
    if not spread:
        return 1.0
    z = (successes / n - (successes_all - successes) / rest) / spread
    return erfc(abs(z) / sqrt(2))


_SUMMARY = {
    "label": pl.String,
    "customers": pl.Int64,
    "spoke": pl.Int64,
    **dict.fromkeys(
        ("share", "low", "high", "difference", "difference_low", "difference_high", "q"), pl.Float64
    ),
}
