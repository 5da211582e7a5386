"""What a report stands on, and whether an earlier run of it can be taken instead.

A report is what its parameters, its inputs, its notebook, our code with its plugins, and the versions of
all installed packages make of it. Where all are as they were in an earlier report that was finished, its
files are linked into the new run: as hard links, so that nothing dangles when the older run is removed
or the folder is on a file share; as copies where the file system has no hard links. They are checked by
sha256 first. What a notebook reads besides its study (a web page, the clock) is not seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from crmlab.data.fingerprints import digest, of_folder
from crmlab.environment import resolved
from crmlab.errors import CrmlabError
from crmlab.params import Study
from crmlab.registry import sources
from crmlab.report import manifest
from crmlab.report.plans import Plan

PARTS = ("params", "inputs", "notebook", "code", "packages")


@dataclass(frozen=True)
class Basis:
    """Hashes of what a report stands on, by part; ``inputs`` is None where a source cannot tell."""

    parts: Mapping[str, str | None]

    @property
    def fingerprint(self) -> str | None:
        """One sha256 over all parts; None where one of them is not known."""
        return None if None in self.parts.values() else _hash(dict(self.parts))


@dataclass(frozen=True)
class Earlier:
    """A finished report of an earlier run: the run's folder, and what its manifest says of the report."""

    folder: Path
    report: Mapping[str, Any]


class History:
    """The finished reports of a study's runs, newest first, read once."""

    def __init__(self, home: Path) -> None:
        self._runs = list(_records(home))

    def last(self, cell: Mapping[str, Any], name: str) -> Earlier | None:
        """Return the last report of that name for a cell, however it ended."""
        return next(self._of(cell, name), None)

    def same(self, cell: Mapping[str, Any], name: str, fingerprint: str | None) -> Iterator[Earlier]:
        """Return the finished reports that stand on the same, newest first."""
        for earlier in self._of(cell, name):
            known = earlier.report.get("fingerprint")
            if known and known == fingerprint and earlier.report["status"] == "done":
                yield earlier

    def finished(self, cell: Mapping[str, Any]) -> bool:
        """Say whether the last run of a cell is there and finished well."""
        return next((r["status"] == "done" for _, r in self._runs if r.get("cell", {}) == cell), False)

    def _of(self, cell: Mapping[str, Any], name: str) -> Iterator[Earlier]:
        for folder, record in self._runs:
            if record.get("cell", {}) == cell:
                for report in record["reports"]:
                    if report["name"] == name:
                        yield Earlier(folder, report)


def basis(plan: Plan, language: str, title: str, folder: Path, key_folder: Path) -> Basis:
    """Return what a report stands on; ``folder`` is that of the study, to which paths are relative."""
    given = {**plan.parameters, "baseline": _state(plan, folder)}
    beside_data = {name: value for name, value in given.items() if name != "data"}
    named = {text: digest(folder / text) for text in sorted(_files_in(beside_data, folder))}
    key = key_folder / "key"
    parts: dict[str, str | None] = {
        "params": _hash([given, named, language, title, digest(key) if key.is_file() else None]),
        "inputs": inputs(plan.study, folder),
        "notebook": digest(plan.notebook),
        "code": _hash([_own_code(), _study_code(plan.study, folder)]),
        "packages": _packages(),
    }
    return Basis(parts)


def inputs(study: Study, folder: Path) -> str | None:
    """Return a hash over what the sources of a study hold; None where one cannot tell."""
    with contextlib.chdir(folder):
        try:
            readers = [sources[spec.source].from_params(resolved(spec.params)) for spec in study.data]
            found = [reader.fingerprint() for reader in readers]
        except (CrmlabError, OSError):
            return None  # the report will say what is wrong
    return None if None in found else _hash(found)


def link(earlier: Earlier, staging: Path) -> bool:
    """Put the files of an earlier report into a new run; False, and nothing, where one is not as it was.

    The earlier run may be removed meanwhile: then the report is simply made anew.
    """
    done: list[Path] = []
    try:
        for output in earlier.report["outputs"]:
            source, target = earlier.folder / output["path"], staging / output["path"]
            if not target.resolve().is_relative_to(staging.resolve()) or digest(source) != output["sha256"]:
                raise OSError(f"{source.name} is not as it was")
            target.parent.mkdir(parents=True, exist_ok=True)
            done.append(target)
            _same_file(source, target)
    except OSError:
        for path in done:
            path.unlink(missing_ok=True)
        return False
    return True


def _same_file(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copy2(source, target)


def _records(home: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(home.glob(f"[!.]*/{manifest.NAME}"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = manifest.read(path.parent)
            if record["schema"] == manifest.SCHEMA and all("name" in each for each in record["reports"]):
                yield path.parent, record


def _state(plan: Plan, folder: Path) -> str | None:
    """Return a hash over what a baseline learned: which run it was in makes no difference."""
    baseline = plan.parameters.get("baseline")
    return of_folder(folder / baseline / "state") if baseline else None


def _files_in(value: Any, folder: Path) -> Iterable[str]:
    """Return the texts among parameters that name a file, such as a playbook."""
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return {text for item in items for text in _files_in(item, folder)}
    with contextlib.suppress(OSError, ValueError):
        if isinstance(value, str) and value and (folder / value).is_file():
            return {value}
    return set()


def _study_code(study: Study, folder: Path) -> str | None:
    return of_folder(folder / study.plugin_folder, "*.py") if study.plugin_folder else None


@cache
def _own_code() -> str:
    """Return a hash over our own files, because in a checkout they change and the version stays."""
    core = Path(__file__).parents[1]
    with contextlib.suppress(ImportError):
        import crmlab_plugins

        return _hash([of_folder(core), *(of_folder(Path(path)) for path in crmlab_plugins.__path__)])
    return of_folder(core)


@cache
def _packages() -> str:
    installed = sorted(f"{each.name}=={each.version}" for each in metadata.distributions())
    return _hash([sys.version, sys.platform, *dict.fromkeys(installed)])


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
