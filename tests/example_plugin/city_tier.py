"""City tiers of mainland China as a crmlab classifier."""

from typing import ClassVar

import polars as pl

from crmlab import Classifier, Label, Scheme, Text


class CityTier(Classifier):
    """Sorts customers by the tier of their city; name further cities in the parameters."""

    title: ClassVar = Text("城市级别", "City tier")
    requires: ClassVar = ("city",)
    tiers: ClassVar = (
        Label("tier_1", "一线", "Tier 1"),
        Label("new_tier_1", "新一线", "New tier 1"),
        Label("other", "二线及以下", "Tier 2 and below"),
    )
    scheme: ClassVar = Scheme("city_tier", "城市级别", "City tier", tiers)
    tier_1: list[str] | None = None
    new_tier_1: list[str] | None = None

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        first = self.tier_1 or ["北京", "上海", "广州", "深圳"]
        second = self.new_tier_1 or ["成都", "杭州", "重庆", "武汉", "苏州", "西安", "南京", "长沙"]
        city = features["city"].str.strip_suffix("市")
        tier = pl.when(city.is_in(first)).then(pl.lit("tier_1")).when(city.is_in(second))
        return pl.select(label=tier.then(pl.lit("new_tier_1")).otherwise(pl.lit("other"))).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        city = pl.col("city")
        return features.select(zh=pl.format("所在城市：{}", city), en=pl.format("city: {}", city))
