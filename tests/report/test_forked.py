"""A forked kernel gives what a kernel of its own gives, leaks nothing, and outlives nobody."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import psutil
import pytest

from crmlab.report import forked, zygote
from crmlab.report.execute import Engine, Job, Outcome, execute, why_not_to_fork

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left() -> Iterator[None]:
    """Keep one process to fork from for the tests of this file, and end it."""
    yield
    forked.close()
    ours = [each for each in psutil.Process().children(recursive=True) if zygote.__name__ in _command(each)]
    assert not ours


def job_in(folder: Path, name: str, engine: Engine, **changes: Any) -> Job:
    """A job for the notebook ``name`` of the study in ``folder``, with a folder of its own for outputs."""
    # It changes with every test, and a kernel is forked from a process with its own environment only.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    output = folder / "out" / engine
    output.mkdir(parents=True, exist_ok=True)
    given: dict[str, Any] = {
        "name": name,
        "title": "tiny",
        "notebook": folder / "notebooks" / f"{name}.ipynb",
        "parameters": {},
        "folder": output,
        "study_folder": folder,
        "key_folder": folder / "key",
        "language": "en",
        "cell_timeout": 60,
        "progress": False,
        "engine": engine,
    }
    return Job(**{**given, **changes})


def printed(job: Job) -> str:
    """What the cells of an executed notebook printed."""
    notebook = nbformat.read(job.folder / f"{job.name}.ipynb", as_version=4)
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))


def executed(folder: Path, notebook_at: Callable[..., Path], name: str, *cells: str) -> dict[str, Any]:
    """Run cells with a forked kernel; return what the last one printed, which is JSON."""
    notebook_at(folder / "notebooks" / f"{name}.ipynb", *cells)
    job = job_in(folder, name, "fork")
    outcome = execute(job)
    assert outcome.error is None
    answer: dict[str, Any] = json.loads(printed(job).splitlines()[-1])
    return answer


def ended(pid: int) -> bool:
    """Return whether a process ends within some seconds and leaves no zombie to a process of ours."""
    for _ in range(200):
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE and process.ppid() == 1:
                return True  # nobody of ours has to take notice of it
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


# --- the same outputs ------------------------------------------------------------------------------

EVERYTHING = (
    "import os, sys, warnings\nprint(os.path.basename(os.getcwd()), sys.path)",
    "print(len(sys.argv), sys.orig_argv[:3])",
    "import subprocess, time\nsubprocess.run(['echo', 'from a child'])\ntime.sleep(0.5)",
    "print('on stderr', file=sys.stderr)",
    "warnings.warn('take care')\nwarnings.warn('soon gone', DeprecationWarning)",
    "__name__, sys.modules['__main__'].__dict__ is globals(), input.__module__, sys.stdin.read()",
    "import altair as alt\nchart = alt.Chart(alt.InlineData([{'a': 1, 'b': 2}])).mark_bar()\n"
    "chart.add_params(alt.selection_interval()).encode(x='a:Q', y='b:Q').to_dict()",
    "from IPython.display import HTML, display\nh = display(HTML('<b>1</b>'), display_id='x')\n"
    "h.update(HTML('<b>2</b>'))",
    "%%bash\necho shell",
    "import polars as pl\npl.DataFrame({'a': range(5)}).with_columns(b=pl.col('a').cum_sum())",
    "def broken():\n    return {}['key']\nbroken()",
)


def normal(path: Path) -> dict[str, Any]:
    """An executed notebook without the times at which it ran and the ids that papermill draws."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for cell in document["cells"]:
        if re.fullmatch("[0-9a-f]{8}", cell["id"]):
            del cell["id"]
    for part in (document, *document["cells"]):
        part["metadata"].pop("execution", None)
        for key in ("start_time", "end_time", "duration"):
            part["metadata"].get("papermill", {}).pop(key, None)
    return document


