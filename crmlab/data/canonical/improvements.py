"""What the company changed so that customers are better served: the register of improvements."""
# ruff: noqa: N805  # dataframely makes rules class methods

import dataframely as dy
import polars as pl

from crmlab.data.canonical.columns import AS_THE_METRIC, Table, is_plausible, named

TARGET_METRICS = {
    "csat": ("满意度", "CSAT", "customer satisfaction", "客户满意度"),
    "nps": ("净推荐值", "NPS", "net promoter score"),
    "complaint_rate": ("投诉率", "complaint rate", "complaints per 1,000 orders", "每千单投诉数"),
    "aspect_share": ("提及率", "aspect share", "theme share", "主题占比", "提及占比"),
    "negative_share": ("负面占比", "negative share", "负面率", "差评率"),
    "resolution_hours": ("解决时长", "resolution hours", "time to resolve", "处理时长", "投诉解决时长"),
    "handling_satisfaction": ("处理满意度", "handling satisfaction", "satisfaction with handling"),
}
"""What a measure was to change → the words that mean it; ``crmlab.improvement.metrics`` defines each."""

IMPROVEMENT_STATUSES = {
    "planned": ("计划中", "计划", "未开始", "planned", "not started"),
    "in_progress": ("进行中", "实施中", "in progress", "ongoing", "running"),
    "done": ("已完成", "完成", "已落地", "done", "completed", "finished"),
    "stopped": ("已停止", "停止", "取消", "已取消", "stopped", "cancelled"),
}


class Improvements(Table):
    """One row per measure: what was changed, since when, where, and which figure it was to move."""

    improvement_id = dy.String(
        nullable=False, metadata=named("改进编号", "Improvement ID", "措施编号", "Measure ID")
    )
    measure = dy.String(nullable=False, metadata=named("改进措施", "Measure", "措施", "Improvement"))
    aspect = dy.String(
        nullable=True, metadata=named("改进主题", "Aspect addressed", "针对方面", "主题", "Theme", "Aspect")
    )
    owner = dy.String(
        nullable=True, metadata=named("负责人", "Owner", "责任人", "Responsible", sensitivity="personal")
    )
    started_on = dy.Date(
        nullable=False, metadata=named("开始日期", "Started on", "实施日期", "上线日期", "Start Date")
    )
    ended_on = dy.Date(
        nullable=True, metadata=named("结束日期", "Ended on", "End Date"),
    )  # fmt: skip
    target_metric = dy.String(
        nullable=True,
        metadata=named("目标指标", "Target metric", "衡量指标", "指标", "Metric", codes=TARGET_METRICS),
    )
    target_value = dy.Float64(
        nullable=True, metadata=named("目标值", "Target value", "Target", unit=AS_THE_METRIC)
    )  # fmt: skip
    segment = dy.String(nullable=True, metadata=named("实施客群", "Segment", "客群", "适用客群"))
    channel = dy.String(nullable=True, metadata=named("实施渠道", "Channel", "渠道"))
    store = dy.String(nullable=True, metadata=named("实施门店", "Store", "门店"))
    status = dy.String(
        nullable=True, metadata=named("实施状态", "Status", "状态", "进度", codes=IMPROVEMENT_STATUSES)
    )
    note = dy.String(nullable=True, metadata=named("说明", "Note", "备注", "Remark", sensitivity="free_text"))

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No measure appears twice."""
        return pl.col("improvement_id").is_unique()

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No measure is older than trade by computer."""
        return is_plausible(pl.col("started_on"))

    @dy.rule()
    def begins_first(cls) -> pl.Expr:
        """No measure ends before it begins."""
        return pl.col("ended_on").is_null() | (pl.col("ended_on") >= pl.col("started_on"))
