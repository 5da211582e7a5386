from __future__ import annotations

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.text.duplicates import SPAM, Duplicates

LONG = "房间很大，早餐也不错，前台服务热情，下次来还会住这里，推荐给大家"


def flagged(
    *texts: str | None, customers: list[str] | None = None, **params: float
) -> list[tuple[object, ...]]:
    ids = [f"f{number}" for number in range(len(texts))]
    table = pl.DataFrame({"feedback_id": ids, "text": texts}, schema_overrides={"text": pl.String})
    table = table.with_columns(customer_id=pl.Series(customers or ids))
    found = Duplicates.from_params(params).fit(table).predict(table)
    return found.select("duplicate_of", "near_duplicate", "spam").rows()


def test_a_text_that_equals_an_earlier_one_when_levelled() -> None:
    other = LONG.replace("，", " , ").replace("房间", "房間") + "！！"
    assert flagged(LONG, "别的事", other) == [
        (None, False, None),
        (None, False, None),
        ("f0", False, None),
    ]


def test_a_near_duplicate_and_copies_of_it() -> None:
    changed = LONG + "，真的"
    assert flagged(LONG, changed, changed, LONG[:16] + "但是这次完全不一样了，有点失望") == [
        (None, False, None),
        ("f0", True, None),
        ("f0", True, None),
        (None, False, None),
    ]
    assert flagged(LONG, changed, similarity=1.0)[1] == (None, False, None)


def test_the_earlier_day_is_the_original_whatever_the_order_of_rows() -> None:
    table = pl.DataFrame(
        {"feedback_id": ["a", "b"], "text": [LONG, LONG], "given_on": ["2024-02-01", "2024-01-01"]}
    ).with_columns(pl.col("given_on").str.to_date())
    for rows in (table, table.reverse()):
        found = Duplicates().fit(rows).predict(rows)
        assert dict(found.select("feedback_id", "duplicate_of").iter_rows()) == {"a": "b", "b": None}


def test_short_texts_and_empty_ones_are_no_duplicates() -> None:
    assert flagged("很好", "很好", "", "", None, None, "😀", "😀") == [(None, False, None)] * 8


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("需要代购的加微信abc_12345，价格优惠", "advert"),
        ("兼职日结，点击链接 http://t.cn/abc 领取", "advert"),
        ("手机坏了，请打电话13812345678联系我", None),
        ("官网 www.example.com 上写的不一样", None),
        ("哈哈哈哈哈哈哈哈哈哈哈", "gibberish"),
        ("质量很好质量很好质量很好质量很好质量很好质量很好", "gibberish"),
        ("sdfghjklqwrtp", "gibberish"),
        (LONG, None),
        ("太好了太好了", None),
    ],
)
def test_why_a_text_may_be_spam(text: str, reason: str | None) -> None:
    assert flagged(text)[0][2] == reason
    assert reason is None or reason in SPAM.ids


def test_one_text_by_many_customers_is_suspected() -> None:
    assert [spam for *_, spam in flagged(LONG, LONG, LONG)] == ["copied_text"] * 3
    assert [spam for *_, spam in flagged(LONG, LONG, LONG, customers=["c", "c", "d"])] == [None] * 3


@pytest.mark.parametrize("params", [{"similarity": 0.1}, {"shortest": 0}, {"many_customers": 1}])
def test_parameters_out_of_range(params: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match="must be"):
        flagged(LONG, **params)


def test_near_duplicates_are_found_among_real_reviews(shared_data: object) -> None:
    from pathlib import Path

    reviews = pl.read_csv(Path(str(shared_data)) / "feedback" / "waimai_10k.csv")["review"].head(4_000)
    long = reviews.filter(reviews.str.len_chars() > 60)
    changed = long.str.replace(r"^(.{30})", "$1，顺便说一句，")
    texts = pl.concat([reviews, changed])
    table = pl.DataFrame({"feedback_id": [f"f{i:05}" for i in range(len(texts))], "text": texts})
    found = Duplicates(similarity=0.6).fit(table).predict(table)
    assert found.tail(len(changed))["duplicate_of"].is_not_null().mean() > 0.9  # type: ignore[operator]
    assert found.head(len(reviews))["duplicate_of"].is_not_null().mean() < 0.01  # type: ignore[operator]
