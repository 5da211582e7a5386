"""What is due is done: in order, each for its moment, never twice at once, and not without end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from crmlab.scheduling.catch_up import ATTEMPTS, missed, run_missed, run_once
from crmlab.scheduling.expression import Expression
from crmlab.scheduling.ledger import Entry, LedgerError, read_ledger, write_ledger
from crmlab.scheduling.schedule import Schedule

NIGHTLY = Expression("0 2 * * *", "Asia/Shanghai")
START = datetime(2024, 6, 10, 3, 0, tzinfo=UTC)


def night(day: int) -> datetime:
    """Return two o'clock in Shanghai on a day of June 2024."""
    return datetime.fromisoformat(f"2024-06-{day:02}T02:00:00+08:00")


class Nights:
    """A computer that is on at some moments: runs are noted, and end with the codes given."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.made: list[datetime] = []
        self.said: list[str] = []

    def wake(self, now: datetime, *codes: int) -> int | None:
        left = list(codes)

        def execute(due: datetime) -> int:
            self.made.append(due)
            return left.pop(0) if left else 0

        return run_missed(self.schedule, execute, lambda: now, self.said.append)

    def runs(self) -> list[int]:
        """Return the days of the runs since this was last asked."""
        days, self.made = [due.day for due in self.made], []
        return days


@pytest.fixture
def nights(scheduled: Callable[..., Schedule], tmp_path: Path) -> Nights:
    return Nights(scheduled(base=tmp_path, most=5))


def test_a_new_schedule_begins_with_the_last_due_time(nights: Nights) -> None:
    assert nights.wake(START) == 0
    assert nights.runs() == [10]
    assert nights.wake(START + timedelta(hours=1)) is None
    assert nights.wake(START + timedelta(hours=23)) == 0
    assert nights.runs() == [11]


def test_missed_nights_are_made_up_for_in_order(nights: Nights) -> None:
    nights.wake(START)
    assert nights.wake(START + timedelta(days=3)) == 0
    assert nights.runs() == [10, 11, 12, 13]


def test_after_a_long_pause_the_latest_are_made_up_for_and_the_rest_is_said(nights: Nights) -> None:
    nights.wake(START)
    nights.runs()
    nights.wake(START + timedelta(days=9))
    assert nights.runs() == [15, 16, 17, 18, 19]
    assert nights.said[0] == "4 earlier due times are left out; --catch-up 5 is the most."
    assert nights.wake(START + timedelta(days=9, hours=1)) is None


def test_what_failed_takes_no_place_of_what_was_never_tried(nights: Nights) -> None:
    nights.wake(START, 1)
    nights.wake(START + timedelta(days=7), 1)
    assert nights.runs() == [10, 10, 13, 14, 15, 16, 17]
    assert nights.said == ["2 earlier due times are left out; --catch-up 5 is the most."]
    nights.wake(START + timedelta(days=7, hours=1), 1)
    assert nights.runs() == [10]


def test_the_worst_exit_code_is_not_the_highest(nights: Nights) -> None:
    nights.wake(START)
    assert nights.wake(START + timedelta(days=2), 1, 3) == 1


def test_nothing_is_run_that_cannot_be_noted(nights: Nights) -> None:
    nights.schedule.ledger.with_suffix(".new").mkdir(parents=True)  # as good as a disk that is full
    with pytest.raises(LedgerError, match="Nothing was run for 2024-06-10T02:00:00") as raised:
        nights.wake(START)
    assert raised.value.due == night(10)
    assert nights.runs() == []


def test_what_failed_is_tried_again_but_not_for_ever(nights: Nights) -> None:
    codes = [nights.wake(START + timedelta(hours=hour), 1) for hour in range(5)]
    assert codes == [1] * ATTEMPTS + [None, None]
    assert nights.runs() == [10] * ATTEMPTS
    assert nights.wake(START + timedelta(days=1)) == 0
    assert nights.runs() == [11]


def test_a_failed_night_is_tried_before_the_next_one_and_the_worst_code_counts(nights: Nights) -> None:
    assert nights.wake(START, 3) == 3
    assert nights.wake(START + timedelta(days=1), 0, 1) == 1
    assert nights.runs() == [10, 10, 11]


def test_settings_that_are_wrong_stop_the_rest(nights: Nights) -> None:
    nights.wake(START)
    assert nights.wake(START + timedelta(days=3), 2) == 2
    assert nights.runs() == [10, 11]


def test_a_run_that_was_killed_counts_as_tried(nights: Nights) -> None:
    def killed(due: datetime) -> int:
        raise KeyboardInterrupt

    for _ in range(ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            run_missed(nights.schedule, killed, lambda: START, nights.said.append)
    assert read_ledger(nights.schedule.ledger) == {night(10): Entry(ATTEMPTS)}
    assert nights.wake(START) is None


def test_one_at_a_time(nights: Nights) -> None:
    nights.schedule.lock.parent.mkdir(parents=True)
    with FileLock(nights.schedule.lock):
        assert nights.wake(START) is None
    assert nights.runs() == []
    assert nights.wake(START) == 0


def test_what_became_due_meanwhile_is_done_too(nights: Nights) -> None:
    moments = iter([START, START + timedelta(days=1), START + timedelta(days=1)])

    def execute(due: datetime) -> int:
        nights.made.append(due)
        return 0

    run_missed(nights.schedule, execute, lambda: next(moments), nights.said.append)
    assert nights.runs() == [10, 11]


def test_a_clock_that_was_ahead_does_not_stop_the_schedule(nights: Nights) -> None:
    nights.wake(START)
    nights.wake(START + timedelta(days=365))
    nights.runs()
    assert nights.wake(START + timedelta(days=2)) == 0
    assert nights.runs() == [11, 12]
    assert max(read_ledger(nights.schedule.ledger)) == night(12)


def test_another_expression_does_not_run_the_past_again(nights: Nights) -> None:
    nights.wake(START)
    nights.runs()
    nights.schedule = Schedule(**{**vars(nights.schedule), "at": Expression("30 1 * * *", "Asia/Shanghai")})
    assert nights.wake(START + timedelta(hours=2)) is None
    assert nights.wake(START + timedelta(days=1)) == 0


def test_one_due_time_by_order(nights: Nights) -> None:
    def execute(due: datetime) -> int:
        nights.made.append(due)
        return 0

    for _ in range(2):
        assert run_once(nights.schedule, night(5), execute, lambda: START) == 0
    assert nights.runs() == [5, 5]
    assert read_ledger(nights.schedule.ledger) == {night(5): Entry(2, 0)}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"runs": {"soon": {}}}', '{"runs": {"2024-06-10": {"attempts": 1}}}']
)
def test_a_ledger_that_cannot_be_read_is_as_if_there_were_none(nights: Nights, text: str) -> None:
    nights.schedule.ledger.parent.mkdir(parents=True)
    nights.schedule.ledger.write_text(text)
    assert nights.wake(START) == 0
    assert nights.runs() == [10]
    assert json.loads(nights.schedule.ledger.read_text())["runs"] == {
        "2024-06-10T02:00:00+08:00": {"attempts": 1, "exit_code": 0}
    }


def test_the_ledger_does_not_grow_without_end(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    write_ledger(path, {START + timedelta(days=day): Entry(1, 0) for day in range(300)})
    assert min(read_ledger(path)) == START + timedelta(days=200)
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.json"]


CODES = st.sampled_from([0, 0, 0, 1, 3, 137])


@given(st.lists(st.tuples(st.integers(0, 100), CODES), min_size=1, max_size=12))
def test_no_due_time_is_lost_and_none_is_done_again(steps: list[tuple[int, int]]) -> None:
    """Woken at any hours, with any ends: each night from the first on is done once, or was tried enough."""
    entries: dict[datetime, Entry] = {}
    now = START
    for hours, code in steps:
        now += timedelta(hours=hours)
        due, left_out = missed(NIGHTLY, entries, now, most=1000)
        assert left_out == 0
        assert due == sorted(set(due))
        for one in due:
            before = entries.get(one, Entry(0))
            assert before.exit_code != 0
            assert before.attempts < ATTEMPTS
            entries[one] = Entry(before.attempts + 1, code)
    nights = {min(entries), *NIGHTLY.between(min(entries), now)}
    assert set(entries) == nights
    assert all(entry.exit_code == 0 or 1 <= entry.attempts <= ATTEMPTS for entry in entries.values())
