"""Merges: what is accepted and nothing else, and every merge can be taken back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.data.identity import Merged, Survivorship, apply, find_matches, propose
from crmlab.data.identity.merging import IDENTITIES
from crmlab.errors import DataError

CUSTOMERS = pl.DataFrame(
    {
        "customer_id": ["c9", "c2", "c5", "c1"],
        "name": ["王芳", "李强", "王方", "王芳"],
        "mobile": ["13800000001", None, "138-0000-0001", "+86 13800000001"],
        "city": [None, "上海", "北京", None],
        "source": ["网店", "网店", "门店", "门店"],
        "registered_on": [date(2020, 1, 1), date(2021, 1, 1), date(2019, 5, 5), None],
        "updated_at": [datetime(2024, 3, 1, tzinfo=UTC), None, datetime(2024, 1, 1, tzinfo=UTC), None],
    },
    schema_overrides={"updated_at": pl.Datetime("us", "UTC")},
)


def _accepted(customers: pl.DataFrame) -> pl.DataFrame:
    return propose(customers, find_matches(customers).pairs).with_columns(decision=pl.lit("accept"))


def test_accepted_records_become_one_customer() -> None:
    merged = apply(CUSTOMERS, _accepted(CUSTOMERS), since=date(2024, 6, 30))
    assert merged.customers.to_dicts() == [
        {
            "customer_id": "c1",
            "name": "王芳",
            "mobile": "13800000001",
            "city": "北京",
            "source": "网店",
            "registered_on": date(2019, 5, 5),
            "updated_at": datetime(2024, 3, 1, tzinfo=UTC),
        },
        CUSTOMERS.row(1, named=True),
    ]
    assert merged.customers.schema == CUSTOMERS.schema
    assert merged.identities.schema == IDENTITIES
    assert merged.identities.select("record_id", "customer_id", "key_kind", "key_value", "since").rows() == [
        ("c9", "c1", "mobile", "13800000001", date(2024, 6, 30)),
        ("c2", "c2", None, None, None),
        ("c5", "c1", "mobile", "13800000001", date(2024, 6, 30)),
        ("c1", "c1", "mobile", "13800000001", date(2024, 6, 30)),
    ]
    # The mobile numbers differ only in how they are typed; source and time are of the record.
    assert merged.conflicts.select("field", "record_id", "kept", "others").rows() == [
        ("name", "c9", "王芳", ["王方"]),
        ("registered_on", "c5", "2019-05-05", ["2020-01-01"]),
    ]
    assert ("city", "c5", "newest") in merged.provenance.select("field", "record_id", "rule").rows()


def test_nothing_is_merged_that_is_not_accepted() -> None:
    proposals = propose(CUSTOMERS, find_matches(CUSTOMERS).pairs)
    assert set(proposals["decision"]) == {"proposed"}
    merged = apply(CUSTOMERS, proposals)
    assert merged.customers.equals(CUSTOMERS)
    assert merged.originals.is_empty()
    assert merged.identities["customer_id"].to_list() == CUSTOMERS["customer_id"].to_list()


def test_rules_reach_the_merge() -> None:
    rules = Survivorship("trusted_source", {"name": "most_complete"}, ("门店", "网店"))
    merged = apply(CUSTOMERS, _accepted(CUSTOMERS), rules)
    assert merged.customers.select("name", "mobile", "source").row(0) == ("王方", "138-0000-0001", "门店")


def test_a_key_that_the_cluster_does_not_share_is_not_its_reason() -> None:
    customers = CUSTOMERS.with_columns(email=pl.Series(["a@qq.com", None, "b@qq.com", "a@qq.com"]))
    merged = apply(customers, _accepted(customers).with_columns(evidence=pl.lit(["probabilistic"])))
    assert merged.identities["key_kind"].to_list() == ["mobile", None, "mobile", "mobile"]
    other = customers.with_columns(
        pl.lit(None, pl.String).alias("mobile"), pl.lit(None, pl.String).alias("email")
    )
    merged = apply(other, _accepted(CUSTOMERS).with_columns(evidence=pl.lit(["probabilistic"])))
    assert merged.identities["key_kind"].to_list() == [
        "probabilistic",
        None,
        "probabilistic",
        "probabilistic",
    ]


@st.composite
def _tables(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Draw customers in any order, clusters of them with any decisions, and ids to undo."""
    rows = draw(st.integers(1, 12))
    ids = draw(st.permutations([f"c{row:02d}" for row in range(rows)]))
    values = st.lists(st.one_of(st.none(), st.integers(-2, 2)), min_size=rows, max_size=rows)
    texts = st.lists(st.sampled_from([None, "", "王", "=1", "13800000001"]), min_size=rows, max_size=rows)
    customers = pl.DataFrame(
        {"customer_id": ids, "value": draw(values), "mobile": draw(texts), "name": draw(texts)},
        schema={"customer_id": pl.String, "value": pl.Int32, "mobile": pl.String, "name": pl.String},
    )
    cluster = draw(st.lists(st.sampled_from("uvw"), min_size=rows, max_size=rows))
    decision = draw(st.lists(st.sampled_from(["accept", "reject", "proposed"]), min_size=rows, max_size=rows))
    proposals = pl.DataFrame({"record_id": ids, "cluster": cluster, "decision": decision}).with_columns(
        score=0.9, evidence=pl.lit(["mobile"])
    )
    accepted = pl.col("decision") == "accept"
    alone = accepted & (accepted.sum().over("cluster") < 2)
    proposals = proposals.with_columns(decision=pl.when(alone).then(pl.lit("reject")).otherwise("decision"))
    merged = (
        proposals.filter(pl.col("decision") == "accept").group_by("cluster").agg(pl.col("record_id").min())
    )
    some = sorted(merged["record_id"])
    undone = draw(st.lists(st.sampled_from(some), unique=True)) if some else []
    return customers, proposals, undone


