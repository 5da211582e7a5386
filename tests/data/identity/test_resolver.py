"""The probabilistic resolver, measured on labelled data that it never sees the labels of."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import polars as pl
import pytest

from benchmarks.identity import FEBRL_FIELDS, generated, quality, read_febrl
from crmlab.data.identity import find_matches, resolve
from crmlab.data.identity.clusters import PAIR_SCHEMA, combine
from crmlab.data.identity.comparisons import Comparison, prepared
from crmlab.data.identity.resolver import _with_shares
from crmlab.errors import DataError, MissingExtraError, ParamsError
from tests.data.identity.people import customers as people


def _told(name: str, figures: tuple[float, float, float]) -> None:
    precision, recall, f1 = figures
    sys.stdout.write(f"{name}: precision {precision:.4f}, recall {recall:.4f}, F1 {f1:.4f}\n")


def test_febrl_dataset3(shared_data: Path) -> None:
    records = read_febrl(shared_data / "febrl" / "dataset3.csv")
    truth = records.select(record_id="customer_id", entity=pl.col("customer_id").str.extract(r"^rec-(\d+)-"))
    figures = quality(truth, resolve(records, FEBRL_FIELDS))
    _told("febrl dataset3", figures)
    precision, recall, f1 = figures
    assert precision >= 0.98
    assert recall >= 0.98
    assert f1 >= 0.985


def test_chinese_customers() -> None:
    records, truth = people()
    pairs = resolve(records)
    found = quality(truth, pairs)
    keys = find_matches(records).pairs
    exact, both = quality(truth, keys), quality(truth, combine(keys, pairs))
    for name, figures in (("keys", exact), ("resolver", found), ("both", both)):
        _told(f"generated Chinese customers, {name}", figures)
    assert exact[0] >= 0.99  # keys are exact, and miss whoever changed the number
    assert found[2] >= 0.97
    assert both[1] >= max(found[1], exact[1])
    assert pairs.schema == PAIR_SCHEMA
    assert (pairs["left"] < pairs["right"]).all()
    assert pairs["score"].is_between(0.9, 1).all()
    assert {"probabilistic", "name", "~name", "mobile", "~home_address"} <= set(pairs["evidence"].explode())


def test_the_generated_company() -> None:
    # Second registrations leave out e-mail, WeChat and identity number: nothing is to be learned from these.
    records, truth = generated(3_000, 7)
    pairs = resolve(records)
    keys = find_matches(records).pairs
    exact, found, both = (quality(truth, each) for each in (keys, pairs, combine(keys, pairs)))
    for name, figures in (("keys", exact), ("resolver", found), ("both", both)):
        _told(f"generated company, {name}", figures)
    assert exact[0] == 1
    assert exact[1] >= 0.6  # most kinds of second records have another mobile number, or none
    assert found[0] >= 0.97
    assert found[1] >= 0.97
    assert both[2] >= 0.98


def test_a_family_is_not_one_customer() -> None:
    records, _ = people(600)
    homes = records["home_address", "phone", "city"][:100]
    family = records.head(100).with_columns(
        customer_id="k" + pl.col("customer_id"),
        name=pl.col("name").str.slice(0, 1) + "璨",
        mobile=pl.lit("1990000") + pl.int_range(1000, 1100).cast(pl.String),
        email=None,
        birth_date=pl.col("birth_date").dt.offset_by("25y4mo3d"),
    )
    assert family.select(homes.columns).equals(homes)
    pairs = resolve(pl.concat([records, family], how="vertical_relaxed"))
    assert pairs.filter(pl.col("left") == "k" + pl.col("right")).is_empty()


def test_what_is_learned_is_weighed_and_kept_plausible() -> None:
    null = {"is_null_level": True}
    levels = [null, {"u_probability": 0.001}, {"u_probability": 0.001}, {"u_probability": 0.998}]
    model = {"comparisons": [{"output_column_name": "email", "comparison_levels": levels}]}
    shares = [({"email": [0.2, 0.5, 0.3]}, 0.9), ({"email": [0.1, 0.0, 0.9]}, 0.1), ({}, 1.0)]
    told = [
        level["m_probability"]
        for level in _with_shares(model, shares)["comparisons"][0]["comparison_levels"][1:]
    ]
    assert told == pytest.approx([0.19, 0.19, 0.62])  # similar is no better evidence than equal


def test_the_same_customers_give_the_same_pairs_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    records, _ = people(300)
    level = logging.getLogger("splink").level
    first = resolve(records)
    assert first.height > 50
    assert resolve(records).equals(first)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("splink").level == level


def test_customers_whose_records_agree_in_everything() -> None:
    records, _ = people(200)
    again = records.with_columns(customer_id="9" + pl.col("customer_id"))
    pairs = resolve(pl.concat([records, again]))
    twins = pairs.filter(pl.col("left") == "9" + pl.col("right"))
    assert twins.height == records.height


def test_names_are_prepared_by_sound_and_characters() -> None:
    names = ["王晓芳", "王芳晓", "汪晓方", "Wang Xiaofang", "测试", None]
    records = pl.DataFrame({"customer_id": list("abcdef"), "name": names})
    found = prepared(records, {"name": Comparison("name")})
    assert found["name_sound"].to_list() == [
        "wangxiaofang", "wangfangxiao", "wangxiaofang", "wangxiaofang", None, None,
    ]  # fmt: skip
    characters = found["name_characters"].to_list()
    assert characters[0] == characters[1] != characters[2]
    assert characters[3:] == [None, None, None]


def test_too_little_to_learn_from_is_an_error() -> None:
    records, _ = people(10)
    with pytest.raises(DataError, match="learns from 30 at least"):
        resolve(records)
    with pytest.raises(DataError, match="at least three fields that are filled; the customers have 2"):
        resolve(records.select("customer_id", "name", "mobile"))
    with pytest.raises(ParamsError, match="Did you mean 'name'"):
        resolve(records, {"nam": Comparison("name")})


@pytest.mark.parametrize("missing", ["splink", "pypinyin"])
def test_without_the_extra_the_error_names_it(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    records, _ = people(300)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'crmlab\[identity\]'"):
        resolve(records)
