from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.aspects.annotator import Aspects
from crmlab_plugins.aspects.search import mentioned
from crmlab_plugins.aspects.taxonomy import OPINIONS, shipped, taxonomy

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


def test_a_hundred_thousand_texts_keep_their_rows() -> None:
    turn = ["服务好", "很好", "太贵了"]
    found = mentioned(pl.Series(turn * 40_000), taxonomy("general"))
    service, price = (0, 1), (1, -2)  # rank of the aspect, words for less words against
    assert found.rows() == [(row, *(price if row % 3 else service)) for row in range(120_000) if row % 3 != 1]


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
    assert all(aspect.chinese["cues"] and aspect.english["cues"] for aspect in taxonomy("general"))


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
        ("aspects: [1]", "mine.yaml:1: an aspect has the keys"),
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


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("cues: {zh: [好，吃]}", "would reach over the end of a clause"),
        ("cues: {zh: [贵]}, good: {zh: [快]}, bad: {zh: [快]}", "'快' stands for and against the aspect"),
        ("cues: {zh: [贵]}, good: [快]", "good must hold lists of words under zh and en"),
    ],
)
def test_bad_words_are_named(tmp_path: Path, words: str, reason: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"aspects:\n  - {{id: a, zh: 甲, en: A, {words}}}\n", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"mine\.yaml:2") as error:
        aspects("好", taxonomy=str(path))
    assert reason in str(error.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_taxonomy_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "gone.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ParamsError, match=r"gone\.yaml cannot be read"):
        Aspects(taxonomy=str(path)).scheme  # noqa: B018


@pytest.mark.parametrize("name", shipped())
def test_each_trade_has_a_taxonomy_in_both_languages(name: str) -> None:
    for aspect in taxonomy(name):
        for language in (aspect.chinese, aspect.english):
            assert language["cues"]
            assert not set(language["cues"]) & set(language["except"]), aspect.label.id
        chinese = [word for key in OPINIONS for word in aspect.chinese[key]]
        assert chinese or name == "general", aspect.label.id


@pytest.mark.parametrize(
    ("name", "text", "aspect", "positive"),
    [
        ("restaurant", "价格不贵", "price_level", True),
        ("restaurant", "有点小贵", "price_level", False),
        ("restaurant", "上菜很快", "serving_speed", True),
        ("restaurant", "等了一个小时才上菜", "serving_speed", False),
        ("restaurant", "分量很足", "portion", True),
        ("restaurant", "分量太少了", "portion", False),
        ("restaurant", "服务员态度不怎么热情", "staff", False),
        ("restaurant", "The portions were tiny", "portion", False),
        ("restaurant", "The food was not expensive", "price_level", True),
        ("hotel", "房间隔音不好", "noise", False),
        ("hotel", "离地铁很近，交通方便", "location", True),
        ("hotel", "no hot water in the shower", "bathroom", False),
        ("e_commerce", "发货很快", "delivery", True),
        ("e_commerce", "衣服有色差，和描述不符", "description", False),
        ("e_commerce", "It never arrived", "delivery", False),
        ("after_sales", "问题一直没有解决", "solution", False),
        ("after_sales", "打了三次电话都打不通", "reachability", False),
        ("after_sales", "The refund was quick", "refund", True),
        ("software", "经常闪退", "stability", False),
        ("software", "界面很清爽", "interface", True),
        ("software", "The app is easy to use", "usability", True),
    ],
)
def test_words_of_an_aspect_decide_what_is_said_about_it(
    name: str, text: str, aspect: str, positive: bool
) -> None:
    table = feedback(text)
    found = Aspects(taxonomy=name).fit(table).mentions(table)
    judged = dict(found.select("aspect", "positive_probability").iter_rows())
    assert aspect in judged
    assert (judged[aspect] > 0.5) == positive


def test_one_word_may_be_good_for_one_aspect_and_bad_for_another(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "except: {zh: [高兴]}\n"
        "aspects:\n"
        "  - {id: price, zh: 价格, en: Price, cues: {zh: [价格]}, bad: {zh: [高]}}\n"
        "  - {id: quality, zh: 质量, en: Quality, cues: {zh: [质量]}, good: {zh: [高]}}\n"
        "  - {id: waiting, zh: 等候, en: Waiting, cues: {zh: [排队]}, blame: {zh: [等…久]}}\n",
        encoding="utf-8",
    )
    table = feedback("价格高", "质量高", "价格不高", "等了真的好久", "等了你，好久", "高兴地看了价格")
    found = Aspects(taxonomy=str(path)).fit(table).mentions(table)
    judged = {
        (row["feedback_id"], row["aspect"]): row["positive_probability"]
        for row in found.iter_rows(named=True)
    }
    assert judged["f0", "price"] < 0.5 < judged["f1", "quality"]
    assert judged["f0", "price"] < 0.5 < min(judged["f2", "price"], judged["f5", "price"])
    assert judged["f3", "waiting"] < 0.5
    assert ("f4", "waiting") not in judged


def test_a_name_that_is_no_taxonomy() -> None:
    with pytest.raises(ParamsError, match=r"There is no taxonomy 'restaurants'\. Did you mean 'restaurant'"):
        aspects("好", taxonomy="restaurants")


def test_unmatched_words_rank_what_no_aspect_knows() -> None:
    texts = [f"带着宠物，狗狗{'！' * (i % 3)}" for i in range(8)] + ["服务好。宠物也欢迎13812345678"] * 4
    table = feedback(*texts, "服务热情", None).with_columns(customer_id=pl.col("feedback_id"))
    plugin = Aspects(taxonomy="restaurant").fit(table)
    found = plugin.unmatched(table)
    row = found.row(by_predicate=pl.col("word") == "宠物", named=True)
    assert row["texts"] == 12
    assert found["texts"].is_sorted(descending=True)
    assert "热情" not in found["word"].to_list()
    assert not found["example"].str.contains("138").any()
    one = table.with_columns(customer_id=pl.lit("c"))
    assert plugin.unmatched(one, smallest_group=2).is_empty()
    long = feedback(*["带着宠物" + "走走停停" * 20] * 5)
    assert plugin.unmatched(long)["example"].str.ends_with("…").all()


LABELLED = [
    *[("狗狗可以进门", "pets") for _ in range(20)],
    *[("可以带狗", "pets") for _ in range(10)],
    *[("热狗很好吃", "food") for _ in range(20)],
    *[("没什么可说的", "") for _ in range(20)],
]
PETS = (
    "aspects:\n  - {id: pets, zh: 宠物, en: Pets, cues: {zh: [狗]}}\n"
    "  - {id: food, zh: 餐饮, en: Food, cues: {zh: [菜]}}\n"
)


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[str, str]:
    """Paths of a taxonomy whose words err, and of texts with the aspects that people found."""
    (tmp_path / "pets.yaml").write_text(PETS, encoding="utf-8")
    rows = pl.DataFrame(LABELLED, schema=["text", "aspects"], orient="row")
    rows.write_csv(tmp_path / "labels.csv")
    return str(tmp_path / "pets.yaml"), str(tmp_path / "labels.csv")


def test_labelled_texts_correct_the_words_and_show_their_gain(
    labelled: tuple[str, str], tmp_path: Path
) -> None:
    table = feedback("热狗很好吃", "可以带狗", "😀", None, "没什么")
    plugin = Aspects(taxonomy=labelled[0], labels=labelled[1]).fit(table)
    assert Aspects(taxonomy=labelled[0]).fit(table).predict(table)["aspects"][0].to_list() == ["pets"]
    assert plugin.predict(table)["aspects"].to_list() == [["food"], ["pets"], [], [], []]
    mentions = plugin.mentions(table)
    assert mentions.select("feedback_id", "aspect", "clause").rows() == [
        ("f0", "food", "热狗很好吃"),
        ("f1", "pets", "可以带狗"),
    ]
    assert plugin.evaluation is not None
    last = plugin.evaluation.row(-1, named=True)
    assert last["texts"] == 70
    assert last["words_f1"] == pytest.approx(2 * 30 / (50 + 50))
    assert last["labelled_f1"] == 1
    assert 0 < last["gain_low"] <= 0.4 <= last["gain_high"]
    assert "0.600" in plugin.definition().zh
    assert "1.000" in plugin.definition().en
    plugin.save(tmp_path / "state")
    again = Aspects.load(tmp_path / "state")
    assert again.predict(table).equals(plugin.predict(table))


def test_labels_may_be_a_column_of_the_feedback(labelled: tuple[str, str]) -> None:
    rows = pl.DataFrame(LABELLED, schema=["text", "people"], orient="row")
    table = rows.with_row_index("n").with_columns(feedback_id=pl.format("f{}", "n"))
    plugin = Aspects(taxonomy=labelled[0], labels="people").fit(table)
    assert plugin.predict(table.head(1))["aspects"].to_list() == [["pets"]]


@pytest.mark.parametrize(
    ("labels", "content", "reason"),
    [
        ("gone.csv", None, "cannot be read"),
        ("peopel", None, "neither a CSV file nor a column"),
        ("l.csv", "text\n好\n", "lack the column aspects"),
        ("l.csv", "text,aspects\n好,pets\n", "has 1 labelled texts; a model needs at least 50"),
        ("l.csv", "text,aspects\n好,cats\n", "not in the taxonomy, such as cats"),
    ],
)
def test_bad_labels(
    labelled: tuple[str, str], tmp_path: Path, labels: str, content: str | None, reason: str
) -> None:
    if content:
        (tmp_path / labels).write_text(content, encoding="utf-8")
    given = str(tmp_path / labels) if labels.endswith(".csv") else labels
    with pytest.raises(ParamsError, match=reason):
        Aspects(taxonomy=labelled[0], labels=given).fit(feedback("好"))


def asap_reviews(shared_data: Path, *names: str) -> pl.DataFrame:
    folder = shared_data / "asap_sample"
    parts = [pl.read_csv(folder / f"{name}_sample.csv") for name in names or ("dev", "test", "train")]
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


RESTAURANT = {
    "transport": "location_traffic",
    "distance_to_centre": "location_distance_from_business_district",
    "easy_to_find": "location_easy_to_find",
    "queueing": "service_wait_time",
    "staff": "service_waiters_attitude",
    "parking": "service_parking_convenience",
    "serving_speed": "service_serving_speed",
    "price_level": "price_level",
    "value_for_money": "price_cost_effective",
    "discounts": "price_discount",
    "decoration": "environment_decoration",
    "noise": "environment_noise",
    "space": "environment_space",
    "cleanliness": "environment_cleaness",
    "portion": "dish_portion",
    "taste": "dish_taste",
    "presentation": "dish_look",
    "recommendation": "dish_recommendation",
}


# The words were written with the dev third alone in view; the other 200 reviews were held out.
# Measured: F1 0.852 on the third, 0.808 held out; area under the curve 0.951 and 0.914.
@pytest.mark.parametrize(("names", "f1", "area"), [(("dev",), 0.83, 0.92), (("test", "train"), 0.79, 0.88)])
def test_restaurant_words_find_and_judge_what_people_found(
    shared_data: Path, names: tuple[str, ...], f1: float, area: float
) -> None:
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    reviews = asap_reviews(shared_data, *names)
    plugin = Aspects(taxonomy="restaurant").fit(reviews)
    assert set(plugin.scheme.ids) == set(RESTAURANT)
    gold = pl.concat(
        reviews.select("feedback_id", pl.lit(aspect).alias("aspect"), verdict=column)
        for aspect, column in RESTAURANT.items()
    )
    mentions = plugin.mentions(reviews)
    compared = gold.join(mentions, on=["feedback_id", "aspect"], how="left")
    ours, theirs = compared["clause"].is_not_null(), compared["verdict"] != -2
    right = int((ours & theirs).sum())
    assert 2 * right / (int(ours.sum()) + int(theirs.sum())) >= f1
    judged = compared.filter(ours & pl.col("verdict").is_in([-1, 1])).drop_nulls("positive_probability")
    verdict, ranked = (judged["verdict"] > 0).to_numpy(), judged["positive_probability"].to_numpy()
    assert roc_auc_score(verdict, ranked) >= area
    assert balanced_accuracy_score(verdict, ranked > 0.5) >= 0.78


def test_what_was_kept_answers_for_the_same_texts_and_taxonomy_alone() -> None:
    first, second = feedback("服务很好", "房间很脏"), feedback("房间很脏", "服务很好")
    plugin = Aspects().fit(first)
    for table in (first, second, first):
        fresh = Aspects().fit(table)
        assert plugin.mentions(table).equals(fresh.mentions(table))
        assert plugin.mentions(table).equals(fresh.mentions(table))
    plugin.set_params(taxonomy="hotel")
    assert plugin.mentions(first).equals(Aspects(taxonomy="hotel").fit(first).mentions(first))
    assert not plugin.mentions(first).equals(Aspects().fit(first).mentions(first))
