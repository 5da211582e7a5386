"""Database servers of Debian's packages, started on loopback for the tests and stopped after them.

Servers refuse to run as root; a test that runs as root runs them as the user of their package. Their data
lies in a folder of its own right below the system's temporary folder, which that user can reach.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PASSWORD = "canary:Pa55/w@rd 口令"
"""The password of every server here; it needs escaping in a URI, and must turn up nowhere else."""
_USER = "analyst"
_STARTUP_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server: the URI of a user who may do everything, and the program that executes SQL."""

    uri: str
    client: tuple[str, ...]
    environment: dict[str, str]

    def execute(self, sql: str) -> None:
        """Execute statements as the server's owner."""
        subprocess.run(
            self.client, input=sql, text=True, check=True, capture_output=True, env=self.environment
        )


@contextlib.contextmanager
def postgresql() -> Iterator[Server]:
    """Run a PostgreSQL server that asks for passwords by SCRAM; skip where it is not installed."""
    programs = _folder_of("initdb", sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    with _home("postgres") as (home, run_as):
        (home / "password").write_text(PASSWORD, encoding="utf-8")
        shutil.chown(home / "password", run_as.get("user"))
        port, data = _free_port(), home / "data"
        initdb = [programs / "initdb", "--pgdata", data, "--username", _USER, "--pwfile", home / "password"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*initdb, *options], check=True, capture_output=True, **run_as)
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        server = [programs / "postgres", "-D", data, *(f"--{setting}" for setting in settings)]
        client = ["psql", "-v", "ON_ERROR_STOP=1", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", _USER]
        uri = f"postgresql://{_USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
        client = [str(programs / client[0]), *client[1:], "postgres"]
        started = Server(uri, tuple(client), {**os.environ, "PGPASSWORD": PASSWORD})
        with _running(server, home / "log", run_as, started):
            yield started


@contextlib.contextmanager
def mariadb() -> Iterator[Server]:
    """Run a MariaDB server, which speaks MySQL's protocol; skip where it is not installed."""
    programs = _folder_of("mariadbd", [Path("/usr/sbin"), Path("/usr/bin")])
    with _home("mysql") as (home, run_as):
        port, data, at = _free_port(), home / "data", home / "socket"
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        owner = f"--auth-root-socket-user={run_as.get('user') or pwd.getpwuid(os.getuid()).pw_name}"
        subprocess.run([*install, owner], check=True, capture_output=True, **run_as)
        server = [programs / "mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={at}"]
        settings = [f"--port={port}", "--bind-address=127.0.0.1", "--default-time-zone=+08:00"]
        client = ["mariadb", "--no-defaults", f"--socket={at}", "--default-character-set=utf8mb4"]
        uri = f"mysql://{_USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/shop"
        started = Server(uri, tuple(client), dict(os.environ))
        with _running([*server, *settings], home / "log", run_as, started):
            started.execute("CREATE DATABASE shop CHARACTER SET utf8mb4;")
            started.execute(f"CREATE USER {_USER} IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO {_USER};")
            yield started


def _folder_of(program: str, folders: list[Path]) -> Path:
    """Return the folder that holds a server's programs, or skip the test."""
    found = shutil.which(program)
    folders = [*folders, *([Path(found).parent] if found else [])]
    for folder in folders:
        if (folder / program).exists():
            return folder
    pytest.skip(f"{program} is not installed; install the server's package to run these tests")


@contextlib.contextmanager
def _home(package_user: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield a folder for a server, and as whom to start it: the package's user where we are root."""
    run_as = {"user": package_user, "group": package_user, "extra_groups": []} if os.getuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="crmlab-server-"))
    try:
        if run_as:
            shutil.chown(home, package_user, package_user)
        yield home, {**run_as, "cwd": home}
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _running(command: list[Any], log: Path, run_as: dict[str, Any], server: Server) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **run_as)
        try:
            _wait_for(process, log, server)
            yield
        finally:
            process.send_signal(signal.SIGQUIT)  # at once, whoever is still connected
            process.wait(timeout=_STARTUP_SECONDS)


def _wait_for(process: subprocess.Popen[bytes], log: Path, server: Server) -> None:
    """Wait until the server answers a statement."""
    until = time.monotonic() + _STARTUP_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(subprocess.CalledProcessError):
            return server.execute("select 1;")
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
