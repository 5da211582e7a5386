"""Bring a message to a channel: with a limit of time, again after a pause where that may help."""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from crmlab.environment import resolved
from crmlab.errors import ParamsError
from crmlab.labels import Language
from crmlab.notify.mail import PartlyRefusedError, send_mail
from crmlab.notify.message import Message
from crmlab.notify.settings import ChannelParams, EmailParams, WebhookParams
from crmlab.notify.webhooks import body, refusal, signed
from crmlab.report.traces import Traces

TIMEOUT = 10.0
"""Seconds that a server may be silent."""
PAUSES = (1.0, 4.0)
"""Seconds before the second and the third attempt."""
_LONGEST_ANSWER = 4096
_SHORTEST_KEY = 8
_TOLD = 200


class _RefusedError(Exception):
    """The channel does not take the message, and would not take it later."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A message is for the server that the study names, and for no other."""

    def redirect_request(self, *arguments: object, **named: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def deliver(
    channel: ChannelParams,
    message: Message,
    language: Language,
    *,
    pauses: Sequence[float] = PAUSES,
    timeout: float = TIMEOUT,
) -> str | None:
    """Send the message; return None, or why it did not arrive, without any secret.

    Where a server is silent after it took a message, people may get it twice rather than not at all.
    """
    for pause in (*pauses, None):
        try:
            if isinstance(channel, EmailParams):
                send_mail(channel, message, timeout)
            else:
                _post(channel, message, language, timeout)
            return None
        except (_RefusedError, PartlyRefusedError, ParamsError, ValueError) as error:
            return _told(channel, error)
        except (OSError, http.client.HTTPException) as error:
            if pause is None or not _may_pass(error):
                return _told(channel, error)
            time.sleep(pause)
    raise AssertionError("the last attempt returns")


def secret_parts(channel: ChannelParams) -> dict[str, str]:
    """Return secret → its reference: what the channel refers to, and the keys within an address."""
    found = {}
    for name, reference in channel.model_dump().items():
        for one in reference if isinstance(reference, tuple | list) else [reference]:
            if isinstance(one, str) and one.startswith("env:") and (value := _value(one)):
                found[value] = one
                if name == "url":
                    found |= dict.fromkeys(_keys(value), one)
    return found


def _post(channel: WebhookParams, message: Message, language: Language, timeout: float) -> None:
    url = resolved(channel.url)
    if urlsplit(url).scheme not in ("https", "http") or not urlsplit(url).hostname:
        raise _RefusedError(f"what {channel.url} holds is no address; it begins with https://")
    content = body(channel.kind, message, language)
    if channel.secret:
        url, content = signed(channel.kind, url, content, resolved(channel.secret), time.time())
    request = urllib.request.Request(  # noqa: S310  # the scheme is checked above
        url,
        data=json.dumps(content, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "crmlab"},
    )
    with _OPENER.open(request, timeout=timeout) as answer:
        told = answer.read1(_LONGEST_ANSWER).decode("utf-8", "replace")
    if why := refusal(channel.kind, told):
        raise _RefusedError(f"the robot refused it: {why}")


def _may_pass(error: Exception) -> bool:
    """Say whether a later attempt may do better: not where a server has understood and said no."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code == 429 or error.code >= 500
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500
    final = smtplib.SMTPNotSupportedError | smtplib.SMTPRecipientsRefused | ssl.SSLCertVerificationError
    return not isinstance(getattr(error, "reason", error), final)


def _told(channel: ChannelParams, error: Exception) -> str:
    """Say what went wrong in one line, without secrets, contacts and folders."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        words = f"the server answered {error.code} {error.reason}"
    elif isinstance(error, smtplib.SMTPRecipientsRefused):
        words = "the server refused every recipient"
    elif isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else ""
        words = f"the server answered {error.smtp_code} {text}"
    elif isinstance(error, _RefusedError | PartlyRefusedError | ParamsError | smtplib.SMTPException):
        words = str(error)
    else:
        reason = getattr(error, "reason", None) or error
        words = f"{type(error).__name__}: {reason}"
    clean = " ".join(Traces(secrets=secret_parts(channel)).without(words).split())
    return clean if len(clean) <= _TOLD else clean[: _TOLD - 1] + "…"


def _value(reference: str) -> str | None:
    try:
        return str(resolved(reference))
    except ParamsError:
        return None


def _keys(url: str) -> list[str]:
    """Return the parts of an address that let others write to the channel."""
    try:
        parts = urlsplit(url)
    except ValueError:  # what it says of the address would quote it
        return url.split("/")
    words = [value for _, value in parse_qsl(parts.query)] + parts.path.split("/")
    return [word for word in words if len(word) >= _SHORTEST_KEY]
