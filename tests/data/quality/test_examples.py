"""Examples show where to look and never what a person told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crmlab.data.quality.examples import PER_RULE, examples
from crmlab.data.quality.scorecard import Scorecard

Card = Callable[..., Scorecard]
KEY = bytes(range(32))


def _examples(found: Scorecard, rule: str, table: str = "customers", key: bytes | None = KEY) -> list[str]:
    shows = found.result(rule, table).rule.shows
    return examples(table, found.broken_rows(rule, table), found.facts.table(table), shows, "en", key)


def test_a_number_keeps_its_ends_or_its_form(card: Card) -> None:
    found = card({"customers": {"customer_id": ["a", "b"], "mobile": ["13800138000", "138-12a"]}})
    assert _examples(found, "mobile_placeholder") == ["Row 1: 138****8000"]
    assert _examples(found, "mobile_format") == ["Row 2: 999-99A"]


def test_an_identity_number_shows_its_form_alone(card: Card) -> None:
    found = card({"customers": {"customer_id": ["a"], "identity_number": ["110105194912310021"]}})
    assert _examples(found, "identity_number_check") == ["Row 1: 999999999999999999"]


def test_a_rare_word_may_be_a_name_and_a_common_one_is_a_code(card: Card) -> None:
    genders = ["张小明", *["不详"] * 5]
    found = card({"customers": {"customer_id": list("abcdef"), "gender": genders}})
    assert _examples(found, "gender_code") == ["Row 1: 张**", "Row 2: 不详", "Row 3: 不详"]
    assert len(_examples(found, "gender_code")) == PER_RULE


@pytest.mark.parametrize(("key", "shown"), [(KEY, "C-"), (None, "secret-7")])
def test_ids_are_codes_unless_the_study_shows_them(card: Card, key: bytes | None, shown: str) -> None:
    orders = {
        "order_id": ["1"],
        "customer_id": ["secret-7"],
        "ordered_at": ["2024-05-01"],
        "amount": ["1"],
    }
    found = card({"customers": {"customer_id": ["a"]}, "orders": orders})
    (example,) = _examples(found, "unknown_customer", "orders", key)
    assert example.startswith(f"Row 1: {shown}")
    assert ("secret" in example) == (key is None)


def test_of_a_text_only_its_length_and_of_a_birthday_its_year(card: Card) -> None:
    found = card({"feedback": {"text": ["测试数据记录12"]}})
    assert _examples(found, "text_placeholder", "feedback") == ["Row 1: ********"]
    found = card({"customers": {"customer_id": ["a"], "birth_date": ["1900-01-01"]}})
    assert _examples(found, "age_plausible") == ["Row 1: 1900-**-**"]


def test_a_rule_that_shows_nothing_gives_the_row(card: Card) -> None:
    found = card({"customers": {"customer_id": ["a"], "name": ["\ufffd"]}})
    assert _examples(found, "text_garbled") == ["Row 1"]
