"""Which rows a measure is judged by: its own, those of groups that it left alone, and of what kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.improvement.metrics import METRICS
from crmlab.improvement.observations import UNSAID, Observations
from crmlab.labels import Text
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.improvement.register import Measure
    from crmlab.lab import Lab
    from crmlab.results import Segmentation

_FEWEST = 30
"""Rows below which a kind is no stratum of its own."""
_NAMED = 12
"""Values that a message lists."""


@dataclass(frozen=True)
class Outcome:
    """The rows of a metric: ``day``, ``num``, ``den``, ``group``, ``stratum``; figures are Σ num / Σ den.

    ``own`` is the group that the measure was done in, ``others`` those that it left alone; ``kind`` says what
    groups are: "aspect", "category", "channel", "store" or None; ``names`` what readers call them.
    """

    rows: pl.DataFrame
    own: str
    others: tuple[str, ...]
    kind: str | None
    names: dict[str, Text]


class Outcomes:
    """The outcomes of a study, made once for all measures. Nothing is later than the as-of day."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._observations = Observations(lab)

    def of(self, measure: Measure, register: Sequence[Measure]) -> Outcome | Text:
        """Return what is observed of the measure's target metric, or say why nothing is."""
        metric = METRICS[measure.target_metric or ""]
        needed = [metric.table, *(["orders"] if metric.id == "complaint_rate" else [])]
        for table in needed:
            if table not in self.lab.tables:
                return say("improvement_no_table", metric=metric.text, table=texts()[f"improvement_{table}"])
        kind, own = self._where(measure, metric.id)
        rows = self._observations.rows(metric.id, by_aspect=kind == "aspect" or self._needs_aspect(measure))
        if rows.is_empty():
            return say("improvement_no_rows", metric=metric.text)
        narrowed = self._narrowed(measure, rows, kind)
        if isinstance(narrowed, Text):
            return narrowed
        rows = narrowed
        if kind is None:
            whole = self._stratified(rows.with_columns(group=pl.lit("")), measure)
            return Outcome(whole, "", (), None, {})
        found = self._named(own or "", kind, rows)
        if isinstance(found, Text):
            return found
        rows = rows.with_columns(group=pl.col(kind))
        touched = self._touched(measure, register, kind, rows)
        others = tuple(
            name
            for name in rows["group"].drop_nulls().unique().sort().to_list()
            if name not in ("", UNSAID, found) and name not in touched
        )
        if metric.id == "aspect_share" and kind == "aspect":
            others = ()  # texts that say less of one thing say more of another
        if metric.id == "complaint_rate" and kind in ("aspect", "category"):
            rows = _orders_for_all(rows, (found, *others))
        names = {name: self._name_of(name, kind) for name in others}
        return Outcome(self._stratified(rows, measure), found, others, kind, names)

    def _where(self, measure: Measure, metric: str) -> tuple[str | None, str | None]:
        """Return by what the measure's own rows are told from those it left alone."""
        if measure.store:
            return "store", measure.store
        if measure.channel:
            return "channel", measure.channel
        if measure.aspect and metric in ("aspect_share", "negative_share"):
            return "aspect", measure.aspect
        if measure.aspect and METRICS[metric].table == "complaints":
            return "category", measure.aspect
        return None, None

    def _needs_aspect(self, measure: Measure) -> bool:
        return bool(measure.aspect) and measure.target_metric in ("aspect_share", "negative_share")

    def _narrowed(self, measure: Measure, rows: pl.DataFrame, kind: str | None) -> pl.DataFrame | Text:
        """Keep the rows of the measure's segment, and of its aspect where groups are something else."""
        if measure.channel and kind == "store":
            found = self._named(measure.channel, "channel", rows)
            if isinstance(found, Text):
                return found
            rows = rows.filter(pl.col("channel") == found)
        if measure.aspect and kind in ("store", "channel"):
            by = "aspect" if "aspect" in rows.columns else "category"
            if measure.target_metric not in ("csat", "nps"):
                found = self._named(measure.aspect, by, rows)
                if isinstance(found, Text):
                    return found
                rows = rows.filter((pl.col(by) == found) | (pl.col("num") == 0) & (pl.col(by) == ""))
        if measure.segment:
            if "customer_id" not in rows.columns or rows["customer_id"].is_null().all():
                return texts()["improvement_no_customers"]
            members = self._members(measure)
            if isinstance(members, Text):
                return members
            rows = rows.filter(pl.col("customer_id").is_in(members.implode()))
        return rows

    def _named(self, given: str, kind: str, rows: pl.DataFrame) -> str | Text:
        """Return the group that the register means, or say that there is none of that name."""
        there = rows[kind].drop_nulls().unique().sort().to_list() if kind in rows.columns else []
        names: dict[str, tuple[str, ...]] = {name: (name,) for name in there if name}
        if kind == "aspect":
            names = {
                label.id: (label.id, label.zh, label.en)
                for label in self._observations.aspects
                if label.id in there
            }
        wanted = given.strip().casefold()
        for exact in (True, False):
            hits = [
                name
                for name, said in names.items()
                if any(wanted == each.casefold() if exact else wanted in each.casefold() for each in said)
            ]
            if len(hits) == 1:
                return hits[0]
        if kind == "aspect" and not hits:
            meant = self._observations.aspect_of(given)
            if meant in names:
                return meant
        # Those that look most like what was given first.
        near = sorted(names.values(), key=lambda said: -max(len(set(wanted) & set(each)) for each in said))
        shown = list(mask_text(pl.Series([said[-1] for said in near][:_NAMED], dtype=pl.String)))
        shown_zh = [said[1] if len(said) > 1 else said[0] for said in near][:_NAMED]
        return say(
            "improvement_unknown_group",
            kind=texts()[f"improvement_kind_{kind}"],
            given=str(mask_text(pl.Series([given]))[0]),
            known=Text(
                "、".join(mask_text(pl.Series(shown_zh, dtype=pl.String))) or "–", ", ".join(shown) or "–"
            ),
        )

    def _name_of(self, group: str, kind: str) -> Text:
        if kind == "aspect":
            return next(
                (label.text for label in self._observations.aspects if label.id == group), Text(group, group)
            )
        shown = str(mask_text(pl.Series([group]))[0])
        return Text(shown, shown)

    def _touched(
        self, measure: Measure, register: Sequence[Measure], kind: str, rows: pl.DataFrame
    ) -> set[str]:
        """Return the groups that another measure changes while this one is judged."""
        window = timedelta(days=self.lab.study.improvement.window_days)
        touched = set()
        for other in register:
            if other is measure or abs(other.started_on - measure.started_on) > window:
                continue
            name = {"store": other.store, "channel": other.channel}.get(kind, other.aspect)
            found = self._named(name, kind, rows) if name else None
            if isinstance(found, str):
                touched.add(found)
        return touched

    def _mix(self, rows: pl.DataFrame, measure: Measure) -> tuple[str, ...]:
        mix = self.lab.study.improvement.mix
        if measure.target_metric == "complaint_rate":  # orders, its denominator, have no category
            mix = tuple(name for name in mix if name != "category")
        return tuple(name for name in mix if name in rows.columns or name == "segment")

    def _stratified(self, rows: pl.DataFrame, measure: Measure) -> pl.DataFrame:
        """Add ``stratum``: the crossing of what the mix is adjusted for, rare kinds together."""
        by = list(self._mix(rows, measure))
        if "segment" in by:
            labels = self._labels(measure)
            if labels is None:
                by.remove("segment")
            else:
                rows = rows.join(labels, on="customer_id", how="left", maintain_order="left")
        if not by:
            return rows.select("day", "num", "den", "group", stratum=pl.lit(UNSAID))
        crossed = pl.concat_str([pl.col(name).fill_null(UNSAID) for name in by], separator="\x1f")
        rows = rows.with_columns(stratum=crossed)
        common = rows.group_by("stratum").agg(pl.len()).filter(pl.col("len") >= _FEWEST)["stratum"]
        kept = pl.when(pl.col("stratum").is_in(common.implode())).then("stratum").otherwise(pl.lit(UNSAID))
        return rows.select("day", "num", "den", "group", stratum=kept)

    def _labels(self, measure: Measure) -> pl.DataFrame | None:
        """Return the customers' classes in the leading scheme on the day before the measure began."""
        found = self._classified(self.lab.study.schemes[0], measure)
        return found.labels.select("customer_id", segment="label") if found else None

    def _classified(self, scheme: str, measure: Measure) -> Segmentation | None:
        """Return the classes of a scheme on the day before the measure began, where the data allows them.

        Later classes may be its doing.
        """
        from crmlab.errors import CrmlabError

        try:
            return self.lab.classify(scheme, as_of=measure.started_on - timedelta(days=1))
        except CrmlabError:
            return None

    def _members(self, measure: Measure) -> pl.Series | Text:
        """Return the customers who were in the measure's segment on the day before it began."""
        wanted = (measure.segment or "").strip().casefold()
        known: list[Text] = []
        for name in self.lab.study.schemes:
            segmentation = self._classified(name, measure)
            if segmentation is None:
                continue
            for label in segmentation.scheme.labels:
                if wanted in (label.id.casefold(), label.zh.casefold(), label.en.casefold()):
                    return segmentation.labels.filter(pl.col("label") == label.id)["customer_id"]
                known.append(label.text)
        if not known:
            return say("improvement_no_segments", day=measure.started_on - timedelta(days=1))
        return say(
            "improvement_unknown_group",
            kind=texts()["improvement_kind_segment"],
            given=str(mask_text(pl.Series([measure.segment]))[0]),
            known=Text(
                "、".join(text.zh for text in known[:_NAMED]), ", ".join(text.en for text in known[:_NAMED])
            ),
        )


def _orders_for_all(rows: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    """Give every category of complaints the orders as its denominator."""
    orders = rows.filter(pl.col("den") > 0)
    complaints = rows.filter(pl.col("den") == 0, pl.col("group").is_in(list(groups)))
    return pl.concat([complaints, *(orders.with_columns(group=pl.lit(group)) for group in groups)])
