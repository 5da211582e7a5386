"""Through which channels customers answer, and which they choose themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.native import KEY, known_by, native, optional

if TYPE_CHECKING:
    import narwhals as nw

CHANNELS: dict[str, Text] = {
    "phone": Text("电话", "phone"),
    "email": Text("邮件", "email"),
    "social": Text("社交媒体", "social media"),
    "chat": Text("在线聊天", "online chat"),
    "sms": Text("短信", "text messages"),
    "in_person": Text("门店/面对面", "store or in person"),
    "other": Text("其他渠道", "other channels"),
}
"""The kinds of channels; ``other`` holds every channel that the table of words does not know."""

WORDS = Path(__file__).parents[1] / "data" / "channels.yaml"
_ANSWERS = ("opened_day", "clicked_day", "responded_day")


def sent(channel: str) -> str:
    """Return the column that counts the campaign contacts through a channel."""
    return f"{channel}_sent_count"


def answered(channel: str) -> str:
    """Return the column that counts those of them that the customer opened, clicked or answered."""
    return f"{channel}_answer_count"


def begun(channel: str) -> str:
    """Return the column that counts the interactions that the customer began there."""
    return f"{channel}_inbound_count"


def _measures() -> dict[str, Measure]:
    found = {}
    for channel, name in CHANNELS.items():
        found[sent(channel)] = Measure(f"{name.zh}触达次数", f"contacts by {name.en}", "count")
        found[answered(channel)] = Measure(f"{name.zh}响应次数", f"answers by {name.en}", "count")
        found[begun(channel)] = Measure(f"{name.zh}主动联系次数", f"own contacts by {name.en}", "count")
    return found


class ChannelEvidence(Feature):
    """Contacts, answers and own contacts of each customer by kind of channel.

    A contact counts when it belongs to no control group and arrived (where the table says so); it is
    answered when it was opened, clicked or responded to by the day. An interaction counts when the
    customer began it, or when the table has no directions. A contact without a channel has its
    campaign's. ``words`` adds words to the packaged table (``data/channels.yaml``) or moves them:
    ``{会员热线: phone}``.
    """

    title: ClassVar[Text] = Text("渠道响应", "Channel evidence")
    optional_tables: ClassVar[tuple[str, ...]] = ("contacts", "interactions", "campaigns")
    produces: ClassVar[tuple[str, ...]] = tuple(_measures())
    measures: ClassVar[Mapping[str, Measure]] = _measures()

    words: dict[str, str] | None = None

    def _check_params(self) -> None:
        for word, channel in (self.words or {}).items():
            if channel not in CHANNELS:
                raise ParamsError(
                    f"words says that {word!r} is the channel {channel!r}.{did_you_mean(channel, CHANNELS)} "
                    f"Allowed: {', '.join(CHANNELS)}."
                )

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for everybody with a contact or an own interaction through a named channel."""
        import narwhals as nw

        today = day_number(as_of)
        parts = [
            pl.LazyFrame(schema={KEY: pl.String, "channel": pl.String, **dict.fromkeys(_COUNTS, pl.Int64)})
        ]
        if "contacts" in tables:
            parts.append(_contacts(tables, today))
        if "interactions" in tables:
            parts.append(_interactions(tables["interactions"], today))
        evidence = pl.concat(parts).group_by(KEY, "channel").agg(pl.col(_COUNTS).sum()).collect()
        kinds = kinds_of(evidence["channel"].drop_nulls().unique().to_list(), self.words or {})
        kind = pl.col("channel").replace_strict(kinds, default="other", return_dtype=pl.String)
        sums = [
            pl.when(pl.col("kind") == channel).then(count).otherwise(0).sum().alias(column(channel))
            for channel in CHANNELS
            for count, column in zip(_COUNTS, (sent, answered, begun), strict=True)
        ]
        return nw.from_native(evidence.lazy().with_columns(kind=kind).group_by(KEY).agg(sums))


def kinds_of(names: list[str], words: Mapping[str, str]) -> dict[str, str]:
    """Return channel as records have it → its kind; ``words`` come before the packaged ones."""
    table = _packaged() | {_plain(word): channel for word, channel in words.items()}
    longest = sorted(table, key=lambda word: (-len(word), word))
    found = {}
    for name in names:
        plain = _plain(name)
        # Short Latin words would be found inside others, such as "line" in "online".
        inside = (word for word in longest if word in plain and (len(word) > 4 or not word.isascii()))
        word = plain if plain in table else next(inside, None)
        found[name] = table[word] if word is not None else "other"
    return found


def _plain(name: str) -> str:
    return "".join(name.casefold().replace("-", "").replace("_", "").split())


@cache
def _packaged() -> dict[str, str]:
    import yaml

    kinds: dict[str, list[str]] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return {_plain(word): channel for channel, words in kinds.items() for word in words}


_COUNTS = ("sent", "answered", "begun")


def _contacts(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> pl.LazyFrame:
    rows = known_by(tables["contacts"], today)
    names = rows.collect_schema().names()
    rows = optional(rows, "arm", "channel", "campaign_id")
    if "campaigns" in tables:
        campaigns = optional(native(tables["campaigns"]), "channel")
        planned = campaigns.select("campaign_id", planned="channel")
        rows = rows.join(planned, on="campaign_id", how="left")
        rows = rows.with_columns(channel=pl.coalesce("channel", "planned"))
    steps = [(pl.col(step) <= today).fill_null(value=False) for step in _ANSWERS if step in names]
    answers = pl.any_horizontal(*steps) if steps else pl.lit(value=False)
    arrived = (
        (pl.col("delivered_day") <= today).fill_null(value=False)
        if "delivered_day" in names
        else pl.lit(value=True)
    )
    treated = pl.col("arm").ne_missing("control")
    return rows.filter(treated & pl.col("channel").is_not_null() & (arrived | answers)).select(
        KEY, "channel", sent=pl.lit(1, pl.Int64), answered=answers.cast(pl.Int64), begun=pl.lit(0, pl.Int64)
    )


def _interactions(table: nw.LazyFrame[Any], today: int) -> pl.LazyFrame:
    rows = optional(known_by(table, today), "channel")
    if "direction" in rows.collect_schema().names():
        rows = rows.filter(pl.col("direction") == "inbound")
    none = pl.lit(0, pl.Int64)
    return rows.filter(pl.col("channel").is_not_null()).select(
        KEY, "channel", sent=none, answered=none, begun=pl.lit(1, pl.Int64)
    )
