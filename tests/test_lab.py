"""The lab: what a study's tables, features and plugins give, on numbers checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import narwhals as nw
import polars as pl
import pytest

import crmlab
from crmlab import Feature, features, registry
from crmlab.errors import (
    DataError,
    MissingFeaturesError,
    ParamsError,
    PluginContractError,
    UnknownPluginError,
)
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
FIXED = {"status": {"method": "fixed_days"}}


def _labels(lab: Lab, name: str = "status", **given: Any) -> dict[str, str]:
    return dict(lab.classify(name, **given).labels.iter_rows())


def test_features_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    features = make_lab(shop).features("order_count", "total_spend", "days_since_last_order", "refund_count")
    assert features.rows() == [
        ("ann", 2, 108.06, 10, 0),
        ("bob", 1, 50.0, 121, 0),
        ("cai", 1, 15.0, 395, 1),
        ("dan", 1, 10.0, 60, 0),
        ("eve", None, None, None, None),
        ("fay", None, None, None, None),
    ]


def test_only_what_is_asked_for_is_read_and_computed(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    assert lab.tables.loaded == ()
    lab.features("order_count")
    assert lab.features_used == ["order-summary"]
    assert lab.tables.loaded == ("customers", "orders")
    lab.features("order_count", "total_spend")
    assert lab.features_used == ["order-summary"]
    lab.features("own_gap_days")
    assert lab.features_used == ["order-summary", "order-gaps"]
    assert "feedback" not in lab.tables


def test_all_features_that_the_tables_allow(make_lab: MakeLab, shop: Shop) -> None:
    features = make_lab(shop).features()
    assert {"customer_id", "average_days_between_orders", "population_gap_days"} <= set(features.columns)
    bare = set(make_lab({"customers": shop["customers"]}).features().columns)
    assert not bare & set(registry.features["order-summary"].produces)


def test_attributes_of_customers_are_features(make_lab: MakeLab, shop: Shop) -> None:
    assert make_lab(shop).features("city", "order_count").row(1) == ("bob", "成都", 1)


def test_history_is_replayed(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    then = lab.features("order_count", "days_since_last_order", as_of=date(2024, 3, 31))
    assert then.drop_nulls().rows() == [("bob", 1, 30), ("cai", 1, 304)]
    assert lab.features("order_count").drop_nulls().height == 4
    before = make_lab({"orders": shop["orders"]}, as_of="2024-03-31").features("order_count")
    assert before.rows() == [("bob", 1), ("cai", 1)]


def test_a_day_after_the_study_is_refused(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    with pytest.raises(ParamsError, match=r"as_of is 2024-07-01, after the study's own 2024-06-30"):
        lab.features("order_count", as_of=date(2024, 7, 1))
    with pytest.raises(ParamsError, match="after the study's own"):
        lab.classify("status", as_of=date(2025, 1, 1))


def test_unknown_features(make_lab: MakeLab, shop: Shop) -> None:
    with pytest.raises(MissingFeaturesError, match=r"'order_cuont'.*Did you mean 'order_count'\?.*city"):
        make_lab(shop).features("order_cuont")


def test_classify(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop, classifiers=FIXED)
    assert _labels(lab) == {
        "ann": "active",
        "bob": "dormant",
        "cai": "lost",
        "dan": "active",
        "eve": "unclassified",
        "fay": "unclassified",
    }
    assert lab.classify("status") is lab.classify("status")
    assert _labels(lab, lost_after_days=120)["bob"] == "lost"
    assert _labels(lab)["bob"] == "dormant"
    assert _labels(lab, as_of=date(2024, 3, 31))["bob"] == "active"
    with pytest.raises(UnknownPluginError, match="Did you mean 'status'"):
        lab.classify("statos")
    with pytest.raises(ParamsError, match="lost_after"):
        lab.classify("status", lost_after=3)


def test_replays_use_the_cut_points_of_the_study(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    now = lab.classify("rfm").classifier
    then = lab.classify("rfm", as_of=date(2024, 3, 31)).classifier
    assert then.learned == now.learned


def test_a_baseline_freezes_what_was_learned(make_lab: MakeLab, shop: Shop, tmp_path: Path) -> None:
    first = make_lab({"orders": shop["orders"]}, "segmentation", as_of="2024-03-31")
    learned = first.classify("rfm").classifier.learned
    first.save(tmp_path / "run")
    later = make_lab({"orders": shop["orders"]}, "segmentation", baseline=str(tmp_path / "run"))
    assert later.classify("rfm").classifier.learned == learned
    fresh = make_lab({"orders": shop["orders"]}, "segmentation")
    assert fresh.classify("rfm").classifier.learned != learned
    lost = make_lab({"orders": shop["orders"]}, "segmentation", baseline=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="No state of Rfm can be read"):
        lost.classify("rfm")


def test_recalculate_says_when_to_learn_in_spite_of_a_baseline(
    make_lab: MakeLab, shop: Shop, tmp_path: Path
) -> None:
    first = make_lab(shop, as_of="2024-03-31")
    frozen = first.classify("rfm").classifier.learned
    first.save(tmp_path / "run")
    given = {"baseline": str(tmp_path / "run")}
    kept = make_lab(shop, **given).classify("rfm")
    assert kept.classifier.learned == frozen
    assert kept.learned.en == "Cut-points of the baseline run, learned on 2024-03-31."
    again = make_lab(shop, **given)
    again.classify("rfm")
    again.save(tmp_path / "again")
    chain = make_lab(shop, baseline=str(tmp_path / "again")).classify("rfm")
    assert chain.learned.en == "Cut-points of the baseline again, learned on 2024-03-31."
    anew = make_lab(shop, **given, recalculate="always").classify("rfm")
    assert anew.classifier.learned != frozen
    assert anew.learned.en == "Learned from data up to 2024-06-30."
    absent = make_lab(shop, **given).classify("abc")
    assert absent.learned.en == "The baseline run lacks this scheme; learned anew from data up to 2024-06-30."
    with pytest.raises(DataError, match="No state of AbcValue can be read"):
        make_lab(shop, **given, recalculate="never").classify("abc")
    with pytest.raises(ParamsError, match="`latest` is found by `crmlab run`"):
        make_lab(shop, baseline="latest").classify("rfm")


def test_a_rule_is_learned_once_for_all_days(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    now, then = lab.classify("rfm"), lab.classify("rfm", as_of=date(2024, 3, 31))
    assert then.classifier is now.classifier
    anew = lab.classify("rfm", as_of=date(2024, 3, 31), learned_on=date(2024, 3, 31))
    other = lab.classify("rfm", convention="nested")
    assert len({id(each.classifier) for each in (now, anew, other)}) == 3
    lab.forget(other)
    assert lab.classify("rfm", convention="nested") is not other
    assert lab.classify("rfm") is now


def test_where_cut_points_come_from(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    assert lab.classify("status").learned.zh == "固定规则，没有要学习的内容。"
    assert lab.classify("rfm").learned.zh == "所学内容截至 2024-06-30。"
    earlier = lab.classify("rfm", as_of=date(2024, 3, 31), learned_on=date(2024, 3, 31))
    assert earlier.learned.zh == "所学内容截至 2024-03-31。"
    assert earlier.classifier.learned != lab.classify("rfm").classifier.learned
    assert earlier is not lab.classify("rfm", as_of=date(2024, 3, 31))


def test_a_baseline_without_a_report(make_lab: MakeLab, shop: Shop, tmp_path: Path) -> None:
    first = make_lab(shop, as_of="2024-03-31")
    learned = first.classify("rfm").classifier.learned
    first.save(tmp_path / "run")
    assert make_lab(shop, baseline=str(tmp_path / "run")).classify("rfm").classifier.learned == learned


@pytest.mark.parametrize("ask", ["features", "classify", "concentration"])
def test_nobody_to_classify(make_lab: MakeLab, ask: str) -> None:
    lab = make_lab({"feedback": "text\n好\n"})
    asked: dict[str, Callable[[], Any]] = {
        "features": lambda: lab.features("order_count"),
        "classify": lambda: lab.classify("rfm"),
        "concentration": lambda: lab.concentration.gini,
    }
    with pytest.raises(DataError, match=r"neither customers nor orders.*Add a source.*under `data`"):
        asked[ask]()


def test_customers_without_orders(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab({"customers": shop["customers"]})
    with pytest.raises(DataError, match=r"No source of this study provides the table 'orders'"):
        lab.classify("rfm")


def test_no_feedback(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    for ask in (lambda: lab.voice.feedback, lambda: lab.annotate("aspects"), lambda: lab.voice.ratings):
        with pytest.raises(DataError, match=r"provides the table 'feedback'\. It has: customers, orders"):
            ask()


def test_one_customer(make_lab: MakeLab) -> None:
    lab = make_lab(
        {"orders": "customer_id,ordered_at,amount\na,2024-06-30,5\n"}, privacy={"smallest_group": 1}
    )
    for name in ("rfm", "abc", "status"):
        assert lab.classify(name).labels.height == 1
        assert lab.classify(name).summary["customers"].sum() == 1
    assert lab.features("days_since_last_order").row(0) == ("a", 0)


def test_an_empty_table(make_lab: MakeLab) -> None:
    lab = make_lab({"orders": "customer_id,ordered_at,amount\n"})
    assert lab.features("order_count").height == 0
    for name in ("rfm", "abc", "status"):
        assert lab.classify(name).labels.height == 0
        assert lab.classify(name).summary["customers"].sum() == 0


def test_codes_of_customers(make_lab: MakeLab, shop: Shop) -> None:
    ids = pl.Series(["ann", "eve", None, "ann", "stranger"])
    lab = make_lab(shop)
    codes = lab.shown_ids(ids)
    assert codes[0] == codes[3] != codes[1]
    assert codes[2] is None
    assert codes.drop_nulls().str.contains(r"^C-[0-9a-f]{6,}$").all()
    assert lab.shown_ids(pl.Series(["ann"])).to_list() == [codes[0]]
    assert make_lab(shop).shown_ids(ids).equals(codes)
    assert lab.shown_ids(ids.clear()).is_empty()
    assert make_lab(shop, privacy={"ids": "plain"}).shown_ids(ids).equals(ids)


def test_a_report_of_its_own(make_lab: MakeLab, shop: Shop) -> None:
    reports = {"segmentation": {"as_of": "2024-03-31"}, "feedback": None}
    assert make_lab(shop, "segmentation", reports=reports).study.as_of == date(2024, 3, 31)
    assert make_lab(shop, "feedback", reports=reports).study.as_of == date(2024, 6, 30)


def test_definitions_say_what_was_used(make_lab: MakeLab, shop: Shop) -> None:
    for language, title in (("zh", "RFM 分群"), ("en", "RFM segments")):
        lab = make_lab(shop, "segmentation", language=language)
        lab.classify("rfm")
        lab.classify("rfm", convention="nested")
        rows = lab.definitions().payload()["rows"]
        assert rows[0][0] == title
        assert len(rows) == 1 + 4
        assert all(text for row in rows for text in row)


def test_cautions_of_sources(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    lab.features("order_count")
    assert lab.cautions() is None
    demo = crmlab.open(data=[{"source": "complete-journey"}], as_of="2017-12-31", language="en")
    assert demo.cautions() is None
    demo.tables["customers"]
    caution = demo.cautions()
    assert caution is not None
    assert "not a market" in caution.plain()


def test_saving_outside_a_run_says_so(make_lab: MakeLab, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRMLAB_RUN_FOLDER", raising=False)
    assert "crmlab run" in make_lab(shop, language="en").save().plain()


def test_a_plugin_file_that_does_not_load_is_told(shop: Shop, make_lab: MakeLab, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"broken\.py could not be imported: ZeroDivisionError"):
        make_lab(shop, plugin_folder=str(tmp_path / "mine"))
    with pytest.raises(ParamsError, match="there is no folder 'nowhere'"):
        make_lab(shop, plugin_folder="nowhere")


def test_a_feature_with_two_rows_for_a_customer_is_named(
    make_lab: MakeLab, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crmlab.features, "_session", dict(crmlab.features._session))

    @crmlab.features.register("twice")
    class Twice(crmlab.Feature):
        """Every order is a row."""

        title: ClassVar[crmlab.Text] = crmlab.Text("两次", "Twice")
        tables: ClassVar[tuple[str, ...]] = ("orders",)
        produces: ClassVar[tuple[str, ...]] = ("spent",)

        def build(self, tables: Any, as_of: date) -> Any:
            return tables["orders"].select("customer_id", spent="amount_hundredths")

    with pytest.raises(PluginContractError, match=r"Twice \(.*\) returned several rows for one customer"):
        make_lab(shop).features("spent")


def test_a_broken_feature_plugin_stops_no_other(
    make_lab: MakeLab, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint

    broken = EntryPoint("broken", "no_such_module:Nothing", "crmlab.features")
    monkeypatch.setitem(crmlab.features._installed, "broken", [broken])
    with pytest.warns(UserWarning, match=r"plugin 'broken'.*could not be imported"):
        assert make_lab(shop).features("order_count").height == 6


def test_a_lab_says_what_it_is(make_lab: MakeLab, shop: Shop) -> None:
    assert repr(make_lab(shop, study="shop")) == "<Lab shop: as of 2024-06-30, zh>"


def test_sensitive_columns_are_no_features_unless_allowed(make_lab: MakeLab, shop: dict[str, str]) -> None:
    customers = "customer_id,city,religion\nann,北京,x\nbob,成都,y\n"
    lab = make_lab({**shop, "customers": customers})
    assert lab.features("city").columns == ["customer_id", "city"]
    with pytest.raises(MissingFeaturesError, match="sensitive personal information") as error:
        lab.features("religion")
    assert "sensitive_features: [religion]" in str(error.value)
    allowed = make_lab({**shop, "customers": customers}, privacy={"sensitive_features": ["religion"]})
    assert allowed.features("religion")["religion"].drop_nulls().to_list() == ["x", "y"]


@pytest.mark.parametrize(("allowed", "seen"), [([], []), (["religion"], ["religion"])])
def test_plugins_see_no_sensitive_column_in_any_table_unless_allowed(
    make_lab: MakeLab, shop: dict[str, str], allowed: list[str], seen: list[str]
) -> None:
    customers = "customer_id,city,religion,smokes,identity_number,native_place\nann,北京,x,是,x,x\n"
    identities = "record_id,customer_id,key_kind,key_value\n" + "".join(
        f"{place},ann,{key}\n" for place, key in enumerate(("mobile,13812345678", "identity_number,7X", ",x"))
    )
    lab = make_lab(
        {**shop, "customers": customers, "identities": identities}, privacy={"sensitive_features": allowed}
    )
    sensitive = {"religion", "smokes", "identity_number", "native_place"}
    assert sensitive <= set(lab.tables["customers"].columns)
    tables = lab.model_tables()
    assert set(tables) == set(lab.tables)
    keys = tables["identities"].collect().select("key_kind", "key_value").rows()
    assert keys == [("mobile", "13812345678"), ("identity_number", None), (None, "x")]
    assert sensitive & set(tables["customers"].collect_schema()) == set(seen)

    class Nosy(Feature):
        """Takes every column that it gets."""

        produces: ClassVar[tuple[str, ...]] = ("columns",)
        tables: ClassVar[tuple[str, ...]] = ("customers",)

        def build(self, tables: Any, as_of: date) -> Any:
            given = tables["customers"]
            told = " ".join(given.collect_schema().names())
            return given.select("customer_id", columns=nw.lit(told))

    before = dict(features._session)
    features.register("nosy")(Nosy)
    try:
        told = lab.features("columns")["columns"].drop_nulls()[0]
    finally:
        features._session = before
    assert sensitive & set(told.split()) == set(seen)


def test_a_customer_is_known_from_the_day_of_registration(make_lab: MakeLab) -> None:
    customers = "customer_id,registered_on\nann,2024-01-01\nbob,2024-06-30\ncai,2024-07-01\n"
    lab = make_lab({"customers": customers})
    assert lab.features()["customer_id"].to_list() == ["ann", "bob"]
    assert lab.features(as_of=date(2024, 3, 1))["customer_id"].to_list() == ["ann"]
