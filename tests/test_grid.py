"""The grid of recency and frequency scores, and its cut-points."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from crmlab.errors import CrmlabError
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]


def _many(n: int = 50) -> dict[str, str]:
    lines = ["customer_id,ordered_at,amount"]
    for i in range(n):
        day = date(2024, 6, 30) - timedelta(days=i * 7)
        lines += [f"c{i:03},{day},{10 + i}"] * (1 + (n - i) // 10)
    return {"orders": "\n".join(lines) + "\n"}


def test_cells_hold_everybody_who_is_scored(make_lab: MakeLab, shop: Shop) -> None:
    cells = make_lab(shop, privacy={"smallest_group": 1}).classify("rfm").grid().cells
    assert cells.height == 25
    assert cells["customer_count"].sum() == 4
    assert cells["total_spend"].sum() == pytest.approx(183.06)
    best = cells.filter((pl.col("recency_score") == 5) & (pl.col("frequency_score") == 5))
    assert best.select("customer_count", "total_spend").row(0) == (1, 108.06)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    grid = make_lab(_many(), language=language).classify("rfm").grid()
    check_chart(grid.chart(), language, most_rows=25, without=("c000", "c049"))
    rows = grid.table().payload()["rows"]
    assert len(rows) == 3
    assert all(measure and "·" in cuts for measure, cuts in rows)


def test_spend_of_few_customers_is_hidden(make_lab: MakeLab, shop: Shop) -> None:
    chart = json.dumps(make_lab(shop, language="en").classify("rfm").grid().chart().to_dict())
    assert "108.06" not in chart
    shown = make_lab(shop, language="en", privacy={"smallest_group": 1}).classify("rfm").grid().chart()
    assert "108.06" in json.dumps(shown.to_dict())


def test_small_cells_and_what_would_tell_them_are_hidden(make_lab: MakeLab) -> None:
    grid = make_lab(_many(), language="en", privacy={"smallest_group": 4}).classify("rfm").grid()
    plain = make_lab(_many(), privacy={"smallest_group": 1}).classify("rfm").grid().cells
    both = plain.rename({"customer_count": "n"}).with_columns(shown=grid.cells["customer_count"])
    assert both.filter(pl.col("n").is_between(1, 3))["shown"].null_count() > 0
    assert both.filter(pl.col("n").is_between(1, 3))["shown"].drop_nulls().is_empty()
    assert both.filter(pl.col("n") == 0)["shown"].drop_nulls().unique().to_list() == [0]
    # The size of a segment is shown, so no cell of it may be the only hidden one.
    segments = grid.segmentation.summary["label"].to_list()
    for label, hidden in both.filter(pl.col("shown").is_null()).group_by("label").len().iter_rows():
        assert hidden > 1 or label not in segments
    spec = grid.chart().to_dict()
    (data,) = spec["datasets"].values()
    assert [row["customer_count"] for row in data] == grid.cells["customer_count"].to_list()
    assert {row["text"] for row in data if row["customer_count"] is None} == {"–"}
    assert {row["mean"] for row in data if row["customer_count"] is None} == {"–"}
    assert f"{grid.cells['customer_count'].null_count()} cells show “–”" in spec["description"]


def test_frozen_cut_points_are_said_to_be(make_lab: MakeLab, shop: Shop, tmp_path: object) -> None:
    learned = make_lab(shop, "segmentation")
    note = learned.classify("rfm").grid().table().payload()["note"]
    learned.save(str(tmp_path))
    frozen = make_lab(shop, "segmentation", baseline=str(tmp_path)).classify("rfm").grid().table().payload()
    assert frozen["note"] != note
    assert "基准" in frozen["note"]


@pytest.mark.parametrize("rows", ["", "a,2024-06-30,5\n", "a,2024-05-30,5\nb,2024-05-30,5\n"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_hardly_any_customers(
    make_lab: MakeLab, check_chart: Callable[..., None], rows: str, language: str
) -> None:
    lab = make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}, language=language)
    grid = lab.classify("rfm").grid()
    check_chart(grid.chart(), language, most_rows=25)
    assert grid.table().plain()


def test_two_scores(make_lab: MakeLab, check_chart: Callable[..., None]) -> None:
    grid = make_lab(_many()).classify("rfm", convention="median_binary").grid()
    check_chart(grid.chart(), "zh", most_rows=4)
    assert "R2F2" in grid.chart().to_dict()["title"]["text"]


def test_a_classifier_without_a_grid(make_lab: MakeLab, shop: Shop) -> None:
    with pytest.raises(
        CrmlabError, match=r"'status' scores no recency and frequency.*lab\.classify\('rfm'\)"
    ):
        make_lab(shop).classify("status").grid()
