"""Whom a resource is about. PURE."""

from collections.abc import Mapping
from typing import Any

from phr.timeline.normalize import references

# Where the types name their patient; the first that is there says it.
_MEMBERS = ("subject", "patient", "beneficiary")


def patient_of(resource: Mapping[str, Any], *, base_url: str = "") -> str:
    """The id of the Patient that a resource says it is about; "" where it says none.

    An absolute reference outside the portal names somebody whom we do not know: it comes back whole. A Patient, and
    a reference to what is contained in the resource itself, say nothing here.
    """
    for member in _MEMBERS:
        said = resource.get(member)
        pointed = said.get("reference") if isinstance(said, Mapping) else None
        if not isinstance(pointed, str):
            continue
        target = references.target(pointed, base_url)
        if target.startswith("Patient/"):
            return target.removeprefix("Patient/")
        if "/Patient/" in target:
            return target
    return ""
