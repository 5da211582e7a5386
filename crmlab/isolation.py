"""Whose code is at work: the name of a plugin in every error that comes out of it, and in a hang.

An error that a plugin did not raise on purpose leaves it as a PluginFailedError that names plugin,
distribution and version. A plugin that hangs, or takes the whole process with it, raises nothing; so while
a run executes a notebook, the name of the plugin at work stands in a hidden file of the run's folder, and
what sees the notebook end reads it there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab.environment import REPORT_NAME, RUN_FOLDER
from crmlab.errors import CrmlabError, PluginFailedError

if TYPE_CHECKING:
    from crmlab.estimators import Estimator

_at_work: list[str] = []
"""The plugins at work in this process; the last was asked by the one before."""


@contextmanager
def at_work(plugin: Estimator, doing: str) -> Iterator[None]:
    """Name the plugin in whatever goes wrong inside, ``sys.exit`` and panics of libraries included.

    Raises PluginFailedError for it; what crmlab raises on purpose, and Ctrl-C, pass as they are.
    """
    culprit = who(plugin)
    _at_work.append(f"{culprit}, {doing}")
    _note()
    interrupted = False
    try:
        yield
    except KeyboardInterrupt:
        interrupted = True
        raise
    except (CrmlabError, NotImplementedError):
        raise
    except BaseException as error:
        raise PluginFailedError(
            f"{culprit} failed in {doing} with {type(error).__name__}: {error}. Mend the plugin, or leave it "
            "out of the study."
        ) from error
    finally:
        _at_work.pop()
        if not interrupted:  # as a kernel is that takes too long, before it is killed
            _note()


def who(plugin: Estimator) -> str:
    """Return the class of a plugin and, where it is registered, its name, distribution and version."""
    from crmlab.registry import REGISTRIES

    kind = type(plugin)
    found = next(filter(None, (registry.origin_of(kind) for registry in REGISTRIES)), None)
    return (
        f"{kind.__name__} ({found.name!r} of {found.distribution} {found.version})"
        if found
        else kind.__name__
    )


def taken_note(folder: Path, report: str) -> str | None:
    """Return which plugin was at work when the kernel of a report ended, and remove the note of it."""
    path = folder / _note_name(report)
    try:
        said = path.read_text(encoding="utf-8").strip()
        path.unlink()
    except (OSError, ValueError):
        return None
    return said or None


def _note() -> None:
    folder, report = os.environ.get(RUN_FOLDER), os.environ.get(REPORT_NAME)
    if folder and report:
        with contextlib.suppress(OSError):  # a full disk is for what must be written to complain of
            path = Path(folder) / _note_name(report)
            if _at_work:
                path.write_text(_at_work[-1], encoding="utf-8")
            else:
                path.unlink(missing_ok=True)


def _note_name(report: str) -> str:
    return f".{report}.plugin"
