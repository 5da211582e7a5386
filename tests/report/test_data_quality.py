"""The data-quality report in a run: bad data is told whole, and then stops the run with exit code 3."""

from __future__ import annotations

import json

import polars as pl
import pytest

from crmlab.report.run import Run, run

CUSTOMERS = "customer_id,mobile,name\na,13800138000,测试\nb,1391234,王五\nc,13700000001,赵六\n"
ORDERS = "order_id,customer_id,ordered_at,amount\n1,a,2024-06-01,10\n2,x,2024-06-02,20\n"


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two reports of a study whose data is worse than it asks."""
    folder = tmp_path_factory.mktemp("gated")
    (folder / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    (folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
    files = {name: {"path": f"{name}.csv"} for name in ("customers", "orders")}
    study = {
        "study": "gated",
        "data": [{"source": "files", "files": files}],
        "as_of": "2024-06-30",
        "language": "en",
        "quality": {"min_score": 0.99, "rules": {"mobile_placeholder": {"gate": True}}},
        "reports": {"data-quality": None, "segmentation": None},
    }
    (folder / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    return run(folder / "study.yaml", jobs=2, runs=folder / "runs", progress=False)


def test_bad_data_is_exit_code_3(gated: Run) -> None:
    assert [outcome.status for outcome in gated.outcomes] == ["quality_gate", "quality_gate"]
    assert gated.exit_code == 3
    message = (gated.outcomes[1].error or {})["message"]
    assert "Mobile number is a placeholder in the table 'customers': 1 of 3" in message
    assert "at least 99.00% is asked" in message


def test_the_quality_report_is_whole_and_the_other_shows_no_number(gated: Run) -> None:
    page = (gated.folder / "data-quality.html").read_text(encoding="utf-8")
    assert "What mending would change" in page
    assert page.count('<figure class="crm-chart">') >= 2
    assert "a scheduled run stops here and makes no other report" in page
    assert "138****8000" in page
    assert "13800138000" not in page
    other = (gated.folder / "segmentation.html").read_text(encoding="utf-8")
    assert '<figure class="crm-chart">' not in other
    assert "not good enough for this study" in other


def test_the_scorecard_is_kept_with_the_run(gated: Run) -> None:
    tables = gated.folder / "tables" / "data-quality"
    assert pl.read_parquet(tables / "quality.parquet").filter(pl.col("status") == "error").height >= 3
    assert pl.read_parquet(tables / "quarantine.parquet").height == 3
    manifest = json.loads((gated.folder / "manifest.json").read_text(encoding="utf-8"))
    report = next(entry for entry in manifest["reports"] if entry["name"] == "data-quality")
    assert "质量总分" in report["headline"]["zh"]
    assert "tables/data-quality/quarantine.parquet" in {output["path"] for output in report["outputs"]}
