"""Tables from databases: exact types, clear errors that give no secret away, and nothing ever written."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import servers
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlab
from crmlab import registry
from crmlab.data.cleaning import clean
from crmlab.errors import DataError, MissingExtraError, ParamsError
from crmlab.testing import checks_for
from crmlab_plugins.sources.databases import Database, DuckDB, SQLite

CANARY = "Pa55"
ORDERS = {"order_id": "no", "customer_id": "buyer", "ordered_at": "sold_at", "amount": "total"}
KINDS = ("duckdb", "sqlite", "postgresql", "mysql")

EXACT = [Decimal("0.07"), Decimal("1234567890.12"), Decimal("-19.99"), Decimal("20000000000000.01")]
HUNDREDTHS = [7, 123456789012, -1999, 2000000000000001]
"""The same amounts as the study counts them; some of them no Float32, and no float sum, would hold."""

SHOP = """
    CREATE TABLE {schema}sales_orders (
        no varchar(10), buyer bigint, sold_at {moment}, wall_clock {time}, {quote}实付 金额{quote} text,
        total decimal(20, 2), paid boolean
    );
    INSERT INTO {schema}sales_orders VALUES
        ('a', 9007199254740993, '2024-01-01 10:00:00{zone}', '2024-01-01 10:00:00', '张三', 0.07, true),
        ('b', 2, '2024-06-20 23:30:00{zone}', '2024-06-20 23:30:00', NULL, 1234567890.12, false),
        ('c', 2, NULL, NULL, NULL, -19.99, NULL),
        ('d', 3, '2024-07-01 01:00:00{zone}', '2024-07-01 01:00:00', '', 20000000000000.01, NULL);
    CREATE TABLE {schema}photos (customer_id int, photo {binary});
    INSERT INTO {schema}photos VALUES (1, {bytes});
"""
IN_A_SCHEMA = {"schema": "crm.", "quote": '"', "zone": "+08", "time": "timestamp", "moment": "timestamptz"}


@pytest.fixture(scope="module")
def shop_in_duckdb(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path_factory.mktemp("duckdb") / "shop.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE SCHEMA crm;")
        database.execute(SHOP.format(**IN_A_SCHEMA, binary="blob", bytes="NULL"))
    return {"path": str(path)}


@pytest.fixture(scope="module")
def shop_in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("sqlite") / "shop.db"
    kinds = {"schema": "", "time": "text", "moment": "text", "binary": "blob", "bytes": "x'00ff'"}
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(SHOP.format(**{**IN_A_SCHEMA, **kinds}))
    return {"path": str(path)}


@pytest.fixture(scope="module")
def shop_in_postgresql(postgresql: servers.Server) -> dict[str, str]:
    pytest.importorskip("adbc_driver_postgresql")
    postgresql.execute("CREATE SCHEMA crm;" + SHOP.format(**IN_A_SCHEMA, binary="bytea", bytes="NULL"))
    return {"connection": postgresql.uri}


@pytest.fixture(scope="module")
def shop_in_mysql(mariadb: servers.Server) -> dict[str, str]:
    """Fill the shop; the server's own zone is +08:00, which a TIMESTAMP is written in."""
    pytest.importorskip("connectorx")
    kinds = {"schema": "", "quote": "`", "zone": "", "time": "datetime", "moment": "timestamp NULL"}
    mariadb.execute("USE shop;" + SHOP.format(**{**IN_A_SCHEMA, **kinds}, binary="blob", bytes="NULL"))
    return {"connection": mariadb.uri}


@pytest.fixture
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Database]:
    """Return a function that opens the shop in a kind of database, as a study does: by reference."""

    def opened(kind: str, *, note: str = "", **select: Any) -> Database:
        where = request.getfixturevalue(f"shop_in_{kind}")
        monkeypatch.setenv("SHOP_DATABASE", where.get("connection", ""))
        source = registry.sources[kind].from_params({**where, "select": select, "note": note})
        assert isinstance(source, Database)
        return source

    return opened


def table_in(kind: str, name: str = "sales_orders") -> str:
    return f"crm.{name}" if kind in ("duckdb", "postgresql") else name


