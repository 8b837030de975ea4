"""The same functions over input that nobody on this project wrote."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from connectors.fhir.bundle import iter_ndjson, read_page, read_resource
from connectors.fhir.digest import canonical_digest, jsonb_alters
from connectors.fhir.references import attachments, literal_references

pytestmark = pytest.mark.corpus
BASE = "https://portal.example/fhir"


def test_bundles_come_apart_without_a_fault(corpus: Path) -> None:
    files = [*sorted((corpus / "synthea").glob("*.json")), corpus / "large" / "merged_patient.json"]
    assert len(files) > 1
    for path in files:
        body = path.read_bytes()
        page = read_page(body, base_url=BASE)
        expected = [entry["resource"] for entry in json.loads(body)["entry"]]
        assert [entry.fault for entry in page.entries] == [None] * len(expected)
        assert [msgspec.json.decode(entry.raw) for entry in page.entries] == expected
        assert Counter(entry.resource_type for entry in page.entries) == Counter(
            resource["resourceType"] for resource in expected
        )


def test_exports_come_apart_without_a_fault(corpus: Path) -> None:
    notes = 0
    for path in sorted((corpus / "bulk-ndjson").glob("[A-Z]*.ndjson")):
        with path.open("rb") as lines:
            entries = list(iter_ndjson(lines))
        assert entries
        assert {entry.resource_type for entry in entries} == {path.name.partition(".")[0]}
        assert {entry.fault for entry in entries} == {None}
        notes += sum(found.inline for entry in entries for found in attachments(entry.raw))
    assert notes > 100


def test_examples_keep_their_meaning_in_jsonb(corpus: Path) -> None:
    paths = sorted((corpus / "us-core").rglob("*.json"))
    assert len(paths) > 200
    for path in paths:
        raw = path.read_bytes()
        entry = read_resource(raw)
        assert entry.fault is None, path.name
        again = json.dumps(json.loads(raw), separators=(",", ":")).encode()
        assert (canonical_digest(raw) == canonical_digest(again)) == (not _has_trailing_zeros(raw)), path.name
        assert not jsonb_alters(raw), path.name
        for reference in literal_references(raw, base_url=BASE):
            assert reference.split("/")[0].isalpha()


def _has_trailing_zeros(raw: bytes) -> bool:
    """Whether a float loses text of some number, which is why digests do not go through one."""
    lost = False

    def note(text: str) -> float:
        nonlocal lost
        lost = lost or repr(float(text)) != text
        return float(text)

    json.loads(raw, parse_float=note)
    return lost
