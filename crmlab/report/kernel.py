"""The kernel that runs a report."""

from __future__ import annotations

from jupyter_client.manager import AsyncKernelManager
from traitlets import default


class ReportKernelManager(AsyncKernelManager):
    """Talks to its kernel over Unix sockets where there are such, not over unencrypted TCP."""

    @default("transport")
    def _unix_sockets(self) -> str:
        import os

        return "ipc" if os.name == "posix" else "tcp"
