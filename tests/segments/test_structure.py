"""The null check: it finds what is there, and nothing in data whose columns were shuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from crmlab.estimators import Classifier
from crmlab.lab import Lab
from crmlab.labels import Label, Scheme, Text
from crmlab.segments.separation import joined_outcomes
from crmlab.segments.structure import (
    INPUT_FLOOR,
    Evidence,
    Structure,
    explained_dispersion,
    input_evidence,
    null_check,
    outcome_evidence,
    permuted,
)

SCHEMES = ("rfm", "abc", "status")
QUICK = 999
"""Permutations: as few as still allow p = 0.001."""


class Halves(Classifier):
    """Two groups that learning finds: k-means on standardised columns."""

    title: ClassVar[Text] = Text("两群", "Halves")
    scheme: ClassVar[Scheme] = Scheme(
        "halves", "两群", "Halves", (Label("one", "一", "One"), Label("two", "二", "Two"))
    )

    @property
    def requires(self) -> tuple[str, ...]:
        """Four columns."""
        return ("x0", "x1", "x2", "x3")

    def _fit(self, features: pl.DataFrame) -> None:
        from sklearn.cluster import KMeans

        data = features.select(self.requires).to_numpy()
        self.middle_, self.spread_ = data.mean(axis=0).tolist(), data.std(axis=0).tolist()
        fitted = KMeans(2, n_init=1, random_state=0).fit((data - self.middle_) / self.spread_)
        self.centres_ = sorted(fitted.cluster_centers_.tolist())

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        data = (features.select(self.requires).to_numpy() - self.middle_) / self.spread_
        distance = ((data[:, None] - np.array(self.centres_)) ** 2).sum(axis=2)
        return pl.Series(np.array(["one", "two"])[distance.argmin(axis=1)], dtype=pl.String)


def _blobs(n: int, apart: float, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    data = random.normal(size=(n, 4)) + apart * (np.arange(n) % 2)[:, None]
    columns = {f"x{i}": data[:, i] for i in range(4)}
    return pl.DataFrame({"customer_id": [f"c{i}" for i in range(n)], **columns})


def test_shuffling_keeps_every_column_and_no_row() -> None:
    features = _blobs(200, 3, 0).with_columns(x0=pl.int_range(pl.len()), x1=pl.int_range(pl.len()))
    shuffled = permuted(features, 1)
    assert shuffled["customer_id"].equals(features["customer_id"])
    for name in features.columns:
        assert shuffled[name].sort().equals(features[name].sort())
    assert (shuffled["x0"] == shuffled["x1"]).sum() < 10
    assert shuffled.equals(permuted(features, 1))
    assert not shuffled.equals(permuted(features, 2))


def test_explained_dispersion_by_hand() -> None:
    labels = pl.Series(["a", "a", "b", "b"])
    # Ranks 1 2 3 4: 4 of 5 lie between. Of the words, all.
    inputs = pl.DataFrame({"number": [1, 2, 10, 700], "word": ["x", "x", "y", "y"], "same": [1, 1, 1, 1]})
    assert explained_dispersion(inputs, labels) == pytest.approx((0.8 + 1) / 2)
    mixed = pl.DataFrame({"word": ["x", "y", "x", "y"]})
    assert explained_dispersion(mixed, labels) == pytest.approx(0)


def test_clusters_that_are_there_are_found() -> None:
    features = _blobs(400, 3, 0)
    found = input_evidence(Halves().fit(features), features)
    assert found is not None
    assert found.found
    assert found.p == pytest.approx(1 / 20)
    assert found.effect > 0.3


@pytest.mark.parametrize("seed", range(4))
def test_clusters_of_one_cloud_or_of_shuffled_clusters_are_none(seed: int) -> None:
    for features in (_blobs(200, 0, seed), permuted(_blobs(200, 3, seed), seed)):
        found = input_evidence(Halves().fit(features), features, seed=seed)
        assert found is not None
        assert not found.found


def _known(n: int, effect: float, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    label = random.integers(0, 4, n)
    spend = np.exp(random.normal(effect * label, 1.5)) * (random.random(n) < 0.5)
    return pl.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "label": [f"l{i}" for i in label],
            "next_spend": spend,
            "returned": (spend > 0).astype(int),
            "category": random.choice(["x", "y", "z"], n).tolist(),
        }
    )


def test_the_p_value_is_exact_where_nothing_is_there() -> None:
    """Three outcomes, one test: of 200 samples without effect about one in ten has p <= 0.1."""
    low = [outcome_evidence(_known(60, 0, seed), 99, seed) for seed in range(200)]
    share = np.mean([each is not None and each.p <= 0.1 for each in low])
    assert 0.05 <= share <= 0.15


def test_no_p_value_is_zero() -> None:
    """However clear an effect is, so many permutations prove no more than one in so many and one."""
    found = outcome_evidence(_known(1000, 1, 0), 99)
    assert found is not None
    assert found.p == 1 / 100
    assert not found.found  # too few to be sure


def test_an_effect_on_inputs_must_be_beyond_what_refits_differ_by() -> None:
    """Learned from few customers, clusters of shuffled inputs differ more than the least effect."""
    features = _blobs(40, 0, 1)
    found = input_evidence(Halves().fit(features), features)
    assert found is not None
    assert found.floor > INPUT_FLOOR


def test_an_effect_on_any_outcome_is_found() -> None:
    found = outcome_evidence(_known(1000, 1, 0), QUICK)
    assert found is not None
    assert (found.on, found.found) == ("spend", True)
    known = _known(400, 0, 0).with_columns(category=pl.col("label").replace({"l0": "l1"}))
    found = outcome_evidence(known, QUICK)
    assert found is not None
    assert (found.on, found.found) == ("category", True)
    assert found.effect > 0.9


def test_a_proven_effect_below_the_floor_is_no_structure() -> None:
    found = outcome_evidence(_known(10_000, 0.25, 0), QUICK)
    assert found is not None
    assert found.p <= found.alpha
    assert found.effect < found.floor
    assert Structure(found, None).verdict == "no_structure"


def test_nothing_to_check() -> None:
    assert outcome_evidence(_known(20, 1, 0)) is None
    assert outcome_evidence(_known(60, 1, 0).with_columns(label=pl.lit("l0"))) is None
    same = _known(60, 1, 0).with_columns(next_spend=pl.lit(0.0), returned=pl.lit(0), category=pl.lit("x"))
    assert outcome_evidence(same) is None
    assert Structure(None, None).verdict == "unknown"
    nothing = Evidence("inputs", 0.3, 0.05, 0.5, 0.05, 19, 100)
    assert Structure(None, nothing).verdict == "no_structure"


def _check(lab: Lab, names: tuple[str, ...] = SCHEMES, seeds: tuple[int, ...] = (0, 1)) -> None:
    for name in names:
        assert null_check(lab, name, permutations=QUICK, refits=5).verdict == "structure", name
        for seed in seeds:
            shuffled = null_check(lab, name, permutations=QUICK, refits=5, seed=seed, shuffled=True)
            assert shuffled.verdict == "no_structure", (name, seed, shuffled)


def test_the_grocer_has_structure_and_its_shuffled_columns_have_none(grocer: Lab) -> None:
    _check(grocer)


def test_the_generated_company_has_structure_and_its_shuffled_columns_have_none(company: Lab) -> None:
    _check(company)


@pytest.fixture(params=["cdnow", "r_rfm", "onlineretail"])
def real(
    request: pytest.FixtureRequest, shared_data: Path, make_lab: Callable[..., Lab]
) -> Iterator[tuple[Lab, tuple[str, ...]]]:
    """A lab on a real data set, and the schemes that have structure there."""
    if request.param == "onlineretail":
        lines = pl.read_parquet(shared_data / "onlineretail" / "online_retail.parquet").filter(
            pl.col("CustomerID").is_not_null()
        )
        orders = lines.group_by(order_id="InvoiceNo").agg(
            customer_id=pl.col("CustomerID").first().cast(pl.Int64).cast(pl.String),
            ordered_at=pl.col("InvoiceDate").min().cast(pl.Date),
            amount=(pl.col("Quantity") * pl.col("UnitPrice")).sum().round(2),
        )
        yield make_lab({"orders": orders.sort("order_id").write_csv()}, as_of="2011-12-09"), SCHEMES
    elif request.param == "cdnow":
        text = (shared_data / "cdnow" / "CDNOW_sample.txt").read_text().splitlines()
        rows = [line.split() for line in text if line.strip()]
        orders = pl.DataFrame(
            {
                "order_id": [str(place) for place in range(len(rows))],
                "customer_id": [row[0] for row in rows],
                "ordered_at": [f"{row[2][:4]}-{row[2][4:6]}-{row[2][6:]}" for row in rows],
                "amount": [row[-1] for row in rows],
            }
        )
        yield make_lab({"orders": orders.write_csv()}, as_of="1998-06-30"), SCHEMES
    else:
        orders = pl.read_csv(shared_data / "r_rfm" / "rfm_data_orders.csv").select(
            pl.int_range(pl.len()).alias("order_id"),
            "customer_id",
            ordered_at="order_date",
            amount="revenue",
        )
        # Simulated by its authors: what a customer did says little of what comes.
        yield make_lab({"orders": orders.write_csv()}, as_of="2006-12-31"), ()


def test_real_data_and_its_shuffled_columns(real: tuple[Lab, tuple[str, ...]]) -> None:
    lab, names = real
    _check(lab, names)
    for name in SCHEMES:
        control = null_check(lab, name, permutations=QUICK, refits=5, seed=3, shuffled=True)
        assert control.verdict == "no_structure", (name, control)


def test_what_came_later_is_not_learned_from(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    """The evidence is that of labels of a study that ended on the earlier day."""
    lab = make_lab(habits, "segmentation")
    then = make_lab(habits, "segmentation", as_of="2024-04-01").classify("rfm").labels
    with_hindsight = lab.classify("rfm", as_of=date(2024, 4, 1)).labels
    assert not then.equals(with_hindsight)
    found = null_check(lab, "rfm", permutations=99).outcomes
    assert found == outcome_evidence(joined_outcomes(lab, then, 90), 99)
    assert found != outcome_evidence(joined_outcomes(lab, with_hindsight, 90), 99)


def test_a_short_history_is_unknown(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    found = null_check(make_lab(habits, "segmentation"), "abc", days=400)
    assert found.verdict == "unknown"
    assert found.reason is not None
    assert "800" in found.reason.en


def test_one_class_is_unknown(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    lab = make_lab(habits, "segmentation")
    found = null_check(lab, "status", dormant_after_days=5000, lost_after_days=6000)
    assert found.verdict == "unknown"
    assert found.reason is not None
    assert "one class" in found.reason.en


def test_the_same_twice(make_lab: Callable[..., Lab], habits: dict[str, str]) -> None:
    lab = make_lab(habits, "segmentation")
    assert null_check(lab, "rfm", permutations=99, refits=3) == null_check(
        lab, "rfm", permutations=99, refits=3
    )
