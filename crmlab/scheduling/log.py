"""Where a scheduled run says what it would show: a file that does not grow without end."""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Iterator
from pathlib import Path

import click

from crmlab.errors import CrmlabError, ParamsError

_LARGEST = 5_000_000
"""Bytes; a larger log is put aside once, and the one before it is gone."""


class _Log(io.TextIOBase):
    """Appends to a file; where the disk is full, lines are lost, and no run is."""

    encoding = "utf-8"

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return len(text)


@contextlib.contextmanager
def logged(path: Path | None) -> Iterator[None]:
    """Send what is said to ``path``, errors too; without a path, nothing changes."""
    if path is None:
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGEST:
            path.replace(path.with_suffix(".log.1"))
        path.open("a").close()
    except OSError as error:
        raise ParamsError(f"The log {path} cannot be written: {error.strerror}.") from None
    log = _Log(path)
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            yield
        except CrmlabError as error:
            click.echo(str(error))
            raise
        except Exception:
            traceback.print_exc()
            raise
