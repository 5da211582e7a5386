"""The public contract, and the tiers that a reader would check first."""

import polars as pl
from city_tier import CityTier

from crmlab.testing import parametrize_with_checks


@parametrize_with_checks([CityTier(), CityTier(new_tier_1=["青岛"])])
def test_contract(estimator, check):
    check(estimator)


def test_tiers():
    cities = pl.DataFrame({"customer_id": ["a", "b", "c", "d"], "city": ["上海市", "成都", "喀什", None]})
    tiers = CityTier().fit(cities).predict(cities)
    assert tiers.to_list() == ["tier_1", "new_tier_1", "other", "unclassified"]
