"""Django's mail settings from one address, PHR_EMAIL_URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "smtp+tls": 587}


def configuration(url: str | None, *, outbox: Path) -> dict[str, Any]:
    """Return the EMAIL_ settings for an address that core.environment has checked.

    ``console:`` prints, ``file:///folder`` writes, ``smtp``, ``smtps`` (TLS from the start) and ``smtp+tls``
    (STARTTLS) send; ``?from=address`` says from whom. None: mail is written into ``outbox``.
    """
    if url is None:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(outbox),
        }
    parts = urlsplit(url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme == "file":
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": unquote(parts.path),
        }
    sender = parse_qs(parts.query).get("from", [unquote(parts.username or "")])[0]
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or _DEFAULT_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_TIMEOUT": 20,
        **({"DEFAULT_FROM_EMAIL": sender} if "@" in sender else {}),
    }
