"""What personal data looks like in a text: the patterns that :func:`crmlab.data.privacy.mask_text` goes by.

They are those of mainland China: mobile and landline numbers, the identity number of GB 11643 with its
ISO 7064 mod 11-2 check, bank cards of ISO/IEC 7812 with the Luhn check, either without the check after
words that say what it is; passports and other documents after their names; e-mail addresses,
international numbers, number plates (GA 36), ids of WeChat, QQ and the like after their names, and homes
given down to building and flat. Every quantifier has an end, so that no text takes long.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crmlab.labels import Text

MASKS = {
    "email": Text("[邮箱]", "[e-mail]"),
    "identity": Text("[身份证号]", "[ID number]"),
    "document": Text("[证件号]", "[document number]"),
    "card": Text("[银行卡号]", "[card number]"),
    "phone": Text("[电话]", "[phone]"),
    "messenger": Text("[社交账号]", "[messenger id]"),
    "plate": Text("[车牌号]", "[number plate]"),
    "address": Text("[住址]", "[home address]"),
}
"""What stands in a text for each kind of personal data; Chinese in texts with Han characters."""

_HAN_DIGITS = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
_FLAT = "号楼|栋|幢|座|单元|室"
_APPS = "抖音|快手|小红书|微博|支付宝|陌陌|闲鱼|whatsapp|telegram|skype|alipay|douyin|tiktok|line(?= ?id)"
_DOCUMENTS = (
    "身份证|证件|护照|通行证|台胞证|回乡证|居留证|居住证|军官证|士兵证|驾驶证|驾照|社保卡|医保卡|"
    r"passport|id card|identity card|driving licen[cs]e"
)
# After these a number is a card's even where it was mistyped.
_CARDS = "银行卡|信用卡|储蓄卡|借记卡|工资卡|bank card|credit card|debit card"

SUSPICIOUS = (
    rf"(?i)[\d{_HAN_DIGITS}](?:[ ()（）.·‐–—_-]*[\d{_HAN_DIGITS}]){{6}}|\+\d|@|[(\[（]at[)\]）]|q ?q|q号|"
    r"扣扣|企鹅|微 ?信|威信|薇|v信|wechat|weixin|vx|wx|加 ?[v微威]|➕ ?[v微威]|[v微威] ?[❤♥]|%2|%40|&#|\\u00|"
    rf"(?:{_APPS.replace('(?= ?id)', '')})\s?(?:号|账|id|:|：)|(?:{_DOCUMENTS})\D{{0,12}}\d|"
    rf"\d(?:{_FLAT})|[{_HAN_DIGITS}十]单元|\d-\d{{1,2}}-\d{{3}}|[{_PROVINCES}][a-z][·. -]?[a-z\d]{{5}}"
)
"""A text without any of this has nothing to mask; for Rust's regex engine, which sees every text."""

_ALONE = r"(?<!\d)(?<!\d\.)"  # what follows a digit and a point is the fraction of a number
# Between a word and its number.
_SAYS = r"\s{0,3}(?:号码?|账号|账户| ?id| ?no\.?| ?number)?\s{0,3}[:#=是为]?\s{0,3}"