def message_of(call: Callable[[], object], kind: type[Exception] = DataError) -> str:
    """Return an error's message; neither it nor anything in its chain holds the password or the URI."""
    with pytest.raises(kind) as caught:
        call()
    assert kind is ParamsError or caught.value.__context__ is None
    said = "".join(traceback.format_exception(caught.value))
    assert CANARY not in said
    assert "://" not in str(caught.value).replace("postgresql://user:password@host/database", "")
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_orders_from_every_database(opened: Any, kind: str) -> None:
    source = opened(kind, orders={"table": table_in(kind), "columns": ORDERS})
    cleaned = clean("orders", source.read()["orders"], "Asia/Shanghai")
    assert cleaned.counts == {"nullability": 1}
    kept = cleaned.table.sort("order_id")
    assert kept["order_id"].to_list() == ["a", "b", "d"]
    assert kept["customer_id"].to_list() == ["9007199254740993", "2", "3"]
    assert kept["ordered_at"].to_list() == [
        datetime(2024, 1, 1, 2, tzinfo=UTC),
        datetime(2024, 6, 20, 15, 30, tzinfo=UTC),
        datetime(2024, 6, 30, 17, tzinfo=UTC),
    ]
    assert kept["amount_hundredths"].to_list() == [HUNDREDTHS[0], HUNDREDTHS[1], HUNDREDTHS[3]]


@pytest.mark.parametrize("kind", KINDS)
def test_types(opened: Any, kind: str) -> None:
    source = opened(kind, orders={"table": table_in(kind), "columns": ORDERS})
    frame = source.read()["orders"].sort("order_id").collect()
    if kind == "sqlite":  # it has no other numbers and no times
        assert frame.schema["amount"] == pl.Float64
        assert frame["wall_clock"].to_list()[0] == "2024-01-01 10:00:00"
    else:
        assert frame["amount"].to_list() == EXACT
        assert frame.schema["ordered_at"] == pl.Datetime("us", "UTC")
        assert frame.schema["wall_clock"] == pl.Datetime("us")
    assert frame.schema["customer_id"] == pl.Int64
    assert frame["实付 金额"].to_list() == ["张三", None, None, ""]
    assert frame["paid"].cast(pl.Boolean).to_list() == [True, False, None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_query(opened: Any, kind: str) -> None:
    query = f"""
        WITH sales AS (SELECT * FROM {table_in(kind)})  -- all; of them
        SELECT buyer AS customer_id, ';' AS mark, sum(total) AS spent FROM sales
        GROUP BY buyer ORDER BY 1 DESC;  -- done
    """
    frame = opened(kind, customers={"query": query}).read()["customers"].collect()
    assert frame["customer_id"].to_list() == [2, 3, 9007199254740993]
    assert frame["mark"].to_list() == [";"] * 3
    assert frame["spent"].cast(pl.Float64)[0] == pytest.approx(1234567870.13, abs=1e-6)
    nobody = opened(kind, customers={"query": query.replace("GROUP", "WHERE 1 = 2 GROUP")})
    assert nobody.read()["customers"].collect().shape == (0, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"table": "no_such_table"}, "no_such_table"),
        ({"query": "SELECT no_such_column FROM {}"}, "no_such_column"),
        ({"query": "SELECT FROM WHERE {}"}, "Correct the table, the column or the query"),
        ({"query": "SELECT buyer AS customer_id, 1 AS twice, 2 AS twice FROM {}"}, "'twice'"),
        ({"query": "SELECT * FROM {}", "columns": {"customer_id": "buyers"}}, "Did you mean 'buyer'?"),
        ({"table": "sales_orders; DROP TABLE photos"}, "sales_orders; DROP TABLE photos"),
    ],
)
def test_errors_name_the_table_and_what_is_wrong(
    opened: Any, kind: str, entry: dict[str, Any], said: str
) -> None:
    entry = {name: text.format(table_in(kind)) if name == "query" else text for name, text in entry.items()}
    message = message_of(lambda: opened(kind, customers=entry).read()["customers"])
    assert f"The table 'customers' of the source {kind}" in message
    assert said in message


