"""What models of value take for granted, tested on the study's own purchases.

Independence: Gamma-Gamma lets what a customer spends on a purchase have nothing to do with how often he
buys (Fader, Hardie & Lee 2005, Journal of Marketing Research 42:415). Regularity: between two purchases of
one customer the models let time pass at random, as in a Poisson process; Wheat & Morrison (1990, Journal
of Marketing Research 27:87–93) tell from two successive gaps of each customer whether it does.
"""

from __future__ import annotations

from functools import cached_property
from math import inf, isinf, isnan, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.data.suppression import merged_bins
from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab.segments.separation import UNKNOWN, Estimate, eta_squared
from crmlab.value.holdout import FEWEST_REPEAT
from crmlab.value.ranks import spearman
from crmlab.value.repeats import group_name, group_of, group_starts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import ArrayLike

    from crmlab.lab import Lab

FREQUENT = 8
"""Customers with this many repeats or more are one group, unless they are many."""
LARGE = {"spearman": 0.3, "eta_squared": 0.06}
"""From here on an effect is not small any more (Cohen 1988): values of frequent and rare buyers are wrong."""


class Regularity(NamedTuple):
    """The shape k of the gaps between purchases and its interval: 1 random, more regular, less in bursts."""

    k: Estimate
    customers: int


