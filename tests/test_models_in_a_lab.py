"""Models in a lab: fitted as of a day, their scores as columns of features, frozen by a baseline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

import crmlab
from crmlab.errors import DataError, MissingFeaturesError
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
EARLIER = date(2024, 3, 31)


class Average(crmlab.Model):
    """The mean order of everybody, for everybody with an order."""

    title: ClassVar[crmlab.Text] = crmlab.Text("均值", "Average")
    requires: ClassVar[tuple[str, ...]] = ("order_count",)
    scores: ClassVar[tuple[crmlab.Score, ...]] = (
        crmlab.Score("worth", "currency", "平均订单", "Average order"),
        crmlab.Score("chance", "probability", "机会", "Chance"),
    )
    times: float = 1.0

    def definition(self) -> crmlab.Text:
        return crmlab.Text("全体订单的平均金额。", "The mean amount of all orders.")

    def _fit(self, tables: Any, features: pl.DataFrame, as_of: date) -> None:
        orders = tables["orders"].collect()
        self.mean_ = orders["amount_hundredths"].mean()
        self.last_day_ = orders["day"].max()

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        known = pl.when(pl.col("order_count").is_not_null())
        return features.select(
            "customer_id", worth=known.then(self.mean_ * self.times), chance=known.then(0.5)
        )


@pytest.fixture
def average(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the model for one test."""
    monkeypatch.setattr(crmlab.models, "_session", {})
    crmlab.models.register("average")(Average)
    return "average"


def test_a_model_learns_nothing_that_came_later(make_lab: MakeLab, shop: Shop, average: str) -> None:
    lab = make_lab(shop)
    then, now = lab.model(average, as_of=EARLIER), lab.model(average)
    assert then.last_day_ == (date(2024, 3, 1) - date(1970, 1, 1)).days
    assert now.last_day_ == (date(2024, 6, 20) - date(1970, 1, 1)).days
    assert lab.model(average) is now


def test_a_score_is_a_column_of_features(make_lab: MakeLab, shop: Shop, average: str) -> None:
    lab = make_lab(shop, models={"average": {"times": 2}})
    table = lab.features("city", "average.worth", "order_count")
    assert table.columns == ["customer_id", "city", "average.worth", "order_count"]
    worth = lab.score(average).scores["worth"]
    assert table["average.worth"].equals(worth, null_equal=True, check_names=False)
    assert worth.null_count() == 2
    then = lab.features("average.worth", as_of=EARLIER)["average.worth"]
    assert then.drop_nulls().unique().to_list() != worth.drop_nulls().unique().to_list()
    measure = lab.measure("average.worth")
    assert (measure.en, measure.unit) == ("Average order", "currency")
    assert lab.measure("average.chance").unit == "share"


def test_a_classifier_goes_by_the_score_of_a_model(make_lab: MakeLab, shop: Shop, average: str) -> None:
    lab = make_lab(shop, classifiers={"churn-warning": {"column": "average.chance", "medium_from": 0.5}})
    labels = dict(lab.classify("churn-warning").labels.iter_rows())
    assert labels["ann"] == "medium"
    assert labels["fay"] == "unclassified"


def test_a_score_that_there_is_not(make_lab: MakeLab, shop: Shop, average: str) -> None:
    with pytest.raises(
        MissingFeaturesError, match=r"gives no score 'wort'.*mean.*worth.*It gives: worth, chance"
    ):
        make_lab(shop).features("average.wort")
    with pytest.raises(MissingFeaturesError, match="No feature produces"):
        make_lab(shop).features("averag.worth")


def test_its_definition_stands_in_the_report(make_lab: MakeLab, shop: Shop, average: str) -> None:
    lab = make_lab(shop, "segmentation", language="en")
    lab.score(average)
    assert ["Average", "The mean amount of all orders."] in lab.definitions().payload()["rows"]


def test_a_baseline_freezes_a_model_only_where_nothing_may_be_learned(
    make_lab: MakeLab, shop: Shop, average: str, tmp_path: Path
) -> None:
    first = make_lab(shop, "segmentation", as_of="2024-03-31")
    first.score(average)
    first.save(tmp_path / "run")
    settings = {"as_of": "2024-06-30", "baseline": str(tmp_path / "run")}
    mean = first.model(average).mean_
    assert make_lab(shop, "segmentation", **settings, recalculate="never").model(average).mean_ == mean
    assert make_lab(shop, "segmentation", **settings).model(average).mean_ != mean
    with pytest.raises(DataError, match="No state of Average can be read"):
        make_lab(shop, "feedback", **settings, recalculate="never").model(average)
