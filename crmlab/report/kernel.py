"""The kernel that runs a report."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from traitlets import default


class ReportKernelManager(AsyncKernelManager):
    """Talks to its kernel over Unix sockets where there are such, not over unencrypted TCP.

    The sockets lie in a folder of their own, because jupyter_client's default name is the same for
    every kernel that starts in one folder.
    """

    @default("transport")
    def _unix_sockets(self) -> str:
        return "ipc" if os.name == "posix" else "tcp"

    @default("ip")
    def _own_folder(self) -> str:
        if self.transport != "ipc":
            return "127.0.0.1"
        return str(Path(tempfile.mkdtemp(prefix="crmlab-")) / "kernel")

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        if not restart and self.transport == "ipc":
            shutil.rmtree(Path(self.ip).parent, ignore_errors=True)

    cleanup_resources: Any = _async_cleanup_resources
