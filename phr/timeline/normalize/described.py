"""Types whose line follows from a table: which fields name it, date it, end it and say who took part.

One row a type. What the table does not read stays in the resource, which every page shows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from phr.timeline.events import UNDATED, Event, Exclusion, Kind, When
from phr.timeline.normalize import codes, dates, names, read, values
from phr.timeline.normalize.attachments import attachments
from phr.timeline.normalize.draft import Draft, joined, notes

_MOST_ANSWERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where one type keeps what a line needs; fields are names or dotted paths, tried in order."""

    kind: Kind
    fallback: str
    titles: tuple[str, ...]
    dates: tuple[str, ...] = ()
    untils: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    coded: tuple[str, ...] = ("code",)
    people: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    status: str = "status"
    exclusions: dict[str, Exclusion] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    more: Callable[[read.Json], dict[str, str]] | None = None


def said(resource: read.Json, path: str, *, most: int = 6) -> str:
    """What stands at a dotted path, in words: a concept, a text, an amount, a name, or several with commas."""
    head, _, rest = path.partition(".")
    found: Any = resource.get(head)
    if found is None:
        return ""
    items = found[: read.MOST_ENTRIES] if isinstance(found, list) else [found]
    if rest:
        inner = dict.fromkeys(
            w for item in items if isinstance(item, dict) and (w := said(item, rest, most=most))
        )
        return ", ".join(list(inner)[:most])
    spoken = dict.fromkeys(w for item in items if (w := _word(item)))
    return ", ".join(list(spoken)[:most])


def _word(item: Any) -> str:
    if not isinstance(item, dict):
        return read.string(item)
    if "display" in item and "code" not in item:
        return read.text(item, "display")
    if "value" in item and "coding" not in item:
        return values.quantity_text(item)
    if "concept" in item or "reference" in item:
        return codes.words(item.get("concept"))
    return codes.words(item) or names.human_name(item)


def _claim(resource: read.Json) -> dict[str, str]:
    totals = [
        joined(codes.words(each.get("category")), values.quantity_text(read.obj(each, "amount")), by=": ")
        for each in read.objs(resource, "total")
        if "amount" in each
    ]
    return {
        "total": "; ".join(filter(None, totals)) or values.quantity_text(resource.get("total")),
        "paid": values.quantity_text(read.obj(resource, "payment").get("amount")),
        "services": said(resource, "item.productOrService") or said(resource, "item.service"),
        "diagnoses": said(resource, "diagnosis.diagnosisCodeableConcept"),
    }


def _answers(resource: read.Json) -> dict[str, str]:
    """The answers of a questionnaire, question by question, nested groups included."""
    lines: list[str] = []
    open_items = list(reversed(read.objs(resource, "item") or read.objs(resource, "group")))
    while open_items and len(lines) < _MOST_ANSWERS:
        item = open_items.pop()
        given = [_answer(each) for each in read.objs(item, "answer")]
        if any(given):
            question = read.text(item, "text") or read.text(item, "linkId")
            lines.append(f"{question}: {', '.join(filter(None, given))}")
        open_items += reversed(read.objs(item, "item") + read.objs(item, "question"))
    return {"answers": "\n".join(lines)}


def _answer(each: read.Json) -> str:
    found = values.choice(each)
    if isinstance(found, str) or found is None:
        return found or ""
    return f"{found.comparator}{found.value} {found.unit}".strip()


def _relative(resource: read.Json) -> dict[str, str]:
    lines = [
        joined(codes.words(each.get("code")), values.span_text(each, "onset"), by=", ")
        for each in read.objs(resource, "condition")
    ]
    return {"conditions": "; ".join(filter(None, lines)), "deceased": values.span_text(resource, "deceased")}


