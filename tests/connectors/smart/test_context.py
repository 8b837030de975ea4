from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.secret import Secret
from connectors.smart.context import FhirContext, launch_context
from connectors.smart.token_reply import TokenReply

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = (
    "encounter",
    "fhirContext",
    "need_patient_banner",
    "intent",
    "smart_style_url",
    "tenant",
)


def reply(patient: str | None = None, **context: Any) -> TokenReply:
    return TokenReply(access_token=Secret("t"), patient=patient, context=context)


def test_it_reads_everything_that_a_portal_says_of_a_launch() -> None:
    found = launch_context(
        reply=reply(
            "p-1",
            encounter="e-1",
            need_patient_banner=False,
            intent="summary-timeline-view",
            smart_style_url="https://ehr.example/style.json",
            tenant="t-1",
            fhirContext=[
                {"reference": "ImagingStudy/1"},
                {"canonical": "http://x.example/q|1", "role": "https://x.example/role"},
                {"identifier": {"system": "urn:s", "value": "7"}, "type": "ServiceRequest"},
            ],
        )
    )

    assert (found.patient, found.encounter, found.tenant) == ("p-1", "e-1", "t-1")
    assert found.need_patient_banner is False
    assert found.intent == "summary-timeline-view"
    assert found.smart_style_url == "https://ehr.example/style.json"
    assert found.fhir_context == (
        FhirContext(reference="ImagingStudy/1"),
        FhirContext(canonical="http://x.example/q|1", role="https://x.example/role"),
        FhirContext(identifier="urn:s|7", type="ServiceRequest"),
    )


@pytest.mark.parametrize("said", [..., None, True, "false", 0])
def test_a_banner_is_due_unless_the_portal_clearly_says_not(said: Any) -> None:
    context = {} if said is ... else {"need_patient_banner": said}

    assert launch_context(reply=reply(**context)).need_patient_banner


@pytest.mark.parametrize("style", ["http://ehr.example/s.json", "javascript:alert(1)", "/style.json", 7])
def test_a_style_that_is_no_https_address_is_none(style: Any) -> None:
    assert launch_context(reply=reply(smart_style_url=style)).smart_style_url == ""


def test_a_list_without_end_is_cut() -> None:
    found = launch_context(reply=reply(fhirContext=[{"reference": "Patient/1"}] * 10_000))

    assert len(found.fhir_context) == 64


def test_it_prints_nobody() -> None:
    printed = repr(launch_context(reply=reply("jane-roe", encounter="of-jane", tenant="janes-clinic")))

    assert "jane" not in printed
    assert "patient" in printed


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, anything)))
def test_it_never_fails_whatever_a_portal_says(context: dict[str, Any]) -> None:
    found = launch_context(reply=reply(**context))

    assert isinstance(found.intent, str)
    assert all(each.reference or each.canonical or each.identifier for each in found.fhir_context)
