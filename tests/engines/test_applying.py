"""Functions on batches: every engine gives them whole customers, all rows, and keeps what they return."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from crmlab.engines import Engine, by_batches, by_customers, engine_of, opened
from crmlab.errors import DataError, PluginContractError
from crmlab.estimators import KEY
from crmlab_plugins.engines import duckdb as duckdb_engine
from crmlab_plugins.engines.arrow import portable, whole

ROWS = pl.DataFrame({KEY: [f"c{place * 7 % 97:02}" for place in range(3_000)], "n": range(3_000)})
COUNTS = {KEY: pl.String, "n": pl.Int64, "last": pl.Int64}


def _doubled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(KEY, n=pl.col("n") * 2)


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(KEY).agg(n=pl.len().cast(pl.Int64), last=pl.col("n").max())


@pytest.fixture(params=["polars", "polars in streams", "duckdb", "spark"])
def any_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    # Batches so small that customers are cut, were the engine to let it happen.
    monkeypatch.setattr(duckdb_engine, "BATCH", 64)
    if request.param == "spark":
        return opened("spark", {"remote": request.getfixturevalue("spark_remote")})
    if request.param == "duckdb":
        pytest.importorskip("duckdb")
    return opened(request.param.split()[0], {"stream": True} if "streams" in request.param else {})


def test_every_row_is_given_once(any_engine: Engine) -> None:
    schema = {KEY: pl.String, "n": pl.Int64}
    applied = any_engine.apply(any_engine.from_polars(ROWS.lazy()), _doubled, schema)
    assert_frame_equal(any_engine.to_polars(applied), _doubled(ROWS), check_row_order=False)
    any_engine.release()


def test_customers_come_whole(any_engine: Engine) -> None:
    applied = any_engine.apply(any_engine.from_polars(ROWS.lazy()), _counted, COUNTS, together=KEY)
    assert_frame_equal(any_engine.to_polars(applied), _counted(ROWS), check_row_order=False)
    any_engine.release()


def test_no_rows_give_no_rows_of_the_same_kind(any_engine: Engine) -> None:
    empty = any_engine.from_polars(ROWS.clear().lazy())
    found = any_engine.to_polars(any_engine.apply(empty, _counted, COUNTS, together=KEY))
    assert found.schema == pl.Schema(COUNTS)
    assert found.is_empty()


def test_what_a_function_returns_can_be_used_twice(any_engine: Engine) -> None:
    counted = any_engine.apply(any_engine.from_polars(ROWS.lazy()), _counted, COUNTS, together=KEY)
    both = counted.join(counted.select(KEY, again="n"), on=KEY, how="inner")
    found = any_engine.to_polars(both)
    assert found.height == 97
    assert (found["n"] == found["again"]).all()


def test_files_are_scanned_and_written(any_engine: Engine, tmp_path) -> None:  # type: ignore[no-untyped-def]
    ROWS.head(1_000).write_parquet(tmp_path / "a.parquet")
    ROWS.tail(2_000).write_parquet(tmp_path / "b.parquet")
    any_engine.sink(any_engine.scan(tmp_path), tmp_path / "out" / "rows.parquet")
    found = any_engine.to_polars(any_engine.scan(tmp_path / "out" / "rows.parquet"))
    assert_frame_equal(found, ROWS, check_row_order=False)


def test_the_engine_of_a_frame_is_found(any_engine: Engine) -> None:
    frame = any_engine.from_polars(ROWS.lazy())
    assert type(engine_of(frame)) is type(any_engine)
    assert any_engine.to_polars(by_customers(frame, _counted, COUNTS)).height == 97
    assert any_engine.to_polars(by_batches(frame, _doubled, {KEY: pl.String, "n": pl.Int64})).height == 3_000
    any_engine.release()


def test_frames_that_no_engine_knows_are_refused() -> None:
    import narwhals as nw

    frame = nw.from_native(pa.table({"a": [1]})).lazy()
    with pytest.raises(DataError, match="No engine computes on frames of pyarrow"):
        engine_of(frame)


def test_released_tables_are_gone_from_duckdb() -> None:
    duckdb = pytest.importorskip("duckdb")
    engine = opened("duckdb")
    applied = engine.apply(engine.from_polars(ROWS.lazy()), _counted, COUNTS)
    engine.release()
    with pytest.raises(duckdb.Error):
        engine.to_polars(applied)


@given(
    keys=st.lists(st.sampled_from([None, "a", "b", "c", "d"]), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=8),
)
def test_batches_of_sorted_rows_are_cut_between_customers(keys: list[str | None], cuts: list[int]) -> None:
    ordered = sorted(keys, key=lambda key: (key is None, key or ""))
    table = pa.table({"key": pa.array(ordered, pa.string()), "n": range(len(keys))})
    edges = sorted({0, *(cut for cut in cuts if cut < len(keys)), len(keys)})
    batches = [
        batch for start, end in pairwise(edges) for batch in table.slice(start, end - start).to_batches()
    ]
    found = [part.column("key").to_pylist() for part in whole(batches, "key")]
    assert [key for part in found for key in part] == ordered
    homes = [key for part in found for key in set(part)]
    assert len(homes) == len(set(homes))


def test_types_that_only_some_engines_have_are_changed() -> None:
    frame = pl.LazyFrame(
        {"small": [1], "half": [1.5], "kind": ["x"], "none": [None]},
        schema={"small": pl.UInt8, "half": pl.Float32, "kind": pl.Categorical, "none": pl.Null},
    )
    assert portable(frame).collect_schema() == pl.Schema(
        {"small": pl.Int64, "half": pl.Float64, "kind": pl.String, "none": pl.String}
    )


def test_other_types_are_left_out_and_names_that_differ_in_case_refused() -> None:
    frame = pl.LazyFrame({"known": [["a"]], "for": [timedelta(days=1)], "price": [Decimal("1.5")]})
    assert portable(frame).collect_schema() == pl.Schema({"known": pl.List(pl.String), "price": pl.Float64})
    with pytest.raises(DataError, match="The columns City, CITY of a table differ only in case"):
        portable(pl.LazyFrame({"City": ["a"], "other": ["b"], "CITY": ["c"]}))


@pytest.mark.parametrize("rows", [0, 2])
def test_names_and_types_of_the_own_columns_of_a_company_stay(any_engine: Engine, rows: int) -> None:
    own = pl.DataFrame(
        {
            KEY: ["客户", "b"],
            "备注`x": ["\0", " "],
            'so "called"': [["a"], None],
            "a.b": [2**62, None],
            "met_at": [datetime(2024, 2, 29, tzinfo=UTC), None],
        }
    ).head(rows)
    found = any_engine.to_polars(any_engine.from_polars(own.lazy()))
    assert_frame_equal(found, own, check_row_order=False)


@pytest.mark.parametrize("kind", [pl.Int32, pl.List(pl.UInt8), pl.Struct({"a": pl.Datetime("us")})])
def test_types_that_not_every_engine_has_are_refused_on_all(kind: pl.DataType) -> None:
    frame = opened("polars").from_polars(ROWS.lazy())
    with pytest.raises(PluginContractError, match="The column 'n' of what is applied to batches is"):
        by_batches(frame, _doubled, {KEY: pl.String, "n": kind})
    with pytest.raises(PluginContractError, match="cast it to one of them"):
        by_customers(frame, _doubled, {KEY: pl.String, "n": kind})


def test_what_a_function_returns_is_cast_on_every_engine(any_engine: Engine) -> None:
    def counted(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.group_by(KEY).agg(n=pl.len())  # UInt32

    applied = by_customers(any_engine.from_polars(ROWS.lazy()), counted, {KEY: pl.String, "n": pl.Int64})
    assert any_engine.to_polars(applied).schema == pl.Schema({KEY: pl.String, "n": pl.Int64})
    any_engine.release()
