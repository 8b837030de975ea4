"""What a resource says, as plain values: the vocabulary between normalising, merging and showing. PURE.

The records are frozen `msgspec.Struct`s: value objects like frozen slotted dataclasses, made about ten times
faster, and JSON-able both ways (`Event.to_row`, `Event.from_row`), which counts when a million of them are made.
They never form cycles, so the garbage collector need not walk them (`gc=False`).
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, Self

import msgspec

Sort = Literal["dated", "standing", "supporting"]
Precision = Literal["instant", "minute", "day", "month", "year", "none"]
Flag = Literal["", "high", "low", "abnormal", "critical", "normal"]
FlagBasis = Literal["", "interpretation", "range"]
Exclusion = Literal[
    "",
    "entered_in_error",
    "refuted",
    "not_done",
    "do_not_perform",
    "not_a_record",
    "other_patient",
    "supporting",
]


class Kind(StrEnum):
    """What sort of thing an event is. Closed: pages, filters and counters are built on it."""

    VISIT = "visit"
    CONDITION = "condition"
    RESULT = "result"
    VITAL = "vital"
    OBSERVATION = "observation"
    LIFESTYLE = "lifestyle"
    MEDICATION = "medication"
    ALLERGY = "allergy"
    VACCINE = "vaccine"
    PROCEDURE = "procedure"
    REPORT = "report"
    DOCUMENT = "document"
    IMAGING = "imaging"
    CARE_PLAN = "care_plan"
    GOAL = "goal"
    CARE_TEAM = "care_team"
    DEVICE = "device"
    CLAIM = "claim"
    COVERAGE = "coverage"
    FAMILY_HISTORY = "family_history"
    QUESTIONNAIRE = "questionnaire"
    APPOINTMENT = "appointment"
    ORDER = "order"
    COMMUNICATION = "communication"
    CONSENT = "consent"
    OTHER = "other"
    PATIENT = "patient"
    PRACTITIONER = "practitioner"
    ORGANIZATION = "organization"
    LOCATION = "location"
    SUBSTANCE = "substance"
    SPECIMEN = "specimen"
    PROVENANCE = "provenance"
    CONTENT = "content"
    DEFINITION = "definition"

    @property
    def sort(self) -> Sort:
        """`dated` (happened once), `standing` (holds over time) or `supporting` (no line of its own)."""
        return _SORTS.get(self, "dated")

    @property
    def label(self) -> str:
        """The kind in the reader's words, singular, for a line: "Test result"."""
        return _LABELS[self][0]

    @property
    def plural(self) -> str:
        """The kind in the reader's words, plural, for a filter: "Test results"."""
        return _LABELS[self][1]


_SORTS: dict[Kind, Sort] = {
    Kind.CONDITION: "standing",
    Kind.ALLERGY: "standing",
    Kind.CARE_PLAN: "standing",
    Kind.GOAL: "standing",
    Kind.CARE_TEAM: "standing",
    Kind.DEVICE: "standing",
    Kind.COVERAGE: "standing",
    Kind.FAMILY_HISTORY: "standing",
    Kind.CONSENT: "standing",
    Kind.PATIENT: "supporting",
    Kind.PRACTITIONER: "supporting",
    Kind.ORGANIZATION: "supporting",
    Kind.LOCATION: "supporting",
    Kind.SUBSTANCE: "supporting",
    Kind.SPECIMEN: "supporting",
    Kind.PROVENANCE: "supporting",
    Kind.CONTENT: "supporting",
    Kind.DEFINITION: "supporting",
}

_LABELS: dict[Kind, tuple[str, str]] = {
    Kind.VISIT: ("Visit", "Visits"),
    Kind.CONDITION: ("Condition", "Conditions"),
    Kind.RESULT: ("Test result", "Test results"),
    Kind.VITAL: ("Vital sign", "Vital signs"),
    Kind.OBSERVATION: ("Finding", "Findings"),
    Kind.LIFESTYLE: ("Life and habits", "Life and habits"),
    Kind.MEDICATION: ("Medication", "Medications"),
    Kind.ALLERGY: ("Allergy", "Allergies"),
    Kind.VACCINE: ("Vaccine", "Vaccines"),
    Kind.PROCEDURE: ("Procedure", "Procedures"),
    Kind.REPORT: ("Report", "Reports"),
    Kind.DOCUMENT: ("Document", "Documents"),
    Kind.IMAGING: ("Imaging", "Imaging"),
    Kind.CARE_PLAN: ("Care plan", "Care plans"),
    Kind.GOAL: ("Goal", "Goals"),
    Kind.CARE_TEAM: ("Care team", "Care teams"),
    Kind.DEVICE: ("Device", "Devices"),
    Kind.CLAIM: ("Claim", "Claims"),
    Kind.COVERAGE: ("Insurance", "Insurance"),
    Kind.FAMILY_HISTORY: ("Family history", "Family history"),
    Kind.QUESTIONNAIRE: ("Questionnaire", "Questionnaires"),
    Kind.APPOINTMENT: ("Appointment", "Appointments"),
    Kind.ORDER: ("Order", "Orders"),
    Kind.COMMUNICATION: ("Message", "Messages"),
    Kind.CONSENT: ("Consent", "Consents"),
    Kind.OTHER: ("Other", "Other"),
    Kind.PATIENT: ("Patient", "Patients"),
    Kind.PRACTITIONER: ("Practitioner", "Practitioners"),
    Kind.ORGANIZATION: ("Organization", "Organizations"),
    Kind.LOCATION: ("Place", "Places"),
    Kind.SUBSTANCE: ("Substance", "Substances"),
    Kind.SPECIMEN: ("Specimen", "Specimens"),
    Kind.PROVENANCE: ("Origin of a record", "Origins of records"),
    Kind.CONTENT: ("Content of a document", "Contents of documents"),
    Kind.DEFINITION: ("Definition", "Definitions"),
}


