"""What answers may be told apart by: a class of customers, an attribute, a channel, another question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.data.surveys.answers import JOINED
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Text
from crmlab.satisfaction import poles
from crmlab.view.texts import texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.surveys.sheets import Asked, Sheets

_OF_SHEETS = ("channel", "category", "language")
_MOST_VALUES = 30
"""An attribute with more values tells customers apart, not groups of them."""


def asked_of(sheets: Sheets, name: str) -> Asked:
    """Return the question of that text or number (from 1); raise ParamsError where there is none."""
    found = _found(sheets, name)
    if found is None:
        titles = [asked.title for asked in sheets.questions]
        raise ParamsError(
            f"No question is called {name!r}.{did_you_mean(name, titles)} "
            f"Give its text, or its number from 1 to {len(titles)}."
        )
    return found


def answer_groups(lab: Lab, asked: Asked) -> pl.DataFrame:
    """Return ``respondent_id``, ``person``, ``group``, ``place``: what each respondent answered.

    Ratings are grouped as bad, neither and good, answers in words by their level; a multiple choice has a
    row per chosen option.
    """
    language = lab.language
    frame = asked.frame.select("respondent_id", "person", "answer", "score")
    if asked.kind == "rating":
        parts = poles(str(asked.scale), lab.study.surveys.ces_direction)
        places = {float(each): place for place, pole in enumerate(parts) for each in pole}
        found = frame.with_columns(place=pl.col("score").replace_strict(places, return_dtype=pl.Int64))
        names = {place: text.to(language) for place, text in enumerate(pole_names(str(asked.scale)))}
        found = found.with_columns(group=pl.col("place").replace_strict(names, return_dtype=pl.String))
    elif asked.kind == "labelled":
        found = frame.with_columns(place=pl.col("score").cast(pl.Int64)).with_columns(
            group=pl.col("place").replace_strict(asked.levels(language), return_dtype=pl.String)
        )
    else:
        split = pl.col("answer").str.split(JOINED) if asked.kind == "multiple" else pl.concat_list("answer")
        ticks = frame.with_columns(group=split).explode("group", empty_as_null=True)
        ticks = ticks.with_columns(group=mask_text(ticks["group"].str.strip_chars()), place=pl.lit(0))
        found = ticks.filter(pl.col("group").str.len_chars() > 0).unique(
            ["respondent_id", "group"], keep="first", maintain_order=True
        )
    return found.select("respondent_id", "person", "group", pl.col("place").cast(pl.Int64))


def pole_names(scale: str) -> list[Text]:
    """Return what bad, neither and good answers of a scale are called."""
    words = texts()
    if scale == "nps_0_10":
        return [words["survey_detractors"], words["survey_passives"], words["survey_promoters"]]
    return [words["survey_pole_bad"], words["survey_pole_neither"], words["survey_pole_good"]]


def groups_by(lab: Lab, sheets: Sheets, by: str) -> tuple[Text, pl.DataFrame]:
    """Return what ``by`` is called, and ``respondent_id``, ``group``, ``place`` of who is in a group.

    ``by`` is another question (not a multiple choice), ``channel``, ``category`` or ``language`` of the
    feedback, a classifier, or a column of the customers. Raises ParamsError where it is none of these.
    """
    asked = _found(sheets, by)
    if asked is not None:
        if asked.kind in ("multiple", "ranking", "open"):
            raise ParamsError(
                f"The answers to {by!r} are no groups: it is a {asked.kind} question. Compare by a single "
                "choice, a rating or a class of customers."
            )
        return Text(asked.title, asked.title), answer_groups(lab, asked).drop("person")
    if by in _OF_SHEETS and by in lab.tables["feedback"].columns:
        feedback = lab.tables["feedback"].filter(pl.col("respondent_id").is_not_null())
        first = feedback.group_by("respondent_id").agg(pl.col(by).drop_nulls().first().alias("group"))
        named = first.drop_nulls("group").sort("respondent_id").with_columns(place=pl.lit(0, pl.Int64))
        return texts()[f"survey_by_{by}"], named.with_columns(mask_text(named["group"]))
    title, groups = customer_groups(lab, by)
    known = sheets.respondents.select("respondent_id", "customer_id").join(
        groups, on="customer_id", how="inner", maintain_order="left"
    )
    return title, known.drop("customer_id")


def customer_groups(lab: Lab, name: str) -> tuple[Text, pl.DataFrame]:
    """Return what ``name`` is called, and ``customer_id``, ``group``, ``place`` of each customer.

    ``class`` is the leading scheme of the study. Raises ParamsError for what is neither a classifier nor
    a customers' column with at most 30 values.
    """
    from crmlab.registry import classifiers

    scheme = lab.study.schemes[0] if name == "class" else name
    if scheme in classifiers:
        segmentation = lab.classify(scheme)
        names = segmentation.scheme.names(lab.language)
        order = {label: place for place, label in enumerate(names)}
        labels = segmentation.labels
        return segmentation.scheme.text, labels.select(
            "customer_id",
            group=pl.col("label").replace_strict(names, return_dtype=pl.String),
            place=pl.col("label").replace_strict(order, return_dtype=pl.Int64),
        )
    columns = lab.tables["customers"].columns if "customers" in lab.tables else []
    if name not in columns:
        allowed = [*classifiers, *columns, *_OF_SHEETS]
        raise ParamsError(
            f"Nothing to tell answers apart by is called {name!r}.{did_you_mean(name, allowed)} Give a "
            "question, a classifier, a column of the customers, channel, category or language."
        )
    values = lab.features(name).select("customer_id", group=pl.col(name).cast(pl.String)).drop_nulls()
    if values["group"].n_unique() > _MOST_VALUES:
        raise ParamsError(
            f"The column {name!r} has {values['group'].n_unique()} values, and a comparison takes at most "
            f"{_MOST_VALUES}. Compare by a classifier that groups it."
        )
    return lab.measure(name).text, values.with_columns(mask_text(values["group"]), place=pl.lit(0, pl.Int64))


def _found(sheets: Sheets, name: str) -> Asked | None:
    for place, asked in enumerate(sheets.questions, 1):
        if name in (asked.key, asked.title, str(place)):
            return asked
    return None
