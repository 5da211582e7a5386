"""Engines to compare with polars; tables of a small company, and of what engines could take differently."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.util import find_spec

import polars as pl
import pytest

from crmlab.data.days import with_days
from crmlab.engines import Engine, opened
from crmlab.estimators import KEY
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

    lab = crmlab.open(data=[{"source": "sample", "customers": 120}], as_of="2024-12-31")
    return {
        name: with_days(name, lab.tables[name].lazy(), lab.study.timezone).collect() for name in lab.tables
    }


IDS = (
    *("a", "A", "a ", " a", "Ａ", "é", "e\u0301", "客户一", "客户一 "),
    *("", "NULL", "0", "00", "o'b\"`\\%", "😀\n"),
)
"""Ids that some comparison or other takes for one, or that have to be quoted."""
DAYS = tuple(
    day_number(date.fromisoformat(day))
    for day in (
        *("2024-02-29", "2024-02-28", "2024-03-01", "2023-02-28", "2000-02-29"),  # leap days and their like
        *("2024-06-30", "2024-06-23", "2024-06-24", "2023-12-31", "2024-01-01"),  # Sundays, Mondays, years
        *("1969-12-31", "1970-01-01", "0001-01-01", "9999-12-31", "2024-07-01"),  # far, and after the day
    )
)
GREAT = (2**53 + 1, -(2**53) - 3, 2**60 + 7, 2**55 + 5, 2**53 + 3)
SMALL = (1, -1, 333, 70, 0)


@pytest.fixture(scope="session")
def hard() -> Tables:
    """The samples that break plugins, with ids, days and amounts that engines could take differently."""
    tables = sample_tables()
    known = [each for each in tables["customers"][KEY] if each[0] == "c"]
    others = dict(zip(known, IDS, strict=False))
    renamed = {
        name: table.with_columns(pl.col(key).replace(others) for key in (KEY, "referrer_id") if key in table)
        for name, table in tables.items()
    }
    orders = pl.DataFrame(
        [
            (
                f"x{place}",
                f"big{place // 2}" if place < 30 else IDS[place % 15],
                DAYS[place * 7 % 15],
                (GREAT if place < 30 else SMALL)[place % 5],
            )
            for place in range(120)
        ],
        orient="row",
        schema=["order_id", KEY, "day", "amount_hundredths"],
    )
    renamed["orders"] = pl.concat([renamed["orders"].drop("row"), orders], how="diagonal")
    lines = orders.select(
        "order_id",
        "amount_hundredths",
        category=pl.Series(["Tea", "tea", "tea ", "茶", "", None] * 20),
        product=pl.Series(["Tea", None] * 60),
    )
    renamed["order_lines"] = pl.concat([renamed["order_lines"].drop("row"), lines, lines], how="diagonal")
    return {name: with_days(name, table.lazy(), TIME_ZONE).collect() for name, table in renamed.items()}


@pytest.fixture(scope="session")
def nearly_empty(hard: Tables) -> Tables:
    """One customer, and no row in any other table."""
    return {name: table.head(1 if name == "customers" else 0) for name, table in hard.items()}


@pytest.fixture(params=["company", "hard", "nearly_empty"])
def looked_at(request: pytest.FixtureRequest) -> tuple[Tables, date]:
    """Tables, and the day that they are looked at from."""
    day = date(2024, 12, 31) if request.param == "company" else AS_OF
    return request.getfixturevalue(request.param), day
