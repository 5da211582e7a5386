"""The forms of each robot, their signatures, and that nothing in a line works as mark-up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.notify.message import Message
from crmlab.notify.webhooks import body, refusal, signed

LINKS = (("客户细分", "https://reports.example/a(1)/b c.html"),)
MESSAGE = Message("店铺：1 份报告已完成", ("观察日：2024-07-03", "✅ 客户细分"), LINKS)
KINDS = ("wecom", "dingtalk", "feishu", "slack")
LIMITS = {"wecom": 4096, "dingtalk": 20_000, "feishu": 20_480, "slack": 40_000}


def test_wecom() -> None:
    assert body("wecom", MESSAGE, "zh") == {
        "msgtype": "markdown",
        "markdown": {
            "content": "### ✅ 店铺：1 份报告已完成\n\n观察日：2024-07-03\n\n✅ 客户细分\n\n"
            "[客户细分](https://reports.example/a%281%29/b%20c.html)\n\ncrmlab"
        },
    }


def test_dingtalk() -> None:
    content = body("dingtalk", MESSAGE, "zh")
    assert content["msgtype"] == "markdown"
    assert content["markdown"]["title"] == "✅ 店铺：1 份报告已完成"
    assert content["markdown"]["text"] == body("wecom", MESSAGE, "zh")["markdown"]["content"]


def test_feishu() -> None:
    content = body("feishu", MESSAGE, "zh")
    assert content["msg_type"] == "post"
    post = content["content"]["post"]["zh_cn"]
    assert post["title"] == "✅ 店铺：1 份报告已完成"
    assert post["content"][1] == [{"tag": "text", "text": "✅ 客户细分"}]
    assert post["content"][2] == [{"tag": "a", "text": "客户细分", "href": LINKS[0][1]}]
    assert list(body("feishu", MESSAGE, "en")["content"]["post"]) == ["en_us"]


def test_slack() -> None:
    assert body("slack", MESSAGE, "zh") == {
        "text": "*✅ 店铺：1 份报告已完成*\n观察日：2024-07-03\n✅ 客户细分\n"
        "<https://reports.example/a%281%29/b%20c.html|客户细分>\ncrmlab"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_is_left_out_and_said(kind: str) -> None:
    lines = tuple(f"{number} {'研究' * 140}" for number in range(200))
    content = body(kind, Message("店铺", lines, LINKS, good=False), "zh")
    text = json.dumps(content, ensure_ascii=False)
    assert len(text.encode()) <= LIMITS[kind]
    (left,) = re.findall(r"另有 (\d+) 行未显示", text)
    assert lines[200 - int(left) - 1] in text
    assert lines[200 - int(left)] not in text
    assert LINKS[0][0] in text


HOSTILE = st.text(st.sampled_from(list("<>[]()*_`@|!&#ab all/:\"'")), min_size=1, max_size=30)


@given(HOSTILE)
def test_no_line_works_as_mark_up(text: str) -> None:
    hostile = f"<!channel> <@all> [x](http://evil.example) <http://evil.example|x> {text}"
    message = Message(hostile, (hostile,), good=False)
    for kind in ("wecom", "dingtalk"):
        assert not re.search(
            r"[<>\[\]`@]", json.dumps(body(kind, message, "en")["markdown"], ensure_ascii=False)
        )
    slack = body("slack", message, "en")["text"]
    assert not re.search(r"[<>@`|]", slack)
    assert slack.count("*") == 2
    assert not re.search(r"&(?!amp;|lt;|gt;)", slack)


def test_dingtalk_signs_its_address() -> None:
    url, content = signed("dingtalk", "https://robot.example/send?access_token=abc", {"a": 1}, "SEC1", 1.5)
    assert content == {"a": 1}
    query = parse_qs(urlsplit(url).query)
    assert query["access_token"] == ["abc"]
    assert query["timestamp"] == ["1500"]
    expected = hmac.new(b"SEC1", b"1500\nSEC1", hashlib.sha256).digest()
    assert base64.b64decode(query["sign"][0]) == expected
    bare, _ = signed("dingtalk", "https://robot.example/send", {}, "SEC1", 1.5)
    assert bare.startswith("https://robot.example/send?timestamp=1500&sign=")


def test_feishu_signs_its_content() -> None:
    url, content = signed(
        "feishu", "https://robot.example/hook/abc", {"msg_type": "post"}, "key", 1599360473.9
    )
    assert url == "https://robot.example/hook/abc"
    expected = hmac.new(b"1599360473\nkey", b"", hashlib.sha256).digest()
    assert content == {
        "timestamp": "1599360473",
        "sign": base64.b64encode(expected).decode(),
        "msg_type": "post",
    }


@pytest.mark.parametrize(
    ("kind", "answer", "why"),
    [
        ("wecom", '{"errcode":0,"errmsg":"ok"}', None),
        ("wecom", '{"errcode":93000,"errmsg":"invalid webhook url"}', "93000: invalid webhook url"),
        ("dingtalk", '{"errcode":310000,"errmsg":"sign not match"}', "310000: sign not match"),
        ("feishu", '{"code":0,"msg":"success"}', None),
        ("feishu", '{"code":19021,"msg":"sign match fail"}', "19021: sign match fail"),
        ("feishu", "<html>", "an answer that is no JSON object: <html>"),
        ("feishu", "[]", "an answer that is no JSON object: []"),
        ("feishu", "{}", "None: "),
        ("slack", "ok", None),
        ("slack", "no_service", "no_service"),
    ],
)
def test_a_robot_that_refuses_is_heard(kind: str, answer: str, why: str | None) -> None:
    assert refusal(kind, answer) == why


def test_kinds_are_those_of_the_settings() -> None:
    from crmlab.notify.settings import WebhookParams

    declared: Any = WebhookParams.model_fields["kind"].annotation
    assert declared.__args__ == KINDS
