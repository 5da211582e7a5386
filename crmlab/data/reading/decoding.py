"""Bytes to text, strictly: an encoding is accepted where every byte of the file fits it."""

from __future__ import annotations

import re

from crmlab.errors import DataError

_RUN = re.compile(rb"[\x80-\xff]+")
_LONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff0-9])")
_FIELD = re.compile(rb"[^,\t;\"\n]*[\x80-\xff][^,\t;\"\n]*")
# What Chinese texts are made of: Han, kana, punctuation, symbols, emoji.
_CJK = re.compile(
    r"[\x00-\x7f\u200b-\u2bff\u3000-\u30ff\u4e00-\u9fff\ufe00-\ufe0f\uff00-\uffef\U0001f000-\U0001faff]*"
)
_ENOUGH = 20_000
"""So many different values tell which encoding most of a file has."""


def to_utf8(raw: bytes, file: str, declared: str | None = None) -> tuple[bytes, str]:
    r"""Return the text of ``raw`` as UTF-8 with ``\n`` at line ends, and the encoding found.

    Encodings are UTF-8 (with or without a byte-order mark), UTF-16 with one, and GB18030, which
    includes GBK and GB2312; ``declared`` is tried first where the file itself names one. Raises
    DataError, naming file and line, for NUL bytes and for bytes that no encoding explains, and where
    UTF-8 stands beside something else: all of it may be legal GB18030, and wrong.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            text, encoding = raw.decode("utf-16").encode(), "utf-16"
        except UnicodeError:
            raise DataError(f"{file} begins as UTF-16 text and does not go on so. {_AGAIN}") from None
    else:
        body = raw.removeprefix(b"\xef\xbb\xbf")
        # Before decoding: UTF-16 without its mark is the usual reason.
        _refuse_nul(body, file)
        text, encoding = _decoded(body, file, declared if body is raw else None)
    _refuse_nul(text, file)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text, encoding


_AGAIN = "Open it in the program that made it and save it as CSV UTF-8."


def _decoded(body: bytes, file: str, declared: str | None) -> tuple[bytes, str]:
    if declared:
        try:
            return body.decode(declared).encode(), declared
        except (UnicodeError, LookupError):
            pass  # pages are often mislabelled
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        broken = error.start
    else:
        return body, "utf-8"
    try:
        text = body.decode("gb18030")
        encoded = text.encode()
    except UnicodeError as error:
        broken = max(broken, getattr(error, "start", 0) if isinstance(error, UnicodeDecodeError) else 0)
        raise DataError(
            f"{file} is neither UTF-8 nor GB18030/GBK nor UTF-16 text; line {_line(body, broken)} is the "
            f"first that fits neither. {_AGAIN}"
        ) from None
    _refuse_damaged_utf8(body, broken, file)
    _refuse_single_byte(body, file)
    _refuse_mixture(body, file)
    return encoded, "gb18030"


def _line(body: bytes, place: int) -> int:
    head = body[:place].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return head.count(b"\n") + 1


def _refuse_nul(body: bytes, file: str) -> None:
    place = body.find(b"\0")
    if place >= 0:
        raise DataError(
            f"{file} contains NUL bytes, the first in line {_line(body, place)}: it is no text file, a "
            f"damaged one, or UTF-16 without a byte-order mark. {_AGAIN}"
        )


def _refuse_damaged_utf8(body: bytes, broken: int, file: str) -> None:
    """Raise where most of the values are UTF-8: José with one stray byte elsewhere is no Jos茅."""
    values: set[bytes] = set()
    for match in _FIELD.finditer(body):
        values.add(match[0])
        if len(values) == _ENOUGH:
            break
    if sum(map(_is_utf8, values)) * 2 > len(values):
        raise DataError(
            f"{file} is UTF-8 text, and line {_line(body, broken)} is the first that is not: it is damaged, "
            "or was pasted from a file of another encoding. Correct that line, or export the file again."
        )


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _refuse_single_byte(body: bytes, file: str) -> None:
    """Raise where bytes above 127 mostly stand alone: Western text, whose é would turn Chinese."""
    sample = body[: 1 << 20]
    lone, runs = len(_LONE.findall(sample)), len(_RUN.findall(sample))
    if runs and lone / runs > 0.5:
        raise DataError(
            f"{file} is neither UTF-8 nor Chinese GB18030/GBK text; it looks like a Western "
            f"single-byte encoding. {_AGAIN}"
        )


def _refuse_mixture(body: bytes, file: str) -> None:
    """Raise where values are UTF-8 although the file is not.

    Chinese UTF-8 read as GB18030 is legal more often than not, and gives rare characters (寮犱紵 for
    张伟). A value that is UTF-8 of East Asian characters, and not GB2312, is taken for UTF-8; one that
    could be both counts only where such values are more than one in a hundred.
    """
    values, possible, first = 0, 0, -1
    for match in _FIELD.finditer(body):
        values += 1
        value = match[0]
        try:
            if not _CJK.fullmatch(value.decode("utf-8")):
                continue
        except UnicodeDecodeError:
            continue
        try:
            value.decode("gb2312")
        except UnicodeDecodeError:
            _raise_mixture(body, match.start(), file)
        possible += 1
        first = match.start() if first < 0 else first
    if possible * 100 > values:
        _raise_mixture(body, first, file)


def _raise_mixture(body: bytes, place: int, file: str) -> None:
    raise DataError(
        f"{file} mixes encodings: line {_line(body, place)} is UTF-8 and other lines are GBK. Files were "
        "probably joined; convert each to UTF-8 before joining them."
    )
