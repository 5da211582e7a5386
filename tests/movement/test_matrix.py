"""Movement between two days, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.movement import LEAVER, NEWCOMER, Movement, replay
from crmlab.movement.alluvial import Alluvial
from tests.movement.histories import EARLIER, EVERYBODY, FIXED, OPEN, many

MakeLab = Callable[..., Lab]
Shop = dict[str, str]


def _movement(lab: Lab) -> Movement:
    return lab.classify("status").compare(lab.classify("status", as_of=EARLIER))


def test_the_matrix_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    movement = _movement(make_lab(shop, **OPEN))
    assert movement.matrix.rows() == [
        ("active", "dormant", 1, 1.0),
        ("lost", "lost", 1, 1.0),
        (NEWCOMER, "active", 2, 1.0),
    ]
    assert movement.moved("active", {"dormant", "lost"}) == (1, 1)
    assert movement.moved("lost", {"active"}) == (0, 1)
    assert movement.moved("dormant", {"active"}) == (0, 0)


def test_the_matrix_adds_up(make_lab: MakeLab) -> None:
    lab = make_lab(many(), **OPEN)
    movement = _movement(lab)
    matrix = movement.matrix
    assert matrix["customers"].sum() == 60
    now = lab.classify("status").summary.select("label", "customers").filter(pl.col("customers") > 0)
    after = matrix.group_by("after").agg(pl.col("customers").sum()).sort("after")
    assert after.rows() == now.sort("label").rows()
    then = lab.classify("status", as_of=EARLIER).summary.filter(pl.col("customers") > 0)
    before = matrix.filter(pl.col("before") != NEWCOMER).group_by("before").agg(pl.col("customers").sum())
    assert before.sort("before").rows() == then.select("label", "customers").sort("label").rows()
    shares = matrix.group_by("before").agg(pl.col("share").sum())["share"]
    assert shares.to_list() == pytest.approx([1.0] * shares.len())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_movement_is_shown(
    make_lab: MakeLab, shop: Shop, check_chart: Callable[..., None], language: str
) -> None:
    movement = _movement(make_lab(shop, language=language, **OPEN))
    check_chart(movement.chart(), language, most_rows=16, without=EVERYBODY)
    check_chart(movement.shares_chart(), language, most_rows=6, without=EVERYBODY)
    rows = movement.table().payload()["rows"]
    one, two = list(wilson(1, 1)), list(wilson(2, 2))
    assert [row[2:] for row in rows] == [[1, 1.0, one], [1, 1.0, one], [2, 1.0, two]]
    spec = movement.shares_chart().to_dict()
    (data,) = spec["datasets"].values()
    assert [(row["group"], row["count"], row["share"]) for row in data] == [
        ("2024-03-31", 1, 0.5),
        ("2024-03-31", 0, 0.0),
        ("2024-03-31", 1, 0.5),
        ("2024-06-30", 2, 0.5),
        ("2024-06-30", 1, 0.25),
        ("2024-06-30", 1, 0.25),
    ]
    assert "50.0%" in spec["title"]["text"]


def test_more_classes_than_colours(make_lab: MakeLab, check_chart: Callable[..., None]) -> None:
    lab = make_lab(many(), **OPEN)
    movement = lab.classify("rfm").compare(lab.classify("rfm", as_of=EARLIER))
    spec = movement.shares_chart().to_dict()
    scale = spec["layer"][0]["encoding"]["color"]["scale"]
    assert len(scale["range"]) == len(scale["domain"]) == 11
    check_chart(movement.chart(), "zh", most_rows=132)


@pytest.mark.parametrize("rows", ["", "a,2024-06-30,5\n", "a,2024-01-01,5\nb,2024-01-01,5\n"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_hardly_any_customers(
    make_lab: MakeLab, check_chart: Callable[..., None], rows: str, language: str
) -> None:
    lab = make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}, language=language, **FIXED)
    movement = _movement(lab)
    for chart in (movement.chart(), movement.shares_chart()):
        check_chart(chart, language)
    assert len(movement.table().payload()["rows"]) == movement.matrix.height


def test_small_moves_are_hidden_and_cannot_be_computed(make_lab: MakeLab) -> None:
    plain = _movement(make_lab(many(), **OPEN))
    movement = _movement(make_lab(many(), language="en", **FIXED))
    both = plain.matrix.join(movement.matrix, on=["before", "after"], suffix="_shown")
    small = both.filter(pl.col("customers") < 5)
    assert small.height > 0
    assert small["customers_shown"].drop_nulls().is_empty()
    assert small["share_shown"].drop_nulls().is_empty()
    hidden = movement.matrix.filter(pl.col("customers").is_null())
    assert hidden["before"].value_counts()["count"].min() > 1  # type: ignore[operator]
    table = movement.table().payload()
    assert f"{hidden.height} cells show “–”" in table["note"]
    assert [row[2:] for row in table["rows"] if row[2] is None] == [[None, None, None]] * hidden.height
    (data,) = movement.chart().to_dict()["datasets"].values()
    assert [row["customers"] for row in data] == movement.matrix["customers"].to_list()
    assert {row["text"] for row in data if row["customers"] is None} == {"–"}
    assert movement.moved("active", {"dormant", "lost"}) is None or "active" not in hidden["before"]


def test_small_classes_are_drawn_together(make_lab: MakeLab, shop: Shop) -> None:
    movement = _movement(make_lab(shop, language="en", **FIXED, privacy={"smallest_group": 2}))
    (data,) = movement.shares_chart().to_dict()["datasets"].values()
    assert {row["name"] for row in data} == {"Other (incl. groups under 2)"}
    assert movement.moved("active", {"dormant", "lost"}) is None
    assert "–" in movement.shares_chart().to_dict()["title"]["text"]
    assert movement.chart().to_dict()["title"]["text"] == "Migration matrix: Customer status"


def _feedback(n: int = 12) -> dict[str, str]:
    """Return orders, and feedback of long ago from half of the customers that is forgotten since."""
    said = [f"c{i:02},2023-05-01,{5 if i % 2 else 1},csat_1_5" for i in range(n)]
    said += [f"c{i:02},2024-06-01,5,csat_1_5" for i in range(0, n, 2)]
    orders = [f"c{i:02},2023-01-01,5" for i in range(n)]
    return {
        "orders": "\n".join(["customer_id,ordered_at,amount", *orders]) + "\n",
        "feedback": "\n".join(["customer_id,given_on,score,scale", *said]) + "\n",
    }


def test_who_has_no_class_any_more_is_not_lost(make_lab: MakeLab, check_chart: Callable[..., None]) -> None:
    """Satisfaction of a year ago is no satisfaction today: those customers leave, and are counted."""
    lab = make_lab(_feedback(), language="en", **OPEN)
    before, after = lab.classify("feedback", as_of=EARLIER), lab.classify("feedback")
    movement = Movement(before, after)
    assert movement.after_ids[-1] == LEAVER
    then = dict(before.summary.select("label", "customers").iter_rows())
    assert dict(zip(movement.before_ids, movement.row_totals, strict=True)) == {
        **{name: then[name] for name in before.scheme.ids},
        NEWCOMER: 0,
    }
    gone = movement.matrix.filter(pl.col("after") == LEAVER)
    assert gone.select("before", "customers").rows() == [("satisfied", 6)]
    check_chart(movement.chart(), "en", most_rows=16)
    assert "No class any more" in json.dumps(movement.table().payload())
    assert LEAVER not in movement.movers("any").summary["after"]
    alluvial = Alluvial([before, after])
    check_chart(alluvial.chart(), "en", most_rows=200)
    assert alluvial.summary.filter(pl.col("after") == LEAVER)["customers"].to_list() == [6]


def test_only_one_rule_on_two_days_in_order_can_be_compared(make_lab: MakeLab) -> None:
    lab = make_lab(many(), **OPEN)
    status, earlier = lab.classify("status"), lab.classify("status", as_of=EARLIER)
    with pytest.raises(ParamsError, match="one classification on two days; given: 'rfm' and 'status'"):
        status.compare(lab.classify("rfm", as_of=EARLIER))
    with pytest.raises(ParamsError, match="2024-06-30, then 2024-03-31"):
        earlier.compare(status)
    with pytest.raises(ParamsError, match="2024-06-30, then 2024-06-30"):
        status.compare(status)
    with pytest.raises(ParamsError, match="differs in dormant_after_days"):
        status.compare(lab.classify("status", as_of=EARLIER, dormant_after_days=30))
    with pytest.raises(ParamsError, match="what it learned, and when"):
        lab.classify("rfm").compare(lab.classify("rfm", as_of=EARLIER, learned_on=EARLIER))


def test_replay_keeps_parameters_and_cut_points(make_lab: MakeLab) -> None:
    lab = make_lab(many(), **OPEN)
    short = lab.classify("status", dormant_after_days=20)
    then = replay(short, EARLIER)
    assert then.labels.equals(lab.classify("status", as_of=EARLIER, dormant_after_days=20).labels)
    assert not then.labels.equals(lab.classify("status", as_of=EARLIER).labels)
    assert Movement(then, short).matrix.height > 0
    assert replay(short, short.as_of) is short
    learned = lab.classify("rfm", learned_on=EARLIER)
    assert replay(learned, EARLIER).classifier is learned.classifier
