"""What a study may set about storages: where they answer, and credentials, by reference alone.

Whoever reads the study, a manifest or an error learns no secret. What is left out comes from the provider's
own environment variables and files, such as ``AWS_ACCESS_KEY_ID`` and ``~/.aws``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
)

from crmlab.storage.addresses import SCHEMES, address_problem, is_address
from crmlab.validation import Where, problems_of

_HIDDEN = "(not shown)"
_REFERENCE = r"^env:[A-Za-z_][A-Za-z0-9_]*$"


def _hidden_unless_reference(value: object) -> object:
    return value if isinstance(value, str) and re.match(_REFERENCE, value) else _HIDDEN


def _hidden_with_credentials(value: object) -> object:
    return _HIDDEN if isinstance(value, str) and re.search(r"[@?]", value) else value


def _hidden_unless_mapping(value: object) -> object:
    return value if value is None or isinstance(value, Mapping | BaseModel) else _HIDDEN


def _reference(value: str) -> str:
    if value == _HIDDEN:
        raise ValueError("write env:NAME, the name of an environment variable that holds it")
    return value


def _hidden_unless_address(value: object) -> object:
    return _HIDDEN if isinstance(value, str) and address_problem(value) else value


def _address(value: str) -> str:
    if wrong := address_problem(value):
        raise ValueError(wrong)
    return value


Secret = Annotated[str, AfterValidator(_reference), BeforeValidator(_hidden_unless_reference)]
"""The name of an environment variable; anything else is refused and not shown."""
Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/@?]+(/[^\s@?]*)?$"),
    BeforeValidator(_hidden_with_credentials),
]
PublishAddress = Annotated[str, AfterValidator(_address), BeforeValidator(_hidden_unless_address)]


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class S3Params(_Params):
    """Amazon S3, and what speaks its language: MinIO, Alibaba Cloud OSS, Tencent COS, Ceph."""

    endpoint_url: Url | None = None
    """Where it answers, for a storage that is not Amazon's. 非亚马逊服务的访问地址。"""
    region: str | None = None
    """Region of the bucket. 存储桶所在地域。"""
    profile: str | None = None
    """Profile in ~/.aws to take the credentials from. ~/.aws 中的配置名。"""
    key: Secret | None = None
    """Access key id, as env:NAME. 访问密钥 ID，写作 env:变量名。"""
    secret: Secret | None = None
    """Secret access key, as env:NAME. 访问密钥，写作 env:变量名。"""
    token: Secret | None = None
    """Session token, as env:NAME. 临时令牌，写作 env:变量名。"""
    anonymous: bool = False
    """Read a public bucket without credentials. 匿名访问公开的存储桶。"""


class GcsParams(_Params):
    """Google Cloud Storage."""

    endpoint_url: Url | None = None
    """Where it answers, if not at Google. 自定义访问地址。"""
    project: str | None = None
    """Project that is billed. 项目名。"""
    credentials: Secret | None = None
    """Path of the key file of a service account, as env:NAME. 服务账号密钥文件路径，写作 env:变量名。"""
    anonymous: bool = False
    """Read a public bucket without credentials. 匿名访问公开的存储桶。"""


class AzureParams(_Params):
    """Azure Blob Storage and Data Lake."""

    account_name: str | None = None
    """Name of the storage account. 存储账户名。"""
    account_key: Secret | None = None
    """Key of the account, as env:NAME. 账户密钥，写作 env:变量名。"""
    sas_token: Secret | None = None
    """Shared access signature, as env:NAME. 共享访问签名，写作 env:变量名。"""
    connection_string: Secret | None = None
    """Connection string, as env:NAME. 连接字符串，写作 env:变量名。"""
    tenant_id: str | None = None
    """Tenant of an application. 应用所属租户。"""
    client_id: str | None = None
    """Id of an application. 应用 ID。"""
    client_secret: Secret | None = None
    """Secret of an application, as env:NAME. 应用密钥，写作 env:变量名。"""
    anonymous: bool = False
    """Read a public container without credentials. 匿名访问公开的容器。"""


class WebdavParams(_Params):
    """A WebDAV server: Nextcloud, ownCloud, a NAS."""

    user: Secret | None = None
    """Name to log in with, as env:NAME. 登录名，写作 env:变量名。"""
    password: Secret | None = None
    """Password, as env:NAME. 密码，写作 env:变量名。"""


class StorageParams(_Params):
    """How each storage is reached; what is left out comes from the provider's own environment variables."""

    s3: Annotated[S3Params | None, BeforeValidator(_hidden_unless_mapping)] = None
    """Addresses s3://… S3 及兼容服务。"""
    gs: Annotated[GcsParams | None, BeforeValidator(_hidden_unless_mapping)] = None
    """Addresses gs://… 谷歌云存储。"""
    az: Annotated[AzureParams | None, BeforeValidator(_hidden_unless_mapping)] = None
    """Addresses az://… and abfs://… Azure 存储。"""
    webdav: Annotated[WebdavParams | None, BeforeValidator(_hidden_unless_mapping)] = None
    """Addresses webdav://… and webdavs://… WebDAV 服务器。"""

    def options(self, storage: str) -> dict[str, Any]:
        """Return what is set about one storage, references as they are."""
        own = getattr(self, storage)
        return own.model_dump(exclude_none=True) if own else {}


Storage = Annotated[StorageParams, BeforeValidator(_hidden_unless_mapping)]


def storage_problems(given: object, where: Where) -> list[tuple[Where, str]]:
    """Return what is wrong with what a source is given as its ``storage``, quoting no secret."""
    if given is None:
        return []
    try:
        StorageParams.model_validate(_hidden_unless_mapping(given))
    except ValidationError as error:
        path = ".".join(map(str, where))
        found = problems_of(error, lambda inner: storage_names(inner[:-1]))
        return [((*where, *inner), f"{path}.{line}") for inner, line in found]
    return []


def storage_names(where: Where) -> tuple[str, ...]:
    """Return what may stand below a part of the settings; the whole is ``()``."""
    kinds: dict[Where, type[BaseModel]] = {
        ("s3",): S3Params,
        ("gs",): GcsParams,
        ("az",): AzureParams,
        ("webdav",): WebdavParams,
    }
    return tuple(kinds.get(where, StorageParams).model_fields)


def with_storage(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give every source of files elsewhere what the study sets about the storages that it reads from.

    The notebooks are given the sources, and not the settings of the run.
    """
    storage, data = values.get("storage"), values.get("data")
    if not isinstance(storage, Mapping) or not isinstance(data, list) or storage_problems(storage, ()):
        return values
    return {**values, "data": [_with_options(spec, storage) for spec in data]}


def _with_options(spec: object, storage: Mapping[str, Any]) -> object:
    files = spec.get("files") if isinstance(spec, Mapping) else None
    if not isinstance(spec, Mapping) or not isinstance(files, Mapping) or "storage" in spec:
        return spec
    paths = [str(file.get("path", "")) for file in files.values() if isinstance(file, Mapping)]
    used = {SCHEMES[path.split("://")[0].lower()] for path in paths if is_address(path)}
    mine = {name: _given(storage[name]) for name in sorted(used) if storage.get(name)}
    return {**spec, "storage": mine} if mine else spec


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not set, as in a study that was checked before."""
    return {name: value for name, value in options.items() if value not in (None, False)}
