"""YAML read with fewer surprises, and with the line of every value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.documents import Document, parse
from crmlab.errors import ParamsError


@pytest.mark.parametrize(
    "text",
    [
        *("no", "on", "yes", "Off", "y", "TRUE", "007", "12:30", "1_000", "0x1F", "0o17", "1e5", "+1.", ".5"),
        *("2024-03-05", "2024-03-05 12:00:00", ".inf", ".nan", "-", "=", "<<", "１２", "1,000"),
    ],
)
def test_what_looks_like_text_stays_text(text: str) -> None:
    assert parse(f"key: {text if text != '-' else repr(text)}", "x").value == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("1.50", 1.5),
        ("-0.25", -0.25),
        ("1.5e-3", 0.0015),
        ("null", None),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_what_is_typed(text: str, value: object) -> None:
    read = parse(f"key: {text}", "x").value["key"]
    assert read == value
    assert type(read) is type(value)


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30))
def test_quoted_text_survives(text: str) -> None:
    quoted = text.replace("'", "''")
    assert parse(f"key: '{quoted}'", "x").value == {"key": text}


def test_places() -> None:
    document = parse("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n", "file.yaml")
    assert document.place(("a",)) == "file.yaml:1: "
    assert document.place(("b", 1, "d")) == "file.yaml:5: "
    assert document.place(("b", 1, "missing", "deeper")) == "file.yaml:4: "
    assert document.place(("missing",)) == "file.yaml: "
    assert document.place(()) == "file.yaml: "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"x:3: the key 'a' appears twice\. Keep one"),
        ("a:\n  b: 1\n  b: 2\n", r"x:3: the key 'b' appears twice"),
        ("1: a\n'1': b\n", r"x:2: the key '1' appears twice"),
        ("a: [1, 2\n", r"x:2: this is no valid YAML"),
        ("a: 1\n  b: 2\n", r"x:2: this is no valid YAML: mapping values are not allowed"),
        ("a: 1\n---\nb: 2\n", r"x:2: this is no valid YAML: but found another document"),
        ("a: \0", r"x: this is no valid YAML"),
        ("a: " + "9" * 5000, r"x: this is no valid YAML: Exceeds the limit"),
        ("? [a, b]\n: 1\n", r"x:1: this is no valid YAML: found unhashable key"),
        ("[" * 5000 + "]" * 5000, r"x: its values lie too deep"),
    ],
)
def test_broken_documents(text: str, message: str) -> None:
    with pytest.raises(ParamsError, match=f"^{message}"):
        parse(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['true']",
        "a: !!python/name:os.system",
        "a: !!timestamp 2024-01-01",
        "a: !!binary aGk=",
        "a: !!bool maybe",
        "a: !mine 1",
        "!!set {a}",
    ],
)
def test_tags_are_refused(text: str) -> None:
    with pytest.raises(ParamsError, match=r"x:1: .*the tag .* is not supported; leave it out"):
        parse(text, "x")


def test_aliases_are_refused_before_they_grow() -> None:
    laughs = "a0: &a0 [lol]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 40)
    )
    with pytest.raises(ParamsError, match=r"x:2: .*the alias \*a0 is not supported; write the value out"):
        parse(laughs, "x")
    with pytest.raises(ParamsError, match="alias"):
        parse("a: &a [*a]", "x")


def test_an_empty_document_is_nothing() -> None:
    assert parse("# nothing\n", "x") == Document(None, "x", {})


def test_set() -> None:
    document = parse("a: 1\nb: {c: [x, {d: 1}]}\n", "file")
    document.set("a=2024-01-01")
    document.set("b.c.1.d=[1, no]")
    document.set("b.c.0=")
    document.set("new.er=中文=1")
    assert document.value == {
        "a": "2024-01-01",
        "b": {"c": [None, {"d": [1, "no"]}]},
        "new": {"er": "中文=1"},
    }
    assert document.place(("a",)) == "--set a: "
    assert document.place(("b", "c", 1, "d", 0)) == "--set b.c.1.d: "
    assert document.place(("new", "er")) == "--set new.er: "
    assert document.place(("b",)) == "file:2: "


def test_set_keeps_names_that_are_numbers() -> None:
    document = parse("reports: {}", "file")
    document.set("reports.2024.as_of=x")
    document.set("reports.²=y")
    assert document.value == {"reports": {"2024": {"as_of": "x"}, "²": "y"}}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("as_of", r"--set takes key=value.*given: 'as_of'"),
        ("=1", r"--set takes key=value"),
        ("a..b=1", r"--set takes key=value"),
        ("a.b=1", r"--set a\.b: 'b' is not there to be set, because it is looked for in a single value"),
        ("b.2=1", r"--set b\.2: '2' is not there to be set, because it is looked for in a list of 2"),
        ("b.-1=1", r"--set b\.-1: '-1' is not there"),
        ("b.x.y=1", r"--set b\.x\.y: 'x' is not there"),
        ("a=[1", r"--set a:1: this is no valid YAML"),
        ("a=*b", r"--set a:1: .*alias"),
    ],
)
def test_set_malformed(item: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        parse("a: 1\nb: [1, 2]\n", "file").set(item)
