"""How a cross-tabulation is shown: the matrix of shares, the cells that differ, the test, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.surveys.crosstab import LEVEL, Crosstab
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

_TEST_NAMES = ("chi_square", "fisher", "fisher_sampled", "none")


def chart(crosstab: Crosstab) -> alt.LayerChart | Note:
    """Draw the share of each answer within each group."""
    if crosstab.nothing:
        return _too_few(crosstab)
    words, language = texts(), crosstab.lab.language
    shown = crosstab.summary.with_columns(
        text=pl.when(pl.col("share").is_null())
        .then(pl.lit("*"))
        .otherwise(
            pl.col("share").map_elements(lambda x: percent(x, 0), return_dtype=pl.String)
            + pl.col("differs").replace_strict({1: " ▲", -1: " ▼", 0: ""}, default="", return_dtype=pl.String)
        )
    )
    sizes = dict(zip(crosstab.columns, crosstab.sizes, strict=True))
    names = {column: f"{column} (n={count(size)})" for column, size in sizes.items()}
    return charts.heat_map(
        shown.with_columns(column=pl.col("column").replace_strict(names, return_dtype=pl.String)),
        "row",
        "column",
        "share",
        x_title=Text(crosstab.asked.title, crosstab.asked.title),
        y_title=crosstab.by_title,
        value_title=words["survey_share_group"],
        title=_title(crosstab),
        subtitle=joined(words["survey_crosstab_marks"], _hidden_note(crosstab)),
        language=language,
        x_order=crosstab.rows,
        y_order=list(names.values()),
        value_format=".1%",
        row_height=36,
        x_angle=-30 if len(crosstab.rows) > 4 else 0,
    )


def table(crosstab: Crosstab) -> Table | Note:
    """Show the cells that differ; where none does, all cells that may be shown."""
    if crosstab.nothing:
        return _too_few(crosstab)
    words = texts()
    known = crosstab.summary.drop_nulls("share")
    apart = known.filter(pl.col("differs").fill_null(0) != 0).sort(
        pl.col("residual").abs(), "row", "column", descending=[True, False, False]
    )
    signs = {1: words["survey_more"], -1: words["survey_fewer"], 0: words["survey_as_chance"]}
    named = {sign: text.to(crosstab.lab.language) for sign, text in signs.items()}
    return Table(
        (apart if apart.height else known).with_columns(
            interval=pl.concat_list("low", "high"),
            verdict=pl.col("differs").fill_null(0).replace_strict(named, return_dtype=pl.String),
        ),
        [
            Column("column", crosstab.by_title),
            Column("row", words["survey_answer"]),
            Column("count", words["survey_respondents"], "integer"),
            Column("share", words["survey_share_group"], "percent"),
            Column("interval", words["interval_95"], "interval", of="percent"),
            Column("residual", words["survey_residual"], "decimal"),
            Column("p_adjusted", words["survey_p_holm"], "decimal", decimals=3),
            Column("verdict", words["survey_verdict"]),
        ],
        caption=_title(crosstab),
        note=joined(words["survey_residual_note"], _hidden_note(crosstab)),
        language=crosstab.lab.language,
    )


def test_table(crosstab: Crosstab) -> Table | Note:
    """Show which test was made, its p-value, and Cramér's V with its interval."""
    if crosstab.nothing:
        return _too_few(crosstab)
    words, language = texts(), crosstab.lab.language
    names = {name: words[f"survey_test_{name}"].to(language) for name in _TEST_NAMES}
    everything = words["survey_whole_table"].to(language)
    return Table(
        crosstab.tests.with_columns(
            pl.col("row").fill_null(everything),
            name=pl.col("test").replace_strict(names, return_dtype=pl.String),
            interval=pl.concat_list("v_low", "v_high"),
        ),
        [
            Column("row", words["survey_answer"]),
            Column("name", words["survey_test"]),
            Column("statistic", Text("χ²", "χ²"), "decimal"),
            Column("freedom", words["survey_freedom"], "integer"),
            Column("p_value", words["survey_p"], "decimal", decimals=4),
            Column("p_adjusted", words["survey_p_holm"], "decimal", decimals=4),
            Column("v", words["survey_v"], "decimal"),
            Column("interval", words["interval_95"], "interval"),
            Column("n", words["survey_respondents"], "integer"),
        ],
        caption=_title(crosstab),
        note=joined(words["survey_test_note"], words["survey_test_coarse"] if crosstab.has_hidden else None),
        language=language,
    )


def note(crosstab: Crosstab) -> Note:
    """Say whether the answers have to do with the groups, and which cells differ most."""
    return (
        _too_few(crosstab)
        if crosstab.nothing
        else Note(joined(_said(crosstab), *_cells(crosstab)), crosstab.lab.language)
    )


def _said(crosstab: Crosstab) -> Text:
    language_names = {"question": crosstab.asked.title, "by": crosstab.by_title, "n": count(crosstab.n)}
    if crosstab.is_multiple:
        found = crosstab.tests.filter(pl.col("p_adjusted") <= LEVEL).height
        return say("survey_crosstab_options", found=found, of=crosstab.tests.height, **language_names)
    test = crosstab.tests.row(0, named=True)
    if test["test"] == "none":
        return say("survey_crosstab_one", **language_names)
    return say(
        "survey_crosstab_linked" if test["p_value"] <= LEVEL else "survey_crosstab_unlinked",
        test=texts()[f"survey_test_{test['test']}"],
        p=_p(test["p_value"], coarse=crosstab.has_hidden),
        v=decimal(test["v"]),
        low=decimal(test["v_low"]),
        high=decimal(test["v_high"]),
        **language_names,
    )


def _cells(crosstab: Crosstab) -> list[Text]:
    apart = crosstab.summary.filter(pl.col("differs").fill_null(0) != 0).sort(
        pl.col("residual").abs(), "row", "column", descending=[True, False, False]
    )
    return [
        say(
            "survey_cell_more" if cell["differs"] > 0 else "survey_cell_fewer",
            group=cell["column"],
            answer=cell["row"],
            share=percent(cell["share"]),
        )
        for cell in apart.head(3).iter_rows(named=True)
    ]


def _title(crosstab: Crosstab) -> Text:
    return say("survey_crosstab_title", question=crosstab.asked.title, by=crosstab.by_title)


def _hidden_note(crosstab: Crosstab) -> Text | None:
    if not crosstab.has_hidden:
        return None
    return say("survey_few_cells", k=crosstab.lab.study.privacy.smallest_group)


def _too_few(crosstab: Crosstab) -> Note:
    k = crosstab.lab.study.privacy.smallest_group
    return Note(say("survey_question_too_few", question=crosstab.asked.title, k=k), crosstab.lab.language)


def _p(value: float, *, coarse: bool) -> Text:
    if coarse:
        shown = "p > 0.1" if value > 0.1 else f"p ≤ {value:g}"
    else:
        shown = "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
    return Text(shown, shown)
