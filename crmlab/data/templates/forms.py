"""The forms, read from ``forms.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.data.templates.definitions import CodeList, Field, Form, Kind, Sheet
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Text

if TYPE_CHECKING:
    from crmlab.data.schemas import CanonicalColumn

_WIDTH = 14
_KINDS: Mapping[str, Kind] = {"Date": "date", "Datetime": "time", "Float64": "rating"}
_NO_NOTE = Text("", "")


@cache
def forms() -> tuple[Form, ...]:
    """Return the forms in order."""
    given, sheets = _given(), _sheets()
    return tuple(
        Form(form, _named(told), Text(*told["purpose"]), tuple(sheets[sheet] for sheet in told["sheets"]))
        for form, told in given["forms"].items()
    )


@cache
def code_lists() -> dict[str, CodeList]:
    """Return the code lists by id, in order."""
    return {
        code: CodeList(
            code, _named(told), tuple(Text(*pair) for pair in told["values"]), told.get("open", False)
        )
        for code, told in _given()["codes"].items()
    }


def sheets(chosen: tuple[Form, ...] | None = None) -> tuple[Sheet, ...]:
    """Return the sheets of some forms, or of all."""
    return tuple(sheet for form in chosen or forms() for sheet in form.sheets)


def named_forms(names: tuple[str, ...]) -> tuple[Form, ...]:
    """Return the forms of these ids or titles, in the forms' order; all where none is named.

    Raises ParamsError for a name that no form has.
    """
    wanted = [form for form, _, _ in listed_forms(names)]
    return tuple(form for form in forms() if form.id in wanted)


def listed_forms(names: tuple[str, ...]) -> list[tuple[str, Text, Text]]:
    """Return id, title and purpose of the same forms, without their sheets; raise ParamsError likewise."""
    every = [(form, _named(told), Text(*told["purpose"])) for form, told in _given()["forms"].items()]
    known = {name.casefold(): form for form, title, _ in every for name in (form, *title)}
    for name in names:
        if name.casefold() not in known:
            raise ParamsError(
                f"No form is named {name!r}.{did_you_mean(name, known)} "
                f"Allowed: {', '.join(f'{form} ({title.zh})' for form, title, _ in every)}."
            )
    wanted = {known[name.casefold()] for name in names}
    return [told for told in every if not names or told[0] in wanted]


@cache
def _given() -> dict[str, Any]:
    import yaml

    given: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("forms.yaml").read_text(encoding="utf-8"))
    return given


def _sheets() -> dict[str, Sheet]:
    return {
        sheet: Sheet(
            sheet,
            _named(told),
            told["table"],
            tuple(_field(told["table"], field) for field in told["fields"]),
            told["key"],
            told.get("unique", False),
            told["frozen"],
        )
        for sheet, told in _given()["sheets"].items()
    }


def _field(table: str, told: Mapping[str, Any]) -> Field:
    from crmlab.data.schemas import columns

    canonical = next((column for column in columns(table) if column.name == told["column"]), None)
    codes = code_lists()[told["codes"]] if "codes" in told else None
    kind: Kind = told.get("computed") or ("list" if codes else _kind(canonical))
    return Field(
        told["column"],
        _named(told),
        kind,
        _note(told.get("note")),
        told.get("required", False),
        canonical.sensitivity if canonical and "computed" not in told else "ordinary",
        codes,
        "computed" in told,
        told.get("width", _WIDTH),
    )


def _kind(column: CanonicalColumn | None) -> Kind:
    from crmlab.data.canonical.columns import AS_THE_METRIC

    assert column is not None, "a field is a canonical column, or has a code list, or is computed"
    if column.column.endswith("_hundredths"):
        return "amount"
    if column.unit == AS_THE_METRIC:
        return "text"
    return _KINDS.get(type(column.dtype).__name__, "text")


def _note(told: str | list[str] | None) -> Text:
    if told is None:
        return _NO_NOTE
    return _named(_given()["notes"][told]) if isinstance(told, str) else Text(*told)


def _named(told: Mapping[str, Any]) -> Text:
    return Text(told["zh"], told["en"])
