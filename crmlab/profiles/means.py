"""Averages of each segment beside the average of all customers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.intervals import z_value
from crmlab.summary import day_number
from crmlab.view import chart_parts, charts
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation

_LESS_IS_BETTER = ("days_since_last_order",)
_SMALLEST_CATEGORY = 0.01
"""Categories with a smaller share of all spend would show chance, not preference."""
MEASURES = (
    "total_spend",
    "order_count",
    "average_order_value",
    "days_since_last_order",
    "days_since_first_order",
)


class Profiles:
    """Averages per segment, beside the average of all customers."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per label: ``customers``, the mean of each measure, the interval of mean spend.

        Labels that are too small to be shown (``Segmentation.few``) are left out, and a mean is null
        where fewer customers of the label have a value than the study's ``privacy.smallest_group``.
        """
        smallest = self._lab.study.privacy.smallest_group
        features = self._lab.features(*MEASURES, as_of=self.segmentation.as_of)
        joined = self.segmentation.labels.join(features, on="customer_id", maintain_order="left")
        grouped = joined.group_by("label").agg(
            pl.len().cast(pl.Int64).alias("customers"),
            *[pl.when(_known(name) >= smallest).then(_mean(name)).alias(name) for name in MEASURES],
            pl.when(_known("total_spend") >= smallest)
            .then(z_value(0.95) * pl.col("total_spend").std() / pl.col("total_spend").count().sqrt())
            .alias("reach"),
        )
        shown = grouped.filter(~pl.col("label").is_in(self.segmentation.few))
        order = {label.id: i for i, label in enumerate(self.segmentation.scheme)}
        return shown.sort(pl.col("label").replace_strict(order, return_dtype=pl.Int64))

    @cached_property
    def everybody(self) -> dict[str, float | None]:
        """The mean of each measure over all customers; null where fewer than the smallest group have it."""
        features = self._lab.features(*MEASURES, as_of=self.segmentation.as_of)
        smallest = self._lab.study.privacy.smallest_group
        means = features.select(
            pl.when(_known(name) >= smallest).then(_mean(name)).alias(name) for name in MEASURES
        )
        return means.row(0, named=True)

    @cached_property
    def categories(self) -> pl.DataFrame:
        """The category in which each label spends most beyond the average.

        Columns ``label``, ``category``, ``index``; orders up to the day of the segmentation.

        ``index`` is the category's share of the label's spend over its share of all spend, × 100
        (TGI); categories under 1 % of all spend are left out, and those that fewer customers of the
        label bought than the study's ``privacy.smallest_group``. Empty without order lines.
        """
        if "order_lines" not in self._lab.tables:
            return pl.DataFrame(schema={"label": pl.String, "category": pl.String, "index": pl.Float64})
        orders = self._lab.tables["orders"].select("order_id", "customer_id", "day")
        orders = orders.filter(pl.col("day") <= day_number(self.segmentation.as_of))
        lines = self._lab.tables["order_lines"].lazy().drop_nulls("category")
        spend = (
            lines.join(orders.lazy(), on="order_id")
            .join(self.segmentation.labels.lazy(), on="customer_id")
            .group_by("label", "category")
            .agg(
                pl.col("amount_hundredths").sum().alias("spend"),
                pl.col("customer_id").n_unique().alias("customers"),
            )
            .collect()
        )
        spend = spend.with_columns(
            mask_text(spend["category"]),
            share=pl.col("spend") / pl.col("spend").sum().over("label"),
            everywhere=pl.col("spend").sum().over("category") / pl.col("spend").sum(),
        )
        return (
            spend.filter(
                pl.col("everywhere") >= _SMALLEST_CATEGORY,
                pl.col("share").is_finite(),
                pl.col("customers") >= self._lab.study.privacy.smallest_group,
            )
            .with_columns(index=pl.col("share") / pl.col("everywhere") * 100)
            .sort("label", "index", "category", descending=[False, True, False])
            .unique("label", keep="first", maintain_order=True)
            .select("label", "category", "index")
        )

    def table(self) -> Table:
        """Show the averages."""
        words = texts()
        frame = self.segmentation.named(self.summary).join(
            self.categories, on="label", how="left", maintain_order="left"
        )
        frame = frame.with_columns(
            interval=pl.concat_list(
                pl.col("total_spend") - pl.col("reach"), pl.col("total_spend") + pl.col("reach")
            ),
            favourite=pl.format("{} ({})", "category", pl.col("index").round(0).cast(pl.Int64)),
        )
        columns = [
            Column("name", words["segment"]),
            Column("customers", words["customers"], "integer"),
            Column("total_spend", words["mean_spend"], "money", bar=True),
            Column("interval", words["interval_95"], "interval", of="money"),
            Column("order_count", words["mean_orders"], "decimal", decimals=1),
            Column("average_order_value", words["mean_order_value"], "money"),
            Column("days_since_last_order", words["mean_recency"], "decimal", decimals=1),
        ]
        if frame["category"].is_not_null().any():
            columns.append(Column("favourite", words["favourite"], note=words["favourite_note"]))
        return Table(
            frame,
            columns,
            caption=say("profiles_caption", scheme=self.segmentation.scheme.text),
            note=joined(words["profiles_note"], self.segmentation.privacy_note()),
            language=self._lab.language,
            currency=self._lab.study.currency,
        )

    def chart(self) -> alt.LayerChart:
        """Draw each label's averages as an index of the average of all customers (= 100)."""
        features = self._lab.features(*MEASURES, as_of=self.segmentation.as_of)
        language, words = self._lab.language, texts()
        named = self.segmentation.named(self.summary)
        means = features.select(_mean(name) for name in MEASURES).row(0, named=True)
        columns = {name: words[f"measure_{name}"].to(language) for name in MEASURES if (means[name] or 0) > 0}
        rows = []
        for row in named.iter_rows(named=True):
            for name, column in columns.items():
                if row[name] is not None:
                    index = 100 * row[name] / means[name]
                    # Few days since the last order are good, so that column is coloured the other way round.
                    colour = 200 - index if name in _LESS_IS_BETTER else index
                    colour = min(200.0, max(0.0, colour))
                    rows.append((row["name"], column, f"{index:.0f}", colour))
        schema = {"name": pl.String, "measure": pl.String, "text": pl.String, "colour": pl.Float64}
        title = words["profiles_none"]
        if "total_spend" in columns and named.height:
            top = named.sort("total_spend", descending=True, nulls_last=True).row(0, named=True)
            times = (top["total_spend"] or 0.0) / means["total_spend"]
            title = say(
                "profiles_title", label=self.segmentation.scheme[top["label"]].text, times=f"{times:.1f}"
            )
        return charts.heat_map(
            pl.DataFrame(rows, schema=schema, orient="row"),
            "measure",
            "name",
            "colour",
            x_title=words["measure"],
            y_title=words["segment"],
            value_title=words["colour"],
            title=title,
            subtitle=words["profiles_subtitle"],
            language=language,
            x_order=list(columns.values()),
            y_order=named["name"].to_list(),
            value_format=",.0f",
            tooltips=[("text", words["index"])],
            diverging_at=100,
            row_height=chart_parts.ROW,
            x_angle=-30,
        )


def _known(name: str) -> pl.Expr:
    """Return how many customers have a value."""
    return pl.col(name).is_not_null().sum()


def _mean(name: str) -> pl.Expr:
    """Return the mean over customers; of the order value, that over their orders."""
    if name == "average_order_value":
        orders = pl.col("order_count").sum()
        return pl.when(orders > 0).then(pl.col("total_spend").sum() / orders).alias(name)
    return pl.col(name).mean()
