"""What a report stands on, and whether an earlier run of it can be taken instead.

A report is what its parameters, its inputs, its notebook, our code with its plugins, and the versions of
all installed packages make of it. Where all are as they were in an earlier report that was finished, its
files are linked into the new run: as hard links, so that nothing dangles when the older run is removed
or the folder is on a file share; as copies where the file system has no hard links. They are checked by
sha256 first. The modules and files that a notebook names count as its code (:mod:`.local_files`); what else
it reads besides its study (a web page, the clock) is not seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from crmlab.data.fingerprints import digest, known_digest, of_folder
from crmlab.environment import resolved, secrets_in
from crmlab.params import Study
from crmlab.registry import sources
from crmlab.report import local_files
from crmlab.report.history import Earlier
from crmlab.report.plans import Plan

PARTS = ("params", "inputs", "notebook", "code", "packages")


@dataclass(frozen=True)
class Basis:
    """Hashes of what a report stands on, by part; None where nobody can tell whether it changed."""

    parts: Mapping[str, str | None]

    @property
    def fingerprint(self) -> str | None:
        """One sha256 over all parts; None where one of them is not known."""
        return None if None in self.parts.values() else _hash(dict(self.parts))


class Bases:
    """What the reports of a study stand on at one moment; what they share is looked at once.

    ``folder`` is that of the study, to which paths are relative.
    """

    def __init__(self, folder: Path, key_folder: Path) -> None:
        self._folder, self._key = folder, key_folder / "key"
        self._known: dict[Hashable, str | None] = {}

    def of(self, plan: Plan, title: str) -> Basis:
        """Return the hash of each part; None for one of which nobody can tell whether it changed."""
        study, notebook = plan.study, plan.notebook
        return Basis(
            {
                "params": _told(lambda: self._params(plan, title)),
                "inputs": self._once(repr(study.data), lambda: inputs(study, self._folder)),
                "notebook": self._once(notebook, lambda: digest(notebook)),
                "code": self._once((notebook, study.plugin_folder), lambda: self._code(plan)),
                "packages": _packages(),
            }
        )

    def _once(self, about: Hashable, find: Callable[[], str | None]) -> str | None:
        if about not in self._known:
            self._known[about] = _told(find)
        return self._known[about]

    def _params(self, plan: Plan, title: str) -> str | None:
        given = {**plan.parameters, "baseline": _state(plan, self._folder)}
        beside_data = {name: value for name, value in given.items() if name != "data"}
        named = {text: digest(self._folder / text) for text in sorted(_files_in(beside_data, self._folder))}
        key = digest(self._key) if self._key.is_file() else None
        secrets = sorted(secrets_in(beside_data))
        if secrets and key is None:
            return None  # a secret could be guessed from its hash, which stands in the manifest
        return _hash([given, named, plan.study.language, title, key, secrets])

    def _code(self, plan: Plan) -> str:
        plugins = plan.study.plugin_folder
        files = [*local_files.used(plan.notebook, self._folder), *local_files.of_plugins()]
        return _hash(
            [
                _own_code(),
                of_folder(self._folder / plugins) if plugins else None,
                [[os.path.relpath(path, self._folder), known_digest(path)] for path in files],
            ]
        )


def _told(find: Callable[[], str | None]) -> str | None:
    """Return what is found; None where it is gone or cannot be read, which the report will say."""
    try:
        return find()
    except Exception:  # of a source that is somebody's plugin
        return None


def inputs(study: Study, folder: Path) -> str | None:
    """Return a hash over what the sources of a study hold; None where one cannot tell."""
    with contextlib.chdir(folder):
        readers = [sources[spec.source].from_params(resolved(spec.params)) for spec in study.data]
        found = [reader.fingerprint() for reader in readers]
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
    except (OSError, KeyError, TypeError, ValueError):
        for path in done:
            path.unlink(missing_ok=True)
        return False
    return True


def _same_file(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copy2(source, target)


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
    """Return a hash over the versions of what is installed, and over the very files of plugins."""
    installed = {f"{each.name}=={each.version}" for each in metadata.distributions()}
    plugins = {
        each.read_text("RECORD") or ""
        for each in metadata.distributions()
        if any(point.group.startswith("crmlab.") for point in each.entry_points)
    }
    return _hash([sys.version, sys.platform, sorted(installed), sorted(plugins)])


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
