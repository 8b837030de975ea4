import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.egress import Egress
from connectors.profile import Profile, Scopes
from connectors.registry import load_registry
from connectors.smart.discovery import discover
from connectors.smart.examine import Finding, examine
from connectors.smart.server import OpenId, Server
from tests.connectors.smart.portal import Portal

SERVER = Server(
    issuer="https://as.example",
    authorization_endpoint="https://as.example/authorize",
    token_endpoint="https://as.example/token",
    revocation_endpoint="https://as.example/revoke",
    jwks_uri="https://as.example/keys",
    capabilities=("launch-standalone", "client-public", "sso-openid-connect", "permission-offline"),
    grant_types=("authorization_code", "refresh_token"),
    code_challenge_methods=("S256",),
    auth_methods=("client_secret_basic", "private_key_jwt"),
    scopes_supported=("launch/patient", "openid", "fhirUser", "offline_access", "patient/Goal.rs"),
)
OPENID = OpenId(issuer="https://as.example")


@dataclass(frozen=True)
class Type:
    search_parameters: frozenset[str] = frozenset()
    revincludes: frozenset[str] = frozenset()
    searchable: bool = True


@dataclass(frozen=True)
class Statement:
    fhir_version: str = "4.0.1"
    is_r4: bool = True
    operations: frozenset[str] = frozenset()
    resources: dict[str, Type] = field(default_factory=dict)


@pytest.fixture
def calm(generic: Profile) -> Profile:
    """A profile of which the server above says nothing else."""
    return replace(
        generic,
        auth=replace(generic.auth, clients=("private_key_jwt", "client_secret_basic", "public")),
        scopes=Scopes(version="v2", style="enumerated", resources=("Goal",), when_listed=()),
        search=replace(generic.search, last_updated=(), skip=()),
    )


def found(
    profile: Profile,
    server: Server = SERVER,
    openid: OpenId | None = OPENID,
    capability: Statement | None = None,
) -> dict[str, Finding]:
    findings = examine(server=server, openid=openid, capability=capability, profile=profile)
    assert len({finding.field for finding in findings}) == len(findings), findings
    return {finding.field: finding for finding in findings}


def with_auth(profile: Profile, **changes: Any) -> Profile:
    return replace(profile, auth=replace(profile.auth, **changes))


def with_scopes(profile: Profile, **changes: Any) -> Profile:
    return replace(profile, scopes=replace(profile.scopes, **changes))


def test_where_server_and_profile_agree_there_is_nothing_to_say(calm: Profile) -> None:
    assert found(calm) == {}
    assert found(calm, capability=Statement(resources={"Goal": Type()})) == {}


