"""Keep persons out of what is shared: contacts in free text masked, customer ids replaced by codes.

What counts as personal in a text is said in :mod:`crmlab.data.contacts`. No pattern finds everything:
names and shorter addresses stay.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from crmlab.data.contacts import MASKS, SUSPICIOUS, finds_in
from crmlab.environment import KEY_FOLDER
from crmlab.errors import DataError, ParamsError

KEY_BYTES = 32
_CODE_DIGITS = 6

_HAN = re.compile(r"[\u3400-\u9fff]")
# Texts with any other character may hold one of these in another writing, so they are levelled first.
_UNUSUAL = r"[^\x00-\x7f\x{4e00}-\x{9fff}，。！？；：、“”‘’（）《》【】…—～·￥\x{1f300}-\x{1faff}]"
# One character, also as Python and JSON, HTML, or a URL write it; of a URL all but letters and digits.
_CHARACTER = re.compile(
    r"\\(?:u|U000|x(?=[89a-fA-F]))(?P<python>(?<=u)[0-9a-fA-F]{4}|(?<=U000)[01][0-9a-fA-F]{4}|"
    r"(?<=x)[0-9a-fA-F]{2})|&#(?:[xX](?P<hexadecimal>[0-9a-fA-F]{1,6})|(?P<decimal>\d{1,7}));|"
    r"%(?P<url>2[0-9a-fA-F]|40)|%[89a-fA-F][0-9a-fA-F]|.",
    re.DOTALL,
)

# Most texts have none of these, and full-width marks as their only other writing.
_WRITTEN_OTHERWISE = re.compile(
    r"\\[uUx]|&#|%[248-9a-fA-F]|[\u00ad\u0600-\u0605\u061c\u180e\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_PUNCTUATION = {
    ord(wide): unicodedata.normalize("NFKC", wide) for wide in "，！？；：（）～＠．－＋０１２３４５６７８９"
}


def mask_text(texts: pl.Series) -> pl.Series:
    """Return the texts with contacts and numbers of persons replaced by what they are.

    Full-width digits and letters are seen as what they stand for (NFKC), escapes of Python, JSON and
    HTML too, invisible characters are looked through, telephone numbers also found in Chinese digits;
    the rest of a text stays as it was written, null stays null. Identity numbers are looked for before
    cards, cards before phone numbers; the first two with a right check digit, or after words that say
    what they are.
    """
    name = texts.name or "text"
    frame = pl.DataFrame({name: texts.cast(pl.String)})
    text = pl.col(name)
    found = frame.select(plain=text.str.contains(SUSPICIOUS), unusual=text.str.contains(_UNUSUAL)).fill_null(
        value=False
    )
    unusual = found["unusual"] & ~found["plain"]
    level = text.str.replace_all(r"\p{Cf}", "").str.normalize("NFKC").str.contains(SUSPICIOUS)
    hidden = unusual.arg_true().filter(frame.filter(unusual).select(level).to_series())
    suspicious = pl.concat([found["plain"].arg_true(), hidden])
    if suspicious.is_empty():
        return frame.to_series().alias(texts.name)
    masked = [_masked(text) for text in frame.to_series().gather(suspicious)]
    return frame.to_series().scatter(suspicious, masked).alias(texts.name)


def without_contacts(texts: pl.Series) -> pl.Series:
    """Return the texts with a space where :func:`mask_text` puts a mask, for counting their words."""
    masks = [mask for text in MASKS.values() for mask in text]
    return mask_text(texts).str.replace_many(masks, [" "] * len(masks))


def mask_ids(ids: pl.Series, key: bytes) -> pl.Series:
    """Return a short code such as ``C-7f3a2b`` per id, always the same for one id and key.

    The code is the beginning of HMAC-SHA256, so without the key it cannot be traced back by trying
    ids. Where two ids of the series would share a code, all codes are longer by two digits;
    a longer code of an id begins with its shorter one. Null stays null. Raises ParamsError for a key
    shorter than 16 bytes.
    """
    if len(key) < 16:
        raise ParamsError(
            f"The key has {len(key)} bytes; at least 16 are needed. Let study_key(folder) make one."
        )
    distinct = ids.cast(pl.String).drop_nulls().unique().sort()
    digests = [hmac.digest(key, value.encode(), hashlib.sha256).hex() for value in distinct]
    digits = _CODE_DIGITS
    while len({digest[:digits] for digest in digests}) < len(digests):
        digits += 2
    codes = pl.Series([f"C-{digest[:digits]}" for digest in digests], dtype=pl.String)
    return ids.cast(pl.String).replace_strict(distinct, codes, default=None, return_dtype=pl.String)


def report_key() -> bytes:
    """Return the key of the run that executes this notebook; outside a run that of the working folder."""
    return study_key(Path(os.environ.get(KEY_FOLDER, ".crmlab")))


def study_key(folder: Path) -> bytes:
    """Return the study's secret key, made on first use as ``folder/key``, readable by its owner only.

    Keep the file: with another key every customer gets another code. Raises DataError where the
    file is damaged or cannot be read.
    """
    path = folder / "key"
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
            _create(path)
        if os.name == "posix":
            path.chmod(0o600)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise DataError(
            f"The study's key {path} cannot be read: {error}. Restore it from a copy, or move it away to "
            "get a new one; customer codes then differ from those of earlier reports."
        ) from None
    if len(key) != KEY_BYTES:
        raise DataError(
            f"The study's key {path} has {len(key)} bytes instead of {KEY_BYTES}. Restore it from a copy, or "
            "move it away to get a new one; customer codes then differ from those of earlier reports."
        )
    return key


def _create(path: Path) -> None:
    """Write a whole key at once; where another process was faster, its key stays."""
    draft = path.with_name(f"key-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _masked(text: str) -> str:
    """Look at the text with width and escapes levelled, and cut the finds out of it as it was written."""
    places, level = _read(text)
    language = 0 if _HAN.search(level) else 1
    parts, done = [], 0
    for begin, end, kind in finds_in(level):
        parts += [text[done : places[begin][0]], MASKS[kind][language]]
        done = places[end - 1][1]
    return "".join([*parts, text[done:]])


def _read(text: str) -> tuple[Sequence[tuple[int, int]], str]:
    """Return what a text says when width and escapes are levelled, and where each character stands."""
    if not _WRITTEN_OTHERWISE.search(text) and unicodedata.is_normalized(
        "NFKC", text.translate(_PUNCTUATION)
    ):
        return [(place, place + 1) for place in range(len(text))], text.translate(_PUNCTUATION)
    read = [(match.span(), _levelled(_character(match))) for match in _CHARACTER.finditer(text)]
    visible = [(place, one) for place, one in read if unicodedata.category(one) != "Cf"]
    return [place for place, _ in visible], "".join(one for _, one in visible)


def _character(match: re.Match[str]) -> str:
    """Return what stands for one character: digits of an escape must not run on into a number."""
    escape = match["python"] or match["hexadecimal"] or match["url"]
    if not escape and not match["decimal"]:
        return match[0][0]
    number = int(escape, 16) if escape else int(match["decimal"])
    return chr(number) if number <= sys.maxunicode else "?"


def _levelled(character: str) -> str:
    level = unicodedata.normalize("NFKC", character)
    return level if len(level) == 1 else character
