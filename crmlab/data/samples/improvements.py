"""The register of improvements of the generated company; what is true of each is in ``parameters``."""

from __future__ import annotations

import polars as pl

from crmlab.data.samples.parameters import IMPROVEMENTS


def improvement_table() -> pl.DataFrame:
    """Return the canonical improvements as text."""
    return pl.DataFrame(
        {
            "improvement_id": [each.id for each in IMPROVEMENTS],
            "measure": [each.zh for each in IMPROVEMENTS],
            "aspect": [each.aspect for each in IMPROVEMENTS],
            "owner": [each.owner for each in IMPROVEMENTS],
            "started_on": [f"{each.day}" for each in IMPROVEMENTS],
            "target_metric": [each.metric for each in IMPROVEMENTS],
            "target_value": [f"{each.target:g}" for each in IMPROVEMENTS],
            "status": [each.status for each in IMPROVEMENTS],
        }
    )
