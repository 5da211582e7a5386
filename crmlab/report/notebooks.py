"""Find the notebook of a report, and the names that its parameters cell declares."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Language

if TYPE_CHECKING:
    from nbformat import NotebookNode

PACKAGED = Path(__file__).parent / "notebooks"


def find(name: str, study_folder: Path) -> Path:
    """Return the notebook ``name``.ipynb: the study's own, or one that comes with crmlab.

    Looks in ``notebooks`` beside the study's YAML, beside its folder, in the working folder, and
    in the installed package. Raises ParamsError that names what there is.
    """
    folders = [folder / "notebooks" for folder in (study_folder, study_folder.parent, Path.cwd())]
    folders += [PACKAGED, Path(__file__).parents[2] / "notebooks"]
    for folder in folders:
        if (folder / f"{name}.ipynb").is_file():
            return folder / f"{name}.ipynb"
    known = sorted({path.stem for folder in folders for path in folder.glob("*.ipynb")})
    raise ParamsError(
        f"No notebook makes a report named {name!r}.{did_you_mean(name, known)} "
        f"There are: {', '.join(known) or 'none'}. "
        f"Put {name}.ipynb into a folder `notebooks` beside the study."
    )


def read(path: Path) -> NotebookNode:
    """Read a notebook; raise ParamsError for what is none."""
    quick_imports()
    import nbformat

    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises many kinds
        raise ParamsError(
            f"{path.name} is no notebook: {type(error).__name__}. Save it again in JupyterLab."
        ) from error
    return notebook


def declared(notebook: NotebookNode, name: str) -> tuple[str, ...]:
    """Return the names assigned in the cell tagged ``parameters``; raise ParamsError without one."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if not cells:
        raise ParamsError(
            f"The notebook {name} has no cell tagged `parameters`. Tag the one with its settings."
        )
    try:
        tree = ast.parse(cells[0].source)
    except SyntaxError as error:
        raise ParamsError(f"The parameters cell of {name} is no valid Python: line {error.lineno}.") from None
    return tuple(target.id for node in tree.body for target in _targets(node) if isinstance(target, ast.Name))


def heading(notebook: NotebookNode, language: Language) -> str:
    """Return the first heading of the notebook in ``language``, or nothing."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and language in cell.metadata.get("tags", []):
            found = re.search(r"^# +(.+?) *$", cell.source, flags=re.M)
            if found:
                return found[1]
    return ""


def quick_imports() -> None:
    """Spare this process two seconds of imports; call it before nbformat, papermill or altair come in.

    jsonschema's optional IRI checker builds a grammar when it is imported. A None entry makes that
    import fail, which jsonschema expects; only the check of the formats "iri" and "iri-reference" is lost.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _targets(node: ast.stmt) -> Iterable[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []
