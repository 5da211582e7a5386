"""The DAG, imported with stand-ins for Airflow's classes, and its command run by the shell.

Airflow itself is not installed here; the stand-ins only take what the file gives them. What a task gets is
rendered by Jinja as Airflow does, undefined names being errors.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings

from crmlab.scheduling.airflow import dag
from crmlab.scheduling.catch_up import ATTEMPTS
from crmlab.scheduling.expression import Expression
from crmlab.scheduling.schedule import Schedule
from tests.scheduling.awkward import AWKWARD


def load(source: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the file with the modules that Airflow 2 or 3 has; return what the DAG and the task were given."""
    given: list[dict[str, Any]] = []

    class Dag:
        def __init__(self, **options: Any) -> None:
            given.append(options)

        def __enter__(self) -> Dag:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    class BashOperator:
        def __init__(self, **options: Any) -> None:
            given.append(options)

    pendulum = ModuleType("pendulum")
    vars(pendulum)["datetime"] = lambda *parts, tz: (parts, tz)
    modules = {"pendulum": pendulum, "airflow": ModuleType("airflow")}
    if version == 2:
        vars(modules["airflow"])["DAG"] = Dag
        names = {"airflow.operators.bash": ("BashOperator", BashOperator)}
    else:
        names = {
            "airflow.sdk": ("DAG", Dag),
            "airflow.providers.standard.operators.bash": ("BashOperator", BashOperator),
        }
    for module, (name, value) in names.items():
        for depth in range(2, module.count(".") + 2):
            modules.setdefault(".".join(module.split(".")[:depth]), ModuleType(module))
        vars(modules[module])[name] = value
    with pytest.MonkeyPatch.context() as patch:
        for module_name, stand_in in modules.items():
            patch.setitem(sys.modules, module_name, stand_in)
        exec(compile(source, "dag.py", "exec"), {"__name__": "dag"})
    of_dag, of_task = given
    return of_dag, of_task


def rendered(of_dag: dict[str, Any], of_task: dict[str, Any], **context: Any) -> str:
    """Return the command of the task as Airflow makes it for a run."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(of_task["bash_command"]).render(
        {**of_dag["user_defined_macros"], **context}
    )


@pytest.mark.parametrize("version", [2, 3])
def test_airflow_gets_what_it_needs_to_catch_up(scheduled: Callable[..., Schedule], version: int) -> None:
    of_dag, of_task = load(dag(scheduled("30 6 * * 1"), date(2024, 3, 4)), version)
    assert of_dag["dag_id"] == "crmlab-nightly"
    assert of_dag["schedule"] == "30 6 * * 1"
    assert of_dag["start_date"] == ((2024, 3, 4), "Asia/Shanghai")
    assert (of_dag["catchup"], of_dag["max_active_runs"]) == (True, 1)
    assert of_task["cwd"] == "/data"
    assert of_task["retries"] == ATTEMPTS - 1
    assert "apermill" not in of_task["bash_command"]


def test_a_run_is_for_the_end_of_its_interval(scheduled: Callable[..., Schedule]) -> None:
    made = scheduled(options=("--jobs", "2"))
    both = load(dag(made, date(2024, 3, 4)), 3)
    end = datetime(2024, 3, 4, 18, tzinfo=UTC)
    words = shlex.split(rendered(*both, data_interval_end=end))
    assert words == ["exec", *made.head(), "--due", "2024-03-04T18:00:00+00:00", "--", "--jobs", "2"]
    by_hand = shlex.split(rendered(*both))
    assert by_hand == ["exec", *made.head(), "--", "--jobs", "2"]
    assert rendered(*both, data_interval_end=None) == rendered(*both)


@given(AWKWARD, AWKWARD)
@settings(max_examples=15)
def test_the_shell_gets_every_word_as_it_is(name: str, value: str) -> None:
    base = Path("/data") / f"x{name}"
    made = Schedule(
        name="nightly",
        study=base / f"{{{{ {value} }}}}.yaml",
        at=Expression("0 2 * * *", "UTC"),
        runs=base,
        folder=base,
        options=("--set", f"title.zh={value}{{% raw"),
    )
    both = load(dag(made, date(2024, 3, 4)), 3)
    command = rendered(*both).removeprefix("exec ")
    done = subprocess.run(["/bin/sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == [*made.head(), *made.tail()]
    assert both[1]["cwd"] == str(base)
