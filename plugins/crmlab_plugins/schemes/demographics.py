"""Demographics: age, gender, education and zodiac animal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import polars as pl

from crmlab.data.quality.persons import OLDEST
from crmlab.data.validators import plain
from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Classifier
from crmlab.labels import UNCLASSIFIED, Label, Scheme, Text
from crmlab_plugins.features.attributes import BANDS, band_labels, band_of, check_bands
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.word_tables import WordTable, word_table

By = Literal["age", "gender", "education", "zodiac"]
ATTRIBUTES: Mapping[By, Text] = {
    "age": Text("年龄", "age"),
    "gender": Text("性别", "gender"),
    "education": Text("教育程度", "education"),
    "zodiac": Text("属相", "zodiac animal"),
}
_DOUBTS = {
    "default": Text("出生日期是系统默认值", "the date of birth is a default"),
    "future": Text("出生日期在分析日之后", "the date of birth is after the as-of day"),
    "too_old": Text(f"按出生日期超过 {OLDEST} 岁", f"by the date of birth older than {OLDEST}"),
}
_DIFFERS, _STATED = 0.5, 0.8
"""Confidence where date and stated animal differ, and of a stated animal without a date."""
_RANGE, _IN_RANGE = r"(?i)以上|以下|\b(?:above|below|higher|lower|less|more)\b", 0.6
"""How a level of education is stated as a range, and the confidence of the level that it names."""


class Demographics(Classifier):
    """Classes customers by one attribute of the person.

    * ``age``: full years on the as-of day, in bands that begin at the ages ``bands``.
    * ``gender``, ``education``: what the table states, mapped by words; ``entries`` adds or overrides
      them (word → class).
    * ``zodiac``: by the date of birth, where the year begins with the lunar new year; without a date, as
      stated. Where date and stated animal differ one of them is wrong, and the confidence is lower.

    A date of birth after the as-of day, of an age above 120, or that is a program's default is unknown.
    """

    title: ClassVar[Text] = Text("人口统计", "Demographics")
    needs: ClassVar[Text] = Text("该项人口属性", "this attribute of the person")
    sureness: ClassVar[Text] = Text(
        "出生日期与登记的属相矛盾时为 0.5，只有登记的属相时为 0.8；性别、教育程度的取值与映射词相同为 1，"
        "包含为 0.9，写成“本科及以上”这样的范围为 0.6；其余为 1；不是概率",
        "0.5 where date of birth and stated animal differ, 0.8 for a stated animal alone; for gender and "
        "education 1 if the value is a word of the table, 0.9 if it holds one, 0.6 for a range such as "
        "“bachelor or above”; otherwise 1; no probability",
    )
    accepts_nulls: ClassVar[bool] = True

    by: By = "age"
    bands: tuple[int, ...] = BANDS
    entries: Mapping[str, str] | None = None

    @property
    def requires(self) -> tuple[str, ...]:
        """The columns of the attribute."""
        if self.by in ("gender", "education"):
            return (self.by,)
        return ("age_years", "birth_zodiac", "stated_zodiac", "birth_doubt")

    @property
    def scheme(self) -> Scheme:
        """The classes of the attribute."""
        labels: tuple[Label, ...] = band_labels(self.bands) if self.by == "age" else self._table.labels
        name = ATTRIBUTES[self.by]
        return Scheme(
            f"demographics_{self.by}", f"人口统计（{name.zh}）", f"Demographics by {name.en}", labels
        )

    def definition(self) -> Text:
        """Return the rule in words."""
        labels = self.scheme.labels
        listed = Text("、".join(label.zh for label in labels), ", ".join(label.en for label in labels))
        believed = Text(
            f"出生日期晚于分析日、超过 {OLDEST} 岁或为系统默认值时视为未知。",
            f"A date of birth after the as-of day, of an age above {OLDEST} or that is a default is unknown.",
        )
        if self.by == "age":
            return Text(
                f"按出生日期计算分析日当天的周岁，分为：{listed.zh}。{believed.zh}",
                f"Full years on the as-of day by the date of birth, in: {listed.en}. {believed.en}",
            )
        if self.by == "zodiac":
            return Text(
                "按出生日期推算属相，以农历正月初一为界；没有出生日期时采用登记的属相，两者矛盾时以出生日期为准、"
                f"置信度减半。{believed.zh}",
                "The animal by the date of birth, whose year begins with the lunar new year; the stated one "
                "where there is no date. Where they differ the date counts, with half the confidence. "
                f"{believed.en}",
            )
        name = ATTRIBUTES[self.by]
        words = len(self._table.whole)
        ranges = Text("", "")
        if self.by == "education":
            ranges = Text(
                "“本科及以上”这样的范围归入所写的学历。",
                " A range such as “bachelor or above” is the level it names.",
            )
        return Text(
            f"按映射表（{words} 个词）把登记的{name.zh}归为：{listed.zh}；表中没有的取值不分类。{ranges.zh}",
            f"A table of {words} words maps the stated {name.en} to: {listed.en}; other values have none."
            f"{ranges.en}",
        )

    def _check_params(self) -> None:
        if self.by not in ATTRIBUTES:
            hint = f"{did_you_mean(self.by, ATTRIBUTES)} Allowed: {', '.join(ATTRIBUTES)}."
            raise ParamsError(f"by is {self.by!r}.{hint}")
        check_bands(self.bands)
        if self.entries and self.by in ("age", "zodiac"):
            raise ParamsError(
                f"entries maps words, and by is {self.by!r}. Give them with by: gender or education."
            )
        if self.by != "age":
            _ = self._table

    @property
    def _table(self) -> WordTable:
        return word_table("person_words", self.by).extended(self.entries)

    def _found(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return ``label``, null for none, and ``confidence``."""
        if self.by in ("gender", "education"):
            found = self._table.look_up(features[self.by]).hstack([features[self.by].alias("stated")])
            ranged = pl.col("stated").cast(pl.String).str.contains(_RANGE).fill_null(value=False)
            doubtful = ranged & pl.col("label").is_not_null()
            sure = pl.when(doubtful).then(_IN_RANGE).otherwise("confidence")
            return found.select("label", confidence=sure)
        born, stated = pl.col("birth_zodiac"), pl.col("stated_zodiac")
        differs = (born != stated).fill_null(value=False)
        if self.by == "age":
            label = band_of(pl.col("age_years"), self.bands)
            sure = pl.when(differs).then(_DIFFERS).otherwise(1.0)
        else:
            label = pl.coalesce(born, stated)
            sure = pl.when(differs).then(_DIFFERS).when(born.is_null()).then(_STATED).otherwise(1.0)
        return features.select(
            label=label.cast(pl.String), confidence=pl.when(label.is_not_null()).then(sure)
        )

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return self._found(features)["label"].fill_null(UNCLASSIFIED.id)

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        return self._found(features)["confidence"].cast(pl.Float64)

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        rows = features.hstack(self._found(features).select("label"))
        name = ATTRIBUTES[self.by]
        labels = {label.id: label.text for label in self.scheme}
        words = {
            "zh": _told("label", {label: text.zh for label, text in labels.items()}),
            "en": _told("label", {label: text.en for label, text in labels.items()}),
        }
        if self.by in ("gender", "education"):
            strange = pl.when(plain(pl.col(self.by)).is_not_null())
            no_word = Text(f"登记的{name.zh}不在映射表中", f"the stated {name.en} is not in the table")
            lacking = Text(f"缺少{name.zh}", f"missing: {name.en}")
            return wording.reasons(
                rows,
                pl.coalesce(
                    pl.format("登记的{}为{}", pl.lit(name.zh), words["zh"]),
                    strange.then(pl.lit(no_word.zh)).otherwise(pl.lit(lacking.zh)),
                ),
                pl.coalesce(
                    pl.format("stated {}: {}", pl.lit(name.en), words["en"]),
                    strange.then(pl.lit(no_word.en)).otherwise(pl.lit(lacking.en)),
                ),
            )
        return self._explain_birth(rows, words)

    def _explain_birth(self, rows: pl.DataFrame, words: Mapping[str, pl.Expr]) -> pl.DataFrame:
        born, stated = pl.col("birth_zodiac"), pl.col("stated_zodiac")
        doubt = {
            "zh": _told("birth_doubt", {doubt: text.zh for doubt, text in _DOUBTS.items()}),
            "en": _told("birth_doubt", {doubt: text.en for doubt, text in _DOUBTS.items()}),
        }
        differs = pl.when((born != stated).fill_null(value=False))
        note = {
            "zh": differs.then(pl.lit("；与登记的属相不一致，出生日期可能有误")).otherwise(pl.lit("")),
            "en": differs.then(pl.lit("; the stated animal differs, so the date may be wrong")).otherwise(
                pl.lit("")
            ),
        }
        if self.by == "age":
            age = pl.col("age_years")
            told = {
                "zh": pl.format("分析日当天 {} 岁（{}）", age, words["zh"]),
                "en": pl.format("{} years old on the as-of day ({})", age, words["en"]),
            }
        else:
            dated = pl.when(born.is_not_null())
            told = {
                "zh": dated.then(pl.format("按出生日期推算属{}", words["zh"])).otherwise(
                    pl.format("登记的属相为{}", words["zh"])
                ),
                "en": dated.then(pl.format("{} by the date of birth", words["en"])).otherwise(
                    pl.format("stated animal: {}", words["en"])
                ),
            }
        needed = Text("缺少出生日期", "missing: the date of birth")
        if self.by == "zodiac":
            needed = Text("缺少可推算的出生日期和属相", "missing: a date of birth that tells, and the animal")
        return wording.reasons(
            rows,
            pl.coalesce(told["zh"] + note["zh"], doubt["zh"], pl.lit(needed.zh)),
            pl.coalesce(told["en"] + note["en"], doubt["en"], pl.lit(needed.en)),
        )


def _told(column: str, words: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(words, default=None, return_dtype=pl.String)
