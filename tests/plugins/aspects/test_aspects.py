from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.aspects.annotator import SHIPPED, Aspects, read_taxonomy

ASAP = {
    "location": (
        "location_traffic",
        "location_distance_from_business_district",
        "location_easy_to_find",
        "service_parking_convenience",
    ),
    "service": ("service_waiters_attitude",),
    "waiting": ("service_wait_time", "service_serving_speed"),
    "price": ("price_level", "price_cost_effective", "price_discount"),
    "facilities": ("environment_decoration", "environment_space"),
    "noise": ("environment_noise",),
    "cleanliness": ("environment_cleaness",),
    "food": ("dish_portion", "dish_taste", "dish_look", "dish_recommendation"),
}
"""Our aspect → the aspects of the ASAP reviews (Bu et al. 2021) that it covers."""


def feedback(*texts: str | None) -> pl.DataFrame:
    ids = [f"f{number}" for number in range(len(texts))]
    return pl.DataFrame({"feedback_id": ids, "text": texts}, schema_overrides={"text": pl.String})


def aspects(text: str | None, **params: str) -> list[str]:
    table = feedback(text)
    found: list[str] = Aspects(**params).fit(table).predict(table)["aspects"][0].to_list()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("服务员态度很好，房间干净，就是太贵了", ["service", "price", "facilities", "cleanliness"]),
        ("服務員態度很好", ["service"]),
        ("隔音很差，停车不方便", ["location", "noise"]),
        ("早餐丰富", ["food"]),
        ("翻译得很差，纸张也薄", ["content", "print"]),
        ("散热不好，电池不耐用，屏幕有坏点", ["quality", "heat", "battery", "screen"]),
        ("送货快，包装完好", ["delivery", "packaging"]),
        ("退货很麻烦", ["after_sales"]),
        ("Friendly staff but a noisy room", ["service", "facilities", "noise"]),
        ("DELIVERY was late and the box was broken", ["quality", "delivery", "packaging"]),
        ("卫生间很大", ["facilities"]),
        ("服务器很稳定", []),
        ("The sentence mentions nothing", []),
        ("很好", []),
        ("", []),
        (None, []),
        ("😀😀", []),
    ],
)
def test_aspects_of_a_text_in_the_order_of_the_taxonomy(text: str | None, expected: list[str]) -> None:
    assert aspects(text) == expected


def test_english_cues_are_whole_words() -> None:
    assert aspects("I prized nothing; classic broth") == []
    assert aspects("prices") == ["price"]


def test_mentions_judge_each_aspect_by_its_own_clauses() -> None:
    table = feedback(
        "房间很干净，服务热情。但是隔音太差，早餐也很差！",
        "无话可说",
        None,
        "The food was awful, lovely staff",
    )
    found = Aspects().fit(table).mentions(table)
    assert found.columns == ["feedback_id", "aspect", "clause", "positive_probability"]
    first = {row["aspect"]: row for row in found.filter(pl.col("feedback_id") == "f0").iter_rows(named=True)}
    assert first["service"]["clause"] == "服务热情。"
    assert first["service"]["positive_probability"] > 0.5 > first["noise"]["positive_probability"]
    assert first["food"]["positive_probability"] < 0.5
    last = dict(
        found.filter(pl.col("feedback_id") == "f3").select("aspect", "positive_probability").iter_rows()
    )
    assert last["food"] < 0.5 < last["service"]
    assert set(found["feedback_id"]) == {"f0", "f3"}


def test_mentions_agree_with_aspects_and_quote_the_text() -> None:
    texts = (
        "价格 1,299.50 元，贵！房间，很脏",
        "Great value, 5.5 out of 6. Rude staff",
        "没有主题",
        "ＷＩＦＩ很慢",
    )
    table = feedback(*texts)
    plugin = Aspects().fit(table)
    mentions = plugin.mentions(table)
    per_text = plugin.predict(table).explode("aspects", empty_as_null=True).drop_nulls()
    assert mentions.select("feedback_id", "aspect").rows() == per_text.rows()
    raw = mentions.join(table, on="feedback_id")
    assert all(clause in text for clause, text in raw.select("clause", "text").iter_rows())
    assert raw.filter(aspect="facilities")["clause"].to_list() == ["房间，很脏", "ＷＩＦＩ很慢"]


def test_empty_tables_and_texts_that_no_aspect_knows() -> None:
    plugin = Aspects().fit(feedback())
    assert plugin.predict(feedback()).schema["aspects"] == pl.List(pl.String)
    assert plugin.mentions(feedback()).is_empty()
    assert plugin.mentions(feedback("", None, "😀")).schema == plugin.mentions(feedback("服务好")).schema


@given(
    st.lists(st.text(alphabet="服务价格很好差，。 service but.1\x1f\n", max_size=30) | st.none(), max_size=6)
)
def test_any_texts_keep_their_rows(texts: list[str | None]) -> None:
    table = feedback(*texts)
    found = Aspects().fit(table).predict(table)
    assert found["feedback_id"].to_list() == table["feedback_id"].to_list()
    assert set(found["aspects"].explode(empty_as_null=True).drop_nulls()) <= set(Aspects().scheme.ids)


