"""Messages in the forms that the robots of 企业微信, 钉钉, 飞书 and Slack take, and their signatures.

Forms and limits are those of the documentation of each: 群机器人配置说明 of 企业微信 (markdown, 4,096
bytes), 自定义机器人接入 of 钉钉 (markdown, 20,000 bytes), 自定义机器人使用指南 of 飞书 (rich text, 20 KB)
and Incoming webhooks of Slack. What a robot says goes to people, so nothing in a line may work as mark-up:
no link, no call of everyone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from crmlab.labels import Language
from crmlab.notify.message import Message
from crmlab.view.texts import say

Body = dict[str, Any]
_WIDE = str.maketrans(
    {"<": "＜", ">": "＞", "[": "［", "]": "］", "*": "＊", "`": "｀", "@": "＠", "|": "｜"}
)
"""Characters that work as mark-up, and what looks like them and does not."""


def body(kind: str, message: Message, language: Language) -> Body:
    """Return what is sent to the robot as JSON; lines that do not fit are counted and left out."""
    form, most = _FORMS[kind]
    for kept in range(len(message.lines), -1, -1):
        lines = list(message.lines[:kept])
        if kept < len(message.lines):
            lines.append(say("notify_more", n=len(message.lines) - kept).to(language))
        found = form(message, lines, language)
        if len(json.dumps(found, ensure_ascii=False).encode()) <= most:
            break
    return found


def signed(kind: str, url: str, content: Body, secret: str, now: float) -> tuple[str, Body]:
    """Return the address and the content with the signature of ``now``, in seconds since 1970.

    钉钉 signs milliseconds with the secret as key and takes both in the address; 飞书 signs nothing with
    seconds and secret as key and takes both in the content.
    """
    if kind == "dingtalk":
        stamp = str(round(now * 1000))
        sign = _signature(secret, f"{stamp}\n{secret}")
        joint = "&" if "?" in url else "?"
        return f"{url}{joint}timestamp={stamp}&sign={quote_plus(sign)}", content
    stamp = str(int(now))
    return url, {"timestamp": stamp, "sign": _signature(f"{stamp}\n{secret}", ""), **content}


def refusal(kind: str, answer: str) -> str | None:
    """Return why the robot refused a message that its server took, or None.

    All but Slack answer 200 and say in the content whether they passed the message on.
    """
    if kind == "slack":
        return None if answer.strip() == "ok" else answer
    try:
        told = json.loads(answer)
        code = told.get("errcode", told.get("code"))
    except (ValueError, AttributeError):
        return f"an answer that is no JSON object: {answer}"
    return None if code == 0 else f"{code}: {told.get('errmsg', told.get('msg', ''))}"


def _signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _wecom(message: Message, lines: list[str], language: Language) -> Body:
    return {"msgtype": "markdown", "markdown": {"content": _markdown(message, lines)}}


def _dingtalk(message: Message, lines: list[str], language: Language) -> Body:
    return {
        "msgtype": "markdown",
        "markdown": {"title": message.heading.translate(_WIDE), "text": _markdown(message, lines)},
    }


def _markdown(message: Message, lines: list[str]) -> str:
    links = [f"[{text.translate(_WIDE)}]({_address(url)})" for text, url in message.links]
    title = f"### {message.heading.translate(_WIDE)}"
    # An empty line between two is needed by 钉钉, which joins lines otherwise.
    return "\n\n".join([title, *(line.translate(_WIDE) for line in lines), *links, "crmlab"])


def _feishu(message: Message, lines: list[str], language: Language) -> Body:
    content = [[{"tag": "text", "text": line}] for line in (*lines, "crmlab")]
    content[-1:-1] = [[{"tag": "a", "text": text, "href": url}] for text, url in message.links]
    place = "zh_cn" if language == "zh" else "en_us"
    return {"msg_type": "post", "content": {"post": {place: {"title": message.heading, "content": content}}}}


def _slack(message: Message, lines: list[str], language: Language) -> Body:
    links = [f"<{_address(url)}|{_slack_text(text)}>" for text, url in message.links]
    return {
        "text": "\n".join([f"*{_slack_text(message.heading)}*", *map(_slack_text, lines), *links, "crmlab"])
    }


def _slack_text(text: str) -> str:
    """Escape as Slack asks for; the rest of its mark-up cannot stand as it is, either."""
    wide = text.translate({ord(sign): _WIDE[ord(sign)] for sign in "*`@|"})
    return wide.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(url: str) -> str:
    """Return an address that ends no link before its end."""
    return re.sub(r"[()<>|\s]", lambda match: f"%{ord(match[0]):02X}", url)


_FORMS: dict[str, tuple[Callable[[Message, list[str], Language], Body], int]] = {
    "wecom": (_wecom, 4096),
    "dingtalk": (_dingtalk, 20_000),
    "feishu": (_feishu, 20_000),
    "slack": (_slack, 35_000),
}
"""How each robot is told, and the bytes that it takes; of a content with its frame, so a little less."""
