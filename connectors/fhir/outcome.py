"""What an OperationOutcome means for the caller (PURE). Its free text is never read: it may name the patient.

Source: https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from typing import Final, Literal

import msgspec

REFUSED: Final = frozenset({"security", "login", "unknown", "expired", "forbidden", "suppressed"})
UNSUPPORTED: Final = frozenset({"not-supported", "invalid", "structure", "required", "value", "invariant"})
TRANSIENT: Final = frozenset(
    {"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"}
)
_HARMLESS: Final = frozenset({"information", "warning"})


class _Coding(msgspec.Struct):
    code: str | None = None


class _Concept(msgspec.Struct):
    coding: list[_Coding] | None = None


class _Issue(msgspec.Struct):
    severity: str | None = None
    code: str | None = None
    details: _Concept | None = None


class _Outcome(msgspec.Struct):
    resourceType: str  # noqa: N815
    issue: list[_Issue] | None = None


class Issues(msgspec.Struct, frozen=True):
    """`codes`: every issue code and details code of the issues that are errors; `failed`: whether there are
    any.
    """

    codes: frozenset[str]
    failed: bool

    @property
    def meaning(self) -> Literal["refused", "unsupported", "retry"] | None:
        """What the standard issue codes say; None where they say nothing of use."""
        if self.codes & TRANSIENT:
            return "retry"
        if self.codes & REFUSED:
            return "refused"
        return "unsupported" if self.codes & UNSUPPORTED else None


NO_ISSUES: Final = Issues(frozenset(), failed=False)
_read: Final = msgspec.json.Decoder(_Outcome).decode


def read_issues(body: bytes) -> Issues:
    """Read the codes of an OperationOutcome; `NO_ISSUES` where `body` is anything else."""
    try:
        outcome = _read(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return NO_ISSUES
    if outcome.resourceType != "OperationOutcome":
        return NO_ISSUES
    issues = [issue for issue in outcome.issue or [] if issue.severity not in _HARMLESS]
    codes = {issue.code for issue in issues if issue.code}
    for issue in issues:
        if issue.details is not None:
            codes.update(coding.code for coding in issue.details.coding or [] if coding.code)
    return Issues(frozenset(codes), failed=bool(issues))
