"""Keep persons out of what is shared: contacts in free text masked, customer ids replaced by codes.

The text patterns are those of mainland China (mobile and landline numbers, the identity number of
GB 11643 with its ISO 7064 mod 11-2 check, bank cards of ISO/IEC 7812 with the Luhn check) beside e-mail
addresses, international numbers, and WeChat or QQ ids after their names. No pattern finds everything:
names and addresses stay.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Callable
from pathlib import Path

import polars as pl

from crmlab.environment import KEY_FOLDER
from crmlab.errors import DataError, ParamsError
from crmlab.labels import Text

MASKS = {
    "email": Text("[邮箱]", "[e-mail]"),
    "identity": Text("[身份证号]", "[ID number]"),
    "card": Text("[银行卡号]", "[card number]"),
    "phone": Text("[电话]", "[phone]"),
    "messenger": Text("[社交账号]", "[messenger id]"),
}
"""What stands in a text for each kind of personal data; Chinese in texts with Han characters."""

KEY_BYTES = 32
_CODE_DIGITS = 6

_HAN = re.compile(r"[\u3400-\u9fff]")
# Rust's regex engine sees every text; only texts with one of these go through Python's.
_SUSPICIOUS = r"(?i)\d(?:[ ().-]*\d){6}|\+\d|@|qq|微信|威信|薇信|v信|wechat|weixin|vx|wx|加v"

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])(?P<find>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
)
_IDENTITY = re.compile(
    r"(?<![0-9A-Za-z])"
    r"(?P<find>[1-9]\d{5}[ -]?(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}[\dXx])"
    r"(?![0-9A-Za-z])"
)
# What follows a digit and a point is the fraction of a number.
_ALONE = r"(?<!\d)(?<!\d\.)"
_CARD = re.compile(_ALONE + r"(?P<find>[3-69]\d{3}(?:[ -]?\d{4}){2}(?:[ -]?\d{1,4}){1,2})(?!\d)")
_MOBILE = re.compile(_ALONE + r"(?P<find>(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4})(?!\d)")
_LANDLINE = re.compile(
    _ALONE + r"(?P<find>(?:(?:\+|00)?86[ -]?)?\(?0\d{2,3}\)?[ -]?\d{7,8}(?:(?:-|转)\d{1,5})?)(?!\d)"
)
_INTERNATIONAL = re.compile(r"(?P<find>\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5})(?!\d)")
_GROUPED = re.compile(_ALONE + r"(?P<find>(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4})(?!\d)")
# A WeChat id is taken for one after "微信号", "微信:" and the like, or with a digit or underscore in it.
_WECHAT = re.compile(
    r"(?i)(?:微信|威信|薇信|v信|加v|(?<![a-z])(?:wechat|weixin|vx|wx))\s*"
    r"(?:(?:号码?|账号| ?id)\s*[:=是为]?\s*|[:=是为]\s*|(?=[a-z-]*[0-9_]))"
    r"(?P<find>[a-z][a-z0-9_-]{5,19})(?![a-z0-9_-])"
)
_QQ = re.compile(r"(?i)(?<![a-z])qq(?:号码?|群号?)?\s*[:=是为]?\s*(?P<find>[1-9]\d{4,11})(?!\d)")


def mask_text(texts: pl.Series) -> pl.Series:
    """Return the texts with contacts and numbers of persons replaced by what they are.

    Full-width digits and letters are seen as what they stand for (NFKC); the rest of a text stays as
    it was written, null stays null. Identity numbers are looked for before cards, cards
    before phone numbers; the first two only with a right check digit.
    """
    name = texts.name or "text"
    frame = pl.DataFrame({name: texts.cast(pl.String)})
    suspicious = frame.select(
        pl.col(name).str.normalize("NFKC").str.contains(_SUSPICIOUS).fill_null(value=False)
    ).to_series()
    if not suspicious.any():
        return frame.to_series().alias(texts.name)
    masked = [_masked(text) for text in frame.to_series().filter(suspicious)]
    return frame.to_series().scatter(suspicious.arg_true(), masked).alias(texts.name)


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
    """Look at the text with its width levelled, and cut the finds out of the text as it was written."""
    level = "".join(_levelled(character) for character in text)
    language = 0 if _HAN.search(level) else 1
    finds: list[tuple[int, int, str]] = []
    for kind, pattern, valid in _RULES:

        def keep(match: re.Match[str], kind: str = kind, valid: _Check = valid) -> str:
            if not valid(re.sub(r"[ -]", "", match["find"])):
                return match[0]
            begin, end = match.span("find")
            finds.append((begin, end, MASKS[kind][language]))
            # As long as the find, so that places stay the same, and matched by no later rule.
            return match[0][: begin - match.start()] + "\0" * (end - begin)

        level = pattern.sub(keep, level)
    for begin, end, mask in sorted(finds, reverse=True):
        text = text[:begin] + mask + text[end:]
    return text


def _levelled(character: str) -> str:
    level = unicodedata.normalize("NFKC", character)
    return level if len(level) == 1 else character


def _always(_: str) -> bool:
    return True


def _is_identity(number: str) -> bool:
    """Check digit of ISO 7064 mod 11-2 over 17 digits."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def _is_card(number: str) -> bool:
    """Luhn's check, for 15 to 19 digits."""
    if not 15 <= len(number) <= 19:
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


_Check = Callable[[str], bool]

_RULES: tuple[tuple[str, re.Pattern[str], _Check], ...] = (
    ("email", _EMAIL, _always),
    ("identity", _IDENTITY, _is_identity),
    ("card", _CARD, _is_card),
    ("phone", _MOBILE, _always),
    ("phone", _LANDLINE, _always),
    ("phone", _INTERNATIONAL, _always),
    ("phone", _GROUPED, _always),
    ("messenger", _WECHAT, _always),
    ("messenger", _QQ, _always),
)
"""Kind, pattern, and check of what the pattern's group ``find`` matched, in the order of search."""
