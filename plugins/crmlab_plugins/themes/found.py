"""What every annotator of found themes has in common: what it adds, names, and says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Annotator
from crmlab.labels import Label, Scheme, Text
from crmlab.view.numbers import decimal
from crmlab.words import Wording, countable
from crmlab_plugins.themes.choosing import TOLERANCE
from crmlab_plugins.themes.telling import JUDGED, names, strongest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

FEWEST_TEXTS = 20
"""Distinct texts without which there are no themes to find."""
FEWEST_WORDS = 10
_TEXTS_PER_THEME = 30
_WORDS_PER_THEME = 5
UNSTABLE = 0.3
"""Below this agreement of two halves a reader is warned."""

_THEMES: dict[str, pl.DataType | type[pl.DataType]] = {
    "theme": pl.String,
    "name": pl.List(pl.String),
    "telling": pl.List(pl.String),
    "texts": pl.Int64,
}


class FoundThemes(Annotator):
    """Adds to each text its strongest theme, how strong it is, and how sure that it is this one.

    ``number`` fixes how many themes there are; without it the number is chosen between
    ``smallest_number`` and ``largest_number``. Words of fewer than ``min_writers`` different customers
    (texts, where customers are unknown) are no part of a theme; of the rest the ``max_words`` most
    frequent are used. ``dictionary`` has words of one's own that are never cut apart, ``stop_words`` those
    to leave out instead of the shipped ones: each a list, or the path of a text file, relative to the folder
    of the study.

    After ``fit``: ``themes_`` (``theme``, ``name`` and ``telling`` words, ``texts``, largest first),
    ``choice_`` (the numbers tried), ``why_none_`` (why no theme was found; empty otherwise).
    """

    adds: ClassVar[tuple[str, ...]] = ("theme", "theme_strength", "theme_confidence")

    _tried_on: ClassVar[int] = 10_000
    """Distinct texts on which numbers of themes are tried, half of them at a time."""

    number: int | None = None
    smallest_number: int = 8
    largest_number: int = 20
    min_writers: int = 5
    max_words: int = 2000
    dictionary: str | tuple[str, ...] = ()
    stop_words: str | tuple[str, ...] = ()

    @property
    def scheme(self) -> Scheme:
        """The themes, largest first, named by their most telling words; empty before ``fit``."""
        themes: pl.DataFrame = getattr(self, "themes_", pl.DataFrame(schema=_THEMES))
        labels = [
            Label(theme, "、".join(name), ", ".join(name))
            for theme, name in themes.select("theme", "name").iter_rows()
        ]
        return Scheme("themes", "反馈主题", "Feedback themes", tuple(labels), of_data=True)

    def _check_params(self) -> None:
        for name, least in (("number", 2), ("smallest_number", 2), ("min_writers", 1), ("max_words", 10)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ParamsError(f"{name} is {value}; it must be at least {least}.")
        if self.largest_number < self.smallest_number:
            raise ParamsError(
                f"largest_number is {self.largest_number}, smallest_number {self.smallest_number}; the first "
                "must not be smaller, for example smallest_number: 8, largest_number: 20."
            )
        # Files are read by `fit`: a study is checked from anywhere, their paths begin at its own folder.
        Wording.of(*(() if isinstance(given, str) else given for given in (self.dictionary, self.stop_words)))

    def _wording(self) -> Wording:
        return Wording.of(self.dictionary, self.stop_words)

    def _sizes(self, texts: int, words: int) -> tuple[int, int]:
        """Return the smallest and the largest number of themes that so many texts and words allow."""
        most = max(2, min(texts // _TEXTS_PER_THEME, words // _WORDS_PER_THEME))
        if self.number is not None:
            return min(self.number, most), min(self.number, most)
        return min(self.smallest_number, most), min(self.largest_number, most)

    def _none(self, texts: int, words: int) -> bool:
        """Say whether there is too little to find themes in, and keep why."""
        enough = texts >= FEWEST_TEXTS and words >= FEWEST_WORDS
        self.why_none_ = [] if enough else [texts, words]
        if not enough:
            self.themes_ = pl.DataFrame(schema=_THEMES)
        return not enough

    def _named(self, words: Sequence[str], weights: NDArray[np.float64], sizes: Sequence[int]) -> None:
        """Keep the themes with their words, in the order of the rows of ``weights``."""
        telling = [[words[place] for place in row] for row in strongest(weights, 2 * JUDGED)]
        rows = [
            (f"theme_{rank:02d}", name or told[:1], told, size)
            for rank, (name, told, size) in enumerate(
                zip(names(words, weights), telling, sizes, strict=True), start=1
            )
        ]
        self.themes_ = pl.DataFrame(rows, schema=_THEMES, orient="row")

    def _found(
        self,
        feedback: pl.DataFrame,
        rows: NDArray[np.int64],
        theme: NDArray[np.int64],
        strength: NDArray[np.float64],
        confidence: NDArray[np.float64],
    ) -> pl.DataFrame:
        """Return the annotation; ``theme`` (-1: none) and the numbers belong to the texts in ``rows``."""
        ids = pl.Series(self.themes_["theme"].to_list(), dtype=pl.String)
        known = theme >= 0
        found = pl.DataFrame(
            {
                "row": pl.Series(rows[known], dtype=pl.UInt32),
                "theme": ids.gather(theme[known]),
                "theme_strength": pl.Series(strength[known], dtype=pl.Float64).clip(0, 1).round(6),
                "theme_confidence": pl.Series(confidence[known], dtype=pl.Float64).clip(0, 1).round(6),
            }
        )
        order = feedback.select("feedback_id").with_row_index("row")
        return order.join(found, on="row", how="left", maintain_order="left").drop("row")

    def _said(self, how: Text) -> Text:
        """Return the definition: ``how`` themes are found, and what was found or why nothing was."""
        zh, en = how
        if why := getattr(self, "why_none_", []):
            texts, words = why
            zh += (
                f"本次没有找出主题：互不相同、含可用词的文本 {texts} 条（至少需要 {FEWEST_TEXTS} 条），"
                f"至少 {self.min_writers} 位客户用过的词 {words} 个（至少需要 {FEWEST_WORDS} 个）。"
                "请补充文本，或调低 min_writers。"
            )
            en += (
                f" No themes were found here: {texts} distinct texts with usable words (at least "
                f"{FEWEST_TEXTS} are needed) and {words} words of at least {self.min_writers} customers "
                f"(at least {FEWEST_WORDS} are needed). Add texts, or lower min_writers."
            )
        found: pl.DataFrame = getattr(self, "themes_", pl.DataFrame())
        if self.number is not None and 0 < found.height < self.number:
            zh += f"设定 {self.number} 个主题，这些文本只支持 {found.height} 个。"
            en += f" {self.number} themes were asked for; these texts allow {found.height}."
        tried: pl.DataFrame = getattr(self, "choice_", pl.DataFrame())
        if tried.height:
            best = tried.row(by_predicate=pl.col("chosen"), named=True)
            numbers = ", ".join(map(str, tried["number"]))
            stability, coherence = decimal(best["stability"]), decimal(best["coherence"])
            zh += (
                f"主题数由数据选定：试过 {numbers} 个，看两半文本（合计至多 {self._tried_on:,} 条）的一致程度"
                "与主题词连贯度之和，"
                f"在与最好者相差不超过 {TOLERANCE} 的里面取最多的 {best['number']} 个"
                f"（一致程度即调整兰德指数 {stability}，连贯度即 NPMI {coherence}；"
                "0 为随机水平，1 为最好）。"
            )
            en += (
                f" Their number was chosen by the data: of {numbers}, by the sum of how far two halves "
                f"of the texts (at most {self._tried_on:,} in all) agree and how well the words go together, "
                f"the largest within {TOLERANCE} "
                f"of the best, {best['number']} (adjusted Rand index {stability}, NPMI {coherence}; 0 is "
                "chance, 1 is best)."
            )
            if best["stability"] < UNSTABLE:
                zh += "两半文本的一致程度低，换一批文本可能得到不同的主题，只宜用来找线索。"
                en += (
                    " The two halves agree little: other texts might give other themes, so take these as "
                    "leads to follow, not as shares to report."
                )
        return Text(zh, en)


def readable(feedback: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Return the texts without contacts and numbers of persons, and who wrote each."""
    text = countable(feedback["text"])
    by: Any = pl.col("feedback_id").cast(pl.String)
    if "customer_id" in feedback.columns:
        by = pl.coalesce(pl.col("customer_id").cast(pl.String), by)
    return text, feedback.select(writer=by).to_series()
