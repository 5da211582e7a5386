"""What the model foretells by repeats and silence, and how customers differ in its eyes."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

import crmlab
from crmlab.lab import Lab


@pytest.mark.parametrize("name", ["bg-nbd", "pareto-nbd"])
def test_silence_never_raises_and_mostly_lowers_the_chances(cdnow: Lab, name: str) -> None:
    cells = cdnow.value.matrices(name).summary
    assert cells["alive"].is_between(0, 1).all()
    for _, rows in cells.sort("silence_days").group_by("repeats", maintain_order=True):
        assert rows["alive"].is_sorted(descending=True)
    # The same silence weighs more on who bought often.
    last = cells.filter(silence_days=cells["silence_days"].max()).sort("repeats")
    assert last["alive"].is_sorted(descending=True)


def test_cells_are_the_models_answers(cdnow: Lab) -> None:
    matrices = cdnow.value.matrices("bg-nbd")
    row = matrices.summary.filter(repeats=3, silence_days=90).row(0, named=True)
    customer = pl.DataFrame(
        {
            "customer_id": ["x"],
            "repeat_purchase_days": [3],
            "first_to_last_purchase_days": [matrices.age - 90],
            "days_since_first_order": [matrices.age],
        }
    )
    model = cdnow.model("bg-nbd")
    assert row["expected"] == pytest.approx(model.expected_purchases(customer, [365])[0][0])  # type: ignore[attr-defined]
    assert row["alive"] == pytest.approx(model.probability_alive(customer)[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_they_are_shown(cdnow: Lab, language: str, check_chart: Callable[..., None]) -> None:
    value = crmlab.Lab(cdnow.study.model_copy(update={"language": language}), "value").value
    check_chart(value.matrices().chart(), language)
    check_chart(value.matrices().alive_chart(), language)
    check_chart(value.heterogeneity().chart(), language)
    check_chart(value.heterogeneity().dropout_chart(), language)
    assert len(value.heterogeneity().table().payload()["rows"]) == 4
    assert value.heterogeneity().note().payload()["kind"] == "note"


def test_densities_are_densities(cdnow: Lab) -> None:
    import numpy as np

    frame = cdnow.value.heterogeneity("bg-nbd").summary
    for kind in ("purchases_per_week", "dropout"):
        part = frame.filter(pl.col("density").is_finite(), kind=kind).sort("value")
        assert (part["density"] >= 0).all()
        assert np.trapezoid(part["density"], part["value"]) < 1.2


def test_a_ridge_is_a_warning(make_lab: Callable[..., Lab]) -> None:
    """Who all buy like clockwork to the end tell nothing of leaving."""
    from datetime import date, timedelta

    first = date(2024, 1, 1)
    lines = ["order_id,customer_id,ordered_at,amount"]
    for customer in range(80):
        days = range(customer % 11, 180, 9 + customer % 13)
        lines += [f"{customer}-{day},c{customer},{first + timedelta(days=day)},10" for day in days]
    lab = make_lab({"orders": "\n".join(lines)}, "value", as_of="2024-06-28", timezone="UTC", language="en")
    assert lab.value.heterogeneity("bg-nbd").note().payload()["kind"] == "warning"
