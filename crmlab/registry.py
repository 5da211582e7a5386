"""Find plugins by name. Listing imports nothing; getting one imports that one.

Ours and everybody else's enter by the same door: an entry point in the group of their kind
(``crmlab.classifiers``, ``crmlab.models``, ``crmlab.annotators``, ``crmlab.features``,
``crmlab.sources``, ``crmlab.engines``), or the decorator :meth:`Registry.register` in a notebook or
in a ``.py`` file of a study's plugin folder.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from crmlab.errors import ParamsError, PluginConflictError, PluginLoadError, UnknownPluginError, did_you_mean

if TYPE_CHECKING:
    from crmlab.engines import Engine
    from crmlab.estimators import Annotator, Classifier, Estimator, Feature, Model, Source

P = TypeVar("P", bound="Estimator")
C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """Where a plugin comes from, known without importing it."""

    group: str
    name: str
    target: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """Distribution, version and import path in one phrase for messages."""
        return f"{self.distribution} {self.version} ({self.target})"


class Registry(Mapping[str, type[P]], Generic[P]):
    """The plugins of one kind, by name.

    A mapping from name to class. A name registered in this session hides an installed one of the
    same name.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.group = f"crmlab.{kind.lower()}s"
        self._session: dict[str, tuple[type[P], PluginInfo]] = {}
        self._loaded: dict[str, type[P]] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """Register a class under ``name`` for this session; a class decorator."""

        def keep(plugin: C) -> C:
            origin = _session_origin(plugin)
            info = PluginInfo(self.group, name, getattr(plugin, "__qualname__", "?"), origin, "session")
            earlier = self._session.get(name)
            if earlier and earlier[1].distribution != origin:
                raise PluginConflictError(
                    f"Two files register a {self.group} plugin named {name!r}: "
                    f"{earlier[1].distribution} and {origin}. Rename one of them."
                )
            self._session[name] = (self._checked(info, plugin), info)
            return plugin

        return keep

    def __getitem__(self, name: str) -> type[P]:
        """Return the class of that name, importing it if need be.

        Raises UnknownPluginError, PluginConflictError or PluginLoadError.
        """
        if name in self._session:
            return self._session[name][0]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._session or name in self._installed

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._session, *self._installed}))

    def __len__(self) -> int:
        return len({*self._session, *self._installed})

    def __repr__(self) -> str:
        return f"<Registry {self.group}: {', '.join(self)}>"

    def info(self) -> list[PluginInfo]:
        """Return every plugin, clashing ones included, without importing any."""
        installed = [_info(point) for points in self._installed.values() for point in points]
        session = [info for _, info in self._session.values()]
        return sorted(installed + session, key=lambda info: (info.name, info.distribution))

    def origin(self, name: str) -> PluginInfo:
        """Return where the plugin that ``self[name]`` gives comes from."""
        if name in self._session:
            return self._session[name][1]
        return _info(self._point(name))

    def origin_of(self, plugin: type) -> PluginInfo | None:
        """Return where a class comes from that this registry gave out; None for any other."""
        for known, info in self._session.values():
            if known is plugin:
                return info
        return next((self.origin(name) for name, known in self._loaded.items() if known is plugin), None)

    def _point(self, name: str) -> metadata.EntryPoint:
        points = self._installed.get(name, [])
        if not points:
            raise UnknownPluginError(
                f"No {self.group} plugin is named {name!r}.{did_you_mean(name, self)} "
                f"Available: {', '.join(self) or 'none'}. `crmlab plugins` lists them."
            )
        if len(points) > 1:
            owners = "; ".join(_info(point).origin for point in points)
            raise PluginConflictError(
                f"{len(points)} distributions register a {self.group} plugin named {name!r}: {owners}. "
                "Uninstall one of them, or ask its author to rename it."
            )
        return points[0]

    @cached_property
    def _installed(self) -> dict[str, list[metadata.EntryPoint]]:
        found: dict[str, list[metadata.EntryPoint]] = defaultdict(list)
        for point in _entry_points(tuple(sys.path)).select(group=self.group):
            if _info(point) not in map(_info, found[point.name]):
                found[point.name].append(point)
        return dict(found)

    def _load(self, name: str) -> type[P]:
        point = self._point(name)
        info = _info(point)
        with _blaming(f"The {self.group} plugin {name!r} of {info.origin}"):
            plugin = point.load()
        return self._checked(info, plugin)

    def _checked(self, info: PluginInfo, plugin: object) -> type[P]:
        who = f"The {self.group} plugin {info.name!r} of {info.origin}"
        from crmlab import estimators

        home = importlib.import_module("crmlab.engines") if self.kind == "Engine" else estimators
        if not (isinstance(plugin, type) and issubclass(plugin, getattr(home, self.kind))):
            raise PluginLoadError(f"{who} is no subclass of crmlab.{self.kind}.")
        api = estimators.PLUGIN_API
        needs = getattr(plugin, "plugin_api", api)
        if needs not in (api - 1, api):
            raise PluginLoadError(
                f"{who} was written for plugin API {needs}; this crmlab accepts "
                f"{api - 1} and {api}. Install a matching version of {info.distribution} or of crmlab."
            )
        return cast("type[P]", plugin)


classifiers: Registry[Classifier] = Registry("Classifier")
models: Registry[Model] = Registry("Model")
annotators: Registry[Annotator] = Registry("Annotator")
features: Registry[Feature] = Registry("Feature")
sources: Registry[Source] = Registry("Source")
engines: Registry[Engine] = Registry("Engine")

REGISTRIES: tuple[Registry[Any], ...] = (classifiers, models, annotators, features, sources, engines)


def load_folder(folder: Path) -> list[PluginLoadError]:
    """Import every ``.py`` of a study's plugin folder; return what failed, the others stay.

    Raises ParamsError where there is no such folder.
    """
    if not folder.is_dir():
        raise ParamsError(
            f"The plugin folder {folder} is not there. `plugin_folder` is relative to the study's own folder."
        )
    failed = []
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"crmlab_study_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        before = [dict(registry._session) for registry in REGISTRIES]
        try:
            with _blaming(f"The plugin file {path.name}"):
                spec.loader.exec_module(module)
        except PluginLoadError as error:
            # What a broken file registered before it broke goes with it.
            sys.modules.pop(spec.name, None)
            for registry, plugins in zip(REGISTRIES, before, strict=True):
                registry._session = plugins
            failed.append(error)
    return failed


@contextlib.contextmanager
def _blaming(who: str) -> Iterator[None]:
    """Name the culprit of whatever goes wrong inside, ``sys.exit`` included."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginLoadError(f"{who} could not be imported: {type(error).__name__}: {error}") from error


def _info(point: metadata.EntryPoint) -> PluginInfo:
    return PluginInfo(point.group, point.name, point.value, *_owner(point.dist))


@cache
def _entry_points(path: tuple[str, ...]) -> metadata.EntryPoints:
    """Read the entry points of all that is installed on ``path`` once for every kind of plugin."""
    # In Python 3.11 it is another class, with the same method ``select``.
    return cast("metadata.EntryPoints", metadata.entry_points())


@cache
def _owner(distribution: metadata.Distribution | None) -> tuple[str, str]:
    """Return name and version; Python would parse the metadata for each of them anew."""
    if distribution is None:
        return "unknown", "?"
    told = distribution.metadata
    return told["Name"], told["Version"]


def _session_origin(plugin: object) -> str:
    module = sys.modules.get(getattr(plugin, "__module__", ""))
    path = getattr(module, "__file__", None)
    return Path(path).name if path else "this session"
