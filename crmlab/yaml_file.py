"""A YAML file of the user, such as a study, read before anything is imported that checks what it says."""

from __future__ import annotations

from pathlib import Path

from crmlab.errors import ParamsError


def text_of(path: Path, what: str = "The study", example: str = "for example params/demo.yaml") -> str:
    """Return the text of a YAML file; raise ParamsError where there is none that can be read.

    ``what`` and ``example`` are what the error says of it.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = "it is not in UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise ParamsError(
            f"{what} {path} cannot be read: {reason}. Give the path of a YAML file, saved in UTF-8, "
            f"{example}."
        ) from None