@pytest.mark.parametrize(
    ("profile", "server", "key", "severity", "change"),
    [
        pytest.param(
            {"clients": ("client_secret_post",)},
            {"capabilities": ("launch-standalone",)},
            "auth.clients",
            "stops_connecting",
            {"auth": {"clients": ["private_key_jwt", "client_secret_basic"]}},
            id="no_way_to_prove_ourselves",
        ),
        pytest.param(
            {"clients": ("public", "client_secret_post")},
            {},
            "auth.clients",
            "differs",
            {"auth": {"clients": ["public", "private_key_jwt", "client_secret_basic"]}},
            id="other_ways",
        ),
        pytest.param(
            {"clients": ("private_key_jwt",)},
            {"signing_algorithms": ("RS256",), "auth_methods": ("private_key_jwt",), "capabilities": ()},
            "auth.clients",
            "stops_connecting",
            None,
            id="no_algorithm_of_ours",
        ),
        pytest.param(
            {"flows": ("standalone", "ehr")},
            {},
            "auth.flows",
            "differs",
            {"auth": {"flows": ["standalone"]}},
            id="a_flow_that_is_not_offered",
        ),
        pytest.param(
            {},
            {"grant_types": ("authorization_code", "refresh_token", "client_credentials")},
            "auth.flows",
            "note",
            {"auth": {"flows": ["standalone", "backend"]}},
            id="a_flow_that_is_not_used",
        ),
        pytest.param(
            {"pkce": "off", "clients": ("private_key_jwt", "client_secret_basic", "public")},
            {},
            "auth.pkce",
            "differs",
            {"auth": {"pkce": "send"}},
            id="pkce_after_all",
        ),
        pytest.param({}, {"code_challenge_methods": ("plain",)}, "auth.pkce", "note", None, id="plain"),
        pytest.param(
            {"authorize_rewrite": {"/provider/": "/patient/"}},
            {},
            "auth.authorize_rewrite",
            "note",
            None,
            id="nothing_to_replace",
        ),
        pytest.param({}, {"left_out": ("revocation_endpoint",)}, "server", "note", None, id="third_server"),
        pytest.param({}, {"revocation_endpoint": ""}, "server", "note", None, id="no_revocation"),
        pytest.param(
            {},
            {"issuer": ""},
            "auth.issuers",
            "differs",
            {"auth": {"issuers": ["https://as.example"]}},
            id="no_issuer",
        ),
        pytest.param(
            {"dynamic_registration": "rfc7591"},
            {},
            "auth.dynamic_registration",
            "differs",
            {"auth": {"dynamic_registration": "none"}},
            id="no_registration",
        ),
        pytest.param(
            {},
            {"registration_endpoint": "https://as.example/r"},
            "auth.dynamic_registration",
            "note",
            {"auth": {"dynamic_registration": "rfc7591"}},
            id="registration",
        ),
        pytest.param(
            {},
            {"grant_types": ("authorization_code",)},
            "refresh.style",
            "note",
            None,
            id="no_refresh_listed",
        ),
    ],
)
def test_each_difference_is_named_with_the_line_that_mends_it(  # noqa: PLR0917 - a table of cases
    calm: Profile,
    profile: dict[str, Any],
    server: dict[str, Any],
    key: str,
    severity: str,
    change: dict[str, Any] | None,
) -> None:
    (finding,) = found(with_auth(calm, **profile), replace(SERVER, **server)).values()

    assert (finding.field, finding.severity) == (key, severity)
    assert finding.sentence.endswith(".")
    if change is not None:
        assert tomllib.loads(finding.change) == change


@pytest.mark.parametrize(
    ("profile", "listed", "key", "severity", "change"),
    [
        ({}, ("patient/Goal.read",), "scopes.version", "differs", {"scopes": {"version": "v1"}}),
        (
            {"style": "wildcard"},
            ("patient/Goal.rs",),
            "scopes.style",
            "differs",
            {"scopes": {"style": "enumerated"}},
        ),
        ({"resources": ("Goal", "Device")}, ("patient/Goal.rs",), "scopes.resources", "note", None),
        (
            {},
            ("patient/Goal.rs", "patient/Slot.rs"),
            "scopes.resources",
            "note",
            {"scopes": {"resources": ["Goal", "Slot"]}},
        ),
        ({"extra": ("a-word",)}, ("openid", "launch/patient"), "scopes.extra", "differs", None),
        (
            {"identity": ("openid", "fhirUser", "profile")},
            ("openid", "launch/patient"),
            "scopes.identity",
            "differs",
            None,
        ),
        (
            {"offline": ""},
            ("offline_access", "launch/patient"),
            "scopes.offline",
            "note",
            {"scopes": {"offline": "offline_access"}},
        ),
        ({}, ("openid",), "scopes.launch_patient", "differs", None),
    ],
)
def test_each_difference_in_scopes_is_named(  # noqa: PLR0917 - a table of cases
    calm: Profile,
    profile: dict[str, Any],
    listed: tuple[str, ...],
    key: str,
    severity: str,
    change: dict[str, Any] | None,
) -> None:
    (finding,) = found(with_scopes(calm, **profile), replace(SERVER, scopes_supported=listed)).values()

    assert (finding.field, finding.severity) == (key, severity)
    if change is not None:
        assert tomllib.loads(finding.change) == change


def test_a_server_that_lists_nothing_is_not_held_to_it(calm: Profile) -> None:
    quiet = replace(
        SERVER,
        capabilities=(),
        grant_types=(),
        code_challenge_methods=(),
        auth_methods=(),
        scopes_supported=(),
    )

    assert found(calm, quiet) == {}


