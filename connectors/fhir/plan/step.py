"""One thing to ask a portal, or the reason why it is not asked (PURE)."""

from dataclasses import dataclass, field
from typing import Literal

from connectors.fhir.query import Query, encode_query

Kind = Literal["read", "search", "everything"]
State = Literal["run", "unsupported", "refused"]
Reason = Literal[
    "",
    "not_granted",  # refused: the granted scopes do not hold this type
    "not_listed",  # unsupported: the CapabilityStatement does not list the type
    "not_searchable",  # unsupported: listed, but not for search, or not by patient
    "other_version",  # unsupported: the server speaks another version of FHIR than R4
    "not_by_patient",  # unsupported: the profile knows that this type is not found by patient
]
# "changes": only what is new since the last crawl; whatever else changed or went is not seen.
Mode = Literal["full", "changes"]
# What a complete answer may still lack.
Note = Literal[
    "",
    "limited",  # the grant holds only a part of the type
    "by_part",  # asked for by categories or the like, which need not cover everything
    "by_date",  # asked for from some day on
]


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One query of one resource type. `ordinal` counts from 0 in the order in which steps are to begin.

    `kind` "read" reads `reference` ("Patient/id"); "search" sends `query`; "everything" sends `query` to
    `reference` ("Patient/id/$everything"). `state` "run" is to be done, the others say with `reason` why it
    will not be.
    """

    ordinal: int
    kind: Kind
    resource_type: str
    query: Query = field(default=(), repr=False)
    reference: str = field(default="", repr=False)
    state: State = "run"
    reason: Reason = ""
    mode: Mode = "full"
    note: Note = ""

    @property
    def text(self) -> str:
        """What stands behind the base and, for a search, the type: a reference, or an encoded query."""
        if self.kind == "search":
            return encode_query(self.query)
        return f"{self.reference}?{encode_query(self.query)}" if self.query else self.reference

    @property
    def path(self) -> str:
        """What stands behind the base: the whole question."""
        if self.kind == "search":
            return f"{self.resource_type}?{self.text}" if self.query else self.resource_type
        return self.text
