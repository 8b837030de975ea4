"""The names and passwords of the database roles, and addresses with them. Standard library alone.

The supervisor and ``make secrets`` need them where there is no Django yet; ``core.roles`` makes the roles.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

APP = "phr_app"
OPERATOR = "phr_operator"


def password(role: str, *, secret_key: str) -> str:
    """Return the password of a role: a MAC of its name under the secret key."""
    return hmac.new(secret_key.encode(), f"phr database role {role}".encode(), hashlib.sha256).hexdigest()


def application_url(owner_url: str, *, secret_key: str) -> str:
    """Return DATABASE_URL with the application's role in place of the owner: same server, same database."""
    parts = urlsplit(owner_url)
    query = parse_qsl(parts.query)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(
            netloc=f"{APP}:{password(APP, secret_key=secret_key)}@{place}",
            query=urlencode([pair for pair in query if pair[0] not in {"user", "password"}], quote_via=quote),
        )
    )
