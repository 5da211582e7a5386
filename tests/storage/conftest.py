"""Servers of this machine that speak S3 and WebDAV."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KEY, SECRET = "AKIDCANARY0000000001", "canary/secret+0123456789abcdefghijklmnop"
USER, PASSWORD = "canary-user", "canary-p@ss/word"


@dataclass(frozen=True)
class S3Server:
    """A server with the empty bucket ``shop``; ``options`` are what a study sets, by reference."""

    url: str
    client: Any

    @property
    def options(self) -> dict[str, Any]:
        return {"s3": {"endpoint_url": self.url, "key": "env:SHOP_KEY", "secret": "env:SHOP_SECRET"}}

    def put(self, key: str, content: bytes | str) -> None:
        body = content if isinstance(content, bytes) else content.encode()
        self.client.put_object(Bucket="shop", Key=key, Body=body)

    def names(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="shop", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket="shop", Key=key)["Body"].read())


@pytest.fixture(scope="session")
def _moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(_moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An S3 server with a bucket of its own, and its credentials in the environment."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.setenv("SHOP_SECRET", SECRET)
    client = boto3.client("s3", endpoint_url=_moto, aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    client.create_bucket(Bucket="shop")
    server = S3Server(_moto, client)
    yield server
    for key in server.names():
        client.delete_object(Bucket="shop", Key=key)
    client.delete_bucket(Bucket="shop")
    client.close()


@dataclass(frozen=True)
class WebdavServer:
    """A server whose files lie in ``folder``; ``address`` is its root."""

    address: str
    folder: Path

    @property
    def options(self) -> dict[str, Any]:
        return {"webdav": {"user": "env:DAV_USER", "password": "env:DAV_PASSWORD"}}


@pytest.fixture
def webdav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebdavServer]:
    """A WebDAV server that asks for a password."""
    from cheroot.wsgi import Server
    from wsgidav.wsgidav_app import WsgiDAVApp

    monkeypatch.setenv("DAV_USER", USER)
    monkeypatch.setenv("DAV_PASSWORD", PASSWORD)
    folder = tmp_path / "dav"
    folder.mkdir()
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )
    server = Server(("127.0.0.1", 0), app)
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield WebdavServer(f"webdav://127.0.0.1:{server.bind_addr[1]}", folder)
    server.stop()
    thread.join()
