"""How renewals will go on: models of contracts beside the observed curve, judged on what came after."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import polars as pl

from crmlab import registry
from crmlab.errors import CrmlabError
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view import theme
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.retention_charts import share_curves
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.retention.contracts import Contracts, Terms

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MODELS = ("sbg", "beta-discrete-weibull")
_SHARE_HELD_OUT = 0.25
_FEWEST_ENDED = 10


@runtime_checkable
class TellsTenure(Protocol):
    """What a fitted model of contracts offers: the share renewed so many times, per ``period_days``."""

    period_days: int

    def survival(self, periods: int) -> pl.DataFrame:
        """Return ``period``, ``survival``, ``low``, ``high`` from 0 to ``periods``; no rows without a fit."""
        ...


class Projection:
    """The models ``sbg`` and ``beta-discrete-weibull`` of the contracts' renewals.

    Judged on the last quarter of the records: fitted on what was known before, each says how many of the
    contracts running then are still running on the as-of day. The baseline renews at the one rate of all
    periods before.
    """

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.lab = contracts.lab
        self._fewest = contracts.lab.study.privacy.smallest_group

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per model, ``baseline`` first; none where the records are too short to hold some back.

        ``model``, ``running`` contracts on the day of the fit, ``expected`` and ``kept`` of them on the as-of
        day as shares, ``kept_low`` and ``kept_high`` (Wilson), and ``error``, expected less kept.
        """
        then = self._then
        if then is None or self.contracts.terms is None:
            return pl.DataFrame(schema=_SCHEMA)
        made, _ = then.periods(self.contracts.period_days)
        running = then.ended < 0
        whole, _ = self._grown.periods(self.contracts.period_days)
        more = whole[running] - made[running]
        now = self.contracts.terms.ended[self.contracts.terms.started <= day_number(then.as_of)]
        kept, n = int((now[running] < 0).sum()), int(running.sum())
        if n < max(self._fewest, 1):
            return pl.DataFrame(schema=_SCHEMA)
        low, high = wilson(kept, n)
        expected = {"baseline": float((self._rate(then) ** more).mean())}
        for name, model in self._models_then.items():
            share = _survival_at(model, made[running] + more) / _survival_at(model, made[running])
            expected[name] = float(share.mean())
        rows = [
            {
                "model": name, "running": n, "expected": value, "kept": kept / n,
                "kept_low": low, "kept_high": high, "error": value - kept / n,
            }
            for name, value in expected.items()
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=_SCHEMA)

    @cached_property
    def models(self) -> dict[str, TellsTenure]:
        """The models that are there and know the contracts, fitted on the as-of day."""
        return self._fitted(None)

    def table(self) -> Table | Note:
        """Show how near each came to what was kept."""
        if self.summary.is_empty():
            why = (
                self.contracts.explain()
                if self.contracts.terms is None
                else texts()["retention_projection_none"]
            )
            return Note(self.explain() or why, self.lab.language)
        words = texts()
        frame = self.summary.with_columns(
            name=pl.Series([self._title(name) for name in self.summary["model"]], dtype=pl.String),
            interval=pl.concat_list("kept_low", "kept_high"),
        )
        assert self._then is not None
        return Table(
            frame,
            [
                Column("name", words["retention_model"]),
                Column("expected", words["retention_projected"], "percent"),
                Column("kept", words["retention_really_kept"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("error", words["retention_error"], "percent"),
            ],
            caption=say("retention_projection_caption", day=self._then.as_of),
            note=say("retention_projection_note", n=count(int(self.summary["running"][0]))),
            language=self.lab.language,
        )

    def explain(self) -> Text | None:
        """Say which came nearer on unseen data; None where there is nothing to compare."""
        rows = self.summary
        if rows.height < 2 or self._then is None:
            return None
        best = rows.filter(pl.col("model") != "baseline").sort(pl.col("error").abs(), maintain_order=True)
        row, base = best.row(0, named=True), rows.row(0, named=True)
        return say(
            "retention_projection_said",
            day=self._then.as_of,
            model=registry.models[row["model"]].title,
            expected=percent(row["expected"]),
            baseline=percent(base["expected"]),
            value=percent(row["kept"]),
            low=percent(row["kept_low"]),
            high=percent(row["kept_high"]),
        )

    def _title(self, name: str) -> str:
        text = texts()["retention_same_rate"] if name == "baseline" else registry.models[name].title
        return text.to(self.lab.language)

    @cached_property
    def _then(self) -> Terms | None:
        """What was known before the last quarter of the records; None where too little was."""
        terms = self.contracts.terms
        if terms is None:
            return None
        long = day_number(terms.as_of) - int(terms.started.min())
        day = terms.as_of - timedelta(days=round(_SHARE_HELD_OUT * long))
        then = terms.until(day)
        periods, seen = then.periods(self.contracts.period_days)
        enough = int(seen.sum()) >= _FEWEST_ENDED and int(periods.max(initial=0)) > 1
        return then if enough and (then.ended < 0).any() else None

    @property
    def _grown(self) -> Terms:
        """The contracts of then as they would stand today, had none ended since."""
        from dataclasses import replace

        then = self._then
        assert then is not None
        return replace(then, as_of=self.lab.study.as_of)

    def _rate(self, then: Terms) -> float:
        """Return the share of all renewals that were due by then and made."""
        periods, seen = then.periods(self.contracts.period_days)
        due = int(periods.sum())
        return 1 - int(seen.sum()) / due if due else 1.0

    @cached_property
    def _models_then(self) -> dict[str, TellsTenure]:
        return {} if self._then is None else self._fitted(self._then)

    def _fitted(self, then: Terms | None) -> dict[str, TellsTenure]:
        """Return the models that are registered, can be fitted on these data, and tell the tenure."""
        found: dict[str, TellsTenure] = {}
        if self.contracts.terms is None:
            return {}
        for name in MODELS:
            if name not in registry.models:
                continue
            try:
                model = self.lab.model(name, as_of=then.as_of if then else None)
            except CrmlabError:  # it cannot be fitted to these contracts: the observed curve stands alone
                continue
            if not isinstance(model, TellsTenure) or model.period_days != self.contracts.period_days:
                continue
            if model.survival(1).height:  # a model without a fit has no curve
                found[name] = model
        return found


def chart(contracts: Contracts) -> alt.LayerChart | Note:
    """Draw the observed share of contracts still there, and how the models carry it on."""
    words, language = texts(), contracts.lab.language
    projection, last = contracts.projection, int(contracts.summary["period"].max())  # type: ignore[arg-type]
    observed = contracts.summary.select(
        name=pl.lit(words["retention_observed"].to(language)),
        day="period",
        share="survival",
        low="survival_low",
        high="survival_high",
        watched="at_risk",
    )
    first = observed.head(1).with_columns(
        day=pl.lit(0, pl.Int64), share=pl.lit(1.0), low=pl.lit(1.0), high=pl.lit(1.0)
    )
    parts = [first, observed]
    step = max(1, 2 * last // 60)
    for name, model in projection.models.items():
        told = model.survival(2 * last).filter(pl.col("period") % step == 0)
        parts.append(
            told.select(
                name=pl.lit(registry.models[name].title.to(language)),
                day="period",
                share="survival",
                low="low",
                high="high",
                watched=pl.lit(None, pl.Int64),
            )
        )
    assert contracts.curve is not None
    return share_curves(
        pl.concat(parts),
        title=contracts.title(),
        subtitle=joined(
            say(
                "retention_contract_subtitle",
                n=count(contracts.curve.customers),
                ended=count(contracts.curve.ended),
            ),
            words["retention_projected_lines"] if projection.models else None,
        ),
        x_title=say("retention_tenure", days=contracts.period_days),
        y_title=words["retention_survival"],
        name_title=words["retention_curve"],
        language=language,
        colours=[theme.ACCENT, *theme.PALETTE[1:]],
    )


def _survival_at(model: TellsTenure, periods: Ints) -> Floats:
    """Return the survival of a new contract at each number of periods."""
    curve: Floats = model.survival(int(periods.max(initial=1)))["survival"].to_numpy()
    return curve[periods]


_SCHEMA: dict[str, Any] = {
    "model": pl.String,
    "running": pl.Int64,
    **dict.fromkeys(("expected", "kept", "kept_low", "kept_high", "error"), pl.Float64),
}
