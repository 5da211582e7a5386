"""How much a classification hangs on one parameter, such as the convention of its scores."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


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
