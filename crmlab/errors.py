"""Every error that crmlab raises on purpose.

::

    CrmlabError
    ├── ParamsError            a study or a plugin parameter is not valid (all problems at once)
    ├── DataError              an input cannot be read as what it should be
    │   └── QualityGateError   too many rows were rejected to go on
    ├── PluginError
    │   ├── UnknownPluginError    no plugin has that name
    │   ├── PluginConflictError   two distributions register one name
    │   ├── PluginLoadError       a plugin cannot be imported or is not what its group holds
    │   └── PluginContractError   a plugin returned what its contract forbids
    │       └── PluginFailedError  a plugin raised an error of its own
    ├── MissingFeaturesError   a table lacks columns that a plugin needs
    ├── NotFittedError         predict before fit
    ├── MissingExtraError      an optional dependency is not installed
    └── RunError               a report could not be produced

A message says what was given, what is allowed, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CrmlabError(Exception):
    """Base of every error that crmlab raises on purpose."""


class ParamsError(CrmlabError, ValueError):
    """A study or a plugin parameter is not valid; the message lists every problem.

    ``problems`` has the same as pairs of location and sentence, where the locations are known.
    """

    def __init__(self, message: str, problems: Iterable[tuple[tuple[str | int, ...], str]] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class DataError(CrmlabError, ValueError):
    """An input cannot be read as what it should be."""


class QualityGateError(DataError):
    """More rows were rejected than the study allows."""


class PluginError(CrmlabError):
    """Base of what can be wrong with a plugin."""


class UnknownPluginError(PluginError, LookupError):
    """No plugin has that name."""


class PluginConflictError(PluginError):
    """Two distributions register a plugin under one name."""


class PluginLoadError(PluginError):
    """A plugin cannot be imported, or is not what its group holds."""


class PluginContractError(PluginError, ValueError):
    """A plugin returned what its contract forbids."""


class PluginFailedError(PluginContractError):
    """A plugin raised an error that it did not mean for its user; the cause is that error."""


class MissingFeaturesError(CrmlabError, ValueError):
    """A table lacks columns that a plugin needs."""


class NotFittedError(CrmlabError, AttributeError):
    """A plugin was asked to predict before it was fitted."""


class MissingExtraError(CrmlabError, ImportError):
    """An optional dependency is not installed."""


class RunError(CrmlabError):
    """A report could not be produced."""


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest allowed name, or nothing."""
    names = {name.casefold(): name for name in allowed}
    close = difflib.get_close_matches(str(given).casefold(), list(names), n=1, cutoff=0.5)
    return f" Did you mean {names[close[0]]!r}?" if close else ""
