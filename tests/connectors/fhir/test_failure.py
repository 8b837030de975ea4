import json
from typing import Any

import pytest

from connectors.errors import BadReply, PortalError, Reauthorize, RetryLater, SkipResource
from connectors.fhir.failure import Kind, StatusRequired, failure, wait_seconds
from connectors.fhir.outcome import Issues, read_issues
from connectors.profile import ErrorRule

NOW = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("status", "kind", "expected", "code"),
    [
        (401, "search", Reauthorize, "unauthorized"),
        (403, "search", SkipResource, "refused"),
        (404, "search", SkipResource, "not_supported"),
        (404, "read", SkipResource, "not_found"),
        (410, "search", RetryLater, "paging_expired"),
        (410, "binary", SkipResource, "not_found"),
        (400, "search", SkipResource, "request_refused"),
        (422, "search", SkipResource, "request_refused"),
        (406, "search", SkipResource, "not_supported"),
        (501, "search", SkipResource, "not_supported"),
        (408, "search", RetryLater, "server_error"),
        (425, "search", RetryLater, "server_error"),
        (429, "search", RetryLater, "rate_limited"),
        (500, "search", RetryLater, "server_error"),
        (503, "search", RetryLater, "server_error"),
        (520, "read", RetryLater, "server_error"),
        (413, "search", BadReply, "too_large"),
        (204, "search", BadReply, "bad_response"),
        (304, "search", BadReply, "bad_response"),
        (200, "search", BadReply, "bad_response"),
    ],
)
def test_what_a_status_means(status: int, kind: Kind, expected: type[PortalError], code: str) -> None:
    error = failure(status=status, headers={}, kind=kind)
    assert (type(error), error.code, error.status) == (expected, code, status)


@pytest.mark.parametrize(
    ("issue", "outcome"),
    [
        ("forbidden", "refused"),
        ("security", "refused"),
        ("not-supported", "unsupported"),
        ("59108", "unsupported"),
    ],
)
def test_what_an_issue_means(issue: str, outcome: str) -> None:
    error = failure(status=400, headers={}, issues=Issues(frozenset({issue}), failed=True))
    assert isinstance(error, SkipResource)
    assert error.outcome == outcome


def test_a_transient_issue_is_tried_again_even_with_200() -> None:
    error = failure(status=200, headers={}, issues=Issues(frozenset({"throttled"}), failed=True))
    assert isinstance(error, RetryLater)


@pytest.mark.parametrize(
    ("rule", "expected", "code"),
    [
        (ErrorRule(status=400, meaning="refused"), SkipResource, "refused"),
        (
            ErrorRule(status=400, meaning="unsupported", resource_type="Observation"),
            SkipResource,
            "not_supported",
        ),
        (ErrorRule(status=400, meaning="retry", issue_code="77"), RetryLater, "paging_expired"),
        (ErrorRule(status=400, meaning="reauthorize"), Reauthorize, "unauthorized"),
        (ErrorRule(status=400, meaning="refused", resource_type="Patient"), SkipResource, "request_refused"),
        (ErrorRule(status=400, meaning="refused", issue_code="78"), SkipResource, "request_refused"),
        (ErrorRule(status=403, meaning="retry"), SkipResource, "request_refused"),
    ],
)
def test_a_rule_of_the_profile_comes_first(rule: ErrorRule, expected: type[PortalError], code: str) -> None:
    error = failure(
        status=400,
        headers={},
        issues=Issues(frozenset({"77"}), failed=True),
        resource_type="Observation",
        rules=(rule,),
    )
    assert (type(error), error.code) == (expected, code)


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        ErrorRule(status=500, meaning="unsupported", resource_type="Goal"),
        ErrorRule(status=500, meaning="retry"),
    )
    assert isinstance(failure(status=500, headers={}, resource_type="Goal", rules=rules), SkipResource)
    assert failure(status=500, headers={}, resource_type="Device", rules=rules).code == "server_error"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "1e99"}, 21600.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon", "ratelimit-reset": "9"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:30:00 GMT", "date": NOW}, 120.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:00:00 GMT", "date": NOW}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2099 07:00:00 GMT", "date": NOW}, 21600.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:30:00 GMT"}, None),
        ({"retry-after": "Wed, 99 Oct 2026 07:30:00 GMT", "date": NOW}, None),
        ({"ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-reset": "1792567740", "date": NOW}, 60.0),
        ({"x-ratelimit-reset": "1792567740"}, None),
        ({"retry-after": "5", "x-ratelimit-reset": "60"}, 5.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert wait_seconds(headers) == expected


def test_issues_are_read_without_their_text() -> None:
    body = b"""{"resourceType":"OperationOutcome","issue":[
      {"severity":"error","code":"forbidden","diagnostics":"Jane Doe",
       "details":{"coding":[{"code":"59108"}]}},
      {"severity":"warning","code":"incomplete"}]}"""
    issues = read_issues(body)
    assert issues == Issues(frozenset({"forbidden", "59108"}), failed=True)
    assert "Jane" not in repr(issues)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"resourceType":"Patient"}', b'{"issue":5}', b"[" * 5000]
)
def test_anything_else_has_no_issues(body: bytes) -> None:
    assert not read_issues(body).failed


def test_a_busy_portal_that_does_not_say_how_long_is_left_alone_for_a_minute() -> None:
    error = failure(status=429, headers={})
    assert isinstance(error, RetryLater)
    assert error.after == 60.0
    told = failure(status=429, headers={"retry-after": "2"})
    assert isinstance(told, RetryLater)
    assert told.after == 2.0
    unwell = failure(status=503, headers={})
    assert isinstance(unwell, RetryLater)
    assert unwell.after is None


@pytest.mark.parametrize(
    ("issue", "wanted"),
    [
        ({"code": "required", "diagnostics": "The parameter status is missing"}, True),
        ({"code": "invalid", "details": {"text": "clinical-status must be given"}}, True),
        ({"code": "required", "expression": ["Goal.lifecycle-status"]}, True),
        ({"code": "required", "location": ["status"]}, True),
        ({"code": "required", "diagnostics": "HTTP status code 400"}, False),
        ({"code": "required", "diagnostics": "statusReason is missing"}, False),
        ({"code": "required", "diagnostics": "category is missing"}, False),
        ({"severity": "warning", "code": "required", "diagnostics": "status"}, False),
    ],
)
def test_a_search_that_lacks_a_status_may_be_asked_with_all_of_them(
    issue: dict[str, object], *, wanted: bool
) -> None:
    body = json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error", **issue}]})
    issues = read_issues(body.encode())

    def meant(status: int = 400, kind: Kind = "search", **how: Any) -> bool:
        error = failure(status=status, headers={}, issues=issues, kind=kind, **how)
        return isinstance(error, StatusRequired)

    assert meant() is wanted
    assert meant(422) is wanted
    assert not meant(kind="read")
    assert not meant(403)
    # A profile knows better than a word.
    assert not meant(rules=(ErrorRule(status=400, meaning="refused"),))
