"""Keep persons out of what is shared: contacts in free text masked, customer ids replaced by codes.

The text patterns are those of mainland China (mobile and landline numbers, the identity number of
GB 11643 with its ISO 7064 mod 11-2 check, bank cards of ISO/IEC 7812 with the Luhn check) beside e-mail
addresses, international numbers, number plates (GA 36), WeChat or QQ ids after their names, and homes
given down to building and flat. No pattern finds everything: names and shorter addresses stay.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
import unicodedata
from collections.abc import Callable, Sequence
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
    "plate": Text("[车牌号]", "[number plate]"),
    "address": Text("[住址]", "[home address]"),
}
"""What stands in a text for each kind of personal data; Chinese in texts with Han characters."""

KEY_BYTES = 32
_CODE_DIGITS = 6

_HAN = re.compile(r"[\u3400-\u9fff]")
_HAN_DIGITS = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
_FLAT = "号楼|栋|幢|座|单元|室"
# Rust's regex engine sees every text; only texts with one of these go through Python's.
_SUSPICIOUS = (
    rf"(?i)[\d{_HAN_DIGITS}](?:[ ()（）.·‐–—_-]*[\d{_HAN_DIGITS}]){{6}}|\+\d|@|[(\[（]at[)\]）]|qq|扣扣|企鹅|"
    r"微 ?信|威信|薇信|v信|wechat|weixin|vx|wx|加[v微]|%40|&#|\\u00|"
    rf"\d(?:{_FLAT})|[{_PROVINCES}][a-z][·. -]?[a-z\d]{{5}}"
)
# Texts with any other character may hold one of these in another writing, so they are levelled first.
_UNUSUAL = r"[^\x00-\x7f\x{4e00}-\x{9fff}，。！？；：、“”‘’（）《》【】…—～·￥\x{1f300}-\x{1faff}]"
# One character, also as Python and JSON, HTML, or a URL write it; of a URL what is beyond ASCII, and @.
_CHARACTER = re.compile(
    r"\\(?:u|U000|x(?=[89a-fA-F]))(?P<python>(?<=u)[0-9a-fA-F]{4}|(?<=U000)[01][0-9a-fA-F]{4}|"
    r"(?<=x)[0-9a-fA-F]{2})|&#(?:[xX](?P<hexadecimal>[0-9a-fA-F]{1,6})|(?P<decimal>\d{1,7}));|"
    r"%(?:40|[89a-fA-F][0-9a-fA-F])|.",
    re.DOTALL,
)

# Most texts have none of these, and full-width marks as their only other writing.
_WRITTEN_OTHERWISE = re.compile(
    r"\\[uUx]|&#|%[48-9a-fA-F]|[\u00ad\u0600-\u0605\u061c\u180e\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_PUNCTUATION = {
    ord(wide): unicodedata.normalize("NFKC", wide) for wide in "，！？；：（）～＠．－＋０１２３４５６７８９"
}

# A number right after one of these is an order's or a parcel's, even when its check digit fits a card.
_ORDER = re.compile(r"(?i)(?:订单|单号|运单|流水|编号|工单|order|tracking|invoice)[^\d,，。;；]*$")
_ORDER_REACH = 14

_EMAIL = re.compile(
    r"(?i)(?<![a-z0-9._%+-])"
    r"(?P<find>[a-z0-9._%+-]{1,64} ?(?:@|\[at\]|\(at\)) ?[a-z0-9-]+(?:[.。][a-z0-9-]+)+)"
)
_IDENTITY = re.compile(
    r"(?<!\d)(?P<find>[1-9]\d{5}[ -]?(?:18|19|20)\d\d[ -]?(?:0[1-9]|1[0-2])[ -]?(?:0[1-9]|[12]\d|3[01])"
    r"[ -]?\d{3}[\dXx])(?!\d)"
)
# What follows a digit and a point is the fraction of a number.
_ALONE = r"(?<!\d)(?<!\d\.)"
_CARD = re.compile(_ALONE + r"(?P<find>[3-69]\d{3}(?:[ -]?\d{4}){2}(?:[ -]?\d{1,4}){1,2})(?!\d)")
# Between groups people put what they like; a comma or a line break would also stand between amounts.
_CHINA = r"(?:\(?(?:\+|00)?86\)?[ -]?)?"
_GAP = r"[ ·‐–—_()-]{0,3}"
_MOBILE = re.compile(
    rf"{_ALONE}(?P<find>{_CHINA}1[3-9]\d(?:{_GAP}\d{{4}}{_GAP}\d{{4}}|\.\d{{4}}\.\d{{4}}))(?!\d)"
)
_MOBILE_ANYHOW = re.compile(rf"{_ALONE}(?<!\d[ -])(?P<find>1[ -]?[3-9](?:[ -]?\d){{9}})(?![ -]?\d)")
_SPELT = re.compile(rf"(?P<find>[\d{_HAN_DIGITS}](?:[ -]?[\d{_HAN_DIGITS}]){{9,14}})")
_LANDLINE = re.compile(
    rf"{_ALONE}(?P<find>{_CHINA}\(?0\d{{2,3}}\)?[ -]?\d{{3,4}}[ -]?\d{{4}}(?:(?:-|转)\d{{1,5}})?)(?!\d)"
)
_LOCAL = re.compile(
    r"(?i)(?:电话|座机|致电|拨打|(?<![a-z])(?:tel|phone))\.?\s*(?:号码?)?\s*[:是为]?\s*"
    r"(?P<find>[2-8]\d{2,3}[ -]?\d{4})(?!\d)"
)
_INTERNATIONAL = re.compile(
    r"(?P<find>\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}|(?<!\d)00(?:852|853|886)[ -]?\d{4}[ -]?\d{4})(?!\d)"
)
_GROUPED = re.compile(_ALONE + r"(?P<find>(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4})(?!\d)")
# A WeChat id is taken for one after "微信号", "微信:" and the like, or with a digit or underscore in it.
_WECHAT = re.compile(
    r"(?i)(?:微 ?信|威信|薇信|v信|加[v微]|(?<![a-z])(?:wechat|weixin|vx|wx))\s*"
    r"(?:(?:号码?|账号| ?id)\s*[:=是为]?\s*|[:=是为]\s*|(?=[a-z-]*[0-9_]))"
    r"(?P<find>[a-z][a-z0-9_-]{5,19})(?![a-z0-9_-])"
)
_PLATE = re.compile(
    rf"(?i)(?P<find>[{_PROVINCES}][a-hj-np-z][·. -]?(?=[a-z]{{0,3}}\d)(?:[a-hj-np-z\d]{{6}}|"
    r"[a-hj-np-z\d]{4}[a-hj-np-z\d挂学警港澳领]))(?![a-z\d])"
)
# A shop's street and number are no secret; who gives building and flat too gives a home.
_ROAD = r"[\u4e00-\u9fff]{2,12}(?:路|街|大道|巷|弄|胡同|小区|花园|公寓|家园|新村|苑|府|湾|里|城)"
_HOME = re.compile(
    rf"(?P<find>{_ROAD}(?:[\da-z]{{1,5}}(?:号院?|弄|期|区))?"
    r"(?:(?:[\da-z]{1,4}(?:号楼|栋|幢|座|单元)[ -]?)+(?:\d{1,2}(?:层|楼|单元))?(?:\d{2,4}(?:室|房|号|户)?)?|"
    r"(?:[\u4e00-\u9fff]{0,8}[\da-z]{1,4}[号栋座幢])?\d{3,4}[室户]))(?!\d)",
    re.IGNORECASE,
)
_QQ = re.compile(
    r"(?i)(?:(?<![a-z])qq|扣扣|企鹅)(?:号码?|群号?)?\s*[:=是为]?\s*(?P<find>[1-9]\d{4,11})(?!\d)"
)


def mask_text(texts: pl.Series) -> pl.Series:
    """Return the texts with contacts and numbers of persons replaced by what they are.

    Full-width digits and letters are seen as what they stand for (NFKC), escapes of Python, JSON and
    HTML too, invisible characters are looked through, telephone numbers also found in Chinese digits;
    the rest of a text stays as it was written, null stays null. Identity numbers are looked for before
    cards, cards before phone numbers; the first two only with a right check digit.
    """
    name = texts.name or "text"
    frame = pl.DataFrame({name: texts.cast(pl.String)})
    text = pl.col(name)
    found = frame.select(plain=text.str.contains(_SUSPICIOUS), unusual=text.str.contains(_UNUSUAL)).fill_null(
        value=False
    )
    unusual = found["unusual"] & ~found["plain"]
    level = text.str.replace_all(r"\p{Cf}", "").str.normalize("NFKC").str.contains(_SUSPICIOUS)
    hidden = unusual.arg_true().filter(frame.filter(unusual).select(level).to_series())
    suspicious = pl.concat([found["plain"].arg_true(), hidden])
    if suspicious.is_empty():
        return frame.to_series().alias(texts.name)
    masked = [_masked(text) for text in frame.to_series().gather(suspicious)]
    return frame.to_series().scatter(suspicious, masked).alias(texts.name)


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
    finds: list[tuple[int, int, str]] = []
    for kind, pattern, valid in _RULES:

        def keep(match: re.Match[str], kind: str = kind, valid: _Check = valid) -> str:
            begin, end = match.span("find")
            if not valid(re.sub(r"[ -]", "", match["find"])):
                return match[0]
            if kind == "card" and _ORDER.search(match.string, max(begin - _ORDER_REACH, 0), begin):
                return match[0]
            finds.append((places[begin][0], places[end - 1][1], MASKS[kind][language]))
            # As long as the find, so that places stay the same, and matched by no later rule.
            return match[0][: begin - match.start()] + "\0" * (end - begin)

        level = pattern.sub(keep, level)
    for begin, end, mask in sorted(finds, reverse=True):
        text = text[:begin] + mask + text[end:]
    return text


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
    escape = match["python"] or match["hexadecimal"]
    if not escape and not match["decimal"]:
        return "@" if match[0] == "%40" else match[0][0]
    number = int(escape, 16) if escape else int(match["decimal"])
    return chr(number) if number <= sys.maxunicode else "?"


def _levelled(character: str) -> str:
    level = unicodedata.normalize("NFKC", character)
    return level if len(level) == 1 else character


def _always(_: str) -> bool:
    return True


def _is_identity(number: str) -> bool:
    """Check digit of ISO 7064 mod 11-2 over 17 digits."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def _is_spelt(number: str) -> bool:
    """Say whether digits, some of them Chinese, hold a mobile number or are a landline number."""
    ascii_only = number.translate(_AS_DIGITS)
    spelt = sum(written != digit for written, digit in zip(number, ascii_only, strict=True))
    return spelt > 2 and re.search(r"1[3-9]\d{9}|^0\d{9,11}$", ascii_only) is not None


