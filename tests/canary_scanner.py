"""Looks for values that may not leave in files and texts, in whatever form they may be written there."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus

import polars as pl


def forms(canary: str) -> set[str]:
    """Return how a text, a page, a URL, JSON or base64 may write a value."""
    written = {
        canary,
        quote(canary, safe=""),
        quote_plus(canary),
        html.escape(canary),
        json.dumps(canary)[1:-1],
        repr(canary)[1:-1],
        "".join(f"&#{ord(char)};" for char in canary),
        "".join(f"&#x{ord(char):x};" for char in canary),
        "".join(f"\\u{ord(char):04x}" for char in canary),
        "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in canary),
    }
    return written | {
        base64.b64encode(b"x" * before + canary.encode() + b"yz").decode() for before in range(3)
    }


def texts_of(path: Path) -> Iterator[tuple[str, str]]:
    """Give the texts in a file: that of a workbook is in its parts."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield f"{path.name}/{name}", archive.read(name).decode("utf-8", "replace")
    else:
        yield path.name, path.read_bytes().decode("utf-8", "replace")


def levels(text: str) -> Iterator[str]:
    """Give a text as it is, and as it reads once it is decoded."""
    yield text
    decoded = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    yield unicodedata.normalize("NFKC", html.unescape(decoded.replace('\\"', '"')))
    yield unquote_plus(text)
    runs = [run[start:] for run in re.findall(r"[A-Za-z0-9+/]{12,}", text) for start in range(4)]
    whole = (run[: len(run) // 4 * 4] for run in runs)
    yield "\n".join(base64.b64decode(run).decode("utf-8", "replace") for run in whole)


def found_in_text(text: str, canaries: Sequence[str]) -> list[str]:
    """Return the values that a text holds in any form."""
    read = pl.Series([level.encode("utf-8", "replace").decode() for level in levels(text)])
    hits = read.str.extract_many(list(canaries), overlapping=True).explode(empty_as_null=True)
    return sorted(hits.drop_nulls().unique())


def found_in(path: Path, canaries: Sequence[str]) -> list[tuple[str, str]]:
    """Return (where, which value) for every one that a file, or its name, holds in any form."""
    texts = [(path.name, path.name), *texts_of(path)]
    return sorted({(where, canary) for where, text in texts for canary in found_in_text(text, canaries)})
