"""Documents that a vendor's server was seen to serve stand in the place of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from connectors.sandbox import Captured
from tests.connectors.sandbox.browser import App, send
from tests.connectors.sandbox.conftest import OpenPortal
from tests.connectors.sandbox.test_fhir import EVERY, Reader

SMART = {
    "issuer": "https://vendor.example/oauth",
    "authorization_endpoint": "https://vendor.example/tenants/7/personas/patient/authorize",
    "token_endpoint": "https://vendor.example/tenants/7/token",
    "management_endpoint": "https://vendor.example/manage",
    "jwks_uri": "https://vendor.example/keys",
    "scopes_supported": ["openid", "patient/Goal.rs"],
    "capabilities": ["launch-standalone", "a word of theirs"],
    "unheard_of": {"x": 1},
}
OPENID = {
    "issuer": "https://other.vendor.example",
    "token_endpoint": "https://vendor.example/tenants/7/token",
}
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
CAPABILITY = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "implementation": {"url": "https://vendor.example/fhir", "description": "of the vendor"},
    "rest": [
        {
            "security": {
                "cors": True,
                "extension": [
                    {
                        "url": OAUTH_URIS,
                        "extension": [
                            {"url": "authorize", "valueUri": "https://vendor.example/authorize"},
                            {"url": "manage", "valueUri": "https://vendor.example/manage"},
                        ],
                    },
                    {"url": "https://vendor.example/own", "valueUri": "https://vendor.example/stays"},
                ],
            },
            "resource": [{"type": "Patient", "searchInclude": ["*"]}, {"type": "Observation"}],
        }
    ],
}


def test_a_captured_configuration_leads_here_and_is_theirs_otherwise(portal: OpenPortal) -> None:
    app = App(portal(provider_persona=True, spec={"captured": Captured(smart_configuration=SMART)}))
    found = app.configuration
    assert found["authorization_endpoint"] == f"{app.origin}/oauth2/personas/patient/authorize"
    assert found["token_endpoint"] == f"{app.origin}/oauth2/token"
    assert found["jwks_uri"] == f"{app.origin}/oauth2/jwks"
    assert found["management_endpoint"].startswith(app.origin)
    # What it does not name, nobody finds.
    assert "revocation_endpoint" not in found
    for name in ("issuer", "scopes_supported", "capabilities", "unheard_of"):
        assert found[name] == SMART[name]
    assert app.connect()["patient"] == "anna"


@pytest.mark.parametrize(
    ("captured", "told", "issuer"),
    [
        (Captured(smart_configuration=SMART), "", SMART["issuer"]),
        (Captured(smart_configuration=SMART), "https://told.example", "https://told.example"),
        (Captured(smart_configuration=SMART, openid_configuration=OPENID), "", OPENID["issuer"]),
        # A misreading on the server's side does not hide one on the client's.
        (Captured(openid_configuration=OPENID), "https://told.example", OPENID["issuer"]),
    ],
)
def test_tokens_name_the_issuer_that_the_vendor_names(
    portal: OpenPortal, captured: Captured, told: str, issuer: str
) -> None:
    app = App(portal(token_issuer=told, provider_persona=True, spec={"captured": captured}))
    token = app.connect()["id_token"]
    keys = KeySet.import_key_set(send(f"{app.origin}/oauth2/jwks").json)
    assert jwt.decode(token, keys, algorithms=["RS256"]).claims["iss"] == issuer


def test_a_captured_statement_leads_here_and_says_what_is_known(portal: OpenPortal) -> None:
    reader = Reader(portal(resources=EVERY, spec={"captured": Captured(capability=CAPABILITY)}))
    found = reader.get("metadata").json
    assert found["implementation"] == {"url": reader.portal.base_url, "description": "of the vendor"}
    ours, theirs = found["rest"][0]["security"]["extension"]
    origin = reader.portal.base_url.removesuffix("/fhir")
    assert {each["url"]: each["valueUri"] for each in ours["extension"]} == {
        "authorize": f"{origin}/oauth2/authorize",
        "manage": f"{origin}/oauth2/manage",
    }
    assert theirs["valueUri"] == "https://vendor.example/stays"
    assert found["rest"][0]["resource"] == CAPABILITY["rest"][0]["resource"]  # type: ignore[index]
    assert reader.get("Observation/hba1c").status == 200
    # A type that the vendor does not list is not known, whatever the chart holds.
    assert reader.get("MedicationRequest/rx").status == 404
    assert reader.get("MedicationRequest?patient=anna").json["issue"][0]["code"] == "not-supported"


def test_a_captured_statement_names_the_registration_to_who_says_which_app_it_is(portal: OpenPortal) -> None:
    running = portal(
        dynamic_registration="software_id",
        register_needs_header="X-Which-App",
        spec={"captured": Captured(capability=CAPABILITY)},
    )

    def named(**headers: str) -> set[str]:
        statement = send(f"{running.base_url}/metadata", headers=headers).json
        return {each["url"] for each in statement["rest"][0]["security"]["extension"][0]["extension"]}

    assert named() == {"authorize", "manage"}
    assert named(**{"X-Which-App": "an app"}) == {"authorize", "manage", "register"}


def test_there_may_be_no_smart_configuration(portal: OpenPortal) -> None:
    running = portal(smart_configuration=False)
    assert send(f"{running.base_url}/.well-known/smart-configuration").status == 404
    assert send(f"{running.base_url}/metadata").status == 200


@pytest.mark.corpus
def test_every_captured_document_is_served_with_nothing_but_its_addresses_changed(
    portal: OpenPortal, corpus: Path
) -> None:
    configurations = sorted((corpus / "smart-configuration").glob("*.json"))
    statements = sorted((corpus / "capability").glob("*.json"))
    assert len(configurations) > 10
    assert len(statements) > 10
    for path in configurations:
        document: dict[str, Any] = json.loads(path.read_text())
        served = open_captured(portal, Captured(smart_configuration=document))
        found = send(f"{served}/.well-known/smart-configuration").json
        assert found.keys() == document.keys()
        for name, value in found.items():
            if isinstance(document[name], str) and name.endswith(("_endpoint", "_uri")):
                assert value.startswith(served.removesuffix("/fhir")), (path.name, name)
            else:
                assert value == document[name], (path.name, name)
    for path in statements:
        document = json.loads(path.read_text())
        found = send(f"{open_captured(portal, Captured(capability=document))}/metadata").json
        assert found["rest"][0]["resource"] == document["rest"][0]["resource"], path.name


def open_captured(portal: OpenPortal, captured: Captured) -> str:
    return portal(spec={"captured": captured}).base_url
