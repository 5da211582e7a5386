"""What has become more or less frequent than before: themes and words, period by period.

The share of texts with a theme or word in one period is held against all periods before, as weighted
log-odds with a Dirichlet prior (Monroe, Colaresi & Quinn 2008): the prior is the item's share in both
together, as strong as ``PRIOR_TEXTS`` texts, and draws what is rare towards no change. Many items in many
periods are looked at, so the share of false alarms among what is reported is held at ``FALSE_ALARMS``
(Benjamini & Hochberg 1995), over all pairs of item and period that were looked at, themes and words apart.
Only what is frequent enough to tell is looked at; that is decided by the counts of both sides together,
which say nothing about a change.
"""

from __future__ import annotations

from functools import cached_property
from math import erfc, sqrt
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.contrast import false_discovery_rates
from crmlab.labels import Text
from crmlab.targeting.effects import difference_of_rates
from crmlab.view import theme_charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.voice.sentiment import SMALLEST_SHARE
from crmlab.voice.trend import period_of
from crmlab.words import countable, occurrences

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.voice.themes import Themes

PRIOR_TEXTS = 50.0
FALSE_ALARMS = 0.05
FEWEST_TEXTS = 15
"""An item is looked at in a period where so many texts of this and all earlier periods have it."""

_DRAWN = 12
_LISTED = 30


