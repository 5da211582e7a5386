"""No error of a notebook quotes what the study's tables hold of persons."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crmlab.lab import Lab
from crmlab.report.messages import load_ipython_extension, quoted

CUSTOMERS = (
    "customer_id,name,birth_date,city,remark,smokes\n"
    "7,欧阳娜,1985-03-04,北京,去年冬天在门店说过不要再打电话给她了,是\n"
    "K-12,李雷,1990-01-02,成都,,否\n"
)


@pytest.fixture(autouse=True)
def _formatting() -> Iterator[None]:
    """Put back how warnings are written, which belongs to the whole process."""
    before = warnings.formatwarning
    yield
    warnings.formatwarning = before


class Shell:
    """What the extension sees of IPython."""

    def __init__(self, **names: Any) -> None:
        self.user_ns = names
        self.shown: list[tuple[str, str, list[str]]] = []

    def _showtraceback(self, kind: type[BaseException], error: object, lines: list[str]) -> None:
        self.shown.append((kind.__name__, str(error), lines))


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    lab = make_lab({"customers": CUSTOMERS})
    assert lab.tables["customers"].height == 2
    return lab


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("no number: 欧阳娜 and 李雷", ["欧阳娜", "李雷"]),
        ("row K-12", ["K-12"]),
        ("born datetime.date(1985, 3, 4), or 1985-03-04", ["datetime.date(1985, 3, 4)", "1985-03-04"]),
        ("'去年冬天在门店说过不要再打…'", ["去年冬天在门店说过不要再"]),
        ("7 of 17 customers in 北京, True", []),  # a short number is in every other number
        ("", []),
    ],
)
def test_what_a_message_quotes(lab: Lab, message: str, found: list[str]) -> None:
    assert quoted(message, {"lab": lab, "other": 3}) == found
    assert quoted(message, {"other": 3}) == []


def test_tables_that_were_not_read_are_not_read_for_it(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab({"customers": CUSTOMERS})
    assert quoted("欧阳娜", {"lab": lab}) == []
    assert "tables" not in vars(lab)


def test_message_and_traceback_are_cleaned(lab: Lab) -> None:
    shell = Shell(lab=lab)
    load_ipython_extension(shell)
    shell._showtraceback(KeyError, KeyError("欧阳娜"), ["----> 1 x['欧阳娜']", "KeyError: '欧阳娜'"])
    assert shell.shown == [("KeyError", "'***'", ["----> 1 x['***']", "KeyError: '***'"])]


def test_warnings_are_cleaned(lab: Lab) -> None:
    load_ipython_extension(Shell(lab=lab))
    told = warnings.formatwarning("欧阳娜 has no age", UserWarning, "x.py", 3, "f('李雷')")
    assert told == "x.py:3: UserWarning: *** has no age\n  f('***')\n"
    vars(lab)["tables"] = None
    assert warnings.formatwarning("欧阳娜", UserWarning, "x.py", 3) == "UserWarning: ***\n"


def test_an_error_is_shown_even_where_the_search_fails(lab: Lab) -> None:
    shell = Shell(lab=lab)
    load_ipython_extension(shell)
    del lab.study
    vars(lab)["tables"] = None
    shell._showtraceback(ValueError, ValueError("欧阳娜 is no number"), ["ValueError: 欧阳娜 is no number"])
    assert shell.shown == [("ValueError", "***", ["ValueError: ***"])]
