"""What a study may set about storages: references alone, and no error quotes a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.params import Study, prepare
from crmlab.storage.addresses import address_problem, parse

STUDY: dict[str, Any] = {
    "as_of": "2024-06-30",
    "data": [{"source": "files", "files": {"orders": {"path": "s3://shop/orders-*.csv"}}}],
}


def _prepared(**changes: Any) -> Study:
    return prepare({**STUDY, **changes}, Path())[0]


def test_sources_are_given_what_the_study_sets_of_their_storages() -> None:
    storage = {"s3": {"key": "env:SHOP_KEY"}, "webdav": {"user": "env:U", "password": "env:P"}}
    study = _prepared(storage=storage, publish="webdavs://files.example.com/reports")
    assert study.data[0].params["storage"] == {"s3": {"key": "env:SHOP_KEY"}}
    assert study.storage.options("webdav") == {"user": "env:U", "password": "env:P"}
    assert _prepared(publish="s3://shop/r").data == Study.model_validate(STUDY).data


def test_a_report_with_data_of_its_own_is_given_it_too() -> None:
    other = [{"source": "files", "files": {"orders": {"path": "webdavs://files.example.com/orders"}}}]
    storage = {"webdav": {"user": "env:U", "password": "env:P"}}
    study = _prepared(storage=storage, reports={"sales": {"data": other}})
    assert study.for_report("sales").data[0].params["storage"] == storage


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"storage": {"s3": {"key": "CANARY"}}}, "storage.s3.key: write env:NAME"),
        ({"storage": {"s3": "CANARY"}}, "storage.s3"),
        ({"storage": "CANARY"}, "storage"),
        ({"storage": {"s3": {"endpoint_url": "http://u:CANARY@host"}}}, "storage.s3.endpoint_url"),
        ({"storage": {"az": {"sas_token": "?sig=CANARY"}}}, "storage.az.sas_token: write env:NAME"),
        ({"storage": {"s3": {"sekret": "CANARY"}}}, "Did you mean 'secret'"),
        ({"storage": {"s4": {}}}, "Did you mean 's3'"),
        ({"publish": "webdavs://u:CANARY@host/reports"}, "publish: it is no address"),
        ({"publish": "az://reports/x?sv=1&sig=CANARY"}, "publish: it is no address"),
        ({"publish": "/srv/reports"}, "publish: it is no address"),
        (
            {"data": [{"source": "files", "storage": {"s3": {"key": "CANARY"}}, "files": {}}]},
            "data.0.storage.s3.key: write env:NAME",
        ),
        (
            {"data": [{"source": "files", "files": {"orders": {"path": "webdav://u:CANARY@host/x"}}}]},
            "orders.path: it is no address",
        ),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match="not valid") as caught:
        _prepared(**changes)
    assert message in str(caught.value)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "storage", "inside"),
    [
        ("s3://shop/a/b-?.csv", "s3", "shop/a/b-?.csv"),
        ("S3://shop", "s3", "shop"),
        ("gcs://shop/a/", "gs", "shop/a"),
        ("abfs://box/订单/*.csv", "az", "box/订单/*.csv"),
        ("webdavs://files.example.com:8443/dav/a b.csv", "webdav", "dav/a b.csv"),
    ],
)
def test_addresses(given: str, storage: str, inside: str) -> None:
    assert (parse(given).storage, parse(given).inside) == (storage, inside)


@pytest.mark.parametrize(
    "given", ["s3://", "s3:///x", "s3://shop/../x", "s3://shop/a\nb", "ftp://x/y", "a/b"]
)
def test_no_addresses(given: str) -> None:
    assert address_problem(given)
