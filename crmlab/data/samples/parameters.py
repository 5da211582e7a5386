"""What is true of the generated company: the numbers that a report is later checked against.

``truth.json`` repeats all of them. Days are counted from ``FIRST_DAY`` = 0; rates are per day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

FIRST_DAY = date(2023, 1, 1)
LAST_DAY = date(2024, 12, 31)
"""The as-of day; nothing that is true happens later."""
DAYS = (LAST_DAY - FIRST_DAY).days + 1
TIME_ZONE = "Asia/Shanghai"
CURRENCY = "CNY"

MOST_CUSTOMERS = 5_000_000
BLOCK = 25_000
"""Customers are generated in blocks of so many, so that memory has a bound."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A hidden kind of customer.

    Purchases while alive: Poisson with rate λ ~ Gamma(shape r, rate alpha). Lifetime from the first
    order: exponential with rate μ ~ Gamma(shape s, rate beta): Pareto/NBD (Schmittlein, Morrison &
    Colombo 1987). Amount of an order: Gamma(shape p, rate ν), ν ~ Gamma(shape q, rate gamma), the
    Gamma-Gamma model (Fader, Hardie & Lee 2005), in currency units.

    ``response`` > 0 is the probability that a treated living customer places one more order within
    30 days; < 0 the probability that a treated customer leaves out what they would have bought then.
    """

    id: str
    zh: str
    en: str
    share: float
    r: float
    alpha: float
    s: float
    beta: float
    p: float
    q: float
    gamma: float
    response: float


SEGMENTS = (
    Segment("loyal", "忠诚常客", "Loyal", 0.20, 1.6, 40, 0.8, 900, 6, 4, 80, 0.02),
    Segment("regular", "普通顾客", "Regular", 0.40, 1.2, 80, 0.8, 500, 6, 4, 60, 0.07),
    Segment("bargain", "促销敏感", "Bargain hunters", 0.25, 0.9, 90, 0.9, 400, 5, 4, 45, 0.15),
    Segment("occasional", "偶尔光顾", "Occasional", 0.15, 0.7, 140, 1.0, 300, 6, 4, 55, -0.30),
)
NEVER_BOUGHT = 0.06
"""Share of customers who registered and never bought."""
ENGLISH = 0.05
"""Share of customers who write in English."""

WEEKDAYS = (0.90, 0.86, 0.88, 0.92, 1.08, 1.22, 1.14)
"""Multipliers of the purchase rate, Monday to Sunday."""
MONTHS = (1.05, 0.85, 0.95, 0.95, 1.0, 1.05, 0.92, 0.92, 1.0, 1.0, 1.15, 1.16)
PEAKS = (("11-01", "11-10", 1.6), ("11-11", "11-11", 5.0), ("06-16", "06-18", 2.6), ("12-12", "12-12", 2.5))
"""First day, last day, multiplier: 双11, 618, 双12."""
QUIET = ((date(2023, 1, 21), date(2023, 1, 27)), (date(2024, 2, 9), date(2024, 2, 15)))
"""Spring Festival."""
QUIET_MULTIPLIER = 0.5

DRIVERS = {"quality": 0.50, "service": 0.40, "delivery": 0.35, "price": 0.25, "packaging": 0.10}
"""Weights of the standard normal experiences in latent satisfaction."""
INTERCEPT = 0.15
NOISE = 0.6
"""Standard deviation of what no driver explains."""
OWN_SHARE = 0.36
"""Share of the variance of an experience that is the customer's own and lasts."""
NPS_CUTS = (-2.4, -2.05, -1.75, -1.5, -1.25, -0.95, -0.6, -0.15, 0.4, 0.95)
CSAT_CUTS = (-1.6, -0.9, -0.15, 0.75)
DRIVER_CUTS = (-1.5, -0.7, 0.1, 1.0)
ANSWER_NOISE = 0.3
"""Standard deviation by which the answer about a driver misses the experience."""
PEAK_DELIVERY = -0.6
"""Shift of the delivery experience for orders of 1 to 20 November."""
SURVEY_SHARE = 0.04
REVIEW_SHARE = 0.05
"""Shares of the orders that end in an answered survey, in a review."""

