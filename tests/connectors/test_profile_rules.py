"""What cannot be true together does not load: every rule, with the file, the key and a reason."""

import copy
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ProfileError
from connectors.profile import Profile, load_profile

LEAST: dict[str, Any] = {
    "name": "Acme",
    "status": "documented",
    "documentation": ["https://acme.example/docs"],
    "auth": {"clients": ["client_secret_basic", "public"]},
    "scopes": {"version": "v2", "style": "enumerated"},
    "refresh": {"style": "rotating"},
}


def load(folder: Path, **changes: Any) -> Profile:
    """Load the least profile with changes: `auth__pkce="off"` is the key `auth.pkce`."""
    table = copy.deepcopy(LEAST)
    for name, value in changes.items():
        *sections, key = name.split("__")
        held = table
        for section in sections:
            held = held.setdefault(section, {})
        held[key] = value
    path = folder / f"{changes.get('file', 'acme')}.toml"
    text = f"id = {_toml(table.pop('id', 'acme'))}\nchecked_on = 2026-08-31\n" + "".join(
        f"{key} = {_toml(value)}\n" for key, value in table.items() if key != "file"
    )
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(name)} = {_toml(held)}' for name, held in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(held) for held in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


IMPOSSIBLE: list[tuple[str, str, dict[str, Any]]] = [
    # --- what it is
    ("id_with_a_sign", "id", {"id": "Acme!"}),
    ("id_is_not_the_file_name", "id", {"id": "other"}),
    ("blank_name", "name", {"name": " "}),
    ("no_page", "documentation", {"documentation": []}),
    ("page_without_tls", "documentation", {"documentation": ["http://acme.example/docs"]}),
    ("page_of_no_host", "documentation", {"documentation": ["https://"]}),
    # --- requests
    ("our_bearer", "fhir.headers.Authorization", {"fhir__headers": {"Authorization": "Bearer x"}}),
    ("header_with_a_blank", "fhir.headers.X Y", {"fhir__headers": {"X Y": "1"}}),
    ("header_of_something_else", "fhir.headers.X-Id", {"fhir__headers": {"X-Id": "{client_secret}"}}),
    ("header_with_a_line_end", "fhir.headers.X-Id", {"fhir__headers": {"X-Id": "1\\r\\nX: 2"}}),
    ("accept_with_a_line_end", "fhir.accept", {"fhir__accept": "application/json\\r\\nX: 2"}),
    ("accepts_nothing", "fhir.accept", {"fhir__accept": " "}),
    # --- signing in
    ("no_client", "auth.clients", {"auth__clients": []}),
    ("client_twice", "auth.clients", {"auth__clients": ["public", "public"]}),
    ("public_preferred_to_a_secret", "auth.clients", {"auth__clients": ["public", "client_secret_basic"]}),
    ("public_without_pkce", "auth.pkce", {"auth__pkce": "off"}),
    ("issuer_without_tls", "auth.issuers", {"auth__issuers": ["http://login.acme.example"]}),
    ("issuer_twice", "auth.issuers", {"auth__issuers": ["https://login.acme.example"] * 2}),
    ("rewrites_nothing", "auth.authorize_rewrite", {"auth__authorize_rewrite": {"": "patient"}}),
    ("rewrites_to_nothing", "auth.authorize_rewrite", {"auth__authorize_rewrite": {"staff": ""}}),
    *(
        (f"rewrites_{number}", "auth.authorize_rewrite", {"auth__authorize_rewrite": {old: new}})
        for number, (old, new) in enumerate(
            [
                ("https://", "http://"),
                ("/staff/", "@evil.example/"),
                ("/staff/", "//evil.example/"),
                ("/staff/", "/../patients/"),
                ("/staff/", "/pat\\nients/"),
                ("/staff/", "/patients?x="),
                ("example/", "example:8443/"),
            ]
        )
    ),
    ("rewrites_to_itself", "auth.authorize_rewrite", {"auth__authorize_rewrite": {"staff": "staff"}}),
    (
        "registers_a_key_that_it_has_not",
        "auth.dynamic_registration",
        {"auth__dynamic_registration": "software_id"},
    ),
    # --- flows
    ("no_flow", "auth.flows", {"auth__flows": []}),
    ("flow_twice", "auth.flows", {"auth__flows": ["standalone", "standalone"]}),
    (
        "system_without_proof",
        "auth.flows",
        {"auth__clients": ["public"], "auth__flows": ["standalone", "backend"], "bulk__levels": ["group"]},
    ),
    ("system_that_exports_nothing", "bulk.levels", {"auth__flows": ["standalone", "backend"]}),
    ("export_that_nobody_may_ask", "bulk.levels", {"bulk__levels": ["group"]}),
    (
        "export_twice",
        "bulk.levels",
        {"auth__flows": ["standalone", "backend"], "bulk__levels": ["group", "group"]},
    ),
    (
        "launch_that_says_no_patient",
        "patient.sources",
        {"auth__flows": ["standalone", "ehr"], "patient__sources": ["fhir_user"]},
    ),
    (
        "staff_without_a_picker",
        "scopes.launch_patient",
        {"auth__flows": ["standalone", "provider"], "scopes__launch_patient": False},
    ),
    # --- scopes
    ("nothing_asked", "scopes.resources", {"scopes__resources": []}),
    ("no_type_asked", "scopes.resources", {"scopes__resources": ["patient"]}),
    ("type_asked_twice", "scopes.resources", {"scopes__resources": ["Patient", "Patient"]}),
    ("no_type_when_listed", "scopes.when_listed", {"scopes__when_listed": ["*"]}),
    (
        "types_beside_a_wildcard",
        "scopes.resources",
        {"scopes__style": "wildcard", "scopes__resources": ["Patient"]},
    ),
    ("scope_with_a_blank", "scopes", {"scopes__extra": ["a b"]}),
    ("empty_scope", "scopes", {"scopes__identity": [""]}),
    ("offline_without_refresh", "scopes.offline", {"refresh__style": "none"}),
    # --- the patient
    ("nobody_knows_the_patient", "patient.sources", {"patient__sources": []}),
    ("source_twice", "patient.sources", {"patient__sources": ["token", "token"]}),
    ("no_name_of_the_claim", "patient.claim", {"patient__sources": ["jwt_claim"]}),
    ("claim_never_looked_at", "patient.claim", {"patient__claim": "sub"}),
    (
        "identity_not_asked_for",
        "patient.sources",
        {"patient__sources": ["fhir_user"], "scopes__identity": ["openid"]},
    ),
    (
        "coverage_not_asked_for",
        "patient.sources",
        {"patient__sources": ["token", "coverage"], "scopes__resources": ["Patient"]},
    ),
    # --- refresh
    (
        "a_life_for_no_grant",
        "refresh",
        {"refresh__style": "none", "scopes__offline": "", "refresh__idle_days": 3},
    ),
    (
        "an_interval_for_no_grant",
        "refresh",
        {"refresh__style": "none", "scopes__offline": "", "refresh__min_interval_seconds": 60},
    ),
    # --- searches
    ("no_type_searched", "search.queries", {"search__queries": {"goal": [""]}}),
    ("no_query", "search.queries.Goal", {"search__queries": {"Goal": []}}),
    ("query_twice", "search.queries.Goal", {"search__queries": {"Goal": ["status=a", "status=a"]}}),
    ("query_without_a_name", "search.queries.Goal", {"search__queries": {"Goal": ["=active"]}}),
    ("query_without_a_value", "search.queries.Goal", {"search__queries": {"Goal": ["active"]}}),
    ("query_with_a_blank", "search.queries.Goal", {"search__queries": {"Goal": ["status=a b"]}}),
    ("hole_for_nothing", "search.queries.Goal", {"search__queries": {"Goal": ["date=ge{birthday}"]}}),
    ("skipped_and_searched", "search.skip", {"search__skip": ["Goal"], "search__queries": {"Goal": [""]}}),
    (
        "skipped_and_dated",
        "search.skip",
        {"search__skip": ["Goal"], "search__created": {"Goal": "start-date"}},
    ),
    (
        "skipped_and_without_patient",
        "search.skip",
        {"search__skip": ["Goal"], "search__without_patient": ["Goal"]},
    ),
    (
        "two_dates",
        "search.created.Observation",
        {"search__last_updated": ["Observation"], "search__created": {"Observation": "issued"}},
    ),
    ("no_parameter", "search.created.Goal", {"search__created": {"Goal": "start date"}}),
    ("no_type_without_patient", "search.without_patient", {"search__without_patient": ["*"]}),
    ("no_claim_in_braces", "search.from_claims.org", {"search__from_claims": {"org": "constant"}}),
    ("two_claims_in_braces", "search.from_claims.org", {"search__from_claims": {"org": "{a}/{b}"}}),
    ("pages_of_nothing", "search.count", {"search__count": 0}),
    ("no_entries", "search.counts.Goal", {"search__counts": {"Goal": 0}}),
    *(
        (
            f"everything_and_{key}",
            f"search.{key}",
            {"search__everything": True, f"search__{key}": value},
        )
        for key, value in (
            ("queries", {"Goal": [""]}),
            ("without_patient", ["Goal"]),
            ("counts", {"Goal": 10}),
            ("last_updated", ["Goal"]),
            ("created", {"Goal": "start-date"}),
            ("skip", ["Goal"]),
            ("revinclude_provenance", True),
        )
    ),
    # --- answers and documents
    ("no_error", "errors.status", {"errors": [{"status": 200, "meaning": "retry"}]}),
    (
        "no_type_refused",
        "errors.resource_type",
        {"errors": [{"status": 400, "resource_type": "all", "meaning": "refused"}]},
    ),
    (
        "rule_that_never_decides",
        "errors",
        {"errors": [{"status": 500, "meaning": "refused"}, {"status": 500, "meaning": "retry"}]},
    ),
    ("host_with_a_port", "attachments.hosts", {"attachments__hosts": ["files.acme.example:8443"]}),
    ("address_for_a_host", "attachments.hosts", {"attachments__hosts": ["https://files.acme.example"]}),
    ("blank_is_no_address", "attachments.not_urls", {"attachments__not_urls": [""]}),
    ("no_path", "store.volatile", {"store__volatile": ["content[0].attachment"]}),
    ("no_documents_a_day", "attachments.daily_limit", {"attachments__daily_limit": 0}),
    ("too_many_connections", "limits.connections", {"limits__connections": 6}),
    ("no_connection", "limits.connections", {"limits__connections": 0}),
    ("no_request_a_minute", "limits.requests_per_minute", {"limits__requests_per_minute": 0}),
    ("negative_interval", "refresh.min_interval_seconds", {"refresh__min_interval_seconds": -1}),
    ("ends_before_it_begins", "refresh.lifetime_days", {"refresh__lifetime_days": 0}),
    ("ends_at_once", "refresh.idle_days", {"refresh__idle_days": 0}),
    # --- addresses and the guide
    ("pattern_without_tls", "addresses.patterns", {"addresses__patterns": ["http://acme.example/{a}"]}),
    ("brace_without_a_partner", "addresses.patterns", {"addresses__patterns": ["https://acme.example/{a"]}),
    ("hole_without_a_name", "addresses.patterns", {"addresses__patterns": ["https://acme.example/{}"]}),
    ("pattern_that_fits_all", "addresses.patterns", {"addresses__patterns": ["https://{host}/{path*}"]}),
    ("pattern_with_a_slash", "addresses.patterns", {"addresses__patterns": ["https://acme.example/r4/"]}),
    ("pattern_with_a_query", "addresses.patterns", {"addresses__patterns": ["https://acme.example/?a=1"]}),
    ("replaced_by_no_pattern", "addresses.replaced", {"addresses__replaced": ["acme.example"]}),
    ("staff_at_no_pattern", "addresses.staff", {"addresses__staff": {"acme.example": ""}}),
    (
        "patients_at_no_pattern",
        "addresses.staff",
        {"addresses__staff": {"https://staff.acme.example/{a}": "acme.example"}},
    ),
    ("list_of_any_name", "addresses.lists", {"addresses__lists": [""]}),
    ("sandbox_of_a_pattern", "addresses.sandbox", {"addresses__sandbox": "https://acme.example/{a}"}),
    ("registration_by_letter", "guide.registration_url", {"guide__registration_url": "see the letter"}),
    ("list_without_tls", "guide.endpoint_list", {"guide__endpoint_list": "http://acme.example/list"}),
    ("format_of_no_list", "guide.endpoint_format", {"guide__endpoint_format": "csv"}),
    ("blank_step", "guide", {"guide__steps": [" "]}),
    (
        "log_in_without_password",
        "guide.test_logins",
        {"guide__test_logins": [{"username": "a", "password": ""}]},
    ),
    # --- the server
    ("no_base_path", "server.base_path", {"server__base_path": "fhir/"}),
    ("registers_nobody", "server.register_needs_header", {"server__register_needs_header": "X-Id"}),
    ("code_of_no_expiry", "server.page_expired_code", {"server__page_expired_code": "4113"}),
    ("nothing_to_be_had", "server.search", {"server__search": False}),
    ("no_way_to_prove", "server.client_auth", {"server__client_auth": []}),
    ("no_flow_there", "server.flows", {"server__flows": []}),
    ("no_scopes_there", "server.scope_versions", {"server__scope_versions": []}),
    ("algorithm_twice", "server.signing_algorithms", {"server__signing_algorithms": ["RS384", "RS384"]}),
    ("no_common_method", "auth.clients", {"server__client_auth": ["private_key_jwt"]}),
    ("no_common_flow", "auth.flows", {"server__flows": ["ehr"]}),
    (
        "pkce_off_where_it_is_required",
        "auth.pkce",
        {"auth__clients": ["client_secret_basic"], "auth__pkce": "off", "server__pkce": "required"},
    ),
    (
        "pkce_breaks_all_it_has",
        "server.pkce",
        {"server__pkce": "broken", "server__client_auth": ["public"]},
    ),
    ("issuer_that_is_none", "server.token_issuer", {"server__token_issuer": "login"}),
    ("claims_of_no_jwt", "server.token_claims", {"server__token_claims": {"sub": "{patient}"}}),
    (
        "staffs_type_unknown",
        "server.user_scope_types",
        {"server__scope_types": ["Patient"], "server__user_scope_types": ["Location"]},
    ),
    (
        "rotation_unseen",
        "server.refresh_rotates",
        {"server__refresh_rotates": True, "server__refresh_returned": False},
    ),
    (
        "given_unasked_and_never",
        "server.refresh_given",
        {"server__refresh_given": False, "server__refresh_unasked": True},
    ),
    ("requires_for_no_type", "server.requires", {"server__requires": {"all": ["patient"]}}),
    ("refuses_no_type", "server.refuses", {"server__refuses": ["all"]}),
    ("refuses_twice", "server.refuses", {"server__refuses": ["Goal", "Goal"]}),
    ("listed_anyway_and_found", "server.listed_anyway", {"server__listed_anyway": ["Goal"]}),
    ("holds_no_query", "server.holds.Goal", {"server__holds": {"Goal": ["active"]}}),
    (
        "refuses_no_query",
        "server.refuses_queries.Goal",
        {"server__refuses_queries": {"Goal": ["active"]}},
    ),
    ("dates_no_type", "server.created", {"server__created": {"all": "issued"}}),
    ("updates_no_type", "server.last_updated", {"server__last_updated": ["all"]}),
    ("caps_no_type", "server.max_counts", {"server__max_counts": {"all": 10}}),
    ("no_entry_a_page", "server.page_size", {"server__page_size": 0}),
    ("no_page_at_all", "server.last_page", {"server__last_page": 0}),
    ("token_that_is_dead", "server.access_token_seconds", {"server__access_token_seconds": 0}),
]


