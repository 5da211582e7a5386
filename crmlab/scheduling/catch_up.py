"""Do what is due: the runs that were missed, in order, each for the moment at which it was due.

Who keeps the time only wakes this up. A due time counts as done when a run for it ended well; one that
failed, or that was killed, is tried again when this is woken next, three times in all. After a long pause
the latest few are made up for and the rest is left out, which is said; what is tried again does not count
among them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from filelock import FileLock, Timeout

from crmlab.scheduling.expression import Expression
from crmlab.scheduling.ledger import Entry, LedgerError, read_ledger, write_ledger
from crmlab.scheduling.schedule import Schedule

ATTEMPTS = 3
"""How often a due time is tried."""

Execute = Callable[[datetime], int]
"""Runs the study for a due time and returns the exit code of ``crmlab run``."""


def missed(
    at: Expression, entries: Mapping[datetime, Entry], now: datetime, most: int
) -> tuple[list[datetime], int]:
    """Return what is due at ``now`` and not done, earliest first, and how many beyond ``most`` are left out.

    ``most`` counts what was never tried; what failed is due again in any case. Where nothing is known yet,
    only the latest due time counts: a new schedule does not begin in the past. What lies in the future,
    because the clock was wrong, is as if it had never been.
    """
    known = {due: entry for due, entry in entries.items() if due <= now}
    if not known:
        return [at.last(now)], 0
    again = [due for due, entry in known.items() if entry.exit_code != 0 and entry.attempts < ATTEMPTS]
    fresh = list(at.between(max(known), now))
    return sorted([*again, *fresh[-most:]]), max(0, len(fresh) - most)


def run_missed(
    schedule: Schedule, execute: Execute, now: Callable[[], datetime], say: Callable[[str], None]
) -> int | None:
    """Run what is due, one after the other; return the worst exit code, or None where nothing was due.

    While another process does it, nothing is done here: what is due is seen by that one, too. The lock is
    the operating system's, so it is gone with the process that held it.
    """
    schedule.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(schedule.lock, timeout=0):
            return _run_missed(schedule, execute, now, say)
    except Timeout:
        return None


def run_once(schedule: Schedule, due: datetime, execute: Execute, now: Callable[[], datetime]) -> int:
    """Run the study for one due time, whatever was done before; wait for what is under way."""
    schedule.lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(schedule.lock):
        return _run(schedule, due, execute, now())


def _run_missed(
    schedule: Schedule, execute: Execute, now: Callable[[], datetime], say: Callable[[str], None]
) -> int | None:
    done: dict[datetime, int] = {}
    told = 0
    while True:
        moment = now()
        due, left_out = missed(schedule.at, read_ledger(schedule.ledger), moment, schedule.most)
        todo = [one for one in due if one not in done]
        if not todo or 2 in done.values():  # settings that are wrong are wrong for every due time
            return max(done.values(), key=_badness, default=None)
        if left_out > told:
            told = left_out
            say(f"{left_out} earlier due times are left out; --catch-up {schedule.most} is the most.")
        done[todo[0]] = _run(schedule, todo[0], execute, moment)


def _run(schedule: Schedule, due: datetime, execute: Execute, now: datetime) -> int:
    """Run one due time; it counts as tried from the start on, however this process ends.

    Raises LedgerError where that cannot be noted.
    """
    entries = read_ledger(schedule.ledger)
    entries = {known: entry for known, entry in entries.items() if known <= max(now, due)}
    begun = Entry(attempts=entries.get(due, Entry(0)).attempts + 1)
    try:
        write_ledger(schedule.ledger, {**entries, due: begun})
    except OSError as error:
        raise LedgerError(schedule.ledger, due, error) from None
    code = execute(due)
    with contextlib.suppress(OSError):  # then it is tried again
        write_ledger(schedule.ledger, {**entries, due: replace(begun, exit_code=code)})
    return code


def _badness(code: int) -> tuple[bool, int]:
    """Return what exit codes are ordered by; 3, too many rows rejected, is milder than any other failure."""
    return code not in (0, 3), code
