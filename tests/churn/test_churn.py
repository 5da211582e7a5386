"""The churn warning of a study: what the lab says, in both languages, and where it cannot say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab.churn import Churn, backtest, leakage
from crmlab.churn.explanations import contributions
from crmlab.lab import Lab
from crmlab.view.findings import Note
from crmlab.view.tables import Table


def _open(language: str = "zh", **churn: Any) -> Lab:
    return crmlab.open(
        "segmentation",
        data=[{"source": "sample", "customers": 800}],
        as_of="2024-12-31",
        language=language,
        models={"churn": churn},
    )


@pytest.fixture(scope="module")
def churn() -> Churn:
    return _open(capacity=50, snapshot_days=3).churn


def test_every_model_sees_the_same_customers_on_later_days_only(churn: Churn) -> None:
    found = churn.backtest()
    assert [each.name for each in found.contenders][:2] == ["churn-recency", "churn-last-status"]
    assert len(found.days) == 2
    first = churn.snapshots.days[0]
    assert min(found.days) > first, "on the first day nothing could have been learned yet"
    assert found.scores.null_count().sum_horizontal()[0] == 0
    assert found.summary.filter(pl.col("metric") == "auc")["customers"].n_unique() <= 3
    assert found.summary["model"][0] == "churn-recency"


def test_a_later_outcome_changes_no_earlier_prediction(churn: Churn) -> None:
    rows, day = churn.snapshots, churn.snapshots.days[1]
    flipped = rows.rows.with_columns(
        churned=pl.when(pl.col("observed_on") >= day).then(~pl.col("churned")).otherwise("churned")
    )
    pair = churn.contenders[:1] + churn.contenders[2:3]
    before, after = (
        backtest(each, pair, churn.leakage()).scores for each in (rows, replace(rows, rows=flipped))
    )
    names = [each.name for each in pair]
    on_day = pl.col("observed_on") == day
    assert before.filter(on_day).select(names).equals(after.filter(on_day).select(names))
    assert not before.filter(~on_day).select(names).equals(after.filter(~on_day).select(names))


def test_the_verdict_names_winner_margin_and_list(churn: Churn) -> None:
    found = churn.backtest()
    assert found.success
    assert found.winner is not None
    assert found.winner.name not in ("churn-recency", "churn-last-status")
    assert found.margin.low > 0
    said = found.explain()
    assert "50 位" in said.zh
    assert found.winner.title.zh in said.zh
    assert found.winner.title.en in said.en
    precision = found.figure(found.winner.name, "precision")
    assert precision.low < precision.value < precision.high


def test_a_leaky_feature_turns_the_best_result_into_a_refusal(churn: Churn) -> None:
    rows = churn.snapshots
    knows = rows.rows.with_columns(refund_count=pl.col("churned").cast(pl.Int64) * 5)
    found = leakage(knows, churn.model.inputs)
    assert found.columns == ("refund_count",)
    refused = backtest(replace(rows, rows=knows), churn.contenders[:3], found)
    assert refused.figure("churn-logistic", "auc").value > 0.99
    assert not refused.success
    assert refused.explain().zh.startswith("结果不予认可")
    assert "refund_count" in refused.explain().en
    assert refused.note().kind == "warning"
    # A model that is too good is refused even where no single feature is to blame.
    unseen = backtest(replace(rows, rows=knows), churn.contenders[:3], churn.leakage())
    assert unseen.too_good == ("churn-logistic",)
    assert not unseen.success


def test_a_report_with_a_leak_shows_no_success_and_no_list(churn: Churn) -> None:
    knows = churn.snapshots.rows.with_columns(refund_count=pl.col("churned").cast(pl.Int64) * 5)
    # The model of the study does not look at the column; those that it is compared with do.
    leaky = Churn(churn.lab)
    leaky.__dict__["model"] = churn.model.clone().set_params(model="churn-recency")
    leaky.__dict__["snapshots"] = replace(churn.snapshots, rows=knows)
    assert leaky.leakage().columns == ("refund_count",)
    assert leaky.refused is not None
    assert len(leaky.findings()) == 1
    parts = (leaky.metrics(), leaky.calibration(), leaky.lift(), leaky.profit(), leaky.list())
    for part in (*parts, leaky.note(), leaky.levels().table()):
        assert isinstance(part, Note)
        assert part.kind == "warning"
        assert "结果不予认可" in part.plain()
        assert "refund_count" in part.plain()


def test_the_winner_is_chosen_before_the_day_it_is_judged_on(churn: Churn) -> None:
    found = churn.backtest()
    assert found.chosen_on == tuple(found.days[:-1])
    last = pl.col("observed_on") == found.days[-1]
    names = [each.name for each in found.contenders]
    # Whatever happens on the last day, the choice stays; on it alone, it is said to be a little too good.
    upside = found.scores.with_columns(
        pl.when(last).then(1 - pl.col(name)).otherwise(name).alias(name) for name in names
    )
    assert replace(found, scores=upside).winner == found.winner
    alone = replace(found, scores=found.scores.filter(last))
    assert alone.chosen_on == (found.days[-1],)
    assert "略为偏高" in alone.explain().zh
    assert "略为偏高" not in found.explain().zh


def test_figures_are_those_of_the_model_that_the_warning_stands_on(churn: Churn) -> None:
    other = Churn(churn.lab)
    other.__dict__["model"] = churn.model.clone().set_params(model="churn-recency")
    other.__dict__.update(snapshots=churn.snapshots, _backtest=churn.backtest(), _levels=churn.levels())
    view: Any = other.calibration()
    assert view.model == "churn-recency"
    winner = churn.backtest().winner
    assert winner is not None
    assert f"设为 {winner.name}" in other.findings()[-1].zh


def test_levels_and_list_tell_whom_to_call_first(churn: Churn) -> None:
    levels = churn.levels()
    scores = churn.lab.score("churn").scores.drop_nulls("churn_probability")
    assert levels.summary["customers"].sum() == scores.height
    assert levels.summary["loss_share"][0] == pytest.approx(0.5, abs=0.02)
    assert levels.summary["customers"][0] < scores.height / 2
    shown = churn.list(10)
    assert isinstance(shown, Table)
    assert shown.frame["expected_loss"].is_sorted(descending=True)
    ids = set(scores["customer_id"])
    assert not ids & {row[0] for row in shown.payload()["rows"]}, "ids are masked"
    assert all("流失几率" in row[-1] for row in shown.payload()["rows"])


def test_reasons_are_the_largest_contributions_with_their_sign(churn: Churn) -> None:
    fitted: Any = churn.lab.model("churn")
    ids = churn.levels().customers["customer_id"].head(30)
    features = churn.lab.features(*fitted.inputs).join(ids.to_frame(), on="customer_id", how="semi")
    long = contributions(fitted, features)
    assert long.height == 30 * len(fitted.inputs)
    said = churn.reasons(ids)
    assert said["customer_id"].to_list() == ids.to_list()
    top = long.with_columns(size=pl.col("contribution").abs()).sort("size", descending=True)
    for who, zh, en in said.iter_rows():
        first = top.filter(customer_id=who).row(0, named=True)
        name = churn.lab.measure(first["column"])
        assert zh.startswith(name.zh)
        assert en.startswith(name.en)
        part = zh.split("；")[0]
        assert ("升至" if first["contribution"] > 0 else "降至") in part
        assert zh.count("；") == 2
    assert churn.reasons().height == churn.levels().customers.height


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_shows_in_both_languages(language: str, churn: Churn) -> None:
    lab = churn.lab
    chosen = Churn(lab)
    lab.language = language  # type: ignore[assignment]
    try:
        chosen.__dict__.update({"snapshots": churn.snapshots})
        for part in (chosen.backtest(), chosen.levels(), chosen.leakage()):
            assert part.note().plain()
            part.table()
        for view in (chosen.metrics(), chosen.calibration(), chosen.lift(), chosen.profit()):
            assert not isinstance(view, Note)
            assert view.note().plain()
        text = chosen.note().plain()
        assert ("客户" in text) == (language == "zh")
        assert len(chosen.findings()) == 3
    finally:
        lab.language = "zh"


def test_saved_tables_are_frames_without_customers(churn: Churn) -> None:
    tables = churn.saved_tables()
    assert set(tables) == {"churn_backtest", "churn_leakage", "churn_levels", "churn_snapshots"}
    assert all("customer_id" not in table.columns for table in tables.values())


def test_the_warning_of_the_study_can_stand_on_the_model(churn: Churn) -> None:
    labels = churn.lab.classify("churn-warning", column="churn.churn_probability").labels
    scores = churn.lab.score("churn").scores
    high = labels.join(scores, on="customer_id").filter(pl.col("label") == "high")["churn_probability"]
    assert high.len() > 10
    assert high.min() >= 0.8  # type: ignore[operator]


def test_costs_make_the_levels_those_of_break_even() -> None:
    found = _open(success_rate=0.2, contact_cost=2.0, incentive=8.0, model="churn-recency").churn.levels()
    assert found.break_even
    assert found.lines == (50.0, 10.0)


def test_a_short_history_gives_notes_in_words(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    small = make_lab(shop).churn
    for part in (
        small.list(),
        small.metrics(),
        small.backtest().table(),
        small.levels().table(),
        small.note(),
    ):
        assert isinstance(part, Note)
        assert part.plain()
    assert "太短" in small.findings()[0].zh
    assert small.backtest().winner is None
    assert not small.backtest().success


def test_a_study_without_orders_says_what_it_lacks(
    make_lab: Callable[..., Lab], shop: dict[str, str]
) -> None:
    bare = make_lab({"customers": shop["customers"]}).churn
    assert "没有订单" in bare.findings()[0].zh
    for part in (bare.list(), bare.lift(), bare.note()):
        assert isinstance(part, Note)
        assert "orders" in part.plain()
    assert bare.saved_tables() == {}
