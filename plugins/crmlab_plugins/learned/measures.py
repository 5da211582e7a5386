"""What readers call an input, without a lab at hand."""

from __future__ import annotations

from functools import lru_cache

from crmlab.errors import PluginError
from crmlab.labels import Measure


def measure_of(column: str) -> Measure:
    """Return the name and unit of a column of features or of the customers table; else its own name."""
    from crmlab.registry import features

    return _measures(tuple(features)).get(column, Measure(column, column, "number"))


@lru_cache(maxsize=4)
def _measures(installed: tuple[str, ...]) -> dict[str, Measure]:
    from crmlab.data.schemas import columns
    from crmlab.registry import features

    known = {each.column: Measure(*each.text, unit="text") for each in columns("customers")}
    for name in installed:
        try:
            plugin = features[name]
        except PluginError:  # a broken plugin stops no other; the lab names it
            continue
        for column, measure in plugin.measures.items():
            known.setdefault(column, measure)
    return known
