from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest

from crmlab.errors import DataError
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.surveys import Surveys
from crmlab.surveys.choices import ChoiceQuestion
from crmlab.surveys.rankings import RankingQuestion
from crmlab.surveys.scales import ScaleQuestion
from crmlab.surveys.wordings import wording_of
from crmlab.view.findings import Note
from crmlab.view.tables import Table

Make = Callable[..., Lab]


def survey(make_lab: Make, csv: str, **settings: Any) -> Surveys:
    return make_lab({"feedback": csv}, **settings).surveys


def test_shares_of_a_multiple_choice_are_of_respondents_not_of_ticks(make_lab: Make, sheets_csv: Any) -> None:
    answers = ["甲┋乙"] * 20 + ["甲"] * 10 + ["乙┋乙"] * 10
    (question,) = survey(make_lab, sheets_csv([{"为什么": answer} for answer in answers])).questions
    assert isinstance(question, ChoiceQuestion)
    assert (question.kind, question.n) == ("multiple", 40)
    first, second = question.summary.iter_rows(named=True)
    assert (first["option"], first["count"], first["share"]) == ("乙", 30, 0.75) or first["option"] == "甲"
    assert {row["option"]: row["share"] for row in (first, second)} == {"甲": 0.75, "乙": 0.75}
    assert (first["low"], first["high"]) == pytest.approx(wilson(30, 40))


def test_options_chosen_together(make_lab: Make, sheets_csv: Any) -> None:
    answers = ["甲┋乙"] * 20 + ["甲"] * 10 + ["乙"] * 10
    (question,) = survey(make_lab, sheets_csv([{"为什么": answer} for answer in answers])).questions
    assert isinstance(question, ChoiceQuestion)
    ((first, second, count, share, lift),) = question.together.iter_rows()
    assert ({first, second}, count, share) == ({"甲", "乙"}, 20, 0.5)
    assert lift == pytest.approx(0.5 / (0.75 * 0.75))


def test_options_of_few_people_are_not_shown_alone(make_lab: Make, sheets_csv: Any) -> None:
    answers = ["甲"] * 30 + ["乙"] * 20 + ["丙"] * 2 + ["丁"] * 3
    lab = make_lab({"feedback": sheets_csv([{"哪个": answer} for answer in answers])})
    (question,) = lab.surveys.questions
    assert question.summary["option"].to_list() == ["甲", "乙", None]
    assert question.summary["count"].to_list() == [30, 20, 5]
    shown = str(question.table()._repr_mimebundle_())  # type: ignore[union-attr]
    assert "丙" not in shown
    assert "丁" not in shown


def test_a_rare_tick_keeps_its_row_without_figures(make_lab: Make, sheets_csv: Any) -> None:
    answers = ["甲┋乙"] * 2 + ["甲"] * 20 + ["丙"] * 20
    (question,) = survey(make_lab, sheets_csv([{"为什么": answer} for answer in answers])).questions
    assert question.summary["option"].to_list()[-1] == "乙"
    assert question.summary["share"].to_list()[-1] is None


def test_a_likert_question_in_words(make_lab: Make, sheets_csv: Any) -> None:
    levels = ["非常满意"] * 10 + ["满意"] * 20 + ["一般"] * 10 + ["不满意"] * 5 + ["非常不满意"] * 5
    (question,) = survey(make_lab, sheets_csv([{"服务如何": level} for level in levels])).questions
    assert isinstance(question, ScaleQuestion)
    assert question.kind == "labelled"
    row = question.summary.row(0, named=True)
    mean = (10 * 5 + 20 * 4 + 10 * 3 + 5 * 2 + 5) / 50
    assert (row["mean"], row["top"], row["bottom"]) == pytest.approx((mean, 0.6, 0.2))
    deviation = sqrt(
        sum((value - mean) ** 2 for value in [5] * 10 + [4] * 20 + [3] * 10 + [2] * 5 + [1] * 5) / 49
    )
    # t with 49 degrees of freedom: 2.0096.
    assert row["mean_high"] - mean == pytest.approx(2.0096 * deviation / sqrt(50), abs=1e-4)
    assert question.levels["count"].to_list() == [5, 5, 10, 20, 10]


def test_levels_of_few_people_become_bad_neither_good(make_lab: Make, sheets_csv: Any) -> None:
    levels = ["非常满意"] * 10 + ["满意"] * 20 + ["一般"] * 10 + ["不满意"] * 5 + ["非常不满意"] * 3
    (question,) = survey(make_lab, sheets_csv([{"服务如何": level} for level in levels])).questions
    assert isinstance(question, ScaleQuestion)
    assert question.levels["pole"].to_list() == ["bad", "neither", "good"]
    assert question.levels["count"].to_list() == [8, 10, 30]


