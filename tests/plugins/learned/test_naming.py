"""Names for segments."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crmlab.labels import Text
from crmlab_plugins.learned import naming

COLUMNS = ("days_since_last_order", "order_count", "total_spend")


def test_a_name_tells_what_sets_a_segment_apart_money_first() -> None:
    (name,) = naming.profile_names(COLUMNS, [[-1.2, 0.8, 2.0]], [[]])
    assert name == Text("高消费·高频·近期活跃", "High spend, frequent, recent")
    (plain,) = naming.profile_names(COLUMNS, [[0.1, -0.2, 0.4]], [[]])
    assert plain == Text("各项居中", "Average throughout")
    (unknown,) = naming.profile_names(("margin",), [[1.0]], [[]])
    assert unknown == Text("margin高", "High margin")


def test_twins_are_told_apart_by_the_column_in_which_they_differ_most() -> None:
    names = naming.profile_names(COLUMNS, [[0, 0, 0.9], [0, 0, 3.0]], [[], []])
    assert [name.zh for name in names] == ["高消费", "超高消费"]
    assert names[1].en == "Very high spend"
    low = naming.profile_names(COLUMNS, [[1.0, -0.6, 0], [1.0, -2.0, 0]], [[], []])
    assert low[1] == Text("超低频·久未购买", "Very infrequent, long absent")
    plain = naming.profile_names(COLUMNS, [[0.3, 0, 0], [-0.3, 0, 0]], [[], []])
    assert plain[0] == Text("未购天数较长：各项居中", "Longer absence: Average throughout")
    three = naming.profile_names(COLUMNS, [[0, 0, 0.9], [0, 0, 3.0], [0, 0, 2.0]], [[], [], []])
    assert three[1].en == "Spend 1 of 3: High spend"
    same = naming.profile_names(COLUMNS, [[0, 0, 1.0], [0, 0, 1.0]], [[], []])
    assert len(set(same)) == 2


@given(
    st.lists(
        st.lists(st.sampled_from([-2.0, -0.6, 0.0, 0.6, 2.0]), min_size=3, max_size=3), min_size=1, max_size=8
    )
)
def test_names_are_all_different_in_both_languages(apart: list[list[float]]) -> None:
    names = naming.profile_names(COLUMNS, apart, [[] for _ in apart])
    assert len({name.zh for name in names}) == len({name.en for name in names}) == len(apart)


def test_a_class_is_typical_where_half_have_it_and_more_than_elsewhere() -> None:
    rows = pl.DataFrame(
        {"city": ["成都"] * 8 + ["北京"] * 2 + ["北京"] * 10, "cares_for_price": [True] * 10 + [False] * 10}
    )
    codes = np.repeat([0, 1], 10)
    first, second = naming.kinds(rows, ["city", "cares_for_price"], codes, 2)
    assert [text.zh for text in first] == ["市：成都", "看重价格"]
    assert [text.zh for text in second] == ["市：北京"]


def test_an_answer_that_few_gave_names_no_segment() -> None:
    rows = pl.DataFrame(
        {
            "cares_for_price": [True] * 2 + [None] * 8 + [False] * 2 + [None] * 8,
            "need_category": ["茶"] * 4 + ["米"] * 4 + ["油"] * 2 + ["盐"] * 9 + ["糖"],
        }
    )
    first, second = naming.kinds(rows, rows.columns, np.repeat([0, 1], 10), 2)
    assert [text.zh for text in first] == ["花费最多的品类：米、茶"]
    assert [text.en for text in second] == ["category of most spend: 盐"]


def test_what_is_not_reads_well_in_both_languages() -> None:
    rows = pl.DataFrame({"cares_for_price": [True] * 10 + [False] * 10})
    first, second = naming.kinds(rows, rows.columns, np.repeat([0, 1], 10), 2)
    assert first == [Text("看重价格", "cares for price")]
    assert second == [Text("看重价格：否", "cares for price: no")]
