"""Every registered feature gives the same bits on every engine, and leaves its rows there."""

from __future__ import annotations

from datetime import date
from typing import Any, NoReturn

import narwhals as nw
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from crmlab import registry
from crmlab.engines import Engine, opened
from crmlab.estimators import KEY, Feature
from crmlab.sample_tables import AS_OF
from crmlab.summary import day_number

Looked = tuple[dict[str, pl.DataFrame], date]

NAMES = list(registry.features)
GATHERS = {"cadence": "everyone"}
"""Features that compare all customers with each other: their summary, one row each, comes to one place."""


@pytest.fixture(scope="module")
def feature(request: pytest.FixtureRequest) -> Feature:
    return registry.features[request.param]()


def _built(feature: Feature, engine: Engine, tables: dict[str, pl.DataFrame], day: date) -> nw.LazyFrame[Any]:
    names = [name for name in (*feature.tables, *feature.optional_tables) if name in tables]
    return feature.build({name: engine.from_polars(tables[name].lazy()) for name in names}, day)


_BY_POLARS: dict[tuple[Feature, int], pl.DataFrame] = {}


def _by_polars(feature: Feature, tables: dict[str, pl.DataFrame], day: date) -> pl.DataFrame:
    """Return the feature of tables that live as long as the tests, computed once."""
    of = (feature, id(tables))
    if of not in _BY_POLARS:
        polars = opened("polars")
        _BY_POLARS[of] = polars.to_polars(_built(feature, polars, tables, day))
    return _BY_POLARS[of]


def _bits(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame sorted, numbers with a fraction as the 64 bits that they are."""
    floats = [name for name, dtype in frame.schema.items() if dtype == pl.Float64]
    numbers = {name: frame[name].fill_null(0.0).to_numpy().view("int64") for name in floats}
    known = [frame[name].is_null().alias(f"{name} is null") for name in floats]
    return frame.with_columns(*known, **{name: pl.Series(bits) for name, bits in numbers.items()}).sort(KEY)


@pytest.mark.parametrize("feature", NAMES, indirect=True)
def test_every_feature_is_the_same_to_the_last_bit(
    feature: Feature, engine: Engine, looked_at: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("the feature collects its rows")

    expected = _by_polars(feature, *looked_at)
    with monkeypatch.context() as stay:
        stay.setattr(nw.LazyFrame, "collect", refuse)
        stay.setattr(type(engine), "to_polars", refuse)
        built = _built(feature, engine, *looked_at)
    assert built.implementation.name in engine.implementations
    found = engine.to_polars(built)
    engine.release()
    assert {KEY, *feature.produces} <= set(expected.columns)
    assert_frame_equal(_bits(found.select(expected.columns)), _bits(expected), check_exact=True)


@pytest.mark.parametrize("feature", NAMES, indirect=True)
def test_the_order_of_rows_makes_no_difference(feature: Feature, hard: dict[str, pl.DataFrame]) -> None:
    polars = opened("polars")
    turned = {name: table.reverse() for name, table in hard.items()}
    expected, found = (
        _by_polars(feature, hard, AS_OF),
        polars.to_polars(_built(feature, polars, turned, AS_OF)),
    )
    assert_frame_equal(_bits(found), _bits(expected), check_exact=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_together_are_single_customers_but_for_what_says_so(
    name: str, nearly_empty: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = opened("polars")
    keys, apply = set(), type(engine).apply

    def noted(self: Engine, *args: Any, together: str | None = None) -> nw.LazyFrame[Any]:
        keys.add(together)
        return apply(self, *args, together=together)  # type: ignore[arg-type]

    monkeypatch.setattr(type(engine), "apply", noted)
    _built(registry.features[name](), engine, nearly_empty, AS_OF)
    assert keys - {None, KEY} == ({GATHERS[name]} if name in GATHERS else set())


_ORDERS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 800), st.integers(-300_000, 300_000)), max_size=60
)
_OF_ORDERS = [name for name in NAMES if registry.features[name].tables == ("orders",)]


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ORDERS)
def test_whatever_the_orders_duckdb_agrees(rows: list[tuple[str, int, int]]) -> None:
    orders = pl.DataFrame(
        [
            (f"o{place}", customer, day_number(AS_OF) - ago, amount)
            for place, (customer, ago, amount) in enumerate(rows)
        ],
        orient="row",
        schema={"order_id": pl.String, KEY: pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64},
    )
    polars, duckdb = opened("polars"), opened("duckdb")
    for name in _OF_ORDERS:
        feature = registry.features[name]()
        looked_at = ({"orders": orders}, AS_OF)
        expected = polars.to_polars(_built(feature, polars, *looked_at))
        found = duckdb.to_polars(_built(feature, duckdb, *looked_at))
        assert_frame_equal(_bits(found.select(expected.columns)), _bits(expected), check_exact=True)
    duckdb.release()