@settings(max_examples=40)
@given(_tables())
def test_undoing_is_leaving_out(case: tuple[pl.DataFrame, pl.DataFrame, list[str]]) -> None:
    customers, proposals, undone = case
    merged = apply(customers, proposals)
    assert merged.undo().customers.equals(customers)
    assert merged.undo().identities.equals(apply(customers, proposals.clear()).identities)
    assert merged.customers.height == merged.identities["customer_id"].n_unique()
    assert merged.customers["customer_id"].is_unique().all()

    first = pl.col("record_id").filter(pl.col("decision") == "accept").min().over("cluster").is_in(undone)
    without = proposals.with_columns(
        decision=pl.when(first.fill_null(value=False)).then(pl.lit("reject")).otherwise("decision")
    )
    part, expected = merged.undo(undone), apply(customers, without)
    assert part.customers.equals(expected.customers)
    assert part.identities.equals(expected.identities)
    assert part.originals.equals(expected.originals)
    assert part.provenance.equals(expected.provenance)
    assert part.conflicts.equals(expected.conflicts)


def test_a_merge_is_kept_in_a_folder_and_undone_from_it(tmp_path: Path) -> None:
    apply(CUSTOMERS, _accepted(CUSTOMERS)).save(tmp_path / "merged")
    loaded = Merged.load(tmp_path / "merged")
    assert loaded.undo(["c1"]).customers.equals(CUSTOMERS)
    names = ("conflicts", "customers", "identities", "originals", "provenance")
    assert sorted(path.name for path in (tmp_path / "merged").iterdir()) == [
        f"{name}.parquet" for name in names
    ]
    with pytest.raises(DataError, match="1 of 2 ids to undo are no merged customers"):
        loaded.undo(["c1", "c5"])
    (tmp_path / "merged" / "originals.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"originals\.parquet is missing or damaged"):
        Merged.load(tmp_path / "merged")
