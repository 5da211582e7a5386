"""Every check of the models of purchases in one place: what was asked, what was found, what follows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text
from crmlab.value.comparison import MATTERS
from crmlab.view.findings import Heading, Note, Sections
from crmlab.view.numbers import count, decimal, percent, signed
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.value import Value

NEAR = 0.1
"""A total that is off by less, though not by chance, is to be used with care; by more, discounted."""
MOST_GROUPS, HALF_OF_GROUPS = 0.8, 0.5
"""Shares of groups as expected from which on a model is fine, and below which it is not."""


class Diagnostics:
    """The checks of the model that the study's values stand on, as a list with verdicts and one by one.

    Shown in a notebook it is everything: the list, then the charts and tables of each check.
    """

    def __init__(self, value: Value) -> None:
        self.value = value
        self._language = value.lab.language

    def _ipython_display_(self) -> None:
        Sections(self.parts())._ipython_display_()

    @property
    def missing(self) -> Text | None:
        """Say why nothing can be checked; None where something can."""
        return self.value.missing

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per check: ``check``, ``found`` (in the study's language), ``verdict``.

        ``verdict`` is ``holds``, ``weak`` or ``broken``, null where the data cannot tell. ``check`` is one of
        ``total``, ``baseline``, ``best``, ``groups``, ``ranks``, ``alive``, ``parameters``, ``spend`` and
        ``rhythm``; what needs a holdout is absent where the history is too short for one.
        """
        rows = [(check, found.to(self._language), verdict) for check, found, verdict in self._checks()]
        schema = dict.fromkeys(("check", "found", "verdict"), pl.String)
        return pl.DataFrame(rows, schema=schema, orient="row")

    def table(self) -> Table | Note:
        """Show the checks with their verdicts."""
        if self.missing:
            return Note(self.missing, self._language)
        words, language = texts(), self._language
        named = self.summary.with_columns(
            asked=pl.col("check").replace_strict(
                {check: words[f"val_diagnostic_{check}"].to(language) for check in self.summary["check"]},
                return_dtype=pl.String,
            ),
            said=pl.col("verdict").replace_strict(
                {key: words[f"val_trust_{key}"].to(language) for key in ("holds", "weak", "broken")},
                return_dtype=pl.String,
                default=None,
            ),
        )
        holdout = self.value.holdout()
        return Table(
            named,
            [
                Column("asked", words["val_diagnostic"]),
                Column("found", words["val_found"]),
                Column("said", words["val_verdict"]),
            ],
            caption=say("val_diagnostics_caption", name=self._title),
            note=None if holdout.missing else joined(holdout.sample(), words["val_diagnostics_note"]),
            language=language,
        )

    def parts(self) -> list[object]:
        """Return the list of checks, then what each stands on, in the order of the report."""
        if self.missing:
            return [self.table()]
        value = self.value
        holdout, matrices, heterogeneity = value.holdout(), value.matrices(), value.heterogeneity()
        assumptions = value.assumptions()
        judged: list[object] = [holdout.note()]
        if not holdout.missing:
            comparison, tracking, calibration = value.comparison(), value.tracking(), value.calibration()
            judged += [self._heading("which"), comparison.note(), comparison.chart(), comparison.table()]
            judged += [self._heading("totals"), tracking.note()]
            judged += [tracking.chart(), tracking.increments_chart()]
            judged += [self._heading("groups"), calibration.note(), calibration.chart()]
            judged += [calibration.decile_chart(), calibration.alive_chart()]
        return [
            self.table(),
            *judged,
            self._heading("sees"),
            matrices.chart(),
            matrices.alive_chart(),
            heterogeneity.note(),
            heterogeneity.chart(),
            heterogeneity.dropout_chart(),
            heterogeneity.table(),
            self._heading("assumes"),
            assumptions.note(),
            assumptions.chart(),
            assumptions.table(),
        ]

    def _checks(self) -> Iterator[tuple[str, Text, str | None]]:
        """Yield each check with what was found and the verdict."""
        if self.missing:
            return
        if not self.value.holdout().missing:
            yield ("total", *self._total())
            yield ("baseline", *self._baseline())
            yield ("best", *self._best())
            yield ("groups", *self._groups())
            yield ("ranks", *self._ranks())
            yield ("alive", *self._alive())
        warns = bool(self.value.heterogeneity().verdicts)
        key = "val_found_parameters_warn" if warns else "val_found_parameters"
        yield "parameters", texts()[key], "weak" if warns else "holds"
        assumptions = self.value.assumptions()
        if not assumptions.missing:
            figures = {row["check"]: row for row in assumptions.summary.iter_rows(named=True)}
            rho, k = figures["spearman"], figures["regularity"]
            spend = _with_interval("val_found_spend", rho) if rho["verdict"] else texts()["val_found_alike"]
            rhythm = texts()["val_found_even" if k["verdict"] else "val_found_no_gaps"]
            if k["value"] is not None:
                rhythm = _with_interval("val_found_rhythm", k)
            yield "spend", spend, assumptions.dependence
            yield "rhythm", rhythm, k["verdict"]

    def _total(self) -> tuple[Text, str | None]:
        tracking = self.value.tracking()
        actual, told = float(tracking.holdout.actual.sum()), tracking.forecast
        off = told.value / actual - 1 if actual else float("inf")
        found = say(
            "val_found_total" if actual else "val_found_total_none",
            actual=count(actual),
            value=count(told.value),
            off=f"{signed(off * 100, 1)}%",
        )
        return found, "holds" if tracking.inside else "weak" if abs(off) < NEAR else "broken"

    def _baseline(self) -> tuple[Text, str | None]:
        comparison = self.value.comparison()
        gain = comparison.margin(comparison.baseline, comparison.listed(self._main)).share
        found = say(
            "val_found_baseline" if gain.value >= 0 else "val_found_baseline_more",
            baseline=self.value.holdout().title(comparison.baseline),
            gain=percent(abs(gain.value)),
            low=percent(gain.low),
            high=percent(gain.high),
        )
        if isnan(gain.value):
            return found, None
        return found, "holds" if gain.low > 0 else "broken" if gain.high < 0 else "weak"

    def _best(self) -> tuple[Text, str | None]:
        comparison, main = self.value.comparison(), self.value.comparison().listed(self._main)
        if main == comparison.best:
            return texts()["val_found_best"], "holds"
        behind = comparison.margin(main, comparison.best).share
        found = say(
            "val_found_behind",
            name=self.value.holdout().title(comparison.best),
            share=percent(behind.value),
            low=percent(behind.low),
            high=percent(behind.high),
        )
        return found, "weak" if behind.low > 0 and behind.value >= MATTERS else "holds"

    def _groups(self) -> tuple[Text, str | None]:
        calibration = self.value.calibration()
        (a, of_a), (b, of_b) = calibration.right("by_count"), calibration.right("by_decile")
        found = say("val_found_groups", a=a, of_a=of_a, b=b, of_b=of_b)
        share = (a + b) / (of_a + of_b) if of_a + of_b else 0.0
        return found, "holds" if share >= MOST_GROUPS else "weak" if share >= HALF_OF_GROUPS else "broken"

    def _ranks(self) -> tuple[Text, str | None]:
        calibration = self.value.calibration()
        ranks = calibration.ranks
        if isnan(ranks.value):
            return texts()["val_found_unranked"], None
        found = say("val_found_ranks", ranks=decimal(ranks.value), top=percent(calibration.top_share, 0))
        return found, "holds" if ranks.low > 0 else "broken"

    def _alive(self) -> tuple[Text, str | None]:
        calibration = self.value.calibration()
        area, low = calibration.area, calibration.understated is not None
        if isnan(area.value):
            return texts()["val_found_alive_unknown"], None
        found = say("val_found_alive_low" if low else "val_found_alive", auc=decimal(area.value))
        if low:
            return found, "broken"
        return found, "holds" if area.low > 0.5 else "weak"

    @property
    def _main(self) -> str:
        return self.value.holdout().main

    @property
    def _title(self) -> Text:
        holdout = self.value.holdout()
        return holdout.title(self.value.model if holdout.missing else holdout.main)

    def _heading(self, part: str) -> Heading:
        return Heading(texts()[f"val_part_{part}"], self._language)


def _with_interval(key: str, row: dict[str, Any]) -> Text:
    figures = {name: row[name] for name in ("value", "low", "high")}
    return say(key, **{name: MISSING if end is None else decimal(end) for name, end in figures.items()})
