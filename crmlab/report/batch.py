"""Run several notebooks: one after another, or some at once, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import active_children, current_process, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.report.execute import Job, Outcome, execute

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

_NAMED = "crmlab-"
_STALE_SECONDS = 24 * 3600

_stopped: Event
"""In a worker: set once the user stopped the run."""


def execute_all(
    batch: Iterable[Job], jobs: int = 1, stop: threading.Event | None = None
) -> Iterator[tuple[Job, Outcome]]:
    """Run the jobs and yield each with its outcome as it ends.

    A job is taken from ``batch`` when there is a place for it. After the user stopped one, ``stop`` is
    set and those that still come are not started.
    """
    stop = stop or threading.Event()
    return _side_by_side(batch, jobs, stop) if jobs > 1 else _one_by_one(batch, stop)


def not_begun(name: str) -> Outcome:
    """Return how a report ended that the user stopped before it began."""
    error = {"cell": None, "type": "KeyboardInterrupt", "message": "Stopped by the user before it began."}
    return Outcome(name, "interrupted", 0.0, error)


def _one_by_one(batch: Iterable[Job], stop: threading.Event) -> Iterator[tuple[Job, Outcome]]:
    for job in batch:
        outcome = not_begun(job.name) if stop.is_set() else execute(job)
        if outcome.status == "interrupted":
            stop.set()
        yield job, outcome


def _side_by_side(batch: Iterable[Job], jobs: int, stop: threading.Event) -> Iterator[tuple[Job, Outcome]]:
    workers = _Workers(jobs)
    waiting, running = iter(batch), dict[Future[Outcome], tuple[Job, int]]()
    more = True
    try:
        while more or running:
            done: set[Future[Outcome]] = set()
            try:
                while more and workers.free:
                    job = next(waiting, None)
                    more = job is not None
                    if job is not None and stop.is_set():
                        yield job, not_begun(job.name)
                    elif job is not None:
                        future, place = workers.start(job)
                        running[future] = job, place
                # Polars takes Ctrl-C first; Python hears of it only where a wait has an end.
                done = wait(running, timeout=0.2, return_when=FIRST_COMPLETED).done
            except KeyboardInterrupt:
                stop.set()
                workers.stop()
            for future in done:
                job, place = running.pop(future)
                yield job, workers.outcome(job, future, place)
    finally:
        if running:
            workers.stop()
        workers.close()


class _Workers:
    """Processes that run one notebook at a time; one that dies takes no other with it."""

    def __init__(self, count: int) -> None:
        from tqdm import tqdm

        self.free = list(range(count))
        _own_semaphores()
        self._context = get_context("spawn")
        self._stopped = self._context.Event()
        self._lock = self._context.RLock()
        tqdm.set_lock(self._lock)  # every process draws its own line of one screen
        self._bystanders = set(active_children())
        self._pools: dict[int, ProcessPoolExecutor] = {}

    def start(self, job: Job) -> tuple[Future[Outcome], int]:
        """Give a job to a process that has none; return its future and the place of the process."""
        place = self.free.pop(0)
        if place not in self._pools:
            given = (self._stopped, self._lock)
            self._pools[place] = ProcessPoolExecutor(1, self._context, _prepare, given)
        return self._pools[place].submit(_work, replace(job, position=job.position + place)), place

    def outcome(self, job: Job, future: Future[Outcome], place: int) -> Outcome:
        """Return how a job ended, and free its process, or put another in the place of a dead one."""
        self.free = sorted([*self.free, place])
        try:
            return future.result()
        except BrokenProcessPool:
            self._pools.pop(place).shutdown()
            if self._stopped.is_set():
                return not_begun(job.name)
            message = (
                "The process that ran the notebook died, often because memory ran out. Try fewer jobs; in a "
                "script of your own, call this under `if __name__ == '__main__':`."
            )
            error = {"cell": None, "type": "BrokenProcessPool", "message": message}
            return Outcome(job.name, "error", 0.0, error)

    def stop(self) -> None:
        """Tell the notebooks that run to end."""
        self._stopped.set()
        for worker in set(active_children()) - self._bystanders:
            worker.terminate()

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown()


def _own_semaphores() -> None:
    """Name the semaphores of this process after it, and remove those of processes long dead.

    Linux keeps a named semaphore where every process that knew it was killed, as with its whole group.
    """
    current_process()._config["semprefix"] = f"/{_NAMED}{os.getpid()}"  # type: ignore[attr-defined]
    for path in Path("/dev/shm").glob(f"sem.{_NAMED}*"):  # noqa: S108 (where Linux keeps them)
        with contextlib.suppress(OSError):
            owner = path.name.removeprefix(f"sem.{_NAMED}").split("-")[0]
            old = time.time() - path.stat().st_mtime > _STALE_SECONDS
            if old and not Path("/proc", owner).exists():
                path.unlink()


def _prepare(stopped: Event, lock: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to every process, to the parent; it says when to stop."""
    global _stopped
    from tqdm import tqdm

    _stopped = stopped
    tqdm.set_lock(lock)
    signal.signal(signal.SIGINT, _wait_for_word)
    signal.signal(signal.SIGTERM, _wait_for_word)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End where the parent was killed, which nothing else would tell; the kernel then ends as well."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(job: Job) -> Outcome:
    if _stopped.is_set():
        return not_begun(job.name)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return execute(job)
    finally:
        signal.signal(signal.SIGTERM, _wait_for_word)


def _wait_for_word(*_: object) -> None:
    """Do nothing; unlike an ignored signal this is not handed down to the kernels."""
