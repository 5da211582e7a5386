"""The files of its own that a notebook uses: modules that it imports, scripts and tables that it names.

They are found by reading its code, and that of its modules, not by running it. What code puts together (a
name made of parts, all files of a folder) is not seen.
"""

from __future__ import annotations

import contextlib
import glob
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from crmlab.report import notebooks

_IMPORT = re.compile(r"(?:\b(?:from|import)|%run)\b(.*)")
_WORD = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"(['\"])(.+?)\1")
_PATH = re.compile(r"[^\s'\"()\[\]{},;=]*[./][^\s'\"()\[\]{},;=]+")
"""A path that stands by itself, as the script of ``%run``."""
_OURS = {"crmlab", "crmlab_plugins"}
"""Whose code a report knows anyway."""


def used(notebook: Path, study_folder: Path) -> list[Path]:
    """Return the files that a notebook uses, sorted; they are looked for beside it and beside its study.

    Raises ParamsError for a notebook that cannot be read, OSError for a module.
    """
    cells = notebooks.read(notebook).cells
    folders = [study_folder.resolve(), notebook.parent.resolve()]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    waiting = [(code, folders)]
    found: set[Path] = set()
    linked: set[Path] = set()
    while waiting:
        text, beside = waiting.pop()
        named = {name for _, name in _QUOTED.findall(text)} | set(_PATH.findall(text))
        imported = set(_WORD.findall(" ".join(_IMPORT.findall(text)))) - _OURS
        by_name = {name.split(".")[0] for name in named if name.replace(".", "").isidentifier()} - _OURS
        places = [*dict.fromkeys([*beside, *_folders(named, folders)])]
        new = {*_named(named, places), *_modules(imported | by_name, places)} - found
        found |= new
        linked.update(path for word in imported for path in _linked(word))
        for path in new:
            if path.suffix == ".py":
                text = path.read_text(encoding="utf-8", errors="replace")
                waiting.append((text, [*folders, path.parent]))
    return sorted(found | linked)


def of_plugins() -> list[Path]:
    """Return the files of plugins that are installed as links to their source, which changes at will."""
    return sorted({path for name in _plugin_packages() for path in _linked(name)})


@cache
def _plugin_packages() -> set[str]:
    points = [point for each in metadata.distributions() for point in each.entry_points]
    return {
        re.split(r"[.:]", point.value)[0] for point in points if point.group.startswith("crmlab.")
    } - _OURS


def _folders(named: Iterable[str], folders: Iterable[Path]) -> Iterator[Path]:
    """Go through the folders that are named, but none that holds the study: it may be the whole disk."""
    around = {parent for folder in folders for parent in (folder, *folder.parents)}
    for name in named:
        for folder in folders:
            with contextlib.suppress(OSError, ValueError):
                place = (folder / name).resolve()
                if place.is_dir() and place not in around:
                    yield place


def _named(named: Iterable[str], places: Iterable[Path]) -> Iterator[Path]:
    """Go through the files that are named, or that a pattern means."""
    for name in named:
        for place in places:
            with contextlib.suppress(OSError, ValueError, re.error):
                if (path := place / name).is_file() or (path := place / f"{name}.py").is_file():
                    yield path.resolve()
                elif glob.has_magic(name) and any(map(str.isalnum, name)):
                    pattern = str(Path(glob.escape(str(place)), name))
                    yield from (Path(each) for each in glob.iglob(pattern) if Path(each).is_file())


def _modules(words: Iterable[str], places: Iterable[Path]) -> Iterator[Path]:
    for word in words:
        for place in places:
            if (module := place / f"{word}.py").is_file():
                yield module
            yield from _package(place / word)


def _package(folder: Path, pattern: str = "*.py") -> Iterator[Path]:
    if folder.is_dir() and any(folder.glob("*.py")):
        yield from (path for path in folder.rglob(pattern) if path.is_file() and path.suffix != ".pyc")


def _linked(name: str) -> Iterator[Path]:
    """Go through the files of a module that can be imported and is not part of the installation.

    What is installed has a version, which tells.
    """
    if name in sys.stdlib_module_names:
        return
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return
    installed = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    for place in [*(spec.submodule_search_locations or ()), spec.origin] if spec else []:
        path = Path(place or "").resolve()
        if place and not installed & set(path.parents):
            yield from [path] if path.is_file() else _package(path, "*")
