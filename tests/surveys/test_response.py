from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.view.findings import Note
from crmlab.view.tables import Table

Make = Callable[..., Lab]


def orders_csv(n: int) -> str:
    """Write one order of each of n customers, half in the store, on consecutive days of May."""
    rows = [f"o{i},c{i},2024-05-{1 + i % 28:02d},{10 + i},{'店' if i < n // 2 else '网'}" for i in range(n)]
    return "order_id,customer_id,ordered_at,amount,channel\n" + "\n".join(rows) + "\n"


def test_a_survey_after_orders_is_judged_by_orders(make_lab: Make, sheets_csv: Any, check_chart: Any) -> None:
    answered = [*range(0, 100, 2), *range(100, 200, 10)]
    sheets = [{"推荐": (i % 11, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"} for i in answered]
    sheets += [{"推荐": (9, "nps_0_10"), "customer_id": "nobody", "order_id": "unknown"}]
    lab = make_lab({"orders": orders_csv(200), "feedback": sheets_csv(sheets)})
    response = lab.surveys.response
    assert response.frame is not None
    assert (response.frame.of, response.frame.outside) == ("orders", 1)
    whole = response.summary.row(0, named=True)
    # Orders of the days between the first and the last that was answered about.
    assert whole["answered"] == 60
    assert (whole["low"], whole["high"]) == pytest.approx(wilson(60, whole["asked"]))
    by_channel = {
        row["group"]: row for row in response.summary.filter(dimension="channel").iter_rows(named=True)
    }
    assert by_channel["店"]["rate"] == pytest.approx(50 / by_channel["店"]["asked"])
    assert by_channel["店"]["difference"] > 0.1
    assert by_channel["店"]["difference"] == pytest.approx(-by_channel["网"]["difference"])
    assert "邀请" in response.note().plain()
    assert "“店”作答偏多" in response.note().plain()
    check_chart(response.chart(), "zh")
    assert isinstance(response.table(), Table)


def test_other_surveys_are_judged_by_the_customers_of_the_time(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [
        {"推荐": (i % 11, "nps_0_10"), "customer_id": f"c{i}", "given_on": f"2024-05-{1 + i % 28:02d}"}
        for i in range(60)
    ]
    lab = make_lab({"orders": orders_csv(200), "feedback": sheets_csv(sheets)}, language="en")
    assert lab.surveys.response.frame is not None
    assert lab.surveys.response.frame.of == "customers"
    assert lab.surveys.response.summary.row(0, named=True)["asked"] == 200
    assert "not of invitations" in lab.surveys.response.note().plain()


def test_groups_of_few_respondents_have_no_figures(make_lab: Make, sheets_csv: Any) -> None:
    answered = [*range(0, 100, 2), 100, 101]
    sheets = [{"推荐": (9, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"} for i in answered]
    lab = make_lab({"orders": orders_csv(200), "feedback": sheets_csv(sheets)})
    rates = lab.surveys.response.summary.filter(dimension="channel")
    assert rates["rate"].is_null().all()


def test_many_orders_of_one_customer_are_still_one_person(make_lab: Make, sheets_csv: Any) -> None:
    # Thirty orders by telephone, ten of them answered about, all of the same customer.
    telephone = "".join(f"t{i},c0,2024-05-{1 + i % 28:02d},10,电话\n" for i in range(30))
    sheets = [
        {"推荐": (9, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"} for i in range(0, 200, 2)
    ]
    sheets += [{"推荐": (9, "nps_0_10"), "customer_id": "c0", "order_id": f"t{i}"} for i in range(10)]
    lab = make_lab({"orders": orders_csv(200) + telephone, "feedback": sheets_csv(sheets)})
    rates = dict(lab.surveys.response.summary.filter(dimension="channel").select("group", "rate").iter_rows())
    assert rates["电话"] is None


def test_without_orders_or_customers_nobody_is_missing(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [{"推荐": (9, "nps_0_10")}] * 20
    lab = make_lab({"orders": orders_csv(20), "feedback": sheets_csv(sheets)})
    assert isinstance(lab.surveys.response.table(), Note)
    assert isinstance(lab.surveys.weighted_table(), Note)


def test_weighting_brings_back_those_who_answered_less(make_lab: Make, sheets_csv: Any) -> None:
    # All in the store promote, nobody on the web does; the store answers five times as often.
    answered = [*range(0, 100, 2), *range(100, 200, 10)]
    sheets = [
        {"推荐": (10 if i < 100 else 0, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"}
        for i in answered
    ]
    lab = make_lab(
        {"orders": orders_csv(200), "feedback": sheets_csv(sheets)},
        surveys={"targets": {"channel": {"店": 0.5, "网": 0.4, "电话": 0.1}}},
    )
    weighting = lab.surveys.weighting
    row = weighting.summary.row(0, named=True)
    assert row["value"] == pytest.approx(100 * (50 - 10) / 60)
    assert row["weighted"] == pytest.approx(100 * (0.5 - 0.4) / 0.9)
    assert row["effective"] == pytest.approx(weighting.raked.effective)
    assert row["weighted_low"] < row["weighted"] < row["weighted_high"]
    assert weighting.margins[0].left_out == ["电话"]
    assert "电话" in weighting.note().plain()
    assert isinstance(lab.surveys.weighted_table(), Table)
    assert isinstance(weighting.shares_table(), Table)
    assert {"survey_weighted", "survey_weighting_shares"} <= set(lab.surveys.saved_tables())


def test_without_targets_it_weights_to_the_orders_of_the_time(make_lab: Make, sheets_csv: Any) -> None:
    answered = [*range(0, 100, 2), *range(100, 200, 5)]
    sheets = [{"推荐": (i % 11, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"} for i in answered]
    lab = make_lab({"orders": orders_csv(200), "feedback": sheets_csv(sheets)})
    weighting = lab.surveys.weighting
    assert [margin.title.en for margin in weighting.margins] == ["Order channel", "Order amount"]
    shares = weighting.shares
    assert (shares["weighted"] - shares["target"]).abs().max() == pytest.approx(0, abs=1e-5)
    assert weighting.weights["weight"].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    "targets", [{"city": {"a": 0.6, "b": 0.6}}, {"city": {"a": 0, "b": 1}}, {"city": {}}]
)
def test_targets_that_are_no_shares_are_refused(make_lab: Make, targets: dict[str, Any]) -> None:
    from crmlab.errors import ParamsError

    with pytest.raises(ParamsError, match=r"surveys\.targets"):
        make_lab({"feedback": "feedback_id,text\n1,好\n"}, surveys={"targets": targets})


def test_targets_name_labels_and_thirds_by_their_ids(make_lab: Make, sheets_csv: Any) -> None:
    answered = [*range(0, 100, 2), *range(100, 200, 5)]
    sheets = [{"推荐": (i % 11, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"} for i in answered]
    targets = {"status": {"active": 1.0}, "value": {"low": 0.2, "middle": 0.3, "high": 0.5}}
    lab = make_lab({"orders": orders_csv(200), "feedback": sheets_csv(sheets)}, surveys={"targets": targets})
    shares = lab.surveys.weighting.shares
    assert shares["target"].to_list() == pytest.approx([1.0, 0.2, 0.3, 0.5])
    assert shares["weighted"].to_list() == pytest.approx([1.0, 0.2, 0.3, 0.5])


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"value": {"lowest": 0.5, "high": 0.5}}, "names 'lowest'.*Did you mean 'low'"),
        ({"status": {"activ": 1.0}}, "names 'activ'.*Did you mean 'active'"),
        ({"channel": {"shop": 1.0}}, "nobody who answered is in one of shop.*店, 网"),
    ],
)
def test_targets_for_groups_that_are_not_there_are_an_error(
    make_lab: Make, sheets_csv: Any, targets: dict[str, Any], said: str
) -> None:
    from crmlab.errors import ParamsError

    answered = [*range(0, 100, 2), *range(100, 200, 5)]
    sheets = [{"推荐": (i % 11, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"} for i in answered]
    lab = make_lab({"orders": orders_csv(200), "feedback": sheets_csv(sheets)}, surveys={"targets": targets})
    with pytest.raises(ParamsError, match=said):
        lab.surveys.weighted_table()


def test_shares_of_few_sheets_cannot_be_computed_from_the_rest(make_lab: Make, sheets_csv: Any) -> None:
    # Two sheets of the web only: their share is one less that of the store, so both are hidden.
    answered = [*range(0, 100, 2), 100, 101]
    sheets = [{"推荐": (i % 11, "nps_0_10"), "customer_id": f"c{i}", "order_id": f"o{i}"} for i in answered]
    lab = make_lab(
        {"orders": orders_csv(200), "feedback": sheets_csv(sheets)},
        surveys={"targets": {"channel": {"店": 0.5, "网": 0.5}}},
    )
    shares = lab.surveys.weighting.shares
    assert shares.select("target", "unweighted", "weighted").null_count().row(0) == (2, 2, 2)
    said = lab.surveys.weighting.note().plain()
    assert ("已收敛" in said, "权重截至" in said) == (False, True)
