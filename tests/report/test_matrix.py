"""A matrix becomes cells: what each of them sets, and what is said before anything runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.params import Study, check
from crmlab.report.matrix import Cell, cells, shown

PROVINCES = ["浙江"] * 8 + ["江苏"] * 6 + ["福建"] * 2 + [""] * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nineteen customers in three provinces, three of them in none; one order each, by channel."""
    folder = tmp_path_factory.mktemp("matrix")
    rows = [f"c{n},{province},1380000{n:04}" for n, province in enumerate(PROVINCES)]
    (folder / "customers.csv").write_text(
        "\n".join(["customer_id,province,mobile", *rows]) + "\n", encoding="utf-8"
    )
    orders = [f"o{n},c{n},2024-0{1 + n % 6}-05,10,{('门店', '网店')[n % 2]}" for n in range(len(PROVINCES))]
    header = "order_id,customer_id,order_date,amount,channel"
    (folder / "orders.csv").write_text("\n".join([header, *orders]) + "\n", encoding="utf-8")
    return folder


def study(matrix: dict[str, Any], **settings: Any) -> Study:
    files = {name: {"path": f"{name}.csv"} for name in ("customers", "orders")}
    data = [{"source": "files", "files": files}]
    return check({"study": "s", "data": data, "as_of": "2024-06-30", "matrix": matrix, **settings})


def made(folder: Path, matrix: dict[str, Any], only: Sequence[str] = (), **settings: Any) -> list[Cell]:
    return cells(study(matrix, **settings), folder, only)[0]


def test_without_a_matrix_the_study_is_the_one_cell(folder: Path) -> None:
    plain = study({})
    assert cells(plain, folder) == ([Cell(plain)], [])


def test_axes_multiply_and_each_cell_is_a_study_of_its_own(folder: Path) -> None:
    found = made(
        folder,
        {"region": {"column": "customers.province"}, "month": ["2024-02", "2023-02"]},
        title={"zh": "会员", "en": "Members"},
    )
    assert [cell.values for cell in found] == [
        {"region": region, "month": month} for region in ("江苏", "浙江") for month in ("2024-02", "2023-02")
    ]
    first = found[0].study
    assert (first.where, first.as_of.isoformat()) == ({"customers.province": ["江苏"]}, "2024-02-29")
    assert first.matrix == {}
    assert tuple(first.heading) == ("会员 · 江苏 · 2024-02", "Members · 江苏 · 2024-02")
    assert found[1].study.as_of.isoformat() == "2023-02-28"


def test_values_without_enough_customers_are_told_and_get_no_report(folder: Path) -> None:
    found, said = cells(study({"region": {"column": "customers.province"}}), folder)
    assert [cell.label for cell in found] == ["江苏", "浙江"]
    assert said == [
        "matrix.region: 3 rows have no customers.province; they are in no report.",
        "matrix.region: 1 of 3 values of customers.province have fewer than 5 customers "
        "(privacy.smallest_group) and get no report.",
    ]


@pytest.mark.parametrize(
    ("axis", "left", "sentences"),
    [
        ({"values": ["福建", "浙江"]}, ["浙江"], ["1 of 2 values of customers.province have fewer than 5"]),
        (
            {"query": "SELECT province FROM customers UNION ALL SELECT 'Mars' AS province"},
            ["江苏", "浙江"],
            [
                "the query also gives an empty value, which makes no report.",
                "values of the query that no row has as customers.province: 1.",
                "1 of 3 values of customers.province have fewer than 5",
            ],
        ),
    ],
)
def test_listing_or_asking_for_values_is_no_way_around_the_smallest_group(
    folder: Path, axis: dict[str, Any], left: list[str], sentences: list[str]
) -> None:
    found, said = cells(study({"region": {"column": "customers.province", **axis}}), folder)
    assert [cell.label for cell in found] == left
    assert len(said) == len(sentences)
    for told, sentence in zip(said, sentences, strict=True):
        assert sentence in told


def test_combinations_that_too_few_customers_have_get_no_report(folder: Path) -> None:
    axes = {"region": {"column": "customers.province"}, "channel": {"column": "orders.channel"}}
    found, said = cells(study(axes, privacy={"smallest_group": 4}), folder)
    assert [cell.label for cell in found] == ["浙江 · 网店", "浙江 · 门店"]  # each 4 of 8, Jiangsu 3 of 6
    assert "matrix: 2 of 4 cells have fewer than 4 customers (privacy.smallest_group)" in said[-1]
    with pytest.raises(ParamsError, match="have at least 5 customers"):
        made(folder, axes)


@pytest.mark.parametrize("table", ["orders", "order_lines"])
def test_conditions_on_orders_and_their_lines_hold_for_the_same_order(tmp_path: Path, table: str) -> None:
    """Every customer has an order in the shop and one with tea, and none has both in one order."""
    orders = [f"{c}{kind},{c},2024-05-05,10,{kind}" for c in "abcde" for kind in ("shop", "web")]
    (tmp_path / "orders.csv").write_text(
        "\n".join(["order_id,customer_id,order_date,amount,channel", *orders]), encoding="utf-8"
    )
    lines = [f"{c}{kind},{p},10" for c in "abcde" for kind, p in (("shop", "cups"), ("web", "tea"))]
    (tmp_path / "order_lines.csv").write_text(
        "\n".join(["order_id,category,amount", *lines]), encoding="utf-8"
    )
    data = [{"source": "files", "files": {n: {"path": f"{n}.csv"} for n in ("orders", "order_lines")}}]
    axes = {"orders.channel": ["shop", "web"], "order_lines.category": ["cups", "tea"]}
    axes = dict(sorted(axes.items(), reverse=table == "orders"))
    found, _ = cells(study(axes, data=data), tmp_path)
    assert {frozenset(cell.values.values()) for cell in found} == {
        frozenset({"shop", "cups"}),
        frozenset({"web", "tea"}),
    }


