"""One full resource of each type that has a normaliser of its own, in the shapes portals send (synthetic)."""

from typing import Any

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"


def _concept(system: str, code: str, display: str, **more: Any) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], **more}


def _to(target: str, display: str = "") -> dict[str, Any]:
    return {"reference": target, **({"display": display} if display else {})}


_NUMBER = [{"system": "urn:oid:1.2.3.4.5", "value": "77", "type": _concept("urn:x", "FILL", "Filler")}]
_PERIOD = {"start": "2024-03-01T08:00:00-05:00", "end": "2024-03-01T09:00:00-05:00"}
_MEDICATION: dict[str, Any] = {
    "status": "active",
    "intent": "order",
    "identifier": _NUMBER,
    "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "Drops"}}],
    "medicationReference": _to("#m"),
    "authoredOn": "2024-03-01",
    "requester": _to("Practitioner/1", "Dr. Keeley Yundt"),
    "dosageInstruction": [
        {
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "route": {"text": "by mouth"},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            "asNeededBoolean": True,
        }
    ],
    "dispenseRequest": {"quantity": {"value": 30, "unit": "tablet"}, "numberOfRepeatsAllowed": 3},
    "reasonReference": [_to("Condition/1")],
}

SAMPLES: dict[str, dict[str, Any]] = {
    "Patient": {
        "name": [{"use": "official", "given": ["Renée"], "family": "O'Neil"}],
        "birthDate": "1980-02-29",
        "telecom": [{"value": "555"}],
        "address": [{"line": ["1 Road"], "city": "Town"}],
        "generalPractitioner": [_to("Practitioner/1")],
    },
    "Encounter": {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [_concept(SNOMED, "185349003", "Check up")],
        "identifier": _NUMBER,
        "participant": [{"individual": _to("Practitioner/1", "Dr. Keeley Yundt")}],
        "period": _PERIOD,
        "location": [{"location": _to("Location/1", "Ward 3")}],
        "serviceProvider": _to("Organization/1", "Mercy"),
        "diagnosis": [{"condition": _to("Condition/1")}],
        "hospitalization": {"dischargeDisposition": {"text": "Home"}},
    },
    "Condition": {
        "code": _concept(SNOMED, "38341003", "Hypertension", text="High blood pressure"),
        "clinicalStatus": _concept("x", "active", "Active"),
        "verificationStatus": _concept("x", "confirmed", "Confirmed"),
        "category": [_concept("x", "problem-list-item", "Problem")],
        "onsetPeriod": {"start": "2010-05", "end": "2012"},
        "recordedDate": "2010-05-03",
        "asserter": _to("Practitioner/1", "Dr. Keeley Yundt"),
        "note": [{"text": "watch"}],
        "stage": [{"summary": {"text": "II"}}],
    },
    "Observation": {
        "status": "final",
        "category": [_concept("x", "laboratory", "Laboratory")],
        "code": _concept(LOINC, "4548-4", "Hemoglobin A1c"),
        "effectiveDateTime": "2024-03-01T08:00:00.123-05:00",
        "issued": "2024-03-01T10:00:00Z",
        "valueQuantity": {"value": 6.5, "unit": "%", "code": "%", "comparator": "<"},
        "interpretation": [_concept("x", "H", "High")],
        "referenceRange": [
            {"low": {"value": 4, "unit": "%"}, "high": {"value": 5.6, "unit": "%"}, "text": "4-5.6"}
        ],
        "component": [
            {"code": _concept(LOINC, "8480-6", "Systolic"), "valueQuantity": {"value": 128, "unit": "mmHg"}}
        ],
        "hasMember": [_to("Observation/2")],
        "performer": [_to("Organization/1", "Lab")],
        "specimen": _to("Specimen/1"),
        "note": [{"text": "hemolysed"}],
    },
    "MedicationRequest": _MEDICATION,
    "MedicationOrder": {**_MEDICATION, "dateWritten": "2019", "prescriber": _to("Practitioner/1")},
    "MedicationStatement": {**_MEDICATION, "effectivePeriod": _PERIOD, "dosage": [{"text": "one a day"}]},
    "MedicationDispense": {**_MEDICATION, "whenHandedOver": "2024-03-01", "daysSupply": {"value": 30}},
    "MedicationAdministration": {
        **_MEDICATION,
        "effectiveDateTime": "2024-03-01",
        "dosage": {"dose": {"value": 5}},
    },
    "AllergyIntolerance": {
        "code": _concept(SNOMED, "91936005", "Penicillin"),
        "reaction": [
            {"substance": {"text": "pen"}, "manifestation": [{"text": "hives"}], "severity": "mild"}
        ],
        "category": ["medication"],
        "criticality": "high",
        "recordedDate": "2001",
    },
    "Immunization": {
        "status": "completed",
        "vaccineCode": _concept("http://hl7.org/fhir/sid/cvx", "140", "Influenza"),
        "occurrenceDateTime": "2024-10-01",
        "lotNumber": "X1",
        "performer": [{"actor": _to("Practitioner/1", "Nurse")}],
        "protocolApplied": [{"doseNumberPositiveInt": 2}],
        "manufacturer": _to("Organization/2", "Maker"),
    },
    "Procedure": {
        "status": "completed",
        "code": _concept(SNOMED, "73761001", "Colonoscopy"),
        "performedPeriod": _PERIOD,
        "performer": [{"actor": _to("Practitioner/1", "Dr. Keeley Yundt")}],
        "bodySite": [{"text": "Colon"}],
        "reasonCode": [{"text": "Screening"}],
    },
    "DiagnosticReport": {
        "status": "final",
        "category": [_concept("x", "LAB", "Laboratory")],
        "code": _concept(LOINC, "57698-3", "Lipid panel"),
        "effectiveDateTime": "2024-03-01",
        "issued": "2024-03-01T10:00:00Z",
        "result": [_to("#o")],
        "contained": [
            {
                "resourceType": "Observation",
                "id": "o",
                "code": {"text": "LDL"},
                "valueQuantity": {"value": 100},
            },
            {"resourceType": "Observation", "id": "p", "code": {"text": "HDL"}, "valueString": "50"},
        ],
        "presentedForm": [{"contentType": "text/plain", "data": "aGVsbG8=", "hash": "x"}],
        "media": [{"link": _to("Media/1")}],
    },
    "DocumentReference": {
        "status": "current",
        "docStatus": "final",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
        "type": _concept(LOINC, "11506-3", "Progress note"),
        "category": [{"text": "Clinical Note"}],
        "author": [_to("Practitioner/1", "Dr. Keeley Yundt")],
        "date": "2024-03-01T10:00:00Z",
        "content": [
            {"attachment": {"contentType": "text/html", "url": "Binary/1", "size": 7, "title": "Note"}}
        ],
        "context": {"encounter": [_to("Encounter/1")], "period": _PERIOD},
    },
    "FamilyMemberHistory": {
        "relationship": {"text": "Father"},
        "condition": [{"code": {"text": "Stroke"}, "onsetAge": {"value": 60, "unit": "a"}}],
    },
    "QuestionnaireResponse": {
        "authored": "2024",
        "item": [{"text": "Group", "item": [{"text": "Q", "answer": [{"valueCoding": {"display": "Yes"}}]}]}],
    },
    "CareTeam": {
        "participant": [{"member": _to("Practitioner/1", "Dr. Keeley Yundt"), "role": [{"text": "PCP"}]}]
    },
    "CarePlan": {
        "category": [{"text": "Plan"}],
        "activity": [{"detail": {"code": {"text": "Walk"}}}],
        "period": _PERIOD,
    },
    "Claim": {
        "type": {"text": "pharmacy"},
        "total": {"value": 255, "currency": "USD"},
        "item": [{"sequence": 1}],
    },
    "ExplanationOfBenefit": {
        "type": {"text": "institutional"},
        "total": [{"category": {"text": "Paid"}, "amount": {"value": 1}}],
    },
    "Coverage": {"payor": [_to("", "Acme")], "subscriberId": "S1", "class": [{"name": "Gold", "value": "1"}]},
    "Device": {"deviceName": [{"name": "Pacemaker"}], "udiCarrier": [{"carrierHRF": "(01)1"}]},
    "Practitioner": {
        "name": [{"text": "Dr. Keeley Yundt"}],
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}],
        "qualification": [{"code": {"text": "MD"}}],
        "address": [{"text": "1 Road"}],
    },
    "PractitionerRole": {
        "practitioner": _to("Practitioner/1", "Dr. Keeley Yundt"),
        "specialty": [{"text": "GP"}],
    },
    "Medication": {"code": {"text": "Drug"}, "ingredient": [{"itemCodeableConcept": {"text": "Substance"}}]},
}
