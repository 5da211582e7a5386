"""Tables from a filled workbook of the customer forms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from crmlab.data.fingerprints import of_files
from crmlab.errors import DataError
from crmlab.estimators import Source
from crmlab.labels import Text

if TYPE_CHECKING:
    from crmlab.data.templates.read import Filled


class TemplateWorkbook(Source):
    """Customers, orders, interactions, feedback and complaints from the forms of ``crmlab template``.

    ``path`` is the filled workbook (relative to the working folder, which is the folder of the study's
    YAML in a run). A sheet without rows gives no table. ``note`` tells readers in a sentence what
    the data is.
    """

    title: ClassVar[Text] = Text("客户资料表", "Customer forms")
    tables: ClassVar[tuple[str, ...]] = ("customers", "orders", "interactions", "feedback", "complaints")
    path: str
    note: str = ""

    @property
    def provides(self) -> tuple[str, ...]:
        """The tables that the workbook has rows of; raises DataError where it cannot be read."""
        return tuple(self._read().tables)

    @property
    def origin(self) -> Text:
        """The name of the workbook, without its folder."""
        name, note = Path(self.path).name, f" {self.note}" if self.note else ""
        return Text(f"填写的客户资料表：{name}。{note}", f"Filled customer forms: {name}.{note}")

    @property
    def caution(self) -> Text | None:
        """How many cells need a look, by what is wrong with them, and what was left out."""
        from crmlab.data.templates.read import PROBLEMS

        filled = self._read()
        counts = filled.problems.group_by("reason").len().sort("len", "reason", descending=[True, False])
        told = [(PROBLEMS[reason], count) for reason, count in counts.iter_rows()]
        zh = [f"{text.zh} {count:,} 处" for text, count in told]
        en = [f"{text.en}: {count:,}" for text, count in told]
        name = Path(self.path).name
        said = (
            [Text(f"有需要核对的单元格：{'、'.join(zh)}", f"cells to check: {', '.join(en)}")] if told else []
        )
        said += filled.notes
        if not said:
            return None
        return Text(
            f"{name}：{'；'.join(note.zh.rstrip('。') for note in said)}。",
            f"{name}: {'; '.join(note.en.rstrip('.') for note in said)}.",
        )

    def fingerprint(self) -> str | None:
        """Return a hash over the workbook."""
        return of_files([self.path])

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Return the tables of the workbook; raise DataError for one that has no rows, or is no form."""
        filled = self._read()
        if not filled.tables:
            raise DataError(
                f"{Path(self.path).name} is blank: none of its sheets has a row. Fill in at least one, or "
                "leave the source out of `data`."
            )
        return filled.tables

    def _read(self) -> Filled:
        """Read the workbook once."""
        from crmlab.data.templates.read import read_filled

        if not hasattr(self, "_filled"):
            self._filled = read_filled(Path(self.path))
        return self._filled