def test_very_long_and_hostile_texts() -> None:
    assert aspects("服务" * 100_000) == ["service"]
    assert aspects("</script><script>alert('price')</script>") == ["price"]


def test_shipped_taxonomy_is_bilingual_and_described() -> None:
    scheme = Aspects().scheme
    assert len(scheme.ids) >= 18
    assert (
        len(set(scheme.names("zh").values())) == len(set(scheme.names("en").values())) == len(scheme.ids) + 1
    )
    definition = Aspects().definition()
    assert "服务态度" in definition.zh
    assert "Service and staff" in definition.en
    assert all(aspect.chinese and aspect.english for aspect in read_taxonomy(SHIPPED))


def test_another_taxonomy_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("aspects:\n  - {id: pets, zh: 宠物, en: Pets, cues: {zh: [狗, 猫]}}\n", encoding="utf-8")
    assert aspects("可以带狗，服务好", taxonomy=str(path)) == ["pets"]
    assert Aspects(taxonomy=str(path)).scheme.ids == ("pets",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "must hold a list"),
        ("aspects: []", "at least one aspect"),
        ("aspects: [1]", "mine.yaml:1: a aspect has the keys"),
        (
            "aspects:\n  - {id: A b, zh: 甲, en: A, cues: {zh: [甲]}}",
            "mine.yaml:2: the id 'A b' must be snake_case",
        ),
        (
            "aspects:\n  - {id: a, zh: 甲, en: A, cues: {zh: [3]}}",
            "put words that look like numbers in quotes",
        ),
        ("aspects:\n  - {id: a, zh: 甲, en: A, cues: {zh: ['*']}}", "lists of words"),
        ("aspects:\n  - {id: a, zh: 甲, en: A, cues: {zh: []}}", "at least one word"),
        ("aspects:\n  - {id: a, zh: 甲, en: A}", "at least one word"),
        ("aspects:\n  - {id: a, zh: 甲, en: A, cues: [甲]}", "under zh and en"),
        ("aspects:\n  - {id: a, zh: 甲, cue: {zh: [甲]}}", "unknown key 'cue'. Did you mean 'cues'?"),
        ("aspects:\n  - {id: a, zh: 甲, cues: {zh: [甲]}}", "en must be a text"),
        (
            "aspects:\n  - {id: a, zh: 甲, en: A, cues: {zh: [甲]}}\n"
            "  - {id: a, zh: 乙, en: B, cues: {zh: [乙]}}",
            "mine.yaml:3: the id 'a' appears twice",
        ),
        ("aspects: [", "no valid YAML"),
        ("a: !!python/object/apply:os.getcwd []", "no valid YAML"),
    ],
)
def test_a_bad_taxonomy_names_file_and_reason(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ParamsError) as error:
        aspects("好", taxonomy=str(path))
    assert "mine.yaml" in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_taxonomy_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "gone.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ParamsError, match=r"gone\.yaml cannot be read"):
        Aspects(taxonomy=str(path)).scheme  # noqa: B018


def asap_reviews(shared_data: Path) -> pl.DataFrame:
    parts = [pl.read_csv(path) for path in sorted((shared_data / "asap_sample").glob("*_sample.csv"))]
    reviews = pl.concat(parts).with_row_index("number")
    return reviews.with_columns(feedback_id=pl.format("f{}", "number"), text=pl.col("reviewbody"))


def test_aspects_of_restaurant_reviews_agree_with_people(shared_data: Path) -> None:
    reviews = asap_reviews(shared_data)
    found = Aspects().fit(reviews).predict(reviews)["aspects"]
    right = wrong = missed = 0
    for aspect, aspects in ASAP.items():
        gold = reviews.select(pl.any_horizontal(pl.col(aspect) != -2 for aspect in aspects)).to_series()
        ours = found.list.contains(aspect)
        right, wrong, missed = (
            right + (gold & ours).sum(),
            wrong + (~gold & ours).sum(),
            missed + (gold & ~ours).sum(),
        )
    assert 2 * right / (2 * right + wrong + missed) >= 0.82


def test_judgement_of_aspects_ranks_as_people_judge(shared_data: Path) -> None:
    from sklearn.metrics import roc_auc_score

    reviews = asap_reviews(shared_data)
    mentions = Aspects().fit(reviews).mentions(reviews)
    judged = []
    for aspect, aspects in ASAP.items():
        verdict = pl.sum_horizontal(
            pl.when(pl.col(aspect) != -2).then(aspect).otherwise(0) for aspect in aspects
        )
        gold = reviews.select("feedback_id", verdict.alias("verdict")).filter(pl.col("verdict") != 0)
        judged.append(gold.join(mentions.filter(aspect=aspect), on="feedback_id"))
    table = pl.concat(judged).drop_nulls("positive_probability")
    assert table.height > 700
    assert roc_auc_score((table["verdict"] > 0).to_numpy(), table["positive_probability"].to_numpy()) >= 0.8
