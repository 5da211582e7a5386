"""Unique rows and pairs, whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.lifetime import collapse as module
from crmlab_plugins.lifetime.collapse import collapse, unique_pairs

ROWS = st.one_of(
    st.lists(st.tuples(st.integers(0, 9), st.integers(-3, 9), st.integers(0, 9)), max_size=60),
    st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 3), st.integers(0, 3)), max_size=60),
    st.lists(
        st.tuples(st.sampled_from([0.5, 0.25, 7.0]), st.integers(0, 3), st.integers(0, 10**15)), max_size=60
    ),
    st.lists(st.tuples(*(st.integers(-(2**60), 2**60),) * 3), max_size=30),
)


@given(ROWS)
def test_rows_are_those_of_numpy(rows: list[tuple[float, ...]]) -> None:
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    *columns, weights = collapse(*table.T)
    expected, counts = np.unique(table, axis=0, return_counts=True)
    assert np.array_equal(np.stack(columns, axis=1), expected)
    assert np.array_equal(weights, counts)
    *columns, weights = collapse(*table.T, weights=np.full(len(table), 0.5))
    assert np.array_equal(np.stack(columns, axis=1), expected)
    assert np.array_equal(weights, counts / 2)


@given(ROWS)
def test_pairs_bring_back_the_rows(rows: list[tuple[float, ...]]) -> None:
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    x, t, index = unique_pairs(table[:, 0], table[:, 1])
    assert np.array_equal(x[index], table[:, 0])
    assert np.array_equal(t[index], table[:, 1])
    assert len(set(zip(x, t, strict=True))) == len(x) == len(np.unique(index))


def test_integer_columns_are_the_same_as_floats() -> None:
    rng = np.random.default_rng(1)
    whole = [rng.integers(0, most, 5000) for most in (40, 300, 700)]
    some = collapse(*whole)
    for kind in (np.int32, np.float64, np.uint16):
        other = collapse(*(column.astype(kind) for column in whole))
        assert all(np.array_equal(a, b) for a, b in zip(some, other, strict=True))


def test_counting_and_sorting_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    columns = [rng.integers(0, 12, 4000) for _ in range(3)]
    counted, pairs = collapse(*columns), unique_pairs(*columns[:2])
    monkeypatch.setattr(module, "COUNTED", 0)
    ordered, others = collapse(*columns), unique_pairs(*columns[:2])
    assert all(np.array_equal(a, b) for a, b in zip(counted, ordered, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(pairs, others, strict=True))