_EMAIL = re.compile(
    r"(?i)(?<![a-z0-9._%+-])"
    r"(?P<find>[a-z0-9._%+-]{1,64} ?(?:@|\[at\]|\(at\)) ?[a-z0-9-]+"
    r"(?:(?:[.。]| ?\[dot\] ?| ?\(dot\) ?)[a-z0-9-]+){0,8}(?:[.。]| ?\[dot\] ?| ?\(dot\) ?)[a-z][a-z0-9-]+)"
)
_IDENTITY = re.compile(
    r"(?<!\d)(?P<find>[1-9]\d{5}[ -]?(?:18|19|20)\d\d[ -]?(?:0[1-9]|1[0-2])[ -]?(?:0[1-9]|[12]\d|3[01])"
    r"[ -]?\d{3}[\dXx])(?!\d)"
)
_IDENTITY_NAMED = re.compile(
    rf"(?i)(?:身份证|id card|identity card){_SAYS}"
    r"(?P<find>\d{6} ?\d{6} ?\d{3}|\d{6} ?\d{8} ?\d{3}[\dx])(?![\da-z])"
)
_DOCUMENT = re.compile(
    rf"(?i)(?:{_DOCUMENTS}){_SAYS}(?:[\u4e00-\u9fff]字第)?(?P<find>[a-z]{{1,2}}\d{{7,9}}|\d{{7,18}})(?![\da-z])"
)
_CARD = re.compile(_ALONE + r"(?P<find>[3-69]\d{3}(?:[ -]?\d{4}){2}(?:[ -]?\d{1,4}){1,2})(?!\d)")
_CARD_NAMED = re.compile(
    rf"(?i)(?:{_CARDS}){_SAYS}(?P<find>\d{{4}}(?:[ -]?\d{{4}}){{2,3}}(?:[ -]?\d{{1,3}})?)(?!\d)"
)
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
    r"(?i)(?:电话|座机|致电|拨打|(?<![a-z])(?:tel|phone))\.?\s{0,3}(?:号码?)?\s{0,3}[:是为]?\s{0,3}"
    r"(?P<find>[2-8]\d{2,3}[ -]?\d{4})(?!\d)"
)
_INTERNATIONAL = re.compile(
    r"(?P<find>\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}|"
    r"(?<!\d)00(?:852|853|886|86[ -]?\(?0?\d{2,3}\)?)[ -]?\d{4}[ -]?\d{4})(?!\d)"
)
# Of the North American form, whose groups begin with 2 to 9, or a Chinese service number.
_GROUPED = re.compile(
    _ALONE
    + r"(?P<find>(?:\([2-9]\d\d\) ?[2-9]\d\d|[48]00[-. ]\d{3}|[2-9]\d\d[-. ][2-9]\d\d)[-. ]\d{4})(?![\d元])"
)
# A WeChat id is taken for one after "微信号", "微信:" and the like, or with a digit or underscore in it.
_WECHAT = re.compile(
    r"(?i)(?:微 ?信|威信|薇信?|v信|[加➕] ?[v微威]|[v微威] ?[❤♥]\ufe0f?|(?<![a-z])(?:wechat|weixin|vx|wx))"
    r"\s{0,3}(?:(?:号码?|账号| ?id)\s{0,3}[:=是为]?\s{0,3}|[:=是为]\s{0,3}|(?=[a-z-]{0,19}[0-9_]))"
    r"(?P<find>[a-z][a-z0-9_-]{5,19})(?![a-z0-9_-])"
)
_QQ = re.compile(
    r"(?i)(?:(?<![a-z])q ?q|(?<![a-z])q(?=号)|扣扣|企鹅|微信(?=[:号]))(?:号码?|群号?)?"
    r"\s{0,3}[:=是为]?\s{0,3}(?P<find>[1-9]\d{4,11})(?!\d)"
)
_ACCOUNT = re.compile(
    rf"(?i)(?<![a-z])(?:{_APPS})\s{{0,3}}(?:(?:号码?|账号|账户| ?id)\s{{0,3}}[:=是为]?|:)\s{{0,3}}"
    r"(?P<find>@?[a-z0-9][a-z0-9_.-]{4,29})"
)
_PLATE = re.compile(
    rf"(?i)(?P<find>[{_PROVINCES}][a-hj-np-z][·. -]?(?=[a-z]{{0,3}}\d)(?:[a-hj-np-z\d]{{6}}|"
    r"[a-hj-np-z\d]{4}[a-hj-np-z\d挂学警港澳领]))(?![a-z\d])"
)
# A shop's street and number are no secret, nor is "3栋302" of a hotel; who gives street or estate with
# building and flat, or building, entrance and flat, gives a home.
_NUMBER = rf"(?:[\da-z]{{1,4}}|[{_HAN_DIGITS}十]{{1,4}})"
_PLACE_ENDS = "路街道巷弄同区园村庄苑府湾里城庭墅邸居轩"
_PLACE = re.compile(r"(?:[\u4e00-\u9fff]{2,12}\d{1,5}号)?[\u4e00-\u9fff]{2,12}$")
_PLACE_REACH = 30
_BUILDING, _ENTRANCE = rf"{_NUMBER}(?:号楼|栋|幢|座)[ -]?", rf"{_NUMBER}单元[ -]?"
_ROOM = rf"(?:\d{{2,4}}|[{_HAN_DIGITS}]{{3,4}})(?:室|房|号|户)?"
_HOME = re.compile(
    rf"(?i)(?P<find>(?<=[{_PLACE_ENDS}])(?:{_NUMBER}(?:号院?|弄|期|区))?"
    rf"(?:{_BUILDING}(?:{_ENTRANCE})?(?:\d{{1,2}}(?:层|楼))?{_ROOM}|(?:{_BUILDING})?{_ENTRANCE}(?:{_ROOM})?|"
    rf"(?:[\u4e00-\u9fff]{{0,8}}{_NUMBER}[号栋座幢])?\d{{3,4}}[室户]|\d{{1,3}}-\d{{1,2}}-\d{{3,4}})|"
    rf"{_BUILDING}{_ENTRANCE}(?:{_ROOM})?)(?!\d)"
)

