"""RFM: the published results of the R package, and the properties that every convention keeps."""

from __future__ import annotations

from datetime import date
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.errors import MissingFeaturesError, NotFittedError, ParamsError
from crmlab.labels import UNCLASSIFIED
from crmlab.testing import sample_features
from crmlab_plugins.schemes.rfm import CONVENTIONS, VALUE_TAGS, Rfm
from crmlab_plugins.schemes.rfm_maps import OTHERS, check_map, load_map, read_map
from crmlab_plugins.schemes.rfm_scoring import quantiles

MAPS = ("total_11", "r_rfm_02", "r_rfm_03", "shopify", "zh_8")
FIXED = {"recency": [30.0, 60, 90, 180], "frequency": [1.0, 2, 3, 6], "monetary": [50.0, 100, 200, 400]}
SCORES = ["recency_score", "frequency_score", "monetary_score"]
BY_VALUE = [name for name in CONVENTIONS if name != "rank_first"]


def _rfm(convention: str, **params: Any) -> Rfm:
    fixed = {"fixed_cut_points": FIXED} if convention == "fixed" else {}
    return Rfm.from_params({"convention": convention} | fixed | params)


def _table(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    columns = {"days_since_last_order": pl.Int64, "order_count": pl.Int64, "total_spend": pl.Float64}
    table = pl.DataFrame(rows, schema=columns, orient="row")
    return table.select(pl.format("c{}", pl.int_range(pl.len())).alias("customer_id"), *columns)


ROWS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 6), st.integers(-20, 400).map(lambda cents: cents / 4)),
    min_size=1,
    max_size=40,
)
TABLES = ROWS.map(_table)


@pytest.fixture(scope="module")
def orders(shared_data: Path) -> pl.DataFrame:
    """The customers of the R package's example, as of 2006-12-31."""
    raw = pl.read_csv(shared_data / "r_rfm" / "rfm_data_orders.csv", try_parse_dates=True)
    last = pl.lit(date(2006, 12, 31)) - pl.col("order_date").max()
    return (
        raw.group_by("customer_id")
        .agg(
            days_since_last_order=last.dt.total_days(),
            order_count=pl.len().cast(pl.Int64),
            total_spend=pl.col("revenue").sum().cast(pl.Float64),
        )
        .sort("customer_id")
    )


class TestTheRPackage:
    def test_segments(self, orders: pl.DataFrame) -> None:
        labels = _rfm("r_rfm", map="r_rfm_02").fit(orders).predict(orders)
        assert dict(labels.value_counts().iter_rows()) == {
            "about_to_sleep": 50,
            "at_risk": 86,
            "champions": 158,
            "lost": 111,
            "loyal": 278,
            "need_attention": 35,
            "others": 48,
            "potential_loyalist": 229,
        }
        champions = orders.filter(labels == "champions")
        assert champions["order_count"].sum() == 1_234
        assert champions["total_spend"].sum() == 120_178

    def test_scores(self, orders: pl.DataFrame) -> None:
        scores = _rfm("r_rfm").fit(orders).scores(orders)
        assert scores.columns == ["customer_id", *SCORES]
        people = ("Abbey O'Reilly", "Add Senger", "Aden Lesch")
        found = scores.filter(pl.col("customer_id").is_in(people))
        assert found.rows() == [(people[0], 3, 4, 3), (people[1], 4, 1, 2), (people[2], 3, 2, 3)]

    def test_how_many_customers_another_convention_moves(self, orders: pl.DataFrame) -> None:
        """The shares measured on this data set, which is why the convention is shown."""
        usual, nested = _rfm("value_quintile").fit(orders), _rfm("nested").fit(orders)
        code_differs = (
            usual.scores(orders).select(SCORES).hash_rows()
            != nested.scores(orders).select(SCORES).hash_rows()
        )
        assert code_differs.mean() == pytest.approx(0.82, abs=0.005)
        assert (usual.predict(orders) != nested.predict(orders)).mean() == pytest.approx(0.27, abs=0.005)