def regularity(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Regularity:
    """Return the shape of gamma-distributed gaps from two successive gaps of each customer.

    The first gap's share of both is Beta(k, k) whatever the customer's rate, with the variance
    1 / (4 (2 k + 1)); the estimate is the moment's, the interval that of the variance. Gaps are positive.
    All NaN for fewer than two customers; k is infinite where all gaps are equal.
    """
    import numpy as np

    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n = len(one)
    if n < 2:
        return Regularity(UNKNOWN, n)
    squares = (one / (one + two) - 0.5) ** 2  # the mean of the shares is known to be 1/2
    reach = z_value(confidence) * float(squares.std(ddof=1)) / sqrt(n)
    middle = float(squares.mean())
    return Regularity(Estimate(_shape(middle), _shape(middle + reach), _shape(middle - reach)), n)


def _shape(variance: float) -> float:
    """Return the k of which a share has this variance; 0 where it is larger than any."""
    return max(0.0, (1 - 4 * variance) / (8 * variance)) if variance > 0 else inf


class Assumptions:
    """The two tests on the purchases of a study up to its day."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def missing(self) -> Text | None:
        """Say why nothing can be tested; None where it can."""
        if "orders" not in self.lab.tables:
            return texts()["val_no_orders"]
        if self._spenders.height < FEWEST_REPEAT:
            return say(
                "val_few_repeat",
                n=count(self._spenders.height),
                least=FEWEST_REPEAT,
                day=self.lab.study.as_of,
            )
        return None

    @cached_property
    def independence(self) -> Estimate:
        """Spearman's correlation of the number of repeats with the average repeat purchase."""
        return spearman(self._spenders["repeat_purchase_days"], self._spenders["repeat_day_value"])

    @cached_property
    def explained(self) -> Estimate:
        """The share of the variance of the average repeat purchase between numbers of repeats (eta²)."""
        return eta_squared(self._places, self._spenders["repeat_day_value"])

    @cached_property
    def regularity(self) -> Regularity:
        """The shape of the gaps, from the two latest gaps of everybody with two repeats or more."""
        paid = self.lab.tables["orders"].filter(pl.col("amount_hundredths") > 0)
        days = paid.select("customer_id", "day").unique().sort("customer_id", "day")
        gaps = days.with_columns(gap=pl.col("day").diff().over("customer_id")).drop_nulls("gap")
        last = gaps.group_by("customer_id", maintain_order=True).agg(
            first=pl.col("gap").slice(-2, 1).first(), second=pl.col("gap").last(), n=pl.len()
        )
        two = last.filter(pl.col("n") >= 2)
        return regularity(two["first"], two["second"])

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per figure: ``check``, ``value``, ``low``, ``high``, ``customers``, ``verdict``.

        ``check`` is ``spearman``, ``eta_squared`` or ``regularity``; ``verdict`` is ``holds``, ``weak`` or
        ``broken``. Null are figures that cannot be told, and a regularity without end (all gaps alike).
        """
        spenders = self._spenders.height
        rows = [
            ("spearman", *self.independence, spenders, _size("spearman", self.independence)),
            ("eta_squared", *self.explained, spenders, _size("eta_squared", self.explained)),
            ("regularity", *self.regularity.k, self.regularity.customers, self._rhythm()),
        ]
        return pl.DataFrame(rows, schema=_SUMMARY, orient="row").with_columns(
            pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64))
        )

    @cached_property
    def groups(self) -> pl.DataFrame:
        """The average repeat purchase by number of repeats.

        ``group`` (text), ``customers``, ``value`` (mean over customers, currency units) with ``low`` and
        ``high`` (Student's t, 95 %). Neighbours of too few customers are one group.
        """
        from scipy.special import stdtrit

        starts, places = self._starts, self._places
        sizes = [int((places == at).sum()) for at in range(len(starts))]
        rows = []
        for first, last in merged_bins(sizes, max(self.lab.study.privacy.smallest_group, 2)):
            value = self._spenders.filter(places.is_between(first, last))["repeat_day_value"]
            n, mean, deviation = value.len(), float(value.mean() or 0), float(value.std() or 0)  # type: ignore[arg-type]
            reach = float(stdtrit(n - 1, 0.975)) * deviation / n**0.5
            rows.append((group_name(starts, first, last), n, mean, mean - reach, mean + reach))
        return pl.DataFrame(rows, schema=_GROUPS, orient="row")

    def explain(self) -> Text:
        """Say what each test found, and what follows for the values."""
        if self.missing:
            return self.missing
        rho, k = self.independence, self.regularity.k
        independent = say(
            _INDEPENDENCE.get(self.dependence or "", "val_dependence_unknown"),
            rho=decimal(rho.value),
            low=decimal(rho.low),
            high=decimal(rho.high),
            eta=percent(self.explained.value),
            n=count(self._spenders.height),
        )
        rhythm = None if isnan(k.value) else self._of_rhythm(k)
        return joined(independent, rhythm, self._of_beginnings())

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self.lab.language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the average repeat purchase by number of repeats: level where the two are independent."""
        if self.missing:
            return self.note()
        from crmlab.view.scheme_view_charts import dots

        words, language, currency = texts(), self.lab.language, self.lab.study.currency

        def written(value: float) -> str:
            return money(value, currency).to(language)

        frame = self.groups.select(
            name="group",
            value="value",
            low="low",
            high="high",
            label=pl.col("value").map_elements(written, return_dtype=pl.String),
            interval=pl.format(
                "{} – {}",
                *(pl.col(end).map_elements(written, return_dtype=pl.String) for end in ("low", "high")),
            ),
            customers=pl.col("customers").map_elements(
                lambda n: say("val_of_customers", n=count(n)).to(language), return_dtype=pl.String
            ),
        )
        title = say(
            f"val_independence_title_{self.dependence or 'unknown'}",
            rho=decimal(self.independence.value),
        )
        return dots(
            frame,
            float(self._spenders["repeat_day_value"].mean() or 0),  # type: ignore[arg-type]
            title,
            say("val_independence_subtitle", n=count(self._spenders.height), day=self.lab.study.as_of),
            say("val_repeat_value_axis", currency=currency),
            words["val_by_count_axis"],
            language,
            [
                ("name", words["val_by_count_axis"]),
                ("label", words["val_repeat_value"]),
                ("interval", words["interval_95"]),
                ("customers", words["customers"]),
            ],
        )

    def table(self) -> Table | Note:
        """Show the figures of both tests with their verdicts."""
        if self.missing:
            return self.note()
        words, language = texts(), self.lab.language
        named = self.summary.with_columns(
            name=pl.col("check").replace_strict(
                {key: words[f"val_check_{key}"].to(language) for key in self.summary["check"]},
                return_dtype=pl.String,
            ),
            said=pl.col("verdict").replace_strict(
                {key: words[f"val_verdict_{key}"].to(language) for key in ("holds", "weak", "broken")},
                return_dtype=pl.String,
                default=None,
            ),
            interval=pl.concat_list("low", "high"),
        )
        return Table(
            named,
            [
                Column("name", words["val_check"]),
                Column("value", words["val_check_value"], "decimal", decimals=3),
                Column("interval", words["interval_95"], "interval"),
                Column("customers", words["customers"], "integer"),
                Column("said", words["val_verdict"]),
            ],
            caption=say("val_assumptions_caption", day=self.lab.study.as_of),
            note=words["val_assumptions_note"],
            language=language,
        )

    @property
    def dependence(self) -> str | None:
        """The worse verdict of the two on independence; None where neither can tell."""
        verdicts = {_size("spearman", self.independence), _size("eta_squared", self.explained)}
        return next((verdict for verdict in ("broken", "weak", "holds") if verdict in verdicts), None)

    def _rhythm(self) -> str | None:
        """Judge regularity: random gaps, nearly so, or not."""
        k = self.regularity.k
        if isnan(k.value):
            return None
        if k.low <= 1 <= k.high:
            return "holds"
        return "weak" if 1 / 1.5 < k.value < 1.5 else "broken"

    def _of_beginnings(self) -> Text | None:
        """Warn where most customers "begin" with the data: it may not reach back to their first purchase."""
        ages = self.lab.features("days_since_first_order")["days_since_first_order"].drop_nulls()
        history = int(ages.max() or 0)  # type: ignore[arg-type]
        days = max(history // 10, 1)
        share = float((ages >= history - days).mean() or 0)  # type: ignore[arg-type]
        return say("val_truncated", share=percent(share, 0), days=days) if share > 0.5 else None

    def _of_rhythm(self, k: Estimate) -> Text:
        if isinf(k.value):
            return say("val_even", n=count(self.regularity.customers))
        key = "val_random"
        if self._rhythm() != "holds":
            key = "val_regular" if k.value > 1 else "val_bursts"
        return say(
            key,
            k=decimal(k.value),
            low=decimal(k.low),
            high=decimal(k.high),
            n=count(self.regularity.customers),
        )

    @cached_property
    def _starts(self) -> list[int]:
        return group_starts(self._spenders["repeat_purchase_days"].to_numpy(), 1, FREQUENT)

    @cached_property
    def _places(self) -> pl.Series:
        """The group of each of the repeat buyers by number of repeats."""
        return pl.Series(group_of(self._spenders["repeat_purchase_days"].to_numpy(), self._starts))

    @cached_property
    def _spenders(self) -> pl.DataFrame:
        """Repeat buyers with the average of their repeat purchases."""
        return self.lab.features("repeat_purchase_days", "repeat_day_value").drop_nulls()


def _size(check: str, estimate: Estimate) -> str | None:
    """Judge a dependence by its interval first, then by its size; None where it cannot be told."""
    if isnan(estimate.value):
        return None
    if estimate.low <= 0 <= estimate.high:
        return "holds"
    return "weak" if abs(estimate.value) < LARGE[check] else "broken"


_INDEPENDENCE = {
    "holds": "val_independent",
    "weak": "val_nearly_independent",
    "broken": "val_dependent",
}
_SUMMARY = {
    "check": pl.String,
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "customers": pl.Int64,
    "verdict": pl.String,
}
_GROUPS = {
    "group": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
}
