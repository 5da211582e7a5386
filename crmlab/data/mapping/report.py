"""What was understood of a file before anything runs on it: column by column, values masked."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from crmlab.data.intake.files import Intake, OpenedFile
from crmlab.data.mapping.columns import HOW, MappedColumn, asked_questions, mapped_columns, unknown_column
from crmlab.data.mapping.hints import notes_on, value_notes
from crmlab.data.mapping.matching import Match
from crmlab.data.schemas import TABLE_NAMES
from crmlab.labels import Language, Text

TRIED_ROWS = 10_000
"""Rows, from the top, that shares and samples are taken from."""


@dataclass(frozen=True)
class MappingReport:
    """What was understood of one file as one canonical table.

    ``table`` is None where the headers do not say which one it is; ``candidates`` are those that it
    may be. ``missing`` are required columns that nothing stands for. Shown in ``language``.
    """

    file: str
    format: str
    encoding: str | None
    separator: str | None
    sheet: str | None
    header_rows: int
    rows: int
    left_out: int
    preset: Text | None
    preset_name: str | None
    known: float
    table: str | None
    candidates: tuple[str, ...]
    columns: tuple[MappedColumn, ...]
    proposals: tuple[Match, ...]
    missing: tuple[str, ...]
    notes: tuple[Text, ...]
    is_survey: bool = False
    language: Language = "zh"

    def __str__(self) -> str:
        return self.to_text(self.language)

    def to_text(self, language: Language) -> str:
        """Return the report as lines for a terminal."""
        lines = [f"== {self.file}", *(f"   {line.to(language)}" for line in self._summary())]
        titles = [title.to(language) for title in _TITLES]
        rows = [titles, *([*self._cells(column, language)] for column in self.columns)]
        widths = [max(_width(row[place]) for row in rows) for place in range(len(titles) - 1)]
        for row in rows:
            padded = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)]
            lines.append("   " + "  ".join([*padded, row[-1]]).rstrip())
        lines += [f" ! {note.to(language)}" for note in self._remarks()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, texts in both languages."""
        both = {"zh": 0, "en": 1}

        def text(value: Text | None) -> dict[str, str] | None:
            return {name: value[place] for name, place in both.items()} if value else None

        return {
            "file": self.file,
            "format": self.format,
            "encoding": self.encoding,
            "separator": self.separator,
            "sheet": self.sheet,
            "header_rows": self.header_rows,
            "rows": self.rows,
            "rows_left_out": self.left_out,
            "preset": self.preset_name,
            "preset_knows_share": round(self.known, 3),
            "table": self.table,
            "candidates": list(self.candidates),
            "columns": [
                {
                    "header": column.header,
                    "column": column.column,
                    "title": text(column.title),
                    "type": text(column.type),
                    "how": column.how,
                    "confidence": column.confidence,
                    "filled": round(column.filled, 4),
                    "readable": None if column.readable is None else round(column.readable, 4),
                    "samples": list(column.samples),
                }
                for column in self.columns
            ],
            "proposals": [
                {"header": match.header, "column": match.column, "confidence": match.confidence}
                for match in self.proposals
            ],
            "missing": list(self.missing),
            "notes": [text(note) for note in self._remarks()],
        }

    def _repr_html_(self) -> str:
        from crmlab.view.tables import Column, Table

        rows = [self._cells(column, self.language) for column in self.columns]
        names = [f"c{place}" for place in range(len(_TITLES))]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        remarks = [*self._summary(), *self._remarks()]
        table = Table(
            frame,
            [Column(name, title) for name, title in zip(names, _TITLES, strict=True)],
            Text(f"字段对应：{self.file}", f"Mapping of {self.file}"),
            Text(" ".join(line.zh for line in remarks), " ".join(line.en for line in remarks)),
            self.language,
        )
        return table._repr_html_()

    def _cells(self, column: MappedColumn, language: Language) -> list[str]:
        where = "–" if column.column is None else column.column
        if column.title:
            where += f"（{column.title.zh}）" if language == "zh" else f" ({column.title.en})"
        how = HOW[column.how].to(language) if column.how else "–"
        return [
            column.header,
            where,
            column.type.to(language) if column.type else "–",
            how if column.confidence is None else f"{how} {column.confidence:.2f}",
            f"{column.filled:.0%}",
            "–" if column.readable is None else f"{column.readable:.0%}",
            " | ".join(column.samples),
        ]

    def _summary(self) -> list[Text]:
        kind = ", ".join(
            part for part in (self.format, self.encoding, _separator(self.separator), self.sheet) if part
        )
        aside = Text("", "")
        if self.left_out:
            aside = Text(
                f"，另有 {self.left_out} 行标题、合计或说明",
                f", {self.left_out} rows of titles, totals or remarks aside",
            )
        lines = [
            Text(
                f"格式 {kind}；表头 {self.header_rows} 行，数据 {self.rows:,} 行{aside.zh}",
                f"format {kind}; {self.rows:,} rows below {self.header_rows} of header{aside.en}",
            )
        ]
        if self.preset:
            lines.append(
                Text(
                    f"识别为 {self.preset.zh}（预设 {self.preset_name}，认得 {self.known:.0%} 的表头）",
                    f"recognised as {self.preset.en} (preset {self.preset_name}, "
                    f"which knows {self.known:.0%} of the headers)",
                )
            )
        if self.table:
            name = TABLE_NAMES[self.table]
            lines.append(Text(f"数据表 {self.table}（{name.zh}）", f"table {self.table} ({name.en})"))
        return lines

    def _remarks(self) -> list[Text]:
        remarks = list(self.notes)
        if self.table is None:
            several = "、".join(self.candidates), ", ".join(self.candidates)
            remarks.append(
                Text(
                    f"表头可能属于：{several[0]}。请用 --table 指定。",
                    f"The headers fit several tables: {several[1]}. Say which with --table.",
                )
                if self.candidates
                else Text(
                    "看不出是哪张数据表。请用 --table 指定，或在研究文件的 columns 中写明对应关系。",
                    "The headers fit no table. Name one with --table, or map its columns in the study.",
                )
            )
        for column in self.missing:
            remarks.append(
                Text(
                    f"缺少必需的列 {column}；请在 columns 中写明对应的表头。",
                    f"The required column {column} is missing; map it under `columns`.",
                )
            )
        unmapped = [column.header for column in self.columns if column.column is None]
        if unmapped and not self.is_survey:
            remarks.append(
                Text(
                    f"未对应、原样保留的列（{len(unmapped)}）：{'、'.join(unmapped)}。",
                    f"Columns that are not mapped and are kept ({len(unmapped)}): {', '.join(unmapped)}.",
                )
            )
        for match in self.proposals:
            remarks.append(
                Text(
                    f"“{match.header}”像是 {match.column}（{match.confidence:.2f}），未采用；"
                    f"如属实，写 columns: {{{match.column}: {match.header}}}。",
                    f"{match.header!r} looks like {match.column} ({match.confidence:.2f}) and is not used; "
                    f"where it is, write columns: {{{match.column}: {match.header}}}.",
                )
            )
        return remarks


