"""What a text is about: aspects found by cue words, clause by clause, in Chinese and English.

A table of words can be read, corrected and extended by the people who know the business; the
taxonomy is a YAML file (``data/aspects.yaml`` describes its form).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.documents import Document, parse
from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Annotator
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.sentiment.annotator import score
from crmlab_plugins.sentiment.chinese import DATA, traditional

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHIPPED = DATA / "aspects.yaml"

_KEYS = ("id", "zh", "en", "cues", "except")
_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*")
# A clause ends at punctuation and at a turn ("but").
_CLAUSE_END = r"[。！？；，…~～!?;\n]+|\.{2,}|\b(?:but|however|although)\b|但是|不过|可惜"
_POINT_OR_COMMA = r"([.,])(\s|$|\p{Han})"  # not within numbers and addresses
_SENTENCE_END = r"[。！？；!?;\n]\s*$"
_SHORT_CLAUSE = 4
# Single clauses are short and often neutral; on 825 aspects judged by people (the ASAP sample of
# restaurant reviews) this weight lifts the area under the ROC curve from 0.797 to 0.824.
_TEXT_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Aspect:
    """One aspect: its label and the words that find it in levelled text.

    ``chinese`` are literal parts of a text, ``english`` is one pattern; ``exceptions`` are looked over.
    """

    label: Label
    chinese: tuple[str, ...]
    english: str
    exceptions: tuple[str, ...]


class Aspects(Annotator):
    """Adds the ids of the aspects that each text mentions, several or none.

    ``taxonomy`` is the path of a YAML file that replaces the shipped table of aspects and cue words.
    """

    title: ClassVar[Text] = Text("反馈方面", "Feedback aspects")
    adds: ClassVar[tuple[str, ...]] = ("aspects",)

    taxonomy: str | None = None

    @property
    def scheme(self) -> Scheme:
        """The aspects in the order of the taxonomy; raise ParamsError for a bad file."""
        return Scheme(
            "aspects", "反馈方面", "Feedback aspects", tuple(aspect.label for aspect in self._aspects())
        )

    def definition(self) -> Text:
        """How aspects are found, and which there are."""
        scheme = self.scheme
        zh = (
            "按线索词识别方面：文本先按标点和转折词切成分句，分句中出现某方面的线索词即算提到该方面，"
            "一条反馈可以有多个方面，也可以没有；每个方面的好坏由提到它的分句的情感判断，并略微参考整条反馈。"
            f"共 {len(scheme.labels)} 个方面：{'、'.join(label.zh for label in scheme.labels)}。"
        )
        en = (
            "Aspects are found by cue words: a text is cut into clauses at punctuation and at turns such as "
            '"but"; a clause with a cue word mentions that aspect. Texts can have several or none; an '
            "aspect is judged by the sentiment of the clauses that mention it, with a little weight on "
            "the whole text. "
            f"The {len(scheme.labels)} aspects: {', '.join(label.en for label in scheme.labels)}."
        )
        return Text(zh, en)

    def mentions(self, feedback: pl.DataFrame) -> pl.DataFrame:
        """Return one row per text and aspect with the clause about it and how positive that is.

        Columns: ``feedback_id``, ``aspect``, ``clause``, ``positive_probability``.
        The probability is the mean over the clauses of the text that mention the aspect, each judged by
        its own words and, with a fifth of the weight, by those of the whole text. ``clause`` is the most
        decided of them, as it was written. The probability is null where no such clause can be judged.
        Sorted by the order of the feedback, then of the taxonomy.
        """
        found = self._found(_clauses(feedback))
        # A clause that mentions three aspects is judged once.
        judged = found.unique(["row", "place"], keep="first", maintain_order=True)
        whole = feedback["text"].cast(pl.String).gather(judged["row"])
        probability = pl.Series("positive_probability", _blended(score(judged["clause"]), score(whole)))
        scored = judged.select("row", "place", probability.cast(pl.Float64).fill_nan(None))
        decided = (pl.col("positive_probability") - 0.5).abs()
        best = (
            found.join(scored, on=["row", "place"], how="left")
            .sort("row", "rank", decided, "place", descending=[False, False, True, False], nulls_last=True)
            .group_by("row", "rank", maintain_order=True)
            .agg(pl.first("feedback_id", "clause"), pl.mean("positive_probability"))
        )
        aspect = pl.Series("aspect", self.scheme.ids, dtype=pl.String).gather(best["rank"])
        return best.with_columns(aspect).select("feedback_id", "aspect", "clause", "positive_probability")

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        names = pl.Series("aspect", self.scheme.ids, dtype=pl.String)
        found = self._found(_clauses(feedback)).select("row", "rank").unique().sort("row", "rank")
        per_text = (
            found.select("row", names.gather(found["rank"]).alias("aspects"))
            .group_by("row", maintain_order=True)
            .agg("aspects")
        )
        return (
            feedback.select("feedback_id")
            .with_row_index("row")
            .join(per_text, on="row", how="left", maintain_order="left")
            .select("feedback_id", pl.col("aspects").fill_null(pl.lit([], dtype=pl.List(pl.String))))
        )

    def _found(self, clauses: pl.DataFrame) -> pl.DataFrame:
        """Return the clauses once per aspect that they mention, with the aspect's place as ``rank``."""
        return pl.concat(
            clauses.filter(_mentions(aspect)).with_columns(rank=pl.lit(rank, dtype=pl.UInt32))
            for rank, aspect in enumerate(self._aspects())
        )

    def _aspects(self) -> tuple[Aspect, ...]:
        return read_taxonomy(Path(self.taxonomy) if self.taxonomy else SHIPPED)


