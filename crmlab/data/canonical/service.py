"""What passes between customers and the company: interactions, feedback, complaints."""
# ruff: noqa: N805  # dataframely makes rules class methods

import dataframely as dy
import polars as pl

from crmlab.data.canonical.columns import HOURS, MINUTES, MONEY, SECONDS, Table, is_plausible, moment, named
from crmlab.labels import Text
from crmlab.satisfaction import SCALES

COMPLAINT_STAGES = {
    "received": (
        *("已受理", "受理", "新建", "待处理", "未处理", "待受理", "待分配"),
        *("received", "new", "open", "submitted"),
    ),
    "acknowledged": ("已告知受理", "已确认", "acknowledged"),
    "assessed": ("已评审", "已分级", "已分配", "已派单", "assessed", "triaged", "assigned"),
    "investigating": ("调查中", "处理中", "跟进中", "investigating", "working", "in progress", "pending"),
    "waiting": (
        *("等待客户", "待客户回复", "待客户确认", "挂起", "已挂起"),
        *("waiting", "waiting on customer", "waiting for customer", "on hold"),
    ),
    "escalated": ("已升级", "升级", "escalated"),
    "responded": ("已答复", "已响应", "responded", "answered"),
    "decided": ("已决定", "已告知决定", "decided"),
    "resolved": ("已解决", "已处理", "处理完成", "解决", "resolved", "solved"),
    "closed": (
        *("已关闭", "关闭", "已完结", "已完成", "已结案", "已取消", "已撤销"),
        *("closed", "cancelled", "canceled", "duplicate", "merged"),
    ),
}
"""Stage of a complaint, in the order of ISO 10002:2018 clause 8 → the words that mean it.

Waiting for the customer and escalation are no steps of the standard; a complaint may be there at any of them.
What was withdrawn or put together with another is closed: nobody waits for it.
"""

COMPLAINT_STEPS = {
    "opened_at": Text("受理", "reception"),
    "acknowledged_at": Text("告知受理", "acknowledgement"),
    "assessed_at": Text("初步评审", "initial assessment"),
    "investigated_at": Text("调查", "investigation"),
    "first_response_at": Text("首次响应", "response"),
    "decided_at": Text("告知决定", "communicating the decision"),
    "resolved_at": Text("解决", "resolution"),
    "closed_at": Text("关闭", "closure"),
}
"""Time of a step → the step, after ISO 10002:2018 clause 8 and GB/T 19012—2019, which is identical to it.

The standard lets the response run beside the investigation; a first response usually comes before its end.
"""

_CUSTOMER = named("客户编号", "Customer ID", "客户ID", "编号", "会员号", sensitivity="code")


class Interactions(Table):
    """One row per contact between a customer and the company, whoever began it."""

    interaction_id = dy.String(
        nullable=False, metadata=named("互动编号", "Interaction ID", sensitivity="code")
    )
    customer_id = dy.String(nullable=False, metadata=_CUSTOMER)
    happened_at = moment(
        nullable=False,
        metadata=named("互动时间", "Happened at", "沟通时间", "联系时间", "跟进时间", "记录时间"),
    )
    channel = dy.String(nullable=True, metadata=named("互动渠道", "Channel", "沟通渠道", "渠道", "互动类型"))
    direction = dy.String(
        nullable=True,
        metadata=named(
            "方向",
            "Direction",
            "呼叫方向",
            codes={
                "inbound": ("客户发起", "呼入", "来电", "inbound", "in"),
                "outbound": ("企业发起", "呼出", "去电", "outbound", "out"),
            },
        ),
    )
    kind = dy.String(nullable=True, metadata=named("互动场景", "Kind", "沟通目的", "事项"))
    text = dy.String(
        nullable=True, metadata=named("互动内容", "Content", "沟通内容", "内容", sensitivity="free_text")
    )
    agent = dy.String(
        nullable=True, metadata=named("接待人", "Agent", "客服", "负责人", sensitivity="personal")
    )
    duration_minutes = dy.Float64(
        nullable=True, metadata=named("时长", "Duration in minutes", "通话时长", unit=MINUTES)
    )
    campaign_id = dy.String(nullable=True, metadata=named("活动编号", "Campaign ID"))

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No interaction appears twice."""
        return pl.col("interaction_id").is_unique()

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No interaction is older than trade by computer."""
        return is_plausible(pl.col("happened_at").dt.date())