def orders(folder: Path) -> list[dict[str, Any]]:
    """Write four hundred orders of sixty customers; return the study's entry for them."""
    rows = [
        {
            "order_id": f"o{n}",
            "customer_id": f"客户{(n * n) % 60:02}",
            "order_date": f"2024-{1 + n % 6:02}-{1 + n % 28:02}",
            "amount": str(10 + (n * 37) % 400),
        }
        for n in range(400)
    ]
    pl.DataFrame(rows).write_csv(folder / "orders.csv")
    return [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]


def test_outputs_are_the_same_whatever_they_are(tmp_path: Path, notebook_at: Callable[..., Path]) -> None:
    notebook_at(tmp_path / "notebooks" / "everything.ipynb", *EVERYTHING)
    jobs = [job_in(tmp_path, "everything", engine) for engine in ("plain", "fork")]
    outcomes = [execute(job) for job in jobs]
    assert [outcome.error for outcome in outcomes] == [outcomes[0].error] * 2
    assert outcomes[0].error is not None
    assert outcomes[0].error["type"] == "KeyError"
    assert "from a child" in printed(jobs[0])
    plain, fork = (normal(job.folder / "everything.ipynb") for job in jobs)
    for place, cell in enumerate(plain["cells"]):
        assert fork["cells"][place] == cell
    assert fork == plain
    pages = [(job.folder / "everything.html").read_bytes() for job in jobs]
    assert pages[0] == pages[1]


def test_a_report_is_the_same_to_the_byte(tmp_path: Path) -> None:
    data = orders(tmp_path)
    notebook = Path(__file__).parents[2] / "notebooks" / "segmentation.ipynb"
    found = {}
    for engine in ("plain", "fork"):
        parameters = {"data": data, "as_of": "2024-06-30", "language": "en"}
        job = job_in(tmp_path, "segmentation", engine, notebook=notebook, parameters=parameters)  # type: ignore[arg-type]
        assert execute(job).error is None
        files = [path for path in job.folder.rglob("*") if path.is_file() and path.suffix != ".ipynb"]
        found[engine] = {path.relative_to(job.folder).as_posix(): path.read_bytes() for path in files}
    assert {"segmentation.html", ".segmentation.json", "segmentation.xlsx"} <= found["plain"].keys()
    assert found["fork"].keys() == found["plain"].keys()
    assert [name for name in found["plain"] if found["fork"][name] != found["plain"][name]] == []
    plain, fork = (normal(tmp_path / "out" / engine / "segmentation.ipynb") for engine in ("plain", "fork"))
    assert fork == plain


def test_in_how_many_pieces_a_cell_prints_makes_no_difference(
    tmp_path: Path, notebook_at: Callable[..., Path]
) -> None:
    pieces = (
        "import sys, time",
        "print('one', flush=True); time.sleep(0.3)",
        "print('aside', file=sys.stderr, flush=True); time.sleep(0.3)",
        "print('two')",
        "display(3)",
        "print('four')",
    )
    notebook_at(tmp_path / "notebooks" / "pieces.ipynb", "\n".join(pieces))
    job = job_in(tmp_path, "pieces", "fork")
    assert execute(job).error is None
    outputs = nbformat.read(job.folder / "pieces.ipynb", as_version=4).cells[-1].outputs
    said = [output.get("text") or output.data["text/plain"] for output in outputs]
    assert said == ["one\ntwo\n", "aside\n", "3", "four\n"]


# --- a clean start for each ------------------------------------------------------------------------

LEAKS = (
    "import json, os, random, sys, altair, numpy, builtins",
    "os.environ['LEFT'] = 'x'; os.chdir('/'); sys.path.append('/left'); builtins.left = 1",
    "json.left = altair.left = 1; numpy.random.seed(1); random.seed(1)",
)
SEEN = """
import json, os, random, sys, altair, builtins, numpy
print(json.dumps({
    "left": [*(hasattr(each, "left") for each in (json, altair, builtins)), "/left" in sys.path],
    "environment": {
        name: os.path.basename(value)
        for name, value in os.environ.items()
        if name.startswith(("CRM", "LEFT"))
    },
    "folder": os.path.basename(os.getcwd()),
    "random": [random.random(), float(numpy.random.random())], "pid": os.getpid(), "parent": os.getppid(),
}))
"""


