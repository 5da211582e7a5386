"""What a file holds before anything is known of its meaning: columns of text, with row numbers."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from crmlab.labels import Text

SOURCE_ROW = "source_row"
"""The column that says where in the file a row stands."""
LEFT_OUT_AS = "left_out_as"
"""The column that says why a row is no data."""


@dataclass(frozen=True)
class RawTable:
    """What one file, or one sheet of it, holds, as text; types come later, from the schema.

    ``name`` is the file's name, with the sheet behind it for a workbook, for messages. ``frame`` has
    `source_row` (UInt32: the 1-based row as a spreadsheet program shows it, header rows and blank
    rows counted) and the data columns, all String; Parquet and JSON keep their types, there
    `source_row` counts rows and lines. ``headers`` has every header row as it stands in the file,
    cleaned, one text per data column, blank where the file is. ``notes`` say what was skipped or
    noticed. ``left_out`` holds rows that are no data with `source_row` and `left_out_as` (``title``,
    ``total``, ``footer``) before their cells.
    """

    name: str
    frame: pl.LazyFrame
    format: str
    encoding: str | None
    separator: str | None
    sheet: str | None
    headers: tuple[tuple[str, ...], ...]
    notes: tuple[Text, ...]
    left_out: pl.DataFrame


def nothing_left_out(schema: pl.Schema) -> pl.DataFrame:
    """Return the empty ``left_out`` of a table whose data columns have ``schema``."""
    columns = {name: dtype for name, dtype in schema.items() if name != SOURCE_ROW}
    return pl.DataFrame(schema={SOURCE_ROW: pl.UInt32, LEFT_OUT_AS: pl.String, **columns})