class Feedback(Table):
    """One row per piece of feedback: a text, a score on a stated scale, an answer, or several of these.

    A survey gives one row per respondent and question; ``answer`` holds the chosen options of a
    closed question, joined by ┋.
    """

    feedback_id = dy.String(nullable=False, metadata=named("反馈编号", "Feedback ID", sensitivity="code"))
    customer_id = dy.String(
        nullable=True, metadata=named("客户编号", "Customer ID", "会员号", sensitivity="code", always=True)
    )
    given_on = dy.Date(
        nullable=True,
        metadata=named(
            *("反馈日期", "Feedback date", "评论时间", "评论日期", "评价时间", "日期"),
            *("date", "created_at", "提交时间", "提交答卷时间"),
            always=True,
        ),
    )
    text = dy.String(
        nullable=True,
        metadata=named(
            "反馈内容", "Feedback text", "评论", "内容", "comment", "评价内容",
            sensitivity="free_text", always=True,
        ),
    )  # fmt: skip
    score = dy.Float64(nullable=True, metadata=named("评分", "Score", "打分", "rating", always=True))
    scale = dy.String(nullable=True, metadata=named("评分量表", "Scale", always=True))
    channel = dy.String(nullable=True, metadata=named("渠道", "Channel", always=True))
    category = dy.String(nullable=True, metadata=named("对象", "Subject", always=True))
    language = dy.String(nullable=True, metadata=named("语言", "Language", always=True))
    respondent_id = dy.String(
        nullable=True, metadata=named("答卷编号", "Respondent ID", "答卷序号", sensitivity="code")
    )
    question = dy.String(nullable=True, metadata=named("题目", "Question"))
    answer = dy.String(nullable=True, metadata=named("选项", "Answer", "选择"))
    order_id = dy.String(nullable=True, metadata=named("订单号", "Order ID", sensitivity="code"))
    duration_seconds = dy.Float64(
        nullable=True,
        metadata=named("答卷用时", "Time to answer", "所用时间", "Duration (in seconds)", unit=SECONDS),
    )

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No feedback appears twice."""
        return pl.col("feedback_id").is_unique()

    @dy.rule()
    def says_something(cls) -> pl.Expr:
        """A row carries a text, a score or an answer."""
        said = [
            (pl.col(column).str.strip_chars().str.len_chars() > 0).fill_null(value=False)
            for column in ("text", "answer")
        ]
        return pl.any_horizontal(*said, pl.col("score").is_not_null())

    @dy.rule()
    def known_scale(cls) -> pl.Expr:
        """A score states the scale that it was given on, and is a whole number of it."""
        score, scale = pl.col("score"), pl.col("scale")
        on_scale = pl.any_horizontal(
            (scale == name) & score.is_between(lowest, highest) for name, (lowest, highest) in SCALES.items()
        )
        return score.is_null() | (on_scale.fill_null(value=False) & (score == score.round()))

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No feedback is older than the web."""
        return pl.col("given_on").is_null() | is_plausible(pl.col("given_on"))


