"""Run several notebooks: one after another, or some at once, each in a process of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from typing import TYPE_CHECKING

from crmlab.report.execute import Job, Outcome, execute

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

_stopped: Event
"""In a worker: set once the user stopped the run."""


def execute_all(batch: Sequence[Job], jobs: int = 1) -> list[Outcome]:
    """Return one outcome per job, in order; after the user stopped one, no other is started."""
    if jobs > 1 and len(batch) > 1:
        return _side_by_side(batch, jobs)
    outcomes: list[Outcome] = []
    for job in batch:
        stopped = bool(outcomes) and outcomes[-1].status == "interrupted"
        outcomes.append(_not_begun(job) if stopped else execute(job))
    return outcomes


def _side_by_side(batch: Sequence[Job], jobs: int) -> list[Outcome]:
    context = get_context("spawn")
    stopped = context.Event()
    bystanders = set(active_children())
    with ProcessPoolExecutor(min(jobs, len(batch)), context, _prepare, (stopped,)) as pool:
        waiting = [pool.submit(_work, job) for job in batch]
        try:
            # Polars takes Ctrl-C first; Python hears of it only where a wait has an end.
            while wait(waiting, timeout=0.2).not_done:
                pass
        except KeyboardInterrupt:
            stopped.set()
            for worker in set(active_children()) - bystanders:
                worker.terminate()
        return [_outcome(job, future, stopped) for job, future in zip(batch, waiting, strict=True)]


def _prepare(stopped: Event) -> None:
    """Leave Ctrl-C, which a terminal sends to every process, to the parent; it says when to stop."""
    global _stopped
    _stopped = stopped
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
        return _not_begun(job)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return execute(job)
    finally:
        signal.signal(signal.SIGTERM, _wait_for_word)


def _wait_for_word(*_: object) -> None:
    """Do nothing; unlike an ignored signal this is not handed down to the kernels."""


def _outcome(job: Job, future: Future[Outcome], stopped: Event) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        if stopped.is_set():
            return _not_begun(job)
        message = (
            "The process that ran the notebook died, often because memory ran out. Try fewer jobs; in a "
            "script of your own, call this under `if __name__ == '__main__':`."
        )
        return Outcome(
            job.name, "error", 0.0, {"cell": None, "type": "BrokenProcessPool", "message": message}
        )


def _not_begun(job: Job) -> Outcome:
    error = {"cell": None, "type": "KeyboardInterrupt", "message": "Stopped by the user before it began."}
    return Outcome(job.name, "interrupted", 0.0, error)
