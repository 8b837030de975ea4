"""Resources as small as a test can have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "pat",
    "name": [{"family": "Marin", "given": ["Rosa"]}],
    "birthDate": "1958-05-12",
}
_ME = {"reference": "Patient/pat"}


def result(number: int, **more: Any) -> dict[str, Any]:
    """A laboratory result, each of another day."""
    return {
        "resourceType": "Observation",
        "id": f"result-{number}",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": f"Potassium {number}"},
        "subject": _ME,
        "effectiveDateTime": f"20{number // 336:02}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}",
        **more,
    }


def results(count: int) -> Iterable[dict[str, Any]]:
    return (result(number) for number in range(count))


def problem(name: str = "asthma", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": name,
        "code": {"text": name.capitalize()},
        "subject": _ME,
        "onsetDateTime": "2019-05",
        **more,
    }


def visit(name: str = "visit", doctor: str = "doc", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"code": "AMB"},
        "type": [{"text": "Follow-up"}],
        "subject": _ME,
        "period": {"start": "2024-03-01T09:00:00-05:00"},
        "participant": [{"individual": {"reference": f"Practitioner/{doctor}"}}],
        **more,
    }


DOCTOR: dict[str, Any] = {"resourceType": "Practitioner", "id": "doc", "name": [{"text": "Dr. Ana Ferreira"}]}
