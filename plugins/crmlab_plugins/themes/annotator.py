"""Themes found by non-negative matrix factorisation, the same for the same texts every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import polars as pl

from crmlab.labels import Text
from crmlab_plugins.themes.choosing import agreement, choice, numbers_between
from crmlab_plugins.themes.documents import counted, distinct_rows, vocabulary, weighted
from crmlab_plugins.themes.factors import components, correlations, factorising, memberships
from crmlab_plugins.themes.found import FoundThemes, readable
from crmlab_plugins.themes.telling import coherence, strongest, telling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

_LEARNED_FROM = 60_000
_TRIED_WORDS = 1_000


class Themes(FoundThemes):
    """Adds the theme that is strongest in each text: groups of words that come together.

    Strength is the cosine between the text and the words of the theme; confidence is the theme's share of
    all themes in the text. A text has no theme where none of its words belongs to one. Further learned:
    ``words_`` (``word``, ``texts``, ``idf``) and ``loadings_`` (``theme``, ``word``, ``weight``).
    """

    title: ClassVar[Text] = Text("反馈主题", "Feedback themes")

    def definition(self) -> Text:
        """How themes are found, how their number was chosen, and why there are none if so."""
        zh = (
            "主题由数据归纳，不用预设类目：先分词并去掉停用词（中文用 rjieba 词典，可加自有词典和停用词），"
            f"取至少 {self.min_writers} 位客户用过的词，对词与词在同一条反馈中共现的相关系数做非负矩阵分解，"
            f"每个因子是一个主题（从至多 {_LEARNED_FROM:,} 条互不相同的反馈中归纳），以最能区分它的词命名。"
            "每条反馈归入最强的主题，强度为与主题词的余弦相似度，"
            "置信度为该主题占全部主题的份额；不含任何主题词的反馈没有主题，另行计数。"
        )
        en = (
            "Themes come out of the texts, not from a table of categories: texts are cut into words "
            "without stop words (Chinese by the dictionary of rjieba, with words of one's own if "
            f"given), words of at least {self.min_writers} customers are kept, and the correlations of "
            "words over texts are factorised into non-negative parts; each part is a theme "
            f"(learned from at most {_LEARNED_FROM:,} distinct texts), named by the words that tell it "
            "best. A text belongs to its strongest theme; strength is the cosine with the theme's words, "
            "confidence the theme's share of all themes in the text. Texts without a "
            "word of any theme have none and are counted apart."
        )
        return self._said(Text(zh, en))

    def _fit(self, feedback: pl.DataFrame) -> None:
        import numpy as np

        texts, writers = readable(feedback)
        wording = self._wording()
        known = vocabulary(texts, writers, wording, self.min_writers, self.max_words)
        counts = counted(texts, wording, known)
        drawn = counts[distinct_rows(texts, _LEARNED_FROM)]
        drawn = drawn[np.flatnonzero(np.diff(drawn.indptr))]
        self.choice_ = pl.DataFrame()
        self.words_, self.loadings_ = known, pl.DataFrame(schema=_LOADINGS)
        if self._none(drawn.shape[0], known.height):
            return
        smallest, largest = self._sizes(drawn.shape[0], known.height)
        number = largest
        with factorising():
            if smallest < largest:
                judge = _Judge(drawn[: self._tried_on], known)
                self.choice_ = choice(numbers_between(smallest, largest), judge)
                number = int(self.choice_.filter("chosen")["number"][0])
            themes = components(correlations(drawn), number)
        weights = weighted(drawn, known["idf"])
        theme, _ = _strongest_of(memberships(weights, themes))
        sizes = np.bincount(theme[theme >= 0], minlength=len(themes))
        order = [int(place) for place in np.argsort(-sizes, kind="stable") if sizes[place]]
        tells = telling(drawn, theme, len(themes))
        self._named(known["word"].to_list(), tells[order], [int(sizes[place]) for place in order])
        self._keep(themes[order])

    def _keep(self, themes: NDArray[np.float64]) -> None:
        import numpy as np

        rank, place = np.nonzero(themes)
        self.loadings_ = pl.DataFrame(
            {
                "theme": self.themes_["theme"].gather(rank),
                "word": self.words_["word"].gather(place),
                "weight": themes[rank, place],
            },
            schema=_LOADINGS,
        )

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        import numpy as np

        texts, _ = readable(feedback)
        weights = weighted(counted(texts, self._wording(), self.words_), self.words_["idf"])
        themes = self._components()
        theme, confidence = _strongest_of(memberships(weights, themes))
        near = np.asarray(weights @ themes.T) if len(themes) else np.zeros((len(theme), 1))
        strength = near[np.arange(len(theme)), np.maximum(theme, 0)]
        return self._found(feedback, np.arange(len(theme)), theme, strength, confidence)

    def _components(self) -> NDArray[np.float64]:
        """Return the themes as rows of word weights, from what was learned."""
        import numpy as np

        places = {word: place for place, word in enumerate(self.words_["word"])}
        ranks = {theme: rank for rank, theme in enumerate(self.themes_["theme"])}
        themes = np.zeros((len(ranks), len(places)))
        for theme, word, weight in self.loadings_.iter_rows():
            themes[ranks[theme], places[word]] = weight
        return themes


class _Judge:
    """Says of a number of themes how stable and how coherent they are, on two halves of the texts."""

    def __init__(self, counts: csr_array, known: pl.DataFrame) -> None:
        frequent = known.with_row_index("place").sort("texts", "word", descending=[True, False])
        words = sorted(frequent["place"].head(_TRIED_WORDS).to_list())
        counts = counts[:, words]
        middle = counts.shape[0] // 2
        self._halves = counts[:middle], counts[middle:]
        self._correlations = [correlations(half) for half in self._halves]
        self._weights = weighted(counts, known["idf"].gather(words))

    def __call__(self, number: int) -> tuple[float, float]:
        one, other = (components(correlated, number) for correlated in self._correlations)
        first, second = (_strongest_of(memberships(self._weights, themes))[0] for themes in (one, other))
        unseen = zip((one, other), reversed(self._halves), strict=True)
        fits = [coherence(strongest(themes), half) for themes, half in unseen]
        return agreement(first, second), sum(fits) / 2


def _strongest_of(found: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the strongest theme of each text, -1 where it has none, and its share of all themes."""
    import numpy as np

    if not found.shape[1]:
        return np.full(len(found), -1, dtype=np.int64), np.zeros(len(found))
    total = found.sum(axis=1)
    theme = np.where(total > 0, np.round(found, 9).argmax(axis=1), -1).astype(np.int64)
    return theme, found.max(axis=1) / np.where(total > 0, total, 1)


_LOADINGS = {"theme": pl.String, "word": pl.String, "weight": pl.Float64}
