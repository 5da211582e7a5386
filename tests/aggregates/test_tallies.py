"""Counters that share a word: none overflows into the next, however long a run is."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.aggregates.tallies import Coded, Tally, sums

COUNTED = {f"code_{code}": [code] for code in range(11)} | {"even": range(0, 11, 2), "none": []}


@given(st.lists(st.lists(st.integers(0, 10), min_size=1, max_size=300), min_size=1, max_size=5))
@settings(max_examples=50)
def test_counts_the_rows_of_each_run(of_runs: list[list[int]]) -> None:
    bounds = np.cumsum([0, *map(len, of_runs)])
    found = Tally(COUNTED, last=10).of(np.concatenate(of_runs), bounds)
    assert list(found) == list(COUNTED)
    for name, codes in COUNTED.items():
        assert found[name].tolist() == [sum(code in codes for code in run) for run in of_runs]


@pytest.mark.parametrize("rows", [255, 256, 65_535, 65_536])
def test_a_run_as_long_as_a_counter_holds_and_one_longer(rows: int) -> None:
    codes, bounds = np.full(rows + 1, 10), np.array([0, rows, rows + 1])
    found = Tally(COUNTED, last=10).of(codes, bounds)
    assert {name: counts.tolist() for name, counts in found.items() if counts.any()} == {
        "code_10": [rows, 1],
        "even": [rows, 1],
    }


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.data())
def test_sums_are_exact_where_they_fit(values: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(values)))
    found = sums(np.array(values), np.array([0, cut, len(values)])).tolist()
    for total, part in zip(found, (values[:cut], values[cut:]), strict=True):
        assert (total - sum(part)) % 2**64 == 0


@pytest.mark.parametrize("values", [3, 253, 254, 300, 70_000])
def test_codes_of_as_many_values_as_a_byte_holds_and_more(values: int) -> None:
    names = [f"v{place}" for place in range(values)]
    written = pl.Series([names[-1], None, names[0], names[-1], "v1"], dtype=pl.Enum(names))
    coded = Coded(written, names[-1:])
    codes = coded.rows(slice(0, 5), np.array([3, 4]), np.array([True, False]))
    counted = {"last": names[-1], "first": names[0], "other": "not there"}
    found = coded.tally(counted, unpaid=True).of(codes, np.array([0, 5]))
    assert {name: count.tolist() for name, count in found.items()} == {
        "last": [1],
        "first": [1],
        "other": [0],
        "refund_count": [1],
        "zero_count": [1],
    }
    assert coded.bits([names[-1], "not there", names[0]]).take(codes).tolist() == [1, 0, 4, 0, 0]
