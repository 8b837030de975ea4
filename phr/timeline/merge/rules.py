"""Which events are one fact: the rules by name, and how strictly each kind of resource is joined. PURE.

Missed beats wrong: a missed merge is a repeated line, a wrong one hides a result.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


class Rule(StrEnum):
    """Why two records are one fact; from the strongest to the weakest."""

    BY_PERSON = "by_person"
    SAME_RESOURCE = "same_resource"
    IDENTIFIER = "identifier"
    REPEATED = "repeated"
    CONTENT = "content"
    CODE_TIME_VALUE = "code_time_value"
    CODE_TIME = "code_time"
    CODE_DAY = "code_day"
    CODE = "code"
    TEXT_TIME_VALUE = "text_time_value"
    TEXT_TIME = "text_time"
    TEXT_DAY = "text_day"
    TEXT = "text"
    NAME_ADDRESS = "name_address"
    DAY_WITHIN = "day_within"
    ROUNDED = "rounded"
    OVERLAP = "overlap"
    ALL_EQUAL = "all_equal"

    @property
    def sentence(self) -> str:
        """The rule in words a patient can read."""
        return _SENTENCES[self]


_SENTENCES = MappingProxyType(
    {
        Rule.BY_PERSON: "You said that these are the same.",
        Rule.SAME_RESOURCE: "It is the same record of the same portal, received in more than one way.",
        Rule.IDENTIFIER: "Both carry the same identification number.",
        Rule.REPEATED: "The portal sent this record more than once under one identification number.",
        Rule.CONTENT: "The contents are identical, byte for byte.",
        Rule.CODE_TIME_VALUE: "Same code, same moment and same value.",
        Rule.CODE_TIME: "Same code at the same moment.",
        Rule.CODE_DAY: "Same code on the same day.",
        Rule.CODE: "Same code, and nothing that tells them apart.",
        Rule.TEXT_TIME_VALUE: "Same wording, same moment and same value; one of them has no code.",
        Rule.TEXT_TIME: "Same wording at the same moment; one of them has no code.",
        Rule.TEXT_DAY: "Same wording on the same day; one of them has no code.",
        Rule.TEXT: "Same wording, and nothing that tells them apart; one of them has no code.",
        Rule.NAME_ADDRESS: "Same name and same address.",
        Rule.DAY_WITHIN: "One names the time less exactly, and only this one fits it.",
        Rule.ROUNDED: "Same code and moment; one value is the other one rounded or without its unit.",
        Rule.OVERLAP: "Same code, same people or place, and the times overlap on one day.",
        Rule.ALL_EQUAL: "Everything that tells such records apart is equal.",
    }
)
STRENGTH = MappingProxyType({rule: place for place, rule in enumerate(Rule)})

Demand = Literal["no", "free", "value", "who"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How one family of resources is joined beyond identifiers.

    exact    what must agree beside a code at an equal instant: nothing, the value, or somebody who took part
    day      the same where a date without time is involved
    by_day   two different times of one day count as equal (a vaccine, the onset of a problem)
    coarse   months, years and undated events may join the one group that fits them
    timeless time plays no part
    overlap  different starts on one day may join where the periods overlap and somebody took part in both
    who_differs  different people (or places) tell two events apart
    unsigned_wording  where neither says who, a wording that is nowhere the same tells two events apart
    rounding one value may be the other one rounded, or lack its unit, at an equal instant
    """

    exact: Demand = "no"
    day: Demand = "no"
    by_day: bool = False
    coarse: bool = False
    timeless: bool = False
    overlap: bool = False
    who_differs: bool = False
    unsigned_wording: bool = False
    rounding: bool = False
    same_end: bool = False
    midnight_is_day: bool = False
    identified_any_time: bool = False


_ACT = Rules(exact="free", day="who", who_differs=True, unsigned_wording=True, midnight_is_day=True)
_MEDICATION = Rules(exact="free", day="free", who_differs=True, midnight_is_day=True)
_BY_NUMBER = Rules(identified_any_time=True)
_ACTOR = Rules(exact="free", timeless=True, identified_any_time=True)
# Everything else must agree in code or text, period and author.
REST = Rules(exact="who", day="who", who_differs=True, same_end=True)

RULES = MappingProxyType(
    {
        "Observation": Rules(exact="value", day="value", rounding=True),
        "Condition": Rules(exact="free", day="free", by_day=True, coarse=True, midnight_is_day=True),
        "AllergyIntolerance": Rules(exact="free", timeless=True, identified_any_time=True),
        "Immunization": Rules(exact="free", day="free", by_day=True, midnight_is_day=True),
        "Encounter": Rules(exact="free", day="who", who_differs=True, overlap=True, midnight_is_day=True),
        "Procedure": _ACT,
        "DiagnosticReport": _ACT,
        "ImagingStudy": _ACT,
        "MedicationRequest": _MEDICATION,
        "MedicationStatement": _MEDICATION,
        "MedicationDispense": _MEDICATION,
        "MedicationAdministration": _MEDICATION,
        "FamilyMemberHistory": Rules(exact="value", timeless=True, identified_any_time=True),
        "DocumentReference": _BY_NUMBER,
        "Coverage": _BY_NUMBER,
        "ClaimResponse": _BY_NUMBER,
        "Device": _BY_NUMBER,
        "Practitioner": _ACTOR,
        "Organization": _ACTOR,
        "Location": _ACTOR,
        # Never joined but by rule 0: what they say belongs to one portal.
        "Patient": _BY_NUMBER,
        "Provenance": _BY_NUMBER,
    }
)


def rules_of(family: str) -> Rules:
    """The rules of a family ("Observation", or "Observation!not_done" for what is left out)."""
    return RULES.get(family.partition("!")[0], REST)
