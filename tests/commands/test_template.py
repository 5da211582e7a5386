"""``crmlab template``: what it writes, where, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crmlab.commands.template import template
from crmlab.data.dictionary import dictionary, document
from crmlab.data.reading.preflight import scan_workbook
from crmlab.errors import ParamsError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(template, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "客户资料模板.xlsx"),
        (("--example",), "客户资料示例.xlsx"),
        (("profile",), "客户基本资料表模板.xlsx"),
        (("--language", "en"), "customer-templates.xlsx"),
        (("--language", "en", "overview", "--example"), "customer-overview-example.xlsx"),
    ],
)
def test_it_names_the_workbook_in_the_readers_language(
    tmp_path: Path, arguments: tuple[str, ...], name: str
) -> None:
    folder = tmp_path / "new"
    result = run(*arguments, "--to", folder)
    assert (result.exit_code, result.output.strip()) == (0, str(folder / name))
    assert [found.name for found in folder.iterdir()] == [name]


def test_it_writes_the_forms_that_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    assert run("客户消费记录表", "journey", "--to", path).exit_code == 0
    names = ["填写说明", "客户人生旅途表", "客户消费记录表", "字段与示例", "代码表"]
    assert list(scan_workbook(path)) == names


def test_it_writes_over_nothing_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"mine")
    refused = run("--to", path)
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert path.read_bytes() == b"mine"
    assert run("--to", path, "--force").exit_code == 0
    assert path.read_bytes()[:2] == b"PK"


def test_a_form_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    result = run("客户档案表", "--to", tmp_path)
    assert isinstance(result.exception, ParamsError)
    assert list(tmp_path.iterdir()) == []


def test_it_lists_the_forms() -> None:
    lines = run("--list").output.splitlines()
    named = [line.split()[:2] for line in lines[::2]]
    assert named == [
        ["profile", "客户基本资料表"],
        ["journey", "客户人生旅途表"],
        ["purchases", "客户消费记录表"],
        ["overview", "客户情况管理表"],
        ["improvements", "改进登记表"],
    ]


def test_it_prints_or_writes_the_data_dictionary(tmp_path: Path) -> None:
    assert run("--dictionary").output == dictionary("zh")
    assert run("--dictionary", "--language", "en").output == dictionary("en")
    path = tmp_path / "tables.md"
    assert run("--dictionary", "--to", path).exit_code == 0
    assert path.read_text(encoding="utf-8") == document()
    assert run("--dictionary", "--to", path).exit_code == 2
    assert run("--dictionary", "--to", path, "--force").exit_code == 0


def test_importing_the_command_imports_click_alone() -> None:
    code = (
        "import sys, crmlab.commands.template as t; "
        "print([m for m in ('polars', 'yaml', 'xlsxwriter', 'dataframely') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
