"""Who signed in, and whose record it is.

OpenID Connect Core 3.1.3.7 as SMART App Launch 2.2 narrows it. The algorithm comes from our list and the
key from the server's own JWKS, never from the token.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from connectors.egress import Egress
from connectors.errors import BadReply
from connectors.profile import Profile
from connectors.secret import Secret
from connectors.smart.authorize import accepted_issuers
from connectors.smart.discovery import Server
from connectors.smart.replies import failure_of, read_object
from connectors.smart.tokens import TokenReply

ALGORITHMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"RS256": ("RSA", ""), "RS384": ("RSA", ""), "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384")}
)
LEEWAY_SECONDS: Final = 120  # hospitals' clocks differ from ours by more than one would think
MAX_BYTES: Final = 1024 * 1024
_MAX_KEYS: Final = 64
_MIN_RSA_BITS: Final = 2048
# Headers by which a token would bring its own key, or ask for a rule we do not know.
_REFUSED_HEADERS: Final = frozenset({"crit", "jku", "jwk", "x5c", "x5u"})
# FHIR allows 64 characters; some portals use more.
_ID: Final = re.compile(r"[A-Za-z0-9.\-_]{1,128}")
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")

Key = RSAKey | ECKey


def fetch_keys(*, egress: Egress, server: Server) -> tuple[tuple[str, Key], ...]:
    """Return (kid, public key) of the pinned server, fetched now.

    Where discovery names no `jwks_uri`, the issuer's openid-configuration does, if it names the same
    issuer. Raises `RetryLater`, `EgressRefused`, and `BadReply` where no keys are to be had. Keys that are
    not public RSA or EC keys for signatures are left out.
    """
    address = server.jwks_uri or _jwks_of_issuer(egress, server.issuer)
    found = _get(egress, address).get("keys")
    if not isinstance(found, list):
        raise BadReply("bad_id_token")
    keys = ((str(data.get("kid", "")), _key(data)) for data in found[:_MAX_KEYS] if isinstance(data, dict))
    return tuple((kid, key) for kid, key in keys if key is not None)


def verify_id_token(
    *,
    id_token: Secret,
    keys: Sequence[tuple[str, Key]],
    server: Server,
    profile: Profile,
    client_id: str,
    nonce: str | None,
    now: datetime,
) -> Mapping[str, Any]:
    """Return the claims of an id_token that this server issued to us, for this attempt, and that is still
    good.

    `nonce`: what the authorization request carried, or None when it carried none. Raises `BadReply` with
    the code `bad_id_token` for anything else, whatever it is.
    """
    claims = _signed_claims(id_token, keys)
    issuers = accepted_issuers(server=server, profile=profile)
    instant = now.timestamp()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    begins = claims.get("nbf", instant)
    issued = claims.get("iat", instant)
    sound = (
        claims.get("iss") in issuers
        and client_id in audiences
        and (len(audiences) == 1 or claims.get("azp") == client_id)
        and _is_number(claims.get("exp"))
        and claims["exp"] > instant - LEEWAY_SECONDS
        and _is_number(begins)
        and begins <= instant + LEEWAY_SECONDS
        and _is_number(issued)
        and issued <= instant + LEEWAY_SECONDS
        and (nonce is None or hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()))
    )
    if not sound:
        raise BadReply("bad_id_token")
    return MappingProxyType(claims)


def patient_from(*, reply: TokenReply, profile: Profile, claims: Mapping[str, Any] | None) -> str | None:
    """Return the id of the patient from the first source of the profile that has one.

    `claims`: of the verified id_token, or None without one. None when no source in the answer has it: where
    the profile also names "search", the caller then asks the portal which Patient it shows.
    """
    for source in profile.patient.sources:
        found: str | None = None
        if source == "token":
            found = _patient_id(reply.patient)
        elif source == "fhir_user":
            user = (claims or {}).get("fhirUser") or reply.fhir_user
            found = _patient_id(user) if isinstance(user, str) and "Patient/" in user else None
        elif source == "jwt_claim":
            found = _patient_id(_access_claims(reply).get(profile.patient.claim))
        if found is not None:
            return found
    return None


def search_parameters(*, reply: TokenReply, profile: Profile) -> tuple[tuple[str, str], ...]:
    """Return the parameters that every search carries because of what the token says (`search.from_claims`).

    The claim is looked for in the token response, then in the access token. One that is absent, or no plain
    word, gives no parameter.
    """
    known = {**_access_claims(reply), **reply.context}
    found = []
    for name, template in profile.search.from_claims.items():
        (claim,) = _PLACEHOLDER.findall(template)
        value = known.get(claim)
        if isinstance(value, str) and _ID.fullmatch(value):
            found.append((name, template.replace(f"{{{claim}}}", value)))
    return tuple(found)


def _jwks_of_issuer(egress: Egress, issuer: str) -> str:
    if not issuer:
        raise BadReply("bad_id_token")
    found = _get(egress, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    address = found.get("jwks_uri")
    if found.get("issuer") != issuer or not isinstance(address, str):
        raise BadReply("bad_id_token")
    return address


def _get(egress: Egress, url: str) -> dict[str, Any]:
    reply = egress.request(
        "GET", url, headers={"Accept": "application/json"}, max_bytes=MAX_BYTES, redirects="check"
    )
    if reply.status != 200:
        raise failure_of(reply) or BadReply("bad_id_token", status=reply.status)
    return read_object(reply)


def _key(data: dict[str, Any]) -> Key | None:
    """Read one public key for signatures, or None: a shared secret in a public list is no key at all."""
    if data.get("use", "sig") != "sig" or "d" in data:
        return None
    try:
        if data.get("kty") == "RSA":
            rsa = RSAKey.import_key(cast("Any", data))
            return rsa if rsa.raw_value.key_size >= _MIN_RSA_BITS else None
        if data.get("kty") == "EC":
            return ECKey.import_key(cast("Any", data))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None


def _signed_claims(id_token: Secret, keys: Sequence[tuple[str, Key]]) -> dict[str, Any]:
    header = _part(id_token.reveal(), 0)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or _REFUSED_HEADERS & set(header):
        raise BadReply("bad_id_token")
    kind, curve = ALGORITHMS[algorithm]
    kid = header.get("kid")
    for known_as, key in keys:
        fits = key.key_type == kind and (not curve or getattr(key, "curve_name", "") == curve)
        if not fits or (kid is not None and known_as and kid != known_as):
            continue
        try:
            verified = jws.deserialize_compact(id_token.reveal(), key, algorithms=[algorithm])
        except (JoseError, ValueError):
            continue
        return _object(verified.payload)
    raise BadReply("bad_id_token")


def _access_claims(reply: TokenReply) -> dict[str, Any]:
    """Read the claims of a JWT access token; unverified, for it came from its issuer over TLS."""
    try:
        return _part(reply.access_token.reveal(), 1)
    except BadReply:
        return {}


def _part(token: str, number: int) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        raise BadReply("bad_id_token")
    try:
        return _object(urlsafe_b64decode(parts[number].encode("ascii")))
    except ValueError:
        raise BadReply("bad_id_token") from None


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        raise BadReply("bad_id_token") from None
    if not isinstance(value, dict):
        raise BadReply("bad_id_token")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _patient_id(value: object) -> str | None:
    """Return the id in `123`, `Patient/123`, an absolute address of it, or that with a version."""
    if not isinstance(value, str):
        return None
    path, _, _ = value.partition("/_history/")
    before, slash, found = path.rpartition("/")
    if slash and before.rpartition("/")[2] != "Patient":
        return None
    return found if _ID.fullmatch(found) else None
