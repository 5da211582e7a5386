"""The voice of the customer: what a feedback table says, in numbers and in the customers' words."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.contrast import contrast
from crmlab.data.privacy import mask_text
from crmlab.intervals import wilson
from crmlab.labels import Scheme, Text
from crmlab.satisfaction import Rating, ratings
from crmlab.view import charts, theme
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

SMALLEST_GROUP = 30
"""Below this many texts a share is not drawn as a point of its own."""
_POLES = ("positive", "negative")


class Voice:
    """Verdict, trend, themes, contrast and coverage of a study's feedback."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._language = lab.language

    @cached_property
    def feedback(self) -> pl.DataFrame:
        """The feedback table with ``language``, ``positive_probability`` and ``sentiment``."""
        return self._lab.annotate("sentiment").feedback

    @cached_property
    def ratings(self) -> list[Rating]:
        """One figure per scale on which scores were given."""
        return ratings(self._lab.tables["feedback"])

    @cached_property
    def sentiment(self) -> pl.DataFrame:
        """One row per sentiment: ``sentiment``, ``texts``, ``share`` of the judged texts, ``low``, ``high``."""
        counts = dict(self.feedback.group_by("sentiment").len().iter_rows())
        judged = sum(n for name, n in counts.items() if name != "none")
        rows = []
        for name in ("positive", "uncertain", "negative"):
            n = counts.get(name, 0)
            low, high = wilson(n, judged)
            rows.append(
                {
                    "sentiment": name,
                    "texts": n,
                    "share": n / judged if judged else None,
                    "low": low,
                    "high": high,
                }
            )
        return pl.DataFrame(rows, schema=_SENTIMENT_SCHEMA)

    def verdict(self) -> Table:
        """Show the overall figures: ratings where scores exist, sentiment of the texts."""
        words, language = texts(), self._language
        rows: list[dict[str, Any]] = [
            {
                "name": rating.name.to(language),
                "value": _rated(rating.value, rating.unit),
                "interval": f"{_rated(rating.low, rating.unit)} – {_rated(rating.high, rating.unit)}",
                "n": rating.n,
                "definition": "".join(text.to(language) for text in (rating.definition, *rating.notes)),
            }
            for rating in self.ratings
        ]
        judged = int(self.sentiment["texts"].sum())
        for name in _POLES:
            row = self.sentiment.row(by_predicate=pl.col("sentiment") == name, named=True)
            rows.append(
                {
                    "name": words[f"judged_{name}"].to(language),
                    "value": percent(row["share"]),
                    "interval": f"{percent(row['low'])} – {percent(row['high'])}",
                    "n": judged,
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
        groups = [(words["all_texts"].to(language), self.feedback)]
        subjects = (
            self.feedback.drop_nulls("category")
            .group_by("category")
            .len()
            .sort("len", "category", descending=[True, False])
        )
        for subject, n in subjects.iter_rows():
            if n >= SMALLEST_GROUP:
                name = _subject(subject).to(language)
                groups.append((name, self.feedback.filter(pl.col("category") == subject)))
        rows = []
        for group, part in groups[:9]:
            judged = part.filter(pl.col("sentiment") != "none")
            running = 0.0
            for name in ("positive", "uncertain", "negative"):
                n = int((judged["sentiment"] == name).sum())
                share = n / judged.height if judged.height else 0.0
                rows.append(
                    {
                        "group": f"{group} (n={count(judged.height)})",
                        "name": words[name].to(language),
                        "count": n,
                        "share": share,
                        "middle": running + share / 2,
                        "label": percent(share, 0) if share >= 0.06 else "",
                    }
                )
                running += share
        row = self.sentiment.row(by_predicate=pl.col("sentiment") == "positive", named=True)
        return charts.share_bars(
            pl.DataFrame(rows),
            [words[name].to(language) for name in ("positive", "uncertain", "negative")],
            [theme.GOOD, theme.NEUTRAL, theme.BAD],
            list(dict.fromkeys(row["group"] for row in rows)),
            say(
                "sentiment_title",
                share=percent(row["share"]),
                low=percent(row["low"]),
                high=percent(row["high"]),
            ),
            say("sentiment_subtitle", n=count(int(self.sentiment["texts"].sum()))),
            language,
        )

    @cached_property
    def trend(self) -> Trend:
        """The share of positive texts over time."""
        return Trend(self.feedback, self._language)

    @cached_property
    def themes(self) -> ThemeMentions:
        """What the feedback is about."""
        return ThemeMentions(self._lab, self.feedback)

    @cached_property
    def contrast(self) -> Contrast:
        """The words that separate satisfied from dissatisfied customers."""
        return Contrast(self.feedback, self._language)

    @cached_property
    def coverage(self) -> Coverage:
        """How much feedback there is, and what is missing in it."""
        return Coverage(self.feedback, self._language)

    @cached_property
    def reliability(self) -> pl.DataFrame:
        """How often the judged sentiment agrees with the customer's own score, beside the baseline.

        One row, or none without scores: ``n``, ``accuracy``, ``low``, ``high``, ``baseline`` (the
        share of the larger class), ``undecided`` (texts left uncertain).
        """
        satisfied = _satisfied(self.feedback)
        table = self.feedback.with_columns(satisfied=satisfied).filter(
            pl.col("satisfied").is_not_null() & (pl.col("sentiment") != "none")
        )
        decided = table.filter(pl.col("sentiment") != "uncertain")
        if not decided.height:
            return pl.DataFrame(schema=_RELIABILITY_SCHEMA)
        right = int(((decided["sentiment"] == "positive") == decided["satisfied"]).sum())
        larger = int(decided["satisfied"].sum())
        low, high = wilson(right, decided.height)
        row = {
            "n": decided.height,
            "accuracy": right / decided.height,
            "low": low,
            "high": high,
            "baseline": max(larger, decided.height - larger) / decided.height,
            "undecided": table.height - decided.height,
        }
        return pl.DataFrame([row], schema=_RELIABILITY_SCHEMA)

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
                Column("undecided", words["undecided"], "integer"),
            ],
            caption=words["reliability_caption"],
            note=words["reliability_note"],
            language=self._language,
        )


