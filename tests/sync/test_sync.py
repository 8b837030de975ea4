"""A whole run against a real portal over loopback."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.egress import Egress
from phr.accounts.access import Sight
from phr.records.models import Resource
from phr.sync.models import Run, Step
from phr.timeline.models import Fact
from tests.sync.conftest import Connect, Serve, sync

RECORD = [
    {
        "resourceType": "Patient",
        "id": "pat",
        "name": [{"family": "Marin", "given": ["Rosa"]}],
        "birthDate": "1958-05-12",
    },
    {
        "resourceType": "Encounter",
        "id": "visit",
        "status": "finished",
        "class": {"code": "AMB"},
        "type": [{"text": "Follow-up"}],
        "subject": {"reference": "Patient/pat"},
        "period": {"start": "2024-03-01T09:00:00-05:00", "end": "2024-03-01T09:30:00-05:00"},
        "participant": [{"individual": {"reference": "Practitioner/doc"}}],
    },
    {"resourceType": "Practitioner", "id": "doc", "name": [{"text": "Dr. Ana Ferreira"}]},
    {
        "resourceType": "Observation",
        "id": "hba1c",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}], "text": "Hemoglobin A1c"},
        "subject": {"reference": "Patient/pat"},
        "encounter": {"reference": "Encounter/visit"},
        "effectiveDateTime": "2024-03-01T09:10:00-05:00",
        "valueQuantity": {"value": 6.90, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    },
    {
        "resourceType": "Condition",
        "id": "dm",
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
            ]
        },
        "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": "44054006"}],
            "text": "Type 2 diabetes",
        },
        "subject": {"reference": "Patient/pat"},
        "onsetDateTime": "2019-05",
    },
]


@pytest.mark.parametrize("vendor", ["generic", "epic", "oracle_health", "athenahealth", "smart_health_it"])
def test_a_portal_becomes_a_timeline(
    person: Sight, serve_portal: Serve, connect: Connect, network: Callable[..., Egress], vendor: str
) -> None:
    portal = serve_portal(RECORD, vendor=vendor)
    source_id = connect(portal)
    run = sync(person, source_id, network(portal))
    with person.open():
        steps = list(Step.objects.filter(run=run).order_by("ordinal"))
        states = {(step.resource_type, step.state, step.reason) for step in steps}
        assert run.state == Run.State.COMPLETE, states
        held = set(Resource.objects.values_list("resource_type", "fhir_id"))
        assert {
            ("Patient", "pat"),
            ("Encounter", "visit"),
            ("Observation", "hba1c"),
            ("Condition", "dm"),
        } <= held
        assert ("Practitioner", "doc") in held, "what a visit refers to is followed"
        facts = {fact.title: fact for fact in Fact.objects.all()}
        assert facts["Hemoglobin A1c"].visit_id == facts["Follow-up"].id
        assert facts["Type 2 diabetes"].precision == "month"


def test_a_second_sync_of_an_unchanged_portal_changes_nothing(
    person: Sight, serve_portal: Serve, connect: Connect, network: Callable[..., Egress]
) -> None:
    portal = serve_portal(RECORD)
    source_id = connect(portal)
    sync(person, source_id, network(portal))
    with person.open():
        before = list(Resource.objects.values_list("id", "number", "changed_at").order_by("id"))
    run = sync(person, source_id, network(portal))
    with person.open():
        assert run.state == Run.State.COMPLETE
        assert list(Resource.objects.values_list("id", "number", "changed_at").order_by("id")) == before
        assert sum(Step.objects.filter(run=run).values_list("created", flat=True)) == 0
        assert sum(Step.objects.filter(run=run).values_list("updated", flat=True)) == 0