def read_taxonomy(path: Path) -> tuple[Aspect, ...]:
    """Read a table of aspects; raise ParamsError that lists every problem with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ParamsError(
            f"The taxonomy {path} cannot be read: {reason}. Give the path of a YAML file in UTF-8 "
            "such as crmlab_plugins/data/aspects.yaml."
        ) from None
    return _taxonomy(text, path.name)


@cache
def _taxonomy(text: str, name: str) -> tuple[Aspect, ...]:
    document = parse(text, name)
    problems = _problems(document)
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise ParamsError(f"The taxonomy {name} is not valid:\n{listed}")
    return tuple(_aspect(entry) for entry in document.value["aspects"])


def _problems(document: Document) -> list[str]:
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("aspects"), list) or not value["aspects"]:
        return [f"{document.name}: it must hold a list `aspects:` with at least one aspect."]
    problems = []
    seen = set()
    for place, entry in enumerate(value["aspects"]):
        where = document.place(("aspects", place))
        if not isinstance(entry, dict):
            problems.append(f"{where}a aspect has the keys {', '.join(_KEYS)}.")
            continue
        problems += [
            f"{where}unknown key {key!r}.{did_you_mean(str(key), _KEYS)} Allowed: {', '.join(_KEYS)}."
            for key in entry
            if key not in _KEYS
        ]
        problems += [
            f"{where}{key} must be a text." for key in _KEYS[:3] if not isinstance(entry.get(key), str)
        ]
        if isinstance(entry.get("id"), str):
            if not _SNAKE_CASE.fullmatch(entry["id"]):
                problems.append(
                    f"{where}the id {entry['id']!r} must be snake_case, for example room_service."
                )
            if entry["id"] in seen:
                problems.append(f"{where}the id {entry['id']!r} appears twice.")
            seen.add(entry["id"])
        problems += [f"{where}{problem}" for problem in _word_problems(entry)]
    return problems


def _word_problems(entry: dict[Any, Any]) -> list[str]:
    problems = []
    for key, languages in (("cues", ("zh", "en")), ("except", ("zh",))):
        words = entry.get(key, {})
        if not isinstance(words, dict) or any(language not in languages for language in words):
            problems.append(f"{key} must hold lists of words under {' and '.join(languages)}.")
        elif any(
            not isinstance(listed, list)
            or any(not isinstance(word, str) or not word.strip("* ") for word in listed)
            for listed in words.values()
        ):
            problems.append(f"{key} must hold lists of words; put words that look like numbers in quotes.")
        elif key == "cues" and not any(words.values()):
            problems.append("cues must hold at least one word under zh or en.")
    return problems


def _aspect(entry: dict[str, Any]) -> Aspect:
    english = [
        re.escape(word.rstrip("*").lower()) + (r"\w*" if word.endswith("*") else "")
        for word in entry["cues"].get("en", [])
    ]
    return Aspect(
        label=Label(entry["id"], entry["zh"], entry["en"]),
        chinese=tuple(word.lower() for word in entry["cues"].get("zh", [])),
        english=rf"\b(?:{'|'.join(english)})\b" if english else "",
        exceptions=tuple(word.lower() for word in entry.get("except", {}).get("zh", [])),
    )


def _clauses(feedback: pl.DataFrame) -> pl.DataFrame:
    """Cut every text into clauses, as written (``clause``) and levelled for searching (``level``).

    A clause of fewer than four characters ("房间，很脏") goes together with the next, within a sentence.
    """
    texts = feedback.select("feedback_id", pl.col("text").cast(pl.String)).with_row_index("row")
    marked = pl.col("text").str.replace_all(f"(?i)({_CLAUSE_END})", "$1\x1f")
    marked = marked.str.replace_all(_POINT_OR_COMMA, "$1\x1f$2").str.split("\x1f")
    pieces = (
        texts.select("row", "feedback_id", marked.alias("clause"))
        .explode("clause", empty_as_null=True)
        .drop_nulls("clause")
        .with_columns(
            short=(pl.col("clause").str.count_matches(r"\w") < _SHORT_CLAUSE)
            & ~pl.col("clause").str.contains(_SENTENCE_END)
        )
    )
    begins = ~pl.col("short").shift(1).over("row").fill_null(value=False)
    level = pl.col("clause").str.normalize("NFKC").str.to_lowercase()
    level = level.str.replace_many(list(traditional()), list(traditional().values()))
    return (
        pieces.with_columns(place=begins.cum_sum().over("row"))
        .group_by("row", "place", maintain_order=True)
        .agg(pl.first("feedback_id"), pl.col("clause").str.join("").str.strip_chars())
        .filter(pl.col("clause").str.contains(r"\w"))
        .with_columns(level.alias("level"))
        .with_columns(latin=pl.when(pl.col("level").str.contains("[a-z]{2}")).then("level"))
    )


def _blended(clause: NDArray[np.float64], text: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean of both judgements as log-odds; a clause that cannot be judged stays so."""
    import numpy as np

    clause, text = (np.clip(p, 1e-6, 1 - 1e-6) for p in (clause, text))
    log_odds = (1 - _TEXT_WEIGHT) * np.log(clause / (1 - clause)) + _TEXT_WEIGHT * np.log(text / (1 - text))
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _mentions(aspect: Aspect) -> pl.Expr:
    level = pl.col("level")
    if aspect.exceptions:
        level = level.str.replace_many(list(aspect.exceptions), [" "] * len(aspect.exceptions))
    found = level.str.contains_any(list(aspect.chinese))
    if aspect.english:
        # Rust's regex engine needs much longer than the search for literals, so it sees Latin text only.
        found |= pl.col("latin").str.contains(aspect.english).fill_null(value=False)
    return found