class When(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A FHIR date as far as the portal knew it.

    `start` is the first instant it may mean (a date without zone counts as UTC), `end` the first instant that it no
    longer may mean (None for instants), `local_date` the calendar day as written, `text` what the portal wrote.
    `zoned` is False where a clock time came without an offset.
    """

    start: datetime | None = None
    end: datetime | None = None
    precision: Precision = "none"
    text: str = ""
    local_date: date | None = None
    zoned: bool = True


UNDATED = When()


class Coding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One coding; `system` in its one normalised spelling, `code` and `display` as sent."""

    system: str = ""
    code: str = ""
    display: str = ""


class Quantity(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A measured amount; `value` is the decimal text as sent, `code` the UCUM code where there is one."""

    value: str
    unit: str = ""
    code: str = ""
    comparator: str = ""


class ReferenceRange(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The laboratory's own range; `low` and `high` are decimal text or empty, `unit` normalised."""

    text: str = ""
    low: str = ""
    high: str = ""
    unit: str = ""


class Component(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One part of an observation, such as the systolic pressure."""

    title: str
    codes: tuple[Coding, ...] = ()
    value: Quantity | str | None = None
    interpretation: str = ""
    reference_range: ReferenceRange | None = None
    flag: Flag = ""
    flag_basis: FlagBasis = ""
    flag_text: str = ""
    absent: str = ""


class Ref(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A pointer to another resource. `target` is "Type/id", "#contained", an absolute URL or empty."""

    role: str
    target: str = ""
    display: str = ""


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One content of a document. `digest` is "sha1:<hex>" of the bytes, from the portal or from inline data."""

    content_type: str = ""
    url: str = ""
    title: str = ""
    size: int | None = None
    digest: str = ""
    inline: bool = False
    language: str = ""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """One thing that a resource says: when, what kind, title, codes, value.

    `exclusion` names why the event is not shown as something that happened; empty means it is shown.
    `attributes` holds small texts for the page (dose, route, reaction, ...), already in the portal's words.
    `participants` are comparable tokens: "p:" a person's name, "o:" an organization's, "l:" a place's, "npi:" a
    verified NPI. `generic` says that no normaliser of its own read this type.
    """

    kind: Kind
    resource_type: str
    ordinal: int = 0
    title: str = ""
    detail: str = ""
    when: When = UNDATED
    until: When | None = None
    recorded: When | None = None
    status: str = ""
    exclusion: Exclusion = ""
    category: str = ""
    codes: tuple[Coding, ...] = ()
    text: str = ""
    value: Quantity | str | None = None
    value_codes: tuple[Coding, ...] = ()
    absent: str = ""
    components: tuple[Component, ...] = ()
    interpretation: str = ""
    reference_range: ReferenceRange | None = None
    flag: Flag = ""
    flag_basis: FlagBasis = ""
    flag_text: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()
    visit_ref: str = ""
    refs: tuple[Ref, ...] = ()
    participants: tuple[str, ...] = ()
    organization: str = ""
    attachments: tuple[Attachment, ...] = ()
    generic: bool = False
    attributes: dict[str, str] = {}

    @property
    def content_digest(self) -> str:
        """The digest of the first attachment that has one, else empty."""
        return next((a.digest for a in self.attachments if a.digest), "")

    @property
    def value_text(self) -> str:
        """The value without its unit as a line shows it: "13.20", "<5", "128/79", "Positive"."""
        return self._shown[0]

    @property
    def unit_text(self) -> str:
        """The unit that belongs beside `value_text`, as the portal spelled it."""
        return self._shown[1]

    @property
    def _shown(self) -> tuple[str, str]:
        if self.value is not None or not self.components:
            return shown(self.value)
        parts = [(c.title, *shown(c.value)) for c in self.components]
        parts = [part for part in parts if part[1]]
        units = {unit for _, _, unit in parts}
        if self._is_blood_pressure and len(parts) == _PRESSURES and len(units) == 1:
            return "/".join(value for _, value, _ in parts), units.pop()
        return "; ".join(f"{name} {value} {unit}".strip() for name, value, unit in parts), ""

    @property
    def _is_blood_pressure(self) -> bool:
        codes = [{c.code for c in part.codes if c.system == LOINC} for part in self.components if part.value]
        return len(codes) == _PRESSURES and SYSTOLIC in codes[0] and DIASTOLIC in codes[1]

    def to_row(self) -> dict[str, Any]:
        """JSON-able dict without empty fields; `from_row` gives the equal event back."""
        row: dict[str, Any] = msgspec.to_builtins(self)
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """The event of a `to_row` dict. Raises msgspec.ValidationError when the row is of another shape."""
        return msgspec.convert(row, cls)


LOINC = "http://loinc.org"
SYSTOLIC = "8480-6"
DIASTOLIC = "8462-4"
_PRESSURES = 2


def shown(value: Quantity | str | None) -> tuple[str, str]:
    """(value, unit) as shown; the unit is empty for text."""
    if isinstance(value, Quantity):
        return f"{value.comparator}{value.value}", value.unit or value.code
    return value or "", ""