_AS_DIGITS = str.maketrans(_HAN_DIGITS, "001234567891123456789")


def _is_international(number: str) -> bool:
    """Eight digits at least, with the country's: "+20 (95 %" is a figure with its interval."""
    return len(re.sub(r"\D", "", number)) >= 8


def _is_card(number: str) -> bool:
    """Luhn's check, for 15 to 19 digits."""
    if not 15 <= len(number) <= 19:
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _has_flat(home: str) -> bool:
    """Say whether an address goes down to a flat: two numbers at least, the last of a room or unit."""
    return len(re.findall(r"\d+", home)) >= 2 or re.search(r"\d(?:单元|室|户)$", home) is not None


_Check = Callable[[str], bool]

_RULES: tuple[tuple[str, re.Pattern[str], _Check], ...] = (
    ("email", _EMAIL, _always),
    ("identity", _IDENTITY, _is_identity),
    ("card", _CARD, _is_card),
    ("phone", _MOBILE, _always),
    ("phone", _MOBILE_ANYHOW, _always),
    ("phone", _SPELT, _is_spelt),
    ("phone", _LANDLINE, _always),
    ("phone", _LOCAL, _always),
    ("phone", _INTERNATIONAL, _is_international),
    ("phone", _GROUPED, _always),
    ("messenger", _WECHAT, _always),
    ("messenger", _QQ, _always),
    ("plate", _PLATE, _always),
    ("address", _HOME, _has_flat),
)
"""Kind, pattern, and check of what the pattern's group ``find`` matched, in the order of search."""
