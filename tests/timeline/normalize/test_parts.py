"""The small readers: dates, codes, units, numbers, names, references, flags."""

import base64
import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phr.timeline.decode import decode
from phr.timeline.events import Event, Kind, Quantity
from phr.timeline.normalize import (
    codes,
    dates,
    names,
    normalize,
    read,
    references,
    units,
    values,
    with_supporting,
)
from phr.timeline.normalize.attachments import attachments, sha1
from phr.timeline.normalize.draft import identifiers

DASH = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("text", "start", "precision"),
    [
        ("2019", datetime(2019, 1, 1, tzinfo=UTC), "year"),
        ("2019-05", datetime(2019, 5, 1, tzinfo=UTC), "month"),
        ("2019-05-03", datetime(2019, 5, 3, tzinfo=UTC), "day"),
        ("20190503", datetime(2019, 5, 3, tzinfo=UTC), "day"),
        ("2019-05-03T14:20", datetime(2019, 5, 3, 14, 20, tzinfo=UTC), "minute"),
        ("2019-05-03T14:20:30-05:00", datetime(2019, 5, 3, 19, 20, 30, tzinfo=UTC), "instant"),
        ("2019-05-03 14:20:30.123456789Z", datetime(2019, 5, 3, 14, 20, 30, 123456, tzinfo=UTC), "instant"),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), "instant"),
        ("2019-05-03T24:00:00Z", datetime(2019, 5, 4, tzinfo=UTC), "instant"),
        ("2019-02-30", None, "none"),
        ("0000", None, "none"),
        ("0001-01-01T00:00:00+14:00", None, "none"),
        ("soon", None, "none"),
        ("", None, "none"),
    ],
)
def test_dates(text: str, start: datetime | None, precision: str) -> None:
    found = dates.when(text)
    assert (found.start, found.precision, found.text) == (start, precision, text)


def test_a_date_keeps_the_day_as_written() -> None:
    assert dates.when("2024-03-01T23:30:00-05:00").local_date == date(2024, 3, 1)
    assert not dates.when("2024-03-01T23:30:00").zoned
    assert dates.when("2024-02").end == datetime(2024, 3, 1, tzinfo=UTC)
    assert dates.when("2024-12").end == datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "spelling",
    [
        "http://loinc.org",
        "https://loinc.org/",
        " http://LOINC.org",
        "urn:oid:2.16.840.1.113883.6.1",
        "2.16.840.1.113883.6.1",
        "LOINC",
        "http://loinc.org|2.76",
    ],
)
def test_one_system_in_all_spellings(spelling: str) -> None:
    assert codes.system(spelling) == "http://loinc.org"


def test_old_names_of_systems() -> None:
    assert codes.system("http://hl7.org/fhir/v3/ActCode") == codes.system(
        "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    )
    assert codes.system("http://snomed.info/sct/731000124108/version/20230901") == codes.SNOMED
    assert (
        codes.system("urn:oid:1.2.840.114350.1")
        == codes.system("1.2.840.114350.1")
        == "urn:oid:1.2.840.114350.1"
    )


def test_words_are_text_before_display_before_code() -> None:
    coding = [{"code": "1"}, {"code": "2", "display": "Shown"}]
    assert codes.words({"coding": coding, "text": "Said"}) == "Said"
    assert codes.words({"coding": coding}) == "Shown"
    assert codes.words({"coding": coding[:1]}) == "1"
    chosen = [{"display": "First"}, {"display": "Chosen", "userSelected": True}]
    assert codes.words({"coding": chosen}) == "Chosen"


@pytest.mark.parametrize(
    ("spelling", "unit"),
    [
        ("mg/dl", "mg/dL"),
        ("MG/DL ", "mg/dL"),
        ("mg/dL", "mg/dL"),
        ("mmHg", "mm[Hg]"),
        ("10^3/uL", "10*3/uL"),
        ("K/\N{MICRO SIGN}L", "10*3/uL"),
        ("{score}", ""),
        ("beats/min", "/min"),
        ("mmol/L", "mmol/L"),
        ("furlong", "furlong"),
    ],
)
def test_units(spelling: str, unit: str) -> None:
    assert units.canonical(spelling) == unit


def test_no_spelling_stands_for_two_units() -> None:
    spelled = [spelling for spellings in units._SPELLINGS.values() for spelling in spellings.split()]
    assert len(spelled) == len(set(spelled))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("13.20", "13.20"),
        ("0.0000001", "0.0000001"),
        ("1E+2", "100"),
        ("1.50e1", "15.0"),
        ("-0.0", "-0.0"),
        ("7", "7"),
        ("1e130000", "1E+130000"),
        ("9" * 40, "9" * 40),
        ("171.8502438021171", "171.8502438021171"),
    ],
)
def test_numbers_read_as_sent(sent: str, shown: str) -> None:
    assert read.number_text(decode(f"[{sent}]")[0]) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6))
