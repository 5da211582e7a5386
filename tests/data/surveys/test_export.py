"""Survey exports become one row per respondent and question, on a scale only where that is certain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from crm_exports import WJX_META, wjx_by_text, write

from crmlab.data.cleaning import clean
from crmlab.data.intake.files import Options, open_file
from crmlab.data.policy import Policy
from crmlab.data.surveys.export import SurveyTable, check_asked
from crmlab.errors import DataError, ParamsError

META = ["1", "2024/7/16 12:00:00", "123秒", "手机提交", "直接访问", "1.2.3.4(北京)"]


def survey(path: Path, rows: Sequence[Sequence[object]], **options: object) -> SurveyTable:
    encoding = "utf-16" if path.suffix == ".tsv" else "utf-8"
    write(path, rows, encoding, "\t" if path.suffix == ".tsv" else ",")
    found = open_file(path, Options(**options)).as_table("feedback").survey  # type: ignore[arg-type]
    assert found is not None
    return found


def wjx(tmp_path: Path, headers: Sequence[str], *answers: Sequence[object], **options: object) -> SurveyTable:
    sheets = [[place, *META[1:], *row] for place, row in enumerate(answers, 1)]
    return survey(tmp_path / "答卷.csv", [[*WJX_META, *headers], *sheets], **options)


def kinds(table: SurveyTable) -> dict[str, tuple[str, str | None]]:
    return {question.number: (question.kind, question.scale) for question in table.questions}


def answers(table: SurveyTable, number: str) -> list[tuple[object, ...]]:
    rows = table.frame.filter(pl.col("feedback_id").str.ends_with(f"-{number}"))
    return rows.select("answer", "text", "score", "scale").rows()


def test_wjx_by_text(tmp_path: Path) -> None:
    table = survey(tmp_path / "a.csv", wjx_by_text())
    assert kinds(table) == {
        "1": ("single", None),
        "2": ("multiple", None),
        "3": ("rating", "nps_0_10"),
        "4": ("rating", "csat_1_5"),
        "5": ("open", None),
        "6": ("personal", None),
    }
    assert answers(table, "2")[:3] == [("茶┋米", "五常", None, None)] * 2 + [("茶", None, None, None)]
    assert answers(table, "3")[0] == (None, None, "1", "nps_0_10")
    assert answers(table, "4")[:4] == [
        ("满意", None, "4", "csat_1_5"),
        ("一般", None, "3", "csat_1_5"),
        ("不满意", None, "2", "csat_1_5"),
        ("非常满意", None, "5", "csat_1_5"),
    ]
    assert {row[1] for row in answers(table, "5")} == {
        "物流很快，包装也很好",
        "客服态度差，等了很久",
        "希望多一些优惠活动",
        "味道不错，会再来",
    }
    assert table.frame.height == 60 * 4 + 48  # twelve left the last question blank
    assert table.frame["feedback_id"].is_unique().all()
    first = table.frame.row(0, named=True)
    assert (first["respondent_id"], first["given_on"], first["channel"]) == (
        "1",
        "2024/2/2 12:00:00",
        "手机提交",
    )


def test_nothing_personal_gets_into_the_feedback(tmp_path: Path) -> None:
    table = survey(tmp_path / "a.csv", wjx_by_text())
    text = table.frame.write_csv()
    assert "139000" not in text
    assert "1.2.3.4" not in text
    assert table.left_out == ("来源详情", "来自IP")
    assert table.extra.columns == [
        "source_row",
        "respondent_id",
        "来源详情",
        "来自IP",
        "6、您的手机号",
    ]
    assert table.extra.height == 60
    assert [note.zh for note in table.notes] == [
        "不是题目的列，不进入反馈表：来源详情、来自IP。",
        "第 6 题询问个人信息，未读入。",
        "跳过或未答共 12 处，不计为行。",
    ]


def test_how_long_a_sheet_took_is_read_in_seconds(tmp_path: Path) -> None:
    took = ["123秒", "123 秒", "123", "2分3秒", "1小时2分3秒", "0:02:03", "2分钟", "", "很久", "-5秒"]
    sheets = [[place, META[1], each, *META[3:], "甲"] for place, each in enumerate(took, 1)]
    table = survey(tmp_path / "a.csv", [[*WJX_META, "1、选择"], *sheets])
    seconds = table.frame["duration_seconds"].cast(pl.Float64).to_list()
    assert seconds == [123, 123, 123, 123, 3723, 123, 120, None, None, None]
    unread = [note.en for note in table.notes if "How long" in note.en]
    assert len(unread) == 1
    assert unread[0].startswith("How long 2 sheets took cannot be read")


@pytest.mark.parametrize(
    "stem",
    [
        "您的姓名",
        "手机号码：",
        "请留下您的联系方式",
        "E-mail",
        "Your name?",
        "Phone number",
        "您的收货地址是？",
        "您的姓名（必填）",
        "姓名*",
        "请留下您的姓名和手机号，以便抽奖",
        "请填写您的联系方式以便我们回访",
        "你的名字叫什么",
        "Your name (optional)",
        "Please leave your e-mail so that we can contact you",
    ],
)
def test_questions_that_ask_who_somebody_is(tmp_path: Path, stem: str) -> None:
    assert kinds(wjx(tmp_path, [f"1、{stem}"], ["甲"], ["乙"]))["1"][0] == "personal"


@pytest.mark.parametrize(
    "stem",
    [
        "您对电话客服的看法",
        "您的手机品牌",
        "您通过什么方式联系我们",
        "您所填写的手机品牌",
        "您对客服称呼您的方式怎么看",
        "What is the name of our shop?",
    ],
)
def test_questions_that_only_mention_a_phone(tmp_path: Path, stem: str) -> None:
    assert kinds(wjx(tmp_path, [f"1、{stem}"], ["甲"], ["乙"]))["1"][0] == "single"


def test_answers_that_are_contacts_are_personal_whatever_was_asked(tmp_path: Path) -> None:
    table = wjx(tmp_path, ["1、方便的话请留下"], ["13912345678"], ["a@b.cn"], ["不留"])
    assert kinds(table)["1"][0] == "personal"


def test_a_personal_question_may_be_mapped_to_the_customer(tmp_path: Path) -> None:
    headers = ["1、您的手机号", "2、您有多大可能推荐我们？"]
    table = wjx(
        tmp_path, headers, ["13912345678", 9], ["13912345679", 10], columns={"customer_id": "1、您的手机号"}
    )
    assert table.frame.select("customer_id", "score").rows() == [("13912345678", "9"), ("13912345679", "10")]
    assert "1" not in kinds(table)


def test_wjx_by_number(tmp_path: Path) -> None:
    headers = [
        "1、性别",
        "2、购买过",
        "第2题(茶)",
        "第2题(米)",
        "第3题(物流)",
        "第3题(客服)",
        "第4题(价格)",
        "第4题(质量)",
    ]
    rows = [[1, "", 1, 0, 5, 4, 1, 2], [2, "", 1, 1, 3, 3, 2, 1], [-3, "", -3, -3, -2, -2, -2, -2]]
    table = wjx(tmp_path, headers, *rows, questions={"3": "csat_1_5"})
    assert kinds(table) == {
        "1": ("single", None),
        "2": ("multiple", None),
        "3.1": ("rating", "csat_1_5"),
        "3.2": ("rating", "csat_1_5"),
        "4": ("ranking", None),
    }
    assert [row[0] for row in answers(table, "2")] == ["茶", "茶┋米"]
    assert [row[2] for row in answers(table, "3.2")] == ["4", "3"]
    assert [row[0] for row in answers(table, "4")] == ["价格→质量", "质量→价格"]
    assert [question.text for question in table.questions][1:3] == ["购买过", "第 3 题（物流、客服…）：物流"]
    assert {question.number: question.skipped for question in table.questions}["1"] == 1


def test_other_may_be_an_option_with_a_mark(tmp_path: Path) -> None:
    headers = ["第1题(茶)", "第1题(其他)", "第2题(茶)", "第2题(米)", "第2题(其他【请填写】)"]
    table = wjx(tmp_path, headers, [1, 0, 1, 0, 0], [0, 1, 0, 0, "咖啡"], [1, 1, -3, -3, -3])
    assert [row[:2] for row in answers(table, "1")] == [("茶", None), ("其他", None), ("茶┋其他", None)]
    assert [row[:2] for row in answers(table, "2")] == [("茶", None), (None, "咖啡")]


@pytest.mark.parametrize(
    ("second", "third", "day"),
    [
        ("Recorded Date", '{"ImportId":"recordedDate","timeZone":"America/Denver"}', "2024-03-02T01:00:00Z"),
        ("Recorded Date", '{"ImportId":"recordedDate","timeZone":"Z"}', "2024-03-01T18:00:00Z"),
        ("Recorded Date", '{"ImportId":"recordedDate"}', "2024-03-01 18:00:00"),
    ],
)
def test_times_of_the_zone_that_the_header_names(tmp_path: Path, second: str, third: str, day: str) -> None:
    rows = [
        ["ResponseId", "RecordedDate", "Finished", "Q1"],
        ["Response ID", second, "Finished", "Why?"],
        ['{"ImportId":"_recordId"}', third, '{"ImportId":"finished"}', '{"ImportId":"QID1"}'],
        ["R_1", "2024-03-01 18:00:00", "True", "because"],
    ]
    assert survey(tmp_path / "q.csv", rows).frame["given_on"].to_list() == [day]


def test_the_day_of_a_time_in_utc_is_that_of_the_study(tmp_path: Path) -> None:
    rows = [["#", "Why?", "Submit Date (UTC)"], ["a", "because", "2024-03-01 16:30:00"]]
    frame = survey(tmp_path / "t.csv", rows).frame
    cleaned = clean("feedback", frame.lazy(), "Asia/Shanghai", Policy())
    assert cleaned.table["given_on"].to_list() == [date(2024, 3, 2)]


@pytest.mark.parametrize(
    ("last", "dates", "given"),
    [
        ("03/25/2024", None, ["2024-03-04 00:00:00", "2024-03-25 00:00:00"]),
        ("25/03/2024", None, ["03/04/2024", "25/03/2024"]),
        ("25/03/2024", {"given_on": "%d/%m/%Y"}, ["2024-04-03 00:00:00", "2024-03-25 00:00:00"]),
    ],
)
def test_month_first_only_where_every_date_allows_it(
    tmp_path: Path, last: str, dates: dict[str, str] | None, given: list[str]
) -> None:
    rows = [
        ["Respondent ID", "Collector ID", "End Date", "Why?"],
        ["", "", "", "Open-Ended Response"],
        ["1", "9", "03/04/2024", "so"],
        ["2", "9", last, "so"],
    ]
    assert survey(tmp_path / "s.csv", rows, dates=dates).frame["given_on"].to_list() == given


@pytest.mark.parametrize(
    ("headers", "first"),
    [
        (["ResponseId", "RecordedDate", "Finished", "Why?"], "R_1"),
        (["Respondent ID", "Collector ID", "End Date", "Why?"], "118000001"),
    ],
)
def test_header_rows_that_were_taken_out(tmp_path: Path, headers: list[str], first: str) -> None:
    sheets = [
        [f"{first}{place}", f"2024-03-0{place} 10:00:00", f"2024-03-0{place} 10:00:00", "so"]
        for place in (1, 2, 3)
    ]
    for rows in ([headers, *sheets], [headers, ["", "", "", "Open-Ended Response"], *sheets]):
        for stated in ({}, {"preset": "qualtrics" if first == "R_1" else "surveymonkey"}):
            table = survey(tmp_path / "a.csv", rows, **stated)
            assert table.respondents == 3
            assert table.frame["respondent_id"].to_list() == [sheet[0] for sheet in sheets]


def test_numbers_of_options_are_no_scores(tmp_path: Path) -> None:
    headers = ["1、您对我们满意吗", "第2题(茶)", "第2题(米)"]
    table = wjx(tmp_path, headers, [1, 1, 0], [5, 0, 1])
    assert kinds(table)["1"] == ("single", None)
    assert any("量表不明" in note.zh and "'1': csat_1_5" in note.zh for note in table.notes)


def test_ranking_as_text_and_matrix_with_stems(tmp_path: Path) -> None:
    headers = ["1、请排序", "2、您对以下方面满意吗—物流", "2、您对以下方面满意吗—客服"]
    table = wjx(tmp_path, headers, ["茶→米", 5, 4], ["米→茶", 3, 1])
    assert kinds(table) == {
        "1": ("ranking", None),
        "2.1": ("rating", "csat_1_5"),
        "2.2": ("rating", "csat_1_5"),
    }
    assert [question.text for question in table.questions][1:] == [
        "您对以下方面满意吗：物流",
        "您对以下方面满意吗：客服",
    ]


@pytest.mark.parametrize(
    ("stem", "given", "expected"),
    [
        ("您有多大可能推荐我们", ["0", "5"], "nps_0_10"),
        ("您有多大可能推荐我们", ["9分", "10分"], "nps_0_10"),
        ("您有多大可能推荐我们", ["1", "5"], None),  # of five or of ten?
        ("您有多大可能推荐我们", ["11", "10"], None),
        ("您满意吗", ["1", "5"], "csat_1_5"),
        ("您满意吗", ["1", "7"], "csat_1_7"),
        ("您满意吗", ["3", "9"], None),  # of ten, which is no scale here
        ("您满意吗", ["0", "5"], None),
        ("办理容易吗", ["2", "6"], "ces_1_7"),
        ("办理容易吗", ["2", "5"], None),
        ("您家有几口人", ["1", "5"], None),
        ("您满意吗", ["5星", "4星"], "csat_1_5"),
        ("您满意吗", ["比较满意", "满意"], None),  # two labels for one place
        ("How satisfied are you?", ["Very satisfied", "Neutral"], "csat_1_5"),
    ],
)
def test_scales(tmp_path: Path, stem: str, given: list[str], expected: str | None) -> None:
    table = wjx(tmp_path, [f"1、{stem}"], *[[value] for value in given])
    assert table.questions[0].scale == expected
    scores = table.frame["score"].to_list()
    assert all(score is not None for score in scores) == (expected is not None)


def test_the_scale_of_the_study_is_for_what_fits_it(tmp_path: Path) -> None:
    table = wjx(tmp_path, ["1、整体打分", "2、家庭人数"], [5, 12], [1, 3], scale="csat_1_5")
    assert kinds(table) == {"1": ("rating", "csat_1_5"), "2": ("single", None)}


def test_a_stated_scale_goes_before_everything(tmp_path: Path) -> None:
    table = wjx(tmp_path, ["1、推荐"], [9], [3], ["说不好"], questions={"1": "nps_0_10"})
    assert table.questions[0].why == "params"
    # What is on no scale is left to cleaning, which rejects and counts it.
    assert [row[2] for row in answers(table, "1")] == ["9", "3", "说不好"]


def test_surveymonkey_expanded(tmp_path: Path) -> None:
    rows = [
        ["Respondent ID", "Collector ID", "Start Date", "End Date", "IP Address", "What do you buy?", "", "",
         "How likely is it that you would recommend us?", "Anything else?"],
        ["", "", "", "", "", "Tea", "Rice", "Other (please specify)", "Response", "Open-Ended Response"],
        ["11", "5", "03/05/2024 01:00:00 PM", "03/05/2024 01:10:00 PM", "::1",
         "Tea", "", "Milk", "9", "Nice"],
        ["12", "5", "03/05/2024 01:00:00 PM", "12/31/2024 12:10:00 AM", "::1",
         "Tea", "Rice", "", "0", ""],
    ]  # fmt: skip
    table = survey(tmp_path / "monkey.csv", rows)
    assert kinds(table) == {"1": ("multiple", None), "2": ("rating", "nps_0_10"), "3": ("open", None)}
    assert answers(table, "1") == [("Tea", "Milk", None, None), ("Tea┋Rice", None, None, None)]
    assert table.frame["given_on"].unique().sort().to_list() == ["2024-03-05 13:10:00", "2024-12-31 00:10:00"]
    assert "::1" not in table.frame.write_csv()


def test_surveymonkey_condensed(tmp_path: Path) -> None:
    rows = [
        ["Respondent ID", "Collector ID", "Start Date", "End Date", "How satisfied are you?"],
        ["", "", "", "", "Response"],
        ["11", "5", "03/05/2024 01:00:00 PM", "03/05/2024 01:10:00 PM", "Very satisfied"],
        ["12", "5", "03/05/2024 01:00:00 PM", "03/06/2024 01:10:00 PM", "Dissatisfied"],
    ]
    assert answers(survey(tmp_path / "monkey.csv", rows), "1") == [
        ("Very satisfied", None, "5", "csat_1_5"),
        ("Dissatisfied", None, "2", "csat_1_5"),
    ]


def test_qualtrics_in_utf_16(tmp_path: Path) -> None:
    tags = ["StartDate", "Status", "IPAddress", "Progress", "Finished", "RecordedDate", "ResponseId",
            "UserLanguage", "Q1", "Q2", "Q3_1", "Q3_2", "Q3_2_TEXT", "Q4_NPS_GROUP", "Q4"]  # fmt: skip
    texts = [*tags[:8], "Gender<br>", "What do you buy?", "Which? - Shop", "Which? - Other",
             "Which? - Other - Text", "NPS", "How likely are you to recommend us?"]  # fmt: skip
    ids = [f'{{"ImportId":"QID{place}"}}' for place in range(len(tags))]
    people = [
        ["IP Address", "R_1", "Tea,Rice", "Shop", "Other", "fair", "Promoter", 9],
        ["Survey Preview", "R_2", "Tea", "Shop", "", "", "Promoter", 10],
        ["IP Address", "R_3", "Rice", "Shop", "", "", "Detractor", 3],
        ["IP Address", "R_4", "Tea", "", "Other", "", "Promoter", 10],
    ]
    rows = [
        ["2024-01-01", status, "1.1.1.1", 100, "True", "2024-01-02 03:04:05", person, "ZH-S", "F", *rest]
        for status, person, *rest in people
    ]
    table = survey(tmp_path / "q.tsv", [tags, texts, ids, *rows])
    assert (table.respondents, table.dropped) == (3, 1)
    assert kinds(table) == {
        "Q1": ("single", None),
        "Q2": ("multiple", None),
        "Q3": ("multiple", None),
        "Q4": ("rating", "nps_0_10"),
    }
    assert [row[0] for row in answers(table, "Q2")] == ["Tea┋Rice", "Rice", "Tea"]
    assert answers(table, "Q3")[0] == ("Shop┋Other", "fair", None, None)
    assert table.questions[0].text == "Gender"
    assert table.frame["language"].unique().to_list() == ["ZH-S"]
    assert table.notes[0].en == "1 previews or tests were left out."


def test_typeform_options_in_columns(tmp_path: Path) -> None:
    rows = [
        [
            "#",
            "How satisfied are you?",
            "Tea",
            "Rice",
            "Other",
            "Why?",
            "Start Date (UTC)",
            "Submit Date (UTC)",
        ],
        ["a", 5, "Tea", "", "", "so good", "2024-01-01 00:00:00", "2024-01-01 00:10:00"],
        ["b", 4, "", "Rice", "Milk", "", "2024-01-01 00:00:00", "2024-01-02 00:10:00"],
    ]
    table = survey(tmp_path / "t.csv", rows)
    assert kinds(table) == {"1": ("rating", "csat_1_5"), "2": ("multiple", None), "3": ("open", None)}
    assert answers(table, "2") == [("Tea", None, None, None), ("Rice", "Milk", None, None)]


def test_answer_sheets_without_a_name_of_their_own(tmp_path: Path) -> None:
    sheets = [["7", *META[1:], "甲"], ["7", *META[1:], "乙"]]
    table = survey(tmp_path / "a.csv", [[*WJX_META, "1、选择"], *sheets])
    assert table.frame["respondent_id"].to_list() == ["row-1", "row-2"]


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(
        ParamsError, match=r"`questions` names '7', and the survey has no such question.*It has: 1\."
    ):
        wjx(tmp_path, ["1、选择"], ["甲"], questions={"7": "open"})
    with pytest.raises(DataError, match=r"The survey has no column '2、选择'\. Did you mean '1、选择'\?"):
        wjx(tmp_path, ["1、选择"], ["甲"], columns={"customer_id": "2、选择"})
    assert check_asked({"1": "open", "2": "nps_0_10"}) == []
    assert check_asked({"1": "nps"})[0].startswith(
        "questions.1: no kind or scale is named 'nps'. Did you mean"
    )


def test_a_survey_without_answers(tmp_path: Path) -> None:
    table = wjx(tmp_path, ["1、选择", "2、您的建议"])
    assert (table.frame.height, table.respondents) == (0, 0)
    assert [question.answered for question in table.questions] == [0, 0]
