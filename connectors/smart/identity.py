"""Who signed in, and whose record it is.

OpenID Connect Core 3.1.3.7 as SMART App Launch 2.2 narrows it. The algorithm comes from our list and the
key from the server's own JWKS, never from the token.
"""

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from connectors.egress import Egress
from connectors.errors import BadReply
from connectors.profile import PatientSource, Profile
from connectors.secret import Secret
from connectors.smart.authorize import accepted_issuers
from connectors.smart.discovery import Server, fetch_openid
from connectors.smart.documents import DocumentCache, fetch_document
from connectors.smart.replies import read_object
from connectors.smart.token_reply import TokenReply

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
_BENEFICIARY: Final = {"Coverage": "beneficiary", "ExplanationOfBenefit": "patient"}

Key = RSAKey | ECKey


def fetch_keys(
    *,
    egress: Egress,
    server: Server,
    issuers: Sequence[str] = (),
    cache: DocumentCache | None = None,
    anew: bool = False,
) -> tuple[tuple[str, Key], ...]:
    """Return (kid, public key) of the pinned server; with `cache`, as long as its headers let them be kept.

    Where discovery names no `jwks_uri`, the openid-configuration of the first of `issuers` (else of the
    discovered one) does, if it is that issuer's. `anew`: asked although a kept answer is fresh. Raises
    `RetryLater`, `EgressRefused`, and `BadReply` where no keys are to be had. Keys that are not public RSA
    or EC keys for signatures are left out.
    """
    address = server.jwks_uri
    if not address:
        issuer = next(iter(issuers), server.issuer)
        if not issuer:
            raise BadReply("bad_id_token")
        try:
            address = fetch_openid(egress=egress, issuer=issuer, cache=cache, anew=anew).jwks_uri
        except BadReply as error:
            raise BadReply("bad_id_token", status=error.status) from None
        if not address:
            raise BadReply("bad_id_token")
    return _keys_at(egress, address, cache, anew=anew)


def read_id_token(
    *,
    egress: Egress,
    id_token: Secret,
    server: Server,
    profile: Profile,
    client_id: str,
    nonce: str | None,
    now: datetime,
    cache: DocumentCache | None = None,
) -> Mapping[str, Any]:
    """Return the verified claims of an id_token, fetching the keys of its issuer.

    An unknown `kid` means that the server changed its keys: they are fetched once more, past the cache. Where
    the profile pins issuers of its own, and the keys that discovery names do not have it either, those of
    the pinned issuers' openid-configuration are tried: some servers sign with what only that names. Raises
    as `fetch_keys` and `verify_id_token` do.
    """
    kid = _part(id_token.reveal(), 0).get("kid")
    pinned = profile.auth.issuers
    keys = fetch_keys(egress=egress, server=server, issuers=pinned, cache=cache)
    if not _knows(keys, kid):
        keys = fetch_keys(egress=egress, server=server, issuers=pinned, cache=cache, anew=True)
    if not _knows(keys, kid) and server.jwks_uri and pinned:
        others = replace(server, jwks_uri="")
        keys = (*keys, *fetch_keys(egress=egress, server=others, issuers=pinned, cache=cache))
    return verify_id_token(
        id_token=id_token,
        keys=keys,
        server=server,
        profile=profile,
        client_id=client_id,
        nonce=nonce,
        now=now,
    )


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
    the profile also names "search" or "coverage", the caller then asks the portal (`patient_search`).
    """
    for source in profile.patient.sources:
        found: str | None = None
        if source == "token":
            found = _patient_id(reply.patient)
        elif source == "fhir_user":
            user = (claims or {}).get("fhirUser") or reply.fhir_user
            found = _patient_id(user) if isinstance(user, str) and "Patient/" in user else None
        elif source == "jwt_claim":
            found = _patient_id(access_claims(access_token=reply.access_token).get(profile.patient.claim))
        if found is not None:
            return found
    return None


def search_parameters(*, reply: TokenReply, profile: Profile) -> tuple[tuple[str, str], ...]:
    """Return the parameters that every search carries because of what the token says (`search.from_claims`).

    The claim is looked for in the token response, then in the access token. One that is absent, or no plain
    word, gives no parameter.
    """
    known = {**access_claims(access_token=reply.access_token), **reply.context}
    found = []
    for name, template in profile.search.from_claims.items():
        (claim,) = _PLACEHOLDER.findall(template)
        value = known.get(claim)
        if isinstance(value, str) and _ID.fullmatch(value):
            found.append((name, template.replace(f"{{{claim}}}", value)))
    return tuple(found)


def patient_in(*, source: PatientSource, resources: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the one patient whom the first page of a search names, for the sources that ask the portal.

    "search": the page of `Patient` that the token shows. "coverage": a page of `Coverage` (or of
    ExplanationOfBenefit) that the token shows, by its beneficiary. `resources`: as parsed JSON. None when
    there is nobody, or more than one: we never choose.
    """
    found: set[str | None] = set()
    for resource in resources:
        kind = resource.get("resourceType")
        if source == "search" and kind == "Patient":
            found.add(_patient_id(resource.get("id")))
        elif source == "coverage" and kind in _BENEFICIARY:
            reference = resource.get(_BENEFICIARY[kind])
            text = reference.get("reference") if isinstance(reference, dict) else None
            found.add(_patient_id(text) if isinstance(text, str) and "Patient/" in text else None)
    return found.pop() if len(found) == 1 else None


def patient_search(*, source: PatientSource) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """Return type and parameters of the search that a source of the patient's id makes, or None for a source
    in the answer itself.

    Two of each are enough to see that there are not two patients; of coverages, a family's first page is.
    """
    return {"search": ("Patient", (("_count", "2"),)), "coverage": ("Coverage", (("_count", "20"),))}.get(
        source
    )


def access_claims(*, access_token: Secret) -> Mapping[str, Any]:
    """Return the claims of a JWT access token, or {} for an opaque one.

    Unverified, and so good for two things alone: our own patient's id, which the token itself limits us to,
    and the decoder that shows an operator what a token says.
    """
    try:
        return _part(access_token.reveal(), 1)
    except BadReply:
        return {}


def _knows(keys: Sequence[tuple[str, Key]], kid: object) -> bool:
    return kid is None or any(known in {"", kid} for known, _ in keys)


def _keys_at(
    egress: Egress, address: str, cache: DocumentCache | None, *, anew: bool
) -> tuple[tuple[str, Key], ...]:
    try:
        document = fetch_document(
            egress=egress, url=address, read=read_object, max_bytes=MAX_BYTES, cache=cache, anew=anew
        )
    except BadReply as error:
        raise BadReply("bad_id_token", status=error.status) from None
    found = document.get("keys")
    if not isinstance(found, list):
        raise BadReply("bad_id_token")
    keys = ((str(data.get("kid", "")), _key(data)) for data in found[:_MAX_KEYS] if isinstance(data, dict))
    return tuple((kid, key) for kid, key in keys if key is not None)


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
    except (JoseError, SecurityWarning, ValueError, TypeError, KeyError):
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
