"""The numbers of the lifecycle side by side, and the tables that a run keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.view.findings import KeyFigures
from crmlab.view.numbers import count, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.retention import Retention
    from crmlab.segments.separation import Estimate


def figures(retention: Retention) -> KeyFigures:
    """Return customers, second purchase by 90 days, median time to lapse, return of the dormant, renewal."""
    shown: list[tuple[str, Text]] = []
    words, smallest = texts(), retention.lab.study.privacy.smallest_group
    curves = retention.second_purchase.curves
    if curves:
        shown.append((count(curves["all"].customers), words["retention_figure_customers"]))
        again = retention.second_purchase.by(90)
        if again.value == again.value:
            shown.append((percent(again.value), _with(words["retention_figure_second"], again)))
    curve = retention.lapse.curve
    if curve is not None:
        middle = curve.quantile(0.5, smallest)
        year = curve.at([365], smallest)[0]
        if middle.value == middle.value:
            shown.append((count(middle.value), words["retention_figure_lapse"]))
        elif year.value == year.value:
            shown.append((percent(year.value), _with(words["retention_figure_year"], year)))
    back = retention.reactivation.curve
    if back is not None:
        share = back.reached([90], smallest)[0]
        if share.value == share.value:
            shown.append((percent(share.value), _with(words["retention_figure_back"], share)))
    contracts = retention.contracts()
    if contracts.summary.height:
        row = contracts.summary.row(contracts.well_seen - 1, named=True)
        name = say("retention_figure_contracts", n=row["period"], days=contracts.period_days)
        shown.append((percent(row["survival"]), name))
    return KeyFigures(shown, retention.lab.language)


def saved_tables(retention: Retention) -> dict[str, pl.DataFrame]:
    """Return the tables of the parts that have data; those of what was computed already."""
    tables: dict[str, pl.DataFrame] = {}
    cohorts, contracts = retention.cohorts(), retention.contracts()
    if cohorts is not None:
        tables["retention_cohorts"] = cohorts.summary
        tables["retention_average"] = cohorts.average
        tables["second_purchase"] = retention.second_purchase.summary
    used = vars(retention)
    if "lapse" in used and retention.lapse.curve is not None:
        tables["lapse"] = retention.lapse.summary
    if "reactivation" in used and retention.reactivation.curve is not None:
        tables["reactivation"] = retention.reactivation.summary
    if "statuses" in used and retention.statuses.curves:
        tables["status_survival"] = retention.statuses.summary
    times = [
        stages.summary.select(pl.lit(stages.name).alias("scheme"), pl.all())
        for stages in used["_stages"].values()
        if stages.curves
    ]
    if times:
        tables["stage_times"] = pl.concat(times)
    if contracts.cohorts is not None:
        tables["contract_renewals"] = contracts.summary
        tables["contract_cohorts"] = contracts.cohorts.summary
        if contracts.projection.summary.height:
            tables["contract_projection"] = contracts.projection.summary
    return tables


def _with(name: Text, share: Estimate) -> Text:
    """Write the interval behind what a figure counts."""
    ends = f"{percent(share.low)}–{percent(share.high)}"
    return Text(f"{name.zh}（{ends}）", f"{name.en} ({ends})")
