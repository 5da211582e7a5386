"""Pairs by shared keys, and clusters of pairs."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.identity import find_clusters, find_matches
from crmlab.data.identity.clusters import PAIR_SCHEMA, combine


def _records(**columns: list[object]) -> pl.DataFrame:
    rows = len(next(iter(columns.values())))
    return pl.DataFrame({"customer_id": [chr(97 + row) for row in range(rows)], **columns})


def _pairs(*edges: tuple[str, str, float]) -> pl.DataFrame:
    rows = [(left, right, ["mobile"], score) for left, right, score in edges]
    return pl.DataFrame(rows, schema=PAIR_SCHEMA, orient="row")


def _score(**columns: list[object]) -> float:
    (score,) = find_matches(_records(**columns)).pairs["score"]
    return float(score)


def test_shared_keys_add_up() -> None:
    mobile = ["13800000001", "+86 13800000001"]
    found = find_matches(_records(mobile=mobile, email=["li@qq.com", "LI@qq.com"]))
    assert found.pairs.to_dicts() == [
        {"left": "a", "right": "b", "evidence": ["mobile", "email"], "score": pytest.approx(0.99)}
    ]
    assert found.too_frequent.is_empty()


def test_what_speaks_for_and_against_a_match() -> None:
    mobile: list[object] = ["13800000001"] * 2
    alone = _score(mobile=mobile)
    assert alone == pytest.approx(0.9)
    assert _score(mobile=mobile, name=["王芳", " 王 芳"]) == pytest.approx(0.95)
    assert _score(mobile=mobile, name=["王芳", "李强"]) == pytest.approx(0.72)
    assert _score(mobile=mobile, name=["王芳", "测试"]) == alone
    assert _score(mobile=mobile, birth_date=[date(1990, 1, 1), date(1960, 1, 1)]) == pytest.approx(0.45)
    assert _score(mobile=mobile, birth_date=[date(1990, 1, 1), None]) == alone
    numbers: list[object] = ["11010519491231002X", "440524198001010013"]
    assert _score(mobile=mobile, identity_number=numbers) == pytest.approx(0.45)
    places: list[object] = ["北京华联商厦有限公司", "上海华联商厦有限公司"]
    assert _score(company=places) == pytest.approx(0.35)


def test_clusters_are_transitive_and_as_firm_as_their_weakest_link() -> None:
    found = find_clusters(_pairs(("a", "b", 0.99), ("c", "d", 0.95), ("b", "c", 0.6), ("x", "y", 0.7)))
    assert found.select("record_id", "cluster", "score", "cluster_score").rows() == [
        ("a", "a", 0.99, 0.6), ("b", "a", 0.99, 0.6), ("c", "a", 0.95, 0.6), ("d", "a", 0.95, 0.6),
        ("x", "x", 0.7, 0.7), ("y", "x", 0.7, 0.7),
    ]  # fmt: skip
    # A second, firmer way around makes the weak pair needless.
    firm = find_clusters(_pairs(("a", "b", 0.99), ("b", "c", 0.6), ("a", "c", 0.9)))
    assert firm["cluster_score"].unique().to_list() == [0.9]


def test_no_pairs_make_no_clusters() -> None:
    assert find_clusters(combine()).is_empty()
    assert find_matches(_records(mobile=["13800000001", None])).pairs.is_empty()


def test_matchers_are_combined() -> None:
    other = _pairs(("a", "b", 0.95), ("b", "c", 0.8)).with_columns(
        evidence=pl.lit(["probabilistic", "mobile"])
    )
    assert combine(_pairs(("a", "b", 0.9)), other).rows() == [
        ("a", "b", ["mobile", "probabilistic"], 0.95),
        ("b", "c", ["probabilistic", "mobile"], 0.8),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda edge: edge[0] < edge[1]), unique=True
    )
)
def test_clusters_are_the_connected_components(edges: list[tuple[int, int]]) -> None:
    names = [(f"{left:02d}", f"{right:02d}") for left, right in edges]
    found = find_clusters(_pairs(*((left, right, 0.9) for left, right in names)))
    group: dict[str, str] = {end: end for edge in names for end in edge}
    for _ in group:
        for left, right in names:
            group[left] = group[right] = min(group[left], group[right])
    assert dict(found.select("record_id", "cluster").iter_rows()) == group


def test_the_order_of_records_does_not_matter() -> None:
    records = _records(
        mobile=["13800000001", "13800000002", "13800000001/13800000002", None], name=list("赵钱孙李")
    )
    there = find_clusters(find_matches(records).pairs)
    assert there.equals(find_clusters(find_matches(records.reverse()).pairs))
    assert there["cluster"].to_list() == ["a", "a", "a"]
