"""Gates stop every report of a study, and the data-quality report after it has told why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmlab.data.quality.gate import REPORT
from crmlab.errors import ParamsError, QualityGateError
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]

TABLES = {
    "customers": "customer_id,mobile\na,13912345679\nb,1\nc,\n",
    "orders": "order_id,customer_id,ordered_at,amount\n1,a,2024-06-01,5\n2,z,2024-06-02,5\n3,a,soon,5\n",
}
LENIENT = {"max_rejected_share": 1.0}

GATES = [
    ({"max_rejected_share": 0.2}, "33.3% of the rows of the table 'orders' are rejected"),
    (
        {**LENIENT, "rules": {"mobile_format": {"gate": True}}},
        "'customers': 1 of 2 (50.0%), 2.0% are allowed",
    ),
    ({**LENIENT, "min_score": 0.99}, "at least 99.00% is asked"),
]


@pytest.mark.parametrize(("quality", "message"), GATES)
def test_the_quality_report_tells_first(make_lab: MakeLab, quality: dict[str, Any], message: str) -> None:
    lab = make_lab(TABLES, REPORT, quality=quality, reports={REPORT: None})
    assert lab.quality.table().payload()["rows"]
    assert any("门槛没有通过" in text.zh for text in lab.finding_texts())
    with pytest.raises(QualityGateError, match="not good enough") as raised:
        lab.quality.gate()
    assert message in str(raised.value)


@pytest.mark.parametrize("quality", [quality for quality, _ in GATES[1:]])
def test_another_report_shows_no_number(make_lab: MakeLab, quality: dict[str, Any]) -> None:
    lab = make_lab(TABLES, "segmentation", quality=quality)
    with pytest.raises(QualityGateError, match="not good enough for this study"):
        lab.tables  # noqa: B018


def test_a_gate_that_cannot_be_checked_is_shut(make_lab: MakeLab) -> None:
    quality = {**LENIENT, "rules": {"email_format": {"gate": True}}}
    with pytest.raises(QualityGateError, match="email_format could not be checked: the column is abs"):
        make_lab(TABLES, "segmentation", quality=quality).tables  # noqa: B018


def test_a_gate_cannot_be_off(make_lab: MakeLab) -> None:
    quality = {"rules": {"mobile_format": {"gate": True}}, "off": ["mobile_format"]}
    with pytest.raises(ParamsError, match="is a gate under `rules`, so it cannot be off"):
        make_lab(TABLES, "segmentation", quality=quality)


def test_a_gate_reads_only_the_tables_of_its_rules(make_lab: MakeLab) -> None:
    quality = {"max_rejected_share": 0.2, "rules": {"mobile_format": {"gate": True, "max_share": 0.6}}}
    lab = make_lab(TABLES, "segmentation", quality=quality)
    assert lab.tables.loaded == ("customers",)


def test_without_gates_nothing_is_read(make_lab: MakeLab) -> None:
    assert make_lab(TABLES, "segmentation").tables.loaded == ()


def test_data_that_is_good_enough(make_lab: MakeLab) -> None:
    lab = make_lab(
        TABLES, REPORT, quality={**LENIENT, "min_score": 0.5}, reports={REPORT: None}, language="en"
    )
    assert "passes the gates" in lab.quality.gate().plain()
    assert (
        make_lab(TABLES, "segmentation", quality={**LENIENT, "min_score": 0.5}).tables["orders"].height == 2
    )


def test_an_error_quotes_no_value(make_lab: MakeLab) -> None:
    quality = {**LENIENT, "min_score": 1.0, "rules": {"unknown_customer": {"gate": True}}}
    with pytest.raises(QualityGateError) as raised:
        make_lab(TABLES, "segmentation", quality=quality).tables  # noqa: B018
    assert "13912345679" not in str(raised.value)
    assert "soon" not in str(raised.value)