def test_a_plain_decimal_is_never_changed(number: Decimal) -> None:
    sent = format(number, "f")
    assert read.number_text(decode(sent)) == sent


@pytest.mark.parametrize("raw", [b"{", b"NaN", b"\xff", b"[" * 100_000, b""])
def test_what_is_no_json_is_one_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"not JSON|nested too deep"):
        decode(raw)


def test_json_that_the_quick_reader_refuses() -> None:
    assert decode(b'{"a": "\\ud800", "b": 1}')["b"] == 1
    assert decode("9" * 5000) == Decimal("9" * 5000)


@pytest.mark.parametrize(
    "name", ["Dr. Keeley Yundt", "Yundt, Keeley A., MD", "KEELEY YUNDT", "Keeley  Yundt, M.D."]
)
def test_one_person_in_all_spellings(name: str) -> None:
    assert names.person(name) == "keeley yundt"


def test_names_that_say_too_little() -> None:
    assert names.person("Dr. Smith") == ""
    assert names.token("o", "Mercy Hospital") == "o:mercy hospital"
    assert names.person("د. أحمد حسن") == names.person("أحمد حسن")


def test_npi_numbers_are_checked() -> None:
    assert names.is_npi("1234567893")
    assert not names.is_npi("1234567890")
    assert not names.is_npi("١٢٣٤٥٦٧٨٩٣")


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("Encounter/1", "Encounter/1"),
        ("Encounter/1/_history/3", "Encounter/1"),
        ("https://PORTAL.example/fhir/Encounter/1", "Encounter/1"),
        ("https://other.example/fhir/Encounter/1", "https://other.example/fhir/Encounter/1"),
        ("urn:uuid:7", "urn:uuid:7"),
        ("#inside", "#inside"),
        ("Practitioner?identifier=x|1", ""),
        ("none", ""),
    ],
)
def test_references(reference: str, target: str) -> None:
    assert references.target(reference, "https://portal.example/fhir/") == target


def _judged(value: str, low: str = "4.0", high: str = "5.6", **more: Any) -> tuple[str, str, str]:
    bounds = {"low": {"value": low, "unit": "%"}, "high": {"value": high, "unit": "%"}}
    resource = {"referenceRange": [{**bounds, **more.pop("range", {})}], **more}
    _, _, flag, basis, words = values.judged(resource, Quantity(value, "%"))
    return flag, basis, words


def _say(word: str) -> dict[str, Any]:
    return {"interpretation": [{"text": word}]}


def test_flags_come_from_the_laboratory_else_from_its_range() -> None:
    assert _judged("6", **_say("H")) == ("high", "interpretation", f"above 4.0{DASH}5.6")
    assert _judged("6", **_say("N")) == ("normal", "interpretation", "")
    assert _judged("6") == ("high", "range", f"above 4.0{DASH}5.6")
    assert _judged("3.9") == ("low", "range", f"below 4.0{DASH}5.6")
    assert _judged("5.6") == ("", "", "")
    assert _judged("6", **_say("see comment")) == ("", "", "")
    assert _judged("6", range={"type": {"coding": [{"code": "treatment"}]}}) == ("", "", "")
    assert _judged("6", range={"appliesTo": [{"text": "pregnant"}]}) == ("", "", "")


def test_the_strongest_flag_counts() -> None:
    assert (
        values.interpretation({"interpretation": [{"text": "H"}, {"coding": [{"code": "HH"}]}]})[1]
        == "critical"
    )


def test_a_range_of_another_unit_is_not_compared() -> None:
    resource = {"referenceRange": [{"high": {"value": 5, "unit": "mmol/L"}}]}
    assert values.judged(resource, Quantity("101", "mg/dL"))[2] == ""
    assert values.judged(resource, Quantity("6", "mmol/l"))[2] == "high"
    assert values.judged(resource, Quantity("6", "mmol/L", comparator="<"))[2] == ""


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("valueRatio", {"numerator": {"value": 1}, "denominator": {"value": 128}}, "1:128"),
        ("valueRange", {"low": {"value": 2}, "high": {"value": 5, "unit": "mm"}}, f"2{DASH}5 mm"),
        ("valueBoolean", False, "No"),
        ("valueInteger", 0, "0"),
        ("valueCodeableConcept", {"coding": [{"display": "Detected"}]}, "Detected"),
        ("valueString", "  two\n lines ", "two lines"),
        ("valueSampledData", {"data": "1 2 3"}, "3 measurements in sequence"),
        ("valueQuantity", {"value": Decimal("5.0"), "comparator": "<"}, "<5.0"),
        ("valuePeriod", {"start": "2019", "end": "2020"}, "2019 to 2020"),
    ],
)
def test_values_of_every_type(field: str, value: Any, shown: str) -> None:
    (event,) = normalize({"resourceType": "Observation", "code": {"text": "x"}, field: value})
    assert f"{event.value_text} {event.unit_text}".strip() == shown


