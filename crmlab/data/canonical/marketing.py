"""What the company did to be heard: campaigns, and which customer was in which of them."""
# ruff: noqa: N805  # dataframely makes rules class methods

import dataframely as dy
import polars as pl

from crmlab.data.canonical.columns import MONEY, Table, moment, named


class Campaigns(Table):
    """One row per campaign."""

    campaign_id = dy.String(nullable=False, metadata=named("活动编号", "Campaign ID", "市场活动编号"))
    name = dy.String(nullable=True, metadata=named("活动名称", "Campaign name", "市场活动"))
    channel = dy.String(nullable=True, metadata=named("活动渠道", "Channel", "渠道"))
    started_on = dy.Date(
        nullable=False, metadata=named("开始日期", "Started on", "开始时间", "活动开始日期", "Start Date")
    )
    ended_on = dy.Date(
        nullable=True, metadata=named("结束日期", "Ended on", "结束时间", "活动结束日期", "End Date")
    )
    objective = dy.String(nullable=True, metadata=named("活动目标", "Objective", "目的"))
    offer = dy.String(nullable=True, metadata=named("优惠内容", "Offer", "权益"))
    budget_hundredths = dy.Int64(nullable=True, metadata=named("预算", "Budget", "活动预算", unit=MONEY))

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No campaign appears twice."""
        return pl.col("campaign_id").is_unique()

    @dy.rule()
    def begins_first(cls) -> pl.Expr:
        """No campaign ends before it begins."""
        return pl.col("ended_on").is_null() | (pl.col("ended_on") >= pl.col("started_on"))


class Contacts(Table):
    """One row per customer in a campaign: contacted, or held out as control."""

    contact_id = dy.String(nullable=False, metadata=named("触达编号", "Contact ID", sensitivity="code"))
    campaign_id = dy.String(nullable=False, metadata=named("活动编号", "Campaign ID", "市场活动编号"))
    customer_id = dy.String(
        nullable=False, metadata=named("客户编号", "Customer ID", "客户ID", "会员号", sensitivity="code")
    )
    contacted_at = moment(
        nullable=False, metadata=named("触达时间", "Contacted at", "发送时间", "分组时间", "Sent at")
    )
    arm = dy.String(
        nullable=True,
        metadata=named(
            "分组",
            "Arm",
            "实验分组",
            "group",
            codes={
                "treatment": ("实验组", "处理组", "触达组", "treatment", "treated", "test"),
                "control": ("对照组", "保留组", "control", "holdout", "hold-out"),
            },
        ),
    )
    channel = dy.String(nullable=True, metadata=named("触达渠道", "Channel", "渠道"))
    delivered_at = moment(metadata=named("送达时间", "Delivered at"))
    opened_at = moment(metadata=named("打开时间", "Opened at", "阅读时间"))
    clicked_at = moment(metadata=named("点击时间", "Clicked at"))
    responded_at = moment(metadata=named("响应时间", "Responded at", "转化时间"))
    cost_hundredths = dy.Int64(nullable=True, metadata=named("触达成本", "Cost", "成本", unit=MONEY))

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No contact appears twice."""
        return pl.col("contact_id").is_unique()
