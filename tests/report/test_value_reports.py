"""The value and lifecycle reports of real purchases, run without a screen as anybody would run them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from crmlab.labels import Language
from crmlab.report.run import Run, run

# The day as of which publications learn, and the end of the data in the other language.
STUDIES: list[tuple[str, Language]] = [("1997-09-30", "zh"), ("1998-06-30", "en")]


@pytest.fixture(scope="module", params=STUDIES, ids=[day for day, _ in STUDIES])
def done(
    request: pytest.FixtureRequest, cdnow_orders: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    day, language = request.param
    folder: Path = tmp_path_factory.mktemp("cdnow")
    orders = cdnow_orders.with_row_index("order_id").with_columns(pl.col("ordered_at").dt.to_string())
    orders.write_csv(folder / "orders.csv")
    study = {
        "data": [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}],
        "as_of": day,
        "timezone": "UTC",
        "currency": "USD",
        "language": language,
        "reports": {"value": None, "lifecycle": None},
    }
    (folder / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    return run(folder / "study.yaml", jobs=2, runs=folder / "runs", progress=False)


def test_no_cell_fails(done: Run) -> None:
    assert [(outcome.name, outcome.status, outcome.error) for outcome in done.outcomes] == [
        ("value", "done", None),
        ("lifecycle", "done", None),
    ]
    assert done.exit_code == 0
    charts = {outcome.name: outcome.charts for outcome in done.outcomes}
    assert charts["value"] >= 15
    assert charts["lifecycle"] >= 7


def test_what_is_shown_is_saved(done: Run) -> None:
    saved = {path.stem for path in done.folder.glob("**/*.parquet")}
    assert {"diagnostics", "comparison", "calibration", "worth", "slipping"} <= saved
