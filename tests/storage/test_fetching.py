"""Files elsewhere are listed, told apart by version, and brought here whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmlab.environment import resolved
from crmlab.errors import DataError, ParamsError
from crmlab.storage.fetching import fetch, fingerprint
from crmlab.storage.private_folder import private_folder

from .conftest import KEY, PASSWORD, SECRET, USER, S3Server, WebdavServer


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


@pytest.fixture(params=["s3", "webdav"])
def filled(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], Any]:
    """A storage with three files: its address, its options, and what writes to it."""
    server = request.getfixturevalue(request.param)
    if isinstance(server, S3Server):
        address, write = "s3://shop", server.put
    else:
        address = server.address

        def write(name: str, content: str) -> None:
            path = server.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")

    write("orders/2024-02.csv", "b")
    write("orders/2024-01.csv", "a")
    write("orders/.hidden.csv", "h")
    write("orders/2023/2023-12.csv", "z")
    write("客户 资料/名单.csv", "客户编号\n甲\n")
    return address, resolved(server.options), write


def test_one_file_a_folder_and_patterns(filled: tuple[str, dict[str, Any], Any]) -> None:
    address, options, _ = filled
    assert _names(fetch(f"{address}/orders/2024-02.csv", options)) == ["2024-02.csv"]
    folder = fetch(f"{address}/orders", options)
    assert _names(folder) == ["2024-01.csv", "2024-02.csv"]
    assert [path.read_text() for path in folder] == ["a", "b"]
    assert _names(fetch(f"{address}/orders/2024-*.csv", options)) == ["2024-01.csv", "2024-02.csv"]
    assert _names(fetch(f"{address}/orders/**/*.csv", options)) == [
        "2023-12.csv",
        "2024-01.csv",
        "2024-02.csv",
    ]
    assert fetch(f"{address}/客户 资料/*.csv", options)[0].read_text(encoding="utf-8") == "客户编号\n甲\n"


def test_what_is_fetched_is_private_and_fetched_once(filled: tuple[str, dict[str, Any], Any]) -> None:
    address, options, write = filled
    (first,) = fetch(f"{address}/orders/2024-01.csv", options)
    assert first.is_relative_to(private_folder())
    assert private_folder().stat().st_mode & 0o077 == 0
    inode = first.stat().st_ino
    assert fetch(f"{address}/orders/2024-01.csv", options)[0].stat().st_ino == inode
    write("orders/2024-01.csv", "changed")
    assert fetch(f"{address}/orders/2024-01.csv", options)[0].read_text() == "changed"


def test_a_fingerprint_changes_with_the_files(filled: tuple[str, dict[str, Any], Any]) -> None:
    address, options, write = filled
    before = fingerprint(f"{address}/orders/*.csv", options)
    assert before == fingerprint(f"{address}/orders/*.csv", options)
    write("orders/2024-03.csv", "c")
    more = fingerprint(f"{address}/orders/*.csv", options)
    write("orders/2024-03.csv", "longer")
    assert len({before, more, fingerprint(f"{address}/orders/*.csv", options)}) == 3


def test_nothing_there(filled: tuple[str, dict[str, Any], Any]) -> None:
    address, options, _ = filled
    with pytest.raises(DataError, match="Nothing is found at"):
        fetch(f"{address}/none.csv", options)
    with pytest.raises(DataError, match="No file is found at"):
        fetch(f"{address}/orders/none-*.csv", options)


def test_a_missing_bucket(s3: S3Server) -> None:
    with pytest.raises(DataError, match="no such bucket"):
        fetch("s3://elsewhere/orders.csv", resolved(s3.options))


def test_a_large_file_arrives_whole(filled: tuple[str, dict[str, Any], Any]) -> None:
    address, options, write = filled
    text = "0123456789abcdef" * 500_000
    write("large.csv", text)
    assert fetch(f"{address}/large.csv", options)[0].read_text() == text


def test_a_wrong_password_is_said_and_not_quoted(webdav: WebdavServer) -> None:
    (webdav.folder / "a.csv").write_text("a")
    with pytest.raises(DataError, match="may not be read or written") as caught:
        fetch(f"{webdav.address}/a.csv", {"webdav": {"user": USER, "password": PASSWORD + "x"}})
    assert PASSWORD not in str(caught.value)


def test_no_credentials(s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(DataError, match="needs credentials"):
        fetch("s3://shop/orders.csv", {"s3": {"endpoint_url": s3.url}})


def test_no_server_is_said(s3: S3Server) -> None:
    options = {"s3": {"endpoint_url": "http://127.0.0.1:9", "key": KEY, "secret": SECRET}}
    with pytest.raises(DataError, match="cannot be reached") as caught:
        fetch("s3://shop/orders.csv", options)
    assert SECRET not in str(caught.value)
    with pytest.raises(DataError, match="cannot be reached"):
        fetch("webdav://127.0.0.1:9/orders.csv", {})


def test_a_password_goes_nowhere_unencrypted() -> None:
    with pytest.raises(ParamsError, match="webdavs") as caught:
        fetch("webdav://files.example.com/orders.csv", {"webdav": {"user": USER, "password": PASSWORD}})
    assert PASSWORD not in str(caught.value)


def test_a_disk_without_room(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put("orders.csv", "a")
    monkeypatch.setattr("crmlab.storage.fetching._SPARE", 1 << 60)
    with pytest.raises(DataError, match="has room for 0 MiB"):
        fetch("s3://shop/orders.csv", resolved(s3.options))
