"""Source: where a customer came from."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.data.validators import plain
from crmlab.labels import Text
from crmlab_plugins.rules.mapping_rules import Mapped

_UTM_ALONE = 0.7
"""Confidence where a link tells no more than that somebody came over a link."""
_LINK = r"^https?://|^www\.|utm_"
_REFERRER = "referrer"


class Source(Mapped):
    """Puts customers into online, offline, referral and advertising by their stated source.

    A value with ``utm_medium=`` is read by its medium; any other link whose words are not in the table
    is online. Who has a referrer is a referral whatever is stated. Where a value
    speaks of several classes, referral goes before advertising, offline and online.
    """

    title: ClassVar[Text] = Text("客户来源", "Customer source")
    needs: ClassVar[Text] = Text("客户来源或推荐人", "a source or a referrer")
    accepts_nulls: ClassVar[bool] = True
    column: ClassVar[str] = "stated_source"
    measure: ClassVar[Text] = Text("客户来源", "the source")
    file: ClassVar[str] = "source"
    other: ClassVar[str] = "unmapped"

    @property
    def requires(self) -> tuple[str, ...]:
        """The stated source, and whether there is a referrer."""
        return (self.column, "is_referred")

    def definition(self) -> Text:
        """Return the rule with what the table lacks."""
        rule = super().definition()
        return Text(
            f"有推荐人的归入推荐客户。{rule.zh}",
            f"Who has a referrer is a referral. Otherwise {rule.en[0].lower()}{rule.en[1:]}",
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        stated = plain(pl.col(self.column)).is_not_null()
        return features.select(stated | pl.col("is_referred").fill_null(value=False)).to_series()

    def _found(self, features: pl.DataFrame) -> pl.DataFrame:
        text = pl.col(self.column).cast(pl.String).str.to_lowercase()
        medium = text.str.extract(r"utm_medium=([^&;\s#]+)")
        by_medium = medium.replace_strict(self._table.media, default=None, return_dtype=pl.String)
        link = text.str.extract(f"({_LINK})")
        referred = pl.col("is_referred").fill_null(value=False)
        rows = (
            super()
            ._found(features)
            .hstack(
                features.select(
                    by_medium.alias("by_medium"),
                    link.alias("link"),
                    referred.alias("referred"),
                    medium=pl.format("utm_medium={}", medium),
                )
            )
        )
        by_link = pl.col("link").is_not_null() & pl.col("word").is_null()
        return rows.select(
            label=pl.when("referred")
            .then(pl.lit("referral"))
            .when(pl.col("by_medium").is_not_null())
            .then("by_medium")
            .when(by_link)
            .then(pl.lit("online"))
            .otherwise("label"),
            word=pl.when("referred")
            .then(pl.lit(_REFERRER))
            .when(pl.col("by_medium").is_not_null())
            .then("medium")
            .when(by_link)
            .then("link")
            .otherwise("word"),
            confidence=pl.when(pl.col("referred") | pl.col("by_medium").is_not_null())
            .then(1.0)
            .when(by_link)
            .then(_UTM_ALONE)
            .otherwise("confidence"),
        )

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        reasons = super()._explain(features)
        referred = features.select(pl.col("is_referred").fill_null(value=False)).to_series()
        return reasons.with_columns(
            zh=pl.when(referred).then(pl.lit("有推荐人，归入推荐客户")).otherwise("zh"),
            en=pl.when(referred).then(pl.lit("has a referrer: Referral")).otherwise("en"),
        )
