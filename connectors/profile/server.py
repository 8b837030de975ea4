"""How the vendor's *server* behaves. The sandbox plays it; our client never looks at it.

Kept apart from what the client does, so that a test can tell a client that copes from a client that was told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from connectors.profile.sections import ClientMethod, empty_mapping

UnsupportedAnswer = Literal["404_html", "404_outcome", "400_outcome", "501_outcome"]
RefusedAnswer = Literal["403_empty", "403_outcome", "401_html"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One vendor's server, in named behaviours."""

    # --- where it stands and what it says of itself
    base_path: str = "/fhir"
    content_type: str = "application/fhir+json"
    id_style: Literal["opaque", "short", "prefixed"] = "short"

    # --- authorization
    client_auth: tuple[ClientMethod, ...] = ("public", "client_secret_basic", "client_secret_post")
    aud_check: Literal["exact", "lenient", "none"] = "lenient"
    pkce_required: bool = False
    nonce_required: bool = False
    scopes_granted: Literal["as_asked", "registration"] = "as_asked"
    scope_wildcards: bool = True
    id_token: bool = True
    patient_in_token: bool = True
    # Further members of the token response, such as a practice.
    token_members: Mapping[str, str] = field(default_factory=empty_mapping)
    access_token: Literal["opaque", "jwt"] = "opaque"  # noqa: S105 - a kind, not a token
    access_token_seconds: int = 3600
    # A refresh answers with a refresh token; and with a new one, the old one being dead from then on.
    refresh_returned: bool = True
    refresh_rotates: bool = False
    refresh_needs_scope: bool = False
    # The answer at the redirect address names its issuer (RFC 9207).
    authorization_iss: bool = False

    # --- search
    total: Literal["result", "page", "absent"] = "result"
    page_param: str = "_offset"
    page_expires_seconds: int | None = None
    max_count: int = 1000
    max_counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    # Type -> alternatives, one of which a search must hold in full; "patient+intent" asks for both.
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    missing_parameter_answer: Literal["400_outcome", "403_outcome"] = "400_outcome"
    unsupported_answer: UnsupportedAnswer = "404_outcome"
    refused_answer: RefusedAnswer = "403_outcome"
    # Every page carries an OperationOutcome entry of mode "outcome".
    outcome_entry: bool = False
    # How an attachment points at its Binary.
    attachment_url: Literal["relative", "absolute"] = "relative"
    # Resources carry meta.versionId and meta.lastUpdated.
    meta: bool = True
    # `_lastUpdated` is answered.
    last_updated: bool = True
    everything: bool = False
