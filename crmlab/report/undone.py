"""The cells that earlier batches left undone: the user stopped before they began, or they were not published.

Their last published run, from before, may have finished well; so the manifests do not tell.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_NAME = ".undone.json"

Values = Mapping[str, Any]
"""What a cell is known by: the value of each axis."""


def read(home: Path) -> list[Values]:
    """Return the cells noted in the folder of a study's runs; none where the note cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        noted = json.loads((home / _NAME).read_text(encoding="utf-8"))
        return [cell for cell in noted if isinstance(cell, dict)] if isinstance(noted, list) else []
    return []


def note(home: Path, undone: Iterable[Values], done: Iterable[Values]) -> None:
    """Add cells to the note and take out others; it goes with the last of them."""
    finished = [_key(cell) for cell in done]
    left = {_key(cell): dict(cell) for cell in [*read(home), *undone] if _key(cell) not in finished}
    path = home / _NAME
    with contextlib.suppress(OSError):  # a full disk, which the batch says by itself
        if left:
            path.write_text(json.dumps(list(left.values()), ensure_ascii=False), encoding="utf-8")
        else:
            path.unlink(missing_ok=True)


def _key(cell: Values) -> str:
    return json.dumps(cell, sort_keys=True)
