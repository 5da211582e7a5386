"""How large the next experiment must be, and what the list at hand can show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from crmlab.intervals import wilson
from crmlab.segments.outcomes import outcomes
from crmlab.segments.separation import Estimate
from crmlab.summary import day_number
from crmlab.targeting import planner
from crmlab.targeting.targets import SILENT
from crmlab.targeting.wording import points
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.targeting.targets import TargetList

ROUND = (0.01, 0.02, 0.05)
"""Effects that a reader may have in mind."""


def table(lab: Lab, listed: TargetList) -> Table | Note:
    """Show arms by the effect that they show; a note where the data does not say what happens anyway."""
    words, language = texts(), lab.language
    params = listed.model.get_params()
    share = params["control_share"]
    if not share:
        return Note(words["winback_plan_no_control"], language, "warning")
    silent = int(listed.customers.select(pl.col(SILENT).min()).item() or 0)
    days = params["window_days"]
    known = base_rate(lab, silent, days)
    if known is None:
        return Note(words["winback_plan_none"], language)
    base, n = known
    rows, weak = [], False
    here = planner.Arms(listed.contacted.height, listed.control.height)
    expected = listed.contacted["uplift"].mean()
    if min(here):
        least = planner.detectable_rate(here, base.value)
        weak = isinstance(expected, float) and not expected >= least
        rows.append((words["winback_plan_this"].to(language), *here, here.total, 100 * least))
    told = [("winback_plan_expected", float(expected))] if isinstance(expected, float) else []
    for key, uplift in [*told, *(("winback_plan_round", uplift) for uplift in ROUND)]:
        if not 0 < uplift <= 1 - base.value:
            continue
        arms = planner.size_for_rates(base.value, uplift, share)
        rows.append((say(key, uplift=points(uplift)).to(language), *arms, arms.total, 100 * uplift))
    note = say(
        "winback_plan_note",
        base=percent(base.value),
        day=lab.study.as_of - timedelta(days=days),
        silent=silent,
        n=count(n),
        days=days,
        share=percent(share, 0),
    )
    return Table(
        pl.DataFrame(rows, schema=["case", "treated", "control", "total", "uplift"], orient="row"),
        [
            Column("case", words["winback_plan_case"]),
            Column("uplift", words["winback_uplift"], "decimal", note=words["winback_points"]),
            Column("treated", words["winback_contacted"], "integer"),
            Column("control", words["winback_control"], "integer"),
            Column("total", words["winback_plan_total"], "integer"),
        ],
        caption=say(
            "winback_plan_caption",
            power=percent(planner.POWER, 0),
            confidence=percent(planner.CONFIDENCE, 0),
        ),
        note=joined(texts()["winback_plan_weak"] if weak else None, note),
        language=language,
    )


def base_rate(lab: Lab, silent: int, days: int) -> tuple[Estimate, int] | None:
    """Return the share of customers silent for so long who order within ``days``, and how many there were.

    Looked at ``days`` before the study's day. None where orders do not reach back so far, or fewer
    customers than the study's smallest group had been silent.
    """
    day = lab.study.as_of - timedelta(days=days)
    first = lab.tables["orders"].select(pl.col("day").min()).item()
    if first is None or first > day_number(day):
        return None
    then = lab.features(SILENT, as_of=day).filter(pl.col(SILENT) >= silent)
    done = then.join(outcomes(lab, day, days), on="customer_id", maintain_order="left")
    if done.height < max(lab.study.privacy.smallest_group, 1):
        return None
    back = int((done["next_orders"] > 0).sum())
    return Estimate(back / done.height, *wilson(back, done.height)), done.height
