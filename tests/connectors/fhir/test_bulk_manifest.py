import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.errors import BadReply
from connectors.fhir.bulk_manifest import MAX_FILES, read_manifest

STATUS = "https://portal.example/fhir/bulkstatus/7?secret-query"
WHOLE: dict[str, Any] = {
    "transactionTime": "2026-11-20T09:00:00.123+02:00",
    "request": "https://portal.example/fhir/$export",
    "requiresAccessToken": True,
    "output": [
        {"type": "Patient", "url": "https://portal.example/files/1", "count": 13, "extension": {"x": 1}},
        {"type": "Observation", "url": "../files/2"},
    ],
    "deleted": [{"type": "Bundle", "url": "https://portal.example/files/3", "count": 0}],
    "error": [{"url": "https://portal.example/files/4", "count": "many"}],
}


def read(**changes: Any) -> Any:
    return read_manifest(json.dumps({**WHOLE, **changes}).encode(), status_url=STATUS)


def test_it_is_read_whole() -> None:
    found = read()
    assert found.transaction_time == datetime(2026, 11, 20, 7, 0, 0, 123_000, tzinfo=UTC)
    assert found.requires_token is True
    assert [(each.kind, each.resource_type, each.url, each.count) for each in found.files] == [
        ("output", "Patient", "https://portal.example/files/1", 13),
        ("output", "Observation", "https://portal.example/fhir/files/2", None),
        ("deleted", "Bundle", "https://portal.example/files/3", 0),
        ("error", "OperationOutcome", "https://portal.example/files/4", None),
    ]
    assert found.next_url is None
    assert "files/1" not in repr(found)


def test_the_fourth_version_calls_errors_outcomes() -> None:
    found = read(error=None, outcome=[{"type": "OperationOutcome", "url": "https://portal.example/files/4"}])
    assert [each.kind for each in found.files] == ["output", "output", "deleted", "error"]


def test_further_files_may_stand_in_another_manifest() -> None:
    assert (
        read(link=[{"relation": "next", "url": "?page=2"}]).next_url
        == "https://portal.example/fhir/bulkstatus/7?page=2"
    )
    assert read(link=[{"relation": "self", "url": "?page=1"}]).next_url is None


def test_an_export_of_nothing_is_one() -> None:
    assert read(output=[], deleted=None, error=[]).files == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"transactionTime": None},
        {"transactionTime": "yesterday"},
        {"transactionTime": 5},
        {"requiresAccessToken": None},
        {"requiresAccessToken": "true"},
        {"output": None},
        {"output": {}},
        {"output": ["https://portal.example/files/1"]},
        {"output": [{"type": "Patient"}]},
        {"output": [{"type": "Patient", "url": ""}]},
        {"output": [{"type": "Patient", "url": "file:///etc/passwd"}]},
        {"output": [{"type": "Patient", "url": "https://[broken"}]},
        {"output": [{"url": "https://portal.example/files/1"}]},
        {"output": [{"type": "../Patient", "url": "https://portal.example/files/1"}]},
        {"output": [{"type": "P" * 65, "url": "https://portal.example/files/1"}]},
        {"error": "none"},
        {"link": [{"relation": "next"}]},
    ],
)
def test_what_is_not_understood_whole_is_not_used(changes: dict[str, Any]) -> None:
    with pytest.raises(BadReply) as refusal:
        read(**changes)
    assert refusal.value.code == "bad_response"


def test_a_count_that_is_none_is_not_believed() -> None:
    for count in (-1, True, 1.5, "13", None):
        assert read(output=[{"type": "Patient", "url": "x", "count": count}]).files[0].count is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "not_json"),
        (b"[]", "bad_response"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"[" * 5000, "too_deep"),
    ],
)
def test_what_is_no_manifest_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(BadReply) as refusal:
        read_manifest(body, status_url=STATUS)
    assert refusal.value.code in {code, "not_json"}


def test_more_files_than_anybody_has_are_refused() -> None:
    with pytest.raises(BadReply) as refusal:
        read(output=[{"type": "Patient", "url": "x"}] * (MAX_FILES + 1))
    assert refusal.value.code == "too_large"
