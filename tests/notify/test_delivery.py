"""Messages arrive at servers on this computer, again after a pause where that helps, and never for ever."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crmlab.notify.delivery import deliver
from crmlab.notify.message import Message
from crmlab.notify.settings import WebhookParams

MESSAGE = Message("Shop: done", ("As of 2024-07-03",))
OK = {"wecom": '{"errcode": 0}', "dingtalk": '{"errcode": 0}', "feishu": '{"code": 0}', "slack": "ok"}
KEY = "0123456789-SECRET"


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    """Return a function that sends the message to a robot at an address."""

    def send(url: str, kind: str = "wecom", timeout: float = 5.0, **more: Any) -> str | None:
        monkeypatch.setenv("CRMLAB_TEST_URL", url)
        channel = WebhookParams(kind=kind, url="env:CRMLAB_TEST_URL", **more)
        return deliver(channel, MESSAGE, "en", pauses=(0, 0), timeout=timeout)

    return send


@pytest.mark.parametrize("kind", list(OK))
def test_it_arrives(kind: str, serve: Callable[..., Any], send: Callable[..., str | None]) -> None:
    robot = serve([(200, OK[kind])])
    assert send(f"{robot.url}/hook?key={KEY}", kind) is None
    ((path, content),) = robot.received
    assert path == f"/hook?key={KEY}"
    assert "Shop: done" in json.dumps(json.loads(content))


def test_it_is_signed(
    serve: Callable[..., Any], send: Callable[..., str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMLAB_TEST_SIGN", "signing-SECRET")
    robot = serve([(200, '{"errcode": 0, "code": 0}')])
    for kind in ("dingtalk", "feishu"):
        assert send(f"{robot.url}/hook?token={KEY}", kind, secret="env:CRMLAB_TEST_SIGN") is None
    (dingtalk, _), (feishu, content) = robot.received
    assert {"token", "timestamp", "sign"} == parse_qs(urlsplit(dingtalk).query).keys()
    assert feishu == f"/hook?token={KEY}"
    assert {"timestamp", "sign"} < json.loads(content).keys()
    assert "SECRET" not in content.decode()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(
    status: int, serve: Callable[..., Any], send: Callable[..., str | None]
) -> None:
    robot = serve([(status, "busy"), (status, "busy"), (200, OK["wecom"])])
    assert send(robot.url) is None
    assert len(robot.received) == 3
    busy = serve([(status, "busy")])
    assert str(send(busy.url)).startswith(f"the server answered {status}")
    assert len(busy.received) == 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((404, "x"), "the server answered 404"),
        ((302, "http://127.0.0.1:9/elsewhere"), "the server answered 302"),
        (
            (200, '{"errcode": 93000, "errmsg": "invalid url key 0123456789-SECRET"}'),
            "the robot refused it: 93000",
        ),
        ((200, "x" * 100_000), "an answer that is no JSON object"),
    ],
)
def test_a_server_that_says_no_is_not_asked_again(
    answer: tuple[int, str], why: str, serve: Callable[..., Any], send: Callable[..., str | None]
) -> None:
    robot = serve([answer])
    told = send(f"{robot.url}/hook?key={KEY}")
    assert told is not None
    assert why in told
    assert "SECRET" not in told
    assert len(told) <= 200
    assert len(robot.received) == 1


def test_a_server_that_is_silent_or_not_there_ends(send: Callable[..., str | None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = send(f"http://127.0.0.1:{port}/{KEY}", timeout=0.05)
    assert "timed out" in str(told)
    assert "SECRET" not in str(told)
    assert "refused" in str(send(f"http://127.0.0.1:{port}/{KEY}", timeout=5)).lower()


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "robot.example/SECRET", "https://", "https://[SECRET"]
)
def test_what_is_no_address_is_told_without_it(url: str, send: Callable[..., str | None]) -> None:
    told = send(url)
    assert told
    assert "SECRET" not in told


def test_a_variable_that_is_not_set_is_named() -> None:
    channel = WebhookParams(kind="slack", url="env:CRMLAB_TEST_NOWHERE")
    assert "'CRMLAB_TEST_NOWHERE' is not set" in str(deliver(channel, MESSAGE, "en"))
