"""Two segmentations side by side: movement in time, and sensitivity to a convention."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden, hidden_cells
from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view import charts, theme
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.results import Segmentation


_JUDGED = (theme.GOOD, theme.PALETTE[1], theme.BAD)
"""Colours of schemes with two or three classes, best first."""


class Movement:
    """How customers moved between the classes of one scheme from an earlier day to a later one.

    Both days use the same cut-points. Customers unknown on the earlier day come in as "new".
    """

    def __init__(self, before: Segmentation, after: Segmentation) -> None:
        self.before = before
        self.after = after
        self._language = after.lab.language
        self._smallest = after.lab.study.privacy.smallest_group

    @cached_property
    def matrix(self) -> pl.DataFrame:
        """One row per (``before``, ``after``) pair of label ids: ``customers`` and ``share`` of before.

        Both are null for pairs of fewer customers than the study's ``privacy.smallest_group``, and for
        those with which the totals would give them away; pairs without customers have no row.
        """
        counts, gone = self._counts, self._hidden
        rows: list[tuple[str, str, int | None, float | None]] = []
        for before, line, off in zip(self.before_ids, counts, gone, strict=True):
            for after, n, hid in zip(self.after.scheme.ids, line, off, strict=True):
                if hid:
                    rows.append((before, after, None, None))
                elif n:
                    rows.append((before, after, n, n / sum(line)))
        return pl.DataFrame(rows, schema=_MATRIX, orient="row")

    @property
    def before_ids(self) -> list[str]:
        """Label ids of the earlier day in order, ``new`` last."""
        return [*self.after.scheme.ids, "new"]

    def moved(self, before: str, after: set[str]) -> tuple[int, int] | None:
        """Return how many went from one class to others, and how many there were.

        None where that would tell of fewer customers than the study's ``privacy.smallest_group``.
        """
        place = self.before_ids.index(before)
        line, off = self._counts[place], self._hidden[place]
        left = [name not in after for name in self.after.scheme.ids]
        split = len({stays for hid, stays in zip(off, left, strict=True) if hid}) > 1
        gone = sum(n for n, stays in zip(line, left, strict=True) if not stays)
        # A sum that holds every hidden cell of the row is as public as the row's total.
        if split or before in self.before.few or any(hidden([gone, sum(line) - gone], self._smallest)):
            return None
        return gone, sum(line)

    @cached_property
    def _counts(self) -> list[list[int]]:
        """Customers per class of the earlier day (rows, new last) and of the later one (columns)."""
        earlier = self.before.labels.rename({"label": "before"})
        later = self.after.labels.rename({"label": "after"})
        both = later.join(earlier, on="customer_id", how="left").with_columns(
            pl.col("before").fill_null("new")
        )
        known = both.with_columns(
            before=pl.when(pl.col("before") == UNCLASSIFIED.id).then(pl.lit("new")).otherwise("before")
        ).filter(pl.col("after") != UNCLASSIFIED.id)
        sizes = {row[:2]: row[2] for row in known.group_by("before", "after").len().iter_rows()}
        ids = self.after.scheme.ids
        return [[sizes.get((before, after), 0) for after in ids] for before in self.before_ids]

    @cached_property
    def _hidden(self) -> list[list[bool]]:
        """Say which cells must not be shown, beside the sizes of the classes on both days."""
        ids = self.after.scheme.ids
        rows = [*(name in self.before.few for name in ids), False]
        columns = [name in self.after.few for name in ids]
        return hidden_cells(self._counts, self._smallest, rows, columns)

    def shares_chart(self) -> alt.LayerChart:
        """Draw the shares of the classes on both days, one bar a day."""
        scheme, words = self.after.scheme, texts()
        together = {*self.before.few, *self.after.few} & set(scheme.ids)
        few = say("privacy_few", k=self._smallest).to(self._language)
        names = {
            label.id: label.text.to(self._language) for label in scheme.labels if label.id not in together
        }
        first, rows, shares = scheme.labels[0], [], []
        for segmentation in (self.before, self.after):
            labels = _known(segmentation.labels)["label"]
            counts = {name: int((labels == name).sum()) for name in names}
            rows += [(str(segmentation.as_of), names[name], n) for name, n in counts.items()]
            if together:
                rest = labels.len() - sum(counts.values())
                rows.append((str(segmentation.as_of), few, rest))
            known = first.id in counts and labels.len()
            shares.append(percent(counts[first.id] / labels.len() if known else None))
        colours = dict(zip(scheme.ids, self._colours(), strict=False))
        drawn = [colours[name] for name in names] + [theme.MUTED] * bool(together)
        then, now = shares
        return charts.share_bars(
            pl.DataFrame(rows, schema=["group", "name", "count"], orient="row"),
            drawn,
            say("status_title", label=first.text, then=then, now=now, day=self.before.as_of),
            say("status_subtitle", n=count(_known(self.after.labels).height)),
            words["as_of"],
            scheme.text,
            self._language,
        )

    def _colours(self) -> tuple[str, ...]:
        ids = self.after.scheme.ids
        return _JUDGED if len(ids) <= len(_JUDGED) else theme.PALETTE * len(ids)

    def chart(self) -> alt.LayerChart:
        """Draw the migration matrix: rows are the earlier class, columns the later one."""
        language, scheme = self._language, self.after.scheme
        names = {label.id: label.text.to(language) for label in scheme.labels} | {
            "new": texts()["newcomer"].to(language)
        }
        frame = self.matrix.with_columns(
            pl.col("before", "after").replace_strict(names, return_dtype=pl.String),
            text=pl.format(
                "{} ({}%)",
                pl.col("customers").map_elements(count, return_dtype=pl.String),
                (pl.col("share") * 100).round(0).cast(pl.Int64),
            ).fill_null(MISSING),
        )
        best = scheme.labels[0]
        moved = self.moved(best.id, set(scheme.ids[1:]))
        title = say("movement_caption", scheme=scheme.text)
        if moved == (0, 0):
            title = say("movement_none", label=best.text, day=self.before.as_of)
        elif moved is not None:
            gone, of = moved
            title = say(
                "movement_title", label=best.text, gone=count(gone), of=count(of), share=percent(gone / of)
            )
        return charts.heat_map(
            frame,
            "after",
            "before",
            "share",
            x_title=say("class_on", day=self.after.as_of),
            y_title=say("class_on", day=self.before.as_of),
            value_title=texts()["share_of_row"],
            title=title,
            subtitle=texts()["movement_subtitle"],
            language=language,
            x_order=[names[name] for name in scheme.ids],
            y_order=[names[name] for name in self.before_ids],
            value_format=".1%",
            tooltips=[("customers", texts()["customers"])],
        )

    def table(self) -> Table:
        """Show the matrix as rows with 95 % Wilson intervals of the shares."""
        words, scheme = texts(), self.after.scheme
        names = scheme.names(self._language) | {"new": words["newcomer"].to(self._language)}
        totals = {name: sum(line) for name, line in zip(self.before_ids, self._counts, strict=True)}
        bounds = [
            None if n is None else list(wilson(n, totals[before]))
            for before, n in self.matrix.select("before", "customers").iter_rows()
        ]
        gone = sum(map(sum, self._hidden))
        note = say("privacy_cells", cells=gone, k=self._smallest) if gone else None
        frame = self.matrix.with_columns(
            pl.col("before", "after").replace_strict(names, return_dtype=pl.String),
            interval=pl.Series(bounds, dtype=pl.List(pl.Float64)),
        )
        return Table(
            frame,
            [
                Column("before", say("class_on", day=self.before.as_of)),
                Column("after", say("class_on", day=self.after.as_of)),
                Column("customers", words["customers"], "integer"),
                Column("share", words["share_of_row"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("movement_caption", scheme=scheme.text),
            note=joined(words["movement_note"], note),
            language=self._language,
        )


class Sensitivity:
    """How many customers change their label when one parameter takes other values."""

    def __init__(self, base: Segmentation, parameter: str, values: list[Any]) -> None:
        base.classifier.clone(**{parameter: None})  # raises ParamsError for an unknown name
        self.base = base
        self.parameter = parameter
        self.values = values
        self._language = base.lab.language

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per other value: ``value``, ``customers``, ``changed``, ``share``, ``low``, ``high``.

        Customers are those whom the base classifies. A value that the classifier's other parameters
        exclude, or that leads to other labels, cannot be compared and has no row. The figures are null
        where fewer customers than the study's ``privacy.smallest_group`` change, or stay.
        """
        smallest = self.base.lab.study.privacy.smallest_group
        known, rows = _known(self.base.labels), list[tuple[Any, ...]]()
        for value in self.values:
            other = self._other(value)
            if other is None:
                continue
            both = known.join(other.labels, on="customer_id", suffix="_other")
            changed, n = both.filter(pl.col("label") != pl.col("label_other")).height, both.height
            if any(hidden([changed, n - changed], smallest)):
                rows.append((str(value), n, None, None, None, None))
            else:
                rows.append((str(value), n, changed, changed / n if n else None, *wilson(changed, n)))
        return pl.DataFrame(rows, schema=_SENSITIVITY, orient="row")

    def _other(self, value: Any) -> Segmentation | None:
        classifier = self.base.classifier
        if value == getattr(classifier, self.parameter):
            return None
        # Cut-points that were given belong to the base's value.
        given = {name: None for name in classifier.parameter_names() if name.endswith("_cut_points")}
        try:
            other = self.base.lab.classify(
                self.base.name, self.base.as_of, **given, **{self.parameter: value}
            )
        except ParamsError as error:
            if error.problems:  # the value is none at all; others only do not fit the other parameters
                raise
            return None
        return other if other.scheme.ids == self.base.scheme.ids else None

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share of customers that change, per convention, or say that none can be compared."""
        if not self.summary.height:
            return Note(texts()["sensitivity_none"], self._language)
        frame = self._named().with_columns(
            label=pl.col("share").map_elements(percent, return_dtype=pl.String).fill_null(MISSING),
            value=pl.col("share"),
        )
        shares = self.summary["share"].drop_nulls().to_list()
        low, high = min(shares, default=None), max(shares, default=None)
        words = texts()
        return charts.bars(
            frame,
            say("sensitivity_title", low=percent(low), high=percent(high)),
            say(
                "sensitivity_subtitle",
                base=self._name(str(getattr(self.base.classifier, self.parameter))),
                n=count(_known(self.base.labels).height),
            ),
            words["changed_share"],
            words["convention"],
            self._language,
            [("name", words["convention"]), ("changed", words["changed"]), ("label", words["changed_share"])],
        )

    def table(self) -> Table | None:
        """Show the same with intervals and what each convention means; None without any."""
        if not self.summary.height:
            return None
        words = texts()
        meanings = [words.get(f"convention_{value}_meaning") for value in self.summary["value"]]
        frame = self._named().with_columns(
            interval=pl.concat_list("low", "high"),
            meaning=pl.Series(
                [text.to(self._language) if text else None for text in meanings], dtype=pl.String
            ),
        )
        return Table(
            frame,
            [
                Column("name", words["convention"]),
                *([Column("meaning", words["meaning"])] if any(meanings) else []),
                Column("changed", words["changed"], "integer"),
                Column("share", words["changed_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["sensitivity_caption"],
            note=say("privacy_rows", k=self.base.lab.study.privacy.smallest_group)
            if self.summary["changed"].has_nulls()
            else None,
            language=self._language,
        )

    def _named(self) -> pl.DataFrame:
        names = [self._name(value).to(self._language) for value in self.summary["value"]]
        return self.summary.with_columns(name=pl.Series(names, dtype=pl.String))

    @staticmethod
    def _name(value: str) -> Text:
        return texts().get(f"convention_{value}", Text(value, value))


_MATRIX = {"before": pl.String, "after": pl.String, "customers": pl.Int64, "share": pl.Float64}
_SENSITIVITY = {
    "value": pl.String,
    "customers": pl.Int64,
    "changed": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def _known(labels: pl.DataFrame) -> pl.DataFrame:
    """Leave out who has no class because data is missing."""
    return labels.filter(pl.col("label") != UNCLASSIFIED.id)


def class_table(lab: Lab, segmentations: list[Segmentation]) -> Table:
    """Show the classes of several classifiers under each other."""
    words, language = texts(), lab.language
    notes = dict.fromkeys(note for part in segmentations if (note := part.privacy_note()))
    frame = pl.concat(
        segmentation.named(segmentation.summary).with_columns(
            scheme=pl.lit(segmentation.scheme.text.to(language)),
            interval=pl.concat_list("share_low", "share_high"),
        )
        for segmentation in segmentations
    )
    return Table(
        frame,
        [
            Column("scheme", words["classification"]),
            Column("name", words["class"]),
            Column("customers", words["customers"], "integer"),
            Column("customer_share", words["customer_share"], "percent", bar=True),
            Column("interval", words["interval_95"], "interval", of="percent"),
            Column("revenue_share", words["revenue_share"], "percent", bar=True),
        ],
        caption=words["others_caption"],
        note=joined(words["sizes_note"], *notes),
        language=language,
        currency=lab.study.currency,
    )
