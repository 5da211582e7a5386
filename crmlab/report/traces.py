"""Take out of what a notebook printed what must not travel: folders of this machine, and secrets."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Traces:
    """What is taken out, and what stands for it: ``folders`` by path, ``secrets`` by value."""

    folders: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    def leave(self, notebook: NotebookNode) -> None:
        """Clean the outputs of an executed notebook: secrets everywhere, folders in messages and errors."""
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                if self.secrets:
                    output.update(self._without_secrets(output))
                if output.output_type == "stream":
                    output.text = self.without(output.text)
                elif output.output_type == "error":
                    output.evalue = self.without(output.evalue)
                    output.traceback = [self.without(line) for line in output.traceback]

    def without(self, text: str) -> str:
        """Return a message without secrets and with every folder, Python's own too, under a short name."""
        known = {
            **self.folders,
            str(_PACKAGE): "crmlab",
            sys.prefix: "<python>",
            sys.base_prefix: "<python>",
            tempfile.gettempdir(): "<tmp>",
            str(Path.home()): "~",
        }
        folders = sorted((path for path in known if len(path) > 1), key=len, reverse=True)
        pattern = "|".join(re.escape(path) for path in folders)
        short = re.sub(rf"({pattern})(?![\w.-])", lambda match: known[match[1]], self._without_secrets(text))
        # IPython's name for the file of a cell holds the number of the kernel's process.
        return re.sub(r"<tmp>/ipykernel_\d+/\d+\.py", "<cell>", short)

    def _without_secrets(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._without_secrets(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._without_secrets(item) for item in value]
        if isinstance(value, str):
            for secret, reference in self.secrets.items():
                value = value.replace(secret, f"<{reference}>")
        return value