class Trend:
    """The share of positive texts per month, quarter or year, with intervals."""

    def __init__(self, feedback: pl.DataFrame, language: Any) -> None:
        self._language = language
        self.dated = feedback.filter(pl.col("given_on").is_not_null() & (pl.col("sentiment") != "none"))
        self.undated = feedback.height - int(feedback["given_on"].is_not_null().sum())

    @cached_property
    def periods(self) -> pl.DataFrame:
        """``period``, ``count``, ``positive``, ``share``, ``low``, ``high``; short periods where texts are many."""
        if not self.dated.height:
            return pl.DataFrame(schema=_TREND_SCHEMA)
        frames = [self._by(form) for form in ("month", "quarter", "year")]
        chosen = next((f for f in frames if f.height >= 3 and (f["count"] >= 10).mean() >= 0.6), frames[1])  # type: ignore[operator]
        bounds = [wilson(positive, n) for n, positive in chosen.select("count", "positive").iter_rows()]
        return chosen.with_columns(
            share=pl.col("positive") / pl.col("count"),
            low=pl.Series([low for low, _ in bounds], dtype=pl.Float64),
            high=pl.Series([high for _, high in bounds], dtype=pl.Float64),
        )

    def _by(self, form: str) -> pl.DataFrame:
        on = pl.col("given_on")
        year = on.dt.year().cast(pl.String)
        period = {
            "month": on.dt.strftime("%Y-%m"),
            "quarter": year + "Q" + on.dt.quarter().cast(pl.String),
            "year": year,
        }[form]
        positive = (pl.col("sentiment") == "positive").sum().cast(pl.Int64)
        return (
            self.dated.group_by(period.alias("period"))
            .agg(pl.len().cast(pl.Int64).alias("count"), positive.alias("positive"))
            .sort("period")
        )

    def chart(self) -> Any:
        """Draw it, or say that no text has a date."""
        from crmlab.view.findings import Note

        if self.periods.height < 2:
            return Note(say("trend_none", n=count(self.undated)), self._language)
        first, last = self.periods.row(0, named=True), self.periods.row(-1, named=True)
        apart = first["high"] < last["low"] or last["high"] < first["low"]
        return charts.interval_line(
            self.periods.with_columns(n=pl.format("n={}", "count")),
            say(
                "trend_title_apart" if apart else "trend_title_same",
                first=first["period"], last=last["period"], then=percent(first["share"], 0), now=percent(last["share"], 0),
            ),
            say("trend_subtitle", n=count(self.dated.height), undated=count(self.undated)),
            texts()["positive_share"],
            self._language,
        )  # fmt: skip


