"""Mapped: what classifiers have in common that put the values of one column into classes by words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.data.validators import plain
from crmlab.estimators import Classifier
from crmlab.labels import Scheme, Text
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.word_tables import WordTable, word_table

LEAST_NAMED = 5
"""A value outside the table is named from so many customers on: a rarer one could tell of a person."""
MOST_NAMED = 8
_LONGEST_NAMED = 20


class Mapped(Classifier):
    """Puts the values of one column into classes by a :class:`WordTable`.

    Values outside the table form the class ``other``, which is counted; the frequent ones are named in
    the definition. ``entries`` adds words or overrides them: word → class.
    """

    sureness: ClassVar[Text] = Text(
        "取值与映射词完全相同为 1，包含映射词为 0.9，同时含有几类的词为 0.6，不在映射表中为 0；不是概率",
        "1 if the value is a word of the table, 0.9 if it holds one, 0.6 if it holds words of several "
        "classes, 0 if it is not in the table; no probability",
    )
    column: ClassVar[str]
    measure: ClassVar[Text]
    file: ClassVar[str]
    other: ClassVar[str]

    entries: Mapping[str, str] | None = None

    @property
    def requires(self) -> tuple[str, ...]:
        """The column that is mapped."""
        return (self.column,)

    @property
    def scheme(self) -> Scheme:
        """The classes of the table."""
        return Scheme(self.file, self.title.zh, self.title.en, word_table(self.file).labels)

    def definition(self) -> Text:
        """Return the rule, and once fitted which values the table lacks."""
        table = self._table
        order = [self.scheme[label].text for label in table.priority]
        name = self.measure
        # Names of industries hold commas themselves.
        between = Text("；", "; ") if any("、" in label.zh for label in order) else Text("、", ", ")
        listed = Text(between.zh.join(each.zh for each in order), between.en.join(each.en for each in order))
        rule = Text(
            f"按映射表（{len(table.whole)} 个词）把{name.zh}归类：整个取值相同者优先，其次看是否包含词语；"
            f"同时含有几类的词时，取排在前面的一类：{listed.zh}。",
            f"A table of {len(table.whole)} words maps {name.en}: a value that is one of them first, then a "
            f"word within it; of several classes the first of: {listed.en}.",
        )
        return Text(rule.zh + self._unmapped_words().zh, f"{rule.en} {self._unmapped_words().en}".strip())

    def _unmapped_words(self) -> Text:
        other = self.scheme[self.other].text
        if not getattr(self, "fitted_", False):
            return Text(f"不在表中的取值归入“{other.zh}”。", f"Values outside the table are “{other.en}”.")
        if not self.unmapped_customers_:
            return Text("所有取值都在表中。", "Every value is in the table.")
        named = [(value, count) for value, count in self.unmapped_ or []]
        listed = Text(
            "、".join(f"“{value}”（{count:,} 人）" for value, count in named),
            ", ".join(f"“{value}” ({count:,})" for value, count in named),
        )
        rest = (self.unmapped_values_ or 0) - len(named)
        more = Text(f"另有 {rest:,} 种取值", f"{rest:,} further values")
        parts = Text(
            "；".join(part for part in (listed.zh, more.zh if rest else "") if part),
            "; ".join(part for part in (listed.en, more.en if rest else "") if part),
        )
        return Text(
            f"{self.unmapped_customers_:,} 位客户的取值不在表中，归入“{other.zh}”：{parts.zh}。"
            "可用参数 entries 补充。",
            f"{self.unmapped_customers_:,} customers have values outside the table and are “{other.en}”: "
            f"{parts.en}. Add them with the parameter entries.",
        )

    def _check_params(self) -> None:
        word_table(self.file).extended(self.entries)

    @property
    def _table(self) -> WordTable:
        return word_table(self.file).extended(self.entries)

    def _values(self, features: pl.DataFrame) -> pl.Series:
        return features[self.column]

    def _found(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return ``label``, ``word`` and ``confidence`` per customer; the label ``other`` without a word."""
        found = self._table.look_up(self._values(features))
        return found.with_columns(
            pl.col("label").fill_null(self.other), confidence=pl.col("confidence").fill_null(0.0)
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        return (
            self._values(features).to_frame("value").select(plain(pl.col("value")).is_not_null()).to_series()
        )

    def _fit(self, features: pl.DataFrame) -> None:
        lost = features.filter(self._found(features)["word"].is_null())
        values = _short(self._values(lost)).alias("value").to_frame()
        counts = (
            values.group_by("value").len("customers").sort("customers", "value", descending=[True, False])
        )
        self.unmapped_customers_ = lost.height or None
        self.unmapped_values_ = counts.height or None
        shown = counts.filter(pl.col("customers") >= LEAST_NAMED).head(MOST_NAMED)
        self.unmapped_ = [[value, count] for value, count in shown.iter_rows()] or None

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return self._found(features)["label"]

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        return self._found(features)["confidence"]

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        named = [value for value, _ in self.unmapped_ or []]
        value = pl.col("value")
        found = self._found(features).with_columns(value=self._values(features).cast(pl.String))
        lost = found.select(pl.when(pl.col("word").is_null()).then(value)).to_series()
        rows = found.with_columns(value=_short(lost))
        zh = pl.col("label").replace_strict(self.scheme.names("zh"), return_dtype=pl.String)
        en = pl.col("label").replace_strict(self.scheme.names("en"), return_dtype=pl.String)
        name = self.measure
        known = pl.when(pl.col("word").is_not_null())
        frequent = value.is_in(named)
        return wording.reasons(
            rows,
            known.then(pl.format("{}含“{}”，归入{}", pl.lit(name.zh), "word", zh))
            .when(frequent)
            .then(pl.format("{}“{}”不在映射表中，归入{}", pl.lit(name.zh), value, zh))
            .otherwise(pl.format("{}的取值不在映射表中，归入{}", pl.lit(name.zh), zh)),
            known.then(pl.format("{} has “{}”: {}", pl.lit(name.en), "word", en))
            .when(frequent)
            .then(pl.format("{} “{}” is not in the table: {}", pl.lit(name.en), value, en))
            .otherwise(pl.format("{} has a value that is not in the table: {}", pl.lit(name.en), en)),
        )


def _short(values: pl.Series) -> pl.Series:
    """Return values as they may be named: plain, contacts masked, not longer than a label."""
    level = values.to_frame("value").select(plain(pl.col("value"))).to_series()
    return mask_text(level).str.slice(0, _LONGEST_NAMED)