class TestMaps:
    @pytest.mark.parametrize(
        ("name", "cells", "uncovered", "overlapping", "unreachable"),
        [
            ("total_11", 25, 0, 0, ()),
            ("r_rfm_02", 125, 36, 39, ("new", "promising", "cant_lose")),
            ("r_rfm_03", 125, 10, 58, ()),
            ("shopify", 125, 0, 0, ()),
            ("zh_8", 8, 0, 0, ()),
        ],
    )
    def test_check(
        self, name: str, cells: int, uncovered: int, overlapping: int, unreachable: tuple[str, ...]
    ) -> None:
        found = check_map(load_map(name))
        assert (found.cells, len(found.uncovered), len(found.overlapping)) == (cells, uncovered, overlapping)
        assert found.covered == cells - uncovered
        assert found.unreachable == unreachable
        assert (OTHERS in load_map(name).scheme.ids) == bool(uncovered)

    def test_the_default_grid(self) -> None:
        """Recency falls down the rows, frequency rises along them."""
        names = load_map("total_11").scheme.names("zh")
        grid = [[names[load_map("total_11").name(r=r, f=f)] for f in range(1, 6)] for r in range(5, 0, -1)]
        assert grid == [
            ["新客户", "潜力忠诚", "潜力忠诚", "核心客户（冠军）", "核心客户（冠军）"],
            ["有前景", "潜力忠诚", "潜力忠诚", "忠诚", "忠诚"],
            ["即将沉睡", "即将沉睡", "需关注", "忠诚", "忠诚"],
            ["休眠", "休眠", "流失风险", "流失风险", "不可流失"],
            ["流失", "流失", "流失风险", "流失风险", "不可流失"],
        ]

    def test_the_eight_chinese_classes(self) -> None:
        segments = load_map("zh_8")
        names = segments.scheme.names("zh")
        found = {
            f"{r}{f}{m}": names[segments.name(r=r + 1, f=f + 1, m=m + 1)]
            for r, f, m in product((0, 1), repeat=3)
        }
        assert found == {
            "111": "重要价值客户",
            "101": "重要发展客户",
            "011": "重要保持客户",
            "001": "重要挽留客户",
            "110": "一般价值客户",
            "100": "一般发展客户",
            "010": "一般保持客户",
            "000": "一般挽留客户",
        }

    @pytest.mark.parametrize("name", MAPS)
    @pytest.mark.parametrize("bins", [2, 3, 4, 5, 7, 10])
    def test_every_cell_gets_exactly_one_name(self, name: str, bins: int) -> None:
        segments = load_map(name)
        cells = pl.DataFrame(
            list(product(range(1, bins + 1), repeat=3)), schema=["r", "f", "m"], orient="row"
        )
        labels = cells.select(segments.labels({key: pl.col(key) for key in "rfm"}, bins)).to_series()
        assert len(labels) == bins**3
        assert set(labels) <= set(segments.scheme.ids)
        if bins == segments.scale:
            assert labels.to_list() == [segments.name(r=r, f=f, m=m) for r, f, m in cells.iter_rows()]

    @pytest.mark.parametrize("bins", range(2, 11))
    def test_other_numbers_of_scores_keep_order_and_symmetry(self, bins: int) -> None:
        scores = pl.DataFrame({"s": range(1, bins + 1)})
        placed = scores.select(load_map("total_11").place(pl.col("s"), bins)).to_series()
        assert placed.is_sorted()
        assert placed.to_list() == [6 - value for value in reversed(placed)]

    def test_a_map_with_a_hole_or_a_stranger_is_refused(self) -> None:
        text = {"zh": "甲", "en": "A"}
        document = {
            **text, "source": "", "axes": [], "scale": 2,
            "labels": {"a": text}, "rules": [{"label": "a", "r": [1, 1]}],
        }  # fmt: skip
        with pytest.raises(ParamsError, match=r"names nothing for 1 cells, the first being R \(2,\)"):
            read_map("mine", document)
        with pytest.raises(ParamsError, match="does not declare: b"):
            read_map("mine", document | {"rules": [{"label": "b", "r": [1, 2]}]})
        with pytest.raises(ParamsError, match="Did you mean 'shopify'"):
            load_map("shopfy")


