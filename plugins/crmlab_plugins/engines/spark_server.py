"""The way to a Spark Connect server: what an address may look like, and a session there within seconds."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crmlab.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

PORT = 15002
_SECONDS = 10
_SECONDS_AGAIN = 3
_PLAIN = ("use_ssl", "user_id", "user_agent", "session_id")
"""What an address may say openly; everything else in it is, or may be, a secret."""


def problem_of(remote: str) -> str | None:
    """Say what is wrong with an address, without a word of it."""
    address, *settings = remote.split(";")
    try:
        parts = urlsplit(address)
        fine = parts.scheme == "env" or (parts.scheme == "sc" and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        fine = False
    if not fine or (parts.scheme == "sc" and parts.path not in (("/",) if settings else ("", "/"))):
        return (
            "it must be the address of a Spark Connect server, such as sc://spark.example.com:15002, with "
            "settings behind a slash, such as sc://spark.example.com:15002/;use_ssl=true."
        )
    # The client would repeat such a setting in its error, or lose the half of it.
    if any(setting.count("=") != 1 or set(setting) & set("/?#") for setting in settings):
        return "each setting behind the first ; must be name=value; write = / ? # in it as %3D %2F %3F %23."
    names = [setting.split("=")[0] for setting in settings]
    secret = parts.username or parts.password or any(name not in _PLAIN for name in names)
    # A reference has been replaced by the variable's value when the engine is opened.
    if secret and remote not in os.environ.values():
        return (
            "the address has a token in plain text, which every report would repeat. Put the whole address "
            "into an environment variable, for example SPARK_REMOTE, and write `remote: env:SPARK_REMOTE`."
        )
    return None


@cache
def connected(remote: str) -> SparkSession:
    """Return the session at an address, the same one for a whole process.

    Raises MissingExtraError without the client, DataError where no Spark Connect server answers there.
    """
    try:
        import grpc  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise MissingExtraError(
            "The engine 'spark' needs the Spark Connect client, which is not installed. "
            "Install it with: pip install 'crmlab[spark]'."
        ) from error
    parts = urlsplit(remote.split(";")[0])
    where = f"{parts.hostname}:{parts.port or PORT}"
    # The client itself would try again for ten minutes.
    if not _answers(DefaultChannelBuilder(remote).toChannel()):
        raise DataError(
            f"No Spark Connect server answers at {where}. Start it (docs/scale.md says how), correct "
            "`engines: {spark: {remote: …}}` of the study (a server with TLS needs `;use_ssl=true`, one "
            "without takes no token), or compute here with `engine: polars`."
        )
    # Not getOrCreate: where a process has a session already, that returns it whatever the address.
    session: SparkSession = SparkSession.builder.remote(remote).create()
    patience = session.client.get_retry_policies()
    session.client.set_retry_policies([])
    try:
        session.conf.set("spark.sql.session.timeZone", "UTC")  # the first request
    except (PySparkException, grpc.RpcError) as error:
        # Its own words stay out: they may repeat what was sent.
        raise DataError(
            f"The server at {where} refuses to work ({type(error).__name__}). Check the token, that it is a "
            "Spark Connect server, and that its cluster has started; or compute here with `engine: polars`."
        ) from None
    finally:
        session.client.set_retry_policies(patience)
    return session


def _answers(channel: Any) -> bool:
    """Say whether a server speaks HTTP/2 behind a channel, which is closed; wait ten seconds at most."""
    import grpc

    states: SimpleQueue[Any] = SimpleQueue()
    channel.subscribe(states.put, try_to_connect=True)
    end = monotonic() + _SECONDS
    state = None
    with suppress(Empty):
        while state is not grpc.ChannelConnectivity.READY:
            state = states.get(timeout=max(0, end - monotonic()))
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:  # it may be about to start
                end = min(end, monotonic() + _SECONDS_AGAIN)
    channel.close()
    return state is grpc.ChannelConnectivity.READY
