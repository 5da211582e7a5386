"""What plugins' work becomes in a notebook: Segmentation, Scores, Annotation, Finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import floor, log10
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.data.suppression import FEW, hidden, merged_bins
from crmlab.intervals import share_of_total, wilson
from crmlab.labels import UNCLASSIFIED, Scheme, Text
from crmlab.summary import HUNDREDTHS
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.comparison import Movement, Sensitivity
    from crmlab.estimators import Annotator, Classifier, Model
    from crmlab.grid import Grid
    from crmlab.lab import Lab
    from crmlab.profiles import Profiles


@dataclass(frozen=True)
class Finding:
    """One sentence that a manager would repeat, in both languages."""

    id: str
    text: Text


class Segmentation:
    """Every customer with one label of a scheme, as of a day.

    ``labels`` has ``customer_id`` and ``label`` for everybody; ``features`` the columns that the
    classifier saw.
    """

    def __init__(
        self, lab: Lab, name: str, classifier: Classifier, features: pl.DataFrame, as_of: date
    ) -> None:
        self.lab = lab
        self.name = name
        self.classifier = classifier
        self.features = features
        self.as_of = as_of
        self.scheme: Scheme = classifier.scheme
        self.labels = features.select("customer_id", classifier.predict(features))

    def __repr__(self) -> str:
        return f"<Segmentation {self.name}: {self.labels.height} customers as of {self.as_of}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def few(self) -> tuple[str, ...]:
        """Labels with too few customers to be shown alone, and what is hidden so that totals do not tell.

        See :func:`crmlab.data.suppression.hidden`. Among the labels of the scheme the choice holds
        whether or not one knows how many customers have no class: reports say that elsewhere.
        """
        smallest = self.lab.study.privacy.smallest_group
        sizes = dict(self.labels.group_by("label").len().iter_rows())
        ids = [name for name in self.scheme.ids if name != UNCLASSIFIED.id]
        counts = [sizes.get(name, 0) for name in ids]
        known = hidden(counts, smallest)
        everybody = hidden([*counts, sizes.get(UNCLASSIFIED.id, 0)], smallest, known)
        return tuple(name for name, gone in zip([*ids, UNCLASSIFIED.id], everybody, strict=True) if gone)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per label in the order of the scheme, empty labels included.

        Columns: ``label``, ``customers``, ``customer_share`` with its 95 % interval
        (``share_low``, ``share_high``; Wilson), ``revenue``, ``revenue_share`` with its interval
        (``revenue_low``, ``revenue_high``; linearised ratio). The labels in :attr:`few` are one row
        ``few`` at the end, without figures where they are fewer than the study's
        ``privacy.smallest_group`` even together.
        """
        spend = self.lab.features("total_spend", as_of=self.as_of).select(
            "customer_id", pl.col("total_spend").fill_null(0.0)
        )
        spent = self.labels.join(spend, on="customer_id", how="left", maintain_order="left")
        total, revenue = spent.height, _sum(spent["total_spend"])
        groups = {label.id: [label.id] for label in self.scheme if label.id not in self.few}
        rows = []
        for name, members in (groups | ({FEW: list(self.few)} if self.few else {})).items():
            inside = spent["label"].is_in(members)
            customers = int(inside.sum())
            if name not in (*self.scheme.ids, FEW) and not customers:
                continue
            row: dict[str, Any] = {"label": name}
            rows.append(row)
            if name == FEW and customers < self.lab.study.privacy.smallest_group:
                continue
            row["customers"] = customers
            if total:
                low, high = wilson(customers, total)
                row |= {"customer_share": customers / total, "share_low": low, "share_high": high}
            part = spent["total_spend"] * inside.cast(pl.Float64)
            row["revenue"] = _sum(part)
            if revenue > 0:
                low, high = share_of_total(part, spent["total_spend"])
                row |= {"revenue_share": row["revenue"] / revenue, "revenue_low": low, "revenue_high": high}
        return pl.DataFrame(rows, schema=_SUMMARY_SCHEMA)

    def privacy_note(self) -> Text | None:
        """Say which labels are shown together, or None where each stands for itself."""
        if not self.few:
            return None
        names = [self.scheme[name].text for name in self.few]
        labels = Text("、".join(name.zh for name in names), ", ".join(name.en for name in names))
        return say("privacy_merged", labels=labels, k=self.lab.study.privacy.smallest_group)

    def chart(self) -> alt.LayerChart:
        """Draw each label's share of customers beside its share of revenue."""
        from crmlab.view import charts

        words, language, currency = texts(), self.lab.language, self.lab.study.currency
        named = self.named(self.summary.filter(pl.col("customers") > 0))
        people = named.select(
            "name",
            measure=pl.lit(words["of_customers"].to(language)),
            share="customer_share",
            low="share_low",
            high="share_high",
            amount=pl.col("customers").map_elements(count, return_dtype=pl.String),
        )
        spend = named.select(
            "name",
            measure=pl.lit(words["of_revenue"].to(language)),
            share="revenue_share",
            low="revenue_low",
            high="revenue_high",
            amount=pl.col("revenue").map_elements(
                lambda value: money(value, currency).to(language), return_dtype=pl.String
            ),
        )
        top = named.filter(pl.col("label") != FEW)
        top = top.sort("revenue", descending=True, nulls_last=True, maintain_order=True).head(1)
        title = words["privacy_all_few" if self.few else "nobody"]
        if top.height:
            label = self.scheme[top["label"][0]].text
            title = say(
                "sizes_title",
                label=label,
                customers=percent(top["customer_share"][0]),
                revenue=percent(top["revenue_share"][0]),
            )
        subtitle = say("sizes_subtitle", n=count(self.labels.height), day=self.as_of)
        shares = pl.concat([people, spend.drop_nulls("share")])
        return charts.paired_bars(shares, title, subtitle, words["segment"], language)

    def table(self) -> Table:
        """Show the summary."""
        words = texts()
        return Table(
            self.named(self.summary).with_columns(
                share_interval=pl.concat_list("share_low", "share_high"),
                revenue_interval=pl.concat_list("revenue_low", "revenue_high"),
            ),
            [
                Column("name", words["segment"]),
                Column("customers", words["customers"], "integer"),
                Column("customer_share", words["customer_share"], "percent", bar=True),
                Column("share_interval", words["interval_95"], "interval", of="percent"),
                Column("revenue", words["revenue"], "money"),
                Column("revenue_share", words["revenue_share"], "percent", bar=True),
                Column("revenue_interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("sizes_caption", scheme=self.scheme.text, day=self.as_of),
            note=joined(words["sizes_note"], self.privacy_note()),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def explain(self) -> pl.DataFrame:
        """Return ``customer_id``, ``label`` and the reason in words (``zh``, ``en``) for everybody."""
        return self.labels.hstack(self.classifier.explain(self.features))

    def compare(self, earlier: Segmentation) -> Movement:
        """Say how customers moved between the same classes since an earlier day."""
        from crmlab.comparison import Movement

        return Movement(earlier, self)

    def sensitivity(self, parameter: str, values: list[Any]) -> Sensitivity:
        """Say how many customers change their label when one parameter takes other values."""
        from crmlab.comparison import Sensitivity

        return Sensitivity(self, parameter, values)

    def profiles(self) -> Profiles:
        """Say what the customers of each label are like."""
        from crmlab.profiles import Profiles

        return Profiles(self)

    def grid(self) -> Grid:
        """Lay customers out by recency and frequency score, where the classifier scores both."""
        from crmlab.grid import Grid

        return Grid(self)

    def named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add ``name``: the label's name in the reader's language."""
        few = say("privacy_few", k=self.lab.study.privacy.smallest_group)
        names = self.scheme.names(self.lab.language) | {FEW: few.to(self.lab.language)}
        return frame.with_columns(name=pl.col("label").replace_strict(names, return_dtype=pl.String))


class Scores:
    """Every customer with the scores of a model; ``scores`` has one column per declared score."""

    def __init__(self, lab: Lab, name: str, model: Model, scores: pl.DataFrame) -> None:
        self.lab = lab
        self.name = name
        self.model = model
        self.scores = scores

    def __repr__(self) -> str:
        return f"<Scores {self.name}: {self.scores.height} customers>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per score: mean, median and the 10th and 90th percentile.

        Null where the study has fewer customers than its ``privacy.smallest_group``.
        """
        enough = self.scores.height >= self.lab.study.privacy.smallest_group
        return pl.concat(
            (self.scores if enough else self.scores.clear()).select(
                score=pl.lit(score.id),
                mean=pl.col(score.id).mean(),
                p10=pl.col(score.id).quantile(0.1, "linear"),
                median=pl.col(score.id).median(),
                p90=pl.col(score.id).quantile(0.9, "linear"),
            )
            for score in self.model.scores
        )

    def table(self) -> Table:
        """Show the summary."""
        words = texts()
        names = {score.id: score.text.to(self.lab.language) for score in self.model.scores}
        return Table(
            self.summary.with_columns(name=pl.col("score").replace_strict(names, return_dtype=pl.String)),
            [
                Column("name", words["score"]),
                Column("mean", words["mean"], "decimal"),
                Column("p10", words["p10"], "decimal"),
                Column("median", words["median"], "decimal"),
                Column("p90", words["p90"], "decimal"),
            ],
            caption=self.model.title,
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def chart(self) -> alt.Chart:
        """Draw the distribution of the first score, in up to twenty bins of enough customers each."""
        from crmlab.view import charts

        score = self.model.scores[0]
        values = self.scores[score.id].drop_nulls()
        low, high = float(values.min() or 0), float(values.max() or 1)  # type: ignore[arg-type]
        # Bins begin and end at round numbers: the ends are not what one customer scored.
        width = _round_up((high - low) / 20 or 1.0)
        start = floor(low / width) * width
        place = ((values - start) / width).floor().cast(pl.Int64)
        sizes = dict(place.value_counts(name="n").iter_rows())
        counts = [sizes.get(at, 0) for at in range(max(sizes, default=-1) + 1)]
        rows = [
            (start + first * width, start + (last + 1) * width, sum(counts[first : last + 1]))
            for first, last in merged_bins(counts, self.lab.study.privacy.smallest_group)
        ]
        frame = pl.DataFrame(
            rows, schema={"low": pl.Float64, "high": pl.Float64, "count": pl.Int64}, orient="row"
        )
        title = say("score_title", score=score.text, n=count(values.len()))
        return charts.score_distribution(frame, score, title, self.lab.language)

    def explain(self) -> Text:
        """Return what the scores mean and how the model was judged, in words."""
        doc = (type(self.model).__doc__ or "").strip()
        return Text(doc, doc)

    def evaluate(self, cutoff: date) -> pl.DataFrame:
        """Return metric, value, low, high, baseline on what happened after ``cutoff``."""
        return self.model.clone().evaluate(self.lab.model_tables(), cutoff)


class Annotation:
    """Every feedback text with the columns that an annotator added."""

    def __init__(self, lab: Lab, name: str, annotator: Annotator, added: pl.DataFrame) -> None:
        self.lab = lab
        self.name = name
        self.annotator = annotator
        self.added = added

    def __repr__(self) -> str:
        return f"<Annotation {self.name}: {self.added.height} texts, {', '.join(self.annotator.adds)}>"

    @cached_property
    def feedback(self) -> pl.DataFrame:
        """The feedback table with the added columns."""
        table = self.lab.tables["feedback"]
        return table.drop(*(set(self.annotator.adds) & set(table.columns))).hstack(
            self.added.drop("feedback_id")
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per value of the last added column of words, most frequent first.

        ``value`` (contacts in it masked), ``texts``, ``share`` of all texts with ``low`` and ``high``
        (Wilson). A column of lists counts a text under each of its values; null counts as no value.
        Values of fewer texts than the study's ``privacy.smallest_group`` are left out: a name that an
        annotator found in one text is no result. Empty where the annotator adds numbers only.
        """
        column = self._words
        if column is None:
            return pl.DataFrame(schema=_ANNOTATION_SCHEMA)
        values = self.added.select(value=column)
        if isinstance(values.schema["value"], pl.List):
            values = values.explode("value", empty_as_null=True)
        values = values.drop_nulls().with_columns(mask_text(values["value"].drop_nulls()))
        counts = values.group_by("value").agg(pl.len().cast(pl.Int64).alias("texts"))
        counts = counts.filter(pl.col("texts") >= self.lab.study.privacy.smallest_group)
        rows = []
        for value, texts_with in counts.sort("texts", "value", descending=[True, False]).iter_rows():
            low, high = wilson(texts_with, self.added.height)
            share = texts_with / self.added.height
            rows.append({"value": value, "texts": texts_with, "share": share, "low": low, "high": high})
        return pl.DataFrame(rows, schema=_ANNOTATION_SCHEMA)

    @property
    def _words(self) -> str | None:
        """The column to count: the last added one that holds words or lists of words."""
        kinds = [name for name in self.annotator.adds if self.added.schema[name] in _WORDS]
        return kinds[-1] if kinds else None

    def _named(self) -> pl.DataFrame:
        """Add ``name``, in the reader's language where the annotator has a scheme."""
        scheme = self.annotator.scheme
        names = scheme.names(self.lab.language) if scheme else {}
        return self.summary.with_columns(name=pl.col("value").replace(names))

    def chart(self) -> alt.LayerChart:
        """Draw the share of texts per value, the fifteen most frequent."""
        from crmlab.view import charts

        words = texts()
        frame = (
            self._named()
            .head(15)
            .with_columns(
                value=pl.col("share"), label=pl.col("share").map_elements(percent, return_dtype=pl.String)
            )
        )
        top = frame["name"][0] if frame.height else "–"
        return charts.bars(
            frame,
            say("annotation_title", top=top, share=percent(frame["share"][0] if frame.height else None)),
            say("annotation_subtitle", title=self.annotator.title, n=count(self.added.height)),
            words["of_texts"],
            self.annotator.title,
            self.lab.language,
            [("name", words["value"]), ("texts", words["texts"]), ("label", words["of_texts"])],
        )

    def table(self) -> Table:
        """Show the summary."""
        words = texts()
        return Table(
            self._named().with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", self.annotator.title),
                Column("texts", words["texts"], "integer"),
                Column("share", words["of_texts"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("annotation_subtitle", title=self.annotator.title, n=count(self.added.height)),
            language=self.lab.language,
        )

    def explain(self) -> Text:
        """Return how the annotation is made, in words."""
        return self.annotator.definition()


_WORDS = (pl.String, pl.List(pl.String))
_ANNOTATION_SCHEMA = {
    "value": pl.String,
    "texts": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _sum(amounts: pl.Series) -> float:
    """Add up amounts in whole hundredths: a sum of floats would depend on the order of the rows."""
    return int((amounts * HUNDREDTHS).round().cast(pl.Int64).sum()) / HUNDREDTHS


_SUMMARY_SCHEMA = {
    "label": pl.String,
    "customers": pl.Int64,
    "customer_share": pl.Float64,
    "share_low": pl.Float64,
    "share_high": pl.Float64,
    "revenue": pl.Float64,
    "revenue_share": pl.Float64,
    "revenue_low": pl.Float64,
    "revenue_high": pl.Float64,
}
