"""Finished runs copied to a storage elsewhere, with a gallery over all that lie there.

A run is made and published here, then copied file by file, its manifest last; the gallery lists runs that
have a manifest, so half a run is never seen. What was not copied whole is noted beside the runs here and
copied again, whole, by the next run that publishes to the same address. One process at a time copies the
runs of a folder. Nothing is removed there.
"""

from __future__ import annotations

import contextlib
import mimetypes
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crmlab.environment import resolved
from crmlab.errors import CrmlabError
from crmlab.labels import Language
from crmlab.report import gallery, manifest
from crmlab.storage.addresses import Address, parse
from crmlab.storage.opening import filesystem, sentence
from crmlab.storage.settings import StorageParams

_NOTES = "publishing"
_LARGEST = 32 << 20
"""Bytes of a manifest or comparison elsewhere that are read."""
_ROUNDS = 5
"""How often the gallery is written again where others publish at the same time."""


def publish(
    to: str, storage: StorageParams, folders: Sequence[Path], runs: Path, language: Language
) -> list[str]:
    """Copy the runs in ``folders`` to an address, and those that an earlier call could not copy.

    ``runs`` is the folder of all runs here. Returns a sentence for each run that is not there now, and
    for a gallery that could not be written; raises nothing.
    """
    from filelock import FileLock

    address = parse(to)
    notes = runs / ".crmlab" / _NOTES
    problems: list[str] = []
    left = list(folders)
    try:
        for folder in folders:
            _remember(notes, folder, address)
        target = _Target(address, resolved(storage.options(address.storage)))
        with FileLock(notes / ".lock"):
            left = sorted({*folders, *_waiting(notes, runs, address)})
            for folder in list(left):
                if said := target.copy(folder):
                    problems.append(said)
                left.remove(folder)
                _note(notes, folder).unlink(missing_ok=True)
            target.list_runs(runs, language)
    except Exception as error:  # each package has errors of its own
        said = str(error) if isinstance(error, CrmlabError) else sentence(error, address)
        names = ", ".join(folder.name for folder in left)
        what = f"Not published: {names}" if names else "The gallery is not up to date"
        problems.append(f"{what}. {said} The next run tries again; the results here are complete.")
    return problems


class _Target:
    """The address that runs are copied to."""

    def __init__(self, address: Address, options: Mapping[str, Any]) -> None:
        self._address = address
        self._files = filesystem(address, options)
        self._root = address.inside.rstrip("/")

    def copy(self, folder: Path) -> str | None:
        """Copy a run, its manifest last; say so where another one of that name lies there."""
        name = f"{folder.parent.name}/{folder.name}"
        there = f"{name}/{manifest.NAME}"
        mine = (folder / manifest.NAME).read_bytes()
        if self._files.exists(self._at(there)):
            if self._files.cat_file(self._at(there)) == mine:
                return None
            return f"Not published: {name}. Another run of that name is at {self._address} already."
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != manifest.NAME)
        for path in [*files, folder / manifest.NAME]:
            self._put(path, f"{name}/{path.relative_to(folder).as_posix()}")
        return None

    def list_runs(self, runs: Path, language: Language) -> None:
        """Write the gallery there, again where a run came meanwhile that the page may lack."""
        sizes = self._sizes()
        for _ in range(_ROUNDS):
            with tempfile.TemporaryDirectory(prefix="crmlab-gallery-") as made:
                mirror = Path(made)
                self._mirror(sizes, runs, mirror)
                page = gallery.write(mirror, language)
                for path in sorted(mirror.glob("index*.html"), key=lambda each: each == page):
                    self._put(path, path.name)
            now = self._sizes()
            if set(_listed(now)) == set(_listed(sizes)):
                return
            sizes = now

    def _mirror(self, sizes: Mapping[str, int], runs: Path, mirror: Path) -> None:
        """Make folders that look to the gallery like those there: it reads few files of a run."""
        complete = {name.rsplit("/", 1)[0] for name in _listed(sizes)}
        for name, size in sizes.items():
            run = "/".join(name.split("/")[:2])
            deep = name.count("/") - 2  # 0: in the folder of a run itself
            if run not in complete or deep < 0 or (deep and not name.startswith(f"{run}/tables/")):
                continue
            read = name in (f"{run}/{manifest.NAME}", f"{run}/compare.json") and size <= _LARGEST
            content = self._content(name, size, runs) if read else b""
            # A storage can have both a file and files "below" it.
            with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
                (mirror / name).parent.mkdir(parents=True, exist_ok=True)
                (mirror / name).write_bytes(content)

    def _content(self, name: str, size: int, runs: Path) -> bytes:
        here = runs / name
        if here.is_file() and here.stat().st_size == size:  # a published run never changes
            return here.read_bytes()
        return bytes(self._files.cat_file(self._at(name)))

    def _sizes(self) -> dict[str, int]:
        """Return name relative to the address → bytes of every file there whose name is harmless."""
        begins = f"{self._root.lstrip('/')}/" if self._root else ""
        strict = {"on_error": "raise"} if self._address.storage == "webdav" else {}
        try:
            found = self._files.find(self._root, detail=True, **strict)
        except FileNotFoundError:
            return {}
        sizes = {}
        for path, about in found.items():
            name = path.lstrip("/").removeprefix(begins)
            if all(_harmless(part) for part in name.split("/")):
                sizes[name] = int(about.get("size") or 0)
        return dict(sorted(sizes.items()))

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if self._root else name

    def _put(self, path: Path, name: str) -> None:
        """Copy a file; it appears there whole or not at all, which WebDAV does not promise by itself."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if self._address.storage == "webdav":
            part = self._at(f"{name}.part")
            self._files.put_file(str(path), part)
            self._files.client.move(part, self._at(name), overwrite=True)
        elif self._address.storage == "az":
            from azure.storage.blob import ContentSettings

            settings = ContentSettings(content_type=kind)
            self._files.put_file(str(path), self._at(name), content_settings=settings)
        else:
            named = "ContentType" if self._address.storage == "s3" else "content_type"
            self._files.put_file(str(path), self._at(name), **{named: kind})


def _note(notes: Path, folder: Path) -> Path:
    """Return where it is noted that a run is to be copied."""
    return notes / folder.parent.name / folder.name


def _remember(notes: Path, folder: Path, address: Address) -> None:
    """Note that a run is to be copied; half a note would be that of another address."""
    path = _note(notes, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = notes / f".{folder.parent.name}-{folder.name}"
    temporary.write_text(str(address), encoding="utf-8")
    temporary.replace(path)


def _waiting(notes: Path, runs: Path, address: Address) -> list[Path]:
    """Return the runs that are to be copied to an address and are still here."""
    found = []
    for note in sorted(notes.glob("*/*")):
        folder = runs / note.parent.name / note.name
        if note.read_text(encoding="utf-8") != str(address):
            continue
        if (folder / manifest.NAME).is_file():
            found.append(folder)
        else:
            note.unlink(missing_ok=True)  # removed since, as the study's `keep` says
    return found


def _listed(names: Iterable[str]) -> Iterator[str]:
    """Yield the manifests of runs among the files."""
    return (name for name in names if name.count("/") == 2 and name.endswith(f"/{manifest.NAME}"))


def _harmless(part: str) -> bool:
    return bool(part) and not part.startswith(".") and not any(c in "\\\0:" for c in part) and len(part) < 200
