"""All rules of data quality, found by name."""

from __future__ import annotations

from crmlab.data.quality import between, formats, persons, profile, reading, records, times
from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.data.quality.rule import Rule
from crmlab.data.schemas import TABLES
from crmlab.errors import did_you_mean

_ORDER = (list(DIMENSIONS), list(TABLES))

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *formats.RULES,
            *profile.RULES,
            *persons.RULES,
            *records.RULES,
            *between.RULES,
            *times.RULES,
            *reading.RULES,
        ),
        key=lambda rule: (_ORDER[0].index(rule.dimension), _ORDER[1].index(rule.table)),
    )
)
"""Every rule for every table, by dimension and table; one id may stand for several tables."""

IDS: tuple[str, ...] = tuple(sorted({rule.id for rule in RULES}))

GATED = ("table_unreadable",)
"""Rules that stop a run unless the study says otherwise."""


def unknown(rule: str) -> str | None:
    """Say that there is no such rule, and which was meant; None where there is one."""
    if rule in IDS:
        return None
    return f"no rule of data quality is named {rule!r}.{did_you_mean(rule, IDS)} There are: {', '.join(IDS)}"


def takes(rule: str) -> set[str]:
    """Return which further settings the rule understands: ``codes``, ``days``."""
    return {setting for one in RULES if one.id == rule for setting in one.takes}
