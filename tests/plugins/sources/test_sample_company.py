"""The generated company as a source of a study."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from crmlab.data.samples.company import TABLES, company_blocks
from crmlab.data.tables import TableStore
from crmlab.errors import ParamsError
from crmlab_plugins.sources.sample_company import SampleCompany


def test_it_delivers_the_company_that_the_command_writes() -> None:
    delivered = SampleCompany(customers=150, seed=9).read()
    (company,) = company_blocks(150, 9)
    assert tuple(delivered) == TABLES
    for name, table in delivered.items():
        assert table.collect().equals(company.tables[name])


def test_a_study_rejects_the_planted_rows_and_no_other() -> None:
    store = TableStore([SampleCompany(customers=150, seed=9)], date(2024, 12, 31), "Asia/Shanghai")
    (company,) = company_blocks(150, 9)
    for name in TABLES:
        planted = company.truth["dirt"].filter(table=name).drop_nulls("reason")
        assert store.count(name).rejected == planted.height
    future = company.truth["dirt"].filter(table="orders", kind="future_date").height
    assert store.count("orders").later == future


def test_without_dirt_nothing_is_rejected() -> None:
    store = TableStore([SampleCompany(customers=80, dirt=False)], date(2024, 12, 31), "Asia/Shanghai")
    assert [store.count(name).rejected for name in TABLES] == [0] * len(TABLES)


def test_it_says_that_all_is_generated() -> None:
    source = SampleCompany(customers=80, seed=4)
    assert "生成数据" in source.origin.zh
    assert "Generated data" in source.origin.en
    assert "80" in source.origin.en
    assert "生成" in source.caution.zh
    assert "generated" in source.caution.en


@pytest.mark.parametrize("params", [{"customers": 0}, {"customers": 2_000_000}, {"seed": -1}])
def test_sizes_that_cannot_be_are_refused(params: dict[str, int]) -> None:
    with pytest.raises(ParamsError):
        SampleCompany.from_params(params)


def test_tables_are_text_under_canonical_names() -> None:
    for table in SampleCompany(customers=20).read().values():
        assert set(table.collect_schema().dtypes()) == {pl.String}
