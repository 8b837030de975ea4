"""The address of an endpoint, cleaned, or the reason why it is none for a directory. PURE."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from connectors.directory.shapes import Mended, Reason

MAX_LENGTH: Final = 500
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
# Ends of names that no public name server answers for (RFC 2606, RFC 6762, RFC 8375), or that networks use at home.
_INTERNAL_ENDS: Final = frozenset(
    {
        "arpa",
        "corp",
        "example",
        "home",
        "hos",
        "host",
        "int",
        "internal",
        "intra",
        "intranet",
        "invalid",
        "lan",
    }
    | {"loc", "local", "localdomain", "localhost", "null", "priv", "private", "test"}
)
# Laboratories of a maker of software, within its own domain.
_INTERNAL_LABELS: Final = frozenset({"rd", "localhost", "intranet"})
_TEST_WORDS: Final = frozenset(
    {"demo", "demos", "dev", "devel", "development", "preview", "qa", "sample", "sandbox", "stage", "staging"}
    | {"test", "testing", "tests", "training", "uat"}
)
# Within a name that is written as one word: `fhirtest`, `testfhir`, `scm16testps1`, `prostage`.
_TEST_WITHIN: Final = re.compile(
    r"^test(?!a)|(?<!la)(?<!con)(?<!at)(?<!pro)test$|testing$|sandbox|staging|development$|dev$|demo$|^qa|qa$"
)
_PARTS: Final = re.compile(r"[a-z]+")
_OLD_VERSION: Final = re.compile(r"(?i)(^|[^a-z])(dstu[- _]?[12]|stu3|r2|r3|r5)([^a-z0-9]|$)")


@dataclass(frozen=True, slots=True)
class Address:
    """A usable base address: `bare` as the directory keeps it, `published` as its list writes it."""

    bare: str
    published: str
    mended: tuple[Mended, ...]


def clean(text: str) -> Address | Reason:
    """Return the base address of a FHIR R4 server that the world can reach, or why this is none."""
    published = text.strip()
    if not published:
        return "no_address"
    try:
        parts = urlsplit(published)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "not_web"
    if not _is_whole(parts, host) or len(published) > MAX_LENGTH or not published.isprintable():
        return "not_web"
    if reason := _fault(parts, host):
        return reason
    place = f"[{host}]" if ":" in host else host
    mended: list[Mended] = ["spaces"] if published != text else []
    if port == 443:
        mended.append("default_port")
    elif port is not None:
        place = f"{place}:{port}"
    if parts.netloc != parts.netloc.lower():
        mended.append("host_case")
    if parts.path.endswith("/"):
        mended.append("trailing_slash")
    return Address(
        bare=urlunsplit(("https", place, parts.path.rstrip("/"), "", "")),
        published=published,
        mended=tuple(mended),
    )


def _is_whole(parts: SplitResult, host: str) -> bool:
    if parts.scheme.lower() not in {"http", "https"} or not host:
        return False
    return not (parts.username or parts.password or parts.query or parts.fragment)


def _fault(parts: SplitResult, host: str) -> Reason | None:
    """Say why a whole address is none for us; what it is comes before how it is asked."""
    if reason := _host_fault(host):
        return reason
    if any(_OLD_VERSION.search(segment) for segment in parts.path.split("/")):
        return "wrong_version"
    return "plain_http" if parts.scheme.lower() == "http" else None


def _host_fault(host: str) -> Reason | None:
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None if number.is_global else "internal_host"
    labels = host.lower().split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "not_web"
    if len(labels) < 2 or labels[-1] in _INTERNAL_ENDS or _INTERNAL_LABELS.intersection(labels[:-1]):
        return "internal_host"
    # The last label is a country or a kind (`.test` was met above), and says nothing of the host.
    parts = [part for label in labels[:-1] for part in _PARTS.findall(label)]
    if any(part in _TEST_WORDS or _TEST_WITHIN.search(part) for part in parts):
        return "test_host"
    return None


def is_r4(version: str) -> bool:
    """Tell whether what a list calls the version of FHIR is R4 (4.0) or its sister R4B (4.3); "" is unsaid."""
    text = version.strip().upper().removeprefix("FHIR").strip()
    return not text or text in {"R4", "R4B", "4"} or text.startswith(("4.0", "4.3"))
