"""Increments: a state that was kept is the one that all rows at once give, and no row counts twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
from click.testing import CliRunner
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rows import AS_OF, LAYOUT, ROWS, Row, frame
from test_ingest import bring, content, delivered

from crmlab.aggregates import customers, runs
from crmlab.aggregates.increments import append
from crmlab.aggregates.kept import begin, current, features, holds, layout_of, merged
from crmlab.aggregates.kept import state as state_as_of
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.store import Store
from crmlab.aggregates.summarise import state, summarise
from crmlab.errors import DataError, ParamsError, QualityGateError


def _ordered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort("customer_id", "day", maintain_order=True)


def _whole(store: Store) -> None:
    """Check the state of each bucket, and the manifest, against all rows of the store."""
    layout, people = layout_of(store), 0
    for bucket in store.buckets:
        kept = current(store, bucket)
        assert kept.equals(state(store, bucket, layout))
        people += kept.height
        for days in (0, 80):
            as_of = date(1970, 1, 1) + timedelta((store.manifest["last_day"] or 0) + days)
            assert state_as_of(store, bucket, layout, as_of).equals(state(store, bucket, layout, as_of))
    rows = store.scan().collect()
    assert rows["order_id"].n_unique() == rows.height == store.manifest["rows"]
    assert people == store.manifest["customers"] == rows["customer_id"].n_unique()
    assert (store.manifest["first_day"], store.manifest["last_day"]) == (rows["day"].min(), rows["day"].max())
    for name, counts in store.manifest["values"].items():
        values = rows[name] if name in rows.columns else pl.Series(name, [], pl.String)
        assert counts == dict(values.drop_nulls().value_counts().iter_rows())


@given(ROWS, ROWS, st.booleans())
@settings(max_examples=150)
def test_states_merge_as_all_rows_at_once_give_them(before: list[Row], today: list[Row], gaps: bool) -> None:
    layout = LAYOUT if gaps else Layout(("web",), ("茶",), (), gaps=False)
    old, new = (runs.lift(_ordered(frame(rows)), layout) for rows in (before, today))
    found, between = merged(old, new, layout)
    mine = pl.col("customer_id").is_in(new["customer_id"].implode())
    expected = runs.lift(_ordered(frame([*before, *today])).filter(mine), layout)
    late = pl.col("customer_id").is_in(between.implode())
    assert found.filter(~late).equals(expected.filter(~late))
    gap_columns = ["purchase_days", "gap_squares", "longest_gap"] if gaps else []
    assert found.drop(gap_columns).equals(expected.drop(gap_columns))
    both = [nw.from_native(each.lazy()) for each in (old, new)]
    named = customers.overlapping(*both).to_native().collect() if gaps else between.to_frame()
    assert set(between) == set(named["customer_id"])


@given(st.lists(st.integers(0, 3), min_size=400, max_size=400), st.integers(2, 4))
@settings(max_examples=6, deadline=None)
def test_days_of_rows_in_any_order_give_the_whole(
    tmp_path_factory: pytest.TempPathFactory, day_of: list[int], most_files: int
) -> None:
    folder = tmp_path_factory.mktemp("increments")
    rows = delivered(400).with_columns(came=pl.Series(day_of))
    batches = [rows.filter(came=number).drop("came") for number in range(4)]
    store = begin(bring(batches[0], folder / "store"))
    layout = layout_of(store)
    for batch in batches[1:]:
        done = append(folder / "store", batch.lazy(), most_files=most_files)
        assert done.rows == batch.height
        _whole(done.store)
    store = Store.open(folder / "store")
    whole = bring(rows.drop("came"), folder / "whole")
    assert {name: whole.manifest[name] for name in ("rows", "customers", "values")} == {
        name: store.manifest[name] for name in ("rows", "customers", "values")
    }
    for bucket in store.buckets:
        assert current(store, bucket).equals(state(whole, bucket, layout))
        parts = store.manifest["parts"].get(str(bucket), ())
        assert len(parts) <= most_files


def test_features_as_of_a_day_are_those_of_a_summary(tmp_path: Path) -> None:
    rows = delivered().sort("ordered_at")
    bring(rows.head(2_900), tmp_path / "store")
    store = append(tmp_path / "store", rows.tail(100).lazy()).store
    for days in (0, 45):
        folder = summarise(store, tmp_path / f"features-{days}", AS_OF + timedelta(days), layout_of(store))
        for bucket in store.buckets:
            expected = pl.read_parquet(folder / f"part-{bucket:04}.parquet")
            found = features(store, bucket, AS_OF + timedelta(days))
            assert found.equals(expected.select(found.columns))
    with pytest.raises(DataError, match="has orders after"):
        features(store, 0, AS_OF - timedelta(900))


def test_what_the_state_holds(tmp_path: Path) -> None:
    store = begin(bring(delivered(300), tmp_path / "store"))
    layout, last = layout_of(store), date(1970, 1, 1) + timedelta(store.manifest["last_day"])
    assert holds(store, layout, last)
    assert holds(store, replace(layout, gaps=False, windows=(7,)), last)
    assert not holds(store, layout, last - timedelta(1))
    assert not holds(store, replace(layout, channels=layout.channels[::-1]), last)
    assert not holds(store, replace(layout, counted=layout.counted + 1), last)
    assert not holds(bring(delivered(300), tmp_path / "other"), layout, last)
    for fewer in (
        replace(layout, gaps=False, windows=(7,)),
        replace(layout, windows=(), channels=()),
        replace(layout, categories=(), counted=0),
    ):
        assert holds(store, fewer, last)
        assert state_as_of(store, 1, fewer, last).equals(state(store, 1, fewer, last))
    plain = begin(bring(delivered(300), tmp_path / "plain"), replace(layout, gaps=False))
    assert not holds(plain, layout, last)


def test_late_rows_have_their_customers_lifted_anew(tmp_path: Path) -> None:
    rows = delivered().sort("ordered_at")
    late = rows.slice(1_000, 40)
    bring(pl.concat([rows.head(1_000), rows.tail(1_960)]), tmp_path / "store")
    done = append(tmp_path / "store", late.lazy())
    assert done.rows == 40
    assert 0 < done.lifted_anew <= done.customers == late["customer_id"].n_unique()
    _whole(done.store)


def test_values_customers_and_buckets_that_are_new(tmp_path: Path) -> None:
    bring(delivered(3), tmp_path / "store")
    rows = delivered(200, seed=2).with_columns(
        order_id=pl.format("n{}", "order_id"), channel=pl.lit("直播"), product=pl.lit("新品")
    )
    done = append(tmp_path / "store", rows.lazy())
    layout = layout_of(done.store)
    assert (layout.channels[-1], layout.categories[-1]) == ("直播", "新品")
    _whole(done.store)
    counted = f"channel_{len(layout.channels)}_orders"
    sold = sum(current(done.store, bucket)[counted].sum() for bucket in done.store.buckets)
    assert sold == rows.filter(pl.col("amount") > 0).height


def test_a_column_that_first_comes_today_is_kept_and_named(tmp_path: Path) -> None:
    rows = delivered()
    bring(rows.head(2_900).drop("channel"), tmp_path / "store")
    done = append(tmp_path / "store", rows.tail(100).lazy())
    assert (done.rows, done.uncounted) == (100, ["channel"])
    assert layout_of(done.store).channels == ()
    assert done.store.scan().collect()["channel"].drop_nulls().len() == 100
    _whole(done.store)


def test_a_column_of_too_many_values_is_no_longer_counted(tmp_path: Path) -> None:
    rows = delivered()
    bring(rows.head(2_400), tmp_path / "store")
    many = rows.tail(600).with_columns(product=pl.format("p{}", "order_id"))
    done = append(tmp_path / "store", many.lazy())
    assert layout_of(done.store).categories == ()
    assert (done.uncounted, done.store.manifest["unlisted"]) == ([], ["product"])
    _whole(done.store)
    again = append(tmp_path / "store", rows.head(1).with_columns(order_id=pl.lit("n")).lazy())
    assert (again.uncounted, layout_of(again.store).categories) == ([], ())


def test_a_store_without_an_order_takes_the_first(tmp_path: Path) -> None:
    rows = delivered(300)
    bring(rows.clear(), tmp_path / "store")
    done = append(tmp_path / "store", rows.lazy())
    assert (done.rows, set(layout_of(done.store).channels)) == (300, set(rows["channel"]))
    _whole(done.store)


def test_a_column_that_does_not_come_today(tmp_path: Path) -> None:
    rows = delivered()
    bring(rows.head(2_900), tmp_path / "store")
    done = append(tmp_path / "store", rows.tail(100).drop("channel").lazy())
    assert done.rows == 100
    _whole(done.store)


def test_rows_that_are_already_there_are_rejected_and_counted(tmp_path: Path) -> None:
    rows = delivered()
    bring(rows.head(2_900), tmp_path / "store")
    again = rows.slice(100, 30)
    other = rows.slice(200, 5).with_columns(amount=pl.lit(1.5))
    twice = rows.slice(2_950, 2)
    faulty = rows.slice(0, 1).with_columns(order_id=pl.lit("x"), customer_id=pl.lit(None, pl.String))
    today = pl.concat([rows.tail(100), again, other, twice, faulty])
    with pytest.raises(QualityGateError, match=r"8 of 138 rows"):
        append(tmp_path / "store", today.lazy(), max_rejected_share=0.05)
    done = append(tmp_path / "store", today.lazy(), max_rejected_share=0.06)
    counts = {"exact_duplicate": 32, "nullability": 1, "unique_id": 10}
    assert (done.rows, done.withdrawn) == (100, 5)
    assert (done.rejected, done.store.manifest["rejected"]) == (counts, counts)
    _whole(done.store)
    kept = pl.read_parquet(done.store.folder / "rejected/append-000001.parquet")
    assert kept.height == 43
    once_more = append(tmp_path / "store", rows.tail(100).lazy(), max_rejected_share=0)
    assert (once_more.rows, once_more.rejected) == (0, {"exact_duplicate": 100})
    _whole(once_more.store)


def test_an_order_of_several_contents_stays_out_whenever_they_come(tmp_path: Path) -> None:
    rows = delivered(300).sort("ordered_at")
    number = rows["order_id"]

    def other(at: int, amount: float) -> pl.DataFrame:
        return rows.slice(at, 1).with_columns(amount=pl.lit(amount))

    bring(pl.concat([rows, other(5, 1.5)]), tmp_path / "store")  # two contents at the ingest
    days = [
        other(299, 1.5),  # another content than the last order has
        pl.concat([other(0, 1.5), other(0, 2.5)]),  # two contents, both other than the first order's
        pl.concat([rows.slice(at, 1) for at in (0, 5, 299)]),  # what was there, once more
    ]
    done = [append(tmp_path / "store", day.lazy()) for day in days]
    assert [each.withdrawn for each in done] == [1, 1, 0]
    assert [each.rejected for each in done] == [{"unique_id": 2}, {"unique_id": 3}, {"unique_id": 3}]
    _whole(done[-1].store)
    kept = set(done[-1].store.scan().collect()["order_id"])
    assert kept == set(number) - {number[0], number[5], number[299]}
    every = bring(pl.concat([rows, other(5, 1.5), *days]), tmp_path / "whole")
    assert set(every.scan().collect()["order_id"]) == kept


CONTENTS = st.tuples(st.integers(0, 4), st.sampled_from([0, 0, 1]), st.booleans(), st.integers(0, 2))


@given(st.lists(CONTENTS, min_size=1, max_size=14))
@settings(max_examples=12, deadline=None)
def test_orders_that_come_again_are_what_they_are_when_all_come_at_once(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, int, bool, int]]
) -> None:
    folder = tmp_path_factory.mktemp("again")
    number, other, more, came = (pl.Series(values) for values in zip(*drawn, strict=True))
    rows = pl.DataFrame(
        {
            "order_id": number.cast(pl.String),
            "customer_id": (number % 3).cast(pl.String),
            "ordered_at": pl.Series([AS_OF]).new_from_index(0, len(drawn)).dt.offset_by("-3d"),
            "amount": other * 5.0 + 10,
            "channel": pl.Series([["web", None][flag] for flag in more], dtype=pl.String),
        }
    )
    whole = bring(rows, folder / "whole")
    store = bring(rows.filter(came == 0), folder / "store")
    for day in (1, 2):
        batch = rows.filter(came == day)
        if store.manifest["parts"] and batch["channel"].null_count() == batch.height:
            batch = batch.drop("channel")
        store = append(folder / "store", batch.lazy(), most_files=3).store
        _whole(store)
    said = ("rows", "customers", "first_day", "last_day")
    expected, found = (each.scan().collect() for each in (whole, store))
    assert [store.manifest[name] for name in said] == [whole.manifest[name] for name in said]
    listed = [each.manifest["values"].get("channel", {}) for each in (store, whole)]
    assert listed[0] == listed[1]
    found = pl.concat([expected.clear(), found], how="diagonal").select(expected.columns)
    assert found.sort("order_id").equals(expected.sort("order_id"))


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    store = begin(bring(delivered(300), tmp_path / "store"))
    before = content(store.folder)
    rows = delivered(50, seed=3)
    with pytest.raises(DataError, match="no order_id"):
        append(store.folder, rows.drop("order_id").lazy())
    broken = rows.with_columns(pl.format("n{}", "order_id"), customer_id=pl.lit(None, pl.String))
    with pytest.raises(QualityGateError, match=r"50 of 50 rows \(100\.0%\)"):
        append(store.folder, broken.lazy(), max_rejected_share=0.1)
    with pytest.raises(DataError, match="no store"):
        append(tmp_path / "elsewhere", rows.lazy())
    with FileLock(store.folder / ".lock"), pytest.raises(DataError, match="Another append to store"):
        append(store.folder, rows.lazy())
    (store.folder / ".lock").unlink(missing_ok=True)
    assert content(store.folder) == before
    assert not (tmp_path / "elsewhere").exists()


_APPEND = """
import os, signal, sys
from pathlib import Path
import polars as pl
from crmlab.aggregates import increments, kept
write, left = kept.write_whole, int(sys.argv[3])
def counted(*given):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    write(*given)
kept.write_whole = counted
increments.append(Path(sys.argv[1]), pl.scan_parquet(sys.argv[2]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("files", [0, 3, 9])
def test_an_append_that_was_killed_has_done_nothing(tmp_path: Path, files: int) -> None:
    rows = delivered()
    store = begin(bring(rows.head(2_900), tmp_path / "store"))
    rows.tail(100).write_parquet(tmp_path / "today.parquet")
    command = [sys.executable, "-c", _APPEND, str(store.folder), str(tmp_path / "today.parquet"), str(files)]
    killed = subprocess.run(command, check=False).returncode
    assert killed == (0 if files == 9 else -signal.SIGKILL)
    if files < 9:
        assert Store.open(store.folder).manifest == store.manifest
    done = append(store.folder, rows.tail(100).lazy())
    assert done.rows == (100 if files < 9 else 0)
    _whole(done.store)
    assert sorted(path.name for path in done.store.folder.glob(".*")) == []


def test_the_command(tmp_path: Path, shop: dict[str, str]) -> None:
    from crmlab.commands.ingest import ingest

    orders, study = tmp_path / "orders.csv", tmp_path / "shop.yaml"
    head, *rows = shop["orders"].splitlines()
    source = "data: [{source: files, files: {orders: {path: orders.csv}}}]\n"
    study.write_text(f"as_of: 2024-06-30\n{source}", encoding="utf-8")
    run, store = CliRunner(), str(tmp_path / "store")
    orders.write_text("\n".join([head, *rows[:4]]), encoding="utf-8")
    assert run.invoke(ingest, [str(study), store, "--quiet"], catch_exceptions=False).exit_code == 0
    orders.write_text("\n".join([head, *rows[3:]]), encoding="utf-8")
    told = run.invoke(ingest, [str(study), store, "--append"], catch_exceptions=False).output
    assert f"orders added 新增订单: {len(rows) - 4}\n" in told
    assert "rejected 拒收: 1 (" in told
    _whole(Store.open(store))
    twice = run.invoke(ingest, [str(study), store, "--append"], catch_exceptions=False).output
    assert "orders added 新增订单: 0\n" in twice
    assert "is in the store already" in twice
    orders.write_text(head + "\n", encoding="utf-8")
    empty = run.invoke(ingest, [str(study), store, "--append"], catch_exceptions=False).output
    assert "The source has no orders." in empty
    changed = f"{rows[0].rsplit(',', 1)[0]},77"
    orders.write_text("\n".join([head, changed]), encoding="utf-8")
    loose = "as_of: 2024-06-30\nquality: {max_rejected_share: 1}\n"
    study.write_text(f"{loose}{source}", encoding="utf-8")
    other = run.invoke(ingest, [str(study), store, "--append"], catch_exceptions=False).output
    assert "withdrawn from the store 其中从存储撤下: 1 (" in other
    study.write_text(f"as_of: 2024-06-30\ntimezone: Europe/Berlin\n{source}", encoding="utf-8")
    with pytest.raises(ParamsError, match="another time_zone"):
        run.invoke(ingest, [str(study), store, "--append"], catch_exceptions=False)


def test_the_days_of_the_command(tmp_path: Path) -> None:
    from crmlab.commands.ingest import summarise

    store, run = str(bring(delivered(300), tmp_path / "store").folder), CliRunner()
    folder = tmp_path / "snapshots"
    given = [store, str(folder), "--as-of", "2024-06-30", "--monthly", "3", "--quiet"]
    assert run.invoke(summarise, given, catch_exceptions=False).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["2024-04-30", "2024-05-31", "2024-06-30"]
    early = [store, str(tmp_path / "early"), "--as-of", "2020-01-31", "--quiet"]
    with pytest.raises(ParamsError, match="before the first order"):
        run.invoke(summarise, early, catch_exceptions=False)
    assert not (tmp_path / "early").exists()
    late = [store, str(tmp_path / "late"), "--as-of", "2025-06-30", "--as-of", "2020-01-31", "--quiet"]
    told = run.invoke(summarise, late, catch_exceptions=False).output
    assert "1 of the days lie before the first order" in told
    assert "Was an append forgotten?" in told
