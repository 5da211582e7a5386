"""What the data-quality report shows, on any subset of tables and in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmlab.environment import RUN_FOLDER
from crmlab.errors import QualityGateError
from crmlab.lab import Lab
from crmlab.view.findings import Note
from crmlab.view.html import View

MakeLab = Callable[..., Lab]

PEOPLE = [
    "customer_id,name,mobile,email,birth_date,registered_on,province,phone,gender",
    "a,张三,13912345679,zhang@qq.com,1990-05-01,2024-01-01,北京,010-88886666,男",
    "b,张三,13912345679,zhang@qq.com,1900-01-01,2024-06-15,北京,021-88886666,男",
    "c,测试,13800138000,1@1,,2024-01-01,上海,,怪",
    "d,李四,,,1985-02-03,2024-01-01,,,女",
    *(f"p{n},王{n},1371{n:07},w{n}@qq.com,1980-01-{n + 1:02},2024-01-01,广东,,女" for n in range(16)),
]
SALES = [
    "order_id,customer_id,ordered_at,amount",
    "o1,a,2024-05-01 10:00,100",
    "o2,a,2024-05-01 10:01,100",
    "o3,b,2024-05-02 10:00,50",
    "o4,a,soon,70",
    *(f"z{n},zz{n},2024-05-{n + 3:02} 10:00,20" for n in range(6)),
    *(f"q{n},p{n},2024-06-{n + 1:02} 10:00,10" for n in range(16)),
]
TABLES = {
    "customers": "\n".join(PEOPLE) + "\n",
    "orders": "\n".join(SALES) + "\n",
    "feedback": "feedback_id,customer_id,text,given_on\n1,a,很好,2024-06-01\n2,,无,2024-06-02\n3,zz1,差,\n",
}
SUBSETS = [names for size in (1, 2, 3) for names in combinations(TABLES, size)]
QUALITY = {"max_rejected_share": 1.0}


@pytest.fixture
def lab_of(make_lab: MakeLab) -> Callable[..., Lab]:
    def make(*names: str, **settings: Any) -> Lab:
        chosen = {name: TABLES[name] for name in names}
        return make_lab(
            chosen, "data-quality", **{"quality": QUALITY, "reports": {"data-quality": None}, **settings}
        )

    return make


def _shown(lab: Lab) -> list[Any]:
    """Everything that the notebook shows."""
    quality = lab.quality
    return [
        *(lab.findings(), lab.cautions(), quality.unreadable(), quality.figures(), quality.chart()),
        *(quality.dimensions(), quality.worst_chart(), quality.worst(), quality.examples()),
        *(quality.impact(), quality.filled.chart(), quality.filled.profile()),
        *(quality.overview().table(), quality.rejected.table(), quality.trend(), quality.history.table()),
        *(quality.table(), quality.not_checked(), quality.overview().sources(), quality.definitions()),
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("names", SUBSETS, ids="-".join)
def test_any_subset_of_tables(
    lab_of: Callable[..., Lab], check_chart: Any, names: tuple[str, ...], language: str
) -> None:
    lab = lab_of(*names, language=language)
    for shown in _shown(lab):
        if isinstance(shown, View):
            assert "None" not in shown.to_html()
            assert "nan" not in shown.to_html()
        elif shown is not None:
            check_chart(shown, language)
    assert len(lab.finding_texts()) >= 2


def test_no_personal_value_is_shown(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of(*TABLES)
    page = "".join(
        shown.to_html() if isinstance(shown, View) else json.dumps(shown.to_dict(), ensure_ascii=False)
        for shown in _shown(lab)
        if shown is not None
    )
    for raw in ("13912345679", "13800138000", "zhang", "1990-05-01", "88886666", "张三", "测试<", "zz1"):
        assert raw not in page
    assert "138****8000" in page


def _impacts(lab: Lab) -> dict[str, tuple[str, str, int, int]]:
    return {i.id: (i.now.en, i.after.en, i.affected, i.of) for i in lab.quality.impacts}


def test_impact_by_hand(lab_of: Callable[..., Lab]) -> None:
    # Used: 100 + 100 + 50 + 6 × 20 + 16 × 10 = 530, of which 120 belong to nobody known.
    found = _impacts(lab_of(*TABLES, currency="USD", privacy={"smallest_group": 1}))
    assert found["orphaned_revenue"] == ("77.4%", "100.0%", 6, 25)
    assert found["rejected_revenue"] == ("88.3%", "100.0%", 1, 26)  # 530 of 600
    assert found["repeated_orders"] == ("$530.00", "$430.00", 1, 25)
    assert found["duplicates"] == ("20, $20.50 each", "19, $21.58 each", 2, 20)  # 410 in all
    assert found["reach_mobile"] == ("90.0%", "95.0%", 1, 20)
    assert found["reach_email"] == ("90.0%", "95.0%", 1, 20)
    assert found["birthdays"] == ("90.0%", "95.0%", 1, 20)
    assert found["new_customers"][2:] == (1, 18)
    assert found["empty_feedback"] == ("3", "2", 1, 3)


def test_amounts_of_few_customers_are_not_told(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of(*TABLES, currency="USD")
    found = _impacts(lab)
    assert found["repeated_orders"][0] == "not shown (fewer than 5 customers)"
    assert found["rejected_revenue"][0] == "–"
    assert "$70" not in "".join(impact.basis.en for impact in lab.quality.impacts)


def test_a_profile_by_hand(lab_of: Callable[..., Lab]) -> None:
    payload = lab_of("customers", language="en").quality.filled.profile().payload()
    rows = {row[0]: row[1] for row in payload["rows"]}
    assert rows == {
        "Name": 20,
        "Contact": 19,
        "Gender or birth date": 20,
        "Place": 19,
        "Source or registration": 20,
    }
    assert "98.0%" in payload["caption"]


def test_filled_columns(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of("feedback")
    shares = dict(lab.quality.filled.columns.select("column", "share").iter_rows())
    assert shares == pytest.approx({"customer_id": 2 / 3, "given_on": 2 / 3, "text": 1.0})


def test_what_a_run_keeps(lab_of: Callable[..., Lab], tmp_path: Path) -> None:
    lab = lab_of(*TABLES)
    lab.findings()
    lab.save(tmp_path / "run")
    folder = tmp_path / "run" / "tables" / "data-quality"
    names = {"quality", "quality_dimensions", "quality_completeness", "quality_impact", "quarantine"}
    assert {path.stem for path in folder.glob("*.parquet")} == names
    quarantine = pl.read_parquet(folder / "quarantine.parquet")
    row = quarantine.filter(pl.col("table") == "customers", pl.col("row") == 3).row(0, named=True)
    assert row["customer_id"] == "c"
    assert {"mobile_placeholder", "name_placeholder", "gender_code"} <= set(row["rules"])


def test_the_workbook_carries_codes_and_no_ids(lab_of: Callable[..., Lab], tmp_path: Path) -> None:
    lab = lab_of(*TABLES)
    lab.findings()
    lab.save(tmp_path / "run")
    sheet = pl.read_excel(tmp_path / "run" / "data-quality.xlsx", sheet_name="quarantine")
    assert sheet["customer_id"].drop_nulls().str.starts_with("C-").all()
    assert sheet.height > 5


def test_the_trend_begins_with_the_second_run(
    lab_of: Callable[..., Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check_chart: Any
) -> None:
    home = tmp_path / "runs"
    first = home / "20240701T000000Z-abc"
    lab = lab_of(*TABLES)
    lab.findings()
    lab.save(first)
    manifest = {
        "run": first.name,
        "started_at": "2024-07-01T00:00:00+00:00",
        "as_of": "2024-06-30",
        "reports": [{"name": "data-quality", "status": "done"}],
    }
    (first / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert isinstance(lab.quality.trend(), Note)
    monkeypatch.setenv(RUN_FOLDER, str(home / ".run-20240702T000000Z-def"))
    again = lab_of("customers")
    check_chart(again.quality.trend(), "zh")
    scores = again.quality.history.scores
    assert scores["run"].to_list() == ["2024-07-01 00:00", "本次"]
    assert scores["score"].to_list() == pytest.approx(
        [lab.quality.scorecard.score, again.quality.scorecard.score]
    )
    assert len(again.quality.history.table().payload()["rows"]) == 2


def test_data_without_a_fault_says_so(make_lab: MakeLab) -> None:
    orders = "order_id,customer_id,ordered_at,amount\n1,a,2024-06-01 10:00,5\n2,b,2024-06-02 11:00,6\n"
    lab = make_lab({"orders": orders}, "data-quality", reports={"data-quality": None}, language="en")
    quality = lab.quality
    assert quality.scorecard.score == 1.0
    assert "Every rule that was checked is kept" in quality.worst().plain()
    assert "Every rule that was checked is kept" in quality.worst_chart().plain()
    assert "No fault was found" in quality.impact().plain()
    assert "Every row that was read is used" in quality.rejected.table().plain()
    assert quality.examples() is None


def test_a_table_that_cannot_be_read_is_told_first(make_lab: MakeLab, tmp_path: Path) -> None:
    data = [
        {"source": "files", "files": {"orders": {"path": str(tmp_path / "gone.csv")}}},
        {"source": "files", "files": {"customers": {"path": str(tmp_path / "customers.csv")}}},
    ]
    lab = make_lab(
        {"customers": TABLES["customers"]}, "data-quality", data=data, reports={"data-quality": None}
    )
    assert "gone.csv" in lab.quality.unreadable().plain()
    assert lab.quality.scorecard.over[0].rule.id == "table_unreadable"
    assert lab.quality.worst().payload()["rows"][0][0] == "数据表读不出来（订单表）"
    assert "数据表读不出来" in lab.finding_texts()[1].zh
    assert lab.quality.overview().tables == ("customers",)
    with pytest.raises(QualityGateError, match="Table cannot be read in the table 'orders'"):
        lab.quality.gate()
