"""Encounter: a visit. https://hl7.org/fhir/R4/encounter.html"""

from phr.timeline.events import UNDATED, Event, Exclusion, Kind, Ref
from phr.timeline.normalize import codes, dates, names, read
from phr.timeline.normalize.draft import Draft, joined

# http://terminology.hl7.org/CodeSystem/v3-ActCode, in a patient's words; used only where the portal says no words.
_CLASSES = {
    "amb": "Outpatient visit",
    "ambulatory": "Outpatient visit",
    "outpatient": "Outpatient visit",
    "emer": "Emergency visit",
    "emergency": "Emergency visit",
    "fld": "Visit in the field",
    "hh": "Home visit",
    "home": "Home visit",
    "imp": "Hospital stay",
    "inpatient": "Hospital stay",
    "acute": "Hospital stay",
    "nonac": "Hospital stay",
    "obsenc": "Hospital observation",
    "prenc": "Pre-admission visit",
    "ss": "Short hospital stay",
    "vr": "Virtual visit",
    "virtual": "Virtual visit",
}
_NEVER_HAPPENED: dict[str, Exclusion] = {"cancelled": "not_done"}


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One visit: type or reason as title, class in words, who and where, start and end."""
    resource = draft.resource
    begin = dates.first(resource, "period", "plannedStartDate")
    kinds = codes.words(resource.get("type"))
    service = codes.words(resource.get("serviceType"))
    reason = codes.listed(resource, "reasonCode") or codes.listed(resource, "reason")
    coded_class = resource.get("class")
    # DSTU2 sends the class as a bare code, R5 as a list of concepts.
    in_words = _CLASSES.get(codes.first_code(coded_class), "") or _display(coded_class)
    people = [
        draft.meet("participant", each.get("individual") or each.get("actor"))
        for each in _participants(draft)
    ]
    where = [draft.meet("location", each.get("location")) for each in read.objs(resource, "location")]
    organization = draft.meet("organization", resource.get("serviceProvider"))
    for field, role in (("diagnosis", "diagnosis"), ("appointment", "appointment"), ("partOf", "part_of")):
        for each in read.objs(resource, field):
            draft.point(role, each.get("condition") or each)
    status = codes.first_code(resource.get("status"))
    fields: dict[str, Exclusion] = {}
    if status in _NEVER_HAPPENED:
        fields["exclusion"] = _NEVER_HAPPENED[status]
    return (
        draft.event(
            Kind.VISIT,
            title=read.title(kinds, service, reason, in_words, _own_class(coded_class), "Visit"),
            detail=joined(
                reason if kinds or service else "", *people[:2], organization or next(iter(where), "")
            ),
            when=begin,
            until=dates.until(resource, "period") if begin is not UNDATED else None,
            status=status,
            category=codes.first_code(coded_class),
            codes=codes.all_codings(resource, "type", "serviceType"),
            text=kinds,
            organization=organization or _contained_organization(draft),
            visit_ref="",
            attributes={
                "class": in_words,
                "reason": reason,
                "people": joined(*people, by=", "),
                "place": joined(*where, by=", "),
                "discharge": codes.words(read.obj(resource, "hospitalization").get("dischargeDisposition")),
            },
            **fields,
        ),
    )


def _participants(draft: Draft) -> list[read.Json]:
    return read.objs(draft.resource, "participant")


def _display(coded_class: object) -> str:
    return codes.words(coded_class) if any(c.display for c in codes.codings(_concept(coded_class))) else ""


def _own_class(coded_class: object) -> str:
    return codes.words(_concept(coded_class))


def _concept(coded_class: object) -> object:
    return coded_class[0] if isinstance(coded_class, list) and coded_class else coded_class


def _contained_organization(draft: Draft) -> str:
    found: Ref | None = next((r for r in draft.refs if r.role == "organization" and r.display), None)
    inner = draft.resolved(draft.resource.get("serviceProvider"))
    return found.display if found else names.plain(read.text(inner, "name")) and read.text(inner, "name")
