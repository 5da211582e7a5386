"""Take the traces of the machine out of what a notebook printed: folders, and with them user names."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PACKAGE = Path(__file__).parents[1]


def anonymise(notebook: NotebookNode, places: Mapping[str, str]) -> None:
    """Replace folders of this machine in the messages and tracebacks of an executed notebook."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = without_paths(output.text, places)
            elif output.output_type == "error":
                output.evalue = without_paths(output.evalue, places)
                output.traceback = [without_paths(line, places) for line in output.traceback]


def without_paths(text: str, places: Mapping[str, str]) -> str:
    """Return ``text`` with every folder of ``places``, and those of Python itself, under a short name."""
    known = {
        **places,
        str(_PACKAGE): "crmlab",
        sys.prefix: "<python>",
        sys.base_prefix: "<python>",
        tempfile.gettempdir(): "<tmp>",
        str(Path.home()): "~",
    }
    folders = sorted((path for path in known if len(path) > 1), key=len, reverse=True)
    pattern = "|".join(re.escape(path) for path in folders)
    short = re.sub(rf"({pattern})(?![\w.-])", lambda match: known[match[1]], text)
    # IPython's name for the file of a cell holds the number of the kernel's process.
    return re.sub(r"<tmp>/ipykernel_\d+/\d+\.py", "<cell>", short)
