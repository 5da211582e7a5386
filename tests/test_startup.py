"""What is imported when a command starts: nothing that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from crmlab.cli import COMMANDS, main

MODULES = """
import json, sys
before = set(sys.modules)
{code}
new = set(sys.modules) - before
found = {{name for name in new if name.partition(".")[0] not in sys.stdlib_module_names}}
print()
print(json.dumps(sorted(found)))
"""
CALL = """
from crmlab.cli import main
try:
    main({arguments!r}, prog_name="crmlab")
except SystemExit as end:
    assert not end.code, end.code
"""
FAILING_CALL = """
from crmlab.cli import main
try:
    main({arguments!r}, prog_name="crmlab")
except SystemExit as end:
    assert end.code == 2, end.code
"""
HEAVY = {
    *("altair", "dataframely", "duckdb", "narwhals", "nbformat", "numpy", "papermill", "polars", "pyarrow"),
    *("pydantic", "scipy", "sklearn", "sqlalchemy", "yaml"),
}


def imported(code: str) -> set[str]:
    """Run code in a process of its own; return the modules it imported that are not Python's."""
    done = subprocess.run(
        [sys.executable, "-c", MODULES.format(code=code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    """The top-level packages among modules, but for this one and what click imports."""
    return {name.partition(".")[0] for name in modules} - {"click", "crmlab"}


def test_importing_the_package_imports_itself_alone() -> None:
    assert imported("import crmlab") == {"crmlab"}


def test_help_imports_click_alone() -> None:
    found = imported(CALL.format(arguments=["--help"]))
    assert packages(found) == set()
    assert {name for name in found if name.startswith("crmlab")} == {"crmlab", "crmlab.cli"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_imports_its_module_alone(name: str) -> None:
    found = imported(CALL.format(arguments=[name, "--help"]))
    assert packages(found) == set()
    module = f"crmlab.commands.{COMMANDS[name][0].partition(':')[0]}"
    ours = {each for each in found if each.startswith("crmlab")}
    assert ours == {"crmlab", "crmlab.cli", "crmlab.commands", "crmlab.errors", module}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--version"], set()),
        (["plugins"], set()),
        (["survey", "sample-size"], set()),
        (["survey", "questions"], {"pydantic", "yaml"}),
        (["schema"], {"pydantic", "yaml"}),
        (["template", "--list"], {"yaml"}),
        (["template", "--dictionary"], {"dataframely", "numpy", "polars", "pydantic"}),
        (["schemes", "rfm"], {"polars", "yaml"}),
    ],
)
def test_a_command_imports_what_it_needs(arguments: list[str], needed: set[str]) -> None:
    assert packages(imported(CALL.format(arguments=arguments))) & HEAVY == needed


@pytest.mark.parametrize("arguments", [["run"], ["run", "--dry-run"], ["clean"]], ids=" ".join)
def test_a_study_that_is_not_there_costs_no_import(arguments: list[str]) -> None:
    found = imported(FAILING_CALL.format(arguments=[*arguments, "missing.yaml"]))
    assert packages(found) == set()
    assert {name for name in found if name.startswith("crmlab")} == {
        *("crmlab", "crmlab.cli", "crmlab.errors", "crmlab.yaml_file"),
        *("crmlab.commands", f"crmlab.commands.{arguments[0]}"),
    }


def test_tables_are_described_without_the_libraries_of_databases() -> None:
    found = imported("import crmlab.data.schemas, crmlab.lab")
    assert packages(found) & HEAVY == {"dataframely", "narwhals", "numpy", "polars", "pydantic", "yaml"}


PAPERMILL = """
from crmlab.report.papermill_imports import quick_papermill
papermill = quick_papermill()
assert papermill.execute_notebook
"""
FIRST_ASKED = """
import papermill.iorw
assert papermill.iorw.FileSelector("here").base_dir == "here"
"""


def test_papermill_comes_without_the_clients_of_clouds_until_one_is_asked_for() -> None:
    clients = {"azure", "boto3", "gcsfs", "google", "pyarrow"}
    assert packages(imported(PAPERMILL)) & clients == set()
    assert packages(imported(PAPERMILL + FIRST_ASKED)) & clients == {"pyarrow"}


def test_the_list_of_commands_says_what_they_say() -> None:
    context = click.Context(main)
    for name, (_, text) in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(1000) == text


def test_a_wrong_name_is_met_with_the_nearest() -> None:
    with pytest.raises(click.exceptions.NoSuchCommand) as caught:
        main(["rnu"], standalone_mode=False)
    assert "Did you mean 'run'?" in caught.value.format_message()
