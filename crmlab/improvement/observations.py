"""What is observed of each metric, row by row: day, numerator, denominator, where, about what."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data import convert
from crmlab.improvement.metrics import CAP_DAYS
from crmlab.satisfaction import SCALES

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.labels import Label

UNSAID = "–"
"""The category of complaints without one, the stratum of rows that do not say or are of a rare kind."""
_OF_ORDER = 0.9
"""Share of complaints that must tell their order for the order's channel to count as theirs."""


class Observations:
    """The rows of every metric of a study, made once. Nothing is later than the as-of day.

    Each frame has ``day``, ``num`` and ``den`` (a figure is Σ num / Σ den), and what the table has of
    ``customer_id``, ``channel``, ``category``, ``store``; rows of aspects have ``aspect``.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def rows(self, metric: str, *, by_aspect: bool) -> pl.DataFrame:
        """Return the rows of a metric; of a share of negative texts by aspect or of whole texts."""
        if metric in ("csat", "nps"):
            return self._scores(metric)
        if metric == "complaint_rate":
            return self._complaint_rate
        if metric in ("resolution_hours", "handling_satisfaction"):
            return self._handled(metric)
        if metric == "negative_share" and not by_aspect:
            return self._judged
        return self._mentioned if metric == "aspect_share" else self._mentions

    @cached_property
    def _feedback(self) -> pl.DataFrame:
        """The feedback with ``day``, ``store`` where orders tell it, and the columns that rows carry."""
        feedback = self.lab.tables["feedback"].rename({"given_on": "day"}).drop_nulls("day")
        return self._with_store(feedback)

    def _with_store(self, frame: pl.DataFrame) -> pl.DataFrame:
        if "orders" not in self.lab.tables or "order_id" not in frame.columns:
            return frame
        orders = self.lab.tables["orders"]
        if "store" not in orders.columns:
            return frame
        places = orders.drop_nulls("order_id").select("order_id", "store").unique("order_id", keep="first")
        return frame.join(places, on="order_id", how="left", maintain_order="left")

    def _carried(self, frame: pl.DataFrame, *more: str) -> list[str]:
        return [
            name for name in ("customer_id", "channel", "category", "store", *more) if name in frame.columns
        ]

    def _scores(self, metric: str) -> pl.DataFrame:
        frame = self._feedback.drop_nulls("score")
        score, scale = pl.col("score"), pl.col("scale")
        if metric == "nps":
            frame = frame.filter(scale == "nps_0_10")
            value = 100.0 * ((score >= 9).cast(pl.Float64) - (score <= 6).cast(pl.Float64))
        else:
            known = [name for name in SCALES if name.startswith(("csat", "binary"))]
            frame = frame.filter(scale.is_in(known))
            middle = scale.replace_strict(
                {name: sum(SCALES[name]) / 2 for name in known}, default=None, return_dtype=pl.Float64
            )
            value = (score > middle).cast(pl.Float64)
        return frame.select("day", *self._carried(frame), num=value, den=pl.lit(1.0))

    @cached_property
    def _complaint_rate(self) -> pl.DataFrame:
        """One row per paid order (denominator) and complaint (numerator), with the order's channel."""
        zone = self.lab.study.timezone
        orders = self.lab.tables["orders"].filter(pl.col("amount_hundredths") > 0)
        places = [name for name in ("channel", "store") if name in orders.columns]
        day = (pl.lit(0).cast(pl.Date) + pl.duration(days=pl.col("day"))).cast(pl.Date)
        sold = orders.select(
            day.alias("day"), "customer_id", *places, category=pl.lit(""), num=pl.lit(0.0), den=pl.lit(1.0)
        )
        complaints = self.lab.tables["complaints"]
        named = complaints.select(
            day=convert.local_day(pl.col("opened_at"), zone),
            customer_id=_column(complaints, "customer_id"),
            order_id=_column(complaints, "order_id"),
            category=_column(complaints, "category").fill_null(UNSAID),
            num=pl.lit(1000.0),
            den=pl.lit(0.0),
        )
        if not places or "order_id" not in orders.columns:
            return pl.concat([sold.drop(places), named.drop("order_id")], how="diagonal")
        of_order = orders.drop_nulls("order_id").select("order_id", *places).unique("order_id", keep="first")
        named = named.join(of_order, on="order_id", how="left", maintain_order="left").drop("order_id")
        told = named.select(pl.col(places[0]).is_not_null().sum()).item()
        if told < _OF_ORDER * named.height:  # most would have no orders to be compared with
            return pl.concat([sold.drop(places), named.drop(places)], how="diagonal")
        return pl.concat([sold, named], how="diagonal")

    def _handled(self, metric: str) -> pl.DataFrame:
        complaints = self._with_store(self.lab.tables["complaints"])
        last = self.lab.study.as_of - timedelta(days=CAP_DAYS)
        day = convert.local_day(pl.col("opened_at"), self.lab.study.timezone)
        frame = complaints.with_columns(day=day).filter(pl.col("day") <= last)
        if metric == "handling_satisfaction":
            if "score" not in frame.columns:
                return pl.DataFrame()
            frame = frame.filter(pl.col("score").is_between(1, 5))
            value = (pl.col("score") >= 4).cast(pl.Float64)
        else:
            ends = [pl.col(name) for name in ("resolved_at", "closed_at") if name in frame.columns]
            if not ends:
                return pl.DataFrame()
            hours = (pl.coalesce(ends) - pl.col("opened_at")).dt.total_seconds() / 3600
            value = hours.fill_null(CAP_DAYS * 24).clip(0, CAP_DAYS * 24)
        return frame.select("day", *self._carried(frame), num=value, den=pl.lit(1.0))

    @cached_property
    def _judged(self) -> pl.DataFrame:
        """One row per text that the sentiment annotator decided on."""
        found = self.lab.annotate("sentiment").added.select("feedback_id", "sentiment")
        frame = self._feedback.drop("sentiment", strict=False).join(
            found.filter(pl.col("sentiment").is_in(["positive", "negative"])),
            on="feedback_id",
            maintain_order="left",
        )
        value = (pl.col("sentiment") == "negative").cast(pl.Float64)
        return frame.select("day", *self._carried(frame), num=value, den=pl.lit(1.0))

    @cached_property
    def _mentions(self) -> pl.DataFrame:
        """One row per text and aspect that it mentions, where the clauses on it can be judged."""
        found = self._all_mentions.drop_nulls("positive_probability")
        frame = self._feedback.join(found, on="feedback_id", maintain_order="left")
        value = (pl.col("positive_probability") < 0.5).cast(pl.Float64)
        return frame.select("day", *self._carried(frame), "aspect", num=value, den=pl.lit(1.0))

    @cached_property
    def _mentioned(self) -> pl.DataFrame:
        """One row per text and aspect of the taxonomy: whether it mentions it."""
        frame = self._feedback.filter(pl.col("text").str.strip_chars().str.len_chars() > 0)
        found = self._all_mentions.select("feedback_id", "aspect").with_columns(num=pl.lit(1.0))
        aspects = found.select("aspect").unique().sort("aspect")
        crossed = frame.select("feedback_id", "day", *self._carried(frame)).join(aspects, how="cross")
        joined = crossed.join(found, on=["feedback_id", "aspect"], how="left", maintain_order="left")
        return joined.select(
            "day", *self._carried(joined), "aspect", num=pl.col("num").fill_null(0.0), den=pl.lit(1.0)
        )

    @cached_property
    def _all_mentions(self) -> pl.DataFrame:
        annotator: Any = self.lab.annotate("aspects").annotator
        mentions: pl.DataFrame = annotator.mentions(self.lab.tables["feedback"])
        return mentions.select("feedback_id", "aspect", "positive_probability")

    def aspect_of(self, word: str) -> str | None:
        """Return the one aspect that a text of this word would mention: 服务 may be 卖家与客服."""
        annotator: Any = self.lab.annotate("aspects").annotator
        told = self.lab.tables["feedback"].head(1).with_columns(text=pl.lit(word))
        found = annotator.mentions(told)["aspect"].unique().to_list()
        return found[0] if len(found) == 1 else None

    @property
    def aspects(self) -> tuple[Label, ...]:
        """The aspects that texts are searched for."""
        scheme = self.lab.annotate("aspects").annotator.scheme
        return tuple(scheme.labels) if scheme is not None else ()


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name) if name in frame.columns else pl.lit(None, pl.String)
