"""Resources become events: `normalize(resource, resource_type=...)`. PURE."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from phr.timeline.events import Event, Kind
from phr.timeline.normalize import (
    allergy,
    condition,
    described,
    document,
    encounter,
    generic,
    immunization,
    medication,
    observation,
    patient,
    procedure,
    report,
    shapes,
    supporting,
)
from phr.timeline.normalize.draft import Draft
from phr.timeline.normalize.resolve import supporting_of, with_supporting

__all__ = ["NORMALIZERS", "PROJECTION_VERSION", "normalize", "supporting_of", "with_supporting"]

# Raised when what a resource says would be read differently: stored events of an older version are due again.
PROJECTION_VERSION = 1

Normalizer = Callable[[Draft], tuple[Event, ...]]

NORMALIZERS: Mapping[str, Normalizer] = MappingProxyType(
    dict.fromkeys(supporting.KINDS, supporting.normalize)
    | dict.fromkeys(shapes.SHAPES, described.normalize)
    | {
        "Patient": patient.normalize,
        "Encounter": encounter.normalize,
        "Condition": condition.normalize,
        "Observation": observation.normalize,
        "MedicationRequest": medication.normalize,
        "MedicationOrder": medication.normalize,
        "MedicationStatement": medication.normalize,
        "MedicationDispense": medication.normalize,
        "MedicationAdministration": medication.normalize,
        "AllergyIntolerance": allergy.normalize,
        "Immunization": immunization.normalize,
        "Procedure": procedure.normalize,
        "DiagnosticReport": report.normalize,
        "DocumentReference": document.normalize,
    }
)


def normalize(resource: Any, *, resource_type: str = "", base_url: str = "") -> tuple[Event, ...]:
    """What one resource says, as events numbered from 0; at least one, and it never raises.

    `resource` (an object) comes from `decode.decode`; `resource_type` defaults to what it says itself;
    `base_url` is the portal's, so that absolute references into it become "Type/id". A damaged resource gives a
    generic line whose attributes["fault"] names the error's class, never its words.
    """
    kept: Mapping[str, Any] = resource if isinstance(resource, Mapping) else {}
    said = kept.get("resourceType")
    name = resource_type or (said if isinstance(said, str) else "")
    try:
        return NORMALIZERS.get(name, generic.normalize)(Draft(kept, resource_type=name, base_url=base_url))
    except Exception as error:  # noqa: BLE001 - one resource never hides the others; tests hold that this stays unused
        fault = {"fault": type(error).__name__}
        title = generic.named(name)
        return (Event(kind=Kind.OTHER, resource_type=name, title=title, generic=True, attributes=fault),)