def test_nothing_of_a_notebook_reaches_the_next(tmp_path: Path, notebook_at: Callable[..., Path]) -> None:
    executed(tmp_path, notebook_at, "leaking", *LEAKS, SEEN)
    first, second = (executed(tmp_path, notebook_at, name, SEEN) for name in ("first", "second"))
    for name, seen in (("first", first), ("second", second)):
        assert seen["left"] == [False] * 4
        assert seen["folder"] == tmp_path.name
        assert seen["environment"] == {
            "CRMLAB_RUN_FOLDER": "fork",
            "CRMLAB_KEY_FOLDER": "key",
            "CRMLAB_REPORT_NAME": name,
        }
    assert first["parent"] == second["parent"]
    assert first["pid"] != second["pid"]
    assert not {*first["random"]} & {*second["random"]}


SPILLING = """
import polars as pl
numbers = pl.LazyFrame({"a": pl.int_range(500_000, eager=True).shuffle(seed=1)})
print(numbers.sort("a").with_columns(b=pl.col("a").cum_sum()).sort("b").collect(engine="streaming").height)
"""


def test_a_kernel_has_the_environment_of_its_own_start(
    tmp_path: Path, notebook_at: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "import json, os, time; print(json.dumps([os.environ.get('SHOP'), time.localtime(0).tm_hour]))"
    assert executed(tmp_path, notebook_at, "before", told)[0] is None
    monkeypatch.setenv("SHOP", "天猫")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    spilled = tmp_path / "spilled"
    monkeypatch.setenv("POLARS_OOC_SPILL_DIR", str(spilled))
    monkeypatch.setenv("POLARS_OOC_MEMORY_BUDGET_MB", "5")
    monkeypatch.setenv("POLARS_OOC_SPILL_MIN_BYTES", "1000")
    count = "import json, pathlib; print(json.dumps(sum(1 for _ in pathlib.Path('spilled').rglob('*.*'))))"
    assert executed(tmp_path, notebook_at, "after", told) == ["天猫", 8]
    assert executed(tmp_path, notebook_at, "spilling", SPILLING, count) > 0
    # Polars's own thread, which removes files, is not there in a fork.
    assert not [path for path in spilled.rglob("*") if path.is_file()]


def test_nothing_but_imports_happens_before_a_fork(tmp_path: Path, notebook_at: Callable[..., Path]) -> None:
    zygote = executed(tmp_path, notebook_at, "parent", "import os; print(os.getppid())")
    threads = [path.read_text().strip() for path in Path(f"/proc/{zygote}/task").glob("*/comm")]
    # Those of the allocator, of OpenBLAS, and the one that waits for files spilled by polars.
    assert {name for name in threads if not name.startswith("jemalloc")} <= {"python", "polars-ooc-clea"}
    assert len(threads) <= 4 + (os.cpu_count() or 1)
    assert not psutil.Process(zygote).children()  # type: ignore[arg-type]


# --- how it ends -------------------------------------------------------------------------------------

ENDS = {
    "wrong": ("1 / 0", "error", "ZeroDivisionError"),
    "slow": ("import time; time.sleep(60)", "timeout", "CellTimeoutError"),
    "killed": ("import os; os.kill(os.getpid(), 9)", "kernel_died", "DeadKernelError"),
    "left": ("import os; os._exit(0)", "kernel_died", "DeadKernelError"),
    "exited": ("import sys; sys.exit('no more')", "exited", "SystemExit"),
    "stopped": ("raise KeyboardInterrupt", "error", "KeyboardInterrupt"),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_is_named_as_without_a_fork(
    tmp_path: Path, notebook_at: Callable[..., Path], name: str
) -> None:
    cell, status, kind = ENDS[name]
    notebook_at(tmp_path / "notebooks" / f"{name}.ipynb", "print('shown')", cell, "print('never')")
    job = job_in(tmp_path, name, "fork", cell_timeout=1 if name == "slow" else 60)
    outcome = execute(job)
    assert outcome.error is not None
    assert (outcome.status, outcome.error["type"], outcome.error["cell"]) == (status, kind, 5)
    assert printed(job).startswith("shown\n")
    assert "never" not in printed(job)


@pytest.mark.parametrize("engine", ["plain", "fork"])
@pytest.mark.parametrize("end", ["1", "import os; os._exit(1)"])
def test_what_a_kernel_started_ends_with_it(
    tmp_path: Path, notebook_at: Callable[..., Path], engine: Engine, end: str
) -> None:
    start = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    notebook_at(tmp_path / "notebooks" / "starting.ipynb", start, end)
    job = job_in(tmp_path, "starting", engine)
    execute(job)
    assert ended(int(printed(job)))


def test_the_process_to_fork_from_may_die(tmp_path: Path, notebook_at: Callable[..., Path]) -> None:
    parent = executed(tmp_path, notebook_at, "one", "import os; print(os.getppid())")
    notebook_at(
        tmp_path / "notebooks" / "fatal.ipynb", "import os; os.kill(os.getppid(), 9)\nwhile True: pass"
    )
    outcome = execute(job_in(tmp_path, "fatal", "fork"))
    assert outcome.status == "kernel_died"
    assert executed(tmp_path, notebook_at, "two", "import os; print(os.getppid())") != parent


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_forked import job_in
from crmlab.report.execute import execute
if __name__ == "__main__":
    print(execute(job_in(Path({folder!r}), "waiting", "fork")).status, flush=True)
"""
WAITING = """
import os, subprocess, time
from pathlib import Path
child = subprocess.Popen(["sleep", "600"]).pid
Path("started.part").write_text(f"{os.getpid()} {os.getppid()} {child}")
os.rename("started.part", "started")
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_process_that_runs_it(
    tmp_path: Path, notebook_at: Callable[..., Path], how: signal.Signals
) -> None:
    notebook_at(tmp_path / "notebooks" / "waiting.ipynb", WAITING)
    code = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        for _ in range(1200):
            if (tmp_path / "started").exists():
                break
            time.sleep(0.05)
        pids = [int(pid) for pid in (tmp_path / "started").read_text().split()]
        os.killpg(process.pid, how)  # as a terminal does with Ctrl-C
        said, _ = process.communicate(timeout=60)
    assert said == ("interrupted\n" if how == signal.SIGINT else "")
    assert all(ended(pid) for pid in pids)


# --- with workers, and with papermill itself --------------------------------------------------------


def _in_a_worker(job: Job) -> Outcome:
    return execute(job)


def test_workers_share_one_process_to_fork_from(tmp_path: Path, notebook_at: Callable[..., Path]) -> None:
    jobs = []
    for name in ("one", "two"):
        notebook_at(tmp_path / "notebooks" / f"{name}.ipynb", "import os; print(os.getppid())")
        jobs.append(job_in(tmp_path, name, "fork"))
    with forked.serving(), get_context("spawn").Pool(2) as pool:
        assert [outcome.error for outcome in pool.map(_in_a_worker, jobs, chunksize=1)] == [None, None]
        parents = [int(printed(job)) for job in jobs]
        assert parents[0] == parents[1]
        assert psutil.Process(parents[0]).ppid() == os.getpid()
    assert forked.ADDRESS not in os.environ
    assert ended(parents[0])


def test_runs_within_one_that_serves_share_its_process() -> None:
    with forked.serving():
        address = os.environ[forked.ADDRESS]
        with forked.serving():
            assert os.environ[forked.ADDRESS] == address
        assert os.environ[forked.ADDRESS] == address
        assert Path(address).exists(), "the inner run ended it"
    assert forked.ADDRESS not in os.environ


PYTHON = ("-k", "python3", "-l", "python")


def papermill(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
        timeout=120,
    )


def test_papermill_knows_the_engine(tmp_path: Path, notebook_at: Callable[..., Path]) -> None:
    notebook_at(tmp_path / "in.ipynb", "import os; print(as_of, os.getpid(), os.getppid())")
    done = papermill(tmp_path, "--engine", "crmlab-fork", *PYTHON, "-p", "as_of", "2025-01-01")
    assert done.returncode == 0, done.stderr
    assert "without a fork" not in done.stderr
    cell = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1]
    found = re.fullmatch(r"2025-01-01 (\d+) (\d+)\n", cell.outputs[0].text)
    assert found is not None
    assert all(ended(int(pid)) for pid in found.groups())


def test_another_kernel_is_started_as_usual_with_a_warning(
    tmp_path: Path, notebook_at: Callable[..., Path]
) -> None:
    spec = tmp_path / "share" / "kernels" / "other" / "kernel.json"
    spec.parent.mkdir(parents=True)
    command = [sys.executable, "-E", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": command, "display_name": "Other", "language": "python"}))
    notebook_at(tmp_path / "in.ipynb", "import sys; print(sys.flags.ignore_environment)")
    share = str(tmp_path / "share")
    done = papermill(tmp_path, "--engine", "crmlab-fork", "-k", "other", JUPYTER_PATH=share)
    assert done.returncode == 0, done.stderr
    assert "without a fork: Other is not the kernel" in done.stderr
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs[0].text == "1\n"


THREADED = """
import threading, time
threading.Thread(target=time.sleep, args=[600], name="busy", daemon=True).start()
"""


def test_plugins_of_others_are_not_imported_before_a_fork(
    tmp_path: Path, notebook_at: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "threaded.py").write_text(THREADED)
    info = tmp_path / "busy_kit-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: busy-kit\nVersion: 1.0\n")
    kinds = ("annotators", "classifiers", "features", "models", "sources", "engines")
    groups = (f"[crmlab.{kind}]\nbusy = threaded:Busy\n" for kind in kinds)
    (info / "entry_points.txt").write_text("".join(groups))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = "import crmlab, json, os; print(json.dumps(['busy' in crmlab.models, os.getppid()]))"
    known, parent = executed(tmp_path, notebook_at, "beside", told)
    assert known
    assert parent != os.getpid()


def test_nothing_is_forked_where_an_import_started_a_thread(
    tmp_path: Path, notebook_at: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "threaded.py").write_text(THREADED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CRMLAB_PRELOAD", "threaded")
    with pytest.warns(UserWarning, match=r"without a fork: what it imported, .* threads: busy"):
        parent = executed(tmp_path, notebook_at, "alone", "import os; print(os.getppid())")
    assert parent == os.getpid()


def test_nothing_is_forked_where_the_process_to_fork_from_does_not_start(
    tmp_path: Path, notebook_at: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fatal.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CRMLAB_PRELOAD", "fatal")
    with pytest.warns(UserWarning, match="without a fork: no process could be forked"):
        parent = executed(tmp_path, notebook_at, "alone", "import os; print(os.getppid())")
    assert parent == os.getpid()


@pytest.mark.parametrize("folders", [".", "src:/opt", ":/opt", "/opt:"])
def test_a_relative_folder_of_modules_is_a_reason_not_to_fork(
    monkeypatch: pytest.MonkeyPatch, folders: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/opt:/srv")
    assert why_not_to_fork() is None
    monkeypatch.setenv("PYTHONPATH", folders)
    assert "PYTHONPATH has a relative or empty folder" in str(why_not_to_fork())


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_where_a_fork_is_unsafe_the_reason_is_said(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    assert why_not_to_fork() is None
    monkeypatch.setattr(sys, "platform", platform)
    assert "Linux only" in str(why_not_to_fork())