@pytest.mark.parametrize("pinned", [(), ("https://yet-another.example",)])
def test_identities_under_another_issuer_stop_connecting(calm: Profile, pinned: tuple[str, ...]) -> None:
    (finding,) = found(
        with_auth(calm, issuers=pinned), openid=OpenId(issuer="https://openid.example")
    ).values()

    assert finding.severity == "stops_connecting"
    assert tomllib.loads(finding.change) == {"auth": {"issuers": [*pinned, "https://openid.example"]}}


def test_an_issuer_matters_to_who_asks_for_an_identity_alone(calm: Profile) -> None:
    quiet = with_scopes(calm, identity=())

    assert found(quiet, openid=OpenId(issuer="https://openid.example")) == {}
    assert found(calm, replace(SERVER, issuer=""), openid=None)["auth.issuers"].severity == "note"
    assert found(calm, replace(SERVER, jwks_uri=""), openid=None)["auth.issuers"].severity == "differs"


def one(resources: Iterable[str], **facts: Any) -> Statement:
    return Statement(resources={name: Type(**facts) for name in resources})


@pytest.mark.parametrize(
    ("search", "capability", "key", "severity", "change"),
    [
        ({}, Statement(fhir_version="1.0.2", is_r4=False), "fhir.version", "stops_connecting", None),
        (
            {"everything": True},
            one(["Goal"]),
            "search.everything",
            "differs",
            {"search": {"everything": False}},
        ),
        (
            {},
            replace(one(["Goal"]), operations=frozenset({"Patient/everything"})),
            "search.everything",
            "note",
            {"search": {"everything": True}},
        ),
        ({}, replace(one(["Goal"]), operations=frozenset({"Group/export"})), "bulk.levels", "note", None),
        (
            {"last_updated": ("Goal",)},
            one(["Goal"]),
            "search.last_updated",
            "differs",
            {"search": {"last_updated": []}},
        ),
        (
            {},
            one(["Goal"], search_parameters=frozenset({"_lastUpdated"})),
            "search.last_updated",
            "note",
            {"search": {"last_updated": ["Goal"]}},
        ),
        ({"revinclude_provenance": True}, one(["Goal"]), "search.revinclude_provenance", "note", None),
        ({}, one(["Goal"], searchable=False), "search.skip", "note", {"search": {"skip": ["Goal"]}}),
    ],
)
def test_each_difference_in_what_is_served_is_named(  # noqa: PLR0917 - a table of cases
    calm: Profile,
    search: dict[str, Any],
    capability: Statement,
    key: str,
    severity: str,
    change: dict[str, Any] | None,
) -> None:
    profile = replace(calm, search=replace(calm.search, **search))

    (finding,) = found(profile, capability=capability).values()

    assert (finding.field, finding.severity) == (key, severity)
    if change is not None:
        assert tomllib.loads(finding.change) == change


def test_the_worst_comes_first(calm: Profile) -> None:
    server = replace(SERVER, revocation_endpoint="", scopes_supported=("patient/Goal.read",))

    findings = examine(
        server=server, openid=OpenId(issuer="https://other.example"), capability=None, profile=calm
    )

    assert [finding.severity for finding in findings] == ["stops_connecting", "differs", "note"]


def test_a_name_that_could_break_out_of_toml_is_not_proposed(calm: Profile) -> None:
    hostile = OpenId(issuer='https://x.example"]\n[auth]\nclients = ["public')

    (finding,) = found(calm, openid=hostile).values()

    assert tomllib.loads(finding.change) == {"auth": {"issuers": []}}


# ---- real documents

RECORDED = {
    "athenahealth": "athenahealth",
    "epic": "epic-fhir-r4",
    "oracle_health": "cerner",
}


@pytest.mark.corpus
@pytest.mark.parametrize("vendor", sorted(RECORDED))
def test_nothing_in_a_recorded_document_stops_its_vendors_profile(
    portal: Portal, egress: Egress, corpus: Path, vendor: str
) -> None:
    document = corpus / "smart-configuration" / f"{RECORDED[vendor]}-smart-configuration.json"
    portal.says("/r4/.well-known/smart-configuration", json.loads(document.read_text()))
    profile = load_registry()[vendor]

    server = discover(egress=egress, base_url=f"{portal.base_url}/r4", profile=profile)
    findings = examine(server=server, openid=None, capability=None, profile=profile)

    assert not [finding for finding in findings if finding.severity == "stops_connecting"]
