"""The views of predictions: calibration, lists, and all models beside the baselines; earnings too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from crmlab.churn.earnings import Profit
from crmlab.churn.judged import Judged
from crmlab.churn.metrics import auc, auc_difference, lift_at, precision_at
from crmlab.churn.profit import Campaign, empc
from crmlab.churn.scorecard import METRICS, Metrics
from crmlab.churn.views import Calibration, Lift
from crmlab.errors import DataError
from crmlab.view.findings import Note
from crmlab.view.tables import Table

if TYPE_CHECKING:
    from crmlab.lab import Lab

N = 900


def sigmoid(logit: Any) -> Any:
    return 1 / (1 + np.exp(-logit))


def predicted(seed: int = 1, sharpness: float = 1.0, n: int = N) -> pl.DataFrame:
    """Predictions of a good model and of two baselines for the same customers."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1.6, 1.2, n)
    y = rng.random(n) < sigmoid(logit)
    frames = []
    for name, p in (
        ("churn-recency", sigmoid(logit + rng.normal(0, 2, n))),
        ("good", sigmoid(logit * sharpness)),
        ("churn-last-status", np.where(logit + rng.normal(0, 2, n) > -1, 0.4, 0.1)),
    ):
        ids = [f"c{i:04}" for i in range(n)]
        frames.append(
            pl.DataFrame({"customer_id": ids, "y": y, "p": p}).select(pl.lit(name).alias("model"), pl.all())
        )
    return pl.concat(frames)


@pytest.fixture(params=["zh", "en"])
def lab(request: pytest.FixtureRequest, make_lab: Callable[..., Lab], shop: dict[str, str]) -> Lab:
    return make_lab(shop, language=request.param)


VIEWS: tuple[type[Any], ...] = (Calibration, Lift, Metrics, Profit)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_draws_tells_and_tabulates(
    view: type[Any], lab: Lab, check_chart: Callable[..., None]
) -> None:
    shown = view(predicted(), lab)
    check_chart(shown.chart(), lab.language, most_rows=1000, without=("c0000",))
    assert isinstance(shown.table(), Table)
    for text in (shown.note().plain(), shown.table().note.to(lab.language)):
        assert "nan" not in text.lower()
        assert text.endswith("。" if lab.language == "zh" else ".")
    assert "900" in shown.table().note.to(lab.language)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("outcome", [True, False])
def test_one_kind_of_customer_is_a_note(view: type[Any], outcome: bool, lab: Lab) -> None:
    shown = view(predicted().with_columns(y=pl.lit(outcome)), lab)
    for part in (shown.chart(), shown.table(), shown.note()):
        assert isinstance(part, Note)
        assert "900" in part.plain()


@pytest.mark.parametrize("view", VIEWS)
def test_no_predictions_are_a_note(view: type[Any], lab: Lab) -> None:
    shown = view(predicted().clear(), lab)
    for part in (shown.chart(), shown.table(), shown.note()):
        assert isinstance(part, Note)


def test_the_metrics_are_those_of_the_functions(lab: Lab) -> None:
    frame = predicted()
    shown = Metrics(frame, lab, capacity=50)
    y, p, _ = shown.rows("good")
    assert shown.model == "good"
    assert shown.summary.height == 3 * len(METRICS)
    assert shown.estimate("good", "auc") == auc(y, p)
    assert shown.estimate("good", "lift") == lift_at(y, p, 0.1)
    assert shown.estimate("good", "precision") == precision_at(y, p, 50)
    assert shown.estimate("good", "profit") == empc(y, p).profit
    assert shown.best_baseline == "churn-recency"
    gain = shown.differences.filter(pl.col("model") == "good").row(0)[1:]
    assert gain == auc_difference(y, p, shown.rows("churn-recency").p)
    table = shown.table()
    assert isinstance(table, Table)
    assert table.frame["model"][0] == "good"


def test_the_verdict_follows_the_interval(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop, language="en")
    frame = predicted()
    assert "a real gain" in Metrics(frame, lab).note().plain()
    baseline = frame.filter(pl.col("model") == "churn-recency")
    same = pl.concat([frame.filter(pl.col("model") != "good"), baseline.with_columns(model=pl.lit("good"))])
    note = Metrics(same, lab).note()
    assert "no gain is shown" in note.plain()
    assert note.kind == "warning"
    backwards = frame.with_columns(p=pl.when(pl.col("model") == "good").then(1 - pl.col("p")).otherwise("p"))
    assert "do not use it" in Metrics(backwards, lab).note().plain()
    alone = Metrics(frame.filter(pl.col("model") == "good"), lab)
    assert alone.best_baseline is None
    assert "baseline" not in alone.note().plain()