class TestScores:
    @given(values=st.lists(st.integers(-50, 50), min_size=1, max_size=60), parts=st.integers(2, 10))
    def test_quantiles_are_those_of_type_7(self, values: list[int], parts: int) -> None:
        import numpy as np

        values = sorted(values)
        expected = np.quantile(values, [part / parts for part in range(1, parts)], method="linear")
        assert quantiles(values, parts) == pytest.approx(expected.tolist(), abs=1e-9)

    def test_quantiles_on_a_value_are_exactly_that_value(self) -> None:
        values = [index / 10 for index in range(11)]
        assert quantiles(values, 10) == values[1:-1]

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(table=TABLES)
    @settings(max_examples=25, deadline=None)
    def test_scores_are_monotone_and_ties_share_them(self, convention: str, table: pl.DataFrame) -> None:
        rfm = _rfm(convention).fit(table)
        scored = table.join(rfm.scores(table), on="customer_id")
        top = rfm.scores_per_dimension
        pairs = zip(("days_since_last_order", "order_count", "total_spend"), SCORES, strict=True)
        for value, score in pairs:
            assert scored[score].is_between(1, top).all()
            if convention == "nested" and score != "recency_score":
                continue  # compares within a cell: see the test below
            ordered = scored.sort(value, score if value != "days_since_last_order" else -pl.col(score))[score]
            assert ordered.is_sorted(descending=value == "days_since_last_order")
            if convention != "rank_first":
                assert scored.group_by(value).agg(pl.col(score).n_unique())[score].max() == 1

    @given(table=TABLES)
    @settings(max_examples=25, deadline=None)
    def test_nested_scores_are_quantiles_within_the_cell(self, table: pl.DataFrame) -> None:
        scored = table.join(_rfm("nested").fit(table).scores(table), on="customer_id")
        for cell, value, score in (
            (["recency_score"], "order_count", "frequency_score"),
            (["recency_score", "frequency_score"], "total_spend", "monetary_score"),
        ):
            for part in scored.partition_by(cell):
                cuts = quantiles(part[value].sort().to_list(), 5)
                assert part[score].to_list() == [1 + sum(x > cut for cut in cuts) for x in part[value]]

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(table=TABLES, data=st.data())
    @settings(max_examples=15, deadline=None)
    def test_row_order_changes_no_label(
        self, convention: str, table: pl.DataFrame, data: st.DataObject
    ) -> None:
        mixed = table[data.draw(st.permutations(range(table.height)))]
        before = dict(zip(table["customer_id"], _rfm(convention).fit(table).predict(table), strict=True))
        after = dict(zip(mixed["customer_id"], _rfm(convention).fit(mixed).predict(mixed), strict=True))
        assert before == after

    @given(table=TABLES)
    @settings(max_examples=25, deadline=None)
    def test_rank_first_makes_groups_of_equal_size(self, table: pl.DataFrame) -> None:
        scores = _rfm("rank_first").fit(table).scores(table)
        for score in SCORES:
            sizes = [(scores[score] == value).sum() for value in range(1, 6)]
            # The pandas rule, cuts at ranks 1 + (n - 1) k / 5: sizes differ by one at most.
            ranks = [1 + (table.height - 1) * part / 5 for part in range(6)]
            expected = [
                sum(low < rank <= high or (rank == 1 and part == 0) for rank in range(1, table.height + 1))
                for part, (low, high) in enumerate(pairwise(ranks))
            ]
            assert sizes == (expected[::-1] if score == "recency_score" else expected)

    def test_all_equal_values_get_one_label(self) -> None:
        table = _table([(10, 1, 5.0)] * 7)
        for convention in BY_VALUE:
            assert _rfm(convention).fit(table).predict(table).n_unique() == 1

    def test_high_and_low_of_the_binary_conventions(self) -> None:
        table = _table([(1, 9, 100.0), (2, 1, 1.0), (30, 9, 90.0), (40, 1, 2.0)])
        labels = _rfm("mean_binary").fit(table).predict(table)
        assert labels.to_list() == [
            "important_value",
            "general_development",
            "important_retention",
            "general_win_back",
        ]
        assert _rfm("mean_binary").fit(table).cut_points_ == {
            "recency": [18.25],
            "frequency": [5.0],
            "monetary": [48.25],
        }

    def test_fixed_cut_points_belong_to_the_lower_interval(self) -> None:
        table = _table([(30, 1, 50.0), (31, 2, 50.01), (180, 6, 400.0), (181, 7, 400.01)])
        scores = _rfm("fixed").fit(table).scores(table).select(SCORES)
        assert scores.rows() == [(5, 1, 1), (4, 2, 2), (2, 4, 4), (1, 5, 5)]


