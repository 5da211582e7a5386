"""All measures together as a reader sees them: the register, when they ran, the verdicts, definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.masking import mask_values
from crmlab.data.privacy import mask_text
from crmlab.data.schemas import REASONS
from crmlab.improvement.measure_view import MeasureView
from crmlab.improvement.metrics import written, written_p
from crmlab.improvement.register import TABLE
from crmlab.improvement.verdicts import VERDICTS, Judged
from crmlab.labels import Text
from crmlab.view import improvement_charts as charts
from crmlab.view import theme
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.improvement import Improvement
    from crmlab.lab import Lab

_COLOURS = {
    "improved": theme.GOOD,
    "no_evidence": theme.NEUTRAL,
    "worse": theme.BAD,
    "not_judged": theme.GRID,
}


def enumerated(names: Sequence[str]) -> Text:
    """Put the names of measures behind each other."""
    return Text("、".join(f"“{name}”" for name in names), ", ".join(f"“{name}”" for name in names))


def verdict_frame(judged: Sequence[Judged]) -> pl.DataFrame:
    """Return one row per measure; see :attr:`crmlab.improvement.Improvement.verdicts`."""
    rows = []
    for each in judged:
        found, measure = each.evaluated, each.measure
        row: dict[str, Any] = {
            "improvement_id": measure.improvement_id,
            "measure": measure.name,
            "target_metric": measure.target_metric,
            "started_on": measure.started_on,
            "verdict": each.verdict,
            "adjusted_p": each.adjusted_p,
            "reason_zh": each.reason.zh if each.reason else None,
            "reason_en": each.reason.en if each.reason else None,
        }
        if found is not None:
            effect = found.effect
            row |= {
                "method": found.primary,
                "before": found.before,
                "after": found.after,
                "effect": effect.value,
                "low": effect.low,
                "high": effect.high,
                "p": effect.p,
                "detectable": found.detectable,
                "n_before": found.rows[0],
                "n_after": found.rows[1],
            }
        rows.append(row)
    return pl.DataFrame(rows, schema=_SCHEMA)


_SCHEMA = {
    **dict.fromkeys(("improvement_id", "measure", "target_metric"), pl.String),
    "started_on": pl.Date,
    **dict.fromkeys(("verdict", "method"), pl.String),
    **dict.fromkeys(("before", "after", "effect", "low", "high", "p", "adjusted_p"), pl.Float64),
    "detectable": pl.Float64,
    **dict.fromkeys(("n_before", "n_after"), pl.Int64),
    **dict.fromkeys(("reason_zh", "reason_en"), pl.String),
}


def figures(improvement: Improvement) -> KeyFigures:
    """Show how many measures there are, and how many of each verdict."""
    said = [each.verdict for each in improvement.judged]
    words = texts()
    return KeyFigures(
        [
            (count(len(said)), words["improvement_measures"]),
            *((count(said.count(name)), words[f"improvement_verdict_{name}"]) for name in VERDICTS),
        ],
        improvement.lab.language,
    )


def register_table(improvement: Improvement) -> Table:
    """Show the register, owners and remarks masked."""
    language, words = improvement.lab.language, texts()
    rows = []
    for each in improvement.judged:
        measure, metric = each.measure, each.metric
        places = [place for place in (measure.segment, measure.channel, measure.store) if place]
        target = metric.value(measure.target) if metric and measure.target is not None else None
        rows.append(
            {
                "id": measure.improvement_id,
                "measure": measure.name,
                "aspect": measure.aspect,
                "owner": measure.owner,
                "started_on": measure.started_on,
                "ended_on": measure.ended_on,
                "metric": metric.text.to(language) if metric else None,
                "target": target.to(language) if target else None,
                "where": "、".join(places) or None,
                "status": words[f"improvement_status_{measure.status}"].to(language)
                if measure.status
                else None,
                "note": measure.note,
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col("aspect", "owner", "where", "note").cast(pl.String)
    )
    quotes = improvement.lab.study.privacy.quotes
    frame = frame.with_columns(
        mask_values(frame["owner"], "personal", "name"),
        *(mask_text(frame[name]) for name in ("aspect", "where")),
        frame["note"] if quotes == "plain" else mask_text(frame["note"]),
    )
    shown = {
        "id": Column("id", words["improvement_id"]),
        "measure": Column("measure", words["improvement_measure"]),
        "aspect": Column("aspect", words["improvement_aspect"]),
        "metric": Column("metric", words["improvement_metric"]),
        "target": Column("target", words["improvement_target"]),
        "where": Column("where", words["improvement_where"]),
        "started_on": Column("started_on", words["improvement_started"], "date"),
        "ended_on": Column("ended_on", words["improvement_ended"], "date"),
        "owner": Column("owner", words["improvement_owner"]),
        "status": Column("status", words["improvement_status"]),
        "note": Column("note", words["improvement_remark"]),
    }
    always = ("id", "measure", "metric", "started_on")
    filled = [name for name in shown if name in always or frame[name].null_count() < frame.height]
    if quotes == "none" and "note" in filled:
        filled.remove("note")
    return Table(
        frame,
        [shown[name] for name in filled],
        caption=say("improvement_register_caption", n=frame.height),
        note=joined(words["improvement_register_note"], *_left_out(improvement.lab)),
        language=language,
    )


def _left_out(lab: Lab) -> list[Text]:
    """Say how many rows of the table are not in the register, and why."""
    said: list[Text] = []
    if TABLE not in lab.tables:
        return said
    counted = lab.tables.count(TABLE)
    if counted.rejected:
        reasons = [REASONS[reason] for reason in counted.reasons]
        listed = Text("、".join(each.zh for each in reasons), ", ".join(each.en for each in reasons))
        said.append(say("improvement_register_rejected", n=count(counted.rejected), reasons=listed))
    if counted.later:
        said.append(say("improvement_register_later", n=count(counted.later)))
    return said


def timeline(improvement: Improvement) -> Any:
    """Draw when each measure began and ended, coloured by its verdict."""
    language, words, as_of = improvement.lab.language, texts(), improvement.lab.study.as_of
    rows = [
        {
            "name": f"{each.measure.improvement_id} {each.measure.name}",
            "start": f"{each.measure.started_on}",
            "end": f"{max(min(each.measure.ended_on or as_of, as_of), each.measure.started_on)}",
            "verdict": words[f"improvement_verdict_{each.verdict}"].to(language),
            "status": words[f"improvement_status_{each.measure.status}"].to(language)
            if each.measure.status
            else "–",
        }
        for each in improvement.judged
    ]
    said = [each.verdict for each in improvement.judged]
    return charts.timeline(
        pl.DataFrame(rows),
        {words[f"improvement_verdict_{name}"].to(language): colour for name, colour in _COLOURS.items()},
        as_of=f"{as_of}",
        title=say(
            "improvement_timeline_title",
            n=len(said),
            **{name: said.count(name) for name in ("improved", "no_evidence", "worse")},
        ),
        subtitle=say("improvement_timeline_subtitle", day=as_of, n=len(said)),
        x_title=words["improvement_day"],
        name_title=words["improvement_measure"],
        language=language,
        tooltips=[
            ("name", words["improvement_measure"]),
            ("start", words["improvement_started"]),
            ("verdict", words["improvement_verdict"]),
            ("status", words["improvement_status"]),
        ],
    )


def table(improvement: Improvement) -> Table:
    """Show the verdict on each measure with its effect and interval."""
    language, words = improvement.lab.language, texts()
    confidence = improvement.lab.study.improvement.confidence
    rows = []
    for each in improvement.judged:
        found, metric = each.evaluated, each.metric
        row: dict[str, Any] = {
            "measure": f"{each.measure.improvement_id} {each.measure.name}",
            "verdict": words[f"improvement_verdict_{each.verdict}"].to(language),
            "metric": metric.text.to(language) if metric else None,
            **dict.fromkeys(("change", "effect", "between", "p")),
        }
        if found is not None and metric is not None:
            before, after = (metric.value(value).to(language) for value in (found.before, found.after))
            row |= {
                "change": f"{before} → {after}",
                "effect": metric.change(found.effect.value).to(language),
                "between": metric.ends(found.effect.low, found.effect.high).to(language),
                "p": written_p(each.adjusted_p),
            }
        rows.append(row)
    names = ("measure", "verdict", "metric", "change", "effect", "between", "p")
    return Table(
        pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String())),
        [
            Column("measure", words["improvement_measure"]),
            Column("verdict", words["improvement_verdict"]),
            Column("effect", words["improvement_effect"]),
            Column("between", say("improvement_interval", share=written(confidence))),
            Column("metric", words["improvement_metric"]),
            Column("change", words["improvement_change"]),
            Column("p", words["improvement_adjusted_p"]),
        ],
        caption=words["improvement_table_caption"],
        note=words["improvement_table_note"],
        language=language,
    )


def note(improvement: Improvement) -> Note:
    """Say how verdicts come about, and what they cannot tell."""
    params = improvement.lab.study.improvement
    told = sum(each.evaluated is not None for each in improvement.judged)
    said = [
        say("improvement_note_method", days=params.window_days),
        say("improvement_note_holm", n=told, share=written(1 - params.confidence)) if told > 1 else None,
        texts()["improvement_note_cause"],
    ]
    return Note(joined(*said), improvement.lab.language)


def definitions(improvement: Improvement) -> Table:
    """Show how the metrics in use, the methods and the verdicts are defined."""
    language, words = improvement.lab.language, texts()
    metrics = {each.metric.id: each.metric for each in improvement.judged if each.metric}
    entries = [(metric.text, metric.definition) for metric in metrics.values()]
    for name in _TERMS:
        entries.append((words[f"improvement_term_{name}"], words[f"improvement_term_{name}_text"]))
    rows = [{"term": term.to(language), "text": text.to(language)} for term, text in entries]
    return Table(
        pl.DataFrame(rows),
        [Column("term", words["term"]), Column("text", words["definition"])],
        caption=words["improvement_definitions_caption"],
        language=language,
    )


_TERMS = (
    *("effect", "interrupted", "controlled", "mix", "newey_west"),
    *("differences", "year_before", "placebo", "verdict", "detectable"),
)


def saved_tables(improvement: Improvement) -> dict[str, pl.DataFrame]:
    """Return verdicts, methods, series and placebo dates of all measures."""
    lab = improvement.lab
    methods, series, placebos = [], [], []
    for each in improvement.judged:
        view = MeasureView(lab, each, improvement.judged)
        own = pl.lit(each.measure.improvement_id).alias("improvement_id")
        methods.append(view.methods.select(own, pl.all()))
        series.append(view.series.select(own, pl.all()))
        placebos.append(view.placebos.select(own, pl.all()))
    return {
        "improvement_verdicts": improvement.verdicts,
        "improvement_methods": pl.concat(methods),
        "improvement_series": pl.concat(series),
        "improvement_placebos": pl.concat(placebos),
    }
