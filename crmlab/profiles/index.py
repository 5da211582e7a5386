"""The index (TGI) of traits: how much more often a segment has a trait than all customers do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import hidden, hidden_cells
from crmlab.errors import ParamsError, did_you_mean
from crmlab.intervals import z_value
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.profiles.traits import OTHER, Dimension, dimensions
from crmlab.view.findings import Note
from crmlab.view.numbers import percent
from crmlab.view.profile_charts import index_map
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


WORTH_TELLING = 110
"""A smaller index may be sure, in a large segment, and yet tell nothing."""
_STANDS_OUT = (
    pl.col("telling")
    & (pl.col("index") >= WORTH_TELLING)
    & (pl.col("share") >= 0.05)
    & (pl.col("trait") != OTHER)
)


class Index:
    """Traits of each segment as an index: share in the segment over share of all customers, × 100.

    ``extra`` names further columns of customers, such as ``("income",)``. Attributes are shares of
    customers whose attribute is known; habits (category, channel, weekday, time of day) are shares of
    paid orders or interactions.
    """

    def __init__(self, segmentation: Segmentation, extra: Sequence[str] = ()) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._language = segmentation.lab.language
        self._extra = tuple(extra)

    @cached_property
    def dimensions(self) -> dict[str, Dimension]:
        """The kinds of traits that the data knows, by id."""
        made = dimensions(self._lab, self.segmentation.as_of, self._extra)
        return {each.id: each for each in made}

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per ``dimension``, ``trait`` and ``label``.

        ``customers`` of the label have the trait, ``of`` are known to have it or not; ``share`` in the
        label, ``everybody`` its share of all; ``index`` with its 95 % interval ``low``–``high``, and
        ``telling`` where that excludes 100. Figures are null where fewer customers than the study's
        ``privacy.smallest_group`` have the trait, or where they would give such a group away.
        """
        frames = [
            index_frame(self.segmentation, each).select(pl.lit(each.id).alias("dimension"), pl.all())
            for each in self.dimensions.values()
        ]
        return pl.concat(frames) if frames else pl.DataFrame(schema={"dimension": pl.String, **INDEX_SCHEMA})

    def highlights(self, label: str, most: int = 3) -> pl.DataFrame:
        """Return the rows of :attr:`summary` in which a label most surely stands out above 100.

        Sorted by the lower end of the interval, one row per dimension at first, at least 5 % of the label.
        """
        above = self.summary.filter(_STANDS_OUT, pl.col("label") == label)
        ranked = above.sort("low", "dimension", "trait", descending=[True, False, False])
        return ranked.unique("dimension", keep="first", maintain_order=True).head(most)

    def chart(self, dimension: str | None = None) -> alt.LayerChart | Note:
        """Draw the index of one dimension as a map; without a name, of the one that tells most.

        Only indices whose interval excludes 100 are coloured.
        """
        if not self.dimensions:
            return Note(texts()["index_none"], self._language)
        chosen = self._chosen(dimension)
        rows = self.summary.filter(pl.col("dimension") == chosen.id).with_columns(
            trait_name=pl.col("trait").replace_strict(
                {trait: chosen.name(trait).to(self._language) for trait in chosen.traits},
                return_dtype=pl.String,
            )
        )
        rows = self.segmentation.named(rows)
        return index_map(
            rows,
            self._title(chosen, rows),
            joined(self._sample(chosen), texts()["index_subtitle"]),
            chosen.text,
            self.segmentation.scheme.text,
            self._language,
        )

    def table(self, dimension: str | None = None) -> Table | Note:
        """Show the index of one dimension, or of all, with shares and intervals."""
        if not self.dimensions:
            return Note(texts()["index_none"], self._language)
        words = texts()
        rows = self.summary
        if dimension is not None:
            rows = rows.filter(pl.col("dimension") == self._chosen(dimension).id)
        names = pl.DataFrame(
            [
                (each.id, trait, each.text.to(self._language), each.name(trait).to(self._language))
                for each in self.dimensions.values()
                for trait in each.traits
            ],
            schema=["dimension", "trait", "kind", "trait_name"],
            orient="row",
        )
        frame = rows.join(names, on=["dimension", "trait"], how="left", maintain_order="left")
        frame = self.segmentation.named(frame).with_columns(
            interval=pl.when(pl.col("low").is_not_null()).then(pl.concat_list("low", "high")),
        )
        compared = frame["low"].drop_nulls().len()
        hidden = bool(frame["share"].has_nulls())
        smallest = self._lab.study.privacy.smallest_group
        return Table(
            frame,
            [
                Column("kind", words["trait_kind"]),
                Column("trait_name", words["trait"]),
                Column("name", words["segment"]),
                Column("share", words["index_share"], "percent", bar=True),
                Column("everybody", words["index_everybody"], "percent"),
                Column("index", words["index_tgi"], "decimal", decimals=0),
                Column("interval", words["interval_95"], "interval", of="integer"),
            ],
            caption=say("index_caption", scheme=self.segmentation.scheme.text),
            note=joined(
                say("index_note", n=compared, chance=round(compared * 0.05)),
                say("privacy_rows", k=smallest) if hidden else None,
            ),
            language=self._language,
        )

    def _chosen(self, dimension: str | None) -> Dimension:
        if dimension is None:
            telling = self.summary.filter("telling").group_by("dimension").len()
            counts = dict(telling.iter_rows())
            return max(self.dimensions.values(), key=lambda each: counts.get(each.id, 0))
        if dimension not in self.dimensions:
            raise ParamsError(
                f"The data has no traits of the kind {dimension!r}."
                f"{did_you_mean(dimension, self.dimensions)} It has: {', '.join(self.dimensions)}."
            )
        return self.dimensions[dimension]

    def _sample(self, dimension: Dimension) -> Text:
        known = dimension.bases.join(self.segmentation.labels, on="customer_id", how="semi")
        kind = "index_of_customers" if dimension.exclusive else "index_of_events"
        return say(kind, n=f"{known.height:,}", events=f"{known['m'].sum():,}")

    def _title(self, dimension: Dimension, rows: pl.DataFrame) -> Text:
        """Name the trait that most surely stands out."""
        above = rows.filter(_STANDS_OUT)
        if above.is_empty():
            return say("index_title_none", kind=dimension.text, scheme=self.segmentation.scheme.text)
        top = above.sort("low", "trait", "label", descending=[True, False, False]).row(0, named=True)
        return say(
            "index_title",
            label=self.segmentation.scheme[top["label"]].text,
            trait=dimension.name(top["trait"]),
            index=f"{top['index']:.0f}",
            share=percent(top["share"]),
            everybody=percent(top["everybody"]),
        )