_TITLES = (
    Text("表头", "Header"),
    Text("标准列", "Canonical column"),
    Text("类型", "Type"),
    Text("依据与把握", "How, confidence"),
    Text("填写率", "Filled"),
    Text("可读率", "Readable"),
    Text("示例（已遮盖）", "Samples, masked"),
)


def reports(
    opened: OpenedFile, table: str | None = None, language: Language = "zh", time_zone: str = "Asia/Shanghai"
) -> list[MappingReport]:
    """Return one report per canonical table in a file; one without a table where that is not clear."""
    names = (table,) if table else opened.tables()
    if not names or (len(names) > 1 and not opened.preset):
        return [_report(opened, None, names, language, time_zone)]
    return [_report(opened, opened.as_table(name), names, language, time_zone) for name in names]


def _report(
    opened: OpenedFile, intake: Intake | None, names: Sequence[str], language: Language, time_zone: str
) -> MappingReport:
    raw = opened.raw
    notes = [*raw.notes, *notes_on(opened, intake)]
    head = raw.frame.head(TRIED_ROWS).collect()
    mapped = [unknown_column(head, header) for header in opened.headers]
    proposals: tuple[Match, ...] = ()
    missing: tuple[str, ...] = ()
    if intake and intake.survey:
        mapped = asked_questions(intake, head)
        notes += intake.survey.notes
    elif intake and intake.mapping:
        mapped = mapped_columns(intake, head, time_zone)
        proposals, missing = intake.mapping.proposals, intake.mapping.missing
        notes += value_notes(intake, head, mapped)
    return MappingReport(
        file=raw.name,
        format=raw.format,
        encoding=raw.encoding,
        separator=raw.separator,
        sheet=raw.sheet,
        header_rows=len(raw.headers),
        rows=raw.frame.select(pl.len()).collect().item(),
        left_out=raw.left_out.height,
        preset=opened.preset.title.text if opened.preset else None,
        preset_name=opened.preset.name if opened.preset else None,
        known=opened.known,
        table=intake.table if intake else None,
        candidates=tuple(names),
        columns=tuple(mapped),
        proposals=proposals,
        missing=missing,
        notes=tuple(notes),
        is_survey=bool(intake and intake.survey),
        language=language,
    )


def _separator(separator: str | None) -> str | None:
    return {"\t": "TAB"}.get(separator, separator) if separator else None


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
