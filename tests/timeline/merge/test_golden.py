"""Hand-made cases, each a mistake that a merging program has made; those of the merge design first."""

import base64
from typing import Any

import pytest

from phr.timeline.merge import Rule, merge
from tests.timeline.merge.make import (
    CVX,
    ICD10,
    LOINC,
    RXNORM,
    SNOMED,
    Json,
    changed,
    concept,
    lab,
    only,
    sent,
    sets,
    together,
)

A1C = concept((LOINC, "4548-4"), text="Hemoglobin A1c")
GLUCOSE = concept((LOINC, "2345-7"), text="Glucose")
T8 = "2024-03-01T08:00:00-05:00"
T20 = "2024-03-01T20:00:00-05:00"
DAY = "2024-03-01"


def pressure(systolic: str, diastolic: str, *, when: str = T8) -> Json:
    parts = [("8480-6", systolic), ("8462-4", diastolic)]
    component = [
        {"code": concept((LOINC, code)), "valueQuantity": {"value": value, "unit": "mmHg"}}
        for code, value in parts
    ]
    return {**lab(concept((LOINC, "85354-9")), when), "component": component}


def condition(code: Json, *, onset: str = "", status: str = "active", **more: Any) -> Json:
    made = {"resourceType": "Condition", "code": code, "clinicalStatus": concept(("x", status)), **more}
    return {**made, "onsetDateTime": onset} if onset else made


def order(code: Json, when: str, **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": code,
        "authoredOn": when,
        **more,
    }


def allergy(**more: Any) -> Json:
    return {"resourceType": "AllergyIntolerance", "clinicalStatus": concept(("x", "active")), **more}


def vaccine(code: Json, when: str, **more: Any) -> Json:
    return {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": code,
        "occurrenceDateTime": when,
        **more,
    }


def act(resource_type: str, code: Json, when: str, *who: str, **more: Any) -> Json:
    made: Json = {"resourceType": resource_type, "status": "completed", **more}
    if resource_type == "Encounter":
        made |= {"type": [code], "period": {"start": when}}
        made["participant"] = [{"individual": {"reference": f"Practitioner/{n}", "display": n}} for n in who]
        return made
    made |= {"code": code, "performedDateTime" if resource_type == "Procedure" else "effectiveDateTime": when}
    made["performer"] = [{"actor": {"reference": "Practitioner/1", "display": name}} for name in who]
    return made


def document(body: str, **more: Any) -> Json:
    data = base64.b64encode(body.encode()).decode()
    return {"resourceType": "DocumentReference", "content": [{"attachment": {"data": data}}], **more}


HYPERTENSION = condition(concept((SNOMED, "38341003"), text="Hypertension"), onset="2010-05-03")
LISINOPRIL = concept((RXNORM, "314076"), text="lisinopril 10 MG Oral Tablet")
FLU = concept((CVX, "140"), text="Influenza")
NOTE = "Seen for a cough. Lungs clear. Return if worse."
COLONOSCOPY = concept((SNOMED, "73761001"), text="Colonoscopy")
CHECKUP = concept((SNOMED, "185349003"), text="Check up")

