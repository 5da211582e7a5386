"""Snapshots: as of several days at once what each day alone gives, bit by bit."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rows import AS_OF, LAYOUT, ROWS, Row, frame, many
from test_ingest import bring, delivered

from crmlab.aggregates import runs
from crmlab.aggregates import snapshots as many_days
from crmlab.aggregates import summarise as one_day
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.snapshots import month_ends, snapshots, states
from crmlab.aggregates.summarise import Progress, summarise
from crmlab.errors import DataError, ParamsError

DAYS = st.lists(st.integers(-125, 5), min_size=1, max_size=6, unique=True)


@given(ROWS, DAYS, st.booleans())
@settings(max_examples=150)
def test_each_state_is_that_of_its_day_alone(rows: list[Row], offsets: list[int], gaps: bool) -> None:
    layout = LAYOUT if gaps else Layout(("web",), ("茶", "米"), (1, 30), counted=1, gaps=False)
    orders = frame(rows).sort("customer_id", "day", maintain_order=True)
    days = [AS_OF + timedelta(days=offset) for offset in sorted(offsets)]
    for day, state in zip(days, states(orders, layout, days), strict=True):
        assert state.equals(runs.lift(orders, layout, day))


def test_more_categories_than_a_mask_has_bits() -> None:
    names = tuple(f"c{number:03}" for number in range(130))
    layout = Layout(categories=names, windows=(), counted=2)
    orders = many(50, 2_000).with_columns(
        category=pl.Series(names).gather([i * 7 % 130 for i in range(2_000)])
    )
    orders = orders.sort("customer_id", "day", maintain_order=True)
    days = month_ends(AS_OF, 4)
    for day, state in zip(days, states(orders, layout, days), strict=True):
        assert state.equals(runs.lift(orders, layout, day))


@pytest.mark.parametrize("scratch", [1 << 33, 1 << 17])
def test_a_folder_per_day_is_what_a_summary_of_the_day_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scratch: int
) -> None:
    monkeypatch.setattr(many_days, "_SCRATCH", scratch)
    monkeypatch.setattr(one_day, "_MOST_IN_MEMORY", scratch >> 20)
    told: list[Progress] = []
    store = bring(delivered(), tmp_path / "store")
    days = [*month_ends(AS_OF, 3), date(2022, 7, 20), AS_OF]
    folder = snapshots(store, tmp_path / "snapshots", days, advance=told.append)
    assert told[-1] == Progress("features", 4, 4)
    assert len([each for each in told if each.stage == "states"]) == (4 if scratch > 1 << 20 else 8)
    assert sorted(path.name for path in folder.iterdir()) == [
        "2022-07-20",
        "2024-04-30",
        "2024-05-31",
        "2024-06-30",
    ]
    for day in set(days):
        alone, mine = summarise(store, tmp_path / f"{day}", day), folder / f"{day}"
        assert {path.name for path in mine.iterdir()} == {path.name for path in alone.iterdir()}
        for path in alone.glob("part-*.parquet"):
            assert pl.read_parquet(mine / path.name).equals(pl.read_parquet(path))
        said = [json.loads((each / "summary.json").read_text(encoding="utf-8")) for each in (mine, alone)]
        assert said[0] == said[1]


def test_what_an_interrupted_one_left_does_not_stay(tmp_path: Path) -> None:
    store = bring(delivered(300), tmp_path / "store")
    left = tmp_path / ".snapshots.snapshots/2020-01-31"
    left.mkdir(parents=True)
    (left / "state-0000.arrow").write_bytes(b"half")
    folder = snapshots(store, tmp_path / "snapshots", [AS_OF])
    assert [path.name for path in folder.iterdir()] == [AS_OF.isoformat()]
    assert not left.parent.exists()


def test_an_empty_store(tmp_path: Path) -> None:
    store = bring(delivered(1).clear(), tmp_path / "store")
    folder = snapshots(store, tmp_path / "snapshots", month_ends(AS_OF, 2))
    assert pl.read_parquet(folder / "*/*.parquet").height == 0


def test_what_is_refused(tmp_path: Path) -> None:
    store = bring(delivered(300), tmp_path / "store")
    with pytest.raises(ParamsError, match="no as-of day"):
        snapshots(store, tmp_path / "snapshots", [])
    with pytest.raises(DataError, match="not empty"):
        snapshots(store, store.folder, [AS_OF])


def test_month_ends() -> None:
    assert month_ends(date(2024, 3, 15), 3) == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 15)]
    with pytest.raises(ParamsError, match="beyond the year 1"):
        month_ends(date(2024, 3, 15), 100_000)
    assert month_ends(date(2024, 1, 31), 2) == [date(2023, 12, 31), date(2024, 1, 31)]
