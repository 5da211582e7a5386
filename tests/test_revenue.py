"""How revenue is spread, by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crmlab.lab import Lab
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
EVERYBODY = ("ann", "bob", "cai", "dan", "eve", "fay")


def _orders(amounts: list[float]) -> dict[str, str]:
    lines = [f"c{i},2024-06-01,{amount}" for i, amount in enumerate(amounts)]
    return {"orders": "\n".join(["customer_id,ordered_at,amount", *lines]) + "\n"}


def test_by_hand(make_lab: MakeLab) -> None:
    concentration = make_lab(_orders([80, 10, 5, 5]), privacy={"smallest_group": 1}).concentration
    assert concentration.curve.rows() == [(0, 0), (0.25, 0.8), (0.5, 0.9), (0.75, 0.95), (1, 1)]
    # Mean absolute difference over twice the mean: (2·(70+75+75+5+5+0)/16) / (2·25).
    assert concentration.gini == pytest.approx(0.575)
    assert [concentration.share_for(level) for level in (0.5, 0.8, 0.95)] == [0.25, 0.25, 0.75]
    assert [row[1:] for row in concentration.table().payload()["rows"]] == [[1, 0.25], [1, 0.25], [3, 0.75]]
    low, high = concentration.gini_interval
    assert 0 <= low <= high <= 1


def test_who_never_paid_is_left_out(make_lab: MakeLab, shop: Shop) -> None:
    assert make_lab(shop).concentration.spend.to_list() == [108.06, 50.0, 15.0, 10.0]


def test_equal_customers(make_lab: MakeLab) -> None:
    concentration = make_lab(_orders([7] * 50)).concentration
    assert concentration.gini == 0
    assert concentration.share_for(0.8) == 0.8
    assert tuple(concentration.gini_interval) == (0, 0)


@pytest.mark.parametrize(("n", "group"), [(1, 5), (4, 5), (9, 5), (10, 5), (23, 5), (450, 5), (2000, 20)])
def test_no_point_of_the_curve_tells_what_one_customer_spent(make_lab: MakeLab, n: int, group: int) -> None:
    amounts = [1.0 + i for i in range(n)]
    curve = make_lab(_orders(amounts), privacy={"smallest_group": group}).concentration.curve
    apart = (curve["customer_share"] * n).diff().drop_nulls()
    assert curve.row(0) == (0, 0)
    assert curve.row(-1) == (1, 1)
    assert curve.height <= 200
    assert curve.height == 2 or apart.min() >= group - 1e-6  # type: ignore[operator]
    if n >= 2 * group:
        assert curve.height > 2


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("amounts", [[], [5], [5, 5], [-5], [80, 10, 5, 5], list(range(1, 400))])
def test_it_is_shown(
    make_lab: MakeLab, check_chart: Callable[..., None], amounts: list[float], language: str
) -> None:
    concentration = make_lab(_orders(amounts), language=language).concentration
    chart = concentration.chart()
    if max(amounts, default=0) <= 0:
        assert isinstance(chart, Note)
    else:
        check_chart(chart, language, most_rows=203)
        assert "nan" not in str(chart.to_dict()["title"])
    assert len(concentration.table().payload()["rows"]) == 3
