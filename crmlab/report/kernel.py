"""The kernel that runs a report."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from traitlets import default

from crmlab.aftermath import once_gone
from crmlab.report import locks

_PREFIX = "crmlab-kernel-"
_NEW_SECONDS = 60
"""A folder that is younger may be about to be locked."""


class ReportKernelManager(AsyncKernelManager):
    """Talks to its kernel over Unix sockets where there are such, not over unencrypted TCP.

    The sockets and the file with the key to them lie in a folder of their own, because jupyter_client's
    default name of a socket is the same for every kernel that starts in one folder. What the kernel
    started itself ends with it, also where this process is killed. Such a process leaves the folder behind;
    it is known by the lock that ended with the process, and the next kernel sweeps it.
    """

    _folder_lock: int | None = None
    _guard: subprocess.Popen[bytes] | None = None

    @default("transport")
    def _unix_sockets(self) -> str:
        return "ipc" if os.name == "posix" else "tcp"

    @default("ip")
    def _own_folder(self) -> str:
        if self.transport != "ipc":
            return "127.0.0.1"
        folder, self._folder_lock = socket_folder()
        return str(folder / "kernel")

    @default("connection_file")
    def _beside_the_sockets(self) -> str:
        return f"{self.ip}.json" if self.transport == "ipc" else ""

    async def _async_post_start_kernel(self, **options: Any) -> None:
        await super()._async_post_start_kernel(**options)
        if os.name == "posix" and (group := self._group):
            # A kernel looks for its parent once a second, but not while it is stopped or busy in C, and it
            # would leave what it has started behind.
            self._guard = once_gone('kill -s KILL -- "-$1"', str(group))

    post_start_kernel: Any = _async_post_start_kernel

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        group = self._group
        await super()._async_cleanup_resources(restart=restart)
        if group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        if self._guard is not None:
            self._guard.kill()  # before the number of the group can be another's
            self._guard.communicate()
            self._guard = None
        if not restart and self.transport == "ipc":
            shutil.rmtree(Path(self.ip).parent, ignore_errors=True)
            if self._folder_lock is not None:
                os.close(self._folder_lock)
                self._folder_lock = None

    cleanup_resources: Any = _async_cleanup_resources

    @property
    def _group(self) -> int | None:
        """The process group of the kernel; None for one that was forked, which the zygote ends."""
        return getattr(self.provisioner, "pgid", None)


def socket_folder() -> tuple[Path, int | None]:
    """Make a folder for sockets, of this user alone; return it and the lock that says that it is in use."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    return folder, locks.lock(folder)


def _sweep() -> None:
    """Remove the folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another's, or removed meanwhile
            if time.time() - folder.stat().st_mtime > _NEW_SECONDS and not locks.is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)
