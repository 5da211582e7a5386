"""Check plain values against a dataclass or pydantic model, and report every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from crmlab.errors import ParamsError, did_you_mean

if TYPE_CHECKING:
    from pydantic import ValidationError

    from crmlab.estimators import Estimator

E = TypeVar("E", bound="Estimator")


def validated(cls: type[E], params: Mapping[str, Any]) -> E:
    """Return ``cls(**params)`` after checking names and types; raise ParamsError otherwise."""
    from pydantic import ConfigDict, ValidationError, create_model

    hints = _hints(cls)
    declared: dict[str, Any] = {
        field.name: (hints[field.name], getattr(cls(), field.name))
        for field in fields(cls)  # type: ignore[arg-type]
    }
    model = create_model(
        cls.__name__,
        __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True),
        **declared,
    )
    try:
        checked = model.model_validate(dict(params))
    except ValidationError as error:
        problems = "\n".join(f"  - {line}" for _, line in problems_of(error, list(declared)))
        raise ParamsError(f"The parameters of {cls.__name__} are not valid:\n{problems}") from None
    return cls(**{name: getattr(checked, name) for name in declared})


def problems_of(
    error: ValidationError, allowed: Iterable[str]
) -> list[tuple[tuple[str | int, ...], str]]:
    """Turn a pydantic error into (location, sentence) pairs without quoting long values."""
    names = list(allowed)
    found = []
    for item in error.errors(include_url=False):
        where = tuple(item["loc"])
        path = ".".join(str(part) for part in where) or "the document"
        if item["type"] == "extra_forbidden":
            given = str(where[-1])
            line = f"{path}: unknown parameter.{did_you_mean(given, names)} Allowed: {', '.join(names) or 'none'}."
        else:
            line = f"{path}: {item['msg']}; given: {_short(item['input'])}."
        found.append((where, line))
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _hints(cls: type) -> dict[str, Any]:
    from typing import get_type_hints

    return get_type_hints(cls, include_extras=True)
