"""E-mail to an SMTP server on this computer: encrypted, logged in, in Chinese."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from crmlab.notify.delivery import deliver
from crmlab.notify.message import Message
from crmlab.notify.settings import EmailParams

MESSAGE = Message(
    "店铺：2 份报告中有 1 份未完成",
    ("观察日：2024-07-03", "❌ 客户反馈：代码出错"),
    (("全部运行", "https://reports.example/index.html"),),
    good=False,
)


class Post:
    """Takes letters, or refuses them with a line of SMTP."""

    def __init__(self, *answers: str) -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers = list(answers)
        self.private: list[bool] = []
        self.unknown: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.recipients.append(envelope.rcpt_tos)
        self.private.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The certificate of a server called localhost, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def post(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., EmailParams]]:
    """Return a function that starts a server with a handler and returns the channel to it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    monkeypatch.setenv("CRMLAB_TEST_PASSWORD", "mail-SECRET")
    monkeypatch.setenv("CRMLAB_TEST_BOSS", "boss@shop.example")
    started: list[Controller] = []

    def accepts(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        known = (data.login, data.password) == (b"reports", b"mail-SECRET")
        return AuthResult(success=known, handled=False)

    def start(handler: Post, security: str = "starttls", **more: Any) -> EmailParams:
        secured: dict[str, Any] = {"tls": {"ssl_context": context}, "starttls": {"tls_context": context}}
        options: dict[str, Any] = {
            "authenticator": accepts,
            "auth_required": security == "starttls",
            "auth_require_tls": security == "starttls",
            "require_starttls": security == "starttls",
            **secured.get(security, {}),
        }
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        controller = Controller(handler, hostname="127.0.0.1", port=port, **options)
        controller.start()
        started.append(controller)
        login = {} if security == "none" else {"user": "reports", "password": "env:CRMLAB_TEST_PASSWORD"}
        return EmailParams(
            **{
                "kind": "email",
                "host": "127.0.0.1",
                "port": port,
                "security": security,
                "sender": "reports@shop.example",
                "to": ("a@shop.example", "env:CRMLAB_TEST_BOSS"),
                **login,
                **more,
            }
        )

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process trust the server's certificate, as OpenSSL's variable does."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_letter_arrives(security: str, post: Callable[..., EmailParams]) -> None:
    handler = Post()
    channel = post(handler, security)
    assert deliver(channel, MESSAGE, "zh") is None
    (letter,) = handler.letters
    assert letter["Subject"] == "❌ 店铺：2 份报告中有 1 份未完成"
    assert (letter["From"], letter["To"]) == ("reports@shop.example", "a@shop.example, boss@shop.example")
    assert handler.recipients == [["a@shop.example", "boss@shop.example"]]
    text = letter.get_content().replace("\r\n", "\n")
    assert "❌ 客户反馈：代码出错\n" in text
    assert "全部运行: https://reports.example/index.html\n" in text
    assert handler.private == [security != "none"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_nobody_vouches_for_gets_nothing(
    security: str, post: Callable[..., EmailParams]
) -> None:
    handler = Post()
    told = deliver(post(handler, security), MESSAGE, "zh")
    assert "CERTIFICATE_VERIFY_FAILED" in str(told).upper().replace(" ", "_")
    assert handler.letters == []


def test_a_server_without_encryption_gets_no_password(post: Callable[..., EmailParams]) -> None:
    handler = Post()
    plain = post(handler, "none")
    channel = EmailParams(
        **{**plain.model_dump(), "security": "starttls", "user": "a", "password": "env:CRMLAB_TEST_PASSWORD"}
    )
    assert "STARTTLS" in str(deliver(channel, MESSAGE, "zh"))
    assert handler.letters == []


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_told_without_it(
    post: Callable[..., EmailParams], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = Post()
    channel = post(handler)
    monkeypatch.setenv("CRMLAB_TEST_PASSWORD", "wrong-SECRET")
    told = deliver(channel, MESSAGE, "zh")
    assert "535" in str(told)
    assert "SECRET" not in str(told)
    assert handler.letters == []


def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    post: Callable[..., EmailParams],
) -> None:
    busy = Post("451 later", "451 later")
    assert deliver(post(busy, "none"), MESSAGE, "zh", pauses=(0, 0)) is None
    assert len(busy.letters) == 1
    refuses = Post("554 no, boss@shop.example", "250 OK")
    told = deliver(post(refuses, "none"), MESSAGE, "zh", pauses=(0, 0))
    assert "the server answered 554 no" in str(told)
    assert "boss@shop.example" not in str(told)
    assert refuses.answers == ["250 OK"]


def test_who_got_the_letter_gets_it_once_where_others_are_refused(post: Callable[..., EmailParams]) -> None:
    some = Post()
    some.unknown = {"boss@shop.example"}
    told = deliver(post(some, "none"), MESSAGE, "zh", pauses=(0, 0))
    assert told == "the server refused 1 of the recipients"
    assert some.recipients == [["a@shop.example"]]