def test_calibration_is_judged_in_words(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop, language="en")
    held = Calibration(predicted(), lab)
    assert "no different from 0" in held.note().plain()
    assert held.note().kind == "note"
    assert held.summary["customers"].sum() == N
    extreme = Calibration(predicted(sharpness=2.5), lab).note()
    assert "too extreme" in extreme.plain()
    assert extreme.kind == "warning"
    assert "too timid" in Calibration(predicted(sharpness=0.4), lab).note().plain()
    high = Calibration(predicted().with_columns(p=pl.col("p") ** 0.3), lab)
    assert "too high on average" in high.note().plain()


def test_bins_hide_small_groups(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop, language="en", privacy={"smallest_group": 100})
    shown = Calibration(predicted(), lab)
    assert shown.summary["customers"].min() >= 100  # type: ignore[operator]
    few = Calibration(predicted(n=60), make_lab(shop, language="en", privacy={"smallest_group": 100}))
    assert isinstance(few.chart(), Note)
    assert "Fewer than 100 customers" in few.chart().plain()


def test_lists_hold_what_the_ranking_says(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    shown = Lift(predicted(), make_lab(shop, language="en"), capacity=50)
    assert shown.lists["customers"].to_list() == [45, 50, 90, 180, 270]
    at = shown.lists.filter("capacity").row(0, named=True)
    y, p, _ = shown.rows()
    assert at["hits"] == y[np.argsort(-p)][:50].sum()
    assert (at["precision"], at["low"], at["high"]) == shown.at_capacity
    assert at["caught"] == pytest.approx(at["hits"] / y.sum())
    curve = shown.summary.filter(pl.col("model") == "good")
    assert curve["caught"].is_sorted()
    assert (curve["caught"][0], curve["caught"][-1]) == (0, 1)
    assert curve["caught"][5] == pytest.approx(y[np.argsort(-p)][:90].sum() / y.sum())
    assert shown.summary["model"][0] == "good"
    everybody = Lift(predicted(), shown.lab, capacity=5000)
    assert "no ranking is needed" in everybody.note().plain()
    assert everybody.lists.filter("capacity")["customers"].item() == N


def test_profit_takes_the_customers_own_values(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop, language="en")
    plain = Profit(predicted(), lab)
    assert "not your company's costs" in plain.note().plain()
    own = Campaign(clv=200, incentive=10, contact=2)
    assert "not your company's costs" not in Profit(predicted(), lab, campaign=own).note().plain()
    same = Profit(predicted().with_columns(value=pl.lit(200.0)), lab)
    assert same.expected == pytest.approx(plain.expected)
    assert "their own lifetime value" in same.note().plain()
    half = pl.when(pl.int_range(pl.len()) % 2 == 0).then(400.0)
    some = Profit(predicted().with_columns(value=half), lab)
    assert len(some.rows(valued=True).y) == N // 2
    assert some.expected.value > plain.expected.value
    never = Profit(predicted(), lab, campaign=Campaign(clv=20, incentive=15, contact=10))
    assert "no list pays" in str(never.chart().to_dict()["title"])


def test_what_has_no_score_is_left_out_and_counted(
    make_lab: Callable[..., Lab], shop: dict[str, str]
) -> None:
    gone = predicted().with_columns(p=pl.when(pl.col("customer_id") > "c0009").then("p"))
    shown = Metrics(gone, make_lab(shop, language="en"))
    assert shown.without_score == 30
    table = shown.table()
    assert isinstance(table, Table)
    assert "30 predictions without" in table.note.to("en")  # type: ignore[union-attr]


def test_several_days_are_said(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    from datetime import date

    days = [predicted().with_columns(observed_on=pl.lit(date(2024, month, 1))) for month in (1, 4)]
    shown = Metrics(pl.concat(days), make_lab(shop, language="en"))
    assert "1,800 predictions on 2 days (900 customers)" in shown.sample.en
    assert shown.differences.height == 1


def test_mistakes_are_named(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop)
    with pytest.raises(DataError, match="no column p"):
        Judged(predicted().drop("p"), lab)
    with pytest.raises(DataError, match="Did you mean 'good'"):
        Judged(predicted(), lab, "goood")
