"""The contract without pytest, as `crmlab plugins check` runs it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest
from test_testing import ForgetsOnLoading, Numbers, OffTheScheme, Recent

from crmlab.errors import MissingExtraError, PluginContractError
from crmlab.trial import trial


class ForgetsAndStrays(ForgetsOnLoading, OffTheScheme):
    """Breaks two rules."""


class Needy(OffTheScheme):
    """Breaks a rule, but has a parameter that nobody gave."""

    path: str


class NotInstalled(Numbers):
    """Reads with a library that is not there."""

    def read(self) -> Mapping[str, pl.LazyFrame]:
        raise MissingExtraError("Install it with `pip install …`.")


def test_a_sound_plugin_passes() -> None:
    assert trial(Recent) is None


def test_every_broken_rule_is_named() -> None:
    with pytest.raises(PluginContractError) as caught:
        trial(ForgetsAndStrays)
    assert "breaks the rule “labels within the scheme”" in str(caught.value)
    assert "breaks the rule “state round-trips”" in str(caught.value)


@pytest.mark.parametrize("plugin", [Needy, NotInstalled])
def test_what_cannot_be_tried_here_is_not_called_broken(plugin: type) -> None:
    assert trial(plugin) is None
