"""Check plain values against a dataclass or pydantic model, and report every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from crmlab.errors import ParamsError, PluginContractError, did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from crmlab.estimators import Estimator

E = TypeVar("E", bound="Estimator")
Where = tuple[str | int, ...]


def validated(cls: type[E], params: Mapping[str, Any]) -> E:
    """Return ``cls(**params)`` after checking names and types; raise ParamsError otherwise."""
    from pydantic import ValidationError

    names = cls.parameter_names()
    model = _model(cls)  # type: ignore[arg-type]  # a class can be hashed, whatever its instances can
    try:
        checked = model.model_validate(dict(params))
    except ValidationError as error:
        problems = problems_of(error, lambda where: names)
        lines = " ".join(line for _, line in problems)
        raise ParamsError(f"The parameters of {cls.__name__} are not valid: {lines}", problems) from None
    values = (getattr(checked, f"parameter_{number}") for number in range(len(names)))
    plugin = cls(**dict(zip(names, values, strict=True)))
    plugin._check_params()
    return plugin


@cache
def _model(cls: type[Estimator]) -> type[BaseModel]:
    """Return the pydantic model of a plugin's parameters; making it takes longer than checking them."""
    from pydantic import ConfigDict, Field, create_model

    hints = _hints(cls)
    declared: dict[str, Any] = {}
    for number, field in enumerate(fields(cls)):  # type: ignore[arg-type]
        # An alias, because a parameter may have a name that pydantic uses itself, such as "schema".
        if field.default_factory is MISSING:
            item = Field(... if field.default is MISSING else field.default, alias=field.name)
        else:
            item = Field(default_factory=field.default_factory, alias=field.name)
        declared[f"parameter_{number}"] = (hints[field.name], item)
    return create_model(
        cls.__name__, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **declared
    )


def problems_of(error: ValidationError, allowed: Callable[[Where], Iterable[str]]) -> list[tuple[Where, str]]:
    """Turn a pydantic error into (location, sentence) pairs without quoting long values.

    ``allowed`` gives the names that are allowed where an unknown one was found.
    """
    found = []
    for item in error.errors(include_url=False):
        where = tuple(item["loc"])
        path = ".".join(str(part) for part in where) or "the document"
        if item["type"] == "extra_forbidden":
            names = list(allowed(where))
            line = (
                f"{path}: unknown name.{did_you_mean(str(where[-1]), names)} "
                f"Allowed: {', '.join(names) or 'none'}."
            )
        elif item["type"] == "missing":
            line = f"{path}: required, and not given."
        else:
            message = item["msg"].removeprefix("Value error, ").replace("valid tuple", "list such as [a, b]")
            line = f"{path}: {message}; given: {_short(item['input'])}."
        found.append((where, line))
    return found


def _hints(cls: type[Estimator]) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise PluginContractError(
            f"The types of the parameters of {cls.__name__} cannot be read: {error}. Import what they "
            "name at module level, outside `if TYPE_CHECKING`."
        ) from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
