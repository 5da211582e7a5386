"""Proposals: nothing is accepted by itself, and decisions are kept."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from crmlab.data.identity import find_matches, propose, read_proposals, write_proposals
from crmlab.data.identity.evidence import evidence_text, field_name
from crmlab.data.identity.proposals import SCHEMA, check
from crmlab.errors import DataError, ParamsError
from crmlab.labels import Language


def _customers(*mobiles: str | None) -> pl.DataFrame:
    ids = [chr(97 + row) for row in range(len(mobiles))]
    names = [f"王{row}" for row in ids]
    return pl.DataFrame({"customer_id": ids, "name": names, "mobile": list(mobiles), "source": "店"})


TWO_CLUSTERS = _customers("13800000001", "13800000001", "13800000002", "13800000002", None)
THREE = _customers("13800000001", "13800000001", "13800000001")


def _proposed(
    customers: pl.DataFrame, previous: pl.DataFrame | None = None, auto_accept: float | None = None
) -> pl.DataFrame:
    return propose(customers, find_matches(customers).pairs, previous=previous, auto_accept=auto_accept)


def _decided(proposals: pl.DataFrame, **decisions: str) -> pl.DataFrame:
    decision = pl.col("record_id").replace_strict(decisions, default=pl.col("decision"))
    return proposals.with_columns(decision=decision)


def _decisions(proposals: pl.DataFrame) -> dict[str, tuple[str, str]]:
    return {
        row: (cluster, done)
        for row, cluster, done in proposals.select("record_id", "cluster", "decision").iter_rows()
    }


def test_a_proposal_says_why_and_what_contradicts_it() -> None:
    first = _proposed(TWO_CLUSTERS).row(0, named=True)
    assert first == {
        "cluster": "a",
        "record_id": "a",
        "source": "店",
        "decision": "proposed",
        "score": pytest.approx(0.72),
        "cluster_score": pytest.approx(0.72),
        "evidence": ["mobile"],
        "conflicts": ["name"],
    }


def test_nothing_is_accepted_below_the_stated_score() -> None:
    same = TWO_CLUSTERS.with_columns(
        name=pl.when(pl.col("customer_id") < "c").then(pl.lit("王芳")).otherwise("name")
    )
    assert set(_proposed(same)["decision"]) == {"proposed"}
    decided = {row: done for row, (_, done) in _decisions(_proposed(same, auto_accept=0.95)).items()}
    assert decided == {"a": "accept", "b": "accept", "c": "proposed", "d": "proposed"}
    with pytest.raises(ParamsError, match="above 0 and up to 1"):
        _proposed(same, auto_accept=95)


def test_a_chain_of_sure_pairs_is_not_accepted_over_a_contradiction() -> None:
    chain = pl.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "name": "王芳",
            "mobile": ["13800000001", "13800000001", None],
            "email": [None, "wf@qq.com", "wf@qq.com"],
            "birth_date": [date(1980, 3, 1), None, date(1999, 9, 9)],
        }
    )
    assert set(_proposed(chain, auto_accept=0.9)["cluster_score"]) == {0.95}
    assert set(_proposed(chain, auto_accept=0.9)["decision"]) == {"proposed"}
    assert set(_proposed(chain.drop("birth_date"), auto_accept=0.9)["decision"]) == {"accept"}
    numbers = ["11010519491231002X", None, "440524188001010014"]
    assert set(
        _proposed(chain.with_columns(birth_date=None, identity_number=pl.Series(numbers)), auto_accept=0.9)[
            "decision"
        ]
    ) == {"proposed"}


def test_decisions_stand_when_proposals_are_made_again() -> None:
    decided = _decided(_proposed(TWO_CLUSTERS), a="accept", b="accept", c="reject", d="reject")
    again = _proposed(TWO_CLUSTERS, previous=decided, auto_accept=0.1)
    assert again.equals(decided)


def test_a_merge_stands_when_its_key_is_gone() -> None:
    decided = _decided(_proposed(TWO_CLUSTERS), a="accept", b="accept")
    changed = TWO_CLUSTERS.with_columns(
        mobile=pl.when(pl.col("customer_id") == "b").then(pl.lit("13800000009")).otherwise("mobile")
    )
    assert _decisions(_proposed(changed, previous=decided)) == {
        "a": ("a", "accept"), "b": ("a", "accept"), "c": ("c", "proposed"), "d": ("c", "proposed"),
    }  # fmt: skip


def test_a_new_record_opens_its_cluster_again() -> None:
    accepted = _decided(_proposed(THREE.head(2)), a="accept", b="accept")
    assert _decisions(_proposed(THREE, previous=accepted)) == {
        "a": ("a", "accept"), "b": ("a", "accept"), "c": ("a", "proposed"),
    }  # fmt: skip
    rejected = _decided(_proposed(THREE.head(2)), a="reject", b="reject")
    again = _proposed(THREE, previous=rejected, auto_accept=0.1)
    assert {done for _, done in _decisions(again).values()} == {"proposed"}


def test_a_cluster_that_was_split_stays_split() -> None:
    four = _customers(*["13800000001"] * 4)
    split = _proposed(four).with_columns(
        cluster=pl.when(pl.col("record_id") > "b").then(pl.lit("second")).otherwise("cluster"),
        decision=pl.lit("accept"),
    )
    assert _decisions(_proposed(four, previous=split)) == _decisions(split)


def test_a_merge_falls_when_only_one_of_its_records_is_left() -> None:
    accepted = _decided(_proposed(THREE), a="accept", b="accept", c="reject")
    left = THREE.filter(pl.col("customer_id") != "a")
    assert _decisions(_proposed(left, previous=accepted)) == {"b": ("a", "proposed"), "c": ("a", "reject")}


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_file_comes_back_as_it_was(tmp_path: Path, suffix: str, language: Language) -> None:
    ids = ["=1+1", "007", "'@x", "－5"]
    customers = TWO_CLUSTERS.head(4).with_columns(customer_id=pl.Series(ids))
    proposals = _decided(_proposed(customers), **{"007": "accept", "=1+1": "reject"})
    path = tmp_path / f"merges{suffix}"
    write_proposals(proposals, customers, path, language)
    found = read_proposals(path)
    assert found.drop("row", "conflicts").equals(proposals.drop("conflicts"))
    assert found["row"].to_list() == [2, 3, 4, 5]
    written = path.read_bytes()
    write_proposals(proposals, customers, path, language)
    assert path.read_bytes() == written
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_workbook_holds_text_only(tmp_path: Path) -> None:
    import zipfile

    customers = TWO_CLUSTERS.with_columns(name=pl.lit('=HYPERLINK("http://x.example","y")'))
    path = tmp_path / "merges.xlsx"
    write_proposals(_proposed(customers), customers, path)
    with zipfile.ZipFile(path) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()
        texts = package.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert '<dataValidation type="list"' in sheet
    assert "'=HYPERLINK" in texts
    assert "手机号相同" in texts


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("合并", "accept"),
        ("不合并", "reject"),
        ("Accept ", "accept"),
        ("", "proposed"),
        ("待定", "proposed"),
    ],
)
def test_decisions_in_both_languages(tmp_path: Path, given: str, meant: str) -> None:
    path = tmp_path / "merges.csv"
    path.write_text(f"组,记录编号,决定\n1,a,{given}\n1,b,{given}\n", encoding="gb18030")
    found = read_proposals(path)
    assert found["decision"].to_list() == [meant, meant]
    assert found.drop("row").schema == SCHEMA


def test_files_that_are_no_proposals(tmp_path: Path) -> None:
    path = tmp_path / "merges.csv"
    path.write_text("组,记录编号,决意\n1,a,合并\n", encoding="utf-8")
    with pytest.raises(DataError, match="not exactly one column '决定' or 'Decision'"):
        read_proposals(path)
    path.write_text("组,记录编号,决定\n1,a,合并\n1,b,合并\n合计,,\n", encoding="utf-8")
    with pytest.raises(DataError, match="row 4: it looks like a total"):
        read_proposals(path)
    with pytest.raises(DataError, match=r"kept in a \.xlsx or \.csv file"):
        write_proposals(_proposed(THREE), THREE, tmp_path / "merges.txt")


def test_decisions_that_can_not_be_carried_out() -> None:
    rows = [
        ("1", "a", "acept"),
        ("2", "b", "accept"),
        ("3", "b", "accept"),
        ("3", "c", "accept"),
        ("4", "z", "reject"),
        (None, "c", "reject"),
    ]
    frame = pl.DataFrame(rows, schema=["cluster", "record_id", "decision"], orient="row")
    with pytest.raises(DataError) as caught:
        check(frame, THREE)
    for sentence in (
        "row 2: unknown decision 'acept' Did you mean 'accept'?",
        "row 7: no cluster or record id",
        "row 6: this record is not among the customers any more",
        "row 3, 4: this record is accepted more than once",
        "Decisions are proposed, accept, reject.",
    ):
        assert sentence in str(caught.value)
    alone = pl.DataFrame(
        [("1", "a", "accept"), ("1", "b", "reject")],
        schema=["cluster", "record_id", "decision"],
        orient="row",
    )
    with pytest.raises(DataError, match="row 2: accepted alone in its cluster"):
        check(alone, THREE)


def test_pairs_of_other_customers_are_an_error() -> None:
    with pytest.raises(DataError, match="2 records of the pairs are not among the customers"):
        propose(THREE.tail(1), find_matches(THREE.head(2)).pairs)


def test_evidence_in_words() -> None:
    evidence = pl.Series([["mobile", "~name", "probabilistic"], [], ["shoe_size"]], dtype=pl.List(pl.String))
    assert evidence_text(evidence, "zh").to_list() == ["手机号相同、姓名相近、概率模型", "", "shoe_size相同"]
    assert evidence_text(evidence, "en")[0] == "same mobile, similar name, probability model"
    assert field_name("birth_date").en == "birth date"