def _member(resource: read.Json) -> dict[str, str]:
    payors = [names.plain(read.text(each, "display")) for each in read.objs(resource, "payor")]
    number = read.text(resource, "subscriberId") or read.text(resource, "identifier", "value")
    return {"member_number": number, "payer": next(filter(None, payors), "")}


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One event as the table says."""
    shape, resource = SHAPES[draft.resource_type], draft.resource
    people = [draft.meet(name, _actors(resource, name)) for name in shape.people]
    organization = next(
        filter(None, [draft.meet(name, resource.get(name)) for name in shape.organizations]), ""
    )
    for role, name in shape.pointers.items():
        draft.point(role, _pointed(resource, name))
    spoken = [said(resource, path, most=1) for path in shape.titles]
    title = read.title(*spoken, shape.fallback)
    status = codes.first_code(resource.get(shape.status))
    exclusion = shape.exclusions.get(status)
    more = shape.more(resource) if shape.more else {}
    attributes = {name: said(resource, path) for name, path in shape.attributes.items()} | more
    details = [w for path in shape.details if (w := said(resource, path)) and w != title]
    begin = dates.first(resource, *shape.dates) if shape.dates else UNDATED
    extra: dict[str, Any] = {"exclusion": exclusion} if exclusion else {}
    coded: tuple[Any, ...] = codes.all_codings(resource, *shape.coded)
    if shape.kind is Kind.FAMILY_HISTORY:
        inner = [c for each in read.objs(resource, "condition") for c in codes.codings(each.get("code"))]
        coded = tuple(dict.fromkeys((*coded, *inner)))
    held = [read.obj(resource, "content")] if draft.resource_type in {"Media", "Communication"} else []
    return (
        draft.event(
            shape.kind,
            title=title,
            detail=joined(
                *details, *(more.get(name, "") for name in ("total", "conditions")), *people[:1], organization
            ),
            when=begin,
            until=_until(resource, shape, begin),
            status=status,
            category=codes.first_code(resource.get("category")),
            codes=coded,
            text=spoken[0] if spoken else "",
            organization=organization,
            attachments=attachments([each for each in held if each], base_url=draft.base_url),
            attributes={"note": notes(resource), **attributes},
            **extra,
        ),
    )


def _until(resource: read.Json, shape: Shape, begin: When) -> When | None:
    found = dates.until(resource, *shape.untils) if shape.untils else None
    return None if found is not None and begin.start and found.start and found.start < begin.start else found


def _pointed(resource: read.Json, path: str) -> Any:
    head, _, rest = path.partition(".")
    found = resource.get(head)
    if not rest:
        return found
    return [each[rest] for each in read.objs(resource, head) if rest in each]


def _actors(resource: read.Json, path: str) -> Any:
    return _pointed(resource, path)


_GONE: dict[str, Exclusion] = {
    "cancelled": "not_done",
    "noshow": "not_done",
    "entered-in-error": "entered_in_error",
}

SHAPES: dict[str, Shape] = {
    "ServiceRequest": Shape(
        kind=Kind.ORDER, fallback="Order", titles=("code", "orderDetail", "category"),
        dates=("authoredOn", "occurrenceDateTime", "occurrencePeriod"), details=("reasonCode", "bodySite"),
        people=("requester", "performer"),
        attributes={"intent": "intent", "priority": "priority", "planned": "occurrenceDateTime"},
        pointers={"reason": "reasonReference", "order": "basedOn", "specimen": "specimen"},
    ),
    "ProcedureRequest": Shape(
        kind=Kind.ORDER, fallback="Order", titles=("code", "category"), people=("orderer",),
        dates=("authoredOn", "orderedOn", "occurrenceDateTime", "scheduledDateTime"), details=("reasonCode",),
    ),
    "ReferralRequest": Shape(
        kind=Kind.ORDER, fallback="Referral", titles=("serviceRequested", "type", "description"),
        dates=("authoredOn", "dateSent", "date"), details=("reasonCode", "specialty"), coded=("serviceRequested", "type"),
    ),
    "DiagnosticOrder": Shape(
        kind=Kind.ORDER, fallback="Order", titles=("item.code",), dates=("event",), people=("orderer",), coded=("item",),
    ),
    "DeviceRequest": Shape(
        kind=Kind.ORDER, fallback="Device order", titles=("codeCodeableConcept", "codeReference"),
        dates=("authoredOn",), coded=("codeCodeableConcept",), people=("requester",),
    ),
    "NutritionOrder": Shape(
        kind=Kind.ORDER, fallback="Nutrition order", titles=("oralDiet.type", "supplement.type", "enteralFormula.baseFormulaType"),
        dates=("dateTime",), details=("oralDiet.instruction",), people=("orderer",),
    ),
    "VisionPrescription": Shape(
        kind=Kind.ORDER, fallback="Glasses or lenses", titles=("reasonCodeableConcept", "lensSpecification.product"),
        dates=("dateWritten", "created"), people=("prescriber",), coded=(),
    ),
    "SupplyDelivery": Shape(
        kind=Kind.OTHER, fallback="Supplies delivered", titles=("suppliedItem.itemCodeableConcept", "type"),
        dates=("occurrenceDateTime", "occurrencePeriod"), coded=("type",),
    ),
    "Task": Shape(
        kind=Kind.ORDER, fallback="Task", titles=("code", "description"), dates=("authoredOn",), details=("businessStatus",),
    ),
    "ImagingStudy": Shape(
        kind=Kind.IMAGING, fallback="Images", titles=("description", "procedureCode", "series.description", "modality", "modalityList", "series.modality"),
        dates=("started",), details=("series.bodySite", "series.modality"), coded=("procedureCode",),
        people=("interpreter", "referrer"), pointers={"order": "basedOn", "location": "location"},
        attributes={"series": "numberOfSeries", "images": "numberOfInstances"},
    ),
    "Media": Shape(
        kind=Kind.IMAGING, fallback="Picture or recording", titles=("content.title", "view", "modality", "type", "deviceName"),
        dates=("createdDateTime", "createdPeriod", "occurrenceDateTime", "issued"), details=("bodySite",),
        coded=("modality", "type", "view"), people=("operator",),
    ),
    "Device": Shape(
        kind=Kind.DEVICE, fallback="Device", titles=("deviceName.name", "type", "udiCarrier.carrierHRF", "modelNumber", "model", "distinctIdentifier"),
        details=("manufacturer",), coded=("type",),
        attributes={
            "udi": "udiCarrier.carrierHRF", "serial": "serialNumber", "lot": "lotNumber",
            "made": "manufactureDate", "expires": "expirationDate", "model": "modelNumber",
        },
    ),
    "DeviceUseStatement": Shape(
        kind=Kind.DEVICE, fallback="Use of a device", titles=("device", "reasonCode", "bodySite"),
        dates=("timingDateTime", "timingPeriod", "recordedOn"), untils=("timingPeriod",), pointers={"device": "device"}, coded=("reasonCode",),
    ),
    "CarePlan": Shape(
        kind=Kind.CARE_PLAN, fallback="Care plan", titles=("title", "category", "description"),
        dates=("period", "created"), untils=("period",), details=("activity.detail.code", "description"),
        coded=("category",), people=("author", "careTeam"), pointers={"reason": "addresses", "goal": "goal"},
        attributes={"intent": "intent", "activities": "activity.detail.code"},
    ),
    "CareTeam": Shape(
        kind=Kind.CARE_TEAM, fallback="Care team", titles=("name", "category"), dates=("period",), untils=("period",),
        details=("participant.member",), coded=("category",), people=("participant.member",),
        organizations=("managingOrganization",), attributes={"roles": "participant.role"},
    ),
    "Goal": Shape(
        kind=Kind.GOAL, fallback="Goal", titles=("description", "category"), status="lifecycleStatus",
        dates=("startDate", "statusDate"), details=("achievementStatus", "note.text"), coded=("description",),
        people=("expressedBy",), pointers={"reason": "addresses"},
        attributes={"due": "target.dueDate", "achievement": "achievementStatus"},
        exclusions={"rejected": "not_done", "entered-in-error": "entered_in_error"},
    ),
    "FamilyMemberHistory": Shape(
        kind=Kind.FAMILY_HISTORY, fallback="Relative", titles=("relationship", "name"), dates=("date",),
        coded=("relationship",), more=_relative,
    ),
    "QuestionnaireResponse": Shape(
        kind=Kind.QUESTIONNAIRE, fallback="Questionnaire", titles=("_questionnaire.extension.valueString", "group.title"),
        dates=("authored",), details=("item.text",), people=("author", "source"), coded=(), more=_answers,
    ),
    "Appointment": Shape(
        kind=Kind.APPOINTMENT, fallback="Appointment", titles=("description", "serviceType", "appointmentType", "reasonCode", "comment"),
        dates=("start", "requestedPeriod"), untils=("end",), details=("participant.actor",), exclusions=_GONE,
        coded=("serviceType", "appointmentType"), people=("participant.actor",), attributes={"instructions": "patientInstruction"},
    ),
    "Communication": Shape(
        kind=Kind.COMMUNICATION, fallback="Message", titles=("topic", "category", "payload.contentString", "reasonCode"),
        dates=("sent", "received"), details=("payload.contentString",), coded=("topic", "category"), people=("sender",),
        exclusions={"not-done": "not_done", "entered-in-error": "entered_in_error"},
    ),
    "Consent": Shape(
        kind=Kind.CONSENT, fallback="Consent", titles=("category", "scope"), dates=("dateTime", "period"),
        untils=("period",), coded=("category", "scope"), people=("performer", "consentingParty"), organizations=("organization",),
    ),
    "Composition": Shape(
        kind=Kind.DOCUMENT, fallback="Document", titles=("title", "type"), dates=("date",), coded=("type",),
        people=("author",), organizations=("custodian",),
    ),
    "List": Shape(
        kind=Kind.OTHER, fallback="List", titles=("title", "code"), dates=("date",), people=("source",),
    ),
    "ExplanationOfBenefit": Shape(
        kind=Kind.CLAIM, fallback="Claim", titles=("type", "item.productOrService"), dates=("billablePeriod", "created"),
        untils=("billablePeriod",), coded=("type", "subType"), people=("careTeam.provider", "provider"),
        organizations=("insurer", "facility"), pointers={"claim": "claim", "visit": "item.encounter"},
        attributes={"outcome": "outcome", "use": "use"}, more=_claim,
    ),
    "Claim": Shape(
        kind=Kind.CLAIM, fallback="Claim", titles=("type", "item.productOrService"), dates=("billablePeriod", "created"),
        untils=("billablePeriod",), coded=("type", "subType"), people=("provider",), organizations=("insurer", "facility"),
        pointers={"visit": "item.encounter", "order": "prescription"}, attributes={"use": "use"}, more=_claim,
    ),
    "ClaimResponse": Shape(
        kind=Kind.CLAIM, fallback="Answer to a claim", titles=("type", "disposition"), dates=("created",),
        coded=("type",), organizations=("insurer",), pointers={"claim": "request"}, attributes={"outcome": "outcome"}, more=_claim,
    ),
    "Coverage": Shape(
        kind=Kind.COVERAGE, fallback="Insurance", titles=("payor", "class.name", "type", "issuer"), dates=("period",),
        untils=("period",), details=("type", "class.name"), coded=("type",), organizations=("payor",), more=_member,
    ),
    "Flag": Shape(
        kind=Kind.OTHER, fallback="Alert", titles=("code", "category"), dates=("period",), untils=("period",), people=("author",),
    ),
    "RiskAssessment": Shape(
        kind=Kind.OBSERVATION, fallback="Risk assessment", titles=("code", "method", "condition"),
        dates=("occurrenceDateTime", "occurrencePeriod", "date"), details=("prediction.outcome", "prediction.qualitativeRisk"), people=("performer",),
    ),
    "ClinicalImpression": Shape(
        kind=Kind.OBSERVATION, fallback="Clinical impression", titles=("code", "description", "summary"),
        dates=("effectiveDateTime", "effectivePeriod", "date"), details=("summary",), people=("assessor",),
    ),
    "DetectedIssue": Shape(
        kind=Kind.OTHER, fallback="Possible problem", titles=("code", "category", "detail"),
        dates=("identifiedDateTime", "identifiedPeriod", "date"), details=("detail",), people=("author",),
    ),
    "AdverseEvent": Shape(
        kind=Kind.OTHER, fallback="Adverse event", titles=("event", "type", "description", "category"),
        dates=("date", "detected", "recordedDate"), coded=("event", "type"), people=("recorder",),
    ),
    "EpisodeOfCare": Shape(
        kind=Kind.OTHER, fallback="Episode of care", titles=("type",), dates=("period",), untils=("period",),
        coded=("type",), people=("careManager",), organizations=("managingOrganization",),
    ),
    "ImmunizationRecommendation": Shape(
        kind=Kind.OTHER, fallback="Vaccines recommended", titles=("recommendation.vaccineCode",), dates=("date",), coded=(),
    ),
    "Account": Shape(
        kind=Kind.OTHER, fallback="Account", titles=("name", "type", "description"), dates=("servicePeriod", "period", "activePeriod"),
        coded=("type",), organizations=("owner",),
    ),
}  # fmt: skip
