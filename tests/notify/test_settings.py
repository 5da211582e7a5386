"""What a study may say about its channels, and that no error quotes a secret."""

from __future__ import annotations

from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.notify.settings import EmailParams, WebhookParams
from crmlab.params import RUN_FIELDS, STUDY_FIELDS, Study, check, json_schema

SECRET = "https://robot.example/send?key=0123-SECRET"
EMAIL = {"kind": "email", "host": "mail.example", "sender": "a@shop.example", "to": ["b@shop.example"]}


def study(notify: Any) -> Study:
    """Check a study with these channels."""
    data = [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]
    return check({"data": data, "as_of": "2024-06-30", "notify": notify})


def test_channels_come_as_they_are_named() -> None:
    robot, mail = study(
        [
            {"kind": "dingtalk", "url": "env:URL", "secret": "env:KEY", "on": "failure"},
            {**EMAIL, "user": "a", "password": "env:PASSWORD", "link": "https://reports.example/runs"},
        ]
    ).notify
    assert isinstance(robot, WebhookParams)
    assert (robot.url, robot.secret, robot.on, robot.language) == ("env:URL", "env:KEY", "failure", None)
    assert isinstance(mail, EmailParams)
    assert (mail.security, mail.port, mail.user, mail.on) == ("starttls", None, "a", "finish")


def test_one_channel_needs_no_list_and_settings_give_it_back() -> None:
    one = study({"kind": "slack", "url": "env:URL"})
    assert [channel.kind for channel in one.notify] == ["slack"]
    assert check(one.settings()) == one


@pytest.mark.parametrize(
    ("notify", "message"),
    [
        ([{"kind": "wecom", "url": SECRET}], "notify.0.wecom.url: write env:NAME"),
        ([{"kind": "wecom", "url": "env:"}], "notify.0.wecom.url: write env:NAME"),
        ([{"kind": "wechat", "url": SECRET}], "'wecom', 'dingtalk', 'feishu', 'slack', 'email'"),
        (
            [{"kind": "feishu", "url": "env:URL", "secret": "SECRET"}],
            "notify.0.feishu.secret: write env:NAME",
        ),
        ([{"kind": "slack", "url": "env:URL", "secret": "env:KEY"}], "slack signs no messages"),
        ([{"kind": "slack", "webhook": SECRET}], "webhook: unknown name"),
        ([{"kind": "slack", "url": "env:URL", "onn": 1}], "Did you mean 'on'"),
        ([{"kind": "slack", "url": "env:URL", "link": "reports"}], "notify.0.slack.link"),
        (SECRET, "notify: Input should be a list"),
        ([SECRET], "notify.0"),
        ([{**EMAIL, "user": "a", "password": "SECRET"}], "notify.0.email.password: write env:NAME"),
        ([{**EMAIL, "user": "a"}], "`user` and `password` go together"),
        (
            [{**EMAIL, "user": "a", "password": "env:P", "security": "none"}],
            "a password is sent with security starttls or tls alone",
        ),
        ([{**EMAIL, "to": []}], "notify.0.email.to"),
        ([{**EMAIL, "to": ["SECRET"]}], "notify.0.email.to.0: write one e-mail address"),
        ([{**EMAIL, "to": ["a@b.example, c@d.example"]}], "write one e-mail address"),
        ([{**EMAIL, "sender": "a@b.example\nBcc: c@d.example"}], "notify.0.email.sender"),
        ([{**EMAIL, "host": "https://mail.example"}], "notify.0.email.host"),
    ],
)
def test_errors_name_the_place_and_no_secret(notify: Any, message: str) -> None:
    with pytest.raises(ParamsError) as told:
        study(notify)
    assert message in str(told.value)
    assert "SECRET" not in str(told.value)
    assert "c@d.example" not in str(told.value)


def test_no_notebook_is_given_the_channels() -> None:
    assert {"notify", "due"} <= set(RUN_FIELDS)
    assert not set(RUN_FIELDS) & set(STUDY_FIELDS)


def test_editors_know_the_channels() -> None:
    schema = json_schema()
    assert {"WebhookParams", "EmailParams"} <= schema["$defs"].keys()
