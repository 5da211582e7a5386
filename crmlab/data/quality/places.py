"""Provinces of China by name, area code, postcode and identity number.

Sources: the telephone numbering plan (area codes by province), the first two digits of postcodes, and
GB/T 2260 (the first two digits of an identity number: where it was first registered). A code that is
not listed says nothing, so that a gap in a table never accuses anybody.
"""

from __future__ import annotations

import polars as pl

PROVINCES: dict[str, tuple[str, str, str]] = {
    # name: (GB/T 2260, area codes, first two digits of postcodes)
    "北京": ("11", "010", "10"),
    "天津": ("12", "022", "30"),
    "河北": ("13", "0310-0319 0335", "05-07"),
    "山西": ("14", "0349-0359", "03-04"),
    "内蒙古": ("15", "0470-0479 0482 0483", "01-02"),
    "辽宁": ("21", "024 0410-0419 0421 0427 0429", "11-12"),
    "吉林": ("22", "0431-0439", "13"),
    "黑龙江": ("23", "0451-0459 0464 0467-0469", "15-16"),
    "上海": ("31", "021", "20"),
    "江苏": ("32", "025 0510-0519 0523 0527", "21-22"),
    "浙江": ("33", "0570-0580", "31-32"),
    "安徽": ("34", "0550-0559 0561-0564 0566", "23-24"),
    "福建": ("35", "0591-0599", "35-36"),
    "江西": ("36", "0701 0790-0799", "33-34"),
    "山东": ("37", "0530-0539 0543 0546 0631-0635", "25-27"),
    "河南": ("41", "0370-0379 0391-0396 0398", "45-47"),
    "湖北": ("42", "027 0710-0719 0722 0724 0728", "43-44"),
    "湖南": ("43", "0730-0739 0743-0746", "41-42"),
    "广东": ("44", "020 0660 0662 0663 0668 0750-0760 0762 0763 0766 0768 0769", "51-52"),
    "广西": ("45", "0770-0779", "53-54"),
    "海南": ("46", "0898", "57"),
    "重庆": ("50", "023", "40"),
    "四川": ("51", "028 0812 0813 0816-0818 0825-0827 0830-0839", "61-64"),
    "贵州": ("52", "0851-0859", "55-56"),
    "云南": ("53", "0691 0692 0870-0879 0883 0886-0888", "65-67"),
    "西藏": ("54", "0891-0897", "85-86"),
    "陕西": ("61", "029 0911-0917 0919", "71-72"),
    "甘肃": ("62", "0930-0939 0941 0943", "73-74"),
    "青海": ("63", "0970-0977 0979", "81"),
    "宁夏": ("64", "0951-0955", "75"),
    "新疆": ("65", "0901-0903 0906 0908 0909 0990-0999", "83-84"),
    "台湾": ("71", "", ""),
    "香港": ("81", "", ""),
    "澳门": ("82", "", ""),
}

_NAME = f"^(?:中国)?({'|'.join(PROVINCES)})"


_HINGGAN = "^137[4-8]"
"""Hinggan League lies in Inner Mongolia (01 and 02) and kept postcodes from when it belonged to Jilin."""

_AREA_CODE = r"^(?:\(?(?:\+|00)?86\)?[ .-]*)?\(?(010|02\d|0[3-9]\d{2})"


def _by_code(place: int) -> dict[str, str]:
    return {
        f"{code:0{len(first)}d}": name
        for name, codes in PROVINCES.items()
        for span in codes[place].split()
        for first, last in [(span.split("-") * 2)[:2]]
        for code in range(int(first), int(last) + 1)
    }


_REGIONS, _AREAS, _POSTCODES = _by_code(0), _by_code(1), _by_code(2)


def province_of(text: pl.Expr) -> pl.Expr:
    """Return the short Chinese name of the province that a text begins with; null where there is none."""
    return text.str.strip_chars().str.extract(_NAME)


def province_of_landline(number: pl.Expr) -> pl.Expr:
    """Return the province of a fixed line with its area code in front, with or without 86."""
    return _looked_up(number.str.extract(_AREA_CODE), _AREAS)


def province_of_postcode(postcode: pl.Expr) -> pl.Expr:
    """Return the province of a postcode of six digits."""
    return _looked_up(postcode.str.replace(_HINGGAN, "01").str.slice(0, 2), _POSTCODES)


def province_of_identity(number: pl.Expr) -> pl.Expr:
    """Return the province in which an identity number was first registered, by today's codes."""
    return _looked_up(number.str.slice(0, 2), _REGIONS)


def _looked_up(code: pl.Expr, table: dict[str, str]) -> pl.Expr:
    return code.replace_strict(table, default=None, return_dtype=pl.String)
