"""Channel preference: where a customer is most likely to be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Classifier
from crmlab.labels import UNCLASSIFIED, Label, Scheme, Text
from crmlab_plugins.features.channels import CHANNELS, answered, begun, sent
from crmlab_plugins.rules import wording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]


class ChannelPreference(Classifier):
    """Gives each customer the channel with the highest rate of use, shrunk towards everybody's.

    An occasion is a contact through the channel, or any interaction that the customer began: then
    every channel in use was open. Used is the channel where the contact was answered, or where the
    interaction was begun. The rate of a customer is the posterior mean of a beta-binomial,
    (used + s · m) / (occasions + s), where m is the rate of all customers for that channel and s says
    how many occasions everybody's rate is worth. Without ``shrinkage``, s is estimated from how much
    customers differ beyond chance (moments of Kleinman 1973, "Proportions with extraneous variance",
    JASA 68:46–54): where they do not differ, everybody gets the channel that works best for all.

    Equal rates go to ``default_channel`` where it is among them, else to the first in the order of
    the scheme. Customers without any occasion have no label.
    """

    title: ClassVar[Text] = Text("沟通偏好", "Channel preference")
    needs: ClassVar[Text] = Text("沟通或触达记录", "a record of contacts or interactions")
    sureness: ClassVar[Text] = Text(
        "所选渠道使用率最高的后验概率（正态近似，各渠道视作相互独立）",
        "posterior probability that the channel has the highest rate of use (normal approximation, channels "
        "taken as independent)",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="channel_preference",
        zh="沟通偏好",
        en="Channel preference",
        labels=(
            Label("phone", "喜欢即时沟通（电话）", "Prefers instant contact (phone)"),
            Label("email", "习惯接收信息（邮件）", "Likes to receive information (email)"),
            Label("social", "活跃在社交媒体", "Active on social media"),
            Label("chat", "追求便捷沟通（在线聊天）", "Wants convenience (online chat)"),
            Label("sms", "留意短信通知（短信）", "Reads text messages (SMS)"),
            Label("in_person", "偏好当面沟通（门店/面对面）", "Prefers to meet (store, in person)"),
            Label("other", "其他渠道", "Another channel"),
        ),
        axes=("need",),
    )

    shows_confidence: ClassVar[bool] = True

    shrinkage: float | None = None
    default_channel: str = "phone"

    @property
    def requires(self) -> tuple[str, ...]:
        """The counts of the feature ``channel-evidence``."""
        return tuple(column(channel) for channel in CHANNELS for column in (sent, answered, begun))

    def definition(self) -> Text:
        """Return the rule, and what was learned."""
        default = CHANNELS[self.default_channel]
        rule = Text(
            "使用率最高的渠道。使用率＝（响应触达的次数＋客户主动联系的次数）÷（该渠道触达次数＋客户主动联系的"
            f"总次数），并向全体客户的使用率收缩；使用率相同时取{default.zh}。",
            "The channel with the highest rate of use: contacts answered and interactions that the customer "
            "began there, over contacts made there and all interactions that the customer began, shrunk "
            f"towards the rate of all customers; equal rates go to {default.en}.",
        )
        rates: dict[str, float] | None = getattr(self, "rates_", None)
        if not rates:
            return rule
        shown = sorted(rates.items(), key=lambda item: -item[1])
        zh = "、".join(f"{CHANNELS[channel].zh} {rate:.0%}" for channel, rate in shown)
        en = ", ".join(f"{CHANNELS[channel].en} {rate:.0%}" for channel, rate in shown)
        alike = self._alike()
        return Text(
            f"{rule.zh}全体客户的使用率：{zh}；收缩权重相当于 {self.shrinkage_:.1f} 次沟通。{alike.zh}",
            f"{rule.en} Rates of all customers: {en}; they weigh as much as {self.shrinkage_:.1f} occasions."
            f"{alike.en}",
        )

    def _alike(self) -> Text:
        """Say that the label tells customers apart hardly at all, where nearly all have the same."""
        if self.common_share_ < _ALIKE:
            return Text("", "")
        name = CHANNELS[self.common_channel_]
        return Text(
            f"{self.common_share_:.0%} 的客户归入{name.zh}："
            "除这一共同倾向外，数据看不出个人偏好，不足以按人区分渠道。",
            f" {self.common_share_:.0%} of the customers are in {name.en}: beyond that common leaning the "
            "data shows no preference of single customers, and gives no ground to choose channels one by "
            "one.",
        )

    def _check_params(self) -> None:
        problems = []
        if self.shrinkage is not None and not self.shrinkage > 0:
            problems.append(f"shrinkage is {self.shrinkage:g}; it must be above 0, for example 4.")
        if self.default_channel not in CHANNELS:
            problems.append(
                f"default_channel is {self.default_channel!r}.{did_you_mean(self.default_channel, CHANNELS)} "
                f"Allowed: {', '.join(CHANNELS)}."
            )
        if problems:
            raise ParamsError(" ".join(problems))

    def _fit(self, features: pl.DataFrame) -> None:
        used, occasions = _evidence(features)
        total = occasions.sum(axis=0)
        # A channel that nobody ever used is none that could be preferred.
        self.rates_ = {
            channel: float(used[:, place].sum() / total[place])
            for place, channel in enumerate(CHANNELS)
            if used[:, place].sum() > 0
        }
        places = [list(CHANNELS).index(channel) for channel in self.rates_]
        self.shrinkage_ = self.shrinkage or _shrinkage(used[:, places], occasions[:, places])
        labels = self._predict(features)
        sizes = labels.filter(labels != UNCLASSIFIED.id).value_counts().sort("count", "label")
        self.common_channel_, common = sizes.row(-1) if sizes.height else (self.default_channel, 0)
        self.common_share_ = common / max(int(sizes["count"].sum()), 1)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        import numpy as np

        has, means, _ = self._posterior(features)
        ids = pl.Series("label", [*self.rates_, UNCLASSIFIED.id], dtype=pl.String)
        best = _first_of_equals(means, self._order()) if self.rates_ else np.zeros(len(has), dtype=np.int64)
        return ids.gather(pl.Series(np.where(has, best, len(self.rates_))))

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        import numpy as np
        from scipy.special import ndtr

        has, means, weight = self._posterior(features)
        if not self.rates_:
            return pl.Series([None] * len(has), dtype=pl.Float64)
        best = _first_of_equals(means, self._order())
        spread = np.sqrt(means * (1 - means) / (weight + 1))
        rows = np.arange(len(has))
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        probability = np.zeros(len(has))
        for node, share in zip(nodes, weights / weights.sum(), strict=True):
            value = means[rows, best] + node * spread[rows, best]
            below = ndtr((value[:, None] - means) / np.maximum(spread, _TINY))
            below[rows, best] = 1.0
            probability += share * below.prod(axis=1)
        sure = pl.Series(np.clip(probability, 0, 1))
        return pl.DataFrame({"sure": sure, "has": has}).select(pl.when("has").then("sure")).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        names = self._predict(features)
        counts = {
            name: pl.coalesce(
                *(pl.when(names == channel).then(pl.col(column(channel))) for channel in CHANNELS), pl.lit(0)
            )
            for name, column in (("sent", sent), ("answered", answered), ("begun", begun))
        }
        own = pl.sum_horizontal(begun(channel) for channel in CHANNELS)
        chosen = features.select(channel=names, own=own, rate=self._highest(features), **counts)
        zh, en = (
            pl.col("channel").replace_strict(named, default=None, return_dtype=pl.String)
            for named in (
                {channel: text.zh for channel, text in CHANNELS.items()},
                {channel: text.en for channel, text in CHANNELS.items()},
            )
        )
        number, asked, rate = wording.number, pl.col("sent") > 0, wording.percent(pl.col("rate"))
        no = pl.lit("")
        told_zh = [
            pl.when(asked)
            .then(pl.format("，触达 {} 次响应 {} 次", number(pl.col("sent")), number(pl.col("answered"))))
            .otherwise(no),
            pl.when(pl.col("own") > 0)
            .then(pl.format("，主动联系 {} 次中占 {} 次", number(pl.col("own")), number(pl.col("begun"))))
            .otherwise(no),
        ]
        told_en = [
            pl.when(asked)
            .then(
                pl.format(", {} of {} contacts answered", number(pl.col("answered")), number(pl.col("sent")))
            )
            .otherwise(no),
            pl.when(pl.col("own") > 0)
            .then(pl.format(", {} of {} own contacts", number(pl.col("begun")), number(pl.col("own"))))
            .otherwise(no),
        ]
        nothing = Text(f"缺少{self.needs.zh}", f"missing: {self.needs.en}")
        return wording.reasons(
            chosen,
            pl.format("{}的估计使用率最高（{}）{}{}", zh, rate, *told_zh).fill_null(nothing.zh),
            pl.format("{}: the highest estimated rate of use ({}){}{}", en, rate, *told_en).fill_null(
                nothing.en
            ),
        )

    def _highest(self, features: pl.DataFrame) -> pl.Series:
        """Return the posterior rate of the channel with the highest; null where there is no channel."""
        _, means, _ = self._posterior(features)
        if not self.rates_:
            return pl.repeat(None, features.height, dtype=pl.Float64, eager=True)
        return pl.Series(means.max(axis=1), dtype=pl.Float64)

    def _order(self) -> list[int]:
        """Return the places of the channels, the default one first."""
        channels = list(self.rates_)
        return sorted(range(len(channels)), key=lambda place: channels[place] != self.default_channel)

    def _posterior(self, features: pl.DataFrame) -> tuple[NDArray[np.bool_], Matrix, Matrix]:
        """Return who has an occasion, and per channel in use the mean rate and the weight behind it."""
        import numpy as np

        used, occasions = _evidence(features)
        has = (occasions.sum(axis=1) > 0) & bool(self.rates_)
        places = [list(CHANNELS).index(channel) for channel in self.rates_]
        weight = occasions[:, places] + self.shrinkage_
        prior = np.array(list(self.rates_.values())) * self.shrinkage_
        return has, (used[:, places] + prior) / weight, weight


_ALIKE = 0.95
"""Share of customers with one label from which the scheme says that it hardly tells them apart."""
_NODES = 20
_TINY = 1e-12
_NO_DIFFERENCE = 200.0
"""What everybody's rate weighs at most, in occasions: where customers do not differ at all."""


