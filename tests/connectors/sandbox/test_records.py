import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.records import RecordsError, dump, parse, read_raw, read_records

PATIENT = b'{"resourceType":"Patient","id":"anna","balance":13.20}'


@pytest.mark.parametrize(
    "text", ["13.20", "0.010", "1.0", "-0.0", "1e-3", "1E+5", "2.50e10", "12345678901234567890.10"]
)
def test_a_number_keeps_its_text(text: str) -> None:
    raw = f'{{"value":{text},"deep":[{{"value":{text}}}]}}'.encode()
    assert dump(parse(raw)) == raw
    assert dump(parse(dump(parse(raw)))) == raw


def test_a_number_is_still_a_number() -> None:
    assert parse(b'{"a":1e-3,"b":13.20}') == {"a": Decimal("0.001"), "b": Decimal("13.2")}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_any_decimal_comes_out_as_it_went_in(value: Decimal) -> None:
    assert dump({"value": value}) == f'{{"value":{value}}}'.encode()
    assert dump(parse(dump({"value": value}))) == dump({"value": value})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_else_comes_out_as_it_went_in(value: object) -> None:
    assert json.loads(dump({"value": value})) == {"value": value}
    assert parse(dump({"value": value})) == {"value": value}


def test_a_transactions_links_become_references(tmp_path: Path) -> None:
    observation = (
        b'{"resourceType":"Observation","subject":{"reference":"urn:uuid:aaaa"},'
        b'"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:aaaa"}],"value":1.10}'
    )
    bundle = (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:aaaa","resource":'
        + PATIENT
        + b'},{"fullUrl":"urn:uuid:bbbb","resource":'
        + observation
        + b'},{"search":{"mode":"outcome"},"resource":{"resourceType":"OperationOutcome"}}]}'
    )
    (tmp_path / "bundle.json").write_bytes(bundle)
    patient, found = read_raw([tmp_path / "bundle.json"])
    assert patient == PATIENT
    assert b'{"reference":"Patient/anna"}' in found
    assert b'"value":"urn:uuid:aaaa"' in found
    assert found.startswith(b'{"id":"bbbb",')
    assert read_records([tmp_path / "bundle.json"])[1]["value"] == Decimal("1.10")


def test_it_reads_ndjson_and_single_resources(tmp_path: Path) -> None:
    (tmp_path / "lines.ndjson").write_bytes(PATIENT + b"\n\n" + PATIENT.replace(b"anna", b"bert") + b"\n")
    (tmp_path / "one.json").write_bytes(b" " + PATIENT.replace(b"anna", b"cleo") + b"\n")
    found = read_records([tmp_path / "lines.ndjson", tmp_path / "one.json"])
    assert [each["id"] for each in found] == ["anna", "bert", "cleo"]


def test_the_same_resource_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(PATIENT)
    (tmp_path / "b.json").write_bytes(PATIENT.replace(b"13.20", b"1"))
    assert read_raw([tmp_path / "a.json", tmp_path / "b.json"]) == [PATIENT]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[1]",
        b'{"a":1}',
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}}]}',
        b'{"resourceType":"patient","id":"x"}',
        PATIENT + b"\n" + b'{"broken',
    ],
)
def test_what_is_no_fhir_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(RecordsError) as caught:
        read_raw([tmp_path / "file.json"])
    assert "file.json" in str(caught.value)
    assert "anna" not in str(caught.value)
