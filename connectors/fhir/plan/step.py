"""One thing to ask a portal, or the reason why it is not asked (PURE)."""

from dataclasses import dataclass, field
from typing import Literal

from connectors.fhir.query import Query, encode_query

Kind = Literal["read", "search"]
State = Literal["run", "unsupported", "refused"]
Reason = Literal[
    "",
    "not_granted",  # refused: the granted scopes do not hold this type
    "not_listed",  # unsupported: the CapabilityStatement does not list the type
    "not_searchable",  # unsupported: listed, but not for search, or not by patient
    "other_version",  # unsupported: the server speaks another version of FHIR than R4
    "not_by_patient",  # unsupported: the profile knows that this type is not found by patient
]


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One query of one resource type. `ordinal` counts from 0 in the order in which steps are to begin.

    `kind` "read" reads `reference` ("Patient/id"); "search" sends `query`. `state` "run" is to be done, the
    others say with `reason` why it will not be.
    """

    ordinal: int
    kind: Kind
    resource_type: str
    query: Query = field(default=(), repr=False)
    reference: str = field(default="", repr=False)
    state: State = "run"
    reason: Reason = ""

    @property
    def text(self) -> str:
        """What stands behind the base and, for a search, the type: a reference, or an encoded query."""
        return self.reference if self.kind == "read" else encode_query(self.query)
