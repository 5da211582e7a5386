"""What the faults change in the results: revenue that nobody has, customers counted twice, out of reach.

Each entry says how a figure reads now and how it would read if the fault were corrected, on which rows,
under which assumption. Amounts of groups smaller than the study's ``privacy.smallest_group`` are not
told.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from crmlab.data import convert
from crmlab.data.quality.facts import Facts
from crmlab.data.quality.scorecard import Scorecard
from crmlab.data.schemas import BY_POLICY
from crmlab.data.validators import is_email
from crmlab.labels import Language, Text
from crmlab.summary import HUNDREDTHS
from crmlab.view.findings import Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import texts


class Impact(NamedTuple):
    """One figure before and after a correction."""

    id: str
    figure: Text
    now: Text
    after: Text
    affected: int
    of: int
    basis: Text
    told: bool = True
    """False where too few customers stand behind the figure."""


class Amounts(NamedTuple):
    """How amounts are written, and from how many customers on."""

    currency: str
    smallest_group: int

    def write(self, hundredths: float, customers: int) -> Text:
        """Write an amount, or that too few customers stand behind it."""
        if customers < self.smallest_group:
            return Text(
                f"不显示（不足 {self.smallest_group} 人）",
                f"not shown (fewer than {self.smallest_group} customers)",
            )
        return money(hundredths / HUNDREDTHS, self.currency)


def impacts(card: Scorecard, amounts: Amounts) -> list[Impact]:
    """Return what correcting the data would change, as far as the tables can tell."""
    found = [
        _orphaned_revenue(card, amounts),
        _rejected_revenue(card.facts, amounts),
        _repeated_orders(card, amounts),
        _duplicates(card, amounts),
        _reach(card, "mobile", "plain_mobile"),
        _reach(card, "email", None),
        _birthdays(card),
        _new_customers(card),
        _empty_feedback(card),
    ]
    return [entry for entry in found if entry is not None]


def impact_table(found: list[Impact], language: Language) -> Table | Note:
    """Show how figures read now, and how they would read if the faults were corrected."""
    words = texts()
    if not found:
        return Note(words["quality_impact_none"], language)
    rows = [
        {
            "figure": entry.figure.to(language),
            "now": entry.now.to(language),
            "after": entry.after.to(language),
            "affected": entry.affected,
            "of": entry.of,
            "basis": entry.basis.to(language),
        }
        for entry in found
    ]
    return Table(
        pl.DataFrame(rows),
        [
            Column("figure", words["figure"]),
            Column("now", words["quality_now"]),
            Column("after", words["quality_after"]),
            Column("affected", words["quality_affected"], "integer"),
            Column("of", words["sample"], "integer"),
            Column("basis", words["quality_basis"]),
        ],
        caption=words["quality_impact_caption"],
        note=words["quality_impact_note"],
        language=language,
    )


def _net(orders: pl.DataFrame) -> int:
    return int(orders["amount_hundredths"].sum())


def _orphaned_revenue(card: Scorecard, amounts: Amounts) -> Impact | None:
    orphans = card.result("unknown_customer", "orders")
    if orphans is None or not orphans.violated:
        return None
    orders, lost = card.facts.table("orders"), card.broken_rows("unknown_customer", "orders")
    people = lost["customer_id"].n_unique()
    share = _net(lost) / _net(orders) if _net(orders) > 0 else None
    hidden = people < amounts.smallest_group
    told = Text("–", "–") if hidden or share is None else _text(percent(1 - share))
    return Impact(
        "orphaned_revenue",
        Text("能对应到客户档案的销售额占比", "revenue that belongs to a known customer"),
        told,
        _text(percent(1.0)),
        orphans.violated,
        orphans.checked,
        Text(
            f"有 {count(people)} 个客户编号查无档案，名下金额：{amounts.write(_net(lost), people).zh}；"
            "它们计入销售额，却没有客户属性可供细分。",
            f"Amount under {count(people)} ids without a record: {amounts.write(_net(lost), people).en}; it "
            "is counted in revenue, yet has no attributes to segment by.",
        ),
        told=not hidden,
    )


def _rejected_revenue(facts: Facts, amounts: Amounts) -> Impact | None:
    cleaned = facts.cleaned("orders") if "orders" in facts.store else None
    if cleaned is None or not {"amount", "reason"} <= set(cleaned.rejected.columns):
        return None
    lost = cleaned.rejected.filter(~pl.col("reason").is_in([*BY_POLICY, "exact_duplicate", "other_currency"]))
    if not lost.height:
        return None
    given = lost["amount"].cast(pl.String).to_frame()
    read = given.select(convert.hundredths(convert.number(pl.col("amount")))).to_series()
    kept, away = _net(cleaned.table), int(read.sum())
    people = lost["customer_id"].n_unique() if "customer_id" in lost.columns else lost.height
    share = kept / (kept + away) if kept + away > 0 else None
    hidden = people < amounts.smallest_group
    return Impact(
        "rejected_revenue",
        Text("读入的订单金额中被采用的占比", "amount of the orders read that is used"),
        Text("–", "–") if hidden or share is None else _text(percent(share)),
        _text(percent(1.0)),
        lost.height,
        cleaned.rows_read,
        Text(
            f"被拒订单的金额合计：{amounts.write(away, people).zh}；"
            f"其中 {count(read.null_count())} 笔金额本身读不出，未计入；完全重复的行与其他币种不算。",
            f"Sum of rejected orders: {amounts.write(away, people).en}; {count(read.null_count())} have no "
            "amount that can be read and are not in it; exact duplicates and other currencies do not count.",
        ),
        told=not hidden,
    )


def _repeated_orders(card: Scorecard, amounts: Amounts) -> Impact | None:
    repeated = card.result("order_repeated", "orders")
    if repeated is None or not repeated.violated:
        return None
    orders, again = card.facts.table("orders"), card.broken_rows("order_repeated", "orders")
    people = again["customer_id"].n_unique()
    return Impact(
        "repeated_orders",
        Text("净销售额", "net revenue"),
        amounts.write(_net(orders), people),
        amounts.write(_net(orders) - _net(again), people),
        repeated.violated,
        repeated.checked,
        Text(
            "假设几分钟内的同额订单都是重复提交，只留第一笔（上限）。",
            "If every equal order within minutes were sent twice and the first one kept (upper bound).",
        ),
        told=people >= amounts.smallest_group,
    )


def _duplicates(card: Scorecard, amounts: Amounts) -> Impact | None:
    shared = card.result("mobile_shared", "customers")
    if shared is None or not shared.violated:
        return None
    customers = card.facts.table("customers")
    twice = card.broken_rows("mobile_shared", "customers")
    surplus = twice.height - twice["plain_mobile"].n_unique()
    n = customers.height
    now, after = _text(count(n)), _text(count(n - surplus))
    basis = Text(
        "假设共用同一手机号的档案都是同一个人（上限；家人共用会使它偏高）。",
        "If all records with one mobile number were one person (upper bound: families share numbers).",
    )
    if card.facts.has("orders"):
        mine = card.facts.table("orders").join(customers.select("customer_id"), on="customer_id", how="semi")
        value = _net(mine)
        each = [amounts.write(value / people, n) for people in (n, n - surplus)]
        now = Text(f"{now.zh} 人，人均 {each[0].zh}", f"{now.en}, {each[0].en} each")
        after = Text(f"{after.zh} 人，人均 {each[1].zh}", f"{after.en}, {each[1].en} each")
    figure = Text("客户数与人均消费", "customers, and what each has spent")
    return Impact("duplicates", figure, now, after, shared.violated, n, basis)


def _reach(card: Scorecard, column: str, plain: str | None) -> Impact | None:
    """Say whom messages reach, and whom they would with every number or address that is there corrected."""
    if not card.facts.has("customers", column):
        return None
    customers = card.facts.table("customers")
    fake = {"mobile": "mobile_placeholder", "email": "email_placeholder"}[column]
    flags = card.flags.get("customers")
    not_real = flags[fake] if flags is not None and fake in flags.columns else pl.lit(value=False)
    usable = pl.col(plain).is_not_null() if plain else is_email(pl.col(column)).fill_null(value=False)
    n = customers.height
    reached = int(customers.select((usable & ~not_real).sum()).item() or 0)
    given = n - customers[column].null_count()
    if not n or given == reached:
        return None
    name = {"mobile": Text("短信与电话关怀", "SMS and care calls"), "email": Text("邮件", "e-mail")}[column]
    title = {"mobile": Text("手机号", "mobile number"), "email": Text("邮箱", "e-mail address")}[column]
    return Impact(
        f"reach_{column}",
        Text(f"{name.zh}能触达的客户占比", f"customers that {name.en} can reach"),
        _text(percent(reached / n)),
        _text(percent(given / n)),
        given - reached,
        n,
        Text(
            f"有效{title.zh}（格式正确且非占位）占全部客户；更正后指已填的都改对，没填的仍触达不到。",
            f"A valid {title.en} that is no placeholder, of all customers; after: every one that is filled "
            "in is corrected, empty ones stay out of reach.",
        ),
    )


def _birthdays(card: Scorecard) -> Impact | None:
    wrong = [card.result(rule, "customers") for rule in ("age_plausible", "birth_date_default")]
    rules = [result.rule.id for result in wrong if result is not None and result.violated]
    if not rules:
        return None
    flags = card.flags["customers"]
    bad = flags.select(pl.any_horizontal(rules).sum()).item()
    customers = card.facts.table("customers")
    n, given = customers.height, customers.height - customers["birth_date"].null_count()
    return Impact(
        "birthdays",
        Text("可做生日关怀的客户占比", "customers whose birthday is known"),
        _text(percent((given - bad) / n)),
        _text(percent(given / n)),
        bad,
        n,
        Text(
            "出生日期可信（0–120 岁且非默认值）的客户占全部客户。",
            "A date of birth that gives an age of 0 to 120 and is no default, of all customers.",
        ),
    )


def _new_customers(card: Scorecard) -> Impact | None:
    late = card.result("registered_after_order", "customers")
    if late is None or not late.violated:
        return None
    return Impact(
        "new_customers",
        Text("登记日期可用于统计新客的客户占比", "customers whose registration tells when they came"),
        _text(percent(1 - (late.share or 0))),
        _text(percent(1.0)),
        late.violated,
        late.checked,
        Text(
            "在有登记日期且下过单的客户中；登记晚于首单的会被当成新客。",
            "Among customers with a registration date and an order; those registered after their first order "
            "count as new when they are not.",
        ),
    )


def _empty_feedback(card: Scorecard) -> Impact | None:
    results = [card.result(rule, "feedback") for rule in ("text_placeholder", "feedback_repeated")]
    rules = [result.rule.id for result in results if result is not None and result.violated]
    if not rules:
        return None
    flags = card.flags["feedback"]
    n, bad = flags.height, int(flags.select(pl.any_horizontal(rules).sum()).item())
    return Impact(
        "empty_feedback",
        Text("进入文本分析的反馈条数", "feedback that text analysis stands on"),
        _text(count(n)),
        _text(count(n - bad)),
        bad,
        n,
        Text(
            "去掉占位、测试与同日重复的反馈之后。", "Without placeholders, tests and repeats of the same day."
        ),
    )


def _text(same: str) -> Text:
    return Text(same, same)
