"""Interest groups: what customers are keen on, learned from their purchases and their own words."""

from __future__ import annotations

from hashlib import blake2s
from typing import ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import wording


class InterestGroups(Classifier):
    """Puts each customer into the group of the strongest interest.

    A customer has an interest from an affinity index of ``min_index`` on (1.2: a TGI of 120), see the
    feature ``interest-affinity``. Of the interests that are the strongest of at least
    ``min_customers`` customers, the ``groups`` most frequent become groups. Who has interests, but none
    of these, is in "other"; who has none has no clear interest. :meth:`memberships` returns all
    interests of everybody, because a customer may have several.
    """

    title: ClassVar[Text] = Text("兴趣群体", "Interest groups")
    needs: ClassVar[Text] = Text(
        "带品类的付款订单明细或登记的兴趣", "paid order lines with a category, or stated interests"
    )
    sureness: ClassVar[Text] = Text(
        "该兴趣的真实偏好指数达到门槛的后验概率（伽马–泊松模型）；无明显偏好时为各项兴趣都未达到门槛的概率下限",
        "posterior probability that the true affinity reaches the threshold (Gamma-Poisson); without a clear "
        "interest, the probability that the strongest one does not",
    )
    requires: ClassVar[tuple[str, ...]] = ("interest_affinities",)

    groups: int = 8
    min_index: float = 1.2
    min_customers: int = 5

    @property
    def scheme(self) -> Scheme:
        """The learned groups by number of customers, then other interests and none."""
        found: list[list[str]] = getattr(self, "groups_", [])
        return Scheme(
            id="interest_groups",
            zh="兴趣群体",
            en="Interest groups",
            labels=(*(Label(slug, f"{name}兴趣群", f"Keen on {name}") for slug, name in found), *_REST),
            axes=("need",),
            of_data=True,
        )

    def definition(self) -> Text:
        """Return the rule, and how many groups were learned."""
        found: list[list[str]] | None = getattr(self, "groups_", None)
        zh = (
            f"偏好指数不低于 {self.min_index:g}（TGI {self.min_index * 100:.0f}）的品类或客户登记的兴趣中，"
            f"取最强的一项；至少 {self.min_customers} 位客户以其为最强兴趣才成组，最多 {self.groups} 组，"
            "其余归入其他兴趣；"
            "各项都未达到门槛的为兴趣广泛。明细少的客户向全体平均收缩。"
        )
        en = (
            f"The strongest of the categories and stated interests with an affinity index of at least "
            f"{self.min_index:g} (TGI {self.min_index * 100:.0f}); the strongest interest of at least "
            f"{self.min_customers} customers can be a group, at most {self.groups} are, the rest is other "
            "interests; below the threshold in all there is no clear interest. Customers with few lines are "
            "shrunk towards the average."
        )
        if found is None:
            return Text(zh, en)
        return Text(f"{zh}本次得到 {len(found)} 组。", f"{en} Groups found: {len(found)}.")

    def _check_params(self) -> None:
        problems = []
        if self.groups < 1:
            problems.append(f"groups is {self.groups}; it must be 1 or more.")
        if not self.min_index > 1:
            problems.append(
                f"min_index is {self.min_index:g}; it must be above 1, for example 1.2 for a TGI of 120."
            )
        if self.min_customers < 5:
            problems.append(
                f"min_customers is {self.min_customers}; it must be 5 or more, so that no name "
                "tells who it is."
            )
        if problems:
            raise ParamsError(" ".join(problems))

    def memberships(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return every interest of every customer: one row each.

        Columns ``customer_id``, ``interest``, ``index`` (1 is average; times 100 it is the TGI),
        ``stated`` (named by the customer), ``probability`` that the true index reaches ``min_index``;
        only interests at or above it, by customer and strongest first.
        """
        self._check_ready(features)
        held = self._entries(features).filter(pl.col("index") >= self.min_index)
        return held.sort("row", "place").select("customer_id", "interest", "index", "stated", "probability")

    def _fit(self, features: pl.DataFrame) -> None:
        held = self._entries(features).filter(pl.col("index") >= self.min_index)
        counted = held.group_by("interest").agg(customers=pl.len(), firsts=(pl.col("place") == 0).sum())
        chosen = (
            counted.filter(pl.col("firsts") >= self.min_customers)
            .sort("firsts", "customers", "interest", descending=[True, True, False])
            .head(self.groups)
        )
        self.groups_ = [[_slug(name), name] for name in chosen["interest"]]

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return self._chosen(features)["label"]

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        return self._chosen(features)["confidence"]

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        chosen = self._chosen(features)
        names = dict(self.groups_)
        name = pl.col("label").replace_strict(names, default=None, return_dtype=pl.String)
        index, count = wording.number(pl.col("index") * 100), pl.col("held")
        said_zh = pl.when("stated").then(pl.lit("，客户本人登记过")).otherwise(pl.lit(""))
        said_en = pl.when("stated").then(pl.lit(", named by the customer")).otherwise(pl.lit(""))
        top = pl.lit(f"{self.min_index * 100:.0f}")
        zh = (
            pl.when(name.is_not_null())
            .then(pl.format("最强兴趣：{}，指数 {}（平均 100）{}", name, index, said_zh))
            .when(pl.col("label") == "other_interests")
            .then(pl.format("有 {} 项兴趣，都不在主要兴趣群之列", wording.number(count)))
            .otherwise(pl.format("各项兴趣的指数都低于 {}（平均 100）", top))
        )
        en = (
            pl.when(name.is_not_null())
            .then(pl.format("strongest interest: {}, index {} (average 100){}", name, index, said_en))
            .when(pl.col("label") == "other_interests")
            .then(pl.format("{}, none among the main groups", wording.counted(count, "interest")))
            .otherwise(pl.format("no interest reaches the index {} (average 100)", top))
        )
        return wording.reasons(chosen, zh, en)

    def _chosen(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return per row of the features: label, index, stated, number of interests held, confidence."""
        slugs = {name: slug for slug, name in self.groups_}
        entries = self._entries(features).with_columns(
            label=pl.col("interest").replace_strict(slugs, default=None, return_dtype=pl.String),
            holds=pl.col("index") >= self.min_index,
        )
        rows = pl.DataFrame({"row": pl.arange(features.height, eager=True, dtype=pl.Int64)})
        in_group = entries.filter(pl.col("holds") & pl.col("label").is_not_null())
        best = in_group.sort("row", "place").unique("row", keep="first", maintain_order=True)
        summary = entries.group_by("row").agg(
            held=pl.col("holds").sum().cast(pl.Int64), likeliest=pl.col("probability").max()
        )
        joined = rows.join(
            best.select("row", "label", "index", "stated", "probability"), on="row", how="left"
        )
        joined = joined.join(summary, on="row", how="left").sort("row")
        rest = (
            pl.when(pl.col("held") > 0).then(pl.lit("other_interests")).otherwise(pl.lit("no_clear_interest"))
        )
        likeliest = pl.col("likeliest").fill_null(0.0)
        without = pl.when(pl.col("held") > 0).then(likeliest).otherwise(1 - likeliest)
        return joined.with_columns(
            label=pl.coalesce("label", rest),
            confidence=pl.coalesce("probability", without).clip(0, 1),
            stated=pl.col("stated").fill_null(value=False),
        )

    def _entries(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return one row per customer and interest: row, place from 0, index, probability."""
        from scipy.special import gammaincc

        listed = features.select("customer_id", entry="interest_affinities").with_columns(
            row=pl.int_range(pl.len(), dtype=pl.Int64)
        )
        whole = listed.filter(pl.col("entry").list.len() > 0).explode("entry").unnest("entry").with_columns(
            index=pl.col("observed") / pl.col("expected"),
            place=pl.int_range(pl.len(), dtype=pl.Int64).over("row"),
        )  # fmt: skip
        # The ratio has the posterior Gamma(observed, rate expected).
        reached = gammaincc(whole["observed"].to_numpy(), self.min_index * whole["expected"].to_numpy())
        return whole.with_columns(probability=pl.Series(reached, dtype=pl.Float64))


_REST = (
    Label("other_interests", "其他兴趣", "Other interests"),
    Label("no_clear_interest", "兴趣广泛（无明显偏好）", "Broad interests (none stands out)"),
)


def _slug(name: str) -> str:
    """Return an id that depends on the name alone, so that later runs have the same."""
    return f"interest_{blake2s(name.encode(), digest_size=4).hexdigest()}"
