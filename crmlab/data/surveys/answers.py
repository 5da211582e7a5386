"""What kind of question a column of a survey is, and what was answered: typed by stem and answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import polars as pl

from crmlab.data import convert
from crmlab.data.presets import Survey, plain
from crmlab.data.privacy import mask_text
from crmlab.data.surveys.questions import Part, Question
from crmlab.labels import Text
from crmlab.satisfaction import SCALES

Kind = Literal["single", "multiple", "rating", "ranking", "open", "personal", "left_out"]
"""What a question asks for; a matrix becomes one question per row.

``personal`` asks who somebody is: it is left out unless mapped to a column.
"""

KINDS: Mapping[Kind, Text] = {
    "single": Text("单选", "single choice"),
    "multiple": Text("多选", "multiple choice"),
    "rating": Text("评分", "rating"),
    "ranking": Text("排序", "ranking"),
    "open": Text("开放题", "open question"),
    "personal": Text("个人信息（不读入）", "personal (left out)"),
    "left_out": Text("不读入", "left out"),
}

JOINED, RANKED = "┋", "→"
"""What stands between the options of one answer: in any order, and best first."""

_FILL_IN = r"〖(.*?)〗"
_COMMA = r",\b"
"""A comma between options; one within a text has a space behind it."""
_RATED = r"^(\d{1,2})\s*(?:分|星)?$"
_NPS = re.compile(r"推荐|recommend", re.I)
_CSAT = re.compile(r"满意|satisf", re.I)
_CES = re.compile(r"容易|轻松|费力|费劲|effort|how easy|easy was", re.I)
_OPEN = re.compile(
    r"建议|意见|原因|为什么|请说明|请填写|请描述|想法|comment|why|suggest|tell us|describe|in your own words",
    re.I,
)
_ASIDE = re.compile(r"[(（【\[][^()（）【】\[\]]*[)）】\]]|[*＊]")
"""What a stem says by the way: （必填）, (optional), a star."""
_PERSONAL = re.compile(
    r"(?:姓名|名字|称呼|贵姓|手机号?码?|联系电话|电话号码|联系方式|邮箱|电子邮件|微信号?|QQ号?|身份证号?码?|住址|家庭地址|收货地址|工号|学号|车牌号?码?)"
    r"(?:是|为|叫|是什么|叫什么|是多少)?[:：?？。,，;；\s]*$|"
    r"(?:留下|填写|输入|提供|告知|登记).{0,8}(?:姓名|称呼|手机号|联系电话|电话号码|联系方式|邮箱|微信号|身份证|收货地址)|"
    r"^(?:the |what is )?(?:your )?(?:(?:first|last|full|family|given) )?name\s*[:?]*$|"
    r"\b(?:your|first|last|full) name\s*[:?]*$|"
    r"\b(?:e-?mail(?: address)?|phone(?: number)?|mobile(?: number)?|postal address|home address)\s*[:?]*$|"
    r"\b(?:leave|enter|provide|give us|share|fill in) (?:us )?(?:with )?your "
    r"(?:full |first |last )?(?:name|e-?mail|phone number|mobile number|contact details|address)\b",
    re.I,
)
_AGREEMENT: dict[str, int] = {
    **dict.fromkeys(("非常不满意", "很不满意", "very dissatisfied", "extremely dissatisfied"), 1),
    **dict.fromkeys(("不满意", "比较不满意", "不太满意", "dissatisfied", "somewhat dissatisfied"), 2),
    **dict.fromkeys(("一般", "中立", "neutral", "neither satisfied nor dissatisfied"), 3),
    **dict.fromkeys(("满意", "比较满意", "较满意", "satisfied", "somewhat satisfied"), 4),
    **dict.fromkeys(("非常满意", "很满意", "very satisfied", "extremely satisfied"), 5),
}
"""The five labels of a satisfaction question and their places on csat_1_5."""


@dataclass(frozen=True)
class Answers:
    """What respondents said to one question, in the order of the rows."""

    kind: Kind
    frame: pl.DataFrame
    scale: str | None = None
    why: Literal["params", "seen"] = "seen"
    asks_for_scale: bool = False


def is_coded(data: pl.DataFrame, survey: Survey) -> bool:
    """Say whether options are written as their numbers: then a 5 may be the worst option of five."""
    if survey.style != "wjx":
        return False
    options = [name for name in data.columns if re.match(r"^第?\s*\d+\s*题?\s*[(（]", name)]
    return any(_values(data, Part(name), survey) <= {"0", "1"} for name in options)


def _values(data: pl.DataFrame, part: Part, survey: Survey) -> set[str]:
    return set(data.select(_given(part, survey)).to_series().drop_nulls().unique().to_list())


def _given(part: Part, survey: Survey) -> pl.Expr:
    """The column without the codes of questions that were not answered."""
    value = convert.text(pl.col(part.column))
    return pl.when(~value.is_in(survey.blank)).then(value).alias(part.column)


def _written(part: Part, survey: Survey) -> pl.Expr:
    """What was written beside an option; a 0 says that nothing was."""
    value = _given(part, survey)
    return pl.when(value != "0").then(value)


def _marked(part: Part, data: pl.DataFrame, survey: Survey) -> Part:
    """Return a column of "other" as an option where it holds marks, not what was written."""
    values = _values(data, part, survey) if part.fill_in else set()
    return replace(part, fill_in=False) if values and values <= {"0", "1"} else part


def rows_of_matrices(
    survey: Survey, found: Sequence[Question], data: pl.DataFrame, asked: Mapping[str, str]
) -> list[Question]:
    """Make one question of each row of a matrix; leave options and ranks together."""
    result = []
    for question in found:
        parts = [part for part in question.parts if not part.fill_in]
        if (
            len(parts) < 2
            or asked.get(question.number) in ("multiple", "ranking")
            or _is_list(survey, parts, data)
        ):
            result.append(question)
            continue
        for place, part in enumerate(question.parts, 1):
            stem = f"{question.stem}：{part.label}" if re.search(r"[\u3400-\u9fff]", question.stem) else ""
            stem = stem or f"{question.stem} – {part.label}".strip(" –")
            result.append(Question(f"{question.number}.{place}", stem, [Part(part.column, part.label)]))
    return result


def _is_list(survey: Survey, parts: Sequence[Part], data: pl.DataFrame) -> bool:
    """Say whether the columns are options (chosen or not) or places in an order, not rows of a matrix."""
    if all(_is_option(part, _values(data, part, survey)) for part in parts):
        return True
    return _are_ranks(survey, parts, data)


def _is_option(part: Part, values: set[str]) -> bool:
    """Say whether a column has nothing but marks, or nothing but its own label."""
    return values <= {"0", "1"} or {plain(value) for value in values} <= {plain(part.label)}


def _are_ranks(survey: Survey, parts: Sequence[Part], data: pl.DataFrame) -> bool:
    """Say whether each respondent gave the options the places 1, 2, 3 …, each once."""
    places = data.select(_given(part, survey).cast(pl.Int64, strict=False) for part in parts)
    given = data.select(_given(part, survey) for part in parts)
    if places.null_count().sum_horizontal().sum() > given.null_count().sum_horizontal().sum():
        return False
    ranks = [sorted(v for v in row if v is not None) for row in places.iter_rows()]
    ranks = [row for row in ranks if row]
    return any(len(row) > 1 for row in ranks) and all(row == list(range(1, len(row) + 1)) for row in ranks)


def answers_to(
    survey: Survey, question: Question, data: pl.DataFrame, said: str | None, scale: str | None, coded: bool
) -> tuple[Answers, int]:
    """Type one question and return its answers, and how many were skipped."""
    parts = [_marked(part, data, survey) for part in question.parts]
    options = [part for part in parts if not part.fill_in]
    first = parts[0]
    raw = data.select(convert.text(pl.col(part.column)) for part in question.parts)
    skipped = raw.select(pl.any_horizontal(pl.all().is_in(survey.blank)).fill_null(value=False).sum()).item()
    fill_in = [_written(part, survey) for part in parts if part.fill_in]
    beside = pl.coalesce(*fill_in) if fill_in else pl.repeat(None, pl.len(), dtype=pl.String)
    if len(options) > 1:
        ranked = said == "ranking" or (said != "multiple" and _are_ranks(survey, options, data))
        answer = _in_order(survey, options, data) if ranked else _chosen(survey, options)
        kind: Kind = "ranking" if ranked else "multiple"
        frame = data.select(
            answer=answer, text=beside, score=pl.lit(None, pl.String), scale=pl.lit(None, pl.String)
        )
        return Answers(kind, frame, why="params" if said else "seen"), skipped
    value = data.select(_given(options[0] if options else first, survey).alias("value")).to_series()
    other = (
        data.select(beside.alias("text")).to_series()
        if options
        else pl.Series("text", [None] * data.height, pl.String)
    )
    return _one_column(question, value, other, said, scale, coded), skipped


def _chosen(survey: Survey, options: Sequence[Part]) -> pl.Expr:
    """Join the chosen options; a column holds 1 or the option's own text where it was chosen."""
    marks = []
    for part in options:
        value = _given(part, survey)
        # Beside a lone column of free text its content is the answer.
        chosen = pl.when(value == "1").then(pl.lit(part.label or "1")).otherwise(value)
        marks.append(pl.when(value != "0").then(chosen))
    joined = pl.concat_str(marks, separator=JOINED, ignore_nulls=True)
    return pl.when(joined.str.len_chars() > 0).then(joined)


