"""Small tables that hold what breaks plugins, the same on every call.

Ties, refunds, zero amounts, customers with one order or none, rows after the as-of day, Chinese
names, texts that are empty or missing. :mod:`crmlab.testing` runs plugins on them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmlab.errors import PluginError
from crmlab.estimators import KEY, Feature

if TYPE_CHECKING:
    import polars as pl

AS_OF = date(2024, 6, 30)
"""The day that the samples are looked at from; some rows are later."""
TIME_ZONE = "Asia/Shanghai"
"""The time zone that the days of the samples are counted in."""

_CUSTOMERS = 40
_EPOCH = date(1970, 1, 1)
_FAMILY = "王李张刘陈杨赵黄周吴"
_GIVEN = ("伟", "秀英", "娜", "敏", "静", "Ann", "志强", "洋", "艳", "勇", "O'Brien")
_CITIES = ("北京", "成都", "洛阳", "上海", "杭州", "喀什")
_TEXTS = (
    "物流很快，包装完好，非常满意！",
    "质量太差，用了两天就坏了，客服也不理人。",
    "一般般吧",
    "Great service, fast delivery.",
    "Terrible: it broke after two days and nobody answered.",
    "价格便宜，但是味道不好",
    "OK",
    "😀😀",
    "客服态度好，退款也快，下次还来",
    "物流很快，包装完好，非常满意！",
    '<script>alert("x")</script> 不错',
    "The app 打不开，can't log in",
)


def sample_tables() -> dict[str, pl.DataFrame]:
    """Return every canonical table but identities."""
    import polars as pl

    ids = [_customer(i) for i in range(_CUSTOMERS)]
    customers = pl.DataFrame(
        {
            KEY: ids,
            "name": [_FAMILY[i % 10] + _GIVEN[i % 11] for i in range(_CUSTOMERS)],
            "city": [_CITIES[i % 6] for i in range(_CUSTOMERS)],
            "registered_on": [AS_OF - timedelta(days=300 - 8 * i) for i in range(_CUSTOMERS)],
            "grade": [("高", "中", "低", "VIP", "?", None)[i % 6] for i in range(_CUSTOMERS)],
            "source": [
                ("官网", "门店", "朋友推荐", "广告", "Store", "??", None)[i % 7] for i in range(_CUSTOMERS)
            ],
            "gender": [("女", "男", "F", None)[i % 4] for i in range(_CUSTOMERS)],
            "birth_date": [
                date(1950 + i * 3 % 60, 1 + i % 12, 1 + i % 28) if i % 7 else None for i in range(_CUSTOMERS)
            ],
            "zodiac": [("鼠", "牛", "虎", None)[i % 4] for i in range(_CUSTOMERS)],
            "education": [("本科", "高中", "Master", None)[i % 4] for i in range(_CUSTOMERS)],
            "industry": [("餐饮管理", "物流", "IT", None)[i % 4] for i in range(_CUSTOMERS)],
            "deal_stage": [("线索", "报价", "Closed Won", "输单", None)[i % 5] for i in range(_CUSTOMERS)],
            "customer_type": [("个人", "企业")[i % 2] for i in range(_CUSTOMERS)],
            "interests": [("阅读、运动", "美食", "travel, food", None)[i % 4] for i in range(_CUSTOMERS)],
            "province": [("北京市", "四川省", None, "上海")[i % 4] for i in range(_CUSTOMERS)],
            "home_address": [
                ("北京市海淀区中关村大街1号", "成都市武侯区人民路2号", "Unknown St 5", None)[i % 4]
                for i in range(_CUSTOMERS)
            ],
            "postcode": [("100080", "610000", None, "200001")[i % 4] for i in range(_CUSTOMERS)],
            "referrer_id": [_customer(i // 3) if i % 3 == 1 else None for i in range(_CUSTOMERS)],
            "contract_started_on": [
                AS_OF - timedelta(days=30 * (i % 9) + 5) if i % 4 else None for i in range(_CUSTOMERS)
            ],
            "contract_ended_on": [
                AS_OF - timedelta(days=30 * (i % 9) - 25 * (i % 3)) if i % 4 and i % 9 > 2 and i % 2 else None
                for i in range(_CUSTOMERS)
            ],
            "marketing_consent": [(True, False, None)[i % 3] for i in range(_CUSTOMERS)],
        }
    )
    orders = pl.DataFrame(_orders(), orient="row", schema=_orders_schema()).with_columns(
        channel=pl.when(pl.col("day") % 2 == 0).then(pl.lit("门店")).otherwise(pl.lit("官网"))
    )
    lines = orders.select(
        "order_id",
        category=pl.when(pl.col("day") % 3 == 0).then(pl.lit("食品")).otherwise(pl.lit("Household")),
        amount_hundredths="amount_hundredths",
        product=pl.when(pl.col("day") % 5 == 0).then(pl.lit("安装服务")).otherwise(pl.lit("Tea")),
    )
    tables = {
        "customers": customers,
        "orders": orders,
        "order_lines": lines,
        "interactions": _interactions(),
        "feedback": sample_feedback(),
        "complaints": _complaints(),
        "campaigns": _campaigns(),
        "contacts": _contacts(),
        "improvements": _improvements(),
    }
    return {
        name: table if "row" in table.columns else table.with_row_index("row")
        for name, table in tables.items()
    }


def sample_feedback() -> pl.DataFrame:
    """Return 30 pieces of feedback: Chinese, English, mixed, repeated, empty, without a text."""
    import polars as pl

    rows = [
        {
            "feedback_id": f"f{i:02}",
            KEY: _customer(i % 25) if i % 7 else None,
            "given_on": AS_OF - timedelta(days=11 * i),
            "text": None if i in (15, 25) else "" if i == 13 else _TEXTS[i % 12],
            "score": float(1 + i % 5) if i % 4 else None,
            "scale": "csat_1_5" if i % 4 else None,
            "channel": ("app", "电话", None)[i % 3],
            "category": ("酒店", "books", None)[i % 3],
            "question": "您最看重什么？（多选）" if i % 3 else None,
            "answer": ("质量┋价格", "服务", "配送┋包装┋服务")[i // 3 % 3] if i % 3 else None,
            "language": None,
        }
        for i in range(30)
    ]
    return pl.DataFrame(rows, schema_overrides={"language": pl.String})


def sample_features(*columns: str) -> pl.DataFrame:
    """Return one row per customer with ``columns``, and always the customer summary.

    A column of the sample customers, or that an installed feature makes, holds what it would hold
    in a study, with nulls for customers without orders. Any other is filled by its name:
    whole numbers for ``…_count`` and ``…days…``, truth values for ``is_…`` and ``has_…``, dates for
    ``…_on``, numbers for amounts, shares and scores, texts for the rest.
    """
    import polars as pl

    tables = sample_tables()
    features = tables["customers"].drop("row")
    makers = feature_makers()
    summary = makers["order_count"].produces if "order_count" in makers else ()
    wanted = dict.fromkeys([*summary, *columns])
    for maker in dict.fromkeys(makers[name] for name in wanted if name in makers):
        features = features.join(build(maker, tables, AS_OF), on=KEY, how="left", maintain_order="left")
    unknown = [name for name in wanted if name not in features.columns]
    return features.with_columns(pl.Series(name, _filled(name)) for name in unknown)


def build(feature: Feature, tables: dict[str, pl.DataFrame], as_of: date) -> pl.DataFrame:
    """Return what a feature builds of the tables that it names, sorted by customer."""
    import narwhals as nw

    from crmlab.data.days import with_days

    names = [*feature.tables, *(name for name in feature.optional_tables if name in tables)]
    lazy = {name: nw.from_native(with_days(name, tables[name].lazy(), TIME_ZONE)) for name in names}
    frame: pl.DataFrame = feature.build(lazy, as_of).to_native().collect()
    return frame.sort(KEY)


def feature_makers() -> dict[str, Feature]:
    """Return column → the installed feature that makes it of the sample tables."""
    from crmlab.registry import features

    tables = set(sample_tables())
    makers: dict[str, Feature] = {}
    for name in features:
        try:
            feature = features[name]()
        except (PluginError, TypeError):  # broken, or with a parameter that it cannot do without
            continue
        if set(feature.tables) <= tables:
            makers |= {column: feature for column in feature.produces if column not in makers}
    return makers


def _customer(i: int) -> str:
    return f"c{i:02}" if i % 10 else f"客户{i:02}"


def _orders() -> list[tuple[Any, ...]]:
    """Make orders; the last four customers have only later ones, only a refund, none and none."""
    rows: list[tuple[str, int, int]] = []
    for i in range(_CUSTOMERS - 4):
        for k in range((1, 2, 3, 6, 9, 1, 5, 13)[i % 8]):
            days_ago = (i * 37 % 211) + k * (9 + i % 5 * 8)
            rows.append((_customer(i), days_ago, 1_999 + (i // 16 + k * 7) % 5 * 500))
        if i % 6 == 0:
            rows.append((_customer(i), i, -1_500 * (1 + i // 6)))
        if i % 11 == 0:
            rows.append((_customer(i), 5, 0))
        if i % 5 == 0:
            rows.append((_customer(i), -1 - i, 88_800))
    rows += [(_customer(_CUSTOMERS - 4), -9, 5_000), (_customer(_CUSTOMERS - 4), -30, 5_000)]
    rows.append((_customer(_CUSTOMERS - 3), 40, -2_000))
    made = []
    for number, (customer, days_ago, amount) in enumerate(rows):
        day = AS_OF - timedelta(days=days_ago)
        at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
        made.append((f"o{number:04}", customer, at, (day - _EPOCH).days, amount))
    return made


def _interactions() -> pl.DataFrame:
    """Make contacts both ways on five channels, some after the as-of day; one customer has no other trace."""
    import polars as pl

    rows = [
        (
            f"i{i:03}",
            _customer(_CUSTOMERS - 2 if i == 89 else i * 7 % 30),
            _at(i * 13 % 400 - 9),
            ("电话", "邮件", "微信", "在线客服", "phone", None)[i % 6],
            ("inbound", "outbound", "inbound", None)[i % 4],
            ("咨询", "售后", "营销")[i % 3],
        )
        for i in range(90)
    ]
    names = ("interaction_id", KEY, "happened_at", "channel", "direction", "kind")
    return pl.DataFrame(rows, orient="row", schema=_schema(*names, moments=("happened_at",)))


def _complaints() -> pl.DataFrame:
    """Make complaints: resolved, still open, of nobody known, after the as-of day."""
    import polars as pl

    rows = [
        (
            f"p{i:02}",
            _customer(i * 3 % 30) if i % 5 else None,
            _at(i * 17 % 200 - 5),
            _at(i * 17 % 200 - 8) if i % 3 else None,
            "resolved" if i % 3 else "received",
            ("电话", "微信")[i % 2],
        )
        for i in range(14)
    ]
    names = ("complaint_id", KEY, "opened_at", "resolved_at", "stage", "channel")
    return pl.DataFrame(rows, orient="row", schema=_schema(*names, moments=("opened_at", "resolved_at")))


def _campaigns() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        {
            "campaign_id": ["m1", "m2"],
            "channel": ["短信", "邮件"],
            "started_on": [AS_OF - timedelta(days=100), AS_OF - timedelta(days=20)],
        }
    )


def _improvements() -> pl.DataFrame:
    """Make measures: over, going on, without a target, planned for after the as-of day."""
    import polars as pl

    return pl.DataFrame(
        {
            "improvement_id": ["g1", "g2", "g3", "g4"],
            "measure": ["客服培训", "New packaging", "缩短配送时间", "Price labels"],
            "aspect": ["服务", "packaging", None, "price"],
            "started_on": [AS_OF - timedelta(days=days) for days in (200, 100, 60, -20)],
            "ended_on": [AS_OF - timedelta(days=50), None, None, None],
            "target_metric": ["csat", "negative_share", None, "complaint_rate"],
            "status": ["done", "in_progress", None, "planned"],
        }
    )


def _contacts() -> pl.DataFrame:
    """Make campaign contacts: with an answer, without one, of the control group, after the as-of day."""
    import polars as pl

    rows = [
        (
            f"t{i:02}",
            ("m1", "m2")[i % 2],
            _customer(i % 36),
            _at(i % 5 * 25 - 4),
            "control" if i % 9 == 0 else "treatment",
            ("短信", "邮件", "电话", "微信")[i % 4],
            _at(i % 5 * 25 - 5) if i % 3 == 0 else None,
            _at(i % 5 * 25 - 6) if i % 6 == 0 else None,
        )
        for i in range(60)
    ]
    names = ("contact_id", "campaign_id", KEY, "contacted_at", "arm", "channel", "opened_at", "responded_at")
    moments = ("contacted_at", "opened_at", "responded_at")
    return pl.DataFrame(rows, orient="row", schema=_schema(*names, moments=moments))


def _at(days_ago: int) -> datetime:
    day = AS_OF - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def _schema(*names: str, moments: tuple[str, ...]) -> dict[str, Any]:
    import polars as pl

    return {name: pl.Datetime("us", "UTC") if name in moments else pl.String for name in names}


def _orders_schema() -> dict[str, Any]:
    import polars as pl

    return {
        "order_id": pl.String,
        KEY: pl.String,
        "ordered_at": pl.Datetime("us", "UTC"),
        "day": pl.Int64,
        "amount_hundredths": pl.Int64,
    }


def _filled(name: str) -> list[Any]:
    numbers = [i * 37 % 101 for i in range(_CUSTOMERS)]
    if name.startswith(("is_", "has_")):
        return [number % 2 == 0 for number in numbers]
    if name.endswith("_count") or "days" in name:
        return numbers
    if name.endswith("_on"):
        return [AS_OF - timedelta(days=number) for number in numbers]
    if name.endswith(("share", "ratio", "rate")) or "probability" in name:
        return [number / 101 for number in numbers]
    if any(word in name for word in ("spend", "amount", "value", "score", "margin", "price")):
        return [number * 1.25 for number in numbers]
    return [("甲", "B", "丙")[number % 3] for number in numbers]
