"""Segmentation: every customer with one label of a scheme."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import FEW, hidden
from crmlab.intervals import share_of_total, wilson
from crmlab.labels import UNCLASSIFIED, Scheme, Text
from crmlab.summary import HUNDREDTHS
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.estimators import Classifier
    from crmlab.funnel import Funnel
    from crmlab.grid import Grid
    from crmlab.lab import Lab
    from crmlab.movement import Movement
    from crmlab.movement.alluvial import Alluvial
    from crmlab.profiles import Profiles
    from crmlab.profiles.index import Index
    from crmlab.profiles.rhythm import Rhythm
    from crmlab.segments.agreement import Agreement
    from crmlab.segments.quality import SegmentQuality
    from crmlab.sensitivity import Sensitivity
    from crmlab.view.cards import Cards


class Segmentation:
    """Every customer with one label of a scheme, as of a day.

    ``labels`` has ``customer_id`` and ``label`` for everybody; ``features`` the columns that the
    classifier saw; ``learned`` says when its cut-points were learned.
    """

    def __init__(
        self,
        lab: Lab,
        name: str,
        classifier: Classifier,
        features: pl.DataFrame,
        as_of: date,
        learned: Text | None = None,
    ) -> None:
        self.lab = lab
        self.name = name
        self.classifier = classifier
        self.features = features
        self.as_of = as_of
        self.learned = learned or say("learned", day=as_of)
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
        top = named.filter(~pl.col("label").is_in([FEW, UNCLASSIFIED.id]))
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
        """Return ``customer_id``, ``label``, ``confidence`` and the reason (``zh``, ``en``) for everybody."""
        sure = self.classifier.confidence(self.features)
        return self.labels.hstack([sure]).hstack(self.classifier.explain(self.features))

    def compare(self, earlier: Segmentation) -> Movement:
        """Say how customers moved between the same classes since an earlier day."""
        from crmlab.movement import Movement

        return Movement(earlier, self)

    def alluvial(self, *days: date) -> Alluvial:
        """Say how customers moved over several days: those given, or the last quarter ends."""
        from crmlab.movement.alluvial import Alluvial

        return Alluvial.replayed(self, days or None)

    def quality(self, **options: Any) -> SegmentQuality:
        """Say whether the classes are real and useful: stability, separation, drift, the null check."""
        from crmlab.segments.quality import SegmentQuality

        return SegmentQuality(self, **options)

    def agreement(self, other: Segmentation) -> Agreement:
        """Say how far another classification of the same customers says the same."""
        from crmlab.segments.agreement import Agreement

        return Agreement(self, other)

    def index(self, *extra: str) -> Index:
        """Say which traits each class has more or less often than all customers (TGI)."""
        from crmlab.profiles.index import Index

        return Index(self, extra)

    def rhythm(self) -> Rhythm:
        """Say at which times of the week the customers of each class buy."""
        from crmlab.profiles.rhythm import Rhythm

        return Rhythm(self)

    def cards(self, *labels: str) -> Cards:
        """Show one page per class: size, value, traits, when they buy, who came and left since earlier."""
        from crmlab.movement import replay
        from crmlab.profiles.card import SegmentCards

        return SegmentCards(self, replay(self, self.lab.study.earlier)).cards(labels or None)

    def sensitivity(self, parameter: str, values: list[Any]) -> Sensitivity:
        """Say how many customers change their label when one parameter takes other values."""
        from crmlab.sensitivity import Sensitivity

        return Sensitivity(self, parameter, values)

    def profiles(self) -> Profiles:
        """Say what the customers of each label are like."""
        from crmlab.profiles import Profiles

        return Profiles(self)

    def funnel(self) -> Funnel:
        """Say how customers go through the stages, where the classifier knows when each was reached."""
        from crmlab.funnel import Funnel

        return Funnel(self)

    def grid(self) -> Grid:
        """Lay customers out by recency and frequency score, where the classifier scores both."""
        from crmlab.grid import Grid

        return Grid(self)

    def named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add ``name``: the label's name in the reader's language."""
        few = say("privacy_few", k=self.lab.study.privacy.smallest_group)
        names = self.scheme.names(self.lab.language) | {FEW: few.to(self.lab.language)}
        return frame.with_columns(name=pl.col("label").replace_strict(names, return_dtype=pl.String))


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
