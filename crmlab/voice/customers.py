"""Satisfied, neutral or dissatisfied, customer by customer, and how that goes with segments and value."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden, hidden_cells
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view import charts, theme
from crmlab.view.findings import Heading, Note, Sections
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.voice.worth import Worth, of_everybody, worth_of

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.results import Segmentation

SCHEME = "feedback"
ALIASES = (SCHEME, "service-feedback")
BANDS = ((0.2, "top"), (0.5, "middle"), (1.0, "rest"))
"""Customers by value: the best 20 %, the next 30 %, the rest."""
VALUE = "value"
"""Stands for the bands of value among the schemes."""


class Customers:
    """The classes of the classifier ``feedback`` beside every scheme of the study, and beside value."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    @cached_property
    def missing(self) -> Text | None:
        """Say what is missing to know how satisfied each customer is; None where nothing is."""
        return missing_of(self.lab)

    @cached_property
    def segmentation(self) -> Segmentation:
        """Everybody's class; who gave no feedback of late is unclassified."""
        return self.lab.classify(SCHEME)

    @cached_property
    def worth(self) -> Worth | None:
        """What customers are worth; None without orders."""
        return worth_of(self.lab)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class, in order, who gave no feedback last.

        ``label``, ``customers``, ``share`` of all with ``low`` and ``high`` (Wilson), ``judged_share``
        of those with a class; ``value`` and ``value_share`` of all customers' value. Classes in
        ``segmentation.few`` have no figures, nor has any value without orders.
        """
        schema = _SUMMARY
        if self.missing:
            return pl.DataFrame(schema=schema)
        labels = self.segmentation.labels
        if self.worth is not None:
            labels = of_everybody(self.worth, labels)
        else:
            labels = labels.with_columns(value=pl.lit(None, pl.Float64))
        total, judged = labels.height, int((labels["label"] != UNCLASSIFIED.id).sum())
        whole = float(labels["value"].sum()) if self.worth is not None else 0.0
        rows: list[dict[str, Any]] = []
        for name in (*self.segmentation.scheme.ids, UNCLASSIFIED.id):
            if name in self.segmentation.few:
                rows.append({"label": name})
                continue
            part = labels.filter(pl.col("label") == name)
            low, high = wilson(part.height, total)
            value = float(part["value"].sum()) if self.worth is not None else None
            rows.append(
                {
                    "label": name,
                    "customers": part.height,
                    "share": part.height / total if total else None,
                    "low": low,
                    "high": high,
                    "judged_share": part.height / judged if name != UNCLASSIFIED.id else None,
                    "value": value,
                    "value_share": value / whole if value is not None and whole else None,
                }
            )
        return pl.DataFrame(rows, schema=schema)

    @property
    def schemes(self) -> tuple[str, ...]:
        """What the classes can be crossed with: the study's schemes, and bands of value."""
        named = tuple(name for name in self.lab.schemes.segmentations if name not in ALIASES)
        return named + ((VALUE,) if self.worth is not None else ())

    def cross(self, name: str) -> pl.DataFrame:
        """Return one row per class of a scheme (or :data:`VALUE`), in its order.

        ``label``, ``name`` in the study's language; ``customers``, ``satisfied``, ``neutral``,
        ``dissatisfied``, ``silent`` (who gave no feedback of late); ``dissatisfied_share`` of those with a
        class, ``low`` and ``high``. Cells of few customers, and those that would give them away, are null,
        and so are shares that rest on them.
        """
        groups, names = self._groups(name)
        both = groups.join(self.segmentation.labels.rename({"label": "class"}), on="customer_id", how="left")
        counted = {
            (group, kind): n for group, kind, n in both.group_by("label", "class").agg(pl.len()).iter_rows()
        }
        ids = [label for label in names if any(counted.get((label, kind), 0) for kind in _CLASSES)]
        matrix = [[counted.get((label, kind), 0) for kind in _CLASSES] for label in ids]
        smallest = self.lab.study.privacy.smallest_group
        few = hidden([sum(line) for line in matrix], smallest)
        columns = [kind in self.segmentation.few for kind in _CLASSES]
        gone = hidden_cells(matrix, smallest, few, columns)
        rows = []
        for label, line, hid, away_all in zip(ids, matrix, gone, few, strict=True):
            shown = [None if away else n for n, away in zip(line, hid, strict=True)]
            judged = sum(line[:3])
            row = {"label": label, "name": names[label], "customers": None if away_all else sum(line)}
            row |= dict(zip(("satisfied", "neutral", "dissatisfied", "silent"), shown, strict=True))
            if judged and not any(hid[:3]):
                low, high = wilson(line[2], judged)
                row |= {"dissatisfied_share": line[2] / judged, "low": low, "high": high}
            rows.append(row)
        return pl.DataFrame(rows, schema=_CROSS)

    def cross_table(self, name: str) -> Table | Note:
        """Show the classes by those of a scheme, or by value."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words = texts()
        frame = self.cross(name).with_columns(interval=pl.concat_list("low", "high"))
        hid = (
            frame.select("satisfied", "neutral", "dissatisfied", "silent")
            .null_count()
            .sum_horizontal()
            .item()
        )
        return Table(
            frame,
            [
                Column("name", self._title(name)),
                Column("customers", words["customers"], "integer"),
                *(Column(label.id, label.text, "integer") for label in self.segmentation.scheme.labels),
                Column("silent", words["cust_silent"], "integer"),
                Column("dissatisfied_share", words["cust_dissatisfied_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("cust_cross_caption", scheme=self._title(name), day=self.lab.study.as_of),
            note=joined(
                words["cust_cross_note"],
                self.worth.definition() if name == VALUE and self.worth else None,
                say("privacy_cells", cells=hid, k=self.lab.study.privacy.smallest_group) if hid else None,
            ),
            language=self.lab.language,
        )

    def cross_tables(self) -> Sections | Note:
        """Show a table per scheme of the study, and one by value."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        parts: list[object] = []
        for name in self.schemes:
            parts += [Heading(self._title(name), self.lab.language, 4), self.cross_table(name)]
        return Sections(parts)

    def chart(self, name: str | None = None) -> alt.LayerChart | Note:
        """Draw how satisfied the customers of each class of a scheme are; the main scheme unless named."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words, language = texts(), self.lab.language
        name = name or (self.schemes[0] if self.schemes else VALUE)
        shown = self.cross(name).drop_nulls(["satisfied", "neutral", "dissatisfied", "low"])
        if shown.is_empty():
            return Note(say("cust_all_few", k=self.lab.study.privacy.smallest_group), language)
        rows = [
            (
                f"{row['name']} (n={count(row['satisfied'] + row['neutral'] + row['dissatisfied'])})",
                label.text.to(language),
                row[label.id],
            )
            for row in shown.iter_rows(named=True)
            for label in self.segmentation.scheme.labels
        ]
        worst = shown.sort("dissatisfied_share", "label", descending=[True, False]).row(0, named=True)
        return charts.share_bars(
            pl.DataFrame(rows, schema=["group", "name", "count"], orient="row"),
            [theme.GOOD, theme.NEUTRAL, theme.BAD],
            say(
                "cust_title",
                label=worst["name"],
                share=percent(worst["dissatisfied_share"], 0),
                low=percent(worst["low"], 0),
                high=percent(worst["high"], 0),
            ),
            self._subtitle(),
            self._title(name),
            words["cust_class"],
            language,
        )

    def table(self) -> Table | Note:
        """Show each class: its customers, and what they are worth."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words, scheme = texts(), self.segmentation.scheme
        names = {label.id: label.text.to(self.lab.language) for label in scheme.labels}
        names[UNCLASSIFIED.id] = words["cust_silent"].to(self.lab.language)
        worth = (
            [
                Column("value", self.worth.name, "money"),
                Column("value_share", words["cust_value_share"], "percent"),
            ]
            if self.worth
            else []
        )
        return Table(
            self.summary.with_columns(
                name=pl.col("label").replace_strict(names, return_dtype=pl.String),
                interval=pl.concat_list("low", "high"),
            ),
            [
                Column("name", words["cust_class"]),
                Column("customers", words["customers"], "integer"),
                Column("share", words["customer_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("judged_share", words["cust_judged_share"], "percent"),
                *worth,
            ],
            caption=say("cust_caption", n=count(self.segmentation.labels.height), day=self.lab.study.as_of),
            note=joined(
                self.worth.definition() if self.worth else words["cust_no_orders"],
                say("privacy_rows", k=self.lab.study.privacy.smallest_group)
                if self.segmentation.few
                else None,
            ),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def explain(self) -> Text:
        """Say how many customers have a class, and by which rule."""
        if self.missing:
            return self.missing
        return joined(self._subtitle(), self.segmentation.classifier.definition())

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self.lab.language)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the summary and the cross-tables, by name."""
        if self.missing:
            return {}
        crosses = {
            f"feedback_by_{name.replace('-', '_')}": self.cross(name).drop("name") for name in self.schemes
        }
        return {"feedback_classes": self.summary, **crosses}

    def _subtitle(self) -> Text:
        labels = self.segmentation.labels["label"]
        judged = int((labels != UNCLASSIFIED.id).sum())
        return say(
            "cust_subtitle",
            n=count(judged),
            of=count(len(labels)),
            share=percent(judged / len(labels) if len(labels) else None),
        )

    def _title(self, name: str) -> Text:
        return texts()["cust_by_value"] if name == VALUE else self.lab.schemes.segmentations[name].scheme.text

    def _groups(self, name: str) -> tuple[pl.DataFrame, dict[str, str]]:
        """Return ``customer_id`` and ``label``, and the names of the labels in order."""
        language = self.lab.language
        if name != VALUE:
            segmentation = self.lab.schemes.segmentations[name]
            return segmentation.labels, segmentation.scheme.names(language)
        assert self.worth is not None
        everybody = of_everybody(self.worth, self.segmentation.labels.select("customer_id"))
        return value_bands(everybody), {band: texts()[f"cust_band_{band}"].to(language) for _, band in BANDS}


def value_bands(valued: pl.DataFrame) -> pl.DataFrame:
    """Return ``customer_id`` and the band of value as ``label``; equal values go by their ids."""
    ordered = valued.sort("value", "customer_id", descending=[True, False])
    place = (pl.int_range(1, pl.len() + 1) / pl.len()).alias("place")
    band = pl.lit(BANDS[-1][1])
    for share, name in reversed(BANDS[:-1]):
        band = pl.when(place <= share).then(pl.lit(name)).otherwise(band)
    return ordered.select("customer_id", label=band)


def missing_of(lab: Lab) -> Text | None:
    """Say why no customer has a class by feedback; None where some have one."""
    if "feedback" not in lab.tables and "complaints" not in lab.tables:
        return texts()["cust_no_feedback"]
    if "customers" not in lab.tables and "orders" not in lab.tables:
        return texts()["cust_nobody"]
    if "feedback" in lab.tables and not lab.tables["feedback"]["customer_id"].is_not_null().any():
        return texts()["cust_no_ids"]
    if not (lab.classify(SCHEME).labels["label"] != UNCLASSIFIED.id).any():
        return texts()["cust_none_recent"]
    return None


_CLASSES = ("satisfied", "neutral", "dissatisfied", UNCLASSIFIED.id)
_SUMMARY = {
    "label": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("share", "low", "high", "judged_share", "value", "value_share"), pl.Float64),
}
_CROSS = {
    "label": pl.String,
    "name": pl.String,
    **dict.fromkeys(("customers", "satisfied", "neutral", "dissatisfied", "silent"), pl.Int64),
    **dict.fromkeys(("dissatisfied_share", "low", "high"), pl.Float64),
}
