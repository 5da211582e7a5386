"""The example plugin, a distribution of its own, appears in the list and in a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from crmlab.cli import main
from crmlab.report.run import Run, run

STUDY = """
study: city
data:
  - source: files
    files: {customers: {path: customers.csv}, orders: {path: orders.csv}}
as_of: 2024-03-31
classifiers: {city-tier: {new_tier_1: [杭州]}}
schemes: [rfm, city-tier]
reports: {segmentation: }
"""
CUSTOMERS = "客户编号,city\nc1,北京市\nc2,杭州\nc3,某县\nc4,\n"
ORDERS = "订单号,客户编号,下单时间,金额\no1,c1,2024-01-01,100.05\no2,c2,2024-03-01,30\no3,c3,2024-03-05,20\n"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("city")
    (folder / "city.yaml").write_text(STUDY, encoding="utf-8")
    (folder / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    (folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
    return run(folder / "city.yaml", runs=folder / "runs", progress=False)


def test_the_list_names_its_distribution() -> None:
    listed = CliRunner().invoke(main, ["plugins"])
    row = next(line for line in listed.output.splitlines() if "city-tier" in line)
    assert row.split()[:4] == ["classifiers", "city-tier", "crmlab-city-tier", "0.1.0"]


def test_a_run_labels_customers_with_it(result: Run) -> None:
    import polars as pl

    assert result.exit_code == 0
    table = pl.read_parquet(result.folder / "tables" / "segmentation" / "city-tier_customers.parquet")
    labels = dict(table.select("customer_id", "label").iter_rows())
    assert labels == {"c1": "tier_1", "c2": "new_tier_1", "c3": "other", "c4": "unclassified"}


def test_the_page_and_the_manifest_name_it(result: Run) -> None:
    page = Path(result.folder / "segmentation.html").read_text(encoding="utf-8")
    assert "城市级别" in page
    assert "新一线" in page
    manifest = json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))
    used = {(p["group"], p["name"]): (p["distribution"], p["version"]) for p in manifest["plugins"]}
    assert used["crmlab.classifiers", "city-tier"] == ("crmlab-city-tier", "0.1.0")
