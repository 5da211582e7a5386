"""What customers answered: choices, scales, rankings; who answered, and who did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmlab.surveys.survey import Surveys

__all__ = ["Surveys"]


def __getattr__(name: str) -> object:
    # Every study reads this package's settings; the rest is imported when a report asks for it.
    if name == "Surveys":
        from crmlab.surveys.survey import Surveys

        return Surveys
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
