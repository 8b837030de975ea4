"""What one source says of a fact, as labelled values in the order in which a reader wants them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from phr.timeline.events import Event, ReferenceRange, shown
from phr.timeline.normalize.dates import when as read_date
from phr.timeline.queries.shapes import FieldRow
from phr.timeline.queries.text import when_text

# Attributes in a reader's words; what is not here is said under its own name.
_LABELS: Final[dict[str, Promise]] = {
    "abatement": gettext_lazy("Ended"),
    "achievement": gettext_lazy("Progress"),
    "addresses": gettext_lazy("Addresses"),
    "birth_date": gettext_lazy("Born"),
    "class": gettext_lazy("Kind of visit"),
    "days_supply": gettext_lazy("Lasts"),
    "document_status": gettext_lazy("Document status"),
    "dose_number": gettext_lazy("Dose number"),
    "due": gettext_lazy("Due"),
    "expires": gettext_lazy("Expires"),
    "lot": gettext_lazy("Lot"),
    "made": gettext_lazy("Made"),
    "member_number": gettext_lazy("Member number"),
    "onset": gettext_lazy("Began"),
    "paid": gettext_lazy("Paid"),
    "people": gettext_lazy("People"),
    "performed": gettext_lazy("Done"),
    "planned": gettext_lazy("Planned for"),
    "reason": gettext_lazy("Reason"),
    "reason_not_done": gettext_lazy("Why it was not done"),
    "refills": gettext_lazy("Refills"),
    "stopped_because": gettext_lazy("Stopped because"),
    "telecom": gettext_lazy("Phone and e-mail"),
    "udi": gettext_lazy("Device identifier"),
}
_DATES: Final = frozenset({"abatement", "birth_date", "due", "expires", "made", "onset", "planned"})
# What merging reads, what another field says already, and what only a machine calls so.
_UNSAID: Final = frozenset(
    {
        "authors",
        "category",
        "clinical_status",
        "dated_by",
        "dose_amount",
        "event",
        "fault",
        "intent",
        "names",
        "none_known",
        "payer",
        "primary_source",
        "reported",
        "use",
    }
)
_CATEGORIES: Final[dict[str, Promise]] = {
    "problem_list": gettext_lazy("on the problem list"),
    "visit_diagnosis": gettext_lazy("diagnosis of a visit"),
    "health_concern": gettext_lazy("health concern"),
    "vital-signs": gettext_lazy("vital sign"),
    "laboratory": gettext_lazy("laboratory"),
    "social-history": gettext_lazy("life and habits"),
    "order": gettext_lazy("prescription"),
    "dispense": gettext_lazy("pharmacy fill"),
}
_SYSTEMS: Final = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://www.ama-assn.org/go/cpt": "CPT",
}


def fields_of(event: Event) -> list[tuple[str, str]]:
    """Return (label, value) of everything that a page shows beside title, value, date and status."""
    return [(label, text) for label, text in _said(event) if text]


def marked(event_id: int, fields: Mapping[int, list[tuple[str, str]]]) -> Iterator[FieldRow]:
    """Mark a value that another source says otherwise; what another source is silent about does not differ.

    Numbers and codes are each portal's own: that they differ says nothing.
    """
    own = {_("Identifier"), _("Code"), _("With"), _("Recorded")}
    for label, value in fields[event_id]:
        others = [
            {text for other_label, text in said if other_label == label}
            for other, said in fields.items()
            if other != event_id
        ]
        differs = any(texts and value not in texts for texts in others)
        yield FieldRow(label=label, value=value, differs=differs and label not in own)


def coding(system: str, code: str, display: str = "") -> str:
    """Say a code with the short name of its system."""
    return " ".join(part for part in (_SYSTEMS.get(system, system), code, display) if part)


def _said(event: Event) -> Iterable[tuple[str, str]]:
    yield _("Ended"), when_text(event.until).long_text if event.until else ""
    yield _("Recorded"), when_text(event.recorded).long_text if event.recorded else ""
    yield _("Marked as"), event.interpretation
    yield _("Range given"), _range(event.reference_range)
    for part in event.components:
        yield part.title, " ".join(shown(part.value)).strip()
    if event.category in _CATEGORIES:
        yield _("Category"), str(_CATEGORIES[event.category])
    yield _("Where"), event.organization
    for name, text in event.attributes.items():
        # "Ended" is said above where it has a date.
        if name not in _UNSAID and not (name == "abatement" and event.until):
            label = str(_LABELS[name]) if name in _LABELS else name.replace("_", " ").capitalize()
            yield label, _date(text) if name in _DATES else text
    for ref in event.refs:
        yield _("With"), ref.display
    for each in event.codes:
        yield _("Code"), coding(each.system, each.code, each.display)
    for _system, value in event.identifiers:
        yield _("Identifier"), value


def _date(text: str) -> str:
    """Say a date in words; what is none (an age, a season) as it came."""
    date = when_text(read_date(text))
    return text if date.precision == "none" else date.long_text


def _range(given: ReferenceRange | None) -> str:
    if given is None:
        return ""
    if given.text:
        return given.text
    bounds = {
        (True, True): f"{given.low}-{given.high}",
        (True, False): _("from %(low)s") % {"low": given.low},
        (False, True): _("up to %(high)s") % {"high": given.high},
        (False, False): "",
    }[bool(given.low), bool(given.high)]
    return f"{bounds} {given.unit}".strip()
