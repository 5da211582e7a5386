"""Import papermill without what it imports for notebooks in clouds, which takes longer than all the rest.

Papermill reads and writes s3://, abs://, gs:// and hdfs:// itself and imports the clients for it at once
where they are installed, as with our extra ``storage``: two thirds of a CPU second in every process that
runs notebooks. Ours lie in folders. A client is imported here when it is first asked for.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from crmlab.imports import without

_CLIENTS = {
    "S3": "papermill.s3",
    "ADL": "papermill.adl",
    "AzureBlobStore": "papermill.abs",
    "GCSFileSystem": "gcsfs",
    "HadoopFileSystem": "pyarrow.fs",
    "FileSelector": "pyarrow.fs",
}
"""What papermill.iorw imports, and from where."""


def quick_papermill() -> ModuleType:
    """Return the module papermill, imported without the clients of clouds unless it was imported before."""
    if "papermill" not in sys.modules:
        with without(*_CLIENTS.values()) as absent:
            iorw = importlib.import_module("papermill.iorw")
        for name, module in _CLIENTS.items():
            if module in absent:
                setattr(iorw, name, _later(module, name))
    return importlib.import_module("papermill")


def _later(module: str, name: str) -> Callable[..., Any]:
    def client(*given: Any, **named: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*given, **named)

    return client
