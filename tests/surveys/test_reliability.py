from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from crmlab.surveys.reliability import cronbach_alpha

# Chatterjee & Price 1977, Regression Analysis by Example: employees of 30 departments on seven questions.
ATTITUDE = np.array(
    [
        [43, 51, 30, 39, 61, 92, 45], [63, 64, 51, 54, 63, 73, 47], [71, 70, 68, 69, 76, 86, 48],
        [61, 63, 45, 47, 54, 84, 35], [81, 78, 56, 66, 71, 83, 47], [43, 55, 49, 44, 54, 49, 34],
        [58, 67, 42, 56, 66, 68, 35], [71, 75, 50, 55, 70, 66, 41], [72, 82, 72, 67, 71, 83, 31],
        [67, 61, 45, 47, 62, 80, 41], [64, 53, 53, 58, 58, 67, 34], [67, 60, 47, 39, 59, 74, 41],
        [69, 62, 57, 42, 55, 63, 25], [68, 83, 83, 45, 59, 77, 35], [77, 77, 54, 72, 79, 77, 46],
        [81, 90, 50, 72, 60, 54, 36], [74, 85, 64, 69, 79, 79, 63], [65, 60, 65, 75, 55, 80, 60],
        [65, 70, 46, 57, 75, 85, 46], [50, 58, 68, 54, 64, 78, 52], [50, 40, 33, 34, 43, 64, 33],
        [64, 61, 52, 62, 66, 80, 41], [53, 66, 52, 50, 63, 80, 37], [40, 37, 42, 58, 50, 57, 49],
        [63, 54, 42, 48, 66, 75, 33], [66, 77, 66, 63, 88, 76, 72], [78, 75, 58, 74, 80, 78, 49],
        [48, 57, 44, 45, 51, 83, 38], [85, 85, 71, 71, 77, 74, 55], [82, 82, 39, 59, 64, 78, 39],
    ]
)  # fmt: skip


def test_alpha_and_its_interval_as_published() -> None:
    # Revelle, An introduction to the psych package: alpha .84, Feldt's interval .74 to .92.
    found = cronbach_alpha(ATTITUDE)
    assert found == pytest.approx((0.84, 0.74, 0.92), abs=0.006)


def test_alpha_without_each_question_as_published() -> None:
    dropped = [cronbach_alpha(np.delete(ATTITUDE, place, axis=1)).value for place in range(7)]
    assert dropped == pytest.approx([0.81, 0.80, 0.83, 0.80, 0.80, 0.86, 0.84], abs=0.006)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    # Five parallel questions that correlate by .4: alpha = 5 · .4 / (1 + 4 · .4).
    truth = 5 * 0.4 / (1 + 4 * 0.4)
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(600):
        common = rng.standard_normal((60, 1)) * 0.4**0.5
        low, high = cronbach_alpha(common + rng.standard_normal((60, 5)) * 0.6**0.5)[1:]
        covered.append(low <= truth <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("answers", [[[1, 2]], [[1], [2]], [[3, 3], [3, 3]]])
def test_alpha_needs_answers_that_differ(answers: list[list[int]]) -> None:
    assert isnan(cronbach_alpha(answers).value)
