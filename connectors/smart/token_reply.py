"""What a token endpoint granted, read liberally (PURE): RFC 6749, section 5.1; SMART App Launch 2.2."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.errors import BadReply
from connectors.secret import Secret

_LONGEST_LIFE: Final = 10 * 365 * 86400
_OWN_MEMBERS: Final = frozenset(
    {
        "access_token",
        "expires_at",
        "expires_in",
        "fhirUser",
        "id_token",
        "patient",
        "refresh_token",
        "scope",
        "token_type",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReply:
    """What the token endpoint granted. It prints without tokens and without anybody's identity."""

    access_token: Secret
    # None when none came, or the one that was sent came back: the caller keeps the one it has.
    refresh_token: Secret | None = None
    id_token: Secret | None = None
    # "" when the answer has none: then everything that was asked for is granted (RFC 6749, 5.1).
    scope: str = ""
    # Seconds; None where the server does not say, which the caller takes as short.
    expires_in: int | None = None
    patient: str | None = field(default=None, repr=False)
    fhir_user: str | None = field(default=None, repr=False)
    # Every further member of the answer: encounter, tenant, fhirContext, a vendor's own.
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_token(*, token: Mapping[str, Any], sent: Secret | None = None) -> TokenReply:
    """Read a token response, whose `expires_in` is `seconds` of what came. `sent`: the refresh token of the
    request. Raises BadReply: `wrong_token_type`, or `bad_response` without an access token.
    """
    kind = token.get("token_type") or "Bearer"
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadReply("wrong_token_type")
    access = _secret(token.get("access_token"))
    if access is None:
        raise BadReply("bad_response")
    renewed = _secret(token.get("refresh_token"))
    scope = token.get("scope")
    if isinstance(scope, list):
        scope = " ".join(word for word in scope if isinstance(word, str))
    return TokenReply(
        access_token=access,
        # Authlib fills in the one that was sent; for the caller that is the same as none.
        refresh_token=None if renewed == sent else renewed,
        id_token=_secret(token.get("id_token")),
        scope=scope if isinstance(scope, str) else "",
        expires_in=token.get("expires_in"),
        patient=_text(token.get("patient")),
        fhir_user=_text(token.get("fhirUser")),
        context={name: value for name, value in token.items() if name not in _OWN_MEMBERS},
    )


def _secret(value: object) -> Secret | None:
    """Wrap a token. One with letters that no header can carry (RFC 6749, appendix A) is none."""
    if isinstance(value, str) and value and value.isascii() and value.isprintable():
        return Secret(value)
    return None


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # some servers number their patients
    return value if isinstance(value, str) and value else None


def seconds(value: object) -> int | None:
    """Read a lifetime in any form that servers send; None for what is none."""
    try:
        seconds = int(float(value)) if isinstance(value, (int, float, str)) else 0
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= _LONGEST_LIFE and not isinstance(value, bool) else None
