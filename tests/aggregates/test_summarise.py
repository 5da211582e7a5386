"""Summaries of a store: the same by every way to the cut points; wrong settings are told early."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from order_rows import AS_OF
from test_ingest import bring, content, delivered

from crmlab.aggregates import summarise as module
from crmlab.aggregates.snapshots import snapshots
from crmlab.aggregates.summarise import Progress, summarise
from crmlab.errors import DataError, ParamsError


def test_cut_points_are_the_same_where_customers_are_too_many_for_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bring(delivered(), tmp_path / "store")
    whole = summarise(store, tmp_path / "whole", AS_OF)
    asked, of_engine = [], module.rfm.cut_points

    def cut_points(*given: Any) -> Any:
        asked.append(given)
        return of_engine(*given)

    monkeypatch.setattr(module.rfm, "cut_points", cut_points)
    assert content(summarise(store, tmp_path / "once", AS_OF)) == content(whole)
    assert not asked
    monkeypatch.setattr(module, "_MOST_IN_MEMORY", 0)
    assert content(summarise(store, tmp_path / "again", AS_OF)) == content(whole)
    assert len(asked) == 1


def test_settings_that_are_wrong_are_told_before_the_work_is_done(tmp_path: Path) -> None:
    store, told = bring(delivered(300), tmp_path / "store"), list[Progress]()
    with pytest.raises(ParamsError, match="value_quintile"):
        summarise(store, tmp_path / "f", AS_OF, settings={"convention": "quintile"}, advance=told.append)
    assert not told
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert summarise(store, tmp_path / "f", AS_OF, advance=told.append)


class Full(Exception):
    """A disk that is full."""


def test_a_summary_that_ended_before_its_last_word_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, earlier = bring(delivered(), tmp_path / "store"), AS_OF - timedelta(days=400)
    whole = summarise(store, tmp_path / "whole", earlier)
    write = module.write_json

    def fail(path: Path, document: Any) -> None:
        if path.name == module.SUMMARY:
            raise Full
        write(path, document)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", fail)
        with pytest.raises(Full):
            summarise(store, tmp_path / "f", AS_OF)
    with pytest.raises(DataError, match="as_of changed"):
        summarise(store, tmp_path / "f", earlier)
    shutil.rmtree(tmp_path / ".f.summary")
    assert content(summarise(store, tmp_path / "f", earlier)) == content(whole)


@pytest.mark.parametrize(("stage", "made"), [("states", "state-*.arrow"), ("features", "part-*.parquet")])
def test_what_the_loss_of_power_took_is_made_again(tmp_path: Path, stage: str, made: str) -> None:
    store = bring(delivered(), tmp_path / "store")
    whole = summarise(store, tmp_path / "whole", AS_OF)

    def interrupt(progress: Progress) -> None:
        if (progress.stage, progress.done) == (stage, 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        summarise(store, tmp_path / "f", AS_OF, advance=interrupt)
    first, second, *_ = sorted((tmp_path / ".f.summary").glob(made))
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[: second.stat().st_size // 2])
    assert content(summarise(store, tmp_path / "f", AS_OF)) == content(whole)


def test_a_folder_may_be_called_like_a_pattern(tmp_path: Path) -> None:
    store = bring(delivered(300), tmp_path / "store[1]")
    assert content(summarise(store, tmp_path / "f[1]*", AS_OF)) == content(
        summarise(store, tmp_path / "f", AS_OF)
    )
    days = [AS_OF - timedelta(days=30), AS_OF]
    many = snapshots(store, tmp_path / "s?[ab]", days)
    assert content(many) == content(snapshots(store, tmp_path / "s", days))


def test_two_at_once_into_one_folder_are_refused(tmp_path: Path) -> None:
    store = bring(delivered(300), tmp_path / "store")

    def second(progress: Progress) -> None:
        with pytest.raises(DataError, match="Another process is writing to f"):
            summarise(store, tmp_path / "f", AS_OF)

    assert summarise(store, tmp_path / "f", AS_OF, advance=second).exists()


def test_after_a_failure_no_further_bucket_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, begun = bring(delivered(300), tmp_path / "store", buckets=16), []

    def fail(given: Any, bucket: int, *_: Any) -> Any:
        begun.append(bucket)
        sleep(0.05)
        raise Full

    monkeypatch.setattr(module, "state", fail)
    with pytest.raises(Full):
        summarise(store, tmp_path / "f", AS_OF, workers=1)
    assert len(begun) < 16


def test_nothing_but_parts_and_their_summary_stays(tmp_path: Path) -> None:
    store = bring(delivered(300), tmp_path / "store")
    folder = summarise(store, tmp_path / "f", AS_OF)
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"part-{bucket:04}.parquet" for bucket in store.buckets),
        "summary.json",
    ]
