"""Grade: the high, mid or low that people wrote down, beside the one that the orders speak for."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Classifier
from crmlab.labels import UNCLASSIFIED, Label, Scheme, Text
from crmlab_plugins.rules import pareto, wording
from crmlab_plugins.rules.metrics import CutsMetric, measure_of, numbers_of

GRADES = Path(__file__).parents[1] / "data" / "grades.yaml"
Use = Literal["manual", "derived", "manual_then_derived"]
USES: dict[Use, Text] = {
    "manual": Text("采用手工等级", "the manual grade counts"),
    "derived": Text("采用推算等级", "the derived grade counts"),
    "manual_then_derived": Text(
        "优先采用手工等级，没有时采用推算等级",
        "the manual grade counts, and where there is none the derived one",
    ),
}


class Grade(CutsMetric, Classifier):
    """Gives the manual grade of the customers table, the one derived from value, or the first known.

    Manual grades are read by a table of words (``data/grades.yaml``), to which ``words`` adds or in which
    it replaces: ``{high: [五星], low: [停用]}``. A word that is in no list counts as no manual grade, and
    how many there are is part of the definition. Derived grades are cut as
    :class:`~crmlab_plugins.schemes.value.Value` cuts ``metric``: at ``high_share`` and ``mid_share`` of the
    running total. The reason states both, and whether they disagree.
    """

    title: ClassVar[Text] = Text("客户等级", "Customer grade")
    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text("手工等级或付款订单", "a manual grade or paid orders")
    sureness: ClassVar[Text] = Text(
        "两种等级一致为 1；只有一种为 0.75；不一致为 0.5；不是概率",
        "1 where both grades agree, 0.75 where only one is known, 0.5 where they disagree; no probability",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="grade",
        zh="客户等级",
        en="Customer grade",
        labels=(Label("high", "高", "High"), Label("mid", "中", "Mid"), Label("low", "低", "Low")),
        axes=("revenue",),
    )

    use: Use = "manual_then_derived"
    words: dict[str, tuple[str, ...]] | None = None
    metric: str = "total_spend"
    high_share: float = 0.8
    mid_share: float = 0.95

    @property
    def requires(self) -> tuple[str, ...]:
        """The grade that was written down, and the column that the other is derived from."""
        return ("manual_grade", self.metric)

    @property
    def table(self) -> dict[str, str]:
        """Word, as compared → grade."""
        given = {grade: list(words) for grade, words in (self.words or {}).items()}
        every = [(word, grade) for grade, words in [*_packaged().items(), *given.items()] for word in words]
        normal = (
            pl.Series([word for word, _ in every], dtype=pl.String).to_frame("word").select(_plain("word"))
        )
        return dict(zip(normal.to_series(), (grade for _, grade in every), strict=True))

    def definition(self) -> Text:
        """Return which grade counts and how the other is derived, with the words that nobody knew."""
        name = measure_of(self.metric)
        unknown: int = getattr(self, "unknown_words_", 0)
        cuts: list[float] = getattr(self, "cuts_", [])
        learned = Text("", "")
        if cuts:
            learned = Text(
                f"（本次切分点：高不低于 {cuts[1]:,.2f}，中不低于 {cuts[0]:,.2f}）",
                f" (cut-points: high from {cuts[1]:,.2f}, mid from {cuts[0]:,.2f})",
            )
        strange = Text(
            f"有 {unknown:,} 位客户的手工等级不在对照表中，视为没有手工等级。",
            f" The manual grades of {unknown:,} customers are not in the table of words and count as none.",
        )
        return Text(
            f"{USES[self.use].zh}。手工等级按对照表归为高、中、低；推算等级按{name.zh}从高到低累计，"
            f"累计占比不超过 {self.high_share:.0%} 为高，不超过 {self.mid_share:.0%} 为中，"
            f"其余为低{learned.zh}。"
            f"{strange.zh if unknown else ''}",
            f"Of two grades {USES[self.use].en}. The manual one is read by a table of words; the derived one "
            f"goes by {name.en} from the highest down: high up to {self.high_share:.0%} of the running "
            "total, "
            f"mid up to {self.mid_share:.0%}, low the rest{learned.en}.{strange.en if unknown else ''}",
        )

    def grades(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return ``customer_id``, ``manual`` and ``derived`` grade (null for none), in row order."""
        self._check_ready(features)
        return features.select("customer_id", manual=self._manual(), derived=self._derived())

    def _check_params(self) -> None:
        problems = []
        if self.use not in USES:
            problems.append(f"use is {self.use!r}.{did_you_mean(self.use, USES)} Allowed: {', '.join(USES)}.")
        if strange := sorted(set(self.words or {}) - set(self.scheme.ids)):
            problems.append(
                f"words has the grades {', '.join(strange)}; allowed: {', '.join(self.scheme.ids)}."
            )
        if not 0 < self.high_share < self.mid_share <= 1:
            problems.append(
                f"high_share is {self.high_share} and mid_share is {self.mid_share}; they must be shares "
                "with "
                "0 < high_share < mid_share ≤ 1, for example 0.8 and 0.95."
            )
        if problems:
            raise ParamsError(" ".join(problems))

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Either grade says something, though the one that counts may be absent."""
        either = pl.col("manual_grade").is_not_null() | pl.col(self.metric).is_not_null()
        return features.select(either).to_series()

    def _fit(self, features: pl.DataFrame) -> None:
        values = numbers_of(features, self.metric).drop_nulls()
        self.cuts_ = pareto.lowest_values(values, (self.high_share, self.mid_share))[::-1]
        unknown = pl.col("manual_grade").is_not_null() & self._manual().is_null()
        self.unknown_words_ = int(features.select(unknown.sum()).item())

    def _manual(self) -> pl.Expr:
        table = self.table
        plain = _plain("manual_grade")
        return plain.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)

    def _derived(self) -> pl.Expr:
        value = pl.col(self.metric).cast(pl.Float64)
        place = pareto.place(value, self.cuts_)
        grade = place.replace_strict([0, 1, 2], list(self.scheme.ids[::-1]), return_dtype=pl.String)
        return pl.when(value.is_not_null()).then(grade)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        both = {"manual": self._manual(), "derived": self._derived()}
        both["manual_then_derived"] = pl.coalesce(both["manual"], both["derived"])
        return features.select(label=both[self.use].fill_null(UNCLASSIFIED.id)).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        rows = features.select(manual=self._manual(), derived=self._derived(), label=self._predict(features))
        manual, derived = pl.col("manual"), pl.col("derived")
        sure = pl.when(manual == derived).then(1.0).when(manual != derived).then(0.5).otherwise(0.75)
        labelled = pl.col("label") != UNCLASSIFIED.id
        return rows.select(confidence=pl.when(labelled).then(sure)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        manual, derived = self._manual(), self._derived()
        written = pl.col("manual_grade").is_not_null()
        name, value = measure_of(self.metric), wording.number(pl.col(self.metric), 2)
        said = []
        for language in ("zh", "en"):
            names = self.scheme.names("zh" if language == "zh" else "en")
            none, strange, disagree, unknown = _WORDS[language]
            one = pl.when(written).then(pl.lit(strange)).otherwise(pl.lit(none))
            one = manual.replace_strict(names, default=None, return_dtype=pl.String).fill_null(one)
            two = pl.format(
                "{}（{} {}）" if language == "zh" else "{} ({} {})",
                derived.replace_strict(names, default=None, return_dtype=pl.String),
                *(pl.lit(name.zh if language == "zh" else name.en), value),
            ).fill_null(unknown)
            differ = (
                pl.when((manual != derived).fill_null(False)).then(pl.lit(disagree)).otherwise(pl.lit(""))
            )
            form = (
                "手工等级：{}；推算等级：{}{}"
                if language == "zh"
                else "manual grade: {}; derived grade: {}{}"
            )
            said.append(pl.format(form, one, two, differ))
        return wording.reasons(features, *said)


_WORDS = {
    "zh": ("无", "不在对照表中", "；两者不一致", "无（缺少付款订单）"),
    "en": ("none", "not in the table of words", "; they disagree", "none (no paid orders)"),
}
_ENDING = r"(等级|级别|级|类|型|客户|会员|用户|顾客|卡|customer|client|member)+$"


def _plain(column: str) -> pl.Expr:
    """Return words as they are compared: one width and case, no spaces, no ending such as 客户."""
    text = pl.col(column).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", "")
    return text.str.replace(_ENDING, "")


@cache
def _packaged() -> dict[str, list[str]]:
    import yaml

    document = yaml.safe_load(GRADES.read_text(encoding="utf-8"))
    return {grade: [str(word) for word in words] for grade, words in document.items()}
