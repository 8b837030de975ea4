"""The sections of a profile that say what *our client* does: one frozen dataclass a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

# The types that US Core 3.1.1 to 7.0.0 let a patient's app read; Binary and the supporting types follow from
# references, and a portal that does not list one simply does not grant it.
US_CORE_RESOURCES: Final[tuple[str, ...]] = (
    "AllergyIntolerance",
    "Binary",
    "CarePlan",
    "CareTeam",
    "Condition",
    "Coverage",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Goal",
    "Immunization",
    "Location",
    "Medication",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "QuestionnaireResponse",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
)

# What else of the patient compartment (FHIR R4) a record may hold. To name a type that a server does not know
# can cost the whole request (`invalid_scope`), so these are asked for only where its discovery document lists
# them.
FURTHER_RESOURCES: Final[tuple[str, ...]] = (
    "Account",
    "AdverseEvent",
    "Appointment",
    "BodyStructure",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "Communication",
    "Composition",
    "Consent",
    "DetectedIssue",
    "DeviceRequest",
    "DeviceUseStatement",
    "EpisodeOfCare",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "ImagingStudy",
    "ImmunizationRecommendation",
    "List",
    "Media",
    "MedicationAdministration",
    "MedicationStatement",
    "NutritionOrder",
    "RiskAssessment",
    "SupplyDelivery",
    "VisionPrescription",
)

ClientMethod = Literal["public", "client_secret_basic", "client_secret_post", "private_key_jwt"]
# Who begins: the person here, a portal's page, staff here who choose a patient there, or nobody (a key alone).
Flow = Literal["standalone", "ehr", "provider", "backend"]
PatientSource = Literal["token", "fhir_user", "jwt_claim", "search", "coverage"]
ExportLevel = Literal["system", "patient", "group"]
DynamicRegistration = Literal["none", "rfc7591", "software_id"]
Meaning = Literal["refused", "unsupported", "retry", "reauthorize"]


def empty_mapping() -> Mapping[str, str]:
    """Return a mapping without entries that nobody can add to."""
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fhir:
    """How FHIR requests look."""

    version: Literal["R4"] = "R4"
    accept: str = "application/fhir+json"
    # Sent with every request; "{client_id}" stands for our client id there.
    headers: Mapping[str, str] = field(default_factory=empty_mapping)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How a person and a client sign in."""

    # A set, written in the order in which we prefer them: key, secret in a header, secret in the form, none.
    clients: tuple[ClientMethod, ...]
    flows: tuple[Flow, ...] = ("standalone",)
    pkce: Literal["send", "off"] = "send"
    aud: Literal["send", "omit", "strip_slash"] = "send"
    # Issuers that an id_token may name. Empty: the discovered one alone.
    issuers: tuple[str, ...] = ()
    # Pieces of the discovered authorization endpoint to be replaced: it may be that of another kind of user.
    authorize_rewrite: Mapping[str, str] = field(default_factory=empty_mapping)
    send_scope_on_refresh: bool = False
    # `client_id` stands in the form beside the proof of a confidential client.
    client_id_in_form: bool = False
    # What introspection is asked with: the client's own proof, or an access token.
    introspection: Literal["client", "bearer"] = "client"
    dynamic_registration: DynamicRegistration = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """What is asked for."""

    version: Literal["v1", "v2"]
    style: Literal["wildcard", "enumerated"]
    resources: tuple[str, ...] = US_CORE_RESOURCES
    # Types asked for only where the discovery document lists a scope for them.
    when_listed: tuple[str, ...] = FURTHER_RESOURCES
    launch_patient: bool = True
    identity: tuple[str, ...] = ("openid", "fhirUser")
    offline: Literal["offline_access", ""] = "offline_access"
    # Further scopes in the vendor's words, sent as they stand.
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Where the id of the patient comes from: the first source that has it."""

    sources: tuple[PatientSource, ...] = ("token", "fhir_user")
    # The claim of the access token that holds the id, for the source "jwt_claim".
    claim: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How long a grant lives."""

    style: Literal["rotating", "fixed", "none"]
    # Days after consent at which it ends whatever we do, and days without a refresh after which it ends.
    lifetime_days: int | None = None
    idle_days: int | None = None
    # A refresh sooner than this after the last one is refused.
    min_interval_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How searches differ from the default plan."""

    # `Patient/id/$everything` in place of searches by type.
    everything: bool = False
    # Type -> the queries made in place of the default ones ("" searches by patient alone).
    queries: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    # Types whose search must not name the patient: the token alone says who it is.
    without_patient: tuple[str, ...] = ()
    # Parameter -> template with one claim of the token response or access token in braces.
    from_claims: Mapping[str, str] = field(default_factory=empty_mapping)
    count: int = 100
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    # Types that answer `_lastUpdated`.
    last_updated: tuple[str, ...] = ()
    # Type -> parameter of the date of making, for servers without `_lastUpdated`, beside those of the
    # specification.
    created: Mapping[str, str] = field(default_factory=empty_mapping)
    # What `Bundle.total` means: all of the result, or nothing that can be counted on.
    total: Literal["result", "untrusted"] = "result"
    skip: tuple[str, ...] = ()
    revinclude_provenance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How the next page is reached. The link is always followed as it was given."""

    # The link dies after a while, so a crawl that pauses begins its query again.
    expires: bool = False
    # Links write the path of the base in other letters, large for small.
    ignore_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """What one kind of refusal means here; the first rule that fits decides."""

    status: int
    meaning: Meaning
    resource_type: str | None = None
    issue_code: str | None = None
    # "html": only where a web page came instead of an OperationOutcome.
    body: Literal["any", "html"] = "any"
    # Only for searches ("$everything" among them), or only for reading one resource by its id.
    kind: Literal["any", "search", "read"] = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How politely we ask."""

    connections: int = 4
    requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What the canonical digest leaves out."""

    # JSON paths with `[]` for "each", below the resource: "content[].attachment.url".
    volatile: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """How documents are fetched."""

    # Hosts besides the portal's own that may be given the access token.
    hosts: tuple[str, ...] = ()
    # "native": ask for the bytes themselves; "fhir_json": ask for a Binary resource.
    accept: Literal["native", "fhir_json"] = "native"
    daily_limit: int | None = None
    # What stands in an attachment's `url` where there is none.
    not_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Bulk Data export (Backend Services)."""

    # The kinds of `$export` that are offered; where several are, the narrowest is taken.
    levels: tuple[ExportLevel, ...] = ()