# A number right after one of these is an order's or a parcel's, even when its check digit fits a card.
_ORDER = re.compile(r"(?i)(?:订单|单号|运单|流水|编号|工单|order|tracking|invoice)[^\d,，。;；]*$")
_ORDER_REACH = 14


def finds_in(text: str) -> list[tuple[int, int, str]]:
    """Return where personal data stands in a text, levelled in width: begin, end, kind; earliest first.

    No two overlap: what one rule has found is not there for the next.
    """
    finds = []
    for kind, pattern, valid in _RULES:
        parts, done = [], 0
        for match in pattern.finditer(text):
            begin, end = match.span("find")
            if kind == "address":
                begin = max(_place_of(text, begin), done)
            if valid(match):
                finds.append((begin, end, kind))
                # As long as the find, so that places stay the same, and matched by no later rule.
                parts += [text[done:begin], "\0" * (end - begin)]
                done = end
        text = "".join([*parts, text[done:]])
    return sorted(finds)


def _place_of(text: str, begin: int) -> int:
    """Return where the name of the street or estate right before a building begins, if there is one."""
    if begin == 0 or text[begin - 1] not in _PLACE_ENDS:
        return begin
    place = _PLACE.search(text, max(begin - _PLACE_REACH, 0), begin)
    return place.start() if place else begin


def _always(_: re.Match[str]) -> bool:
    return True


def _joined(match: re.Match[str]) -> str:
    return re.sub(r"[ -]", "", match["find"])


def _is_identity(match: re.Match[str]) -> bool:
    """Check digit of ISO 7064 mod 11-2 over 17 digits."""
    number = _joined(match)
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def _is_card(match: re.Match[str]) -> bool:
    """Luhn's check, for 15 to 19 digits that are not said to be an order's."""
    number = _joined(match)
    if not 15 <= len(number) <= 19:
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number))]
    if sum(value - 9 if value > 9 else value for value in doubled) % 10:
        return False
    begin = match.start("find")
    return not _ORDER.search(match.string, max(begin - _ORDER_REACH, 0), begin)


def _is_spelt(match: re.Match[str]) -> bool:
    """Say whether digits, some of them Chinese, hold a mobile number or are a landline number."""
    number = _joined(match)
    ascii_only = number.translate(_AS_DIGITS)
    spelt = sum(written != digit for written, digit in zip(number, ascii_only, strict=True))
    return spelt > 2 and re.search(r"1[3-9]\d{9}|^0[1-9]\d{8,10}$", ascii_only) is not None


_AS_DIGITS = str.maketrans(_HAN_DIGITS, "001234567891123456789")


def _is_international(match: re.Match[str]) -> bool:
    """Eight digits at least, with the country's: "+20 (95 %" is a figure with its interval."""
    return len(re.sub(r"\D", "", match["find"])) >= 8


_Check = Callable[[re.Match[str]], bool]

_RULES: tuple[tuple[str, re.Pattern[str], _Check], ...] = (
    ("email", _EMAIL, _always),
    ("identity", _IDENTITY, _is_identity),
    ("identity", _IDENTITY_NAMED, _always),
    ("card", _CARD, _is_card),
    ("card", _CARD_NAMED, _always),
    ("phone", _MOBILE, _always),
    ("document", _DOCUMENT, _always),
    ("phone", _MOBILE_ANYHOW, _always),
    ("phone", _SPELT, _is_spelt),
    ("phone", _LANDLINE, _always),
    ("phone", _LOCAL, _always),
    ("phone", _INTERNATIONAL, _is_international),
    ("phone", _GROUPED, _always),
    ("messenger", _WECHAT, _always),
    ("messenger", _QQ, _always),
    ("messenger", _ACCOUNT, _always),
    ("plate", _PLATE, _always),
    ("address", _HOME, _always),
)
"""Kind, pattern, and check of the match, in the order of search; the group ``find`` is what is masked."""
