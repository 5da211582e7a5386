"""Finding the notebook of a report, and what its parameters cell declares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat.v4 as v4
import pytest

from crmlab.errors import ParamsError
from crmlab.report import notebooks


def notebook(*sources: str, tags: tuple[str, ...] = ("parameters",)) -> Any:
    return v4.new_notebook(cells=[v4.new_code_cell(text, metadata={"tags": list(tags)}) for text in sources])


def test_the_notebook_of_the_study_comes_before_ours(tmp_path: Path, notebook_at: Any) -> None:
    study = tmp_path / "params"
    assert notebooks.find("segmentation", study).parent.name == "notebooks"
    beside = notebook_at(tmp_path / "notebooks" / "segmentation.ipynb")
    assert notebooks.find("segmentation", study) == beside
    inside = notebook_at(study / "notebooks" / "segmentation.ipynb")
    assert notebooks.find("segmentation", study) == inside


def test_an_unknown_name_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"named 'segmentatoin'\. Did you mean 'segmentation'\?.*feedback"):
        notebooks.find("segmentatoin", tmp_path)


def test_what_is_no_notebook_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text('{"cells": [', encoding="utf-8")
    with pytest.raises(ParamsError, match=r"broken\.ipynb is no notebook"):
        notebooks.read(path)


def test_declared_names_are_plain_assignments() -> None:
    source = (
        '# months\nmonths: int = 3\nregion = "a = b"\nfirst = second = None\nprint(months)\ndata["x"] = 1'
    )
    assert notebooks.declared(notebook(source), "n.ipynb") == ("months", "region", "first", "second")


@pytest.mark.parametrize(
    ("given", "message"),
    [(notebook("a = 1", tags=()), "no cell tagged `parameters`"), (notebook("a = 1\nb = = 2"), "line 2")],
)
def test_a_notebook_without_good_parameters(given: Any, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        notebooks.declared(given, "n.ipynb")


def test_heading_is_the_first_of_the_language() -> None:
    texts = [("zh", "前言\n\n# 客户 报告 \n\n# 其二"), ("en", "## Small\n\n# Customer report")]
    cells = [v4.new_markdown_cell(text, metadata={"tags": [tag]}) for tag, text in texts]
    given = v4.new_notebook(cells=[v4.new_code_cell("# no heading"), *cells])
    assert notebooks.heading(given, "zh") == "客户 报告"
    assert notebooks.heading(given, "en") == "Customer report"
    assert notebooks.heading(v4.new_notebook(), "en") == ""


def test_reading_a_notebook_builds_no_grammar() -> None:
    code = (
        "import sys; from pathlib import Path; from crmlab.report import notebooks; "
        "notebooks.read(notebooks.find('segmentation', Path('.'))); print('lark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
