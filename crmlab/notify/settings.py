"""What a study may set about who is told how a run ended.

Addresses of webhooks, secrets and passwords are given by reference alone, as ``env:NAME``: whoever reads
the study, a manifest or an error cannot write to the channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from crmlab.labels import Language

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"[^\s@<>,;\x00-\x1f]+@[^\s@<>,;\x00-\x1f]+")
_HIDDEN = "(not shown)"
_OPEN = ("kind", "on", "language", "link", "host", "port", "security", "user")
"""What stands there is kept; anything else that is no reference and no address may be a secret."""


def _reference(value: str) -> str:
    if not _REFERENCE.fullmatch(value):
        raise ValueError("write env:NAME, the name of an environment variable that holds it")
    return value


def _address(value: str) -> str:
    if not (_ADDRESS.fullmatch(value) or _REFERENCE.fullmatch(value)):
        raise ValueError("write one e-mail address, or env:NAME")
    return value


Reference = Annotated[str, AfterValidator(_reference)]
Address = Annotated[str, AfterValidator(_address)]


class _Channel(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    on: Literal["finish", "failure"] = "finish"
    """`finish`: after every run; `failure`: where something went wrong. 每次结束都通知，或仅失败时通知。
    """
    language: Language | None = None
    """Language of the message; that of the study unless given. 消息语言，默认与研究相同。"""
    link: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Address under which people open the folder of runs. 可打开结果目录的网址。"""


class WebhookParams(_Channel):
    """A group's robot that takes messages at an address."""

    kind: Literal["wecom", "dingtalk", "feishu", "slack"]
    """企业微信 wecom, 钉钉 dingtalk, 飞书 feishu, Slack. 消息渠道。"""
    url: Reference
    """The address of the robot, as env:NAME. 机器人地址，写作 env:变量名。"""
    secret: Reference | None = None
    """The key that messages are signed with, as env:NAME; 钉钉, 飞书. 加签密钥，写作 env:变量名。"""

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.secret and self.kind not in ("dingtalk", "feishu"):
            raise ValueError(f"{self.kind} signs no messages; leave `secret` out")
        return self


class EmailParams(_Channel):
    """E-mail through an SMTP server."""

    kind: Literal["email"]
    """E-mail. 电子邮件。"""
    host: str = Field(min_length=1, pattern=r"^[^\s/@]+$")
    """Name of the SMTP server. 邮件服务器。"""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Its port: 587 with starttls, 465 with tls, 25 with none, unless given. 端口。"""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is kept private. 连接加密方式。"""
    user: str | None = None
    """Name to log in with, or env:NAME. 登录名。"""
    password: Reference | None = None
    """Password, as env:NAME. 密码，写作 env:变量名。"""
    sender: Address
    """Address that the message comes from, or env:NAME. 发件人。"""
    to: tuple[Address, ...] = Field(min_length=1)
    """Addresses that it goes to, or env:NAME. 收件人。"""

    @model_validator(mode="after")
    def _private(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` go together")
        if self.password and self.security == "none":
            raise ValueError("a password is sent with security starttls or tls alone")
        return self


ChannelParams = WebhookParams | EmailParams
_KINDS: dict[str, type[_Channel]] = {
    **dict.fromkeys(("wecom", "dingtalk", "feishu", "slack"), WebhookParams),
    "email": EmailParams,
}


def _with_secrets_hidden(value: object) -> object:
    """Take what is no reference out of the channels, so that no error quotes a secret."""
    if isinstance(value, Mapping):
        value = [value]
    return [_hidden(item) for item in value] if isinstance(value, list | tuple) else _hide(value)


def _hidden(channel: object) -> object:
    if isinstance(channel, Mapping):
        return {key: item if key in _OPEN else _hide(item) for key, item in channel.items()}
    return channel if isinstance(channel, _Channel) else _hide(channel)


def _hide(value: object) -> Any:
    if isinstance(value, list | tuple):
        return [_hide(item) for item in value]
    if isinstance(value, str) and not (_REFERENCE.fullmatch(value) or _ADDRESS.fullmatch(value)):
        return _HIDDEN
    return value


Channels = Annotated[
    tuple[Annotated[ChannelParams, Field(discriminator="kind")], ...], BeforeValidator(_with_secrets_hidden)
]
"""The channels of a study, in order; one alone may stand without a list."""


def valid_channels(given: object) -> tuple[list[ChannelParams], list[int]]:
    """Return the channels that are valid, and the places of those that are not."""
    adapter: TypeAdapter[tuple[ChannelParams, ...]] = TypeAdapter(Channels)
    found, wrong = list[ChannelParams](), list[int]()
    for place, one in enumerate(given if isinstance(given, list | tuple) else [given]):
        try:
            found += adapter.validate_python([one])
        except ValidationError:
            wrong.append(place)
    return found, wrong


def channel_fields(kind: str) -> tuple[str, ...]:
    """Return what may be set for a channel of that kind."""
    return tuple(_KINDS[kind].model_fields)
