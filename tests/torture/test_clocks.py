"""Clocks that jump or run backwards, and hours that come twice or never, lose no run and no day."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data import convert
from crmlab.report import staging, work
from crmlab.report.history import History
from crmlab.report.keeping import collect
from crmlab.report.run import run
from crmlab.report.settings import KeepParams
from torture.world import World, problems, record

DAY = 24 * 3600
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "UTC",
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A study of which one run is there; whatever the clock says, later runs take its report over."""
    made = World()
    made.study({"report": ["1 + 1"]})
    first = run(made.folder / "study.yaml", runs=made.runs, progress=False)
    assert first.exit_code == 0
    yield made
    made.end()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what a run reads from the clock: one moment after the other, the last for good."""

    def set_to(*moments: datetime) -> None:
        left = list(moments)

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return (left.pop(0) if len(left) > 1 else left[0]).astimezone(tz)

        monkeypatch.setattr(work, "datetime", Clock)

    return set_to


def publish(world: World) -> Path:
    done = run(world.folder / "study.yaml", runs=world.runs, progress=False)
    assert (done.exit_code, done.warnings) == (0, ())
    assert problems(done.folder) == []
    assert done.folder.name in done.gallery.read_text(encoding="utf-8")
    return done.folder


JUMPS = {
    "back a year": (datetime(2025, 1, 1, tzinfo=UTC),),
    "ahead ten years": (datetime(2036, 1, 1, tzinfo=UTC),),
    "before the computer": (datetime(1970, 1, 1, tzinfo=UTC),),
    "backwards while it runs": (datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    "ahead while it runs": (datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2031, 2, 1, tzinfo=UTC)),
}


@pytest.mark.parametrize("jump", JUMPS)
def test_every_run_is_published_under_a_name_of_its_own(
    world: World, clock: Callable[..., None], jump: str
) -> None:
    before = {folder.name for folder in world.published()}
    clock(*JUMPS[jump])
    first, second = publish(world), publish(world)
    assert {folder.name for folder in world.published()} == before | {first.name, second.name}
    assert len({*before, first.name, second.name}) == len(before) + 2
    for folder in (first, second):
        assert record(folder)["seconds"] >= 0
        assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}(-\d+)?", folder.name)


@pytest.mark.parametrize(
    ("zone", "twice"),
    [
        ("Europe/Berlin", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        ("America/New_York", datetime(2024, 11, 3, 5, 30, tzinfo=UTC)),
        ("Asia/Shanghai", datetime(1991, 9, 14, 17, 30, tzinfo=UTC)),
    ],
)
def test_an_hour_that_comes_twice_gives_two_names_in_order(
    world: World, clock: Callable[..., None], monkeypatch: pytest.MonkeyPatch, zone: str, twice: datetime
) -> None:
    later = twice + timedelta(hours=1)
    local = [moment.astimezone(ZoneInfo(zone)).strftime("%H:%M") for moment in (twice, later)]
    if zone != "Asia/Shanghai":
        assert local[0] == local[1]
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        clock(twice)
        first = publish(world)
        clock(later)
        second = publish(world)
    time.tzset()
    assert first.name < second.name
    page = (world.runs / "index.html").read_text(encoding="utf-8")
    assert page.index(second.name) < page.index(first.name), "the newer run comes first"


def test_a_folder_is_swept_by_its_own_age_and_only_if_nobody_has_it(tmp_path: Path) -> None:
    home = tmp_path / "study"
    held = staging.claim(home, "held")
    killed, fresh, ahead = (home / f".run-{name}" for name in ("killed", "fresh", "ahead"))
    now = time.time()
    for folder, days in ((killed, -2), (fresh, 0), (ahead, 400), (held, -3)):
        folder.mkdir(exist_ok=True)
        then = now + days * DAY
        os.utime(folder, (then, then))
    staging.claim(home, "next")
    assert not killed.exists()
    assert fresh.exists(), "another run may be writing there"
    assert ahead.exists(), "what is younger than now is not old"
    assert held.exists(), "a run that lives is no leftover, however old its folder looks"
    staging.publish(held, {"run": "held"})
    assert (home / "held" / "manifest.json").exists()


def test_a_clock_set_back_removes_nothing_that_a_rule_keeps(world: World) -> None:
    before = [folder.name for folder in world.published()]
    keep = KeepParams(last=len(before), days=0, months=0)
    for now in (datetime(1971, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)):
        assert collect(world.home, keep, now=now, dry_run=True).removed == ()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    removed = collect(world.home, KeepParams(last=1, days=0, months=0), now=now, dry_run=True).removed
    started = {name: datetime.fromisoformat(record(world.home / name)["started_at"]) for name in before}
    past = sorted((moment, name) for name, moment in started.items() if moment < now)
    assert list(removed) == sorted(name for _, name in past[:-1]), (
        "all but the newest, and none of the future"
    )


def test_a_run_from_the_future_is_the_newest_no_longer_than_no_other_is_there(tmp_path: Path) -> None:
    now, home = datetime.now(UTC), tmp_path / "study"
    moments = (now - timedelta(days=40), now - timedelta(hours=1), now + timedelta(days=3000))
    names = []
    for moment in moments:
        names.append(f"{moment:%Y%m%dT%H%M%SZ}-abcdef")
        (home / names[-1]).mkdir(parents=True)
        told = {"schema": 1, "status": "done", "started_at": moment.isoformat(), "reports": []}
        (home / names[-1] / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    assert [folder.name for folder, _ in History(home).of({})] == [names[1], names[0], names[2]]
    kept = KeepParams(last=1, days=0, months=0)
    assert collect(home, kept).removed == (names[0],), "the newest that is not of the future stays"


# --- days of the data ------------------------------------------------------------------------------


@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 60 * 366 * 24 * 4).map(lambda n: 900 * n), min_size=1, max_size=30),
)
def test_the_day_of_a_moment_is_that_of_the_clock_on_the_wall(zone: str, seconds: list[int]) -> None:
    moments = [datetime(1980, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in seconds]
    frame = pl.DataFrame({"at": moments}, schema={"at": pl.Datetime("us", "UTC")})
    days = frame.select(convert.local_day_number(pl.col("at"), zone)).to_series().to_list()
    there = [moment.astimezone(ZoneInfo(zone)).date() for moment in moments]
    assert days == [(day - date(1970, 1, 1)).days for day in there]


@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 60 * 366 * 24 * 4).map(lambda n: 900 * n), min_size=1, max_size=30),
)
def test_a_written_local_time_is_on_the_day_that_it_says(zone: str, seconds: list[int]) -> None:
    """Also where it never was, or was twice: an order of that hour is not lost, and not of another day."""
    written = [datetime(1980, 1, 1) + timedelta(seconds=second) for second in seconds]
    frame = pl.DataFrame({"at": [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in written]})
    read = frame.select(at=convert.moment(pl.col("at"), zone))
    assert read["at"].null_count() == 0
    days = read.select(convert.local_day_number(pl.col("at"), zone)).to_series().to_list()
    assert days == [(moment.date() - date(1970, 1, 1)).days for moment in written]


CHANGES = [
    ("Europe/Berlin", "2024-03-31 02:30:00", "never"),
    ("Europe/Berlin", "2024-10-27 02:30:00", "twice"),
    ("America/New_York", "2024-03-10 02:30:00", "never"),
    ("America/New_York", "2024-11-03 01:30:00", "twice"),
    ("Asia/Shanghai", "1991-04-14 02:30:00", "never"),
    ("Asia/Shanghai", "1991-09-15 01:30:00", "twice"),
    ("America/Sao_Paulo", "2018-11-04 00:30:00", "never"),
]


@pytest.mark.parametrize(("zone", "written", "how"), CHANGES)
def test_orders_in_the_hour_of_a_change_are_all_kept(
    make_lab: Callable[..., Any], zone: str, written: str, how: str
) -> None:
    naive = datetime.fromisoformat(written)
    folds = {naive.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1)}
    assert len(folds) == 2, f"that hour was there {how} once only"
    lab = make_lab(
        {"orders": f"order_id,customer_id,ordered_at,amount\n1,a,{written},10\n2,a,{written[:10]},5\n"},
        timezone=zone,
        as_of="2025-06-30",
    )
    orders = lab.tables["orders"]
    assert orders.height == 2
    assert orders["day"].to_list() == [(naive.date() - date(1970, 1, 1)).days] * 2
    assert lab.features("order_count", "purchase_days").rows() == [("a", 2, 1)]
