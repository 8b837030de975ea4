from __future__ import annotations

import pytest

from connectors.directory.addresses import Address, clean, is_r4


@pytest.mark.parametrize(
    ("published", "bare", "mended"),
    [
        ("https://fhir.acme.org/r4", "https://fhir.acme.org/r4", ()),
        ("https://fhir.acme.org/r4/", "https://fhir.acme.org/r4", ("trailing_slash",)),
        ("https://fhir.acme.org:443/r4", "https://fhir.acme.org/r4", ("default_port",)),
        ("HTTPS://FHIR.Acme.org/R4", "https://fhir.acme.org/R4", ("host_case",)),
        ("https://fhir.acme.org:9443/r4", "https://fhir.acme.org:9443/r4", ()),
        ("https://108.218.32.142/r4", "https://108.218.32.142/r4", ()),
        # Not the version before R4: a name.
        ("https://fhir.acme.org/api/FHIR/R4/dstu2go", "https://fhir.acme.org/api/FHIR/R4/dstu2go", ()),
    ],
)
def test_an_address_is_cleaned_and_says_what_was_done(
    published: str, bare: str, mended: tuple[str, ...]
) -> None:
    assert clean(published) == Address(bare=bare, published=published, mended=mended)  # type: ignore[arg-type]


def test_blanks_around_an_address_are_no_part_of_it() -> None:
    found = clean("  https://fhir.acme.org/r4 \n")
    assert isinstance(found, Address)
    assert (found.published, found.mended) == ("https://fhir.acme.org/r4", ("spaces",))


@pytest.mark.parametrize(
    ("published", "reason"),
    [
        ("", "no_address"),
        ("   ", "no_address"),
        ("fhir.acme.org/r4", "not_web"),
        ("api/eyes/R4", "not_web"),
        (": https://fhir.acme.org/r4", "not_web"),
        ("ftp://fhir.acme.org/r4", "not_web"),
        ("https://user:word@fhir.acme.org/r4", "not_web"),
        ("https://fhir.acme.org/r4?site=1", "not_web"),
        ("https://fhir.acme.org:port/r4", "not_web"),
        ("https://127.0.0.1\tfhir.acme.org/r4", "not_web"),
        ("https://fhir..acme.org/r4", "not_web"),
        ("https://fhir.acme.org/" + "r" * 500, "not_web"),
        ("http://fhir.acme.org/r4", "plain_http"),
        ("https://EHR01/fhir", "internal_host"),
        ("https://localhost/fhir", "internal_host"),
        ("https://ehr.services.local/fhir", "internal_host"),
        ("https://ehr.RD.acme.com/fhir", "internal_host"),
        ("https://10.160.126.33/fhir", "internal_host"),
        ("https://[fd00::1]/fhir", "internal_host"),
        ("http://192.168.1.4/fhir", "internal_host"),
        ("https://testclinic.com/fhir", "test_host"),
        ("https://fhirtest.acme.org/fhir", "test_host"),
        ("https://fhir-test.acme.org/fhir", "test_host"),
        ("https://scm16testps1.test.acme.org/fhir", "test_host"),
        ("https://sandbox.acme.org/fhir", "test_host"),
        ("https://fhir.qa.acme.org/fhir", "test_host"),
        ("https://fhir.acme.org/api/FHIR/DSTU2/", "wrong_version"),
        ("https://fhir.acme.org/stu3", "wrong_version"),
    ],
)
def test_what_is_no_address_for_us_says_why(published: str, reason: str) -> None:
    assert clean(published) == reason


@pytest.mark.parametrize(
    "host",
    [
        "latest.acme.org",
        "contest.acme.org",
        "protest-clinic.org",
        "devon.nhs.example.org",
        "attestation.org",
        "quality.org",
    ],
)
def test_a_host_that_only_sounds_like_a_test_is_none(host: str) -> None:
    assert isinstance(clean(f"https://{host}/r4"), Address)


@pytest.mark.parametrize("version", ["", "4.0.1", "4.0", "R4", "4.3.0", "R4B", "FHIR R4"])
def test_r4_is_known_by_its_names(version: str) -> None:
    assert is_r4(version)


@pytest.mark.parametrize("version", ["1.0.2", "DSTU2", "3.0.1", "STU3", "5.0.0", "R5"])
def test_other_versions_are_not_r4(version: str) -> None:
    assert not is_r4(version)
