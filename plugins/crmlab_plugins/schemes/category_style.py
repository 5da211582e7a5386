"""Category style: who buys across the assortment, who buys services, who buys the same again."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import cut_points, wording


class CategoryStyle(Classifier):
    """Sorts buyers by what fills their baskets; the first rule that holds decides.

    1. Services are at least ``service_share`` of the lines: a service customer.
    2. At least ``repeat_share`` of the purchases are of an article bought before, and there were at
       least ``min_purchases``: a repeat customer. Where no article is recorded, the share of the main
       category decides in its place, from ``category_share`` on; categories are so few that everybody
       buys in some again, so without a given share it is the upper third of these customers.
    3. All others buy across the assortment.
    """

    title: ClassVar[Text] = Text("消费种类", "Category style")
    needs: ClassVar[Text] = Text("付款订单的明细", "lines of paid orders")
    sureness: ClassVar[Text] = Text(
        "占比高于（或低于）门槛的后验概率：均匀先验，各行明细视作相互独立",
        "posterior probability that the share lies beyond (or below) the threshold; uniform prior, lines "
        "taken as independent",
    )
    accepts_nulls: ClassVar[bool] = True
    scheme: ClassVar[Scheme] = Scheme(
        id="category_style",
        zh="消费种类",
        en="Category style",
        labels=(
            Label("service", "服务类客户", "Service customer"),
            Label("repeat", "重复购买类客户", "Repeat buyer"),
            Label("assortment", "卖场类客户", "Assortment buyer"),
        ),
        axes=("need",),
    )

    service_share: float = 0.5
    repeat_share: float = 0.5
    category_share: float | None = None
    min_purchases: int = 3

    @property
    def requires(self) -> tuple[str, ...]:
        """The columns of the feature ``basket`` but the number of categories."""
        return (
            *("line_count", "service_share", "product_purchase_count", "repeat_share"),
            *("category_count", "main_category_share"),
        )

    def definition(self) -> Text:
        """Return the rules with their thresholds."""
        learned: float | None = getattr(self, "category_share_", self.category_share)
        category = Text("这些客户的前三分之一", "the upper third of these customers")
        if learned is not None:
            category = Text(f"占比不低于 {learned:.0%}", f"a share of at least {learned:.0%}")
        return Text(
            f"按付款订单的明细依次判断：服务类明细不低于 {self.service_share:.0%} 为服务类；"
            f"购买不少于 {self.min_purchases} 次，且重复购买同一商品的占比不低于 {self.repeat_share:.0%} "
            f"为重复购买类（没有商品信息的客户改看主要品类：{category.zh}）；其余购买范围较广，为卖场类。",
            f"From the lines of paid orders, in turn: at least {self.service_share:.0%} services is a "
            f"service customer; at least {self.min_purchases} purchases of which at least "
            f"{self.repeat_share:.0%} are of an article bought before is a repeat buyer (without articles on "
            f"record, the main category: {category.en}); the others buy across the assortment.",
        )

    def _check_params(self) -> None:
        shares = {"service_share": self.service_share, "repeat_share": self.repeat_share}
        if self.category_share is not None:
            shares["category_share"] = self.category_share
        cut_points.raise_for(
            *(
                None if 0 < share <= 1 else f"{name} is {share:g}; it must be above 0 and at most 1."
                for name, share in shares.items()
            ),
            None if self.min_purchases >= 1 else f"min_purchases is {self.min_purchases}; give 1 or more.",
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Only who has a line that counts has a style."""
        return features.select(
            pl.col("line_count").is_not_null() & pl.col("service_share").is_not_null()
        ).to_series()

    def _fit(self, features: pl.DataFrame) -> None:
        unnamed = features.filter(
            pl.col("repeat_share").is_null(), pl.col("line_count") >= self.min_purchases
        )
        cuts = cut_points.learn(unnamed["main_category_share"], (_UPPER_THIRD,))
        learned = cuts[0] if cuts else None
        self.category_share_ = self.category_share if self.category_share is not None else learned

    def _rules(self) -> dict[str, pl.Expr]:
        """Return what the rules look at, and whether each holds (never null)."""
        by_article = pl.col("repeat_share").is_not_null()
        limit = 1.0 if self.category_share_ is None else self.category_share_
        times = pl.when(by_article).then(pl.col("product_purchase_count")).otherwise(pl.col("line_count"))
        share = pl.when(by_article).then(pl.col("repeat_share")).otherwise(pl.col("main_category_share"))
        threshold = pl.when(by_article).then(self.repeat_share).otherwise(limit)
        return {
            "by_article": by_article,
            "times": times.fill_null(0),
            "share": share.fill_null(0.0),
            "threshold": threshold,
            "serves": pl.col("service_share") >= self.service_share,
            "repeats": ((share >= threshold) & (times >= self.min_purchases)).fill_null(value=False),
        }

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        style = (
            pl.when("serves")
            .then(pl.lit("service"))
            .when("repeats")
            .then(pl.lit("repeat"))
            .otherwise(pl.lit("assortment"))
        )
        return features.select(**self._rules()).select(label=style).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        from scipy.special import betainc

        judged = features.select("line_count", "service_share", **self._rules())
        lines, times = judged["line_count"].to_numpy(), judged["times"].to_numpy()
        services = (judged["service_share"] * judged["line_count"]).to_numpy()
        again = (judged["share"] * judged["times"]).to_numpy()
        no_service = betainc(services + 1, lines - services + 1, self.service_share)
        no_repeat = betainc(again + 1, times - again + 1, judged["threshold"].to_numpy())
        sure = pl.DataFrame({"none": no_service, "seldom": no_repeat}).hstack(
            judged.select("serves", "repeats", "times")
        )
        # With too few purchases the rule on repetition is off, so it leaves no doubt.
        seldom = pl.when(pl.col("times") < self.min_purchases).then(1.0).otherwise("seldom")
        chosen = (
            pl.when("serves").then(1 - pl.col("none"))
            .when("repeats").then(pl.col("none") * (1 - pl.col("seldom")))
            .otherwise(pl.col("none") * seldom)
        )  # fmt: skip
        return sure.select(confidence=chosen.clip(0, 1)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        judged = features.select("line_count", "service_share", "category_count", **self._rules())
        lines, categories = pl.col("line_count"), pl.col("category_count")
        # Written once for both languages: numbers are what takes time.
        told = judged.select(
            "by_article",
            shows_share=~pl.col("serves") & (pl.col("times") > 0),
            shows_breadth=(categories > 0).fill_null(value=False),
            lines=wording.number(lines),
            counted=wording.counted(lines, "line"),
            service=wording.percent(pl.col("service_share")),
            share=wording.percent(pl.col("share")),
            categories=wording.number(categories),
            breadth=wording.counted(categories, "category", "categories"),
        )
        again_zh = pl.when("by_article").then(pl.lit("重复购买同一商品")).otherwise(pl.lit("主要品类"))
        again_en = (
            pl.when("by_article").then(pl.lit("articles bought again")).otherwise(pl.lit("main category"))
        )

        def where(shown: str, words: pl.Expr) -> pl.Expr:
            return pl.when(shown).then(words).otherwise(pl.lit(""))

        return wording.reasons(
            told,
            pl.format("明细 {} 行，服务占 {}", "lines", "service")
            + where("shows_share", pl.format("，{}占 {}", again_zh, "share"))
            + where("shows_breadth", pl.format("，涉及 {} 个品类", "categories")),
            pl.format("{}, {} services", "counted", "service")
            + where("shows_share", pl.format(", {} {}", "share", again_en))
            + where("shows_breadth", pl.format(", {}", "breadth")),
        )


_UPPER_THIRD = 0.6667
