"""Whether files are still the same: a hash over what they hold."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def digest(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_digest(path: Path) -> str:
    """Return the sha256 of a file, hashed once as long as its size, times of change and inode stay."""
    stat = path.stat()
    version = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    return _digest_of_version(path.resolve(), *version)


@lru_cache(maxsize=4096)
def _digest_of_version(path: Path, *_version: int) -> str:
    return digest(path)


def of_files(given: Iterable[str | Path]) -> str | None:
    """Return a sha256 over the names and contents of files, folders and patterns, in order.

    None where one of them is no file of this machine, so that nobody can tell whether it changed.
    """
    total = hashlib.sha256()
    for item in given:
        found = _files(Path(item), str(item))
        if not found:
            return None
        for path in found:
            try:
                total.update(f"{path.as_posix()}\0{known_digest(path)}\n".encode())
            except OSError:
                return None
    return total.hexdigest()


def of_folder(folder: Path) -> str:
    """Return a sha256 over the files below a folder, by relative path; compiled Python is left out."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(f"{path.relative_to(folder).as_posix()}\0{digest(path)}\n".encode())
    return total.hexdigest()


def _files(path: Path, pattern: str) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    return sorted(Path(each) for each in glob.glob(pattern, recursive=True) if Path(each).is_file())
