"""Kernels forked from a process that has imported everything already, for Linux.

``crmlab run --engine fork`` and ``papermill --engine crmlab-fork`` use them. One process is kept to
fork from (crmlab.report.zygote); within ``serving()`` the worker processes of a run share it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from crmlab.environment import KEY_FOLDER, REPORT_NAME, RUN_FOLDER
from crmlab.report.execute import why_not_to_fork
from crmlab.report.kernel import ReportKernelManager, socket_folder

ADDRESS = "CRMLAB_ZYGOTE"
"""Where the process listens that a run shares with its workers."""

_PER_KERNEL = (RUN_FOLDER, KEY_FOLDER, REPORT_NAME, ADDRESS)
"""Variables that may differ between kernels of one process; others may be read while it imports."""
_LAUNCHER = "ipykernel_launcher"
_ANSWER_SECONDS = 120
"""How long to wait for a kernel's pid, which the first one gets after all imports."""


class ForkedKernelManager(ReportKernelManager):
    """Starts its kernel by a fork, or warns and starts it as usual where that is not possible."""

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        if self.provisioner is None:
            self.provisioner = _ForkProvisioner(kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**options)

    pre_start_kernel: Any = _async_pre_start_kernel


class _ForkProvisioner(LocalProvisioner):
    """What jupyter_client asks to start, watch, signal and end a kernel."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        reason = why_not_to_fork()
        if reason is None and not _is_ours(cmd):
            reason = f"{self.kernel_spec.display_name} is not the kernel of the Python that runs papermill"
        if reason:
            return await self._launch_as_usual(reason, cmd, options)
        arguments = cmd[cmd.index(_LAUNCHER) + 1 :]
        folder = str(options.get("cwd") or Path.cwd())
        try:
            kernel = ForkedKernel(arguments, folder, options["env"])
        except NotForkedError as error:
            return await self._launch_as_usual(str(error), cmd, options)
        self.process: Any = kernel
        self.pid, self.cwd = kernel.pid, folder
        return self.connection_info

    async def _launch_as_usual(self, reason: str, cmd: list[str], options: dict[str, Any]) -> Any:
        warnings.warn(f"The kernel is started without a fork: {reason}.", stacklevel=2)
        return await super().launch_kernel(cmd, **options)


class NotForkedError(Exception):
    """The process to fork from did not fork a kernel; the message says why."""


def _is_ours(command: list[str]) -> bool:
    """Return whether a command starts the kernel that is forked: that of this Python, without options."""
    before = command[: command.index(_LAUNCHER)] if _LAUNCHER in command else []
    return [part for part in before if part != "-Xfrozen_modules=off"] == [sys.executable, "-m"]


class ForkedKernel:
    """A forked kernel, with what jupyter_client uses of subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], folder: str, environment: Mapping[str, str]) -> None:
        own = {name: value for name, value in environment.items() if name != ADDRESS}
        request = {"arguments": arguments, "cwd": folder, "environment": own}
        try:
            self._connection = _connect(environment)
            self._connection.settimeout(_ANSWER_SECONDS)
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            pid = self._number()
        except OSError as error:
            raise NotForkedError(f"the process to fork from does not answer ({error})") from None
        if not pid:
            raise NotForkedError(self._refusal() or "no process could be forked; often memory ran out")
        self.pid: int = pid
        self._connection.settimeout(None)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the kernel runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            return self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        if self.returncode is None:
            code = self._number()
            # Where the process that forked it is gone, so is the kernel.
            self.returncode = -signal.SIGKILL if code is None else code
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and what it started; nothing happens after its end."""
        if self.returncode is None:
            with contextlib.suppress(BrokenPipeError):
                self._connection.sendall(bytes([number]))

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def _refusal(self) -> str:
        with self._connection as connection, connection.makefile(encoding="utf-8") as said:
            return said.read()

    def _number(self) -> int | None:
        try:
            received = self._connection.recv(4, socket.MSG_WAITALL)
        except ConnectionError:
            return None
        return int.from_bytes(received, "big", signed=True) if received else None


class Zygote:
    """The process to fork from, for kernels with the environment that it is started in."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.settings = _settings(environment)
        self._folder, self._folder_lock = socket_folder()
        self.address = str(self._folder / "zygote")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen(128)
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-m", "crmlab.report.zygote", str(listener.fileno()), str(self._folder)],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                env=self.settings,
                cwd="/",  # where no file of a study is taken for a module
                start_new_session=True,  # the Ctrl-C of a terminal is for this process alone
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Return whether it is alive and would give a kernel the same start as in ``environment``."""
        return self._process.poll() is None and self.settings == _settings(environment)

    def close(self) -> None:
        """End it, and the kernels that it forked; their times then count among this process's children."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder_lock is not None:
            os.close(self._folder_lock)


_own: Zygote | None = None
"""That of this process; kept from one notebook to the next."""


@contextmanager
def serving() -> Iterator[None]:
    """Keep one process to fork from for this process and the workers that it starts within.

    Does nothing where kernels are not forked, or where a process that started this one keeps one for it.
    """
    if ADDRESS in os.environ or why_not_to_fork():
        yield
        return
    os.environ[ADDRESS] = _zygote(os.environ).address
    try:
        yield
    finally:
        del os.environ[ADDRESS]
        close()


def close() -> None:
    """End the process to fork from, if there is one; the next forked kernel starts another."""
    global _own
    if _own is not None:
        zygote, _own = _own, None
        zygote.close()


def _connect(environment: Mapping[str, str]) -> socket.socket:
    shared = os.environ.get(ADDRESS)
    if shared:
        with contextlib.suppress(OSError):  # it was ended from outside: this process starts its own
            return _connected(shared)
    return _connected(_zygote(environment).address)


def _connected(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _zygote(environment: Mapping[str, str]) -> Zygote:
    global _own
    if _own is not None and not _own.serves(environment):
        close()
    if _own is None:
        _own = Zygote(environment)
        atexit.unregister(close)
        atexit.register(close)
    return _own


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that it was started with; libraries set others, with an underscore, on import."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _PER_KERNEL and not name.startswith("_")
    }
