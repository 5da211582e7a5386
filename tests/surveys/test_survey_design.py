from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import crmlab
from crmlab.errors import DataError, ParamsError
from crmlab.surveys.design import SurveyDesign
from crmlab.surveys.design_files import design_files
from crmlab.surveys.question_bank import BankQuestion, question_bank, topics

NAMES = ("nps", "csat", "ces", "experience", "needs", "reasons", "loyalty")


def filled(design: SurveyDesign, sheets: int) -> pl.DataFrame:
    """Fill in as many sheets, as somebody would who goes by the codebook."""
    rows = []
    for sheet in range(sheets):
        row: dict[str, str] = dict.fromkeys(design.headers, "")
        row |= {"序号": str(sheet + 1), "提交答卷时间": "2024-05-01 10:00:00", "客户编号": f"C{sheet % 40}"}
        for number, question in enumerate(design.questions, 1):
            columns = design.codebook.filter(number=str(number))["column"].to_list()
            answers = question.answers(design.language)
            for place, column in enumerate(columns):
                if question.asks_for == "open":
                    row[column] = f"第 {sheet} 个人写下的一段比较长的话" if sheet % 2 else ""
                elif question.asks_for == "multiple":
                    row[column] = str(int((sheet + place) % 3 == 0))
                elif question.asks_for == "ranking":
                    row[column] = str((sheet + place) % len(columns) + 1)
                else:
                    row[column] = answers[(sheet * 7 + place) % len(answers)]
        rows.append(row)
    return pl.DataFrame(rows, schema=dict.fromkeys(design.headers, pl.String))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_designed_comes_back_as_what_was_asked(
    tmp_path: Path, language: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("CRMLAB_KEY_FOLDER", str(tmp_path / "key"))
    design = SurveyDesign.of(NAMES, language)
    design_files(design, tmp_path)
    blank = pl.read_excel(tmp_path / "answers.xlsx", has_header=False)
    assert list(blank.row(0)) == design.headers
    study = yaml.safe_load((tmp_path / "study.yaml").read_text(encoding="utf-8"))
    file = study["data"][0]["files"]["feedback"]
    assert file["questions"] == design.asked
    book = pl.read_csv(tmp_path / "codebook.csv", infer_schema=False)
    assert dict(book.select("number", "scale").iter_rows()) == design.asked
    filled(design, 60).write_excel(tmp_path / "answers.xlsx", autofit=False)
    file["path"] = str(tmp_path / "answers.xlsx")
    lab = crmlab.open(data=study["data"], surveys=study["surveys"], as_of="2024-06-30", language=language)
    sheets = lab.surveys.sheets
    assert (sheets.n, sheets.people) == (60, 40)
    expected = []
    for question in design.questions:
        kind = "labelled" if question.words else question.asks_for
        expected += [(kind, question.scale or question.words)] * len(
            question.rows.zh if question.rows else [0]
        )
    assert [(asked.kind, asked.scale) for asked in sheets.questions] == expected
    matrices = [question.title for question in lab.surveys.questions if question.kind == "matrix"]
    assert matrices == [question.text.to(language) for question in design.questions if question.rows]


def test_the_questionnaire_has_every_question_and_answer() -> None:
    design = SurveyDesign.of(topics())
    for language in ("zh", "en"):
        written = design.questionnaire(language)
        for question in design.questions:
            assert question.text.to(language) in written
            for answer in question.answers(language):
                assert answer in written


def test_the_same_design_is_the_same_bytes(tmp_path: Path) -> None:
    design = SurveyDesign.of(["nps", "needs"])
    first = design_files(design, tmp_path / "a")
    second = design_files(design, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_existing_files_are_not_written_over(tmp_path: Path) -> None:
    design = SurveyDesign.of(["nps"])
    design_files(design, tmp_path)
    with pytest.raises(DataError, match=r"codebook\.csv"):
        design_files(design, tmp_path)
    design_files(SurveyDesign.of(["csat"]), tmp_path, force=True)
    book = pl.read_csv(tmp_path / "codebook.csv")
    assert book["scale"].to_list() == ["csat_1_5", "open"]


def test_a_table_of_ratings_says_which_end_is_good() -> None:
    design = SurveyDesign.of(["experience"])
    assert "| 1 非常不满意 | 2 | 3 | 4 | 5 非常满意 |" in design.questionnaire("zh")
    assert "| 1 Very dissatisfied | 2 | 3 | 4 | 5 Very satisfied |" in design.questionnaire("en")


def test_unknown_topics_are_an_error_with_a_suggestion() -> None:
    with pytest.raises(ParamsError, match="Did you mean 'csat'"):
        SurveyDesign.of(["csta"])
    with pytest.raises(ParamsError, match=r"needs a question.*nps, csat, ces"):
        SurveyDesign.of([])
    assert [question.id for question in SurveyDesign.of(["csat", "nps", "csat"]).questions] == [
        *("csat", "csat_reason", "nps", "nps_reason")
    ]


def test_the_bank_covers_what_is_usually_asked() -> None:
    assert {"nps", "csat", "ces", "needs", "reasons", "service", "delivery", "open"} <= set(topics())
    ids = [question.id for question in question_bank()]
    assert len(set(ids)) == len(ids) >= 30
    assert {question.asks_for for question in question_bank()} == {
        *("rating", "single", "multiple", "ranking", "open")
    }


@pytest.mark.parametrize("question", question_bank(), ids=lambda question: question.id)
def test_every_question_is_whole_in_both_languages(question: BankQuestion) -> None:
    import re

    texts_zh = [question.zh, question.why.zh, *(question.rows.zh if question.rows else [])]
    texts_en = [question.en, question.why.en, *(question.rows.en if question.rows else [])]
    assert all(re.search("[\u3400-\u9fff]", text) for text in texts_zh)
    assert not any(re.search("[\u3400-\u9fff，。；：（）]", text) for text in texts_en)
    assert all("NPS" in text or not re.search(r"[,;?]", text) for text in texts_zh)
    assert len(set(question.answers("zh"))) == len(question.answers("zh"))


def test_answers_saved_by_a_chinese_excel_as_csv_are_read(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CRMLAB_KEY_FOLDER", str(tmp_path / "key"))
    design = SurveyDesign.of(["nps", "reasons", "experience"])
    text = filled(design, 20).write_csv(line_terminator="\r\n")
    (tmp_path / "答卷.csv").write_bytes(text.encode("gbk"))
    design_files(design, tmp_path)
    study = yaml.safe_load((tmp_path / "study.yaml").read_text(encoding="utf-8"))
    study["data"][0]["files"]["feedback"]["path"] = str(tmp_path / "答卷.csv")
    sheets = crmlab.open(data=study["data"], as_of="2024-06-30").surveys.sheets
    assert sheets.n == 20
    nps = next(asked for asked in sheets.questions if asked.scale == "nps_0_10")
    assert nps.title == "您有多大可能把我们推荐给亲友或同事？"
    assert sorted(nps.frame["score"].to_list()) == sorted(sheet * 7 % 11 for sheet in range(20))
