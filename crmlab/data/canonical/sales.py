"""What customers bought: orders and their lines."""
# ruff: noqa: N805  # dataframely makes rules class methods

import dataframely as dy
import polars as pl

from crmlab.data.canonical.columns import MONEY, Table, is_plausible, moment, named

ORDER_STATUSES = {
    "completed": (
        *("已完成", "完成", "交易成功", "已成交", "已付款", "已支付", "已发货", "已签收", "已确认", "赢单"),
        *("completed", "complete", "paid", "fulfilled", "shipped", "delivered", "closed won", "wc-completed"),
        "partially_refunded",  # money came in; what went back is an amount of its own
    ),
    "pending": (
        *("待付款", "待支付", "未付款", "进行中", "待确认", "待发货", "处理中", "草稿", "审核中"),
        *("pending", "processing", "on-hold", "on hold", "authorized", "unpaid", "open", "draft"),
        *("partially_paid", "wc-pending", "wc-processing", "wc-on-hold", "pending payment"),
    ),
    "cancelled": (
        *("已取消", "取消", "交易关闭", "已作废", "作废", "无效", "输单", "未成交", "已关闭"),
        *("cancelled", "canceled", "voided", "failed", "closed lost", "expired", "wc-cancelled", "wc-failed"),
    ),
    "refunded": (
        *("已退款", "已退货", "退款", "退货", "全额退款"),
        *("refunded", "returned", "wc-refunded"),
    ),
}
"""Status → the words of shops and CRM systems that mean it."""

_AMOUNT = named(
    "金额",
    "Amount",
    "消费金额",
    "订单金额",
    "实付金额",
    "销售订单金额",
    "支付金额",
    "购买金额",
    "total",
    unit=MONEY,
)
_STATUS = named("订单状态", "Order status", "状态", "交易状态", "status", codes=ORDER_STATUSES)
_CUSTOMER = named("客户编号", "Customer ID", "客户ID", "编号", "会员号", "CustomerID", sensitivity="code")
_TIME = named(
    *("下单时间", "Order time", "购买时间", "订单日期", "下单日期"),
    *("Order date", "交易时间", "购买日期", "Purchased at", "Purchased on", "InvoiceDate"),
)


class Orders(Table):
    """One row per order, refund or cancellation; amounts in hundredths of the currency unit."""

    order_id = dy.String(
        nullable=False, metadata=named("订单号", "Order ID", "订单编号", "销售订单编号", sensitivity="code")
    )
    customer_id = dy.String(nullable=False, metadata=_CUSTOMER)
    ordered_at = moment(nullable=False, metadata=_TIME)
    day = dy.Int64(nullable=False, metadata=named("下单日", "Order day"))
    amount_hundredths = dy.Int64(nullable=False, metadata=_AMOUNT)
    currency = dy.String(nullable=True, metadata=named("币种", "Currency", "货币"))
    status = dy.String(nullable=True, metadata=_STATUS)
    channel = dy.String(nullable=True, metadata=named("销售渠道", "Sales channel", "渠道", "Channel"))
    store = dy.String(nullable=True, metadata=named("门店", "Store", "店铺"))
    payment_method = dy.String(nullable=True, metadata=named("支付方式", "Payment method", "付款方式"))
    product = dy.String(
        nullable=True,
        metadata=named("购买商品或服务", "Product or service", "商品名称", "产品名称", "Product"),
    )
    campaign_id = dy.String(nullable=True, metadata=named("活动编号", "Campaign ID", "市场活动"))
    remark = dy.String(nullable=True, metadata=named("备注", "Remark", sensitivity="free_text"))

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No order appears twice."""
        return pl.col("order_id").is_unique()

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No order is older than trade by computer, or in a future that stands for no date."""
        return is_plausible(pl.col("ordered_at").dt.date())


class OrderLines(Table):
    """One row per line of an order.

    A file that repeats customer, time and status on each line is a table of orders, too: see
    ``orders: {from: order_lines}`` of the source ``files``.
    """

    order_id = dy.String(
        nullable=False,
        metadata=named("订单号", "Order ID", "订单编号", "InvoiceNo", "Invoice", sensitivity="code"),
    )
    category = dy.String(nullable=True, metadata=named("品类", "Category", "商品类别", always=True))
    amount_hundredths = dy.Int64(nullable=False, metadata=_AMOUNT)
    product_id = dy.String(
        nullable=True, metadata=named("商品编号", "Product ID", "商品编码", "SKU", "StockCode")
    )
    product = dy.String(nullable=True, metadata=named("商品名称", "Product", "商品", "品名", "产品名称"))
    item_type = dy.String(
        nullable=True,
        metadata=named(
            "商品类型",
            "Item type",
            "产品类型",
            "类型",
            "Product Type",
            codes={
                "goods": ("商品", "实物", "产品", "goods", "product", "physical"),
                "service": ("服务", "虚拟", "服务类", "service", "services"),
            },
        ),
    )
    quantity = dy.Float64(nullable=True, metadata=named("数量", "Quantity", "购买数量", "件数", "Qty"))
    unit_price = dy.Float64(nullable=True, metadata=named("单价", "Unit price", "价格", "UnitPrice", "Price"))
    customer_id = dy.String(nullable=True, metadata=_CUSTOMER)
    ordered_at = moment(metadata=_TIME)
    currency = dy.String(nullable=True, metadata=named("币种", "Currency", "货币"))
    status = dy.String(nullable=True, metadata=_STATUS)

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """As for orders, where a line has a time of its own."""
        return pl.col("ordered_at").is_null() | is_plausible(pl.col("ordered_at").dt.date())