class TestFreezing:
    @pytest.mark.parametrize("convention", BY_VALUE)
    def test_frozen_cut_points_are_used_in_place_of_learning(self, convention: str) -> None:
        table = sample_features().drop_nulls("days_since_last_order")
        learned = _rfm(convention).fit(table)
        later = table.with_columns(pl.col("total_spend") * 10, pl.col("order_count") + 5)
        frozen = _rfm(convention, frozen_cut_points=learned.cut_points_).fit(later)
        assert frozen.cut_points_ == learned.cut_points_
        assert frozen.predict(later).equals(learned.predict(later))
        if convention != "fixed":
            assert _rfm(convention).fit(later).cut_points_ != learned.cut_points_

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_saved_state_scores_later_customers_alike(self, convention: str, tmp_path: Path) -> None:
        table = sample_features().drop_nulls("days_since_last_order")
        learned = _rfm(convention).fit(table)
        learned.save(tmp_path)
        later = table.with_columns(pl.col("total_spend") * 3)
        assert Rfm.load(tmp_path).predict(later).equals(learned.predict(later))

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"convention": "fixed"}, "give fixed_cut_points with the convention 'fixed'"),
            ({"fixed_cut_points": FIXED}, "and with no other"),
            (
                {"convention": "fixed", "fixed_cut_points": {"recency": [1.0]}},
                "it needs recency, frequency, monetary",
            ),
            (
                {"frozen_cut_points": FIXED | {"recency": [3.0, 2, 1, 0]}},
                "4 finite numbers in ascending order",
            ),
            ({"frozen_cut_points": FIXED | {"monetary": [1.0]}}, "frozen_cut_points.monetary is"),
            ({"frozen_cut_points": FIXED | {"monetary": [1, 2, 3, float("inf")]}}, "finite"),
            ({"convention": "rank_first", "frozen_cut_points": FIXED}, "load the saved classifier"),
            ({"convention": "nested", "frozen_cut_points": FIXED}, "frequency@R1"),
            ({"convention": "mean_binary", "map": "total_11"}, "zh_8 needs exactly two scores"),
            ({"map": "zh_8"}, "Leave `map` out"),
            ({"bins": 1}, "from 2 to 10"),
            ({"convention": "quintile"}, "convention: Input should be"),
            ({"map": "total"}, "map: Input should be"),
        ],
    )
    def test_parameters_that_do_not_fit_are_refused(self, params: dict[str, Any], message: str) -> None:
        with pytest.raises(ParamsError, match=message.replace("(", r"\(")):
            Rfm.from_params(params)

    def test_a_wrong_convention_is_refused_without_from_params_too(self) -> None:
        with pytest.raises(ParamsError, match="Did you mean 'nested'"):
            Rfm(convention="nestd").fit(sample_features())  # type: ignore[arg-type]


