"""Movement over several days in a row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.movement import NEWCOMER, Movement
from crmlab.movement.alluvial import MOST_CLASSES, Alluvial, quarter_ends
from crmlab.view.movement_charts import _apart
from tests.movement.histories import EARLIER, EVERYBODY, FIXED, OPEN, many

MakeLab = Callable[..., Lab]
DAYS = [date(2023, 12, 31), EARLIER, date(2024, 6, 30)]


def test_quarter_ends() -> None:
    assert quarter_ends(date(2024, 6, 30), 3) == [date(2023, 12, 31), date(2024, 3, 31), date(2024, 6, 30)]
    assert quarter_ends(date(2024, 2, 10), 3) == [date(2023, 9, 30), date(2023, 12, 31), date(2024, 2, 10)]


def test_each_step_is_the_matrix(make_lab: MakeLab) -> None:
    lab = make_lab(many(), **OPEN)
    alluvial = Alluvial.of(lab, "status", DAYS)
    for day, next_day in pairwise(DAYS):
        matrix = Movement(lab.classify("status", as_of=day), lab.classify("status", as_of=next_day)).matrix
        step = alluvial.summary.filter(pl.col("day") == day, pl.col("next_day") == next_day)
        assert step.select("before", "after", "customers", "share").rows() == matrix.rows()
    last = alluvial.sizes.filter(pl.col("day") == DAYS[-1])
    summary = lab.classify("status").summary
    assert dict(last.select("class", "customers").iter_rows()) == dict(
        summary.select("label", "customers").iter_rows()
    )


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("privacy", [1, 5])
def test_it_is_shown(
    make_lab: MakeLab, check_chart: Callable[..., None], language: str, privacy: int
) -> None:
    settings: dict[str, Any] = {**FIXED, "privacy": {"smallest_group": privacy}}
    alluvial = Alluvial.of(make_lab(many(), language=language, **settings), "status")
    check_chart(alluvial.chart(), language, most_rows=500, without=EVERYBODY)
    rows = alluvial.table().payload()["rows"]
    assert len(rows) == alluvial.summary.height
    assert (alluvial.summary["customers"].null_count() > 0) == (privacy > 1)
    if privacy > 1:
        assert alluvial.summary["customers"].drop_nulls().filter(
            alluvial.summary["customers"].drop_nulls().is_between(1, privacy - 1)
        ).is_empty()  # fmt: skip


def test_ribbons_leave_and_meet_their_bars(make_lab: MakeLab) -> None:
    """Where nothing is hidden the ribbons of a bar fill it from its top, end to end."""
    spec = Alluvial.of(make_lab(many(), **OPEN), "status", DAYS).chart().to_dict()
    flows, bars = (spec["datasets"][layer["data"]["name"]] for layer in spec["layer"][:2])
    met = 0
    for first, name, edges in ((0, "before", range(2)), (1, "after", range(1, 3))):
        for edge in edges:
            x = float(edge)
            here = [bar for bar in bars if bar["left"] < x < bar["right"]]
            for bar in here:
                inside = sorted(
                    (row["top"], row["bottom"])
                    for row in flows
                    if row["x"] == x
                    and row[name] == bar["name"]
                    and int(row["flow"].split(".")[0]) == edge - first
                )
                if inside:
                    met += 1
                    assert inside[0][0] == pytest.approx(bar["top"])
                    assert inside[-1][1] == pytest.approx(bar["bottom"])
                    for (_, bottom), (top, _) in pairwise(inside):
                        assert top == pytest.approx(bottom)
    assert met >= 10


def test_the_smallest_classes_are_drawn_together(make_lab: MakeLab, check_chart: Callable[..., None]) -> None:
    alluvial = Alluvial.of(make_lab(many(), language="en", **OPEN), "rfm", DAYS)
    assert len(alluvial.scheme.ids) > MOST_CLASSES
    assert alluvial.sizes["class"].n_unique() == MOST_CLASSES
    check_chart(alluvial.chart(), "en", most_rows=2000)
    assert "“Other” puts together" in alluvial.table().payload()["note"]
    for day, part in alluvial.sizes.group_by("day"):
        assert part["customers"].sum() == sum(
            alluvial.segmentations[DAYS.index(day[0])].labels["label"].is_in(alluvial.scheme.ids)  # type: ignore[arg-type]
        )


def test_a_class_called_new_is_no_newcomer(make_lab: MakeLab) -> None:
    lab = make_lab(many(), **OPEN)
    assert "new" in lab.classify("rfm").scheme.ids
    movement = Movement(lab.classify("rfm", as_of=EARLIER), lab.classify("rfm"))
    assert movement.matrix["customers"].sum() == 60
    known = lab.classify("rfm", as_of=EARLIER).labels
    newcomers = 60 - known["label"].is_in(movement.after.scheme.ids).sum()
    assert movement.row_totals[movement.before_ids.index(NEWCOMER)] == newcomers > 0


def test_days_that_make_no_chart(make_lab: MakeLab) -> None:
    lab = make_lab(many(), **OPEN)
    with pytest.raises(ParamsError, match="2 to 5 different days"):
        Alluvial.of(lab, "status", [EARLIER])
    with pytest.raises(ParamsError, match="the earliest first"):
        Alluvial.of(lab, "status", DAYS[::-1])
    with pytest.raises(ParamsError, match="one classification; given: rfm, status"):
        Alluvial([lab.classify("status", as_of=EARLIER), lab.classify("rfm")])


def test_names_are_pushed_apart_and_stay_inside() -> None:
    assert _apart([1, 2, 3], 5, 100) == [1, 6, 11]
    assert _apart([90, 95, 99], 5, 100) == [90, 95, 100]
    assert _apart([97, 98, 99], 5, 100) == [90, 95, 100]


def test_it_replays_the_rule_that_it_was_given(make_lab: MakeLab) -> None:
    lab = make_lab(many(), **OPEN)
    short = Alluvial.replayed(lab.classify("status", dormant_after_days=20), DAYS)
    assert short.summary.equals(Alluvial.of(lab, "status", DAYS, dormant_after_days=20).summary)
    assert not short.summary.equals(Alluvial.of(lab, "status", DAYS).summary)


@pytest.mark.parametrize(("first", "warned"), [(date(2023, 8, 1), True), (EARLIER, False)])
def test_a_class_that_was_empty_when_the_data_had_just_begun(
    make_lab: MakeLab, first: date, warned: bool
) -> None:
    """The data begin in May 2023: nobody can have been silent for long by August."""
    alluvial = Alluvial.of(make_lab(many(), language="en", **OPEN), "status", [first, date(2024, 6, 30)])
    subtitle = alluvial.chart().to_dict()["title"]["subtitle"]
    assert ("nobody was in Dormant, Lost, perhaps only" in subtitle) == warned


def test_how_much_is_not_drawn(make_lab: MakeLab) -> None:
    alluvial = Alluvial.of(make_lab(many(), language="en", **FIXED), "status", DAYS)
    open_ = Alluvial.of(make_lab(many(), language="en", **OPEN), "status", DAYS)
    share = 1 - alluvial.summary["customers"].sum() / open_.summary["customers"].sum()
    assert 0 < share < 1
    assert f"left out: {share:.1%} of all movement" in alluvial.chart().to_dict()["title"]["subtitle"]
