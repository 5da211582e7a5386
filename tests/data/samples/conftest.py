"""One generated company for all tests of this folder, with dirt and without."""

from __future__ import annotations

import pytest

from crmlab.data.samples.company import Company, company_blocks
from crmlab.data.samples.parameters import BLOCK


@pytest.fixture(scope="session")
def clean_company() -> Company:
    """Return 20,000 people without dirt."""
    (company,) = company_blocks(20_000, 7, dirt=False)
    return company


@pytest.fixture(scope="session")
def two_blocks() -> list[Company]:
    """Return a company that is larger than one block."""
    return list(company_blocks(BLOCK + 10, 3))


@pytest.fixture(scope="session")
def dirty_company() -> Company:
    """Return 3,000 people with dirt."""
    (company,) = company_blocks(3_000, 7)
    return company
