"""What a server may say of itself, well and badly."""

from typing import Any

from hypothesis import strategies as st

WELL_KNOWN = "/r4/.well-known/smart-configuration"
METADATA = "/r4/metadata"
CONFIGURATION = {
    "issuer": "https://as.example",
    "authorization_endpoint": "https://as.example/authorize",
    "token_endpoint": "https://as.example/token",
    "jwks_uri": "https://as.example/keys",
    "capabilities": ["launch-standalone", 7, "permission-v2"],
    "scopes_supported": ["openid"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
}


ADDRESSES = st.sampled_from(
    [
        "https://as.example/a",
        "https://as.example:443/b",
        "https://b.example/",
        "x",
        "/y",
        "//c.example/z",
        "",
        "http://d.example",
    ]
) | st.text(max_size=20)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def capability(**uris: str) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "rest": [
            {"mode": "server"},
            {
                "security": {
                    "extension": [
                        {"url": "https://other.example"},
                        {
                            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                            "extension": [{"url": name, "valueUri": uri} for name, uri in uris.items()],
                        },
                    ]
                }
            },
        ],
    }
