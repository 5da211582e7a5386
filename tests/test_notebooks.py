"""The rules of notebooks, enforced: thin cells, one parameters cell, both languages, stripped outputs."""

from __future__ import annotations

import ast
import copy
import re
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

from crmlab.params import STUDY_FIELDS, check
from crmlab.report.html import export

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STATEMENTS = 3
LANGUAGES = ("zh", "en")
LOGIC = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.For, ast.AsyncFor, ast.While, ast.If, ast.IfExp, ast.Match, ast.BoolOp),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    *(ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Assert, ast.Raise, ast.Delete, ast.Global),
)
HAN = re.compile(r"[\u3400-\u9fff]")


def broken_rules(notebook: Any) -> list[str]:
    """Name every rule that a notebook breaks."""
    return [
        *_file_rules(notebook),
        *_code_rules(notebook),
        *_parameter_rules(notebook),
        *_text_rules(notebook),
    ]


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def _file_rules(notebook: Any) -> list[str]:
    found = []
    try:
        with warnings.catch_warnings(action="ignore"):  # ids that repeat are found below
            nbformat.validate(copy.deepcopy(notebook))
    except nbformat.ValidationError as error:
        found.append(f"no valid notebook: {error.message}")
    if set(notebook.metadata) != {"kernelspec", "language_info"}:
        found.append(f"metadata: {sorted(notebook.metadata)}")
    if dict(notebook.metadata.get("language_info", {})) != {"name": "python"}:
        found.append("language_info holds more than the language: a version of somebody's Python")
    ids = [cell.get("id", "") for cell in notebook.cells]
    found += [f"id {name!r} appears twice" for name in {name for name in ids if ids.count(name) > 1}]
    found += [
        f"id {name!r} is for machines" for name in ids if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)
    ]
    for cell in notebook.cells:
        if set(cell.metadata) - {"tags"}:
            found.append(f"{cell.id}: metadata {sorted(cell.metadata)}")
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            found.append(f"{cell.id}: outputs are not stripped")
    return found


def _code_rules(notebook: Any) -> list[str]:
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        logic = {type(node).__name__ for node in ast.walk(tree) if isinstance(node, LOGIC)}
        if logic:
            found.append(f"{cell.id}: logic belongs into the core or a plugin: {', '.join(sorted(logic))}")
        if "parameters" not in _tags(cell) and len(tree.body) > STATEMENTS:
            found.append(f"{cell.id}: {len(tree.body)} statements, at most {STATEMENTS}")
    return found


