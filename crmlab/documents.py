"""YAML documents that know the line of every value, read with fewer surprises.

Only ``true`` and ``false`` are booleans and only plain decimals are numbers: ``no``, ``on``, ``007``,
``12:30``, ``1_000`` and ``2024-03-05`` stay the text that they look like, until a declared type
asks for something else. Tags (``!!python/object``) and aliases (``*name``) are refused: a study needs
neither, and they let a short text run code or grow without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from crmlab.errors import ParamsError

Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012  # declared so by PyYAML

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refused(f"the alias *{event.anchor} is not supported; write the value out", event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(f"the tag {tag} is not supported; leave it out", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def _refused(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|false|False)$", "tTfF"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?$", "-+0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


@dataclass
class Document:
    """A parsed document: its value, and where each part of it stands."""

    value: Any
    name: str
    lines: dict[Path, str]

    def place(self, where: Path) -> str:
        """Return ``"file:line: "`` of the nearest part that stands in the file."""
        for length in range(len(where), 0, -1):
            if where[:length] in self.lines:
                return self.lines[where[:length]] + ": "
        return f"{self.name}: "

    def set(self, item: str) -> None:
        """Apply one ``key.key=value`` override; raise ParamsError where it has no such form.

        A key is a name, or the place in a list from 0: ``data.0.source=files``.
        """
        key, equals, text = (part.strip() for part in item.partition("="))
        names = key.split(".")
        if not equals or not all(names):
            raise ParamsError(f"--set takes key=value, for example --set as_of=2024-06-30; given: {item!r}.")
        value = parse(text, f"--set {key}").value
        target = self.value
        path: Path = ()
        for name in names[:-1]:
            step = _step(target, name, key)
            if isinstance(target, dict) and target.get(step) is None:
                target[step] = {}
            target, path = target[step], (*path, step)
        last = _step(target, names[-1], key)
        target[last] = value
        path = (*path, last)
        self.lines = {where: line for where, line in self.lines.items() if where[: len(path)] != path}
        self.lines[path] = f"--set {key}"


def _step(target: Any, name: str, key: str) -> str | int:
    """Return the key or index that ``name`` stands for in ``target``."""
    if isinstance(target, dict):
        return name
    if isinstance(target, list) and name.isdecimal() and int(name) < len(target):
        return int(name)
    have = f"a list of {len(target)}" if isinstance(target, list) else "a single value"
    raise ParamsError(f"--set {key}: {name!r} is not there to be set, because it is looked for in {have}.")


def parse(text: str, name: str) -> Document:
    """Parse YAML safely; raise ParamsError with file and line for what is no YAML or repeats a key."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = {path: f"{name}:{mark}" for path, mark in _lines(node, ())} if node else {}
        value = loader.construct_document(node) if node else None
    except _RepeatedKeyError as error:
        raise ParamsError(
            f"{name}:{error.line}: the key {error.key!r} appears twice. Keep one of them."
        ) from None
    except RecursionError:
        raise ParamsError(f"{name}: its values lie too deep within each other to be read.") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ParamsError(f"{name}{line}: this is no valid YAML: {problem}.") from None
    return Document(value, name, lines)


class _RepeatedKeyError(Exception):
    def __init__(self, key: str, line: int) -> None:
        super().__init__(key, line)
        self.key, self.line = key, line


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    """Go through the document and yield where each value, or the key of it, stands."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                raise _RepeatedKeyError(name, line)
            seen.add(name)
            yield (*path, name), line
            yield from _lines(value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield (*path, place), value.start_mark.line + 1
            yield from _lines(value, (*path, place))
