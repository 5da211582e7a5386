"""The data dictionary: complete, in both languages, and the page in the docs is what it generates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmlab.data.dictionary import ROWS, dictionary, document
from crmlab.data.schemas import REASONS, TABLE_NAMES, TABLES, columns

DOCS = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def section(language: Any, table: str) -> str:
    text = dictionary(language)
    begin = text.index(f"## {TABLE_NAMES[table].to(language)} `{table}`")
    end = text.find("\n## ", begin + 1)
    return text[begin : end if end > 0 else None]


def cells(language: Any, table: str, column: str) -> list[str]:
    line = next(line for line in section(language, table).splitlines() if line.startswith(f"| `{column}`"))
    return [cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")]


def test_the_page_in_the_docs_is_what_is_generated() -> None:
    assert DOCS.read_text(encoding="utf-8") == document(), (
        "write it anew: crmlab template --dictionary --to docs"
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_table_and_column_is_described(language: Any) -> None:
    assert set(ROWS) == set(TABLES)
    for table in TABLES:
        assert ROWS[table].to(language) in section(language, table)
        for column in columns(table):
            found = cells(language, table, column.column)
            assert len(found) == 8
            assert found[1] == column.text.to(language)
            assert all(alias.replace("|", "¦") in found[7] for alias in column.aliases)


def test_a_column_says_type_unit_duty_rules_and_sensitivity() -> None:
    amount = cells("en", "orders", "amount_hundredths")
    assert amount[0].endswith("`amount` in a source")
    assert amount[2:5] == ["whole number", "hundredths of the currency unit", "yes"]
    assert cells("zh", "orders", "ordered_at")[2:6] == ["时间（UTC）", "", "是", REASONS["plausible_date"].zh]
    assert cells("zh", "feedback", "score")[5].split("；")[0] == REASONS["known_scale"].zh
    assert cells("en", "orders", "status")[5] == REASONS["unknown_code"].en
    assert cells("en", "customers", "religion")[6].startswith("sensitive")
    assert cells("en", "interactions", "interaction_id")[4] == "yes (numbered by row where absent)"
    assert cells("en", "customers", "customer_id")[4] == "yes"


def test_code_lists_name_the_words_that_stand_for_a_code() -> None:
    assert "- `refunded`：已退款、" in section("zh", "orders")
    assert "- `outbound`: 企业发起, " in section("en", "interactions")


def test_every_rule_of_a_schema_is_named() -> None:
    for table, schema in TABLES.items():
        described = section("en", table)
        rules = [name for name in vars(schema) if hasattr(getattr(schema, name), "validation_fn")]
        for rule in rules:
            assert REASONS[rule].en in described, (table, rule)
