from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.surveys.association import association
from crmlab.surveys.crosstab import Crosstab
from crmlab.view.findings import Note
from crmlab.view.tables import Table

Make = Callable[..., Lab]
COUNTS = {("女", "甲"): 30, ("女", "乙"): 10, ("男", "甲"): 15, ("男", "乙"): 25}


def sheets_of(counts: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [{"性别": by, "哪个": answer} for (by, answer), n in counts.items() for _ in range(n)]


def test_counts_test_and_cells_by_hand(make_lab: Make, sheets_csv: Any, check_chart: Any) -> None:
    lab = make_lab({"feedback": sheets_csv(sheets_of(COUNTS))})
    table = lab.surveys.crosstab("哪个", "性别")
    assert isinstance(table, Crosstab)
    # 80 · (30·25 − 10·15)² / (40 · 40 · 45 · 35)
    assert table.test.statistic == pytest.approx(80 * 600**2 / (40 * 40 * 45 * 35))
    cell = table.summary.filter(row="甲", column="女").row(0, named=True)
    assert (cell["count"], cell["share"], cell["differs"]) == (30, 0.75, 1)
    assert cell["residual"] == pytest.approx(table.test.statistic**0.5)
    assert "偏多" in table.note().plain()
    check_chart(table.chart(), "zh")
    assert isinstance(table.table(), Table)
    assert "卡方检验" in table.test_table().to_html()  # type: ignore[union-attr]


def test_a_multiple_choice_is_tested_option_by_option(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [{"性别": "女", "原因": "甲┋乙"}] * 30 + [{"性别": "女", "原因": "乙"}] * 10
    sheets += [{"性别": "男", "原因": "乙"}] * 25 + [{"性别": "男", "原因": "甲┋乙"}] * 15
    table = make_lab({"feedback": sheets_csv(sheets)}).surveys.crosstab("原因", "性别")
    assert isinstance(table, Crosstab)
    by_option = {row["row"]: row for row in table.tests.iter_rows(named=True)}
    assert by_option["甲"]["statistic"] == pytest.approx(80 * 600**2 / (40 * 40 * 45 * 35))
    assert by_option["乙"]["test"] == "none"
    assert table.summary.filter(row="甲", column="女")["share"].item() == 0.75


def test_cells_of_few_people_are_hidden_with_others_beside_them(make_lab: Make, sheets_csv: Any) -> None:
    counts = {**COUNTS, ("女", "乙"): 2}
    table = make_lab({"feedback": sheets_csv(sheets_of(counts))}).surveys.crosstab("哪个", "性别")
    assert isinstance(table, Crosstab)
    assert table.summary["share"].null_count() == 4
    assert isinstance(table.note(), Note)
    assert isinstance(table.table(), Note)


def test_the_test_does_not_give_hidden_cells_away(make_lab: Make, sheets_csv: Any) -> None:
    counts = {**COUNTS, ("女", "乙"): 2, ("女", "丙"): 30, ("男", "丙"): 30}
    table = make_lab({"feedback": sheets_csv(sheets_of(counts))}).surveys.crosstab("哪个", "性别")
    assert isinstance(table, Crosstab)
    shown = dict(table.summary.select(pl.concat_str("column", "row"), "count").iter_rows())
    assert {name for name, n in shown.items() if n is None} == {"女甲", "男甲", "女乙", "男乙"}
    told = table.tests.row(0, named=True)
    assert told["statistic"] is None
    fitting = []
    for n in range(28):  # the totals of rows and columns leave one number free
        other = association([[32 - n, 13 + n], [n, 27 - n], [30, 30]])
        if told["p_value"] == 0.001 and other.p_value <= 0.001 and round(other.v.value, 1) == told["v"]:
            fitting.append(n)
    assert 2 in fitting
    assert len(fitting) > 1
    assert "p ≤ 0.001" in table.note().plain()


def test_an_answer_that_is_hidden_does_not_show_who_did_not_give_it(make_lab: Make, sheets_csv: Any) -> None:
    # Two women answered 丙, so it is hidden, also where it says that no man did.
    counts = {("男", "甲"): 20, ("女", "甲"): 2, ("男", "乙"): 3, ("女", "乙"): 2, ("女", "丙"): 2}
    table = make_lab({"feedback": sheets_csv(sheets_of(counts))}).surveys.crosstab("哪个", "性别")
    assert isinstance(table, Crosstab)
    assert table.summary.filter(row="丙")["count"].to_list() == [None, None]


def test_groups_of_few_people_are_put_together(make_lab: Make, sheets_csv: Any) -> None:
    counts = {("京", "甲"): 20, ("京", "乙"): 20, ("沪", "甲"): 20, ("沪", "乙"): 20}
    counts |= {("蒙", "甲"): 3, ("藏", "乙"): 4}
    sheets = [{"省": by, "哪个": answer} for (by, answer), n in counts.items() for _ in range(n)]
    table = make_lab({"feedback": sheets_csv(sheets)}).surveys.crosstab("哪个", "省")
    assert isinstance(table, Crosstab)
    assert table.columns == ["京", "沪", "其他（人数较少）"]
    assert table.n == 87


def test_one_person_who_answered_often_is_still_one_person(make_lab: Make, sheets_csv: Any) -> None:
    sheets = sheets_of(COUNTS)
    sheets += [{"性别": "不详", "哪个": "甲", "customer_id": "ann"}] * 10
    table = make_lab({"feedback": sheets_csv(sheets)}).surveys.crosstab("哪个", "性别")
    assert isinstance(table, Crosstab)
    # With another group, or the totals would tell of the one.
    assert "不详" not in table.columns
    assert (table.n, len(table.columns)) == (90, 2)


def test_answers_by_an_attribute_and_a_class_of_customers(
    make_lab: Make, sheets_csv: Any, shop: dict[str, str]
) -> None:
    sheets = [{"哪个": "甲", "customer_id": "ann"}, {"哪个": "乙", "customer_id": "bob"}]
    tables = {**shop, "feedback": sheets_csv(sheets)}
    lab = make_lab(tables, privacy={"smallest_group": 1})
    by_city = lab.surveys.crosstab("1", "city")
    assert isinstance(by_city, Crosstab)
    assert sorted(by_city.columns) == ["北京", "成都"]
    by_status = lab.surveys.crosstab("哪个", "status")
    assert isinstance(by_status, Crosstab)
    assert len(by_status.columns) == 2
    assert by_status.by_title == lab.classify("status").scheme.text


@pytest.mark.parametrize(
    ("question", "by", "said"),
    [
        ("哪", "性别", "No question is called"),
        ("哪个", "rfn", "Did you mean 'rfm'"),
        ("哪个", "原因", "multiple"),
    ],
)
def test_what_is_not_there_is_an_error(
    make_lab: Make, sheets_csv: Any, question: str, by: str, said: str
) -> None:
    sheets = [{**sheet, "原因": "甲┋乙"} for sheet in sheets_of(COUNTS)]
    with pytest.raises(ParamsError, match=said):
        make_lab({"feedback": sheets_csv(sheets)}).surveys.crosstab(question, by)
