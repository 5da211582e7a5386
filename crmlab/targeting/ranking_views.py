"""Rankings by uplift as a reader sees them: Qini curves, uplift by group, a table and a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.targeting.ranking import SHARES, Ranking
from crmlab.targeting.wording import points, points_between
from crmlab.view.numbers import count, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab


def chart(lab: Lab, found: list[Ranking]) -> alt.LayerChart:
    """Draw the Qini curves, with the band of the best."""
    from crmlab.view.targeting_charts import qini_curves

    language, best = lab.language, found[0]
    scaled = pl.col("qini", "low", "high", "random") * 100
    # Every fourth step: the line stays as it is, and the page small.
    frames = [
        each.curve.points.gather_every(4).with_columns(scaled, name=pl.lit(each.title.to(language)))
        for each in found
    ]
    return qini_curves(
        pl.concat(frames),
        [each.title.to(language) for each in found],
        say("winback_qini_title", name=best.title, qini=_coefficient(best.curve.qini_coefficient.value)),
        say("winback_qini_subtitle", n=count(best.curve.customers), name=best.title),
        language,
    )


def bins_chart(lab: Lab, best: Ranking) -> alt.LayerChart:
    """Draw the measured uplift of groups by predicted uplift."""
    from crmlab.view.targeting_charts import effects

    language = lab.language
    rows = []
    for row in best.bins.iter_rows(named=True):
        uplift = Estimate(row["uplift"], row["low"], row["high"])
        arms = say(
            "winback_arms", treated=count(row["treated"]), control=count(row["customers"] - row["treated"])
        )
        rows.append(
            {
                "name": say("winback_bin", n=row["bin"]).to(language),
                "customers": arms.to(language),
                **{end: 100 * value for end, value in uplift._asdict().items()},
                "label": signed(100 * uplift.value, 1),
                "interval": points_between(uplift).to(language),
            }
        )
    return effects(
        pl.DataFrame(rows),
        texts()["winback_bins_title"],
        say("winback_bins_subtitle", name=best.title, bins=best.bins.height, n=count(best.curve.customers)),
        texts()["winback_bin_axis"],
        language,
    )


def table(lab: Lab, found: list[Ranking]) -> Table:
    """Show each ranking: Qini coefficient and AUUC with what chance has, uplift of the top shares."""
    words, language = texts(), lab.language
    rows = [
        {
            "name": each.title.to(language),
            "qini": 100 * each.curve.qini_coefficient.value,
            "qini_interval": _ends(each.curve.qini_coefficient),
            "auuc": 100 * each.curve.auuc.value,
            "auuc_interval": _ends(each.curve.auuc),
            "random": 50 * each.curve.average.value,
            **{f"at_{share}": 100 * each.at[share].value for share in SHARES},
            **{f"at_{share}_interval": _ends(each.at[share]) for share in SHARES},
        }
        for each in found
    ]
    tops = []
    for share in SHARES:
        tops += [
            Column(f"at_{share}", say("winback_at", share=percent(share, 0)), "decimal"),
            Column(f"at_{share}_interval", words["winback_interval"], "interval"),
        ]
    return Table(
        pl.DataFrame(rows),
        [
            Column("name", words["winback_ranking"]),
            Column("qini", words["winback_qini"], "decimal"),
            Column("qini_interval", words["winback_interval"], "interval"),
            Column("auuc", words["winback_auuc"], "decimal"),
            Column("auuc_interval", words["winback_interval"], "interval"),
            Column("random", words["winback_auuc_random"], "decimal"),
            *tops,
        ],
        caption=words["winback_curves_caption"],
        note=say("winback_curves_note", average=points(found[0].curve.average.value)),
        language=language,
    )


def verdict(found: list[Ranking]) -> Text:
    """Say whether a ranking by uplift is better than chance."""
    if not found:
        return texts()["winback_curves_none"]
    best = found[0]
    coefficient = best.curve.qini_coefficient
    key = "winback_curves_above" if best.beats_chance else "winback_curves_not_above"
    low, high = _coefficient(coefficient.low), _coefficient(coefficient.high)
    return say(
        key,
        name=best.title,
        qini=_coefficient(coefficient.value),
        interval=Text(f"{low.zh} 至 {high.zh}", f"{low.en} to {high.en}"),
    )


def _coefficient(value: float) -> Text:
    """Write a Qini coefficient in percentage points."""
    said = signed(100 * value, 2)
    return Text(said, said)


def _ends(estimate: Estimate) -> list[float]:
    return [100 * estimate.low, 100 * estimate.high]
