"""Who a patient of an export is, to know them by: read from their Patient resource, kept sealed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import msgspec
from django.conf import settings

from phr.core.crypto import seal, unseal_bytes
from phr.exchange.models import ExportedPatient

_TEXT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """What an operator sees of a patient; "" where the Patient resource does not say it, or has not come."""

    name: str = ""
    birth_date: str = ""
    sex: str = ""
    # What their record says is its number, with the kind of number in front where it is named.
    number: str = ""

    @property
    def born(self) -> date | None:
        """The birth date, where it is one to the day."""
        try:
            return date.fromisoformat(self.birth_date)
        except ValueError:
            return None


def read_facts(raw: bytes) -> Facts:
    """Read a Patient resource; whatever is not as it should be is left out."""
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Facts()
    if not isinstance(found, dict):
        return Facts()
    return Facts(
        name=_name(found.get("name")),
        birth_date=_text(found.get("birthDate"))[:10],
        sex=_text(found.get("gender"))[:20],
        number=_number(found.get("identifier")),
    )


def facts_of(patient: ExportedPatient) -> Facts:
    """Open what is kept of a patient. Raises KeyringError."""
    plain = unseal_bytes(patient, "facts")
    return Facts() if plain is None else Facts(**json.loads(plain))


def sealed(patient: ExportedPatient, facts: Facts) -> bytes:
    """Seal what is kept of a patient."""
    return seal(patient, "facts", json.dumps(asdict(facts)).encode())


def digests(identifiers: Iterable[str]) -> list[str]:
    """Return keyed digests of "system|value": they can be compared, and not guessed from a dump."""
    key = f"phr exported identifiers {settings.SECRET_KEY}".encode()
    return sorted({hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for text in identifiers})


def _name(listed: Any) -> str:
    names = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    names.sort(key=lambda each: each.get("use") not in {"official", "usual"})
    for each in names:
        given = each.get("given")
        parts = [_text(part) for part in given] if isinstance(given, list) else []
        whole = " ".join(part for part in [*parts, _text(each.get("family"))] if part) or _text(
            each.get("text")
        )
        if whole:
            return whole[:_TEXT_LENGTH]
    return ""


def _number(listed: Any) -> str:
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, dict) or not _text(each.get("value")):
            continue
        kind = each.get("type")
        coding = kind.get("coding") if isinstance(kind, dict) else None
        codes = (
            [code.get("code") for code in coding if isinstance(code, dict)]
            if isinstance(coding, list)
            else []
        )
        if "MR" in codes:
            return _text(each["value"])[:_TEXT_LENGTH]
    return ""


def _text(value: Any) -> str:
    # Postgres takes no NUL in a text, and no page a control character.
    return "".join(c for c in value if c.isprintable()).strip() if isinstance(value, str) else ""