@pytest.mark.parametrize(
    ("resource", "exclusion"),
    [
        (
            {"resourceType": "Condition", "verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
            "entered_in_error",
        ),
        ({"resourceType": "AllergyIntolerance", "verificationStatus": {"text": "refuted"}}, "refuted"),
        ({"resourceType": "Procedure", "status": "not-done"}, "not_done"),
        ({"resourceType": "MedicationStatement", "status": "not-taken"}, "not_done"),
        ({"resourceType": "MedicationRequest", "doNotPerform": True}, "do_not_perform"),
        ({"resourceType": "MedicationRequest", "status": "cancelled"}, ""),
        ({"resourceType": "Encounter", "status": "cancelled"}, "not_done"),
        ({"resourceType": "Goal", "lifecycleStatus": "entered-in-error"}, "entered_in_error"),
        ({"resourceType": "DocumentReference", "docStatus": "entered-in-error"}, "entered_in_error"),
        ({"resourceType": "Appointment", "status": "noshow"}, "not_done"),
        ({"resourceType": "Whatever", "status": "entered-in-error"}, "entered_in_error"),
        ({"resourceType": "Practitioner"}, "supporting"),
        ({"resourceType": "OperationOutcome"}, "not_a_record"),
        ({"resourceType": "Immunization", "wasNotGiven": True}, "not_done"),
    ],
)
def test_what_did_not_happen_is_named(resource: dict[str, Any], exclusion: str) -> None:
    assert normalize(resource)[0].exclusion == exclusion


def test_identifiers_of_the_patient_or_the_order_are_not_the_events() -> None:
    def typed(code: str) -> dict[str, Any]:
        return {"system": "urn:x", "value": "7", "type": {"coding": [{"code": code}]}}

    assert identifiers({"identifier": [typed("MR"), typed("ACSN")]}, resource_type="Observation") == ()
    assert identifiers({"identifier": [typed("ACSN")]}, resource_type="DiagnosticReport") == (("urn:x", "7"),)
    assert identifiers({"identifier": [{"value": "7"}]}, resource_type="Observation") == ()


def test_contents_compare_by_their_bytes() -> None:
    body = b"Seen for a cough."
    sent = base64.b64encode(hashlib.sha1(body).digest()).decode()
    inline, pointed, empty = attachments(
        [
            {"data": base64.b64encode(body).decode()},
            {"url": "Binary/1", "hash": sent},
            {"url": "Binary/2", "hash": base64.b64encode(hashlib.sha1(b"").digest()).decode()},
        ]
    )
    assert inline.digest == pointed.digest == sha1(body)
    assert empty.digest == ""


def test_supporting_resources_complete_an_event() -> None:
    def only(resource: dict[str, Any]) -> Event:
        (event,) = normalize(resource)
        return event

    order = only(
        {
            "resourceType": "MedicationRequest",
            "medicationReference": {"reference": "Medication/1"},
            "requester": {"reference": "PractitionerRole/1"},
        }
    )
    supporting = {
        "Medication/1": only(
            {
                "resourceType": "Medication",
                "code": {"text": "Lisinopril", "coding": [{"system": codes.RXNORM, "code": "1"}]},
            }
        ),
        "PractitionerRole/1": only(
            {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/1"}}
        ),
        "Practitioner/1": only(
            {"resourceType": "Practitioner", "name": [{"given": ["Keeley"], "family": "Yundt"}]}
        ),
    }
    done = with_supporting(order, supporting)
    assert (done.kind, done.title, done.text) == (Kind.MEDICATION, "Lisinopril", "Lisinopril")
    assert done.codes == (codes.coding({"system": codes.RXNORM, "code": "1"}),)
    assert done.participants == ("p:keeley yundt",)


def test_a_visit_takes_the_name_of_its_organization() -> None:
    (visit,) = normalize({"resourceType": "Encounter", "serviceProvider": {"reference": "Organization/1"}})
    (mercy,) = normalize({"resourceType": "Organization", "name": "Mercy"})
    done = with_supporting(visit, {"Organization/1": mercy})
    assert (done.organization, done.detail, done.participants) == ("Mercy", "Mercy", ("o:mercy",))
    assert with_supporting(done, {"Organization/1": mercy}) is done


def test_texts_that_would_mislead_are_cleaned() -> None:
    assert read.clean("ab\u202ecd\x00 \n e") == "abcd e"
    assert read.clean("\ud800x") == "x"
    assert read.clean("می\N{ZERO WIDTH NON-JOINER}خواهم") == "می\N{ZERO WIDTH NON-JOINER}خواهم"
