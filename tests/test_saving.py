"""What a report leaves in its folder: names that are safe, files that are whole, a true summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

import crmlab
from crmlab import Classifier, Label, Scheme, Text
from crmlab.errors import PluginContractError
from crmlab.registry import classifiers


class City(Classifier):
    """Everybody is in one class."""

    title: ClassVar[Text] = Text("城市", "City")
    scheme: ClassVar[Scheme] = Scheme("city", "城市", "City", (Label("all", "全部", "All"),))

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return pl.repeat("all", features.height, eager=True)

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame({"zh": ["全部"] * features.height, "en": ["everybody"] * features.height})


@pytest.fixture
def named() -> Iterator[Callable[[str], str]]:
    """Register the classifier under a name, for this test only."""
    before = dict(classifiers._session)

    def register(name: str) -> str:
        classifiers.register(name)(City)
        return name

    yield register
    classifiers._session = before


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files_are_named_by_the_report(make_lab: Any, shop: dict[str, str], tmp_path: Path) -> None:
    lab = make_lab(shop, "segmentation")
    lab.classify("abc")
    lab.save(tmp_path / "out")
    assert files(tmp_path / "out") == {
        ".segmentation.json",
        "segmentation.xlsx",
        "tables/segmentation/abc_summary.parquet",
        "tables/segmentation/abc_customers.parquet",
        "state/segmentation/abc/state.json",
    }


def test_the_run_has_the_word_on_names(
    make_lab: Any, shop: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMLAB_REPORT_NAME", "east-segmentation")
    lab = make_lab(shop, "segmentation")
    lab.classify("abc")
    lab.save(tmp_path / "out")
    assert {name.replace("east-", "") for name in files(tmp_path / "out")} >= {
        ".segmentation.json",
        "segmentation.xlsx",
    }
    assert (tmp_path / "out" / "east-segmentation.xlsx").exists()
    assert (tmp_path / "out" / "state" / "east-segmentation" / "abc").is_dir()


@pytest.mark.parametrize("name", ["../escape", "a/b", "..", "a b", "名字"])
def test_a_plugin_whose_name_is_no_file_name(
    make_lab: Any, shop: dict[str, str], tmp_path: Path, named: Callable[[str], str], name: str
) -> None:
    lab = make_lab(shop, "segmentation")
    lab.classify(named(name))
    with pytest.raises(PluginContractError, match="letters, digits, - and _"):
        lab.save(tmp_path / "deep" / "out")
    assert not (tmp_path / "deep").exists()


def test_sheets_with_long_names_stay_apart(
    make_lab: Any, shop: dict[str, str], tmp_path: Path, named: Callable[[str], str]
) -> None:
    lab = make_lab(shop, "segmentation")
    for ending in ("one", "two"):
        lab.classify(named(f"a-classifier-with-a-name-beyond-{ending}"))
    lab.save(tmp_path / "out")
    sheets = pl.read_excel(tmp_path / "out" / "segmentation.xlsx", sheet_id=0)
    assert list(sheets) == [
        "a-classifier-with-a-name-beyond",
        *(f"a-classifier-with-a-name-bey~{n}" for n in (2, 3, 4)),
    ]


def test_two_sources_of_one_plugin_are_both_told(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("order_id,customer_id,order_date,amount\n1,a,2024-01-01,5\n2,b,x,5\n")
    (tmp_path / "f.csv").write_text("text\n很好\n")
    data = [
        {"source": "files", "files": {name: {"path": str(tmp_path / path)}}}
        for name, path in (("orders", "o.csv"), ("feedback", "f.csv"))
    ]
    lab = crmlab.open("mixed", data=data, as_of="2024-06-30", quality={"max_rejected_share": 0.5})
    lab.classify("abc")
    lab.annotate("sentiment")
    lab.save(tmp_path / "out")
    told = json.loads((tmp_path / "out" / ".mixed.json").read_text(encoding="utf-8"))
    rows = [
        {name: (t["rows"], t["rejected"]) for name, t in entry["tables"].items()} for entry in told["inputs"]
    ]
    assert rows == [{"orders": (2, 1)}, {"feedback": (1, 0)}]
    assert "o.csv" in told["inputs"][0]["origin"]["en"]
    assert "f.csv" in told["inputs"][1]["origin"]["en"]
    assert pl.read_parquet(tmp_path / "out" / "rejected" / "mixed" / "orders.parquet").height == 1
    plugins = {(entry["group"], entry["name"]) for entry in told["plugins"]}
    assert {("crmlab.classifiers", "abc"), ("crmlab.annotators", "sentiment")} <= plugins


def test_a_file_is_written_whole_or_not_at_all(make_lab: Any, shop: dict[str, str], tmp_path: Path) -> None:
    lab = make_lab(shop, "segmentation")
    lab.classify("abc")
    blocked = tmp_path / "out" / "segmentation.xlsx"
    blocked.mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        lab.save(tmp_path / "out")
    assert not [name for name in files(tmp_path / "out") if Path(name).name.startswith(".")]
    assert list(blocked.iterdir()) == []


def test_variants_and_earlier_days_are_not_saved(make_lab: Any, shop: dict[str, str], tmp_path: Path) -> None:
    lab = make_lab(shop, "segmentation")
    own = lab.classify("rfm")
    lab.classify("rfm", convention="nested")
    lab.classify("rfm", as_of=lab.study.earlier)
    lab.save(tmp_path / "out")
    saved = pl.read_parquet(tmp_path / "out" / "tables" / "segmentation" / "rfm_customers.parquet")
    assert saved["label"].to_list() == own.labels["label"].to_list()
    assert len(list((tmp_path / "out" / "tables" / "segmentation").iterdir())) == 2
