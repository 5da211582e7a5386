"""What is held against satisfaction: one row per respondent, from ratings, choices or aspects of texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.labels import Scheme, Text
from crmlab.satisfaction import SCALES, Direction, poles
from crmlab.surveys.wordings import cannot_judge, wording_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Kind = Literal["ratings", "choices", "aspects"]
RESPONDENT = ("unit", "customer_id", "score", "scale", "question", "feedback_id")
Metric = Literal["nps", "csat", "binary"]

FEWEST_MENTIONS = 30
"""A predictor that fewer respondents mention or tick, or all but fewer, is left out."""
FEWEST_ANSWERED = 0.5
"""A question that a smaller share of the respondents answered is left out."""

_OVERALL = r"(?i)总体|整体|总的来说|综合|overall|in general|all in all"
_SCALES: dict[Metric, tuple[str, ...]] = {
    "nps": ("nps_0_10",),
    "csat": ("csat_1_5", "csat_1_7"),
    "binary": ("binary_0_1",),
}
_JUDGING = ("satisfaction", "agreement", "conformity", "quality", "ease")
"""Orders of answers that say how well something went; how often or how likely does not."""
_JOINED, _RANKED = "┋", "→"


class Predictor(NamedTuple):
    """One predictor: its id, its name, and how many respondents answered, ticked or mentioned it."""

    id: str
    name: Text
    n: int


class LeftOut(NamedTuple):
    """What was left out, why, and how many respondents have it."""

    name: Text
    why: Literal["few", "skipped", "same", "nominal", "whole"]
    n: int


@dataclass(frozen=True, eq=False)
class Design:
    """Respondents with a score and all predictors.

    ``x`` (n, p) and ``scores`` (n,); ``cluster`` (n,) numbers the customers where some answered more
    than once, else None. ``good`` and ``known`` (n, p) say for whom each predictor went well, among whom
    that can be said. ``scored`` gave the score and were asked, or wrote; those of them who skipped a question
    are not among the n.
    """

    kind: Kind
    metric: Metric
    predictors: tuple[Predictor, ...]
    x: Floats
    scores: Floats
    cluster: Ints | None
    good: Floats
    known: Floats
    scored: int
    left_out: tuple[LeftOut, ...]


def respondents(feedback: pl.DataFrame, metric: Metric) -> pl.DataFrame:
    """Return who gave the score, one row each, and where: the columns of :data:`RESPONDENT`.

    The unit is the respondent, or the feedback where it came without one. NPS is the answer on its scale;
    CSAT, and satisfied or not (``binary``), that to the question about the whole, or to the only question of
    its scale: several of one respondent that do not say so are about parts.
    """
    rows = _units(feedback).drop_nulls("score").filter(pl.col("scale").is_in(_SCALES[metric]))
    if metric != "nps":
        whole = pl.col("question").str.contains(_OVERALL).fill_null(value=False)
        alone = pl.col("question").n_unique().over("unit") == 1
        rows = rows.filter(whole | (alone & ~whole.any().over("unit")))
        scale = rows["scale"].value_counts(name="n").sort("n", "scale", descending=[True, False])
        rows = rows.filter(pl.col("scale").is_in(scale["scale"].head(1).implode()))
    return (
        rows.sort("unit", "feedback_id").unique("unit", keep="first", maintain_order=True).select(*RESPONDENT)
    )


def ratings(feedback: pl.DataFrame, metric: Metric, ces_direction: Direction = "high_is_easy") -> Design:
    """Return the design of closed questions with ordered answers: their places, the higher the better.

    It went well where the answer lies above the middle; who cannot judge a part has not answered.
    """
    who = respondents(feedback, metric)
    asked = who["question"].unique().drop_nulls()
    rows = _units(feedback).filter(pl.col("scale").is_null() | (pl.col("scale") != "nps_0_10"))
    # Another question about the whole is the score once more, and no part of the experience: left out below.
    rows = rows.filter(~pl.col("question").is_in(asked.implode()))
    who, rows = _answering(who, rows.filter(pl.col("score").is_not_null() | pl.col("answer").is_not_null()))
    columns, left_out = [], []
    for question, part in _questions(rows):
        placed = _placed(part, ces_direction)
        if placed is None:
            continue
        name = _named(question)
        if re.search(_OVERALL, question):
            left_out.append(LeftOut(name, "whole", placed.height))
        elif placed.height < FEWEST_ANSWERED * who.height:
            left_out.append(LeftOut(name, "skipped", placed.height))
        elif placed["place"].n_unique() < 2:
            left_out.append(LeftOut(name, "same", placed.height))
        else:
            columns.append((Predictor(question, name, placed.height), placed))
    return _design("ratings", metric, who, columns, left_out, absent=None)


def choices(feedback: pl.DataFrame, metric: Metric) -> Design:
    """Return the design of ticked options: 1 for who ticked it, 0 for who answered and did not.

    Of a single choice the most frequent option is what the others are compared with. A choice does not say
    whether anything went well.
    """
    who = respondents(feedback, metric)
    rows = _units(feedback).filter(pl.col("score").is_null(), pl.col("answer").is_not_null())
    who, rows = _answering(who, rows)
    columns, left_out = [], []
    for question, part in _questions(rows):
        if _placed(part) is not None:
            continue
        name = _named(question)
        if part["answer"].str.contains(_RANKED, literal=True).any():
            left_out.append(LeftOut(name, "nominal", part.height))
            continue
        if part.height < FEWEST_ANSWERED * who.height:
            left_out.append(LeftOut(name, "skipped", part.height))
            continue
        ticked = part.select("unit", option=pl.col("answer").str.split(_JOINED)).explode(
            "option", empty_as_null=True
        )
        sizes = ticked.drop_nulls()["option"].value_counts(name="n")
        sizes = sizes.sort("n", "option", descending=[True, False])
        single = ticked.height == part.height
        for option, n in sizes.iter_rows():
            label = Text(f"{name.zh}：{_masked(option)}", f"{name.en}: {_masked(option)}")
            if single and option == sizes["option"][0]:
                continue
            if min(n, part.height - n) < FEWEST_MENTIONS:
                left_out.append(LeftOut(label, "few", n))
                continue
            chose = ticked.filter(pl.col("option") == option)["unit"]
            placed = part.select("unit", place=pl.col("unit").is_in(chose.implode()).cast(pl.Float64))
            placed = placed.with_columns(good=pl.lit(0.0), known=pl.lit(0.0))
            columns.append((Predictor(f"{question}{_JOINED}{option}", label, n), placed))
    return _design("choices", metric, who, columns, left_out, absent=None)


def aspects(
    feedback: pl.DataFrame, mentions: pl.DataFrame, scheme: Scheme, band: float, metric: Metric
) -> Design:
    """Return the design of aspects that texts mention: 1 praised, −1 criticised, 0 neither or not mentioned.

    ``mentions`` are those of the annotator ``aspects``; one within ``band`` of .5 is neither. It went well
    where praised, among who praised or criticised. Respondents without a text are not in it.
    """
    who = respondents(feedback, metric)
    units = _units(feedback).select("feedback_id", "unit", "text")
    wrote = units.filter(pl.col("text").str.strip_chars().str.len_chars() > 0)["unit"].unique()
    who = who.filter(pl.col("unit").is_in(wrote.implode()))
    probability = pl.col("positive_probability").fill_null(0.5)
    polarity = (probability > 0.5 + band).cast(pl.Float64) - (probability < 0.5 - band).cast(pl.Float64)
    said = (
        mentions.join(units.select("feedback_id", "unit"), on="feedback_id")
        .filter(pl.col("unit").is_in(who["unit"].implode()))
        .with_columns(place=polarity)
        .group_by("unit", "aspect")
        .agg(pl.col("place").sum().sign())
        .sort("aspect", "unit")
    )
    columns, left_out = [], []
    for label in scheme.labels:
        placed = said.filter(pl.col("aspect") == label.id).select("unit", "place")
        placed = placed.with_columns(
            good=(pl.col("place") > 0).cast(pl.Float64), known=(pl.col("place") != 0).cast(pl.Float64)
        )
        decided = int(placed["known"].sum())
        if decided < FEWEST_MENTIONS:
            left_out.append(LeftOut(label.text, "few", placed.height))
        else:
            columns.append((Predictor(label.id, label.text, placed.height), placed))
    return _design("aspects", metric, who, columns, left_out, absent=0.0)


def _answering(who: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return who was asked closed questions beside the score, and the answers of these."""
    rows = rows.filter(pl.col("question").is_not_null(), pl.col("unit").is_in(who["unit"].implode()))
    return who.filter(pl.col("unit").is_in(rows["unit"].unique().implode())), rows


