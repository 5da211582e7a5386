"""What remains of a company's name when legal form, place and punctuation are taken away."""

from __future__ import annotations

import polars as pl

from crmlab.data.validators import once, plain

_PROVINCES = (
    "北京 天津 上海 重庆 河北 山西 内蒙古 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 "
    "江西 山东 河南 湖北 湖南 广东 广西 海南 四川 贵州 云南 西藏 陕西 甘肃 "
    "青海 宁夏 新疆 香港 澳门 台湾"
)
_CITIES = (
    "石家庄 唐山 秦皇岛 邯郸 保定 沧州 廊坊 太原 大同 呼和浩特 包头 鄂尔多斯 沈阳 大连 "
    "鞍山 长春 哈尔滨 大庆 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 "
    "镇江 泰州 杭州 宁波 温州 嘉兴 湖州 绍兴 金华 义乌 台州 合肥 芜湖 蚌埠 "
    "福州 厦门 泉州 漳州 莆田 南昌 九江 赣州 济南 青岛 淄博 烟台 潍坊 济宁 "
    "威海 临沂 郑州 开封 洛阳 新乡 南阳 武汉 宜昌 襄阳 长沙 株洲 湘潭 岳阳 "
    "衡阳 广州 深圳 珠海 汕头 佛山 江门 湛江 惠州 东莞 中山 南宁 柳州 桂林 "
    "海口 三亚 成都 绵阳 德阳 贵阳 遵义 昆明 大理 拉萨 西安 咸阳 宝鸡 兰州 "
    "西宁 银川 乌鲁木齐 昆山 常熟"
)
_PLACE = f"(?:{'|'.join(f'{_PROVINCES} {_CITIES}'.split())})"
_SUFFIX = "(?:特别行政区|维吾尔自治区|壮族自治区|回族自治区|自治区|省|市)?"
_PLACES = rf"^(?:{_PLACE}{_SUFFIX})+"
_BRACKETED = rf"[(\[【〔](?:中国|中华|{_PLACE}{_SUFFIX}|集团|控股|个体工商户|普通合伙|有限合伙)+[)\]】〕]"
_FORM = r"(?:股份有限责任公司|股份有限公司|有限责任公司|有限公司|有限合伙企业|股份公司)"
_FORMS = rf"(?:集团)?{_FORM}|集团公司|(?:集团|公司)$"
_LATIN_FORM = r"\b(?:co|ltd|limited|inc|incorporated|llc|llp|corp|corporation|company|gmbh|plc|pte|pty|sa)\b"
_BRANCH = r"分公司|分店|分行|支行|分校|分院|分厂|门店|营业部|办事处|经营部|[0-9a-z一二三四五六七八九十]+店$"
_FEWEST = 3
"""A core of fewer characters says nothing without its place: 上海银行 is not 北京银行."""


def company_core(name: pl.Expr) -> pl.Expr:
    """Return the name without legal form, brackets, punctuation and leading place names, in small letters.

    北京小米科技有限责任公司 and 小米科技（北京）有限公司 are both 小米科技. A branch keeps its place, as does
    a name of which little would remain. Null where less than two characters are left.
    """
    return once(plain(name).str.to_lowercase(), _core)


def company_place(name: pl.Expr) -> pl.Expr:
    """Return the place in front of a company's name or in brackets, the narrowest; null where none is."""
    return once(plain(name), _place)


def _place(level: pl.Expr) -> pl.Expr:
    leading = level.str.extract(rf"^(?:{_PLACE}{_SUFFIX})*({_PLACE})")
    return pl.coalesce(leading, level.str.extract(rf"[(\[【〔]({_PLACE})"))


def _core(level: pl.Expr) -> pl.Expr:
    branch = level.str.contains(_BRANCH)
    whole = _compact(level.str.replace_all(_FORM, ""))
    bare = _compact(level.str.replace_all(_BRACKETED, "").str.replace_all(_FORMS, ""))
    core = pl.when(branch).then(whole).otherwise(once(bare, _unplaced))
    return core.str.extract(r"^(.{2,})$")


def _unplaced(bare: pl.Expr) -> pl.Expr:
    unplaced = bare.str.replace(_PLACES, "")
    return pl.when(unplaced.str.len_chars() >= _FEWEST).then(unplaced).otherwise(bare)


def _compact(text: pl.Expr) -> pl.Expr:
    without_form = text.str.replace_all(r"[.,]", " ").str.replace_all(_LATIN_FORM, " ")
    return without_form.str.replace_all(r"[^\p{L}\p{N}]+", "")