class ThemeMentions:
    """Themes with size, sentiment and quotes."""

    def __init__(self, lab: Lab, feedback: pl.DataFrame) -> None:
        self._lab = lab
        self._language = lab.language
        self._feedback = feedback
        self._annotation = lab.annotate("themes")
        self._annotator: Any = self._annotation.annotator

    @property
    def scheme(self) -> Scheme:
        """The themes and their names."""
        scheme: Scheme = self._annotator.scheme
        return scheme

    @cached_property
    def mentions(self) -> pl.DataFrame:
        """One row per text and theme: ``feedback_id``, ``theme``, ``clause``, ``positive_probability``."""
        mentions: pl.DataFrame = self._annotator.mentions(self._lab.tables["feedback"])
        return mentions

    @cached_property
    def covered(self) -> int:
        """Texts with at least one theme."""
        return int((self._annotation.feedback["themes"].list.len() > 0).sum())

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per theme, largest first.

        ``theme``, ``texts``, ``share`` of all texts with ``low`` and ``high``, ``positive`` and
        ``negative`` mentions, ``negative_share`` of the decided ones with ``negative_low`` and
        ``negative_high``. Themes below the study's smallest group are left out.
        """
        total = self._feedback.height
        probability = pl.col("positive_probability")
        grouped = self.mentions.group_by("theme").agg(
            pl.len().cast(pl.Int64).alias("texts"),
            (probability > 0.5).sum().cast(pl.Int64).alias("positive"),
            (probability <= 0.5).sum().cast(pl.Int64).alias("negative"),
        )
        shown = grouped.filter(pl.col("texts") >= self._lab.study.privacy.smallest_group).sort(
            "texts", "theme", descending=[True, False]
        )
        rows = []
        for row in shown.iter_rows(named=True):
            low, high = wilson(row["texts"], total)
            decided = row["positive"] + row["negative"]
            negative_low, negative_high = wilson(row["negative"], decided)
            rows.append(
                {
                    **row,
                    "share": row["texts"] / total,
                    "low": low,
                    "high": high,
                    "negative_share": row["negative"] / decided if decided else None,
                    "negative_low": negative_low,
                    "negative_high": negative_high,
                }
            )
        return pl.DataFrame(rows, schema=_THEME_SCHEMA)

    def chart(self) -> alt.Chart:
        """Draw negative mentions to the left and positive to the right, per theme."""
        words, language = texts(), self._language
        named = self._named(self.summary).head(15)
        sides = [
            named.select(
                "name",
                side=pl.lit(words[side].to(language)),
                value=pl.col(side) * sign,
                count=side,
                share=pl.col(side) / (pl.col("positive") + pl.col("negative")),
            )
            for side, sign in (("negative", -1), ("positive", 1))
        ]
        title = words["no_themes"]
        if self.loudest is not None and self.worst is not None:
            title = say(
                "themes_title",
                loudest=self.scheme[self.loudest["theme"]].text,
                negative=count(self.loudest["negative"]),
                worst=self.scheme[self.worst["theme"]].text,
                share=percent(self.worst["negative_share"], 0),
            )
        return charts.diverging_bars(
            pl.concat(sides),
            named["name"].to_list(),
            title,
            say(
                "themes_subtitle",
                covered=percent(self.covered / self._feedback.height if self._feedback.height else None, 0),
                n=count(self._feedback.height),
            ),
            language,
        )

    @cached_property
    def worst(self) -> dict[str, Any] | None:
        """The theme with the largest negative share that is sure (the interval's lower end), or none."""
        return self._first("negative_low")

    @cached_property
    def loudest(self) -> dict[str, Any] | None:
        """The theme with the most negative mentions, or none."""
        return self._first("negative")

    def _first(self, column: str) -> dict[str, Any] | None:
        big = self.summary.filter(pl.col("texts") >= SMALLEST_GROUP)
        return big.sort(column, "theme", descending=[True, False]).row(0, named=True) if big.height else None

    def table(self) -> Table:
        """Show size and sentiment per theme."""
        words = texts()
        frame = self._named(self.summary).with_columns(
            interval=pl.concat_list("low", "high"),
            negative_interval=pl.concat_list("negative_low", "negative_high"),
        )
        return Table(
            frame,
            [
                Column("name", words["theme"]),
                Column("texts", words["texts"], "integer"),
                Column("share", words["of_texts"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("negative_share", words["negative_share"], "percent", bar=True),
                Column("negative_interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["themes_caption"],
            note=words["themes_note"],
            language=self._language,
        )

    @cached_property
    def quotes(self) -> pl.DataFrame:
        """Typical texts: ``theme``, ``polarity``, ``text`` as written, contacts masked."""
        from crmlab_plugins.quotes import quotes

        chosen = quotes(self.mentions, self._lab.tables["feedback"], per_theme=1)
        if self._lab.study.privacy.quotes == "masked":
            chosen = chosen.with_columns(mask_text(chosen["text"]))
        return chosen

    def quotes_table(self) -> Any:
        """Show the quotes, unless the study says none."""
        from crmlab.view.findings import Note

        words = texts()
        if self._lab.study.privacy.quotes == "none":
            return Note(words["quotes_off"], self._language)
        sides = [
            self.quotes.filter(pl.col("polarity") == side)
            .group_by("theme")
            .agg(pl.col("text").first().alias(side))
            for side in _POLES
        ]
        frame = self._named(self.summary.head(8).select("theme"))
        for side in sides:
            frame = frame.join(side, on="theme", how="left", maintain_order="left")
        return Table(
            frame,
            [
                Column("name", words["theme"]),
                Column("positive", words["quote_positive"]),
                Column("negative", words["quote_negative"]),
            ],
            caption=words["quotes_caption"],
            note=words["quotes_note"] if self._lab.study.privacy.quotes == "masked" else None,
            language=self._language,
        )

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = self.scheme.names(self._language)
        return frame.with_columns(name=pl.col("theme").replace_strict(names, return_dtype=pl.String))


class Contrast:
    """Words that mark satisfied or dissatisfied texts, by weighted log-odds."""

    def __init__(self, feedback: pl.DataFrame, language: Any) -> None:
        self._language = language
        own = _satisfied(feedback)
        self.by_score = own.is_not_null().any()
        judged = pl.when(pl.col("sentiment").is_in(_POLES)).then(pl.col("sentiment") == "positive")
        self.satisfied = own if self.by_score else feedback.select(judged).to_series()
        self._texts = feedback["text"]

    @cached_property
    def words(self) -> pl.DataFrame:
        """What :func:`crmlab.contrast.contrast` finds, at a false discovery rate of 1 %."""
        return contrast(self._texts, self.satisfied, min_texts=20).filter(pl.col("q") <= 0.01)

    @cached_property
    def telling(self) -> pl.DataFrame:
        """The twelve strongest words of each side, positive first."""
        return pl.concat(
            [self.words.filter(pl.col("z") > 0).head(12), self.words.filter(pl.col("z") < 0).tail(12)]
        )

    def chart(self) -> Any:
        """Draw the z-scores of the telling words."""
        from crmlab.view.findings import Note

        if not self.telling.height:
            return Note(texts()["contrast_none"], self._language)
        words = texts()
        frame = self.telling.select(
            name="word",
            value=pl.col("z").round(2),
            positive=pl.col("positive_share").map_elements(percent, return_dtype=pl.String),
            negative=pl.col("negative_share").map_elements(percent, return_dtype=pl.String),
        )
        marks = self.telling.tail(3)["word"].reverse().to_list()
        top = Text("、".join(marks), ", ".join(marks))
        groups = words["contrast_by_score" if self.by_score else "contrast_by_sentiment"]
        n_positive, n = int(self.satisfied.sum() or 0), int(self.satisfied.is_not_null().sum())
        return charts.signed_bars(
            frame,
            frame["name"].to_list(),
            say("contrast_title", words=top),
            say(
                "contrast_subtitle", groups=groups, positive=count(n_positive), negative=count(n - n_positive)
            ),
            words["contrast_axis"],
            self._language,
            [
                ("name", words["word"]),
                ("positive", words["in_satisfied"]),
                ("negative", words["in_dissatisfied"]),
                ("value", words["z"]),
            ],
        )


class Coverage:
    """Volume and missing values of feedback."""

    def __init__(self, feedback: pl.DataFrame, language: Any) -> None:
        self.feedback = feedback
        self._language = language

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per column that a reader may miss: ``column``, ``present``, ``share``, ``low``, ``high``."""
        n = self.feedback.height
        rows = []
        for column in ("text", "score", "given_on", "customer_id", "channel", "category"):
            present = int(self.feedback[column].is_not_null().sum())
            low, high = wilson(present, n)
            rows.append(
                {
                    "column": column,
                    "present": present,
                    "share": present / n if n else None,
                    "low": low,
                    "high": high,
                }
            )
        return pl.DataFrame(
            rows,
            schema={
                "column": pl.String,
                "present": pl.Int64,
                "share": pl.Float64,
                "low": pl.Float64,
                "high": pl.Float64,
            },
        )

    def chart(self) -> alt.LayerChart:
        """Draw how complete each column is."""
        words, language = texts(), self._language
        frame = self.summary.with_columns(
            name=pl.col("column").map_elements(
                lambda name: words[f"column_{name}"].to(language), return_dtype=pl.String
            ),
            value=pl.col("share"),
            label=pl.col("share").map_elements(percent, return_dtype=pl.String),
        )
        lengths = self.feedback["text"].drop_nulls().str.len_chars()
        missing = self.summary.filter(pl.col("share") < 0.5).height
        return charts.bars(
            frame,
            frame["name"].to_list(),
            say("coverage_title", missing=missing, of=frame.height),
            say(
                "coverage_subtitle", n=count(self.feedback.height), median=count(float(lengths.median() or 0))
            ),  # type: ignore[arg-type]
            words["filled_share"],
            language,
            [("name", words["column"]), ("present", words["filled"]), ("label", words["filled_share"])],
        )


def _satisfied(feedback: pl.DataFrame) -> pl.Series:
    """Return whether the customer's own score says satisfied; null in the middle or without a score.

    NPS 9–10 against 0–6; five points 4–5 against 1–2; seven points 6–7 against 1–3; yes or no.
    """
    score, scale = pl.col("score"), pl.col("scale")
    bounds = {
        "nps_0_10": (6, 9),
        "csat_1_5": (2, 4),
        "csat_1_7": (3, 6),
        "ces_1_7": (3, 6),
        "binary_0_1": (0, 1),
    }
    cases = [
        pl.when((scale == name) & (score >= high))
        .then(True)
        .when((scale == name) & (score <= low))
        .then(False)
        for name, (low, high) in bounds.items()
    ]
    return feedback.select(pl.coalesce(*cases).alias("satisfied")).to_series()


def _rated(value: float, unit: str) -> str:
    return percent(value) if unit == "share" else f"{value:+.1f}".replace("-", "\u2212")


def _subject(subject: str) -> Text:
    return texts().get(f"subject_{subject}", Text(subject, subject))


_SENTIMENT_SCHEMA = {
    "sentiment": pl.String,
    "texts": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_RELIABILITY_SCHEMA = {
    "n": pl.Int64,
    "accuracy": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "baseline": pl.Float64,
    "undecided": pl.Int64,
}
_TREND_SCHEMA = {
    "period": pl.String,
    "count": pl.Int64,
    "positive": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_THEME_SCHEMA = {
    "theme": pl.String, "texts": pl.Int64, "share": pl.Float64, "low": pl.Float64, "high": pl.Float64, "positive": pl.Int64,
    "negative": pl.Int64, "negative_share": pl.Float64, "negative_low": pl.Float64, "negative_high": pl.Float64,
}  # fmt: skip
