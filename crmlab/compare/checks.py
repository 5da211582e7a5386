"""What a comparison reads of a manifest, as a check: a damaged one is named, and where, before it is used."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Folder = Annotated[str, Field(pattern=r"^[^./\\][^/\\]*$")]
"""The name of a folder inside the run's: no other place is read."""
_Said = dict[str, str] | str | None
"""A text in both languages, or one for both."""


class _Part(BaseModel):
    # Whatever else is in a manifest is let through: earlier and later versions have more or less.
    model_config = ConfigDict(extra="allow", strict=True)


class _Both(_Part):
    zh: str
    en: str


class _Figure(_Both):
    id: str
    unit: str
    value: _Number | None
    low: _Number | None = None
    high: _Number | None = None
    n: int | None = None
    key: bool = False
    sampled: bool = True
    definition: _Both


class _Table(_Part):
    rows: int | None = None
    sha256: str | None = None


class _Input(_Part):
    source: str
    tables: dict[str, _Table]


class _Report(_Part):
    name: _Folder
    status: str
    title: _Said = None
    basis: dict[str, Any] | None = None
    inputs: list[_Input] | None = None
    figures: list[_Figure] | None = None


class _Plugin(_Part):
    group: str
    name: str
    distribution: str
    version: str


class _Privacy(_Part):
    smallest_group: int = 5


class _Settings(_Part):
    privacy: _Privacy | None = None


class _Params(_Settings):
    reports: dict[str, _Settings | None] | None = None


class _Manifest(_Part):
    study: str
    run: str
    status: str
    started_at: str = ""
    as_of: str
    language: str = "zh"
    title: _Said = None
    cell: dict[str, Any] | None = None
    params: _Params
    inputs: list[_Input]
    plugins: list[_Plugin] = []
    packages: dict[str, str] | None = None
    reports: list[_Report]


def problems(document: Any) -> list[str]:
    """Say what of a manifest is missing or of another kind than a comparison needs, without its values."""
    try:
        _Manifest.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return [f"{_place(each['loc'])}{each['msg'].lower()}" for each in found]
    return []


def _place(parts: tuple[int | str, ...]) -> str:
    """Write ('reports', 0, 'name') as ``reports[0].name``, followed by what says what is wrong there."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return f"{place.lstrip('.')}: " if place else ""
