"""Write a designed survey: questionnaire, codebook, a workbook of both, and a blank table of answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab.errors import DataError
from crmlab.labels import Text

if TYPE_CHECKING:
    from crmlab.surveys.design import SurveyDesign

CREATED = datetime(2000, 1, 1)
"""The same on every day, so that the same design is the same bytes."""

_SHEETS = (Text("问卷", "Questionnaire"), Text("编码表", "Codebook"))
_WIDTH = 28


def design_files(design: SurveyDesign, folder: Path, *, force: bool = False) -> list[Path]:
    """Write all files of a design into ``folder`` and return their paths.

    ``questionnaire.zh.md`` and ``.en.md``, ``codebook.csv`` and ``.md``, ``survey.xlsx`` (questionnaire and
    codebook), ``answers.xlsx`` (blank, with the headers to be read again) and ``study.yaml`` (how a study
    reads them). Raises DataError where a file is there and ``force`` is not given, or cannot be written.
    """
    texts = {
        "questionnaire.zh.md": design.questionnaire("zh"),
        "questionnaire.en.md": design.questionnaire("en"),
        "codebook.csv": "\ufeff" + design.codebook.write_csv(),
        "codebook.md": _markdown(design),
        "study.yaml": _study(design),
    }
    books = ("survey.xlsx", "answers.xlsx")
    paths = [folder / name for name in (*texts, *books)]
    there = [path.name for path in paths if path.exists()]
    if there and not force:
        raise DataError(
            f"{folder} has these files already: {', '.join(there)}. Choose another folder, or write over "
            "them with --force."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        language = design.language
        lines = [[line] for line in design.questionnaire(language).splitlines()]
        codebook = [design.codebook.columns, *map(list, design.codebook.iter_rows())]
        names = [sheet.to(language) for sheet in _SHEETS]
        _workbook(folder / books[0], dict(zip(names, (lines, codebook), strict=True)))
        _workbook(folder / books[1], {Text("答卷", "Answers").to(language): [design.headers]})
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}.") from None
    return paths


def _study(design: SurveyDesign) -> str:
    import yaml

    from crmlab.surveys.design import CUSTOMER

    file = {
        "path": "answers.xlsx",
        "preset": "wjx",
        "columns": {"customer_id": CUSTOMER},
        "questions": design.asked,
    }
    source = {"data": [{"source": "files", "files": {"feedback": file}}]}
    effort = next((question.direction for question in design.questions if question.direction), None)
    settings = {"surveys": {"ces_direction": effort}} if effort else {}
    comment = Text(
        "# 填好或导出的答卷这样读入研究；也可改成问卷星导出文件的路径。",
        "# How a study reads the answers; the path may be that of an export.",
    ).to(design.language)
    return f"{comment}\n{yaml.safe_dump({**source, **settings}, allow_unicode=True, sort_keys=False)}"


def _markdown(design: SurveyDesign) -> str:
    """Return the codebook as a Markdown table."""
    book = design.codebook

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(book.columns), "|---" * book.width + "|", *map(line, book.iter_rows())]) + "\n"


def _workbook(path: Path, sheets: dict[str, list[list[str]]]) -> None:
    """Write sheets of texts; nothing in them is a formula or a link."""
    import xlsxwriter

    options = {"strings_to_urls": False, "strings_to_formulas": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": CREATED})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        plain = book.add_format({"text_wrap": True, "valign": "top"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.set_column(0, max(len(rows[0]) - 1, 0), 90 if len(rows[0]) == 1 else _WIDTH)
            sheet.freeze_panes(1, 0)
            for place, row in enumerate(rows):
                for column, cell in enumerate(row):
                    sheet.write_string(place, column, cell, plain if place else bold)
