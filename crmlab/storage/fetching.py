"""Files elsewhere, listed and brought here: one, a folder or a pattern, as with files of this machine."""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from crmlab.errors import CrmlabError, DataError
from crmlab.storage.addresses import Address, parse
from crmlab.storage.opening import filesystem, sentence
from crmlab.storage.private_folder import private_folder

_CHUNK = 1 << 20
_SPARE = 256 << 20
"""Bytes of the disk that are left for the work itself."""


@dataclass(frozen=True)
class Found:
    """A file elsewhere: its path in the file system, its size in bytes, and what tells its version.

    ``size`` and ``version`` are None where the storage does not say.
    """

    path: str
    size: int | None
    version: str | None

    @property
    def name(self) -> str:
        """The name without its folders."""
        return PurePosixPath(self.path).name


Storage = Mapping[str, Mapping[str, Any]]
"""Options by storage, secrets resolved."""


def fingerprint(given: str, storage: Storage) -> str | None:
    """Return a sha256 over the names, sizes and versions of what an address means; nothing is fetched.

    None where the storage does not tell versions. Raises DataError like :func:`fetch`.
    """
    found = listed(filesystem(*_opened(given, storage)), parse(given))
    if any(file.version is None for file in found):
        return None
    told = [[file.path, file.size, file.version] for file in found]
    return hashlib.sha256(json.dumps([given, told]).encode()).hexdigest()


def fetch(given: str, storage: Storage) -> list[Path]:
    """Bring the files of an address into the private folder of the process, in the order of their paths.

    What was fetched before and has not changed is not fetched again. Raises DataError where nothing is
    found, where it cannot be reached, read or stored, or where it changes meanwhile.
    """
    address = parse(given)
    files = filesystem(*_opened(given, storage))
    found = listed(files, address)
    room = shutil.disk_usage(private_folder()).free - _SPARE
    needed = sum(file.size or 0 for file in found)
    if needed > room:
        raise DataError(
            f"{address} has {needed >> 20:,} MiB, and the disk of the temporary folder has room for "
            f"{max(room, 0) >> 20:,} MiB. Make room, or set TMPDIR to a folder elsewhere."
        )
    return [_fetched(files, address, file, room) for file in found]


def listed(files: Any, address: Address) -> list[Found]:
    """Return the files that an address means; raise DataError where there are none.

    Hidden files are passed over, and what a program leaves beside a file that it has open (``~$…``).
    """
    try:
        if glob.has_magic(address.path):
            about = list(files.glob(address.inside, detail=True).values())
        elif (one := files.info(address.inside))["type"] == "file":
            return [_found(one)]
        else:
            about = files.ls(address.inside, detail=True)
    except CrmlabError:
        raise
    except Exception as error:  # each package has errors of its own
        raise DataError(sentence(error, address)) from None
    found = [_found(each) for each in about if each["type"] == "file" and not each["name"].endswith("/")]
    found = sorted((file for file in found if not file.name.startswith((".", "~$"))), key=lambda f: f.path)
    if not found:
        raise DataError(
            f"No file is found at {address}. Give a folder with files, or a pattern such as orders/*.csv; "
            "check the name of the bucket, and that its files may be listed."
        )
    return found


def _opened(given: str, storage: Storage) -> tuple[Address, Mapping[str, Any]]:
    address = parse(given)
    return address, storage.get(address.storage, {})


def _found(about: Mapping[str, Any]) -> Found:
    """Read what each package calls otherwise: the tag of the content, or else the time of its last change."""
    names = ("ETag", "etag", "generation", "LastModified", "last_modified", "updated", "modified")
    told = next((about[name] for name in names if about.get(name)), None)
    size = about.get("size")
    return Found(str(about["name"]), int(size) if size is not None else None, str(told) if told else None)


def _fetched(files: Any, address: Address, file: Found, room: int) -> Path:
    told = json.dumps([str(address), file.path, file.size, file.version])
    folder = private_folder() / hashlib.sha256(told.encode()).hexdigest()[:24]
    target = folder / file.name
    if file.version and target.exists():
        return target
    folder.mkdir(exist_ok=True)
    part = folder / ".part"
    most = room if file.size is None else file.size
    read = 0
    try:
        with files.open(file.path, "rb") as source, part.open("wb") as copy:
            while chunk := source.read(_CHUNK):
                read += len(chunk)
                if read > most:
                    break
                copy.write(chunk)
    except Exception as error:  # each package has errors of its own
        part.unlink(missing_ok=True)
        raise DataError(sentence(error, f"{address} ({file.name})")) from None
    if read > most or (file.size is not None and read != file.size):
        part.unlink(missing_ok=True)
        raise DataError(
            f"{address}: {file.name} changed while it was fetched, or more came than was announced. Run "
            "again when it is complete."
        )
    return part.replace(target)
