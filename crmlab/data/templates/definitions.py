"""What a form is: sheets of fields, each field a canonical column or a figure that is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crmlab.labels import Text

Kind = Literal["text", "date", "time", "amount", "rating", "count", "list"]


@dataclass(frozen=True)
class CodeList:
    """The values that a field offers; where the list is ``open``, others may be typed, too."""

    id: str
    text: Text
    values: tuple[Text, ...]
    open: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The values in both languages."""
        return tuple(word for value in self.values for word in value)


@dataclass(frozen=True)
class Field:
    """One column of a sheet.

    ``column`` is the canonical one as a source calls it (``amount``). A ``computed`` field is a
    result: it is shown, and left out when the sheet is read back. ``width`` counts characters.
    """

    column: str
    text: Text
    kind: Kind
    note: Text
    required: bool
    sensitivity: str
    codes: CodeList | None
    computed: bool
    width: int


@dataclass(frozen=True)
class Sheet:
    """One sheet of a form; its rows become rows of ``table``.

    ``key`` is the column that says what a row is about; ``unique`` if no two rows may share it.
    ``frozen`` columns stay in sight while the others are scrolled.
    """

    id: str
    text: Text
    table: str
    fields: tuple[Field, ...]
    key: str
    unique: bool
    frozen: int

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The fields that people fill in."""
        return tuple(field for field in self.fields if not field.computed)

    def headers(self) -> dict[str, Field]:
        """Return header in plain form → its field, in both languages."""
        return {plain(header): field for field in self.fields for header in field.text}


@dataclass(frozen=True)
class Form:
    """One of the forms; ``purpose`` says in a sentence what a row of it is."""

    id: str
    text: Text
    purpose: Text
    sheets: tuple[Sheet, ...]


_LEVEL = str.maketrans("（）：＊", "():*")


def plain(name: str) -> str:
    """Return a header or sheet name without regard to case, spaces, and the width of brackets."""
    return "".join(name.casefold().translate(_LEVEL).split())