@pytest.mark.parametrize("kind", KINDS)
def test_binary_columns_are_refused_by_name(opened: Any, kind: str) -> None:
    source = opened(kind, customers={"table": table_in(kind, "photos")})
    assert "binary data in 'photo'" in message_of(lambda: source.read()["customers"])
    query = f"SELECT customer_id FROM {table_in(kind, 'photos')}"
    assert opened(kind, customers={"query": query}).read()["customers"].collect().rows() == [(1,)]


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_not_quoted_in_errors(opened: Any, kind: str) -> None:
    broken = {
        "duckdb": "CAST('Zhang San' || buyer AS integer)",
        "postgresql": "CAST('Zhang San' || buyer AS integer)",
        "sqlite": "json_extract('Zhang San' || buyer, '$')",
        "mysql": "(SELECT 'Zhang San' UNION SELECT buyer)",
    }
    query = f"SELECT {broken[kind]} AS customer_id FROM {table_in(kind)}"
    message = message_of(lambda: opened(kind, customers={"query": query}).read()["customers"])
    assert "while it read the rows" in message
    assert "Zhang" not in message


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written(opened: Any, kind: str) -> None:
    """The session itself is read-only, whatever passes the check of the parameters."""
    source = opened(kind)
    writing = f"INSERT INTO {table_in(kind, 'photos')} (customer_id) VALUES (2)"
    for query in (writing, f"WITH a AS ({writing} RETURNING customer_id) SELECT * FROM a"):
        message_of(lambda query=query: source._fetch(query, "The table"))  # type: ignore[misc]
    count = f"SELECT count(*) AS customer_id FROM {table_in(kind, 'photos')}"
    rows = opened(kind, customers={"query": count}).read()["customers"].collect().rows()
    assert rows == [(1,)]


def test_rare_types_of_postgresql(opened: Any, postgresql: servers.Server) -> None:
    postgresql.execute("""
        CREATE TYPE tier AS ENUM ('gold');
        CREATE TABLE rare AS SELECT '00000000-0000-0000-0000-00000000002a'::uuid AS customer_id,
            '1234.50'::money AS spent, 'gold'::tier AS tier, '{1,2}'::int[] AS marks,
            '1 day'::interval AS gap, '{"a": 1}'::jsonb AS more, 'ab '::char(4) AS code,
            '10.0.0.1'::inet AS host, 'NaN'::numeric AS rate, 'infinity'::timestamptz AS until,
            '-infinity'::date AS since, 12345678901234567890::numeric AS long;
    """)
    frame = opened("postgresql", customers={"table": "rare"}).read()["customers"].collect()
    assert frame.row(0, named=True) == {
        "customer_id": "00000000-0000-0000-0000-00000000002a",
        "spent": Decimal("1234.50"),
        "tier": "gold",
        "marks": "{1,2}",
        "gap": "1 day",
        "more": '{"a": 1}',
        "code": "ab",
        "host": "10.0.0.1/32",
        "rate": "nan",
        "until": None,
        "since": None,
        "long": Decimal(12345678901234567890),
    }


def test_names_in_quotes(opened: Any, postgresql: servers.Server) -> None:
    postgresql.execute('CREATE TABLE "a.b ""c"";--" AS SELECT 1 AS customer_id;')
    for table in ('"a.b ""c"";--"', 'public."a.b ""c"";--"'):
        assert opened("postgresql", customers={"table": table}).read()["customers"].collect().rows() == [(1,)]


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12))
def test_any_name_is_a_name_and_nothing_else(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"CREATE TABLE {quoted} AS SELECT 1 AS customer_id, ? AS name", [name])
            database.commit()
        source = SQLite.from_params({"path": str(path), "select": {"customers": {"table": quoted}}})
        assert source.read()["customers"].collect().rows() == [(1, name)]


def test_rare_types_of_duckdb(opened: Any, shop_in_duckdb: dict[str, str]) -> None:
    import duckdb

    with duckdb.connect(shop_in_duckdb["path"]) as database:
        database.execute(
            "CREATE TABLE rare AS SELECT '00000000-0000-0000-0000-00000000002a'::uuid AS customer_id, "
            "'a'::enum('a') AS tier, [1, 2] AS marks, INTERVAL 1 DAY AS gap, 5::hugeint AS huge, "
            "time '10:00' AS clock, '101'::bit AS bits, "
            "'infinity'::timestamp AS until, date '2024-01-01' AS since"
        )
    frame = opened("duckdb", customers={"table": "rare"}).read()["customers"].collect()
    values = ("00000000-0000-0000-0000-00000000002a", "a", "[1, 2]", "1 day", 5, "10:00:00", "101", None)
    assert frame.row(0) == (*values, date(2024, 1, 1))
    outside = f"SELECT * FROM read_csv('{__file__}')"
    message = message_of(lambda: opened("duckdb", customers={"query": outside}).read()["customers"])
    assert "outside this database" in message


