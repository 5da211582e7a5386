"""What lies in the folder: the same bytes each time, a truth that fits, a study that opens."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from crmlab.data.samples.company import TABLES, Company
from crmlab.data.samples.parameters import BLOCK, DRIVERS, SEGMENTS
from crmlab.data.samples.writer import write_company
from crmlab.data.schemas import columns
from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.params import read_study


def _sums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("companies") / "shop"
    write_company(folder, 400, 3)
    return folder


def test_the_same_numbers_give_the_same_bytes(shop: Path, tmp_path: Path) -> None:
    write_company(tmp_path / "shop", 400, 3)
    assert _sums(tmp_path / "shop") == _sums(shop)
    write_company(tmp_path / "other" / "shop", 400, 4)
    changed = {name for name, sum_ in _sums(tmp_path / "other" / "shop").items() if _sums(shop)[name] != sum_}
    same = {"campaigns.csv", "improvements.csv", "shop.yaml", "truth/season.parquet"}
    assert changed == set(_sums(shop)) - same


def test_several_blocks_make_one_file(tmp_path: Path, two_blocks: list[Company]) -> None:
    told: list[int] = []
    written = write_company(tmp_path / "big", BLOCK + 10, 3, form="parquet", advance=told.append)
    assert told == [BLOCK, 10]
    for name in ("customers", "orders"):
        headers = {column.text.zh: column.name for column in columns(name)}
        table = pl.read_parquet(tmp_path / "big" / f"{name}.parquet")
        whole = pl.concat([block.tables[name] for block in two_blocks])
        assert table.rename(headers, strict=False).equals(whole)
        assert written.rows[name] == table.height
    people = pl.read_parquet(tmp_path / "big" / "truth" / "customers.parquet")
    assert people.equals(pl.concat([block.truth["customers"] for block in two_blocks]))


def test_headers_are_chinese_and_excel_reads_them(shop: Path) -> None:
    for name in TABLES:
        raw = (shop / f"{name}.csv").read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf")
        headers = raw.decode("utf-8-sig").splitlines()[0].split(",")
        known = {column.text.zh for column in columns(name)}
        assert set(headers) <= known
        assert len(set(headers)) == len(headers)


def test_dirt_is_on_the_line_that_a_spreadsheet_shows(shop: Path) -> None:
    dirt = pl.read_parquet(shop / "truth" / "dirt.parquet").filter(table="orders", kind="unreadable_amount")
    lines = (shop / "orders.csv").read_text(encoding="utf-8-sig").splitlines()
    assert dirt.height
    assert ["待定" in lines[line - 1] for line in dirt["source_row"]] == [True] * dirt.height


def test_the_study_opens_and_its_tables_are_what_the_truth_says(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    study, warnings = read_study(shop / "shop.yaml")
    assert not warnings
    tables = Lab(study).tables
    dirt = pl.read_parquet(shop / "truth" / "dirt.parquet")
    for name in TABLES:
        count = tables.count(name)
        assert count.read == json.loads((shop / "truth.json").read_text(encoding="utf-8"))["rows"][name]
        assert count.rejected == dirt.filter(table=name)["reason"].is_not_null().sum()
    assert study.as_of == date(2024, 12, 31)
    caution = tables.owner("orders").caution
    assert caution is not None
    assert "生成数据" in caution.zh
    assert "generated data" in caution.en


def test_the_truth_file_fits_its_tables(shop: Path) -> None:
    truth = json.loads((shop / "truth.json").read_text(encoding="utf-8"))
    assert [segment["id"] for segment in truth["purchases"]["segments"]] == [
        segment.id for segment in SEGMENTS
    ]
    assert truth["satisfaction"]["weights"] == DRIVERS
    dirt = pl.read_parquet(shop / "truth" / "dirt.parquet")
    assert sum(entry["rows"] for entry in truth["dirt_found"]) == dirt.height
    refunds = [entry["rows"] for entry in truth["dirt_found"] if entry["kind"] == "refund"]
    orders = pl.read_csv(shop / "orders.csv", infer_schema=False)
    assert refunds == [orders.filter(订单状态="已退款").height]
    contacts = pl.read_parquet(shop / "truth" / "contacts.parquet")
    for campaign in truth["campaigns"]:
        own = contacts.filter(campaign_id=campaign["campaign_id"])
        assert sum(effect["contacts"] for effect in campaign["effects"]) == own.height
        mean = sum(effect["contacts"] * effect["uplift"] for effect in campaign["effects"]) / own.height
        assert mean == pytest.approx(own["uplift"].mean(), abs=1e-5)
    identities = pl.read_parquet(shop / "truth" / "identities.parquet")
    assert sum(truth["identities"]["kinds"].values()) == identities.height


def test_the_readme_says_in_both_languages_that_all_is_generated(shop: Path) -> None:
    text = (shop / "README.md").read_text(encoding="utf-8")
    assert "全部为生成数据" in text
    assert "All of it is generated data" in text
    assert "crmlab sample shop --customers 400 --seed 3`" in text
    assert all(f"`{name}.csv`" in text for name in TABLES)


def test_without_dirt_nothing_is_dirty(tmp_path: Path) -> None:
    write_company(tmp_path / "pure", 100, 3, dirt=False)
    assert pl.read_parquet(tmp_path / "pure" / "truth" / "dirt.parquet").is_empty()
    truth = json.loads((tmp_path / "pure" / "truth.json").read_text(encoding="utf-8"))
    assert (truth["dirt"], truth["dirt_found"]) == (False, [])
    assert "--clean" in (tmp_path / "pure" / "README.md").read_text(encoding="utf-8")


def test_what_is_there_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ParamsError, match="not empty"):
        write_company(folder, 5, 1)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    write_company(folder, 5, 1, form="parquet", force=True)
    write_company(folder, 5, 1, force=True)
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert not list(folder.glob("*.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_break_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(customers: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_company(tmp_path / "shop", 5, 1, advance=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "customers", "seed", "said"),
    [
        ("shop", 0, 1, "1 to 5,000,000"),
        ("shop", 5_000_001, 1, "1 to 5,000,000"),
        ("shop", 5, -1, "seed"),
        ("My Shop", 5, 1, "for example 'shop'"),
        ("..", 5, 1, "cannot name a company"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, name: str, customers: int, seed: int, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        write_company(tmp_path / name, customers, seed)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("", encoding="utf-8")
    with pytest.raises(ParamsError, match="is a file"):
        write_company(tmp_path / "shop", 5, 1)
    with pytest.raises(ParamsError, match="cannot be written"):
        write_company(tmp_path / "shop" / "inner", 5, 1)