def test_rows_of_one_stem_are_a_matrix(make_lab: Make, sheets_csv: Any, check_chart: Any) -> None:
    sheets = [
        {"请评价：质量": (5 - place % 2, "csat_1_5"), "请评价：价格": (place % 5 + 1, "csat_1_5")}
        for place in range(50)
    ]
    lab = make_lab({"feedback": sheets_csv(sheets)})
    (question,) = lab.surveys.questions
    assert (question.kind, question.title) == ("matrix", "请评价")
    assert question.summary["question"].to_list() == ["质量", "价格"]
    assert question.summary["mean"].to_list() == [4.5, 3.0]
    check_chart(question.chart(), "zh")


@pytest.mark.parametrize(
    ("direction", "best", "top"), [("high_is_easy", "轻松", 1.0), ("low_is_easy", "累人", 0.0)]
)
def test_the_direction_of_effort_is_the_studys(
    make_lab: Make, sheets_csv: Any, direction: str, best: str, top: float
) -> None:
    sheets = [{"办事：轻松": (7, "ces_1_7"), "办事：累人": (1, "ces_1_7")}] * 20
    lab = make_lab({"feedback": sheets_csv(sheets)}, surveys={"ces_direction": direction})
    (question,) = lab.surveys.questions
    assert question.summary["question"][0] == best
    share = {row["question"]: row["top"] for row in question.summary.iter_rows(named=True)}
    assert share["轻松"] == top
    ratings = {rating.question: rating for rating in lab.surveys.ratings}
    assert ratings["办事：轻松"].value == top
    table = lab.surveys.ratings_table()
    assert isinstance(table, Table)
    assert ("7 分最轻松" if direction == "high_is_easy" else "1 分最轻松") in table.to_html()


def test_a_ranking_gives_the_places_left_to_what_was_not_ranked(make_lab: Make, sheets_csv: Any) -> None:
    answers = ["质量→价格→速度"] * 10 + ["价格→质量→速度"] * 10 + ["质量"] * 10
    (question,) = survey(make_lab, sheets_csv([{"排序": answer} for answer in answers])).questions
    assert isinstance(question, RankingQuestion)
    found = {row["option"]: row for row in question.summary.iter_rows(named=True)}
    assert found["质量"]["mean_rank"] == pytest.approx((1 * 10 + 2 * 10 + 1 * 10) / 30)
    assert found["价格"]["mean_rank"] == pytest.approx((2 * 10 + 1 * 10 + 2.5 * 10) / 30)
    assert found["质量"]["first_share"] == pytest.approx(20 / 30)
    assert sum(row["mean_rank"] for row in found.values()) == pytest.approx(1 + 2 + 3)


def test_first_places_of_few_cannot_be_computed_from_the_rest(make_lab: Make, sheets_csv: Any) -> None:
    answers = ["甲→乙→丙"] * 20 + ["乙→甲→丙"] * 15 + ["丙→甲→乙"] * 2
    (question,) = survey(make_lab, sheets_csv([{"排序": answer} for answer in answers])).questions
    assert isinstance(question, RankingQuestion)
    firsts = dict(question.summary.select("option", "first_share").iter_rows())
    assert firsts == {"甲": pytest.approx(20 / 37), "乙": None, "丙": None}


def test_every_question_can_be_shown_in_both_languages(
    make_lab: Make, sheets_csv: Any, check_chart: Any
) -> None:
    places = range(60)
    sheets = [
        {
            "推荐": (place % 11, "nps_0_10"),
            "哪里": ("店", "网")[place % 2],
            "原因": ("甲┋乙", "乙", "甲")[place % 3],
            "态度": ("满意", "一般", "不满意")[place % 3],
            "先后": ("一→二", "二→一")[place % 2],
        }
        for place in places
    ]
    for language in ("zh", "en"):
        surveys = survey(make_lab, sheets_csv(sheets), language=language)
        assert [question.kind for question in surveys.questions] == [
            *("rating", "single", "multiple", "labelled", "ranking")
        ]
        for question in surveys.questions:
            chart = question.chart()
            assert not isinstance(chart, Note)
            assert chart.to_dict()["title"]["subtitle"]
            assert isinstance(question.table(), Table)
            assert str(question.n) in question.note().plain()
        assert len(surveys.question_views().parts) == 6  # type: ignore[union-attr]
        assert isinstance(surveys.overview_table(), Table)
        assert set(surveys.saved_tables()) == {f"survey_question_0{place}" for place in range(1, 6)}


