"""Where a scheduled run says what it would show: a file that does not grow without end."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

import click

from crmlab.errors import CrmlabError, ParamsError

_LARGEST = 5_000_000
"""Bytes; a larger log is put aside once, and the one before it is gone."""


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
        file = path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ParamsError(f"The log {path} cannot be written: {error.strerror}.") from None
    with file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        try:
            yield
        except CrmlabError as error:
            click.echo(str(error))
            raise
        except Exception:
            traceback.print_exc()
            raise
