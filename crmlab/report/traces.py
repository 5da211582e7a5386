"""Take out of a notebook what must not travel: folders of this machine, secrets, contacts of persons.

Secrets are looked for as they are and as URLs, JSON, HTML and base64 write them. Contacts are looked for
last and in every output, whatever wrote it: what our own charts and tables show is masked where it
is made, and what a message, a plugin or a cell of the analyst's own says is masked here.
"""

from __future__ import annotations

import base64
import html
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PACKAGE = Path(__file__).parents[1]
_SHORTEST = 5
"""No contact is shorter."""
_DRAWN = ("config", "data", "name", "usermeta", "$schema")
"""Parts of a chart's specification without words; the names of data sets are hashes."""


@dataclass(frozen=True)
class Traces:
    """What is taken out, and what stands for it: ``folders`` by path, ``secrets`` by value.

    ``results`` says whether contacts are looked for in results, too, and not in messages and
    errors alone: not so where a study shows ids or quotes as they are.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    results: bool = True

    def leave(self, notebook: NotebookNode) -> None:
        """Clean an executed notebook: secrets and contacts everywhere, folders in messages."""
        masked = _Masked(notebook)
        for part in (notebook, *notebook.cells):
            part.metadata.update(self._clean(part.metadata, masked))
        for cell in notebook.cells:
            cell.source = self._clean(cell.source, masked)
            for output in cell.get("outputs", []):
                if self.secrets:
                    output.update(self._without_secrets(output))
                if output.output_type == "stream":
                    output.text = masked[self._short(output.text)]
                elif output.output_type == "error":
                    output.evalue = masked[self._short(output.evalue)]
                    output.traceback = [masked[self._short(line)] for line in output.traceback]
                elif self.results:
                    output.data.update(_without_contacts(output.data, masked))

    def _clean(self, value: Any, masked: _Masked) -> Any:
        value = self._without_secrets(value)
        return _each(value, masked.__getitem__) if self.results else value

    def without(self, text: str) -> str:
        """Return a message without secrets and contacts, and with short names for folders, Python's too."""
        short = self._short(text)
        return _Masked([short])[short]

    def _short(self, text: str) -> str:
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

    @cached_property
    def _written_secrets(self) -> dict[str, str]:
        """Every way in which a secret may be written, longest first."""
        forms = {
            form: reference
            for secret, reference in self.secrets.items()
            for part in (secret, *_passwords(secret))
            for form in _forms(part)
        }
        return dict(sorted(forms.items(), key=lambda item: -len(item[0])))

    def _without_secrets(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._without_secrets(key): self._without_secrets(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._without_secrets(item) for item in value]
        if isinstance(value, str):
            for secret, reference in self._written_secrets.items():
                value = value.replace(secret, f"<{reference}>")
        return value


def _passwords(secret: str) -> set[str]:
    """Return the password or token in an address of a server, which an error may name by itself."""
    named = re.findall(r"(?i)\b(?:password|passwd|pwd|token)=([^;&\s]+)", secret)
    named += re.findall(r"://[^/@\s]*?:([^/\s]+)@", secret)
    return {form for password in named for form in (password, unquote(password)) if len(form) > 3}


def _forms(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode()
    inside = {_inside_base64(secret.encode(), before) for before in range(3)}
    written = {
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        html.escape(secret),
        repr(secret)[1:-1],
    }
    as_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    longer = {form for form in inside if len(form) > _SHORTEST}
    return {secret, encoded, encoded.rstrip("=")} | longer | written | as_json


def _inside_base64(secret: bytes, before: int) -> str:
    """Return what is always the same where a longer text with ``secret`` in it is written in base64."""
    text = base64.b64encode(bytes(before) + secret).decode()
    return text[(0, 2, 3)[before] : (before + len(secret)) * 4 // 3]


def _without_contacts(data: Mapping[str, Any], masked: _Masked) -> dict[str, Any]:
    """Return the representations of an output with contacts masked; pictures are left alone.

    HTML that our own views made is made again where its data had to be masked.
    """
    from crmlab.report.outputs import CHART, VIEWS
    from crmlab.view.html import MIME

    cleaned: dict[str, Any] = {}
    for media, value in data.items():
        if media.startswith("image/") and media != "image/svg+xml":
            cleaned[media] = value
        elif CHART.fullmatch(media):
            cleaned[media] = _specification(value, masked)
        elif media != "text/html" or MIME not in data:
            cleaned[media] = _each(value, masked.__getitem__)
    if MIME in data and "text/html" in data:
        payload, markup = cleaned[MIME], data["text/html"]
        if payload != data[MIME]:
            made = VIEWS.get(payload.get("view", ""))
            markup = made.document(payload) if made else _each(markup, masked.__getitem__)
        cleaned["text/html"] = markup
    return cleaned


def _specification(value: Any, masked: _Masked) -> Any:
    """Mask the words of a chart: data sets, titles, descriptions; numbers and names of data sets stay."""
    if isinstance(value, dict):
        cleaned: dict[str, Any] = {}
        for key, item in value.items():
            if key == "datasets" and isinstance(item, dict):
                cleaned[key] = {name: _each(rows, masked.__getitem__) for name, rows in item.items()}
            elif key in _DRAWN and not (key == "data" and isinstance(item, dict) and "values" in item):
                cleaned[key] = item
            else:
                cleaned[_each(key, masked.__getitem__)] = _specification(item, masked)
        return cleaned
    if isinstance(value, list):
        return [_specification(item, masked) for item in value]
    return _each(value, masked.__getitem__)


def without_contacts(value: Any) -> Any:
    """Return JSON values with the contacts of persons masked in every text."""
    return _each(value, _Masked(value).__getitem__)


class _Masked(dict[str, str]):
    """Each text with its contacts masked; those of ``value``, JSON, at once, in a fiftieth of the time."""

    def __init__(self, value: Any = None) -> None:
        import polars as pl

        from crmlab.data.privacy import mask_text

        texts = list(dict.fromkeys(_texts(value)))
        super().__init__(zip(texts, mask_text(pl.Series(texts, dtype=pl.String)), strict=True))

    def __missing__(self, text: str) -> str:
        self.update(_Masked([text]))
        return self.get(text, text)


def _texts(value: Any) -> Iterator[str]:
    """Go through all texts of JSON values, names too, that are long enough for a contact."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and len(value) >= _SHORTEST:
        yield value


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON values with ``change`` applied to every text in them, names too."""
    if isinstance(value, dict):
        return {_each(key, change): _each(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    return change(value) if isinstance(value, str) and len(value) >= _SHORTEST else value
