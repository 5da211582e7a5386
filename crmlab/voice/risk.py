"""Revenue at risk: what the dissatisfied customers are worth, whom to call first, and whether they leave."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import DataError
from crmlab.intervals import share_of_total
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.segments.separation import Estimate
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.numbers import count, decimal, money, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.view.worth_charts import amounts
from crmlab.voice.call_list import listed, table_of
from crmlab.voice.customers import SCHEME, missing_of
from crmlab.voice.group_figures import apart, between
from crmlab.voice.leaving import Leaving, leaving
from crmlab.voice.worth import Worth, of_everybody, worth_of

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

DISSATISFIED = "dissatisfied"


class Risk:
    """What the dissatisfied are expected to bring in: revenue that stands at risk, not revenue that is lost.

    Per customer it is the value that a living customer would have, times the probability of being one. The
    lifetime value of the model ``clv`` is that product already, so it is taken as it is: times that
    probability again it would be counted twice. How much of it is lost *because of* dissatisfaction is not
    said unless the study's own history shows that the dissatisfied come back less than others like them.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    @cached_property
    def missing(self) -> Text | None:
        """Say what is missing to weigh dissatisfaction; None where nothing is."""
        return missing_of(self.lab) or (None if self.worth else texts()["risk_no_orders"])

    @cached_property
    def worth(self) -> Worth | None:
        """What customers are worth; None without orders."""
        return worth_of(self.lab)

    @cached_property
    def customers(self) -> pl.DataFrame:
        """Everybody: ``customer_id``, ``label``, ``value``, ``alive`` (null where values are spend)."""
        assert self.worth is not None
        return of_everybody(self.worth, self.lab.classify(SCHEME).labels)

    @cached_property
    def total(self) -> Estimate:
        """The value of the dissatisfied, with its 95 % interval; see :meth:`Worth.total`."""
        assert self.worth is not None
        return self.worth.total(self._of(DISSATISFIED)["customer_id"])

    @cached_property
    def share(self) -> Estimate:
        """Its share of the value of all customers, with its 95 % interval (linearised ratio)."""
        value = self.customers["value"]
        part = value * (self.customers["label"] == DISSATISFIED).cast(pl.Float64)
        whole = float(value.sum())
        if not whole:
            return Estimate(float("nan"), float("nan"), float("nan"))
        return Estimate(float(part.sum()) / whole, *share_of_total(part, value))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class, who gave no feedback last.

        ``label``, ``customers``; ``if_alive``, what they would be worth were all alive, and ``alive``, the
        mean probability of it weighted by that, whose product is ``value`` (both null where values are
        spend); ``low`` and ``high`` of the value, ``share`` of all. Classes of few customers have no figures.
        """
        if self.missing:
            return pl.DataFrame(schema=_SUMMARY)
        assert self.worth is not None
        segmentation = self.lab.classify(SCHEME)
        whole = float(self.customers["value"].sum())
        rows: list[dict[str, Any]] = []
        for label in (*segmentation.scheme.ids, UNCLASSIFIED.id):
            row: dict[str, Any] = {"label": label}
            rows.append(row)
            if label in segmentation.few:
                continue
            part = self._of(label)
            total = self.worth.total(part["customer_id"])
            row |= {"customers": part.height, "value": float(part["value"].sum())}
            row |= {"low": total.low, "high": total.high}
            row["share"] = row["value"] / whole if whole else None
            if self.worth.basis == "clv":
                living = part.filter(pl.col("alive") > 0)
                row["if_alive"] = float((living["value"] / living["alive"]).sum())
                row["alive"] = row["value"] / row["if_alive"] if row["if_alive"] else None
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def leaving(self) -> Leaving | None:
        """Whether the dissatisfied came back less than others like them; None where history is too short."""
        if self.missing:
            return None
        try:
            found = leaving(self.lab)
        except DataError:
            return None
        return found if found.enough else None

    @cached_property
    def first(self) -> pl.DataFrame:
        """The dissatisfied, the most valuable first; see :func:`crmlab.voice.call_list.listed`."""
        return listed(self.lab, self.customers.clear() if self.missing else self._of(DISSATISFIED))

    def figures(self) -> KeyFigures | Note:
        """Show what stands at risk, with its interval and share, and how many customers that is."""
        if self.missing or self._few:
            return self.note()
        language, words = self.lab.language, texts()
        low, high = (self._money(end).to(language) for end in self.total[1:])
        figures = [
            (self._money(self.total.value).to(language), words["risk_figure_total"]),
            (f"{low}–{high}", words["interval_95"]),
            (percent(self.share.value), words["risk_figure_share"]),
            (count(self._of(DISSATISFIED).height), words["risk_figure_customers"]),
        ]
        return KeyFigures(figures, language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw what the customers of each class are worth, the dissatisfied marked."""
        if self.missing or self._few:
            return self.note()
        assert self.worth is not None
        language, names = self.lab.language, self._names
        frame = self.summary.drop_nulls("customers").select(
            name=pl.col("label").replace_strict(names, return_dtype=pl.String),
            main=pl.col("label") == DISSATISFIED,
            value="value",
            low="low",
            high="high",
        )
        return amounts(
            frame,
            None,
            say("risk_title", value=self._money(self.total.value), share=percent(self.share.value)),
            say(
                "risk_subtitle",
                n=count(self._of(DISSATISFIED).height),
                low=self._money(self.total.low),
                high=self._money(self.total.high),
                day=self.lab.study.as_of,
            ),
            say("risk_axis", name=self.worth.name, currency=self.lab.study.currency),
            texts()["cust_class"],
            language,
        )

    def table(self) -> Table | Note:
        """Show the summary: what each class would be worth alive, how likely that is, and the product."""
        if self.missing:
            return self.note()
        assert self.worth is not None
        words = texts()
        alive = [
            Column("if_alive", words["risk_if_alive"], "money"),
            Column("alive", words["risk_alive"], "percent"),
        ] * (self.worth.basis == "clv")
        return Table(
            self.summary.with_columns(
                name=pl.col("label").replace_strict(self._names, return_dtype=pl.String),
                interval=pl.concat_list("low", "high"),
            ),
            [
                Column("name", words["cust_class"]),
                Column("customers", words["customers"], "integer"),
                *alive,
                Column("value", self.worth.name, "money", bar=True),
                Column("interval", words["interval_95"], "interval", of="money"),
                Column("share", words["cust_value_share"], "percent"),
            ],
            caption=say("risk_caption", day=self.lab.study.as_of),
            note=joined(
                self.worth.definition(),
                say("privacy_rows", k=self.lab.study.privacy.smallest_group)
                if self.lab.classify(SCHEME).few
                else None,
            ),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def call_list(self, rows: int = 15) -> Table | Note:
        """Show the dissatisfied worth most, under codes unless the study says otherwise, and what to do."""
        return self.note() if self.missing else table_of(self, rows)

    def retention_table(self) -> Table | Note:
        """Show how many of the dissatisfied ordered again, beside others like them."""
        found = self.leaving
        if self.missing or found is None:
            return Note(self.missing or texts()["risk_leaving_unknown"], self.lab.language)
        words, language = texts(), self.lab.language
        names = (words["risk_the_dissatisfied"], words["risk_the_others"], words["risk_difference"])
        rows: list[tuple[str, int | None, str | None, str | None]] = [
            (name.to(language), n, percent(rate.value), f"{percent(rate.low)} – {percent(rate.high)}")
            for name, n, rate in zip(
                names[:2], (found.dissatisfied, found.others), (found.rate, found.other_rate), strict=True
            )
        ]
        gap = found.difference
        ends = between("share", gap.low, gap.high, of_difference=True)
        rows.append((names[2].to(language), None, apart("share", gap.value), ends))
        return Table(
            pl.DataFrame(rows, schema=_RETURNED, orient="row"),
            [
                Column("name", words["group"]),
                Column("n", words["customers"], "integer"),
                Column("rate", say("risk_returned", days=found.days)),
                Column("interval", words["interval_95"]),
            ],
            caption=say("risk_leaving_caption", day=found.day, days=found.days),
            note=say("risk_leaving_note", given=count(found.given), n=count(found.dissatisfied)),
            language=language,
        )

    def explain(self) -> Text:
        """Say what stands at risk, what that means, and whether dissatisfied customers leave more."""
        if self.missing:
            return self.missing
        if self._few:
            smallest = self.lab.study.privacy.smallest_group
            return say("risk_few", k=smallest) if self._of(DISSATISFIED).height else texts()["risk_nobody"]
        assert self.worth is not None
        known = self.customers.filter(pl.col("label") != UNCLASSIFIED.id)
        whole = float(self.customers["value"].sum())
        return joined(
            say(
                "risk_said",
                n=count(self._of(DISSATISFIED).height),
                value=self._money(self.total.value),
                low=self._money(self.total.low),
                high=self._money(self.total.high),
                share=percent(self.share.value),
                share_low=percent(self.share.low),
                share_high=percent(self.share.high),
            ),
            self.worth.definition(),
            say("risk_known", share=percent(float(known["value"].sum()) / whole)) if whole else None,
            self._of_leaving(),
        )

    def finding(self) -> Text | None:
        """Say in a sentence how much stands at risk, and whether it is lost; None where that is not known."""
        if self.missing or self._few:
            return None
        assert self.worth is not None
        tail, found = Text("", ""), self.leaving
        if found is not None:
            points = decimal(-100 * found.difference.value, 1)
            tail = say("finding_risk_shown", points=points) if found.shown else say("finding_risk_not_shown")
        return say(
            "finding_risk",
            n=count(self._of(DISSATISFIED).height),
            name=texts()["worth_short_clv" if self.worth.basis == "clv" else "worth_short_spend"],
            value=self._money(self.total.value),
            low=self._money(self.total.low),
            high=self._money(self.total.high),
            share=percent(self.share.value),
            tail=tail,
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self.lab.language)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the summary, by name."""
        return {} if self.missing else {"revenue_at_risk": self.summary}

    @property
    def _few(self) -> bool:
        """Whether there are too few dissatisfied to be told of together."""
        return DISSATISFIED in self.lab.classify(SCHEME).few or self._of(DISSATISFIED).is_empty()

    @property
    def _names(self) -> dict[str, str]:
        names = self.lab.classify(SCHEME).scheme.names(self.lab.language)
        return {**names, UNCLASSIFIED.id: texts()["cust_silent"].to(self.lab.language)}

    def _of(self, label: str) -> pl.DataFrame:
        return self.customers.filter(pl.col("label") == label)

    def _money(self, value: float) -> Text:
        return money(value, self.lab.study.currency)

    def _of_leaving(self) -> Text:
        """Say whether the dissatisfied came back less, and only then what that may cost."""
        found = self.leaving
        if found is None:
            return texts()["risk_leaving_unknown"]
        values = {
            "day": found.day,
            "days": found.days,
            "rate": percent(found.rate.value),
            "others": percent(found.other_rate.value),
            "points": signed(100 * found.difference.value, 1),
            "low": signed(100 * found.difference.low, 1),
            "high": signed(100 * found.difference.high, 1),
        }
        if not found.shown:
            return say("risk_leaving_not_shown", **values)
        lost = found.lost_share
        return joined(
            say("risk_leaving_shown", **values),
            say(
                "risk_may_cost",
                value=self._money(lost.value * self.total.value),
                low=self._money(lost.low * self.total.value),
                high=self._money(lost.high * self.total.value),
            ),
        )


_RETURNED = {"name": pl.String, "n": pl.Int64, "rate": pl.String, "interval": pl.String}
_SUMMARY = {
    "label": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("if_alive", "alive", "value", "low", "high", "share"), pl.Float64),
}
