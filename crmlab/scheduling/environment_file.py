"""A file of secrets for a scheduled run: those who keep the time start it without them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from crmlab.errors import ParamsError

_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def read_environment(path: Path) -> dict[str, str]:
    """Return the variables that lines ``NAME=value`` set; the value is the rest of the line as it is.

    Lines that are empty or begin with ``#`` are passed over. Raises ParamsError for another line, and for
    a file that others on this computer may read. No error quotes a value.
    """
    try:
        readable = stat.S_IMODE(path.stat().st_mode) & 0o077
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not in UTF-8"
        raise ParamsError(f"The file of secrets {path} cannot be read: {reason}.") from None
    if os.name == "posix" and readable:
        raise ParamsError(
            f"Others on this computer may read the file of secrets {path}. Close it: chmod 600 {path}"
        )
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ParamsError(f"{path}:{number}: write NAME=value, one variable a line, without export.")
        found[match[1]] = match[2]
    return found