def _parameter_rules(notebook: Any) -> list[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tagged = [cell for cell in notebook.cells if "parameters" in _tags(cell)]
    if tagged != code[:1]:
        return ["exactly one cell is tagged parameters, and it is the first with code"]
    assigned: dict[str, Any] = {}
    for node in ast.parse(tagged[0].source).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            return [f"line {node.lineno} of the parameters cell is no plain assignment"]
        assigned[node.targets[0].id] = ast.literal_eval(node.value)
    if tuple(assigned) != STUDY_FIELDS:
        return [f"parameters are {list(assigned)}, a study has {list(STUDY_FIELDS)}"]
    check(assigned)
    calls = [node for cell in code for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    opened = [call for call in calls if ast.unparse(call.func) == "crmlab.open"]
    passed = {key.arg: ast.unparse(key.value) for call in opened for key in call.keywords}
    lost = [name for name in STUDY_FIELDS if passed.get(name) != name]
    return [f"the study's settings {lost} do not reach crmlab.open"] if lost else []


def _text_rules(notebook: Any) -> list[str]:
    texts = [(place, cell) for place, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]
    found = [
        f"{cell.id}: tagged neither zh nor en" for _, cell in texts if _tags(cell) not in (["zh"], ["en"])
    ]
    if found or len(texts) % 2:
        return [*found, *(["a text lacks its twin"] if len(texts) % 2 else [])]
    for (place, zh), (after, en) in zip(texts[::2], texts[1::2], strict=True):
        if (_tags(zh), _tags(en), after) != (["zh"], ["en"], place + 1):
            found.append(f"{zh.id}: its English twin does not follow")
        if re.findall(r"^#+", zh.source, flags=re.M) != re.findall(r"^#+", en.source, flags=re.M):
            found.append(f"{zh.id}: its twin has other headings")
        if len(zh.source.split("\n\n")) != len(en.source.split("\n\n")):
            found.append(f"{zh.id}: its twin has another number of paragraphs")
        if not HAN.search(zh.source) or HAN.search(en.source):
            found.append(f"{zh.id}: not in the language of its tag")
        if re.search(r"[\u3400-\u9fff][,;:?!]|[,;:?!][\u3400-\u9fff]", zh.source):
            found.append(f"{zh.id}: half-width punctuation in Chinese")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_the_rules(path: Path) -> None:
    assert broken_rules(nbformat.read(path, as_version=4)) == []


def test_there_are_the_notebooks_of_the_demo() -> None:
    assert {"segmentation", "feedback"} <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_clean_for_ruff(path: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, str(path)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout


def _bad(change: str) -> Any:
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    text = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    exec(change, {"nb": notebook, "code": code, "text": text})
    return notebook


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("code[1].outputs = [{'output_type': 'stream', 'name': 'stdout', 'text': 'x'}]", "not stripped"),
        ("code[1].execution_count = 3", "not stripped"),
        ("nb.metadata['papermill'] = {}", "metadata"),
        ("nb.metadata.language_info['version'] = '3.11.7'", "somebody's Python"),
        ("code[1].metadata['collapsed'] = True", "metadata"),
        ("code[2]['id'] = code[1]['id']", "twice"),
        ("code[2]['id'] = '3f2a9c01'", "for machines"),
        ("code[2].source = '[x for x in y]'", "ListComp"),
        ("code[2].source = 'x = a if b else c'", "IfExp"),
        ("code[2].source = 'with x: y'", "With"),
        ("code[2].source = 'f(lambda: 1)'", "Lambda"),
        ("code[2].source = 'a\\nb\\nc\\nd'", "4 statements"),
        ("code[2].metadata['tags'] = ['parameters']", "exactly one cell"),
        ("nb.cells.insert(0, nb.cells.pop(3))", "exactly one cell"),
        ("code[0].source += '\\nextra = 1'", "a study has"),
        ("code[0].source += '\\nimport os'", "no plain assignment"),
        ("code[1].source = code[1].source.replace('policy=policy,', '')", "do not reach crmlab.open"),
        ("text[0].metadata['tags'] = []", "neither zh nor en"),
        ("nb.cells.remove(text[1])", "lacks its twin"),
        ("text[1].source = '#' + text[1].source", "other headings"),
        ("text[1].source = text[0].source", "not in the language"),
        ("text[0].source += '客户,订单'", "half-width"),
    ],
)
def test_the_rules_are_enforced(change: str, rule: str) -> None:
    assert any(rule in line for line in broken_rules(_bad(change)))


# --- by themselves, under plain papermill -----------------------------------------------------------


CASES = {
    f"{name}-{how}": (name, arguments)
    for name in (
        *("data-quality", "segmentation", "value", "lifecycle", "feedback"),
        *("complaints", "improvement"),
    )
    for how, arguments in (("defaults", ()), ("demo", ("-f", str(ROOT / "params" / "demo.yaml"))))
}


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str, int]]:
    """Run copies of the notebooks with the papermill command, as a person would, two at a time."""

    def papermill(case: str) -> tuple[Path, str, int]:
        name, arguments = CASES[case]
        folder = folders[case]
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", folder / "in.ipynb")
        done = subprocess.run(
            [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            timeout=300,
        )
        return folder, done.stderr, done.returncode

    folders = {case: tmp_path_factory.mktemp(case) for case in CASES}
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CASES, pool.map(papermill, CASES), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_plain_papermill_runs_it(executed: dict[str, tuple[Path, str, int]], case: str) -> None:
    folder, said, code = executed[case]
    assert code == 0, said
    assert "unknown parameter" not in said
    notebook = nbformat.read(folder / "out.ipynb", as_version=4)
    page = export(notebook, language="zh", title=case, bundle="window.vegaEmbed = null;")
    assert page.count('<figure class="crm-chart">') >= 3
    assert "本报告未能完成" not in page
    assert "结果表未写入" in page  # outside a run only the notebook is written, and the key of the codes
    assert {path.name for path in folder.iterdir()} <= {"in.ipynb", "out.ipynb", ".crmlab"}
