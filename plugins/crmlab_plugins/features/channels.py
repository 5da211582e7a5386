"""Through which channels customers answer, and which they choose themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache, partial, reduce
from operator import or_
from pathlib import Path
from typing import Any, ClassVar

import narwhals as nw
import polars as pl

from crmlab.engines import by_batches
from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import KEY, known_by, nobody, one, optional

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
        today = day_number(as_of)
        parts = []
        if "contacts" in tables:
            parts.append(_contacts(tables, today))
        if "interactions" in tables:
            parts.append(_interactions(tables["interactions"], today))
        if not parts:
            columns = dict.fromkeys(self.produces, nw.Int64)
            return nobody(next(iter(tables.values())), {KEY: nw.String, **columns})
        evidence = nw.concat(parts).group_by(KEY, "channel").agg(_sums(*_COUNTS))
        schema = {KEY: pl.String, "kind": pl.String, **dict.fromkeys(_COUNTS, pl.Int64)}
        told = by_batches(evidence, partial(_told, self.words or {}), schema)
        none = nw.lit(0, nw.Int64)
        counted = {
            column(channel): nw.when(nw.col("kind") == channel).then(nw.col(count)).otherwise(none)
            for channel in CHANNELS
            for count, column in zip(_COUNTS, (sent, answered, begun), strict=True)
        }
        return told.select(KEY, **counted).group_by(KEY).agg(_sums(*counted))


def _sums(*names: str) -> list[nw.Expr]:
    return [nw.col(name).sum().cast(nw.Int64) for name in names]


def _told(words: Mapping[str, str], evidence: pl.DataFrame) -> pl.DataFrame:
    """Add the kind of each channel."""
    kinds = kinds_of(evidence["channel"].drop_nulls().unique().to_list(), words)
    kind = pl.col("channel").replace_strict(kinds, default="other", return_dtype=pl.String)
    return evidence.with_columns(kind=kind)


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


def _contacts(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> nw.LazyFrame[Any]:
    rows = known_by(tables["contacts"], today)
    names = rows.collect_schema().names()
    rows = optional(rows, "arm", "channel", "campaign_id")
    if "campaigns" in tables:
        campaigns = optional(tables["campaigns"], "channel")
        planned = campaigns.select("campaign_id", planned=nw.col("channel"))
        rows = rows.join(planned, on="campaign_id", how="left")
        rows = rows.with_columns(channel=nw.coalesce("channel", "planned"))
    answers = [_until(step, today) for step in _ANSWERS if step in names]
    is_answered = reduce(or_, answers, nw.lit(value=False))
    arrived = _until("delivered_day", today) if "delivered_day" in names else nw.lit(value=True)
    treated = nw.col("arm").is_null() | (nw.col("arm") != "control")
    return rows.filter(treated, ~nw.col("channel").is_null(), arrived | is_answered).select(
        KEY,
        nw.col("channel").cast(nw.String),
        sent=nw.lit(1, nw.Int64),
        answered=one(is_answered),
        begun=nw.lit(0, nw.Int64),
    )


def _until(column: str, today: int) -> nw.Expr:
    return ~nw.col(column).is_null() & (nw.col(column) <= today)


def _interactions(table: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
    rows = optional(known_by(table, today), "channel")
    if "direction" in rows.collect_schema().names():
        rows = rows.filter(nw.col("direction") == "inbound")
    none = nw.lit(0, nw.Int64)
    return rows.filter(~nw.col("channel").is_null()).select(
        KEY, nw.col("channel").cast(nw.String), sent=none, answered=none, begun=nw.lit(1, nw.Int64)
    )