def _in_order(survey: Survey, options: Sequence[Part], data: pl.DataFrame) -> pl.Series:
    labels = [part.label for part in options]
    places = data.select(_given(part, survey).cast(pl.Int64, strict=False) for part in options)
    ordered = [
        RANKED.join(
            label for _, label in sorted((p, label) for p, label in zip(row, labels, strict=True) if p)
        )
        for row in places.iter_rows()
    ]
    return pl.Series("answer", [text or None for text in ordered], dtype=pl.String)


def _one_column(
    question: Question, value: pl.Series, other: pl.Series, said: str | None, scale: str | None, coded: bool
) -> Answers:
    why: Literal["params", "seen"] = "params" if said else "seen"
    score, found, asks = _rating(question.stem, value, said, scale, coded)
    written = pl.DataFrame({"value": value, "other": other, "score": score})
    if found:
        # What is on no scale is given on as a score, for cleaning to reject and count.
        given = pl.coalesce("score", "value")
        label = pl.when(~pl.col("value").str.contains(_RATED) & pl.col("score").is_not_null())
        at = pl.when(given.is_not_null()).then(pl.lit(found))
        frame = written.select(answer=label.then(pl.col("value")), text="other", score=given, scale=at)
        return Answers("rating", frame, found, why)
    kind: Kind = said if said in get_args(Kind) else _kind(question, value)  # type: ignore[assignment]
    nothing = pl.lit(None, pl.String)
    chosen = pl.col("value").str.replace_all(_FILL_IN, "")
    if kind == "multiple" and not value.str.contains(JOINED, literal=True).any():
        chosen = chosen.str.replace_all(_COMMA, JOINED)
    beside = pl.coalesce("other", pl.col("value").map_elements(_filled_in, pl.String))
    is_open = kind == "open"
    frame = written.select(
        answer=nothing if is_open else chosen,
        text=pl.coalesce("value", "other") if is_open else beside,
        score=nothing,
        scale=nothing,
    )
    return Answers(kind, frame, None, why, asks)


