"""Text to typed values, strictly."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.data import convert

SHANGHAI = "Asia/Shanghai"


def _number(text: str) -> float | None:
    return pl.select(convert.number(pl.lit(text))).item()


def _moment(text: str, zone: str = SHANGHAI) -> datetime | None:
    return pl.select(convert.moment(pl.lit(text), zone)).item()


def _day(text: str, zone: str = SHANGHAI) -> date | None:
    moment = convert.moment(pl.lit(text), zone)
    return pl.select(moment.dt.convert_time_zone(zone).dt.date()).item()


@pytest.mark.parametrize(
    ("given", "read"),
    [("  a b \t", "a b"), ("\u3000王\u00a0", "王"), ("\ufeffid\u200b", "id"), ("", None), (" \u3000 ", None)],
)
def test_text_is_trimmed(given: str, read: str | None) -> None:
    assert pl.select(convert.text(pl.lit(given))).item() == read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("1234.5", 1234.5),
        ("-3", -3.0),
        ("+3.", 3.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1,234.50", 1234.5),
        ("12,345,678", 12345678.0),
        ("1 234.50", 1234.5),
        ("1\u202f234", 1234.0),
        ("￥1,234.50", 1234.5),
        ("￡5", 5.0),
        ("¥ -5", -5.0),
        ("-¥5", -5.0),
        ("$5.00", 5.0),
        ("12.5元", 12.5),
        ("(5.00)", -5.0),
        ("(¥1,000)", -1000.0),
        ("（￥５．００）", -5.0),
        ("１２３，４５６．７８", 123456.78),
        ("−7", -7.0),
        ("\u30008.01 ", 8.01),
        ("1.2万", 12_000.0),
        ("￥1.2万元", 12_000.0),
        ("12.5 万", 125_000.0),
        ("(3亿)", -300_000_000.0),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert _number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "1,5",
        "1.234,50",
        "12,34,567",
        "1,2345",
        "1 2 3",
        "(5.00",
        "5.00)",
        "(-5)",
        "--5",
        "inf",
        "-Infinity",
        "nan",
        "1e999",
        "1_000",
        "0x10",
        "12%",
        "five",
        "五",
        "1.2.3",
        "¥",
        "元",
        "-",
        ".",
        "()",
        "1-2",
        "=1+1",
        "万",
        "1.2万x",
        "1万2",
        "12元)",
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert _number(text) is None


@given(st.lists(st.integers(-(2**51), 2**51), min_size=1, max_size=50))
def test_amounts_become_exact_hundredths(cents: list[int]) -> None:
    amounts = [Decimal(n).scaleb(-2) for n in cents]
    plain = [str(amount) for amount in amounts]
    grouped = [f"{amount:,}" for amount in amounts]
    written = [f"￥{amount:,}" if amount >= 0 else f"({-amount:,})" for amount in amounts]
    read = pl.DataFrame([plain, grouped, written]).select(convert.hundredths(convert.number(pl.all())))
    assert [column.to_list() for column in read] == [cents] * 3


@pytest.mark.parametrize(
    ("value", "hundredths"),
    [(100.05, 10_005), (8.01, 801), (0.29, 29), (-1.15, -115), (0.001, 0), (1e15, None), (1e308, None)],
)
def test_hundredths(value: float, hundredths: int | None) -> None:
    assert pl.select(convert.hundredths(pl.lit(value))).item() == hundredths


@pytest.mark.parametrize(
    "text",
    [
        *("2024-03-05", "2024-3-5", "2024/03/05", "2024/3/5", "2024.3.5", "20240305", "2024年3月5日"),
        *("2024年03月05日", "２０２４－０３－０５", "２０２４年３月５日", " 2024-03-05 ", "2024-03-05 00:00"),
        *("2024-03-05 13:01", "2024-03-05 13:01:02", "2024/3/5 9:01", "2024-03-05T13:01:02.5"),
        *("2024年3月5日 13:01", "2024年3月5日13:01:02", "2024-03-05T13:01", "2024-03-05 23:59:59.999999"),
    ],
)
def test_days(text: str) -> None:
    assert _day(text) == date(2024, 3, 5)


@pytest.mark.parametrize(
    "text",
    [
        "05/03/2024",
        "5.3.2024",
        "March 5, 2024",
        "2024-02-30",
        "2024-13-01",
        "2024",
        "2024-03",
        "2024115",
        "202403051200",
        "2024-3-112:30",
        "2024-03-05 25:00",
        "2024-03-05x",
        "24年3月5日",
        "2024-03-05 13:01 PM",
        "今天",
        "-",
        "12024-01-01",
    ],
)
def test_what_is_no_day(text: str) -> None:
    assert _moment(text) is None


def test_an_offset_decides_the_moment_and_the_zone_the_day() -> None:
    text = "2024-03-06T01:00:00+08:00"
    assert _moment(text) == datetime(2024, 3, 5, 17, tzinfo=UTC)
    assert _day(text, "Asia/Shanghai") == date(2024, 3, 6)
    assert _day(text, "America/New_York") == date(2024, 3, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05T17:00:00Z",
        "2024-03-06 01:00:00+08:00",
        "2024-03-06T01:00:00+0800",
        "2024-03-05T17:00+00:00",
        "2024-03-05 12:00:00.000-05:00",
        "２０２４-03-05T17:00:00Z",
    ],
)
def test_ways_to_write_an_offset(text: str) -> None:
    assert _moment(text) == datetime(2024, 3, 5, 17, tzinfo=UTC)


def test_text_without_an_offset_is_local() -> None:
    assert _moment("2024-03-06 01:00", "Asia/Shanghai") == datetime(2024, 3, 5, 17, tzinfo=UTC)
    assert _moment("2024-03-06", "America/New_York") == datetime(2024, 3, 6, 5, tzinfo=UTC)


def test_a_repeated_hour_is_the_earlier_one() -> None:
    assert _moment("2024-11-03 01:30", "America/New_York") == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


def test_a_skipped_hour_is_an_hour_later() -> None:
    assert _moment("2024-03-10 02:30", "America/New_York") == datetime(2024, 3, 10, 7, 30, tzinfo=UTC)
    # In São Paulo the clocks were put forward at midnight, so that day has no 00:00.
    assert _day("2017-10-15", "America/Sao_Paulo") == date(2017, 10, 15)


@pytest.mark.parametrize("zone", [SHANGHAI, "America/New_York"])
@pytest.mark.parametrize(
    "text", ["0001-01-01", "0001-01-01T00:00:00Z", "9999-12-31 23:59:59", "9999-12-31T23:59:59Z"]
)
def test_what_programs_write_for_never_is_a_moment_of_the_calendar_or_unreadable(
    text: str, zone: str
) -> None:
    moment, day = _moment(text, zone), _day(text, zone)  # years 0 and 10000 would break here
    assert (moment is None) == (day is None)
    assert day in (None, date(1, 1, 1), date(9999, 12, 31))


@settings(max_examples=40)
@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2100, 1, 1)), st.sampled_from([SHANGHAI, "America/New_York"])
)
def test_every_local_time_is_read_as_python_reads_it(time: datetime, zone: str) -> None:
    placed = time.replace(tzinfo=ZoneInfo(zone))
    skipped = placed.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != time
    assert _moment(str(time), zone) == placed.astimezone(UTC)
    assert skipped or _day(str(time), zone) == time.date()


@given(st.text(max_size=12))
@settings(max_examples=50)
def test_nothing_breaks_a_conversion(text: str) -> None:
    number, moment = _number(text), _moment(text)
    assert number is None or isinstance(number, float)
    assert moment is None or moment.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("45356", datetime(2024, 3, 4, 16, tzinfo=UTC)),
        ("45356.5", datetime(2024, 3, 5, 4, tzinfo=UTC)),
        ("1709600400", datetime(2024, 3, 5, 1, tzinfo=UTC)),
        ("1709600400123", datetime(2024, 3, 5, 1, 0, 0, 123_000, tzinfo=UTC)),
        ("20240305123005", datetime(2024, 3, 5, 4, 30, 5, tzinfo=UTC)),
        ("2024年3月5日 12时30分", datetime(2024, 3, 5, 4, 30, tzinfo=UTC)),
        ("2024年3月5日12点5分6秒", datetime(2024, 3, 5, 4, 5, 6, tzinfo=UTC)),
        ("2024/3/5 下午 3:05:00", datetime(2024, 3, 5, 7, 5, tzinfo=UTC)),
        ("2024/3/5 上午12:05", datetime(2024, 3, 4, 16, 5, tzinfo=UTC)),
        ("2024/3/5 3:05 PM", datetime(2024, 3, 5, 7, 5, tzinfo=UTC)),
        ("2024-3-5 12:00 PM", datetime(2024, 3, 5, 4, tzinfo=UTC)),
    ],
)
def test_moments_as_programs_write_them(text: str, moment: datetime) -> None:
    assert _moment(text) == moment


@pytest.mark.parametrize(
    ("text", "share"),
    [("12.5%", 0.125), ("12.5％", 0.125), ("0.125", 0.125), ("1", 1.0), ("%", None), ("12%%", None)],
)
def test_shares(text: str, share: float | None) -> None:
    assert pl.select(convert.share(pl.lit(text))).item() == share


@pytest.mark.parametrize(
    ("text", "value"),
    [*((text, True) for text in ("是", "有", "Yes", "TRUE", "1", "√", " y ")),
     *((text, False) for text in ("否", "没有", "no", "FALSE", "0", "×")),
     *((text, None) for text in ("maybe", "2", "是否", ""))],
)  # fmt: skip
def test_yes_and_no(text: str, value: bool | None) -> None:
    assert pl.select(convert.boolean(pl.lit(text))).item() is value


def test_names_and_codes_compare_equal_where_they_look_equal() -> None:
    variants = ["张伟", "张\u200b伟", "\ufeff张伟", "\u202a张伟\u202c", " 张伟\u3000"]
    assert (
        pl.Series(variants).to_frame("x").select(convert.name(pl.col("x"))).to_series().to_list()
        == ["张伟"] * 5
    )
    codes = pl.DataFrame({"x": ["００７", "007", "A\u200b1", "ａ１"]}).select(convert.code(pl.col("x")))
    assert codes.to_series().to_list() == ["007", "007", "A1", "a1"]


def test_listed_codes() -> None:
    codes = {"completed": ("已完成", "Closed Won"), "pending": ("待付款",)}
    given = pl.DataFrame({"x": ["已完成", "closed won", " COMPLETED ", "待付款", "备货中", None]})
    read = given.select(convert.listed(pl.col("x"), codes)).to_series().to_list()
    assert read == ["completed", "completed", "completed", "pending", None, None]