CASES: dict[str, tuple[list[Json], list[Json], tuple[str, ...]]] = {
    # The last paragraph of the merge design.
    "blood_pressure_in_components": ([pressure("128", "79")], [pressure("128", "79")], ("a0 b0",)),
    "blood_pressure_differs_in_one_component": (
        [pressure("128", "79")],
        [pressure("128", "80")],
        ("a0", "b0"),
    ),
    "blood_pressure_swapped": ([pressure("128", "79")], [pressure("79", "128")], ("a0", "b0")),
    "medication_codeable_concept": ([order(LISINOPRIL, T8)], [order(LISINOPRIL, T8)], ("a0 b0",)),
    "allergy_coded_in_code": (
        [allergy(code=concept((SNOMED, "91936005")))],
        [allergy(code=concept((SNOMED, "91936005")))],
        ("a0 b0",),
    ),
    "allergy_coded_in_reaction_substance": (
        [allergy(code=concept((RXNORM, "7980")))],
        [allergy(reaction=[{"substance": concept((RXNORM, "7980"))}])],
        ("a0 b0",),
    ),
    "active_here_and_resolved_there": (
        [HYPERTENSION],
        [changed(HYPERTENSION, clinicalStatus=concept(("x", "resolved")))],
        ("a0 b0",),
    ),
    "final_then_amended": (
        [lab(A1C, T8, "5.6", identifier=("urn:lab", "L-77"))],
        [lab(A1C, T8, "6.5", identifier=("urn:lab", "L-77"), status="amended")],
        ("a0 b0",),
    ),
    "unit_spellings": (
        [lab(GLUCOSE, T8, "101", unit="mg/dL")],
        [lab(GLUCOSE, T8, "101", unit="mg/dl ")],
        ("a0 b0",),
    ),
    "two_real_draws_with_one_value": (
        [lab(GLUCOSE, T8, "101"), lab(GLUCOSE, T20, "101")],
        [lab(GLUCOSE, T20, "101")],
        ("a0", "a1 b0"),
    ),
    "date_and_date_time_of_a_vaccine": ([vaccine(FLU, DAY)], [vaccine(FLU, T20)], ("a0 b0",)),
    "the_same_document_twice": (
        [document(NOTE, type=concept(text="Progress note"))],
        [document(NOTE, type=concept(text="Clinical note"))],
        ("a0 b0",),
    ),
    "snomed_here_and_icd10_there": (
        [HYPERTENSION],
        [condition(concept((ICD10, "I10"), text="Hypertension"), onset="2010-05-03")],
        ("a0", "b0"),
    ),
    "snomed_and_icd10_with_a_shared_coding": (
        [HYPERTENSION],
        [condition(concept((ICD10, "I10"), (SNOMED, "38341003")), onset="2010-05-03")],
        ("a0 b0",),
    ),
    "glucose_in_two_measures": (
        [lab(GLUCOSE, T8, "5.6", unit="mmol/L")],
        [lab(GLUCOSE, T8, "101", unit="mg/dL")],
        ("a0", "b0"),
    ),
    # Time.
    "zones_honoured": ([lab(A1C, T8, "5.6")], [lab(A1C, "2024-03-01T13:00:00Z", "5.6")], ("a0 b0",)),
    "same_clock_other_zone": ([lab(A1C, T8, "5.6")], [lab(A1C, "2024-03-01T08:00:00Z", "5.6")], ("a0", "b0")),
    "date_only_result_fits_one": ([lab(A1C, T8, "5.6")], [lab(A1C, DAY, "5.6")], ("a0 b0",)),
    "date_only_result_fits_two": (
        [lab(A1C, T8, "5.6"), lab(A1C, T20, "5.6")],
        [lab(A1C, DAY, "5.6")],
        ("a0", "a1", "b0"),
    ),
    "undated_joins_no_dated_result": ([lab(A1C, T8, "5.6")], [lab(A1C, None, "5.6")], ("a0", "b0")),
    "undated_joins_the_one_problem": (
        [HYPERTENSION],
        [condition(concept((SNOMED, "38341003")), category=[concept(("x", "problem-list-item"))])],
        ("a0 b0",),
    ),
    "undated_joins_neither_of_two_problems": (
        [HYPERTENSION, changed(HYPERTENSION, onsetDateTime="2015-01-01")],
        [condition(concept((SNOMED, "38341003")))],
        ("a0", "a1", "b0"),
    ),
    "onset_in_the_year": ([HYPERTENSION], [changed(HYPERTENSION, onsetDateTime="2010")], ("a0 b0",)),
    "onset_in_another_year": ([HYPERTENSION], [changed(HYPERTENSION, onsetDateTime="2011")], ("a0", "b0")),
    "two_visit_diagnoses_of_two_years": (
        [condition(concept((SNOMED, "444814009")), recordedDate="2015-02-02")],
        [condition(concept((SNOMED, "444814009")), recordedDate="2019-02-02")],
        ("a0", "b0"),
    ),
    "whole_minute": (
        [lab(A1C, "2024-03-01T08:00:25-05:00", "5.6")],
        [lab(A1C, "2024-03-01T08:00:00-05:00", "5.6")],
        ("a0 b0",),
    ),
    "clock_without_zone": ([lab(A1C, "2024-03-01T08:00:00", "5.6")], [lab(A1C, T8, "5.6")], ("a0 b0",)),
    # Twins and one-to-one.
    "equal_twins_in_one_portal_stay_two": ([lab(A1C, T8, "5.6"), lab(A1C, T8, "5.6")], [], ("a0", "a1")),
    "twins_pair_one_to_one": (
        [lab(A1C, T8, "5.6"), lab(A1C, T8, "5.6")],
        [lab(A1C, T8, "5.6")],
        ("a0 b0", "a1"),
    ),
    "twins_pair_with_the_one_most_alike": (
        [lab(A1C, T8, "5.6"), lab(A1C, T8, "5.6", status="preliminary")],
        [lab(A1C, T8, "5.6", status="preliminary")],
        ("a0", "a1 b0"),
    ),
    "date_only_twins_pair_with_timed_twins": (
        [lab(A1C, DAY, "5.6"), lab(A1C, DAY, "5.6")],
        [lab(A1C, T8, "5.6"), lab(A1C, T8, "5.6")],
        ("a0 b0", "a1 b1"),
    ),
    # Codes and words.
    "loinc_by_oid": (
        [lab(A1C, T8, "5.6")],
        [lab(concept(("urn:oid:2.16.840.1.113883.6.1", "4548-4")), T8, "5.6")],
        ("a0 b0",),
    ),
    "display_only": ([lab(A1C, T8, "5.6")], [lab(concept(text="hemoglobin  A1C"), T8, "5.6")], ("a0 b0",)),
    "local_codes_with_one_wording": (
        [lab(concept(("urn:a", "17"), text="Hemoglobin A1c"), T8, "5.6")],
        [lab(concept(("urn:b", "A1C"), text="Hemoglobin A1c"), T8, "5.6")],
        ("a0 b0",),
    ),
    "shared_local_code_but_other_loinc": (
        [lab(concept((LOINC, "2345-7"), ("urn:x", "GLU")), T8, "5.6")],
        [lab(concept((LOINC, "2339-0"), ("urn:x", "GLU")), T8, "5.6")],
        ("a0", "b0"),
    ),
    "codes_without_system_say_nothing": (
        [lab({"coding": [{"code": "17"}]}, T8, "5.6")],
        [lab({"coding": [{"code": "17"}], "text": "Other"}, T8, "5.6")],
        ("a0", "b0"),
    ),
    "unknown_is_no_code": (
        [
            lab(
                concept(("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK"), text="This"),
                T8,
                "5.6",
            )
        ],
        [
            lab(
                concept(("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK"), text="That"),
                T8,
                "5.6",
            )
        ],
        ("a0", "b0"),
    ),
    "signs_are_words": (
        [lab(A1C, T8, valueString="Rh +")],
        [lab(A1C, T8, valueString="Rh -")],
        ("a0", "b0"),
    ),
    # Values.
    "trailing_zero": ([lab(A1C, T8, "5.60")], [lab(A1C, T8, "5.6")], ("a0 b0",)),
    "rounded": ([lab(A1C, T8, "171.8502438")], [lab(A1C, T8, "171.9")], ("a0 b0",)),
    "not_rounded": ([lab(A1C, T8, "171.8502438")], [lab(A1C, T8, "171.8")], ("a0", "b0")),
    "unit_left_out": ([lab(A1C, T8, "5.6")], [lab(A1C, T8, "5.6", unit="")], ("a0 b0",)),
    "coded_answer": (
        [lab(A1C, T8, valueCodeableConcept=concept((SNOMED, "10828004"), text="Positive"))],
        [lab(A1C, T8, valueCodeableConcept=concept((SNOMED, "10828004"), text="Detected"))],
        ("a0 b0",),
    ),
    "two_arms": (
        [lab(A1C, T8, "5.6", bodySite=concept(text="Left arm"))],
        [lab(A1C, T8, "5.6", bodySite=concept(text="Right arm"))],
        ("a0", "b0"),
    ),
    # Identifiers.
    "accession_of_many_results": (
        [
            lab(A1C, T8, "5.6", identifier=("urn:lab", "ACC1")),
            lab(GLUCOSE, T8, "101", identifier=("urn:lab", "ACC1")),
        ],
        [
            lab(GLUCOSE, T8, "101", identifier=("urn:lab", "ACC1")),
            lab(A1C, T8, "5.7", identifier=("urn:lab", "ACC1")),
        ],
        ("a0 b1", "a1 b0"),
    ),
    "one_number_two_tests": (
        [lab(A1C, T8, "5.6", identifier=("urn:lab", "7"))],
        [lab(GLUCOSE, T8, "101", identifier=("urn:lab", "7"))],
        ("a0", "b0"),
    ),
    "two_numbers_of_one_laboratory": (
        [lab(A1C, T8, "5.6", identifier=("urn:lab", "7"))],
        [lab(A1C, T8, "5.6", identifier=("urn:lab", "8"))],
        ("a0", "b0"),
    ),
    "number_without_system": (
        [changed(lab(A1C, T8, "5.6"), identifier=[{"value": "7"}])],
        [changed(lab(A1C, T20, "5.6"), identifier=[{"value": "7"}])],
        ("a0", "b0"),
    ),
    "portal_repeats_a_resource": (
        [lab(A1C, T8, "5.6", identifier=("urn:lab", "7")), lab(A1C, T8, "5.6", identifier=("urn:lab", "7"))],
        [],
        ("a0 a1",),
    ),
    "portal_sends_both_versions": (
        [
            lab(A1C, T8, "5.6", identifier=("urn:lab", "7")),
            lab(A1C, T8, "6.5", identifier=("urn:lab", "7"), status="corrected"),
        ],
        [],
        ("a0 a1",),
    ),
    "claim_group_is_no_claim": (
        [
            {
                "resourceType": "ExplanationOfBenefit",
                "type": concept(("t", "institutional")),
                "identifier": [
                    {"system": "urn:claim", "value": claim},
                    {"system": "urn:group", "value": "99999"},
                ],
            }
            for claim in ("c1", "c2")
        ],
        [
            {
                "resourceType": "ExplanationOfBenefit",
                "type": concept(("t", "institutional")),
                "identifier": [
                    {"system": "urn:claim", "value": "c3"},
                    {"system": "urn:group", "value": "99999"},
                ],
            }
        ],
        ("a0", "a1", "b0"),
    ),
    # Visits, procedures, reports.
    "visit_with_a_shared_doctor": (
        [act("Encounter", CHECKUP, DAY, "Dr. Keeley Yundt")],
        [act("Encounter", CHECKUP, T8, "Yundt, Keeley A., MD")],
        ("a0 b0",),
    ),
    "visit_of_a_summary_without_anybody": (
        [act("Encounter", CHECKUP, T8, "Dr. Keeley Yundt")],
        [act("Encounter", CHECKUP, DAY)],
        ("a0", "b0"),
    ),
    "two_doctors_on_one_day": (
        [act("Encounter", CHECKUP, T8, "Dr. Keeley Yundt")],
        [act("Encounter", CHECKUP, T8, "Dr. Amir Haddad")],
        ("a0", "b0"),
    ),
    "procedure_at_one_instant": (
        [act("Procedure", COLONOSCOPY, T8)],
        [act("Procedure", COLONOSCOPY, T8)],
        ("a0 b0",),
    ),
    "unsigned_procedures_of_one_instant_worded_differently": (
        [act("Procedure", concept((SNOMED, "399208008"), text="Plain chest X-ray"), T8)],
        [act("Procedure", concept((SNOMED, "399208008"), text="Plain chest X-ray (procedure)"), T8)],
        ("a0", "b0"),
    ),
    "signed_procedures_of_one_instant_worded_differently": (
        [act("Procedure", concept((SNOMED, "399208008"), text="Plain chest X-ray"), T8, "Dr. Amir Haddad")],
        [act("Procedure", concept((SNOMED, "399208008"), text="CHEST XR"), T8, "Dr. Amir Haddad")],
        ("a0 b0",),
    ),
    "procedure_on_one_day_without_anybody": (
        [act("Procedure", COLONOSCOPY, DAY)],
        [act("Procedure", COLONOSCOPY, DAY)],
        ("a0", "b0"),
    ),
    "midnight_is_a_day": (
        [act("Procedure", COLONOSCOPY, "2024-03-01T00:00:00Z")],
        [act("Procedure", COLONOSCOPY, "2024-03-01T00:00:00Z")],
        ("a0", "b0"),
    ),
    "overlapping_visit": (
        [
            changed(
                act("Encounter", CHECKUP, T8, "Dr. Keeley Yundt"),
                period={"start": T8, "end": "2024-03-01T08:40:00-05:00"},
            )
        ],
        [
            changed(
                act("Encounter", CHECKUP, T8, "Keeley Yundt"),
                period={"start": "2024-03-01T08:10:00-05:00", "end": "2024-03-01T08:30:00-05:00"},
            )
        ],
        ("a0 b0",),
    ),
    "morning_and_evening_visit": (
        [
            changed(
                act("Encounter", CHECKUP, T8, "Dr. Keeley Yundt"),
                period={"start": T8, "end": "2024-03-01T08:40:00-05:00"},
            )
        ],
        [changed(act("Encounter", CHECKUP, T20, "Keeley Yundt"), period={"start": T20})],
        ("a0", "b0"),
    ),
    # Medications, vaccines, the rest.
    "two_doses_ordered_at_once": (
        [order(LISINOPRIL, T8, dosageInstruction=[{"doseAndRate": [{"doseQuantity": {"value": 1}}]}])],
        [order(LISINOPRIL, T8, dosageInstruction=[{"doseAndRate": [{"doseQuantity": {"value": 2}}]}])],
        ("a0", "b0"),
    ),
    "order_and_fill": (
        [order(LISINOPRIL, T8)],
        [{**order(LISINOPRIL, T8), "resourceType": "MedicationDispense", "whenHandedOver": T8}],
        ("a0", "b0"),
    ),
    "two_lots_on_one_day": (
        [vaccine(FLU, DAY, lotNumber="X1")],
        [vaccine(FLU, DAY, lotNumber="X2")],
        ("a0", "b0"),
    ),
    "vaccine_two_years": ([vaccine(FLU, DAY)], [vaccine(FLU, "2025-03-01")], ("a0", "b0")),
    "not_done_is_not_done": ([vaccine(FLU, DAY)], [vaccine(FLU, DAY, status="not-done")], ("a0", "b0")),
    "father_and_mother": (
        [{"resourceType": "FamilyMemberHistory", "relationship": concept(("r", "FTH")), "condition": []}],
        [{"resourceType": "FamilyMemberHistory", "relationship": concept(("r", "MTH")), "condition": []}],
        ("a0", "b0"),
    ),
    "blank_documents": ([document("-")], [document("-")], ("a0", "b0")),
    "one_pdf_for_two_reports": (
        [act("DiagnosticReport", A1C, T8, presentedForm=document(NOTE)["content"][0]["attachment"])],
        [act("DiagnosticReport", GLUCOSE, T8, presentedForm=document(NOTE)["content"][0]["attachment"])],
        ("a0", "b0"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    here, there, expected = CASES[name]
    assert together(sent(a=here, b=there)) == sets(*expected)


def test_a_chain_of_codes_is_one_fact() -> None:
    first = condition(concept((SNOMED, "38341003")), onset=DAY)
    middle = condition(concept((SNOMED, "38341003"), (ICD10, "I10")), onset=DAY)
    last = condition(concept((ICD10, "I10.")), onset=DAY)
    assert together(sent(a=[first], b=[middle], c=[last])) == sets("a0 b0 c0")
    assert together(sent(a=[first], c=[last])) == sets("a0", "c0")


def test_words_alone_choose_neither_of_two_codes() -> None:
    snomed = lab(concept((SNOMED, "43396009"), text="Hemoglobin A1c"), T8, "5.6")
    words = lab(concept(text="Hemoglobin A1c"), T8, "5.6")
    assert together(sent(a=[snomed], b=[lab(A1C, T8, "5.6")], c=[words])) == sets("a0", "b0", "c0")


def test_the_amended_result_leads_and_the_conflict_is_named() -> None:
    here, there, _ = CASES["final_then_amended"]
    group = only(sent(a=here, b=there))
    assert group.leader.match.status == "amended"
    assert group.rule == Rule.IDENTIFIER
    assert [(c.field, set(c.values.values())) for c in group.conflicts] == [
        ("value", {"5.6 mg/dL", "6.5 mg/dL"})
    ]


def test_active_and_resolved_are_both_named() -> None:
    here, there, _ = CASES["active_here_and_resolved_there"]
    (conflict,) = only(sent(a=here, b=there)).conflicts
    assert (conflict.field, set(conflict.values.values())) == ("status", {"active", "resolved"})


def test_evidence_says_rule_codes_and_dates() -> None:
    (evidence,) = only(sent(a=[lab(A1C, T8, "5.6")], b=[lab(A1C, "2024-03-01T13:00:00Z", "5.6")])).evidence
    assert evidence.rule is Rule.CODE_TIME_VALUE
    assert evidence.codes == ("http://loinc.org|4548-4",)
    assert set(evidence.dates) == {T8, "2024-03-01T13:00:00Z"}
    assert evidence.rule.sentence == "Same code, same moment and same value."


def test_every_rule_has_a_sentence() -> None:
    assert all(rule.sentence.endswith(".") for rule in Rule)


def test_equal_numbers_of_practitioners_are_one() -> None:
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}
    wrong = {**npi, "value": "1234567890"}

    def doctor(name: str, *numbers: Json) -> Json:
        return {"resourceType": "Practitioner", "name": [{"text": name}], "identifier": list(numbers)}

    assert together(sent(a=[doctor("K. Yundt", npi)], b=[doctor("Keeley Yundt", npi)])) == sets("a0 b0")
    assert together(sent(a=[doctor("Keeley Yundt", wrong)], b=[doctor("Keeley Yundt", wrong)])) == sets(
        "a0", "b0"
    )


def test_two_patients_numbers_join_nothing() -> None:
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:ssn", "value": "999-10-1234"}]}
    assert together(sent(a=[patient], b=[patient])) == sets("a0", "b0")


def test_nothing_is_lost_of_types_that_never_join() -> None:
    types = ["CareTeam", "Goal", "ExplanationOfBenefit", "Provenance", "Device", "Coverage", "Claim", "Flag"]
    resources = [{"resourceType": each, "id": each} for each in types]
    assert sum(len(group.members) for group in merge(sent(a=resources, b=resources))) == 2 * len(types)
