"""Segments that are rules."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.learned.rule_tree import RuleTree

from .planted import customers, permuted

PLANTED = customers()


@parametrize_with_checks([RuleTree(segments=3), RuleTree(inputs=("average_order_value", "order_count"))])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def test_a_rule_gives_everybody_their_segment_and_nobody_elses() -> None:
    fitted = RuleTree().fit(PLANTED)
    labels = fitted.predict(PLANTED)
    assert fitted.surrogate_["exact"]
    for label, rule in fitted.rules().select("label", "rule_en").iter_rows():
        words = rule.replace("days since the last order", "days_since_last_order")
        words = (
            words.replace("paid orders", "order_count").replace("total spend", "total_spend").replace(",", "")
        )
        met = PLANTED.select(_condition(words)).to_series()
        assert (met == (labels == label)).all(), rule


def _condition(words: str) -> pl.Expr:
    """Read a rule as it is printed."""
    parts = []
    for part in words.split(" and "):
        pieces = part.split()
        if len(pieces) == 5:
            low, _, name, _, high = pieces
            parts.append((pl.col(name) > float(low)) & (pl.col(name) <= float(high)))
        else:
            name, sign, value = pieces
            parts.append(pl.col(name) > float(value) if sign == ">" else pl.col(name) <= float(value))
    return pl.all_horizontal(parts)


def test_segments_are_ordered_by_what_was_spent_since_and_are_large_enough() -> None:
    fitted = RuleTree().fit(PLANTED)
    leaves = [fitted.state_["leaves"][at] for at in fitted.order_]
    assert [leaf["mean"] for leaf in leaves] == sorted((leaf["mean"] for leaf in leaves), reverse=True)
    assert all(leaf["share"] >= 0.05 for leaf in leaves)
    assert sum(leaf["share"] for leaf in leaves) == pytest.approx(1)
    top = fitted.predict(PLANTED.filter(kind="champions")).mode()
    assert top.to_list() == ["segment_1"]
    assert fitted.confidence(PLANTED).unique().to_list() == [1.0]


def test_what_is_told_is_measured_on_customers_held_out() -> None:
    told, noise = (RuleTree().fit(table).choice() for table in (PLANTED, permuted(PLANTED)))
    assert told.filter("chosen")["separation"].item() > 0.4
    assert noise["separation"].max() < 0.03


def test_reasons_say_the_rule_and_the_value_and_no_column_that_is_not_in_it() -> None:
    fitted = RuleTree(segments=2).fit(PLANTED)
    zh, en = fitted.explain(PLANTED.head(1)).row(0)
    assert "的规则：" in zh
    assert "meets the rule of" in en
    assert (
        sum(name in en.split("what tells most")[1] for name in ("paid orders", "total spend", "days since"))
        == 1
    )


def test_inputs_without_a_past_are_refused() -> None:
    with pytest.raises(ParamsError, match="learns from the past"):
        RuleTree(inputs=("city",)).fit(PLANTED)


def test_of_nobody_known_at_the_look_back_there_is_one_segment() -> None:
    new = PLANTED.with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in PLANTED.columns if name.startswith("earlier_")
    )
    fitted = RuleTree().fit(new)
    assert set(fitted.predict(PLANTED)) == {"segment_1"}
    assert "只有一群" in fitted.definition().zh
