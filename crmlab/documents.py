"""YAML documents that know the line of every value, read with fewer surprises.

Only ``true`` and ``false`` are booleans and only plain decimals are numbers: ``no``, ``on``, ``007``,
``12:30``, ``1_000`` and ``2024-03-05`` stay the text that they look like, until a declared type
asks for something else.
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
        """Apply one ``key.key=value`` override; raise ParamsError where it has no such form."""
        key, equals, text = item.partition("=")
        keys = tuple(int(part) if part.isdigit() else part for part in key.strip().split("."))
        if not equals or "" in keys:
            raise ParamsError(f"--set takes key=value, for example --set as_of=2024-06-30; given: {item!r}.")
        value = parse(text, f"--set {key}").value
        target = self.value
        for part in keys[:-1]:
            if isinstance(target, dict):
                if target.get(part) is None:
                    target[part] = {}
                target = target[part]
            elif isinstance(target, list) and isinstance(part, int) and part < len(target):
                target = target[part]
            else:
                raise ParamsError(f"--set {key}: {part!r} is not there to be set in.")
        last = keys[-1]
        if isinstance(target, dict) or (
            isinstance(target, list) and isinstance(last, int) and last < len(target)
        ):
            target[last] = value  # type: ignore[index]
        else:
            raise ParamsError(f"--set {key}: {last!r} is not there to be set.")
        self.lines = {path: line for path, line in self.lines.items() if path[: len(keys)] != keys}
        self.lines[keys] = f"--set {key}"


def parse(text: str, name: str) -> Document:
    """Parse YAML safely; raise ParamsError with file and line for what is no YAML or repeats a key."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = {path: f"{name}:{mark}" for path, mark in _lines(node, ())} if node else {}
        value = loader.construct_document(node) if node else None
    except _RepeatedKeyError as error:
        raise ParamsError(
            f"{name}:{error.line}: the key {error.key!r} appears twice. Keep one of them."
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ParamsError(f"{name}{line}: this is no valid YAML: {problem}.") from None
    finally:
        loader.dispose()
    return Document(value, name, lines)


class _RepeatedKeyError(Exception):
    def __init__(self, key: str, line: int) -> None:
        super().__init__(key, line)
        self.key, self.line = key, line


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    if path:
        yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise _RepeatedKeyError(name, key.start_mark.line + 1)
            seen.add(name)
            yield (*path, name), key.start_mark.line + 1
            yield from list(_lines(value, (*path, name)))[1:]
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield from _lines(value, (*path, place))
