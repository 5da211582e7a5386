"""How the probabilistic resolver compares a field: on which levels, and by what it finds candidates.

Edit distances and Jaro-Winkler say little about Chinese names of two or three characters: 王芳 and 王方 are
as far apart as 王芳 and 王磊. Names in Chinese characters are compared by sound (pinyin without tones), by
the same characters in another order, and by one differing character of at least three; names in
letters by edit distance and Jaro-Winkler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.data.identity.keys import comparable, is_placeholder
from crmlab.errors import MissingExtraError

if TYPE_CHECKING:
    from splink.internals.comparison_level_creator import ComparisonLevelCreator
    from splink.internals.comparison_library import CustomComparison

Kind = Literal["name", "text", "address", "code", "account", "category"]

_HAN = r"^[\u3400-\u9fff·]+$"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way to compare a field.

    ``kind`` is ``name`` (of persons, Chinese or Latin), ``text`` (words that are mistyped), ``address``
    (long, written with more or less detail), ``code`` (digits, a slip or two), ``account`` (letters and
    digits that people make up; digits behind a name tell namesakes apart, so a slip is one in the
    letters), or ``category`` (equal or not). What is ``shared`` by a family or by colleagues supports a
    match, but is nothing to learn from.
    """

    kind: Kind
    shared: bool = False

    @property
    def levels(self) -> int:
        """The number of the level on which values are equal; 0 is the level on which they differ."""
        return {"name": 4, "text": 3, "address": 3, "code": 3, "account": 2, "category": 1}[self.kind]

    def blocking(self, name: str) -> tuple[str, ...]:
        """Return the columns that candidates may agree in."""
        if self.kind == "name":
            return (name, f"{name}_sound", f"{name}_characters")
        return () if self.kind == "category" else (name,)


FIELDS: dict[str, Comparison] = {
    "name": Comparison("name"),
    "mobile": Comparison("code"),
    "phone": Comparison("code", shared=True),
    "email": Comparison("account"),
    "wechat": Comparison("account"),
    "identity_number": Comparison("code"),
    "birth_date": Comparison("code"),
    "gender": Comparison("category"),
    "city": Comparison("category"),
    "postcode": Comparison("code", shared=True),
    "home_address": Comparison("address", shared=True),
    "company": Comparison("text", shared=True),
    "credit_code": Comparison("code", shared=True),
}
"""How the canonical columns of customers are compared."""


def prepared(customers: pl.DataFrame, fields: Mapping[str, Comparison]) -> pl.DataFrame:
    """Return record_id and the normalised ``fields``; a name also by sound and by its sorted characters.

    A name's sound is its pinyin without tones, or the name itself in small letters.
    """
    columns = []
    for name, comparison in fields.items():
        value = comparable(name)
        if comparison.kind == "address":
            value = value.str.replace_all(r"[^\p{L}\p{N}]|[省市区县]", "")
        columns.append(pl.when(~is_placeholder(value)).then(value).replace("", None).alias(name))
    records = customers.select(pl.col("customer_id").alias("record_id"), *columns)
    for name, comparison in fields.items():
        if comparison.kind == "name":
            characters = pl.col(name).str.split("").list.sort().list.join("")
            records = records.with_columns(
                _sounds(records[name]).alias(f"{name}_sound"),
                pl.when(pl.col(name).str.contains(_HAN)).then(characters).alias(f"{name}_characters"),
            )
    return records


def comparison(name: str, comparison: Comparison) -> CustomComparison:
    """Return the levels of one field for splink, the most alike first."""
    import splink.comparison_level_library as levels
    from splink.comparison_library import CustomComparison

    def custom(condition: str) -> levels.CustomLevel:
        return levels.CustomLevel(condition.replace("{c}", name))

    close: Mapping[Kind, list[ComparisonLevelCreator]] = {
        "name": [
            custom('"{c}_sound_l" = "{c}_sound_r"'),
            custom('"{c}_characters_l" = "{c}_characters_r" OR ' + _SAME_SURNAME),
            custom(_CLOSE_LATIN),
        ],
        "text": [levels.LevenshteinLevel(name, 1), levels.JaroWinklerLevel(name, 0.88)],
        "address": [
            custom('contains("{c}_l", "{c}_r") OR contains("{c}_r", "{c}_l")'),
            custom('jaro_winkler_similarity("{c}_l", "{c}_r") >= 0.9'),
        ],
        "code": [levels.LevenshteinLevel(name, 1), levels.LevenshteinLevel(name, 2)],
        "account": [custom(_SAME_DIGITS + ' AND levenshtein("{c}_l", "{c}_r") = 1')],
        "category": [],
    }
    exact = levels.ExactMatchLevel(name, term_frequency_adjustments=True)
    return CustomComparison(
        output_column_name=name,
        comparison_levels=[levels.NullLevel(name), exact, *close[comparison.kind], levels.ElseLevel()],
    )


_SAME_SURNAME = (
    # One character of at least three differs, behind the surname; hamming needs equal lengths.
    '("{c}_characters_l" IS NOT NULL AND "{c}_characters_r" IS NOT NULL AND length("{c}_l") >= 3 '
    'AND length("{c}_l") = length("{c}_r") AND substr("{c}_l", 1, 1) = substr("{c}_r", 1, 1) '
    'AND levenshtein("{c}_l", "{c}_r") = 1) OR '
    '("{c}_characters_l" IS NULL AND levenshtein("{c}_l", "{c}_r") <= 1)'
)
_SAME_DIGITS = " = ".join(f"regexp_replace(\"{{c}}_{side}\", '[^0-9]', '', 'g')" for side in ("l", "r"))
_CLOSE_LATIN = '"{c}_characters_l" IS NULL AND jaro_winkler_similarity("{c}_l", "{c}_r") >= 0.88'


def _sounds(names: pl.Series) -> pl.Series:
    """Spell each distinct name once."""
    try:
        from pypinyin import lazy_pinyin
    except ImportError:
        raise MissingExtraError(
            "Chinese names are compared by sound, which needs pypinyin: pip install 'crmlab[identity]'."
        ) from None
    distinct = names.unique().drop_nulls().to_list()
    sounds = {name: "".join(lazy_pinyin(name)).replace(" ", "") for name in distinct}
    return names.replace_strict(sounds, return_dtype=pl.String)
