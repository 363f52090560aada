"""A double of MaxMind's download service, and the databases that it serves.

It speaks what the real one does, over TLS: basic authentication, `suffix=tar.gz` and its `.sha256`,
a redirect to storage on another host whose presigned address refuses an Authorization header,
Last-Modified and If-Modified-Since. Faults are given as a list of what to do instead, one for each
request of a kind.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import http.server
import io
import ipaddress
import ssl
import tarfile
import tempfile
import threading
import time
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import mmdb_writer
import netaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACCOUNT, KEY = "123456", "abcDEF_0123456789abcdef0123456789abcdef"
CITY = "GeoLite2-City"
_SIGNATURE = "4ab1f0c2"
_SLOW = 1.0
"""Seconds without an answer; tests wait less."""
_COUNTRIES = {
    "8.8.8.0/24": ("US", "United States"),
    "1.1.1.0/24": ("AU", "Australia"),
    "81.2.69.0/24": ("GB", "United Kingdom"),
    "2001:4860::/32": ("US", "United States"),
}


@functools.cache
def make_database(edition: str = CITY, *, days_old: float = 1, empty: bool = False) -> bytes:
    """A database of an edition that knows the addresses in `_COUNTRIES`; `empty`: another one."""
    writer = mmdb_writer.MMDBWriter(6, edition, ["en"], f"{edition} of a test", True)
    for network, (code, name) in _COUNTRIES.items():
        record = {"country": {"iso_code": code, "names": {"en": name}}, "city": {}}
        if edition == "GeoLite2-ASN":
            record = {"autonomous_system_number": 64500, "autonomous_system_organization": name}
        place = "203.0.113.0/24" if empty else network
        writer.insert_network(netaddr.IPSet([place]), record)
    built = time.time() - days_old * 86_400
    with tempfile.NamedTemporaryFile() as file:
        with mock.patch("mmdb_writer.time.time", return_value=built):
            writer.to_db_file(file.name)
        return Path(file.name).read_bytes()


def pack(members: dict[str, bytes]) -> bytes:
    """A gzipped tar of these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def pack_database(edition: str = CITY, **options: object) -> bytes:
    """An archive as MaxMind packs it."""
    folder = f"{edition}_20261120"
    return pack(
        {
            f"{folder}/COPYRIGHT.txt": b"Database and Contents Copyright (c) MaxMind, Inc.",
            f"{folder}/LICENSE.txt": b"Use of this MaxMind product is governed by a licence.",
            f"{folder}/{edition}.mmdb": make_database(edition, **options),
        }
    )


class MaxMind:
    """The service on `localhost`, its storage on 127.0.0.1 (or both on `address`)."""

    def __init__(self, directory: Path, *, address: str = "") -> None:
        self.archives = {CITY: pack_database()}
        self.modified = time.time() - 3600
        self.faults: dict[str, list[object]] = {"sha256": [], "archive": []}
        self.asked: list[str] = []
        self.ca = directory / "ca.pem"
        context = _make_certificate(directory, address)
        self._servers = [
            _serve(context, handler, self, address or "127.0.0.1")
            for handler in (_Download, _Storage)
        ]
        ports = [server.server_port for server in self._servers]
        self.url = f"https://{address or 'localhost'}:{ports[0]}"
        self.storage = f"https://{address or '127.0.0.1'}:{ports[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What points a client at this service."""
        return {
            "MAXMIND_ACCOUNT_ID": ACCOUNT,
            "MAXMIND_LICENSE_KEY": KEY,
            "MAXMIND_DOWNLOAD_URL": self.url,
            "SSL_CERT_FILE": str(self.ca),
        }

    def next_fault(self, kind: str) -> object:
        faults = self.faults[kind]
        return faults.pop(0) if faults else None

    def count(self, kind: str) -> int:
        """How often `sha256` or `archive` was asked for, and answered with a redirect."""
        return self.asked.count(kind)

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    double: MaxMind

    def log_message(self, *arguments: object) -> None:
        pass

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class _Download(_Handler):
    """The service itself: who asks, and where to go."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        suffix = parse_qs(parts.query).get("suffix", [""])[0]
        edition = parts.path.removeprefix("/geoip/databases/").removesuffix("/download")
        kind = {"tar.gz": "archive", "tar.gz.sha256": "sha256"}.get(suffix)
        if edition not in self.double.archives or kind is None:
            return self.answer(404, b"Database edition not found")
        self.double.asked.append(kind)
        if refusal := self._refuse():
            return self.answer(401, refusal)
        fault = self.double.next_fault(kind)
        if fault == "slow":
            time.sleep(_SLOW)
        if fault == "leave TLS":
            return self.answer(302, b"", Location="http://127.0.0.1:9/plain")
        if isinstance(fault, int):
            retry = {"Retry_After": "7200"} if fault == 429 else {}
            return self.answer(fault, b"said by the service", **retry)
        address = f"{self.double.storage}/{edition}.{suffix}?X-Signature={_SIGNATURE}"
        if fault:
            address += f"&fault={fault}"
        return self.answer(302, b"", Location=address)

    def _refuse(self) -> bytes:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return b"License key required"
        account, _, key = base64.b64decode(encoded).decode().partition(":")
        if account != ACCOUNT:
            return b"Account ID unknown"
        return b"" if key == KEY else b"Invalid license key"


class _Storage(_Handler):
    """The storage: whoever has the presigned address, and no other authorization."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if "Authorization" in self.headers:
            return self.answer(400, b"<Error><Code>InvalidArgument</Code></Error>")
        if query.get("X-Signature") != [_SIGNATURE]:
            return self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        edition, _, suffix = parts.path[1:].partition(".")
        body = self.double.archives[edition]
        fault = query.get("fault", [""])[0]
        if suffix == "tar.gz.sha256":
            digest = hashlib.sha256(body).hexdigest()
            body = b"<html>" if fault == "html" else f"{digest}  {edition}.tar.gz\n".encode()
        since = self.headers.get("If-Modified-Since")
        if since and parsedate_to_datetime(since).timestamp() >= int(self.double.modified):
            return self.answer(304, b"")
        modified = formatdate(self.double.modified, usegmt=True)
        if fault == "other":
            body = body[:-8] + b"tampered"
        if fault == "cut":
            self.close_connection = True
            return self.answer(200, body[: len(body) // 2], Content_Length=str(len(body)))
        if fault == "stall":
            self.answer(200, body[: len(body) // 2], Content_Length=str(len(body)))
            return time.sleep(_SLOW)
        return self.answer(200, body, Last_Modified=modified)


def _serve(
    context: ssl.SSLContext, handler: type[_Handler], double: MaxMind, address: str
) -> http.server.ThreadingHTTPServer:
    bound = type(handler.__name__, (handler,), {"double": double})
    server = http.server.ThreadingHTTPServer((address, 0), bound)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that hangs up is part of the tests
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def _make_certificate(directory: Path, address: str) -> ssl.SSLContext:
    """A certificate that is its own authority; `directory` gets it as ca.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's MaxMind")])
    now = datetime.datetime.now(datetime.UTC)
    places = [x509.IPAddress(ipaddress.ip_address(ip)) for ip in {"127.0.0.1", address} if ip]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), *places]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "ca.pem", directory / "key.pem")
    return context
