"""``crmlab schedule``: what it writes is run, by the shell, for the day that it is due."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as v4
import pytest
import yaml
from click.testing import CliRunner, Result

from crmlab.cli import main
from crmlab.scheduling.expression import Expression
from crmlab.scheduling.ledger import Entry, read_ledger, write_ledger
from tests.scheduling.test_crontab import as_cron_reads

DATA = [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]


def crmlab(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "crmlab", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name every format must quote, with a study in it."""
    path = tmp_path / "研究 '100%' $HOME {x}"
    (path / "notebooks").mkdir(parents=True)
    return path


def write_study(folder: Path, cell: str = "print(as_of)", **settings: Any) -> Path:
    """Write a study with one notebook of one cell."""
    cells = [
        v4.new_code_cell('as_of = ""', id="parameters", metadata={"tags": ["parameters"]}),
        v4.new_code_cell(cell, id="work"),
    ]
    nbformat.write(v4.new_notebook(cells=cells), folder / "notebooks" / "work.ipynb")
    path = folder / "shop.yaml"
    study = {"data": DATA, "as_of": "yesterday", "reports": {"work": None}, **settings}
    path.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    return path


def test_the_line_of_cron_runs_what_is_due_and_then_nothing(folder: Path) -> None:
    write_study(folder)
    written = crmlab("schedule", "shop.yaml", "--at", "0 2 * * *", cwd=folder)
    assert (written.returncode, written.stderr) == (0, "")
    _, command = as_cron_reads(written.stdout)

    def wake() -> subprocess.CompletedProcess[str]:
        # As cron does: a bare environment, another folder.
        bare = {name: os.environ[name] for name in ("HOME", "PYTHONPATH", "TMPDIR") if name in os.environ}
        return subprocess.run(
            ["/bin/sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**bare, "PATH": "/usr/bin:/bin"},
            timeout=120,
        )

    for _ in range(2):
        done = wake()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        (manifest,) = (folder / "runs" / "shop").glob("2*/manifest.json")
        told = json.loads(manifest.read_text(encoding="utf-8"))
        due = datetime.fromisoformat(told["params"]["due"])
        assert (due.hour, due.minute, due.utcoffset()) == (2, 0, timedelta(hours=8))
        assert told["as_of"] == told["params"]["as_of"] == (due.date() - timedelta(days=1)).isoformat()
    log = (folder / "runs" / ".crmlab" / "schedules" / "shop.log").read_text(encoding="utf-8")
    assert len(re.findall("^--- due", log, flags=re.M)) == 1
    assert "work: done" in log
    page = (manifest.parent / "work.html").read_text(encoding="utf-8")
    assert told["as_of"] in page


def test_nights_that_were_missed_are_run_in_order_each_for_its_day(folder: Path) -> None:
    write_study(folder)
    last = Expression("0 2 * * *", "Asia/Shanghai").last(datetime.now().astimezone())
    ledger = folder / "runs" / ".crmlab" / "schedules" / "shop.json"
    write_ledger(ledger, {last - timedelta(days=2): Entry(1, 0)})
    done = crmlab("schedule", "run", "shop.yaml", "--at", "0 2 * * *", cwd=folder)
    assert done.returncode == 0, done.stdout
    manifests = sorted((folder / "runs" / "shop").glob("2*/manifest.json"))
    told = [json.loads(manifest.read_text(encoding="utf-8")) for manifest in manifests]
    days = [last - timedelta(days=1), last]
    assert [datetime.fromisoformat(run["params"]["due"]) for run in told] == days
    assert [run["as_of"] for run in told] == [(day.date() - timedelta(days=1)).isoformat() for day in days]
    assert read_ledger(ledger) == {day: Entry(1, 0) for day in [last - timedelta(days=2), *days]}


def test_a_run_that_dies_after_its_first_cell_is_told_of(folder: Path, serve: Callable[..., Any]) -> None:
    robot = serve([(200, '{"errcode": 0}')])
    write_study(
        folder,
        cell="import os; as_of == '2024-06-30' and os.kill(os.getppid(), 9)",
        matrix={"month": ["2024-05", "2024-06"]},
        notify=[{"kind": "wecom", "url": "env:CRMLAB_TEST_ROBOT", "language": "en", "on": "failure"}],
    )
    done = crmlab(
        *("schedule", "run", "shop.yaml", "--at", "0 2 * * *"), cwd=folder, CRMLAB_TEST_ROBOT=robot.url
    )
    assert done.returncode == 137
    assert len(list((folder / "runs" / "shop").glob("2*/manifest.json"))) == 1
    ((_, content),) = robot.received
    assert "exit code 137" in json.loads(content)["markdown"]["content"]


def test_a_run_for_one_moment_is_for_its_day(folder: Path) -> None:
    write_study(folder, cell="1 / 0")
    done = crmlab(
        *("schedule", "run", "shop.yaml", "--at", "0 2 * * *", "--due", "2024-03-04T18:00:00+00:00"),
        *("--", "--set", "as_of=end_of_last_month"),
        cwd=folder,
    )
    assert done.returncode == 1
    assert "--- due 2024-03-04T18:00:00+00:00" in done.stdout
    assert "ZeroDivisionError" in done.stdout
    (manifest,) = (folder / "runs" / "shop").glob("2*/manifest.json")
    assert json.loads(manifest.read_text(encoding="utf-8"))["as_of"] == "2024-02-29"


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Call the command in this process, in the folder of the study."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(folder)
    yield lambda *arguments: CliRunner().invoke(main, arguments)
    signal.signal(signal.SIGTERM, before)


def test_all_files_are_written(folder: Path, call: Callable[..., Result]) -> None:
    write_study(folder)
    arguments = ("schedule", "shop.yaml", "--at", "0 2 * * *", "--name", "nightly", "--to", "jobs")
    done = call(*arguments, "--", "--jobs", "2")
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in (folder / "jobs").iterdir()) == [
        *("crmlab-nightly.service", "crmlab-nightly.timer", "crmlab-nightly.xml", "crmlab_nightly.py"),
        "nightly.crontab",
    ]
    assert (folder / "jobs" / "crmlab-nightly.xml").read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
    compile((folder / "jobs" / "crmlab_nightly.py").read_text(encoding="utf-8"), "dag", "exec")
    again = call(*arguments)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert call(*arguments, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shop.yaml", "--at", "2am"], "'2am' is no time for a schedule"),
        (["shop.yaml", "--at", "0 2 * * *", "--timezone", "Mars"], "No time zone is named 'Mars'"),
        (["shop.yaml", "--at", "0 2 * * *", "--as-of", "tomorrow"], "or one of today, yesterday"),
        (["none.yaml", "--at", "0 2 * * *"], "none.yaml cannot be read"),
        (["shop.yaml", "--at", "0 2 * * *", "--", "--job", "2"], "No such option"),
        (["shop.yaml"], "Missing option '--at'"),
        (["run", "shop.yaml", "--at", "0 2 * * *", "--due", "now"], "--due takes a moment"),
        (["run", "shop.yaml", "--at", "0 2 * * *", "--environment", "x"], "cannot be read: No such file"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_written(
    folder: Path, call: Callable[..., Result], arguments: list[str], message: str
) -> None:
    write_study(folder)
    done = call("schedule", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "runs" / "shop").exists()


def test_a_fixed_day_is_warned_of(folder: Path, call: Callable[..., Result]) -> None:
    write_study(folder, as_of="2024-06-30")
    done = call("schedule", "shop.yaml", "--at", "0 2 * * *")
    assert done.exit_code == 0
    assert "as_of is the fixed day 2024-06-30" in done.stderr
    assert "as_of 是固定日期 2024-06-30" in done.stderr
    relative = call("schedule", "shop.yaml", "--at", "0 2 * * *", "--as-of", "yesterday")
    assert relative.stderr == ""
    assert "--set as_of=yesterday" in relative.stdout


def test_variables_that_nobody_sets_at_night_are_warned_of(folder: Path, call: Callable[..., Result]) -> None:
    write_study(folder, notify=[{"kind": "dingtalk", "url": "env:ROBOT_URL", "secret": "env:ROBOT_SECRET"}])
    at = ("schedule", "shop.yaml", "--at", "0 2 * * *")
    done = call(*at)
    assert done.exit_code == 0
    assert "The study needs ROBOT_SECRET, ROBOT_URL, and those who keep the time" in done.stderr
    secrets = folder / "secrets"
    secrets.write_text("ROBOT_URL=https://robot.example/canary-SECRET\n")
    secrets.chmod(0o600)
    some = call(*at, "--environment", "secrets")
    assert "研究用到环境变量 ROBOT_SECRET，" in some.stderr
    assert "canary" not in some.output
    secrets.write_text("ROBOT_URL=a\nROBOT_SECRET=b\n")
    assert call(*at, "--environment", "secrets").stderr == ""
    assert "cannot be read: No such file" in call(*at, "--environment", "none").stderr


def test_a_log_that_is_too_long_is_put_aside(folder: Path, call: Callable[..., Result]) -> None:
    write_study(folder)
    log = folder / "x.log"
    log.write_bytes(b"x" * 5_000_001)
    bad = ("schedule", "run", "shop.yaml", "--at", "0 2 * * *", "--log", "x.log", "--due", "now")
    assert call(*bad).exit_code == 2
    assert log.stat().st_size < 1000
    assert "--due takes a moment" in log.read_text(encoding="utf-8")
    assert (folder / "x.log.1").stat().st_size == 5_000_001


def test_secrets_come_from_a_file_that_is_closed_to_others(folder: Path, serve: Callable[..., Any]) -> None:
    robot = serve([(200, '{"errcode": 0}')])
    write_study(
        folder,
        cell="1 / 0",
        reports={"wrok": None},
        notify=[{"kind": "wecom", "url": "env:CRMLAB_TEST_ROBOT", "language": "en"}],
    )
    secrets = folder / "secrets"
    secrets.write_text(f"# robots\n\nCRMLAB_TEST_ROBOT={robot.url}/?key=12345678-SECRET\n")
    secrets.chmod(0o644)
    run = ("schedule", "run", "shop.yaml", "--at", "0 2 * * *", "--environment", "secrets")
    refused = crmlab(*run, cwd=folder)
    assert refused.returncode == 2
    assert "chmod 600" in refused.stderr
    secrets.chmod(0o600)
    done = crmlab(*run, cwd=folder)
    # The run published nothing, so the schedule itself says what is wrong.
    assert done.returncode == 2
    ((path, content),) = robot.received
    assert path == "/?key=12345678-SECRET"
    text = json.loads(content)["markdown"]["content"]
    assert "the scheduled run did not come to its end" in text
    assert "exit code 2" in text
    assert "No notebook makes a report named 'wrok'. Did you mean 'work'?" in text
    assert "SECRET" not in text + done.stdout + done.stderr
