"""Files as CRM systems and survey tools export them, made from their documented headers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path


def _names(headers: str) -> list[str]:
    return headers.split(",")


ZOHO_CONTACTS = _names(
    "Record Id,Contact Owner.id,Contact Owner,Lead Source,First Name,Last Name,Account Name.id,Account Name,"
    "Email,Title,Department,Phone,Mobile,Date of Birth,Created By.id,Created By,Modified By.id,Modified By,"
    "Created Time,Modified Time,Contact Name,Last Activity Time,Mailing Street,Mailing City,Mailing State,"
    "Mailing Zip,Mailing Country,Description,Tag"
)
ZOHO_DEALS = _names(
    "Record Id,Deal Owner.id,Deal Owner,Deal Name,Account Name.id,Account Name,Type,Lead Source,Amount,"
    "Closing Date,Next Step,Stage,Probability (%),Expected Revenue,Created Time,Modified Time,Description"
)
SALESFORCE_OPPORTUNITIES = _names(
    "ID,ACCOUNTID,NAME,DESCRIPTION,STAGENAME,AMOUNT,PROBABILITY,CLOSEDATE,TYPE,NEXTSTEP,LEADSOURCE,ISCLOSED,"
    "ISWON,FORECASTCATEGORY,OWNERID,CREATEDDATE,LASTMODIFIEDDATE"
)
FXIAOKE_ORDERS = _names(
    "销售订单编号,客户名称,商机,下单日期,产品合计,整单折扣,销售订单金额,已回款金额,待回款金额,收货人电话,收货地址,"
    "订单状态,备注,负责人,创建时间,最后修改时间"
)
WJX_META = ["序号", "提交答卷时间", "所用时间", "来源", "来源详情", "来自IP"]
ONLINE_RETAIL = _names("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country")
SHOPIFY = _names(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,Total,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Name,"
    "Payment Method,Vendor,Id,Source"
)

Row = Sequence[object]


def write(path: Path, rows: Sequence[Row], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """Write rows as a separated text file."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def rows_of(headers: Sequence[str], records: Sequence[dict[str, object]]) -> list[Row]:
    """Return a header row and one row per record, blank where a record has nothing."""
    unknown = {name for record in records for name in record} - set(headers)
    assert not unknown, unknown
    return [list(headers), *([record.get(header, "") for header in headers] for record in records)]


def zoho_contacts() -> list[Row]:
    """Forty contacts; the last one has no id."""
    surnames = "王李张刘陈杨赵黄周吴"
    records: list[dict[str, object]] = [
        {
            "Record Id": f"zcrm_4150{place:06d}" if place < 39 else "",
            "Contact Owner": "李雷",
            "Contact Owner.id": "zcrm_1",
            "Lead Source": "展会",
            "First Name": "小明",
            "Last Name": surnames[place % 10],
            "Account Name.id": f"zcrm_77{place % 7}",
            "Account Name": f"测算客户{place % 7}",
            "Email": f"user{place}@example.com",
            "Mobile": f"139{place:08d}",
            "Date of Birth": f"19{60 + place}-03-0{1 + place % 9}",
            "Created Time": f"2024-0{1 + place % 6}-15 09:30:00",
            "Mailing City": "杭州",
            "Mailing State": "浙江",
            "Description": "喜欢绿茶",
        }
        for place in range(40)
    ]
    return rows_of(ZOHO_CONTACTS, records)


def salesforce_opportunities() -> list[Row]:
    """Ninety opportunities of fifteen accounts: 60 won, 15 lost, 15 open with a later day."""
    stages = ["Closed Won", "Closed Won", "Closed Won", "Closed Won", "Closed Lost", "Prospecting"]
    records: list[dict[str, object]] = [
        {
            "ID": f"006{place:012d}",
            "ACCOUNTID": f"001{place % 15:012d}",
            "NAME": f"Opportunity {place}",
            "STAGENAME": stages[place // 15],
            "AMOUNT": f"{1000 + 37 * place}.5",
            "CLOSEDATE": f"2025-01-{1 + place % 28:02d}"
            if place >= 75
            else f"2024-{1 + place % 12:02d}-1{place % 9}",
            "CREATEDDATE": "2023-12-01T08:00:00.000+0000",
        }
        for place in range(90)
    ]
    return rows_of(SALESFORCE_OPPORTUNITIES, records)


def fxiaoke_orders() -> list[Row]:
    """Sixty orders of twelve customers: 50 confirmed, 5 being confirmed, 5 void, and a total row."""
    states = ["已确认"] * 50 + ["确认中"] * 5 + ["已作废"] * 5
    records: list[dict[str, object]] = [
        {
            "销售订单编号": f"20240{1 + place % 6}-{place:04d}",
            "客户名称": f"杭州第{place % 12}贸易有限公司",
            "下单日期": f"2024年{1 + place % 6}月{1 + place % 28}日",
            "销售订单金额": f"￥{1234.5 + place:,.2f}",
            "收货人电话": "13800138000",
            "订单状态": state,
            "负责人": "韩梅梅",
        }
        for place, state in enumerate(states)
    ]
    return [*rows_of(FXIAOKE_ORDERS, records), ["合计", *[""] * 5, "75,840.00", *[""] * 9]]


def wjx_by_text() -> list[Row]:
    """Sixty answer sheets with six questions, options as text."""
    told = ["物流很快，包装也很好", "客服态度差，等了很久", "希望多一些优惠活动", "味道不错，会再来", "(空)"]
    levels = ["非常满意", "满意", "一般", "不满意"]
    header = [
        *WJX_META,
        "1、您的性别",
        "2、您购买过哪些商品？",
        "3、您有多大可能向朋友推荐我们？",
        "4、您对我们的服务满意吗？",
        "5、您的建议",
        "6、您的手机号",
    ]
    sheets = [
        [
            place,
            f"2024/{1 + place % 6}/{1 + place % 28} 12:00:00",
            "123秒",
            "手机提交",
            "直接访问",
            "1.2.3.4(浙江-杭州)",
            "男" if place % 2 else "女",
            "茶┋米〖五常〗" if place % 3 else "茶",
            place % 11,
            levels[place % 4],
            told[place % 5],
            f"139{place:08d}",
        ]
        for place in range(1, 61)
    ]
    return [header, *sheets]
