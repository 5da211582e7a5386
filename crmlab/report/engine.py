"""The chart engine of a page: Vega, Vega-Lite and vega-embed as one script, built once and cached."""

from __future__ import annotations

import contextlib
import os
import tempfile
from functools import cache
from pathlib import Path

from crmlab.errors import RunError


@cache
def bundle(folder: Path | None = None) -> str:
    """Return JavaScript (about 0.9 MB) that defines ``window.vegaEmbed``.

    Building it takes seconds, so it is kept in ``folder`` (the user's cache folder by default) under
    the versions that made it. Where that folder cannot be read or written, it is built anew in every
    process: a shared temporary folder would let other users of the machine supply the script.
    """
    from importlib.metadata import version as version_of

    import vl_convert
    from platformdirs import user_cache_path

    builder, version = version_of("vl-convert-python"), vl_convert.get_vegalite_versions()[-1]
    folder = folder or user_cache_path("crmlab")
    path = folder / f"vega-{builder}-{version}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    script: str = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;", vl_version=version)
    if "</script" in script.lower():
        raise RunError(f"The chart engine of vl-convert {builder} cannot stand inside a page.")
    with contextlib.suppress(OSError):
        _write(path, script)
    return script


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".vega-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