def _filled_in(answer: str) -> str | None:
    return "；".join(part.strip() for part in re.findall(_FILL_IN, answer) if part.strip()) or None


def _kind(question: Question, value: pl.Series) -> Kind:
    given = value.drop_nulls()
    if is_personal(question.stem) or _looks_personal(given):
        return "personal"
    if given.str.contains(JOINED, literal=True).any() or _is_comma_list(given):
        return "multiple"
    if given.str.contains(RANKED, literal=True).any():
        return "ranking"
    if given.is_empty():
        return "single"
    varied = given.n_unique() > max(0.5 * given.len(), 3)
    length = given.str.len_chars().mean()
    is_open = (
        question.is_open
        or _OPEN.search(question.stem)
        or (varied and isinstance(length, float) and length > 8)
    )
    return "open" if is_open else "single"


def is_personal(stem: str) -> bool:
    """Say whether a question asks who somebody is, or how to reach them."""
    return bool(_PERSONAL.search(_ASIDE.sub("", stem).strip()))


def _looks_personal(given: pl.Series) -> bool:
    """Say whether most answers are contacts or numbers of persons."""
    return given.len() > 0 and (mask_text(given) != given).sum() > given.len() / 2


def _is_comma_list(given: pl.Series) -> bool:
    """Say whether commas without a space join options that others chose, too."""
    joined = given.filter(given.str.contains(_COMMA))
    if joined.is_empty():
        return False
    parts = given.str.split(",").explode(empty_as_null=True)
    counts = dict(parts.value_counts().iter_rows())
    return all(counts[part] > 1 for part in joined.str.split(",").explode(empty_as_null=True).to_list())


