"""JSON lines and arrays of objects as tables."""

from __future__ import annotations

import pytest

from crmlab.data.reading.json_lines import looks_like_json, read_json
from crmlab.errors import DataError


def test_lines_keep_their_types() -> None:
    lines = [
        '{"id": "007", "n": 440301199001011234, "x": 1, "b": true, "m": 1, "t": null}',
        "",
        '{"id": "008", "n": -1, "x": 0.5, "b": null, "m": "a", "extra": "later"}',
    ]
    table = read_json("\r\n".join(lines).encode(), "a.jsonl")
    assert table.frame.collect().to_dicts() == [
        {
            "source_row": 1,
            "id": "007",
            "n": 440301199001011234,
            "x": 1.0,
            "b": True,
            "m": "1",
            "t": None,
            "extra": None,
        },
        {"source_row": 3, "id": "008", "n": -1, "x": 0.5, "b": None, "m": "a", "t": None, "extra": "later"},
    ]
    assert table.format == "jsonl"


def test_inner_objects_become_columns_and_lists_text() -> None:
    line = '{"id": 1, "address": {"city": "北京", "geo": {"lat": 1}}, "tags": ["新", 2]}'
    frame = read_json(line.encode(), "a.jsonl").frame.collect()
    assert frame.drop("source_row").to_dicts() == [
        {"id": 1, "address.city": "北京", "address.geo": '{"lat": 1}', "tags": '["新", 2]'}
    ]


def test_an_array() -> None:
    table = read_json('[{"a": 1},\n {"a": 2, "b": "张\u200b伟"}]'.encode("gbk", "ignore"), "a.json")
    assert table.frame.collect().rows() == [(1, 1, None), (2, 2, "张伟")]
    assert table.format == "json"


def test_one_object_over_several_lines_is_one_row() -> None:
    assert read_json(b'{\n "a": 1\n}', "a.json").frame.collect().rows() == [(1, 1)]


def test_numbers_that_no_column_of_numbers_holds_stay_exact() -> None:
    raw = b'{"big": 99999999999999999999, "mixed": 9007199254740993}\n{"big": 1, "mixed": 0.5}'
    frame = read_json(raw, "a.jsonl").frame.collect()
    assert frame["big"].to_list() == ["99999999999999999999", "1"]
    assert frame["mixed"].to_list() == ["9007199254740993", "0.5"]


def test_names_of_columns() -> None:
    raw = '{" 金额\\n": 1, "金额": 2, "": 3, "source_row": 4}'.encode()
    frame = read_json(raw, "a.jsonl").frame.collect()
    assert frame.columns == ["source_row", "金额", "金额 (2)", "column_3", "source_row (2)"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a": 1}\n{"a": "13912345678}\n', "line 2: this is no complete JSON object"),
        (b'{"a": 1}\n[1]\n', "line 2: a row must be an object"),
        (b'[{"a": 1}, 5]', "item 2: a row must be an object"),
        (b'[{"a": 1},\n{"a": 13912345678', "line 2: the JSON array breaks here"),
        (b'{"a": ' + b"[" * 100_000, "line 1: this is no complete JSON object"),
        (b"[" + b'{"a":' * 100_000, "nested too deeply"),
        (b"[" + b'{"a": ' + b"9" * 10_000 + b"}]", "numbers that are too long"),
        (b"{}\n{}", "is empty"),
        (b"[]", "is empty"),
        (b"{" + b",".join(b'"c%d":1' % at for at in range(6000)) + b"}", "6,000 columns; at most"),
    ],
)
def test_what_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.json.*{words}") as error:
        read_json(raw, "a.json")
    assert "13912345678" not in str(error.value)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b'{"a": 1}', True),
        (b"{\n}", True),
        (b'\xef\xbb\xbf [\n{"a"', True),
        (b"{a},b\n1,2", False),
        (b"[a],b\n1,2", False),
        (b'"{""ImportId"":1}",b', False),
    ],
)
def test_what_looks_like_json(head: bytes, found: bool) -> None:
    assert looks_like_json(head) == found


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1}\n{"a": 1, "a": 2}\n', "line 2"),
        ('{"a": 1, "in": {"b": 1, "b": 2}}\n', "line 1"),
        ('{"a.b": 1, "a": {"b": 2}}\n', "line 1"),
        ('{"a": 1,\n "a": 2}', "line 1 or below"),
        ('[{"a": 1, "a": 2}]', "the array"),
        ('[{"a": 1}, {"a.b": 1, "a": {"b": 2}}]', "item 2"),
    ],
)
def test_a_key_that_an_object_has_twice(text: str, where: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.json, {where}: an object has the same key twice\."):
        read_json(text.encode(), "a.json")
