"""Messages by e-mail, through an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from crmlab.environment import resolved
from crmlab.notify.message import Message
from crmlab.notify.settings import EmailParams


class PartlyRefusedError(Exception):
    """The server took the message for some recipients and not for others, who would be refused again."""


_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def letter(channel: EmailParams, message: Message) -> EmailMessage:
    """Return the message as an e-mail of plain text."""
    mail = EmailMessage()
    sender = resolved(channel.sender)
    mail["Subject"] = message.heading
    mail["From"] = sender
    mail["To"] = ", ".join(resolved(list(channel.to)))
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    links = [f"{text}: {url}" for text, url in message.links]
    mail.set_content("\n".join([message.heading, "", *message.lines, "", *links, "crmlab"]) + "\n")
    return mail


def send_mail(channel: EmailParams, message: Message, timeout: float) -> None:
    """Send the message; raise OSError, which SMTPException is, where the server does not take it.

    Raises PartlyRefusedError where it takes it for some alone: these have it and need no other one. The
    certificate of the server is checked; nothing is sent where the connection cannot be made private.
    """
    mail = letter(channel, message)
    port = channel.port or _PORTS[channel.security]
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if channel.security == "tls":
        server = smtplib.SMTP_SSL(channel.host, port, timeout=timeout, context=context)
    else:
        server = smtplib.SMTP(channel.host, port, timeout=timeout)
    with server:
        if channel.security == "starttls":
            server.starttls(context=context)
        if channel.user is not None:
            server.login(resolved(channel.user), resolved(channel.password))
        refused = server.send_message(mail)
    if refused:
        raise PartlyRefusedError(f"the server refused {len(refused)} of the recipients")
