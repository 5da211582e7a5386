"""An IPython extension for the kernel of a report: no cell shows more than a page can hold.

What a cell prints goes into the notebook, into the page, and through the memory of the process that runs
it. What is beyond the limit is dropped in the kernel, and a sentence says so; the cell runs on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

MOST = 2_000_000
"""Characters that one cell may print and display together; no cell of our reports shows a tenth of it."""
_MOST_OF_AN_ERROR = 100_000
_MOST_OF_A_MESSAGE = 2_000
NOTE = f"[… cut here: a cell may show {MOST:,} characters · 输出过长，已截断]"


def load_ipython_extension(shell: Any) -> None:
    """Put the limit before all that ``shell`` shows."""
    left = MOST

    def begin(*_: object) -> None:
        nonlocal left
        left = MOST

    def spend(size: int) -> bool:
        """Say whether so much may still be shown; where it may not, nothing more of this cell is."""
        nonlocal left
        fits, left = size <= left, max(left - size, 0) if size <= left else -1
        return fits

    def limited(write: Callable[[str], Any]) -> Callable[[str], Any]:
        def written(text: str) -> Any:
            before = left
            if not isinstance(text, str) or spend(len(text)):
                return write(text)
            if before >= 0:
                write(f"{text[:before]}\n{NOTE}\n")
            return len(text)

        return written

    def displayed(message: dict[str, Any]) -> dict[str, Any]:
        data = message["content"].get("data", {})
        if not spend(sum(len(value) for value in data.values() if isinstance(value, str))):
            message["content"]["data"] = {"text/plain": NOTE}
        return message

    show = shell._showtraceback

    def shown(kind: type[BaseException], error: BaseException, lines: list[str]) -> None:
        if sum(map(len, lines)) > _MOST_OF_AN_ERROR:
            lines = [line[: _MOST_OF_AN_ERROR // 10] for line in lines[-10:]]
        show(kind, _short(error), lines)

    def shorten(result: Any) -> None:
        """Shorten the error in the reply to a cell, which holds it a second time."""
        error = result.error_in_exec
        if error is not None and _short(error) is not error:
            result.error_in_exec = _short(error)

    shell._showtraceback = shown
    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_run_cell", shorten)
    for stream in (sys.stdout, sys.stderr):
        stream.write = limited(stream.write)  # type: ignore[method-assign]
        # What a process that a cell starts prints is shown in the notebook, where it is cleaned; ipykernel
        # would print it as it is on the terminal of the run as well.
        if (terminal := getattr(stream, "_original_stdstream_copy", None)) is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, terminal)
            os.close(nowhere)
    for place in (shell.display_pub, shell.displayhook):
        if register := getattr(place, "register_hook", None):
            register(displayed)


def _short(error: BaseException) -> BaseException:
    said = str(error)
    if len(said) <= _MOST_OF_A_MESSAGE:
        return error
    short: BaseException = type(type(error).__name__, (Exception,), {})(f"{said[:_MOST_OF_A_MESSAGE]} …")
    return short
