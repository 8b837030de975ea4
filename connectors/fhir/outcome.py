"""What an OperationOutcome means for the caller (PURE).

Its free text may name the patient: it is searched for one word of FHIR, and never kept.

Source: https://hl7.org/fhir/R4/valueset-issue-type.html
"""

import re
from typing import Final, Literal

import msgspec

REFUSED: Final = frozenset({"security", "login", "unknown", "expired", "forbidden", "suppressed"})
UNSUPPORTED: Final = frozenset({"not-supported", "invalid", "structure", "required", "value", "invariant"})
TRANSIENT: Final = frozenset(
    {"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"}
)
_HARMLESS: Final = frozenset({"information", "warning"})
# The search parameters that US Core lets a server demand; not the status of an HTTP answer.
_STATUS: Final = re.compile(
    r"(?<![A-Za-z])(?:(?:clinical|lifecycle)-)?status(?![A-Za-z]|[ -]?code)", re.IGNORECASE
)


class _Coding(msgspec.Struct):
    code: str | None = None


class _Concept(msgspec.Struct):
    coding: list[_Coding] | None = None
    text: str | None = None


class _Issue(msgspec.Struct):
    severity: str | None = None
    code: str | None = None
    details: _Concept | None = None
    diagnostics: str | None = None
    expression: list[str] | None = None
    location: list[str] | None = None


class _Outcome(msgspec.Struct):
    resourceType: str  # noqa: N815
    issue: list[_Issue] | None = None


class Issues(msgspec.Struct, frozen=True):
    """`codes`: every issue code and details code of the issues that are errors; `failed`: whether there are
    any; `about_status`: whether one of them speaks of the search parameter `status` or its like.
    """

    codes: frozenset[str]
    failed: bool
    about_status: bool = False

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
    return Issues(frozenset(codes), failed=bool(issues), about_status=any(map(_about_status, issues)))


def _about_status(issue: _Issue) -> bool:
    texts = [issue.diagnostics, *(issue.expression or ()), *(issue.location or ())]
    if issue.details is not None:
        texts.append(issue.details.text)
    return any(text is not None and _STATUS.search(text) is not None for text in texts)
