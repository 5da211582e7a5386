"""The command line as a newcomer meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as v4
import pytest
import yaml

HAN = re.compile(r"[\u3400-\u9fff]")
ROOT = Path(__file__).resolve().parents[1]


def crmlab(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from crmlab.cli import main; main(prog_name='crmlab')", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=300,
    )


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), ("run",), ("plugins",), ("plugins", "check"), ("schema",)])
def test_help_is_in_both_languages(command: tuple[str, ...]) -> None:
    done = crmlab(*command, "--help")
    assert done.returncode == 0
    text = done.stdout.partition("Options:")
    assert HAN.search(text[0])
    assert re.search(r"[A-Z][a-z]+ [a-z]+ ", text[0])
    options = [line for line in re.split(r"\n  (?=-)", text[2].partition("Commands:")[0]) if "--" in line]
    assert [line for line in options if not HAN.search(line)] == [
        line for line in options if "--help" in line or "--version" in line
    ]


COMMANDS = (
    *("clean", "compare", "identity", "import", "ingest", "inspect", "label", "notify", "plugins", "run"),
    *("sample", "schedule", "schema", "schemes", "summarise", "survey", "template"),
)


def test_commands_are_listed_in_both_languages() -> None:
    listed = crmlab("--help").stdout.partition("Commands:")[2].strip().splitlines()
    assert [line.split()[0] for line in listed] == sorted(COMMANDS)
    assert all(HAN.search(line) for line in listed)
    assert all(re.search(r"[A-Z][a-z]+", line) for line in listed)


def test_version() -> None:
    import crmlab as package

    assert crmlab("--version").stdout == f"crmlab, version {package.__version__}\n"


# --- plugins --------------------------------------------------------------------------------------


def test_plugins_are_listed_with_their_owners() -> None:
    lines = crmlab("plugins").stdout.splitlines()
    rfm = lines[[*map(_name, lines)].index("rfm")]
    assert re.match(r"classifiers +rfm +crmlab [\d.]+ +crmlab_plugins\.schemes\.rfm:Rfm$", rfm)
    assert {"rfm", "abc", "status", "sentiment", "aspects", "files", "complete-journey"} <= {
        *map(_name, lines)
    }


def _name(line: str) -> str:
    return line.split()[1]


BROKEN = {
    "gone": "no_such_module_of_mine:Gone",
    "exits": "exiting_plugin:Exits",
    "raises": "raising_plugin:Raises",
    "heavy": "heavy_plugin:Heavy",
    "no-plugin": "json:loads",
}


@pytest.fixture(scope="module")
def with_broken_plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that, on the path, holds a distribution whose every plugin is broken in another way."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "broken_kit-9.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-kit\nVersion: 9.1\n")
    entries = "\n".join(f"{name} = {target}" for name, target in BROKEN.items())
    (info / "entry_points.txt").write_text(f"[crmlab.classifiers]\n{entries}\n")
    (folder / "exiting_plugin.py").write_text("raise SystemExit('bye')\n")
    (folder / "raising_plugin.py").write_text(
        "from typing import ClassVar\n"
        "from crmlab import Classifier, Label, Scheme, Text\n"
        "class Raises(Classifier):\n"
        "    title: ClassVar = Text('坏', 'Bad')\n"
        "    scheme: ClassVar = Scheme('bad', '坏', 'Bad', (Label('a', '甲', 'A'),))\n"
        "    def _fit(self, features):\n"
        "        raise SystemExit('in fit')\n"
    )
    (folder / "heavy_plugin.py").write_text(
        "import vaderSentiment\nfrom crmlab_plugins.schemes.rfm import Rfm\nclass Heavy(Rfm):\n    pass\n"
    )
    return folder


def test_a_broken_plugin_stops_no_other(with_broken_plugins: Path) -> None:
    listed = crmlab("plugins", PYTHONPATH=str(with_broken_plugins))
    assert listed.returncode == 0
    assert listed.stdout.count("broken-kit 9.1") == len(BROKEN)
    sound = ("rfm", "files", "aspects")
    checked = crmlab("plugins", "check", *BROKEN, *sound, PYTHONPATH=str(with_broken_plugins))
    assert checked.returncode == 2
    verdicts = dict(re.findall(r"^(?:ok|broken) +(crmlab\.\w+ [\w-]+)(.*)$", checked.stdout, flags=re.M))
    broken = {name.split()[1] for name, why in verdicts.items() if why}
    assert broken == set(BROKEN)
    good = {"crmlab.classifiers rfm", "crmlab.sources files", "crmlab.annotators aspects"}
    assert verdicts.keys() == good | {f"crmlab.classifiers {name}" for name in BROKEN}
    for name in ("gone", "exits", "no-plugin"):
        assert "broken-kit 9.1" in verdicts[f"crmlab.classifiers {name}"]
    assert "importing heavy_plugin imports vaderSentiment;" in verdicts["crmlab.classifiers heavy"]
    assert f"{len(BROKEN)} broken" in checked.stdout
    assert "Traceback" not in checked.stderr


def test_a_plugin_to_check_must_exist() -> None:
    done = crmlab("plugins", "check", "rmf")
    assert done.returncode == 2
    assert "No plugin is named 'rmf'. Did you mean 'rfm'?" in done.stderr


# --- schema ---------------------------------------------------------------------------------------


def test_schema_is_json_that_knows_the_plugins(tmp_path: Path) -> None:
    path = tmp_path / "study.schema.json"
    assert crmlab("schema", "-o", str(path)).returncode == 0
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert "rfm" in schema["properties"]["classifiers"]["propertyNames"]["enum"]
    assert json.loads(crmlab("schema").stdout) == schema
    assert HAN.search(schema["properties"]["as_of"]["description"])


def test_schema_to_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = crmlab("schema", "-o", str(tmp_path / "nowhere" / "x.json"))
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


# --- run ------------------------------------------------------------------------------------------


def write(folder: Path, **reports: str) -> Path:
    """Write a study with one notebook of one cell per report."""
    (folder / "notebooks").mkdir(exist_ok=True)
    for name, source in reports.items():
        cells = [
            v4.new_code_cell('as_of = ""', id="parameters", metadata={"tags": ["parameters"]}),
            v4.new_code_cell(source, id="work"),
        ]
        nbformat.write(v4.new_notebook(cells=cells), folder / "notebooks" / f"{name}.ipynb")
    data = [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({"data": data, "as_of": "2024-06-30", "reports": dict.fromkeys(reports)}))
    return path


GATE = """
class QualityGateError(Exception): pass
raise QualityGateError("too many rows")
"""


@pytest.mark.parametrize(
    ("arguments", "code", "messages"),
    [
        (["missing.yaml"], 2, ["missing.yaml cannot be read", "Give the path of a YAML file"]),
        (["broken.yaml"], 2, ["broken.yaml:2: this is no valid YAML"]),
        (["list.yaml"], 2, ["list.yaml:1: a study is a mapping"]),
        (["wrong.yaml"], 2, ["3 problems", "wrong.yaml:2", "wrong.yaml:4", "Did you mean 'language'"]),
        (["study.yaml", "--report", "works"], 2, ["has no report 'works'. Did you mean 'work'"]),
        (["study.yaml", "--set", "as_of"], 2, ["--set takes key=value"]),
        (["study.yaml", "--set", "as_of=soon"], 2, ["--set as_of"]),
        (["study.yaml", "--language", "fr"], 2, ["'fr'"]),
        (["study.yaml", "--runs", "study.yaml"], 2, ["study.yaml"]),
        (["study.yaml", "--jobs", "0"], 2, ["0"]),
    ],
)
def test_what_a_user_got_wrong_is_said_without_a_traceback(
    tmp_path: Path, arguments: list[str], code: int, messages: list[str]
) -> None:
    write(tmp_path, work="1")
    (tmp_path / "broken.yaml").write_text("data:\n - [}\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    (tmp_path / "wrong.yaml").write_text(
        "data: [{source: files, files: {orders: {path: o.csv}}}]\nas_of: soon\n\n"
        "languag: zh\ntimezone: Mars\n"
    )
    done = crmlab("run", *arguments, cwd=tmp_path)
    assert done.returncode == code
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_good_run_says_where_its_results_lie(tmp_path: Path) -> None:
    write(tmp_path, work="1 + 1")
    done = crmlab("run", "study.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(r"^work: done, \d+\.\d s$", done.stdout, flags=re.M)
    (folder,) = (tmp_path / "runs" / "study").glob("2*")
    assert f"results 结果: runs/study/{folder.name}\n" in done.stdout
    assert "gallery 报告目录页: runs/index.html\n" in done.stdout
    assert re.search(r"work +█+ +3/3 cells", done.stderr)  # the cell of the values is the third
    assert "Traceback" not in done.stderr


def test_quiet_is_quiet(tmp_path: Path) -> None:
    write(tmp_path, work="import sys; print('x', file=sys.stderr)")
    done = crmlab("run", "study.yaml", "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("reports", "code", "line"),
    [
        ({"good": "1", "bad": "1 / 0"}, 1, "cell 3: ZeroDivisionError: division by zero"),
        ({"good": "1", "gate": GATE}, 3, "cell 3: QualityGateError: too many rows"),
    ],
)
def test_a_failed_notebook_is_named_with_its_cell(
    tmp_path: Path, reports: dict[str, str], code: int, line: str
) -> None:
    write(tmp_path, **reports)
    done = crmlab("run", "study.yaml", "--quiet", cwd=tmp_path)
    assert done.returncode == code
    assert "good: done" in done.stdout
    assert line in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_a_plugin_file_that_does_not_load_is_a_warning(tmp_path: Path) -> None:
    study = write(tmp_path, work="1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "half.py").write_text("import no_such_thing\n")
    study.write_text(study.read_text() + "plugin_folder: mine\n")
    done = crmlab("run", "study.yaml", "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    assert "The plugin file half.py could not be imported" in done.stderr
    assert "no_such_thing" in done.stderr


def test_a_polite_kill_ends_a_run_as_ctrl_c_does(tmp_path: Path, wait_for: Callable[..., Any]) -> None:
    write(tmp_path, work="from pathlib import Path; Path('began').touch(); import time; time.sleep(600)")
    process = subprocess.Popen(
        [sys.executable, "-c", "from crmlab.cli import main; main()", "run", "study.yaml", "--quiet"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for((tmp_path / "began").exists)
    process.terminate()
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "work: interrupted" in said
    assert "Traceback" not in errors


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait at most a minute until something is so."""
    import time

    def wait(so: Callable[[], bool]) -> None:
        for _ in range(600):
            if so():
                return
            time.sleep(0.1)
        raise AssertionError("it never came to be")

    return wait
