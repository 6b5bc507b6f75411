"""Receivers of alerts on this machine: a mail server that speaks as much SMTP as is needed, with TLS or without."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class MailBox:
    """A mail server. answers: what it says to a command in place of what is usual, by the command's first word; "drop"
    ends the connection instead. offers: its extensions."""

    offers: tuple[str, ...] = ()
    password: str = "a good password"
    tls: ssl.SSLContext | None = None
    answers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    #: Whether the connection was encrypted when each message, and when the password, came.
    encrypted: list[bool] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to: list[str] = []
        user = False
        writer.write(b"220 mail.test\r\n")
        while line := (await reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            word = word.upper()
            if (said := self.answers.get(f"{word} {rest}", self.answers.get(word))) is not None:
                if said == "drop":
                    return
                writer.write(f"{said}\r\n".encode())
                continue
            if word == "EHLO":
                lines = ["mail.test", *self.offers]
                for number, one in enumerate(lines):
                    writer.write(f"250{' ' if number == len(lines) - 1 else '-'}{one}\r\n".encode())
            elif word == "STARTTLS":
                assert self.tls is not None
                writer.write(b"220 go ahead\r\n")
                await writer.drain()
                await writer.start_tls(self.tls)
            elif word == "AUTH":
                self.encrypted.append(_is_encrypted(writer))
                given = base64.b64decode(rest.removeprefix("PLAIN ")).decode()
                user = given == f"\0concord\0{self.password}"
                self.signed_in.append(user)
                writer.write(b"235 welcome\r\n" if user else b"535 5.7.8 no\r\n")
            elif word == "RCPT":
                to.append(rest.partition("<")[2].partition(">")[0])
                writer.write(b"250 ok\r\n")
            elif word == "DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                self.encrypted.append(_is_encrypted(writer))
                self.received.append(message_from_bytes(content[:-5], EmailMessage, policy=policy.default))
                self.recipients.append(to)
                writer.write(b"250 taken\r\n")
            else:
                writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
            await writer.drain()
            if word == "QUIT":
                return


def _is_encrypted(writer: asyncio.StreamWriter) -> bool:
    return writer.get_extra_info("ssl_object") is not None


@asynccontextmanager
async def mail_server(box: MailBox, *, at_once: bool = False) -> AsyncIterator[MailBox]:
    """The server while the block runs. at_once: encrypted from the first byte on."""
    server = await asyncio.start_server(box.converse, "127.0.0.1", 0, ssl=box.tls if at_once else None)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server at 127.0.0.1 shows, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    shown.write_bytes(private + public)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(shown)
    return server, ssl.create_default_context(cadata=public.decode())