def _evidence(features: pl.DataFrame) -> tuple[Matrix, Matrix]:
    """Return per customer and channel how often it was used, and on how many occasions."""

    def matrix(column: Any) -> Matrix:
        counts = features.select(column(channel) for channel in CHANNELS)
        return counts.cast(pl.Float64).to_numpy()

    own = matrix(begun)
    return matrix(answered) + own, matrix(sent) + own.sum(axis=1, keepdims=True)


def _shrinkage(used: Matrix, occasions: Matrix) -> float:
    """Return the weight of everybody's rate, pooled over channels: 1/ρ - 1 of Kleinman's ρ."""
    import numpy as np

    beyond = expected = 0.0
    for k, n in zip(used.T, occasions.T, strict=True):
        k, n = k[n > 0], n[n > 0]
        total = n.sum()
        if len(n) < 2:
            continue
        rate = k.sum() / total
        variance = rate * (1 - rate)
        beyond += float((n * np.square(k / n - rate)).sum() - variance * (len(n) - 1))
        expected += float(variance * (total - len(n) - np.square(n).sum() / total + 1))
    rho = beyond / expected if expected > 0 else 0.0
    return min(max(1 / max(rho, 1e-9) - 1, 0.5), _NO_DIFFERENCE)


def _first_of_equals(means: Matrix, order: list[int]) -> NDArray[np.int64]:
    """Return the place of the highest mean; of equal ones the first in ``order``."""
    import numpy as np

    rounded = np.round(means[:, order], 12)
    best: NDArray[np.int64] = np.array(order)[rounded.argmax(axis=1)]
    return best
