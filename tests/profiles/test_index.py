"""The index of traits, its interval, and what it must not tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from math import exp, log, sqrt
from typing import Any

import numpy as np
import polars as pl
import pytest

from crmlab.errors import MissingFeaturesError, ParamsError
from crmlab.intervals import z_value
from crmlab.lab import Lab
from crmlab.profiles.index import Index
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
OPEN: dict[str, Any] = {
    "classifiers": {"status": {"method": "fixed_days"}},
    "privacy": {"smallest_group": 1},
}


def _people(active: dict[str, int], lost: dict[str, int]) -> dict[str, str]:
    """Return customers by gender, active ones with an order in June, lost ones with one in 2022."""
    customers, orders = ["customer_id,gender"], ["customer_id,ordered_at,amount,channel"]
    for state, day, genders in (("a", "2024-06-10 10:00", active), ("l", "2022-06-13 20:00", lost)):
        for gender, n in genders.items():
            for i in range(n):
                who = f"{state}{gender or 'x'}{i}"
                customers.append(f"{who},{gender}")
                orders.append(f"{who},{day},10,{'门店' if i % 2 else '官网'}")
    return {"customers": "\n".join(customers) + "\n", "orders": "\n".join(orders) + "\n"}


def test_an_attribute_by_hand(make_lab: MakeLab) -> None:
    """Women: 30 of 40 active and 20 of 60 lost; 5 of the active are unknown and do not count."""
    tables = _people({"女": 24, "F": 6, "男": 10, "": 5}, {"女": 20, "男": 40})
    index = Index(make_lab(tables, **OPEN).classify("status")).summary
    row = index.row(
        by_predicate=(pl.col("dimension") == "gender")
        & (pl.col("trait") == "女")
        & (pl.col("label") == "active"),
        named=True,
    )
    assert (row["customers"], row["of"], row["share"], row["everybody"]) == (30, 40, 0.75, 0.5)
    assert row["index"] == pytest.approx(150)
    # The delta method on a 2 × 2 table of independent customers: a, b, c, d and their sums.
    a, b, c, d = 30, 10, 20, 40
    inside, trait, total = a + b, a + c, a + b + c + d
    variance = (
        a * (1 / a - 1 / inside - 1 / trait + 1 / total) ** 2
        + b * (1 / total - 1 / inside) ** 2
        + c * (1 / total - 1 / trait) ** 2
        + d / total**2
    )
    reach = z_value(0.95) * sqrt(variance)
    assert row["low"] == pytest.approx(150 * exp(-reach))
    assert row["high"] == pytest.approx(150 * exp(reach))
    assert row["telling"]


def test_the_interval_of_a_habit_is_that_of_resampled_customers(make_lab: MakeLab) -> None:
    random = np.random.default_rng(7)
    rows, per = [], []
    for i in range(300):
        active = i % 3 == 0
        often, n = random.beta(2, 2 if active else 4), int(random.integers(1, 6))
        online = int(random.binomial(n, often))
        per.append((active, n, online))
        day = "2024-06-10" if active else "2022-06-10"
        rows += [f"c{i},{day},10,{'web' if k < online else 'shop'}" for k in range(n)]
    tables = {"orders": "order_id,customer_id,ordered_at,amount,channel\n" + "".join(
        f"{at},{row}\n" for at, row in enumerate(rows)
    )}  # fmt: skip
    index = Index(make_lab(tables, **OPEN).classify("status")).summary
    row = index.row(by_predicate=(pl.col("trait") == "web") & (pl.col("label") == "active"), named=True)
    data = np.array(per, dtype=float)
    logs = []
    for _ in range(2000):
        active, n, online = data[random.integers(0, len(data), len(data))].T
        logs.append(log((online @ active / (n @ active)) / (online.sum() / n.sum())))
    spread = (log(row["high"]) - log(row["low"])) / (2 * z_value(0.95))
    assert spread == pytest.approx(np.std(logs), rel=0.1)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    tables = _people({"女": 30, "男": 10}, {"女": 20, "男": 40})
    index = Index(make_lab(tables, language=language, **OPEN).classify("status"))
    assert list(index.dimensions) == ["gender", "order_channel", "daypart"]
    for dimension in (None, *index.dimensions):
        check_chart(index.chart(dimension), language, without=("a女0", "l男1"))
    assert index.chart().to_dict() == index.chart(index._chosen(None).id).to_dict()
    table = index.table()
    assert len(table.payload()["rows"]) == index.summary.height
    assert len(index.table("gender").payload()["rows"]) == 4
    said = index.chart("gender").to_dict()["title"]["text"]
    assert ("女" if language == "zh" else "Female") in said
    assert "150" in said
    with pytest.raises(ParamsError, match=r"no traits of the kind 'gendre'\. Did you mean 'gender'"):
        index.chart("gendre")


def test_only_what_the_interval_tells_is_coloured(make_lab: MakeLab) -> None:
    tables = _people({"女": 30, "男": 10}, {"女": 20, "男": 40})
    index = Index(make_lab(tables, **OPEN).classify("status"))
    for dimension, coloured in (("gender", True), ("order_channel", False)):
        (data,) = index.chart(dimension).to_dict()["datasets"].values()
        telling = [row["telling"] for row in data]
        assert any(telling) == coloured
        grounds = {row["ground"] for row in data if not row["telling"]}
        assert len(grounds) <= 1
        assert not grounds & {row["ground"] for row in data if row["telling"]}
    assert index.highlights("active")["dimension"].to_list() == ["daypart", "gender"]
    assert index.highlights("active")["trait"].to_list() == ["morning", "女"]


def test_small_groups_are_hidden_and_cannot_be_computed(make_lab: MakeLab) -> None:
    tables = _people({"女": 30, "男": 3}, {"女": 20, "男": 40})
    lab = make_lab(tables, classifiers=OPEN["classifiers"])
    index = Index(lab.classify("status"))
    gender = index.summary.filter(pl.col("dimension") == "gender")
    # Three active men: with the totals of men and of the active, every other cell would tell them.
    assert gender.drop_nulls("share").is_empty()
    assert not gender["telling"].any()
    assert [row["text"] for rows in index.chart("gender").to_dict()["datasets"].values() for row in rows] == [
        "–"
    ] * 4
    assert "–" in index.table().payload()["note"]


def test_ages_are_full_years_on_the_day(make_lab: MakeLab) -> None:
    births = ["1999-06-30", "1999-07-01", "1950-01-01", "2010-01-01", "1890-01-01"]
    tables = {
        "customers": "customer_id,birth_date\n" + "".join(f"c{i},{day}\n" for i, day in enumerate(births)),
        "orders": "customer_id,ordered_at,amount\n" + "".join(f"c{i},2024-06-01,5\n" for i in range(5)),
    }
    index = Index(make_lab(tables, **OPEN).classify("status"))
    rows = index.summary.filter(pl.col("label") == "active").select("trait", "customers").rows()
    assert rows == [("0", 1), ("18", 1), ("25", 1), ("65", 1)]  # 25 on the day, 24, 74, 14; 134 is no age
    assert index.dimensions["age"].name("25").zh == "25–34 岁"


def test_categories_are_of_orders_up_to_the_day(make_lab: MakeLab, shop: dict[str, str]) -> None:
    lab = make_lab(shop, **OPEN)
    index = Index(lab.classify("status", as_of=date(2024, 3, 31))).summary
    rows = index.filter(pl.col("dimension") == "category", pl.col("label") == "active")
    # Bob's one order holds tea and rice; Cai's, lost, tea.
    assert rows.select("trait", "share", "everybody").rows() == [("茶", 1.0, 1.0), ("米", 1.0, 0.5)]


def test_rare_values_are_put_together_and_contacts_masked(make_lab: MakeLab) -> None:
    sources = ["官网"] * 20 + ["门店"] * 15 + ["13800138000"] * 9 + ["朋友"] * 2 + ["张三推荐"] * 2
    tables = {
        "customers": "customer_id,source\n" + "".join(f"c{i},{name}\n" for i, name in enumerate(sources)),
        "orders": "customer_id,ordered_at,amount\n" + "".join(f"c{i},2024-06-01,5\n" for i in range(48)),
    }
    index = Index(make_lab(tables, classifiers=OPEN["classifiers"]).classify("status"))
    assert index.dimensions["source"].traits[:2] == ["官网", "门店"]
    assert index.dimensions["source"].traits[-1] == "other"
    shown = json.dumps(index.table().payload(), ensure_ascii=False)
    for secret in ("13800138000", "朋友", "张三"):
        assert secret not in shown


def test_what_customers_wrote_and_what_is_sensitive_is_no_trait(make_lab: MakeLab) -> None:
    tables = {
        "customers": "customer_id,religion,remark,income\n"
        + "".join(f"c{i},R{i % 2},note {i % 2},{'high' if i % 2 else 'low'}\n" for i in range(20)),
        "orders": "customer_id,ordered_at,amount\n" + "".join(f"c{i},2024-06-01,5\n" for i in range(20)),
    }
    segmentation = make_lab(tables, **OPEN).classify("status")
    assert isinstance(Index(segmentation).chart(), Note)
    assert Index(segmentation).summary.is_empty()
    assert list(Index(segmentation, extra=("income",)).dimensions) == ["income"]
    with pytest.raises(MissingFeaturesError, match="sensitive"):
        _ = Index(segmentation, extra=("religion",)).dimensions
    with pytest.raises(ParamsError, match=r"remark tells of single persons \(free text\)"):
        _ = Index(segmentation, extra=("remark",)).dimensions


def test_city_tiers_have_names(make_lab: MakeLab) -> None:
    cities = ["北京", "成都"]
    tables = {
        "customers": "customer_id,city\n" + "".join(f"c{i},{cities[i % 2]}\n" for i in range(20)),
        "orders": "customer_id,ordered_at,amount\n" + "".join(f"c{i},2024-06-01,5\n" for i in range(20)),
    }
    tiers = Index(make_lab(tables, **OPEN).classify("status")).dimensions["city_tier"]
    assert [tiers.name(trait).zh for trait in tiers.traits] == ["一线城市", "新一线城市"]


@pytest.mark.parametrize(
    ("column", "why"), [("name", "personal"), ("birth_date", "personal"), ("customer_id", "code")]
)
def test_what_tells_of_persons_is_no_trait(make_lab: MakeLab, column: str, why: str) -> None:
    rows = "".join(f"c{i},张三,1999-01-01,7.5\n" for i in range(20))
    tables = {
        "customers": f"customer_id,name,birth_date,score_of_last_year\n{rows}",
        "orders": "customer_id,ordered_at,amount\n" + "".join(f"c{i},2024-06-01,5\n" for i in range(20)),
    }
    segmentation = make_lab(tables, **OPEN).classify("status")
    with pytest.raises(ParamsError, match=rf"{column} tells of single persons \({why}\)"):
        _ = Index(segmentation, extra=(column,)).dimensions
    with pytest.raises(ParamsError, match="total_spend holds amounts or days"):
        _ = Index(segmentation, extra=("total_spend",)).dimensions


def test_a_trait_of_few_customers_is_not_told_by_its_share_of_all(make_lab: MakeLab) -> None:
    """Two pensioners, both active: that nobody lost is one must not say how many there are."""
    people = [("a", "1990-01-01")] * 20 + [("a", "1950-01-01")] * 2 + [("l", "1990-01-01")] * 20
    births = [f"{state}{i},{day}" for i, (state, day) in enumerate(people)]
    orders = [
        f"{state}{i},{'2024-06-10' if state == 'a' else '2022-06-10'},10"
        for i, (state, _) in enumerate(people)
    ]
    tables = {
        "customers": "\n".join(["customer_id,birth_date", *births]) + "\n",
        "orders": "\n".join(["customer_id,ordered_at,amount", *orders]) + "\n",
    }
    rows = Index(make_lab(tables, classifiers=OPEN["classifiers"]).classify("status")).summary
    assert rows.filter(pl.col("dimension") == "age")["everybody"].drop_nulls().is_empty()


def test_habits_of_few_cannot_be_computed_over_the_segments(make_lab: MakeLab) -> None:
    """Two active customers buy by phone; shares of all and of the other segments would tell their orders."""
    tables = _people({"女": 40}, {"女": 40})
    lines = tables["orders"].splitlines()
    lines += [f"l女{i},2022-06-13 20:00,10,电话" for i in range(9)]
    lines += [f"a女{i},2024-06-10 10:00,10,电话" for i in range(2)]
    lines += [f"d{i},2024-03-10 10:00,10,{'电话' if i % 3 else '门店'}" for i in range(30)]
    tables["orders"] = "\n".join(lines) + "\n"
    index = Index(make_lab(tables, classifiers=OPEN["classifiers"]).classify("status")).summary
    channel = index.filter(pl.col("dimension") == "order_channel")
    assert channel.filter(pl.col("label") == "active", pl.col("trait") == "电话")["share"].to_list() == [None]
    hidden_of = channel.filter(pl.col("share").is_null()).group_by("trait").len()
    assert hidden_of.height > 1
    assert hidden_of["len"].min() > 1  # type: ignore[operator]


def test_what_only_few_customers_have_is_not_named(make_lab: MakeLab) -> None:
    tables = _people({"女": 40}, {"女": 40})
    tables["orders"] += "a女1,2024-06-11 10:00,10,王芳手机\n"
    segmentation = make_lab(tables, classifiers=OPEN["classifiers"]).classify("status")
    assert segmentation.index().dimensions["order_channel"].traits == ["官网", "门店"]


def test_few_customers_of_a_known_attribute_are_hidden_altogether(make_lab: MakeLab) -> None:
    """Of the active only three genders are known: that no man is among them would tell those of women."""
    tables = _people({"女": 3, "": 20}, {"女": 20, "男": 40, "其他": 30})
    rows = Index(make_lab(tables, classifiers=OPEN["classifiers"]).classify("status")).summary
    active = rows.filter(pl.col("dimension") == "gender", pl.col("label") == "active")
    assert active.height == 3
    assert active.select("share", "of").null_count().row(0) == (3, 3)
