"""How the vendor's *server* behaves. The sandbox plays it; our client never looks at it.

Kept apart from what the client does, so that a test can tell a client that copes from a client that was told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from connectors.profile.sections import ClientMethod, DynamicRegistration, ExportLevel, Flow, empty_mapping

UnsupportedAnswer = Literal["404_html", "404_outcome", "400_outcome", "500_outcome", "501_outcome"]
RefusedAnswer = Literal["403_empty", "403_outcome", "401_outcome", "401_html", "500_outcome"]
MissingAnswer = Literal["400_outcome", "403_outcome", "404_outcome"]
NotFoundAnswer = Literal["404_outcome", "500_outcome"]
# The words of a scope string that are neither types nor the vendor's own.
SCOPE_WORDS: Final[tuple[str, ...]] = ("openid", "fhirUser", "profile", "launch/patient", "offline_access")


def no_tuples() -> Mapping[str, tuple[str, ...]]:
    """Return a mapping of nothing to lists of words."""
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One vendor's server, in named behaviours. It does no more than was seen, read or documented to work."""

    # --- where it stands and what it says of itself
    base_path: str = "/fhir"
    content_type: str = "application/fhir+json"
    # Media types that a request may ask for; empty takes any, others are answered 406.
    accepts: tuple[str, ...] = ()
    id_style: Literal["opaque", "short", "prefixed"] = "short"
    # The CapabilityStatement names the registration endpoint only to requests with this header.
    register_needs_header: str = ""
    # False: there is no `.well-known/smart-configuration`; the CapabilityStatement alone says where to sign in.
    smart_configuration: bool = True

    # --- authorization
    flows: tuple[Flow, ...] = ("standalone",)
    client_auth: tuple[ClientMethod, ...] = ("public", "client_secret_basic", "client_secret_post")
    signing_algorithms: tuple[Literal["RS384", "ES384"], ...] = ("RS384", "ES384")
    dynamic_registration: DynamicRegistration = "none"
    # "exact": as published; "bare": without a slash at its end; "refused": any `aud` is an error.
    aud_check: Literal["exact", "bare", "lenient", "none", "refused"] = "lenient"
    # "broken": a request with a code challenge is answered with an error.
    pkce: Literal["required", "optional", "broken"] = "optional"
    nonce_required: bool = False
    # Discovery names the staff's authorization endpoint; a patient can sign in at the patients' alone.
    provider_persona: bool = False
    # The answer at the redirect address names its issuer (RFC 9207).
    authorization_iss: bool = False

    # --- scopes
    scopes_granted: Literal["as_asked", "registration"] = "as_asked"
    scope_versions: tuple[Literal["v1", "v2"], ...] = ("v1", "v2")
    # What happens to a scope of another version: the request fails, or the scope is dropped silently.
    scope_version_answer: Literal["invalid_scope", "dropped"] = "invalid_scope"
    # "only": a type by its name is `invalid_scope`.
    scope_wildcards: Literal["accepted", "refused", "only"] = "accepted"
    # Types whose scopes are known (others are `invalid_scope`); empty knows all.
    scope_types: tuple[str, ...] = ()
    scope_words: tuple[str, ...] = SCOPE_WORDS
    # Words without which a request is `invalid_scope`.
    scopes_required: tuple[str, ...] = ()
    # `scopes_supported` names the scopes of types (else words alone; the list need not be complete).
    scopes_listed: bool = True
    # Types that are read under `user/` alone.
    user_scope_types: tuple[str, ...] = ()

    # --- tokens
    id_token: bool = True
    # The `iss` of id_tokens, where it is not the issuer that the SMART configuration names.
    token_issuer: str = ""
    fhir_user: Literal["absolute", "relative"] = "absolute"
    patient_in_token: bool = True
    # Further members of the token response, such as a practice; and claims of a JWT access token, in which
    # "{patient}" stands for the patient's id.
    token_members: Mapping[str, str] = field(default_factory=empty_mapping)
    token_claims: Mapping[str, str] = field(default_factory=empty_mapping)
    access_token: Literal["opaque", "jwt"] = "opaque"  # noqa: S105 - a kind, not a token
    access_token_seconds: int = 3600
    # Whether `offline_access` gets a refresh token; whether a refresh answers with one; and with a new one,
    # the old one being dead from then on.
    refresh_given: bool = True
    # A refresh token comes though nobody asked for `offline_access`.
    refresh_unasked: bool = False
    refresh_returned: bool = True
    refresh_rotates: bool = False
    refresh_scope: Literal["optional", "required", "forbidden"] = "optional"
    refresh_lifetime_days: int | None = None
    refresh_idle_days: int | None = None
    refresh_min_seconds: int | None = None
    form_client_id_required: bool = False
    introspection_auth: Literal["client", "bearer"] = "client"

    # --- search
    search: bool = True
    everything: bool = False
    # Type -> queries of what the patient's chart holds there, one resource each: "category=38717003".
    holds: Mapping[str, tuple[str, ...]] = field(default_factory=no_tuples)
    # Types that are read by their id and never found by a patient's search; and those among them that the
    # CapabilityStatement lists for search all the same.
    not_searched: tuple[str, ...] = ()
    listed_anyway: tuple[str, ...] = ()
    # Types that are refused though they were granted.
    refuses: tuple[str, ...] = ()
    # Type -> queries of it that the registration lacks, though it has the type: answered 400, with an
    # OperationOutcome whose code says nothing ("processing").
    refuses_queries: Mapping[str, tuple[str, ...]] = field(default_factory=no_tuples)
    # Types whose search may not name the patient.
    patient_refused: tuple[str, ...] = ()
    # Provenance comes by `_revinclude` alone, and only where that is asked for.
    provenance_by_revinclude: bool = False
    # Parameters that every search must carry.
    standing: Mapping[str, str] = field(default_factory=empty_mapping)
    # Type -> alternatives, one of which a search must hold in full; "patient+intent" asks for both.
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=no_tuples)
    missing_parameter_answer: MissingAnswer = "400_outcome"
    unsupported_answer: UnsupportedAnswer = "404_outcome"
    refused_answer: RefusedAnswer = "403_outcome"
    # How a resource that is not there is answered when it is read.
    not_found_answer: NotFoundAnswer = "404_outcome"
    # "inflated": more than there is, as if entries had been left out.
    total: Literal["result", "page", "absent", "inflated"] = "result"
    # `_lastUpdated` is answered, for all types or for some.
    last_updated: bool | tuple[str, ...] = True
    # Type -> a parameter of the date of making that the specification does not have.
    created: Mapping[str, str] = field(default_factory=empty_mapping)

    # --- pages
    page_param: str = "_offset"
    page_expires_seconds: int | None = None
    # The vendor's own code in the OperationOutcome that answers a link which has expired.
    page_expired_code: str = ""
    # Entries of every page whatever `_count` asks; and the page after which no further link is given.
    page_size: int | None = None
    last_page: int | None = None
    max_count: int = 1000
    max_counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    # A page without entries may still have a next one.
    empty_pages: bool = False
    # "other": links write the path in other letters, large for small.
    link_case: Literal["same", "other"] = "same"
    # The `self` link names another host.
    foreign_self: bool = False
    # Every page carries an OperationOutcome entry of mode "outcome".
    outcome_entry: bool = False
    # Entries say why they are there (`search.mode`).
    search_mode: bool = True
    # Resources carry meta.versionId and meta.lastUpdated.
    meta: bool = True

    # --- documents, limits, exports
    # How an attachment points at its bytes; "none" writes that word where the address should be.
    attachment_url: Literal["relative", "absolute", "none"] = "relative"
    # The address of an attachment differs in every answer.
    signed_attachment_urls: bool = False
    documents_per_day: int | None = None
    requests_per_minute: int | None = None
    rate_limit_answer: Literal["retry_after", "reset_header", "bare"] = "retry_after"
    bulk_levels: tuple[ExportLevel, ...] = ()
