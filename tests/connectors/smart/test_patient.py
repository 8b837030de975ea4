from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

from connectors.profile import Patient, Profile, Search
from connectors.registry import load_registry
from connectors.secret import Secret
from connectors.smart.identity import patient_from, patient_in, patient_search, search_parameters
from connectors.smart.tokens import TokenReply

KEY = RSAKey.generate_key(2048, auto_kid=False)


def reply(*, access: str = "opaque", **members: Any) -> TokenReply:
    return TokenReply(access_token=Secret(access), **members)


def jwt_of(**claims: Any) -> str:
    return jwt.encode({"alg": "RS256"}, claims, KEY, algorithms=["RS256"])


def knowing(profile: Profile, *sources: str, claim: str = "") -> Profile:
    return replace(profile, patient=Patient(sources=sources, claim=claim))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (("token", "fhir_user"), "from-token"),
        (("fhir_user", "token"), "from-user"),
        (("jwt_claim", "token"), "from-jwt"),
        (("search",), None),
    ],
)
def test_the_first_source_of_the_profile_decides(
    generic: Profile, sources: tuple[str, ...], expected: str | None
) -> None:
    answer = reply(access=jwt_of(local="from-jwt"), patient="from-token")

    found = patient_from(
        reply=answer,
        profile=knowing(generic, *sources, claim="local"),
        claims={"fhirUser": "Patient/from-user"},
    )

    assert found == expected


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("Patient/abc", "abc"),
        ("https://portal.example/r4/Patient/eAB3", "eAB3"),
        ("https://portal.example/r4/Patient/eAB3/_history/2", "eAB3"),
        ("https://portal.example/r4/Practitioner/abc", None),
        ("RelatedPerson/abc", None),
        ("https://portal.example/Patient/x/RelatedPerson/abc", None),
        ("NotPatient/abc", None),
        ("abc", None),
        ("Patient/", None),
        ("Patient/a b", None),
        ("Patient/../x", None),
        (7, None),
        (None, None),
    ],
)
def test_it_reads_the_patient_who_signed_in_and_nobody_else(
    generic: Profile, user: Any, expected: str | None
) -> None:
    assert (
        patient_from(reply=reply(), profile=knowing(generic, "fhir_user"), claims={"fhirUser": user})
        == expected
    )


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("eAB3.x-1", "eAB3.x-1"),
        ("Patient/eAB3", "eAB3"),
        ("Patient", "Patient"),
        ("Practitioner/eAB3", None),
        ("a/b/c", None),
        ("../../etc", None),
        ("", None),
        (None, None),
    ],
)
def test_the_id_of_the_token_loses_its_prefix_and_no_letter(
    generic: Profile, sent: str | None, expected: str | None
) -> None:
    assert patient_from(reply=reply(patient=sent), profile=generic, claims=None) == expected


@pytest.mark.parametrize("access", ["opaque", "a.b", "a.b.c", "é.é.é", jwt_of(other="x"), jwt_of(local=7)])
def test_a_token_without_the_claim_names_nobody(generic: Profile, access: str) -> None:
    assert (
        patient_from(
            reply=reply(access=access), profile=knowing(generic, "jwt_claim", claim="local"), claims={}
        )
        is None
    )


# ---- asking the portal


@pytest.mark.parametrize(
    ("source", "question"),
    [
        ("search", ("Patient", (("_count", "2"),))),
        ("coverage", ("Coverage", (("_count", "20"),))),
        ("token", None),
        ("fhir_user", None),
        ("jwt_claim", None),
    ],
)
def test_two_sources_ask_the_portal(source: Any, question: Any) -> None:
    assert patient_search(source=source) == question


def patient(id_: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_}


def coverage(reference: Any, kind: str = "Coverage", member: str = "beneficiary") -> dict[str, Any]:
    return {"resourceType": kind, member: {"reference": reference}}


@pytest.mark.parametrize(
    ("source", "resources", "expected"),
    [
        ("search", [patient("eAB3.x-1")], "eAB3.x-1"),
        ("search", [patient("a"), patient("a")], "a"),
        ("search", [patient("a"), patient("b")], None),
        ("search", [patient("a"), patient(None)], None),
        ("search", [{"resourceType": "OperationOutcome", "id": "x"}], None),
        ("search", [], None),
        ("coverage", [coverage("Patient/-20140000008325")], "-20140000008325"),
        ("coverage", [coverage("https://portal.example/r4/Patient/p-1"), coverage("Patient/p-1")], "p-1"),
        ("coverage", [coverage("Patient/p-1", "ExplanationOfBenefit", "patient")], "p-1"),
        ("coverage", [coverage("Patient/p-1"), coverage("Patient/p-2")], None),
        ("coverage", [coverage("Patient/p-1"), coverage("Group/family")], None),
        ("coverage", [coverage("p-1")], None),
        ("coverage", [coverage(7)], None),
        ("coverage", [{"resourceType": "Coverage", "beneficiary": "Patient/p-1"}], None),
        ("coverage", [patient("a")], None),
    ],
)
def test_the_portal_names_one_patient_or_we_know_none(
    source: Any, resources: list[dict[str, Any]], expected: str | None
) -> None:
    assert patient_in(source=source, resources=resources) == expected


@given(st.from_regex(r"[A-Za-z0-9.\-_]{1,128}", fullmatch=True))
def test_no_letter_of_an_id_is_ever_lost(id_: str) -> None:
    profile = knowing(load_registry()["generic"], "token")

    for sent in (id_, f"Patient/{id_}", f"https://portal.example/r4/Patient/{id_}"):
        assert patient_from(reply=reply(patient=sent), profile=profile, claims=None) == id_
    assert patient_in(source="search", resources=[patient(id_)]) == id_
    assert patient_in(source="coverage", resources=[coverage(f"Patient/{id_}")]) == id_


# ---- what every search carries


@pytest.mark.parametrize(
    "answer",
    [
        reply(context={"practice": "a-1.P-5"}),
        reply(access=jwt_of(practice="a-1.P-5")),
        reply(access=jwt_of(practice="other"), context={"practice": "a-1.P-5"}),
    ],
)
def test_a_claim_becomes_a_parameter_of_every_search(generic: Profile, answer: TokenReply) -> None:
    profile = replace(generic, search=Search(from_claims={"org": "Organization/{practice}"}))

    assert search_parameters(reply=answer, profile=profile) == (("org", "Organization/a-1.P-5"),)


@pytest.mark.parametrize("value", [None, 7, "", "a/b", "a&b=c", "a b"])
def test_a_claim_that_is_no_plain_word_becomes_none(generic: Profile, value: Any) -> None:
    profile = replace(generic, search=Search(from_claims={"org": "Organization/{practice}"}))

    assert search_parameters(reply=reply(context={"practice": value}), profile=profile) == ()
