"""A designed survey: its questions numbered, as a questionnaire, a codebook, and headers of answers.

The headers are those of a Wenjuanxing (wjx) export, which is read without further mapping, so what
is filled in by hand or exported by that tool comes back as feedback on the scales of the design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from crmlab.errors import ParamsError
from crmlab.labels import Language, Text
from crmlab.surveys.question_bank import BankQuestion, chosen_questions, topics

SHEET, TIME, CUSTOMER = "序号", "提交答卷时间", "客户编号"
"""The headers by which a table of answers is recognised; they are the same in both languages."""

KINDS = {
    "rating": Text("请选一个分数", "choose one number"),
    "single": Text("单选", "choose one"),
    "multiple": Text("可多选", "choose all that apply"),
    "ranking": Text("排序", "number them, 1 is first"),
    "open": Text("请填写", "in your own words"),
}
_COLUMNS = ("number", "column", "question", "part", "topic", "kind", "codes", "scale", "direction", "id")


@dataclass(frozen=True)
class SurveyDesign:
    """A survey of chosen questions, in order; ``language`` is that of codebook and answers."""

    questions: tuple[BankQuestion, ...]
    language: Language = "zh"

    @classmethod
    def of(cls, names: Sequence[str], language: Language = "zh") -> SurveyDesign:
        """Return a survey of topics and questions of the bank; ParamsError for none or an unknown one."""
        if not names:
            raise ParamsError(f"A survey needs a question. Topics of the bank: {', '.join(topics())}.")
        return cls(tuple(chosen_questions(names)), language)

    @cached_property
    def codebook(self) -> pl.DataFrame:
        """One row per column of the answers, all text.

        ``number``, ``column`` (its header), ``question``, ``part`` (row of a matrix, or option), ``topic``,
        ``kind``, ``codes`` (what a cell may hold, and what that means), ``scale`` (what the reader is told:
        a scale or a kind), ``direction`` of effort, ``id`` in the bank.
        """
        rows = []
        for number, question in enumerate(self.questions, 1):
            stem = question.text.to(self.language)
            for column, part in self._columns(number, question):
                rows.append(
                    (
                        str(number),
                        column,
                        stem,
                        part,
                        question.topic,
                        question.asks_for,
                        self._codes(question),
                        _told(question),
                        question.direction or "",
                        question.id,
                    )
                )
        return pl.DataFrame(rows, schema=dict.fromkeys(_COLUMNS, pl.String), orient="row")

    @property
    def headers(self) -> list[str]:
        """The header row of a table of answers."""
        found = [SHEET, TIME, CUSTOMER]
        for number, question in enumerate(self.questions, 1):
            columns = [column for column, _ in self._columns(number, question)]
            split = len(columns) > 1
            found += [f"{number}、{question.text.to(self.language)}"] if split else []
            found += columns
        return found

    @property
    def asked(self) -> dict[str, str]:
        """Number of each question → its scale or kind, as a study says it under ``questions``."""
        return {str(number): _told(question) for number, question in enumerate(self.questions, 1)}

    def questionnaire(self, language: Language) -> str:
        """Return the questionnaire as Markdown."""
        title = Text("客户调查问卷", "Customer survey").to(language)
        thanks = Text(
            "感谢您抽出几分钟。答案没有对错，仅用于改进我们的产品和服务。",
            "Thank you for a few minutes. There are no wrong answers; they serve to improve what we do.",
        ).to(language)
        blocks = [f"# {title}", thanks]
        for number, question in enumerate(self.questions, 1):
            kind = KINDS[question.asks_for].to(language)
            aside = f"（{kind}）" if language == "zh" else f" ({kind})"
            blocks.append(f"**{number}. {question.text.to(language)}**{aside}")
            blocks.append(_form(question, language))
        return "\n\n".join(blocks) + "\n"

    def _columns(self, number: int, question: BankQuestion) -> list[tuple[str, str]]:
        """Return header and part of each column of a question."""
        parts = question.rows or (question.options if question.asks_for in ("multiple", "ranking") else None)
        if parts is None:
            return [(f"{number}、{question.text.to(self.language)}", "")]
        return [(f"第{number}题({part})", part) for part in parts.to(self.language)]

    def _codes(self, question: BankQuestion) -> str:
        language = self.language
        if question.asks_for == "open":
            return Text("文字", "text").to(language)
        if question.asks_for == "multiple":
            return Text("1 = 选中，0 = 未选", "1 = chosen, 0 = not chosen").to(language)
        if question.asks_for == "ranking":
            return Text("1 = 第一位，2 = 第二位……", "1 = first, 2 = second …").to(language)
        answers = question.answers(language)
        if question.ends:
            low, high = question.ends.to(language)
            return f"{answers[0]} = {low} … {answers[-1]} = {high}"
        return " / ".join(answers)


def _told(question: BankQuestion) -> str:
    return question.scale or question.kind


def _form(question: BankQuestion, language: Language) -> str:
    """Return what is below a question: boxes, numbers, a table or lines to write on."""
    if question.asks_for == "open":
        return "______________________________"
    answers = question.answers(language)
    if question.rows:
        low, high = question.ends.to(language) if question.ends else ("", "")
        cells = " | ".join([f"{answers[0]} {low}".strip(), *answers[1:-1], f"{answers[-1]} {high}".strip()])
        head = [f"| | {cells} |", f"|---|{'---|' * len(answers)}"]
        return "\n".join(
            [*head, *(f"| {row} |{' ○ |' * len(answers)}" for row in question.rows.to(language))]
        )
    if question.scale and question.ends:
        low, high = question.ends.to(language)
        return f"{low} {' '.join(f'○ {answer}' for answer in answers)} {high}"
    box = {"multiple": "☐", "ranking": "__"}.get(question.asks_for, "○")
    return "\n".join(f"- {box} {answer}" for answer in answers)
