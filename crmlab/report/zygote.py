"""The process from which kernels are forked: it imports once what notebooks need, and runs none itself.

A fork copies the whole process in a few milliseconds, so a kernel begins with everything imported and
with nothing that another notebook left. A fork copies no thread but its own, so this process stays
single-threaded: it only imports, reads our own files, and waits. (polars starts its pool of threads at
the first query, which is after the fork. The allocator's threads and OpenBLAS's prepare for forks
themselves.) Where an import started a thread that would be missed, nothing is forked.

Each kernel has a connection to the Unix socket on which this process listens. A client sends one line
of JSON, ``{"arguments": […], "cwd": …, "environment": {…}}``, gets the kernel's pid, sends signals
for it as single bytes, and gets its exit code at the end; numbers are 4 bytes, most significant first.
Instead of a pid it may get 0 and the reason why nothing is forked, as text to the end of the connection.
A client that goes takes its kernel along. Everything ends once standard input does, whose other end
the process holds that started this one; Linux ends the kernels where this process is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

PRELOADED = (
    "ipykernel_launcher",
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "sqlite3",
    "altair",
    "narwhals._interchange.dataframe",
    "crmlab.lab",
    "crmlab.saving",
    "crmlab.report.limits",
    "crmlab.report.messages",
    "crmlab.view.theme",
    "crmlab.data.quality.gate",
    "crmlab.data.quality.scorecard",
    "crmlab_plugins.engines.polars",
    "crmlab_plugins.sources.files",
    "narwhals._polars.group_by",
    "narwhals._polars.namespace",
    "polars.io.spreadsheet._write_utils",
    "xlsxwriter.workbook",
)
"""What the kernel imports, and what the cells of every report of ours do."""
PACKAGES = (
    "crmlab.movement",
    "crmlab.profiles",
    "crmlab.scheme_views",
    "crmlab.segments",
    "crmlab.view",
    "crmlab_plugins.features",
    "crmlab_plugins.lifetime",
    "crmlab_plugins.rules",
    "crmlab_plugins.schemes",
)
"""What many do, with all modules: a hundred small ones, which import nothing heavy themselves."""
PRELOAD = "CRMLAB_PRELOAD"
"""Names of more modules to import, such as ``sklearn.cluster``, separated by commas."""

_HARMLESS = ("jemalloc", "polars-ooc-clea")
"""How the names begin of native threads that a fork may lose: those of an allocator, which prepare for it,
and the one that removes what polars spilled to disk, whose work is done here for kernels that have ended."""
_SPILLED = "POLARS_OOC_SPILL_DIR"
_PARENT_DEATH_SIGNAL = 1
_NO_ADVICE = "PYDEVD_DISABLE_FILE_VALIDATION"
"""Keeps the debugger, which ipykernel imports, from advice on how to start Python."""
_PATIENCE = 10
"""Seconds in which a client must have sent its request."""


class Zygote:
    """Forks a kernel per connection to ``listener``, until ``lifeline`` has an end."""

    def __init__(self, listener: socket.socket, lifeline: int, given: dict[str, str]) -> None:
        self._listener = listener
        self._lifeline = lifeline
        self._given = given
        self._refusal = why_not_to_fork_now()
        self._kernels: dict[socket.socket, int] = {}
        self._selector = selectors.DefaultSelector()
        self._ended, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Serve until the process that started this one ends or says so; no kernel is left then."""
        for end in (self._ended, self._waker, self._listener):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for waited in (self._listener, self._lifeline, self._ended):
            self._selector.register(waited, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                source: Any = key.fileobj
                if source == self._lifeline:
                    return self._end_all()
                if source is self._ended:
                    self._bury()
                elif source is self._listener:
                    self._accept()
                elif source in self._kernels:
                    self._pass_on(source)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
            client.settimeout(_PATIENCE)
            request = json.loads(_line(client))
        except (OSError, ValueError):  # a client that went before it had asked
            return
        if self._refusal:
            with client, contextlib.suppress(OSError):
                client.sendall(bytes(4) + self._refusal.encode())
            return
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of the allocator's threads, which prepare for forks themselves.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
        except OSError:  # no memory or no process left: the end of the connection tells the client
            client.close()
            return
        if pid == 0:
            self._become(client, request)
        with contextlib.suppress(OSError):  # both set it, so that it is set for both
            os.setpgid(pid, pid)
        client.setblocking(False)
        self._kernels[client] = pid
        self._selector.register(client, selectors.EVENT_READ)
        self._tell(client, pid)

    def _become(self, client: socket.socket, request: dict[str, Any]) -> NoReturn:
        """Turn this process, which has just been forked, into the kernel."""
        code = 1
        try:
            parent = self._forget(client)
            _die_with(parent)
            _begin(request, self._given)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # nothing may reach the loop of the zygote
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(code)

    def _forget(self, client: socket.socket) -> int:
        """Let go of what belongs to the zygote; return its process id."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        self._selector.close()
        for end in (client, *self._kernels, self._listener, self._ended, self._waker):
            end.close()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, self._lifeline)  # which is standard input, and may not keep the zygote alive
        os.close(nothing)
        return os.getppid()

    def _pass_on(self, client: socket.socket) -> None:
        try:
            signals = client.recv(64)
        except OSError:
            signals = b""
        for number in signals or [signal.SIGKILL]:
            _signal(self._kernels[client], number)
        if not signals:
            self._selector.unregister(client)

    def _bury(self) -> None:
        """Tell the clients of kernels that have ended how, once what those started has ended as well."""
        with contextlib.suppress(BlockingIOError):
            while self._ended.recv(4096):
                pass
        for client, pid in list(self._kernels.items()):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _signal(pid, signal.SIGKILL)  # before its number can be another's
            _, status = os.waitpid(pid, 0)
            _remove_spilled(pid, self._given)
            self._tell(client, os.waitstatus_to_exitcode(status))
            with contextlib.suppress(KeyError):
                self._selector.unregister(client)
            client.close()
            del self._kernels[client]

    def _end_all(self) -> None:
        for pid in self._kernels.values():
            _signal(pid, signal.SIGKILL)
        for pid in self._kernels.values():
            os.waitpid(pid, 0)

    @staticmethod
    def _tell(client: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            client.sendall(number.to_bytes(4, "big", signed=True))


def why_not_to_fork_now() -> str | None:
    """Return which threads of this process a fork would lose to somebody's harm, or None."""
    found = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    main = Path("/proc/self/comm").read_text(encoding="utf-8")  # OpenBLAS's threads are called so as well
    for thread in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it has ended
            name = thread.read_text(encoding="utf-8")
            if name != main and not name.startswith(_HARMLESS):
                found.append(name.strip())
    if not found:
        return None
    return f"what it imported, {PRELOAD} included, started threads: {', '.join(sorted(set(found)))}"


def _remove_spilled(pid: int, environment: Mapping[str, str]) -> None:
    """Remove what polars spilled to disk in a kernel that has ended."""
    own = environment.get(_SPILLED)
    for folder in [Path(own)] if own else Path("/var/tmp").glob("polars-*/spill"):  # noqa: S108
        shutil.rmtree(folder / str(pid), ignore_errors=True)


def _import(*names: str) -> None:
    for name in names:
        with contextlib.suppress(Exception):  # a notebook that needs it will say so
            importlib.import_module(name.strip())


def _read_own() -> None:
    """Read what every report of ours would: the list of plugins, our own ones, texts, presets of files."""
    with contextlib.suppress(Exception):  # the notebook will meet it, too
        from crmlab import registry
        from crmlab.data.presets import presets
        from crmlab.view.texts import texts

        presets()
        texts()
        for kind in registry.REGISTRIES:
            kind.info()  # imports none
        for plugin in registry.features.info():
            if plugin.distribution == "crmlab":  # others may start threads
                registry.features[plugin.name].from_params({})
        registry.classifiers["rfm"].from_params({})


def _line(client: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n"):
        more = client.recv(1 << 16)
        if not more:
            raise ValueError("the request has no end")
        received += more
    return received


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _die_with(parent: int) -> None:
    """Have Linux kill this process where ``parent`` ends, however it ends (prctl(2))."""
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _begin(request: dict[str, Any], given: dict[str, str]) -> None:
    """Run the kernel as ``python -m ipykernel_launcher`` would in the folder and environment asked for.

    What imports set in the environment stays set.
    """
    set_by_imports = {name: value for name, value in os.environ.items() if given.get(name) != value}
    os.environ.clear()
    os.environ.update(request["environment"] | set_by_imports)
    time.tzset()
    os.chdir(request["cwd"])
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # Python's own generator does so by itself
    gc.enable()
    import ipykernel_launcher  # type: ignore[import-untyped]
    from ipykernel.kernelapp import launch_new_instance

    sys.argv = [ipykernel_launcher.__file__, *request["arguments"]]
    sys.orig_argv = [sys.executable, "-m", ipykernel_launcher.__name__, *request["arguments"]]
    launch_new_instance()


def main() -> None:
    """Import, then serve. Arguments: the number of the listening socket and the folder it lies in."""
    given = dict(os.environ)
    # As ipykernel_launcher does: the folder it starts in is no place for modules.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    listener = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # which ipykernel reads when it is imported
    from crmlab.report.notebooks import quick_imports

    quick_imports()
    os.environ[_NO_ADVICE] = "1"
    _import(*PRELOADED, *filter(None, given.get(PRELOAD, "").split(",")))
    for package in PACKAGES:
        _import(package)
        path = getattr(sys.modules.get(package), "__path__", [])
        _import(*(module.name for module in pkgutil.walk_packages(path, f"{package}.")))
    _read_own()
    del os.environ[_NO_ADVICE]
    gc.freeze()  # the collector would touch, and so copy, every page
    try:
        Zygote(listener, sys.stdin.fileno(), given).serve()
    finally:
        shutil.rmtree(sys.argv[2], ignore_errors=True)
        os._exit(0)  # nothing is left to do, and taking a thousand modules apart costs a fifth of a second


if __name__ == "__main__":
    main()
