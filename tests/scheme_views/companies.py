"""A company whose figures can be counted by hand, and classifiers as other people might write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

import polars as pl

from crmlab.estimators import Classifier
from crmlab.labels import UNCLASSIFIED, Label, Measure, Scheme, Text
from crmlab.results import Segmentation

DAY = date(2024, 6, 30)


def tables(customers: int = 60, late: int = 3) -> dict[str, str]:
    """Customer 1 to n, one order each: the amount is 10 times the number.

    Every ``late``-th ordered 200 days ago, the others 20 days ago. Five more never ordered.
    """
    orders = ["order_id,customer_id,ordered_at,amount"]
    for n in range(1, customers + 1):
        day = DAY - timedelta(days=200 if n % late == 0 else 20)
        orders.append(f"{n},c{n:03d},{day},{10 * n}")
    names = ["customer_id", *(f"c{n:03d}" for n in range(1, customers + 6))]
    return {"orders": "\n".join(orders) + "\n", "customers": "\n".join(names) + "\n"}


class Own(Classifier):
    """Gives the label that ``told`` says for the number in the id; nobody else has one."""

    title: ClassVar[Text] = Text("自定分类", "Own classes")
    scheme: ClassVar[Scheme] = Scheme(
        id="own",
        zh="自定分类",
        en="Own classes",
        labels=(Label("good", "甲", "Good"), Label("fair", "乙", "Fair"), Label("bad", "丙", "Bad")),
    )

    requires: ClassVar[tuple[str, ...]] = ("total_spend",)

    told: dict[str, int] | None = None
    """Label → number up to which customers have it, rising."""

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        number, label = _number(), pl.lit(UNCLASSIFIED.id)
        for name, up_to in reversed((self.told or {"bad": 20, "fair": 40, "good": 60}).items()):
            label = pl.when(number <= up_to).then(pl.lit(name)).otherwise(label)
        return features.select(label=label).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select(zh=pl.format("按编号 {}", _number()), en=pl.format("by number {}", _number()))


class Cut(Own):
    """Cuts total spend at 200 and 400."""

    side: str = "below"

    def cut_values(self, features: pl.DataFrame) -> pl.Series:
        """Return total spend."""
        return features["total_spend"]

    def cut_lines(self) -> list[float]:
        """Return the lines between the classes; one beyond all customers."""
        return [200.0, 400.0, 5000.0] if self.side == "below" else [210.0, 410.0]

    def cut_measure(self) -> Measure:
        """Return its name."""
        return Measure("累计消费", "total spend", "currency")


class Loyal(Own):
    """Says something of loyalty, and which class to look at."""

    scheme: ClassVar[Scheme] = Scheme("loyal", "忠诚", "Loyal", Own.scheme.labels, ("loyalty",))
    watch: ClassVar[tuple[str, ...]] = ("bad",)


class Crossed(Own):
    """Has classes on two axes."""

    matrix_axes: ClassVar[tuple[Text, Text]] = (Text("行", "Rows"), Text("列", "Columns"))
    matrix: ClassVar[Mapping[str, tuple[Text, Text]]] = {
        "good": (Text("上", "Top"), Text("左", "Left")),
        "fair": (Text("上", "Top"), Text("右", "Right")),
        "bad": (Text("下", "Bottom"), Text("左", "Left")),
    }


class Sales(Own):
    """Has stages in order."""

    pipeline: ClassVar[tuple[str, ...]] = ("fair", "good")
    pipeline_lost: ClassVar[str] = "bad"


class Unsure(Own):
    """Is sure of even numbers only."""

    shows_confidence: ClassVar[bool] = True

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        labels = self._predict(features)
        sure = pl.when(_number() % 2 == 0).then(1.0).otherwise(0.5)
        return features.select(pl.when(labels != UNCLASSIFIED.id).then(sure)).to_series()


class Keen(Own):
    """Everybody likes tea, every tenth rice as well, and four customers jazz."""

    def memberships(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return the interests of everybody."""
        rows: list[tuple[str, str, float, bool, float]] = []
        for customer in features["customer_id"]:
            n = int(customer[1:])
            rows.append((customer, "茶", 2.0 if n % 2 else 4.0, n <= 15, 0.9))
            rows += [(customer, "米", 1.5, False, 0.6)] * (n % 10 == 0)
            rows += [(customer, "jazz", 9.0, True, 1.0)] * (n <= 4)
        schema = {
            "customer_id": pl.String,
            "interest": pl.String,
            "index": pl.Float64,
            "stated": pl.Boolean,
            "probability": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")


def _number() -> pl.Expr:
    return pl.col("customer_id").str.slice(1).cast(pl.Int64)


def segmentation(lab: Any, classifier: Classifier) -> Segmentation:
    """Return the segmentation of a classifier that is not registered."""
    features = lab.features(*classifier.requires)
    return Segmentation(lab, "own", classifier.fit(features), features, lab.study.as_of)
