"""The voice of the customer: what a feedback table says, in numbers and in the customers' words."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.labels import Text
from crmlab.satisfaction import Rating
from crmlab.view import charts, theme
from crmlab.view.findings import Heading, Note, together
from crmlab.view.numbers import count, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.voice.aspects import AspectMentions
from crmlab.voice.contrast import Contrast
from crmlab.voice.coverage import Coverage
from crmlab.voice.sentiment import POLES, SENTIMENTS, SMALLEST_SHARE, reliability, sentiment_shares
from crmlab.voice.trend import Trend

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.view.findings import Sections
    from crmlab.voice.contrast import SegmentContrast
    from crmlab.voice.customers import Customers
    from crmlab.voice.drivers import Drivers
    from crmlab.voice.duplicates import Duplicates
    from crmlab.voice.emerging import Emerging
    from crmlab.voice.groups import Groups
    from crmlab.voice.risk import Risk
    from crmlab.voice.silent import Silent
    from crmlab.voice.themes import Themes

_SUBJECTS = 8
"""A chart names at most this many subjects, those with most feedback."""


class Voice:
    """Verdict, trend, aspects, contrast and coverage of a study's feedback."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._language = lab.language
        self._parts: dict[tuple[Any, str], Any] = {}

    @cached_property
    def feedback(self) -> pl.DataFrame:
        """The feedback table with ``language``, ``positive_probability`` and ``sentiment``."""
        return self._lab.annotate("sentiment").feedback

    @cached_property
    def ratings(self) -> list[Rating]:
        """One figure per question and scale on which scores were given; DataError without feedback."""
        if self._lab.tables["feedback"].is_empty():
            return []
        return [rating for rating in self._lab.surveys.ratings if rating.n]

    @cached_property
    def sentiment(self) -> pl.DataFrame:
        """How many of the judged texts are positive, uncertain, negative; see :func:`sentiment_shares`."""
        return sentiment_shares(self.feedback)

    @cached_property
    def reliability(self) -> pl.DataFrame:
        """How often the judged sentiment agrees with the customer's own score, beside the baseline."""
        return reliability(self.feedback)

    @cached_property
    def trend(self) -> Trend:
        """The share of positive texts over time."""
        return Trend(self.feedback, self._language)

    @cached_property
    def aspects(self) -> AspectMentions:
        """What the feedback is about."""
        return AspectMentions(self._lab, self.feedback)

    @cached_property
    def themes(self) -> Themes:
        """What the feedback is about, found in the texts themselves."""
        from crmlab.voice.themes import Themes

        return Themes(self._lab, self.feedback)

    @cached_property
    def emerging(self) -> Emerging:
        """Which themes have come up, grown or faded."""
        from crmlab.voice.emerging import Emerging

        return Emerging(self._lab, self.themes)

    @cached_property
    def drivers(self) -> Drivers:
        """What satisfaction hangs together with."""
        from crmlab.voice.drivers import Drivers

        return Drivers(self._lab, self.feedback)

    @cached_property
    def customers(self) -> Customers:
        """How satisfied each customer is, by segment and value."""
        from crmlab.voice.customers import Customers

        return Customers(self._lab)

    @cached_property
    def risk(self) -> Risk:
        """How much revenue dissatisfied customers stand for, and whom to call first."""
        from crmlab.voice.risk import Risk

        return Risk(self._lab)

    @cached_property
    def silent(self) -> Silent:
        """Valuable customers who never say anything."""
        from crmlab.voice.silent import Silent

        return Silent(self._lab)

    @cached_property
    def duplicates(self) -> Duplicates:
        """Texts that occur more than once, and adverts."""
        from crmlab.voice.duplicates import Duplicates

        return Duplicates(self._lab, self.feedback)

    def groups(self, by: str) -> Groups:
        """Return every figure by a column of the feedback, by period, or by a classifier of the study."""
        from crmlab.voice.groups import Groups

        groups: Groups = self._kept(Groups, by)
        return groups

    def group_parts(self, *groupings: str) -> list[object]:
        """Return figures and telling words of groupings; what is missing last, in one remark."""
        parts: list[object] = []
        missing: list[Text] = []
        for by in dict.fromkeys(groupings):
            groups = self.groups(by)
            if groups.missing:
                missing.append(groups.missing)
            else:
                marks = self.segment_contrast(self._lab.schemes.main.name if by == "segment" else by)
                parts += [Heading(groups.name, self._language, 4), groups.note(), groups.chart()]
                parts += [groups.table(), marks.note(), marks.chart()]
        if missing:
            parts.append(Note(joined(*dict.fromkeys(missing)), self._language))
        return parts

    def customer_parts(self) -> list[object]:
        """Return how satisfied customers are and who is silent; one remark where feedback names nobody."""
        customers, silent = self.customers, self.silent
        if customers.missing and silent.missing:
            return [customers.note()]
        return [
            *(customers.note(), customers.chart(), customers.table(), customers.cross_tables()),
            Heading(texts()["silent_heading"], self._language),
            *(silent.note(), silent.chart(), silent.table(), silent.segments_table()),
        ]

    def if_surveyed(self, *parts: object) -> tuple[object, ...]:
        """Return the parts where the study has a survey; the report says in one place that it has none."""
        return parts if self._lab.surveys.sheets.n else ()

    @staticmethod
    def together(*parts: object) -> Sections:
        """Show parts one below the other; a remark that several of them make is made once."""
        return together(*parts)

    def segment_contrast(self, by: str) -> SegmentContrast:
        """Return the words that mark each group of a column or classifier."""
        from crmlab.voice.contrast import SegmentContrast

        marks: SegmentContrast = self._kept(SegmentContrast, by)
        return marks

    @cached_property
    def contrast(self) -> Contrast:
        """The words that separate satisfied from dissatisfied customers."""
        return Contrast(self.feedback, self._language, self._lab.study.privacy.smallest_group)

    @cached_property
    def coverage(self) -> Coverage:
        """How much feedback there is, and what is missing in it."""
        return Coverage(self.feedback, self._language)

    def verdict(self) -> Table:
        """Show the overall figures: ratings where scores exist, sentiment of the texts."""
        words, language = texts(), self._language
        rows: list[dict[str, Any]] = [
            {
                "name": _titled(rating).to(language),
                "value": _rated(rating.value, rating.unit),
                "interval": f"{_rated(rating.low, rating.unit)} – {_rated(rating.high, rating.unit)}",
                "n": rating.n,
                "definition": "".join(text.to(language) for text in (rating.definition, *rating.notes)),
            }
            for rating in self.ratings
        ]
        for name in POLES:
            row = self._share_of(name)
            rows.append(
                {
                    "name": words[f"judged_{name}"].to(language),
                    "value": percent(row["share"]),
                    "interval": f"{percent(row['low'])} – {percent(row['high'])}",
                    "n": self._judged,
                    "definition": words["judged_definition"].to(language),
                }
            )
        return Table(
            pl.DataFrame(rows),
            [
                Column("name", words["figure"]),
                Column("value", words["value"]),
                Column("interval", words["interval_95"]),
                Column("n", words["sample"], "integer"),
                Column("definition", words["definition"]),
            ],
            caption=words["verdict_caption"],
            note=None if any(rating.metric == "nps" for rating in self.ratings) else words["no_nps"],
            language=language,
        )

    def chart(self) -> alt.LayerChart:
        """Draw the sentiment of all texts, and of each subject where feedback names one."""
        words, language = texts(), self._language
        judged = self.feedback.filter(pl.col("sentiment") != "none")
        judged = judged.with_columns(mask_text(judged["category"]))
        groups = [(words["all_texts"].to(language), judged)]
        sizes = judged.drop_nulls("category")["category"].value_counts(name="n")
        big = sizes.filter(pl.col("n") >= SMALLEST_SHARE).sort("n", "category", descending=[True, False])
        for subject in big["category"].head(_SUBJECTS):
            name = texts().get(f"subject_{subject}", Text(subject, subject)).to(language)
            groups.append((name, judged.filter(pl.col("category") == subject)))
        rows = [
            (f"{group} (n={count(part.height)})", words[name].to(language), (part["sentiment"] == name).sum())
            for group, part in groups
            for name in SENTIMENTS
        ]
        positive = self._share_of("positive")
        return charts.share_bars(
            pl.DataFrame(rows, schema=["group", "name", "count"], orient="row"),
            [theme.GOOD, theme.NEUTRAL, theme.BAD],
            say(
                "sentiment_title",
                share=percent(positive["share"]),
                low=percent(positive["low"]),
                high=percent(positive["high"]),
            ),
            say("sentiment_subtitle", n=count(self._judged)),
            words["column_category"],
            words["sentiment"],
            language,
        )

    def reliability_table(self) -> Table:
        """Show the agreement with customers' own scores."""
        words = texts()
        return Table(
            self.reliability.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("n", words["sample"], "integer"),
                Column("accuracy", words["accuracy"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("baseline", words["majority_baseline"], "percent"),
                Column("own_share", words["own_share"], "percent"),
                Column("judged_share", words["judged_share"], "percent"),
                Column("undecided", words["undecided"], "integer"),
            ],
            caption=words["reliability_caption"],
            note=words["reliability_note"],
            language=self._language,
        )

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of what was looked at, by name."""
        kept = {
            "aspects": ("aspects", "summary"),
            "themes": ("themes", "summary"),
            "emerging": ("emerging", "summary"),
            "trend": ("trend", "periods"),
            "words": ("contrast", "words"),
            "coverage": ("coverage", "summary"),
            "duplicates": ("duplicates", "summary"),
        }
        looked = {name: where for name, where in kept.items() if where[0] in vars(self)}
        tables = {name: getattr(getattr(self, part), frame) for name, (part, frame) in looked.items()}
        for name in ("drivers", "customers", "risk", "silent"):
            if name in vars(self):
                tables |= getattr(self, name).saved_tables()
        for part in self._parts.values():
            tables |= part.saved_tables() if hasattr(part, "saved_tables") else {}
        return tables

    def _kept(self, kind: Any, by: str) -> Any:
        """Return the part of that kind for a grouping, made once."""
        if (kind, by) not in self._parts:
            self._parts[kind, by] = kind(self._lab, self.feedback, by)
        return self._parts[kind, by]

    @property
    def _judged(self) -> int:
        return int(self.sentiment["texts"].sum())

    def _share_of(self, sentiment: str) -> dict[str, Any]:
        return self.sentiment.row(by_predicate=pl.col("sentiment") == sentiment, named=True)


def _rated(value: float, unit: str) -> str:
    return percent(value) if unit == "share" else signed(value, 1)


def _titled(rating: Rating) -> Text:
    """Return the name of a rating, with the question that it answers where it is known."""
    if rating.question is None:
        return rating.name
    question = mask_text(pl.Series([rating.question]))[0]
    return Text(f"{rating.name.zh}：{question}", f"{rating.name.en}: {question}")
