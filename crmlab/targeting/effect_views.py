"""What past campaigns brought, as a reader sees it: a forest of effects, a table, and what to be wary of."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

import polars as pl

from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.targeting.evaluation import Effect, Evaluation
from crmlab.targeting.target_views import enumerated
from crmlab.targeting.wording import amount, amount_between, points, points_between
from crmlab.view.findings import Note
from crmlab.view.numbers import count, interval, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_EXCLUDED = {
    "both_arms": "winback_excluded_both_arms",
    "no_arm": "winback_excluded_no_arm",
    "not_over": "winback_excluded_not_over",
}
_MEASURES = {
    "order_count": "winback_orders_before",
    "total_spend": "winback_revenue_before",
    "days_since_last_order": "winback_silence_before",
    "day": "winback_contact_day",
}


def shown(lab: Lab, found: Evaluation) -> dict[str, Effect]:
    """Return the campaigns whose arms are large enough to be shown."""
    least = lab.study.privacy.smallest_group
    return {
        name: effect
        for name, effect in found.effects.items()
        if effect.contacted >= least and (not effect.is_causal or effect.control >= least)
    }


def chart(lab: Lab, found: Evaluation) -> alt.LayerChart | None:
    """Draw the uplift of each campaign with a control group, and of all; None where there is none."""
    from crmlab.view.targeting_charts import effects

    causal = {name: effect for name, effect in shown(lab, found).items() if effect.is_causal}
    if found.pooled is None or not causal:
        return None
    names = campaign_names(lab)
    rows = [(names.get(name, name), effect) for name, effect in causal.items()]
    if len(rows) > 1:
        rows.append((texts()["winback_all_campaigns"].to(lab.language), found.pooled))
    frame = pl.DataFrame([_dot(lab, name, effect) for name, effect in rows])
    return effects(
        frame,
        say("winback_effects_title", uplift=points(found.pooled.uplift.value)),
        say(
            "winback_effects_subtitle",
            days=found.experiment.window_days,
            treated=count(found.pooled.contacted),
            control=count(found.pooled.control),
        ),
        texts()["winback_campaign"],
        lab.language,
    )


def table(lab: Lab, found: Evaluation) -> Table | None:
    """Show every campaign with its figures; None where none is large enough."""
    names = campaign_names(lab)
    rows = [(names.get(name, name), effect) for name, effect in shown(lab, found).items()]
    if not rows:
        return None
    words, language = texts(), lab.language
    if found.pooled is not None and sum(effect.is_causal for _, effect in rows) > 1:
        rows.append((words["winback_all_campaigns"].to(language), found.pooled))
    return Table(
        pl.DataFrame([_line(lab, name, effect) for name, effect in rows], infer_schema_length=None),
        [
            Column("name", words["winback_campaign"]),
            Column("contacted", words["winback_contacted"], "integer"),
            Column("control", words["winback_control"], "integer"),
            Column("contacted_rate", words["winback_contacted_rate"], "percent"),
            Column("control_rate", words["winback_control_rate"], "percent"),
            Column("uplift", words["winback_uplift"]),
            Column("uplift_interval", words["winback_interval"]),
            Column("won_back", words["winback_won_back"], "integer"),
            Column("revenue", words["winback_revenue"], "money"),
            Column("revenue_interval", words["winback_interval"]),
            Column("cost", words["winback_cost_each"]),
            Column("cost_interval", words["winback_interval"]),
        ],
        caption=say("winback_effects_caption", day=lab.study.as_of, days=found.experiment.window_days),
        note=say("winback_effects_note", days=found.experiment.window_days),
        language=language,
        currency=lab.study.currency,
    )


def warnings(lab: Lab, found: Evaluation) -> list[Note]:
    """Say what is no effect, what is not counted, and whether the arms were alike."""
    words, names = texts(), campaign_names(lab)
    notes = []
    loose = [name for name, effect in shown(lab, found).items() if not effect.is_causal]
    if loose:
        notes.append(Note(say("winback_association", names=_named(lab, loose)), lab.language, "warning"))
    for name, chance in found.mismatched.items():
        said = say("winback_mismatch", name=names.get(name, name), p=f"{chance:.1g}")
        notes.append(Note(said, lab.language, "warning"))
    for name, measures in found.unlike.items():
        differing = enumerated([words[_MEASURES[measure]] for measure in measures])
        said = say("winback_unlike", name=names.get(name, name), measures=differing)
        notes.append(Note(said, lab.language, "warning"))
    balance = words["winback_alike"] if found.pooled is not None and not found.unlike else None
    said_of = joined(_excluded(lab, found), balance)
    if said_of.zh:
        notes.append(Note(said_of, lab.language))
    return notes


def finding(lab: Lab, found: Evaluation) -> Text | None:
    """Say in a sentence or two what campaigns brought, or that nobody can know; None without contacts."""
    days, currency = found.experiment.window_days, lab.study.currency
    effect = found.pooled
    if effect is None:
        rates = [(each.contacted, each.contacted_rate.value) for each in shown(lab, found).values()]
        contacted, back = sum(n for n, _ in rates), round(sum(n * rate for n, rate in rates))
        if not contacted:
            return None
        ends = wilson(back, contacted)
        return say(
            "winback_find_association", days=days, rate=percent(back / contacted), interval=interval(*ends)
        )
    key = "winback_find_no_effect"
    if effect.uplift.high < 0:
        key = "winback_find_harm"
    elif effect.uplift.low > 0:
        key = "winback_find_effect" if isfinite(effect.cost) else "winback_find_effect_free"
    cost = effect.cost_per_won_back
    causal = [name for name, each in shown(lab, found).items() if each.is_causal]
    said = say(
        key,
        campaigns=len(causal),
        days=days,
        uplift=points(effect.uplift.value),
        interval=points_between(effect.uplift),
        won=count(effect.won_back.value),
        cost=amount(cost.value, currency),
        costs=amount_between(cost, currency),
    )
    doubtful = [name for name in causal if name in found.unlike or name in found.mismatched]
    return joined(said, say("winback_find_doubt", names=_named(lab, doubtful)) if doubtful else None)


def campaign_names(lab: Lab) -> Mapping[str, str]:
    """Return the name of each campaign that has one."""
    if "campaigns" not in lab.tables or "name" not in lab.tables["campaigns"].columns:
        return {}
    named = lab.tables["campaigns"].select("campaign_id", "name").drop_nulls()
    twice = pl.col("name").is_duplicated()
    both = pl.format("{} ({})", "name", "campaign_id")
    return dict(named.select("campaign_id", pl.when(twice).then(both).otherwise("name")).iter_rows())


def _named(lab: Lab, campaigns: list[str]) -> Text:
    names = campaign_names(lab)
    named = [names.get(name, name) for name in campaigns]
    return Text("、".join(named), ", ".join(named))


def _excluded(lab: Lab, found: Evaluation) -> Text | None:
    parts = [say(_EXCLUDED[why], n=count(n)) for why, n in found.experiment.left_out.items() if n]
    small = len(found.effects) - len(shown(lab, found))
    if small:
        parts.append(say("winback_excluded_few", k=lab.study.privacy.smallest_group, n=small))
    return say("winback_excluded", parts=enumerated(parts)) if parts else None


def _dot(lab: Lab, name: str, effect: Effect) -> dict[str, object]:
    language, uplift = lab.language, effect.uplift
    arms = say("winback_arms", treated=count(effect.contacted), control=count(effect.control))
    return {
        "name": name,
        "customers": arms.to(language),
        "value": 100 * uplift.value,
        "low": 100 * uplift.low,
        "high": 100 * uplift.high,
        "label": signed(100 * uplift.value, 1),
        "interval": points_between(uplift).to(language),
    }


def _line(lab: Lab, name: str, effect: Effect) -> dict[str, object]:
    language, currency, causal = lab.language, lab.study.currency, effect.is_causal
    cost = effect.cost_per_won_back
    return {
        "name": name,
        "contacted": effect.contacted,
        "control": effect.control if causal else None,
        "contacted_rate": effect.contacted_rate.value,
        "control_rate": effect.control_rate.value,
        "uplift": points(effect.uplift.value).to(language) if causal else None,
        "uplift_interval": points_between(effect.uplift).to(language) if causal else None,
        "won_back": effect.won_back.value,
        "revenue": effect.revenue.value,
        "revenue_interval": amount_between(effect.revenue, currency).to(language) if causal else None,
        "cost": amount(cost.value, currency).to(language),
        "cost_interval": amount_between(cost, currency).to(language) if isfinite(cost.low) else None,
    }
