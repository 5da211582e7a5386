"""A study says where its features are computed; what it lacks for that is said plainly."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crmlab import registry
from crmlab.engines import Engine, opened
from crmlab.errors import DataError, MissingExtraError, ParamsError, PluginContractError
from crmlab.estimators import Feature
from crmlab.lab import Lab
from crmlab.labels import Text
from crmlab_plugins.engines import duckdb as duckdb_engine
from crmlab_plugins.engines import spark_server

MakeLab = Callable[..., Lab]
COLUMNS = ("order_count", "total_spend", "cadence_days", "growth_state", "main_category", "home_city")


def test_features_of_a_lab_do_not_depend_on_its_engine(
    make_lab: MakeLab, shop: dict[str, str], spark_remote: str
) -> None:
    expected = make_lab(shop).features(*COLUMNS)
    assert expected["order_count"].sum() > 0
    on_duckdb = make_lab(shop, engine="duckdb", engines={"duckdb": {"memory_limit": "500MB", "threads": 1}})
    on_spark = make_lab(shop, engine="spark", engines={"spark": {"remote": spark_remote}})
    for lab in (on_duckdb, on_spark):
        assert_frame_equal(lab.features(*COLUMNS), expected, check_exact=True)


def test_the_address_may_come_from_the_environment(
    make_lab: MakeLab, shop: dict[str, str], spark_remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_ADDRESS", spark_remote)
    lab = make_lab(shop, engine="spark", engines={"spark": {"remote": "env:SPARK_ADDRESS"}})
    assert lab.features("order_count")["order_count"].sum() > 0


def test_an_unknown_engine_is_named(make_lab: MakeLab, shop: dict[str, str]) -> None:
    with pytest.raises(ParamsError, match=r"no engine is named 'duckbd'\. Did you mean 'duckdb'"):
        make_lab(shop, engine="duckbd")


@pytest.mark.parametrize(
    ("engine", "params", "message"),
    [
        ("spark", {"remote": "http://token@spark.example.com"}, "address of a Spark Connect server"),
        ("spark", {"remote": "sc://"}, "address of a Spark Connect server"),
        ("spark", {"remote": "sc://spark.example.com;token=abc"}, "behind a slash"),
        ("spark", {"remote": "sc://spark.example.com/;token=abc"}, "env:SPARK_REMOTE"),
        ("spark", {"remote": "sc://token:abc@spark.example.com"}, "env:SPARK_REMOTE"),
        ("spark", {"remote": "sc://spark.example.com/;x-key=abc"}, "env:SPARK_REMOTE"),
        ("spark", {"remote": "sc://spark.example.com/;token=abc=="}, "%3D"),
        ("spark", {"remote": "sc://spark.example.com/;token=a/bc"}, "%2F"),
        ("duckdb", {"memory_limit": "much"}, "a size with its unit"),
        ("duckdb", {"threads": 0}, "must be 1 or more"),
    ],
)
def test_wrong_settings_of_an_engine_are_said(
    make_lab: MakeLab, shop: dict[str, str], engine: str, params: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message) as failed:
        make_lab(shop, engines={engine: params})
    assert "token@" not in str(failed.value)
    assert "abc" not in str(failed.value)


def test_an_address_without_a_secret_may_stand_in_a_study(make_lab: MakeLab, shop: dict[str, str]) -> None:
    make_lab(shop, engines={"spark": {"remote": "sc://spark.example.com/;use_ssl=true;user_id=me"}})
    make_lab(shop, engines={"spark": {"remote": "env:NOT_SET_YET"}})


@pytest.mark.parametrize(
    ("engine", "package", "opens"),
    [
        ("duckdb", "duckdb", duckdb_engine._database),
        ("spark", "pyspark.sql.connect.session", spark_server.connected),
    ],
)
def test_a_missing_extra_is_named(
    engine: str, package: str, opens: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"crmlab\[{engine}\]"):
        opens.__wrapped__(*(["sc://localhost"] if engine == "spark" else []))  # type: ignore[attr-defined]


def test_duckdb_has_a_budget_and_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    monkeypatch.setenv("CRMLAB_MEMORY_MB", "256")
    database = duckdb_engine._database.__wrapped__()
    settings = "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    limit, folder = database.execute(settings).fetchone()
    assert limit == "256.0 MiB"
    assert Path(folder).stat().st_mode & 0o077 == 0
    database.close()


@pytest.mark.parametrize("listens", [False, True])
def test_a_server_that_does_not_answer_is_said_soon(monkeypatch: pytest.MonkeyPatch, listens: bool) -> None:
    pytest.importorskip("pyspark")
    monkeypatch.setattr(spark_server, "_SECONDS", 0.5)  # for what takes the call and says nothing
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if not listens:
            taken.close()
        monkeypatch.setenv("SPARK_ADDRESS", f"sc://127.0.0.1:{port}/;token=secret-token")
        engine = opened("spark", {"remote": os.environ["SPARK_ADDRESS"]})
        with pytest.raises(DataError, match=f"No Spark Connect server answers at 127.0.0.1:{port}") as failed:
            engine.from_polars(pl.LazyFrame({"a": [1]}))
    assert "secret-token" not in f"{failed.value} {engine!r}"
    assert "engine: polars" in str(failed.value)


def test_a_server_of_something_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark")
    import grpc

    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(DataError, match=rf"The server at 127\.0\.0\.1:{port} refuses to work"):
            opened("spark", {"remote": f"sc://127.0.0.1:{port}"}).from_polars(pl.LazyFrame({"a": [1]}))
    finally:
        server.stop(None)


def test_each_address_has_a_session_of_its_own(spark_remote: str) -> None:
    other = f"{spark_remote}/;user_id=somebody-else"
    assert spark_server.connected(spark_remote) is spark_server.connected(spark_remote)
    assert spark_server.connected(other).session_id != spark_server.connected(spark_remote).session_id


def test_a_feature_that_leaves_the_engine_is_named(
    make_lab: MakeLab, shop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.features, "_session", {})

    @registry.features.register("orders-by-hand")
    class OrdersByHand(Feature):
        title = Text("手工", "By hand")
        tables = ("orders",)
        produces = ("orders_by_hand",)

        def build(self, tables, as_of):  # type: ignore[no-untyped-def]
            orders = tables["orders"].collect("polars").to_native()
            counted = orders.group_by("customer_id").len("orders_by_hand")
            return nw.from_native(counted.lazy())

    assert make_lab(shop).features("orders_by_hand").height == 6
    with pytest.raises(
        PluginContractError, match=r"^OrdersByHand .*a frame of polars on the engine 'duckdb'"
    ):
        make_lab(shop, engine="duckdb").features("orders_by_hand")


def test_an_engine_is_opened_once() -> None:
    assert opened("duckdb", {"threads": 1}) is opened("duckdb", {"threads": 1})
    assert opened("duckdb", {"threads": 1}) is not opened("duckdb")
    assert all(issubclass(registry.engines[name], Engine) for name in registry.engines)