class TestWhatAReaderSees:
    def test_the_map_follows_the_number_of_scores(self) -> None:
        assert Rfm().scheme.id == "rfm_total_11"
        assert Rfm(bins=2).scheme.id == "rfm_zh_8"
        assert Rfm(convention="median_binary").scheme.id == "rfm_zh_8"

    def test_reasons(self) -> None:
        table = _table([(12, 34, 1_234.5), (0, 1, 10.0), (1, 2, 20.0)])
        reasons = _rfm("fixed").fit(table).explain(table)
        assert reasons.rows() == [
            (
                "最近一次购买在 12 天前（R5），共 34 单（F5），累计消费 1,234.50（M5，价值高）",
                "last order 12 days ago (R5), 34 orders in all (F5), total spend 1,234.50 (M5, high value)",
            ),
            (
                "最近一次购买就在观察日当天（R5），共 1 单（F1），累计消费 10.00（M1，价值低）",
                "last order on the as-of day (R5), 1 order in all (F1), total spend 10.00 (M1, low value)",
            ),
            (
                "最近一次购买在 1 天前（R5），共 2 单（F2），累计消费 20.00（M1，价值低）",
                "last order 1 day ago (R5), 2 orders in all (F2), total spend 20.00 (M1, low value)",
            ),
        ]
        binary = _rfm("median_binary").fit(table).explain(table)
        assert (
            binary["zh"][0] == "最近一次购买在 12 天前（R 低），共 34 单（F 高），累计消费 1,234.50（M 高）"
        )

    def test_definition_states_convention_cut_points_and_map(self) -> None:
        table = sample_features()
        before, after = _rfm("fixed").definition(), _rfm("fixed").fit(table).definition()
        assert "切分点：R 30、60、90、180；F 1、2、3、6；M 50、100、200、400。" in after.zh
        assert "Cut-points: R 30 / 60 / 90 / 180; F 1 / 2 / 3 / 6; M 50 / 100 / 200 / 400." in after.en
        assert "切分点：" not in before.zh
        assert after.zh.endswith("分群规则：RFM 11 类（全覆盖、不重叠）。")
        assert "F 与 M 的切分点因格而异" in _rfm("nested").fit(table).definition().zh

    def test_value_tags(self) -> None:
        table = _table([(1, 1, 10.0 * 2**step) for step in range(7)])
        tags = _rfm("fixed").fit(table).value_tags(table)
        assert tags.to_list() == ["low", "low", "low", "low", "mid", "high", "high"]
        assert set(tags) == set(VALUE_TAGS.ids)

    def test_cells_are_the_whole_grid(self) -> None:
        table = sample_features()
        cells = Rfm().fit(table).cells(table)
        assert cells.height == 25
        assert cells.columns == ["recency_score", "frequency_score", "customer_count", "total_spend", "label"]
        known = table.drop_nulls("days_since_last_order")
        assert cells["customer_count"].sum() == known.height
        assert cells["total_spend"].sum() == pytest.approx(known["total_spend"].sum())
        first, last = cells.row(0, named=True), cells.row(24, named=True)
        assert (first["recency_score"], first["frequency_score"], first["label"]) == (5, 1, "new")
        assert (last["recency_score"], last["frequency_score"], last["label"]) == (1, 5, "cant_lose")
        assert Rfm(map="shopify").fit(table).cells(table)["label"].null_count() == 25

    def test_customers_without_orders_keep_their_row(self) -> None:
        table = sample_features()
        rfm = Rfm().fit(table)
        unknown = table["days_since_last_order"].is_null()
        scores = rfm.scores(table)
        assert scores["customer_id"].equals(table["customer_id"])
        assert scores["monetary_score"].is_null().equals(unknown)
        assert (rfm.predict(table) == UNCLASSIFIED.id).equals(unknown)
        assert rfm.value_tags(table).is_null().equals(unknown)

    def test_before_a_fit_and_after_a_fit_on_nobody(self) -> None:
        table = sample_features()
        with pytest.raises(NotFittedError):
            Rfm().scores(table)
        with pytest.raises(NotFittedError, match="learned from no customer"):
            Rfm().fit(table.clear()).predict(table)
        with pytest.raises(MissingFeaturesError, match="total_spend"):
            Rfm().fit(table).cells(table.drop("total_spend"))
        assert "没有可供学习的客户" in Rfm().fit(table.clear()).definition().zh
