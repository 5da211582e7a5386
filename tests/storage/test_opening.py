"""File systems are made, and what is missing for one is said; no server of Google or Azure is at hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.storage.addresses import parse
from crmlab.storage.opening import filesystem, sentence

CANARY = "Q0FOQVJZ"
CONNECTION = (
    f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={CANARY};BlobEndpoint=http://127.0.0.1:9/a;"
)


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("gs://shop/x", {"anonymous": True, "endpoint_url": "http://127.0.0.1:9", "project": "p"}),
        ("az://box/x", {"connection_string": CONNECTION}),
        ("abfs://box/x", {"account_name": "a", "account_key": CANARY}),
        ("az://box/x", {"account_name": "a", "anonymous": True}),
    ],
)
def test_options_of_google_and_azure_are_taken(address: str, options: dict[str, Any]) -> None:
    assert parse(address).storage in filesystem(parse(address), options).protocol


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("gs://shop/x", {"credentials": f"/nowhere/{CANARY}.json"}),
        ("az://box/x", {}),
        ("az://box/x", {"connection_string": CANARY}),
        ("webdavs://files.example.com/x", {"user": CANARY}),
    ],
)
def test_options_that_do_not_do(
    address: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ParamsError, match=f"storage.{parse(address).storage}") as caught:
        filesystem(parse(address), options)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["{", '{"type": "authorized_user"}', '{"type": "service_account", "private_key": "Q0FOQVJZ"}']
)
def test_a_key_file_of_google_that_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(ParamsError, match=r"storage\.gs: the options") as caught:
        filesystem(parse("gs://shop/x"), {"credentials": str(tmp_path / "key.json")})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [
        ("s3://a/b", "s3fs", "s3"),
        ("gs://a/b", "gcsfs", "gcs"),
        ("az://a/b", "adlfs", "azure"),
        ("webdavs://a/b", "webdav4", "webdav"),
    ],
)
def test_a_missing_extra_is_named(address: str, package: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from crmlab.storage.opening import filesystem\n"
        "from crmlab.storage.addresses import parse\n"
        "from crmlab.errors import MissingExtraError\n"
        f"try: filesystem(parse({address!r}), {{}})\n"
        "except MissingExtraError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert f"pip install 'crmlab[{extra}]'" in said


@pytest.mark.parametrize(
    ("status", "said"), [(403, "may not be read or written"), (404, "Nothing is found"), (503, "status 503")]
)
def test_a_status_is_put_into_words(status: int, said: str) -> None:
    from azure.core.exceptions import HttpResponseError

    error = HttpResponseError(f"the server said {CANARY}")
    error.status_code = status
    told = sentence(error, "az://box/x")
    assert said in told
    assert CANARY not in told
