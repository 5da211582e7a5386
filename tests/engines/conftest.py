"""Engines to compare with polars, and the tables of a small company and of what breaks plugins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.util import find_spec

import polars as pl
import pytest

from crmlab.data.days import with_days
from crmlab.engines import Engine, opened
from crmlab.sample_tables import AS_OF, TIME_ZONE, sample_tables
from crmlab.summary import day_number

Tables = Mapping[str, pl.DataFrame]

SERVER = "CRMLAB_TEST_SPARK"
"""Address of a Spark Connect server to test on instead of the one without a JVM."""


@pytest.fixture(scope="session")
def spark_remote() -> Iterator[str]:
    """The address of a Spark Connect server: the given one, or Sail, which needs no JVM, in this process."""
    if find_spec("pyspark") is None:
        pytest.skip("the Spark Connect client is not installed: pip install 'crmlab[spark]'")
    if given := os.environ.get(SERVER):
        yield given
        return
    if find_spec("pysail") is None:
        pytest.skip("pysail is not installed, which stands in for a cluster")
    os.environ.setdefault("RUST_LOG", "error")  # it tells of every session
    os.environ.setdefault("SAIL_SPARK__SESSION_TIMEOUT_SECS", "3600")  # a slow machine is no idle client
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(port=0)
    server.start(background=True)
    yield "sc://{}:{}".format(*server.listening_address)
    server.stop()


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine but polars."""
    if request.param == "spark":
        return opened("spark", {"remote": request.getfixturevalue("spark_remote")})
    pytest.importorskip("duckdb")
    return opened(request.param)


@pytest.fixture(scope="session")
def company() -> Tables:
    """The generated company's tables with their days, as of the end of 2024."""
    import crmlab

    lab = crmlab.open(data=[{"source": "sample", "customers": 300}], as_of="2024-12-31")
    return {
        name: with_days(name, lab.tables[name].lazy(), lab.study.timezone).collect() for name in lab.tables
    }


@pytest.fixture(scope="session")
def awkward() -> Tables:
    """Tables that hold what breaks plugins: ties, refunds, nulls, rows of the future."""
    return {
        name: with_days(name, table.lazy(), TIME_ZONE).collect() for name, table in sample_tables().items()
    }


@pytest.fixture(scope="session")
def nearly_empty(awkward: Tables) -> Tables:
    """The same with nothing that came about before the samples' year but two customers' orders."""
    return {
        name: table.filter(pl.col("day") <= day_number(date(2024, 1, 10)))
        if "day" in table.columns
        else table
        for name, table in awkward.items()
    }


@pytest.fixture(params=["company", "awkward", "nearly_empty"])
def looked_at(request: pytest.FixtureRequest) -> tuple[Tables, date]:
    """Tables, and the day that they are looked at from."""
    day = date(2024, 12, 31) if request.param == "company" else AS_OF
    return request.getfixturevalue(request.param), day
