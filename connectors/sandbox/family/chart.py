"""One person's chart at one portal, in that house's ids and spellings, and the ledger of what is true.

A story adds to a chart what happened; the chart decides how this portal writes it. What two charts add under
one ``fact`` is one thing in the world, and the ledger remembers it: the truth comes from the telling, not
from a guess made afterwards.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

from connectors.sandbox.family.codes import US_CORE, hl7
from connectors.sandbox.family.model import LookAlike, SameFact, Truth
from connectors.sandbox.split import IdStyle, Resource, spelled_id

LOCAL: Final = ZoneInfo("America/Chicago")

# Portals that announce a US Core profile do so for the types that have exactly one.
PROFILES: Final = {
    "AllergyIntolerance": "us-core-allergyintolerance",
    "CareTeam": "us-core-careteam",
    "Encounter": "us-core-encounter",
    "Goal": "us-core-goal",
    "Immunization": "us-core-immunization",
    "MedicationRequest": "us-core-medicationrequest",
    "Patient": "us-core-patient",
    "Procedure": "us-core-procedure",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A portal's habits of writing."""

    slug: str
    name: str
    id_style: IdStyle
    clock: Literal["utc", "offset", "milliseconds"]
    announces_profiles: bool = False

    def instant(self, moment: datetime) -> str:
        """Write a moment as this portal does: in UTC, with the local offset, or to the millisecond."""
        if self.clock == "utc":
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        local = moment.astimezone(LOCAL)
        return local.isoformat(timespec="milliseconds" if self.clock == "milliseconds" else "seconds")


@dataclass(slots=True)
class Ledger:
    """What is true of one person, whoever holds it."""

    facts: dict[tuple[str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    apart: list[LookAlike] = field(default_factory=list)
    unprovable: list[LookAlike] = field(default_factory=list)

    def truth(self) -> Truth:
        """Give the facts that two or more portals hold, and what only looks like one."""
        same = tuple(
            SameFact(name=name, resource_type=kind, members=dict(there))
            for (kind, name), there in self.facts.items()
            if len(there) > 1
        )
        return Truth(same=same, apart=tuple(self.apart), unprovable=tuple(self.unprovable))


@dataclass(slots=True)
class Chart:
    """The growing record of one person at one portal."""

    desk: Desk
    person: str
    seed: int
    ledger: Ledger
    staff: Callable[["Chart", str], str]
    resources: dict[str, Resource] = field(default_factory=dict)

    @property
    def subject(self) -> Resource:
        """Refer to the patient of this chart."""
        return {"reference": self.address("Patient", "self")}

    def address(self, kind: str, name: str, *, ours: bool = True) -> str:
        """Give ``Type/id`` of what this chart calls ``name``; ``ours=False``: of the house's directory."""
        owner = self.person if ours else "house"
        text = f"family {self.seed}|{self.desk.slug}|{owner}|{kind}|{name}"
        return f"{kind}/{spelled_id(self.desk.id_style, kind, text)}"

    def add(self, kind: str, name: str, body: Resource, *, fact: str = "", ours: bool = True) -> str:
        """Put a resource into the chart and return its ``Type/id``; ValueError for a name used twice."""
        address = self.address(kind, name, ours=ours)
        if address in self.resources:
            message = f"{self.desk.slug} holds {kind} {name} twice"
            raise ValueError(message)
        head: Resource = {"resourceType": kind, "id": address.partition("/")[2]}
        if self.desk.announces_profiles and kind in PROFILES:
            head["meta"] = {"profile": [f"{US_CORE}/{PROFILES[kind]}"]}
        self.resources[address] = {**head, **body}
        if fact:
            self.ledger.facts[kind, fact][self.desk.slug] = address
        return address

    def has(self, kind: str, name: str, *, ours: bool = True) -> bool:
        """Say whether the chart holds it already."""
        return self.address(kind, name, ours=ours) in self.resources

    def who(self, name: str) -> Resource:
        """Refer to one of those who treat here; the first mention enters them into the chart."""
        address = self.staff(self, name)
        words = self.resources[address].get("name", "")
        display = words[0]["text"] if isinstance(words, list) else words
        return {"reference": address, "display": display}

    def number(self, name: str, places: int = 8) -> str:
        """Give a business number of this house's own counting."""
        return digits(f"{self.seed}|{self.desk.slug}|{self.person}|{name}", places)

    def house_number(self, name: str, places: int) -> str:
        """Give a number of the house's own directory, the same in everybody's chart."""
        return digits(f"{self.seed}|{self.desk.slug}|house|{name}", places)

    def system(self, what: str) -> str:
        """Name the identifier system of this house for ``what``."""
        return f"https://{self.desk.slug}.example/identifiers/{what}"


def digits(text: str, places: int) -> str:
    """Give a stable number of so many digits, not beginning with a zero."""
    start = 10 ** (places - 1)
    return str(start + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % (9 * start))


def dice(seed: int, *names: object) -> random.Random:
    """Give dice that fall the same for one name, whatever was thrown before: a later day moves nothing."""
    return random.Random("|".join(map(str, (seed, *names))))


def rounded(value: float, places: int) -> Decimal:
    """Give the value as a laboratory prints it, trailing zeros kept."""
    return Decimal(f"{value:.{places}f}")


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Give a moment of the family's own clock."""
    return datetime.combine(day, time(hour, minute), tzinfo=LOCAL)


def refer(address: str) -> Resource:
    """Make a Reference."""
    return {"reference": address}


def status(table: str, code: str) -> Resource:
    """Make one of the status concepts (``condition-clinical`` and its kin)."""
    return hl7(table, code)