def _design(
    kind: Kind,
    metric: Metric,
    who: pl.DataFrame,
    columns: list[tuple[Predictor, pl.DataFrame]],
    left_out: list[LeftOut],
    absent: float | None,
) -> Design:
    """Put the columns side by side; who lacks one has ``absent`` there, or is left out where that is None."""
    table = who
    for place, (_, placed) in enumerate(columns):
        named = placed.rename({name: f"{name}_{place}" for name in ("place", "good", "known")})
        table = table.join(named, on="unit", how="left", maintain_order="left")
    names = [[f"{part}_{place}" for place in range(len(columns))] for part in ("place", "good", "known")]
    if absent is None:
        table = table.drop_nulls(names[0])
    x, good, known = (
        table.select(pl.col(each).fill_null(absent or 0.0)).to_numpy().astype(np.float64)
        if each
        else np.zeros((table.height, 0))
        for each in names
    )
    return Design(
        kind,
        metric,
        tuple(predictor for predictor, _ in columns),
        x,
        table["score"].to_numpy().astype(np.float64),
        _clusters(table["customer_id"]),
        good,
        known,
        who.height,
        tuple(left_out),
    )


def _clusters(customers: pl.Series) -> Ints | None:
    """Number the customers, each respondent without an id by itself; None where nobody answered twice."""
    own = pl.Series([f"\x00{place}" for place in range(len(customers))], dtype=pl.String)
    whose = pl.select(pl.coalesce(customers.cast(pl.String), own)).to_series()
    codes = whose.rank("dense").to_numpy().astype(np.int64) - 1
    return codes if len(codes) and int(codes.max()) + 1 < len(codes) else None


