import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.egress import Egress
from connectors.egress.transport import tls_context
from connectors.errors import EgressRefused, PortalError
from tests.connectors.egress.server import RawServer, http_answer, raw_server

NAME = "portal.example"


def certificate(folder: Path, *, name: str = NAME, days: int = 30) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def portal(
    path: Path, *, oldest: bool = False, only: ssl.TLSVersion | None = None
) -> Iterator[tuple[RawServer, list[str | None]]]:
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    if only is not None:
        context.minimum_version = context.maximum_version = only
    if oldest:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    with raw_server(http_answer(b"ok"), tls=context) as server:
        yield server, names


def ask(server: RawServer, *, trust: Path | None) -> bytes:
    context = tls_context()
    if trust is not None:
        context.load_verify_locations(trust)
    return asked(server, context)


def asked(server: RawServer, context: ssl.SSLContext) -> bytes:
    allow = frozenset({(NAME, server.port)})
    with Egress(allow=allow, resolve=lambda _host, _port: ("127.0.0.1",), tls=context) as egress:
        return egress.request("GET", f"https://{NAME}:{server.port}/", deadline=5.0).content


def test_the_name_is_verified_although_the_address_is_dialled(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    with portal(path) as (server, names):
        assert ask(server, trust=path) == b"ok"
    assert names == [NAME]


@pytest.mark.parametrize("fault", ["unknown_authority", "another_name", "expired"])
def test_a_bad_certificate_is_refused(tmp_path: Path, fault: str) -> None:
    path = certificate(
        tmp_path,
        name="other.example" if fault == "another_name" else NAME,
        days=-1 if fault == "expired" else 30,
    )
    with portal(path) as (server, _):
        with pytest.raises(EgressRefused) as refusal:
            ask(server, trust=None if fault == "unknown_authority" else path)
        assert server.requests == []
    assert refusal.value.code == "certificate_refused"


def test_an_old_protocol_is_refused(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    with portal(path, oldest=True) as (server, _):
        with pytest.raises(PortalError):
            ask(server, trust=path)
        assert server.requests == []


def test_nothing_but_our_minimum_refuses_it(tmp_path: Path) -> None:
    """The library's own level of security refuses TLS 1.1 too: without that, ours still does."""
    path = certificate(tmp_path)
    ours, without = tls_context(), tls_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        without.minimum_version = ssl.TLSVersion.TLSv1
    with portal(path, oldest=True) as (server, _):
        for context in (ours, without):
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.load_verify_locations(path)

        # A client without our minimum is served by this very server
        assert asked(server, without) == b"ok"
        heard = len(server.requests)
        with pytest.raises(EgressRefused) as refusal:
            asked(server, ours)

        assert refusal.value.code == "certificate_refused"
        assert len(server.requests) == heard


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_protocols_of_today_are_spoken(tmp_path: Path, version: ssl.TLSVersion) -> None:
    path = certificate(tmp_path)
    with portal(path, only=version) as (server, _):
        assert ask(server, trust=path) == b"ok"