def _rating(
    stem: str, value: pl.Series, said: str | None, scale: str | None, coded: bool
) -> tuple[pl.Series, str | None, bool]:
    """Return the scores as text, their scale, and whether a scale has to be asked for."""
    given = value.drop_nulls()
    labels = value.str.to_lowercase().str.strip_chars()
    places = labels.replace_strict(_AGREEMENT, default=None, return_dtype=pl.Int64)
    numbers = value.to_frame("value").select(pl.col("value").str.extract(_RATED).cast(pl.Int64)).to_series()
    is_labelled = places.drop_nulls().len() == given.len() and not given.is_empty()
    if said in SCALES:
        score = places if is_labelled and said == "csat_1_5" else numbers
        return score.cast(pl.String), said, False
    none = pl.Series([None] * len(value), dtype=pl.String)
    if said is not None or given.is_empty():
        return none, None, False
    if is_labelled and labels.drop_nulls().n_unique() == places.drop_nulls().n_unique():
        return places.cast(pl.String), "csat_1_5", False
    if numbers.drop_nulls().len() < given.len():
        return none, None, False
    found = _scale_of(stem, int(numbers.min()), int(numbers.max()), coded)  # type: ignore[arg-type]
    if found is None and scale and _fits(scale, numbers) and not coded:
        found = scale
    if found:
        return numbers.cast(pl.String), found, False
    rated = any(stem_of.search(stem) for stem_of in (_NPS, _CSAT, _CES))
    return none, None, rated or (not coded and given.n_unique() > 2)


def _scale_of(stem: str, lowest: int, highest: int, coded: bool) -> str | None:
    """Choose a scale by what the stem asks and what was answered; None where both do not decide."""
    if _NPS.search(stem) and highest <= 10 and (lowest == 0 or highest > 7):
        return "nps_0_10"
    if coded or lowest < 1 or highest > 7:
        return None
    if _CSAT.search(stem) and not _NPS.search(stem):
        return "csat_1_5" if highest <= 5 else "csat_1_7"
    if _CES.search(stem) and highest > 5:
        return "ces_1_7"
    return None


def _fits(scale: str, numbers: pl.Series) -> bool:
    lowest, highest = SCALES[scale]
    return bool(numbers.drop_nulls().is_between(lowest, highest).all())
