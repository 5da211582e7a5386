"""What our own tables, findings and notes share: a payload of plain data, and markup made from it.

A view puts two things into a notebook output: HTML that JupyterLab shows, and a JSON payload under
``MIME``. The report page ignores the HTML and renders the payload again with :mod:`crmlab.view`, so
every tag on the page comes from this package and every text of the data is escaped, even when the
saved notebook was tampered with.
"""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

MIME = "application/vnd.crmlab.view+json"
"""The media type of a payload; its ``view`` names the class that renders it."""


def escape(value: object) -> str:
    """Return ``value`` as text that is safe between tags and inside quoted attributes."""
    return html.escape(str(value), quote=True)


@cache
def stylesheet() -> str:
    """Return the CSS of the views, shared by the report page and by JupyterLab."""
    return files("crmlab.view").joinpath("view.css").read_text(encoding="utf-8")


class View:
    """Something that a notebook cell displays and the report page renders.

    Subclasses set ``view``, build :meth:`payload` (JSON values only) and turn such a payload into
    markup in :meth:`render`.
    """

    view: ClassVar[str]

    def payload(self) -> dict[str, Any]:
        """Return everything that :meth:`render` needs, as JSON values."""
        raise NotImplementedError

    @classmethod
    def render(cls, payload: dict[str, Any]) -> str:
        """Return markup in which every text of ``payload`` is escaped.

        Raises KeyError, TypeError or ValueError where the payload does not have the right shape.
        """
        raise NotImplementedError

    def plain(self) -> str:
        """Return one line for consoles and for readers of the raw notebook."""
        raise NotImplementedError

    def to_html(self) -> str:
        """Return the markup as the report page uses it, without styles."""
        return self.render(self.payload())

    @classmethod
    def document(cls, payload: dict[str, Any]) -> str:
        """Return the markup of a payload with its styles, as JupyterLab shows it."""
        return f'<div class="crm-view"><style>{stylesheet()}</style>{cls.render(payload)}</div>'

    def _repr_html_(self) -> str:
        return self.document(self.payload())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        payload = {**self.payload(), "view": self.view}
        return {MIME: payload, "text/html": self._repr_html_(), "text/plain": self.plain()}