COMPLAINT_SHARE = 0.015
"""Share of the orders that end in a complaint."""
CHANGE_DAY = date(2024, 4, 1)
"""Since then complaints are handled by a new process."""
RESOLUTION_HOURS = {"before": 96.0, "after": 40.0}
"""Medians; resolution times are lognormal."""
RESOLUTION_SIGMA = 0.7
HANDLING = {"before": -0.35, "after": 0.40}
"""Mean of the latent satisfaction with handling (standard deviation 1, cut by ``CSAT_CUTS``)."""
REOPENED = 0.04
"""Share of the complaints that are opened again before they are resolved for good."""
ONE_CONTACT = {"before": 0.35, "after": 0.55}
"""Share of the complaints that take the customer one contact; the others take 2 + Poisson(1)."""
WAITING = 0.25
"""Share of the complaints that wait for the customer, for 5 to 30 % of their time."""
CLOSED_LOOP = {"before": 0.15, "after": 0.60}
"""Share of the closed complaints whose customers are told, within 14 days, what was changed."""
UNSORTED = 0.06
"""Share of the complaints that nobody has put into a category."""
SERVICE_GAIN = 0.4
"""Shift of the service experience in surveys and reviews since ``CHANGE_DAY``."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign: ``strength`` multiplies the response of a segment; ``treated`` is a probability."""

    id: str
    zh: str
    en: str
    day: date
    channel: str
    objective: str
    offer: str
    budget: int
    targeted: float
    treated: float
    strength: float
    cost: int


WINDOW = 30
"""Days after the contact in which a campaign works; no two campaigns overlap."""

CAMPAIGNS = (
    Campaign("CP01", "春季焕新", "Spring refresh", date(2023, 4, 10),
             "微信", "唤醒", "满200减30", 80_000, 0.6, 0.8, 1.0, 2),
    Campaign("CP02", "夏日会员周", "Summer week", date(2023, 7, 20),
             "短信", "复购", "会员95折", 60_000, 0.6, 0.8, 0.7, 5),
    Campaign("CP03", "双11预热", "Double 11 teaser", date(2023, 10, 1),
             "邮件", "复购", "预付定金翻倍", 50_000, 0.6, 0.8, 0.5, 1),
    Campaign("CP04", "新春回馈", "New Year thanks", date(2024, 3, 5),
             "微信", "唤醒", "满150减20", 90_000, 0.6, 0.7, 1.0, 2),
    Campaign("CP05", "老客关怀", "Win-back calls", date(2024, 7, 15),
             "电话", "唤醒", "专属礼品", 120_000, 0.3, 0.7, 1.3, 300),
    Campaign("CP06", "金秋上新", "Autumn arrivals", date(2024, 9, 20),
             "短信", "新品", "新品9折", 70_000, 0.6, 0.8, 0.8, 5),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Improvement:
    """One row of the register; ``better`` says whether the measure truly moved its target metric."""

    id: str
    zh: str
    en: str
    aspect: str | None
    owner: str
    day: date
    metric: str
    target: float
    status: str
    better: bool


IMPROVEMENTS = (
    Improvement("GJ01", "投诉处理新流程", "New complaint process", None, "周明",
                CHANGE_DAY, "解决时长", 48, "已完成", better=True),
    Improvement("GJ02", "客服服务规范与培训", "Service standards and training", "服务", "李静",
                CHANGE_DAY, "负面占比", 0.25, "已完成", better=True),
    Improvement("GJ03", "启用新包装设计", "New packaging design", "包装", "王磊",
                date(2024, 6, 1), "负面占比", 0.3, "已完成", better=False),
    Improvement("GJ04", "价签与优惠说明改版", "Clearer price labels", "价格与优惠", "陈芳",
                date(2024, 8, 1), "投诉率", 1.5, "进行中", better=False),
    Improvement("GJ05", "年末快递加急通道", "Express lane for parcels", "物流", "赵强",
                date(2024, 12, 9), "负面占比", 0.3, "进行中", better=False),
)  # fmt: skip
"""The first two are the change of ``CHANGE_DAY``; the others do nothing, the last is too late to judge."""

DUPLICATES = {
    "mobile_spelling": 0.30,
    "same_email": 0.20,
    "name_typo": 0.20,
    "traditional": 0.15,
    "moved": 0.15,
}
"""Kinds of second records and their shares."""
DUPLICATE_SHARE = 0.05
"""Second records per customer."""
SECOND_RECORD_ORDERS = 0.5
"""Probability that an order after the second record's first day is booked to it."""
HOUSEHOLDS = 0.015
"""Share of customers who share surname, address and landline with another and are another person."""


def day_number(day: date) -> int:
    """Return the day as a number counted from ``FIRST_DAY``."""
    return (day - FIRST_DAY).days
