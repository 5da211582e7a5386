"""The views of a scheme comparison: what each scheme separates, which agree, and the table of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.segments.contenders import Contender, Position
from crmlab.segments.verdicts import VERDICTS, known, listed
from crmlab.view import charts, segment_charts, theme
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.segments.comparator import SchemeComparison

POSITIONS: dict[Position, str] = {
    "recommended": "segments_recommended",
    "equivalent": "segments_equivalent",
    "too_complex": "segments_too_complex",
    "too_simple": "segments_too_simple",
    "weaker": "segments_weaker",
    "not_eligible": "segments_not_eligible",
    "not_compared": "segments_not_compared",
}
"""Where a scheme stands against the recommended one, and the key of its word."""

COLOURS: dict[Position, str] = {
    "recommended": theme.ACCENT,
    "equivalent": theme.PALETTE[4],
    "too_complex": theme.PALETTE[2],
    "too_simple": theme.PALETTE[1],
    "weaker": theme.PALETTE[3],
    "not_eligible": theme.NEUTRAL,
}

WIDE = 7
"""A matrix of more schemes is written with one digit, so that it can be read on a phone."""


def separation_chart(comparison: SchemeComparison) -> alt.LayerChart | Note:
    """Draw what each scheme separates, simplest first; say so where that is known of none."""
    words, language = texts(), comparison.lab.language
    shown = [
        each for each in comparison.contenders if each.quality and known(each.separation.value) is not None
    ]
    if not shown:
        return Note(words["segments_compare_none"], language)
    colours = {words[POSITIONS[position]].to(language): colour for position, colour in COLOURS.items()}
    frame = pl.DataFrame(
        [
            (
                say("segments_scheme_classes", scheme=each.title, n=each.classes).to(language),
                words[POSITIONS[each.position]].to(language),
                *each.separation,
                percent(each.separation.value),
                _stable(comparison, each),
            )
            for each in shown
        ],
        schema=_DOTS,
        orient="row",
    )
    chosen = comparison.recommended
    title = words["segments_compare_none"]
    if chosen is not None:
        title = say("segments_compare_title", scheme=chosen.title, n=chosen.classes)
    n = max((each.quality.separation.known.height for each in shown if each.quality), default=0)
    return segment_charts.interval_dots(
        frame,
        colours,
        title=title,
        subtitle=say("segments_compare_subtitle", n=count(n), days=comparison.days),
        x_title=words["segments_explained"],
        name_title=words["segments_scheme"],
        language=language,
        tooltips=[
            ("name", words["segments_scheme"]),
            ("label", words["segments_explained"]),
            ("stable", words["segments_stability"]),
        ],
    )


def agreement_chart(comparison: SchemeComparison) -> alt.LayerChart | Note:
    """Draw how strongly each scheme follows from each other one (Cramér's V), where that is known."""
    words, language = texts(), comparison.lab.language
    if comparison.agreement.drop_nulls("v").is_empty():
        return Note(words["segments_matrix_none"], language)
    told = {*comparison.agreement.drop_nulls("v")["first"], *comparison.agreement.drop_nulls("v")["second"]}
    titles = {each.name: each.title.to(language) for each in comparison.contenders if each.name in told}
    # Two schemes may share a title; an axis takes each once.
    names = {
        name: title if list(titles.values()).count(title) == 1 else f"{title} ({name})"
        for name, title in titles.items()
    }
    digits = 2 if len(names) <= WIDE else 1
    one_way = comparison.agreement.drop_nulls("v").select("first", "second", "v", "ari", "customers")
    other_way = one_way.select(first="second", second="first", v="v", ari="ari", customers="customers")
    frame = pl.concat([one_way, other_way]).with_columns(
        pl.col("first", "second").replace_strict(names, return_dtype=pl.String),
        text=pl.col("v").map_elements(lambda v: decimal(v, digits), return_dtype=pl.String),
        ari_text=pl.col("ari").map_elements(decimal, return_dtype=pl.String),
    )
    closest = comparison.agreement.drop_nulls("v").sort("v", descending=True, maintain_order=True).head(1)
    title = say(
        "segments_matrix_title",
        first=names[closest["first"][0]],
        second=names[closest["second"][0]],
        v=decimal(closest["v"][0]),
    )
    return charts.heat_map(
        frame,
        "second",
        "first",
        "v",
        x_title=words["segments_scheme"],
        y_title=words["segments_scheme"],
        value_title=words["segments_v"],
        title=title,
        subtitle=say("segments_matrix_subtitle", day=comparison.lab.study.as_of),
        language=language,
        x_order=list(names.values()),
        y_order=list(names.values()),
        value_format=".2f",
        tooltips=[("ari_text", words["segments_ari"]), ("customers", words["customers"])],
        row_height=28,
        x_angle=-40 if len(names) > 4 else 0,
    )


def scheme_table(comparison: SchemeComparison) -> Table:
    """Show the compared schemes, simplest first, with the verdict on each and what speaks against it."""
    words, language = texts(), comparison.lab.language
    rows = [
        {
            "scheme": each.title.to(language),
            "verdict": _verdict(each).to(language),
        }
        for each in comparison.contenders
    ]
    frame = comparison.summary.drop("scheme").hstack(
        pl.DataFrame(rows, schema=dict.fromkeys(("scheme", "verdict"), pl.String))
    )
    cautious = [each.title for each in comparison.contenders if each.caution]
    return Table(
        frame.with_columns(interval=pl.concat_list("low", "high")),
        [
            Column("scheme", words["segments_scheme"]),
            Column("classes", words["segments_classes"], "integer"),
            Column("smallest_share", words["segments_smallest"], "percent"),
            Column("separation", words["segments_told"], "percent"),
            Column("interval", words["interval_95"], "interval", of="percent"),
            Column("ari", words["segments_stability"], "decimal"),
            Column("actions", words["segments_actions"], "integer"),
            Column("verdict", words["segments_verdict"]),
        ],
        caption=say("segments_compare_caption", n=len(comparison.qualities), day=comparison.lab.study.as_of),
        note=joined(
            say("segments_compare_note", days=comparison.days, tolerance=percent(comparison.tolerance, 0)),
            say("segments_compare_undated", schemes=listed(cautious)) if cautious else None,
        ),
        language=language,
    )


def _verdict(each: Contender) -> Text:
    """Return where a scheme stands, and why it is not eligible or not compared."""
    position = texts()[POSITIONS[each.position]]
    if each.reason is None:
        return position
    return Text(f"{position.zh}：{each.reason.zh}", f"{position.en}: {each.reason.en}")


def _stable(comparison: SchemeComparison, each: Contender) -> str:
    """Return the verdict on the least stable class and the adjusted Rand index, as a reader sees them."""
    if each.stability is None:
        return MISSING
    said = texts()[VERDICTS[each.stability.word][0]].to(comparison.lab.language)
    told = known(each.stability.ari) is None or each.stability.fixed
    return said if told else f"{said} ({decimal(each.stability.ari)})"


_DOTS = {
    "name": pl.String,
    "kind": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "label": pl.String,
    "stable": pl.String,
}
