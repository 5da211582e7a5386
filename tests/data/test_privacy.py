from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.privacy import MASKS, mask_ids, mask_text, study_key
from crmlab.errors import DataError, ParamsError

KEY = bytes(range(32))
# The examples are made up; the identity numbers are those of GB 11643-1999 itself.


def masked(text: str | None) -> str | None:
    return mask_text(pl.Series("text", [text], dtype=pl.String))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话13812345678，请联系", "电话[电话]，请联系"),
        ("打 138 1234 5678 或 138-1234-5678", "打 [电话] 或 [电话]"),
        ("call +86 13812345678 now", "call [phone] now"),
        ("手机：１３８１２３４５６７８！", "手机：[电话]！"),
        ("座机010-62345678转123", "座机[电话]"),
        ("(021)62345678", "[phone]"),
        ("ring (415) 555-2671 or +44 20 7946 0958", "ring [phone] or [phone]"),
        ("身份证11010519491231002X。", "身份证[身份证号]。"),
        ("440524 18800101 0014 是我的", "[身份证号] 是我的"),
        ("卡4111 1111 1111 1111到账", "卡[银行卡号]到账"),
        ("卡号：6222021234567890128", "卡号：[银行卡号]"),
        ("邮箱a.b+c@mail.example.com。", "邮箱[邮箱]。"),
        ("13812345678@qq.com", "[e-mail]"),
        ("微信号：abc_12345", "微信号：[社交账号]"),
        ("加v abc12345谢谢", "加v [社交账号]谢谢"),
        ("wechat: hello_world", "wechat: [messenger id]"),
        ("微 信：hello_world，扣扣12345678", "微 信：[社交账号]，扣扣[社交账号]"),
        ("加微abc12345", "加微[社交账号]"),
        ("138·0013·8000或138—0013—8000", "[电话]或[电话]"),
        ("138.0013.8000, 138_0013_8000", "[phone], [phone]"),
        ("1380-013-8000; 13800 138000; 1 3 8 0 0 1 3 8 0 0 0", "[phone]; [phone]; [phone]"),
        ("（+86）138（0013）8000", "[phone]"),
        ("138\u200b0013\u200b8000，a\u200b@example.com", "[phone]，[e-mail]"),
        ("一三八零零一三八零零零谢谢", "[电话]谢谢"),
        (r"title = '\u625313766667777'", r"title = '\u6253[电话]'"),
        (r"b'\xe6\x89\x9313766667777' \U0001f60013766667777", r"b'\xe6\x89\x93[phone]' \U0001f600[phone]"),
        ("%E6%89%9313766667777, a%40example.com", "%E6%89%93[phone], [e-mail]"),
        ("满意100%13800138000", "满意100%[电话]"),
        ("&#49;&#x33;766667777, a&#64;example.com, &#9999999;", "[phone], [e-mail], &#9999999;"),
        ("幺三八00一三八零零0", "[电话]"),
        ("之一一三八零零一三八零零零", "之[电话]"),
        ("call 010 6234 5678, 00852-91234567", "call [phone], [phone]"),
        ("电话：62345678", "电话：[电话]"),
        ("zhang @ example.com, zhang[at]example.com", "[e-mail], [e-mail]"),
        ("信箱zhang＠qq。com谢谢", "信箱[邮箱]谢谢"),
        ("110105 1949 1231 002Xabc", "[ID number]abc"),
        ("QQ：123456789，欢迎", "QQ：[社交账号]，欢迎"),
        ("车号粤B·D12345挡路，京A12345也是", "车号[车牌号]挡路，[车牌号]也是"),
        ("沪AD12345车", "[车牌号]车"),
        ("住幸福路12号3栋502室，请上门", "[住址]，请上门"),
        ("阳光小区5号楼2单元301", "[住址]"),
        ("张杨路500弄12号302室", "[住址]"),
        ("手机　１３８　１２３４　５６７８", "手机　[电话]"),
        ("身份证号：110105491231002，身份证110105194912310021", "身份证号：[身份证号]，身份证[身份证号]"),
        ("护照号码 EA1234567，港澳通行证C12345678", "护照号码 [证件号]，港澳通行证[证件号]"),
        ("passport no. E12345678", "passport no. [document number]"),
        ("信用卡4111111111111112被盗刷", "信用卡[银行卡号]被盗刷"),  # mistyped
        ("打0086 10 12345678，0086(21)6234 5678", "打[电话]，[电话]"),
        ("住西里二区203号楼4单元502", "[住址]"),
        ("文三路100号阳光花园三号楼二单元四零二", "[住址]"),
        ("5栋2单元301，碧水湾12-3-402", "[住址]，[住址]"),
        ("Q Q：12345678，q号12345678", "Q Q：[社交账号]，q号[社交账号]"),
        ("➕V zhang888，V❤️zhang888，薇：zhang_san", "➕V [社交账号]，V❤️[社交账号]，薇：[社交账号]"),
        ("抖音号abc12345，支付宝账号：zhang_san", "抖音号[社交账号]，支付宝账号：[社交账号]"),
        ("https://example.com/?m=zhang%2Esan%40example%2Ecom", "https://example.com/?m=[e-mail]"),
        ("t=138%200013%208000 a [at] example [dot] com", "t=[phone] [e-mail]"),
    ],
)
def test_personal_data_is_replaced_by_what_it_is(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4999买的，2007年4月14日到货，3天降了500",
        "流水110105194912310021",  # wrong check digit
        "订单号20240315123456789",
        "卡号4111111111111112",  # wrong check digit
        "订单号6222021234567890128，快递单号：4111111111111111",  # the check digit fits by chance
        "朝阳区建国路88号二楼",  # a shop
        "1栋楼里有3部电梯，住5号楼302房",
        "京东的A12345型号",
        "人民路店302室有蟑螂，8号楼1203房间没有窗，二七路3栋很吵",
        "100-200-3000元，100 200 3000，A@B.C 12@2.5",
        "支付宝付了20000元，微博上看到的，护照2024年到期，身份证照片传了3次",
        "微信支付 payment 失败",
        "QQ空间很好用",
        "@所有人 太棒了",
        "二〇二四年三月十五日，一二三四五六七八九十",
        "一二三四五六七八九零一二",
        "[1 4 2 3 4 5 2 3 1 2 3 4]",
        "150.12345678 150,2000,3000",
        "150\n2000\n3000",
        "1990 2000 3000 4000",
        "ＡＢＣ　全角不变",
        "",
        "😀😀",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert masked(text) == text


def test_null_stays_null_and_the_name_is_kept() -> None:
    found = mask_text(pl.Series("comment", [None, "13812345678"]))
    assert found.name == "comment"
    assert found.to_list() == [None, MASKS["phone"].en]
    assert mask_text(pl.Series("comment", [], dtype=pl.String)).len() == 0


def test_each_of_a_thousand_planted_numbers_is_found() -> None:
    draw = random.Random(3)
    numbers = [f"1{draw.choice('3456789')}{draw.randrange(10**9):09d}" for _ in range(500)]
    numbers += [with_identity_check(draw) for _ in range(250)]
    numbers += [with_luhn_check(draw) for _ in range(250)]
    found = mask_text(pl.Series([f"请看：{number}，谢谢" for number in numbers]))
    assert not found.str.contains(r"\d").any()


def with_identity_check(draw: random.Random) -> str:
    digits = f"{draw.randrange(110000, 660000)}{draw.randrange(1940, 2015)}{draw.randrange(1, 13):02d}"
    digits += f"{draw.randrange(1, 29):02d}{draw.randrange(1000):03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return digits + "10X98765432"[sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11]


def with_luhn_check(draw: random.Random) -> str:
    digits = f"62{draw.randrange(10**16):016d}"
    total = sum(int(d) if place % 2 else sum(divmod(2 * int(d), 10)) for place, d in enumerate(digits[::-1]))
    return digits + str(-total % 10)


def planted(draw: random.Random) -> list[tuple[str, str]]:
    """Return sentences around 1,200 made-up contacts of every kind, and the contacts."""
    digits = lambda n: "".join(draw.choice("0123456789") for _ in range(n))  # noqa: E731
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    found = []
    for _ in range(100):
        mobile = f"1{draw.choice('3456789')}{digits(9)}"
        name = draw.choice("abcxyz") + draw.choice("klmn") + digits(6)
        city = draw.choice("京沪粤苏浙川") + draw.choice("ABCDE")
        found += [
            ("加我：{}哦", mobile),
            ("手机{}，谢谢", f"{mobile[:3]} {mobile[3:7]} {mobile[7:]}"),
            ("联系{}", f"+86 {mobile[:3]}-{mobile[3:7]}-{mobile[7:]}"),
            ("电话：{}", mobile.translate(wide)),
            (
                "座机{}转客服",
                f"0{draw.choice(['10', '21', '755', '571'])}-{draw.choice('2345678')}{digits(7)}",
            ),
            ("邮箱{}。", f"{name}@example.{draw.choice(['com', 'cn', 'com.cn'])}"),
            ("证件{}不对", with_identity_check(draw)),
            ("卡{}没到账", with_luhn_check(draw)),
            ("微信号：{}", name),
            ("qq{}", f"{draw.choice('123456789')}{digits(8)}"),
            ("车牌{}停在门口", city + f"{digits(1)}{draw.choice('ABCD')}{digits(3)}"),
            ("送到{}吧", f"幸福路{digits(2)}号{draw.randrange(1, 30)}栋{draw.randrange(101, 2900)}室"),
        ]
    return found


def test_of_a_seeded_list_of_contacts_99_percent_are_masked() -> None:
    contacts = planted(random.Random(11))
    shown = mask_text(pl.Series([sentence.format(contact) for sentence, contact in contacts]))
    left = [(s, c) for (s, c), text in zip(contacts, shown, strict=True) if c in text]
    assert len(left) <= 0.01 * len(contacts), left[:5]
    assert shown.str.contains(r"\[").mean() >= 0.99  # type: ignore[operator]


@given(st.text(max_size=200))
def test_any_text_is_masked_once_and_for_all(text: str) -> None:
    once = masked(text)
    assert masked(once) == once


def test_hostile_texts_end() -> None:
    hostile = ["a" * 200_000 + "@", "1 " * 100_000, "+1" * 100_000, "微信" * 50_000 + "12345", "(1" * 100_000]
    hostile += [f"{word}{' ' * 20_000}x@" for word in ("电话", "qq", "微信", "护照")]
    hostile += ["路" * 20_000 + "3栋", "园1" * 10_000 + "3栋"]
    assert mask_text(pl.Series(hostile)).len() == len(hostile)


def test_many_contacts_in_one_text_are_all_masked() -> None:
    text = "房间很大，13800138000，服务" * 20_000
    assert masked(text) == text.replace("13800138000", "[电话]")


def test_ordinary_reviews_are_left_alone(shared_data: Path) -> None:
    reviews = pl.read_csv(shared_data / "feedback" / "waimai_10k.csv")["review"]
    changed = reviews.filter(mask_text(reviews) != reviews)
    assert changed.str.contains(r"1\d{10}").all()
    assert changed.len() < 10


def test_codes_are_stable_short_and_need_the_key() -> None:
    ids = pl.Series("customer_id", ["张三", "007", None, "张三"])
    codes = mask_ids(ids, KEY)
    assert codes.name == "customer_id"
    assert codes[0] == codes[3] != codes[1]
    assert codes[2] is None
    assert codes.drop_nulls().str.contains(r"^C-[0-9a-f]{6}$").all()
    assert mask_ids(ids, KEY[::-1])[0] != codes[0]
    assert mask_ids(ids.reverse(), KEY).to_list() == codes.reverse().to_list()
    assert mask_ids(ids.clear(), KEY).len() == 0


def test_codes_that_would_collide_grow_together() -> None:
    ids = pl.Series([str(number) for number in range(20_000)])
    codes = mask_ids(ids, KEY)
    assert codes.n_unique() == 20_000
    assert codes.str.len_chars().n_unique() == 1
    assert codes.str.len_chars()[0] > len("C-7f3a2b")
    assert codes[5].startswith(str(mask_ids(ids[5:6], KEY)[0]))


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ParamsError, match="3 bytes"):
        mask_ids(pl.Series(["a"]), b"abc")


def test_the_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "study" / ".crmlab"
    key = study_key(folder)
    assert len(key) == 32
    assert study_key(folder) == key
    assert study_key(tmp_path / "other") != key
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "key"]
    if os.name == "posix":
        assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "not hex", "abcd", "é"])
def test_a_damaged_key_is_an_error_that_shows_no_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="Restore it from a copy"):
        study_key(tmp_path)


def test_fractions_are_no_numbers_of_persons() -> None:
    card, mobile = "6222021234567894", "13912345678"
    written = [f"datum['share'] > 0.{card}", f"1.{mobile}", f"卡 {card}", f"打 {mobile}。"]
    assert mask_text(pl.Series(written)).to_list() == [*written[:2], "卡 [银行卡号]", "打 [电话]。"]


@pytest.mark.parametrize(
    "figure",
    [
        *("净推荐值（NPS）为 +20（95% 区间 +15–+26）", "NPS of +20 (95% interval +15 – +26)"),
        *("+7.5 个百分点（95% 区间 -1.2–+16.3）", "+20 (95%), 1,234,567 rows", "2024-03-05 – 2024-06-30"),
    ],
)
def test_figures_are_no_telephones(figure: str) -> None:
    assert mask_text(pl.Series([figure])).to_list() == [figure]