def test_rare_types_of_mysql(opened: Any, mariadb: servers.Server) -> None:
    mariadb.execute("""
        USE shop; SET sql_mode = '';
        CREATE TABLE rare (customer_id bigint unsigned, paid tinyint(1), long_number decimal(30),
            seen date, at datetime, until timestamp NULL, precise timestamp(6) NULL, clock time,
            born year, tier enum('a'), more json);
        INSERT INTO rare VALUES (18446744073709551615, true, 123456789012345678901234567890,
            '0000-00-00', '0000-00-00 00:00:00', '2024-01-01 08:00:00', '2024-01-01 08:00:00.123456',
            '100:00:00', 1990, 'a', '{}');
    """)
    frame = opened("mysql", customers={"table": "rare"}).read()["customers"].collect()
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    assert frame.row(0) == (
        *(18446744073709551615, 1, Decimal(123456789012345678901234567890), "0000-00-00"),
        *("0000-00-00 00:00:00", moment, moment.replace(microsecond=123456), "100:00:00", 1990, "a", "{}"),
    )


def test_values_of_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE a (customer_id, amount, big, mixed, none)")
        rows = [(7, 1, 2**53 + 1, "x", None), (2**60 + 1, 2.5, 0.5, 2, None), (9, None, None, None, None)]
        database.executemany("INSERT INTO a VALUES (?, ?, ?, ?, ?)", rows)
    database.close()
    source = SQLite.from_params({"path": str(tmp_path / "a.db"), "select": {"customers": {"table": "a"}}})
    assert source.read()["customers"].collect().rows() == [
        (7, 1.0, "9007199254740993", "x", None),
        (9, None, None, None, None),
        (2**60 + 1, 2.5, "0.5", "2", None),
    ]


def test_text_of_sqlite_that_is_not_utf8(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE a AS SELECT 1 AS customer_id, CAST(x'd5c5c8fd' AS TEXT) AS name")
    database.close()
    source = SQLite.from_params({"path": str(tmp_path / "a.db"), "select": {"customers": {"table": "a"}}})
    assert "the column 'name' holds text that is not UTF-8" in message_of(lambda: source.read()["customers"])


@pytest.mark.parametrize("plugin", [DuckDB, SQLite])
def test_files_that_are_no_databases(plugin: type[Database], tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    path = tmp_path / "shop.db"
    source = plugin.from_params({"path": str(path), "select": {"customers": {"table": "a"}}})
    assert "there is no file 'shop.db'" in message_of(lambda: source.read()["customers"])
    path.write_bytes(b"customer_id,city\n" * 500)
    assert "shop.db is no" in message_of(lambda: source.read()["customers"])


def test_a_duckdb_file_that_is_being_written(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "shop.duckdb")):
        source = DuckDB.from_params(
            {"path": str(tmp_path / "shop.duckdb"), "select": {"customers": {"table": "a"}}}
        )
        assert "open for writing elsewhere" in message_of(lambda: source.read()["customers"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("analyst:", "nobody:"), "refuses the user"),
        (("canary", "another"), "refuses the user"),
        (("/postgres", "/nowhere"), "refuses the user"),
        (("@127.0.0.1:", "@127.0.0.1:0"), "cannot be reached"),
        (("@127.0.0.1:", "@127.0.0.1:port"), "cannot be understood"),
        (("%3APa55", " %zz Pa55"), "cannot be understood"),
    ],
)
def test_a_server_that_does_not_let_us_in(
    postgresql: servers.Server, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], said: str
) -> None:
    uri = postgresql.uri.replace(*change)
    if "cannot be reached" in said:
        uri = f"postgresql://analyst:{CANARY}@127.0.0.1:1/postgres"
    monkeypatch.setenv("SHOP_DATABASE", uri)
    source = registry.sources["postgresql"].from_params(
        {"connection": uri, "select": {"customers": {"table": "a"}}}
    )
    message = message_of(lambda: source.read()["customers"])
    assert said in message
    assert "127.0.0.1" not in message
    assert CANARY not in repr(source)


