import pytest

from connectors.egress.targets import read_target, same_target
from connectors.errors import EgressRefused

BASE = "https://portal.example/fhir/R4"


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        f"{BASE}/",
        f"{BASE}/Patient/1",
        f"{BASE}?page=2",
        "https://portal.example:443/fhir/R4/Patient",
        "HTTPS://PORTAL.example/fhir/R4/Patient",
        "https://portal.example/fhir/R4/Patient?x=https://elsewhere.example",
    ],
)
def test_the_bearer_goes_below_its_base(url: str) -> None:
    assert same_target(BASE, url)


def test_the_case_of_the_path_is_ignored_only_where_the_portal_ignores_it() -> None:
    url = "https://portal.example/FHIR/r4/Patient/1"
    assert not same_target(BASE, url)
    assert same_target(BASE, url, ignore_case=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example/fhir/R4/Patient",
        "https://portal.example:8443/fhir/R4/Patient",
        "https://portal.example.evil.example/fhir/R4/Patient",
        "https://evilportal.example/fhir/R4/Patient",
        "https://portal.example@evil.example/fhir/R4/Patient",
        "https://evil.example/https://portal.example/fhir/R4/",
        "https://evil.example\\@portal.example/fhir/R4/",
        "https://user:word@portal.example/fhir/R4/Patient",
        "https://portal.example/fhir/R4evil/Patient",
        "https://portal.example/fhir",
        "https://portal.example/fhir/R4/../admin",
        "https://portal.example/fhir/R4/%2e%2e/admin",
        "https://portal.example/fhir/R4/%252e%252e/admin",
        "https://portal.example/fhir/R4/..%5cadmin",
        "//portal.example/fhir/R4/Patient",
        "/fhir/R4/Patient",
        "https://portal.example:notaport/fhir/R4",
        "https://[::1/fhir/R4",
        "https:///fhir/R4",
        "javascript:alert(1)",
        "",
        "https://portal.example/fhir/R4/a b",
        "https://portal.example/fhir/R4/\nPatient",
    ],
)
def test_the_bearer_goes_nowhere_else(url: str) -> None:
    assert not same_target(BASE, url)
    assert not same_target(BASE, url, ignore_case=True)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://portal.example/", "http_refused"),
        ("ftp://portal.example/", "http_refused"),
        ("file:///etc/passwd", "http_refused"),
        ("/etc/passwd", "http_refused"),
        ("https://", "address_refused"),
        ("https://user:word@portal.example/", "address_refused"),
        ("https://portal.example\\@evil.example/", "address_refused"),
        ("https://portal.example/\r\nHost: evil", "address_refused"),
        ("https://10.0.0.1/", "address_refused"),
        ("https://[::1]/", "address_refused"),
        ("https://[::ffff:7f00:1]/", "address_refused"),
        ("https://[64:ff9b::a9fe:a9fe]/", "address_refused"),
        ("https://portal.example:99999/", "address_refused"),
    ],
)
def test_it_refuses_what_no_portal_is(url: str, code: str) -> None:
    with pytest.raises(EgressRefused) as refusal:
        read_target(url, allow=frozenset())
    assert refusal.value.code == code


def test_only_the_listed_port_may_be_plain() -> None:
    allow = frozenset({("127.0.0.1", 8001)})
    assert read_target("http://127.0.0.1:8001/fhir", allow=allow).port == 8001
    with pytest.raises(EgressRefused):
        read_target("http://127.0.0.1:8002/fhir", allow=allow)
    with pytest.raises(EgressRefused):
        read_target("http://127.0.0.1/fhir", allow=allow)


def test_a_query_is_sent_as_it_stands() -> None:
    target = read_target(f"{BASE}/Observation?category=a|b,c&page=x%2By+z==#part", allow=frozenset())
    assert target.url.raw_path in {
        b"/fhir/R4/Observation?category=a|b,c&page=x%2By+z==",
        b"/fhir/R4/Observation?category=a%7Cb,c&page=x%2By+z==",
    }
