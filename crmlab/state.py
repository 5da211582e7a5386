"""What a fitted plugin learned, as JSON and Parquet in a folder; never as pickle."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from pydantic_core import to_jsonable_python

from crmlab.data.fingerprints import digest
from crmlab.errors import DataError, PluginContractError
from crmlab.estimators import Estimator, is_learned

E = TypeVar("E", bound=Estimator)
NAME = "state.json"
_DAY = "learned_on.txt"
_MANIFEST = "manifest.json"


def write_state(plugin: Estimator, folder: Path) -> None:
    """Write parameters and learned attributes of ``plugin`` to ``folder``.

    Raises PluginContractError where something learned is neither a JSON value nor a frame.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state: dict[str, Any] = {}
    frames = []
    for name, value in plugin.learned.items():
        if isinstance(value, pl.DataFrame):
            value.write_parquet(folder / f"{name}.parquet")
            frames.append(name)
        else:
            state[name] = value
    document = {
        "plugin": type(plugin).__name__,
        "params": to_jsonable_python(plugin.get_params()),
        "state": state,
        "frames": sorted(frames),
    }
    try:
        text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True)
    except TypeError as error:
        raise PluginContractError(
            f"{type(plugin).__name__} learned what JSON cannot hold ({error}). What it learned is: "
            f"{', '.join(state)}. Keep plain lists, dicts, texts, numbers or polars frames."
        ) from error
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read_state(cls: type[E], folder: Path) -> E:
    """Return a fitted plugin from what :func:`write_state` wrote.

    Raises DataError where it is absent, damaged, changed since its run was published, or another plugin's.
    """
    try:
        _check_sums(folder)
        document = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if document["plugin"] != cls.__name__:
            raise ValueError(f"it holds the state of {document['plugin']}")
        strange = [name for name in (*document["state"], *document["frames"]) if not is_learned(name)]
        if strange:
            raise ValueError(f"no plugin learns {', '.join(strange)}")
        plugin = cls.from_params(document["params"])
        for name, value in document["state"].items():
            setattr(plugin, name, value)
        for name in document["frames"]:
            setattr(plugin, name, pl.read_parquet(folder / f"{name}.parquet", glob=False))
    except (Exception, pl.exceptions.PanicException) as error:  # damage makes polars panic at times
        raise DataError(
            f"No state of {cls.__name__} can be read from {folder.name}: {error}. "
            "Give the folder of a finished run, or run once without a baseline."
        ) from error
    return plugin


def _check_sums(folder: Path) -> None:
    """Raise ValueError where ``folder`` is of a published run whose manifest names other files or sums.

    Such a folder is ``<run>/state/<report>/<plugin>``.
    """
    run = folder.resolve().parents[2:3]
    if not run or not (run[0] / _MANIFEST).is_file():
        return
    document = json.loads((run[0] / _MANIFEST).read_text(encoding="utf-8"))
    outputs = [output for report in document["reports"] for output in report["outputs"]]
    named = {output["path"]: output["sha256"] for output in outputs}
    for path in sorted(folder.resolve().iterdir()):
        if named.get(path.relative_to(run[0]).as_posix()) != digest(path):
            raise ValueError(f"{path.name} is not as the run {run[0].name} wrote it")


def write_day(folder: Path, day: date) -> None:
    """Write beside a state on which day it was learned."""
    (folder / _DAY).write_text(f"{day}\n", encoding="utf-8")


def read_day(folder: Path) -> date | None:
    """Return the day on which a state was learned; None where nothing readable says so."""
    try:
        return date.fromisoformat((folder / _DAY).read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return None