def changes(mentions: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """Return each item of each period against all periods before it.

    ``mentions``: ``item``, ``period``, one row per text that has the item. ``sizes``: ``period``, ``texts``.
    Columns: ``item``, ``period``, ``texts`` with the item, ``of`` all texts of the period, ``before`` and
    ``before_of`` alike for the periods before, ``share``, ``share_before``, ``difference`` of these with
    ``low`` and ``high`` (Newcombe 1998), ``log_odds``, ``z``, ``q`` (the smallest false discovery rate at
    which the change counts as found), and ``change``: ``new`` (never before), ``rising``, ``falling``, or
    null where it is none. Periods with fewer than 30 texts, or fewer than 30 before, are not looked at.
    Sorted by period, then item.
    """
    ordered = sizes.sort("period").with_columns(before_of=pl.col("texts").cum_sum().shift(1, fill_value=0))
    ordered = ordered.rename({"texts": "of"}).filter(
        (pl.col("of") >= SMALLEST_SHARE) & (pl.col("before_of") >= SMALLEST_SHARE)
    )
    counted = mentions.group_by("item", "period").agg(texts=pl.len().cast(pl.Int64))
    grid = sizes.select("period").join(counted.select("item").unique(), how="cross")
    every = (
        grid.join(counted, on=["item", "period"], how="left")
        .with_columns(pl.col("texts").fill_null(0))
        .sort("item", "period")
        .with_columns(before=pl.col("texts").cum_sum().shift(1, fill_value=0).over("item"))
        .join(ordered, on="period")
        .with_columns(pooled=(pl.col("texts") + pl.col("before")) / (pl.col("of") + pl.col("before_of")))
        .filter(pl.col("texts") + pl.col("before") >= FEWEST_TEXTS)
        .sort("period", "item")
    )
    now, then = (_smoothed(*pair) for pair in (("texts", "of"), ("before", "before_of")))
    log_odds = (now[0] / now[1]).log() - (then[0] / then[1]).log()
    spread = (1 / now[0] + 1 / now[1] + 1 / then[0] + 1 / then[1]).sqrt()
    tested = every.with_columns(log_odds=log_odds, z=log_odds / spread)
    rates = false_discovery_rates([erfc(abs(z) / sqrt(2)) for z in tested["z"]])
    columns = ["texts", "of", "before", "before_of"]
    # Many words have the same counts, so each quadruple is worked out once.
    counts = tested.select(columns).unique().sort(columns)
    found = [difference_of_rates(*row) for row in counts.iter_rows()]
    bounds = pl.DataFrame(
        {
            "difference": [each.value for each in found],
            "low": [each.low for each in found],
            "high": [each.high for each in found],
        },
        schema=dict.fromkeys(("difference", "low", "high"), pl.Float64),
    )
    tested = tested.join(counts.hstack(bounds), on=columns, how="left", maintain_order="left")
    rising = pl.when(pl.col("before") == 0).then(pl.lit("new")).otherwise(pl.lit("rising"))
    change = pl.when(pl.col("z") > 0).then(rising).otherwise(pl.lit("falling"))
    return tested.with_columns(
        share=pl.col("texts") / pl.col("of"),
        share_before=pl.col("before") / pl.col("before_of"),
        q=pl.Series(rates, dtype=pl.Float64),
    ).select(
        *("item", "period", "texts", "of", "before", "before_of", "share", "share_before"),
        *("difference", "low", "high", "log_odds", "z", "q"),
        pl.when(pl.col("q") <= FALSE_ALARMS).then(change).alias("change"),
    )


class Emerging:
    """New, rising and falling themes and words of the dated texts."""

    def __init__(self, lab: Lab, themes: Themes) -> None:
        self._lab = lab
        self._language = lab.language
        self._themes = themes
        self._dated = themes.dated.with_columns(
            period=period_of(pl.col("given_on"), themes.form),
            writer=pl.coalesce("customer_id", "feedback_id"),
        )

    @cached_property
    def looked_at(self) -> pl.DataFrame:
        """Every theme and word in every period looked at: ``kind``, as :func:`changes`, ``writers``."""
        sizes = self._dated.group_by("period").agg(texts=pl.len().cast(pl.Int64))
        named = (("theme", self._theme_mentions()), ("word", self._word_mentions()))
        parts = []
        for kind, mentions in named:
            writers = mentions.group_by("item", "period").agg(writers=pl.col("writer").n_unique())
            found = changes(mentions, sizes).select(pl.lit(kind).alias("kind"), pl.all())
            parts.append(found.join(writers, on=["item", "period"], how="left", maintain_order="left"))
        return pl.concat(parts)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """What changed, the latest period first, then by strength; columns as ``looked_at`` and ``name``.

        A rise that fewer different customers made than the study's smallest group is left out.
        """
        several = pl.col("writers") >= self._lab.study.privacy.smallest_group
        found = self.looked_at.drop_nulls("change").filter((pl.col("change") == "falling") | several)
        names = self._themes.scheme.names(self._language)
        named = pl.when(pl.col("kind") == "theme").then(
            pl.col("item").replace_strict(names, default=None, return_dtype=pl.String)
        )
        return found.with_columns(name=named.otherwise(pl.col("item"))).sort(
            *("period", pl.col("z").abs(), "kind", "item"), descending=[True, True, False, False]
        )

    @cached_property
    def periods(self) -> list[str]:
        """The periods that were looked at, earliest first."""
        return self.looked_at["period"].unique().sort().to_list()

    def chart(self) -> alt.LayerChart | Note:
        """Draw the changes of the latest period that has any, in percentage points with intervals."""
        if not self.summary.height:
            return self._nothing()
        latest = self.summary["period"][0]
        drawn = self.summary.filter(pl.col("period") == latest).head(_DRAWN)
        kinds = self._kinds()
        frame = drawn.sort("difference", "name", descending=[True, False]).with_columns(
            side=pl.col("change").replace_strict(kinds, return_dtype=pl.String),
            text=pl.format("{}/{}", "texts", "of"),
            text_before=pl.format("{}/{}", "before", "before_of"),
        )
        risen = drawn.filter(pl.col("change") != "falling").head(3)["name"].to_list()
        fallen = drawn.filter(pl.col("change") == "falling").head(3)["name"].to_list()
        title = say(
            "emerging_title" if risen else "emerging_title_fell",
            period=latest,
            names=_listed(risen or fallen),
        )
        return theme_charts.change_bars(frame, title, self._subtitle(), list(kinds.values()), self._language)

    def table(self) -> Table | Note:
        """Show the changes of all periods, the latest first."""
        if not self.summary.height:
            return self._nothing()
        words = texts()
        kinds, language = self._kinds(), self._language
        what = {"theme": words["themes_name"].to(language), "word": words["word"].to(language)}
        frame = self.summary.head(_LISTED).with_columns(
            pl.col("change").replace_strict(kinds, return_dtype=pl.String),
            pl.col("kind").replace_strict(what, return_dtype=pl.String),
            interval=pl.concat_list("low", "high"),
        )
        more = self.summary.height - frame.height
        return Table(
            frame,
            [
                Column("name", words["emerging_item"]),
                Column("kind", words["emerging_kind"]),
                Column("period", words["period"]),
                Column("change", words["emerging_change"]),
                Column("texts", words["texts"], "integer"),
                Column("share", words["emerging_share"], "percent"),
                Column("share_before", words["emerging_before"], "percent"),
                Column("interval", words["emerging_difference"], "interval", of="percent"),
            ],
            caption=say("emerging_caption", rate=percent(FALSE_ALARMS, 0)),
            note=joined(words["emerging_note"], say("emerging_more", n=count(more)) if more else None),
            language=self._language,
        )

    def note(self) -> Note:
        """Say how changes are found, and among how many."""
        return Note(
            say(
                "emerging_how",
                rate=percent(FALSE_ALARMS, 0),
                pairs=count(self.looked_at.height),
                periods=count(len(self.periods)),
                least=SMALLEST_SHARE,
                smallest=self._lab.study.privacy.smallest_group,
            ),
            self._language,
        )

    def _kinds(self) -> dict[str, str]:
        words = texts()
        names = {
            "new": words["emerging_new"],
            "rising": words["emerging_rising"],
            "falling": words["emerging_falling"],
        }
        return {kind: name.to(self._language) for kind, name in names.items()}

    def _theme_mentions(self) -> pl.DataFrame:
        shown = self._themes.summary["theme"].to_list()
        return self._dated.filter(pl.col("theme").is_in(shown)).select("period", "writer", item="theme")

    def _word_mentions(self) -> pl.DataFrame:
        """The words that at least the smallest group of different customers use; contacts are none."""
        rows = self._dated.select("period", "writer").with_row_index("row")
        said = occurrences(countable(self._dated["text"])).unique().join(rows, on="row")
        enough = pl.col("writer").n_unique() >= self._lab.study.privacy.smallest_group
        often = pl.len() >= FEWEST_TEXTS
        kept = said.group_by("word").agg(keep=enough & often).filter("keep")["word"]
        return said.filter(pl.col("word").is_in(kept.implode())).select("period", "writer", item="word")

    def _subtitle(self) -> Text:
        return say(
            "emerging_subtitle",
            n=count(self._dated.height),
            pairs=count(self.looked_at.height),
            rate=percent(FALSE_ALARMS, 0),
        )

    def _nothing(self) -> Note:
        if not self.periods:
            return Note(
                say("emerging_undated", n=count(self._dated.height), least=SMALLEST_SHARE), self._language
            )
        return Note(
            say("emerging_none", pairs=count(self.looked_at.height), periods=count(len(self.periods))),
            self._language,
        )


def _smoothed(with_it: str, of: str) -> tuple[pl.Expr, pl.Expr]:
    """Return how many texts have the item and how many have not, each with its part of the prior."""
    prior = PRIOR_TEXTS * pl.col("pooled")
    has = pl.col(with_it) + prior
    # An item in every text of both sides would leave nothing beside it.
    return has, (pl.col(of) + PRIOR_TEXTS - has).clip(lower_bound=0.5)


def _listed(names: list[Any]) -> Text:
    return Text("；".join(names), "; ".join(names))
