"""Every variable that the program reads from its environment, declared once.

``read()`` turns the environment into one typed, frozen ``Environment``, or raises ``WrongSetting`` with a
sentence that says which variable is wrong and how a right value looks. It imports nothing of Django:
``manage.py`` and the supervisor read it before there are settings. ``.env.example`` documents the same; a
test compares them.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phr.core.address import BadForm, DatabaseAddress

__all__ = [
    "DEFAULT_BASE_URL",
    "VARIABLES",
    "BadForm",
    "DatabaseAddress",
    "Environment",
    "Variable",
    "WrongSetting",
    "given",
    "read",
]

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
_SECRET_KEY_LENGTH = 50  # Django's own recommendation (security.W009)
_KEY_BYTES = 32  # AES-256
_REDIS_SCHEMES = frozenset({"redis", "rediss"})
_EMAIL_SCHEMES = frozenset({"console", "file", "smtp", "smtps", "smtp+tls"})
_LONGEST_PROXY_CHAIN = 10


class WrongSetting(Exception):  # noqa: N818 - the name is the sentence that a caller reads
    """A variable is missing or nonsensical; the message is one sentence, and names no secret."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: ``parse`` raises ValueError with the words that follow "NAME must be a value that"."""

    name: str
    attribute: str
    summary: str
    parse: Callable[[str], Any]
    default: str | None = None  # as text, read by ``parse``; None: absent
    secret: bool = False  # may come from a file named by NAME_FILE, and is never printed
    audience: str = "operator"  # "operator" or "development"


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment, read and checked. None means: not set; the reader decides whether that will do."""

    database: DatabaseAddress | None
    redis_url: str | None = field(repr=False)
    data_dir: Path
    secret_key: str | None = field(repr=False)
    keyring: str | None = field(repr=False)
    base_url: str
    allowed_hosts: tuple[str, ...]
    egress_allow: frozenset[tuple[str, int]]
    profiles_dir: Path | None
    static_dir: Path | None
    trusted_proxy_count: int
    email_url: str | None = field(repr=False)
    insecure_http: bool
    registration_open: bool
    debug: bool
    corpus: Path | None
    require_browser: bool
    test_folder: Path | None


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    word = value.lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise BadForm("is one of 1, true, yes, on, 0, false, no, off")


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) > _LONGEST_PROXY_CHAIN:
        raise BadForm(f"is a number of proxies from 0 to {_LONGEST_PROXY_CHAIN}")
    return int(value)


def _folder(value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise BadForm("is a folder, and there is something else in its place")
    return path


def _existing_folder(value: str) -> Path:
    path = _folder(value)
    if not path.is_dir():
        raise BadForm("is a folder that exists")
    return path


def _secret_key(value: str) -> str:
    if len(value) < _SECRET_KEY_LENGTH or len(set(value)) < 5:
        raise BadForm(f"is random and at least {_SECRET_KEY_LENGTH} characters long")
    return value


def _keyring(value: str) -> str:
    words = value.replace(",", " ").split()
    for word in words:
        try:
            key = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise BadForm("holds keys of 32 bytes in base64url, separated by white space, newest first")
    if not words:
        raise BadForm("holds at least one key of 32 bytes in base64url")
    return value


def _redis(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in _REDIS_SCHEMES or not parts.hostname:
        raise BadForm("looks like redis://:password@host:6379/0 (or rediss:// for TLS)")
    _ = parts.port  # raises ValueError when it is not one
    return value


def _email(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in _EMAIL_SCHEMES or (parts.scheme.startswith("smtp") and not parts.hostname):
        raise BadForm("looks like smtp+tls://user:password@host:587, console: or file:///folder")
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise BadForm("looks like https://health.example.org, without path or query")
    if parts.path not in {"", "/"}:
        raise BadForm("has no path: the program serves the root of its host")
    _ = parts.port
    return value.rstrip("/")


def _hosts(value: str) -> tuple[str, ...]:
    hosts = tuple(value.replace(",", " ").split())
    for host in hosts:
        if not re.fullmatch(r"\.?[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]", host):
            raise BadForm("lists host names separated by commas, without scheme, port, or the wildcard *")
    return hosts


def _pairs(value: str) -> frozenset[tuple[str, int]]:
    pairs = set()
    for word in value.replace(",", " ").split():
        host, colon, port = word.rpartition(":")
        host = host.strip("[]").lower()
        if not (colon and host and port.isdecimal() and 0 < int(port) < 65536) or set("*/@") & set(host):
            raise BadForm("lists exact host:port pairs separated by commas, such as 192.168.1.20:8443")
        if ":" in host:
            ip_address(host)  # an IPv6 address stands in brackets; anything else is no host
        pairs.add((host, int(port)))
    return frozenset(pairs)


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "DATABASE_URL",
        "database",
        "Postgres 18 to use instead of the embedded one.",
        DatabaseAddress.parse,
        secret=True,
    ),
    Variable(
        "REDIS_URL", "redis_url", "Redis or Valkey to use instead of the embedded one.", _redis, secret=True
    ),
    Variable(
        "PHR_DATA_DIR", "data_dir", "The folder of everything that must survive a restart.", _folder, "./var"
    ),
    Variable(
        "PHR_SECRET_KEY",
        "secret_key",
        "Signs sessions and forms; random, 50 characters.",
        _secret_key,
        secret=True,
    ),
    Variable(
        "PHR_KEYRING",
        "keyring",
        "Keys that encrypt secrets at rest: 32 bytes each in base64url, newest first. Keep a copy.",
        _keyring,
        secret=True,
    ),
    Variable(
        "PHR_BASE_URL",
        "base_url",
        "The address that people type into a browser.",
        _base_url,
        DEFAULT_BASE_URL,
    ),
    Variable(
        "PHR_ALLOWED_HOSTS",
        "allowed_hosts",
        "Further host names that the web answers to; the host of PHR_BASE_URL always is one.",
        _hosts,
        "",
    ),
    Variable(
        "PHR_EGRESS_ALLOW",
        "egress_allow",
        "Exact host:port pairs on loopback or a home network where a portal may be.",
        _pairs,
        "",
    ),
    Variable(
        "PHR_PROFILES_DIR", "profiles_dir", "A folder of your own vendor profiles (*.toml).", _existing_folder
    ),
    Variable(
        "PHR_STATIC_DIR",
        "static_dir",
        "Where gathered static files lie; not set: the folder `static` of PHR_DATA_DIR.",
        _folder,
    ),
    Variable(
        "PHR_TRUSTED_PROXY_COUNT",
        "trusted_proxy_count",
        "How many reverse proxies stand in front of the web; their X-Forwarded-For entries are believed.",
        _count,
        "0",
    ),
    Variable(
        "PHR_EMAIL_URL",
        "email_url",
        "Where mail goes (sign-up, password reset). Not set: it is written to the log folder's outbox.",
        _email,
        secret=True,
    ),
    Variable(
        "PHR_INSECURE_HTTP",
        "insecure_http",
        "Serve a home network without TLS; every page then carries a warning. Without it http:// is for loopback.",
        _flag,
        "0",
    ),
    Variable("PHR_REGISTRATION_OPEN", "registration_open", "Whether strangers may sign up.", _flag, "0"),
    Variable("PHR_DEBUG", "debug", "Django's debug pages.", _flag, "0", audience="development"),
    Variable(
        "PHR_CORPUS",
        "corpus",
        "The folder of real input for tests.",
        _folder,
        "../shared/data",
        audience="development",
    ),
    Variable(
        "PHR_REQUIRE_BROWSER",
        "require_browser",
        "A browser test that cannot run fails instead of being skipped.",
        _flag,
        "0",
        audience="development",
    ),
    Variable(
        "PHR_TEST_FOLDER",
        "test_folder",
        "Where the processes of one test run share a server; set by the suite itself.",
        _folder,
        audience="development",
    ),
)


def read(environ: Mapping[str, str] | None = None) -> Environment:
    """Read and check every variable; an empty one counts as not set.

    Raises WrongSetting for the first that is wrong, unreadable, given twice, or unknown with our prefix, and for
    a PHR_BASE_URL whose passwords and records would travel in clear without a word of the operator's.
    """
    source = os.environ if environ is None else environ
    _refuse_unknown(source)
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        text = given(variable, source)
        if text is None:
            text = variable.default
        values[variable.attribute] = None if text is None else _parsed(variable, text)
    found = Environment(**values)
    _refuse_clear_text(found)
    return found


def given(variable: Variable, environ: Mapping[str, str]) -> str | None:
    """Return the text that NAME or the file NAME_FILE gives; None when there is neither."""
    text = environ.get(variable.name, "").strip()
    path = environ.get(f"{variable.name}_FILE", "").strip() if variable.secret else ""
    if text and path:
        raise WrongSetting(f"{variable.name} and {variable.name}_FILE are both set: keep one of them.")
    if not path:
        return text or None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise WrongSetting(
            f"{variable.name}_FILE names a file that cannot be read: {path} ({reason})."
        ) from None
    if not text:
        raise WrongSetting(f"{variable.name}_FILE names a file that is empty: {path}.")
    return text


def _parsed(variable: Variable, text: str) -> Any:
    try:
        return variable.parse(text)
    except ValueError as error:
        # A library's own ValueError may quote the value, which can be a secret.
        ours = str(error) if isinstance(error, BadForm) else "has the form shown in .env.example"
        shown = "" if variable.secret else f" It is {text!r}."
        raise WrongSetting(f"{variable.name} must be a value that {ours}.{shown}") from None


def _refuse_clear_text(found: Environment) -> None:
    parts = urlsplit(found.base_url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not found.insecure_http and not _is_loopback(host):
        raise WrongSetting(
            f"PHR_BASE_URL is http://, and to {host} passwords and records would travel in clear: make it "
            "https:// behind a proxy with TLS, or set PHR_INSECURE_HTTP=1 for a home network without."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name; browsers keep these two on the machine (RFC 6761)
        return host == "localhost" or host.endswith(".localhost")


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = {variable.name for variable in VARIABLES}
    known |= {f"{variable.name}_FILE" for variable in VARIABLES if variable.secret}
    for name in sorted(environ):
        if name.startswith("PHR_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see .env.example for those that are."
            raise WrongSetting(f"{name} is not a setting; {hint}")
