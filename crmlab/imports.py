"""Import a library without the optional ones that it would import for the sake of others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*modules: str) -> Iterator[set[str]]:
    """Have the import of ``modules`` fail inside, as where they are not installed.

    One that was imported before is left alone. Gives the names of those that are absent.
    """
    absent = {module for module in modules if module not in sys.modules}
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None makes an import fail
    try:
        yield absent
    finally:
        for module in absent:
            del sys.modules[module]