def _units(feedback: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ("respondent_id", "question", "answer") if name not in feedback.columns]
    table = feedback.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    return table.with_columns(unit=pl.coalesce("respondent_id", "feedback_id"))


def _questions(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return each question with one row per respondent, in the order of the questions' names."""
    once = rows.sort("question", "unit", "feedback_id").unique(
        ["question", "unit"], keep="first", maintain_order=True
    )
    return [(str(question), part) for (question,), part in once.group_by("question", maintain_order=True)]


def _placed(part: pl.DataFrame, ces_direction: Direction = "high_is_easy") -> pl.DataFrame | None:
    """Return ``unit``, ``place``, ``good``, ``known`` of one question's ordered answers; None if it has none.

    Scores count by themselves, an effort score turned round where a low one is the better one; answers in
    words by their place in the order that has all of them.
    """
    scored = part.drop_nulls("score")
    if scored.height > part.height / 2 and scored["scale"].n_unique() == 1:
        scale = str(scored["scale"][0])
        bad, _, good = poles(scale, ces_direction)
        place = pl.col("score") if good.start > bad.start else sum(SCALES[scale]) - pl.col("score")
        best = max(good.start, bad.start)
        return _with_good(scored.select("unit", place=place.cast(pl.Float64)), best)
    given = part.drop_nulls("answer")
    answers = given["answer"].unique().to_list()
    wording = wording_of(set(answers))
    if wording is None or wording.id not in _JUDGING:
        return None
    places = {answer: None if cannot_judge(answer) else wording.place(answer) for answer in answers}
    place = pl.col("answer").replace_strict(places, return_dtype=pl.Float64)
    levels = len(wording.levels)
    return _with_good(given.select("unit", place=place).drop_nulls("place"), levels - levels // 2 + 1)


def _with_good(placed: pl.DataFrame, best: int) -> pl.DataFrame:
    """Say that it went well from the place ``best`` on."""
    return placed.with_columns(good=(pl.col("place") >= best).cast(pl.Float64), known=pl.lit(1.0))


def _named(question: str) -> Text:
    shown = _masked(question)
    return Text(shown, shown)


def _masked(text: str) -> str:
    return str(mask_text(pl.Series([text]))[0])
