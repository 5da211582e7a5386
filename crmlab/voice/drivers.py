"""What satisfaction depends on: key drivers, their odds, and which to fix first."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.drivers import design as designs
from crmlab.drivers.design import Design, Kind, LeftOut, Metric
from crmlab.drivers.key_drivers import FEWEST, KeyDrivers
from crmlab.labels import Text
from crmlab.view.driver_charts import importance_performance
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, interval, percent
from crmlab.view.scheme_view_charts import dots
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_ORDER: tuple[Kind, ...] = ("ratings", "aspects", "choices")
_METRICS: tuple[Metric, ...] = ("nps", "csat", "binary")
_DRAWN = 20
_LISTED = 8
_UNEVEN = 0.05
"""Below this chance the odds are said to differ along the scale."""


class Drivers:
    """What goes with the scores that customers gave: answers about parts, choices, or aspects of texts.

    ``feedback`` is the table of the study or a part of it. ``kind`` is what is held against the score and
    ``metric`` the score: unless given, the first of ratings, aspects and choices, and of NPS, CSAT and
    satisfied or not, for which there are enough respondents. ``reliability`` is the share of the
    predictors' variance that is no error of measurement, where it is known: of answers from asking twice,
    of aspects from texts that people judged.
    """

    def __init__(
        self,
        lab: Lab,
        feedback: pl.DataFrame,
        kind: Kind | None = None,
        metric: Metric | None = None,
        reliability: float | tuple[float, ...] | None = None,
    ) -> None:
        self._lab = lab
        self._feedback = feedback
        self._wanted = (kind, metric)
        self._reliability = reliability
        self._made: dict[tuple[Kind, Metric], KeyDrivers] = {}

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """What could be held against a score: the kinds with enough respondents, ratings first."""
        return tuple(
            kind for kind in _ORDER if any(self._of(kind, metric).enough for metric in self._metrics)
        )

    @cached_property
    def fitted(self) -> KeyDrivers | None:
        """The key drivers of the kind and score that were chosen; None where there is too little."""
        kinds = (self._wanted[0],) if self._wanted[0] else _ORDER
        found = (self._of(kind, metric) for kind in kinds for metric in self._metrics)
        return next((each for each in found if each.enough), None)

    @cached_property
    def missing(self) -> Text | None:
        """Say what is missing and what to do; None where drivers can be told."""
        if self.fitted is not None:
            return None
        given = max(designs.respondents(self._feedback, metric).height for metric in self._metrics)
        if not given:
            return texts()["drivers_no_scores"]
        return say("drivers_too_few", n=count(given), least=count(FEWEST))

    @property
    def summary(self) -> pl.DataFrame:
        """One row per driver, as :attr:`KeyDrivers.summary` has it; none where drivers cannot be told."""
        return self.fitted.summary if self.fitted else pl.DataFrame(schema={"predictor": pl.String})

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the summary of every kind that the data allows, by name."""
        tables = {}
        for kind in self.kinds:
            fit = next(each for metric in self._metrics if (each := self._of(kind, metric)).enough)
            tables[f"drivers_{kind}"] = fit.summary
        return tables

    def chart(self) -> alt.LayerChart | Note:
        """Draw each driver's share of what all explain, with its interval and a line at an even split."""
        fit = self.fitted
        if fit is None:
            return self.note()
        words, language = texts(), self._lab.language
        frame = self._named(fit).head(_DRAWN)
        frame = frame.with_columns(
            customers=_written(frame["n"], lambda n: say("drivers_n", n=count(n)).to(language)),
            value="share",
            label=_written(frame["share"], lambda share: percent(share, 0)),
            side=_written(frame["slope"], lambda slope: _direction(fit.design, slope).to(language)),
        )
        top = frame.row(0, named=True)
        return dots(
            frame,
            1 / fit.summary.height,
            say("drivers_title", top=top["name"], share=percent(top["share"], 0), score=_score(fit.design)),
            self._sample(fit),
            words["drivers_share_axis"],
            words["drivers_driver"],
            language,
            [
                ("name", words["drivers_driver"]),
                ("label", words["drivers_share"]),
                ("side", words["drivers_direction"]),
                ("customers", words["sample"]),
            ],
            percent_axis=True,
        )

    def table(self) -> Table | Note:
        """Show each driver: share of what all explain, direction, and how well it goes."""
        fit = self.fitted
        if fit is None:
            return self.note()
        words, language = texts(), self._lab.language
        frame = self._named(fit)
        frame = frame.with_columns(
            side=_written(frame["slope"], lambda slope: _direction(fit.design, slope).to(language)),
            interval=pl.concat_list("low", "high"),
            performance_interval=pl.concat_list("performance_low", "performance_high"),
        )
        corrected = [Column("corrected", words["drivers_corrected"], "percent")] * (fit.corrected is not None)
        performance = [
            Column("performance", words["drivers_performance"], "percent"),
            Column("performance_interval", words["interval_95"], "interval", of="percent"),
        ] * (fit.design.kind != "choices")
        return Table(
            frame,
            [
                Column("name", words["drivers_driver"]),
                Column("n", words[f"drivers_n_{fit.design.kind}"], "integer"),
                Column("share", words["drivers_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("part", words["drivers_part"], "decimal", decimals=3),
                *corrected,
                Column("side", words["drivers_direction"]),
                *performance,
            ],
            caption=say("drivers_caption", score=_score(fit.design), kind=_kind(fit.design)),
            note=joined(self._method(fit), words[f"drivers_performance_{fit.design.kind}"]),
            language=language,
        )

    def odds_table(self) -> Table | Note:
        """Show the odds of a higher score per step of each driver, all others the same."""
        fit = self.fitted
        if fit is None or fit.ordinal is None:
            return self.note() if fit is None else Note(texts()["drivers_no_odds"], self._lab.language)
        words = texts()
        return Table(
            self._named(fit).with_columns(interval=pl.concat_list("odds_low", "odds_high")),
            [
                Column("name", words["drivers_driver"]),
                Column("odds", words["drivers_odds"], "decimal"),
                Column("interval", words["interval_95"], "interval"),
                Column("correlation", words["drivers_correlation"], "decimal"),
            ],
            caption=say("drivers_odds_caption", score=_score(fit.design), n=count(fit.ordinal.n)),
            note=joined(
                say(
                    "drivers_odds_note",
                    step=words[f"drivers_step_{fit.design.kind}"],
                    pseudo=decimal(fit.ordinal.pseudo_r2),
                ),
                self._proportional(fit),
            ),
            language=self._lab.language,
        )

    def importance_performance_chart(self) -> alt.LayerChart | Note:
        """Draw how much each driver matters by how well it goes."""
        fit = self.fitted
        if fit is None:
            return self.note()
        language, words = self._lab.language, texts()
        if fit.design.kind == "choices":
            return Note(words["drivers_choices_only"], language)
        frame = self._named(fit)
        frame = frame.with_columns(
            meaning=_written(frame["quadrant"], lambda name: words[f"drivers_quadrant_{name}"].to(language)),
            first=(pl.col("quadrant") == "concentrate"),
        )
        middle = float(frame["performance"].mean())  # type: ignore[arg-type]
        return importance_performance(
            frame, (middle, 1 / frame.height), self.first(), self._sample(fit), language
        )

    def priorities(self) -> Table | Note:
        """Show what to fix first: important and poor before the rest, the most important on top."""
        fit = self.fitted
        if fit is None:
            return self.note()
        language, words = self._lab.language, texts()
        if fit.design.kind == "choices":
            return Note(words["drivers_choices_only"], language)
        order = pl.col("quadrant").replace_strict(
            {"concentrate": 0, "keep": 1, "low": 2, "overkill": 3}, return_dtype=pl.Int64
        )
        frame = self._named(fit).sort(order, pl.col("share"), descending=[False, True], maintain_order=True)
        frame = frame.with_columns(
            meaning=_written(frame["quadrant"], lambda name: words[f"drivers_quadrant_{name}"].to(language)),
            certain=_written(
                frame["sure"], lambda sure: words["drivers_sure" if sure else "drivers_unsure"].to(language)
            ),
        )
        return Table(
            frame,
            [
                Column("name", words["drivers_driver"]),
                Column("meaning", words["drivers_quadrant"]),
                Column("certain", words["drivers_certain"]),
                Column("share", words["drivers_share"], "percent", bar=True),
                Column("performance", words["drivers_performance"], "percent"),
            ],
            caption=words["drivers_priorities_caption"],
            note=say("drivers_priorities_note", even=percent(1 / frame.height)),
            language=language,
        )

    def first(self) -> Text:
        """Say which driver to fix first, and how sure that is."""
        fit = self.fitted
        if fit is None or fit.design.kind == "choices":
            return self.missing or texts()["drivers_choices_only"]
        poor = self._named(fit).filter(pl.col("quadrant") == "concentrate")
        if poor.is_empty():
            return texts()["drivers_first_none"]
        sure = poor.filter("sure")
        chosen = sure if sure.height else poor
        names = [self._name_of(fit, name) for name in chosen["predictor"]]
        return say("drivers_first_sure" if sure.height else "drivers_first_likely", names=_listed(names))

    def finding(self) -> Text | None:
        """Say in a sentence or two what matters most and what to fix first; None where that is not known."""
        fit = self.fitted
        if fit is None:
            return None
        top = fit.summary.row(0, named=True)
        said = say(
            "finding_driver",
            score=_score(fit.design),
            top=self._name_of(fit, top["predictor"]),
            share=percent(top["share"]),
            interval=interval(top["low"], top["high"]),
        )
        if not (fit.summary["quadrant"] == "concentrate").any():
            return said
        return say("finding_driver_first", said=said, first=self.first())

    def explain(self) -> Text:
        """Say what was held against what, what it explains, what was left out, and what it does not say."""
        fit = self.fitted
        if fit is None:
            return self.missing or texts()["drivers_no_scores"]
        design = fit.design
        skipped = design.scored - design.x.shape[0]
        turned = [self._name_of(fit, name) for name in fit.against_correlation]
        return joined(
            say(
                "drivers_said",
                score=_score(design),
                n=count(design.x.shape[0]),
                p=design.x.shape[1],
                kind=_kind(design),
                r2=percent(fit.r2.value, 0),
                low=percent(fit.r2.low, 0),
                high=percent(fit.r2.high, 0),
            ),
            say("drivers_skipped", n=count(skipped)) if skipped else None,
            *self._left_out(design.left_out),
            say("drivers_turned", names=_listed(turned)) if turned else None,
            texts()["drivers_association"],
            self._attenuation(fit),
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self._lab.language)

    @property
    def _metrics(self) -> tuple[Metric, ...]:
        return (self._wanted[1],) if self._wanted[1] else _METRICS

    def _of(self, kind: Kind, metric: Metric) -> KeyDrivers:
        if (kind, metric) not in self._made:
            self._made[kind, metric] = KeyDrivers(self._design(kind, metric), self._reliability)
        return self._made[kind, metric]

    def _design(self, kind: Kind, metric: Metric) -> Design:
        if kind == "ratings":
            return designs.ratings(self._feedback, metric, self._lab.study.surveys.ces_direction)
        if kind == "choices":
            return designs.choices(self._feedback, metric)
        annotator, mentions = self._mentioned
        band: float = getattr(self._lab.annotate("sentiment").annotator, "uncertain_within", 0.0)
        return designs.aspects(self._feedback, mentions, annotator.scheme, band, metric)

    @cached_property
    def _mentioned(self) -> tuple[Any, pl.DataFrame]:
        """The annotator of aspects, and what the texts of the feedback mention."""
        annotator: Any = self._lab.annotate("aspects").annotator
        return annotator, annotator.mentions(self._feedback)

    def _name_of(self, fit: KeyDrivers, predictor: str) -> Text:
        return next(each.name for each in fit.design.predictors if each.id == predictor)

    def _named(self, fit: KeyDrivers) -> pl.DataFrame:
        names = {each.id: each.name.to(self._lab.language) for each in fit.design.predictors}
        return fit.summary.with_columns(
            name=pl.col("predictor").replace_strict(names, return_dtype=pl.String)
        )

    def _sample(self, fit: KeyDrivers) -> Text:
        return say(
            "drivers_subtitle",
            score=_score(fit.design),
            n=count(fit.design.x.shape[0]),
            r2=percent(fit.r2.value, 0),
        )

    def _method(self, fit: KeyDrivers) -> Text:
        return texts()["drivers_exact" if fit.method == "lmg" else "drivers_relative"]

    def _left_out(self, left_out: tuple[LeftOut, ...]) -> list[Text]:
        """Name what was left out, by reason."""
        keys = {
            "few": "drivers_left_few",
            "skipped": "drivers_left_skipped",
            "same": "drivers_left_same",
            "nominal": "drivers_left_ranked",
            "whole": "drivers_left_whole",
        }
        said = []
        for why, key in keys.items():
            names = [each.name for each in left_out if each.why == why]
            if names:
                least = count(designs.FEWEST_MENTIONS)
                said.append(
                    say(key, names=_listed(names), least=least)
                    if why == "few"
                    else say(key, names=_listed(names))
                )
        return said

    def _proportional(self, fit: KeyDrivers) -> Text | None:
        if fit.design.metric == "binary":  # a single cut, along which nothing can differ
            return None
        p = fit.proportional
        if p != p:
            return texts()["drivers_odds_untested"]
        shown = decimal(p, 3) if p >= 0.001 else "0.001"
        if p < _UNEVEN:
            return say("drivers_odds_uneven", p=shown, sign="=" if p >= 0.001 else "<")
        return say("drivers_odds_even", p=shown)

    def _attenuation(self, fit: KeyDrivers) -> Text | None:
        """Say by how much errors of measurement shrink the figures, as far as that is known."""
        if self._reliability is not None:
            if fit.corrected is None:
                return texts()["drivers_attenuation_too_low"]
            return say(
                "drivers_attenuation_known",
                r2=percent(fit.r2.value, 0),
                corrected=percent(fit.corrected_r2, 0),
            )
        return texts()[f"drivers_attenuation_{fit.design.kind}"]


def _written(values: pl.Series, write: Callable[[Any], str]) -> pl.Series:
    return pl.Series(values.name, [write(value) for value in values.to_list()], dtype=pl.String)


def _direction(design: Design, slope: float) -> Text:
    if design.kind == "choices":
        return texts()["drivers_ticked_up" if slope >= 0 else "drivers_ticked_down"]
    return texts()["drivers_up" if slope >= 0 else "drivers_down"]


def _score(design: Design) -> Text:
    return texts()[f"drivers_score_{design.metric}"]


def _kind(design: Design) -> Text:
    return texts()[f"drivers_kind_{design.kind}"]


def _listed(names: list[Text]) -> Text:
    """List names, the first of many."""
    more = say("drivers_more", n=count(len(names) - _LISTED)) if len(names) > _LISTED else Text("", "")
    shown = names[:_LISTED]
    return Text(
        "、".join(each.zh for each in shown) + more.zh, ", ".join(each.en for each in shown) + more.en
    )
