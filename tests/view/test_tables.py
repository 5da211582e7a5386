"""Tables: rounding, alignment, escaping, and the same bytes for the same numbers."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import DataError
from crmlab.labels import Text
from crmlab.view.html import MIME
from crmlab.view.tables import Column, Table

CAPTION = Text("标题", "Caption")


def cells(frame: pl.DataFrame, *columns: Column, currency: str = "USD") -> list[list[str]]:
    """The written texts, one list per body row."""
    html = Table(frame, columns, CAPTION, language="en", currency=currency).to_html()
    rows = re.findall(r"<tr>(.*?)</tr>", html.split("<tbody>")[1], flags=re.S)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]


def one(value: Any, style: str, dtype: Any = None, **options: Any) -> str:
    frame = pl.DataFrame({"x": pl.Series([value], dtype=dtype, strict=False)})
    currency = options.pop("currency", "USD")
    return cells(frame, Column("x", Text("甲", "X"), style, **options), currency=currency)[0][0]


@pytest.mark.parametrize(
    ("value", "style", "options", "written"),
    [
        (1234567, "integer", {}, "1,234,567"),
        (1234.5, "decimal", {}, "1,234.50"),
        (-0.004, "decimal", {}, "0.00"),
        (-3.25, "decimal", {"decimals": 1}, "−3.2"),
        (0.1234, "percent", {}, "12.3%"),
        (-0.05, "percent", {}, "−5.0%"),
        (12.5, "money", {}, "$12.50"),
        (-1234.5, "money", {}, "−$1,234"),
        (12.5, "money", {"currency": "CNY"}, "¥12.50"),
        (12.5, "money", {"currency": "CHF"}, "CHF\u00a012.50"),
        (Decimal("10.10"), "money", {}, "$10.10"),
        (date(2017, 12, 31), "date", {}, "2017-12-31"),
        (datetime(2017, 12, 31, 8, 5, tzinfo=UTC), "date", {}, "2017-12-31 08:05+00:00"),
        ([0.1, 0.25], "interval", {"of": "percent"}, "10.0% – 25.0%"),
        ({"low": 1, "high": 2}, "interval", {"of": "integer"}, "1 – 2"),
        ([None, 2.0], "interval", {}, "–"),
        ("", "text", {}, "–"),
        (True, "text", {}, "True"),
    ],
)
def test_a_value_is_written_as_readers_expect(
    value: Any, style: str, options: dict[str, Any], written: str
) -> None:
    assert one(value, style, **options) == written


@pytest.mark.parametrize("style", ["text", "integer", "decimal", "percent", "money", "date", "interval"])
def test_null_is_a_dash_in_every_format(style: str) -> None:
    assert one(None, style) == "–"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_a_dash(value: float) -> None:
    assert one(value, "decimal") == "–"


@given(st.text())
def test_every_text_is_escaped(text: str) -> None:
    frame = pl.DataFrame({"x": [text]})
    nasty = Text(text, text)
    html = Table(frame, [Column("x", nasty, note=nasty)], nasty, nasty, "en").to_html()
    calm = Table(pl.DataFrame({"x": ["y"]}), [Column("x", CAPTION, note=CAPTION)], CAPTION, CAPTION).to_html()
    tags = re.findall(r"</?[a-z]+", html)
    assert [tag for tag in tags if tag not in ("<small", "</small", "<figcaption", "</figcaption")] == [
        tag for tag in re.findall(r"</?[a-z]+", calm) if "small" not in tag and "figcaption" not in tag
    ]
    assert not re.search(r"<[^>]*\son\w+=", html)


def test_cells_sort_by_their_numbers_and_nulls_have_none() -> None:
    frame = pl.DataFrame({"n": ["a", "b"], "x": [1234.5678, None]})
    html = Table(
        frame, [Column("n", CAPTION), Column("x", CAPTION, "money", bar=True)], CAPTION, currency="CNY"
    ).to_html()
    assert 'data-sort="1234.5678" style="--bar:100.0%">¥1,235</td>' in html
    assert 'data-sort="">–</td>' in html


def test_bars_of_shares_are_relative_to_the_whole() -> None:
    frame = pl.DataFrame({"n": ["a"], "x": [0.25]})
    html = Table(frame, [Column("n", CAPTION), Column("x", CAPTION, "percent", bar=True)], CAPTION).to_html()
    assert "--bar:25.0%" in html


def test_structure_names_what_a_screen_reader_needs() -> None:
    frame = pl.DataFrame({"n": ["a"], "x": [1]})
    note = Text("注", "note")
    html = Table(
        frame, [Column("n", CAPTION), Column("x", Text("数", "Count"), "integer")], CAPTION, note, "en"
    ).to_html()
    assert "<caption>Caption</caption>" in html
    assert 'scope="col"' in html
    assert '<th scope="row" class="text short">a</th>' in html
    assert '<figcaption class="crm-note">note</figcaption>' in html
    assert "Count" in html
    assert "数" not in html


def test_an_empty_frame_is_a_table_without_rows() -> None:
    assert cells(pl.DataFrame({"x": []}), Column("x", CAPTION, "money", bar=True)) == []


def test_only_the_chosen_columns_leave_the_frame() -> None:
    frame = pl.DataFrame({"shown": ["a"], "phone": ["13812345678"]})
    bundle = Table(frame, [Column("shown", CAPTION)], CAPTION)._repr_mimebundle_()
    assert "13812345678" not in json.dumps(bundle)


def test_bundle_is_json_and_renders_to_the_same_markup_each_time() -> None:
    frame = pl.DataFrame({"x": [1.5, None], "d": [date(2020, 1, 2), None]})
    table = Table(frame, [Column("x", CAPTION, "money"), Column("d", CAPTION, "date")], CAPTION)
    bundle = json.loads(json.dumps(table._repr_mimebundle_(), allow_nan=False))
    assert bundle[MIME]["view"] == "table"
    assert Table.render(bundle[MIME]) == table.to_html()
    assert "<style>" in table._repr_html_()
    assert bundle["text/plain"] == "标题（2 行）"


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"no column 'revenu'\. Did you mean 'revenue'\?"):
        Table(pl.DataFrame({"revenue": [1]}), [Column("revenu", CAPTION)], CAPTION)


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(DataError, match="Did you mean 'percent'"):
        Column("x", CAPTION, "percnt")  # type: ignore[arg-type]
