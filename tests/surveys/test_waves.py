from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from crmlab.lab import Lab
from crmlab.satisfaction import nps_interval
from crmlab.segments.separation import Estimate
from crmlab.surveys.association import difference_test
from crmlab.targeting.effects import difference_of_rates
from crmlab.view.findings import Note
from crmlab.view.tables import Table

Make = Callable[..., Lab]


def sheets_of(day: str, good: int, bad: int) -> list[dict[str, Any]]:
    return [{"满意吗": (score, "csat_1_5"), "given_on": day} for score in [5] * good + [1] * bad]


def test_each_wave_is_compared_with_the_one_before(make_lab: Make, sheets_csv: Any, check_chart: Any) -> None:
    sheets = [
        *sheets_of("2024-01-15", 30, 70),
        *sheets_of("2024-02-15", 60, 40),
        *sheets_of("2024-03-15", 62, 38),
    ]
    lab = make_lab({"feedback": sheets_csv(sheets)}, surveys={"wave": "month"})
    found = lab.surveys.waves.summary
    assert found["wave"].to_list() == ["2024-01", "2024-02", "2024-03"]
    second = found.row(1, named=True)
    expected = difference_of_rates(60, 100, 30, 100)
    assert (second["change"], second["change_low"], second["change_high"]) == pytest.approx(tuple(expected))
    assert found["differs"].to_list() == [None, True, False]
    assert second["p_adjusted"] == pytest.approx(2 * second["p_value"])
    said = lab.surveys.waves.note()
    assert "在 2024-02 上升 30.0 个百分点" in said.plain()
    check_chart(lab.surveys.waves.chart(), "zh")
    assert isinstance(lab.surveys.waves.table(), Table)


def test_small_waves_are_not_compared_and_tiny_ones_not_shown(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [
        *sheets_of("2023-12-15", 40, 40),
        *sheets_of("2024-02-15", 10, 2),
        *sheets_of("2024-04-15", 3, 0),
    ]
    sheets += sheets_of("2024-05-15", 40, 40)
    lab = make_lab({"feedback": sheets_csv(sheets)})
    found = lab.surveys.waves.summary
    assert found["wave"].to_list() == ["2023 Q4", "2024 Q1", "2024 Q2"]
    assert found["p_value"].is_null().to_list() == [True, True, False]
    assert found.row(2, named=True)["change"] == pytest.approx(43 / 83 - 0.5)


def test_one_wave_is_a_note(make_lab: Make, sheets_csv: Any) -> None:
    lab = make_lab({"feedback": sheets_csv(sheets_of("2024-01-15", 30, 70))}, surveys={"wave": "year"})
    assert isinstance(lab.surveys.waves.chart(), Note)
    assert isinstance(lab.surveys.waves.note(), Note)


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.85, 0.1, 0.05)])
def test_changes_of_the_nps_cover_the_truth_and_raise_few_false_alarms(
    shares: tuple[float, float, float],
) -> None:
    rng = np.random.default_rng(19)
    covered, alarms = [], []
    for first, second in zip(*(rng.multinomial(60, shares, size=1500) for _ in range(2)), strict=True):
        ends = [
            Estimate(100 * (drawn[0] - drawn[2]) / 60, *nps_interval(int(drawn[0]), int(drawn[2]), 60))
            for drawn in (first, second)
        ]
        change, p_value = difference_test(*ends)
        covered.append(change.low <= 0 <= change.high)
        alarms.append(p_value < 0.05)
    assert 0.935 <= np.mean(covered) <= 0.98
    assert np.mean(alarms) <= 0.065
    assert np.mean(alarms) == pytest.approx(1 - np.mean(covered))


def test_waves_are_named_in_the_language_of_the_report(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [
        sheet
        for month, good in (("01", 90), ("02", 20), ("03", 90))
        for sheet in sheets_of(f"2024-{month}-15", good, 100 - good)
    ]
    waves = make_lab({"feedback": sheets_csv(sheets)}, surveys={"wave": "month"}, language="en").surveys.waves
    assert "2024-02, 2024-03" in str(waves.chart().to_dict()["title"])  # type: ignore[union-attr]
    assert "fell by 70.0 percentage points in 2024-02" in waves.note().plain()


def test_the_nps_comes_first_and_rows_of_a_matrix_last(make_lab: Make, sheets_csv: Any) -> None:
    sheets = [
        {"各方面：质量": (4, "csat_1_5"), "满意吗": (4, "csat_1_5"), "推荐吗": (9, "nps_0_10")}
        for _ in range(9)
    ]
    waves = make_lab({"feedback": sheets_csv(sheets)}).surveys.waves
    assert [asked.title for asked in waves.rated] == ["推荐吗", "满意吗", "各方面：质量"]
