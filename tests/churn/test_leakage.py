"""Leakage: features that know the outcome are named, honest ones are not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlab
from crmlab import registry
from crmlab.churn.leakage import NEAR_ONE, known_only_later, leakage
from crmlab.churn.strength import one_sided, strength
from crmlab.estimators import Feature
from crmlab.labels import Text
from crmlab.summary import day_number

RNG = np.random.default_rng(5)
N = 600
RISK = RNG.normal(size=N)
CHURNED = pl.Series("churned", RNG.random(N) < 1 / (1 + np.exp(-RISK)))
Y = CHURNED.cast(pl.Float64)
HONEST = {
    "risk": RISK,
    "noise": RNG.normal(size=N),
    "customer_code": [f"x{place}" for place in range(N)],
    "constant": [1] * N,
    "empty": pl.Series([None] * N, dtype=pl.Float64),
    "city": RNG.choice(["京", "沪", "蓉"], N),
    "flag": RNG.random(N) < 0.4,
    "gaps": [None if place % 3 else float(place) for place in range(N)],
}


def _rows(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({**HONEST, **columns}).with_columns(CHURNED)


def _found(rows: pl.DataFrame) -> dict[str, str]:
    columns = [name for name in rows.columns if name != "churned"]
    return dict(leakage(rows, columns).summary.select("column", "sign").iter_rows())


def test_honest_features_are_not_accused() -> None:
    clean = leakage(_rows(), list(HONEST))
    assert clean.summary.is_empty()
    assert not clean.found
    assert "8 个特征" in clean.explain().zh


LEAKS: dict[str, Any] = {
    "score_up": Y * 2 + RNG.random(N),
    "score_down": -Y * 2 + RNG.random(N),
    "u_shape": np.where(CHURNED, RNG.choice([-1.0, 1.0], N) * (3 + RNG.random(N)), RNG.normal(size=N) * 0.3),
    "state": np.where(CHURNED, "gone", RNG.choice(["a", "b"], N)),
    "left_flag": CHURNED,
    "ended_on": pl.select(pl.when(CHURNED).then(pl.lit(date(2024, 1, 1)))).to_series(),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_feature_that_alone_tells_all_is_named(name: str) -> None:
    rows = _rows(**{name: LEAKS[name]})
    assert _found(rows) == {name: "alone"}
    found = leakage(rows, [name, *HONEST])
    assert found.columns == (name,)
    assert name in found.explain().zh
    assert name in found.explain().en
    assert found.note().kind == "warning"


def test_a_value_only_of_those_who_left_is_named_though_it_ranks_badly() -> None:
    some = CHURNED & (pl.Series(RNG.random(N)) < 0.4)
    reason = pl.select(pl.when(some).then(pl.lit("price"))).to_series()
    assert strength(reason, Y).value < 0.8
    assert _found(_rows(reason=reason)) == {"reason": "one_sided"}
    assert _found(_rows(reason=reason.fill_null("none"))) == {"reason": "one_sided"}
    amount = pl.select(pl.when(some).then(pl.lit(9.5))).to_series()
    assert _found(_rows(paid_back=amount)) == {"paid_back": "one_sided"}
    stayed = pl.select(pl.when(~CHURNED & pl.Series(RNG.random(N) < 0.4)).then(pl.lit("gift"))).to_series()
    assert one_sided(stayed, Y) == 0, "a value only of those who stayed may be a contract that binds"
    assert _found(_rows(gift=stayed)) == {}


def _some_missing(values: Any, share: float) -> pl.Series:
    gone = pl.Series(np.random.default_rng(9).random(N) < share)
    return pl.select(pl.when(~gone).then(pl.Series(values))).to_series()


@pytest.mark.parametrize("name", ["score_up", "score_down", "state"])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_leak_with_values_missing_is_named(name: str, share: float) -> None:
    assert _found(_rows(**{name: _some_missing(LEAKS[name], share)})) == {name: "alone"}


def test_the_outcome_copied_with_mistakes_is_a_caution() -> None:
    wrong = pl.Series(np.random.default_rng(4).random(N) < 0.04)
    found = leakage(_rows(copy=wrong != CHURNED), ["copy", "risk"])
    assert dict(found.summary.select("column", "sign").iter_rows()) == {"copy": "strong"}
    assert not found.found
    assert found.cautions == ("copy",)
    assert "copy" in found.explain().zh


def _days(**columns: Any) -> pl.DataFrame:
    """The same customers on two days, of whom other ones left each time."""
    first = _rows().select(churned=CHURNED.gather(range(N - 1, -1, -1)), observed_on=pl.lit(date(2024, 1, 1)))
    second = _rows().select("churned", observed_on=pl.lit(date(2024, 4, 1)))
    both = pl.concat([first, second])
    return both.with_columns(pl.concat([pl.Series(v), pl.Series(v)]).alias(k) for k, v in columns.items())


def test_what_is_written_down_today_tells_all_of_the_last_day_only() -> None:
    rows = _days(status=np.where(CHURNED, "gone", "here"), risk=RISK)
    assert strength(rows["status"], rows["churned"].cast(pl.Float64)).value < NEAR_ONE
    assert leakage(rows, ["status", "risk"]).columns == ("status",)
    assert leakage(rows.sample(fraction=1, shuffle=True, seed=2), ["status", "risk"]).columns == ("status",)


def test_a_date_after_its_day_was_not_known_on_it() -> None:
    late = pl.Series([date(2024, 1, 2) if place % 50 == 0 else date(2023, 5, 1) for place in range(N)])
    rows = _days(updated_on=late, edited_at=late.cast(pl.Datetime("us", "UTC")), risk=RISK)
    found = leakage(rows, ["updated_on", "edited_at", "risk"])
    assert found.columns == ("updated_on",), "a moment may be a day later in another time zone"
    assert "晚于观察日" in found.explain().zh


def test_one_customer_on_many_days_is_not_many_who_left() -> None:
    lost = CHURNED & (CHURNED.cast(pl.Int64).cum_sum() <= 12)
    one = _rows().select("churned", town=pl.select(pl.when(lost).then(pl.lit("小镇"))).to_series())
    days = [one.with_columns(observed_on=pl.lit(date(2024, month, 1))) for month in (1, 4, 7, 10)]
    assert one_sided(pl.concat(days)["town"], pl.concat(days)["churned"].cast(pl.Float64)) == 48
    assert not leakage(pl.concat(days), ["town"]).found


def test_names_like_the_outcome_are_a_caution_only() -> None:
    found = leakage(
        _rows(churn_risk_group=HONEST["city"], 注销渠道=HONEST["flag"]), ["churn_risk_group", "注销渠道"]
    )
    assert not found.found
    assert set(found.cautions) == {"churn_risk_group", "注销渠道"}
    assert found.note().kind == "warning"


@given(seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_strength_depends_on_no_order_and_no_direction(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(N)
    values = pl.Series(RISK)
    for column in (values, values.round(0).cast(pl.String)):
        assert strength(column.gather(order), Y.gather(order)).value == pytest.approx(
            strength(column, Y).value
        )
    assert strength(-values, Y).value == pytest.approx(strength(values, Y).value, abs=0.03)


def test_nothing_is_said_of_one_outcome() -> None:
    rows = _rows().with_columns(churned=pl.lit(value=True))
    assert leakage(rows, list(HONEST)).summary.is_empty()
    assert leakage(rows.clear(), []).explain() == Text(
        "没有可检查的特征。", "There was no feature to look at."
    )


@pytest.fixture
def seer(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register for a moment a feature that looks at orders after its day."""

    class Seer(Feature):
        title: ClassVar[Text] = Text("预言", "seer")
        tables: ClassVar[tuple[str, ...]] = ("orders",)
        produces: ClassVar[tuple[str, ...]] = ("orders_ever",)

        def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
            return tables["orders"].group_by("customer_id").agg(orders_ever=nw.len().cast(nw.Int64))

    monkeypatch.setattr(registry.features, "_session", dict(registry.features._session))
    registry.features.register("seer")(Seer)
    return "orders_ever"


def test_a_feature_that_looks_ahead_is_named(seer: str) -> None:
    day = date(2024, 1, 31)
    orders = pl.LazyFrame(
        {
            "order_id": ["1", "2", "3"],
            "customer_id": ["a", "a", "b"],
            "day": [day_number(day) - 5, day_number(day) + 5, day_number(day)],
            "amount_hundredths": [100, 100, 100],
        }
    )
    assert known_only_later({"orders": orders}, [seer, "order_count"], day) == (seer,)
    rows = _rows(orders_ever=HONEST["noise"])
    found = leakage(rows, [*HONEST, seer], later=(seer,))
    assert found.columns == (seer,)
    assert "观察日之后" in found.explain().zh


def test_both_languages_show_the_table() -> None:
    rows = _rows(score=LEAKS["score_up"])
    for language in ("zh", "en"):
        shown: Any = leakage(rows, ["score", "risk"], language=language).table()  # type: ignore[arg-type]
        assert shown.payload()["rows"][0][0] == "score"
        assert shown.frame["auc"][0] >= NEAR_ONE
    assert crmlab.churn.leakage is leakage
