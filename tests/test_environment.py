"""Secrets are given by reference and looked up late."""

from __future__ import annotations

import pytest

from crmlab.environment import resolved, secrets_in
from crmlab.errors import ParamsError


def test_references_are_replaced_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "秘密=1")
    given = {
        "uri": "env:SHOP_PASSWORD",
        "more": [{"token": "env:SHOP_PASSWORD"}],
        "rows": 5,
        "plain": "environment",
    }
    found = {"uri": "秘密=1", "more": [{"token": "秘密=1"}], "rows": 5, "plain": "environment"}
    assert resolved(given) == found
    assert given["uri"] == "env:SHOP_PASSWORD"


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(ParamsError, match="'SHOP_PASSWORD' is not set"):
        resolved("env:SHOP_PASSWORD")


def test_secrets_are_found_wherever_they_are_referred_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "秘密=1")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("ABSENT", raising=False)
    given = {"data": [{"uri": "env:SHOP_PASSWORD", "n": 5}], "more": ["env:EMPTY", "env:ABSENT", "plain"]}
    assert secrets_in(given) == {"秘密=1": "env:SHOP_PASSWORD"}
