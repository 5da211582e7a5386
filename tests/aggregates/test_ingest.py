"""Stores: what goes in comes out, counted; a killed ingest goes on; memory is bounded by a bucket."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from order_rows import AS_OF, many

from crmlab.aggregates import customers, rfm
from crmlab.aggregates.chunks import in_chunks
from crmlab.aggregates.contested import again, load, upper, write_marks
from crmlab.aggregates.hashing import buckets_of, hashes
from crmlab.aggregates.ingest import Progress, buckets_for, ingest
from crmlab.aggregates.kept import begin
from crmlab.aggregates.sorting import in_runs
from crmlab.aggregates.store import Store
from crmlab.aggregates.summarise import state, summarise
from crmlab.data.cleaning import clean
from crmlab.errors import DataError, QualityGateError


def delivered(orders: int = 3_000, seed: int = 1) -> pl.DataFrame:
    """Return orders as a source delivers them."""
    rows = many(200, orders, seed)
    moment = pl.lit(datetime(1970, 1, 1, 4, tzinfo=UTC)).dt.cast_time_unit("us") + pl.duration(days="day")
    return rows.select(
        "customer_id",
        order_id=pl.int_range(pl.len()).cast(pl.String),
        ordered_at=moment,
        amount=pl.col("amount_hundredths") / 100,
        channel="channel",
        product="category",
    )


def bring(rows: pl.DataFrame, folder: Path, **settings: Any) -> Store:
    """Ingest in chunks of 700 rows into four buckets."""
    given: dict[str, Any] = {"time_zone": "Asia/Shanghai", "chunk_rows": 700, "buckets": 4}
    return ingest(rows.lazy(), folder, **{**given, **settings})


def content(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_store_holds_what_cleaning_accepts(tmp_path: Path) -> None:
    rows = delivered()
    store = bring(rows, tmp_path / "store")
    table = clean("orders", rows.lazy(), "Asia/Shanghai").table
    kept = store.scan().collect()
    assert kept.sort("order_id").equals(table.select(kept.columns).sort("order_id"))
    assert (store.manifest["rows"], store.manifest["rejected"]) == (3_000, {})
    assert store.manifest["customers"] == table["customer_id"].n_unique()
    days = (table["day"].min(), table["day"].max())
    assert (store.manifest["first_day"], store.manifest["last_day"]) == days
    counted = table["channel"].value_counts(sort=True)
    assert store.manifest["values"]["channel"] == dict(counted.iter_rows())


def test_buckets_share_no_customer_and_lie_sorted(tmp_path: Path) -> None:
    store = bring(delivered(), tmp_path / "store")
    seen: set[str] = set()
    for bucket in store.buckets:
        rows = store.rows(bucket).collect()
        assert rows.equals(rows.sort("customer_id", "day", maintain_order=True))
        mine = set(rows["customer_id"])
        assert mine
        assert not mine & seen
        assert set(buckets_of(pl.Series(sorted(mine)), 4)) == {bucket}
        seen |= mine


def test_neither_chunks_nor_buckets_change_a_feature(tmp_path: Path) -> None:
    rows = delivered()
    found = []
    for name, settings in (("one", {"buckets": 1, "chunk_rows": 10_000}), ("many", {"buckets": 8})):
        store = bring(rows, tmp_path / name, **settings)
        folder = summarise(store, tmp_path / f"{name}-features", AS_OF)
        found.append(pl.read_parquet(folder / "*.parquet").sort("customer_id"))
    assert found[0].equals(found[1])


def test_features_are_those_of_the_definition_for_every_engine(tmp_path: Path) -> None:
    rows = delivered()
    store = bring(rows, tmp_path / "store")
    layout = store.layout()
    folder = summarise(store, tmp_path / "features", AS_OF)
    table = nw.from_native(clean("orders", rows.lazy(), "Asia/Shanghai").table.lazy())
    expected = customers.finish(customers.lift(table, layout, AS_OF), layout, AS_OF).to_native().collect()
    expected = expected.sort("customer_id")
    found = pl.read_parquet(folder / "*.parquet").sort("customer_id")
    assert found.select(expected.columns).equals(expected)
    labels = rfm.of_orders(table, AS_OF).sort("customer_id")
    assert found.select(*rfm.SCORES, "rfm").equals(labels.select(*rfm.SCORES, "rfm"))
    said = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert said["customers"] == expected.height
    assert said["columns"]["channel_1_orders"]["zh"] == f"经“{layout.channels[0]}”的付款订单数"


def test_what_is_rejected_is_counted_and_kept(tmp_path: Path) -> None:
    rows = delivered(1_500)
    again = rows.slice(0, 3)  # equal rows, in another chunk
    contradicting = rows.slice(10, 2).with_columns(amount=pl.lit(1.5))
    nobody = rows.slice(20, 4).with_columns(
        customer_id=pl.lit(None, pl.String), order_id=pl.format("n{}", "order_id")
    )
    store = bring(pl.concat([rows, again, contradicting, nobody]), tmp_path / "store")
    assert store.manifest["rejected"] == {"exact_duplicate": 3, "nullability": 4, "unique_id": 4}
    assert store.manifest["rows"] == 1_500 - 2
    kept = pl.concat(
        [pl.read_parquet(path) for path in sorted((store.folder / "rejected").iterdir())],
        how="diagonal_relaxed",
    )
    assert kept.height == 11
    assert not set(store.scan().collect()["order_id"]) & {"10", "11"}


@pytest.mark.parametrize("chunk_rows", [10_000, 700, 130])
def test_a_number_of_several_contents_is_nobodys_wherever_its_rows_lie(
    tmp_path: Path, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMLAB_MEMORY_MB", "128")
    monkeypatch.setattr("crmlab.aggregates.contested._ROW_BYTES", 1 << 18)  # some ranges of hashes
    rows = delivered(1_500)
    others = rows.slice(0, 6).with_columns(customer_id=pl.format("X{}", "customer_id"))  # in other buckets
    twice = pl.concat([rows.slice(20, 2), rows.slice(20, 2).with_columns(amount=pl.lit(1.5))])
    late = rows.slice(20, 2)  # where the chunk of the first has rejected it, it stays rejected
    given = pl.concat([rows.slice(0, 20), rows.slice(22, 900), twice, rows.slice(922), others, late])
    store = bring(given, tmp_path / "store", chunk_rows=chunk_rows)
    whole = clean("orders", given.lazy(), "Asia/Shanghai")
    left = whole.table
    assert sum(store.manifest["rejected"].values()) == sum(whole.counts.values())
    assert store.manifest["rows"] == left.height
    assert sorted(store.scan().collect()["order_id"]) == sorted(left["order_id"])
    assert not set(left["order_id"]) & {*map(str, range(6)), "20", "21"}


def test_numbers_that_start_anew_in_every_shop_stop_it(tmp_path: Path) -> None:
    rows = delivered(1_000)
    other = rows.with_columns(customer_id=pl.format("X{}", "customer_id"))
    with pytest.raises(QualityGateError, match="same id, different content"):
        bring(pl.concat([rows, other]), tmp_path / "store", max_rejected_share=0.5)


def test_too_many_rejected_rows_stop_it(tmp_path: Path) -> None:
    rows = delivered(1_000).with_columns(customer_id=pl.when(pl.col("amount") > 100).then("customer_id"))
    with pytest.raises(QualityGateError, match="required value is missing") as error:
        bring(rows, tmp_path / "store", max_rejected_share=0.1)
    assert not (tmp_path / "store").exists()
    assert "C0" not in str(error.value)


def test_rows_without_numbers_are_numbered_across_chunks(tmp_path: Path) -> None:
    store = bring(delivered().drop("order_id"), tmp_path / "store")
    assert store.manifest["rows"] == 3_000
    assert store.scan().collect()["order_id"].n_unique() == 3_000


def test_an_empty_table(tmp_path: Path) -> None:
    store = bring(delivered(1).clear(), tmp_path / "store")
    assert (store.manifest["rows"], store.manifest["parts"]) == (0, {})
    folder = summarise(store, tmp_path / "features", AS_OF)
    assert pl.read_parquet(folder / "*.parquet").height == 0


_INGEST = """
import sys
from pathlib import Path
import polars as pl
from crmlab.aggregates.ingest import ingest
def advance(progress):
    print(progress.stage, progress.done, flush=True)
