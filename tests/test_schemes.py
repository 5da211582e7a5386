from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.registry import classifiers
from crmlab.view.findings import Heading, Note
from crmlab.view.tables import Table

MakeLab = Callable[..., Any]
Shop = dict[str, str]


@pytest.fixture
def lab(make_lab: MakeLab, shop: Shop) -> Any:
    return make_lab(shop, privacy={"smallest_group": 1}, schemes=["abc", "status", "rfm"])


def test_one_row_per_scheme_in_the_order_of_the_study(lab: Any) -> None:
    summary = lab.schemes.summary
    assert summary["scheme"].to_list() == ["abc", "status", "rfm"]
    status = summary.row(1, named=True)
    # Of six listed customers four have a paid order: two active, one dormant, one lost.
    assert (status["classes"], status["used"], status["classified"]) == (3, 3, 4 / 6)
    assert (status["top"], status["top_customers"]) == ("active", 2 / 6)
    assert status["top_revenue"] == pytest.approx(118.06 / 183.06)
    assert status["smallest"] == 1 / 6
    assert lab.schemes.main.name == "abc"


def test_small_classes_are_not_told(make_lab: MakeLab, shop: Shop) -> None:
    summary = make_lab(shop, schemes=["status"]).schemes.summary.row(0, named=True)
    assert summary["smallest"] is None
    assert summary["top"] is None


def test_a_scheme_without_its_data_is_said_and_stops_no_other(make_lab: MakeLab, shop: Shop) -> None:
    del shop["customers"]
    lab = make_lab(shop, schemes=["city-tier", "abc"])
    assert list(lab.schemes.segmentations) == ["abc"]
    assert list(lab.schemes.absent) == ["city-tier"]
    assert lab.schemes.main.name == "abc"
    note = lab.schemes.table().payload()["note"]
    assert "以下方案缺少数据，未能展示：城市级别（需要" in note


def test_a_scheme_whose_plugin_fails_is_named_and_stops_no_other(
    make_lab: MakeLab, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("customer ann")

    monkeypatch.setattr(classifiers["abc"], "_predict", fail)
    lab = make_lab(shop, schemes=["abc", "status"])
    with pytest.warns(UserWarning, match="'abc' is left out, it failed with ZeroDivisionError"):
        assert list(lab.schemes.segmentations) == ["status"]
    assert lab.schemes.absent == {}
    note = lab.schemes.table().payload()["note"]
    assert "ABC 价值分级（abc，ZeroDivisionError）" in note
    assert "ann" not in note


def test_a_baseline_of_other_parameters_stops_the_report(
    make_lab: MakeLab, shop: Shop, tmp_path: Path
) -> None:
    first = make_lab(shop, classifiers={"rfm": {"bins": 3}})
    first.classify("rfm")
    first.save(tmp_path / "run")
    given = {"schemes": ["rfm"], "classifiers": {"rfm": {"bins": 5}}, "baseline": str(tmp_path / "run")}
    with pytest.raises(ParamsError, match=r"The baseline was made with rfm\.bins = 3"):
        _ = make_lab(shop, **given).schemes.segmentations


def test_without_any_scheme_that_the_data_allows_rfm_leads(make_lab: MakeLab, shop: Shop) -> None:
    del shop["customers"]
    lab = make_lab(shop, schemes=["city-tier"], language="en")
    assert lab.schemes.main.name == "rfm"
    assert isinstance(lab.schemes.chart(), Note)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_chart(make_lab: MakeLab, shop: Shop, check_chart: Callable[..., None], language: str) -> None:
    lab = make_lab(shop, privacy={"smallest_group": 1}, schemes=["abc", "status"], language=language)
    check_chart(lab.schemes.chart(), language, without=("ann", "bob"))


def test_each_scheme_has_its_section(lab: Any) -> None:
    parts = lab.schemes.show().parts
    headings = [part.payload()["text"] for part in parts if isinstance(part, Heading)]
    assert headings == ["ABC 价值分级", "客户状态", "RFM 分群"]
    assert sum(isinstance(part, Table) for part in parts) == 5, "one each, a watch list, cut-points"
    assert sum(isinstance(part, Note) for part in parts) == 3, "the rule of each"


def test_the_table_says_where_the_cut_points_come_from(lab: Any) -> None:
    table = lab.schemes.table()
    note = table.payload()["note"]
    assert "其中，ABC 价值分级、RFM 分群：所学内容截至 2024-06-30。" in note
    assert "其中，客户状态：固定规则，没有要学习的内容。" in note
    assert table.caption == Text(
        "3 个分类方案，6 位客户，观察日 2024-06-30", "3 schemes, 6 customers, as of 2024-06-30"
    )


def test_a_scheme_that_classifies_nobody_is_absent(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop, schemes=["demographics", "abc"])
    assert list(lab.schemes.absent) == ["demographics"]


def test_sensitivity_speaks_of_conventions_where_the_main_scheme_has_some(
    make_lab: MakeLab, shop: Shop
) -> None:
    lab = make_lab(shop, privacy={"smallest_group": 1}, schemes=["rfm"])
    assert any(isinstance(part, Table) for part in lab.schemes.sensitivity().parts)
    (only,) = make_lab(shop, schemes=["abc"]).schemes.sensitivity().parts
    assert isinstance(only, Note)


@pytest.mark.parametrize(
    ("schemes", "said"),
    [
        ([], "name at least one classifier"),
        (["rfn"], "no classifier is named 'rfn'. Did you mean 'rfm'?"),
        (["rfm", "rfm"], "a classifier is named twice"),
    ],
)
def test_schemes_that_cannot_be(make_lab: MakeLab, shop: Shop, schemes: list[str], said: str) -> None:
    with pytest.raises(ParamsError, match=said.replace("?", r"\?")):
        make_lab(shop, schemes=schemes)
