"""Have something done once this process is gone, however it went: also by SIGKILL, which no handler sees."""

from __future__ import annotations

import subprocess


def once_gone(command: str, about: str) -> subprocess.Popen[bytes]:
    """Start a small process that waits for the end of this one and then runs a shell command; return it.

    ``about`` is ``$1`` of the command. What ends the group of this process does not end it. Raises OSError
    where it cannot be started, as on a system without ``/bin/sh``.
    """
    return subprocess.Popen(  # noqa: S603 (our own words)
        ["/bin/sh", "-c", f"read -r _; {command}", "sh", about],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
