"""Parameters from plain values: every problem at once, in sentences."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crmlab.errors import ParamsError, PluginContractError
from crmlab.estimators import Estimator
from crmlab.validation import problems_of, validated

if TYPE_CHECKING:
    from decimal import Decimal


class Plugin(Estimator):
    """Parameters of every sort."""

    method: Literal["fast", "slow"] = "fast"
    days: Annotated[int, Field(ge=1)] = 90
    since: date | None = None
    weights: dict[str, list[float]] | None = None
    folder: Path = Path()
    schema: str = "plain"
    copy: tuple[str, ...] = ()


class Needy(Estimator):
    """One parameter without a default."""

    path: str
    note: str = ""


class Picky(Estimator):
    """Parameters that must fit together."""

    low: int = 1
    high: int = 2

    def _check_params(self) -> None:
        if self.low >= self.high:
            raise ParamsError(f"low is {self.low} and high is {self.high}; low must be below high.")


class Unreadable(Estimator):
    """Names a type that is not there when the program runs."""

    price: Decimal | None = None


def test_values_become_what_is_declared() -> None:
    plugin = validated(
        Plugin,
        {"days": 7, "since": "2024-03-05", "weights": {"甲": [1, 2]}, "folder": "a/b", "copy": ["x", "y"]},
    )
    assert (plugin.days, plugin.since, plugin.folder) == (7, date(2024, 3, 5), Path("a/b"))
    assert plugin.weights == {"甲": [1.0, 2.0]}
    assert (plugin.method, plugin.schema, plugin.copy) == ("fast", "plain", ("x", "y"))
    assert validated(Plugin, {}).get_params() == Plugin().get_params()


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(ParamsError) as caught:
        validated(Plugin, {"methd": "fast", "days": 0, "since": "soon", "schema": False})
    message = str(caught.value)
    assert message.startswith("The parameters of Plugin are not valid: ")
    assert "methd: unknown name. Did you mean 'method'? Allowed: method, days, since" in message
    assert "days: Input should be greater than or equal to 1; given: 0." in message
    assert "since: " in message
    assert "schema: Input should be a valid string; given: False." in message
    assert "parameter_" not in message


def test_long_values_are_not_quoted_whole() -> None:
    with pytest.raises(ParamsError) as caught:
        validated(Plugin, {"method": "x" * 500})
    assert "…" in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_required_parameter_is_asked_for() -> None:
    with pytest.raises(ParamsError, match=r"path: required, and not given\."):
        validated(Needy, {"note": "x"})
    assert validated(Needy, {"path": "a.csv"}).path == "a.csv"


def test_parameters_that_do_not_fit_together_are_refused() -> None:
    assert validated(Picky, {"high": 5}).high == 5
    with pytest.raises(ParamsError, match="low must be below high"):
        validated(Picky, {"low": 2})


def test_types_that_cannot_be_read_are_the_plugins_fault() -> None:
    with pytest.raises(PluginContractError, match=r"Unreadable cannot be read: name 'Decimal'"):
        validated(Unreadable, {})


def test_problems_of_nested_documents_have_a_place() -> None:
    class Inner(BaseModel):
        model_config = ConfigDict(extra="forbid")
        zh: str

    class Outer(BaseModel):
        titles: list[Inner]

    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"titles": [{"zh": "好", "eng": "x"}, {}]})
    problems = problems_of(caught.value, lambda where: ["zh", "en"] if where[0] == "titles" else [])
    assert problems == [
        (("titles", 0, "eng"), "titles.0.eng: unknown name. Did you mean 'en'? Allowed: zh, en."),
        (("titles", 1, "zh"), "titles.1.zh: required, and not given."),
    ]
