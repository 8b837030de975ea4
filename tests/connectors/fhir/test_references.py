import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fhir.references import (
    attachments,
    literal_references,
    missing_references,
    relative_reference,
)

BASE = "https://portal.example/fhir/R4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Practitioner/abc", "Practitioner/abc"),
        ("Practitioner/e.-_x", "Practitioner/e.-_x"),
        ("Practitioner/abc/_history/3", "Practitioner/abc"),
        ("Questionnaire/abc#part", "Questionnaire/abc"),
        (f"{BASE}/Practitioner/abc", "Practitioner/abc"),
        ("https://PORTAL.example:443/fhir/R4/Practitioner/Abc", "Practitioner/Abc"),
        ("https://elsewhere.example/fhir/R4/Practitioner/abc", None),
        ("http://portal.example/fhir/R4/Practitioner/abc", None),
        ("https://portal.example/other/Practitioner/abc", None),
        (f"{BASE}/../admin/Practitioner/abc", None),
        ("#contained", None),
        ("urn:uuid:f924096c-b40b-423d-8e60-c27a25dc8d24", None),
        ("none", None),
        ("", None),
        ("Practitioner/..", None),
        ("Practitioner/.", None),
        ("Practitioner/../Patient", None),
        ("Practitioner/a/b", None),
        ("Practitioner/a?x=1", None),
        ("practitioner/abc", None),
        ("Practitioner?identifier=x|y", None),
        ("//evil.example/Practitioner/abc", None),
    ],
)
def test_only_references_into_the_portal(text: str, expected: str | None) -> None:
    assert relative_reference(text, base_url=BASE) == expected
    raw = json.dumps({"subject": {"reference": text}}).encode()
    assert literal_references(raw, base_url=BASE) == ({expected} if expected else set())


def test_a_base_at_the_root_works_too() -> None:
    assert relative_reference("https://p.example/Location/1", base_url="https://p.example") == "Location/1"


def test_references_are_found_wherever_they_stand() -> None:
    raw = (
        rb'{"a":[{"reference" : "Location\/1"},{"x":{"reference":"Organization/2","display":"x"}}],'
        rb'"text":{"div":"\"reference\":\"Patient/no\""},"reference":["Patient/3"],"b":{"reference":5}}'
    )
    assert literal_references(raw) == {"Location/1", "Organization/2"}


def test_only_supporting_types_are_missing() -> None:
    found = ["Practitioner/2", "Patient/other", "Practitioner/1", "Encounter/1", "Medication/1", "Group/1"]
    assert missing_references(found, known={"Practitioner/1"}) == ("Medication/1", "Practitioner/2")


@given(st.binary(max_size=200))
def test_noise_has_no_references_and_raises_nothing(noise: bytes) -> None:
    literal_references(b'"reference":"' + noise, base_url=BASE)
    attachments(b'{"attachment":' + noise)


def test_attachments_with_their_places() -> None:
    raw = json.dumps(
        {
            "resourceType": "DocumentReference",
            "content": [
                {"attachment": {"contentType": "text/html", "url": "Binary/1"}},
                {"attachment": {"contentType": "text/plain", "data": "aGk="}},
                {"attachment": {"title": "empty", "data": ""}},
            ],
        }
    ).encode()
    first, second, third = attachments(raw)
    assert (first.path, first.url, first.content_type, first.inline) == (
        "content[0].attachment",
        "Binary/1",
        "text/html",
        False,
    )
    assert (second.path, second.url, second.inline) == ("content[1].attachment", None, True)
    assert (third.content_type, third.inline) == ("", False)
    assert "Binary/1" not in repr(first)


@pytest.mark.parametrize(
    ("resource", "paths"),
    [
        ({"resourceType": "DiagnosticReport", "presentedForm": [{"url": "a"}]}, ["presentedForm[0]"]),
        ({"resourceType": "Patient", "photo": [{"data": "eA=="}]}, ["photo[0]"]),
        ({"resourceType": "Media", "content": {"contentType": "image/png", "url": "a"}}, ["content"]),
        ({"resourceType": "Binary", "contentType": "image/png", "data": "eA=="}, [""]),
        (
            {"resourceType": "Communication", "payload": [{"contentAttachment": {"url": "a"}}]},
            ["payload[0].contentAttachment"],
        ),
        (
            {
                "resourceType": "QuestionnaireResponse",
                "item": [{"item": [{"answer": [{"valueAttachment": {}}]}]}],
            },
            ["item[0].item[0].answer[0].valueAttachment"],
        ),
        ({"resourceType": "Observation", "photo": "x", "attachment": 5}, []),
        ({"resourceType": "Observation"}, []),
    ],
)
def test_attachments_of_every_kind(resource: dict[str, object], paths: list[str]) -> None:
    assert [found.path for found in attachments(json.dumps(resource).encode())] == paths


def test_words_that_stand_where_an_address_should_are_none() -> None:
    raw = b'{"content":[{"attachment":{"url":" none "}},{"attachment":{"url":"Binary/1"}}]}'
    assert [found.url for found in attachments(raw)] == [" none ", "Binary/1"]
    assert [found.url for found in attachments(raw, not_urls=("none",))] == [None, "Binary/1"]


def test_an_absolute_reference_may_spell_the_base_in_other_letters_where_the_portal_does() -> None:
    raw = b'{"reference":"https://portal.example/FHIR/Location/aB"}'
    base = "https://portal.example/fhir"
    assert literal_references(raw, base_url=base) == frozenset()
    assert literal_references(raw, base_url=base, ignore_case=True) == {"Location/aB"}