def test_a_mysql_server_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("connectorx")
    uri = f"mysql://analyst:{CANARY}@127.0.0.1:1/shop"
    monkeypatch.setenv("SHOP_DATABASE", uri)
    source = registry.sources["mysql"].from_params({"connection": uri, "select": {"orders": {"table": "a"}}})
    assert "cannot be reached" in message_of(lambda: source.read()["orders"])


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"connection": f"postgresql://a:{CANARY}@h/d"}, "write `connection: env:SHOP_DATABASE`"),
        ({"connection": f"postgresql://a@h/d?password={CANARY}"}, "write `connection: env:SHOP_DATABASE`"),
        (
            {"connection": f"host=h password={CANARY}"},
            "a URI such as postgresql://user:password@host/database",
        ),
        (
            {"connection": f"postgresql://a:{CANARY}]@[h/d"},
            "a URI such as postgresql://user:password@host/database",
        ),
        ({"select": {"order": {"table": "a"}}}, "Did you mean 'orders'?"),
        ({"select": {"orders": {}}}, "either a table"),
        ({"select": {"orders": {"table": "a", "query": "SELECT 1"}}}, "either a table"),
        ({"select": {"orders": {"table": "a..b"}}}, "orders.table is no name"),
        ({"select": {"orders": {"table": "a\0b"}}}, "orders.table is no name"),
        ({"select": {"orders": {"table": ""}}}, "orders.table is no name"),
        ({"select": {"orders": {"query": "DELETE FROM a"}}}, "orders.query must begin with SELECT or WITH"),
        ({"select": {"orders": {"query": "-- SELECT\nDROP TABLE a"}}}, "orders.query must begin with SELECT"),
        (
            {"select": {"orders": {"query": "SELECT 1; DROP TABLE a"}}},
            "orders.query holds several statements",
        ),
        ({"select": {"orders": {"table": "a", "columns": {"amuont": "b"}}}}, "Did you mean 'amount'?"),
        (
            {"select": {"orders": {"table": "a", "scale": "nps_0_10"}}},
            "`scale` belongs to the table 'feedback'",
        ),
        ({"select": {"feedback": {"table": "a", "scale": "nps"}}}, "No scale is named 'nps'"),
        ({"select": {"orders": {"tabel": "a"}}}, "tabel"),
    ],
)
def test_params_that_are_not_valid(
    params: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATABASE", "postgresql://a@h/d")
    given = {"connection": "env:SHOP_DATABASE", "select": {}, **params}
    assert said in message_of(lambda: registry.sources["postgresql"].from_params(given), ParamsError)


@pytest.mark.parametrize("uri", ["env:SHOP_DATABASE", "postgresql://analyst@host/shop", "postgres:///shop"])
def test_connections_without_a_password_in_plain_text(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATABASE", f"postgresql://a:{CANARY}@h/d")
    assert registry.sources["postgresql"].from_params({"connection": uri, "select": {}})


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_DATABASE", raising=False)
    given = {"connection": "env:SHOP_DATABASE", "select": {}}
    message = message_of(lambda: registry.sources["postgresql"].from_params(given), ParamsError)
    assert "'SHOP_DATABASE' is not set" in message
    assert "export SHOP_DATABASE='postgresql://user:password@host/database'" in message


def test_origin_names_neither_host_nor_database(opened: Any, postgresql: servers.Server) -> None:
    source = opened(
        "postgresql",
        orders={"table": "crm.sales_orders"},
        customers={"query": "SELECT 1 AS customer_id"},
        note="华东 2024",
    )
    assert source.origin.zh == "PostgreSQL 数据库：表 crm.sales_orders，另有 1 个查询。华东 2024"
    assert source.origin.en == "PostgreSQL database: crm.sales_orders, 1 query. 华东 2024"


@pytest.mark.parametrize("kind", KINDS)
def test_contract(opened: Any, kind: str) -> None:
    source = opened(kind, orders={"table": table_in(kind), "columns": ORDERS})
    for check in checks_for(source):
        check(source)


def test_a_scale_for_feedback(opened: Any) -> None:
    query = "SELECT 5 AS score, '很好' AS text"
    source = opened("sqlite", feedback={"query": query, "scale": "csat_1_5"})
    assert source.read()["feedback"].collect().to_dicts() == [
        {"score": 5, "text": "很好", "scale": "csat_1_5"}
    ]


@pytest.mark.parametrize(
    ("kind", "blocked", "extra"),
    [
        ("duckdb", "duckdb", "crmlab[duckdb]"),
        ("postgresql", "adbc_driver_postgresql", "crmlab[postgresql]"),
        ("mysql", "connectorx", "crmlab[mysql]"),
        ("mysql", "pyarrow", "crmlab[mysql]"),
    ],
)
def test_a_driver_that_is_not_installed(
    opened: Any, monkeypatch: pytest.MonkeyPatch, kind: str, blocked: str, extra: str
) -> None:
    source = opened(kind, orders={"table": "a"})
    monkeypatch.setitem(sys.modules, blocked, None)
    with pytest.raises(MissingExtraError, match="pip install") as caught:
        source.read()["orders"]
    assert extra in str(caught.value)


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "postgresql"])
def test_pyarrow_is_not_needed(opened: Any, kind: str) -> None:
    source = opened(kind, orders={"table": table_in(kind), "columns": ORDERS})
    program = (
        "import json, os, sys; sys.modules['pyarrow'] = None\n"
        "from crmlab import registry\n"
        "source = registry.sources[sys.argv[1]].from_params(json.loads(os.environ['SOURCE']))\n"
        "print(source.read()['orders'].collect().height)"
    )
    environment = {**os.environ, "SOURCE": json.dumps(source.get_params())}
    done = subprocess.run(
        [sys.executable, "-c", program, kind], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "4", done.stderr


def test_a_study_on_postgresql(shop_in_postgresql: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATABASE", shop_in_postgresql["connection"])
    lab = crmlab.open(as_of="2024-06-30", data=[_data()], quality={"max_rejected_share": 0.25})
    assert lab.tables["orders"]["amount_hundredths"].sum() == HUNDREDTHS[0] + HUNDREDTHS[1]
    count = lab.tables.count("orders")
    assert (count.read, count.rejected, count.later, count.used) == (4, 1, 1, 2)
    assert lab.tables["customers"].select("customer_id", "city").rows() == [("2", "北京")]


def test_a_report_on_postgresql(
    shop_in_postgresql: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command makes the report, and the password is in none of its files."""
    monkeypatch.setenv("SHOP_DATABASE", shop_in_postgresql["connection"])
    study = tmp_path / "shop.yaml"
    settings = {
        "data": [_data()],
        "as_of": "2024-06-30",
        "language": "en",
        "quality": {"max_rejected_share": 0.5},
        "reports": {"segmentation": None},
    }
    study.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "crmlab", "run", str(study), "--runs", str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(
        path.suffix == ".html" and b"PostgreSQL database: crm.sales_orders" in path.read_bytes()
        for path in files
    )
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []
    assert CANARY not in done.stdout + done.stderr


def _data() -> dict[str, Any]:
    query = "SELECT buyer AS customer_id, '北京' AS city FROM crm.sales_orders WHERE no = 'b'"
    return {
        "source": "postgresql",
        "connection": "env:SHOP_DATABASE",
        "select": {
            "orders": {"table": "crm.sales_orders", "columns": ORDERS},
            "customers": {"query": query},
        },
    }


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_whether_a_file_changed_is_known_only_of_what_cannot_ask_for_the_time(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    tables = {"orders": {"table": "sales"}}

    def fingerprint(select: dict[str, Any]) -> str | None:
        return registry.sources[kind].from_params({"path": str(path), "select": select}).fingerprint()

    def execute(statement: str) -> None:
        if kind == "duckdb":
            with pytest.importorskip("duckdb").connect(str(path)) as database:
                database.execute(statement)
        else:
            with contextlib.closing(sqlite3.connect(path)) as database:
                database.executescript(statement)

    assert fingerprint(tables) is None  # there is no such file yet
    execute("CREATE TABLE sales (order_id int)")
    first = fingerprint(tables)
    assert first is not None
    assert fingerprint(tables) == first
    assert fingerprint({"orders": {"query": "SELECT * FROM sales WHERE order_id < current_date"}}) is None
    execute("INSERT INTO sales VALUES (1)")
    assert fingerprint(tables) not in (None, first)
    execute("CREATE VIEW lately AS SELECT * FROM sales WHERE current_date > '2024-01-01'")
    assert fingerprint(tables) is None
