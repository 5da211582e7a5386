"""Real exports become a report by one command: a file in, a page out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from crm_exports import fxiaoke_orders, salesforce_opportunities, wjx_by_text, write, zoho_contacts

from crmlab.cli import main


@pytest.mark.parametrize(
    ("rows", "encoding", "table", "accepted", "report"),
    [
        pytest.param(zoho_contacts(), "gbk", "customers", 39, "data-quality", id="zoho-contacts"),
        pytest.param(salesforce_opportunities(), "utf-8-sig", "orders", 90, "segmentation", id="salesforce"),
        pytest.param(fxiaoke_orders(), "gb18030", "orders", 60, "segmentation", id="fxiaoke"),
        pytest.param(wjx_by_text(), "gbk", "feedback", 288, "feedback", id="wjx"),
    ],
)
def test_an_export_becomes_a_report(
    tmp_path: Path, rows: Sequence[Sequence[object]], encoding: str, table: str, accepted: int, report: str
) -> None:
    path = write(tmp_path / "export.csv", rows, encoding)
    study, runs = tmp_path / "study.yaml", tmp_path / "runs"
    command = ["import", str(path), "--to", str(study), "--run", "--runs", str(runs), "--quiet"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "study-data" / "mapping.json").read_text(encoding="utf-8"))
    assert [(found["table"], found["accepted"]) for found in record["tables"]] == [(table, accepted)]
    (manifest,) = runs.glob("study/*/manifest.json")
    outcomes = json.loads(manifest.read_text(encoding="utf-8"))["reports"]
    assert {outcome["name"]: outcome["status"] for outcome in outcomes} == {
        "data-quality": "done",
        report: "done",
    }
    page = (manifest.parent / f"{report}.html").read_text(encoding="utf-8")
    assert len(page) > 50_000
    for personal in ("13900000", "user3@example.com", "王小明"):
        assert personal not in page
