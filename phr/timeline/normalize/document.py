"""DocumentReference: notes, letters, scans. https://hl7.org/fhir/R4/documentreference.html"""

from phr.timeline.events import Event, Exclusion, Kind
from phr.timeline.normalize import codes, dates, read
from phr.timeline.normalize.attachments import attachments
from phr.timeline.normalize.draft import Draft, identifiers, joined

_EXCLUSIONS: dict[str, Exclusion] = {"entered-in-error": "entered_in_error"}


def normalize(draft: Draft) -> tuple[Event, ...]:
    """One document; `attachments` lists its contents (the same note often comes as HTML and as RTF)."""
    resource = draft.resource
    context = read.obj(resource, "context")
    contents = [read.obj(each, "attachment") for each in read.objs(resource, "content")]
    held = attachments(contents, base_url=draft.base_url)
    status = codes.first_code(resource.get("status"))
    document_status = codes.first_code(resource.get("docStatus"))
    draft.meet_all("author", "authenticator")
    organization = draft.meet("organization", resource.get("custodian"))
    visits = [context.get("encounter"), resource.get("context")]
    draft.point("related", [each.get("ref") or each for each in read.objs(context, "related")])
    numbers = identifiers(resource, resource_type="DocumentReference")
    master = identifiers({"identifier": resource.get("masterIdentifier")}, resource_type="DocumentReference")
    kind = codes.words(resource.get("type"))
    titles = [each.title for each in held]
    return (
        draft.event(
            Kind.DOCUMENT,
            title=read.title(
                kind, read.text(resource, "description"), *titles, _category(resource), "Document"
            ),
            detail=joined(read.text(resource, "description") if kind else "", *_authors(draft)),
            when=dates.first(context, "period") if context.get("period") else dates.first(resource, *_DATES),
            until=dates.until(context, "period"),
            recorded=dates.first(resource, *_DATES),
            status=status,
            exclusion=_EXCLUSIONS.get(status) or _EXCLUSIONS.get(document_status, ""),
            category=codes.first_code(resource.get("category")) or codes.first_code(resource.get("class")),
            codes=codes.codings(resource.get("type")),
            text=read.text(resource, "type", "text"),
            identifiers=tuple(dict.fromkeys((*master, *numbers))),
            visit_ref=next((found for each in visits if (found := _visit(draft, each))), ""),
            organization=organization,
            attachments=held,
            attributes={
                "category": _category(resource),
                "document_status": document_status,
                "superseded": "yes" if status == "superseded" else "",
                "authors": joined(*_authors(draft), by=", "),
            },
        ),
    )


_DATES = ("date", "indexed", "created")


def _category(resource: read.Json) -> str:
    return codes.listed(resource, "category") or codes.words(resource.get("class"))


def _authors(draft: Draft) -> list[str]:
    return [ref.display for ref in draft.refs if ref.role == "author" and ref.display]


def _visit(draft: Draft, each: object) -> str:
    found = draft.target(each)
    return found if found.startswith(("Encounter/", "urn:")) else ""