def index_frame(segmentation: Segmentation, dimension: Dimension) -> pl.DataFrame:
    """Return the index of every trait and label, traits and labels in order, with intervals.

    The variance of the log of the index is linearised over customers (the delta method on both
    shares: Katz et al. 1978, Biometrics 34:469–474; Woodruff 1971, JASA 66:411–414). It allows for the
    segment being a part of all customers, and for several orders of one customer being alike.
    """
    smallest = segmentation.lab.study.privacy.smallest_group
    labels = segmentation.labels
    bases = dimension.bases.join(labels, on="customer_id")
    rows = dimension.amounts.join(bases, on="customer_id")
    x, m = pl.col("x"), pl.col("m")
    squares = ((x * x).sum().alias("xx"), (x * m).sum().alias("xm"), x.sum().alias("x"))
    inside = rows.group_by("trait", "label").agg(*squares, customers=pl.len().cast(pl.Int64))
    over = rows.group_by("trait").agg(x_all=x.sum(), xx_all=(x * x).sum(), xm_all=(x * m).sum())
    known = bases.group_by("label").agg(of=pl.len().cast(pl.Int64), m=m.sum(), mm=(m * m).sum())
    whole = bases.select(m_all=m.sum(), mm_all=(m * m).sum())
    labels_shown = [label.id for label in segmentation.scheme if label.id in set(known["label"])]
    traits = [trait for trait in dimension.traits if trait in set(over["trait"])]
    every = pl.DataFrame({"trait": traits}, schema={"trait": pl.String}).join(
        pl.DataFrame({"label": labels_shown}, schema={"label": pl.String}), how="cross"
    )
    full = (
        every.join(inside, on=["trait", "label"], how="left", maintain_order="left")
        .join(over, on="trait", maintain_order="left")
        .join(known, on="label", maintain_order="left")
        .join(whole, how="cross", maintain_order="left")
        .with_columns(pl.col("xx", "xm", "x", "customers").fill_null(0))
    )
    p, q, big_p, big_q = (1.0 / pl.col(name) for name in ("x", "m", "x_all", "m_all"))
    variance = (
        pl.col("xx") * (p * p - 2 * p * big_p)
        + pl.col("xm") * 2 * (-p * q + p * big_q + q * big_p)
        + pl.col("mm") * (q * q - 2 * q * big_q)
        + pl.col("xx_all") * big_p * big_p
        - pl.col("xm_all") * 2 * big_p * big_q
        + pl.col("mm_all") * big_q * big_q
    )
    share, everybody = pl.col("x") / pl.col("m"), pl.col("x_all") / pl.col("m_all")
    people = dict(rows.group_by("trait").agg(pl.len()).iter_rows())
    few = [label in segmentation.few for label in labels_shown]
    gone = _hidden(full, [people[trait] for trait in traits], few, smallest)
    full = full.with_columns(
        gone=pl.Series(gone, dtype=pl.Boolean) | (pl.col("of") < smallest),
        share=share,
        everybody=everybody,
        index=share / everybody * 100,
        reach=pl.when(pl.col("x") > 0).then((z_value(0.95) * variance.clip(0.0).sqrt()).exp()),
    )
    full = full.with_columns(low=pl.col("index") / pl.col("reach"), high=pl.col("index") * pl.col("reach"))
    full = full.with_columns(telling=((pl.col("low") > 100) | (pl.col("high") < 100)).fill_null(value=False))
    figures = [
        pl.when(~pl.col("gone")).then(name).alias(name)
        for name in ("customers", "of", "share", "everybody", "index", "low", "high")
    ]
    shown = full.select("trait", "label", *figures, telling=pl.col("telling") & ~pl.col("gone"))
    left_out = [UNCLASSIFIED.id, *segmentation.few]
    return shown.filter(~pl.col("label").is_in(left_out)).cast(INDEX_SCHEMA)  # type: ignore[arg-type]


def _hidden(full: pl.DataFrame, people: list[int], few: list[bool], smallest: int) -> list[bool]:
    """Say which cells must not be shown: few customers, or what gives them away by subtraction.

    ``people`` have each trait at all. Of a trait of too few nothing is shown, its share of all
    customers included. A habit is protected like an attribute: its orders add up over the labels
    to those of all customers, and over the traits to those of the label.
    """
    counts, width, rare = full["customers"].to_list(), len(few), hidden(people, smallest)
    matrix = [counts[at * width : (at + 1) * width] for at in range(len(people))]
    cells = hidden_cells(matrix, smallest, rare, few)
    return [gone or of_few for line, of_few in zip(cells, rare, strict=True) for gone in line]


INDEX_SCHEMA: dict[str, type[pl.DataType]] = {
    "trait": pl.String,
    "label": pl.String,
    "customers": pl.Int64,
    "of": pl.Int64,
    "share": pl.Float64,
    "everybody": pl.Float64,
    "index": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "telling": pl.Boolean,
}
