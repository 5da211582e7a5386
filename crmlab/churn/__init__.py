"""Churn: who is about to leave, how sure that is, why, and what it costs."""

from __future__ import annotations

from crmlab.churn.backtest import Backtest, Contender, backtest
from crmlab.churn.leakage import Leakage, leakage
from crmlab.churn.levels import Levels, levels
from crmlab.churn.snapshots import Design, LearnsChurn, Snapshots, snapshots
from crmlab.churn.table_backtest import TableBacktest, table_backtest
from crmlab.churn.warning import Churn

__all__ = [
    "Backtest",
    "Churn",
    "Contender",
    "Design",
    "Leakage",
    "LearnsChurn",
    "Levels",
    "Snapshots",
    "TableBacktest",
    "backtest",
    "leakage",
    "levels",
    "snapshots",
    "table_backtest",
]