class Complaints(Table):
    """One row per complaint, with the times of its steps after ISO 10002:2018 clause 8.

    A step that has a date alone, the day of reception, counts as at reception.
    """

    complaint_id = dy.String(
        nullable=False,
        metadata=named("投诉编号", "Complaint ID", "工单编号", "Case Number", "工单号", sensitivity="code"),
    )
    customer_id = dy.String(nullable=True, metadata=_CUSTOMER)
    opened_at = moment(
        nullable=False,
        metadata=named(
            "投诉时间",
            "Opened at",
            "受理时间",
            "创建时间",
            "Date/Time Opened",
            "提交时间",
            "提出时间",
            "Raised at",
        ),
    )
    acknowledged_at = moment(
        metadata=named("告知受理时间", "Acknowledged at", "确认时间", "Acknowledged", "受理告知时间")
    )
    assessed_at = moment(
        metadata=named("初步评审时间", "Assessed at", "评审时间", "分级时间", "Initially assigned at")
    )
    investigated_at = moment(metadata=named("调查完成时间", "Investigated at", "调查时间", "核查时间"))
    first_response_at = moment(
        metadata=named(
            *("首次响应时间", "First response at", "首响时间", "首次回复时间", "First replied at"),
            *("First response time", "first_response_time"),
        )
    )
    decided_at = moment(metadata=named("告知决定时间", "Decided at", "决定时间", "方案确认时间"))
    resolved_at = moment(
        metadata=named("解决时间", "Resolved at", "处理完成时间", "Solved at", "Resolved", "完成时间")
    )
    closed_at = moment(metadata=named("关闭时间", "Closed at", "完结时间", "Date/Time Closed", "ClosedDate"))
    reopened_at = moment(metadata=named("重开时间", "Reopened at", "重新打开时间"))
    waiting_from_at = moment(
        metadata=named("等待客户起", "Waiting for the customer from", "挂起时间", "On hold since")
    )
    waiting_until_at = moment(
        metadata=named("等待客户止", "Waiting for the customer until", "恢复处理时间", "解除挂起时间")
    )
    closed_loop_at = moment(
        metadata=named("闭环时间", "Loop closed at", "回访时间", "改进反馈时间", "Followed up at")
    )
    stage = dy.String(
        nullable=True,
        metadata=named("处理阶段", "Stage", "工单状态", "状态", "Status", codes=COMPLAINT_STAGES),
    )
    channel = dy.String(nullable=True, metadata=named("投诉渠道", "Channel", "渠道", "Case Origin", "Origin"))
    category = dy.String(
        nullable=True, metadata=named("问题类型", "Category", "投诉类型", "问题归类", "Case Reason", "Reason")
    )
    product = dy.String(nullable=True, metadata=named("涉及商品", "Product", "商品名称", "Product Name"))
    severity = dy.String(nullable=True, metadata=named("严重程度", "Severity", "优先级", "Priority"))
    text = dy.String(
        nullable=True,
        metadata=named(
            "投诉内容",
            "Complaint text",
            "问题记录",
            "描述",
            "内容",
            "Content",
            "Description",
            sensitivity="free_text",
        ),
    )
    solution = dy.String(
        nullable=True, metadata=named("解决方案", "Solution", "处理结果", sensitivity="free_text")
    )
    compensation_hundredths = dy.Int64(
        nullable=True, metadata=named("补偿金额", "Compensation", "赔付金额", unit=MONEY)
    )
    score = dy.Float64(
        nullable=True, metadata=named("处理满意度", "Satisfaction with handling", "满意度", "Satisfaction")
    )
    root_cause = dy.String(
        nullable=True, metadata=named("根本原因", "Root cause", "原因分析", "责任原因", "Cause")
    )
    action_id = dy.String(
        nullable=True,
        metadata=named("改进措施编号", "Action ID", "整改编号", "改进编号", sensitivity="code"),
    )
    contacts_count = dy.Int64(
        nullable=True, metadata=named("沟通次数", "Contacts", "联系次数", "回复次数", "Replies")
    )
    reopened_count = dy.Int64(nullable=True, metadata=named("重开次数", "Times reopened", "Reopens"))
    paused_hours = dy.Float64(
        nullable=True,
        metadata=named(
            "等待客户小时数", "Hours waiting for the customer", "挂起时长", "On hold time", unit=HOURS
        ),
    )
    order_id = dy.String(nullable=True, metadata=named("订单号", "Order ID", sensitivity="code"))
    owner = dy.String(nullable=True, metadata=named("负责人", "Owner", "处理人", sensitivity="personal"))
    escalated = dy.Bool(nullable=True, metadata=named("是否升级", "Escalated", "IsEscalated"))
    reopened = dy.Bool(nullable=True, metadata=named("是否重开", "Reopened"))

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No complaint appears twice."""
        return pl.col("complaint_id").is_unique()

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No complaint is older than trade by computer."""
        return is_plausible(pl.col("opened_at").dt.date())

    @dy.rule()
    def ordered_stages(cls) -> pl.Expr:
        """Nothing happens to a complaint before it was opened, and no pause ends before it begins."""
        steps = (*COMPLAINT_STEPS, "reopened_at", "waiting_from_at", "waiting_until_at", "closed_loop_at")
        ordered = (pl.col(name).is_null() | (pl.col(name) >= pl.col("opened_at")) for name in steps)
        begun, ended = pl.col("waiting_from_at"), pl.col("waiting_until_at")
        return pl.all_horizontal(*ordered, (begun <= ended).fill_null(value=True))

    @dy.rule()
    def none_below_zero(cls) -> pl.Expr:
        """Nobody is contacted, reopens or waits fewer than no times or hours."""
        counts = ("contacts_count", "reopened_count", "paused_hours")
        return pl.all_horizontal(pl.col(name).is_null() | (pl.col(name) >= 0) for name in counts)
