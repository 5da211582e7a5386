"""A DAG for Apache Airflow 2 and 3 that calls the command line."""

from __future__ import annotations

import shlex
from datetime import date

from crmlab.scheduling.catch_up import ATTEMPTS
from crmlab.scheduling.schedule import Schedule

_DAG = '''"""crmlab {name}: {at}。由 crmlab schedule 生成。 Written by crmlab schedule."""

import pendulum

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.bash import BashOperator

# Names from outside may hold braces, so they are filled in as values and not read as templates.
COMMAND = {command!r}
OPTIONS = {options!r}
DUE = (
    "{{% if data_interval_end is defined and data_interval_end %}}"
    " --due {{{{ data_interval_end.isoformat() }}}}"
    "{{% endif %}}"
)

with DAG(
    dag_id={dag_id!r},
    schedule={schedule!r},
    start_date=pendulum.datetime({start.year}, {start.month}, {start.day}, tz={timezone!r}),
    catchup=True,
    max_active_runs=1,
    user_defined_macros={{"crmlab_command": COMMAND, "crmlab_options": OPTIONS}},
    tags=["crmlab"],
) as dag:
    BashOperator(
        task_id="run",
        bash_command="exec {{{{ crmlab_command }}}}" + DUE + "{{{{ crmlab_options }}}}",
        cwd={folder!r},
        retries={retries},
    )
'''


def dag(schedule: Schedule, start: date) -> str:
    """Return the file of a DAG that runs the study for every due time from ``start`` on.

    Airflow itself catches up what it missed, one after the other. Each run is told the time that it is
    for: the end of the data interval, which is when the DAG was due, in both ways that Airflow counts.
    """
    tail = shlex.join(schedule.tail())
    return _DAG.format(
        name=schedule.name,
        at=f"{schedule.at.text} ({schedule.at.timezone})",
        command=shlex.join(schedule.head()),
        options=f" {tail}" if tail else "",
        dag_id=f"crmlab-{schedule.name}",
        schedule=schedule.at.text,
        start=start,
        timezone=schedule.at.timezone,
        folder=str(schedule.folder),
        retries=ATTEMPTS - 1,
    )
