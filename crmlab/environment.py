"""What comes from the environment: where a run collects its outputs, and secrets by reference.

Paths of a machine and secrets travel here, outside the notebook, so that none of them is saved in it.
"""

from __future__ import annotations

import os
from typing import Any

from crmlab.errors import ParamsError

RUN_FOLDER = "CRMLAB_RUN_FOLDER"
"""Where the run collects its outputs."""
KEY_FOLDER = "CRMLAB_KEY_FOLDER"
"""Where the secret key of customer codes lies."""
REPORT_NAME = "CRMLAB_REPORT_NAME"
"""The name under which the run knows the report; its files are named so."""

_REFERENCE = "env:"


def secrets_in(value: Any) -> dict[str, str]:
    """Return secret → its reference for every ``env:NAME`` in ``value`` whose variable is set."""
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return {secret: reference for item in items for secret, reference in secrets_in(item).items()}
    if not isinstance(value, str) or not value.startswith(_REFERENCE):
        return {}
    secret = os.environ.get(value.removeprefix(_REFERENCE))
    return {secret: value} if secret else {}


def resolved(value: Any) -> Any:
    """Return ``value`` with every text ``env:NAME`` in it replaced by that environment variable.

    A study holds the reference; the secret itself is looked up when a source is opened and is kept
    nowhere. Raises ParamsError where the variable is not set.
    """
    if isinstance(value, dict):
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, str) or not value.startswith(_REFERENCE):
        return value
    name = value.removeprefix(_REFERENCE)
    if name not in os.environ:
        raise ParamsError(
            f"The environment variable {name!r} is not set; the study refers to it as {value!r}."
        )
    return os.environ[name]
