"""What a backtest of thresholds shows, in sentences that hold for its very figures."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.segments.ranking import auc_difference
from crmlab.segments.threshold_rules import BY_CADENCE, Rule
from crmlab.view.numbers import decimal, percent
from crmlab.view.texts import joined, say

if TYPE_CHECKING:
    from crmlab.segments.backtest import Backtest
    from crmlab.segments.separation import Estimate

_RANKS = {
    "better": "backtest_rank_better",
    "worse": "backtest_rank_worse",
    "equal": "backtest_rank_equal",
}


def sentences(backtest: Backtest) -> Text:
    """Speak of the rule in use, of rules by cadence, and of fixed limits that do not fit the trade."""
    said = (of_use(backtest), _of_ranking(backtest), _of_scale(backtest))
    return joined(*(sentence for sentence in said if sentence))


def of_use(backtest: Backtest) -> Text:
    """Say what the rule in use flags, and how right it is, at the main horizon."""
    row = backtest.summary.filter(pl.col("in_use"), horizon=backtest.main).row(0, named=True)
    return say(
        "backtest_of_use",
        rule=backtest.in_use.name,
        days=backtest.main,
        **{name: percent(row[name]) for name in ("flagged_share", "precision", "recall", "base_rate")},
    )


def _of_ranking(backtest: Backtest) -> Text | None:
    """Say whether silence by one's own rhythm ranks customers otherwise than silence in days."""
    better, worse = set[int](), set[int]()
    for horizon in backtest.horizons:
        for gain in _gains(backtest, horizon):
            better |= {horizon} if gain.low > 0 else set()
            worse |= {horizon} if gain.high < 0 else set()
    days, cadence = (
        backtest.summary.filter(rule=rule, horizon=backtest.main)["auc"][0]
        for rule in ("fixed_90", "shrunk_gap")
    )
    if days is None or cadence is None:
        return None
    key = "better" if better and not worse else "worse" if worse and not better else "equal"
    at = sorted((better if key == "better" else worse) or backtest.horizons)
    if better and worse:
        return None
    return say(
        _RANKS[key],
        at=Text("、".join(map(str, at)), ", ".join(map(str, at))),
        days=backtest.main,
        silence=decimal(days),
        cadence=decimal(cadence),
    )


def _gains(backtest: Backtest, horizon: int) -> list[Estimate]:
    """Return by how much the rules by one's own cadence rank better than silence in days."""
    day = backtest.lab.study.as_of - timedelta(days=horizon)
    gains = []
    for method in BY_CADENCE:
        frame = backtest.flags(Rule.by_gap(method), day, horizon)
        gains.append(auc_difference(frame["score"], frame["silence"], frame["lapsed"]))
    return gains


def _of_scale(backtest: Backtest) -> Text | None:
    """Say where a fixed limit flags far fewer than are lost, and the limits by cadence do not."""
    rows = backtest.summary.filter(horizon=backtest.main).drop_nulls("flagged_share")
    fixed = rows.filter(pl.col("rule").str.starts_with("fixed_")).sort("flagged_share", "rule")
    shrunk = rows.filter(rule="shrunk_gap")
    if not fixed.height or not shrunk.height:
        return None
    least, own = fixed.row(0, named=True), shrunk.row(0, named=True)
    if not least["flagged_share"] < least["base_rate"] / 2 <= own["flagged_share"]:
        return None
    name = next(rule.name for rule in backtest.rules if rule.id == least["rule"])
    return say(
        "backtest_of_scale",
        rule=name,
        days=backtest.main,
        few=percent(least["flagged_share"]),
        base_rate=percent(least["base_rate"]),
        own=percent(own["flagged_share"]),
    )
