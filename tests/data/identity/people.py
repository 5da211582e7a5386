"""A small generated set of Chinese customers, some of whom have several records, with the truth."""

from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl

SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉梅建国志文斌辉鹏红丹佳欣怡雨轩子涵梓浩宇晨阳雪琳博思琪"
)
HOMOPHONES = {
    "伟": "玮",
    "芳": "方",
    "静": "婧",
    "丽": "莉",
    "杰": "洁",
    "涛": "滔",
    "明": "鸣",
    "华": "骅",
    "志": "智",
}
CITIES = {"北京": "朝阳区", "上海": "浦东新区", "广州": "天河区", "成都": "武侯区", "杭州": "西湖区"}
STREETS = ("人民路", "解放路", "中山路", "建设路", "和平街", "幸福里", "文化路", "长江道", "学院路", "花园街")


def customers(persons: int = 1500, seed: int = 7) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return records, in no order, and their truth as record_id, entity."""
    chance = random.Random(seed)
    rows = []
    for entity in range(persons):
        person = _person(chance)
        rows.append((entity, person))
        if entity % 12 == 0:  # somebody of the family: same place, surname and telephone at home
            kin = _person(chance) | {key: person[key] for key in ("city", "home_address", "phone")}
            kin["name"] = person["name"][0] + kin["name"][1:]
            rows.append((persons + entity, kin))
        for _ in range(chance.choice((0, 0, 1, 1, 2))):
            rows.append((entity, _again(person, chance)))
    chance.shuffle(rows)
    records = pl.DataFrame([row for _, row in rows], infer_schema_length=None)
    ids = pl.Series("customer_id", [f"r{place:05d}" for place in range(len(rows))])
    truth = pl.DataFrame({"record_id": ids, "entity": [str(entity) for entity, _ in rows]})
    return records.insert_column(0, ids), truth


def _person(chance: random.Random) -> dict[str, object]:
    city = chance.choice(list(CITIES))
    name = chance.choice(SURNAMES) + "".join(chance.sample(GIVEN, chance.choice((1, 2, 2))))
    street, number, room = chance.choice(STREETS), chance.randint(1, 300), chance.randint(101, 2904)
    return {
        "name": name,
        "gender": chance.choice("男女"),
        "birth_date": date(1950, 1, 1) + timedelta(days=chance.randrange(20_000)),
        "mobile": f"1{chance.choice('3578')}{chance.randrange(10**9):09d}",
        "phone": f"0{chance.choice(('10', '21', '20', '28'))}-{chance.randrange(2 * 10**7, 9 * 10**7)}",
        "email": f"{chance.choice('abcdefgh')}{chance.randrange(10**7)}@qq.com",
        "city": city,
        "home_address": f"{city}市{CITIES[city]}{street}{number}号{room}室",
    }


def _again(person: dict[str, object], chance: random.Random) -> dict[str, object]:
    """Write the same person down once more, as it goes in another shop or another year."""
    row = dict(person)
    name, mobile, address = (str(person[key]) for key in ("name", "mobile", "home_address"))
    slip = chance.random()
    if slip < 0.15:
        name = "".join(HOMOPHONES.get(character, character) for character in name)
    elif slip < 0.22 and len(name) == 3:
        name = name[0] + name[2] + name[1]
    elif slip < 0.30 and len(name) == 3:
        name = name[:2] + chance.choice(GIVEN)
    row["name"] = name
    change = chance.random()
    if change < 0.25:
        row["mobile"] = f"1{chance.choice('3578')}{chance.randrange(10**9):09d}"
    elif change < 0.40:
        place = chance.randrange(3, 11)
        row["mobile"] = mobile[:place] + chance.choice("0123456789") + mobile[place + 1 :]
    elif change < 0.60:
        row["mobile"] = f"+86 {mobile[:3]}-{mobile[3:7]}-{mobile[7:]}"
    if chance.random() < 0.4:
        row["home_address"] = address.replace("市", "").replace("区", "", 1).split("号")[0] + "号"
    elif chance.random() < 0.15:
        row["home_address"] = _person(chance)["home_address"]
    for field, share in (
        ("birth_date", 0.35),
        ("email", 0.5),
        ("phone", 0.5),
        ("gender", 0.1),
        ("mobile", 0.1),
    ):
        if chance.random() < share:
            row[field] = None
    return row
