"""One page per segment: how large, how valuable, what sets it apart, when it buys, who came and left."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import FEW
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.movement.matrix import Movement, replay
from crmlab.profiles.index import Index
from crmlab.profiles.means import Profiles
from crmlab.profiles.rhythm import Rhythm
from crmlab.profiles.traits import OTHER
from crmlab.scheme_views.offers import Ruled
from crmlab.view.cards import Card, Cards
from crmlab.view.numbers import count, decimal, money, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.results import Segmentation


class SegmentCards:
    """The cards of a segmentation; ``earlier`` says since when they tell who came and left.

    The rule and cut-points of ``segmentation`` are replayed on that day, whatever made ``earlier``.
    Segments too small to be shown have no card.
    """

    def __init__(self, segmentation: Segmentation, earlier: Segmentation | None = None) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._movement = Movement(replay(segmentation, earlier.as_of), segmentation) if earlier else None
        self._index = Index(segmentation)
        self._rhythm = Rhythm(segmentation)
        self._profiles = Profiles(segmentation)

    def cards(self, labels: Sequence[str] | None = None) -> Cards:
        """Return the cards of some labels, or of every label with customers, in the order of the scheme.

        Raises ParamsError for a label that has no card.
        """
        able = self._sizes["label"].to_list()
        for label in labels or ():
            if label not in self.segmentation.scheme:
                raise ParamsError(
                    f"{self.segmentation.name} has no class {label!r}.{did_you_mean(label, able)} "
                    f"It has: {', '.join(self.segmentation.scheme.ids)}."
                )
            if label not in able:
                raise ParamsError(
                    f"{label} has too few customers for a card (privacy.smallest_group is "
                    f"{self._lab.study.privacy.smallest_group}). These have one: {', '.join(able) or 'none'}."
                )
        return Cards([self._card(label) for label in labels or able], self._lab.language)

    def _card(self, label: str) -> Card:
        label_text, scheme = self.segmentation.scheme[label].text, self.segmentation.scheme.text
        name = Text(f"{label_text.zh} · {scheme.zh}", f"{label_text.en} · {scheme.en}")
        items = [
            (texts()["definition"], self._definition(label)),
            *self._measures(label),
            *self._traits(label),
            *self._bought(label),
            *self._moved(label),
        ]
        return Card(name, self._figures(label), items)

    def _definition(self, label: str) -> Text:
        """Return the rule of the label where the classifier has one for each, else that of the scheme."""
        classifier = self.segmentation.classifier
        if isinstance(classifier, Ruled):
            for row in classifier.rules().filter(pl.col("label") == label).iter_rows(named=True):
                return Text(row["rule_zh"], row["rule_en"])
        return classifier.definition()

    @cached_property
    def _sizes(self) -> pl.DataFrame:
        summary = self.segmentation.summary
        return summary.filter(~pl.col("label").is_in([FEW, UNCLASSIFIED.id]), pl.col("customers") > 0)

    def _figures(self, label: str) -> list[tuple[Text, Text]]:
        """Say how many they are and what they bring, with intervals."""
        row = self._sizes.row(by_predicate=pl.col("label") == label, named=True)
        words, currency = texts(), self._lab.study.currency
        share = say(
            "card_share",
            what=words["customer_share"],
            low=percent(row["share_low"]),
            high=percent(row["share_high"]),
        )
        number = count(row["customers"])
        figures = [
            (Text(number, number), words["customers"]),
            (Text(*[percent(row["customer_share"])] * 2), share),
            (money(row["revenue"], currency), words["revenue"]),
        ]
        if row["revenue_share"] is not None:
            bounds = {"low": percent(row["revenue_low"]), "high": percent(row["revenue_high"])}
            share = say("card_share", what=words["revenue_share"], **bounds)
            figures.append((Text(*[percent(row["revenue_share"])] * 2), share))
        return figures

    def _measures(self, label: str) -> list[tuple[Text, Text]]:
        """Compare averages with those of all customers."""
        words, everybody = texts(), self._profiles.everybody
        mine = self._profiles.summary.filter(pl.col("label") == label)
        told = []
        for name, title in (
            ("total_spend", "mean_spend"),
            ("order_count", "mean_orders"),
            ("average_order_value", "mean_order_value"),
            ("days_since_last_order", "mean_recency"),
        ):
            own, all_of_them = mine[name][0] if mine.height else None, everybody[name]
            if own is None or not all_of_them:
                continue
            index = f"{100 * own / all_of_them:.0f}"
            written = [self._written(name, value) for value in (own, all_of_them)]
            told.append((words[title], say("card_measure", own=written[0], all=written[1], index=index)))
        return told

    def _written(self, name: str, value: float) -> Text:
        if name in ("total_spend", "average_order_value"):
            return money(value, self._lab.study.currency)
        return Text(*[decimal(value, 1)] * 2)

    def _traits(self, label: str) -> list[tuple[Text, Text]]:
        """Say what they are more often than all customers, at most three things."""
        said = [
            say(
                "card_trait",
                kind=self._index.dimensions[row["dimension"]].text,
                trait=self._index.dimensions[row["dimension"]].name(row["trait"]),
                index=f"{row['index']:.0f}",
                low=f"{row['low']:.0f}",
                high=f"{row['high']:.0f}",
                share=percent(row["share"]),
                everybody=percent(row["everybody"]),
            )
            for row in self._index.highlights(label).iter_rows(named=True)
        ]
        words = texts()
        listed = Text("；".join(each.zh for each in said), "; ".join(each.en for each in said))
        return [(words["card_traits"], listed if said else words["card_traits_none"])]

    def _bought(self, label: str) -> list[tuple[Text, Text]]:
        """Say what they buy most often, and when."""
        words, told = texts(), []
        rows = self._index.summary.filter(
            pl.col("dimension") == "category", pl.col("label") == label, pl.col("trait") != OTHER
        ).drop_nulls("share")
        if rows.height:
            top = rows.sort("share", "trait", descending=[True, False]).row(0, named=True)
            shares = {"share": percent(top["share"]), "everybody": percent(top["everybody"])}
            told.append((words["card_category"], say("card_most", name=top["trait"], **shares)))
        when = self._rhythm.best(label)
        if when is not None:
            told.append((words["card_when"], when))
        return told

    def _moved(self, label: str) -> list[tuple[Text, Text]]:
        """Say how many came and left since the earlier day, where no small group shows through."""
        movement = self._movement
        if movement is None or label in movement.before.few:
            return []
        counts = movement.matrix.filter(pl.col("before") == label, pl.col("after") == label)["customers"]
        if counts.has_nulls():
            return []
        stayed = int(counts.sum())
        then = dict(zip(movement.before_ids, movement.row_totals, strict=True))[label]
        now = self._sizes.filter(pl.col("label") == label)["customers"][0]
        text = say(
            "card_moved",
            day=movement.before.as_of,
            then=count(then),
            left=count(then - stayed),
            came=count(now - stayed),
        )
        return [(texts()["card_movement"], text)]