ingest(pl.scan_parquet(sys.argv[1]), Path(sys.argv[2]), time_zone="Asia/Shanghai", chunk_rows=700, buckets=4,
       fingerprint="f", advance=advance)
print("published", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_ingest_goes_on_where_it_was(tmp_path: Path) -> None:
    rows = delivered()
    rows.write_parquet(tmp_path / "orders.parquet")
    whole = bring(rows, tmp_path / "whole", fingerprint="f")
    folder = tmp_path / "store"
    command = [sys.executable, "-c", _INGEST, str(tmp_path / "orders.parquet"), str(folder)]
    first = []
    for line in ("reading 1400", "comparing 0", "sorting 2", "sorting 4", ""):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first.append(process.stdout.readline().strip())
            if line and first[-1] != line:
                while process.stdout.readline().strip() not in (line, ""):
                    pass
            if line:
                process.send_signal(signal.SIGKILL)
                assert not folder.exists() or line == "sorting 4"
            else:
                process.stdout.read()
        if folder.exists():
            break
    assert first[0] == "reading 0"
    assert first[1] != "reading 0"  # the second process did not begin anew
    assert content(folder) == content(whole.folder)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_interrupted_ingest_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage == "sorting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(delivered(), tmp_path / "store", fingerprint="one", advance=interrupt)
    with pytest.raises(DataError, match="fingerprint, time_zone changed"):
        bring(delivered(), tmp_path / "store", fingerprint="two", time_zone="UTC")
    # More memory does not deal the rest otherwise.
    assert bring(delivered(), tmp_path / "store", fingerprint="one", buckets=16).manifest["buckets"] == 4


def test_chunks_that_are_lost_or_broken_are_dealt_again(tmp_path: Path) -> None:
    whole = bring(delivered(), tmp_path / "whole", fingerprint="f")

    def interrupt(progress: Progress) -> None:
        if progress.stage == "comparing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(delivered(), tmp_path / "store", fingerprint="f", advance=interrupt)
    first, second, *_ = sorted((tmp_path / ".store.ingest" / "chunks").iterdir())
    shutil.rmtree(first)  # the second was quicker, on another thread
    made = second.stat().st_ino
    stages = []

    def look(progress: Progress) -> None:
        stages.append((progress.stage, progress.done))
        if progress.stage == "comparing":
            assert second.stat().st_ino == made

    store = bring(delivered(), tmp_path / "store", fingerprint="f", advance=look)
    read = [done for stage, done in stages if stage == "reading"]
    assert (read[0], read[-1], read) == (0, 3_000, sorted(read))
    assert [done for stage, done in stages if stage == "sorting"] == [0, 1, 2, 3, 4]
    assert content(store.folder) == content(whole.folder)


def damaged(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with some that are rejected, in a chunk and between chunks."""
    nobody = rows.slice(20, 4).with_columns(customer_id=pl.lit(None, pl.String), order_id=pl.lit("n"))
    return pl.concat([rows, nobody, rows.slice(0, 3), rows.slice(10, 2).with_columns(amount=pl.lit(1.5))])


@pytest.mark.parametrize("how", ["removed", "emptied"])
@pytest.mark.parametrize(
    "lost",
    [
        *(f"chunks/*/{name}" for name in ("rows.arrows", "places.npy", "orders.npy", "counted.json")),
        *("chunks/*/rejected.parquet", "again.bin", "contested.parquet"),
    ],
)
def test_a_file_that_the_loss_of_power_took_is_made_again(tmp_path: Path, lost: str, how: str) -> None:
    rows = damaged(delivered())
    whole = bring(rows, tmp_path / "whole", fingerprint="f")
    assert whole.manifest["rejected"] == {"exact_duplicate": 3, "nullability": 4, "unique_id": 4}
    # What is not written through may be lost only before something that is.
    before = "comparing" if lost.startswith("chunks") else "sorting"

    def interrupt(progress: Progress) -> None:
        if progress.stage == before:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(rows, tmp_path / "store", fingerprint="f", advance=interrupt)
    found = sorted((tmp_path / ".store.ingest").glob(lost))
    if how == "removed":
        found[-1].unlink()
    elif before == "comparing":
        found[-1].write_bytes(b"")
    store = bring(rows, tmp_path / "store", fingerprint="f")
    assert content(store.folder) == content(whole.folder)


def test_rows_that_are_in_no_chunk_are_not_passed_over(tmp_path: Path) -> None:
    rows = delivered()
    whole = bring(rows, tmp_path / "whole", fingerprint="f")

    def interrupt(progress: Progress) -> None:
        if progress.stage == "comparing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(rows, tmp_path / "store", fingerprint="f", advance=interrupt)
    chunks = sorted((tmp_path / ".store.ingest" / "chunks").iterdir())
    shutil.rmtree(chunks[0])
    chunks[2].rename(chunks[2].with_name("000000001400-000000002000"))  # of an input that broke off
    assert content(bring(rows, tmp_path / "store", fingerprint="f").folder) == content(whole.folder)


def test_what_does_not_add_up_is_not_published(tmp_path: Path) -> None:
    def lose(progress: Progress) -> None:
        if progress.stage == "sorting" and progress.done == 4:
            path = sorted((tmp_path / ".store.ingest").glob("bucket-*/counted.json"))[0]
            counted = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps({**counted, "rows": counted["rows"] - 1}), encoding="utf-8")

    with pytest.raises(DataError, match="Of 3,000 rows 2,999 are kept and 0 rejected"):
        bring(delivered(), tmp_path / "store", advance=lose)
    assert not (tmp_path / "store").exists()


def test_the_currency_of_an_amount_does_not_depend_on_its_chunk(tmp_path: Path) -> None:
    rows = delivered(100).with_columns(amount=pl.format("¥{}", pl.col("amount").round(2)))
    dollars = rows.head(1).with_columns(order_id=pl.lit("z"), amount=pl.lit("$9"))
    for name, given in (("own", rows), ("foreign", pl.concat([rows, rows.head(1), dollars]))):
        table = clean("orders", given.lazy(), "Asia/Shanghai")
        assert ("currency" in table.table.columns) == (name == "foreign")
        for size in (7, 50, 1_000):
            store = bring(given, tmp_path / f"{name}-{size}", chunk_rows=size)
            kept = store.scan().collect().sort("order_id")
            assert kept.equals(table.table.select(kept.columns).sort("order_id"))
            assert set(kept.columns) == set(table.table.columns)
            assert store.manifest["rejected"] == table.counts


def test_repeats_of_one_customer_count_once_before_they_are_looked_at(tmp_path: Path) -> None:
    rows = delivered(1_000)
    twice = pl.concat([rows, rows.head(100)])
    store = bring(twice, tmp_path / "store", max_rejected_share=0.1)
    assert store.manifest["rejected"] == {"exact_duplicate": 100}


@pytest.mark.parametrize("buckets", [1, 3, 64])
@pytest.mark.parametrize("row_bytes", [64, 1 << 20, 1 << 24])
def test_numbers_that_come_again_are_found_in_any_range(
    tmp_path: Path, buckets: int, row_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMLAB_MEMORY_MB", "128")
    monkeypatch.setattr("crmlab.aggregates.contested._ROW_BYTES", row_bytes)
    draws = np.random.default_rng(buckets)
    edges = np.array([0, 1, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    known = np.concatenate([edges, draws.integers(0, 2**64 - 1, 60, np.uint64, endpoint=True)])
    rows: dict[int, list[int]] = {}
    folders = [tmp_path / str(place) for place in range(3)]
    for folder in folders:
        folder.mkdir()
        orders, bucket = draws.choice(known, 50), draws.integers(0, buckets, 50)
        write_marks(folder, orders, bucket, buckets)
        for number, place in zip(upper(orders, buckets).tolist(), bucket.tolist(), strict=True):
            rows.setdefault(number, []).append(place)
    suspected = again(folders, buckets, tmp_path / "again.bin")
    assert load(tmp_path / "again.bin").tolist() == sorted(n for n, found in rows.items() if len(found) > 1)
    assert suspected.tolist() == sorted(n for n, found in rows.items() if len(set(found)) > 1)


def test_an_input_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    rows = delivered()

    def grow(frame: pl.DataFrame) -> pl.DataFrame:
        return frame if frame.width == 1 or not frame.height else frame.head(2_000)

    lazy = rows.lazy().map_batches(grow, projection_pushdown=True)
    with pytest.raises(DataError, match="2,000 rows, and said that it has 3,000"):
        ingest(lazy, tmp_path / "store", time_zone="UTC", chunk_rows=700, buckets=4)


@pytest.mark.parametrize("size", [1, 7, 64, 1_000])
def test_chunks_have_one_size_however_the_rows_come(size: int) -> None:
    parts = [pl.DataFrame({"row": range(start, end)}) for start, end in pairwise((0, 0, 1, 9, 300, 301))]
    lazy = pl.concat([part.lazy() for part in parts])
    found = list(in_chunks(lazy, 2, size))
    assert [start for start, _ in found] == list(range(2, 301, size))
    assert [rows.height for _, rows in found[:-1]] == [size] * (len(found) - 1)
    assert pl.concat([rows for _, rows in found])["row"].to_list() == list(range(2, 301))


def test_a_column_that_some_chunks_lack_is_empty_there(tmp_path: Path) -> None:
    rows = delivered(1_500).with_columns(amount=pl.col("amount").cast(pl.String))
    dollars = rows.with_row_index().with_columns(
        amount=pl.when(pl.col("index") == 1_000).then(pl.format("${}", "amount")).otherwise("amount")
    )
    kept = bring(dollars.drop("index"), tmp_path / "store").scan().collect()
    assert kept.height == 1_500
    assert kept.filter(pl.col("currency") == "USD")["order_id"].to_list() == ["1000"]


def test_runs_are_sorted_alike_where_numbers_are_too_large_to_carry_their_place() -> None:
    rows = many(50, 400, seed=3)
    far = rows.with_columns(day=pl.when(pl.int_range(pl.len()) == 0).then(1 << 50).otherwise("day"))
    for given in (rows, far, rows.clear()):
        made, customers_found = in_runs(given)
        assert made.equals(given.sort("customer_id", "day", maintain_order=True))
        assert customers_found == given["customer_id"].n_unique()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    store = bring(delivered(), tmp_path / "store")
    with pytest.raises(DataError, match="not empty"):
        bring(delivered(), tmp_path / "store")
    with pytest.raises(DataError, match="not empty"):
        summarise(store, tmp_path / "store", AS_OF)


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    def second(progress: Progress) -> None:
        if progress.done == 700:
            with pytest.raises(DataError, match="is running"):
                bring(delivered(), tmp_path / "store")

    assert bring(delivered(), tmp_path / "store", advance=second).manifest["rows"] == 3_000


def test_a_summary_goes_on_and_changes_nothing(tmp_path: Path) -> None:
    store = bring(delivered(), tmp_path / "store")
    whole = summarise(store, tmp_path / "whole", AS_OF)
    for stage in ("states", "features"):

        def interrupt(progress: Any, stage: str = stage) -> None:
            if progress.stage == stage and progress.done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            summarise(store, tmp_path / "again", AS_OF, advance=interrupt)
    with pytest.raises(DataError, match="as_of changed"):
        summarise(store, tmp_path / "again", AS_OF - timedelta(days=1))
    assert content(summarise(store, tmp_path / "again", AS_OF)) == content(whole)


@pytest.mark.parametrize("days", [0, 40, -200])
def test_a_kept_state_changes_no_feature(tmp_path: Path, days: int) -> None:
    store = bring(delivered(), tmp_path / "store")
    plain = summarise(store, tmp_path / "plain", AS_OF + timedelta(days))
    assert content(summarise(begin(store), tmp_path / "kept", AS_OF + timedelta(days))) == content(plain)


def test_channels_keep_their_places_where_a_state_is_kept(tmp_path: Path) -> None:
    store = begin(bring(delivered(), tmp_path / "store"))
    layout = store.layout()
    counts = {**store.manifest["values"]["channel"], layout.channels[-1]: 10**6}
    later = dict(sorted(counts.items(), key=lambda pair: -pair[1]))
    manifest = {**store.manifest, "values": {**store.manifest["values"], "channel": later}}
    assert Store(store.folder, manifest).layout() == layout
    del manifest["state"]
    assert Store(store.folder, manifest).layout().channels == tuple(later)


def test_what_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no store of orders"):
        Store.open(tmp_path)
    (tmp_path / "store.json").write_text('{"version": 9}', encoding="utf-8")
    with pytest.raises(DataError, match="version 9"):
        Store.open(tmp_path)


def test_the_source_keeps_the_contract_of_plugins(tmp_path: Path) -> None:
    from crmlab.registry import sources
    from crmlab.testing import checks_for

    bring(delivered(300), tmp_path / "store")
    source = sources["store"].from_params({"folder": str(tmp_path / "store")})
    checks = checks_for(source)
    assert checks
    for check in checks:
        check(source)
    assert "300" in source.origin.zh


def test_further_parts_of_a_bucket_are_read_as_one(tmp_path: Path) -> None:
    store = bring(delivered(), tmp_path / "store", buckets=1)
    whole = state(store, 0, store.layout())
    rows = store.rows(0).collect()
    parts = []
    for name, part in (("a", rows.gather_every(2)), ("b", rows.gather_every(2, 1))):
        part.write_parquet(store.folder / f"bucket-0000/{name}.parquet")
        parts.append({"file": f"bucket-0000/{name}.parquet", "rows": part.height, "customers": 0})
    split = Store(store.folder, {**store.manifest, "parts": {"0": parts}})
    assert state(split, 0, store.layout()).equals(whole)


def test_the_hash_never_changes() -> None:
    # Test vectors of RFC 9923 for FNV-1a of 64 bits.
    found = hashes(pl.Series(["", "a", "foobar"]))
    assert [hex(value) for value in found] == [
        "0xcbf29ce484222325",
        "0xaf63dc4c8601ec8c",
        "0x85944171f73967e8",
    ]
    assert list(buckets_of(pl.Series(["王小明", "C000001", ""]), 1 << 10)) == [
        _bucket(text) for text in ("王小明", "C000001", "")
    ]
    assert list(hashes(pl.Series([], dtype=pl.String))) == []


def _bucket(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return (value ^ (value >> 32)) % (1 << 10)


def test_buckets_follow_the_rows_and_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRMLAB_MEMORY_MB", "512")
    assert [buckets_for(rows) for rows in (0, 500_000, 600_000, 100_000_000)] == [1, 1, 2, 256]
    monkeypatch.setenv("CRMLAB_MEMORY_MB", "4096")
    assert buckets_for(100_000_000) == 32


def test_the_commands_and_the_source(tmp_path: Path, shop: dict[str, str], make_lab: Any) -> None:
    from crmlab.commands.ingest import ingest as ingest_command
    from crmlab.commands.ingest import summarise as summarise_command

    (tmp_path / "orders.csv").write_text(shop["orders"], encoding="utf-8")
    study = tmp_path / "shop.yaml"
    study.write_text(
        "as_of: 2024-06-30\ndata: [{source: files, files: {orders: {path: orders.csv}}}]\n", encoding="utf-8"
    )
    run = CliRunner()
    store, features = str(tmp_path / "store"), str(tmp_path / "features")
    result = run.invoke(ingest_command, [str(study), store, "--quiet"], catch_exceptions=False)
    assert (result.exit_code, "orders 订单: 7" in result.output) == (0, True)
    result = run.invoke(summarise_command, [store, features, "--as-of", "2024-06-30"], catch_exceptions=False)
    assert result.exit_code == 0
    found = pl.read_parquet(tmp_path / "features/*.parquet").sort("customer_id")
    lab = make_lab({"orders": shop["orders"]})
    columns = ("order_count", "total_spend", "days_since_last_order")
    assert found.select("customer_id", *columns).equals(lab.features(*columns))
    stored = make_lab({}, data=[{"source": "store", "folder": store}])
    assert stored.features(*columns).equals(lab.features(*columns))
    assert stored.tables["orders"].sort("order_id").equals(lab.tables["orders"].sort("order_id"))
