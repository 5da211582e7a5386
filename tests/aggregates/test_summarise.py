"""Summaries of a store: the same by every way to the cut points; wrong settings are told early."""

from __future__ import annotations

from pathlib import Path

import pytest
from order_rows import AS_OF
from test_ingest import bring, content, delivered

from crmlab.aggregates import summarise as module
from crmlab.aggregates.summarise import Progress, summarise
from crmlab.errors import ParamsError


def test_cut_points_are_the_same_where_customers_are_too_many_for_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bring(delivered(), tmp_path / "store")
    whole = summarise(store, tmp_path / "whole", AS_OF)
    monkeypatch.setattr(module, "_MOST_IN_MEMORY", 0)
    assert content(summarise(store, tmp_path / "again", AS_OF)) == content(whole)


def test_settings_that_are_wrong_are_told_before_the_work_is_done(tmp_path: Path) -> None:
    store, told = bring(delivered(300), tmp_path / "store"), list[Progress]()
    with pytest.raises(ParamsError, match="value_quintile"):
        summarise(store, tmp_path / "f", AS_OF, settings={"convention": "quintile"}, advance=told.append)
    assert not told
    assert not (tmp_path / "f").exists()


def test_nothing_but_parts_and_their_summary_stays(tmp_path: Path) -> None:
    store = bring(delivered(300), tmp_path / "store")
    folder = summarise(store, tmp_path / "f", AS_OF)
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"part-{bucket:04}.parquet" for bucket in store.buckets),
        "summary.json",
    ]
