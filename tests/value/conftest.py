"""The purchases of CDNOW's customers of early 1997 as a study, and a company that we made up."""

from __future__ import annotations

from pathlib import Path

import pytest

import crmlab
from crmlab.lab import Lab


@pytest.fixture(scope="session")
def cdnow(cdnow: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One tenth of the customers, as in the papers; free orders cost a cent, to be purchases here too."""
    lines = (cdnow / "CDNOW_sample.txt").read_text(encoding="ascii").splitlines()
    rows = []
    for place, line in enumerate(lines):
        _, customer, day, _, amount = line.split()
        paid = max(float(amount), 0.01)
        rows.append(f"{place},{customer},{day[:4]}-{day[4:6]}-{day[6:]},{paid}")
    folder = tmp_path_factory.mktemp("cdnow")
    path = folder / "orders.csv"
    path.write_text("order_id,customer_id,ordered_at,amount\n" + "\n".join(rows), encoding="utf-8")
    return crmlab.open(
        "value",
        data=[{"source": "files", "files": {"orders": {"path": str(path)}}}],
        as_of="1998-06-30",
        timezone="UTC",
        currency="USD",
        language="en",
    )
