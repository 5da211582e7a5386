"""Jobs of JupyterLab's own dialog: a real Jupyter server, asked over HTTP as the dialog asks it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as v4
import pytest

from crmlab.errors import ParamsError

pytest.importorskip("jupyter_scheduler", reason="the extra `scheduler` is not installed")

PARAMETERS = """
as_of = "2024-06-30"
data = [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]
schemes = ["rfm"]
cell_timeout = 600
share = 0.5
flag: bool = False
anything = None
made = len("x")
pair = (1, 2)
"""


def write_notebook(path: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    """Write a notebook of code cells below a parameters cell."""
    tagged = v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]})
    rest = [v4.new_code_cell(cell, id=f"cell-{place}") for place, cell in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(v4.new_notebook(cells=[tagged, *rest], metadata={"kernelspec": kernel}), path)
    return path


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("as_of", "2024-01-31", "2024-01-31"),
        ("as_of", '"2024-01-31"', "2024-01-31"),
        ("schemes", "[rfm, abc]", ["rfm", "abc"]),
        ("schemes", "['rfm']", ["rfm"]),
        ("cell_timeout", "30", 30),
        ("share", "1", 1.0),
        ("flag", "true", True),
        ("flag", "True", True),
        ("anything", "007", "007"),
        ("anything", "{a: [1]}", {"a": [1]}),
        ("made", "5", 5),
        ("pair", "[3, 4]", [3, 4]),
    ],
)
def test_texts_become_what_the_notebook_declares(tmp_path: Path, key: str, text: str, value: Any) -> None:
    from crmlab.scheduling.jupyterlab import parameters_of

    found = parameters_of(write_notebook(tmp_path / "a.ipynb"), {key: text})[key]
    assert found == value
    assert type(found) is type(value)


def test_a_relative_day_becomes_a_day(tmp_path: Path) -> None:
    from crmlab.scheduling.jupyterlab import parameters_of

    day = parameters_of(write_notebook(tmp_path / "a.ipynb"), {"as_of": "end_of_last_month"})["as_of"]
    assert day > "2024-06-30"
    assert day != "end_of_last_month"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"as_off": "2024-01-31"}, "Did you mean 'as_of'"),
        ({"x = 1\nimport os": "1"}, "has no parameter"),
        ({"cell_timeout": "ten"}, "declares a value of type int, and the job gives str"),
        ({"flag": "1"}, "declares a value of type bool, and the job gives int"),
        ({"schemes": "rfm"}, "declares a value of type list, and the job gives str"),
        ({"as_of": "soon"}, "as_of: write a day"),
        ({"schemes": "[rmf]"}, "Did you mean 'rfm'"),
        ({"anything": "[1"}, "no valid YAML"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, given: dict[str, str], message: str) -> None:
    from crmlab.scheduling.jupyterlab import parameters_of

    with pytest.raises(ParamsError, match=message):
        parameters_of(write_notebook(tmp_path / "a.ipynb"), given)


def test_a_notebook_without_parameters_runs_without_any(tmp_path: Path) -> None:
    from crmlab.scheduling.jupyterlab import parameters_of

    path = tmp_path / "a.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1", id="a")]), path)
    assert parameters_of(path, {}) == {}
    with pytest.raises(ParamsError, match="no cell tagged `parameters`"):
        parameters_of(path, {"a": "1"})


# --- a real server --------------------------------------------------------------------------------


QUICK_SERVER = (
    "import sys; sys.modules['rfc3987_syntax'] = None; from jupyter_server.serverapp import main; main()"
)
"""A server without the two seconds that a grammar takes, which no test needs."""


class Server:
    """A Jupyter server with the scheduler, asked over HTTP."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}"
        home = folder / "home"
        options = [
            *("--no-browser", "--allow-root", f"--port={port}", "--port-retries=0"),
            *(f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=abc"),
            f"--config={folder / 'jupyter_server_config.py'}",
        ]
        (folder / "jupyter_server_config.py").write_text(
            'c.ServerApp.jpserver_extensions = {"jupyter_scheduler": True}\n'
            f'c.SchedulerApp.db_url = "sqlite:///{folder}/jobs.sqlite"\n'
            'c.Scheduler.execution_manager_class = "crmlab.scheduling.jupyterlab.ReportExecutionManager"\n'
        )
        self.log = (folder / "server.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-c", QUICK_SERVER, *options],
            stdout=self.log,
            stderr=self.log,
            env={
                **os.environ,
                **dict.fromkeys(("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"), str(home)),
                "JUPYTER_PREFER_ENV_PATH": "1",
                "JUPYTER_NO_CONFIG": "1",  # no extension but the one above
            },
        )

    def ask(self, path: str, content: Any = None) -> Any:
        """Send a request with JSON and return the JSON of the answer, an empty one as None."""
        request = urllib.request.Request(
            f"{self.address}/{path}",
            data=None if content is None else json.dumps(content).encode(),
            headers={"Authorization": "token abc", "Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def wait_until_up(self) -> None:
        """Wait at most two minutes until the server answers."""
        for _ in range(240):
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            try:
                self.ask("scheduler/config")
            except OSError:
                time.sleep(0.5)
            else:
                return
        raise AssertionError((self.folder / "server.log").read_text())

    def run(self, notebook: str, **more: Any) -> dict[str, Any]:
        """Make a job as the dialog does and wait until it has ended."""
        job = {
            "input_uri": notebook,
            "name": "每日报告",
            "runtime_environment_name": "python3",
            "output_formats": ["ipynb", "html"],
            **more,
        }
        made = self.ask("scheduler/jobs", job)["job_id"]
        for _ in range(240):
            told: dict[str, Any] = self.ask(f"scheduler/jobs/{made}")
            if told["status"] in ("COMPLETED", "FAILED"):  # before it begins, it is STOPPED
                return told
            time.sleep(0.5)
        raise AssertionError(told)

    def files(self, job: dict[str, Any]) -> dict[str, str]:
        """Return the files of a job that wait to be downloaded, by their ending."""
        folder = self.folder / "home" / "scheduler_staging_area" / job["job_id"]
        return {path.suffix: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("lab"))
    try:
        server.wait_until_up()
        yield server
    finally:
        server.process.terminate()
        server.process.wait(timeout=30)
        server.log.close()


CELLS = ("from IPython.display import Markdown\nMarkdown(f'{as_of} {cell_timeout + 1} {share}')", "1 / share")


def test_a_job_of_the_dialog_gives_our_page(server: Server) -> None:
    write_notebook(server.folder / "segmentation.ipynb", *CELLS)
    job = server.run("segmentation.ipynb", parameters={"as_of": "2024-01-31", "cell_timeout": "99"})
    assert (job["status"], job["status_message"]) == ("COMPLETED", None)
    page = server.files(job)[".html"]
    assert "2024-01-31 100 0.5" in page
    assert "Content-Security-Policy" in page
    assert "每日报告" in page
    assert str(server.folder) not in page


def test_a_job_that_fails_says_why_and_keeps_its_page(tmp_path: Path) -> None:
    from jupyter_scheduler.orm import Job, create_session, create_tables

    from crmlab.scheduling.jupyterlab import ReportExecutionManager

    database = f"sqlite:///{tmp_path}/jobs.sqlite"
    create_tables(database)
    described = {"input_filename": "客户.ipynb", "name": "每日报告", "url": "x", "output_formats": ["html"]}
    with create_session(database)() as session:
        job = Job(**described, runtime_environment_name="x", parameters={"share": "0"})
        session.add(job)
        session.commit()
        made = job.job_id
    paths = {"input": write_notebook(tmp_path / "客户.ipynb", *CELLS), "html": tmp_path / "out.html"}
    ReportExecutionManager(
        made, str(tmp_path), database, {kind: str(path) for kind, path in paths.items()}
    ).process()
    with create_session(database)() as session:
        told = session.query(Job).one()
        assert told.status == "FAILED"
        assert told.status_message == "error: cell 4: ZeroDivisionError: float division by zero"
    assert "ZeroDivisionError" in paths["html"].read_text(encoding="utf-8")
