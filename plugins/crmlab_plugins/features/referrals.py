"""Features from who referred whom: how many customers one brought, and what these spent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.estimators import Feature
from crmlab.labels import Measure, Text

if TYPE_CHECKING:
    import narwhals as nw


class Referrals(Feature):
    """Customers whom another named as referrer (``customers.referrer_id``), and their spend to date.

    Customers registered after the as-of day do not count, and nobody refers himself. ``referred_spend``
    is net of refunds. Where the study has no referrers, all is null: unknown, not none.
    """

    title: ClassVar[Text] = Text("推荐", "Referrals")
    optional_tables: ClassVar[tuple[str, ...]] = ("customers", "orders")
    produces: ClassVar[tuple[str, ...]] = ("referral_count", "referred_spend")
    measures: ClassVar[Mapping[str, Measure]] = {
        "referral_count": Measure("推荐来的客户数", "customers referred", "count"),
        "referred_spend": Measure("推荐来的客户的累计消费", "total spend of customers referred", "currency"),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per listed customer, or per customer with an order where none are listed."""
        import narwhals as nw

        from crmlab.summary import HUNDREDTHS, day_number, until

        key, referrer = nw.col("customer_id"), nw.col("referrer_id")
        customers = tables.get("customers")
        if customers is None or "referrer_id" not in (schema := customers.collect_schema()):
            listed = tables["orders"] if customers is None else customers
            if "day" in listed.collect_schema():
                listed = listed.filter(nw.col("day").is_null() | (nw.col("day") <= day_number(as_of)))
            return listed.select(
                key, referral_count=nw.lit(None, nw.Int64), referred_spend=nw.lit(None, nw.Float64)
            ).unique()
        if "day" in schema:
            customers = customers.filter(nw.col("day").is_null() | (nw.col("day") <= day_number(as_of)))
        referred = customers.filter(~referrer.is_null() & (referrer != key)).select(key, referrer)
        if (orders := tables.get("orders")) is None:
            referred = referred.with_columns(hundredths=nw.lit(None, nw.Int64))
        else:
            money = nw.col("amount_hundredths").sum().cast(nw.Int64)
            spent = until(orders, as_of).group_by("customer_id").agg(hundredths=money)
            referred = referred.join(spent, on="customer_id", how="left").with_columns(
                hundredths=nw.col("hundredths").fill_null(0)
            )
        counted = referred.group_by("referrer_id").agg(
            referral_count=nw.len().cast(nw.Int64), hundredths=nw.col("hundredths").sum().cast(nw.Int64)
        )
        count = nw.col("referral_count").fill_null(0)
        money = nw.col("hundredths").fill_null(0) / (count * 0 + HUNDREDTHS)
        return (
            customers.select("customer_id")
            .join(counted, left_on="customer_id", right_on="referrer_id", how="left")
            .select(
                "customer_id",
                referral_count=count,
                referred_spend=nw.lit(None, nw.Float64) if orders is None else money,
            )
        )