def test_few_respondents_are_not_shown_at_all(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [{"哪里": "店", "推荐": (9, "nps_0_10"), "先后": "一→二"}] * 4
    surveys = survey(make_lab, sheets_csv(sheets))
    for question in surveys.questions:
        assert isinstance(question.chart(), Note)
        assert isinstance(question.table(), Note)
        assert isinstance(question.note(), Note)
    assert isinstance(surveys.ratings_table(), Note)


def test_without_a_survey_every_part_says_what_is_missing(make_lab: Make) -> None:
    lab = make_lab({"feedback": "feedback_id,text\n1,很好\n"})
    parts = [
        lab.surveys.ratings_table(),
        lab.surveys.question_views(),
        lab.surveys.crosstab("a", "b"),
        lab.surveys.reliability_table(),
        lab.surveys.careless_table(),
        lab.surveys.weighted_table(),
        lab.surveys.response.chart(),
        lab.surveys.response.table(),
        lab.surveys.response.note(),
        lab.surveys.waves.chart(),
        lab.surveys.waves.table(),
        lab.surveys.waves.note(),
    ]
    assert all(isinstance(part, Note) and part.plain() for part in parts)
    assert lab.surveys.questions == []
    assert lab.surveys.saved_tables() == {}


def test_the_first_answer_of_a_sheet_counts(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [{"哪里": "店", "respondent_id": "a"}, {"哪里": "网", "respondent_id": "a"}]
    surveys = survey(make_lab, sheets_csv(sheets))
    assert (surveys.sheets.n, surveys.sheets.repeated) == (1, 1)


def test_contacts_in_questions_and_options_are_masked(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [{"请拨打 13812345678 反馈吗": "会打 13812345678"}] * 10
    surveys = survey(make_lab, sheets_csv(sheets))
    (question,) = surveys.questions
    shown = str(question.table()._repr_mimebundle_()) + str(question.chart().to_dict())  # type: ignore[union-attr]
    assert "13812345678" not in shown


def test_two_scales_of_one_question_are_two_questions(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [{"满意吗": (5, "csat_1_5")}] * 10 + [{"满意吗": (6, "csat_1_7")}] * 10
    surveys = survey(make_lab, sheets_csv(sheets))
    assert [question.asked[0].scale for question in surveys.questions] == ["csat_1_5", "csat_1_7"]  # type: ignore[union-attr]
    assert [rating.n for rating in surveys.ratings] == [10, 10]


def test_answers_in_words_are_known_only_where_all_of_them_are() -> None:
    known = wording_of({"满意", "非常不满意", "不适用"})
    assert known is not None
    assert (known.id, known.place("比较满意")) == ("satisfaction", 4)
    assert wording_of({"满意", "随便"}) is None
    assert wording_of({"Agree", "strongly disagree"}).id == "agreement"  # type: ignore[union-attr]
    assert wording_of({"满意"}) is None


def test_a_score_that_the_scale_does_not_have_is_refused() -> None:
    import polars as pl

    from crmlab.surveys.sheets import Sheets

    row = {"feedback_id": "1", "customer_id": None, "respondent_id": "r", "question": "推荐", "answer": None}
    frame = pl.DataFrame([{**row, "score": 11.0, "scale": "nps_0_10"}])
    with pytest.raises(DataError, match="from 0 to 10"):
        Sheets(frame.with_columns(pl.col("customer_id", "answer").cast(pl.String)))


def test_a_question_answered_twice_on_a_sheet_counts_once_everywhere(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [{"推荐？": (place % 11, "nps_0_10"), "respondent_id": f"r{place}"} for place in range(40)]
    sheets += [{"推荐？ ": (10, "nps_0_10"), "respondent_id": f"r{place}"} for place in range(6)]
    reviews = "".join(f"v{place},,2024-06-01,,5,csat_1_5,,,,,\n" for place in range(6))
    surveys = survey(make_lab, sheets_csv(sheets) + reviews)
    assert surveys.sheets.repeated == 6
    assert [(rating.scale, rating.n) for rating in surveys.ratings] == [("nps_0_10", 40), ("csat_1_5", 6)]
    (question,) = surveys.questions
    assert question.n == 40


def test_the_groups_of_the_nps_go_by_their_names(make_lab: Make, sheets_csv: Any, check_chart: Any) -> None:
    (question,) = survey(
        make_lab, sheets_csv([{"推荐？": (place % 11, "nps_0_10")} for place in range(110)])
    ).questions
    assert isinstance(question, ScaleQuestion)
    assert question.levels["level"].to_list() == ["贬损者", "中立者", "推荐者"]
    check_chart(question.chart(), "zh")