def test_the_least_loads(tmp_path: Path) -> None:
    assert load(tmp_path).id == "acme"


@pytest.mark.parametrize(
    ("key", "changes"), [row[1:] for row in IMPOSSIBLE], ids=[row[0] for row in IMPOSSIBLE]
)
def test_it_refuses_what_cannot_be_so(tmp_path: Path, key: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ProfileError) as caught:
        load(tmp_path, **changes)

    assert (caught.value.file, caught.value.key) == ("acme.toml", key)
    assert len(caught.value.reason.split()) > 1


@pytest.mark.parametrize(
    "changes",
    [
        {"auth__flows": ["standalone", "backend"], "bulk__levels": ["patient", "group"]},
        {"auth__flows": ["standalone", "ehr", "provider"]},
        {"scopes__style": "wildcard"},
        {"patient__sources": ["token", "coverage"]},
        {"search__queries": {"Goal": ["", "status=active&date=ge{years_ago:10}"]}},
        {"search__everything": True, "search__from_claims": {"practice": "Organization/{practice}"}},
        {"fhir__headers": {"X-Id": "{client_id}"}},
        {"addresses__patterns": ["https://{host}/acme/{path*}", "https://fhir.acme.example"]},
        {
            "errors": [
                {"status": 500, "meaning": "refused", "kind": "search"},
                {"status": 500, "meaning": "retry"},
            ]
        },
        {"server__refresh_rotates": True, "server__refresh_unasked": True},
    ],
)
def test_it_takes_what_can_be_so(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert load(tmp_path, **changes).id == "acme"
