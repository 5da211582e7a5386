"""What the exports of known programs look like: one YAML file per export, read and checked here.

A preset says how an export is recognised by its headers, which canonical tables are in it, and
which header stands for which column. It is data: a new one is a new file in this folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from crmlab.data.schemas import TABLES, columns
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Text

NONE = "none"
"""As the name of a preset: recognise none, go by the canonical names and their aliases alone."""

_LEFT_OUT = re.compile(r"[\s_*()\[\]{}（）【】「」<>:]+")
Headers = list[str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Title(_Strict):
    """A text in both languages."""

    zh: str
    en: str

    @property
    def text(self) -> Text:
        """The same as the rest of crmlab has it."""
        return Text(self.zh, self.en)


class Recognise(_Strict):
    """Headers by which an export is known: each of ``all``, none of ``none``.

    An entry of ``all`` may be a list of which one must be there.
    """

    all: list[str | Headers] = Field(min_length=1)
    none: Headers = []

    def fits(self, given: set[str]) -> bool:
        """Say whether normalised headers are those of the export."""
        wanted = [[entry] if isinstance(entry, str) else entry for entry in self.all]
        found = all(any(plain(header) in given for header in entry) for entry in wanted)
        return found and not any(plain(header) in given for header in self.none)


class Flag(_Strict):
    """A value that follows from how another column (the first of ``headers`` present) is written.

    Where that column is blank, or has not the pattern and there is no ``otherwise``, the next flag decides,
    and in the end the column itself.
    """

    headers: Headers
    pattern: str
    value: str
    otherwise: str | None = None


class Fill(_Strict):
    """Columns that are blank where they are as in the first row of the same ``key``."""

    key: str
    headers: Headers


class Layout(_Strict):
    """How one canonical table is in the export; ``columns`` ranks headers, the first present counts."""

    columns: dict[str, Headers] = {}
    joined: dict[str, tuple[Headers, Headers]] = {}
    """Column → headers of the family name, headers of the given name."""
    constants: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    """Column → what the export writes → what is meant, without regard to case."""
    dates: dict[str, list[str]] = {}
    """Column → formats as of ``strptime``, for tools that write the month or the day first."""
    flags: dict[str, list[Flag]] = {}
    less: dict[str, Headers] = {}
    """Column → headers of what was paid back of it in part; the first present is subtracted."""
    fill: Fill | None = None
    others: Headers = []
    """Headers that are no column of this table although they are called like one."""
    only_where: str | None = None
    """Rows count only where this header has a value."""


class Survey(_Strict):
    """How the questions of a survey are told apart from what is noted about the answer sheet."""

    style: Literal["wjx", "surveymonkey", "qualtrics", "typeform"]
    about: dict[str, Headers] = {}
    """Column of the table feedback → headers, ranked."""
    left_out: Headers = []
    """Headers (or patterns between slashes) that are no questions; persons and places among them."""
    dates: list[str] = []
    """Formats of ``given_on``."""
    drop: dict[str, list[str]] = {}
    """Header → values of rows that are no answers (previews, tests)."""
    blank: list[str] = []
    """Codes that stand for a question that was skipped or left empty."""


class Preset(_Strict):
    """One export of one program."""

    name: str
    title: Title
    recognise: list[Recognise]
    header_rows: int = Field(default=1, ge=1, le=3)
    tables: dict[str, Layout] = {}
    survey: Survey | None = None
    note: Title | None = None

    @field_validator("tables")
    @classmethod
    def _canonical(cls, tables: dict[str, Layout]) -> dict[str, Layout]:
        for name, layout in tables.items():
            if name not in TABLES:
                raise ValueError(f"no canonical table is named {name!r}{did_you_mean(name, TABLES)}")
            allowed = {column.name for column in columns(name)}
            parts = (layout.columns, layout.joined, layout.constants, layout.values, layout.dates)
            used = {column for part in (*parts, layout.flags, layout.less) for column in part}
            if unknown := sorted(used - allowed):
                raise ValueError(f"the table {name!r} has no column {', '.join(unknown)}")
        return tables

    @model_validator(mode="after")
    def _something(self) -> Self:
        if bool(self.tables) == bool(self.survey):
            raise ValueError("a preset has either tables or a survey")
        return self

    @property
    def provides(self) -> tuple[str, ...]:
        """The canonical tables that are in such an export."""
        return ("feedback",) if self.survey else tuple(self.tables)

    @property
    def known(self) -> set[str]:
        """Every header that the preset uses, normalised."""
        ranked = [headers for layout in self.tables.values() for headers in layout.columns.values()]
        for layout in self.tables.values():
            ranked += [headers for pair in layout.joined.values() for headers in pair]
            ranked += layout.less.values()
            ranked += [flag.headers for flags in layout.flags.values() for flag in flags]
        if self.survey:
            ranked += [*self.survey.about.values(), self.survey.left_out]
        return {plain(header) for headers in ranked for header in headers}


def plain(header: str) -> str:
    """Return a header without what varies between exports of one program.

    NFKC, lower case; ``*`` and ``:``, brackets (not what is in them), spaces and underscores go.
    """
    return _LEFT_OUT.sub("", unicodedata.normalize("NFKC", header).casefold())


@cache
def presets() -> dict[str, Preset]:
    """Return every preset by its name, in alphabetical order."""
    found = [read(path) for path in sorted(Path(__file__).parent.glob("*.yaml"))]
    return {preset.name: preset for preset in found}


def read(path: Path) -> Preset:
    """Read one preset; raise ParamsError that names the file and every problem in it."""
    import yaml

    try:
        preset = Preset.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ParamsError(f"The preset {path} cannot be read: {error.strerror}.") from None
    except (ValidationError, yaml.YAMLError) as error:
        raise ParamsError(f"The preset {path.name} is not valid: {error}") from None
    if preset.name != path.stem:
        raise ParamsError(f"The preset {path.name} calls itself {preset.name!r}; name both alike.")
    return preset


def is_file(name: str) -> bool:
    """Say whether a preset is given as a file of the user's own."""
    return name.endswith((".yaml", ".yml"))


def named(name: str) -> Preset:
    """Return the preset of that name, or the one in a YAML file; raise ParamsError where there is none."""
    if is_file(name):
        return read(Path(name))
    if name not in presets():
        raise ParamsError(
            f"No preset is named {name!r}.{did_you_mean(name, (*presets(), NONE))} "
            f"Allowed: {', '.join((*presets(), NONE))}."
        )
    return presets()[name]


def recognised(headers: Iterable[str], table: str | None = None) -> tuple[Preset, float] | None:
    """Return the preset whose export has these headers, and the share of them that it knows.

    With ``table`` only presets with that table are tried. Of several the one that knows most
    headers wins, then the first by name.
    """
    given = {plain(header) for header in headers}
    fitting = [
        preset
        for preset in presets().values()
        if (table is None or table in preset.provides) and any(r.fits(given) for r in preset.recognise)
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda preset: len(given & preset.known))
    return best, len(given & best.known) / max(len(given), 1)


def first_present(ranked: Sequence[str], given: dict[str, str]) -> str | None:
    """Return the first of the ranked headers that is in ``given`` (normalised → as written)."""
    return next((given[plain(header)] for header in ranked if plain(header) in given), None)
