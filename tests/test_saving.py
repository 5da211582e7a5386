"""What a report leaves in its folder: names that are safe, files that are whole, a true summary."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
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
        "tables/segmentation/names.json",
        "state/segmentation/abc/state.json",
        "state/segmentation/abc/learned_on.txt",
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
    assert len(list((tmp_path / "out" / "tables" / "segmentation").glob("*.parquet"))) == 2


class Attributes(City):
    """Everybody in one of two classes; knows and tells attributes of the customer."""

    requires: ClassVar[tuple[str, ...]] = ("name", "mobile", "city", "note")
    scheme: ClassVar[Scheme] = Scheme(
        "halves", "两类", "Halves", (Label("a", "甲", "A"), Label("b", "乙", "B"), Label("c", "丙", "C"))
    )

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        place = pl.int_range(pl.len())
        first = pl.when(place < 2).then(pl.lit("a")).when(place < 9).then(pl.lit("b"))
        return features.select(label=first.otherwise(pl.lit("c"))).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select(zh=pl.format("={} {}", "name", "mobile"), en=pl.format("+{}", "customer_id"))


def test_the_workbook_names_nobody_and_runs_nothing(make_lab: Any, tmp_path: Path) -> None:
    rows = [
        f"K-{i:02},王小{i:02},138{i:08},{'北京' if i < 15 else '喀什'},=cmd|' /C calc'!A{i}"
        for i in range(20)
    ]
    tables = {
        "customers": "customer_id,name,mobile,city,note\n" + "\n".join(rows) + "\n",
        "orders": "customer_id,ordered_at,amount\n"
        + "".join(f"K-{i:02},2024-06-01,{5 + i}\n" for i in range(20)),
    }
    lab = make_lab(tables, "segmentation", language="en")
    before = dict(classifiers._session)
    classifiers.register("attributes")(Attributes)
    try:
        segments = lab.classify("attributes")
        lab.save(tmp_path / "out")
    finally:
        classifiers._session = before
    path = tmp_path / "out" / "segmentation.xlsx"
    sheets = pl.read_excel(path, sheet_id=0, infer_schema_length=0)
    shown = sheets["attributes_customers"]
    codes = lab.shown_ids(segments.labels["customer_id"]).to_list()
    assert shown["customer_id"].to_list() == codes
    # Two customers are a small class, so the next smallest class goes with it.
    assert shown["label"].to_list() == ["few"] * 9 + ["c"] * 11
    assert shown["zh"].to_list() == [None] * 9 + [f"'=王** 138****{i:04}" for i in range(9, 20)]
    assert shown["en"].to_list() == [None] * 9 + ["'+***"] * 11
    assert set(shown["name"]) == {"王**"}
    assert shown["city"].to_list() == ["北京"] * 15 + ["喀什"] * 5
    assert set(shown["note"]) == {"Other (incl. groups under 5)"}
    assert sheets["attributes_summary"]["label"].to_list() == ["c", "few"]
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
    assert not [name for name, text in parts.items() if re.search(r"<f[ >]|<hyperlink|externalLink", text)]
    kept = pl.read_parquet(tmp_path / "out" / "tables" / "segmentation" / "attributes_customers.parquet")
    assert kept["customer_id"].to_list() == [f"K-{i:02}" for i in range(20)]
    assert kept["label"].to_list() == ["a"] * 2 + ["b"] * 7 + ["c"] * 11


def test_no_sheet_tells_whose_class_or_cell_is_hidden(make_lab: Any, tmp_path: Path) -> None:
    """With the figures of a customer and the cut-points one could compute class and cell."""
    lines = ["customer_id,ordered_at,amount"]
    for i in range(50):
        lines += [f"c{i:03},{date(2024, 6, 30) - timedelta(days=i * 7)},{10 + i}"] * (1 + (50 - i) // 10)
    lab = make_lab({"orders": "\n".join(lines) + "\n"}, "segmentation", privacy={"smallest_group": 4})
    segments = lab.classify("rfm")
    lab.classify("abc")
    lab.save(tmp_path / "out")
    scores = segments.classifier.scores(segments.features)
    cells = scores.join(segments.grid().cells, on=["recency_score", "frequency_score"])
    small = cells.filter(pl.col("customer_count").is_null())["customer_id"]
    few = segments.labels.filter(pl.col("label").is_in(segments.few))["customer_id"]
    assert 0 < len(set(small) | set(few)) < 50
    assert set(small) - set(few)
    sheets = pl.read_excel(tmp_path / "out" / "segmentation.xlsx", sheet_id=0, infer_schema_length=0)
    alone = set(lab.shown_ids(pl.concat([small, few])))
    for sheet in ("rfm_customers", "abc_customers"):
        told = sheets[sheet].filter(pl.col("customer_id").is_in(alone))
        assert told.drop("customer_id", "label").null_count().row(0) == (len(alone),) * (told.width - 2)
        assert (
            sheets[sheet].filter(~pl.col("customer_id").is_in(alone)).null_count().row(0) == (0,) * told.width
        )


def test_ids_and_notes_as_the_study_says(make_lab: Any, tmp_path: Path) -> None:
    feedback = "feedback_id,text\n" + "".join(f"F-{i},物流很快，打13812345678\n" for i in range(6))
    lab = make_lab({"feedback": feedback}, "feedback", privacy={"ids": "plain"})
    lab.annotate("sentiment")
    lab.save(tmp_path / "plain")
    sheet = pl.read_excel(tmp_path / "plain" / "feedback.xlsx", sheet_name="sentiment_texts")
    assert sheet["feedback_id"].to_list() == [f"F-{i}" for i in range(6)]
    masked = make_lab({"feedback": feedback}, "feedback")
    masked.annotate("sentiment")
    masked.save(tmp_path / "masked")
    sheet = pl.read_excel(tmp_path / "masked" / "feedback.xlsx", sheet_name="sentiment_texts")
    assert sheet["feedback_id"].str.starts_with("C-").all()


def test_the_summary_has_the_key_figures_and_the_tables_their_names(
    make_lab: Any, shop: dict[str, str], tmp_path: Path
) -> None:
    lab = make_lab(shop, "segmentation")
    lab.classify("abc")
    lab.save(tmp_path / "out")
    told = json.loads((tmp_path / "out" / ".segmentation.json").read_text(encoding="utf-8"))
    revenue = next(figure for figure in told["figures"] if figure["id"] == "revenue")
    assert (revenue["zh"], revenue["value"], revenue["low"], revenue["n"]) == ("净销售额", 183.06, None, 4)
    names = json.loads(
        (tmp_path / "out" / "tables" / "segmentation" / "names.json").read_text(encoding="utf-8")
    )
    assert [label["id"] for label in names["schemes"]["abc"]["labels"]][:3] == ["a", "b", "c"]
    table = pl.read_parquet_schema(tmp_path / "out" / "tables" / "segmentation" / "abc_customers.parquet")
    assert names["columns"].keys() <= table.keys()
    assert names["columns"]["total_spend"]["unit"] == "currency"


def test_a_contact_in_a_question_is_in_no_key_figure(make_lab: Any, tmp_path: Path) -> None:
    question = "请致电 13812345678 联系我们，您满意吗"
    rows = "".join(f"很好{place},5,csat_1_5,{question}\n" for place in range(8))
    lab = make_lab({"feedback": f"text,score,scale,question\n{rows}"}, "feedback")
    lab.voice  # noqa: B018
    lab.save(tmp_path / "out")
    told = json.loads((tmp_path / "out" / ".feedback.json").read_text(encoding="utf-8"))
    assert told["figures"][0]["id"].startswith("rating:csat_1_5:")
    assert "13812345678" not in json.dumps(told, ensure_ascii=False)
