"""Addresses of files elsewhere, such as ``s3://bucket/orders/2024-*.csv``; they hold no credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEMES = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
    "webdav": "webdav",
    "webdavs": "webdav",
}
"""How an address may begin → the storage that it belongs to."""
_BEGINNING = re.compile(rf"(?i)({'|'.join(SCHEMES)})://")
_WHOLE = re.compile(r"(?i)([a-z0-9]+)://([^/@?#\s\\]+)(?:/([^\x00-\x1f\x7f]*))?")
_SIGNED = re.compile(r"[?&][\w-]+=")
"""A question mark is also part of a pattern; a name with a value behind it is not."""


@dataclass(frozen=True)
class Address:
    """Where something lies: ``storage`` is s3, gs, az or webdav; ``place`` a bucket, container or server."""

    scheme: str
    place: str
    path: str

    @property
    def storage(self) -> str:
        """The storage, by the name that a study's ``storage`` has for it."""
        return SCHEMES[self.scheme]

    @property
    def inside(self) -> str:
        """The path as the file system of the storage wants it."""
        return self.path if self.storage == "webdav" else f"{self.place}/{self.path}".rstrip("/")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}/{self.path}"


def is_address(text: str) -> bool:
    """Say whether a path is an address of one of the storages."""
    return _BEGINNING.match(text) is not None


def address_problem(text: str) -> str | None:
    """Say what is wrong with an address, without quoting it: it may hold a secret; None if nothing."""
    whole = _WHOLE.fullmatch(text)
    if is_address(text) and whole and not _SIGNED.search(whole[3] or "") and ".." not in text.split("/"):
        return None
    return (
        "it is no address of a storage. Write it as s3://bucket/path, gs://bucket/path, az://container/path "
        "or webdavs://server/path, without a user, a password or a signature in it: these are given under "
        "`storage`, as env:NAME"
    )


def parse(text: str) -> Address:
    """Take an address apart; raise ValueError, without quoting it, for one that is not valid."""
    if wrong := address_problem(text):
        raise ValueError(wrong)
    whole = _WHOLE.fullmatch(text)
    assert whole is not None
    return Address(whole[1].lower(), whole[2], (whole[3] or "").strip("/"))