NASTY = ("../x", "a/b", "CON", "abc", "ABC", "01", "1", "a=b", "no", "<b>", "{as_of}", "$HOME", "长" * 300)


def test_values_may_be_anything(tmp_path: Path) -> None:
    rows = [f'c{n}_{place},"{value}"' for place, value in enumerate(NASTY) for n in range(5)]
    (tmp_path / "customers.csv").write_text("\n".join(["customer_id,province", *rows]), encoding="utf-8")
    data = [{"source": "files", "files": {"customers": {"path": "customers.csv"}}}]
    axes = {"region": {"column": "customers.province"}}
    found, said = cells(study(axes, data=data, title={"zh": "名" * 60, "en": "n" * 80}), tmp_path)
    assert (sorted(cell.values["region"] for cell in found), said) == (sorted(NASTY), [])
    for cell in found:
        value = cell.values["region"]
        assert cell.study.where == {"customers.province": [value]}
        assert len(cell.label) <= 40
        assert str(value)[:39] in cell.label
        assert cell.study.heading.zh.endswith(cell.label)
        assert cells(study(axes, data=data), tmp_path, [f"region={value}"])[0][0].values == cell.values


def test_a_label_is_one_line_that_steers_no_terminal() -> None:
    assert shown("a\n\x1b[31mb\u202e c\t ") == "a [31mb c"


def test_a_query_gives_the_values(folder: Path) -> None:
    many = "SELECT province FROM customers GROUP BY province HAVING COUNT(*) > 7"
    found = made(folder, {"region": {"column": "customers.province", "query": many}})
    assert [cell.label for cell in found] == ["浙江"]
    (cell,) = made(
        folder, {"seconds": {"setting": "cell_timeout", "query": "SELECT COUNT(*) FROM customers"}}
    )
    assert cell.study.cell_timeout == len(PROVINCES)


def test_settings_with_dots_and_columns_by_their_name(folder: Path) -> None:
    found = made(folder, {"privacy.quotes": ["none", "masked"], "orders.channel": ["网店"]})
    assert [cell.study.privacy.quotes for cell in found] == ["none", "masked"]
    assert found[0].study.where == {"orders.channel": ["网店"]}
    (other,) = made(folder, {"data.0.files.orders.path": ["b.csv"]})
    assert other.study.data[0].params["files"]["orders"]["path"] == "b.csv"


def test_only_chooses_among_the_cells(folder: Path) -> None:
    matrix = {"region": {"column": "customers.province"}, "month": ["2024-04", "2024-05", "2024-06"]}
    found = made(folder, matrix, ["region=浙江", "month=2024-05", "month=2024-04"])
    assert [cell.label for cell in found] == ["浙江 · 2024-04", "浙江 · 2024-05"]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ({"region": {"column": "customers.provinc"}}, "has no column 'provinc'. Did you mean 'province'"),
        ({"region": {"column": "feedback.channel"}}, "the study has no table 'feedback'"),
        ({"region": {"column": "customers.province", "values": ["浙江省"]}}, "Did you mean '浙江'"),
        ({"region": {"column": "customers.mobile"}}, "about single persons"),
        ({"region": {"column": "customers.customer_id"}}, "about single persons"),
        ({"region": {"column": "campaigns.channel"}}, "about no customer"),
        ({"region": {"column": "province"}}, "write table.column"),
        ({"month": ["2024-13"]}, "'2024-13' is no month"),
        ({"month": ["2024-05", "2024-05"]}, "a value is given twice"),
        ({"month": []}, "values"),
        ({"regions": ["浙江"]}, "is no setting that can differ"),
        ({"study": ["a"]}, "is no setting that can differ"),
        ({"as_of": ["yesteryear"]}, "matrix, cell as_of=yesteryear"),
        ({"a": {"colum": "x"}}, "Did you mean 'column'"),
        ({"a": {"column": "orders.channel"}, "orders.channel": ["网店"]}, "two axes set orders.channel"),
        ({"month": ["2024-05"], "as_of": ["2024-06-30"]}, "two axes set as_of"),
        ({"r": {"column": "customers.province", "values": ["福建"]}}, "with at least 5 customers"),
        ({"currency": ["13800138000"]}, "1 of its 1 values look like contacts"),
        ({"a": {"column": "customers.city", "setting": "as_of"}}, "not both"),
        ({"r": {"column": "customers.province", "query": "SELECT 1 FROM nothing"}}, "r.query"),
        ({"r": {"column": "customers.province", "query": "SELECT * FROM customers"}}, "it must give one"),
        (
            {"r": {"column": "customers.province", "query": "SELECT province FROM customers WHERE 1 = 2"}},
            "so there is nothing to run",
        ),
        ({"top": {"setting": "cell_timeout", "values": list(range(1, 1002))}}, "at most 1,000 are run"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_allowed(
    folder: Path, matrix: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)):
        made(folder, matrix)


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ("region=浙江省", "no cell has it. Did you mean '浙江'? The axis region has: 江苏, 浙江."),
        ("regio=浙江", "Did you mean 'region'? The matrix has: region."),
        ("浙江", "--only takes axis=value, for example --only region=江苏"),
    ],
)
def test_a_cell_that_is_not_there(folder: Path, only: str, message: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)):
        made(folder, {"region": {"column": "customers.province"}}, [only])


def test_only_without_a_matrix(folder: Path) -> None:
    with pytest.raises(ParamsError, match="the study has none"):
        made(folder, {}, ["region=浙江"])
